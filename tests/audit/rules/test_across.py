"""Rules of several splits: what a score would count twice."""

import io

import numpy as np
import pytest
from PIL import Image

from little_voc import a_photo, audit, make_voc, only, put_mask, put_photo, rules, some_labels
from segfeed.audit.checking import check


def copy_photo(root, key, of):
    path = root / "JPEGImages" / f"{key}.png"
    path.write_bytes((root / "JPEGImages" / f"{of}.png").read_bytes())


def recode(root, key, of):
    """Put a smaller, coarser copy of a photo in another's place."""
    out = io.BytesIO()
    Image.fromarray(a_photo(of)).save(out, "JPEG", quality=50)
    put_photo(root, key, np.array(Image.open(out)))


def test_a_sample_in_train_and_val_is_an_error_of_train(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b", "c"], "val": ["c", "d"]})
    found = audit(root)
    finding = only(found)
    assert (finding.severity, finding.rule) == ("error", "id-in-two-splits")
    assert (finding.split, finding.key, finding.also) == ("train", "c", (("val", "c"),))
    assert [checked.broken for checked in found.splits] == [("c",), ()]
    assert found.pairs == 4


@pytest.fixture(name="two_folders")
def _two_folders(tmp_path):
    """Make train and valid, each a folder of its own; photos by the seeds of each: {"train": {"x": "a"}, ...}."""

    def make(splits):
        for split, photos in splits.items():
            folder = tmp_path / split
            folder.mkdir()
            (folder / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
            for key, seed in photos.items():
                Image.fromarray(a_photo(seed)).save(folder / f"{key}.jpg")
                Image.fromarray(some_labels()).save(folder / f"{key}_mask.png")
        return tmp_path

    return make


def test_equal_names_of_different_photos_are_no_leak(two_folders):
    assert list(audit(two_folders({"train": {"x": "a", "y": "b"}, "valid": {"x": "c", "y": "d"}}))) == []


def test_equal_names_of_equal_photos_in_two_folders_are_a_leak(two_folders):
    finding = only(audit(two_folders({"train": {"x": "a", "y": "b"}, "valid": {"x": "c", "y": "b"}})))
    assert (finding.severity, finding.rule, finding.split) == ("error", "id-in-two-splits", "train")
    assert (finding.key, finding.also) == ("y", (("valid", "y"),))


def test_equal_photos_under_different_names_are_a_leak(two_folders):
    finding = only(audit(two_folders({"train": {"x": "a", "y": "b"}, "valid": {"x": "c", "z": "b"}})))
    assert (finding.severity, finding.rule) == ("error", "photo-duplicate-across-splits")
    assert (finding.key, finding.also) == ("y", (("valid", "z"),))


def test_an_equal_name_hides_no_photo_that_was_saved_again(two_folders):
    root = two_folders({"train": {"x": "a"}, "valid": {"x": "b"}})
    Image.fromarray(a_photo("a")).save(root / "valid/x.jpg", quality=40)
    finding = only(audit(root))
    assert (finding.severity, finding.rule) == ("warning", "photo-lookalike-across-splits")
    assert (finding.key, finding.also) == ("x", (("valid", "x"),))


def test_names_alone_do_not_make_a_leak_of_missing_files(two_folders):
    root = two_folders({"train": {"x": "a", "y": "b"}, "valid": {"x": "c", "y": "d"}})
    (root / "train/x_mask.png").unlink()
    assert [finding.rule for finding in audit(root)] == ["mask-missing"]


def test_a_listed_sample_without_files_is_still_in_two_lists(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["b", "c"]})
    (root / "SegmentationClass/b.png").unlink()
    assert ("error", "id-in-two-splits", "b") in rules(audit(root))


def turn(root, key, orientation=6):
    (root / "JPEGImages" / f"{key}.png").unlink()
    exif = Image.Exif()
    exif[0x0112] = orientation
    put_photo(root, key, np.rot90(a_photo(key)), ".jpg", exif=exif)


def test_an_audit_counts_the_photos_that_could_be_turned(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b", "c"], "val": ["d"]})
    for key in "ad":
        turn(root, key)
    turn(root, "c", orientation=1)  # nothing would turn this one
    found = audit(root)
    (note,) = [finding for finding in found if finding.rule == "exif-orientation"]
    assert (note.severity, note.also) == ("note", (("train", "a"), ("val", "d")))
    assert "2 samples" in note.found
    assert 'orientation="apply"' in note.remedy
    mismatches = {finding.key: finding.remedy for finding in found if finding.rule == "size-transposed"}
    assert {key: "apply" in remedy for key, remedy in mismatches.items()} == {"a": True, "c": False, "d": True}


def test_turned_photos_are_audited_as_they_are_read(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"]})
    turn(root, "a")
    assert list(check(root, crop_size=(32, 48), orientation="apply")) == []


@pytest.mark.parametrize("others", [{"trainval": list("abcd")}, {"trainval": list("dcba"), "all": list("abcd")}])
@pytest.mark.slow
def test_a_list_that_joins_others_is_no_leak(tmp_path, others):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["c", "d"], **others})
    found = audit(root)
    assert list(found) == []
    assert found.pairs == 4
    assert {checked.split: len(checked.keys) for checked in found.splits} == {
        "train": 2,
        "val": 2,
        **dict.fromkeys(others, 4),
    }


@pytest.mark.slow
def test_what_is_wrong_with_a_joined_list_is_said_once(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["c", "d"], "trainval": list("abcd")})
    (root / "SegmentationClass" / "a.png").write_bytes(b"")
    (root / "SegmentationClass" / "c.png").unlink()
    found = audit(root)
    assert rules(found) == [("error", "mask-damaged", "a"), ("error", "mask-missing", "c")]
    broken = {checked.split: checked.broken for checked in found.splits}
    assert broken == {"train": ("a",), "val": ("c",), "trainval": ("a", "c")}


def test_lists_of_one_kind_may_share_samples(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a"], "trainaug": ["a", "b"], "val": ["v"]})
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.split) == ("note", "id-in-two-splits", "train")
    assert finding.found == "samples shared with 'trainaug': a"


def test_lists_whose_names_say_nothing_are_a_warning(tmp_path):
    root = make_voc(tmp_path / "VOC", {"fold1": ["a", "b"], "fold2": ["b", "c"]})
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.split) == ("warning", "id-in-two-splits", "fold1")


def test_equal_bytes_in_train_and_test_are_an_error_of_train(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "test": ["t"]})
    copy_photo(root, "t", "b")
    finding = only(audit(root))
    assert (finding.severity, finding.rule) == ("error", "photo-duplicate-across-splits")
    assert (finding.split, finding.key, finding.also) == ("train", "b", (("test", "t"),))
    assert finding.found == "the same bytes as t in 'test'"


def test_equal_bytes_within_a_split_are_a_warning_and_another_mask_is_named(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b", "c"]})
    copy_photo(root, "b", "a")
    copy_photo(root, "c", "a")
    labels = some_labels()
    labels[0, 0] = 1
    put_mask(root, "c", labels)
    found = audit(root)
    assert rules(found) == [("warning", "photo-duplicate", "b"), ("warning", "photo-duplicate", "c")]
    assert [finding.found for finding in found] == [
        "the same bytes as a",
        "the same bytes as a, but with another mask",
    ]


def test_a_photo_saved_again_is_a_warning_across_splits_and_a_note_within(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b", "c"], "val": ["v", "w"]})
    recode(root, "v", "b")
    recode(root, "c", "a")
    found = audit(root)
    assert rules(found) == [("warning", "photo-lookalike-across-splits", "b"), ("note", "photo-lookalike", "c")]
    assert found.findings[0].found == "looks nearly like v in 'val'"
    assert found.findings[1].also == (("train", "a"),)


def test_an_equal_copy_is_not_a_lookalike_besides(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b", "c"], "trainaug": ["b", "d"]})
    copy_photo(root, "b", "a")
    recode(root, "c", "a")
    assert rules(audit(root)) == [
        ("warning", "photo-duplicate", "b"),
        ("note", "id-in-two-splits", ""),
        ("note", "photo-lookalike", "c"),
    ]


@pytest.mark.slow
def test_a_group_names_at_most_ten_others(tmp_path):
    val = [f"v{number}" for number in range(12)]
    root = make_voc(tmp_path / "VOC", {"train": ["a"], "val": val})
    for key in val:
        copy_photo(root, key, "a")
    finding = only(audit(root))
    assert finding.found == "the same bytes as v0, v1, v2 and others in 'val'"
    assert len(finding.also) == 10
