"""Ultralytics' semantic segmentation: masks beside images, 255 as void, stored values that a mapping names."""

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.errors import LegendError, SegfeedError, SourceMissingError

YAML = "path: .\ntrain: images/train\nval: images/val\nmasks_dir: masks\nnames:\n  0: road\n  1: car\n"


def put(root, *, extra="", values=(0, 1, 255), suffix=".png"):
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (root / folder / split).mkdir(parents=True)
        Image.new("RGB", (3, 2)).save(root / "images" / split / f"{split}1.jpg")
        Image.fromarray(np.array([values, values], np.uint8)).save(root / "masks" / split / f"{split}1{suffix}")
    (root / "data.yaml").write_text(YAML + extra)
    return root / "data.yaml"


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tif"])
@pytest.mark.slow
def test_masks_hold_indices_of_names_and_void(tmp_path, suffix):
    path = put(tmp_path, suffix=suffix)
    for place in (path, tmp_path):
        source = segfeed.scan(place, "val")
        assert source.legend.names == ("road", "car")
        assert source.read(0).labels.tolist() == [[0, 1, 255]] * 2


def test_a_mapping_says_which_stored_value_is_which_class(tmp_path):
    path = put(tmp_path, extra="label_mapping: {-1: 255, 7: 0, 26: 1, 3: 255}\n", values=(7, 26, 3))
    assert segfeed.scan(path, "train").read(0).labels.tolist() == [[0, 1, 255]] * 2
    (tmp_path / "data.yaml").write_text(YAML + "label_mapping: {7: 5}\n")
    with pytest.raises(LegendError, match="label_mapping"):
        segfeed.scan(path, "train")
    (tmp_path / "data.yaml").write_text(YAML + "label_mapping: {7: 0}\n")
    with pytest.raises(SegfeedError, match=r"26|3"):
        segfeed.scan(path, "train").read(0)


def test_a_photo_without_a_mask_is_missing(tmp_path):
    path = put(tmp_path)
    (tmp_path / "masks/val/val1.png").unlink()
    with pytest.raises(SourceMissingError, match="no mask: images/val/val1"):
        segfeed.scan(path, "val")
