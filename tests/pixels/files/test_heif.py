"""HEIC and AVIF: read if something can read them; else what is missing is named."""

import importlib.util
import io
import sys

import numpy as np
import pytest
from PIL import Image

from segfeed.errors import MaskError, PhotoError
from segfeed.pixels.codec import decode_mask, decode_photo, read_photo_header

SMOOTH = np.array(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)).resize(
        (64, 48), Image.Resampling.BICUBIC
    )
)
HAS_AVIF = importlib.util.find_spec("PIL._avif") is not None
HEIC_STUB = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"

needs_avif = pytest.mark.skipif(not HAS_AVIF, reason="this Pillow has no AVIF")


def as_avif(pixels=SMOOTH, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "AVIF", **options)
    return out.getvalue()


def refusal(data, name):
    errors = []
    for decode in (decode_photo, read_photo_header):
        with pytest.raises(PhotoError) as caught:
            decode(data, name)
        assert caught.value.where == name
        errors.append(caught.value)
    return errors[0]


@needs_avif
@pytest.mark.parametrize("turn", [1, 6, 8])
def test_avif_photos_equal_pillow(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    data = as_avif(exif=exif)
    header = read_photo_header(data, "a.avif")
    assert (header.height, header.width, header.orientation) == (48, 64, turn)
    image = decode_photo(data, "a.avif")
    np.testing.assert_array_equal(image, np.array(Image.open(io.BytesIO(data)).convert("RGB")))
    assert np.abs(image.astype(int) - SMOOTH).mean() < 12


@needs_avif
def test_avif_that_is_truncated_or_animated_is_refused():
    data = as_avif()
    for length in (40, len(data) // 2, len(data) - 5):
        with pytest.raises(PhotoError) as caught:
            decode_photo(data[:length], "a.avif")
        assert caught.value.is_damage
    frames = [Image.fromarray(SMOOTH), Image.fromarray(255 - SMOOTH)]
    out = io.BytesIO()
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:])
    with pytest.raises(PhotoError) as caught:
        decode_photo(out.getvalue(), "a.avif")
    assert caught.value.found == "an animation of 2 frames"


@needs_avif
def test_avif_of_10_bits_is_refused():
    data = bytearray(as_avif())
    data[data.index(b"av1C") + 6] |= 0x40
    with pytest.raises(PhotoError) as caught:
        decode_photo(bytes(data), "a.avif")
    assert caught.value.expected == "8 bits a channel"


def test_the_package_that_heic_needs_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = refusal(HEIC_STUB, "IMG_0001.HEIC")
    assert error.found == "a HEIC, which needs the package pillow-heif"
    assert error.remedy == "pip install pillow-heif, or convert the photos to JPEG or PNG"
    assert not error.is_damage


def test_a_pillow_without_avif_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL._avif", None)
    error = refusal(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "a.avif")
    assert error.found == "an AVIF, which this Pillow cannot read"
    assert "pip install --upgrade pillow" in error.remedy


def test_a_heic_is_decoded_by_pillow_heif():
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(Image.fromarray(SMOOTH)).save(out, quality=90)
    data = out.getvalue()
    header = read_photo_header(data, "a.heic")
    assert (header.height, header.width, header.orientation) == (48, 64, 1)
    image = decode_photo(data, "a.heic")
    assert np.abs(image.astype(int) - SMOOTH).mean() < 12
    for length in (40, len(data) // 2, len(data) - 5):
        with pytest.raises(PhotoError):
            decode_photo(data[:length], "a.heic")


class StandIn:
    """What pillow-heif hands over, without pillow-heif."""

    size = (64, 48)

    def __init__(self, bits):
        self.info = {"bit_depth": bits}

    def to_pillow(self):
        return Image.fromarray(SMOOTH)


@pytest.mark.parametrize("bits", [8, 10])
def test_heic_of_more_than_8_bits_is_refused(monkeypatch, bits):
    module = type(sys)("pillow_heif")
    module.__spec__ = importlib.util.spec_from_loader("pillow_heif", None)
    module.open_heif = lambda file, convert_hdr_to_8bit: StandIn(bits)  # noqa: ARG005
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    assert read_photo_header(HEIC_STUB, "a.heic").width == 64
    if bits == 8:
        np.testing.assert_array_equal(decode_photo(HEIC_STUB, "a.heic"), SMOOTH)
        return
    with pytest.raises(PhotoError) as caught:
        decode_photo(HEIC_STUB, "a.heic")
    assert caught.value.found == "a photo of 10 bits a channel"


@pytest.mark.parametrize("data", [HEIC_STUB, b"\0\0\0\x18ftypavif"])
def test_neither_is_a_mask(data):
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "a.png")
    assert caught.value.remedy == "export the masks again as PNG"
