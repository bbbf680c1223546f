"""The columns of a pack's table, an Arrow IPC file: read, compared with the manifest's checksum, validated in full."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from segfeed.datasets.packed.manifest import FORMAT_VERSION, PACK_AGAIN, TABLE, Manifest
from segfeed.errors import PackError

_GRID = pa.struct(
    [
        pa.field("block", pa.int32(), nullable=False),
        pa.field("label", pa.uint16(), nullable=False),
        pa.field("count", pa.uint16(), nullable=False),
    ]
)


def _list_of(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("item", kind, nullable=False))


SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("part", _list_of(pa.int32()), nullable=False),
        pa.field("offset", _list_of(pa.int64()), nullable=False),
        pa.field("tile_xxh3", _list_of(pa.binary(16)), nullable=False),
        pa.field("photo_bytes", pa.int64(), nullable=False),
        pa.field("mask_bytes", pa.int64(), nullable=False),
        pa.field("photo_name", pa.string(), nullable=False),
        pa.field("mask_name", pa.string()),
        pa.field("photo_sha256", pa.binary(32), nullable=False),
        pa.field("mask_sha256", pa.binary(32)),
        pa.field("pixels", _list_of(pa.int64()), nullable=False),
        pa.field("grid", _list_of(_GRID), nullable=False),
    ]
)


def read_columns(manifest: Manifest, *, grids: bool) -> pa.Table:
    """Read the class grids of a pack, or all other columns, each as one chunk.

    Raises:
        PackError: if the table is not the one that was written, or no column is what it must be.
    """
    path = manifest.folder / TABLE
    places = [place for place, field in enumerate(SCHEMA) if (field.name == "grid") == grids]
    try:
        data = path.read_bytes()
        if xxhash.xxh3_128_hexdigest(data) != manifest.fields["table_xxh3"]:
            raise refused(path, "keys, sizes, counts or hashes that do not fit the checksum in the manifest")
        if not pa.ipc.open_file(pa.py_buffer(data)).schema.equals(SCHEMA):
            raise refused(path, "other columns", f"those of pack format {FORMAT_VERSION}")
        table = pa.ipc.open_file(pa.py_buffer(data), options=pa.ipc.IpcReadOptions(included_fields=places)).read_all()
        table.validate(full=True)  # Arrow trusts the offsets that it reads: unchecked, a damaged one ends the process
        if table.num_rows != manifest.count:
            raise refused(path, f"{table.num_rows} rows", f"{manifest.count}")
        table = table.combine_chunks()
    except PackError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise refused(path, f"no readable table ({' '.join(str(error).split())})") from error
    _check_nulls(path, table)
    return table


def _check_nulls(path: Path, table: pa.Table) -> None:
    for field in table.schema:
        found = column_of(table, field.name)
        inner = [found.values, *map(found.values.field, range(3))] if field.name == "grid" else []
        inner += [found.values] if pa.types.is_list(field.type) and not inner else []
        if any(array.null_count for array in (inner if field.nullable else [found, *inner])):
            raise refused(path, f"column {field.name}: nothing where a value must be")


def refused(path: Path, found: str, expected: str = "") -> PackError:
    """Make the error of a pack's table."""
    return PackError(str(path), found=found, expected=expected, remedy=PACK_AGAIN)


# Columns are read from their buffers: `to_numpy` would load pandas if it is installed, which takes a third of a second.


def column_of(table: pa.Table, name: str) -> Any:
    """Return a column of a table whose columns are one chunk each."""
    return table.column(name).chunk(0)


def listed_in(table: pa.Table, name: str) -> Any:
    """Return all values of a column of lists, the first of which starts at 0; `flatten` would load pyarrow.compute."""
    lists = column_of(table, name)
    return lists.values.slice(0, int(numbers_of(lists.offsets, np.int32)[-1]))


def numbers_of(array: Any, dtype: Any) -> npt.NDArray[Any]:
    """Return an array's values as a copy, (N,)."""
    found: npt.NDArray[Any] = bytes_of(array, np.dtype(dtype).itemsize).view(dtype).ravel()
    return found


def bytes_of(array: Any, width: int) -> npt.NDArray[np.uint8]:
    """Return an array's values as a copy, uint8 (N, width); a buffer may be longer than its values."""
    if not len(array):
        return np.zeros((0, width), np.uint8)
    first = array.offset * width
    return np.frombuffer(array.buffers()[-1], np.uint8)[first : first + len(array) * width].reshape(-1, width).copy()
