"""Writing a pack file: threads decode pairs and write their pixels, Arrow writes everything around them.

Where each row's pixels lie follows from sizes and keys, which are known before a pixel is decoded: Arrow lays a record
batch out with blank records first, and is asked where it would have written the pixels. A thread then writes a few
pairs while they lie in the processor's caches, and no more memory is taken than the pairs that are being decoded.
"""

import threading
from collections.abc import Callable, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segfeed.packs.rows import BATCH_BYTES, BATCH_PAIRS, SCHEMA
from segfeed.pixels.pair import Pair
from segfeed.system.slots import Pool
from segfeed.system.storage import WholeFile

Sizes = npt.NDArray[np.int32]

# What a thread puts at once: pair by pair it would be more calls, and much more would have left the caches.
_STRETCH_PAIRS, _STRETCH_BYTES = 8, 8 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One row of a pack, without its pixels.

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


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Memory for the pixels of a few rows, which lie side by side as they will in the file.

    Attributes:
        first: the first row.
        images: uint8 (3 * pixels,).
        labels: uint8 or uint16 (pixels,).
        pairs: the same, viewed as each row's pair.
    """

    first: int
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[Any]
    pairs: list[Pair]


class RowWriter:
    """Writes pairs to an Arrow IPC file; a record batch has at most 64 rows and 256 MiB.

    Any thread may `lease` and `put` any stretch of rows; `write` takes the records of rows in their order, each after
    its pair was put.

    Attributes:
        stretches: the rows of each; together all rows in order.

    Args:
        path: the new file.
        metadata: of the Arrow schema.
        sizes: int32 (N, 2), (height, width) of each row in px.
        label_dtype: uint8 or uint16.
        outline: returns a record as long as a row's will be, before its files are read.
        workers: how many threads put stretches, so that each finds memory to use again.
    """

    def __init__(
        self,
        path: Path,
        metadata: dict[str, str],
        sizes: Sizes,
        label_dtype: np.dtype[Any],
        outline: Callable[[int], Record],
        workers: int,
    ) -> None:
        self._sizes, self._label_dtype, self._outline = sizes, label_dtype, outline
        self._ends = np.concatenate([[0], sizes.astype(np.int64).prod(axis=1).cumsum()])  # in pixels
        row_bytes = np.diff(self._ends) * (3 + label_dtype.itemsize)
        self._firsts = np.array(_split(row_bytes, BATCH_PAIRS, BATCH_BYTES))
        self.stretches = [
            range(first + start, first + end)
            for first, last in pairwise(self._firsts.tolist())
            for start, end in pairwise(_split(row_bytes[first:last], _STRETCH_PAIRS, _STRETCH_BYTES))
        ]
        largest = max(int(row_bytes[rows.start : rows.stop].sum()) for rows in self.stretches)
        self._memory = Pool(largest, keep=workers)
        pixels = np.empty(int(np.diff(self._ends[self._firsts]).max()) * (3 + label_dtype.itemsize), np.uint8)
        self._file = WholeFile(path)
        self._laid_out, self._written = _Frame(pixels), _Frame(pixels, self._file)
        schema = SCHEMA.with_metadata(metadata)
        self._outliner, self._writer = (
            pa.ipc.new_file(pa.PythonFile(frame, "w"), schema) for frame in (self._laid_out, self._written)
        )
        self._laying_out = threading.Lock()
        self._records: list[Record] = []
        self._syncing = ThreadPoolExecutor(1, "segfeed-sync")
        self._synced: list[Future[None]] = []

    def lease(self, number: int) -> Stretch:
        """Lease memory for a stretch of rows; threads use it again and again."""
        rows = self.stretches[number]
        ends = (self._ends[rows.start : rows.stop + 1] - self._ends[rows.start]).tolist()
        sizes, label_bytes = self._sizes[rows.start : rows.stop].tolist(), ends[-1] * self._label_dtype.itemsize
        memory = self._memory.lease()[: label_bytes + 3 * ends[-1]]
        labels = memory[:label_bytes].view(self._label_dtype)  # first, because they may be 16-bit
        images = memory[label_bytes:]
        pairs = [
            Pair(images[3 * start : 3 * end].reshape(*size, 3), labels[start:end].reshape(size))
            for size, (start, end) in zip(sizes, pairwise(ends), strict=True)
        ]
        return Stretch(rows.start, images, labels, pairs)

    def put(self, stretch: Stretch) -> None:
        """Write a stretch's pixels into the file.

        Raises:
            OSError: if the disk is full, or failed.
        """
        number = int(np.searchsorted(self._firsts, stretch.first, side="right")) - 1
        images, labels = self._starts(number)
        before = int(self._ends[stretch.first] - self._ends[self._firsts[number]])
        self._file.write_at(stretch.images, images + 3 * before)
        self._file.write_at(stretch.labels, labels + self._label_dtype.itemsize * before)

    def write(self, record: Record) -> None:
        """Add the next row's record; with the last one of a record batch, write the batch around its pixels."""
        self._records.append(record)
        number = len(self._written.passed) // 2
        first, last = self._firsts[number : number + 2].tolist()
        if first + len(self._records) < last:
            return
        self._writer.write_batch(self._batch(first, self._records))
        if self._written.passed[-2:] != list(self._starts(number)):
            raise ValueError(f"rows {first} to {last - 1}: their records are not as long as their outlines")
        self._records = []
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

    def _starts(self, number: int) -> tuple[int, int]:
        """Return where a record batch's images and labels start in the file."""
        starts = self._laid_out.passed
        with self._laying_out:
            while len(starts) < 2 * number + 2:
                first, last = self._firsts[len(starts) // 2 :][:2].tolist()
                self._outliner.write_batch(self._batch(first, [self._outline(index) for index in range(first, last)]))
        return starts[2 * number], starts[2 * number + 1]

    def _batch(self, first: int, records: list[Record]) -> pa.RecordBatch:
        """Return a record batch whose images and labels are the memory that a frame passes over."""
        last = first + len(records)
        pixels, ends = self._written.pixels, self._ends[first : last + 1] - self._ends[first]
        split, size = 3 * int(ends[-1]), self._label_dtype.itemsize
        columns = [
            _texts([record.key for record in records]),
            _numbers(self._sizes[first:last, 0]),
            _numbers(self._sizes[first:last, 1]),
            _binary(pa.large_binary(), 3 * ends, pixels[:split]),
            _binary(pa.large_binary(), size * ends, pixels[split : split + size * int(ends[-1])]),
            _lists([record.pixels for record in records]),
            _digests([record.record_xxh3 for record in records], 16),
            _digests([record.photo_sha256 for record in records], 32),
            _digests([record.mask_sha256 for record in records], 32),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


class _Frame:
    """The file that Arrow writes to: it passes over pixels and writes all else to a file, if given one.

    Duck-typed for `pyarrow.PythonFile`, as `WholeFile` is.

    Attributes:
        pixels: memory that stands for pixels and is never touched; Arrow hands parts of it over to be written.
        passed: where they would have been written.
        closed: False; `WholeFile` is closed by itself.
    """

    def __init__(self, pixels: npt.NDArray[np.uint8], file: WholeFile | None = None) -> None:
        self.pixels, self.passed, self.closed = pixels, list[int](), False
        self._file, self._position = file, 0

    def write(self, data: Any) -> int:
        """Write what comes next: bytes, or one of Arrow's buffers."""
        size, first = memoryview(data).nbytes, self.pixels.ctypes.data
        if isinstance(data, pa.Buffer) and first <= data.address < first + len(self.pixels):
            self.passed.append(self._position)
        elif self._file is not None:
            self._file.write_at(data, self._position)
        self._position += size
        return size

    def flush(self) -> None:
        """Do nothing, because nothing is buffered."""


def _split(row_bytes: npt.NDArray[np.int64], most_rows: int, most_bytes: int) -> list[int]:
    """Return the first row of each group, and the end of the last; a row above `most_bytes` is a group of its own."""
    firsts, filled = [0], 0
    for index, size in enumerate(row_bytes.tolist()):
        if index > firsts[-1] and (index - firsts[-1] == most_rows or filled + size > most_bytes):
            firsts.append(index)
            filled = 0
        filled += size
    return [*firsts, len(row_bytes)]


# Columns are made of their buffers: `pa.array` would load pandas if it is installed: half a second.


def _numbers(values: npt.NDArray[Any]) -> pa.Array:
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))]
    )


def _binary(kind: pa.DataType, ends: npt.NDArray[Any], joined: Any) -> pa.Array:
    return pa.Array.from_buffers(kind, len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(joined)])


def _texts(texts: list[str]) -> pa.Array:
    encoded = [text.encode() for text in texts]
    return _binary(pa.string(), _ends(encoded), b"".join(encoded))


def _lists(lists: list[npt.NDArray[np.int64]]) -> pa.Array:
    kind = SCHEMA.field("pixels").type
    return pa.ListArray.from_arrays(_numbers(_ends(lists)), _numbers(np.concatenate(lists)), type=kind)


def _digests(digests: list[bytes | None], width: int) -> pa.Array:
    known = np.packbits([digest is not None for digest in digests], bitorder="little")
    joined = b"".join(digest or bytes(width) for digest in digests)
    return pa.Array.from_buffers(
        pa.binary(width), len(digests), [None if None not in digests else pa.py_buffer(known), pa.py_buffer(joined)]
    )


def _ends(parts: Sequence[Sized]) -> npt.NDArray[np.int32]:
    return np.cumsum([0, *map(len, parts)], dtype=np.int32)
