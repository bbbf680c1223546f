"""Refusals: whoever comes with boxes, polygons or an odd release is told so, whatever lies around them."""

from pathlib import Path

import pytest

import segfeed
from segfeed.errors import SourceError
from segfeed.export import export_splits
from segfeed.refusals import explain_refusal


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["training/street/1_seg.png", "training/street/1.json"], "the full ADE20K"),
        (["training/image_2/1.png", "training/instance/1.png"], "KITTI without class masks"),
        (["train/_annotations.coco.json", "train/a.jpg"], "JSON shapes"),
        (["annotations/instances_train2017.json"], "JSON shapes"),
        (["data.yaml", "train/labels/a.txt"], "YOLO"),
        (["annotations.xml", "images/a.jpg"], "XML"),
        (["Annotations/a.xml", "JPEGImages/a.jpg"], "XML"),
        (["a.jpg", "a.json"], "JSON files, but no masks"),
        (["train.tfrecord"], "TFRecord"),
        (["train-000000.tar", "val-000000.tar", "legend.json"], "WebDataset shards"),
        (["train/00000.tar", "train/00000.json"], "WebDataset shards"),
        (["data.yaml", "backup-20240131.tar"], "YOLO"),
        (["VOCtrainval_11-May-2012.tar", "a.json"], "JSON files, but no masks"),
    ],
)
def test_reason_is_told(tmp_path, names, found):
    assert found in explain_refusal(put(tmp_path, *names))
    with pytest.raises(SourceError, match=f"no known dataset layout: .*{found}"):
        segfeed.scan(tmp_path)


def test_own_shards_are_told_from_a_dataset_without_masks(tmp_path, voc_folder):
    folder = export_splits([segfeed.scan(voc_folder)], tmp_path / "shards", "webdataset")
    for path in (folder, folder / "train-000000.tar"):
        with pytest.raises(
            SourceError, match=r"WebDataset shards, .*; pass the dataset that they were made from, or export"
        ):
            segfeed.scan(path)


def test_nothing_is_said_of_what_is_not_known(tmp_path):
    assert explain_refusal(put(tmp_path, "a.jpg", "b/c.txt")) is None
    assert explain_refusal(tmp_path / "nothing") is None
    assert explain_refusal(put(tmp_path, "single.bin") / "single.bin") is None


def test_search_ends_in_a_huge_folder_and_in_a_loop_of_links(tmp_path, monkeypatch):
    monkeypatch.setattr("segfeed.refusals._MAX_NAMES", 50)
    put(tmp_path, *(f"a/{number:03d}/{number}.jpg" for number in range(100)), "z/data.yaml")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert explain_refusal(tmp_path) is None
    monkeypatch.setattr("segfeed.refusals._MAX_NAMES", 5_000)
    assert "YOLO" in explain_refusal(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "cvat_dataset/for_images", "labelme_dataset", "roboflow_dataset/coco", "roboflow_dataset/yolo",
        "roboflow_dataset/voc", "roboflow_dataset/createml", "kaggle_dataset/relaxed_coco",
        "kaggle_dataset/relaxed_voc1", "voc_dataset/voc_dataset3", "roboflow_dataset/tfrecord",
    ],
)  # fmt: skip
def test_real_exports_without_masks_are_refused_with_a_remedy(shared_data, name):
    path = shared_data / "exports" / "datumaro-assets" / "tests" / "assets" / name
    with pytest.raises(SourceError, match=r"export masks instead|write Parquet"):
        segfeed.scan(path)
