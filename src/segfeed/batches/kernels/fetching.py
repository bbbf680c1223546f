"""The first stage of the compiled kernel if a row is scaled: a line of a crop, out of lines of a photo.

Pixels are blended in float32, as `plans.sampling` does it in plain NumPy and to the same bits; labels are looked up.

Functions that are called for each line take addresses: an array would be counted in and out by locked instructions,
which wait for the streamed stores.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core.types.misc import NoneType
from numba.extending import overload, register_jitable

from segfeed.batches.kernels.vectors import OPTIONS, SPARE, ask_ahead, blend_four, shift, take_whole_vectors
from segfeed.plans import sampling
from segfeed.plans.colour import round_level
from segfeed.plans.sampling import first_touched, share_of, triangle

for _function in ("scaled_size", "span", "triangle", "first_touched", "share_of"):
    register_jitable(**OPTIONS)(getattr(sampling, _function))


# A row's tables -------------------------------------------------------------------------------------------------------


def tabulate_lines(scratch: Any, axis: Any, antialias: Any) -> Any:
    """Return which lines of an axis (n, m, start, count, step) are read first for each of `count`, and their weights.

    `scratch` is (W, 3), or (W,) for labels, which have no weights.
    """


@overload(tabulate_lines, strict=False, jit_options=OPTIONS)
def _tabulate_lines(scratch: Any, axis: Any, antialias: Any) -> Any:
    del axis, antialias
    if scratch.ndim == 1:
        return lambda scratch, axis, antialias: (_locate(axis), np.empty((0, 1), np.float32))  # noqa: ARG005
    return lambda scratch, axis, antialias: _weigh_lines(axis, antialias)  # noqa: ARG005


def tabulate_pixels(scratch: Any, axis: Any, antialias: Any) -> Any:
    """Return the same of the pixels of a line, as `scale_line` takes it."""


@overload(tabulate_pixels, strict=False, jit_options=OPTIONS)
def _tabulate_pixels(scratch: Any, axis: Any, antialias: Any) -> Any:
    del axis, antialias
    if scratch.ndim == 1:
        return lambda scratch, axis, antialias: (_locate(axis), np.empty((0, 1, 4, 2), np.float32))  # noqa: ARG005
    return lambda scratch, axis, antialias: _weigh_pixels(axis, antialias)  # noqa: ARG005


@njit(**OPTIONS)
def _locate(axis: Any) -> Any:
    n, m, start, count, step = axis
    places = np.empty(count, np.int64)
    for x in range(count):
        places[x] = (2 * (start + step * x) + 1) * n // (2 * m)
    return places


@njit(**OPTIONS)
def _weigh_lines(axis: Any, antialias: Any) -> Any:
    n, m, start, count, step = axis
    radius, taps = triangle(n, m, antialias)
    first, weights = np.empty(count, np.int64), np.empty((count, taps), np.float32)
    for x in range(count):
        centre = (2 * (start + step * x) + 1) * n
        first[x] = first_touched(centre, n, m, radius, taps)
        total = 0
        for tap in range(taps):
            total += share_of(first[x] + tap, centre, m, radius)
        for tap in range(taps):
            weights[x, tap] = share_of(first[x] + tap, centre, m, radius) / total
    return first, weights


@njit(**OPTIONS)
def _weigh_pixels(axis: Any, antialias: Any) -> Any:
    """Lay out a table for `blend_four`: of each four pixels, the weights of the first two taps, then of the next two.

    It stays small, because the nearest cache has to hold it beside the lines.
    """
    first, weights = _weigh_lines(axis, antialias)
    count, taps = weights.shape
    places = np.zeros((count + 3) // 4 * 4, np.int64)
    shares = np.zeros(((count + 3) // 4, (taps + 1) // 2, 4, 2), np.float32)
    for x in range(count):
        places[x] = 3 * first[x]
        for tap in range(taps):
            shares[x // 4, tap // 2, x % 4, tap % 2] = weights[x, tap]
    return places, shares


# A scaled line --------------------------------------------------------------------------------------------------------


def scale_line(line: Any, floats: Any, source: Any, width: Any, rows: Any, columns: Any, count: Any) -> Any:
    """Blend `count` pixels into `floats`, or look up labels into `line`.

    Args:
        line: address of labels, or of bytes of pixels.
        floats: addresses of float32: 3 * count + SPARE; twice as much, to keep lines; 3 * width + 8.
        source: address of the first line that is read.
        width: of the photo, px.
        rows: the first line's number; how many of the lines were not read for the line of the crop before; address of
            the lines' weights; how many they are; whether the photo grows; if so, whether `line` is written, rounded.
        columns: address of the first value that is read for each pixel; of the pixels' weights, in pairs; how many
            pairs a pixel has.
        count: how many pixels.
    """


@overload(scale_line, jit_options=OPTIONS)
def _scale_line(line: Any, floats: Any, source: Any, width: Any, rows: Any, columns: Any, count: Any) -> Any:
    del line, source, width, rows, columns, count
    return _look_up_line if isinstance(floats, NoneType) else _blend_line


def _look_up_line(line: Any, floats: Any, source: Any, width: Any, rows: Any, columns: Any, count: Any) -> None:
    places = columns[0]
    if rows[1] > 0:
        one, other = places[0], places[count - 1]
        ask_ahead(shift(source, min(one, other) + 2 * width), abs(one - other) + 1)
        for x in range(count):
            line[x] = source[places[x]]


def _blend_line(line: Any, floats: Any, source: Any, width: Any, rows: Any, columns: Any, count: Any) -> None:
    take_whole_vectors()
    target, kept, wide = floats
    first, fresh, weights, taps, grows, rounds = rows
    places, shares, beside = columns
    one, other = places[0], places[count - 1]  # in mirrored rows, the last pixel comes first
    low = min(one, other)
    size = min(abs(one - other) + 6 * beside, 3 * width - low)
    wide[3 * width] = wide[3 * width + 1] = wide[3 * width + 2] = 0  # may be the other one of the last pair
    ask_ahead(shift(source, low + 3 * (taps + 1) * width), size)
    if not grows:
        while taps > 1 and weights[taps - 1] == 0:
            taps -= 1
        _blend_lines(shift(wide, low), shift(source, low), 3 * width, weights, taps, size)
        _blend_pixels(target, wide, places, shares, beside, count)
        return
    for tap in range(max(taps - fresh, 0), taps):
        _widen(shift(wide, low), shift(source, 3 * width * tap + low), size)
        _blend_pixels(shift(kept, ((first + tap) & 1) * (3 * count + SPARE)), wide, places, shares, beside, count)
    upper = shift(kept, (first & 1) * (3 * count + SPARE))
    lower = shift(kept, (1 - (first & 1)) * (3 * count + SPARE)) if taps > 1 else upper
    weight, share = weights[0], weights[1] if taps > 1 else np.float32(0)
    if rounds:
        for k in range(3 * count):
            line[k] = np.uint8(np.int32(round_level(upper[k] * weight + lower[k] * share)))
    else:
        for k in range(3 * count):
            target[k] = upper[k] * weight + lower[k] * share


@njit(**OPTIONS)
def _widen(target: Any, source: Any, count: Any) -> None:
    take_whole_vectors()
    for k in range(count):
        target[k] = np.float32(source[k])


@njit(**OPTIONS)
def _blend_lines(target: Any, source: Any, stride: Any, weights: Any, taps: Any, count: Any) -> None:
    take_whole_vectors()
    weight = weights[0]
    if taps == 1:
        for k in range(count):
            target[k] = np.float32(source[k]) * weight
        return
    below, share = shift(source, stride), weights[1]
    for k in range(count):
        target[k] = np.float32(source[k]) * weight + np.float32(below[k]) * share
    for tap in range(2, taps):
        below, share = shift(source, tap * stride), weights[tap]
        for k in range(count):
            target[k] += np.float32(below[k]) * share


@njit(**OPTIONS)
def _blend_pixels(target: Any, source: Any, places: Any, weights: Any, pairs: Any, count: Any) -> None:
    # A number of pairs that LLVM knows spares it the loop over them.
    if pairs == 1:
        for x in range(0, count, 4):
            blend_four(target, 3 * x, source, shift(places, x), shift(weights, 2 * x), 1)
    elif pairs == 2:
        for x in range(0, count, 4):
            blend_four(target, 3 * x, source, shift(places, x), shift(weights, 4 * x), 2)
    else:
        for x in range(0, count, 4):
            blend_four(target, 3 * x, source, shift(places, x), shift(weights, 2 * pairs * x), pairs)
