"""The first stage of the compiled kernel if a row is scaled or turned: a line of a crop, out of lines of a photo.

Pixels are blended in float32, as `plans.sampling` does it in plain NumPy and to the same bits. A pixel then is a vector
of four values: red, green, blue and one that nobody reads, so that loads and stores overlap and no value is picked from
its neighbours. Labels are looked up.

Functions that are called for each line take addresses: an array would be counted in and out by locked instructions,
which wait for the streamed stores.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.types.misc import CPointer, NoneType
from numba.extending import intrinsic, overload, register_jitable

from segfeed.batches.kernels.streaming import ask_for
from segfeed.plans import sampling
from segfeed.plans.colour import round_level
from segfeed.plans.sampling import FRACTION_BITS, first_touched, reach, share_of, triangle

_HALF_PIXEL, _MASK = 1 << (FRACTION_BITS - 1), (1 << FRACTION_BITS) - 1
_UNIT, _ONE = np.float32(1 / (1 << FRACTION_BITS)), np.float32(1)
_PIXEL, _TWO, _INDEX = ir.VectorType(ir.FloatType(), 4), ir.VectorType(ir.FloatType(), 8), ir.IntType(32)
_OPTIONS = {"error_model": "numpy"}

for _function in (
    *("scaled_size", "span", "triangle", "first_touched", "share_of", "sine_cosine", "turn", "_point", "sums", "reach"),
):
    register_jitable(**_OPTIONS)(getattr(sampling, _function))

Emit = tuple[Any, Callable[..., Any]]


# A row's tables -------------------------------------------------------------------------------------------------------


def tabulate_lines(scratch: Any, axis: Any, antialias: Any) -> Any:
    """Return which lines of an axis (n, m, start, count, step) are read first for each of `count`, and their weights.

    `scratch` is (W, 3), or (W,) for labels, which have no weights.
    """


@overload(tabulate_lines, strict=False, jit_options=_OPTIONS)
def _tabulate_lines(scratch: Any, axis: Any, antialias: Any) -> Any:
    del axis, antialias
    if scratch.ndim == 1:
        return lambda scratch, axis, antialias: (_locate(axis), np.empty((0, 1), np.float32))  # noqa: ARG005
    return lambda scratch, axis, antialias: _weigh_lines(axis, antialias)  # noqa: ARG005


def tabulate_pixels(scratch: Any, axis: Any, antialias: Any) -> Any:
    """Return the same of the pixels of a line, as `scale_line` takes it."""


@overload(tabulate_pixels, strict=False, jit_options=_OPTIONS)
def _tabulate_pixels(scratch: Any, axis: Any, antialias: Any) -> Any:
    del axis, antialias
    if scratch.ndim == 1:
        return lambda scratch, axis, antialias: (_locate(axis), np.empty((0, 1, 8), np.float32))  # noqa: ARG005
    return lambda scratch, axis, antialias: _weigh_pixels(axis, antialias)  # noqa: ARG005


@njit(**_OPTIONS)
def _locate(axis: Any) -> Any:
    n, m, start, count, step = axis
    places = np.empty(count, np.int64)
    for x in range(count):
        places[x] = (2 * (start + step * x) + 1) * n // (2 * m)
    return places


@njit(**_OPTIONS)
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


@njit(**_OPTIONS)
def _weigh_pixels(axis: Any, antialias: Any) -> Any:
    """Lay out a table for `blend_pair`: for each tap of two pixels, the weights of the one, then of the other."""
    first, weights = _weigh_lines(axis, antialias)
    count, taps = weights.shape
    places, shares = np.zeros(count + count % 2, np.int64), np.zeros((count // 2 + 1, taps, 8), np.float32)
    for x in range(count):
        places[x] = 3 * first[x]
        for tap in range(taps):
            for lane in range(4):
                shares[x // 2, tap, 4 * (x % 2) + lane] = weights[x, tap]
    return places, shares


# A scaled line --------------------------------------------------------------------------------------------------------


def scale_line(line: Any, floats: Any, source: Any, width: Any, rows: Any, columns: Any, count: Any) -> Any:
    """Blend `count` pixels into `floats`, or look up labels into `line`.

    Args:
        line: address of labels, or of bytes of pixels.
        floats: addresses of float32: 3 * count + 8; twice as much, to keep lines; 3 * width + 8.
        source: address of the first line that is read.
        width: of the photo, px.
        rows: the first line's number; how many of the lines were not read for the line of the crop before; address of
            the lines' weights; how many they are; whether the photo grows; if so, whether `line` is written, rounded.
        columns: address of the first value that is read for each pixel; of the pixels' weights; how many a pixel has.
        count: how many pixels.
    """


@overload(scale_line, jit_options=_OPTIONS)
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
    target, kept, wide = floats
    first, fresh, weights, taps, grows, rounds = rows
    places, shares, beside = columns
    one, other = places[0], places[count - 1]  # in mirrored rows, the last pixel comes first
    low, size = min(one, other), abs(one - other) + 3 * beside
    ask_ahead(shift(source, low + 3 * (taps + 1) * width), size)
    if not grows:
        while taps > 1 and weights[taps - 1] == 0:
            taps -= 1
        _blend_lines(shift(wide, low), shift(source, low), 3 * width, weights, taps, size)
        _blend_pixels(target, wide, places, shares, beside, count)
        return
    for tap in range(max(taps - fresh, 0), taps):
        _widen(shift(wide, low), shift(source, 3 * width * tap + low), size)
        _blend_pixels(shift(kept, ((first + tap) & 1) * (3 * count + 8)), wide, places, shares, beside, count)
    upper = shift(kept, (first & 1) * (3 * count + 8))
    lower = shift(kept, (1 - (first & 1)) * (3 * count + 8)) if taps > 1 else upper
    weight, share = weights[0], weights[1] if taps > 1 else np.float32(0)
    if rounds:
        for k in range(3 * count):
            line[k] = np.uint8(np.int32(round_level(upper[k] * weight + lower[k] * share)))
    else:
        for k in range(3 * count):
            target[k] = upper[k] * weight + lower[k] * share


@njit(**_OPTIONS)
def _widen(target: Any, source: Any, count: Any) -> None:
    for k in range(count):
        target[k] = np.float32(source[k])


@njit(**_OPTIONS)
def _blend_lines(target: Any, source: Any, stride: Any, weights: Any, taps: Any, count: Any) -> None:
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


@njit(**_OPTIONS)
def _blend_pixels(target: Any, source: Any, places: Any, weights: Any, taps: Any, count: Any) -> None:
    # A number of taps that LLVM knows spares it the loop over them.
    if taps == 2:
        for x in range(0, count, 2):
            blend_pair(target, 3 * x, source, places[x], places[x + 1], weights, 8 * x, 2)
    elif taps == 3:
        for x in range(0, count, 2):
            blend_pair(target, 3 * x, source, places[x], places[x + 1], weights, 12 * x, 3)
    elif taps == 4:
        for x in range(0, count, 2):
            blend_pair(target, 3 * x, source, places[x], places[x + 1], weights, 16 * x, 4)
    else:
        for x in range(0, count, 2):
            blend_pair(target, 3 * x, source, places[x], places[x + 1], weights, 4 * taps * x, taps)


# A turned line --------------------------------------------------------------------------------------------------------


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


@overload(turn_line, jit_options=_OPTIONS)
def _turn_line(line: Any, floats: Any, source: Any, size: Any, y: Any, x: Any, count: Any, points: Any) -> Any:
    del line, source, size, y, x, count, points
    return _look_up_points if isinstance(floats, NoneType) else _blend_points


def _look_up_points(line: Any, floats: Any, source: Any, size: Any, y: Any, x: Any, count: Any, points: Any) -> None:
    (y, _, y_pixel), (x, _, x_pixel), width = y, x, size[1]
    for i in range(count):
        line[i] = source[((y + i * y_pixel) >> FRACTION_BITS) * width + ((x + i * x_pixel) >> FRACTION_BITS)]


def _blend_points(line: Any, floats: Any, source: Any, size: Any, y: Any, x: Any, count: Any, points: Any) -> None:
    (y, y_line, y_pixel), (x, x_line, x_pixel) = y, x
    for n in range(points * points):
        down, across = 2 * (n // points) + 1 - points, 2 * (n % points) + 1 - points
        offset_y = (down * y_line + across * y_pixel) // (2 * points)
        offset_x = (down * x_line + across * x_pixel) // (2 * points)
        _blend_run(floats[0], source, size, (y + offset_y, y_pixel), (x + offset_x, x_pixel), count, n > 0)
    if points > 1:
        share = np.float32(1 / (points * points))
        for k in range(3 * count):
            floats[0][k] *= share


@njit(**_OPTIONS)
def _blend_run(target: Any, source: Any, size: Any, y: Any, x: Any, count: Any, add: Any) -> None:
    # Inside, where no pixel is beyond the photo's edge and 8 bytes may be read of each line.
    first, end = reach(y[0] - _HALF_PIXEL, y[1], size[0] - 1, count)
    other, last = reach(x[0] - _HALF_PIXEL, x[1], size[1] - 2, count)
    first = max(first, other)
    end = max(min(end, last), first)
    _blend_edge(target, source, size, y, x, 0, first, add)
    stride = 3 * size[1]
    for i in range(first, end):
        down, across = y[0] + i * y[1] - _HALF_PIXEL, x[0] + i * x[1] - _HALF_PIXEL
        place = (down >> FRACTION_BITS) * stride + 3 * (across >> FRACTION_BITS)
        share_y, share_x = np.float32(down & _MASK) * _UNIT, np.float32(across & _MASK) * _UNIT
        blend_square(target, 3 * i, source, place, place + stride, share_y, share_x, add)
    _blend_edge(target, source, size, y, x, end, count, add)


@njit(**_OPTIONS)
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


# Addresses and vectors ------------------------------------------------------------------------------------------------


@intrinsic
def shift(_: Any, pointer: Any, count: Any) -> Emit:
    """Return the address `count` values on."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return CPointer(pointer.dtype)(pointer, types.int64), emit


@njit(**_OPTIONS)
def ask_ahead(source: Any, count: Any) -> None:
    """Ask for what will be read for a later line of the crop; addresses past the end of memory do no harm."""
    for at in range(0, count, 64):
        prefetch(source, at)


@intrinsic
def prefetch(_: Any, pointer: Any, index: Any) -> Emit:
    """Ask for the value at pointer[index]."""

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        ask_for(builder, builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(pointer, types.int64), emit


@intrinsic
def blend_pair(
    _: Any, target: Any, at: Any, source: Any, one: Any, other: Any, weights: Any, first: Any, taps: Any
) -> Emit:
    """Write two pixels at target[at]: sums of `taps` of them from source[one] and source[other] on, and two values."""

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        target, at, source, one, other, weights, first, taps = args

        def term(tap: Any) -> Any:
            next_ = builder.mul(tap, ir.Constant(tap.type, 3))
            pixels = [_load_pixel(builder, source, builder.add(place, next_)) for place in (one, other)]
            at = builder.gep(weights, [builder.add(first, builder.mul(tap, ir.Constant(tap.type, 8)))])
            shares = builder.load(builder.bitcast(at, _TWO.as_pointer()), align=4)
            return builder.fmul(builder.shuffle_vector(*pixels, _lanes(*range(8))), shares)

        total = cgutils.alloca_once_value(builder, term(ir.Constant(taps.type, 0)))
        with cgutils.for_range(builder, builder.sub(taps, ir.Constant(taps.type, 1))) as loop:
            tap = builder.add(loop.index, ir.Constant(taps.type, 1))
            builder.store(builder.fadd(builder.load(total), term(tap)), total)
        pair = builder.load(total)
        pair = builder.shuffle_vector(pair, pair, _lanes(0, 1, 2, 4, 5, 6, 7, 7))
        builder.store(pair, builder.bitcast(builder.gep(target, [at]), _TWO.as_pointer()), align=4)
        return context.get_dummy_value()

    integer = types.int64
    return types.void(target, integer, source, integer, integer, weights, integer, integer), emit


@intrinsic
def blend_square(
    _: Any, target: Any, at: Any, source: Any, upper: Any, lower: Any, down: Any, across: Any, add: Any
) -> Emit:
    """Write, or add, a pixel at target[at]: bilinear between two at source[upper] and two at source[lower].

    Two bytes behind each two pixels are read, too.
    """

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        target, at, source, upper, lower, down, across, add = args
        one = ir.Constant(_TWO, [1.0] * 8)
        down, across = _spread(builder, down, 8), _spread(builder, across, 4)
        upper, lower = (_load_bytes(builder, source, place) for place in (upper, lower))
        both = builder.fadd(builder.fmul(upper, builder.fsub(one, down)), builder.fmul(lower, down))
        # The fourth value is 0: it is added to the red of the next pixel.
        nothing = ir.Constant(_TWO, [0.0] * 8)
        left, right = (builder.shuffle_vector(both, nothing, _lanes(n, n + 1, n + 2, 8)) for n in (0, 3))
        left = builder.fmul(left, builder.fsub(ir.Constant(_PIXEL, [1.0] * 4), across))
        pixel = builder.fadd(left, builder.fmul(right, across))
        before = builder.select(add, _load_pixel(builder, target, at), ir.Constant(_PIXEL, [0.0] * 4))
        _store_pixel(builder, builder.fadd(before, pixel), target, at)
        return context.get_dummy_value()

    integer, share = types.int64, types.float32
    return types.void(target, integer, source, integer, integer, share, share, types.boolean), emit


def _load_pixel(builder: Any, pointer: Any, at: Any) -> Any:
    return builder.load(builder.bitcast(builder.gep(pointer, [at]), _PIXEL.as_pointer()), align=4)


def _store_pixel(builder: Any, pixel: Any, pointer: Any, at: Any) -> None:
    builder.store(pixel, builder.bitcast(builder.gep(pointer, [at]), _PIXEL.as_pointer()), align=4)


def _load_bytes(builder: Any, pointer: Any, at: Any) -> Any:
    kind = ir.VectorType(ir.IntType(8), 8)
    levels = builder.load(builder.bitcast(builder.gep(pointer, [at]), kind.as_pointer()), align=1)
    return builder.uitofp(levels, _TWO)


def _spread(builder: Any, scalar: Any, lanes: int) -> Any:
    empty = ir.Constant(ir.VectorType(ir.FloatType(), lanes), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, empty, _lanes(*[0] * lanes))


def _lanes(*lanes: int) -> Any:
    return ir.Constant(ir.VectorType(_INDEX, len(lanes)), lanes)
