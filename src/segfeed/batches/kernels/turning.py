"""The first stage of the compiled kernel if a row is turned: a line of a crop, out of points of a photo.

As in `fetching`, pixels are blended in float32, to the bits of `plans.sampling`; labels are looked up.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core.types.misc import NoneType
from numba.extending import overload, register_jitable

from segfeed.batches.kernels.vectors import OPTIONS, as_integers, blend_square, prefetch, shift
from segfeed.plans import sampling
from segfeed.plans.sampling import FRACTION_BITS, reach

_HALF_PIXEL, _MASK = 1 << (FRACTION_BITS - 1), (1 << FRACTION_BITS) - 1
_UNIT, _ONE = np.float32(1 / (1 << FRACTION_BITS)), np.float32(1)
_AHEAD_LINES, _AHEAD_STEP = 4, 8  # how many lines of the crop ahead is asked, and at every which pixel

for _function in ("sine_cosine", "turn", "_point", "sums", "reach"):
    register_jitable(**OPTIONS)(getattr(sampling, _function))


def turn_line(line: Any, floats: Any, source: Any, size: Any, y: Any, x: Any, count: Any, points: Any) -> Any:
    """Blend `count` pixels into `floats`, or look up labels into `line`.

    Args:
        line: address of labels, or of bytes of pixels.
        floats: addresses of float32 as above, of which the first is used.
        source: address of the photo, or its labels.
        size: (height, width) of the photo, px.
        y: in units of 2^-24 px, the first point's, what a line adds, what a pixel adds.
        x: the same.
        count: how many pixels.
        points: of how many points an axis a pixel is the mean.
    """


@overload(turn_line, jit_options=OPTIONS)
def _turn_line(line: Any, floats: Any, source: Any, size: Any, y: Any, x: Any, count: Any, points: Any) -> Any:
    del line, source, size, y, x, count, points
    return _look_up_points if isinstance(floats, NoneType) else _blend_points


def _look_up_points(line: Any, floats: Any, source: Any, size: Any, y: Any, x: Any, count: Any, points: Any) -> None:
    _ask_for_points(source, size[1], 1, y, x, count)
    (y, _, y_pixel), (x, _, x_pixel), width = y, x, size[1]
    for i in range(count):
        line[i] = source[((y + i * y_pixel) >> FRACTION_BITS) * width + ((x + i * x_pixel) >> FRACTION_BITS)]


def _blend_points(line: Any, floats: Any, source: Any, size: Any, y: Any, x: Any, count: Any, points: Any) -> None:
    (y, y_line, y_pixel), (x, x_line, x_pixel) = y, x
    _ask_for_points(source, size[1], 3, (y, y_line, y_pixel), (x, x_line, x_pixel), count)
    shares = floats[1], shift(floats[1], count), as_integers(shift(floats[1], 2 * count))
    for n in range(points * points):
        down, across = 2 * (n // points) + 1 - points, 2 * (n % points) + 1 - points
        offset_y = (down * y_line + across * y_pixel) // (2 * points)
        offset_x = (down * x_line + across * x_pixel) // (2 * points)
        _blend_run(floats[0], shares, source, size, (y + offset_y, y_pixel), (x + offset_x, x_pixel), count, n > 0)
    if points > 1:
        share = np.float32(1 / (points * points))
        for k in range(3 * count):
            floats[0][k] *= share


@njit(**OPTIONS)
def _ask_for_points(source: Any, width: Any, channels: Any, y: Any, x: Any, count: Any) -> None:
    """Ask for what a later line of the crop will read: it crosses the photo's lines, which no hardware foresees."""
    down, across = y[0] + _AHEAD_LINES * y[1], x[0] + _AHEAD_LINES * x[1]
    for i in range(0, count, _AHEAD_STEP):
        row, column = (down + i * y[2]) >> FRACTION_BITS, (across + i * x[2]) >> FRACTION_BITS
        prefetch(source, channels * (row * width + column))


@njit(**OPTIONS)
def _blend_run(target: Any, tables: Any, source: Any, size: Any, y: Any, x: Any, count: Any, add: Any) -> None:
    # Inside: every pixel lies within the photo's edge, and 8 bytes may be read of each line.
    first, end = reach(y[0] - _HALF_PIXEL, y[1], size[0] - 1, count)
    other, last = reach(x[0] - _HALF_PIXEL, x[1], size[1] - 2, count)
    first = max(first, other)
    end = max(min(end, last), first)
    _blend_edge(target, source, size, y, x, 0, first, add)
    stride = 3 * size[1]
    down_shares, across_shares, places = tables
    for i in range(first, end):  # apart from the blending, so that several pixels are computed at once
        down, across = y[0] + i * y[1] - _HALF_PIXEL, x[0] + i * x[1] - _HALF_PIXEL
        places[i] = (down >> FRACTION_BITS) * stride + 3 * (across >> FRACTION_BITS)
        down_shares[i] = np.float32(np.int32(down & _MASK)) * _UNIT
        across_shares[i] = np.float32(np.int32(across & _MASK)) * _UNIT
    for i in range(first, end):
        blend_square(target, 3 * i, source, places[i], places[i] + stride, down_shares[i], across_shares[i], add)
    _blend_edge(target, source, size, y, x, end, count, add)


@njit(**OPTIONS)
def _blend_edge(target: Any, source: Any, size: Any, y: Any, x: Any, first: Any, end: Any, add: Any) -> None:
    height, width = size
    for i in range(first, end):
        down, across = y[0] + i * y[1] - _HALF_PIXEL, x[0] + i * x[1] - _HALF_PIXEL
        y0, x0 = down >> FRACTION_BITS, across >> FRACTION_BITS
        share_y, share_x = np.float32(down & _MASK) * _UNIT, np.float32(across & _MASK) * _UNIT
        y1, x1 = min(max(y0 + 1, 0), height - 1), min(max(x0 + 1, 0), width - 1)
        y0, x0 = min(max(y0, 0), height - 1), min(max(x0, 0), width - 1)
        upper, lower = 3 * y0 * width, 3 * y1 * width
        for k in range(3):
            left, right = 3 * x0 + k, 3 * x1 + k
            one = np.float32(source[upper + left]) * (_ONE - share_y) + np.float32(source[lower + left]) * share_y
            other = np.float32(source[upper + right]) * (_ONE - share_y) + np.float32(source[lower + right]) * share_y
            blended = one * (_ONE - share_x) + other * share_x
            target[3 * i + k] = target[3 * i + k] + blended if add else blended
