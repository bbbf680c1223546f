"""Pictures that readers take in different ways: one meaning, or a named error."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from segfeed.errors import MaskError
from segfeed.pixels.codec import decode_mask, decode_photo, read_labels
from segfeed.pixels.files.png import PNG_MAGIC
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

NOISE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
COLOURS = np.array(voc_colours(4), np.uint8)
STREAM = zlib.compress(b"\0\1\2\3" * 2)
PALETTE, OTHER = (b"PLTE", COLOURS.tobytes()), (b"PLTE", COLOURS[::-1].tobytes())
PIXELS, END = (b"IDAT", STREAM), (b"IEND", b"")


def header(size=(3, 2), *, methods=(0, 0, 0)):
    return b"IHDR", struct.pack(">II5B", *size, 8, 3, *methods)


def png(*chunks):
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return PNG_MAGIC + b"".join(parts)


def save(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def test_the_plain_one_is_read():
    mask = decode_mask(png(header(), PALETTE, PIXELS, END), "m.png")
    assert mask.pixels.tolist() == [[1, 2, 3]] * 2
    np.testing.assert_array_equal(mask.palette, COLOURS)


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ((header(), PALETTE, OTHER, PIXELS, END), "chunk PLTE occurs 2 times"),
        ((header(), PALETTE, PIXELS, OTHER, END), "a palette behind the pixels"),
        ((header(), PIXELS, PALETTE, END), "a palette behind the pixels"),
        ((header(), header((2, 3)), PALETTE, PIXELS, END), "chunk IHDR occurs 2 times"),
        (
            (header(), PALETTE, (b"IDAT", STREAM[:5]), (b"tEXt", b"a\0b"), (b"IDAT", STREAM[5:]), END),
            "pixels in several places",
        ),
        ((header(), PALETTE, (b"CgBI", b"x"), PIXELS, END), "chunk CgBI is unknown, and no reader may pass over it"),
        ((header(methods=(1, 0, 0)), PALETTE, PIXELS, END), "methods (1, 0, 0) do not exist"),
        ((header(methods=(0, 1, 0)), PALETTE, PIXELS, END), "methods (0, 1, 0) do not exist"),
        ((header(methods=(0, 0, 2)), PALETTE, PIXELS, END), "methods (0, 0, 2) do not exist"),
        ((header(), (b"PLTE", bytes(257 * 3)), PIXELS, END), "a palette picture without a whole palette"),
    ],
    ids=range(10),
)
def test_a_png_that_readers_take_in_different_ways_is_refused(chunks, found):
    with pytest.raises(MaskError) as caught:
        decode_mask(png(*chunks), "m.png")
    assert (caught.value.where, caught.value.found) == ("m.png", f"damaged PNG ({found})")
    assert caught.value.remedy == "restore the file from its origin"


def test_transparency_of_a_palette_changes_no_label():
    """Tools write tRNS so that background is seen through; the index means what the palette says all the same."""
    labels = (np.arange(12).reshape(3, 4) % 4).astype(np.uint8)
    picture = Image.fromarray(labels)
    picture.putpalette(COLOURS.tobytes())
    for transparency in (0, bytes([0, 255, 7, 128])):
        data = save(picture, "PNG", transparency=transparency)
        assert b"tRNS" in data
        np.testing.assert_array_equal(read_labels(decode_mask(data), VOC), labels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_colour_profile_changes_no_pixel(kind):
    """Pixels are those that are stored, as in every other loader; a wide gamut is not converted to sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain, tagged = (save(Image.fromarray(NOISE), kind, icc_profile=icc) for icc in (None, profile))
    assert len(tagged) > len(plain)
    np.testing.assert_array_equal(decode_photo(tagged), decode_photo(plain))
