"""Cityscapes: photos in a folder for each city, 19 of its ids are classes, and which of several masks counts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.recognition import import_format
from segfeed.errors import OptionError, SourceError, SourceMissingError, UnknownColourError
from segfeed.pixels.public_legends import CITYSCAPES, CITYSCAPES_TRAIN_IDS

# id -> trainId, from labels.py of cityscapesScripts; every other id of 0 .. 33 is 255
TRAIN_IDS = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15,
    31: 16, 32: 17, 33: 18,
}  # fmt: skip
CITIES = {"train": ["aachen", "bremen"], "val": ["munster"]}
IDS = np.r_[np.arange(34), 255].astype(np.uint8).reshape(5, 7)
EXPECTED = np.array([TRAIN_IDS.get(int(value), 255) for value in IDS.flat]).reshape(IDS.shape)


def write(root: Path, grade: str = "gtFine", kinds=("labelIds", "instanceIds", "color"), cities=None) -> Path:
    for split, names in (cities or CITIES).items():
        for city in names:
            photos, masks = root / "leftImg8bit" / split / city, root / grade / split / city
            photos.mkdir(parents=True, exist_ok=True)
            masks.mkdir(parents=True, exist_ok=True)
            for frame in range(2):
                key = f"{city}_00000{frame}_000019"
                Image.new("RGB", (7, 5), (frame, 1, 2)).save(photos / f"{key}_leftImg8bit.png")
                for kind in kinds:
                    stored = EXPECTED.astype(np.uint8) if kind == "labelTrainIds" else IDS
                    Image.fromarray(stored).save(masks / f"{key}_{grade}_{kind}.png")
                (masks / f"{key}_{grade}_polygons.json").write_text("{}")
    return root


def test_ids_become_the_19_classes(tmp_path):
    source = segfeed.scan(write(tmp_path / "cityscapes"))
    assert (source.format, len(source.legend)) == ("cityscapes", 19)
    for index in range(len(source)):
        np.testing.assert_array_equal(source.read(index).labels, EXPECTED)
    assert source.legend.names[13] == "car"
    assert source.legend.colours[13] == (0, 0, 142)


@pytest.mark.slow
def test_all_cities_of_a_split_are_listed_by_name(tmp_path):
    root = write(tmp_path / "cityscapes")
    assert import_format("cityscapes").split_names(root) == ["train", "val"]
    assert segfeed.scan(root).keys == tuple(f"{c}_00000{n}_000019" for c in ("aachen", "bremen") for n in (0, 1))
    assert segfeed.scan(root, "val").keys == ("munster_000000_000019", "munster_000001_000019")
    assert segfeed.scan(root.parent, "val").root == root


def test_train_ids_are_read_where_there_are_no_label_ids(tmp_path):
    root = write(tmp_path / "cityscapes", kinds=("labelTrainIds",))
    source = segfeed.scan(root)
    assert source.legend == CITYSCAPES_TRAIN_IDS
    np.testing.assert_array_equal(source.read(0).labels, EXPECTED)


def test_label_ids_count_where_both_are_there(tmp_path):
    source = segfeed.scan(write(tmp_path / "cityscapes", kinds=("labelIds", "labelTrainIds")))
    assert source.legend == CITYSCAPES
    assert source.samples[0].mask.name == "aachen_000000_000019_gtFine_labelIds.png"
    assert "masks such as aachen_000000_000019_gtFine_labelIds.png count" in source.why


def test_photo_that_lacks_the_kind_that_counts_is_missing_its_mask(tmp_path):
    root = write(tmp_path / "cityscapes", kinds=("labelIds", "labelTrainIds"))
    (root / "gtFine" / "train" / "aachen" / "aachen_000000_000019_gtFine_labelIds.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "1 of 4 samples have no mask: aachen_000000_000019" in caught.value.found


@pytest.mark.slow
def test_fine_masks_go_before_coarse_ones(tmp_path):
    root = write(write(tmp_path / "cityscapes"), "gtCoarse", cities={**CITIES, "train_extra": ["nuernberg"]})
    assert "gtFine" in segfeed.scan(root).samples[0].mask.name
    extra = segfeed.scan(root, "train_extra")
    assert extra.samples[0].mask.name == "nuernberg_000000_000019_gtCoarse_labelIds.png"
    np.testing.assert_array_equal(extra.read(0).labels, EXPECTED)


def test_coarse_masks_alone_are_enough(tmp_path):
    assert "gtCoarse" in segfeed.scan(write(tmp_path / "cityscapes", "gtCoarse")).samples[0].mask.name


def test_photos_without_masks_are_predicted_in_test_and_refused_elsewhere(tmp_path):
    root = write(tmp_path / "cityscapes", cities={**CITIES, "test": ["berlin"]})
    shutil.rmtree(root / "gtFine" / "test")
    assert not segfeed.scan(root, "test").has_masks
    shutil.rmtree(root / "gtFine" / "val")
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "val")
    assert caught.value.where.endswith("gtFine/val")


def test_one_name_in_two_cities_is_refused(tmp_path):
    root = write(tmp_path / "cityscapes")
    shutil.copy(
        root / "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png", root / "leftImg8bit/train/bremen"
    )
    with pytest.raises(SourceError, match=r"has 2 photos.*aachen/.*bremen/"):
        segfeed.scan(root)


def test_objects_are_refused(tmp_path):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(write(tmp_path / "cityscapes"), task="instance")
    assert "masks hold classes" in caught.value.found


@pytest.fixture(scope="session")
def exports(shared_data) -> Path:
    return shared_data / "exports" / "datumaro-assets" / "tests" / "assets" / "cityscapes_dataset"


@pytest.mark.slow
def test_real_export_with_19_in_its_train_ids_is_read_with_that_as_void(exports):
    root = exports / "train_dataset"
    for split in ("train", "val", "test"):
        with pytest.raises(UnknownColourError, match=r"index 19.* legend 'cityscapes trainIds'"):
            segfeed.scan(root, split).read(0)
        source = segfeed.scan(root, split, unknown="void")
        for index, sample in enumerate(source.samples):
            with Image.open(sample.mask.path) as picture:
                raw = np.array(picture)
            np.testing.assert_array_equal(source.read(index).labels, np.where(raw == 19, 255, raw))


def test_real_export_with_objects_only_is_refused_with_the_reason(exports):
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(exports / "dataset")
    assert "no mask named *_gtFine_labelIds or *_gtFine_labelTrainIds" in caught.value.found
    with pytest.raises(SourceError) as caught:
        segfeed.scan(exports)
    assert "several Cityscapes datasets" in caught.value.found
