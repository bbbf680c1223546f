"""The table of a pack: one row a pair, an Arrow IPC file that is read and checked as a whole before a value is used.

Its values say where pixels lie in memory that compiled code reads, so none is trusted: the table's bytes are compared
with the manifest's checksum, Arrow validates them in full, and every place is compared with the parts' lengths, also of
tables whose checksums fit because another program wrote them.

Six of seven bytes are class grids. An open pack keeps none of them: they are read if somebody asks for the first one.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from segfeed.datasets.blobs import Span, stamp_of
from segfeed.datasets.packed.columns import bytes_of, column_of, listed_in, numbers_of, read_columns, refused
from segfeed.datasets.packed.manifest import PACK_AGAIN, TABLE, Manifest
from segfeed.errors import PackError, SourceError
from segfeed.pixels.lookup import Encoder, Labels
from segfeed.pixels.pair import Pair

BLOCK_PX = 32
ALIGNMENT_BYTES = 64
"""Every pair, and every tile, starts at a multiple of it, so that 16-bit labels start at an even byte."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClassGrid:
    """Which classes a pair shows where: int64 (M,) each, a line for each class that a block of 32 x 32 px shows.

    Attributes:
        block: number of the block, in rows from the top.
        label: the class id; void is not listed, as it is what is left of a block.
        count: pixels of the class in the block.
    """

    block: Numbers
    label: Numbers
    count: Numbers


@dataclass(frozen=True, eq=False)
class PackTable:
    """A pack's rows. A pair is one tile, unless it was so large that it was cut into several.

    Attributes:
        manifest: of the pack.
        table: the Arrow table, but for the class grids.
        keys: the samples' keys, in order.
        sizes: int32 (N, 2), (height, width) of each pair in px, read-only.
        firsts: int64 (N + 1,), the first tile of each pair, and the number of tiles.
        parts: int64 (T,), the part of each tile.
        offsets: int64 (T,), where each tile starts in its part.
        tile_sizes: int64 (T, 2), (height, width) of each tile in px.
        lengths: int64 (T, 2), bytes of each tile's image (or photo) and labels (or mask).
        checksums: uint8 (T, 16).
    """

    manifest: Manifest
    table: pa.Table
    keys: tuple[str, ...]
    sizes: npt.NDArray[np.int32]
    firsts: Numbers
    parts: Numbers
    offsets: Numbers
    tile_sizes: Numbers
    lengths: Numbers
    checksums: npt.NDArray[np.uint8]

    @property
    def is_raw(self) -> bool:
        """Whether decoded pixels are kept, not files."""
        return self.manifest.coding == "raw"

    @cached_property
    def is_tiled(self) -> npt.NDArray[np.bool_]:
        """Bool (N,), whether each pair was cut into tiles."""
        return np.diff(self.firsts) > 1

    @cached_property
    def label_starts(self) -> Numbers:
        """int64 (T,), where each tile's labels, or mask, start in its part."""
        starts: Numbers = self.offsets + after_photo(
            self.lengths[:, 0], self.manifest.legend.dtype if self.is_raw else None
        )
        return starts

    @cached_property
    def pixels(self) -> Numbers:
        """Pixels of each class, then of void, in each pair: int64 (N, classes + 1); (N, 0) for object ids."""
        counts = numbers_of(listed_in(self.table, "pixels"), np.int64).reshape(len(self.keys), -1)
        counts.flags.writeable = False
        return counts

    @cached_property
    def has_mask(self) -> list[bool]:
        """Whether each sample had a mask."""
        return [digest is not None for digest in self.digests("mask_sha256")]

    def strings(self, column: str) -> list[str | None]:
        """Return a column of texts."""
        return list(column_of(self.table, column).to_pylist())

    def digests(self, column: str) -> list[bytes | None]:
        """Return a column of SHA-256 digests."""
        return list(column_of(self.table, column).to_pylist())

    @cached_property
    def _grids(self) -> Any:
        return column_of(read_columns(self.manifest, grids=True), "grid")

    def grid(self, index: int) -> ClassGrid:
        """Return a pair's class grid; the first one takes as much memory as the table has bytes.

        Raises:
            PackError: if the table was changed, or the grid does not fit the pair's size, classes and counts.
        """
        column = self._grids
        first, last = (numbers_of(column.offsets, np.int32)[index : index + 2]).tolist()
        rows = column.values.slice(first, last - first)
        fields = ((rows.field(n), kind) for n, kind in enumerate((np.int32, np.uint16, np.uint16)))
        grid = ClassGrid(*(numbers_of(values, kind).astype(np.int64) for values, kind in fields))
        across = -(-self.sizes[index].astype(np.int64) // BLOCK_PX)
        classes = self.pixels.shape[1] - 1
        fits = (
            ((grid.block >= 0) & (grid.block < across.prod())).all()
            and (grid.label < max(classes, 0)).all()
            and (grid.count <= BLOCK_PX**2).all()
            and (classes < 0 or np.array_equal(
                np.bincount(grid.label, grid.count, minlength=classes), self.pixels[index, :-1]))
        )  # fmt: skip
        if not fits:
            found = f"sample {self.keys[index]}: a class grid that does not fit its size and counts"
            raise PackError(str(self.manifest.folder / TABLE), found=found, remedy=PACK_AGAIN)
        return grid

    def find_fault(self, tile: int, photo: Any, mask: Any) -> str:
        """Compare a tile's bytes with what was packed; return what is wrong with them, "" if nothing is."""
        if hash_tile(self.tile_sizes[tile], photo, mask) != self.checksums[tile].tobytes():
            return f"the stored {'pixels' if self.is_raw else 'bytes'} do not fit their checksum"
        if self.is_raw and not are_labels(mask, self.manifest.legend):
            return "labels that no class of the legend has"
        return ""

    def read(self, index: int) -> Pair:
        """Read a raw pair from its part, not through a mapping.

        Raises:
            PackError: if a part is gone or was cut, or the bytes do not fit their checksum.
        """
        tiles = range(*self.firsts[index : index + 2].tolist())
        return self.assemble(index, [Pair(*self._read_tile(tile, index)) for tile in tiles])

    def read_files(self, index: int) -> tuple[bytes, bytes | None]:
        """Read the bytes of a coded pair's photo and mask, None if it has no mask; raises as `read`."""
        photo, mask = self._read_tile(int(self.firsts[index]), index)
        return photo.tobytes(), mask.tobytes() if self.has_mask[index] else None

    def assemble(self, index: int, tiles: list[Pair]) -> Pair:
        """Put a pair together from its tiles."""
        if len(tiles) == 1:
            return tiles[0]
        height, width = self.sizes[index].tolist()
        pair = Pair(np.empty((height, width, 3), np.uint8), np.empty((height, width), tiles[0].labels.dtype))
        for place, tile in zip(tile_places(height, width, self.manifest.tile_px), tiles, strict=True):
            pair.image[place], pair.labels[place] = tile
        return pair

    def _read_tile(self, tile: int, index: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        path, offset = str(self.manifest.part(int(self.parts[tile]))), int(self.offsets[tile])
        end = int(self.label_starts[tile] + self.lengths[tile, 1])
        try:
            data = np.frombuffer(
                Span(path, f"sample {self.keys[index]}", offset, end - offset, stamp_of(path)).read(), "u1"
            )
        except SourceError as error:
            raise PackError(path, found=error.found, expected=error.expected, remedy=PACK_AGAIN) from error
        photo = data[: int(self.lengths[tile, 0])]
        mask = data[int(self.label_starts[tile]) - offset :]
        if self.is_raw:
            height, width = self.tile_sizes[tile].tolist()
            photo = photo.reshape(height, width, 3)
            mask = mask.view(self.manifest.legend.dtype).reshape(height, width)
        if fault := self.find_fault(tile, photo, mask):
            raise PackError(path, found=f"sample {self.keys[index]}: {fault}", remedy=PACK_AGAIN)
        return photo, mask


def after_photo(photo_bytes: Any, label_dtype: np.dtype[Any] | None) -> Any:
    """Return where labels start behind an image of some bytes: at the next multiple of their own size."""
    size = 1 if label_dtype is None else label_dtype.itemsize
    return -(-photo_bytes // size) * size


def hash_tile(size: Any, photo: Any, mask: Any) -> bytes:
    """Hash a tile as it is stored: height and width as little-endian int32, both byte strings; XXH3-128."""
    digest = xxhash.xxh3_128(np.asarray(size, "<i4").tobytes())
    for part in (photo, mask):
        digest.update(memoryview(part).cast("B") if len(part) else b"")
    return digest.digest()


def are_labels(labels: Labels, legend: Encoder) -> bool:
    """Check whether all labels are classes or void, in one pass and without a table."""
    classes = len(legend.names) or legend.void - 1  # the label below void marks the unknown, in objects too
    # Subtracting moves 0 .. classes - 1 up to the top by wrapping around, and void right below them.
    shifted = np.subtract(labels, labels.dtype.type(classes))
    return bool(shifted.min(initial=legend.void) >= legend.void - classes)


def tile_places(height: int, width: int, tile_px: int) -> list[tuple[slice, slice]]:
    """List the places (rows, columns) of a pair's tiles, in rows from the top.

    >>> tile_places(3, 5, 4)
    [(slice(0, 3, None), slice(0, 4, None)), (slice(0, 3, None), slice(4, 5, None))]
    """
    lines = [slice(top, min(top + tile_px, height)) for top in range(0, height, tile_px)]
    return [(line, slice(left, min(left + tile_px, width))) for line in lines for left in range(0, width, tile_px)]


def read_table(manifest: Manifest) -> PackTable:
    """Read a pack's table, and check all that it says against the parts.

    Raises:
        PackError: if it is not the one that was written, or if its rows do not fit each other or the parts.
    """
    return _check(manifest.folder / TABLE, manifest, read_columns(manifest, grids=False))


def _check(path: Path, manifest: Manifest, table: pa.Table) -> PackTable:
    keys = tuple(column_of(table, "key").to_pylist())
    if len(set(keys)) < len(keys):
        raise refused(path, f"{len(keys) - len(set(keys))} keys that stand twice", "each key once")
    sizes = np.column_stack([numbers_of(column_of(table, word), np.int32) for word in ("height", "width")])
    sizes.flags.writeable = False
    if (sizes < 1).any():  # two negative ones would make a length that fits
        row = int(np.argmax((sizes < 1).any(axis=1)))
        found = f"row {row}: {sizes[row, 1]} x {sizes[row, 0]} px (width x height)"
        raise refused(path, found, "at least 1 x 1 px")
    ends = {
        word: numbers_of(column_of(table, word).offsets, np.int32) for word in ("part", "offset", "tile_xxh3", "pixels")
    }
    firsts = ends["offset"].astype(np.int64)
    _check_lists(path, manifest, sizes, ends)
    photo_bytes, mask_bytes = (numbers_of(column_of(table, word), np.int64) for word in ("photo_bytes", "mask_bytes"))
    lengths, tile_sizes = np.column_stack([photo_bytes, mask_bytes]), sizes.astype(np.int64)
    if manifest.coding == "raw":
        pixels = tile_sizes.prod(axis=1)
        expected = np.column_stack([pixels * 3, pixels * manifest.legend.dtype.itemsize])
        if not np.array_equal(lengths, expected):
            row = int(np.argmax((lengths != expected).any(axis=1)))
            raise refused(path, f"row {row}: {lengths[row].sum()} bytes", f"{expected[row].sum()} bytes")
        if len(firsts) - 1 != firsts[-1]:
            tile_sizes = _sizes_of_tiles(manifest, sizes, np.diff(firsts))
            pixels = tile_sizes.prod(axis=1)
            lengths = np.column_stack([pixels * 3, pixels * manifest.legend.dtype.itemsize])
    tiles = {word: listed_in(table, word) for word in ("part", "offset", "tile_xxh3")}
    parts, offsets = numbers_of(tiles["part"], np.int32).astype(np.int64), numbers_of(tiles["offset"], np.int64)
    checksums = bytes_of(tiles["tile_xxh3"], 16)
    made = PackTable(manifest, table, keys, sizes, firsts, parts, offsets, tile_sizes, lengths, checksums)
    _check_places(path, made)
    counted, pixels = made.pixels, sizes.prod(axis=1, dtype=np.int64)
    if (counted < 0).any() or (counted.shape[1] and (counted.sum(axis=1) != pixels).any()):
        raise refused(path, "counts of classes whose sum is not the number of pixels")
    return made


def _check_lists(
    path: Path, manifest: Manifest, sizes: npt.NDArray[np.int32], ends: dict[str, npt.NDArray[np.int32]]
) -> None:
    counts = {word: np.diff(offsets) for word, offsets in ends.items()}
    grid = (-(-sizes.astype(np.int64) // manifest.tile_px)).prod(axis=1)
    allowed = (counts["offset"] == 1) | (counts["offset"] == grid) & (manifest.coding == "raw")
    equal = [np.array_equal(ends["offset"], ends[word]) for word in ("part", "tile_xxh3")]
    # A list that starts in mid-column leaves values before it that belong to no row.
    if not allowed.all() or not all(equal) or any(offsets[0] for offsets in ends.values()):
        raise refused(path, "tiles whose numbers differ", "one for each pair, or as many as its size asks for")
    names = manifest.legend.names
    if (counts["pixels"] != (len(names) + 1 if names else 0)).any():
        raise refused(path, "lists of class counts of other lengths", "a count for each class, and for void")


def _check_places(path: Path, table: PackTable) -> None:
    """Check that every tile lies inside its part, where a tile may start, and over no other."""
    parts, part_bytes = table.parts, np.array(table.manifest.part_bytes)
    starts, lengths = table.offsets, table.lengths
    outside = (parts < 0) | (parts >= len(part_bytes)) | (lengths < 0).any(axis=1) | (starts < 0)
    outside |= starts > 2**62 - lengths.sum(axis=1)
    if not outside.any():
        outside = table.label_starts + lengths[:, 1] > part_bytes[parts]
    if outside.any():
        tile = int(np.argmax(outside))
        raise refused(path, f"tile {tile}: bytes {starts[tile]} of part {parts[tile]}, outside of it")
    if (starts % ALIGNMENT_BYTES).any():
        found = f"tile {int(np.argmax(starts % ALIGNMENT_BYTES > 0))}: it starts at byte {starts[starts % 64 > 0][0]}"
        raise refused(path, found, f"multiples of {ALIGNMENT_BYTES}")
    order = np.lexsort((starts, parts))
    ends = (table.label_starts + lengths[:, 1])[order]
    overlap = (parts[order][1:] == parts[order][:-1]) & (starts[order][1:] < ends[:-1])
    if overlap.any():
        raise refused(path, f"tile {int(order[1:][overlap][0])} lies over another one")


def _sizes_of_tiles(manifest: Manifest, sizes: npt.NDArray[np.int32], counts: Numbers) -> Numbers:
    found = np.repeat(sizes.astype(np.int64), counts, axis=0)
    firsts = np.cumsum([0, *counts.tolist()])
    for index in np.flatnonzero(counts > 1).tolist():
        places = tile_places(int(sizes[index, 0]), int(sizes[index, 1]), manifest.tile_px)
        found[firsts[index] : firsts[index + 1]] = [[side.stop - side.start for side in place] for place in places]
    return found
