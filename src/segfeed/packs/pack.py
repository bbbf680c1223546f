"""Packs, opened: pairs in memory-mapped parts, shared by every process, never modified.

A raw pack's pairs are read in place; those of a coded pack, which keeps the files' own bytes, are decoded each time.
"""

import hashlib
import os
import time
import weakref
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from segfeed.datasets.formats.pack import list_pairs
from segfeed.datasets.packed.manifest import PACK_AGAIN, read_manifest
from segfeed.datasets.packed.table import PackTable, read_table
from segfeed.datasets.source import Source, source_digests
from segfeed.errors import PackError
from segfeed.packs.parts import MappedParts, map_parts, mark_in_use
from segfeed.pixels.lookup import Encoder, count_labels
from segfeed.pixels.pair import Pair, StoredPairs

_LOOK_S = 0.25
_opened: "weakref.WeakSet[Pack]" = weakref.WeakSet()


class Pack:
    """A pack, opened: like a source it offers `sizes`, `legend`, `keys` and `read`; raw ones decode nothing.

    Args:
        folder: the pack's own folder.

    Raises:
        PackError: if the folder does not hold a whole pack of this format version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()  # a program may change its folder before it reads on
        self._manifest = read_manifest(self.folder)
        self.manifest: dict[str, Any] = dict(self._manifest.fields)
        self.legend: Encoder = self._manifest.legend
        self.table: PackTable = read_table(self._manifest)
        self.is_coded = not self.table.is_raw
        self._parts: MappedParts | None = None if self.is_coded else map_parts(self.table)
        self._in_use = mark_in_use(self.table) if self.is_coded else None
        self._is_closed = False
        self._verified = np.zeros(len(self.table.parts), bool)
        self._paths = [str(self._manifest.part(number)) for number in range(len(self._manifest.part_bytes))]
        self._written, self._look_again_s = [_written(path) for path in self._paths], 0.0
        _opened.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.table.keys)

    def __repr__(self) -> str:
        return f"Pack({self.name} {self.split}: {self.manifest['count']} pairs, {self.folder})"

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        """Pickle the folder's path: the process that unpickles maps the same files."""
        return type(self), (self.folder,)

    def close(self) -> None:
        """Release the mapped parts; views that were handed out keep them until they are gone."""
        self._parts, self._in_use, self._is_closed = None, None, True
        _opened.discard(self)

    @property
    def parts(self) -> MappedParts:
        """The mapped parts of a raw pack.

        Raises:
            PackError: if the pack was closed, or is coded.
        """
        if self._parts is None:
            found = "a pack that was closed" if self._is_closed else "a coded pack, whose pairs lie nowhere decoded"
            raise PackError(str(self.folder), found=found, remedy="open it again")
        return self._parts

    @property
    def sizes(self) -> npt.NDArray[np.int32]:
        """int32 (N, 2), (height, width) of each pair in px, read-only."""
        if self._is_closed:
            raise PackError(str(self.folder), found="a pack that was closed", remedy="open it again")
        return self.table.sizes

    @property
    def keys(self) -> tuple[str, ...]:
        """The samples' keys, in order."""
        return self.table.keys

    @property
    def pixels(self) -> npt.NDArray[np.int64]:
        """Pixels of each class, then of void, in each pair: int64 (N, classes + 1); (N, 0) for object ids."""
        return self.table.pixels

    @cached_property
    def content(self) -> str:
        """The SHA-256 of what all photos and masks held when they were packed, in order; a source does not know it."""
        digest = hashlib.sha256()
        for column in ("photo_sha256", "mask_sha256"):
            for found in self.table.digests(column):
                digest.update(found or b"no mask")
        return digest.hexdigest()

    @property
    def split(self) -> str:
        """The split's name."""
        return str(self.manifest["split"])

    @property
    def task(self) -> str:
        """The task, "semantic" or "instance"."""
        return str(self.manifest["task"])

    @property
    def name(self) -> str:
        """The name of the dataset that was packed."""
        return str(self.manifest["name"])

    @property
    def has_masks(self) -> bool:
        """Whether the samples had masks."""
        return bool(self.manifest["has_masks"])

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of everything that a saved state must fit; equal to the source's."""
        return source_digests(self.keys, self.sizes, self.legend.digest, self.split, self.task)

    @cached_property
    def _source(self) -> Source:
        """The files that a coded pack keeps, as a source."""
        described, files = self.manifest, list_pairs(self.table)
        return Source(
            self.folder, "pack", self.split, described["task"], files.samples, self.legend, described["unknown"],
            orientation=described["orientation"],
        )  # fmt: skip

    def read(self, index: int, out: Pair | None = None) -> Pair:
        """Read a pair: image uint8 (H, W, 3), labels (H, W); read-only views of the parts if nothing is decoded.

        Args:
            index: of the pair.
            out: memory of the pair's size, for a coded pack.

        Raises:
            PackError: as `stored`. PhotoError, MaskError: if a file in a coded pack cannot be decoded.
        """
        if self.is_coded:
            if self._is_closed:
                raise PackError(str(self.folder), found="a pack that was closed", remedy="open it again")
            photo, mask = self.table.read_files(index)  # first, since it says best what became of a pack that is gone
            return self._source.decode(index, photo, mask, out)
        self._verify(np.array([index]))
        tiles = [self.parts.tile(number) for number, _ in self.parts.tiles_of(index)]
        pair = self.table.assemble(index, tiles)
        for array in pair:
            array.flags.writeable = False
        return pair

    def read_ahead(self, samples: npt.NDArray[np.int64]) -> None:
        """Ask the system to read pairs that are needed soon; return at once, and take no private memory."""
        if not self.is_coded:
            self.parts.read_ahead(samples)

    def stored(self, samples: npt.NDArray[np.int64]) -> StoredPairs:
        """Return where pairs without tiles lie in the mapped parts, so that a whole batch is filled in one call.

        Raises:
            PackError: if a part was cut short since it was mapped, or a pair does not fit its checksum or legend.
        """
        self._verify(samples)
        return self.parts.stored(samples)

    def window(self, index: int, window: tuple[slice, slice]) -> Pair:
        """Copy a window out of a pair that is cut into tiles; only the tiles that it touches are read.

        Raises:
            PackError: as `stored`.
        """
        self.parts.check_whole(np.array([index]))
        self._notice_writes()
        self._verify_tiles(index, [number for number, _ in self.parts.tiles_of(index, window)])
        return self.parts.window(index, window)

    def find_fault(self, index: int) -> str:
        """Read a pair again, and compare all that is known of it; return what is wrong with it, "" if nothing is."""
        if self.is_coded:
            labels = self.read(index).labels
        else:
            for number, _ in self.parts.tiles_of(index):
                if fault := self.table.find_fault(number, *self.parts.tile(number)):
                    return fault
            labels = self.read(index).labels
        if self.legend.names:
            counted = count_labels(labels)[[*range(len(self.legend.names)), self.legend.void]]
            if not np.array_equal(counted, self.pixels[index]):
                return "the recorded pixel counts are not those of the stored labels"
        return ""

    def _verify(self, samples: npt.NDArray[np.int64]) -> None:
        """Compare pairs with their checksums, each when it is first read, or its part was written to: 0.1 ms."""
        fresh = samples[samples >= 0]
        self.parts.check_whole(fresh)
        self._notice_writes()
        firsts = self.table.firsts
        for index in fresh[~self._verified[firsts[fresh]] | self.table.is_tiled[fresh]].tolist():
            self._verify_tiles(index, range(*firsts[index : index + 2].tolist()))

    def _notice_writes(self) -> None:
        """Compare all pairs of a part again that somebody has written to, as `cp` and `rsync --inplace` over it do.

        That is looked for a few times a second: for each batch it would take a hundredth of its time.
        """
        if (now_s := time.monotonic()) < self._look_again_s:
            return
        self._look_again_s = now_s + _LOOK_S
        for part, path in enumerate(self._paths):
            if (written := _written(path)) != self._written[part]:
                self._verified[self.table.parts == part] = False
                self._written[part] = written

    def _verify_tiles(self, index: int, tiles: Any) -> None:
        for tile in tiles:
            if self._verified[tile]:
                continue
            if fault := self.table.find_fault(tile, *self.parts.tile(tile)):
                path = str(self._manifest.part(int(self.table.parts[tile])))
                raise PackError(path, found=f"sample {self.keys[index]}: {fault}", remedy=PACK_AGAIN)
            self._verified[tile] = True


def _written(path: str) -> tuple[int, int]:
    """Return which file stands there, and when it was written last; another one in its place changes no mapping."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns


def opened_here() -> set[Path]:
    """List the folders of the packs that this process has open."""
    return {pack.folder.absolute() for pack in list(_opened)}
