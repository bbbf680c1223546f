"""Reading through Pillow: only the format that the bytes are of, nothing invented, and every failure a named error."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError

from segfeed.errors import PhotoError, SourceError
from segfeed.pixels.files.png import RESTORE

MAX_PIXELS = 89_478_485
"""The most pixels that a photo or mask may declare: Pillow's own limit. A few bytes can declare billions."""

_PHOTO_MODES = ("L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "1")


def open_picture(data: bytes, name: str, kind: str, error_type: type[SourceError]) -> Image.Image:
    """Open a picture of one of Pillow's formats and check its declared size; its pixels are not read yet.

    Raises:
        error_type: if it is damaged or too large.
    """
    refuse_truncating(name, error_type)
    try:
        picture = Image.open(io.BytesIO(data), formats=(kind,))
    except UnidentifiedImageError:
        raise damaged(error_type, name, f"unreadable {kind}", f"no picture in {len(data)} bytes") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise damaged(error_type, name, f"unreadable {kind}", error) from error
    check_size(picture.height, picture.width, name, error_type)
    return picture


def read_pixels(picture: Image.Image, name: str, error_type: type[SourceError]) -> npt.NDArray[Any]:
    """Decode an opened picture to its stored values, in its own mode.

    Raises:
        error_type: if it is damaged.
    """
    try:
        return np.array(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise damaged(error_type, name, f"damaged {picture.format}", error) from error


def read_photo(data: bytes, name: str, kind: str) -> npt.NDArray[np.uint8]:
    """Decode a photo of one of Pillow's formats and convert it as Pillow does: uint8 (H, W, 3).

    Raises:
        PhotoError: if it is damaged, animated or of more than 8 bits.
    """
    with open_picture(data, name, kind, PhotoError) as picture:
        if picture.mode not in _PHOTO_MODES:
            expected = f"one of {', '.join(_PHOTO_MODES)}"
            raise PhotoError(name, found=f"pixel mode {picture.mode}", expected=expected, remedy="save it as 8-bit RGB")
        if (frames := getattr(picture, "n_frames", 1)) > 1:
            found = f"an animation of {frames} frames"
            raise PhotoError(name, found=found, expected="one picture", remedy="save the frame you mean")
        read_pixels(picture, name, PhotoError)
        return np.array(picture.convert("RGB"))


def refuse_truncating(name: str, error_type: type[SourceError]) -> None:
    """Check that Pillow was not told to fill in what is missing.

    Raises:
        error_type: if it was.
    """
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        found = "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is switched on, so a damaged file would decode to invented pixels"
        raise error_type(name, found=found, remedy="set it back to False")


def check_size(height: int, width: int, name: str, error_type: type[SourceError]) -> None:
    """Check a declared size before memory is taken for it.

    Raises:
        error_type: if it has no pixels, or more than `MAX_PIXELS`.
    """
    if height < 0 or width < 0 or not 0 < height * width <= MAX_PIXELS:
        raise error_type(
            name,
            found=f"declares {width} x {height} pixels",
            expected=f"1 to {MAX_PIXELS:,}",
            remedy="restore the file if it is damaged, else cut it into tiles",
        )


def damaged(error_type: type[SourceError], name: str, found: str, error: object) -> SourceError:
    """Make the error that names a damaged file, with a decoder's own words for the damage."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return error_type(name, found=f"{found} ({reason})", remedy=RESTORE, is_damage=True)


@contextmanager
def damage_of(error_type: type[SourceError], data: bytes, name: str, kind: str) -> Iterator[None]:
    """Turn what a parser of a file's bytes raises into the error that names the damaged file; `kind` is such as "TIFF".

    Raises:
        error_type: if the bytes are cut off or malformed.
    """
    try:
        yield
    except SourceError:
        raise
    except (struct.error, IndexError, OverflowError):
        raise damaged(error_type, name, f"damaged {kind}", f"cut off after {len(data)} bytes") from None
    except ValueError as error:
        raise damaged(error_type, name, f"damaged {kind}", error) from None
