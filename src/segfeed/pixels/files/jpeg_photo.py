"""JPEG photos by libjpeg-turbo, strictly: a decoder's warning is an error, since a damaged JPEG still decodes.

Two things that a warning does not spoil are read: stray bytes between two segments of the header are passed over by
`read_jpeg_header`, and zeros before the end mark are cut out if every pixel is there without them.
"""

import contextlib

import numpy as np
import numpy.typing as npt
import simplejpeg

from segfeed.errors import PhotoError
from segfeed.pixels.files.jpeg import JpegHeader, drop_padding, read_jpeg_header
from segfeed.pixels.files.png import RESTORE
from segfeed.pixels.files.through_pillow import check_size, damaged, read_photo

_MAX_SCANS = 500  # a few hundred thousand bytes can ask for thousands of passes over a huge picture
_SAVE_PLAIN = "save it again as a plain JPEG"
_STRAY_BYTES = "extraneous bytes"  # libjpeg's words for bytes that belong to no part of the picture


def require_jpeg_header(data: bytes, name: str) -> JpegHeader:
    """Read a JPEG's header.

    Raises:
        PhotoError: if it has none.
    """
    header = read_jpeg_header(data)
    if header is None:
        found = f"truncated or damaged JPEG (no picture header in {len(data)} bytes)"
        raise PhotoError(name, found=found, remedy=RESTORE, is_damage=True)
    return header


def decode_jpeg(data: bytes, name: str, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
    """Decode a JPEG: uint8 (H, W, 3), in the memory of `out` if it is given.

    Raises:
        PhotoError: if it is damaged, too large, coded in a way that is not read, or not of the size of `out`.
    """
    header = require_jpeg_header(data, name)
    check_size(header.height, header.width, name, PhotoError)
    if header.unsupported:
        found = f"a JPEG with {header.unsupported}"
        raise PhotoError(name, found=found, expected="8 bits a channel, Huffman-coded", remedy=_SAVE_PLAIN)
    if header.progressive and data.count(b"\xff\xda") > _MAX_SCANS:
        raise PhotoError(name, found=f"a progressive JPEG of more than {_MAX_SCANS} scans", remedy=_SAVE_PLAIN)
    if out is not None:
        check_fits((header.height, header.width, 3), out, name)
    if header.components == 4:
        return _decode_cmyk(data, name)
    try:
        pixels = _decode_strictly(data, out)
    except ValueError as error:
        pixels = _decode_without_padding(data, name, out, error)
    return pixels if out is None else out


def check_fits(shape: tuple[int, ...], out: npt.NDArray[np.uint8], name: str) -> None:
    """Check that a picture is of the size of the memory that it is to be decoded into.

    Raises:
        PhotoError: if it is not.
    """
    if shape != out.shape:
        raise PhotoError(
            name,
            found=f"{shape[1]} x {shape[0]} px (width x height)",
            expected=f"{out.shape[1]} x {out.shape[0]} px",
            remedy="scan the source again, and read it when nothing writes to it",
        )


def _decode_strictly(data: bytes, out: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", strict=True, buffer=out)
    return pixels


def _decode_cmyk(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode a JPEG of four channels: its pixels are those of Pillow, which fills in what is missing without a word."""
    try:
        simplejpeg.decode_jpeg(data, "CMYK", strict=True)
    except ValueError as error:
        raise damaged(PhotoError, name, "damaged JPEG", error) from error
    return read_photo(data, name, "JPEG")


def _decode_without_padding(
    data: bytes, name: str, out: npt.NDArray[np.uint8] | None, error: ValueError
) -> npt.NDArray[np.uint8]:
    """Decode a JPEG that was refused, if zeros before its end mark are all that is wrong with it."""
    # Zeros are codes, too: in a file of which the rest was never written, a decoder fills the picture with them before
    # it finds too many. So zeros are padding only if the pixels before them are complete without a single one.
    if (plain := drop_padding(data)) is not None:
        with contextlib.suppress(ValueError):
            return _decode_strictly(plain, out)
    failure = damaged(PhotoError, name, "damaged JPEG", error)
    if _STRAY_BYTES in failure.found:
        failure.remedy = "look at it: if it is whole, save it again as PNG, else restore it from its origin"
    raise failure from error
