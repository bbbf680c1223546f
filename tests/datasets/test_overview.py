"""Overviews: what a path holds is told whole, whatever is wrong with a part of it."""

import json

import pytest
from PIL import Image

from segfeed.datasets import overview
from segfeed.datasets.opening import Opening
from segfeed.datasets.overview import describe
from segfeed.errors import OptionError, SourceError, SourceMissingError


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9), (7, 4)], "val": [(6, 8)]})


def test_format_root_splits_sizes_and_legend_are_told(root):
    found = describe(root.parent)
    assert (found.format, found.root) == ("voc", root)
    assert "ImageSets/Segmentation" in found.why
    train, val = found.splits
    assert (train.name, train.samples, train.missing, train.has_masks) == ("train", 3, {}, True)
    assert train.sizes_px == (5, 7, 4, 9)
    assert (val.name, val.samples, val.sizes_px, val.problem) == ("val", 1, (6, 6, 8, 8), None)
    assert found.legend.names[0] == "background"


def test_missing_files_are_counted_and_stop_nothing(root):
    (root / "JPEGImages" / "train_0.png").unlink()
    (root / "SegmentationClass" / "train_0.png").unlink()
    (root / "SegmentationClass" / "train_2.png").unlink()
    train, val = describe(root).splits
    assert (train.samples, train.missing, train.sizes_px) == (1, {"photo": 1, "mask": 2}, (5, 5, 9, 9))
    assert val.samples == 1


def test_split_that_cannot_be_read_says_why(root):
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("../x\n")
    train, val = describe(root).splits
    assert train.problem is None
    assert (val.samples, val.sizes_px) == (0, None)
    assert val.problem.where.endswith("val.txt")
    assert val.problem.found.startswith("line 1: ")
    assert val.to_json()["problem"] == val.problem.to_json()


def test_damaged_photo_is_told_and_the_rest_counted(root):
    (root / "JPEGImages" / "train_0.png").write_bytes(b"oops")
    train = describe(root).splits[0]
    assert (train.samples, train.sizes_px) == (3, None)
    assert "train_0.png" in train.problem.where


def test_dataset_that_does_not_say_what_its_masks_mean_is_counted_all_the_same(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number in range(12):
            Image.new("L" if folder == "masks" else "RGB", (5, 4), number).save(tmp_path / folder / f"{number}.png")
    found = describe(tmp_path)
    assert found.legend is None
    assert {split.name: split.samples for split in found.splits}["all"] == 12
    assert all("what the masks mean" in split.problem.found for split in found.splits)
    assert len({str(split.problem) for split in found.splits}) == 1


def test_only_the_first_photos_are_measured(root, monkeypatch):
    monkeypatch.setattr(overview, "MEASURED", 2)
    assert describe(root).splits[0].sizes_px == (5, 6, 8, 9)


def test_everything_is_plain_json(root):
    described = json.loads(json.dumps(describe(root).to_json()))
    assert described["format"] == "voc"
    assert described["splits"][0] == {
        "name": "train", "samples": 3, "missing": {}, "has_masks": True, "problem": None, "doubts": [],
        "sizes_px": {"height_min": 5, "height_max": 7, "width_min": 4, "width_max": 9},
    }  # fmt: skip
    assert described["legend"]["names"][1] == "aeroplane"


@pytest.mark.slow
def test_what_is_no_dataset_is_refused(tmp_path, root):
    with pytest.raises(SourceMissingError) as caught:
        describe(tmp_path / "nothing")
    assert "no such file or folder" in caught.value.found
    with pytest.raises(SourceError) as caught:
        describe(root, Opening(format="camvid"))
    assert "no camvid dataset layout" in caught.value.found
    with pytest.raises(OptionError) as caught:
        describe(root, Opening(format="nope"))
    assert "nope" in caught.value.found


@pytest.mark.parametrize(
    ("name", "format_name", "splits"),
    [
        ("ade20k-sample", "ade20k", {"val": 3}),
        ("camvid", "camvid", {"train": 12, "val": 6, "test": 6}),
        ("cvat-tools", "voc", {"default": 2}),
        ("labelme", "labelme", {"all": 3}),
        ("roboflow", "roboflow", {"train": 9}),
        ("jpeg-masks", "folders", {}),
        ("datumaro-assets/tests/assets/mapillary_vistas_dataset/config_v1.2.json", "vistas", {"train": 1, "val": 2}),
        ("datumaro-assets/tests/assets/cityscapes_dataset/train_dataset", "cityscapes",
         {"train": 1, "val": 1, "test": 2}),
        ("datumaro-assets/tests/assets/voc_dataset/voc_dataset1", "voc", {"train": 1, "test": 1}),
        ("datumaro-assets/tests/assets/common_semantic_segmentation_dataset/dataset", "folders", {"all": 2}),
        ("datumaro-assets/tests/assets/camvid_dataset", "camvid", {"train": 1, "val": 1, "test": 2}),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_real_exports_are_recognised(shared_data, name, format_name, splits):
    found = describe(shared_data / "exports" / name)
    assert found.format == format_name
    counted = {split.name: split.samples for split in found.splits}
    assert {split: counted[split] for split in splits} == splits
