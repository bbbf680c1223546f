"""TIFF photos and masks: what the samples of a page mean, and which pages no one can read in only one way."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.errors import MaskError, PhotoError, SourceError
from segfeed.pixels.files.samples import drop_alpha, narrow_indices, show_indices
from segfeed.pixels.files.tiff import (
    CMYK,
    FLOAT,
    JPEG_IN_TIFF,
    LOSSLESS,
    MIN_IS_BLACK,
    MIN_IS_WHITE,
    PALETTE,
    RGB,
    SIGNED,
    UNSIGNED,
    YCBCR,
    Tiff,
    read_tiff,
    read_tiff_values,
)
from segfeed.pixels.palette import BLACK_AND_WHITE

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_AS_PNG = "save it again as PNG"
_THREE_BANDS = (
    "choose the three bands (or the one) to train on and save them as RGB (or gray); of up to four bands of 8 bits, "
    "bands = [1, 2, 3] in a segfeed.toml chooses them"
)
_COLOUR_BANDS = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, PALETTE: 1, RGB: 3, YCBCR: 3, CMYK: 4}


def read_tiff_header(data: bytes, name: str) -> tuple[int, int, int]:
    """Read (height, width, orientation) of a TIFF photo.

    Raises:
        PhotoError: if the directory is damaged.
    """
    tiff = read_tiff(data, name, PhotoError)
    return tiff.height, tiff.width, tiff.orientation


def decode_tiff_photo(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode a TIFF of 8 bits or fewer: uint8 (H, W, 3), as stored; an orientation is not applied.

    Raises:
        PhotoError: if it is damaged, of several pages, or holds anything but gray, RGB, CMYK or palette colours.
    """
    tiff = _read_photo(data, name)
    colours = _COLOUR_BANDS.get(tiff.photometric)
    if colours is None or tiff.bands not in (colours, colours + 1) or tiff.bands > 4:
        found, expected = _describe_bands(tiff), "gray, RGB, CMYK or a palette"
        raise PhotoError(name, found=found, expected=expected, remedy=_THREE_BANDS)
    if tiff.photometric == YCBCR and tiff.compression != JPEG_IN_TIFF:
        raise PhotoError(name, found="a TIFF of YCbCr without JPEG", expected="RGB", remedy=_AS_PNG)
    values = read_tiff_values(tiff, data, name, PhotoError)
    if tiff.bands > colours:
        extra = values[..., -1]
        if not (extra == 255).all():
            found = (
                f"a TIFF whose band {tiff.bands} is neither colour nor opaque alpha ({extra.min()} to {extra.max()})"
            )
            raise PhotoError(name, found=found, expected="one or three bands", remedy=_THREE_BANDS)
        values = values[..., :colours]
    if tiff.photometric == PALETTE:
        return show_indices(values[..., 0], _palette_of(tiff, name, PhotoError))
    if tiff.photometric == CMYK:
        return np.array(Image.fromarray(np.ascontiguousarray(values), "CMYK").convert("RGB"))
    if tiff.bits < 8:
        values = values * np.uint8(255 // ((1 << tiff.bits) - 1))
    if tiff.photometric == MIN_IS_WHITE:
        values = 255 - values
    return np.repeat(values, 3, axis=2) if colours == 1 else np.ascontiguousarray(values)


def decode_tiff_bands(data: bytes, name: str, bands: Sequence[int]) -> tuple[npt.NDArray[np.uint8], int]:
    """Decode three bands of a TIFF of 8 bits as red, green and blue, whatever the file says that they are.

    Args:
        data: the bytes of the file.
        name: what it is called in an error.
        bands: counted from 1.

    Returns:
        image: uint8 (H, W, 3), as stored. orientation: 1 = upright.

    Raises:
        PhotoError: if it is damaged, of several pages, not of 8 bits, of a palette, or lacks a band.
    """
    tiff = _read_photo(data, name)
    if tiff.bits != 8 or tiff.photometric in (PALETTE, YCBCR):
        raise PhotoError(name, found=_describe_bands(tiff), expected="bands of 8 bits", remedy="leave bands out")
    if max(bands) > tiff.bands:
        found = f"{_describe_bands(tiff)}, but bands {', '.join(map(str, bands))} are asked for"
        raise PhotoError(name, found=found, expected=f"bands 1 to {tiff.bands}", remedy="correct the description")
    values = read_tiff_values(tiff, data, name, PhotoError)
    return np.ascontiguousarray(values[..., [band - 1 for band in bands]]), tiff.orientation


def decode_tiff_mask(data: bytes, name: str) -> tuple[Pixels, npt.NDArray[np.uint8] | None]:
    """Decode a TIFF whose pixels have one meaning and lost nothing.

    Returns:
        pixels: uint8 (H, W, 3) colours, or uint8 or uint16 (H, W) indices. palette: uint8 (N, 3), or None.

    Raises:
        MaskError: if it is damaged, lossy, of several pages, turned, of inverted gray, of floats, of 16-bit
            colours, not opaque, or holds values beyond 16 bits.
    """
    tiff = read_tiff(data, name, MaskError)
    _check_pages(tiff, name, MaskError)
    if (fault := _fault_of_mask(tiff)) is not None:
        found, expected, remedy = fault
        raise MaskError(name, found=found, expected=expected, remedy=remedy)
    values = drop_alpha(read_tiff_values(tiff, data, name, MaskError), name)
    if tiff.photometric == RGB:
        return values, None
    palette = _palette_of(tiff, name, MaskError) if tiff.photometric == PALETTE else None
    if tiff.photometric == MIN_IS_BLACK and tiff.bits == 1:
        palette = BLACK_AND_WHITE
    return narrow_indices(values.reshape(values.shape[:2]), name), palette


def _read_photo(data: bytes, name: str) -> Tiff:
    tiff = read_tiff(data, name, PhotoError)
    _check_pages(tiff, name, PhotoError)
    if tiff.bits > 8 or tiff.sample_format != UNSIGNED:
        kinds = {FLOAT: f"a photo of {tiff.bits}-bit floats", SIGNED: "a photo of signed numbers"}
        remedy = "convert it to 8 bits in the way your task needs"
        raise PhotoError(
            name,
            found=kinds.get(tiff.sample_format, f"a {tiff.bits}-bit photo"),
            expected="8 bits a channel",
            remedy=remedy,
        )
    return tiff


def _fault_of_mask(tiff: Tiff) -> tuple[str, str, str] | None:
    """Return what makes a TIFF's values lossy or ambiguous, what is expected, and a remedy; None if nothing does."""
    is_unread = tiff.compression_name == "CCITT" or tiff.compression_name.startswith("compression ")
    why = "is not read here" if is_unread else "may have blurred the colours"
    lossy = f"a TIFF with {tiff.compression_name} compression, which {why}"
    turned = f"a TIFF whose orientation {tiff.orientation} turns it for some readers"
    inverted = "a TIFF in which 0 is white, so that some readers invert its values"
    upright = "turn its pixels and remove the tag, or remove it alone if the stored pixels fit the photo"
    colours = _COLOUR_BANDS.get(tiff.photometric, 0)
    is_plain = tiff.photometric in (MIN_IS_BLACK, RGB, PALETTE) and tiff.bands in (colours, colours + 1)
    faults = (
        (
            tiff.compression not in LOSSLESS,
            lossy,
            "LZW, deflate, PackBits or none",
            "save it again as PNG" if is_unread else "export the masks again as PNG",
        ),
        (tiff.has_valid_mask, "a TIFF with a page of valid pixels", "one picture", "write invalid pixels as void"),
        (tiff.orientation != 1, turned, "an upright mask", upright),
        (tiff.photometric == MIN_IS_WHITE, inverted, "0 as black", _AS_PNG),
        (
            tiff.sample_format == FLOAT,
            f"a mask of {tiff.bits}-bit floats",
            "whole numbers",
            "save it as 8-bit integers",
        ),
        (tiff.photometric == RGB and tiff.bits > 8, f"a {tiff.bits}-bit colour mask", "8 bits a channel", _AS_PNG),
        (not is_plain, _describe_bands(tiff), "indices, a palette or RGB", "save the class ids alone"),
    )
    return next(((found, expected, remedy) for holds, found, expected, remedy in faults if holds), None)


def _check_pages(tiff: Tiff, name: str, error_type: type[SourceError]) -> None:
    if tiff.pages > 1:
        found, remedy = f"a TIFF of {tiff.pages} pages", "save the page you mean"
        raise error_type(name, found=found, expected="one picture", remedy=remedy)


def _palette_of(tiff: Tiff, name: str, error_type: type[SourceError]) -> npt.NDArray[np.uint8]:
    palette = tiff.palette
    if palette is None or tiff.bits > 8:
        raise error_type(name, found="a palette TIFF without a whole palette", expected="8 bits", remedy=_AS_PNG)
    return palette


def _describe_bands(tiff: Tiff) -> str:
    return f"a TIFF of {tiff.bands} band{'s'[: tiff.bands != 1]} with photometric interpretation {tiff.photometric}"
