"""Codecs: the bytes of a photo or mask file to exact pixels, or a named error; never a guess.

JPEG is decoded by libjpeg-turbo (a decoder warning is an error, since a damaged JPEG still decodes to a picture). Masks
are what the file stores: palette indices raw, never converted to gray, and no lossy kind at all. The checksum of every
PNG chunk is verified here, because Pillow does not verify those of pixel data.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import PIL
import simplejpeg
from PIL import Image

from segfeed.errors import MaskError, PhotoError
from segfeed.pixels.files.bmp import decode_bmp_mask
from segfeed.pixels.files.gif import decode_gif, read_gif_size
from segfeed.pixels.files.heif import decode_heif, read_heif_header
from segfeed.pixels.files.jpeg import JPEG_MAGIC
from segfeed.pixels.files.jpeg_photo import check_fits, decode_jpeg, require_jpeg_header
from segfeed.pixels.files.kinds import KIND_OF_SUFFIX, is_gone, is_lfs_pointer, kind_of, kind_of_suffix, remedy_for
from segfeed.pixels.files.npy import decode_npy_mask
from segfeed.pixels.files.png import PNG_MAGIC, check_stream, colour_key, inflate_indices, read_png, read_png_header
from segfeed.pixels.files.samples import drop_alpha, refuse_transparent, show_indices
from segfeed.pixels.files.through_pillow import check_size, open_picture, read_photo, read_pixels, refuse_truncating
from segfeed.pixels.files.tiff_pictures import decode_tiff_mask, decode_tiff_photo, read_tiff_header
from segfeed.pixels.files.webp import read_webp_header
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder, Labels
from segfeed.pixels.palette import BLACK_AND_WHITE, VOID_COLOUR, Colour, as_colours, colour_codes, colour_of, colours_of
from segfeed.pixels.shapes.drawing import decode_drawing
from segfeed.pixels.shapes.painting import paint

__all__ = [
    "MASK_SUFFIXES",
    "PHOTO_SUFFIXES",
    "PhotoHeader",
    "StoredMask",
    "decode_mask",
    "decode_photo",
    "decoder_versions",
    "encode_mask",
    "is_lfs_pointer",
    "kind_of",
    "read_labels",
    "read_palette",
    "read_photo_header",
]

PHOTO_SUFFIXES = tuple(KIND_OF_SUFFIX)
"""How the names of photos end that can be decoded, in lower case; HEIC and AVIF ask for packages that may lack."""

MASK_SUFFIXES = (".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".npy")
"""How the names of masks end that can be decoded, in lower case. The bytes decide; a lossy WebP or TIFF is refused."""

_PHOTO_KINDS = "a JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC"
_MASK_KINDS = "a PNG or another lossless picture (GIF, BMP, TIFF, lossless WebP, NumPy array)"

Stored = tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]
"""The pixels and the palette of a `StoredMask`."""
_PALETTE_KINDS = ("a GIF", "a BMP", "a TIFF")


@dataclass(frozen=True, slots=True, eq=False)
class StoredMask:
    """A mask as stored.

    Attributes:
        pixels: uint8 (H, W, 3) colours, or uint8 or uint16 (H, W) indices.
        palette: uint8 (N, 3), the colours that the file gives its indices; None if indices are bare.
    """

    pixels: npt.NDArray[Any]
    palette: npt.NDArray[np.uint8] | None

    @property
    def codes(self) -> npt.NDArray[Any]:
        """What each pixel stores as one number (H, W): its index, or the code of its colour."""
        return self.pixels if self.pixels.ndim == 2 else colour_codes(self.pixels)

    def read_code(self, code: int) -> tuple[int | None, Colour | None]:
        """Return the index that a code is, None in a mask of colours, and its colour, None if the index is bare."""
        if self.pixels.ndim == 3:
            return None, colour_of(code)
        colours = as_colours(self.palette[code : code + 1]) if self.palette is not None else ()
        return code, next(iter(colours), None)

    def line_of(self, codes: npt.NDArray[Any]) -> "StoredMask":
        """Return a mask of one line that stores some of these numbers, by the same palette."""
        line = codes if self.pixels.ndim == 2 else colours_of(codes)
        return StoredMask(line.astype(self.pixels.dtype)[None], self.palette)


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What a photo declares about itself: stored height and width (px), and its EXIF orientation (1 = upright)."""

    height: int
    width: int
    orientation: int


def read_photo_header(data: bytes, name: str) -> PhotoHeader:
    """Read a photo's declared size and EXIF orientation without decoding it.

    Args:
        data: the file's bytes, or at least its header.
        name: what the photo is called in an error.

    Raises:
        PhotoError: if it is not a photo, or declares no pixels or too many.
    """
    if data.startswith(JPEG_MAGIC):
        jpeg = require_jpeg_header(data, name)
        header = PhotoHeader(jpeg.height, jpeg.width, jpeg.orientation)
    elif data.startswith(PNG_MAGIC):
        header = PhotoHeader(*read_png_header(data, name, PhotoError))
    else:
        header = PhotoHeader(*_read_other_header(data, name))
    check_size(header.height, header.width, name, PhotoError)
    return header


def decode_photo(
    data: bytes, name: str = "photo", *, out: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a photo to the pixels that are stored; an EXIF orientation is not applied.

    Gray becomes three equal channels; CMYK and palette photos are converted as by Pillow; an alpha channel is dropped
    (of a TIFF only if it is opaque, since its fourth band may be anything).

    Args:
        data: the bytes of a JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC file.
        name: what the photo is called in an error.
        out: uint8 (H, W, 3), contiguous: if given, it gets the pixels, and is returned.

    Returns:
        image: uint8 (H, W, 3), red, green, blue, 0..255.

    Raises:
        PhotoError: if the photo is damaged, truncated, mislabelled, 16-bit, animated or too large, or not of the size
            of `out`.
    """
    _check_suffix(data, name)
    image = decode_jpeg(data, name, out) if data.startswith(JPEG_MAGIC) else _decode_other_photo(data, name)
    if out is None or image is out:
        return image
    check_fits(image.shape, out, name)
    out[...] = image
    return out


def decode_mask(data: bytes, name: str = "mask") -> StoredMask:
    """Decode a mask to the colours or indices that are stored.

    Palettes and gray of 2, 4 or 8 bits give indices, gray of 16 or 32 bits uint16 indices, RGB colours; alpha
    must be opaque everywhere. Gray of 1 bit stores 0 and 1, which readers show as 0 and 255: it gives the indices 0 and
    1 of a palette of black and white, so that either may be named.

    Args:
        data: the bytes of a PNG, GIF, BMP, TIFF or NumPy file, of a lossless WebP, or of drawn shapes.
        name: what the mask is called in an error.

    Raises:
        MaskError: if it is of another kind, or is damaged, lossy, animated, 16-bit colour or not opaque.
    """
    decode = _MASK_DECODERS.get(kind_of(data))
    return _refuse_mask(data, name) if decode is None else StoredMask(*decode(data, name))


def read_labels(mask: StoredMask, legend: Encoder, *, unknown: str = "error", name: str = "mask") -> Labels:
    """Turn a stored mask into labels by a legend.

    Returns:
        labels: uint8 (H, W), class ids, 255 = void (uint16 and 65535 above 254 classes).

    Raises:
        UnknownColourError: if a colour or index is not in the legend and unknown="error".
        MaskError: if the mask's palette has two readings.
    """
    if mask.palette is not None:
        return legend.encode_palette(mask.pixels, mask.palette, unknown=unknown, name=name)
    pixels = mask.pixels
    if pixels.dtype == np.uint16 and legend.dtype == np.uint8 and pixels.max(initial=0) <= 255:
        pixels = pixels.astype(np.uint8)  # which is looked up faster
    return legend.encode(pixels, unknown=unknown, name=name)


def encode_mask(labels: Labels, legend: Legend) -> bytes:
    """Write labels as a palette PNG in the legend's colours, index = class id, like VOC's masks.

    Args:
        labels: uint8 (H, W), class ids, 255 = void.
        legend: at most 254 classes.

    Raises:
        MaskError: if the legend has more classes than a palette has colours.
    """
    if legend.dtype != np.uint8:
        raise MaskError(
            f"legend {legend.title!r}",
            found=f"{len(legend)} classes, which do not fit a palette of 256 colours",
            expected="at most 254",
            remedy="keep such labels as 16-bit arrays",
        )
    legend.check_labels(labels)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(legend)] = legend.colours
    palette[255] = legend.void_colours[0] if legend.void_colours else VOID_COLOUR
    picture = Image.fromarray(np.asarray(labels, np.uint8))
    picture.putpalette(palette.tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def read_palette(data: bytes, name: str = "mask") -> npt.NDArray[np.uint8]:
    """Read the palette of a palette PNG, GIF, BMP or TIFF: uint8 (N, 3).

    Raises:
        MaskError: if the file has no palette.
    """
    if data.startswith(PNG_MAGIC):
        palette = read_png(data, name, MaskError).palette
    else:
        palette = decode_mask(data, name).palette if kind_of(data) in _PALETTE_KINDS else None
    if palette is None:
        raise MaskError(name, found="no palette in this file", expected="a palette PNG")
    return palette


def decoder_versions() -> dict[str, str]:
    """Return the decoders' versions by name: other versions may decode a JPEG to other pixels."""
    return {"simplejpeg": simplejpeg.__version__, "pillow": PIL.__version__}


def _read_other_header(data: bytes, name: str) -> tuple[int, int, int]:
    """Read (height, width, EXIF orientation) of a photo that is neither JPEG nor PNG."""
    match kind_of(data):
        case "a BMP":
            with open_picture(data, name, "BMP", PhotoError) as picture:
                return picture.height, picture.width, 1
        case "a GIF":
            return *read_gif_size(data, name, PhotoError), 1
        case "a WebP":
            webp = read_webp_header(data, name, PhotoError)
            return webp.height, webp.width, webp.orientation
        case "a TIFF":
            return read_tiff_header(data, name)
        case "an AVIF" | "a HEIC":
            return read_heif_header(data, name)
    return _refuse_photo(data, name)


def _decode_other_photo(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode a photo that is not a JPEG."""
    decode = _PHOTO_DECODERS.get(kind_of(data))
    return _refuse_photo(data, name) if decode is None else decode(data, name)


def _decode_gif_photo(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    return show_indices(*decode_gif(data, name, PhotoError))


def _decode_webp_photo(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    webp = read_webp_header(data, name, PhotoError)
    check_size(webp.height, webp.width, name, PhotoError)  # before Pillow opens it, which takes memory for it
    return read_photo(data, name, "WEBP")


def _refuse_photo(data: bytes, name: str) -> NoReturn:
    remedy = remedy_for(data, "replace the file or convert it to PNG")
    raise PhotoError(name, found=kind_of(data), expected=_PHOTO_KINDS, remedy=remedy, is_damage=is_gone(data))


def _check_suffix(data: bytes, name: str) -> None:
    expected = kind_of_suffix(name)
    if expected is not None and kind_of(data) != expected:
        expected = f"{expected}, as the name says"
        remedy = remedy_for(data, "replace or rename the file")
        raise PhotoError(name, found=kind_of(data), expected=expected, remedy=remedy, is_damage=is_gone(data))


def _decode_png_photo(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    png = read_png(data, name, PhotoError)
    check_size(png.height, png.width, name, PhotoError)
    if png.bits == 16:
        remedy = "convert it to 8 bits in the way your task needs"
        raise PhotoError(name, found="a 16-bit photo", expected="8 bits a channel", remedy=remedy)
    check_stream(png, data, name, PhotoError)
    return read_photo(png.pixels_only(data), name, "PNG")


def _decode_png_mask(data: bytes, name: str) -> Stored:
    png = read_png(data, name, MaskError)
    check_size(png.height, png.width, name, MaskError)
    if png.kind != "gray" and png.bits == 16:
        remedy = "save it as 8-bit RGB or as a palette PNG"
        raise MaskError(name, found="a 16-bit colour mask", expected="8 bits a channel", remedy=remedy)
    refuse_truncating(name, MaskError)
    key = colour_key(png, data)
    if (indices := inflate_indices(png, data)) is not None:
        refuse_transparent(indices == key if key else np.False_, name)
        return indices, png.palette
    check_stream(png, data, name, MaskError)
    with open_picture(png.pixels_only(data), name, "PNG", MaskError) as picture:
        pixels = read_pixels(picture, name, MaskError)
    pixels = drop_alpha(pixels, name)
    if png.kind == "gray" and png.bits in (2, 4):
        pixels = pixels // (255 // ((1 << png.bits) - 1))  # Pillow stretches 2 and 4 bits to 0..255
    if key:
        refuse_transparent((np.atleast_3d(pixels) == key).all(axis=2), name)
    if png.kind == "gray" and png.bits == 1:
        return pixels.astype(np.uint8), BLACK_AND_WHITE
    if png.bits == 16:
        pixels = pixels.astype(np.uint16)  # Pillow may have read them as int32
    return pixels, png.palette


def _decode_webp_mask(data: bytes, name: str) -> Stored:
    webp = read_webp_header(data, name, MaskError)
    if webp.is_animated:
        raise MaskError(name, found="an animated WebP", expected="one picture", remedy="save the frame you mean")
    if not webp.is_lossless:
        found, remedy = "a lossy WebP, whose loss has blurred the colours", "export the masks again as PNG"
        raise MaskError(name, found=found, expected=_MASK_KINDS, remedy=remedy)
    with open_picture(data, name, "WEBP", MaskError) as picture:
        return drop_alpha(read_pixels(picture, name, MaskError), name), None


def _refuse_mask(data: bytes, name: str) -> NoReturn:
    found = kind_of(data)
    if data.startswith(JPEG_MAGIC):
        with contextlib.suppress(PhotoError):  # a damaged one is refused all the same
            colours = len(np.unique(colour_codes(decode_jpeg(data, name))))
            found = f"a JPEG of {colours} colours, which JPEG's loss has blurred"
    remedy = remedy_for(data, "export the masks again as PNG")
    raise MaskError(name, found=found, expected=_MASK_KINDS, remedy=remedy, is_damage=is_gone(data))


_PHOTO_DECODERS: dict[str, Callable[[bytes, str], npt.NDArray[np.uint8]]] = {
    "a PNG": _decode_png_photo,
    "a BMP": lambda data, name: read_photo(data, name, "BMP"),
    "a GIF": _decode_gif_photo,
    "a WebP": _decode_webp_photo,
    "a TIFF": decode_tiff_photo,
    "an AVIF": decode_heif,
    "a HEIC": decode_heif,
}
_MASK_DECODERS: dict[str, Callable[[bytes, str], Stored]] = {
    "a PNG": _decode_png_mask,
    "a GIF": lambda data, name: decode_gif(data, name, MaskError),
    "a BMP": decode_bmp_mask,
    "a WebP": _decode_webp_mask,
    "a TIFF": decode_tiff_mask,
    "a NumPy array": lambda data, name: (decode_npy_mask(data, name), None),
    "drawn shapes": lambda data, name: (paint(decode_drawing(data, name), name).pixels, None),
}
