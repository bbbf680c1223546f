"""Streaming stores: lines of a batch, written to memory past the caches, for compiled kernels.

A batch is larger than any cache, so an ordinary store first reads the line that it overwrites. Non-temporal stores of
whole vectors do not, which nearly halves the traffic of filling a batch. LLVM emits them only where it is told so, with
the alignment it needs, and numba offers no other way to tell it than an intrinsic.

Each function writes `count` elements from `out[place]` on, out of `source` from `start` on: single elements up to the
next aligned address, then whole vectors, then single elements. All are called from compiled code only. `settle` orders
the stores before whatever publishes the batch.

Sources: LLVM language reference, `!nontemporal`; Intel SDM volume 1, section 10.4.6.2.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_LANES = 16
_BYTE_LANES = 32
# Where to look ahead in the source: a line or two of a photo. Hardware stops at the end of each page of 4 KiB.
_AHEAD_BYTES = 2048

_BYTE, _INDEX, _WORD, _FLOAT = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()

Emit = tuple[Any, Callable[..., Any]]
Value = Callable[[Any, int], Any]


@intrinsic
def stream_floats(_: Any, out: Any, place: Any, source: Any, start: Any, affine: Any, count: Any) -> Emit:
    """Write float32(source[i]) * affine[0, i] + affine[1, i]; affine is float32 (2, line)."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, origin = _pointers(context, builder, signature, args)
        factors, summands = _rows(context, builder, signature, args)

        def value(at: Any, lanes: int) -> Any:
            if lanes > 1:
                _prefetch(builder, origin, at)
            pixels = _as_floats(builder, _load(builder, origin, at, _BYTE, lanes))
            scaled = builder.fmul(pixels, _load(builder, factors, at, _FLOAT, lanes))
            return builder.fadd(scaled, _load(builder, summands, at, _FLOAT, lanes))

        _write_line(builder, target, args[5], _LANES, value)
        return context.get_dummy_value()

    return types.void(out, place, source, start, affine, count), emit


@intrinsic
def stream_planes(_: Any, out: Any, places: Any, source: Any, start: Any, affine: Any, count: Any) -> Emit:
    """Write three planes: out[places[c] + i] = float32(source[3 * i + c]) * affine[0, c] + affine[1, c]."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, args[0]).data
        origin = builder.gep(context.make_array(signature.args[2])(context, builder, args[2]).data, [args[3]])
        rows = _rows(context, builder, signature, args)
        for channel in range(3):
            number = [ir.Constant(_WORD, channel)]
            factor, summand = (builder.load(builder.gep(row, number)) for row in rows)

            def value(at: Any, lanes: int, channel: int = channel, factor: Any = factor, summand: Any = summand) -> Any:
                pixels = _load(builder, origin, builder.mul(at, ir.Constant(_WORD, 3)), _BYTE, 3 * lanes)
                part = _as_floats(builder, _pick(builder, pixels, range(channel, 3 * lanes, 3)))
                return builder.fadd(
                    builder.fmul(part, _spread(builder, factor, lanes)), _spread(builder, summand, lanes)
                )

            plane = builder.gep(whole, [builder.extract_value(args[1], channel)])
            _write_line(builder, plane, args[5], _LANES, value)
        return context.get_dummy_value()

    return types.void(out, places, source, start, affine, count), emit


@intrinsic
def stream_bytes(_: Any, out: Any, place: Any, source: Any, start: Any, count: Any) -> Emit:
    """Copy bytes."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, origin = _pointers(context, builder, signature, args)

        def value(at: Any, lanes: int) -> Any:
            if lanes > 1:
                _prefetch(builder, origin, at)
            return _load(builder, origin, at, _BYTE, lanes)

        _write_line(builder, target, args[4], _BYTE_LANES, value)
        return context.get_dummy_value()

    return types.void(out, place, source, start, count), emit


@intrinsic
def stream_labels(_: Any, out: Any, place: Any, source: Any, start: Any, voids: Any, count: Any) -> Emit:
    """Write labels as `out`'s integers, voids[1] where source is voids[0]."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, origin = _pointers(context, builder, signature, args)
        handed, stored = (context.get_data_type(signature.args[i].dtype) for i in (0, 2))
        void_in, void_out = (builder.extract_value(args[4], i) for i in (0, 1))

        def value(at: Any, lanes: int) -> Any:
            if lanes > 1:
                _prefetch(builder, origin, at)
            ids = _load(builder, origin, at, stored, lanes)
            is_void = builder.icmp_unsigned("==", ids, _spread(builder, void_in, lanes))
            resize = builder.zext if handed.width > stored.width else builder.trunc
            other = ids if handed.width == stored.width else resize(ids, ir.VectorType(handed, lanes))
            return builder.select(is_void, _spread(builder, void_out, lanes), other)

        _write_line(builder, target, args[5], _BYTE_LANES if handed.width == _BYTE.width else _LANES, value)
        return context.get_dummy_value()

    return types.void(out, place, source, start, voids, count), emit


@intrinsic
def mirror_pixels(_: Any, out: Any, source: Any, start: Any, count: Any) -> Emit:
    """Write `count` pixels of three bytes to `out` in reverse order: a line in cache, to be streamed from there."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _mirror(context, builder, signature, args, 3)

    return types.void(out, source, start, count), emit


@intrinsic
def mirror_labels(_: Any, out: Any, source: Any, start: Any, count: Any) -> Emit:
    """Write `count` labels to `out` in reverse order."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _mirror(context, builder, signature, args, 1)

    return types.void(out, source, start, count), emit


@intrinsic
def settle(_: Any) -> Emit:
    """Order all streamed stores before everything that follows."""

    def emit(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), emit


def _mirror(context: Any, builder: Any, signature: Any, args: Any, channels: int) -> Any:
    """Emit two loops: reversed vectors of `_LANES` pixels from the start on, then single pixels."""
    target, source = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 1))
    origin, element = builder.gep(source, [args[2]]), context.get_data_type(signature.args[1].dtype)
    whole = builder.udiv(args[3], ir.Constant(_WORD, _LANES))
    tail = builder.mul(whole, ir.Constant(_WORD, _LANES))
    for first, steps, width in ((ir.Constant(_WORD, 0), whole, _LANES), (tail, builder.sub(args[3], tail), 1)):
        order = [channels * pixel + channel for pixel in reversed(range(width)) for channel in range(channels)]
        with cgutils.for_range(builder, steps) as loop:
            at = builder.add(first, builder.mul(loop.index, ir.Constant(_WORD, width)))
            place = builder.sub(args[3], builder.add(at, ir.Constant(_WORD, width)))
            from_, to = (builder.mul(pixel, ir.Constant(_WORD, channels)) for pixel in (at, place))
            pixels = _pick(builder, _load(builder, origin, from_, element, channels * width), order)
            mirrored = builder.bitcast(builder.gep(target, [to]), pixels.type.as_pointer())
            builder.store(pixels, mirrored, align=_bytes(element))
    return context.get_dummy_value()


def _write_line(builder: Any, target: Any, count: Any, lanes: int, value: Value) -> None:
    """Emit the three loops of a line: up to an aligned address, whole vectors past the caches, the rest."""
    size = ir.Constant(_WORD, _bytes(target.type.pointee))
    vector = ir.Constant(_WORD, lanes * _bytes(target.type.pointee))
    address = builder.ptrtoint(target, _WORD)
    unaligned = builder.udiv(builder.urem(builder.neg(address), vector), size)
    head = builder.select(builder.icmp_signed("<", unaligned, count), unaligned, count)
    whole = builder.udiv(builder.sub(count, head), ir.Constant(_WORD, lanes))
    tail = builder.add(head, builder.mul(whole, ir.Constant(_WORD, lanes)))
    for first, steps, width in (
        (ir.Constant(_WORD, 0), head, 1),
        (head, whole, lanes),
        (tail, builder.sub(count, tail), 1),
    ):
        with cgutils.for_range(builder, steps) as loop:
            at = builder.add(first, builder.mul(loop.index, ir.Constant(_WORD, width)))
            _store(builder, value(at, width), builder.gep(target, [at]), streamed=width > 1)


def _pointers(context: Any, builder: Any, signature: Any, args: Any) -> tuple[Any, Any]:
    """Point at out[place] and source[start]."""
    out, source = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 2))
    return builder.gep(out, [args[1]]), builder.gep(source, [args[3]])


def _rows(context: Any, builder: Any, signature: Any, args: Any) -> tuple[Any, Any]:
    """Point at the two rows of `affine`, the fifth argument."""
    affine = context.make_array(signature.args[4])(context, builder, args[4])
    return affine.data, builder.gep(affine.data, [builder.extract_value(affine.shape, 1)])


def _prefetch(builder: Any, pointer: Any, at: Any) -> None:
    """Ask for what will be read a few lines on; an address past the end does no harm."""
    place = builder.bitcast(
        builder.gep(pointer, [builder.add(at, ir.Constant(_WORD, _AHEAD_BYTES))]), _BYTE.as_pointer()
    )
    kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INDEX, _INDEX, _INDEX])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [place, *(ir.Constant(_INDEX, number) for number in (0, 3, 1))])


def _load(builder: Any, pointer: Any, at: Any, element: Any, lanes: int) -> Any:
    place = builder.bitcast(builder.gep(pointer, [at]), ir.VectorType(element, lanes).as_pointer())
    return builder.load(place, align=_bytes(element))


def _store(builder: Any, value: Any, pointer: Any, *, streamed: bool) -> None:
    size = value.type.count * _bytes(value.type.element)
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=size)
    if streamed:
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_INDEX, 1)]))


def _bytes(element: Any) -> int:
    return 4 if element == _FLOAT else int(element.width) // 8


def _as_floats(builder: Any, pixels: Any) -> Any:
    return builder.uitofp(pixels, ir.VectorType(_FLOAT, pixels.type.count))


def _pick(builder: Any, vector: Any, lanes: Sequence[int]) -> Any:
    return builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(_INDEX, len(lanes)), list(lanes)))


def _spread(builder: Any, scalar: Any, lanes: int) -> Any:
    empty = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_INDEX, lanes), [0] * lanes))
