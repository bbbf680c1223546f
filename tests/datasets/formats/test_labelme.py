"""labelme's VOC export: palette masks without lists, classes in class_names.txt."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.formats import labelme
from segfeed.errors import LegendError, SourceError, SourceMissingError
from segfeed.pixels.objects import Objects
from segfeed.pixels.palette import voc_colours

KEYS = tuple(f"shot {number}" for number in range(8))
NAMES = ("_background_", "cat", "dog")


def save_mask(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(labels.astype(np.uint8))
    mask.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
    mask.save(path)


def labels_of(number: int) -> np.ndarray:
    labels = (np.arange(20).reshape(4, 5) + number) % 3
    labels[0] = 255
    return labels


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data_dataset_voc"
    (folder / "JPEGImages").mkdir(parents=True)
    (folder / "SegmentationClassVisualization").mkdir()
    for number, key in enumerate(KEYS):
        Image.new("RGB", (5, 4), (number, 0, 0)).save(folder / "JPEGImages" / f"{key}.jpg")
        Image.new("RGB", (9, 9)).save(folder / "SegmentationClassVisualization" / f"{key}.jpg")
        save_mask(folder / "SegmentationClass" / f"{key}.png", labels_of(number))
        save_mask(folder / "SegmentationObject" / f"{key}.png", labels_of(number + 1))
    (folder / "class_names.txt").write_text("\n".join(NAMES))
    return folder


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.slow
def test_export_is_recognised_at_its_folder_and_at_the_one_above(root, above):
    source = segfeed.scan(root.parent if above else root, "all")
    assert source.format == "labelme"
    assert source.root == root
    assert "class_names.txt" in source.why
    assert source.keys == KEYS


def test_labels_are_those_stored_and_ignore_is_void(root):
    source = segfeed.scan(root, "all")
    assert source.legend.names == NAMES
    for number in range(len(KEYS)):
        np.testing.assert_array_equal(source.read(number).labels, labels_of(number))


def test_ignore_in_the_class_file_is_not_counted(root):
    (root / "class_names.txt").write_text("__ignore__\n" + "\n".join(NAMES))
    source = segfeed.scan(root, "all")
    assert source.legend.names == NAMES
    np.testing.assert_array_equal(source.read(3).labels, labels_of(3))


@pytest.mark.slow
def test_train_and_val_split_the_samples_by_hash_and_say_so(root):
    train, val = (segfeed.scan(root, split) for split in ("train", "val"))
    assert sorted(train.keys + val.keys) == sorted(KEYS)
    assert "hash" in val.why
    assert labelme.split_names(root) == ["train", "val", "all"]
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "test")
    assert "no split 'test'" in caught.value.found
    assert caught.value.expected == "one of train, val, all"


def test_objects_are_read_where_there_are_any(root):
    source = segfeed.scan(root, "all", task="instance")
    assert isinstance(source.legend, Objects)
    np.testing.assert_array_equal(source.read(0).labels, labels_of(1))
    (root / "SegmentationObject").rename(root / "elsewhere")
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "all", task="instance")
    assert caught.value.where.endswith("SegmentationObject")
    assert "no such folder" in caught.value.found


def test_masks_of_old_versions_lie_in_another_folder(root):
    (root / "SegmentationClass").rename(root / "SegmentationClassPNG")
    (root / "SegmentationClass").mkdir()
    (root / "SegmentationClass" / f"{KEYS[0]}.npy").write_bytes(b"")
    np.testing.assert_array_equal(segfeed.scan(root, "all").read(1).labels, labels_of(1))


@pytest.mark.parametrize(("folder", "what"), [("JPEGImages", "photo"), ("SegmentationClass", "mask")])
@pytest.mark.slow
def test_sample_that_lacks_a_file_is_named_and_never_dropped(root, folder, what):
    next((root / folder).glob("shot 5*")).unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "all")
    assert caught.value.where.endswith(f"{folder}")
    assert f"1 of 8 listed samples have no {what}: shot 5" in caught.value.found


def test_unknown_index_is_an_error(root):
    save_mask(root / "SegmentationClass" / f"{KEYS[0]}.png", np.full((4, 5), 3))
    with pytest.raises(SourceError, match=r"shot 0\.png.*row 0, column 0: colour \(128, 128, 0\)"):
        segfeed.scan(root, "all").read(0)


def test_legend_that_is_passed_wins(root):
    assert segfeed.scan(root, "all", legend=["a", "b", "c"]).legend.names == ("a", "b", "c")


def test_class_file_that_is_none_is_named(root):
    (root / "class_names.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root, "all")
    assert caught.value.where.endswith("class_names.txt")
    assert "byte 0 is not UTF-8" in caught.value.found


@pytest.mark.slow
def test_lists_added_by_hand_make_it_a_voc_layout_with_the_same_classes(root):
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "mine.txt").write_text(f"{KEYS[2]}\n")
    source = segfeed.scan(root, "mine")
    assert source.format == "voc"
    assert source.legend.names == NAMES
    np.testing.assert_array_equal(source.read(0).labels, labels_of(2))


@pytest.mark.parametrize("gone", ["class_names.txt", "JPEGImages", "SegmentationClass"])
@pytest.mark.slow
def test_folder_that_lacks_a_part_is_not_recognised(root, gone):
    (root / gone).rename(root / "elsewhere")
    assert labelme.recognise(root) is None


def test_real_export_is_read_as_its_own_arrays_say(shared_data):
    source = segfeed.scan(shared_data / "exports" / "labelme", "all")
    assert source.keys == ("2011_000003", "2011_000006", "2011_000025")
    assert source.legend.names == tuple((source.root / "class_names.txt").read_text().split("\n"))
    for index, key in enumerate(source.keys):
        expected = np.load(source.root / "SegmentationClassNpy" / f"{key}.npy")  # labelme's own, -1 where __ignore__
        labels = source.read(index).labels
        np.testing.assert_array_equal(np.where(labels == 255, -1, labels.astype(int)), expected)
        with Image.open(source.root / "JPEGImages" / f"{key}.jpg") as photo:
            np.testing.assert_array_equal(source.read(index).image, np.array(photo))
