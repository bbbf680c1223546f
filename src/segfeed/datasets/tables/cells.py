"""Tables: pictures in the cells of Parquet and Arrow files, each a blob of its own.

A cell of an uncompressed Arrow file is a span of the file, and is read like any other. A Parquet column can only be
read forward, so its rows are read a few at a time, and the last ones are kept: packing, which asks for one row after
another, reads each byte once, and no more than a page, its dictionary and a few rows of a column are ever in memory.
Asking for rows at random reads from the beginning of a row group each time, so feed such tables from a pack.

Sources: Apache Parquet format specification, "Data Pages"; Arrow columnar format, "IPC File Format".
"""

import os
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segfeed.datasets.blobs import Blob, Span, Stamp, refuse_pointer, stamp_of
from segfeed.errors import SourceError, SourceMissingError

SUFFIXES = (".parquet", ".arrow")

_BATCH_ROWS = 16
_KEPT_BATCHES = 4  # threads that pack ask for rows a little out of order
_BUFFER_BYTES = 1 << 20
_OPEN_COLUMNS = 8
_ARROW_MAGIC = b"ARROW1"


@dataclass(frozen=True, slots=True)
class Cell:
    """A blob that lies in a cell of a Parquet file.

    Attributes:
        path: the Parquet file.
        column: the column, with a dot before a part of it: "image.bytes".
        row: 0, 1, 2, ... in the file.
        stamp: of the file, when the source was scanned.
    """

    path: str
    column: str
    row: int
    stamp: Stamp

    @property
    def name(self) -> str:
        """The file's name, row and column."""
        return _call_cell(self.path, self.column, self.row)

    @property
    def address(self) -> str:
        """The file's path, the column and the row."""
        return f"{self.path}:{self.column}:{self.row}"

    def is_unchanged(self) -> bool:
        """Check whether the file still bears its stamp."""
        return stamp_of(self.path) == self.stamp

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the cell's bytes, or its first ones.

        Raises:
            SourceMissingError: if the file is gone.
            SourceError: if the file is damaged, or the cell empty.
        """
        # A process that was forked must not share the reader, nor the lock, of its parent.
        value = _open_rows(self.path, self.column, self.stamp, os.getpid()).read(self.row)
        if value is None:
            expected = "the bytes of a picture"
            raise SourceError(self.name, found="an empty cell", expected=expected, remedy="write the table again")
        return value[:limit_bytes] if limit_bytes >= 0 else value


@dataclass(frozen=True)
class Table:
    """A Parquet or Arrow file: its schema, and where its cells lie.

    Attributes:
        path: the file.
        schema: its columns.
        count: its rows.
    """

    path: str
    schema: pa.Schema
    count: int

    def has(self, column: str) -> bool:
        """Check whether there is a column, or with a dot a part of a struct."""
        name, dot, part = column.partition(".")
        if name not in self.schema.names:
            return False
        kind = self.schema.field(name).type
        return not dot or (pa.types.is_struct(kind) and kind.get_field_index(part) >= 0)

    def texts(self, column: str) -> list[str | None]:
        """Read a column of texts or whole numbers, as texts; a dot leads into a struct: "image.path"."""
        with _explained(self.path):
            values = [value for array in self._arrays(column) for value in array.to_pylist()]
        return [None if value is None else str(value) for value in values]

    def blobs(self, column: str) -> list[Blob | None]:
        """Locate the cells of a column of bytes; None for an empty cell."""
        stamp = stamp_of(self.path)
        with _explained(self.path):
            if self.path.endswith(".parquet"):
                empty = self._empty_rows(column)
                return [None if row in empty else Cell(self.path, column, row, stamp) for row in range(self.count)]
            spans: list[Blob | None] = []
            for start, length in _locate(self.path, column):
                name = _call_cell(self.path, column, len(spans))
                spans.append(None if length < 0 else Span(self.path, name, start, length, stamp))
            return spans

    def _empty_rows(self, column: str) -> set[int]:
        """Find the rows without bytes; most files count them in their statistics, so that nothing has to be read."""
        counts: list[int] = []  # of empty cells in each row group; -1 if the file does not count them
        with _open_parquet(self.path) as file:
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                chunks = [group.column(i) for i in range(group.num_columns)]
                found = next(chunk.statistics for chunk in chunks if chunk.path_in_schema == column)
                counts.append(found.null_count if found is not None and found.has_null_count else -1)
        if -1 not in counts and sum(counts) in (0, self.count):
            return set(range(self.count)) if sum(counts) else set()
        nulls = [array.is_null().to_numpy(zero_copy_only=False) for array in self._arrays(column)]
        return set(np.flatnonzero(np.concatenate(nulls)).tolist()) if nulls else set()

    def _arrays(self, column: str) -> Iterator[Any]:
        if not self.path.endswith(".parquet"):
            with pa.memory_map(self.path) as source:
                yield from (_part_of(batch, column) for batch in _read_arrow(source)[1])
            return
        with _open_parquet(self.path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=[column], use_threads=False):
                yield _part_of(batch, column)


def open_table(path: str) -> Table:
    """Read the schema and number of rows of a Parquet or Arrow file.

    Raises:
        SourceMissingError: if the file does not exist.
        SourceError: if it is damaged, or something else.
    """
    with _explained(path):
        if path.endswith(".parquet"):
            with _open_parquet(path) as file:
                return Table(path, _checked(path, file.schema_arrow), file.metadata.num_rows)
        with pa.memory_map(path) as source:
            schema, batches = _read_arrow(source)
            return Table(path, _checked(path, schema), sum(batch.num_rows for batch in batches))


def _checked(path: str, schema: pa.Schema) -> pa.Schema:
    """Return a schema whose names are texts, each another one."""
    schema.to_string(show_schema_metadata=False)  # decodes all names, those in structs, too
    if twice := sorted({name for name in schema.names if schema.names.count(name) > 1}):
        found = f"{schema.names.count(twice[0])} columns are called {twice[0]!r}"
        raise SourceError(path, found=found, expected="names that differ", remedy="rename or drop columns")
    return schema


class _Rows:
    """A Parquet column, read forward a few rows at a time; the last ones are kept."""

    def __init__(self, path: str, column: str) -> None:
        self._path, self._column = path, column
        self._lock = threading.Lock()
        self._file = _open_parquet(path)
        groups = range(self._file.metadata.num_row_groups)
        self._starts = np.cumsum([0, *(self._file.metadata.row_group(i).num_rows for i in groups)]).tolist()
        self._batches: Iterator[Any] = iter(())
        self._next = self._starts[-1]  # the row that the next batch begins with
        self._kept: deque[tuple[int, Any]] = deque(maxlen=_KEPT_BATCHES)

    def read(self, row: int) -> bytes | None:
        """Read one row's bytes; None if it has none."""
        with self._lock, _explained(self._path):
            for first, values in self._kept:
                if first <= row < first + len(values):
                    return cast(bytes | None, values[row - first].as_py())
            self._go_to(row)
            while self._next <= row:
                batch = next(self._batches, None)
                if batch is None:
                    raise SourceError(
                        self._path,
                        found=f"row {row}: the file ends before it",
                        expected="the file as it was scanned",
                        remedy="scan it again",
                    )
                values = _part_of(batch, self._column)
                self._kept.append((self._next, values))
                self._next += len(values)
            first, values = self._kept[-1]
            return cast(bytes | None, values[row - first].as_py())

    def _go_to(self, row: int) -> None:
        """Begin again at a row's own row group if the row lies behind, or beyond the current row group."""
        group = bisect_right(self._starts, row) - 1
        if not self._starts[group] <= self._next <= row:
            groups = range(group, len(self._starts) - 1)
            self._batches = self._file.iter_batches(
                _BATCH_ROWS, row_groups=groups, columns=[self._column], use_threads=False
            )
            self._next = self._starts[group]
            self._kept.clear()


@lru_cache(maxsize=_OPEN_COLUMNS)
def _open_rows(path: str, column: str, _stamp: Stamp, _process: int) -> _Rows:
    with _explained(path):
        return _Rows(path, column)


def close_tables() -> None:
    """Close the files that were kept open for the next cell of a column."""
    _open_rows.cache_clear()


def _open_parquet(path: str) -> Any:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - every start recognises formats, few open such a file

    # pre_buffer would read a whole row group at once.
    return ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True)


def _read_arrow(source: Any) -> tuple[pa.Schema, Iterator[Any]]:
    """Read an Arrow file's schema and, without copying them, its record batches; `datasets` writes a stream of them."""
    is_file = source.read(len(_ARROW_MAGIC)) == _ARROW_MAGIC
    source.seek(0)
    if not is_file:
        stream = pa.ipc.open_stream(source)
        return stream.schema, map(_with_lengths, stream)
    reader = pa.ipc.open_file(source)
    return reader.schema, map(_with_lengths, map(reader.get_batch, range(reader.num_record_batches)))


def _with_lengths(batch: Any) -> Any:
    """Return a record batch whose lengths fit its buffers: Arrow trusts what it reads, and ends the process later."""
    batch.validate()
    return batch


def _locate(path: str, column: str) -> list[tuple[int, int]]:
    """List (offset, length) in bytes of each cell of an Arrow file; (0, -1) for an empty cell."""
    found: list[tuple[int, int]] = []
    size_bytes = os.path.getsize(path)
    with pa.memory_map(path) as source:
        begin = source.read_buffer(1).address
        source.seek(0)
        for batch in _read_arrow(source)[1]:
            values = _part_of(batch, column)
            _, ends, content = values.buffers()
            width: npt.DTypeLike = np.int64 if pa.types.is_large_binary(values.type) else np.int32
            edges = np.frombuffer(ends, width)[values.offset : values.offset + len(values) + 1].astype(np.int64)
            first = content.address - begin if content is not None and content.size else 0
            if not 0 <= first <= size_bytes:
                raise SourceError(
                    path,
                    found="compressed record batches, so that no cell lies in the file as it is",
                    expected="plain ones",
                    remedy="write the table again without compression, or as Parquet",
                )
            nulls = values.is_null().to_numpy(zero_copy_only=False)
            found += [
                (0, -1) if null else (first + start, end - start)
                for start, end, null in zip(edges[:-1].tolist(), edges[1:].tolist(), nulls.tolist(), strict=True)
            ]
    return found


def _part_of(batch: Any, column: str) -> Any:
    """Return a column, or with a dot a part of a struct, which is empty if the struct is; every offset is checked."""
    name, dot, part = column.partition(".")
    values = batch.column(name)
    values.validate(full=True)  # Arrow trusts the offsets that it reads: two damaged bytes would end the process
    return values.flatten()[values.type.get_field_index(part)] if dot else values


def _call_cell(path: str, column: str, row: int) -> str:
    return f"{os.path.basename(path)}, row {row}, column {column.partition('.')[0]!r}"


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Raise segfeed's errors in place of Arrow's errors about damaged files."""
    try:
        yield
    except SourceError:
        raise
    except FileNotFoundError:
        raise SourceMissingError(path, found="no such file", remedy="scan the dataset again") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        refuse_pointer(path)
        said = " ".join(str(error).split())
        remedy = "restore the file from its origin"
        raise SourceError(path, found=f"unreadable ({said})", remedy=remedy, is_damage=True) from error
