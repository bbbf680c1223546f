"""COCO-Stuff's pixel maps: stored value = label minus 1, 255 void, and other tools' files left alone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.errors import OptionError, SourceError, SourceMissingError, UnknownColourError
from segfeed.pixels.public_legends import COCO_STUFF

IDS = np.array([[0, 1, 10, 12], [91, 181, 255, 43]], np.uint8)
NAMES = [["person", "bicycle", "fire hydrant", "stop sign"], ["banner", "wood", None, "bottle"]]


def write(root: Path, photos: str, masks: str, splits=("train2017", "val2017")) -> Path:
    for split in splits:
        for folder in (photos, masks):
            (root / folder / split).mkdir(parents=True)
        for number in (9, 25, 139):
            Image.new("RGB", (4, 2), (number, 0, 0)).save(root / photos / split / f"{number:012d}.jpg")
            Image.fromarray(IDS).save(root / masks / split / f"{number:012d}.png")
    return root


LAYOUTS = [("images", "annotations"), ("images", "stuffthingmaps"), (".", "stuffthingmaps"), (".", "annotations")]


@pytest.mark.parametrize(("photos", "masks"), LAYOUTS)
@pytest.mark.slow
def test_pixel_maps_are_read_exactly(tmp_path, photos, masks):
    source = segfeed.scan(write(tmp_path / "coco", photos, masks))
    assert (source.format, source.split, len(source.legend)) == ("coco_stuff", "train2017", 171)
    assert source.keys == ("000000000009", "000000000025", "000000000139")
    labels = source.read(0).labels
    named = [[None if label == 255 else source.legend.names[label] for label in row] for row in labels]
    assert named == NAMES


@pytest.mark.slow
def test_split_is_called_with_or_without_its_year(tmp_path):
    root = write(tmp_path / "coco", "images", "annotations")
    assert segfeed.scan(root, "val").split == segfeed.scan(root, "val2017").split == "val2017"
    assert segfeed.scan(root.parent, "val").root == root
    with pytest.raises(SourceError, match="3 samples are in both 'train2017' and 'val2017'"):
        segfeed.load(root, batch_size=2, crop_size=(2, 4), pack=False)


def test_split_of_several_years_must_be_named_in_full(tmp_path):
    root = write(tmp_path / "coco", "images", "annotations", ("train2014", "train2017"))
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "no split 'train'" in caught.value.found
    assert caught.value.expected == "one of train2014, train2017"


def test_files_that_other_tools_add_are_left_alone(tmp_path):
    root = write(tmp_path / "coco", "images", "stuffthingmaps")
    Image.fromarray(IDS).save(root / "stuffthingmaps" / "train2017" / "000000000009_labelTrainIds.png")
    assert len(segfeed.scan(root)) == 3


def test_label_without_annotations_is_unknown(tmp_path):
    root = write(tmp_path / "coco", "images", "annotations")
    Image.fromarray(np.full((2, 4), 11, np.uint8)).save(root / "annotations" / "train2017" / "000000000009.png")
    with pytest.raises(UnknownColourError, match=r"index 11.* legend 'coco-stuff'"):
        segfeed.scan(root).read(0)


def test_missing_mask_objects_and_photos_to_predict(tmp_path):
    root = write(tmp_path / "coco", "images", "annotations")
    (root / "images" / "test2017").mkdir()
    Image.new("RGB", (4, 2)).save(root / "images" / "test2017" / "000000000001.jpg")
    (root / "annotations" / "val2017" / "000000000025.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "val")
    assert "1 of 3 samples have no mask: 000000000025" in caught.value.found
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance")
    assert "masks hold classes" in caught.value.found
    assert not segfeed.scan(root, "test").has_masks


def test_boxes_of_coco_are_not_pixel_maps(tmp_path):
    for folder in ("images/train2017", "annotations"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "annotations" / "instances_train2017.json").write_text("{}")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert "JSON shapes, not masks" in caught.value.found


def test_numbers_are_those_of_the_benchmark():
    assert COCO_STUFF.indices == tuple(
        n for n in range(182) if n + 1 not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
    )
