"""The parts of a raw pack, mapped: pairs are read in place, and a whole batch is filled in one call.

Compiled code reads from one array. The parts are mapped wherever the system finds room, so the array of a pack of
several parts spans the addresses from the first to the last one; what lies between them is never asked for, because
`packed.table` has compared every place with the parts' lengths.
"""

import errno
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.datasets.packed.manifest import PACK_AGAIN
from segfeed.datasets.packed.table import PackTable, tile_places
from segfeed.errors import PackError
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.system.portable import advise, map_file

Samples = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MappedParts:
    """The mapped parts of a pack, and where each tile lies in them.

    Attributes:
        table: the pack's rows.
        mappings: of each part.
        memory: uint8, of each part, read-only.
        span: uint8, from the first mapped byte to the last; only what the parts map may be read.
        images: int64 (T,), position of each tile's image in `span`.
        labels: int64 (T,), position of each tile's labels in `span`.
    """

    table: PackTable
    mappings: tuple[mmap.mmap, ...]
    memory: tuple[npt.NDArray[np.uint8], ...]
    span: npt.NDArray[np.uint8]
    images: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]

    def check_whole(self, samples: Samples) -> None:
        """Check that the parts of some pairs were not cut since they were mapped: reading on would end the process.

        Raises:
            PackError: if a part is shorter than it was.
        """
        firsts = self.table.firsts
        tiles = firsts[samples] if len(self.table.parts) == len(self.table.keys) else _all_tiles(firsts, samples)
        for part in sorted(set(self.table.parts[tiles].tolist())):
            size, expected = self.mappings[part].size(), len(self.memory[part])
            if size < expected:
                raise PackError(
                    str(self.table.manifest.part(part)),
                    found=f"cut to {size} of {expected} bytes while it was in use",
                    remedy=PACK_AGAIN,
                )

    def stored(self, samples: Samples) -> StoredPairs:
        """Return where some pairs lie that are not cut into tiles; -1 (no sample) points at the first one."""
        samples = np.maximum(samples, 0)
        tiles, dtype = self.table.firsts[samples], self.table.manifest.legend.dtype
        # Mappings begin at pages and 16-bit labels at even bytes of them.
        ids = self.span[: len(self.span) & -dtype.itemsize].view(dtype)
        return StoredPairs(
            self.span, self.images[tiles], ids, self.labels[tiles] // dtype.itemsize, self.table.sizes[samples]
        )

    def read_ahead(self, samples: Samples) -> None:
        """Ask the system to read pairs that are needed soon; return at once, and copy nothing."""
        table = self.table
        for tile in _all_tiles(table.firsts, samples).tolist():
            start = int(table.offsets[tile])
            page = start // mmap.PAGESIZE * mmap.PAGESIZE
            end = int(table.label_starts[tile] + table.lengths[tile, 1])
            advise(self.mappings[int(table.parts[tile])], "WILLNEED", page, end - page)

    def tile(self, tile: int) -> Pair:
        """View a tile in place: no byte is read or copied."""
        table, dtype = self.table, self.table.manifest.legend.dtype
        memory = self.memory[int(table.parts[tile])]
        height, width = table.tile_sizes[tile].tolist()
        image = memory[int(table.offsets[tile]) :][: height * width * 3].reshape(height, width, 3)
        labels = memory[int(table.label_starts[tile]) :][: height * width * dtype.itemsize]
        return Pair(image, labels.view(dtype).reshape(height, width))

    def tiles_of(self, index: int, window: tuple[slice, slice] | None = None) -> list[tuple[int, tuple[slice, slice]]]:
        """List a pair's tiles, or those that a window of it touches, each with its place in the pair."""
        first, last = self.table.firsts[index : index + 2].tolist()
        height, width = self.table.sizes[index].tolist()
        if last - first == 1:
            return [(first, (slice(0, height), slice(0, width)))]
        places = tile_places(height, width, self.table.manifest.tile_px)
        return [
            (first + number, place)
            for number, place in enumerate(places)
            if window is None or all(s.start < w.stop and w.start < s.stop for s, w in zip(place, window, strict=True))
        ]

    def window(self, index: int, window: tuple[slice, slice]) -> Pair:
        """Copy a window of a pair out of the tiles that it touches."""
        shape = tuple(max(side.stop - side.start, 0) for side in window)
        pair = Pair(np.empty((*shape, 3), np.uint8), np.empty(shape, self.table.manifest.legend.dtype))
        for number, place in self.tiles_of(index, window):
            spans = [(max(s.start, w.start), min(s.stop, w.stop)) for s, w in zip(place, window, strict=True)]
            there = tuple(slice(a - s.start, b - s.start) for (a, b), s in zip(spans, place, strict=True))
            here = tuple(slice(a - w.start, b - w.start) for (a, b), w in zip(spans, window, strict=True))
            tile = self.tile(number)
            pair.image[here], pair.labels[here] = tile.image[there], tile.labels[there]
        return pair


class _Span:
    """The memory from the first mapped part to the last, which keeps all of them mapped."""

    def __init__(self, memory: tuple[npt.NDArray[np.uint8], ...]) -> None:
        self.memory = memory
        starts = [part.ctypes.data for part in memory]
        self.start = min(starts)
        end = max(start + len(part) for start, part in zip(starts, memory, strict=True))
        self.__array_interface__ = {
            "version": 3, "shape": (end - self.start,), "typestr": "|u1", "data": (self.start, True),
        }  # fmt: skip


def map_parts(table: PackTable) -> MappedParts:
    """Map the parts of a raw pack.

    Raises:
        PackError: if one cannot be mapped, or is not as long as the manifest says.
    """
    manifest, mappings = table.manifest, []
    for number, expected in enumerate(manifest.part_bytes):
        mapping = _map(manifest.part(number))
        if len(mapping) != expected:
            raise PackError(
                str(manifest.part(number)),
                found=f"{len(mapping)} bytes",
                expected=f"{expected} bytes",
                remedy=PACK_AGAIN,
            )
        mappings.append(mapping)
    memory = tuple(np.frombuffer(mapping, np.uint8) for mapping in mappings)
    span = _Span(memory)
    bases = np.array([part.ctypes.data - span.start for part in memory])[table.parts]
    return MappedParts(
        table, tuple(mappings), memory, np.asarray(span), bases + table.offsets, bases + table.label_starts
    )


def mark_in_use(table: PackTable) -> mmap.mmap | None:
    """Map a part of a coded pack, whose files are read otherwise, only so that other processes see that it is open.

    Returns:
        mapping: None if the file system maps no files.
    """
    try:
        return _map(table.manifest.part(0))
    except PackError:
        return None


def _map(path: Path) -> mmap.mmap:
    try:
        with open(path, "rb") as file:
            return map_file(file.fileno())
    except (OSError, ValueError) as error:
        remedy = {
            errno.ENODEV: "copy the pack to another disk: this file system maps no files",
            errno.EMFILE: "allow more open files (ulimit -n), one for each part",
        }.get(getattr(error, "errno", None) or 0, PACK_AGAIN)
        raise PackError(str(path), found=f"it cannot be mapped ({error})", remedy=remedy) from error


def _all_tiles(firsts: npt.NDArray[np.int64], samples: Samples) -> npt.NDArray[Any]:
    samples = samples[samples >= 0]
    return np.concatenate([np.arange(firsts[s], firsts[s + 1]) for s in samples.tolist()] or [np.zeros(0, np.int64)])
