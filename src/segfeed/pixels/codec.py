"""Codecs: the bytes of a photo or mask file to exact pixels, or a named error; never a guess.

Photos: JPEG by libjpeg-turbo (a decoder warning is an error, since a damaged JPEG still decodes to a picture), what it
cannot take (CMYK, PNG, BMP, WebP) by Pillow. Masks: PNG, palette indices read raw, never converted to gray.
The checksum of every PNG chunk is verified here, because Pillow does not verify those of pixel data.
"""

import contextlib
import io
import os
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import PIL
import simplejpeg
from PIL import Image, ImageFile, UnidentifiedImageError

from segfeed.errors import MaskError, PhotoError, SourceError
from segfeed.pixels.headers import (
    JPEG_MAGIC,
    PNG_MAGIC,
    check_stream,
    inflate_indices,
    kind_of,
    read_jpeg_header,
    read_png,
    read_png_header,
)
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder, Labels
from segfeed.pixels.palette import VOID_COLOUR, colour_codes

MAX_PIXELS = 89_478_485
"""The most pixels a photo or mask may declare, Pillow's own limit before it warns. A few bytes can declare billions."""

_PHOTO_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
_PHOTO_MODES = ("L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "1")
_SUFFIXES = {".jpg": "a JPEG", ".jpeg": "a JPEG", ".png": "a PNG", ".bmp": "a BMP", ".webp": "a WebP"}
_MAX_SCANS = 500  # a few hundred thousand bytes can ask for thousands of passes over a huge picture


@dataclass(frozen=True, slots=True, eq=False)
class StoredMask:
    """Hold a mask as stored.

    Attributes:
        pixels: uint8 (H, W, 3) colours, or uint8 or uint16 (H, W) indices.
        palette: uint8 (N, 3), the file's own colours of the indices; None where indices are bare.
    """

    pixels: npt.NDArray[Any]
    palette: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """Hold what a photo declares about itself: stored height and width (px), and its EXIF orientation (1 = upright)."""

    height: int
    width: int
    orientation: int


def read_photo_header(data: bytes, name: str) -> PhotoHeader:
    """Read a photo's declared size and EXIF orientation without decoding it.

    Args:
        data: the file's bytes, or at least its header.
        name: what the photo is called in an error.

    Raises:
        PhotoError: no photo, zero or too many pixels.
    """
    if data.startswith(JPEG_MAGIC):
        jpeg = _jpeg_header(data, name)
        header = PhotoHeader(jpeg.height, jpeg.width, jpeg.orientation)
    elif data.startswith(PNG_MAGIC):
        header = PhotoHeader(*read_png_header(data, name, PhotoError))
    else:
        with _open(data, name, _PHOTO_FORMATS, PhotoError) as picture:
            header = PhotoHeader(picture.height, picture.width, _orientation(picture, name))
    _check_size(header.height, header.width, name, PhotoError)
    return header


def decode_photo(
    data: bytes, name: str = "photo", *, out: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a photo to the pixels that are stored; an EXIF orientation is not applied.

    Gray becomes three equal channels; CMYK and palette photos are converted as Pillow does; an alpha channel is dropped.

    Args:
        data: the bytes of a JPEG, PNG, BMP or WebP file.
        name: what the photo is called in an error.
        out: uint8 (H, W, 3), contiguous: gets the pixels, and is returned.

    Returns:
        image: uint8 (H, W, 3), red, green, blue, 0..255.

    Raises:
        PhotoError: the photo is not of the size of `out`; or damaged, truncated, mislabelled, 16-bit, animated, or too large a file.
    """
    _check_suffix(data, name)
    image = _decode_jpeg(data, name, out) if data.startswith(JPEG_MAGIC) else _decode_with_pillow(data, name)
    if out is None or image is out:
        return image
    _check_fits(image.shape, out, name)
    out[...] = image
    return out


def decode_mask(data: bytes, name: str = "mask") -> StoredMask:
    """Decode a mask to the colours or indices that are stored.

    Palette and gray PNGs of 2, 4 or 8 bits give indices, gray PNGs of 16 bits give uint16 indices, RGB gives colours; an
    alpha channel must be opaque everywhere.

    Args:
        data: the bytes of a PNG file.
        name: what the mask is called in an error.

    Raises:
        MaskError: not a PNG, damaged, animated, 1-bit gray, 16-bit colour, or not opaque.
    """
    if not data.startswith(PNG_MAGIC):
        _refuse_mask(data, name)
    png = read_png(data, name, MaskError)
    _check_size(png.height, png.width, name, MaskError)
    if png.kind == "gray" and png.bits == 1:
        raise MaskError(
            f"{name}: a 1-bit gray mask, whose two values are no class ids; save it as an 8-bit index or palette PNG."
        )
    if png.kind != "gray" and png.bits == 16:
        raise MaskError(
            f"{name}: a 16-bit colour mask; expected 8 bits a channel; save it as 8-bit RGB or as a palette PNG."
        )
    _refuse_truncating(name, MaskError)
    if (indices := inflate_indices(png, data)) is not None:
        return StoredMask(indices, png.palette)
    check_stream(png, data, name, MaskError)
    with _open(png.pixels_only(data), name, ("PNG",), MaskError) as picture:
        pixels = _pixels(picture, name, MaskError)
    if png.kind in ("gray with alpha", "colour with alpha"):
        if not (pixels[..., -1] == 255).all():
            share = float((pixels[..., -1] != 255).mean())
            raise MaskError(
                f"{name}: {share:.1%} of the mask is transparent, so its colours are not what is seen; "
                "save it without an alpha channel."
            )
        pixels = np.ascontiguousarray(pixels[..., 0] if png.kind == "gray with alpha" else pixels[..., :3])
    if png.kind == "gray" and png.bits in (2, 4):
        pixels = pixels // (255 // ((1 << png.bits) - 1))  # Pillow stretches 2 and 4 bits to 0..255
    if png.bits == 16:
        pixels = pixels.astype(np.uint16)
    return StoredMask(pixels, png.palette)


def read_labels(mask: StoredMask, legend: Encoder, *, unknown: str = "error", name: str = "mask") -> Labels:
    """Turn a stored mask into labels by a legend.

    Returns:
        labels: uint8 (H, W), class ids, 255 = void (uint16 and 65535 above 254 classes).

    Raises:
        UnknownColourError: a colour or index is not in the legend and unknown="error".
        MaskError: a 16-bit mask for a legend of at most 254 classes.
    """
    if mask.palette is not None:
        return legend.encode_palette(mask.pixels, mask.palette, unknown=unknown, name=name)
    if mask.pixels.dtype == np.uint16 and legend.dtype == np.uint8:
        raise MaskError(
            f"{name}: a 16-bit gray mask, but labels of at most 254 classes are 8-bit; expected 8-bit indices; save it as an 8-bit PNG."
        )
    return legend.encode(mask.pixels, unknown=unknown, name=name)


def encode_mask(labels: Labels, legend: Legend) -> bytes:
    """Write labels as a palette PNG in the legend's colours, index = class id, as VOC's masks are.

    Args:
        labels: uint8 (H, W), class ids, 255 = void.
        legend: at most 254 classes.

    Raises:
        MaskError: the legend has more classes than a palette has colours.
    """
    if legend.dtype != np.uint8:
        raise MaskError(
            f"{len(legend)} classes do not fit a palette of 256 colours; keep such labels as 16-bit arrays."
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
    """Read the palette of a palette PNG: uint8 (N, 3).

    Raises:
        MaskError: the file is no palette PNG.
    """
    palette = read_png(data, name, MaskError).palette if data.startswith(PNG_MAGIC) else None
    if palette is None:
        raise MaskError(f"{name}: no palette in this file; expected a palette PNG.")
    return palette


def decoder_versions() -> dict[str, str]:
    """Name the decoders and their versions: other versions may decode a JPEG to other pixels."""
    return {"simplejpeg": simplejpeg.__version__, "pillow": PIL.__version__}


def _orientation(picture: Image.Image, name: str) -> int:
    try:
        found = picture.getexif().get(0x0112, 1)
    except (OSError, ValueError, SyntaxError) as error:
        raise PhotoError(
            f"{name}: unreadable EXIF ({_reason(error)}); restore the file from its origin.", is_damage=True
        ) from error
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _check_suffix(data: bytes, name: str) -> None:
    expected = _SUFFIXES.get(os.path.splitext(name)[1].lower())
    if expected is not None and kind_of(data) != expected:
        raise PhotoError(
            f"{name}: {kind_of(data)}; expected {expected}, as the name says; replace or rename the file.",
            is_damage=not data,
        )


def _decode_jpeg(data: bytes, name: str, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
    header = _jpeg_header(data, name)
    _check_size(header.height, header.width, name, PhotoError)
    if header.components == 4:
        return _decode_with_pillow(data, name)
    if header.unsupported:
        raise PhotoError(
            f"{name}: a JPEG with {header.unsupported}; expected 8-bit Huffman-coded; save it again as a plain JPEG."
        )
    if header.progressive and data.count(b"\xff\xda") > _MAX_SCANS:
        raise PhotoError(f"{name}: a progressive JPEG of more than {_MAX_SCANS} scans; save it again as a plain JPEG.")
    if out is not None:
        _check_fits((header.height, header.width, 3), out, name)
    try:
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", strict=True, buffer=out)
    except ValueError as error:
        raise PhotoError(
            f"{name}: damaged JPEG ({_reason(error)}); restore the file from its origin.", is_damage=True
        ) from error
    return pixels if out is None else out


def _check_fits(shape: tuple[int, ...], out: npt.NDArray[np.uint8], name: str) -> None:
    if shape != out.shape:
        raise PhotoError(
            f"{name}: {shape[1]} x {shape[0]} px (width x height) where {out.shape[1]} x {out.shape[0]} were expected; "
            "scan the source again, and read it when nothing writes to it."
        )


def _jpeg_header(data: bytes, name: str) -> Any:
    header = read_jpeg_header(data)
    if header is None:
        raise PhotoError(
            f"{name}: truncated or damaged JPEG (no picture header in {len(data)} bytes); restore the file from its origin.",
            is_damage=True,
        )
    return header


def _decode_with_pillow(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    if data.startswith(PNG_MAGIC):
        png = read_png(data, name, PhotoError)
        _check_size(png.height, png.width, name, PhotoError)
        if png.bits == 16:
            raise PhotoError(
                f"{name}: a 16-bit photo; expected 8 bits a channel; convert it to 8 bits in the way your task needs."
            )
        check_stream(png, data, name, PhotoError)
        data = png.pixels_only(data)
    with _open(data, name, _PHOTO_FORMATS, PhotoError) as picture:
        _check_size(picture.height, picture.width, name, PhotoError)
        if picture.mode not in _PHOTO_MODES:
            raise PhotoError(
                f"{name}: pixel mode {picture.mode}; expected one of {', '.join(_PHOTO_MODES)}; save it as 8-bit RGB."
            )
        if (frames := getattr(picture, "n_frames", 1)) > 1:
            raise PhotoError(f"{name}: an animation of {frames} frames; expected one picture; save the frame you mean.")
        _pixels(picture, name, PhotoError)
        return np.array(picture.convert("RGB"))


def _open(data: bytes, name: str, formats: tuple[str, ...], error_type: type[SourceError]) -> Image.Image:
    _refuse_truncating(name, error_type)
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        raise error_type(
            f"{name}: {kind_of(data)}; expected {' or '.join(formats)}; replace the file or correct its name.",
            is_damage=not data,
        ) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise error_type(
            f"{name}: unreadable {kind_of(data)} ({_reason(error)}); restore the file from its origin.",
            is_damage=True,
        ) from error


def _refuse_truncating(name: str, error_type: type[SourceError]) -> None:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise error_type(
            f"{name}: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is switched on, so a damaged file would decode to invented pixels; "
            "set it back to False."
        )


def _pixels(picture: Image.Image, name: str, error_type: type[SourceError]) -> npt.NDArray[Any]:
    try:
        return np.array(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise error_type(
            f"{name}: damaged {picture.format} ({_reason(error)}); restore the file from its origin.",
            is_damage=True,
        ) from error


def _refuse_mask(data: bytes, name: str) -> NoReturn:
    found = kind_of(data)
    if data.startswith(JPEG_MAGIC):
        with contextlib.suppress(PhotoError):  # a damaged one is refused all the same
            colours = len(np.unique(colour_codes(_decode_jpeg(data, name))))
            found = f"a JPEG of {colours} colours, which JPEG's loss has blurred"
    raise MaskError(f"{name}: {found}; expected a PNG; export the masks again as PNG.", is_damage=not data)


def _check_size(height: int, width: int, name: str, error_type: type[SourceError]) -> None:
    if not 0 < height * width <= MAX_PIXELS:
        raise error_type(
            f"{name}: declares {width} x {height} pixels; expected 1 to {MAX_PIXELS:,}; the file is damaged, or must be tiled first."
        )


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
