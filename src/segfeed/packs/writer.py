"""Writing a pack: threads decode pairs and write them to their places in the parts; the table and the manifest follow.

Where each pair goes follows from the sizes, which are known before a pixel is decoded, so threads write side by side.
How long files are is known only when they were read, so those of a coded pack are placed one after the other.
"""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from segfeed.datasets.packed.columns import SCHEMA
from segfeed.datasets.packed.manifest import FORMAT, FORMAT_VERSION, MANIFEST, PIXEL_TYPE, TABLE, hash_fields, part_name
from segfeed.datasets.packed.table import ALIGNMENT_BYTES, after_photo, tile_places
from segfeed.system.storage import WholeFile, write_whole

PART_BYTES, TILED_BYTES, TILE_PX = 256 << 20, 64 << 20, 512
_GROUP_PAIRS, _GROUP_BYTES = 4, 8 << 20  # what a thread decodes and writes at once: it leaves the caches soon after
_SYNC_BYTES = 32 << 20


GRID = np.dtype([("block", "<i4"), ("class", "<u2"), ("count", "<u2")])
"""An entry of the class grid, as small as the table keeps it: those of a whole split wait in memory for its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A row of the table: what was found out about a pair while it was packed.

    Attributes:
        places: (part, offset, checksum) of each tile; of a coded pair it is added when it is placed.
        files: the bytes of photo and mask, if they are to be stored.
        row: the other columns of the table, by name.
        grid: (M,) of dtype `GRID`.
    """

    places: list[tuple[int, int, bytes]]
    files: tuple[bytes, bytes]
    row: dict[str, Any]
    grid: npt.NDArray[np.void]


@dataclass(eq=False)
class Layout:
    """Places for bytes, one after the other, in parts of limited length.

    Attributes:
        part_bytes: how much of each part is taken.
    """

    part_bytes: list[int] = field(default_factory=lambda: [0])

    def place(self, length: int) -> tuple[int, int]:
        """Take the next place: (part, offset)."""
        start = -(-self.part_bytes[-1] // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        if start and start + length > PART_BYTES:
            self.part_bytes.append(0)
            start = 0
        self.part_bytes[-1] = start + length
        return len(self.part_bytes) - 1, start


def lay_out(sizes: npt.NDArray[np.int32], label_bytes: int) -> tuple[Layout, list[list[tuple[int, int]]]]:
    """Return where each pair of a raw pack goes: (part, offset) of each of its tiles."""
    layout, dtype = Layout(), np.dtype(f"u{label_bytes}")
    return layout, [
        [layout.place(tile_bytes(rows.stop - rows.start, columns.stop - columns.start, dtype)) for rows, columns in
         places_of(height, width, label_bytes)]
        for height, width in sizes.tolist()
    ]  # fmt: skip


def places_of(height: int, width: int, label_bytes: int) -> list[tuple[slice, slice]]:
    """List the places of a pair's tiles in it; a pair that is not too large is one tile."""
    is_large = height * width * (3 + label_bytes) > TILED_BYTES
    return tile_places(height, width, TILE_PX if is_large else max(height, width))


def tile_bytes(height: int, width: int, label_dtype: np.dtype[Any]) -> int:
    """Return how many bytes a tile takes."""
    return int(after_photo(height * width * 3, label_dtype)) + height * width * label_dtype.itemsize


def group(places: list[list[tuple[int, int]]], sizes: npt.NDArray[np.int32]) -> list[range]:
    """Split pairs into groups that lie side by side in one part; a pair of several tiles stands alone."""
    firsts, filled = [0], 0
    for index, (mine, pixels) in enumerate(zip(places, sizes.astype(np.int64).prod(axis=1).tolist(), strict=True)):
        first = firsts[-1]
        apart = len(mine) > 1 or len(places[index - 1]) > 1 or mine[0][0] != places[first][0][0]
        if index > first and (apart or index - first == _GROUP_PAIRS or filled + 5 * pixels > _GROUP_BYTES):
            firsts.append(index)
            filled = 0
        filled += 5 * pixels
    return [range(*bounds) for bounds in pairwise([*firsts, len(places)])]


class PartFiles:
    """The files of the parts, written by any thread and brought to the disk meanwhile.

    Args:
        folder: a new one.
        part_bytes: the length of each part; () if that is known only in the end.
    """

    def __init__(self, folder: Path, part_bytes: Sequence[int] = ()) -> None:
        self._folder, self._part_bytes = folder, part_bytes
        self._files: dict[int, WholeFile] = {}
        self._opening = threading.Lock()
        self._syncing = ThreadPoolExecutor(1, "segfeed-sync")
        self._synced: list[Future[None]] = []
        self._unsynced = self._done = 0  # bytes; parts that are full, and handed to the disk

    def write(self, part: int, offset: int, data: Any) -> None:
        """Write bytes to their place, in any thread.

        Raises:
            OSError: if the disk is full, or failed.
        """
        with self._opening:
            if part not in self._files:
                size = self._part_bytes[part] if self._part_bytes else 0
                self._files[part] = WholeFile(self._folder / part_name(part), size)
            file = self._files[part]
        file.write_at(data, offset)

    def advance(self, part: int, written: int) -> None:
        """Note that all before the end of a pair is written; bring it to the disk once it is much."""
        self._unsynced += written
        if self._unsynced > _SYNC_BYTES:
            self._unsynced = 0
            # The disk works while threads decode on. A failure surfaces here, at the latest in `finish`.
            self._synced.append(self._syncing.submit(self._files[part].sync))
        for done in range(self._done, part):
            self._synced.append(self._syncing.submit(_sync_and_close, self._files[done]))
        self._done = part
        while self._synced and self._synced[0].done():
            self._synced.pop(0).result()

    def finish(self) -> None:
        """Close all files; `publish` brings to the disk what is not there yet."""
        for synced in self._synced:
            synced.result()
        for file in self._files.values():
            file.close()

    def abandon(self) -> None:
        """Stop, and close the files as they are."""
        self._syncing.shutdown(cancel_futures=True)
        for file in self._files.values():
            file.close()


def _sync_and_close(file: WholeFile) -> None:
    try:
        file.sync()
    finally:
        file.close()


def write_table(folder: Path, records: Sequence[Record]) -> dict[str, Any]:
    """Write the table, and return what the manifest says of it."""
    rows = [record.row for record in records]
    places = [record.places for record in records]
    tiles = [tile for mine in places for tile in mine]
    firsts = _ends(list(map(len, places)))
    grids = [record.grid for record in records]
    grid = np.concatenate(grids)
    entries = pa.StructArray.from_arrays(
        [_numbers(grid[name], GRID[name]) for name in GRID.names or ()],
        fields=list(SCHEMA.field("grid").type.value_type),
    )
    counts = [row["pixels"] for row in rows]
    columns = {
        "part": _lists("part", firsts, _numbers([tile[0] for tile in tiles], np.int32)),
        "offset": _lists("offset", firsts, _numbers([tile[1] for tile in tiles], np.int64)),
        "tile_xxh3": _lists("tile_xxh3", firsts, _digests([tile[2] for tile in tiles], 16)),
        "pixels": _lists("pixels", _ends(list(map(len, counts))), _numbers(np.concatenate(counts), np.int64)),
        "grid": _lists("grid", _ends([len(found) for found in grids]), entries),
    }
    for name in ("height", "width", "photo_bytes", "mask_bytes"):
        columns[name] = _numbers([row[name] for row in rows], SCHEMA.field(name).type.to_pandas_dtype())
    for name in ("key", "photo_name", "mask_name"):
        columns[name] = _texts([row[name] for row in rows])
    for name in ("photo_sha256", "mask_sha256"):
        columns[name] = _digests([row[name] for row in rows], 32)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA))
    data = memoryview(sink.getvalue())
    write_whole(folder / TABLE, data)  # type: ignore[arg-type]  # bytes as well as any
    return {"table_bytes": len(data), "table_xxh3": xxhash.xxh3_128_hexdigest(data)}


def write_manifest(folder: Path, described: dict[str, Any]) -> None:
    """Add format, version and a checksum to what describes a pack, and write the manifest."""
    fields = {"format": FORMAT, "version": FORMAT_VERSION, "pixel_type": PIXEL_TYPE, "tile_px": TILE_PX, **described}
    fields["manifest_xxh3"] = hash_fields(fields)
    write_whole(folder / MANIFEST, json.dumps(fields, indent=1).encode())


# Columns are made of their buffers: `pa.array` would load pandas if it is installed: half a second.


def _numbers(values: Any, dtype: Any) -> pa.Array:
    array = np.ascontiguousarray(values, dtype)
    return pa.Array.from_buffers(pa.from_numpy_dtype(array.dtype), len(array), [None, pa.py_buffer(array)])


def _lists(name: str, ends: npt.NDArray[np.int32], values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(_numbers(ends, np.int32), values, type=SCHEMA.field(name).type)


def _texts(texts: list[str | None]) -> pa.Array:
    encoded = [(text or "").encode() for text in texts]
    buffers = [_known(texts), pa.py_buffer(_ends(list(map(len, encoded)))), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _digests(digests: list[bytes | None], width: int) -> pa.Array:
    joined = b"".join(digest or bytes(width) for digest in digests)
    return pa.Array.from_buffers(pa.binary(width), len(digests), [_known(digests), pa.py_buffer(joined)])


def _known(values: Sequence[object]) -> pa.Buffer | None:
    if None not in values:
        return None
    return pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))


def _ends(lengths: list[int]) -> npt.NDArray[np.int32]:
    return np.cumsum([0, *lengths], dtype=np.int32)
