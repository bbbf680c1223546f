"""Headers: what PNG and JPEG files declare, read without decoding, every PNG checksum verified."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from segfeed.errors import MaskError
from segfeed.pixels.headers import PNG_MAGIC, kind_of, read_jpeg_header, read_png


def as_png(picture, **options):
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


def as_jpeg(picture, **options):
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(*chunks):
    return PNG_MAGIC + b"".join(chunk(kind, body) for kind, body in chunks)


def header_of(width=2, height=1, bits=8, colour=0):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)


PIXELS = b"IDAT", zlib.compress(b"\0\1\2")
END = b"IEND", b""


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty (0 bytes)"),
        (b"\xff\xd8\xff\xe0", "a JPEG"),
        (PNG_MAGIC, "a PNG"),
        (b"GIF89a", "a GIF"),
        (b"BM12", "a BMP"),
        (b"RIFF1234WEBPVP8 ", "a WebP"),
        (b"\0\0\0\x18ftypheic", "a HEIF or AVIF"),
        (b"\0\0\0\x18ftypavif", "a HEIF or AVIF"),
        (b"<!DOCTYPE html>", "an HTML or XML page"),
        (b"<svg", "an HTML or XML page"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"II*\0", "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"hello", "not a picture"),
        (b"\x89PN", "not a picture"),
    ],
)
def test_the_first_bytes_tell_the_kind(data, kind):
    assert kind == kind_of(data)


@pytest.mark.parametrize(
    ("mode", "kind", "bits"),
    [
        ("L", "gray", 8), ("1", "gray", 1), ("I;16", "gray", 16), ("RGB", "colour", 8), ("LA", "gray with alpha", 8),
        ("RGBA", "colour with alpha", 8),
    ],
)  # fmt: skip
def test_a_png_declares_its_pixels(mode, kind, bits):
    png = read_png(as_png(Image.new(mode, (7, 3))), "m.png", MaskError)
    assert (3, 7, kind, bits, None) == (png.height, png.width, png.kind, png.bits, png.palette)


def test_a_palette_png_declares_its_own_colours():
    picture = Image.new("P", (4, 2))
    picture.putpalette([1, 2, 3, 4, 5, 6])
    png = read_png(as_png(picture), "m.png", MaskError)
    assert (png.kind, png.palette[:2].tolist()) == ("palette", [[1, 2, 3], [4, 5, 6]])


def test_chunks_that_pixels_do_not_need_are_dropped():
    plain = png_of(header_of(), PIXELS, END)
    long = png_of(header_of(), (b"tEXt", b"a\0b"), (b"pHYs", bytes(9)), PIXELS, (b"tIME", bytes(7)), END)
    assert plain == read_png(long, "m.png", MaskError).pixels_only(long)
    assert plain is read_png(plain, "m.png", MaskError).pixels_only(plain)


def test_bytes_after_the_end_mark_change_nothing():
    plain = png_of(header_of(), PIXELS, END)
    assert read_png(plain, "m", MaskError).chunks == read_png(plain + b"junk", "m", MaskError).chunks


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (PNG_MAGIC, r"cut off after 8 bytes, before its end mark"),
        (png_of(header_of(), PIXELS), "before its end mark"),
        (png_of(header_of(), PIXELS, END)[:50], "inside chunk IDAT"),
        (png_of(header_of(), END), "no header or no pixels"),
        (png_of(PIXELS, END), "no header or no pixels"),
        (png_of(PIXELS, header_of(), END), "no header or no pixels"),
        (png_of((b"IHDR", b"short"), PIXELS, END), "no header or no pixels"),
        (png_of(header_of(colour=5), PIXELS, END), "colour type 5 with 8 bits does not exist"),
        (png_of(header_of(bits=3), PIXELS, END), "colour type 0 with 3 bits does not exist"),
        (png_of(header_of(colour=3), PIXELS, END), "without a whole palette"),
        (png_of(header_of(colour=3), (b"PLTE", b"1234"), PIXELS, END), "without a whole palette"),
        (png_of(header_of(), (b"acTL", bytes(8)), PIXELS, END), "an animated PNG"),
    ],
    ids=range(12),
)
def test_a_png_that_is_not_whole_is_refused(data, found):
    with pytest.raises(MaskError, match=rf"^m\.png: .*{found}"):
        read_png(data, "m.png", MaskError)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tEXt", b"IDAT", b"IEND"])
def test_a_checksum_that_differs_is_named_with_its_chunk(kind):
    data = bytearray(png_of(header_of(colour=3), (b"PLTE", bytes(9)), (b"tEXt", b"a\0b"), PIXELS, END))
    at = data.index(kind)
    data[at + 4 + struct.unpack_from(">I", data, at - 4)[0]] ^= 1
    with pytest.raises(MaskError, match=rf"damaged PNG \(checksum of chunk {kind.decode()} at byte {at - 4} differs\)"):
        read_png(bytes(data), "m.png", MaskError)


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
    data = b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"
    assert feature in read_jpeg_header(data).unsupported
