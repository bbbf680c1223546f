"""The pack file: decoded pairs as rows of an Arrow IPC file, read in place.

The layout is specified in docs/format.md. Any Arrow reader opens the file; this module adds the positions of every
row's bytes in the mapped file, so that reading a pair costs two array views.
"""

import mmap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from segfeed.errors import PackError
from segfeed.pixels.pair import Pair, StoredPairs

FORMAT_VERSION = 1
BATCH_PAIRS = 64
BATCH_BYTES = 256 << 20
_REMEDY = "remove its folder and pack again"

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("image", pa.large_binary(), nullable=False),
        pa.field("labels", pa.large_binary(), nullable=False),
        pa.field("pixels", pa.list_(pa.field("item", pa.int64(), nullable=False)), nullable=False),
        pa.field("record_xxh3", pa.binary(16), nullable=False),
        pa.field("photo_sha256", pa.binary(32), nullable=False),
        pa.field("mask_sha256", pa.binary(32)),
    ]
)
_IMAGE, _LABELS = SCHEMA.get_field_index("image"), SCHEMA.get_field_index("labels")


@dataclass(frozen=True, eq=False)
class MappedRows:
    """A mapped pack file, and where each row's bytes lie in it.

    Attributes:
        path: where the file lay when it was mapped.
        mapping: the mapped file.
        memory: uint8 (file size,), the same as an array, read-only.
        images: int64 (N,), position of each row's image bytes.
        labels: int64 (N,), position of each row's label bytes.
        sizes: int32 (N, 2), (height, width) in px.
        label_dtype: uint8 or uint16.
        table: the Arrow table over the mapping, for everything else.
    """

    path: Path
    mapping: mmap.mmap
    memory: npt.NDArray[np.uint8]
    images: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int32]
    label_dtype: np.dtype[Any]
    table: pa.Table

    @cached_property
    def checksums(self) -> list[bytes]:
        """Each row's checksum, as it was stored."""
        return [bytes(value) for value in self.table["record_xxh3"].to_pylist()]

    def check_whole(self) -> None:
        """Check that the file was not cut short since it was mapped: reading what is gone ends the process (SIGBUS).

        Raises:
            PackError: if the file is shorter than it was.
        """
        size = self.mapping.size()
        if size < len(self.memory):
            found = f"cut to {size} of {len(self.memory)} bytes while it was in use"
            raise PackError(str(self.path), found=found, remedy=_REMEDY)

    def stored(self, samples: npt.NDArray[np.int64]) -> StoredPairs:
        """Return where some rows lie; rows -1 (no sample) point at the first one."""
        samples = np.maximum(samples, 0)
        # 16-bit labels start at an even byte: Arrow aligns their buffer, and each row before has an even length.
        ids = self.memory[: len(self.memory) & -self.label_dtype.itemsize].view(self.label_dtype)
        starts = self.labels[samples] // self.label_dtype.itemsize
        return StoredPairs(self.memory, self.images[samples], ids, starts, self.sizes[samples])

    def read_ahead(self, samples: npt.NDArray[np.int64]) -> None:
        """Ask the system to read rows that are needed soon; return at once, and copy nothing."""
        samples = samples[samples >= 0]
        pixels = self.sizes[samples].astype(np.int64).prod(axis=1)
        for starts, lengths in (
            (self.images[samples], pixels * 3),
            (self.labels[samples], pixels * self.label_dtype.itemsize),
        ):
            pages = starts // mmap.PAGESIZE * mmap.PAGESIZE
            for page, length in zip(pages.tolist(), (starts - pages + lengths).tolist(), strict=True):
                self.mapping.madvise(mmap.MADV_WILLNEED, page, length)

    def pair(self, index: int) -> Pair:
        """View a row's image and labels in place: no byte is read or copied."""
        height, width = int(self.sizes[index, 0]), int(self.sizes[index, 1])
        start = int(self.images[index])
        image = self.memory[start : start + height * width * 3].reshape(height, width, 3)
        start = int(self.labels[index])
        labels = self.memory[start : start + height * width * self.label_dtype.itemsize]
        return Pair(image, labels.view(self.label_dtype).reshape(height, width))


def map_rows(path: Path, label_dtype: np.dtype[Any]) -> MappedRows:
    """Map a pack file and locate its rows.

    Raises:
        PackError: if it is not an Arrow file, has another schema, or a row is not as long as its size says.
    """
    try:
        with open(path, "rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        memory = np.frombuffer(mapping, np.uint8)
        table = pa.ipc.open_file(pa.py_buffer(memory)).read_all()
        table.validate(full=True)  # Arrow trusts the offsets that it reads: unchecked, a damaged one ends the process
        if not table.schema.equals(SCHEMA):
            raise _refused(path, "other columns", f"those of pack format {FORMAT_VERSION}")
        sizes = np.column_stack([_numbers(table["height"]), _numbers(table["width"])])
        images, labels = (_locate(table.column(column), memory) for column in (_IMAGE, _LABELS))
    except PackError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _refused(path, f"no readable pack ({' '.join(str(error).split())})") from error
    if (sizes < 1).any():  # two negative ones would make a length that fits
        row = int(np.argmax((sizes < 1).any(axis=1)))
        found = f"row {row}: {sizes[row, 1]} x {sizes[row, 0]} px (width x height)"
        raise _refused(path, found, "at least 1 x 1 px")
    pixels = sizes.astype(np.int64).prod(axis=1)
    for (starts, lengths), wanted in ((images, pixels * 3), (labels, pixels * label_dtype.itemsize)):
        if not np.array_equal(lengths, wanted):
            row = int(np.argmax(lengths != wanted))
            raise _refused(path, f"row {row}: {lengths[row]} bytes", f"{wanted[row]} bytes")
        if ((starts < 0) | (starts + lengths > len(memory))).any():
            raise _refused(path, "pixels outside the file, as if it were compressed", "pixels as they are")
    return MappedRows(path, mapping, memory, images[0], labels[0], sizes, label_dtype, table)


def hash_frame(rows: MappedRows) -> str:
    """Hash every byte of a pack file that belongs to no image and no labels: XXH3-128, hexadecimal.

    The pixels have checksums of their own, row by row, which are verified when a row is read.
    """
    pixels = rows.sizes.astype(np.int64).prod(axis=1)
    starts = np.concatenate([rows.images, rows.labels])
    ends = starts + np.concatenate([pixels * 3, pixels * rows.label_dtype.itemsize])
    order = np.argsort(starts, kind="stable")
    firsts, lasts = np.append(0, ends[order]), np.append(starts[order], len(rows.memory))
    digest = xxhash.xxh3_128()
    for between in np.flatnonzero(firsts < lasts).tolist():
        digest.update(rows.memory[firsts[between] : lasts[between]].data)
    return digest.hexdigest()


def _refused(path: Path, found: str, expected: str = "") -> PackError:
    return PackError(str(path), found=found, expected=expected, remedy=_REMEDY)


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Return a column of int32; `to_numpy` would load pandas if it is installed, which takes a third of a second."""
    parts = [np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset :][: len(chunk)] for chunk in column.chunks]
    return np.concatenate(parts)


def _locate(
    column: pa.ChunkedArray, memory: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find where each row's bytes start in the mapped file, and how many there are."""
    base = memory.__array_interface__["data"][0]
    starts, lengths = [], []
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        starts.append(ends[:-1] + (data.address - base))
        lengths.append(np.diff(ends))
    return np.concatenate(starts), np.concatenate(lengths)
