"""Colours as tuples and as 24-bit codes, and PASCAL VOC's colour map.

A module of its own, since legends, lookups, codecs and pictures all need colours, and colours need none of them.
"""

from collections.abc import Iterable
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
Codes = npt.NDArray[np.uint32]

VOID_COLOUR: Colour = (224, 224, 192)
"""The colour of void pixels in VOC's masks: the 256th of its palette."""

BLACK_AND_WHITE = np.array([(0, 0, 0), (255, 255, 255)], np.uint8)
"""What readers show for 0 and 1 in gray pictures of 1 bit."""
BLACK_AND_WHITE.flags.writeable = False


def voc_colours(count: int) -> tuple[Colour, ...]:
    """Return the first `count` colours of PASCAL VOC's palette.

    Each class id spreads its bits over the high bits of red, green and blue in turn, so ids up to 2**24 - 1 differ.

    Source: VOClabelcolormap.m of the VOC development kit.

    >>> voc_colours(3)
    ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    """
    ids = np.arange(count, dtype=np.int64)
    rgb = np.zeros((count, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            rgb[:, channel] |= ((ids >> (3 * bit + channel)) & 1) << (7 - bit)
    return as_colours(rgb)


def as_colours(colours: Iterable[Any]) -> tuple[Colour, ...]:
    """Turn rows of three whole numbers into tuples of plain integers.

    Raises:
        TypeError, ValueError: if a row is not three whole numbers.
    """
    return tuple((index(red), index(green), index(blue)) for red, green, blue in colours)


def colour_codes(colours: npt.NDArray[Any]) -> Codes:
    """Pack colours uint8 (..., 3) into codes uint32 (...): red << 16 | green << 8 | blue."""
    codes: Codes = colours[..., 0].astype(np.uint32)
    for channel in (1, 2):
        codes = (codes << np.uint32(8)) | colours[..., channel]
    return codes


def colour_of(code: int) -> Colour:
    """Unpack a code into its colour.

    >>> colour_of(0x800040)
    (128, 0, 64)
    """
    return code >> 16, code >> 8 & 255, code & 255


def colours_of(codes: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Unpack codes (...) into colours uint8 (..., 3)."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def free_colours(count: int, void: tuple[Colour, ...]) -> tuple[Colour, ...]:
    """Take VOC's palette without the colours that mean void (its 256th is VOC's own void).

    >>> free_colours(2, ((0, 0, 0),))
    ((128, 0, 0), (0, 128, 0))
    """
    return tuple(c for c in voc_colours(count + len(void)) if c not in void)[:count]
