"""The second stage of the compiled kernel: a line of pixels in float32 changes its colour and is rounded to bytes.

The steps are those of `plans.colour`, value by value; every loop over a line is one that LLVM turns into vectors.
Labels pass unchanged.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.core.types.misc import NoneType
from numba.extending import intrinsic, overload, register_jitable

from segfeed.batches.kernels.streaming import pointer_to
from segfeed.batches.kernels.vectors import SPARE, take_whole_vectors
from segfeed.plans import colour
from segfeed.plans.colour import (
    at_least,
    at_most,
    bend,
    brighten,
    changes_colour,
    fade,
    limit,
    pick,
    power_of_two,
    round_down,
    round_level,
    saturate,
    share,
    shift_hue,
    stretch,
    thirds,
)
from segfeed.plans.rows import COLOUR_ORDERS

_OPTIONS = {"error_model": "numpy"}
_INSIDE = _OPTIONS | {"forceinline": True}  # LLVM makes no vectors of a loop that calls a function
_ONE, _NONE, _FULL = np.float32(1), np.float32(0), np.float32(255)
_CONTRAST_FIRST = tuple(order.index("contrast") < order.index("saturation") for order in COLOUR_ORDERS)

for _step in (
    *(
        "_double",
        "_halve",
        "bend",
        "brighten",
        "changes_colour",
        "fade",
        "limit",
        "power_of_two",
        "round_level",
        "saturate",
    ),
    *("share", "shift_hue", "stretch", "thirds"),
):
    register_jitable(**_INSIDE)(getattr(colour, _step))


@overload(at_least, strict=False, jit_options=_INSIDE)
def _at_least(one: Any, other: Any) -> Any:
    return lambda one, other: one if one > other else other


@overload(at_most, strict=False, jit_options=_INSIDE)
def _at_most(one: Any, other: Any) -> Any:
    return lambda one, other: one if one < other else other


@overload(pick, strict=False, jit_options=_INSIDE)
def _pick(condition: Any, one: Any, other: Any) -> Any:
    return lambda condition, one, other: one if condition else other


@overload(round_down, strict=False, jit_options=_INSIDE)
def _round_down(number: Any) -> Any:
    del number
    return lambda number: floor(number)  # noqa: PLW0108 - numba takes a function of Python


@intrinsic
def floor(_: Any, number: Any) -> Any:
    """Return the floor of a float32 by LLVM's own operation, which has vectors, unlike NumPy's in numba."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.floor", [ir.FloatType()])
        return builder.call(function, args)

    return types.float32(number), emit


def lay_floats(scratch: Any, scales: Any, turns: Any, colours: Any, size: Any) -> Any:
    """Return memory for so many float32; None if `scratch` is for labels, (W,), or no line of pixels is ever blended.

    By the type of what is returned, the functions for a line know what it is of.
    """


@overload(lay_floats, strict=False, jit_options=_OPTIONS)
def _lay_floats(scratch: Any, scales: Any, turns: Any, colours: Any, size: Any) -> Any:
    del size
    if scratch.ndim == 1 or all(isinstance(stage, NoneType) for stage in (scales, turns, colours)):
        return lambda scratch, scales, turns, colours, size: None  # noqa: ARG005
    return lambda scratch, scales, turns, colours, size: np.empty(size, np.float32)  # noqa: ARG005


def floats_of(scratch: Any, floats: Any) -> Any:
    """Return addresses in `floats`: of a line of the crop, of two more, and of a line of the photo; None if it is."""


@overload(floats_of, strict=False, jit_options=_OPTIONS)
def _floats_of(scratch: Any, floats: Any) -> Any:
    if isinstance(floats, NoneType):
        return lambda scratch, floats: None  # noqa: ARG005

    def addresses(scratch: Any, floats: Any) -> Any:
        size = scratch.size + SPARE
        return pointer_to(floats, 0), pointer_to(floats, size), pointer_to(floats, 3 * size)

    return addresses


def widen_line(floats: Any, line: Any, count: Any) -> Any:
    """Copy a line of pixels into `floats`; nothing if it is of labels."""


@overload(widen_line, jit_options=_OPTIONS)
def _widen_line(floats: Any, line: Any, count: Any) -> Any:
    del line, count
    return _ignore_line if isinstance(floats, NoneType) else _widen_pixels


def _ignore_line(floats: Any, line: Any, count: Any) -> None:
    pass


def _widen_pixels(floats: Any, line: Any, count: Any) -> None:
    values = floats[0]
    for k in range(3 * count):
        values[k] = np.float32(line[k])


def colour_line(colours: Any, line: Any, floats: Any, row: Any, count: Any) -> Any:
    """Change the colour of `floats` as a row says and round them into `line`; nothing if it is of labels."""


@overload(colour_line, jit_options=_OPTIONS)
def _colour_line(colours: Any, line: Any, floats: Any, row: Any, count: Any) -> Any:
    del line, row, count
    if isinstance(floats, NoneType):
        return _leave_labels
    return _round_pixels if isinstance(colours, NoneType) else _colour_pixels


def _leave_labels(colours: Any, line: Any, floats: Any, row: Any, count: Any) -> None:
    pass


def _colour_pixels(colours: Any, line: Any, floats: Any, row: Any, count: Any) -> None:
    if changes_colour(row):
        _change(floats[0], row, count)
    _round(line, floats[0], count)


def _round_pixels(colours: Any, line: Any, floats: Any, row: Any, count: Any) -> None:
    _round(line, floats[0], count)


@njit(**_OPTIONS)
def _round(line: Any, values: Any, count: Any) -> None:
    take_whole_vectors()
    for k in range(3 * count):
        line[k] = np.uint8(np.int32(round_level(values[k])))


@njit(**_OPTIONS)
def _change(values: Any, row: Any, count: Any) -> None:
    take_whole_vectors()
    size = 3 * count
    amount, factor = share(row.brightness) * _FULL, _ONE + share(row.contrast)
    if row.brightness != 0:
        for k in range(size):
            values[k] = brighten(values[k], amount)
    contrast_first = _CONTRAST_FIRST[row.colour_order]
    if row.contrast != 0 and contrast_first:
        for k in range(size):
            values[k] = stretch(values[k], factor)
    if row.hue != 0 or row.saturation != 0:
        _change_hue(values, at_least(_ONE + share(row.saturation), _NONE), row.hue, count)
    if row.contrast != 0 and not contrast_first:
        for k in range(size):
            values[k] = stretch(values[k], factor)
    if row.gamma != 0:
        exponent = np.float32(power_of_two(row.gamma / 65536))
        for k in range(size):
            values[k] = bend(values[k], exponent)
    if row.gray != 0:
        amount = share(row.gray)
        for x in range(count):
            pixel = fade(values[3 * x], values[3 * x + 1], values[3 * x + 2], amount)
            values[3 * x], values[3 * x + 1], values[3 * x + 2] = pixel


@njit(**_OPTIONS)
def _change_hue(values: Any, factor: Any, hue: Any, count: Any) -> None:
    take_whole_vectors()
    if hue == 0:
        for x in range(count):
            red, green, blue = values[3 * x], values[3 * x + 1], values[3 * x + 2]
            pixel = saturate(red, green, blue, limit(red, green, blue, factor))
            values[3 * x], values[3 * x + 1], values[3 * x + 2] = pixel
        return
    turns, shift = thirds(hue)
    for _ in range(turns):
        for x in range(count):
            red, green, blue = values[3 * x], values[3 * x + 1], values[3 * x + 2]
            values[3 * x], values[3 * x + 1], values[3 * x + 2] = blue, red, green
    for x in range(count):
        red, green, blue = values[3 * x], values[3 * x + 1], values[3 * x + 2]
        pixel = shift_hue(red, green, blue, limit(red, green, blue, factor), shift)
        values[3 * x], values[3 * x + 1], values[3 * x + 2] = pixel
