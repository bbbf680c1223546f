"""What `fetching` and `turning` share: addresses, and vectors of pixels.

A pixel is a vector of four float32: red, green, blue and one that nobody reads, so that loads and stores overlap and no
value is picked from its neighbours.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.types.misc import CPointer
from numba.extending import intrinsic

from segfeed.batches.kernels.streaming import ask_for

OPTIONS = {"error_model": "numpy"}
SPARE = 16  # how many values behind a line `blend_four` may write
_PIXEL, _TWO, _INDEX = ir.VectorType(ir.FloatType(), 4), ir.VectorType(ir.FloatType(), 8), ir.IntType(32)

Emit = tuple[Any, Callable[..., Any]]


@intrinsic
def take_whole_vectors(_: Any) -> Emit:
    """Have LLVM make vectors as wide as the processor's in the function that calls this.

    Left alone, it takes half of that on Intel's, as whole ones lowered the clock of older processors.
    """

    def emit(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # llvmlite knows only attributes of a word
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def shift(_: Any, pointer: Any, count: Any) -> Emit:
    """Return the address `count` values on."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return CPointer(pointer.dtype)(pointer, types.int64), emit


@intrinsic
def as_integers(_: Any, pointer: Any) -> Emit:
    """Return the same address, as one of int64."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64).as_pointer())

    return CPointer(types.int64)(pointer), emit


@njit(**OPTIONS)
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
def blend_four(_: Any, target: Any, at: Any, source: Any, places: Any, weights: Any, pairs: Any) -> Emit:
    """Write four pixels at target[at], and four values: each the sum of `pairs` of neighbours from source[place] on.

    One load takes a pair, and two values: the products lie side by side, and two shuffles pick those that are added.
    """

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        target, at, source, places, weights, pairs = args
        places = [builder.load(builder.gep(places, [ir.Constant(pairs.type, n)])) for n in range(4)]
        first = [8 * (lane // 3 % 4) + lane % 3 for lane in range(16)]

        def terms(pair: Any) -> list[Any]:
            beyond = builder.mul(pair, ir.Constant(pair.type, 6))
            taken = [_load_vector(builder, source, builder.add(place, beyond), _TWO) for place in places]
            shares = _load_vector(builder, weights, builder.mul(pair, ir.Constant(pair.type, 8)), _TWO)
            products = []
            for n in (0, 2):
                lanes = [2 * pixel + tap for pixel in (n, n + 1) for tap in (0, 0, 0, 1, 1, 1, 1, 1)]
                both = builder.shuffle_vector(taken[n], taken[n + 1], _lanes(*range(16)))
                products.append(builder.fmul(both, builder.shuffle_vector(shares, shares, _lanes(*lanes))))
            return [builder.shuffle_vector(*products, _lanes(*(lane + tap for lane in first))) for tap in (0, 3)]

        total = cgutils.alloca_once_value(builder, builder.fadd(*terms(ir.Constant(pairs.type, 0))))
        with cgutils.for_range(builder, builder.sub(pairs, ir.Constant(pairs.type, 1))) as loop:
            one, other = terms(builder.add(loop.index, ir.Constant(pairs.type, 1)))
            builder.store(builder.fadd(builder.fadd(builder.load(total), one), other), total)
        _store_vector(builder, builder.load(total), target, at)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, places, weights, types.int64), emit


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
        # What stands there is loaded only if it is added to: the store of the pixel before covers a part of it, and
        # such a load waits until that store has left the core.
        total = cgutils.alloca_once_value(builder, pixel)
        with builder.if_then(add):
            builder.store(builder.fadd(_load_vector(builder, target, at, _PIXEL), pixel), total)
        _store_vector(builder, builder.load(total), target, at)
        return context.get_dummy_value()

    integer, share = types.int64, types.float32
    return types.void(target, integer, source, integer, integer, share, share, types.boolean), emit


def _load_vector(builder: Any, pointer: Any, at: Any, kind: Any) -> Any:
    return builder.load(builder.bitcast(builder.gep(pointer, [at]), kind.as_pointer()), align=4)


def _store_vector(builder: Any, vector: Any, pointer: Any, at: Any) -> None:
    builder.store(vector, builder.bitcast(builder.gep(pointer, [at]), vector.type.as_pointer()), align=4)


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
