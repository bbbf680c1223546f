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
from segfeed.pixels.jpeg import JPEG_MAGIC, JpegHeader, read_jpeg_header
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder, Labels
from segfeed.pixels.palette import VOID_COLOUR, colour_codes
from segfeed.pixels.png import PNG_MAGIC, RESTORE, check_stream, inflate_indices, read_png, read_png_header

MAX_PIXELS = 89_478_485
"""The most pixels that a photo or mask may declare: Pillow's own limit. A few bytes can declare billions."""

_MAGICS = (
    (JPEG_MAGIC, "a JPEG"),
    (PNG_MAGIC, "a PNG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<", "an HTML or XML page"),
)

_PHOTO_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
_PHOTO_MODES = ("L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "1")
_SUFFIXES = {".jpg": "a JPEG", ".jpeg": "a JPEG", ".png": "a PNG", ".bmp": "a BMP", ".webp": "a WebP"}
_MAX_SCANS = 500  # a few hundred thousand bytes can ask for thousands of passes over a huge picture
_SAVE_PLAIN = "save it again as a plain JPEG"


@dataclass(frozen=True, slots=True, eq=False)
class StoredMask:
    """A mask as stored.

    Attributes:
        pixels: uint8 (H, W, 3) colours, or uint8 or uint16 (H, W) indices.
        palette: uint8 (N, 3), the file's own colours of the indices; None if indices are bare.
    """

    pixels: npt.NDArray[Any]
    palette: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What a photo declares about itself: stored height and width (px), and its EXIF orientation (1 = upright)."""

    height: int
    width: int
    orientation: int


def kind_of(data: bytes) -> str:
    """Recognise a file by its first bytes: "a JPEG", "empty (0 bytes)", "not a picture"."""
    if not data:
        return "empty (0 bytes)"
    if data[8:12] == b"WEBP":
        return "a WebP"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypavif", b"ftypmif1"):
        return "a HEIF or AVIF"
    return next((kind for magic, kind in _MAGICS if data.startswith(magic)), "not a picture")


def read_photo_header(data: bytes, name: str) -> PhotoHeader:
    """Read a photo's declared size and EXIF orientation without decoding it.

    Args:
        data: the file's bytes, or at least its header.
        name: what the photo is called in an error.

    Raises:
        PhotoError: if it is not a photo, or declares no pixels or too many.
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

    Gray becomes three equal channels; CMYK and palette photos are converted as by Pillow; an alpha channel is dropped.

    Args:
        data: the bytes of a JPEG, PNG, BMP or WebP file.
        name: what the photo is called in an error.
        out: uint8 (H, W, 3), contiguous: if given, it gets the pixels, and is returned.

    Returns:
        image: uint8 (H, W, 3), red, green, blue, 0..255.

    Raises:
        PhotoError: if the photo is damaged, truncated, mislabelled, 16-bit, animated or too large, or not of the size
            of `out`.
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

    Palette PNGs and gray PNGs of 2, 4 or 8 bits give indices, gray PNGs of 16 bits uint16 indices, RGB PNGs colours;
    an alpha channel must be opaque everywhere.

    Args:
        data: the bytes of a PNG file.
        name: what the mask is called in an error.

    Raises:
        MaskError: if it is not a PNG, or is damaged, animated, 1-bit gray, 16-bit colour or not opaque.
    """
    if not data.startswith(PNG_MAGIC):
        _refuse_mask(data, name)
    png = read_png(data, name, MaskError)
    _check_size(png.height, png.width, name, MaskError)
    if png.kind == "gray" and png.bits == 1:
        found = "a 1-bit gray mask, whose two values are not class ids"
        remedy = "save it as an 8-bit index or palette PNG"
        raise MaskError(name, found=found, expected="indices of 8 bits", remedy=remedy)
    if png.kind != "gray" and png.bits == 16:
        remedy = "save it as 8-bit RGB or as a palette PNG"
        raise MaskError(name, found="a 16-bit colour mask", expected="8 bits a channel", remedy=remedy)
    _refuse_truncating(name, MaskError)
    if (indices := inflate_indices(png, data)) is not None:
        return StoredMask(indices, png.palette)
    check_stream(png, data, name, MaskError)
    with _open(png.pixels_only(data), name, ("PNG",), MaskError) as picture:
        pixels = _pixels(picture, name, MaskError)
    if png.kind in ("gray with alpha", "colour with alpha"):
        if not (pixels[..., -1] == 255).all():
            share = float((pixels[..., -1] != 255).mean())
            found = f"{share:.1%} of the mask is transparent, so its colours are not what is seen"
            raise MaskError(name, found=found, expected="opaque pixels", remedy="save it without an alpha channel")
        pixels = np.ascontiguousarray(pixels[..., 0] if png.kind == "gray with alpha" else pixels[..., :3])
    if png.kind == "gray" and png.bits in (2, 4):
        pixels = pixels // (255 // ((1 << png.bits) - 1))  # Pillow stretches 2 and 4 bits to 0..255
    if png.bits == 16:
        pixels = pixels.astype(np.uint16)  # Pillow may have read them as int32
    return StoredMask(pixels, png.palette)


def read_labels(mask: StoredMask, legend: Encoder, *, unknown: str = "error", name: str = "mask") -> Labels:
    """Turn a stored mask into labels by a legend.

    Returns:
        labels: uint8 (H, W), class ids, 255 = void (uint16 and 65535 above 254 classes).

    Raises:
        UnknownColourError: if a colour or index is not in the legend and unknown="error".
        MaskError: if the mask has 16 bits and the legend at most 254 classes.
    """
    if mask.palette is not None:
        return legend.encode_palette(mask.pixels, mask.palette, unknown=unknown, name=name)
    if mask.pixels.dtype == np.uint16 and legend.dtype == np.uint8:
        found = "a 16-bit gray mask, but labels of at most 254 classes are 8-bit"
        raise MaskError(name, found=found, expected="8-bit indices", remedy="save it as an 8-bit PNG")
    return legend.encode(mask.pixels, unknown=unknown, name=name)


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
    """Read the palette of a palette PNG: uint8 (N, 3).

    Raises:
        MaskError: if the file is not a palette PNG.
    """
    palette = read_png(data, name, MaskError).palette if data.startswith(PNG_MAGIC) else None
    if palette is None:
        raise MaskError(name, found="no palette in this file", expected="a palette PNG")
    return palette


def decoder_versions() -> dict[str, str]:
    """Return the decoders' versions by name: other versions may decode a JPEG to other pixels."""
    return {"simplejpeg": simplejpeg.__version__, "pillow": PIL.__version__}


def _orientation(picture: Image.Image, name: str) -> int:
    try:
        found = picture.getexif().get(0x0112, 1)
    except (OSError, ValueError, SyntaxError) as error:
        raise _damaged(PhotoError, name, "unreadable EXIF", error) from error
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _check_suffix(data: bytes, name: str) -> None:
    expected = _SUFFIXES.get(os.path.splitext(name)[1].lower())
    if expected is not None and kind_of(data) != expected:
        expected = f"{expected}, as the name says"
        remedy = "replace or rename the file"
        raise PhotoError(name, found=kind_of(data), expected=expected, remedy=remedy, is_damage=not data)


def _decode_jpeg(data: bytes, name: str, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
    header = _jpeg_header(data, name)
    _check_size(header.height, header.width, name, PhotoError)
    if header.components == 4:
        return _decode_with_pillow(data, name)
    if header.unsupported:
        found = f"a JPEG with {header.unsupported}"
        raise PhotoError(name, found=found, expected="8 bits a channel, Huffman-coded", remedy=_SAVE_PLAIN)
    if header.progressive and data.count(b"\xff\xda") > _MAX_SCANS:
        raise PhotoError(name, found=f"a progressive JPEG of more than {_MAX_SCANS} scans", remedy=_SAVE_PLAIN)
    if out is not None:
        _check_fits((header.height, header.width, 3), out, name)
    try:
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", strict=True, buffer=out)
    except ValueError as error:
        raise _damaged(PhotoError, name, "damaged JPEG", error) from error
    return pixels if out is None else out


def _check_fits(shape: tuple[int, ...], out: npt.NDArray[np.uint8], name: str) -> None:
    if shape != out.shape:
        raise PhotoError(
            name,
            found=f"{shape[1]} x {shape[0]} px (width x height)",
            expected=f"{out.shape[1]} x {out.shape[0]} px",
            remedy="scan the source again, and read it when nothing writes to it",
        )


def _jpeg_header(data: bytes, name: str) -> JpegHeader:
    header = read_jpeg_header(data)
    if header is None:
        found = f"truncated or damaged JPEG (no picture header in {len(data)} bytes)"
        raise PhotoError(name, found=found, remedy=RESTORE, is_damage=True)
    return header


def _decode_with_pillow(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    if data.startswith(PNG_MAGIC):
        png = read_png(data, name, PhotoError)
        _check_size(png.height, png.width, name, PhotoError)
        if png.bits == 16:
            remedy = "convert it to 8 bits in the way your task needs"
            raise PhotoError(name, found="a 16-bit photo", expected="8 bits a channel", remedy=remedy)
        check_stream(png, data, name, PhotoError)
        data = png.pixels_only(data)
    with _open(data, name, _PHOTO_FORMATS, PhotoError) as picture:
        _check_size(picture.height, picture.width, name, PhotoError)
        if picture.mode not in _PHOTO_MODES:
            expected = f"one of {', '.join(_PHOTO_MODES)}"
            raise PhotoError(name, found=f"pixel mode {picture.mode}", expected=expected, remedy="save it as 8-bit RGB")
        if (frames := getattr(picture, "n_frames", 1)) > 1:
            found = f"an animation of {frames} frames"
            raise PhotoError(name, found=found, expected="one picture", remedy="save the frame you mean")
        _pixels(picture, name, PhotoError)
        return np.array(picture.convert("RGB"))


def _open(data: bytes, name: str, formats: tuple[str, ...], error_type: type[SourceError]) -> Image.Image:
    _refuse_truncating(name, error_type)
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        expected, remedy = " or ".join(formats), "replace the file or correct its name"
        raise error_type(name, found=kind_of(data), expected=expected, remedy=remedy, is_damage=not data) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(error_type, name, f"unreadable {kind_of(data).removeprefix('a ')}", error) from error


def _refuse_truncating(name: str, error_type: type[SourceError]) -> None:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        found = "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is switched on, so a damaged file would decode to invented pixels"
        raise error_type(name, found=found, remedy="set it back to False")


def _pixels(picture: Image.Image, name: str, error_type: type[SourceError]) -> npt.NDArray[Any]:
    try:
        return np.array(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise _damaged(error_type, name, f"damaged {picture.format}", error) from error


def _refuse_mask(data: bytes, name: str) -> NoReturn:
    found = kind_of(data)
    if data.startswith(JPEG_MAGIC):
        with contextlib.suppress(PhotoError):  # a damaged one is refused all the same
            colours = len(np.unique(colour_codes(_decode_jpeg(data, name))))
            found = f"a JPEG of {colours} colours, which JPEG's loss has blurred"
    remedy = "export the masks again as PNG"
    raise MaskError(name, found=found, expected="a PNG", remedy=remedy, is_damage=not data)


def _check_size(height: int, width: int, name: str, error_type: type[SourceError]) -> None:
    if not 0 < height * width <= MAX_PIXELS:
        raise error_type(
            name,
            found=f"declares {width} x {height} pixels",
            expected=f"1 to {MAX_PIXELS:,}",
            remedy="restore the file if it is damaged, else cut it into tiles",
        )


def _damaged(error_type: type[SourceError], name: str, found: str, error: BaseException) -> SourceError:
    """Make the error that names a damaged file, with a decoder's own words for the damage."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return error_type(name, found=f"{found} ({reason})", remedy=RESTORE, is_damage=True)
