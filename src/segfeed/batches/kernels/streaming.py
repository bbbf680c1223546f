"""The parts of the kernels that numba cannot express: lines of vectors, written to memory past the caches.

A batch is larger than any cache, so an ordinary store first reads the line that it overwrites. Non-temporal stores of
whole vectors do not, which nearly halves the traffic of filling a batch. LLVM emits them only if it is told to, with
the alignment that they need, and numba offers no other way to tell it than an intrinsic.

`stream_run` and `stream_planes` write a line in either layout: single values up to the next aligned address, then whole
vectors, then single values. What happens to the values on their way depends on the types of `rule` and `out` alone:

| rule | out | value written |
|---|---|---|
| None | uint8 | the stored one |
| float32 (2, line) | float32, or uint16 for the bits of float16 | float32(stored) * rule[0, i] + rule[1, i] |
| (void as stored, void as handed over) | an integer type | the stored label, void translated |

All functions are called from compiled code only. `order_stores` orders the stores before the batch is published.

Sources: LLVM language reference, `!nontemporal`; Intel SDM volume 1, section 10.4.6.2.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.types.containers import BaseTuple
from numba.core.types.misc import CPointer, NoneType
from numba.extending import intrinsic

# Values in a vector: up to four registers of AVX2, so that loads are under way side by side.
_LANES, _BYTE_LANES = 16, 32
# How far to look ahead in the source: a line or two of a photo. Hardware stops at the end of each page of 4 KiB.
_AHEAD_BYTES = 2048

_BYTE, _HALF, _INDEX, _WORD, _FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()

Emit = tuple[Any, Callable[..., Any]]
Value = Callable[[Any, int], Any]
"""Emits the values to be written: (index of the first, how many) -> vector."""
Convert = Callable[[Any, Any], Any]
"""Emits the step from stored values to a batch's: (vector, index of its first value in the line) -> vector."""


@intrinsic
def pointer_to(_: Any, array: Any, index: Any) -> Emit:
    """Return the address of element `index` of a contiguous array."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(_data(context, builder, signature, args, 0), [args[1]])

    return CPointer(array.dtype)(array, index), emit


@intrinsic
def fetch_line(_: Any, memory: Any, start: Any, count: Any, flip: Any, scratch: Any) -> Emit:
    """Return the address of `count` pixels from memory[start] on, or, if `flip`, of a mirrored copy in `scratch`.

    `scratch` is (W, 3), or (W,) for labels.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line = builder.gep(_data(context, builder, signature, args, 0), [args[1]])
        copy = _data(context, builder, signature, args, 4)
        with builder.if_then(args[3]):
            _mirror(builder, copy, line, args[2], 3 if scratch.ndim == 2 else 1)
        return builder.select(args[3], copy, line)

    return CPointer(memory.dtype)(memory, start, count, flip, scratch), emit


@intrinsic
def swap_sides(_: Any, line: Any, count: Any, flip: Any, sides: Any) -> Emit:
    """Send a line of labels through a table in place if `flip`, when it is a copy in `scratch`.

    Nothing is emitted if `sides` is None. One value after another: the line and the table lie in the nearest cache.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not isinstance(sides, NoneType):
            table = _data(context, builder, signature, args, 3)
            with builder.if_then(args[2]), cgutils.for_range(builder, args[1]) as loop:
                label = builder.gep(args[0], [loop.index])
                swapped = builder.gep(table, [builder.zext(builder.load(label), _WORD)])
                builder.store(builder.load(swapped), label)
        return context.get_dummy_value()

    return types.void(line, count, flip, sides), emit


@intrinsic
def store_line(_: Any, planes: Any, place: Any, line: Any, count: Any, rule: Any) -> Emit:
    """Write `count` values of a line to each plane of a crop, from its value `place` on.

    `planes` is the address of a crop whose channels alternate, or those of its three planes: `count` then is of pixels.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        stored, written = (context.get_data_type(pointer.dtype) for pointer in (line, planes.dtype))
        count_planes = len(planes)
        for channel in range(count_planes):
            convert = _converter(context, builder, signature, args, None if count_planes == 1 else channel)

            def value(at: Any, lanes: int, channel: int = channel, convert: Convert = convert) -> Any:
                if count_planes == 1:
                    if lanes > 1:
                        ask_for(builder, builder.gep(args[2], [builder.add(at, _word(_AHEAD_BYTES))]))
                    return convert(_load(builder, args[2], at, stored, lanes), at)
                # Whole pixels are loaded, and a shuffle picks the channel: strided reads would be read one by one.
                pixels = _load(builder, args[2], builder.mul(at, _word(3)), stored, 3 * lanes)
                return convert(_pick(builder, pixels, range(channel, 3 * lanes, 3)), at)

            target = builder.gep(builder.extract_value(args[0], channel), [args[1]])
            _write_line(builder, target, written, args[3], value)
        return context.get_dummy_value()

    return types.void(planes, place, line, count, rule), emit


@intrinsic
def order_stores(_: Any) -> Emit:
    """Order all streamed stores before everything that follows."""

    def emit(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), emit


# From stored values to a batch's --------------------------------------------------------------------------------------


def _converter(context: Any, builder: Any, signature: Any, args: Any, channel: int | None) -> Convert:
    """Choose a conversion by the types of `out` and `rule`; channel is None if the channels of a line alternate."""
    out, rule = signature.args[0].dtype.dtype, signature.args[4]
    if isinstance(rule, NoneType):
        return lambda stored, _at: stored
    if isinstance(rule, BaseTuple):
        return _label_converter(builder, context.get_data_type(out), args[4])
    affine = context.make_array(rule)(context, builder, args[4])
    rows = affine.data, builder.gep(affine.data, [builder.extract_value(affine.shape, 1)])
    # One channel's factor and summand are loaded here, before the loop: LLVM cannot know that the stores leave them
    # alone.
    constants = None if channel is None else [builder.load(builder.gep(row, [_word(channel)])) for row in rows]

    def convert(stored: Any, at: Any) -> Any:
        lanes = stored.type.count
        if constants is None:
            factors, summands = (_load(builder, row, at, _FLOAT, lanes) for row in rows)
        else:
            factors, summands = (_spread(builder, constant, lanes) for constant in constants)
        # Two operations, each rounded, as NumPy does them: a fused one would round once.
        values = builder.uitofp(stored, ir.VectorType(_FLOAT, lanes))
        values = builder.fadd(builder.fmul(values, factors), summands)
        return values if out == types.float32 else _half_bits(builder, values)

    return convert


def _label_converter(builder: Any, handed: Any, voids: Any) -> Convert:
    stored_void, void = (builder.extract_value(voids, i) for i in (0, 1))

    def convert(stored: Any, _at: Any) -> Any:
        lanes, width = stored.type.count, stored.type.element.width
        is_void = builder.icmp_unsigned("==", stored, _spread(builder, stored_void, lanes))
        resize = builder.zext if handed.width > width else builder.trunc
        ids = stored if handed.width == width else resize(stored, ir.VectorType(handed, lanes))
        return builder.select(is_void, _spread(builder, void, lanes), ids)

    return convert


def _half_bits(builder: Any, values: Any) -> Any:
    """Round float32 to the bits of float16, half to even, by integers.

    LLVM's own conversion ends the process on processors without F16C, and calls a function for each value.
    Source: IEEE 754-2019, sections 3.4 and 4.3.1.
    """
    lanes = values.type.count
    words, halves, floats = (ir.VectorType(kind, lanes) for kind in (_INDEX, _HALF, _FLOAT))

    def each(number: int) -> Any:
        return ir.Constant(words, [number] * lanes)

    bits = builder.bitcast(values, words)
    magnitude = builder.and_(bits, each(0x7FFFFFFF))
    # Normal: the exponent's bias falls from 127 to 15, 13 bits of the fraction are cut. Added before the cut: just
    # under half of the last bit that stays, and that bit itself, so that a tie goes up to an even one only.
    odd = builder.and_(builder.lshr(magnitude, each(13)), each(1))
    shifted = builder.add(builder.add(magnitude, each(((15 - 127) << 23) + 0xFFF & 0xFFFFFFFF)), odd)
    normal = builder.lshr(shifted, each(13))
    # Above the largest one: infinity; a NaN stays one, with the fraction's upper bits.
    normal = builder.select(builder.icmp_unsigned("<", normal, each(0x7C00)), normal, each(0x7C00))
    fraction = builder.and_(builder.lshr(magnitude, each(13)), each(0x3FF))
    is_nan = builder.icmp_unsigned(">", magnitude, each(0x7F800000))
    normal = builder.select(is_nan, builder.or_(fraction, each(0x7E00)), normal)
    # Below 2**-14: float16 counts in steps of 2**-24, which is the last bit of a float32 in 0.5..1. So the processor
    # rounds.
    raised = builder.fadd(builder.bitcast(magnitude, floats), builder.bitcast(each(0x3F000000), floats))
    subnormal = builder.sub(builder.bitcast(raised, words), each(0x3F000000))
    rounded = builder.select(builder.icmp_unsigned("<", magnitude, each(0x38800000)), subnormal, normal)
    sign = builder.and_(builder.lshr(bits, each(16)), each(0x8000))
    return builder.trunc(builder.or_(rounded, sign), halves)


# Lines and vectors ----------------------------------------------------------------------------------------------------


def _mirror(builder: Any, target: Any, line: Any, count: Any, channels: int) -> None:
    """Emit two loops: reversed vectors of pixels from the line's start on, then single pixels."""
    element = line.type.pointee
    whole = builder.udiv(count, _word(_LANES))
    tail = builder.mul(whole, _word(_LANES))
    for first, steps, width in ((_word(0), whole, _LANES), (tail, builder.sub(count, tail), 1)):
        order = [channels * pixel + channel for pixel in reversed(range(width)) for channel in range(channels)]
        with cgutils.for_range(builder, steps) as loop:
            at = builder.add(first, builder.mul(loop.index, _word(width)))
            opposite = builder.sub(count, builder.add(at, _word(width)))
            from_, to = (builder.mul(pixel, _word(channels)) for pixel in (at, opposite))
            pixels = _pick(builder, _load(builder, line, from_, element, channels * width), order)
            _store(builder, pixels, builder.gep(target, [to]), _bytes(element))


def _write_line(builder: Any, target: Any, element: Any, count: Any, value: Value) -> None:
    """Emit the three loops of a line: up to an aligned address, whole vectors past the caches, the rest."""
    lanes, size = _BYTE_LANES if element == _BYTE else _LANES, _bytes(element)
    unaligned = builder.urem(builder.neg(builder.ptrtoint(target, _WORD)), _word(lanes * size))
    unaligned = builder.udiv(unaligned, _word(size))
    head = builder.select(builder.icmp_signed("<", unaligned, count), unaligned, count)
    whole = builder.udiv(builder.sub(count, head), _word(lanes))
    tail = builder.add(head, builder.mul(whole, _word(lanes)))
    for first, steps, width in ((_word(0), head, 1), (head, whole, lanes), (tail, builder.sub(count, tail), 1)):
        with cgutils.for_range(builder, steps) as loop:
            at = builder.add(first, builder.mul(loop.index, _word(width)))
            stored = _store(builder, value(at, width), builder.gep(target, [at]), width * size)
            if width > 1:
                stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_INDEX, 1)]))


def ask_for(builder: Any, pointer: Any) -> None:
    """Ask the memory for what will be read soon; an address past its end does no harm."""
    kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INDEX, _INDEX, _INDEX])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    address = builder.bitcast(pointer, _BYTE.as_pointer())
    builder.call(function, [address, *(ir.Constant(_INDEX, number) for number in (0, 3, 1))])


def _data(context: Any, builder: Any, signature: Any, args: Any, argument: int) -> Any:
    """Point at the first element of an argument that is an array."""
    return context.make_array(signature.args[argument])(context, builder, args[argument]).data


def _load(builder: Any, pointer: Any, at: Any, element: Any, lanes: int) -> Any:
    vector = ir.VectorType(element, lanes).as_pointer()
    return builder.load(builder.bitcast(builder.gep(pointer, [at]), vector), align=_bytes(element))


def _store(builder: Any, vector: Any, pointer: Any, align: int) -> Any:
    return builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer()), align=align)


def _word(number: int) -> Any:
    return ir.Constant(_WORD, number)


def _bytes(element: Any) -> int:
    return 4 if element == _FLOAT else int(element.width) // 8


def _pick(builder: Any, vector: Any, lanes: Sequence[int]) -> Any:
    return builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(_INDEX, len(lanes)), list(lanes)))


def _spread(builder: Any, scalar: Any, lanes: int) -> Any:
    empty = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_INDEX, lanes), [0] * lanes))
