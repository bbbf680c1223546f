"""BMP masks: the indices or colours that are stored, with the palette that says what they mean."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from segfeed.errors import MaskError
from segfeed.pixels.codec import decode_mask, decode_photo, read_labels, read_palette
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

imageio = pytest.importorskip("imageio.v3")

IDS = (np.arange(37 * 53).reshape(37, 53) // 5 % 21).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
PALETTE = np.array(voc_colours(256), np.uint8)


def saved(picture):
    out = io.BytesIO()
    picture.save(out, "BMP")
    return out.getvalue()


def bmp(lines, width, height, bits, *, palette=b"", compression=0, masks=b"", used=0):
    """Write a BMP by hand: lines of bytes, each padded to four, in the order in which they stand in the file."""
    body = b"".join(line.ljust(-(-len(line) // 4) * 4, b"\0") for line in lines)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0, used, 0)
    start = 14 + len(header) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + masks + palette + body


def refusal(data):
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "a.bmp")
    assert caught.value.where == "a.bmp"
    assert caught.value.remedy
    return caught.value


def test_palette_masks_give_their_indices():
    picture = Image.fromarray(IDS)
    picture.putpalette(PALETTE.tobytes())
    data = saved(picture)
    mask = decode_mask(data, "a.bmp")
    np.testing.assert_array_equal(mask.pixels, IDS)
    np.testing.assert_array_equal(mask.palette, PALETTE)
    np.testing.assert_array_equal(read_palette(data), PALETTE)
    np.testing.assert_array_equal(read_labels(mask, VOC), IDS)


def test_gray_masks_have_a_palette_of_grays():
    mask = decode_mask(saved(Image.fromarray(IDS)))
    np.testing.assert_array_equal(mask.pixels, IDS)
    np.testing.assert_array_equal(mask.palette, np.repeat(np.arange(256)[:, None], 3, axis=1))


def test_colour_masks_equal_another_reader():
    data = saved(Image.fromarray(NOISE))
    mask = decode_mask(data)
    np.testing.assert_array_equal(mask.pixels, NOISE)
    np.testing.assert_array_equal(mask.pixels, imageio.imread(data))
    assert mask.palette is None


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("upside_down", [False, True])
def test_indices_of_any_bits_in_either_order(bits, upside_down):
    ids = IDS % min(1 << bits, 21)
    lines = [np.packbits((line[:, None] >> np.arange(bits)[::-1]) & 1).tobytes() for line in ids]
    colours = np.hstack([PALETTE[: 1 << bits, ::-1], np.zeros((1 << bits, 1), np.uint8)]).tobytes()
    data = bmp(lines[::-1] if upside_down else lines, 53, 37 if upside_down else -37, bits, palette=colours)
    mask = decode_mask(data)
    np.testing.assert_array_equal(mask.pixels, ids)
    np.testing.assert_array_equal(mask.palette, PALETTE[: 1 << bits])


def test_a_short_palette_is_as_long_as_it_says():
    data = bmp([b"\0\1\2"], 3, 1, 8, palette=bytes([1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0]), used=3)
    mask = decode_mask(data)
    assert mask.palette.tolist() == [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    assert mask.pixels.tolist() == [[0, 1, 2]]


def test_the_header_of_os2_is_read():
    palette = bytes([0, 0, 0, 10, 20, 30])
    body = bytes([0b10000000, 0, 0, 0])
    header = struct.pack("<IHHHH", 12, 2, 1, 1, 1)
    start = 14 + len(header) + len(palette)
    mask = decode_mask(b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + palette + body)
    assert (mask.pixels.tolist(), mask.palette.tolist()) == ([[1, 0]], [[0, 0, 0], [30, 20, 10]])


@pytest.mark.parametrize("fourth", [0, 255])
@pytest.mark.parametrize("compression", [0, 3])
def test_a_fourth_channel_that_is_not_in_use_is_dropped(fourth, compression):
    lines = [np.hstack([line[:, ::-1], np.full((53, 1), fourth, np.uint8)]).tobytes() for line in NOISE[::-1]]
    masks = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF) if compression else b""
    data = bmp(lines, 53, 37, 32, compression=compression, masks=masks)
    np.testing.assert_array_equal(decode_mask(data).pixels, NOISE)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (bmp([bytes(4) + bytes([1, 2, 3, 7])], 2, 1, 32), "a BMP whose fourth channel is in use"),
        (bmp([bytes(4) + bytes([1, 2, 3, 255])], 2, 1, 32), "a BMP whose fourth channel is in use"),
        (bmp([bytes(4)], 2, 1, 16), "a BMP with 16 bits a pixel"),
        (bmp([b"\2\1\0\1"], 2, 1, 8, palette=bytes(1024), compression=1), "a BMP with run lengths"),
        (bmp([bytes(8)], 2, 1, 32, compression=3, masks=struct.pack("<III", 255, 0xFF00, 0xFF0000)), "a BMP with 32"),
        (bmp([], 60000, 60000, 24), "declares 60000 x 60000 pixels"),
        (bmp([], 0, 5, 24), "declares 0 x 5 pixels"),
        (bmp([], -5, 5, 24), "declares -5 x 5 pixels"),
        (bmp([b"\0\1"], 2, 1, 8), "damaged BMP (a palette picture without a whole palette)"),
        (b"BM", "damaged BMP (cut off after 2 bytes)"),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_not_plain_is_refused(data, found):
    assert refusal(data).found.startswith(found)


@pytest.mark.parametrize("picture", [Image.fromarray(IDS), Image.fromarray(NOISE)], ids=["palette", "colour"])
def test_a_bmp_truncated_anywhere_is_refused(picture):
    data = saved(picture)
    for length in [*range(2, 60), *range(60, len(data), 61), len(data) - 1]:
        assert refusal(data[:length]).is_damage


def test_photos_are_read_as_before():
    np.testing.assert_array_equal(decode_photo(saved(Image.fromarray(NOISE)), "a.bmp"), NOISE)
