"""Writing a pack: threads decode pairs and write them to their places in the parts; the table and the manifest follow.

Where each pair goes follows from the sizes, which are known before a pixel is decoded, so threads write side by side.
How long files are is known only when they were read, so those of a coded pack are placed one after the other.
"""

import json
import threading
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from segfeed.datasets.packed.columns import SCHEMA
from segfeed.datasets.packed.manifest import FORMAT, FORMAT_VERSION, MANIFEST, PIXEL_TYPE, TABLE, hash_fields, part_name
from segfeed.datasets.packed.table import ALIGNMENT_BYTES, BLOCK_PX, after_photo, hash_tile, tile_places
from segfeed.datasets.source import Sample, Source
from segfeed.errors import SourceChangedError
from segfeed.packs.fingerprints import hash_pair
from segfeed.pixels import block_counts
from segfeed.pixels.lookup import Labels
from segfeed.pixels.pair import Pair
from segfeed.system.portable import sync
from segfeed.system.slots import Pool
from segfeed.system.storage import WholeFile, write_whole
from segfeed.system.threads import Task, Workers
from segfeed.system.work import in_order, show_progress, worker_count

PART_BYTES, TILED_BYTES, TILE_PX = 256 << 20, 64 << 20, 512
_SYNC_BYTES = 32 << 20
_GROUP_PAIRS, _GROUP_BYTES = 8, 8 << 20  # what a thread packs before it hands over and waits

Row = dict[str, Any]
"""What the table says of a pair, by the names of its columns."""

Place = tuple[int, int]
"""A part, and an offset in it."""

_GRID = np.dtype([("block", "<i4"), ("label", "<u2"), ("count", "<u2")])
"""An entry of the class grid, as small as the table keeps it: those of a whole split wait in memory for its end."""


class Parts:
    """The parts of a pack: places, one after the other, to which any thread writes; they go to the disk meanwhile.

    Args:
        folder: a new one.

    Attributes:
        lengths: how much of each part is taken, in bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.lengths = [0]
        self._folder, self._files, self._opening = folder, dict[int, WholeFile](), threading.Lock()
        self._syncing, self._synced = Workers(1, "segfeed-sync"), list[Task[None]]()
        self._unsynced = 0  # bytes

    def place(self, length: int) -> Place:
        """Take the next place for some bytes."""
        start = -(-self.lengths[-1] // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        if start and start + length > PART_BYTES:
            self.lengths.append(0)
            start = 0
        self.lengths[-1] = start + length
        return len(self.lengths) - 1, start

    def write(self, place: Place, data: Any) -> None:
        """Write bytes to their place, in any thread.

        Raises:
            OSError: if the disk is full, or failed.
        """
        part, start = place
        with self._opening:
            if part not in self._files:
                self._files[part] = WholeFile(self._folder / part_name(part), self.lengths[part])
            file = self._files[part]
        file.write_at(data, start)

    def advance(self, part: int, written: int) -> None:
        """Note that more of a part was written, and all before; bring full parts to the disk, and much of this one.

        Raises:
            OSError: if something could not be brought there; `finish` tells, too.
        """
        self._unsynced += written
        for number in sorted(self._files):
            if number < part:
                self._files.pop(number).close()
            elif number > part or self._unsynced <= _SYNC_BYTES:
                break
            self._unsynced = 0
            self._synced += self._syncing.submit(partial(sync, self._folder / part_name(number)))
        while self._synced and self._synced[0].is_done():
            self._synced.pop(0).result()

    def finish(self) -> None:
        """Wait for the disk; `publish` brings there what is not there yet."""
        for synced in self._synced:
            synced.result()

    def close(self) -> None:
        """Stop, and close the files as they are."""
        self._syncing.end()
        for file in self._files.values():
            file.close()


def places_of(height: int, width: int, label_bytes: int) -> list[tuple[slice, slice]]:
    """List the places of a pair's tiles in it; a pair that is not too large is one tile."""
    is_large = height * width * (3 + label_bytes) > TILED_BYTES
    return tile_places(height, width, TILE_PX if is_large else max(height, width))


def write_parts(source: Source, folder: Path, *, coded: bool, threads: int | None) -> tuple[list[Row], list[int]]:
    """Write the parts of a pack.

    Returns:
        rows: of the table.
        lengths: of the parts, in bytes.

    Raises:
        SourceError: if a file is damaged, or changed since the source was scanned.
        OSError: if the disk is full, or failed.
    """
    rows, indices = list[Row](), range(len(source))
    sizes = [_tile_bytes(height, width, source.legend.dtype) for height, width in source.sizes.tolist()]
    step = min(max(_GROUP_BYTES * len(sizes) // sum(sizes), 1), _GROUP_PAIRS)
    memory = Pool(max(sizes), keep=worker_count(threads) + 1)
    block_counts.expect(len(source))
    with (
        closing(Parts(folder)) as parts,
        show_progress(f"packing {source.name} {source.split}", len(source)) as advance,
    ):
        places = [None] * len(source) if coded else _lay_out(source, parts)

        def pack(group: int) -> list[tuple[Row, bytes]]:
            chosen = indices[group * step :][:step]
            return [_pack(source, index, memory.lease(), parts, places[index]) for index in chosen]

        with closing(in_order(pack, -(-len(source) // step), threads)) as groups:
            for found in groups:
                for row, files in found:
                    if coded:
                        place = parts.place(len(files))
                        parts.write(place, files)
                        row["part"], row["offset"] = zip(place, strict=True)
                    parts.advance(row["part"][-1], row["photo_bytes"] + row["mask_bytes"])
                    rows.append(row)
                advance(len(found))
        parts.finish()
    return rows, parts.lengths


def _lay_out(source: Source, parts: Parts) -> list[list[Place] | None]:
    """Take the places of each pair's tiles."""
    dtype = source.legend.dtype
    return [
        [
            parts.place(_tile_bytes(down.stop - down.start, across.stop - across.start, dtype))
            for down, across in places_of(height, width, dtype.itemsize)
        ]
        for height, width in source.sizes.tolist()
    ]


def _pack(
    source: Source, index: int, memory: npt.NDArray[np.uint8], parts: Parts, places: list[Place] | None
) -> tuple[Row, bytes]:
    """Read, decode, count, hash and write a sample; return its row and, if it has no places yet, its files' bytes."""
    sample, (height, width) = source.samples[index], source.sizes[index].tolist()
    photo, mask = _read_files(sample)
    photo_sha256, mask_sha256 = hash_pair(photo, mask)
    row = {
        "key": sample.key, "height": height, "width": width, "photo_bytes": len(photo), "mask_bytes": len(mask or b""),
        "photo_name": sample.photo.name, "mask_name": None if sample.mask is None else sample.mask.name,
        "photo_sha256": photo_sha256, "mask_sha256": mask_sha256,
    }  # fmt: skip
    pixels, dtype = height * width, source.legend.dtype
    first = int(after_photo(3 * pixels, dtype))
    memory = memory[: first + pixels * dtype.itemsize]
    memory[3 * pixels : first] = 0
    pair = Pair(memory[: 3 * pixels].reshape(height, width, 3), memory[first:].view(dtype).reshape(height, width))
    source.decode(index, photo, mask, pair)
    row["pixels"], row["grid"] = _count(pair.labels, len(source.legend.names))
    if places is None:
        row["tile_xxh3"] = [hash_tile((height, width), photo, mask or b"")]
        return row, photo + (mask or b"")
    row["part"], row["offset"] = zip(*places, strict=True)
    row["photo_bytes"], row["mask_bytes"] = 3 * pixels, pair.labels.nbytes
    if len(places) == 1:
        row["tile_xxh3"] = [hash_tile((height, width), pair.image, pair.labels)]
        parts.write(places[0], memory)  # while it is in the processor's caches
    else:
        tiles = zip(places_of(height, width, dtype.itemsize), places, strict=True)
        row["tile_xxh3"] = [_write_tile(pair, tile, parts, place) for tile, place in tiles]
    return row, b""


def _count(labels: Labels, classes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """Count the pixels of each class and of void, and those in each block; nothing if there are no classes."""
    grid = block_counts.count_blocks(labels, classes, BLOCK_PX)
    entries = np.empty(grid.shape[1], _GRID)
    entries["block"], entries["label"], entries["count"] = grid
    counts = np.bincount(grid[1], grid[2], minlength=classes).astype(np.int64)
    return np.append(counts, labels.size - counts.sum()) if classes else counts, entries


def _write_tile(pair: Pair, tile: tuple[slice, slice], parts: Parts, place: Place) -> bytes:
    """Write a tile of a pair to its place; return its checksum."""
    image, labels = np.ascontiguousarray(pair.image[tile]), np.ascontiguousarray(pair.labels[tile])
    gap = bytes(after_photo(image.nbytes, labels.dtype) - image.nbytes)
    parts.write(place, image.tobytes() + gap + labels.tobytes())
    return hash_tile(labels.shape, image, labels)


def _tile_bytes(height: int, width: int, label_dtype: np.dtype[Any]) -> int:
    return int(after_photo(height * width * 3, label_dtype)) + height * width * label_dtype.itemsize


def _read_files(sample: Sample) -> tuple[bytes, bytes | None]:
    photo, mask = sample.photo.read(), None if sample.mask is None else sample.mask.read()
    for blob in (sample.photo, sample.mask):
        # The sizes, the free space and the stamp were taken from the file as it was scanned.
        if blob is not None and not blob.is_unchanged():
            raise SourceChangedError(
                blob.name,
                found=f"sample {sample.key} changed since the source was scanned",
                remedy="scan it again, and pack when nothing writes to it",
            )
    return photo, mask


def write_table(folder: Path, rows: Sequence[Row]) -> dict[str, Any]:
    """Write the table, and return what the manifest says of it."""
    columns = [_column(field, [row[field.name] for row in rows]) for field in SCHEMA]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    data = memoryview(sink.getvalue())
    write_whole(folder / TABLE, data)  # type: ignore[arg-type]  # bytes as well as any
    return {"table_bytes": len(data), "table_xxh3": xxhash.xxh3_128_hexdigest(data)}


def _column(field: pa.Field, values: Any) -> pa.Array:
    """Make a column of its buffers: `pa.array` would load pandas if it is installed: a third of a second."""
    kind = field.type
    if pa.types.is_struct(kind):
        return pa.StructArray.from_arrays([_column(part, values[part.name]) for part in kind], fields=list(kind))
    if pa.types.is_list(kind):
        ends = np.cumsum([0, *map(len, values)])
        joined = _column(kind.value_field, np.concatenate(values))
        return pa.ListArray.from_arrays(_column(pa.field("ends", pa.int32()), ends), joined, type=kind)
    if pa.types.is_string(kind):
        builder = pa.lib.StringBuilder()
        builder.append_values(values)
        return builder.finish()
    known = None
    if field.nullable and None in values:
        known = pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
    if pa.types.is_fixed_size_binary(kind):
        array = np.array([value or b"" for value in values], f"S{kind.byte_width}")
    else:
        array = np.ascontiguousarray(values, kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(array), [known, pa.py_buffer(array)])


def write_manifest(folder: Path, described: dict[str, Any]) -> None:
    """Add format, version and a checksum to what describes a pack, and write the manifest."""
    fields = {"format": FORMAT, "version": FORMAT_VERSION, "pixel_type": PIXEL_TYPE, "tile_px": TILE_PX, **described}
    fields["manifest_xxh3"] = hash_fields(fields)
    write_whole(folder / MANIFEST, json.dumps(fields, indent=1).encode())
