"""MAT-files: the one matrix of class ids that a mask of the Semantic Boundaries PublicDataset holds, read without SciPy.

Source: The MathWorks, MAT-File Format, "Level 5 MAT-File Format".
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError

_HEADER_BYTES = 128
_MAX_BYTES = 256 << 20  # of one variable, unpacked
_INT8, _UINT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 2, 5, 6, 14, 15
_STRUCT_CLASS, _UINT8_CLASS = 2, 9
_NAME_TYPES = (_INT8, _UINT8, 16)  # 16: UTF-8


class _DamageError(Exception):
    """Say what is wrong with a MAT-file, as a clause."""


@dataclass(frozen=True, slots=True)
class _Matrix:
    """Hold an array as it is stored: class, dimensions, name, and the elements that follow."""

    kind: int
    shape: tuple[int, ...]
    name: str
    rest: Iterator[tuple[int, bytes]]


def read_mat_field(data: bytes, name: str, *, variable: str, field: str) -> npt.NDArray[np.uint8]:
    """Read a field of a variable that is a single struct.

    Args:
        data: the bytes of a MAT-file of MATLAB 5 to 7.2.
        name: of the file, for messages.
        variable: the struct's name.
        field: the name of one that holds a matrix of uint8.

    Returns:
        matrix: uint8 (rows, columns).

    Raises:
        MaskError: the file is damaged, of another version, or holds no such matrix.
    """
    try:
        return _read(data, variable, field)
    except _DamageError as damage:
        raise MaskError(
            f"{name}: {damage}; expected a MAT-file of MATLAB 5 to 7.2 with a uint8 matrix {variable}.{field}; get it again."
        ) from None


def _read(data: bytes, variable: str, field: str) -> npt.NDArray[np.uint8]:
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER_BYTES])
    if order is None or data[124:126] not in (b"\x00\x01", b"\x01\x00"):
        raise _DamageError(f"it starts with {data[:8]!r}")
    for kind, stored in _elements(data[_HEADER_BYTES:], order):
        body = _inflate(stored, order) if kind == _COMPRESSED else stored if kind == _MATRIX else None
        if body is None:
            raise _DamageError(f"an element of type {kind}")
        found = _matrix(body, order)
        if found.name == variable:
            return _pixels(_field(found, field, order))
    raise _DamageError(f"no variable {variable}")


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield (type, contents) of the elements that follow each other in `data`."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise _DamageError("cut off")
        kind, size = struct.unpack_from(order + "II", data, at)
        start = at + 8
        if kind >> 16:  # a small element: its size lies in the upper half, its contents in the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            if size > 4:
                raise _DamageError("a malformed element")
        if start + size > len(data):
            raise _DamageError("cut off")
        yield kind, data[start : start + size]
        at = start + size + (0 if kind == _COMPRESSED else -(start + size - at) % 8)


def _inflate(stored: bytes, order: str) -> bytes:
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(stored, _MAX_BYTES)
    except zlib.error as error:
        raise _DamageError(f"damage in the compressed variable ({error})") from None
    if not inflate.eof:
        raise _DamageError("a compressed variable that is cut off or too large")
    kind, body = next(_elements(data, order), (0, b""))
    if kind != _MATRIX:
        raise _DamageError(f"a compressed element of type {kind}")
    return body


def _matrix(body: bytes, order: str) -> _Matrix:
    rest = _elements(body, order)
    flags, shape, name = _next(rest, _UINT32), _next(rest, _INT32), _next(rest, *_NAME_TYPES)
    if len(flags) != 8 or len(shape) % 4:
        raise _DamageError("a malformed array")
    (first,) = struct.unpack_from(order + "I", flags)
    return _Matrix(first & 0xFF, struct.unpack(f"{order}{len(shape) // 4}i", shape), _text(name), rest)


def _field(found: _Matrix, field: str, order: str) -> _Matrix:
    if found.kind != _STRUCT_CLASS or found.shape != (1, 1):
        raise _DamageError(f"{found.name} is not a single struct")
    size, names = _next(found.rest, _INT32), _next(found.rest, *_NAME_TYPES)
    (length,) = struct.unpack(order + "i", size) if len(size) == 4 else (0,)
    if length <= 0 or len(names) % length:
        raise _DamageError("a malformed struct")
    for start in range(0, len(names), length):
        body = _next(found.rest, _MATRIX)
        if _text(names[start : start + length].partition(b"\0")[0]) == field:
            return _matrix(body, order)
    raise _DamageError(f"no field {field}")


def _pixels(found: _Matrix) -> npt.NDArray[np.uint8]:
    if found.kind != _UINT8_CLASS or len(found.shape) != 2 or min(found.shape) <= 0:
        raise _DamageError(f"an array of class {found.kind} and shape {found.shape}")
    stored = _next(found.rest, _UINT8)
    rows, columns = found.shape
    if len(stored) != rows * columns:
        raise _DamageError(f"{len(stored):,} values for {rows} x {columns}")
    return np.ascontiguousarray(np.frombuffer(stored, np.uint8).reshape(columns, rows).T)  # stored column by column


def _next(elements: Iterator[tuple[int, bytes]], *kinds: int) -> bytes:
    kind, contents = next(elements, (0, b""))
    if kind not in kinds:
        raise _DamageError("a malformed array")
    return contents


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "backslashreplace")
