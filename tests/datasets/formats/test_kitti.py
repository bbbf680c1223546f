"""KITTI's semantic benchmark: Cityscapes' ids, a sample for each mask, photos to be predicted in testing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.errors import OptionError, SourceError, SourceMissingError

IDS = np.array([[7, 8, 26, 0], [33, 3, 255, 11]], np.uint8)
LABELS = [[0, 1, 13, 255], [18, 255, 255, 2]]


@pytest.fixture
def root(tmp_path) -> Path:
    root = tmp_path / "data_semantics"
    for folder in ("training/image_2", "training/semantic", "training/semantic_rgb", "testing/image_2"):
        (root / folder).mkdir(parents=True)
    for number in range(3):
        Image.fromarray(IDS).save(root / "training" / "semantic" / f"00000{number}_10.png")
        for frame in (10, 11):  # the stereo benchmark's second photo has no mask
            Image.new("RGB", (4, 2)).save(root / "training" / "image_2" / f"00000{number}_{frame}.png")
        Image.new("RGB", (4, 2)).save(root / "testing" / "image_2" / f"00000{number}_10.png")
    return root


@pytest.mark.slow
def test_each_mask_is_a_sample(root):
    source = segfeed.scan(root)
    assert (source.format, source.keys) == ("kitti", ("000000_10", "000001_10", "000002_10"))
    assert source.read(2).labels.tolist() == LABELS
    assert segfeed.scan(root.parent).root == root


def test_testing_holds_photos_to_predict(root):
    source = segfeed.scan(root, "test")
    assert (len(source), source.has_masks) == (3, False)


def test_missing_photo_and_split_are_named(root):
    (root / "training" / "image_2" / "000001_10.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "have no photo: 000001_10" in caught.value.found
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "val")
    assert "no split 'val'" in caught.value.found
    assert caught.value.expected == "one of train, test"
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance")
    assert "masks hold classes" in caught.value.found


def test_real_export_with_objects_only_is_refused_with_the_reason(shared_data):
    assets = shared_data / "exports" / "datumaro-assets" / "tests" / "assets"
    with pytest.raises(SourceError, match=r"KITTI without class masks.*add training/semantic"):
        segfeed.scan(assets / "kitti_dataset" / "kitti_segmentation")
