"""WebP: lossless ones are masks, lossy ones never; the size is read without decoding."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from segfeed.errors import MaskError, PhotoError
from segfeed.pixels.codec import decode_mask, decode_photo, read_labels, read_photo_header
from segfeed.pixels.public_legends import VOC

NOISE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
IDS = (np.arange(37 * 53).reshape(37, 53) // 5 % 21).astype(np.uint8)


def as_webp(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", **options)
    return out.getvalue()


def exif(turn):
    block = Image.Exif()
    block[0x0112] = turn
    return block


def refusal(data):
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "a.webp")
    assert caught.value.where == "a.webp"
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("options", [{}, {"exif": exif(1)}, {"method": 6}, {"icc_profile": b"a profile"}], ids=range(4))
def test_lossless_masks_give_their_colours(options):
    mask = decode_mask(as_webp(NOISE, lossless=True, **options), "a.webp")
    np.testing.assert_array_equal(mask.pixels, NOISE)
    assert mask.palette is None
    painted = decode_mask(as_webp(VOC.paint(IDS), lossless=True, **options))
    np.testing.assert_array_equal(read_labels(painted, VOC), IDS)


def test_alpha_must_be_opaque():
    opaque = np.dstack([NOISE, np.full((37, 53), 255, np.uint8)])
    np.testing.assert_array_equal(decode_mask(as_webp(opaque, lossless=True)).pixels, NOISE)
    opaque[1, 2, 3] = 254
    assert "of the mask is transparent" in refusal(as_webp(opaque, lossless=True, exact=True)).found


@pytest.mark.parametrize("options", [{}, {"quality": 100}, {"exif": exif(1)}, {"alpha": True}], ids=range(4))
def test_lossy_masks_are_refused(options):
    pixels = NOISE
    if options.pop("alpha", False):
        pixels = np.dstack([NOISE, NOISE[..., 0]])
    error = refusal(as_webp(pixels, **options))
    assert error.found == "a lossy WebP, whose loss has blurred the colours"
    assert not error.is_damage


def test_animations_are_refused():
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert refusal(out.getvalue()).found == "an animated WebP"
    with pytest.raises(PhotoError):
        decode_photo(out.getvalue(), "a.webp")
    assert read_photo_header(out.getvalue(), "a.webp").width == 53


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (37, 53), (400, 3)])
def test_the_size_is_read_from_the_first_bytes(lossless, size):
    data = as_webp(np.zeros((*size, 3), np.uint8), lossless=lossless)
    header = read_photo_header(data[:30], "a.webp")
    assert (header.height, header.width, header.orientation) == (*size, 1)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("turn", [1, 6])
def test_the_orientation_stands_behind_the_pixels(lossless, turn):
    data = as_webp(NOISE, lossless=lossless, exif=exif(turn))
    assert read_photo_header(data, "a.webp").orientation == turn
    with pytest.raises(PhotoError):  # who reads the first bytes alone would call it upright
        read_photo_header(data[:64], "a.webp")


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.slow
def test_a_webp_truncated_anywhere_is_refused(lossless):
    data = as_webp(NOISE, lossless=lossless)
    for length in range(12, len(data), 7):
        with pytest.raises(PhotoError):
            decode_photo(data[:length], "a.webp")
        refusal(data[:length])


@pytest.mark.parametrize("lossless", [False, True])
def test_a_broken_exif_block_changes_no_pixel_or_is_named(lossless):
    data = as_webp(NOISE[:6, :8], lossless=lossless, exif=exif(6))
    expected = decode_photo(data, "a.webp")
    start = data.index(b"EXIF")
    for place in range(start, len(data)):
        for value in (0, 1, 0x7F, 0xFF):
            broken = data[:place] + bytes([value]) + data[place + 1 :]
            named = contextlib.suppress(PhotoError) if place < start + 8 else contextlib.nullcontext()  # kind, length
            with named:
                assert np.array_equal(decode_photo(broken, "a.webp"), expected)


def test_a_size_of_billions_of_pixels_is_refused_before_memory_is_taken():
    data = bytearray(as_webp(NOISE, exif=exif(1)))
    data[24:30] = b"\xff\xff\x3f\xff\xff\x03"
    with pytest.raises(PhotoError) as caught:
        decode_photo(bytes(data), "a.webp")
    assert caught.value.found.startswith("declares ")
