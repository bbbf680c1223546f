"""Writing a pack file: threads put decoded pairs straight into a record batch, which is then written in sequence.

Sizes are known before a pixel is decoded, so a record batch's memory is laid out first, and a row has its place in it
whichever thread finishes when. Nothing is joined or copied again before it is written.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segfeed.packs.rows import BATCH_BYTES, BATCH_PAIRS, SCHEMA
from segfeed.pair import Pair
from segfeed.slots import Pool
from segfeed.storage import WholeFile

Sizes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Hold what one row of a pack says besides its pixels.

    Attributes:
        key: the sample's key.
        pixels: int64 (classes + 1,), pixels of each class, then of void; empty for object ids.
        record_xxh3: 16 bytes, XXH3-128 of height, width, image and labels as stored.
        photo_sha256: 32 bytes, of the photo file.
        mask_sha256: 32 bytes, of the mask file, or None.
    """

    key: str
    pixels: npt.NDArray[np.int64]
    record_xxh3: bytes
    photo_sha256: bytes
    mask_sha256: bytes | None


class RowWriter:
    """Write pairs to an Arrow IPC file, at most 64 or 256 MiB to a record batch.

    Any thread may ask for the `place` of any row that comes soon, and fill it; `write` takes the rows in their order, each
    one after its place was filled.

    Args:
        path: the new file.
        metadata: of the Arrow schema.
        sizes: int32 (N, 2), (height, width) of each row in px.
        label_dtype: uint8 or uint16.
    """

    def __init__(self, path: Path, metadata: dict[str, str], sizes: Sizes, label_dtype: np.dtype[Any]) -> None:
        self._sizes, self._label_dtype = sizes, label_dtype
        self._laying = threading.Lock()
        self._batches: dict[int, _Batch] = {}
        row_bytes = _row_bytes(sizes, label_dtype)
        self._firsts = _split(row_bytes)
        self._memory = Pool(int(np.add.reduceat(row_bytes, self._firsts[:-1]).max()), keep=2)
        self._file = WholeFile(path)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, "w"), SCHEMA.with_metadata(metadata))
        self._syncing = ThreadPoolExecutor(1, "segfeed-sync")
        self._synced: list[Future[None]] = []
        self._written = 0

    def place(self, index: int) -> Pair:
        """Give the memory that shall hold a row's pair: image uint8 (H, W, 3), labels (H, W), contents arbitrary."""
        batch, row = self._batch_of(index)
        return batch.place(row)

    def write(self, record: Record) -> None:
        """Append the next row; with the last one of a record batch, the batch is written."""
        batch, row = self._batch_of(self._written)
        batch.records.append(record)
        self._written += 1
        if row + 1 == len(batch.sizes):
            self._writer.write_batch(batch.to_arrow())
            del self._batches[batch.first]  # its memory serves the next batch
            # The disk works while threads decode on. A failure to write surfaces here, at the latest in `finish`.
            self._synced.append(self._syncing.submit(self._file.sync))
            if self._synced[0].done():
                self._synced.pop(0).result()

    def finish(self) -> None:
        """Write the file's footer, and bring everything to the disk."""
        self._writer.close()
        for synced in self._synced:
            synced.result()
        self._file.close()

    def abandon(self) -> None:
        """Stop, and close the file as it is."""
        self._syncing.shutdown(cancel_futures=True)
        self._file.close()

    def _batch_of(self, index: int) -> "tuple[_Batch, int]":
        number = int(np.searchsorted(self._firsts, index, side="right")) - 1
        first, last = self._firsts[number : number + 2].tolist()
        with self._laying:
            if first not in self._batches:
                self._batches[first] = _Batch(first, self._sizes[first:last], self._label_dtype, self._memory.lease())
            return self._batches[first], index - first


@dataclass(frozen=True, eq=False)
class _Batch:
    """Hold a record batch that is being filled: all images, then all labels, then what the records say."""

    first: int
    sizes: Sizes
    label_dtype: np.dtype[Any]
    memory: npt.NDArray[np.uint8]
    records: list[Record] = field(default_factory=list)

    @cached_property
    def ends(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Give where images and labels start and end, counted from the first of each: int64 (N + 1,)."""
        pixels = np.concatenate([[0], self.sizes.astype(np.int64).prod(axis=1).cumsum()])
        return pixels * 3, pixels * self.label_dtype.itemsize

    def place(self, row: int) -> Pair:
        """View the memory of a row's image, (H, W, 3), and labels, (H, W)."""
        images, labels = self.ends
        height, width = self.sizes[row].tolist()
        image = self.memory[images[row] : images[row + 1]].reshape(height, width, 3)
        ids = self.memory[images[-1] :][labels[row] : labels[row + 1]].view(self.label_dtype)
        return Pair(image, ids.reshape(height, width))

    def to_arrow(self) -> pa.RecordBatch:
        """Give the record batch; its images and labels stay in this batch's memory."""
        images, labels = self.ends
        split = int(images[-1])
        columns = [
            pa.array([record.key for record in self.records], pa.string()),
            pa.array(self.sizes[:, 0]),
            pa.array(self.sizes[:, 1]),
            _binary(images, self.memory[:split]),
            _binary(labels, self.memory[split : split + int(labels[-1])]),
            pa.array([record.pixels for record in self.records], SCHEMA.field("pixels").type),
            pa.array([record.record_xxh3 for record in self.records], pa.binary(16)),
            pa.array([record.photo_sha256 for record in self.records], pa.binary(32)),
            pa.array([record.mask_sha256 for record in self.records], pa.binary(32)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _row_bytes(sizes: Sizes, label_dtype: np.dtype[Any]) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = sizes.astype(np.int64).prod(axis=1) * (3 + label_dtype.itemsize)
    return found


def _split(row_bytes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """List where each record batch starts, and where the last one ends."""
    firsts, filled = [0], 0
    for index, size in enumerate(row_bytes.tolist()):
        if index > firsts[-1] and (index - firsts[-1] == BATCH_PAIRS or filled + size > BATCH_BYTES):
            firsts.append(index)
            filled = 0
        filled += size
    return np.array([*firsts, len(row_bytes)])


def _binary(ends: npt.NDArray[np.int64], joined: npt.NDArray[np.uint8]) -> pa.Array:
    return pa.Array.from_buffers(pa.large_binary(), len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(joined)])
