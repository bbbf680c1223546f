"""Rules of one photo: each finds its fault, and nothing else."""

import numpy as np
import pytest
from PIL import Image

from little_voc import a_photo, audit, make_voc, only, put_mask, put_photo, rules, some_labels
from segfeed.errors import PhotoError, SourceMissingError


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": ["a", "b"]})


def as_jpeg(root, key, **how):
    (root / "JPEGImages" / f"{key}.png").unlink()
    return put_photo(root, key, a_photo(key), ".jpg", **how)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def test_good_photos_of_every_kind_give_no_finding(root):
    as_jpeg(root, "a", progressive=True, quality=90, exif=exif(1))
    assert list(audit(root)) == []


def test_a_truncated_photo_is_damaged(root):
    path = as_jpeg(root, "a")
    path.write_bytes(path.read_bytes()[:-200])
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.split, finding.key) == ("error", "photo-damaged", "train", "a")
    assert finding.file == "JPEGImages/a.jpg"
    assert finding.found.startswith("damaged JPEG (")
    assert finding.remedy == "restore the file from its origin"


def test_a_photo_with_a_wrong_checksum_is_damaged(root):
    path = root / "JPEGImages" / "a.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    finding = only(audit(root))
    assert finding.rule == "photo-damaged"


@pytest.mark.parametrize(
    ("data", "rule", "found"),
    [
        (b"", "photo-damaged", "empty (0 bytes)"),
        (b"<html>not found</html>", "photo-unsupported", "an HTML or XML page"),
    ],
)
def test_what_is_no_photo_is_named(root, data, rule, found):
    (root / "JPEGImages" / "a.png").write_bytes(data)
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.found) == ("error", rule, found)
    assert finding.expected == "a PNG, as the name says"


@pytest.mark.parametrize("is_damage", [True, False])
def test_a_finding_has_the_fields_of_the_decoders_error(root, monkeypatch, is_damage):
    def refuse(data, name):
        raise PhotoError(name, found="row 3; a hole: dark", expected="light", remedy="mend it", is_damage=is_damage)

    monkeypatch.setattr("segfeed.audit.facts.decode_photo", refuse)
    for finding in audit(root):
        assert (finding.found, finding.expected, finding.remedy) == ("row 3; a hole: dark", "light", "mend it")
        assert finding.rule == ("photo-damaged" if is_damage else "photo-unsupported")


def test_fields_that_the_error_leaves_empty_have_defaults(root, monkeypatch):
    def refuse(data, name):
        raise PhotoError(name, found="a hole")

    monkeypatch.setattr("segfeed.audit.facts.decode_photo", refuse)
    assert {(finding.expected, finding.remedy) for finding in audit(root)} == {
        ("a whole, readable file", "replace the file")
    }


def test_a_photo_of_16_bits_is_unsupported(root):
    Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)).save(root / "JPEGImages" / "a.png")
    finding = only(audit(root))
    assert (finding.rule, finding.expected) == ("photo-unsupported", "8 bits a channel")


def test_a_photo_that_goes_after_the_scan_is_gone(root, monkeypatch):
    def read(blob, limit_bytes=-1):
        if blob.name == "a.png" and "JPEGImages" in blob.address:
            raise SourceMissingError(blob.address, found="gone since the source was scanned", remedy="scan it again")
        return original(blob, limit_bytes)

    from segfeed.datasets.blobs import File  # noqa: PLC0415 - patched here only

    original = File.read
    monkeypatch.setattr(File, "read", read)
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.remedy) == ("error", "photo-gone", "scan it again")


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_tag_that_turns_only_the_photo_is_an_error(root, orientation):
    for key in "ab":
        (root / "JPEGImages" / f"{key}.png").unlink()
        put_photo(root, key, a_photo(key, (50, 50)), ".jpg", exif=exif(orientation if key == "a" else 1))
        put_mask(root, key, some_labels((50, 50)))
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.key) == ("error", "exif-orientation", "a")
    assert finding.found == f"EXIF orientation {orientation} turns the photo on screens, but not its mask"


def test_a_turned_photo_that_is_only_predicted_is_a_note(tmp_path):
    root = make_voc(tmp_path / "VOC", {"train": ["a"], "test": ["t"]})
    (root / "SegmentationClass" / "t.png").unlink()
    (root / "JPEGImages" / "t.png").unlink()
    put_photo(root, "t", a_photo("t"), ".jpg", exif=exif(6))
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.split) == ("note", "exif-orientation", "test")


@pytest.mark.parametrize(
    ("mode", "suffix", "severity", "rule"),
    [
        ("L", ".jpg", "note", "photo-gray"),
        ("L", ".png", "note", "photo-gray"),
        ("CMYK", ".jpg", "warning", "photo-cmyk"),
        ("RGBA", ".png", "note", "photo-alpha"),
    ],
)
@pytest.mark.slow
def test_photos_that_are_converted_are_told(root, mode, suffix, severity, rule):
    (root / "JPEGImages" / "a.png").unlink()
    Image.fromarray(a_photo("a")).convert(mode).save(root / "JPEGImages" / f"a{suffix}")
    assert rules(audit(root)) == [(severity, rule, "a")]


def test_a_tiny_photo_is_a_warning(root):
    put_photo(root, "a", a_photo("a", (15, 40)))
    put_mask(root, "a", some_labels((15, 40)))
    finding = only(audit(root))
    assert (finding.severity, finding.rule) == ("warning", "photo-tiny")
    assert finding.found == "a photo of 40 x 15 px (width x height)"
