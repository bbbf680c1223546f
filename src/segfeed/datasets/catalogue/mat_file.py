"""MAT-files: the one matrix of class ids that a mask of the Semantic Boundaries Dataset holds, read by SciPy.

SciPy trusts types, counts and the indices of sparse arrays, so that damaged files end the whole process. It therefore
gets a file with nothing but structs of plain numbers, every element of which was checked; the rest is left out unread.

Source: The MathWorks, MAT-File Format, "Level 5 MAT-File Format".
"""

import importlib.util
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError, NotInstalledError

_HEADER_BYTES = 128
_MAX_BYTES = 256 << 20  # of one variable, unpacked
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_PLAIN_TYPES = (*range(1, 8), 9, 12, 13)
_HEAD = [_UINT32, _INT32, _INT8, _INT32, _INT8]  # flags, shape, name, length of a field's name, their names
_CLASS_BITS = 0x8FF  # with the bit for complex numbers
_STRUCT_CLASS, _PLAIN_CLASSES = 2, range(6, 16)  # double to uint64


class _DamageError(Exception):
    """What is wrong with a MAT-file, as a clause."""


def require_scipy() -> None:
    """Check that SciPy is installed, without importing it.

    Raises:
        NotInstalledError: if it is not.
    """
    if importlib.util.find_spec("scipy") is None:
        raise NotInstalledError("scipy", found="not installed", remedy="install it with: pip install 'segfeed[sbd]'")


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
        MaskError: if the file is damaged, of another version, or holds no such matrix.
        NotInstalledError: if SciPy is not installed.
    """
    require_scipy()
    from scipy.io import loadmat  # noqa: PLC0415 - an extra

    try:
        # mat_dtype: MATLAB stores doubles that are whole numbers as uint8, too.
        found = loadmat(io.BytesIO(_checked(data)), variable_names=[variable], mat_dtype=True)
        return _matrix(found, variable, field)
    except Exception as error:  # noqa: BLE001 - SciPy has no error class of its own
        damage = str(error) if isinstance(error, _DamageError) else f"damage ({' '.join(str(error).split())})"
        expected = f"a MAT-file of MATLAB 5 to 7.2 with a uint8 matrix {variable}.{field}"
        raise MaskError(name, found=damage, expected=expected, remedy="get it again") from None


def _matrix(found: dict[str, npt.NDArray[np.void]], variable: str, field: str) -> npt.NDArray[np.uint8]:
    if variable not in found:
        raise _DamageError(f"no single struct {variable}")
    value = found[variable]
    if field not in (value.dtype.names or ()):
        raise _DamageError(f"no field {field}")
    matrix: npt.NDArray[np.uint8] = value[field][0, 0]
    if matrix.dtype != np.uint8 or matrix.ndim != 2 or not matrix.size:
        raise _DamageError(f"an array of {matrix.dtype.name} and shape {matrix.shape}")
    return np.ascontiguousarray(matrix)


def _checked(data: bytes) -> bytes:
    """Return the part of a MAT-file that SciPy reads safely: its single structs, uncompressed."""
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER_BYTES])
    if order is None or data[124:126] not in (b"\x00\x01", b"\x01\x00"):
        raise _DamageError(f"it starts with {data[:8]!r}")
    single, structs = struct.pack(f"{order}2i", 1, 1), [data[:_HEADER_BYTES]]
    for stored in _elements(memoryview(data)[_HEADER_BYTES:], order):
        is_packed = stored[0] == _COMPRESSED
        kind, body = next(_elements(_inflate(stored[1]), order), (0, stored[1])) if is_packed else stored
        if kind != _MATRIX:
            raise _DamageError(f"an element of type {kind}")
        head, parts = (elements := [*_elements(body, order)])[:5], elements[5:]
        if _class_of(head, order) == _STRUCT_CLASS and [kind for kind, _ in head] == _HEAD and head[1][1] == single:
            # SciPy reads an element without contents as an empty array.
            parts = [(_MATRIX, part if _is_plain(part, order) else memoryview(b"")) for _, part in parts]
            joined = b"".join(_store(*element, order) for element in (*head, *parts))
            structs.append(_store(_MATRIX, joined, order))
    return b"".join(structs)


def _is_plain(array: memoryview, order: str) -> bool:
    """Check whether an array holds plain numbers, and nothing else, behind its head."""
    elements = [*_elements(array, order)]
    kinds = [kind for kind, _ in elements]
    return _class_of(elements, order) in _PLAIN_CLASSES and kinds[:-1] == _HEAD[:3] and kinds[-1] in _PLAIN_TYPES


def _class_of(elements: list[tuple[int, memoryview]], order: str) -> int:
    """Return an array's class, the lowest byte of its first element; another number if complex or malformed."""
    kind, flags = elements[0] if elements else (0, b"")
    return struct.unpack_from(f"{order}I", flags)[0] & _CLASS_BITS if kind == _UINT32 and len(flags) == 8 else 0


def _store(kind: int, contents: bytes | memoryview, order: str) -> bytes:
    return struct.pack(f"{order}II", kind, len(contents)) + bytes(contents) + bytes(-len(contents) % 8)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
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


def _inflate(stored: memoryview) -> memoryview:
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(stored, _MAX_BYTES)
    except zlib.error as error:
        raise _DamageError(f"damage in the compressed variable ({error})") from None
    if not inflate.eof:
        raise _DamageError("a compressed variable that is cut off or too large")
    return memoryview(data)
