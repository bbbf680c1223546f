"""JPEG, strictly: what is padded is read, what is missing is refused, even if zeros stand in its place."""

import io

import numpy as np
import pytest
from PIL import Image

from segfeed.errors import PhotoError
from segfeed.pixels.codec import decode_photo, read_photo_header

NOISE = np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)
FLAT = np.full((61, 83, 3), 90, np.uint8)
SMOOTH = np.array(Image.fromarray(NOISE[:6, :8]).resize((83, 61), Image.Resampling.BICUBIC))


def as_jpeg(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


PICTURES = pytest.mark.parametrize(
    "pixels", [NOISE, SMOOTH, FLAT, NOISE[..., 0]], ids=["noise", "smooth", "flat", "gray"]
)
CODINGS = pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 2}], ids=str
)


def refusal(data):
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, "a.jpg")
    assert caught.value.where == "a.jpg"
    assert caught.value.is_damage
    return caught.value


@CODINGS
@pytest.mark.parametrize("pixels", [NOISE, SMOOTH, NOISE[..., 0]], ids=["noise", "smooth", "gray"])
@pytest.mark.parametrize("count", [1, 4, 5, 245, 5000])
def test_zeros_before_the_end_mark_change_no_pixel(pixels, options, count):
    data = as_jpeg(pixels, **options)
    padded = data[:-2] + bytes(count) + data[-2:]
    expected = decode_photo(data, "a.jpg")
    np.testing.assert_array_equal(decode_photo(padded, "a.jpg"), expected)
    np.testing.assert_array_equal(decode_photo(padded + b"trailer", "a.jpg"), expected)
    out = np.zeros_like(expected)
    assert decode_photo(padded, "a.jpg", out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert read_photo_header(padded, "a.jpg").height == 61


@PICTURES
@CODINGS
@pytest.mark.parametrize("count", [6, 300, 20_000])
def test_zeros_in_place_of_pixels_are_refused(pixels, options, count):
    """As a download leaves it that got the last block, but not the one before: zeros are codes, too."""
    data = as_jpeg(pixels, **options)
    scan = data.rindex(b"\xff\xda") + 14
    expected = decode_photo(data, "a.jpg")
    for share in (0.0, 0.2, 0.5, 0.8, 0.95):
        kept = scan + int((len(data) - 2 - scan) * share)
        damaged = data[:kept] + bytes(count) + b"\xff\xd9"
        if kept >= len(data) - 4:  # little but the bits that fill the last byte is gone
            continue
        try:
            found = decode_photo(damaged, "a.jpg")
        except PhotoError as error:
            assert error.is_damage  # noqa: PT017 - either way is right
        else:
            np.testing.assert_array_equal(found, expected)


def test_zeros_behind_pixels_that_end_in_a_zero_are_refused_in_words_that_leave_a_way_on():
    """Nothing says which zeros are pixels."""
    data = as_jpeg(FLAT)
    assert data[-3] == 0
    assert "save it again as PNG" in refusal(data[:-2] + bytes(245) + data[-2:]).remedy


def test_other_bytes_before_the_end_mark_are_refused_in_words_that_leave_a_way_on():
    data = as_jpeg(NOISE)
    error = refusal(data[:-2] + b"\x7f" * 245 + data[-2:])
    assert "extraneous bytes before marker 0xd9" in error.found
    assert error.remedy == "look at it: if it is whole, save it again as PNG, else restore it from its origin"


@pytest.mark.parametrize("stray", [b"ab", b"\0", b"\0\0\0", b"a\xff\0b"])
def test_stray_bytes_between_segments_are_named(stray):
    data = as_jpeg(NOISE)
    error = refusal(data[:2] + b"\xff\xfe\0\4ab" + stray + data[2:])
    assert "extraneous bytes" in error.found
    assert "save it again" in error.remedy
    assert read_photo_header(data[:2] + b"\xff\xfe\0\4ab" + stray + data[2:], "a.jpg").width == 83


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}], ids=str)
@pytest.mark.slow
def test_padding_hides_no_flipped_bit(options):
    """A bit that was flipped makes other codes of those behind it; none of that may pass for padding."""
    data = as_jpeg(SMOOTH, **options)
    padded = data[:-2] + bytes(100) + data[-2:]
    scan = data.rindex(b"\xff\xda") + 14
    for at in range(scan, len(data) - 2, 5):
        plain, long = bytearray(data), bytearray(padded)
        plain[at] ^= 16
        long[at] ^= 16
        try:
            expected = decode_photo(bytes(plain), "a.jpg")
        except PhotoError:
            refusal(bytes(long))
        else:
            np.testing.assert_array_equal(decode_photo(bytes(long), "a.jpg"), expected)


@pytest.mark.slow
def test_a_real_photo_with_padding_is_read(voc2012_part):
    for path in sorted((voc2012_part / "JPEGImages").iterdir())[:5]:
        data = path.read_bytes()
        expected = decode_photo(data, path.name)
        np.testing.assert_array_equal(decode_photo(data[:-2] + bytes(245) + data[-2:], path.name), expected)
        scan = data.rindex(b"\xff\xda")
        half = (scan + len(data)) // 2
        for size in (len(data) - half, 10 * len(data)):
            with pytest.raises(PhotoError):
                decode_photo(data[:half] + bytes(size) + b"\xff\xd9", path.name)
