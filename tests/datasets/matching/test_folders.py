"""Folders: which one is the root, which files count, and how photos and masks come together."""

import os
from pathlib import Path

import pytest

from segfeed.datasets.matching.folders import (
    MASK_SUFFIXES,
    PHOTO_SUFFIXES,
    find_files,
    find_masks,
    find_root,
    has_pictures,
    is_to_predict,
    pair_files,
    pair_split,
    subfolders,
)
from segfeed.errors import SourceError, SourceMissingError


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def has_marker(folder: Path) -> bool:
    return (folder / "marker").is_file()


def test_root_is_the_folder_itself_before_any_folder_in_it(tmp_path):
    touch(tmp_path, "marker")
    touch(tmp_path / "inner", "marker")
    assert find_root(tmp_path, has_marker, "marked") == tmp_path


def test_root_is_the_one_folder_in_the_path(tmp_path):
    touch(tmp_path / "all" / "here" / "b", "marker")
    touch(tmp_path / "all" / "here" / "a")
    assert find_root(tmp_path / "all" / "here", has_marker, "marked") == tmp_path / "all" / "here" / "b"
    assert find_root(tmp_path / "all", has_marker, "marked") is None


def test_several_roots_are_refused_and_named(tmp_path):
    for name in "ba":
        touch(tmp_path / name, "marker")
    with pytest.raises(SourceError) as caught:
        find_root(tmp_path, has_marker, "marked")
    assert caught.value.found == "several marked datasets (a, b)"
    assert caught.value.remedy.startswith("pass the path of one, or put a legend file that counts for all")


def test_very_many_roots_are_counted_out_after_ten(tmp_path):
    for number in range(12):
        touch(tmp_path / f"{number:02d}", "marker")
    with pytest.raises(SourceError, match=r"00, 01, .*, 09, \.\.\.\)"):
        find_root(tmp_path, has_marker, "marked")


def test_file_and_missing_path_have_no_root_and_no_folders(tmp_path):
    path = touch(tmp_path, "marker") / "marker"
    assert find_root(path, has_marker, "marked") is None
    assert find_root(tmp_path / "nowhere", has_marker, "marked") is None
    assert subfolders(path) == []


@pytest.mark.parametrize(
    ("name", "is_one"), [("a.PNG", True), ("a.jpeg", True), ("a.tif", True), ("a.txt", False), (".a.png", False)]
)
def test_folder_has_pictures_if_a_visible_file_is_named_like_one(tmp_path, name, is_one):
    touch(tmp_path, name)
    assert has_pictures(tmp_path) is is_one
    assert not has_pictures(tmp_path / "nowhere")


def test_files_are_listed_by_stem_with_dots_and_without_hidden_ones(tmp_path):
    touch(tmp_path, "b.png", "a.JPG", "a.png", "frame.0001.png", ".hidden.png", "._a.jpg", "notes.txt", "png")
    (tmp_path / "folder").mkdir()
    assert find_files(tmp_path, PHOTO_SUFFIXES) == {
        "a": ["a.JPG", "a.png"],
        "b": ["b.png"],
        "frame.0001": ["frame.0001.png"],
    }
    assert find_files(tmp_path / "nowhere", PHOTO_SUFFIXES) == {}


def test_ending_chooses_files_and_is_taken_off(tmp_path):
    touch(tmp_path, "a.png", "a_mask.png", "b_mask.png", "_mask.png")
    assert find_files(tmp_path, MASK_SUFFIXES, ending="_mask") == {
        "": ["_mask.png"],
        "a": ["a_mask.png"],
        "b": ["b_mask.png"],
    }


def test_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(SourceError) as caught:
        find_files(tmp_path, PHOTO_SUFFIXES)
    assert caught.value.found == "the folder cannot be read (Permission denied)"
    assert caught.value.remedy == "check its permissions"


def test_masks_are_lossless_pictures_and_others_only_if_there_is_none(tmp_path):
    touch(tmp_path, "a.jpg", "b.heic", "c.txt")
    assert find_masks(tmp_path) == {"a": ["a.jpg"], "b": ["b.heic"]}
    touch(tmp_path, "d.png", "e.gif", "f.npy")
    assert find_masks(tmp_path) == {"d": ["d.png"], "e": ["e.gif"], "f": ["f.npy"]}


def test_only_a_test_split_may_do_without_masks(tmp_path):
    assert is_to_predict("test2012", [None, None])
    assert not is_to_predict("test", [None, "a.png"])
    assert not is_to_predict("val", [None])
    photos = (touch(tmp_path / "photos", "a.jpg"), {"a": ["a.jpg"]})
    files = pair_split("test", photos, (tmp_path / "masks", {}))
    assert [(sample.key, sample.mask) for sample in files.samples] == [("a", None)]
    with pytest.raises(SourceMissingError) as caught:
        pair_split("val", photos, (tmp_path / "masks", {}))
    assert caught.value.where == str(tmp_path / "masks")


def test_split_without_a_list_has_every_photo_and_mask_in_order(tmp_path):
    photos, masks = touch(tmp_path / "photos", "b.jpg", "a.jpg"), touch(tmp_path / "masks", "a.png", "c.png")
    files = pair_split("val", *((folder, find_files(folder, PHOTO_SUFFIXES)) for folder in (photos, masks)), why="so")
    assert [sample.key for sample in files.samples] == ["a"]
    assert [(lack.key, lack.what) for lack in files.missing] == [("b", "mask"), ("c", "photo")]
    assert (files.why, files.legend()) == ("so", None)


def test_pairs_keep_the_order_of_the_keys_and_name_what_is_missing(tmp_path):
    photos = touch(tmp_path / "photos", "a.jpg", "b.jpg", "c.jpg")
    masks = touch(tmp_path / "masks", "a.png", "c.png", "d.png")
    files = (photos, find_files(photos, PHOTO_SUFFIXES)), (masks, find_files(masks, MASK_SUFFIXES))
    samples, missing = pair_files(["c", "b", "a", "d", "e"], *files)
    assert [(sample.key, sample.photo.name, sample.mask.name) for sample in samples] == [
        ("c", "c.jpg", "c.png"),
        ("a", "a.jpg", "a.png"),
    ]
    assert [(lack.key, lack.what, lack.folder) for lack in missing] == [
        ("b", "mask", str(masks)),
        ("d", "photo", str(photos)),
        ("e", "photo", str(photos)),
        ("e", "mask", str(masks)),
    ]


def test_pairs_without_masks_are_for_prediction(tmp_path):
    photos = touch(tmp_path / "photos", "a.jpg")
    samples, missing = pair_files(["a", "b"], (photos, find_files(photos, PHOTO_SUFFIXES)), None)
    assert [(sample.key, sample.mask) for sample in samples] == [("a", None)]
    assert [(lack.key, lack.what) for lack in missing] == [("b", "photo")]


def test_two_masks_of_one_key_are_refused(tmp_path):
    photos, masks = touch(tmp_path / "photos", "a.jpg"), touch(tmp_path / "masks", "a.PNG", "a.png")
    with pytest.raises(SourceError) as caught:
        pair_files(["a"], (photos, {"a": ["a.jpg"]}), (masks, find_files(masks, MASK_SUFFIXES)))
    assert (caught.value.where, caught.value.expected) == (str(masks), "one")
    assert caught.value.found == "sample a has 2 masks (a.PNG, a.png)"


@pytest.mark.parametrize(("gone", "what"), [("photos", "photos"), ("masks", "masks")])
def test_missing_folder_is_named(tmp_path, gone, what):
    touch(tmp_path / "photos", "a.jpg")
    touch(tmp_path / "masks", "a.png")
    (tmp_path / gone).rename(tmp_path / "elsewhere")
    with pytest.raises(SourceMissingError) as caught:
        pair_files(["a"], (tmp_path / "photos", {"a": ["a.jpg"]}), (tmp_path / "masks", {"a": ["a.png"]}))
    assert (caught.value.where, caught.value.found) == (str(tmp_path / gone), "no such folder")
    assert caught.value.expected == f"the {what} of 1 listed samples"
