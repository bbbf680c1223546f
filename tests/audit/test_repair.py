"""Repair: lists without what is broken, never over what is there."""

import os

import pytest

from little_voc import audit, make_voc
from segfeed.audit.listing import list_dataset
from segfeed.audit.repair import write_fixed_lists
from segfeed.errors import OptionError, StorageError


@pytest.fixture
def root(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": list("cab"), "val": ["v", "w"]})
    (root / "SegmentationClass" / "a.png").write_bytes(b"")
    (root / "JPEGImages" / "w.png").unlink()
    return root


@pytest.mark.slow
def test_a_folder_gets_a_list_of_each_split_in_its_order(root, tmp_path):
    fixed = write_fixed_lists(audit(root), tmp_path / "fixed")
    assert (tmp_path / "fixed" / "train.txt").read_bytes() == b"c\nb\n"
    assert (tmp_path / "fixed" / "val.txt").read_bytes() == b"v\n"
    assert [(one.split, one.kept, one.left_out) for one in fixed] == [("train", 2, ("a",)), ("val", 1, ("w",))]
    assert str(fixed[0]) == f"train: wrote {tmp_path}/fixed/train.txt with 2 samples; left out 1: a"
    assert fixed[1].to_json() == {
        "split": "val",
        "path": f"{tmp_path}/fixed/val.txt",
        "kept": 1,
        "left_out": ["w"],
    }


@pytest.mark.slow
def test_the_lists_mend_the_dataset(root):
    write_fixed_lists(audit(root), root / "ImageSets" / "Segmentation", overwrite=True)
    assert audit(root).count()["error"] == 0
    assert [source.keys for source in list_dataset(root).sources] == [("c", "b"), ("v",)]


@pytest.mark.slow
def test_a_leak_is_mended_in_train(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": list("ab"), "val": list("bc"), "trainval": list("abc")})
    write_fixed_lists(audit(root), root / "ImageSets" / "Segmentation", overwrite=True)
    assert [source.keys for source in list_dataset(root).sources] == [("a",), ("a", "b", "c"), ("b", "c")]
    assert list(audit(root)) == []


def test_one_split_may_go_into_a_file(root, tmp_path):
    found = audit(root, splits=["val"])
    write_fixed_lists(found, tmp_path / "good.txt")
    assert (tmp_path / "good.txt").read_text() == "v\n"
    (tmp_path / "lists").mkdir()
    write_fixed_lists(found, f"{tmp_path}/lists")
    assert (tmp_path / "lists" / "val.txt").read_text() == "v\n"


def test_several_splits_do_not_go_into_one_file(root, tmp_path):
    with pytest.raises(OptionError) as caught:
        write_fixed_lists(audit(root), tmp_path / "good.txt")
    assert caught.value.where == str(tmp_path / "good.txt")
    assert "one file, but train, val were checked" in caught.value.found
    assert not (tmp_path / "good.txt").exists()


def test_nothing_is_overwritten_unless_asked_and_then_all_is(root, tmp_path):
    found = audit(root)
    (tmp_path / "val.txt").write_text("mine")
    with pytest.raises(OptionError) as caught:
        write_fixed_lists(found, tmp_path)
    assert (caught.value.where, caught.value.found) == (str(tmp_path / "val.txt"), "the file exists")
    assert (tmp_path / "val.txt").read_text() == "mine"
    assert not (tmp_path / "train.txt").exists()
    write_fixed_lists(found, tmp_path, overwrite=True)
    assert (tmp_path / "val.txt").read_text() == "v\n"


def test_a_list_of_nothing_is_not_written(root, tmp_path):
    (root / "SegmentationClass" / "v.png").write_bytes(b"")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("")
    fixed = write_fixed_lists(audit(root), tmp_path / "fixed")
    assert not (tmp_path / "fixed").exists()
    assert {one.split: str(one) for one in fixed} == {
        "val": "val: no list written, since no sample would be on it; left out 2: v, w",
        "train": "train: no list written, since it could not be read",
    }


def test_a_place_that_cannot_be_written_is_named(root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        write_fixed_lists(audit(root, splits=["val"]), os.path.join(tmp_path, "file", "lists", ""))
    assert caught.value.where == str(tmp_path / "file" / "lists" / "val.txt")
