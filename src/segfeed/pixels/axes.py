"""Axes: which axis of a picture is which, in arrays that people hand over: (H, W, 3) or, as in PyTorch, (3, H, W)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError


def is_channels_first(shape: Sequence[int]) -> bool:
    """Check for (3, H, W). A shape that could be either is (H, W, 3), the chapter's own for arrays."""
    return len(shape) == 3 and shape[0] == 3 and shape[2] != 3


def channels_last(name: str, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a picture as (H, W, 3).

    Raises:
        OptionError: if it is neither (H, W, 3) nor (3, H, W).
    """
    if is_channels_first(picture.shape):
        return np.moveaxis(picture, 0, -1)
    if picture.ndim != 3 or picture.shape[2] != 3:
        remedy = "read the mask as RGB" if picture.ndim == 2 else "pass one mask at a time, without alpha"
        raise OptionError(
            name, found=f"an array of shape {picture.shape}", expected="colours, (H, W, 3) or (3, H, W)", remedy=remedy
        )
    return picture


def whole_pixels(name: str, colours: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return colours as uint8, if each is a whole number 0..255.

    Raises:
        OptionError: if they are not.
    """
    if colours.dtype.kind not in "uif":
        raise OptionError(name, found=f"values of type {colours.dtype}", expected="whole numbers 0..255")
    # A mask that was scaled to 0..1 would be background throughout.
    is_scaled = colours.dtype.kind == "f" and 0 < colours.max(initial=0) <= 1
    with np.errstate(invalid="ignore"):  # what is not a number is not equal to itself, either
        pixels = colours.astype(np.uint8)
    if is_scaled or not np.array_equal(pixels, colours):
        found = f"values from {colours.min()} to {colours.max()}{', not whole' if colours.dtype.kind == 'f' else ''}"
        remedy = "multiply by 255 and round, if they were scaled to 0..1" if is_scaled else ""
        raise OptionError(name, found=found, expected="whole numbers 0..255, the colours as stored", remedy=remedy)
    return pixels


def size_px(name: str, picture: Any) -> tuple[int, int]:
    """Return (height, width) of an array or tensor (H, W), (H, W, channels) or (3, H, W).

    Raises:
        OptionError: if it is of another shape.
    """
    if not hasattr(picture, "shape"):
        found, remedy = f"{type(picture).__module__}.{type(picture).__name__}", "convert it by np.asarray"
        raise OptionError(name, found=found, expected="an array or a tensor", remedy=remedy)
    shape = tuple(map(int, picture.shape))
    if len(shape) not in (2, 3):
        raise OptionError(name, found=f"an array of shape {shape}", expected="(H, W, 3), (3, H, W) or (H, W)")
    return shape[1:] if is_channels_first(shape) else shape[:2]  # type: ignore[return-value]  # two of three
