"""Mapillary Vistas: classes from config*.json, which of two sets is meant, palette and gray masks."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.errors import LegendError, OptionError, SourceError, SourceMissingError

COLOURS = [(165, 42, 42), (128, 64, 128), (0, 0, 0)]
CLASSES = [("animal--bird", True), ("construction--flat--road", True), ("void--unlabeled", False)]


def write(root: Path, version: str = "v1.2", folders=("training", "validation"), *, palette: bool = True) -> Path:
    labels = [
        {"name": name, "readable": name, "color": colour, "evaluate": counts, "instances": False}
        for (name, counts), colour in zip(CLASSES, COLOURS, strict=True)
    ]
    root.mkdir(exist_ok=True)
    (root / (f"config_{version}.json" if version else "config.json")).write_text(json.dumps({"labels": labels}))
    for folder in folders:
        masks = root / folder / version / "labels"
        masks.mkdir(parents=True)
        (root / folder / "images").mkdir(exist_ok=True)
        for key in ("aZ09_-x", "b"):
            Image.new("RGB", (3, 1)).save(root / folder / "images" / f"{key}.jpg")
            mask = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
            if palette:
                mask.putpalette([part for colour in COLOURS for part in colour])
            mask.save(masks / f"{key}.png")
    return root


@pytest.mark.parametrize("version", ["v1.2", ""])
@pytest.mark.parametrize("palette", [True, False])
@pytest.mark.parametrize("folders", [("training", "validation"), ("train", "val")])
@pytest.mark.slow
def test_classes_are_those_of_the_config(tmp_path, version, palette, folders):
    root = write(tmp_path / "vistas", version, folders, palette=palette)
    source = segfeed.scan(root, "val")
    assert (source.format, source.name, source.keys) == ("vistas", "vistas", ("aZ09_-x", "b"))
    assert source.legend.names == ("animal--bird", "construction--flat--road")
    assert source.read(0).labels.tolist() == [[0, 1, 255]]


def test_of_two_sets_of_classes_the_path_of_one_decides(tmp_path):
    root = write(write(tmp_path / "vistas"), "v2.0")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert "several sets of classes (config_v1.2.json, config_v2.0.json)" in caught.value.found
    source = segfeed.scan(root / "config_v2.0.json")
    assert "v2.0/labels" in source.samples[0].mask.address
    assert "config_v2.0.json" in source.why


@pytest.mark.slow
def test_faults_are_named(tmp_path):
    root = write(tmp_path / "vistas")
    (root / "training" / "v1.2" / "labels" / "b.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "1 of 2 samples have no mask: b" in caught.value.found
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance")
    assert "masks hold classes" in caught.value.found
    for text, found in (
        ("{", "malformed"),
        ("[]", "0 classes"),
        ('{"labels": [{"color": [0, 0, 0]}]}', "header 'color' is not understood"),
    ):
        (root / "config_v1.2.json").write_text(text)
        with pytest.raises(LegendError) as caught:
            segfeed.scan(root, "val")
        assert caught.value.where.endswith("config_v1.2.json")
        assert found in caught.value.found


@pytest.mark.parametrize("version", ["v1.2", "v2.0"])
def test_real_export_is_read_exactly(shared_data, version):
    root = shared_data / "exports" / "datumaro-assets" / "tests" / "assets" / "mapillary_vistas_dataset"
    names = [label["name"] for label in json.loads((root / f"config_{version}.json").read_text())["labels"]]
    for split, count in (("train", 1), ("val", 2)):
        source = segfeed.scan(root / f"config_{version}.json", split)
        assert (len(source), list(source.legend.names)) == (count, names)
        for index, key in enumerate(source.keys):
            with Image.open(root / split / version / "labels" / f"{key}.png") as picture:
                np.testing.assert_array_equal(source.read(index).labels, np.array(picture))


@pytest.mark.parametrize("what", ["pipe", "device", "deep"])
def test_a_config_that_is_no_file_or_never_ends_is_named(tmp_path, what):
    root = write(tmp_path / "vistas")
    path = root / "config_v1.2.json"
    path.unlink()
    if what == "deep":
        path.write_text("[" * 100_000)
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises((LegendError, SourceError)) as caught:
        segfeed.scan(root)
    assert caught.value.where == str(path)
