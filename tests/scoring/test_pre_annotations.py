"""Pre-annotations: what each tool's own reading gives is what was predicted, over any batches and again."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from segfeed import Legend, Loader, Plan, Source, make_pack, scan
from segfeed.datasets.blobs import File
from segfeed.datasets.source import Sample
from segfeed.errors import LegendError, OptionError
from segfeed.scoring.predictions import KINDS, write_predictions

TOOLS = [kind for kind in KINDS if kind != "png"]
NAMES = ("background", 'a "b" & <c>', "Straße")


@pytest.fixture
def source(tmp_path) -> Source:
    return make_source(tmp_path / "photos")


def make_source(folder, names=NAMES, keys=("a", "b", "c")):
    """Make photos of several sizes."""
    samples = []
    for number, key in enumerate(keys):
        path, mask = folder / f"{key}.png", folder / f"{key}_mask.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9 + number, 12, 3), number, np.uint8)).save(path)
        Image.fromarray(np.zeros((9 + number, 12), np.uint8)).save(mask)
        samples.append(Sample(key, File.of(str(path)), File.of(str(mask))))
    return Source(folder, "folders", "val", "semantic", tuple(samples), Legend(names))


def predicted(source, seed=0):
    """Predict regions with holes, single pixels, and nothing but background."""
    draws = np.random.default_rng(seed)
    found = [draws.integers(0, len(source.legend), size) for size in source.sizes.tolist()]
    found[-1][...] = 0
    found[0][1:6, 2:9], found[0][3, 4:6] = 1, 0
    return found


def write(folder, source, ids, kind, batch_size=2, samples=None):
    paths = set()
    for batch in Loader(source, Plan.exact(source.sizes, batch_size), threads=0):
        canvas = np.zeros(batch.labels.shape, np.int64)
        for place, row in enumerate(batch.crops):
            if row["sample"] >= 0:
                height, width = ids[row["sample"]].shape
                top, left = max(0, -int(row["top"])), max(0, -int(row["left"]))
                canvas[place, top : top + height, left : left + width] = ids[row["sample"]]
        if samples is None or set(batch.crops["sample"].tolist()) & samples:
            paths.update(write_predictions(folder, canvas, batch.crops, source, kind=kind))
    (path,) = paths
    return path


def accept(path):
    """Do what Label Studio does if a person submits the predictions as they are."""
    tasks = json.loads(path.read_bytes())
    for task in tasks:
        (prediction,) = task.pop("predictions")
        task["annotations"] = [{"result": prediction["result"]}]
    path.write_text(json.dumps(tasks))


def read_back(path, source, ids):
    """Read a file beside the photos, and compare it with what was predicted."""
    if "label_studio" in path.name:
        accept(path)
    back = scan(path, "all")
    assert back.keys == source.keys
    for index, wanted in enumerate(ids):
        labels = back.read(index).labels
        assert labels.shape == wanted.shape
        for label in np.unique(wanted):
            here = labels == back.legend.names.index(source.legend.names[label])
            np.testing.assert_array_equal(here, wanted == label)


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.parametrize("batch_size", [1, 2, 3])
@pytest.mark.slow
def test_what_was_predicted_is_read_back(source, kind, batch_size):
    ids = predicted(source)
    read_back(write(source.root, source, ids, kind, batch_size), source, ids)


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.slow
def test_a_second_pass_replaces_what_it_predicts_anew_and_keeps_the_rest(source, kind):
    first, second = predicted(source), predicted(source, seed=1)
    path = write(source.root, source, first, kind, batch_size=1)
    whole = path.read_bytes()
    assert write(source.root, source, first, kind, batch_size=3).read_bytes() == whole
    write(source.root, source, second, kind, batch_size=1, samples={1})
    read_back(path, source, [first[0], second[1], first[2]])


@pytest.mark.parametrize("kind", ["coco", "label-studio"])
@pytest.mark.slow
def test_shapes_that_a_file_holds_are_not_parsed_again_for_each_batch(source, kind, monkeypatch):
    path, parsed = write(source.root, source, predicted(source), kind, batch_size=1), []
    loads = json.loads
    monkeypatch.setattr("json.loads", lambda text, **words: parsed.append(text) or loads(text, **words))
    write(source.root, source, predicted(source), kind, batch_size=1, samples={2})  # of which nothing is predicted
    assert path.stat().st_size > 2000
    assert sum(map(len, parsed)) < 500
    if kind == "coco":
        numbers = [note["id"] for note in loads(path.read_text())["annotations"]]
        assert len(set(numbers)) == len(numbers) > 10


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.slow
def test_a_pack_knows_the_names_of_photos(source, kind, cache):
    ids = predicted(source)
    with make_pack(source, cache_dir=cache) as pack:
        path = write(source.root / "out", pack, ids, kind)
    assert path.read_bytes() == write(source.root / "again", source, ids, kind).read_bytes()


@pytest.mark.parametrize("kind", TOOLS)
def test_photos_of_one_name_in_several_folders_go_by_their_keys(tmp_path, kind):
    source = make_source(tmp_path, keys=("x/1", "y/1"))
    text = write(tmp_path, source, predicted(source), kind).read_text()
    assert "x/1.png" in text
    assert "y/1.png" in text


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.slow
def test_a_file_of_other_classes_or_of_something_else_is_left_alone(source, kind):
    path = write(source.root, source, predicted(source), kind)
    other = replace(source, legend=Legend(("background", "x", "y")))
    for text in (path.read_text(), "{}", "something else"):
        path.write_text(text)
        with pytest.raises(OptionError, match="something else than predictions of these classes"):
            write(source.root, other, predicted(source), kind)
        assert path.read_text() == text


def test_cvat_and_label_studio_get_what_they_import(source):
    ids = predicted(source)
    root = ET.parse(write(source.root, source, ids, "cvat")).getroot()  # noqa: S314 - our own
    assert [label.text for label in root.iterfind("meta/task/labels/label/name")] == list(NAMES[1:])
    assert [image.get("name") for image in root.iterfind("image")] == ["a.png", "b.png", "c.png"]
    assert {shape.tag for shape in root.iterfind("image/*")} == {"polygon", "mask"}
    tasks = json.loads(write(source.root, source, ids, "label-studio").read_bytes())
    config = ET.parse(source.root / "label_config.xml").getroot()  # noqa: S314 - our own
    tools = {tool.get("name"): [label.get("value") for label in tool] for tool in config if tool.get("toName")}
    for task in tasks:
        for region in task["predictions"][0]["result"]:
            assert region["value"][region["type"]][0] in tools[region["from_name"]]
            assert (region["original_height"], region["original_width"]) == tuple(source.sizes[task["id"] - 1])


def test_another_kind_and_two_backgrounds_are_refused(source):
    with pytest.raises(OptionError, match="one of png, coco, cvat, label-studio"):
        write(source.root, source, predicted(source), "voc")
    odd = replace(source, legend=Legend(("background", "_background_", "c")))
    with pytest.raises(LegendError, match="could not tell apart"):
        write(source.root, odd, predicted(source), "coco")


@pytest.mark.parametrize("tool", TOOLS)
def test_another_split_does_not_replace_the_photos_of_a_file(tmp_path, source, tool):
    path = write(tmp_path / "out", source, predicted(source), tool)
    before = path.read_bytes()
    other = make_source(tmp_path / "others", keys=("d", "e"))
    with pytest.raises(OptionError, match="something else than predictions of these photos"):
        write(tmp_path / "out", other, predicted(other), tool)
    assert path.read_bytes() == before


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\n", "\r"])
def test_names_with_what_parts_lines_stay_whole_over_batches(tmp_path, tool, mark):
    source = make_source(tmp_path / "photos", names=("background", f"a{mark}b", "c"))
    ids = predicted(source)
    path = write(tmp_path / "out", source, ids, tool, batch_size=1)
    before = path.read_bytes()
    write(tmp_path / "out", source, ids, tool)
    assert path.read_bytes() == before


@pytest.mark.parametrize("tool", ["cvat", "label-studio"])
@pytest.mark.parametrize("name", ["a\x01", "a\ud800"])
def test_a_name_that_xml_cannot_hold_is_refused(tmp_path, tool, name):
    source = make_source(tmp_path / "photos", names=("background", name, "c"))
    with pytest.raises(OptionError, match="names without control characters"):
        write(tmp_path / "out", source, predicted(source), tool)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_name_between_blanks_is_read_back(tmp_path, tool):
    source = make_source(tmp_path / "photos", names=("background", " b ", "c"))
    path = write(source.root, source, predicted(source), tool)
    if "label_studio" in path.name:
        accept(path)
    assert scan(path, "all").read(0).labels.any()
