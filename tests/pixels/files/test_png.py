"""PNG: what a file declares about itself, every checksum verified."""

import io
import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from zlib_ng import zlib_ng

from segfeed.errors import MaskError
from segfeed.pixels.files.png import PNG_MAGIC, check_stream, read_png


def as_png(picture, **options):
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
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
        (PNG_MAGIC, "cut off after 8 bytes, before its end mark"),
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
    with pytest.raises(MaskError) as caught:
        read_png(data, "m.png", MaskError)
    assert caught.value.where == "m.png"
    assert found in caught.value.found
    assert caught.value.is_damage == ("animated" not in found)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tEXt", b"IDAT", b"IEND"])
def test_a_checksum_that_differs_is_named_with_its_chunk(kind):
    data = bytearray(png_of(header_of(colour=3), (b"PLTE", bytes(9)), (b"tEXt", b"a\0b"), PIXELS, END))
    at = data.index(kind)
    data[at + 4 + struct.unpack_from(">I", data, at - 4)[0]] ^= 1
    with pytest.raises(MaskError) as caught:
        read_png(bytes(data), "m.png", MaskError)
    assert caught.value.found == f"damaged PNG (checksum of chunk {kind.decode()} at byte {at - 4} differs)"


def test_checking_a_large_picture_hands_over_its_bytes_once(monkeypatch):
    """What one call leaves unread is copied for the next: it must be little, or large files take time squared."""
    handed = []

    class Counted:
        def __init__(self):
            self.unpack = zlib_ng.decompressobj()

        def decompress(self, packed, most):
            handed.append(len(packed))
            return self.unpack.decompress(packed, most)

        def __getattr__(self, name):
            return getattr(self.unpack, name)

    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    data = as_png(Image.fromarray(noise), compress_level=1)
    read = read_png(data, "a.png", MaskError)
    counted = SimpleNamespace(decompressobj=Counted, error=zlib_ng.error)
    monkeypatch.setattr("segfeed.pixels.files.png.zlib_ng", counted)
    check_stream(read, data, "a.png", MaskError)
    assert len(data) * 0.99 < sum(handed) < len(data) * 1.5
