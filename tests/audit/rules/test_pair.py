"""Rules of a photo and its mask together."""

import pytest
from PIL import Image

from little_voc import a_photo, audit, make_voc, only, put_mask, put_photo, some_labels


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": ["a", "b"]})


def test_sizes_that_differ_are_both_named(root):
    put_mask(root, "a", some_labels((48, 60)))
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.key) == ("error", "size-mismatch", "a")
    assert finding.found == "a mask of 60 x 48 px (width x height)"
    assert finding.expected == "the photo's 64 x 48"


def test_transposed_sizes_are_named_with_their_likely_cause(root):
    put_mask(root, "a", some_labels((64, 48)))
    finding = only(audit(root))
    assert (finding.severity, finding.rule) == ("error", "size-transposed")
    assert "most likely by its EXIF orientation" in finding.found


def test_a_tag_that_explains_transposed_sizes_is_one_finding_with_them(root):
    tags = Image.Exif()
    tags[0x0112] = 6
    (root / "JPEGImages" / "a.png").unlink()
    put_photo(root, "a", a_photo("a"), ".jpg", exif=tags)
    put_mask(root, "a", some_labels((64, 48)))
    finding = only(audit(root))
    assert finding.rule == "size-transposed"
    assert "the EXIF orientation is 6" in finding.found


def test_a_size_is_compared_even_where_pixels_are_damaged(root):
    path = put_mask(root, "a", some_labels((48, 60)))
    path.write_bytes(path.read_bytes()[:-40])
    assert [finding.rule for finding in audit(root)] == ["mask-damaged", "size-mismatch"]
