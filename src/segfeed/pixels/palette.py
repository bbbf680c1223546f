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
