"""Rules of one mask that hold whatever its legend, and of a mask with its photo."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from little_voc import COLOURS, a_photo, audit, make_voc, only, put_mask, put_photo, rules, some_labels
from segfeed.errors import MaskError


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": ["a", "b"]})


def mask(root, key="a"):
    return root / "SegmentationClass" / f"{key}.png"


@pytest.mark.slow
def test_a_jpeg_says_how_many_colours_it_has_and_should_have(tmp_path):
    size = (240, 320)
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"]}, size=size)
    Image.fromarray(COLOURS[some_labels(size)]).save(mask(root), "JPEG", quality=95)
    finding = only(audit(root))
    assert (finding.severity, finding.rule) == ("error", "mask-jpeg")
    assert finding.expected.startswith("a PNG or another lossless picture")
    with Image.open(mask(root)) as picture:
        colours = len(np.unique(np.array(picture).reshape(-1, 3), axis=0))
    assert f"a JPEG: {colours:,} colours where " in finding.found


def test_a_damaged_jpeg_is_still_called_a_jpeg(root):
    Image.fromarray(COLOURS[some_labels()]).save(mask(root), "JPEG")
    mask(root).write_bytes(mask(root).read_bytes()[:-300])
    finding = only(audit(root))
    assert (finding.rule, finding.found) == ("mask-jpeg", "a JPEG")


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
@pytest.mark.slow
def test_a_damaged_checksum_is_named(root, where):
    data = bytearray(mask(root).read_bytes())
    data[round(where * len(data))] ^= 16
    mask(root).write_bytes(data)
    finding = only(audit(root))
    assert (finding.severity, finding.rule) == ("error", "mask-damaged")
    assert "checksum of chunk" in finding.found


def test_a_truncated_mask_is_damaged(root):
    mask(root).write_bytes(mask(root).read_bytes()[:-40])
    finding = only(audit(root))
    assert finding.rule == "mask-damaged"
    assert "cut off after" in finding.found


def test_a_finding_has_the_fields_of_the_decoders_error(root, monkeypatch):
    def refuse(data, name):
        raise MaskError(name, found="id 'x; y'", expected="a: b", remedy="save it again")

    monkeypatch.setattr("segfeed.audit.facts.decode_mask", refuse)
    for finding in audit(root):
        assert (finding.rule, finding.found) == ("mask-unsupported", "id 'x; y'")
        assert (finding.expected, finding.remedy) == ("a: b", "save it again")


def test_kinds_that_hold_no_class_ids_are_refused_by_name(root):
    labels = some_labels()
    pictures = {
        "mask-16-bit": Image.fromarray(labels.astype(np.uint16) * 257),
        "mask-transparent": Image.fromarray(np.dstack([COLOURS[labels], labels])),
        "mask-unsupported": None,
    }
    for rule, picture in pictures.items():
        if picture is None:
            mask(root).write_bytes(b"%PDF")
        else:
            picture.save(mask(root), **({"transparency": 0} if rule == "mask-16-bit" else {}))
        finding = only(audit(root))
        assert (finding.severity, finding.rule, finding.key) == ("error", rule, "a")
        assert finding.file == "SegmentationClass/a.png"
        assert finding.expected
        assert finding.remedy


def test_an_opaque_alpha_channel_is_a_note(root):
    labels = some_labels()
    for key in "ab":
        put_mask(root, key, COLOURS[labels], None)
    opaque = np.dstack([COLOURS[labels], np.full_like(labels, 255)])
    Image.fromarray(opaque).save(mask(root))
    assert rules(audit(root)) == [("note", "mask-alpha", "a")]


def test_a_tag_that_turns_only_the_mask_is_a_warning(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(mask(root)) as picture:
        picture.load()
        picture.save(mask(root), exif=exif)
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.file) == ("warning", "exif-orientation", "SegmentationClass/a.png")


def test_text_in_a_mask_harms_nothing(root):
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "drawn by hand")
    with Image.open(mask(root)) as picture:
        picture.load()
        picture.save(mask(root), pnginfo=text)
    assert list(audit(root)) == []


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
    finding, count = audit(root)
    assert (finding.severity, finding.rule) == ("error", "size-transposed")
    assert "the EXIF orientation is 6" in finding.found
    assert (count.severity, count.rule) == ("note", "exif-orientation")


def test_a_size_is_compared_even_where_pixels_are_damaged(root):
    path = put_mask(root, "a", some_labels((48, 60)))
    path.write_bytes(path.read_bytes()[:-40])
    assert [finding.rule for finding in audit(root)] == ["mask-damaged", "size-mismatch"]
