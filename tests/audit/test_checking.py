"""The audit: what it takes, what it promises, and what it says about real and odd data."""

import shutil

import numpy as np
import pytest
from PIL import Image

import segfeed
from little_voc import a_photo, audit, make_voc, put_mask, put_photo, rules, some_labels
from segfeed.audit.checking import check
from segfeed.errors import OptionError, SourceError

# File of shared data/odd -> what is wrong with it as a photo, and as a mask. A rule of None: nothing is.
ODD = {
    "fcn_2007_000129_rgbcoded_prediction.png": (None, None),
    "labelmeweb_img1_mask_5.png": (("note", "photo-alpha"), ("error", "mask-transparent")),
    "pillow_app13-multiple.jpg": (None, ("error", "mask-jpeg")),
    "pillow_broken.png": (("error", "photo-damaged"), ("error", "mask-damaged")),
    "pillow_hopper_bw_500.png": (("note", "photo-gray"), ("error", "mask-unknown")),
    "pillow_hopper_gray.jpg": (("note", "photo-gray"), ("error", "mask-jpeg")),
    "pillow_hopper_orientation_6.jpg": (("error", "exif-orientation"), ("error", "mask-jpeg")),
    "pillow_i_trns.png": (("error", "photo-unsupported"), ("error", "mask-16-bit")),
    "pillow_l_trns.png": (("note", "photo-gray"), ("error", "mask-unsupported")),
    "pillow_orientation_rectangle.jpg": (("error", "exif-orientation"), ("error", "mask-jpeg")),
    "pillow_pil_sample_cmyk.jpg": (("warning", "photo-cmyk"), ("error", "mask-jpeg")),
    "pillow_truncated_image.png": (("error", "photo-damaged"), ("error", "mask-damaged")),
    "pillow_truncated_jpeg.jpg": (("error", "photo-damaged"), ("error", "mask-jpeg")),
    "pillow_uncompressed_la.png": (("note", "photo-alpha"), ("error", "mask-transparent")),
}
# What is true besides: two pixels are tiny and so void, masks of other kinds are mixed, the part shows few classes.
BESIDES = {"photo-tiny", "photo-smaller-than-crop", "mask-all-void", "mask-encodings-mixed", "class-never-occurs"}


def size_of(path):
    try:
        with Image.open(path) as picture:
            return picture.size[::-1]
    except OSError:
        return 48, 64


def put_odd(root, odd, part):
    size = size_of(odd)
    put_mask(root, "a", np.full(size, 255, np.uint8) if min(size) < 8 else some_labels(size))
    put_photo(root, "a", a_photo("a", size))
    (root / "labelmap.txt").unlink()  # VOC's own colours, which the odd masks bear
    if part == "photo":
        (root / "JPEGImages" / "a.png").unlink()
        shutil.copy(odd, root / "JPEGImages" / f"a{odd.suffix}")
    else:
        shutil.copy(odd, root / "SegmentationClass" / "a.png")


@pytest.mark.parametrize("part", ["photo", "mask"])
@pytest.mark.parametrize("name", ODD)
@pytest.mark.slow
def test_each_odd_file_gets_exactly_its_finding(tmp_path, shared_data, name, part):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b", "c"]})
    put_odd(root, shared_data / "odd" / name, part)
    found = [finding for finding in audit(root) if finding.rule not in BESIDES]
    expected = ODD[name][part == "mask"]
    assert [(finding.severity, finding.rule) for finding in found] == ([] if expected is None else [expected])
    assert {finding.key for finding in found} <= {"a"}
    assert all(finding.found and finding.expected and finding.remedy for finding in found)


@pytest.mark.parametrize("part", ["photo", "mask"])
@pytest.mark.parametrize("name", ODD)
@pytest.mark.slow
def test_what_has_no_error_can_be_read_and_what_has_one_cannot(tmp_path, shared_data, name, part):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"]})
    put_odd(root, shared_data / "odd" / name, part)
    source = segfeed.scan(root)
    broken = audit(root).splits[0].broken
    assert broken in {(), ("a",)}
    if broken:
        with pytest.raises(SourceError):
            source.read(0)
    else:
        source.read(0)


def test_every_odd_file_is_in_the_table(shared_data):
    assert set(ODD) == {path.name for path in (shared_data / "odd").iterdir() if path.suffix != ".md"}


@pytest.mark.slow
def test_real_voc_has_no_error(voc2012_part):
    found = check(voc2012_part)
    assert found.count()["error"] == 0
    assert {finding.rule for finding in found} == {
        "class-never-occurs",
        "class-not-trained",
        "class-not-scored",
        "photo-smaller-than-crop",
    }
    assert (found.format, found.pairs) == ("voc", 140)
    assert {checked.split: len(checked.keys) for checked in found.splits} == {"train": 80, "trainval": 140, "val": 60}


@pytest.mark.slow
def test_masks_saved_as_jpeg_are_all_named(shared_data):
    found = check(shared_data / "exports" / "jpeg-masks", legend=["background"])
    assert rules(found) == [("error", "mask-jpeg", key) for key in ("0", "10", "1")]
    assert [finding.found.split(",")[0] for finding in found] == [
        "a JPEG: 90 colours where 2 were expected",
        "a JPEG: 96 colours where 2 were expected",
        "a JPEG: 98 colours where 2 were expected",
    ]
    assert all(finding.file.startswith("masks/") for finding in found)


def test_a_pair_may_have_several_findings_and_none_is_lost(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["v"]})
    tags = Image.Exif()
    tags[0x0112] = 3
    (root / "JPEGImages" / "a.png").unlink()
    put_photo(root, "a", a_photo("a"), ".jpg", exif=tags)
    labels = some_labels((40, 60))
    labels[0, 0] = 99
    put_mask(root, "a", labels)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("v\nv\n")
    found = audit(root)
    assert rules(found) == [
        ("error", "exif-orientation", "a"),
        ("error", "list-malformed", ""),
        ("error", "mask-unknown", "a"),
        ("error", "size-mismatch", "a"),
    ]
    assert found.pairs == 2
    assert [(checked.split, checked.readable) for checked in found.splits] == [("train", True), ("val", False)]


@pytest.mark.slow
def test_findings_come_in_one_order_for_any_number_of_threads(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": [f"a{number}" for number in range(12)]})
    for number in range(0, 12, 3):
        (root / "SegmentationClass" / f"a{number}.png").write_bytes(b"")
    expected = [f"a{number}" for number in range(0, 12, 3)]
    for threads in (0, 1, 3):
        assert [finding.key for finding in audit(root, threads=threads)] == expected


def test_a_scanned_source_is_checked_as_it_is(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["v"]})
    (root / "SegmentationClass" / "v.png").write_bytes(b"")
    assert list(check(segfeed.scan(root), crop_size=(8, 8))) == []
    for how in ({"splits": ["train"]}, {"legend": ["a"]}):
        with pytest.raises(OptionError) as caught:
            check(segfeed.scan(root), **how)
        assert caught.value.where == "data"


def test_every_pair_is_read_once(tmp_path, monkeypatch):
    from segfeed.datasets.blobs import File  # noqa: PLC0415 - patched here only

    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"], "val": ["v"], "trainval": ["a", "b", "v"]})
    read, places = File.read, []
    monkeypatch.setattr(File, "read", lambda blob, limit=-1: places.append(blob.address) or read(blob, limit))
    audit(root)
    assert len(places) == len(set(places)) == 6


def test_without_a_legend_files_are_checked_and_classes_are_not(tmp_path):
    root = tmp_path / "pets"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for key in "abcdef":
        Image.fromarray(a_photo(key)).save(root / "images" / f"{key}.png")
        Image.fromarray(some_labels() + 30).save(root / "masks" / f"{key}.png")
    (root / "images" / "c.png").write_bytes((root / "images" / "c.png").read_bytes()[:99])
    assert rules(audit(root)) == [("error", "legend-unusable", ""), ("error", "photo-damaged", "c")]


def test_a_dataset_that_cannot_be_listed_at_all_is_still_answered(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a"]})
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("")
    found = audit(root)
    assert rules(found) == [("error", "list-malformed", "")]
    assert (found.pairs, found.name) == (0, "VOC")


def test_a_tar_is_audited_like_its_folder(tmp_path):
    import tarfile  # noqa: PLC0415 - here only

    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"]})
    (root / "SegmentationClass" / "b.png").write_bytes(b"")
    with tarfile.open(tmp_path / "voc.tar", "w") as archive:
        archive.add(root, "VOCdevkit/VOC2012")
    found = audit(tmp_path / "voc.tar", legend=root / "labelmap.txt")
    assert rules(found) == [("error", "mask-damaged", "b")]
    assert found.format == "tar"


@pytest.mark.parametrize("crop", [(0, 8), (8, -1), (8.0, 8), (True, 8)])
def test_a_crop_without_meaning_is_refused(voc_folder, crop):
    with pytest.raises(OptionError):
        check(voc_folder, crop_size=crop)


@pytest.mark.slow
def test_the_sample_is_without_fault():
    found = check("sample", crop_size=(8, 8))
    assert found.count()["error"] == found.count()["warning"] == 0
    assert found.pairs == 206
