"""JPEG: what a file declares about itself, read without decoding."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from segfeed.pixels.files.jpeg import read_jpeg_header


def as_jpeg(picture, **options):
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


@pytest.mark.parametrize(("mode", "components"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_declares_its_pixels(mode, components, progressive):
    header = read_jpeg_header(as_jpeg(Image.new(mode, (70, 30)), progressive=progressive))
    assert (30, 70, components, progressive, "", 1) == (
        header.height, header.width, header.components, header.progressive, header.unsupported, header.orientation,
    )  # fmt: skip


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_exif_orientation_is_read_in_both_byte_orders(turn, order):
    tiff = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HIHHHII", 42, 8, 2, 0x0100, 4, 1, 70)
    tiff += struct.pack(order + "HHIHH", 0x0112, 3, 1, turn, 0)
    assert turn == read_jpeg_header(as_jpeg(Image.new("L", (8, 8)), exif=b"Exif\0\0" + tiff)).orientation


@pytest.mark.parametrize("tiff", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0", b"II*\0\x08\0\0\0\xff\xff"])
def test_a_malformed_exif_block_means_upright(tiff):
    assert read_jpeg_header(as_jpeg(Image.new("L", (8, 8)), exif=b"Exif\0\0" + tiff)).orientation == 1


def test_an_orientation_that_does_not_exist_means_upright():
    exif = Image.Exif()
    exif[0x0112] = 9
    assert read_jpeg_header(as_jpeg(Image.new("L", (8, 8)), exif=exif)).orientation == 1


def test_a_jpeg_cut_before_its_frame_header_has_none():
    data = as_jpeg(Image.fromarray(np.zeros((8, 8, 3), np.uint8)))
    end = data.index(b"\xff\xc0") + 11
    assert {True} == {read_jpeg_header(data[:length]) is None for length in range(3, end)}
    assert read_jpeg_header(data) is not None


def test_fill_bytes_before_a_marker_are_skipped():
    data = as_jpeg(Image.new("L", (9, 5)))
    header = read_jpeg_header(data[:2] + b"\xff\xff\xff" + data[2:])
    assert (header.height, header.width) == (5, 9)


@pytest.mark.parametrize(
    ("marker", "bits", "feature"),
    [
        (0xC3, 8, "lossless coding"),
        (0xC9, 8, "arithmetic coding"),
        (0xC1, 12, "12 bits a channel"),
        (0xC5, 8, "hierarchical"),
    ],
)
def test_a_coding_that_no_decoder_takes_is_named(marker, bits, feature):
    frame = struct.pack(">BHHB", bits, 5, 9, 1) + b"\1\x11\0"
    data = b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda\0\2\xff\xd9"
    assert feature in read_jpeg_header(data).unsupported
