"""HEIC and AVIF photos: read if Pillow or pillow-heif can; if neither can, the package that is missing is named.

Sources: ISO/IEC 23008-12 (HEIF); AV1 Image File Format; pillow-heif's documentation.
"""

import importlib
import importlib.util
import io
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import PhotoError
from segfeed.pixels.files.kinds import kind_of
from segfeed.pixels.files.through_pillow import check_size, damaged, open_picture, read_pixels

_CONVERT = "or convert the photos to JPEG or PNG"
_AV1_CONFIGURATION, _HIGH_BIT_DEPTH = b"av1C", 0x40


def read_heif_header(data: bytes, name: str) -> tuple[int, int, int]:
    """Read (height, width, EXIF orientation).

    A HEIC is turned upright by its own container, which every decoder obeys; so its orientation is 1.

    Raises:
        PhotoError: if it is damaged, or no decoder for it is installed.
    """
    if kind_of(data) == "an AVIF":
        with _open_avif(data, name) as picture:
            turn = picture.getexif().get(0x0112, 1)
            return picture.height, picture.width, turn if turn in range(1, 9) else 1
    picture = _open_heic(data, name)
    return picture.size[1], picture.size[0], 1


def decode_heif(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode a HEIC or AVIF photo: uint8 (H, W, 3); an alpha channel is dropped.

    Raises:
        PhotoError: if it is damaged, animated, of more than 8 bits a channel, or no decoder for it is installed.
    """
    if kind_of(data) != "an AVIF":
        picture = _open_heic(data, name)
        _check_depth(picture.info.get("bit_depth", 8), name)
        try:
            return np.array(picture.to_pillow().convert("RGB"))
        except (OSError, ValueError, SyntaxError, RuntimeError, EOFError) as error:
            raise damaged(PhotoError, name, "damaged HEIC", error) from error
    at = data.find(_AV1_CONFIGURATION)
    if at >= 0 and len(data) > at + 6 and data[at + 6] & _HIGH_BIT_DEPTH:
        _check_depth(10, name)
    with _open_avif(data, name) as picture:
        if picture.n_frames > 1:
            found = f"an animation of {picture.n_frames} frames"
            raise PhotoError(name, found=found, expected="one picture", remedy="save the frame you mean")
        read_pixels(picture, name, PhotoError)
        return np.array(picture.convert("RGB"))


def _open_avif(data: bytes, name: str) -> Any:
    if importlib.util.find_spec("PIL._avif") is None:
        remedy = f"pip install --upgrade pillow (11.3 or newer), {_CONVERT}"
        raise PhotoError(name, found="an AVIF, which this Pillow cannot read", remedy=remedy)
    return open_picture(data, name, "AVIF", PhotoError)


def _open_heic(data: bytes, name: str) -> Any:
    if importlib.util.find_spec("pillow_heif") is None:
        remedy = f"pip install pillow-heif, {_CONVERT}"
        raise PhotoError(name, found="a HEIC, which needs the package pillow-heif", remedy=remedy)
    heif: Any = importlib.import_module("pillow_heif")
    try:
        picture = heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError) as error:
        raise damaged(PhotoError, name, "damaged HEIC", error) from error
    check_size(picture.size[1], picture.size[0], name, PhotoError)
    return picture


def _check_depth(bits: int, name: str) -> None:
    if bits > 8:
        remedy = "convert it to 8 bits in the way your task needs"
        raise PhotoError(name, found=f"a photo of {bits} bits a channel", expected="8 bits a channel", remedy=remedy)
