"""ADE20K's scene parsing layout: 0 is void, 1 to 150 are classes, names from its own list, other data left alone."""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.recognition import import_format
from segfeed.errors import LegendError, OptionError, SourceError, SourceMissingError, UnknownColourError
from segfeed.pixels.public_legends import ADE20K

NAMES = {"training": "ADE_train_{:08d}", "validation": "ADE_val_{:08d}", "testing": "ADE_test_{:08d}"}


def write(root: Path, folders=("training", "validation"), count: int = 3, names=NAMES) -> Path:
    """Write a miniature whose mask n holds n, n + 1, ... in reading order."""
    for folder in folders:
        (root / "images" / folder).mkdir(parents=True)
        (root / "annotations" / folder).mkdir(parents=True)
        for number in range(1, count + 1):
            name = names[folder].format(number)
            Image.new("RGB", (4, 3), (number, 0, 0)).save(root / "images" / folder / f"{name}.jpg")
            stored = (np.arange(12, dtype=np.uint8) + number).reshape(3, 4)
            stored[0, 0] = 0
            Image.fromarray(stored).save(root / "annotations" / folder / f"{name}.png")
    return root


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "ADEChallengeData2016")


def stored(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


@pytest.mark.slow
def test_real_sample_is_read_exactly(shared_data):
    folder = shared_data / "exports" / "ade20k-sample"
    source = segfeed.scan(folder, "val")
    assert source.format == "ade20k"
    assert source.keys == tuple(f"ADE_val_0000000{n}" for n in (1, 2, 3))
    for index, key in enumerate(source.keys):
        pair = source.read(index)
        raw = stored(folder / "sampleData" / "annotations" / f"{key}.png").astype(int)
        np.testing.assert_array_equal(pair.labels, np.where(raw == 0, 255, raw - 1))
        np.testing.assert_array_equal(pair.image, stored(folder / "sampleData" / "images" / f"{key}.jpg"))
    with (folder / "objectInfo150.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, name in zip(rows, source.legend.names, strict=True):
        assert row["Name"].startswith(";".join(name.split()))


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.slow
def test_splits_are_folders(root, split):
    source = segfeed.scan(root, split)
    assert source.split == split
    assert source.keys == tuple(f"ADE_{split}_0000000{n}" for n in (1, 2, 3))
    labels = source.read(1).labels
    assert labels.ravel().tolist() == [255, *range(2, 13)]
    assert source.legend == ADE20K


def test_parent_folder_and_a_split_called_validation_are_understood(root):
    source = segfeed.scan(root.parent, "validation")
    assert (source.root, source.split) == (root, "val")


@pytest.mark.slow
def test_loads_with_the_usual_splits(root):
    train, val = segfeed.load(root, batch_size=2, crop_size=(3, 4))
    assert len(train) == 1
    assert sorted(key for batch in val for key in batch.keys if key) == [f"ADE_val_0000000{n}" for n in (1, 2, 3)]


def test_splits_of_a_flat_sample_are_told_by_names(tmp_path):
    write(tmp_path / "nested")
    for what in ("images", "annotations"):
        flat = tmp_path / "flat" / what
        flat.mkdir(parents=True)
        for path in (tmp_path / "nested" / what).glob("*/*"):
            shutil.copy(path, flat)
    flat = tmp_path / "flat"
    assert import_format("ade20k").split_names(flat) == ["train", "val"]
    assert segfeed.scan(flat, "train").keys == tuple(f"ADE_train_0000000{n}" for n in (1, 2, 3))
    assert segfeed.scan(flat, "val").keys == tuple(f"ADE_val_0000000{n}" for n in (1, 2, 3))


def test_photos_of_the_test_split_are_to_be_predicted(root):
    write(root, ["testing"])
    shutil.rmtree(root / "annotations" / "testing")
    (root / "annotations" / "testing").mkdir()
    source = segfeed.scan(root, "test")
    assert (len(source), source.has_masks) == (3, False)
    assert (source.read(0).labels == 255).all()


def test_other_files_in_folders_of_these_names_are_not_ade20k(tmp_path):
    other = dict.fromkeys(NAMES, "photo_{}")
    assert import_format("ade20k").recognise(write(tmp_path / "other", names=other)) is None


@pytest.mark.parametrize(("what", "suffix"), [("images", ".jpg"), ("annotations", ".png")])
def test_photo_or_mask_that_is_missing_is_named(root, what, suffix):
    (root / what / "training" / f"ADE_train_00000002{suffix}").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "ADE_train_00000002" in caught.value.found


def test_two_photos_of_one_name_are_refused(root):
    Image.new("RGB", (4, 3)).save(root / "images" / "training" / "ADE_train_00000001.png")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert "ADE_train_00000001.jpg, images/training/ADE_train_00000001.png" in caught.value.found


def test_index_beyond_the_classes_is_refused_unless_void_is_asked_for(root):
    Image.fromarray(np.full((3, 4), 151, np.uint8)).save(root / "annotations" / "training" / "ADE_train_00000001.png")
    with pytest.raises(UnknownColourError, match=r"index 151.* legend 'ade20k'"):
        segfeed.scan(root).read(0)
    assert (segfeed.scan(root, unknown="void").read(0).labels == 255).all()


def test_official_list_of_names_changes_nothing(root, shared_data):
    shutil.copy(shared_data / "exports" / "ade20k-sample" / "objectInfo150.csv", root)
    assert segfeed.scan(root).legend == ADE20K


def test_official_list_with_tabs_changes_nothing(root):
    rows = (f"{index}\t0.1\t1\t1\t{name}, another word \n" for index, name in enumerate(ADE20K.names, 1))
    (root / "objectInfo150.txt").write_text("Idx\tRatio\tTrain\tVal\tName\n" + "".join(rows))
    assert segfeed.scan(root).legend == ADE20K


def test_list_of_other_names_is_the_legend(root):
    rows = "".join(f"{index},thing {index}\n" for index in range(1, 16))
    (root.parent / "objectInfo150.csv").write_text("Idx,Name\n" + rows)
    source = segfeed.scan(root)
    assert source.legend.names[:2] == ("thing 1", "thing 2")
    assert source.read(0).labels.ravel().tolist() == [255, *range(1, 12)]


@pytest.mark.parametrize("text", ["", "Name\nwall\n", "Idx,Name\nx,wall\n", "Idx,Name\n1\n"])
@pytest.mark.slow
def test_malformed_list_of_names_is_refused(root, text):
    (root / "objectInfo150.csv").write_text(text)
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root)
    assert caught.value.where.endswith("objectInfo150.csv")


def test_legend_of_the_caller_goes_first(root):
    (root / "objectInfo150.csv").write_text("nonsense")
    legend = segfeed.Legend(tuple(f"class {n}" for n in range(20)))
    assert segfeed.scan(root, legend=legend).read(0).labels.ravel().tolist() == [0, *range(2, 13)]


def test_objects_and_unknown_splits_are_refused(root):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance")
    assert "masks hold classes" in caught.value.found
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "trainaug")
    assert "no split 'trainaug'" in caught.value.found
    assert caught.value.expected == "one of train, val"


@pytest.mark.parametrize("year", ["2017", "2020"])
def test_full_release_is_refused_with_the_reason(shared_data, year):
    assets = shared_data / "exports" / "datumaro-assets" / "tests" / "assets"
    with pytest.raises(SourceError, match=r"the full ADE20K.*ADEChallengeData2016"):
        segfeed.scan(assets / f"ade20k{year}_dataset" / "dataset")


@pytest.mark.parametrize("what", ["folder", "pipe", "dangling"])
def test_a_list_of_names_that_cannot_be_read_is_not_passed_over(root, what):
    path = root / "objectInfo150.TXT"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root)
    assert caught.value.where == str(path)
