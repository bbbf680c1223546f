"""Table rows: the cells of some columns of a table that says something of each sample: CSV, TSV, Parquet or Arrow."""

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from segfeed.datasets.blobs import decode_text, read_file
from segfeed.datasets.tables.cells import SUFFIXES, open_table
from segfeed.errors import ListError, SourceError, SourceMissingError

_SHOWN = 8  # columns that a message names
_MOST_BYTES = 64 << 20  # of a table of text
_HEAD_BYTES = 64 << 10
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Read some columns of a table with a header.

    Args:
        path: of the table; its suffix says of which kind it is.
        columns: that are wanted.

    Yields:
        Number of the line, from 1, and its cells in the order of `columns`, without surrounding blanks, "" for none.

    Raises:
        ListError: if it cannot be read, has no such column, or has one twice.
    """
    if path.suffix.lower() in SUFFIXES:
        yield from _read_arrow(path, columns)
        return
    wanted = f"a header with the columns {' and '.join(map(repr, columns))}"
    text = _read_text(path)
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, delimiter=_separator(text, columns))
    try:
        rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
        _check_columns(path, list(rows.fieldnames), columns, wanted)
        yield from ((rows.line_num, [(row.get(column) or "").strip() for column in columns]) for row in rows)
    except csv.Error as error:
        raise ListError(str(path), found=f"it is not a table ({error})", expected=wanted) from error


def columns_of(path: Path) -> list[str]:
    """List the columns of a table, of text by its first line; none if it is not a table that can be read."""
    try:
        if path.suffix.lower() in SUFFIXES:
            return [str(name) for name in open_table(str(path)).schema.names]
        if not os.path.isfile(path):
            return []
        with open(path, "rb") as file:
            head = file.readline(_HEAD_BYTES)
        # A line of UTF-16, as spreadsheets write it, was cut in the midst of its last character.
        text = head.decode("utf-16", "ignore") if head[:2] in _UTF_16 else decode_text(head)
        line = _header(text)
        mark = max("\t,;|", key=line.count)
        return [cell.strip() for cell in next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])]
    except (SourceError, OSError, UnicodeDecodeError, csv.Error):
        return []


def _read_arrow(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    try:
        table = open_table(str(path))
        wanted = f"the columns {' and '.join(map(repr, columns))}"
        _check_columns(path, [str(name) for name in table.schema.names], columns, wanted)
        cells = [table.texts(column) for column in columns]
    except ListError:
        raise
    except SourceError as error:
        raise ListError(str(path), error.found, error.expected, error.remedy) from error
    for number, row in enumerate(zip(*cells, strict=True), 1):
        yield number, [(cell or "").strip() for cell in row]


def _check_columns(path: Path, there: Sequence[str], columns: Sequence[str], wanted: str) -> None:
    if lacking := [name for name in columns if name not in there]:
        found = f"no column {lacking[0]!r}; it has {', '.join(map(repr, there[:_SHOWN]))}" if there else "no line"
        raise ListError(str(path), found=found, expected=wanted, remedy="correct the description or the table")
    if twice := [name for name in columns if there.count(name) > 1]:
        raise ListError(str(path), found=f"two columns {twice[0]!r}", expected=wanted, remedy="rename one of them")


def _read_text(path: Path) -> str:
    try:
        return decode_text(read_file(path, _MOST_BYTES))
    except SourceMissingError as error:
        found = f"it cannot be read ({error.found if os.path.islink(path) else 'no such file'})"
        raise ListError(str(path), found=found, remedy="check the path") from None
    except SourceError as error:
        raise ListError(error.where, error.found, error.expected, error.remedy) from error
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise ListError(str(path), found=found, expected="a table in UTF-8", remedy="save it as UTF-8") from None


def _separator(text: str, columns: Sequence[str]) -> str:
    """Find what parts the columns: what the header has between those that are wanted."""
    header = _header(text)
    parted = (mark for mark in ",\t;|" if {*columns} <= {cell.strip(' "') for cell in header.split(mark)})
    return next(parted, ",")


def _header(text: str) -> str:
    """Return the first line of a text, whatever system wrote its ends."""
    return re.split("[\r\n]", text, maxsplit=1)[0]
