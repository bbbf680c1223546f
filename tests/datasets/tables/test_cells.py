"""Tables: cells of Parquet and Arrow files, each exactly, in any order, from any thread, in little memory."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segfeed.datasets.blobs import Span
from segfeed.datasets.tables import cells as tables
from segfeed.datasets.tables.cells import Cell, open_table
from segfeed.errors import SourceError, SourceMissingError

ROWS = 150
VALUES = [bytes([row % 251]) * (row * 7 % 90 + 1) for row in range(ROWS)]


def make(values=VALUES, kind=None) -> pa.Table:
    kind = kind or pa.binary()
    pictures = pa.StructArray.from_arrays(
        [pa.array(values, kind), pa.array([f"{row}.png" for row in range(len(values))])], ["bytes", "path"]
    )
    return pa.table({"image": pictures, "plain": pa.array(values, kind), "n": np.arange(len(values))})


def write_stream(table: pa.Table, path: Path, **options) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=40)


def write_file(table: pa.Table, path: Path, **options) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=40)


WRITERS = {
    "parquet": partial(pq.write_table, row_group_size=40),
    "plain.parquet": partial(pq.write_table, row_group_size=1000, use_dictionary=False, compression="none"),
    "pages.parquet": partial(pq.write_table, row_group_size=70, data_page_size=64, write_page_checksum=True),
    "stream.arrow": write_stream,
    "file.arrow": write_file,
}


@pytest.fixture(params=WRITERS)
def path(request, tmp_path):
    path = tmp_path / f"t.{request.param}"
    WRITERS[request.param](make(), path)
    return path


@pytest.mark.parametrize("column", ["image.bytes", "plain"])
def test_every_cell_is_read_exactly_in_any_order(path, column):
    table = open_table(str(path))
    assert (table.count, table.schema.names) == (ROWS, ["image", "plain", "n"])
    blobs = table.blobs(column)
    for rows in (range(ROWS), reversed(range(ROWS)), np.random.default_rng(0).permutation(ROWS)):
        for row in rows:
            assert blobs[row].read() == VALUES[row]
    assert blobs[149].read(3) == VALUES[149][:3]
    assert blobs[0].read(10**6) == VALUES[0]


@pytest.mark.slow
def test_many_threads_read_the_same(path):
    blobs = open_table(str(path)).blobs("image.bytes")
    order = [row for start in range(8) for row in range(start, ROWS, 8)] * 3
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: blobs[row].read(), order))
    assert found == [VALUES[row] for row in order]


def test_cells_are_told_apart_and_named(path):
    blobs = open_table(str(path)).blobs("image.bytes")
    assert len({blob.address for blob in blobs}) == ROWS
    assert blobs[7].name == f"{path.name}, row 7, column 'image'"
    assert blobs[7].is_unchanged()
    assert isinstance(blobs[7], Cell if path.suffix == ".parquet" else Span)
    again = pickle.loads(pickle.dumps(blobs[7]))  # noqa: S301 - worker processes get their samples so
    assert again == blobs[7]
    assert again.read() == VALUES[7]


def test_columns_and_parts_of_them_are_there_or_not(path):
    table = open_table(str(path))
    assert [table.has(name) for name in ("image", "image.path", "plain", "image.size", "plain.path", "mask")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_texts_and_numbers_are_read_as_texts(path):
    table = open_table(str(path))
    assert table.texts("image.path") == [f"{row}.png" for row in range(ROWS)]
    assert table.texts("n")[:3] == ["0", "1", "2"]


@pytest.mark.parametrize("empty", [[], [3], [0, 41, 42, 149], list(range(ROWS))])
@pytest.mark.slow
def test_empty_cells_are_found(tmp_path, empty):
    values = [None if row in empty else value for row, value in enumerate(VALUES)]
    for suffix, write in WRITERS.items():
        path = tmp_path / f"t.{suffix}"
        write(make(values), path)
        for column in ("image.bytes", "plain"):
            blobs = open_table(str(path)).blobs(column)
            assert [row for row, blob in enumerate(blobs) if blob is None] == empty
            assert [blob.read() for blob in blobs if blob] == [value for value in values if value is not None]


def test_empty_structs_are_empty_cells(tmp_path):
    pictures = pa.array([{"bytes": b"a", "path": None}, None, {"bytes": None, "path": "x"}])
    for suffix, write in WRITERS.items():
        write(pa.table({"image": pictures}), tmp_path / f"t.{suffix}")
        blobs = open_table(str(tmp_path / f"t.{suffix}")).blobs("image.bytes")
        assert [blob.read() if blob else None for blob in blobs] == [b"a", None, None]


def test_parquet_without_statistics_is_looked_through(tmp_path):
    values = [None if row == 5 else value for row, value in enumerate(VALUES)]
    pq.write_table(make(values), tmp_path / "t.parquet", write_statistics=False)
    assert open_table(str(tmp_path / "t.parquet")).blobs("plain")[5] is None


@pytest.mark.parametrize("suffix", WRITERS)
def test_large_binary_is_read(tmp_path, suffix):
    WRITERS[suffix](make(kind=pa.large_binary()), tmp_path / f"t.{suffix}")
    assert [blob.read() for blob in open_table(str(tmp_path / f"t.{suffix}")).blobs("plain")] == VALUES


@pytest.mark.slow
def test_reading_forward_keeps_few_rows_of_a_large_row_group_in_memory(tmp_path):
    big = [np.random.default_rng(row).bytes(100_000) for row in range(300)]
    path = tmp_path / "big.parquet"
    # Without write_batch_size all these rows would be one page, which can only be read as a whole.
    pq.write_table(pa.table({"image": big}), path, use_dictionary=False, compression="none", write_batch_size=4)
    del big
    blobs = open_table(str(path)).blobs("image")
    before, peak = pa.total_allocated_bytes(), 0
    for row, blob in enumerate(blobs):
        assert blob.read() == np.random.default_rng(row).bytes(100_000)
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert peak < 12_000_000  # of 30,000,000


def test_reading_forward_reads_each_row_once(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    WRITERS["parquet"](make(), path)
    counted = []
    part_of = tables._part_of
    monkeypatch.setattr(tables, "_part_of", lambda batch, column: counted.append(len(batch)) or part_of(batch, column))
    for blob in open_table(str(path)).blobs("plain"):
        blob.read()
    assert sum(counted) == ROWS


def check_cells(blobs) -> None:
    assert [blob.read() for blob in blobs] == VALUES


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of later Pythons, where threads run
@pytest.mark.filterwarnings("ignore:os.fork")  # JAX warns, where another test imported it
@pytest.mark.parametrize("how", ["fork", "spawn"])
@pytest.mark.slow
def test_other_process_reads_by_itself(tmp_path, how):
    path = tmp_path / "t.parquet"
    WRITERS["parquet"](make(), path)
    blobs = open_table(str(path)).blobs("plain")
    assert blobs[3].read() == VALUES[3]
    child = multiprocessing.get_context(how).Process(target=check_cells, args=(blobs,))
    child.start()
    child.join(timeout=60)
    assert child.exitcode == 0
    assert blobs[140].read() == VALUES[140]


def test_change_of_the_file_is_noticed(path):
    blob = open_table(str(path)).blobs("plain")[7]
    write = WRITERS[path.name.removeprefix("t.")]
    write(make([b"other"] * ROWS), path)
    assert not blob.is_unchanged()


def test_parquet_with_fewer_rows_than_before_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(make(), path)
    last = open_table(str(path)).blobs("plain")[-1]
    pq.write_table(make(VALUES[:3]), path)
    with pytest.raises(SourceError) as caught:
        last.read()
    assert (caught.value.where, caught.value.found) == (str(path), "row 149: the file ends before it")
    assert caught.value.expected == "the file as it was scanned"


def test_file_that_is_gone_is_named(path):
    blob = open_table(str(path)).blobs("plain")[7]
    path.unlink()
    for read in (blob.read, lambda: open_table(str(path))):
        with pytest.raises(SourceMissingError) as caught:
            read()
        assert path.name in caught.value.where


def test_truncated_file_is_refused(path):
    whole = path.read_bytes()
    for length in (0, 1, 8, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError) as caught:
            open_table(str(path)).blobs("plain")[0].read()
        assert caught.value.where == str(path)


def test_damaged_page_is_refused_where_the_file_has_checksums(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(make(), path, use_dictionary=False, compression="none", write_page_checksum=True)
    whole = bytearray(path.read_bytes())
    place = whole.index(VALUES[100])
    whole[place] ^= 1
    path.write_bytes(whole)
    with pytest.raises(SourceError) as caught:
        [blob.read() for column in ("image.bytes", "plain") for blob in open_table(str(path)).blobs(column)]
    assert caught.value.where == str(path)
    assert caught.value.found.startswith("unreadable (")
    assert caught.value.is_damage


@pytest.mark.parametrize("write", [write_stream, write_file])
def test_compressed_arrow_is_refused(tmp_path, write):
    path = tmp_path / "t.arrow"
    values = [bytes(1000)] * 10
    write(make(values), path, options=pa.ipc.IpcWriteOptions(compression="zstd"))
    with pytest.raises(SourceError) as caught:
        open_table(str(path)).blobs("plain")
    assert "compressed" in caught.value.found
    assert "without compression" in caught.value.remedy


def test_something_else_is_refused(tmp_path):
    for suffix in tables.SUFFIXES:
        path = tmp_path / f"t{suffix}"
        path.write_bytes(b"<html>" * 100)
        with pytest.raises(SourceError) as caught:
            open_table(str(path))
        assert caught.value.found.startswith("unreadable (")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_two_damaged_bytes_anywhere_in_an_arrow_file_never_end_the_process(tmp_path, kind):
    """In a child, since Arrow itself would end this process; the parent tells a signal from an error."""
    table = pa.table({"key": ["a", "b"], "image": [{"bytes": b"xyz", "path": "a"}] * 2, "mask": [b"12", b"3"]})
    path = tmp_path / "train.arrow"
    with (pa.ipc.new_file if kind == "file" else pa.ipc.new_stream)(str(path), table.schema) as writer:
        writer.write_table(table)
    done = subprocess.run(
        [sys.executable, "-c", DAMAGE, str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr[-500:]) == (0, "")
    read, refused = map(int, done.stdout.split())
    assert read > 50 < refused


DAMAGE = """
import sys
from segfeed.datasets.tables.cells import open_table
from segfeed.errors import SegfeedError
path, counts = sys.argv[1], [0, 0]
whole = open(path, "rb").read()
for at in range(0, len(whole) - 1):
    change = (b"\\xff\\xff", b"\\x00\\x80", b"\\x7f\\x7f")[at % 3]
    with open(path, "wb") as file:
        file.write(whole[:at] + change + whole[at + 2:])
    try:
        table = open_table(path)
        for column in ("key", "image.path"):
            table.has(column) and table.texts(column)
        for column in ("image.bytes", "mask"):
            for blob in table.blobs(column) if table.has(column) else ():
                blob and blob.read()
        counts[0] += 1
    except SegfeedError:
        counts[1] += 1
print(*counts)
"""
