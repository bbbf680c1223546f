"""Rules of files: what lies beside those that are used."""

import pytest
from PIL import Image

from little_voc import a_photo, audit, make_voc, only, put_mask, some_labels


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["v"]})


def unlist(root, key):
    path = root / "ImageSets" / "Segmentation" / "train.txt"
    path.write_text(path.read_text().replace(f"{key}\n", ""))


def test_pictures_that_no_list_names_are_counted_by_folder(root):
    unlist(root, "a")
    photos, masks = audit(root)
    assert (photos.severity, photos.rule, photos.file) == ("note", "file-unlisted", "JPEGImages")
    assert photos.found == "1 of 3 pictures are in no split, such as a.png"
    assert masks.file == "SegmentationClass"


def test_where_not_all_splits_are_checked_nothing_is_called_unlisted(root):
    assert list(audit(root, splits=["train"])) == []


def test_a_listed_photo_without_its_mask_is_not_unlisted(root):
    (root / "SegmentationClass" / "a.png").unlink()
    assert only(audit(root)).rule == "mask-missing"


def test_other_files_are_nobodys_business(root):
    (root / "JPEGImages" / "readme.txt").write_text("photos")
    (root / "JPEGImages" / "more").mkdir()
    put_mask(root, "a", some_labels())
    assert list(audit(root)) == []


def test_the_photo_of_a_missing_mask_is_no_stray_where_both_share_a_folder(tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
    for key in "ab":
        Image.fromarray(a_photo(key)).save(folder / f"{key}.jpg")
    Image.fromarray(some_labels()).save(folder / "a_mask.png")
    finding = only(audit(tmp_path))
    assert (finding.rule, finding.key, finding.found) == ("mask-missing", "b", "no mask")
