"""The pack file: rows that any Arrow reader reads, and that are read in place here."""

import errno
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from segfeed.errors import PackError
from segfeed.packs.rows import BATCH_PAIRS, SCHEMA, map_rows
from segfeed.packs.writer import Record, RowWriter
from segfeed.pixels.pair import Pair

FLIP_EVERY_BYTE = """
import sys
import numpy as np
from pathlib import Path
from typing import NamedTuple
from segfeed.errors import PackError
from segfeed.packs.rows import map_rows
path = Path(sys.argv[1])
data = path.read_bytes()
for position in range(len(data)):
    broken = bytearray(data)
    broken[position] ^= 1 << position % 8
    path.write_bytes(broken)
    try:
        rows = map_rows(path, np.dtype(np.uint8))
        pairs = [rows.pair(index) for index in range(len(rows.sizes))]
        keys, pixels = rows.table["key"].to_pylist(), np.asarray(rows.table["pixels"].combine_chunks().flatten())
    except PackError:
        pass
    except Exception as error:
        print(position, repr(error))
print("done")
"""
"""Run in a process of its own: what is not checked before it is read from a mapping kills the process."""

U8, U16 = np.dtype(np.uint8), np.dtype(np.uint16)
COLUMNS = {
    "key": pa.string(),
    "height": pa.int32(),
    "width": pa.int32(),
    "image": pa.large_binary(),
    "labels": pa.large_binary(),
    "pixels": pa.list_(pa.field("item", pa.int64(), nullable=False)),
    "record_xxh3": pa.binary(16),
    "photo_sha256": pa.binary(32),
    "mask_sha256": pa.binary(32),
}


class Row(NamedTuple):
    pair: Pair
    record: Record


def make_row(number: int, dtype: np.dtype = U8) -> Row:
    rng = np.random.default_rng(number)
    height, width = 1 + number % 5, 1 + number % 3
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    labels = rng.integers(0, 20, (height, width)).astype(dtype)
    photo = hashlib.sha256(b"photo %d" % number).digest()
    mask = None if number % 7 == 3 else hashlib.sha256(b"mask %d" % number).digest()
    return Row(Pair(image, labels), Record(f"key_{number}", np.arange(22) * number, b"%16d" % number, photo, mask))


def row_of(pair: Pair) -> Row:
    return Row(pair, Record("a", np.zeros(2, np.int64), bytes(16), bytes(32), None))


def open_writer(path: Path, rows: list[Row]) -> RowWriter:
    sizes = np.array([row.pair.labels.shape for row in rows], np.int32)
    return RowWriter(
        path, {"format": "segfeed pack"}, sizes, rows[0].pair.labels.dtype, lambda n: blank(rows[n].record), workers=1
    )


def put(writer: RowWriter, number: int, rows: list[Row]) -> None:
    stretch = writer.lease(number)
    for index, place in enumerate(stretch.pairs, stretch.first):
        place.image[...], place.labels[...] = rows[index].pair
    writer.put(stretch)


def put_all(writer: RowWriter, rows: list[Row]) -> None:
    for number in range(len(writer.stretches)):
        put(writer, number, rows)


def blank(record: Record) -> Record:
    mask = None if record.mask_sha256 is None else bytes(32)
    return Record(record.key, np.zeros_like(record.pixels), bytes(16), bytes(32), mask)


def write(path: Path, rows: list[Row]) -> Path:
    writer = open_writer(path, rows)
    try:
        put_all(writer, rows)
        for row in rows:
            writer.write(row.record)
        writer.finish()
    finally:
        writer.abandon()
    return path


def columns_of(rows: list[Row]) -> dict[str, list]:
    """Lay rows out as Arrow takes them, without a writer of ours."""
    return {
        "key": [row.record.key for row in rows],
        "height": [row.pair.labels.shape[0] for row in rows],
        "width": [row.pair.labels.shape[1] for row in rows],
        "image": [row.pair.image.tobytes() for row in rows],
        "labels": [row.pair.labels.tobytes() for row in rows],
        "pixels": [row.record.pixels.tolist() for row in rows],
        "record_xxh3": [row.record.record_xxh3 for row in rows],
        "photo_sha256": [row.record.photo_sha256 for row in rows],
        "mask_sha256": [row.record.mask_sha256 for row in rows],
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pairs.arrow"


@pytest.mark.parametrize("dtype", [U8, U16])
@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 130])
def test_pairs_come_back_exactly(path, count, dtype):
    records = [make_row(number, dtype) for number in range(count)]
    rows = map_rows(write(path, records), dtype)
    assert rows.sizes.dtype == np.int32
    assert rows.sizes.tolist() == [list(record.pair.labels.shape) for record in records]
    for index, record in enumerate(records):
        pair = rows.pair(index)
        assert pair.labels.dtype == dtype
        np.testing.assert_array_equal(pair.image, record.pair.image)
        np.testing.assert_array_equal(pair.labels, record.pair.labels)


def test_any_arrow_reader_finds_the_documented_columns(path):
    records = [make_row(number) for number in range(5)]
    write(path, records)
    with pa.OSFile(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == COLUMNS
    assert [field.name for field in table.schema if field.nullable] == ["mask_sha256"]
    assert table.schema.metadata[b"format"] == b"segfeed pack"
    for row, record in zip(table.to_pylist(), records, strict=True):
        assert row == {
            "key": record.record.key,
            "height": record.pair.labels.shape[0],
            "width": record.pair.labels.shape[1],
            "image": record.pair.image.tobytes(),
            "labels": record.pair.labels.tobytes(),
            "pixels": record.record.pixels.tolist(),
            "record_xxh3": record.record.record_xxh3,
            "photo_sha256": record.record.photo_sha256,
            "mask_sha256": record.record.mask_sha256,
        }


@pytest.mark.parametrize("count", [1, 64, 150])
@pytest.mark.parametrize("dtype", [U8, U16])
def test_the_file_is_byte_for_byte_what_arrow_writes_by_itself(path, tmp_path, count, dtype):
    rows = [make_row(number, dtype) for number in range(count)]
    write(path, rows)
    columns = columns_of(rows)
    schema = SCHEMA.with_metadata({"format": "segfeed pack"})
    with pa.OSFile(str(tmp_path / "plain"), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for first in range(0, count, BATCH_PAIRS):
            batch = {name: values[first : first + BATCH_PAIRS] for name, values in columns.items()}
            writer.write_batch(pa.record_batch(batch, schema=schema))
    assert path.read_bytes() == (tmp_path / "plain").read_bytes()


def test_a_record_that_is_longer_than_its_outline_is_refused_before_it_hides_pixels(path):
    rows = [make_row(number) for number in range(3)]
    writer = open_writer(path, rows)
    put_all(writer, rows)
    for row in rows[:2]:
        writer.write(row.record)
    with pytest.raises(ValueError, match="rows 0 to 2: their records are not as long as their outlines"):
        writer.write(replace(rows[2].record, key="k" * 500))
    writer.abandon()


def test_buffers_are_not_compressed(path):
    record = row_of(Pair(np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), np.uint8)))
    assert write(path, [record]).stat().st_size > 40_000


@pytest.mark.parametrize(("count", "batches"), [(64, [64]), (65, [64, 1]), (200, [64, 64, 64, 8])])
def test_a_record_batch_holds_64_rows(path, count, batches):
    write(path, [make_row(number) for number in range(count)])
    reader = pa.ipc.open_file(path.read_bytes())
    assert BATCH_PAIRS == 64
    assert [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)] == batches


def test_large_pairs_fill_a_record_batch_earlier(path, monkeypatch):
    monkeypatch.setattr("segfeed.packs.writer.BATCH_BYTES", 100)
    records = [make_row(14) for _ in range(7)]  # 5 x 3: 60 bytes each
    write(path, records)
    assert pa.ipc.open_file(path.read_bytes()).num_record_batches == 7
    np.testing.assert_array_equal(map_rows(path, U8).pair(6).image, records[6].pair.image)


def test_stretches_hold_few_rows_of_one_record_batch_and_little_memory(path, monkeypatch):
    rows = [make_row(number) for number in range(150)]
    writer = open_writer(path, rows)
    assert [index for stretch in writer.stretches for index in stretch] == list(range(150))
    assert {len(stretch) for stretch in writer.stretches} == {8, 6}
    assert all(stretch[0] // BATCH_PAIRS == stretch[-1] // BATCH_PAIRS for stretch in writer.stretches)
    writer.abandon()
    monkeypatch.setattr("segfeed.packs.writer._STRETCH_BYTES", 100)
    path.unlink()
    writer = open_writer(path, [make_row(14) for _ in range(3)])  # 60 bytes each
    assert [len(stretch) for stretch in writer.stretches] == [1, 1, 1]
    assert len(writer.lease(0).images) == 45
    writer.abandon()


def test_views_are_read_only_and_copy_nothing(path):
    rows = map_rows(write(path, [make_row(4)]), U8)
    pair = rows.pair(0)
    assert np.shares_memory(pair.image, rows.memory)
    assert np.shares_memory(pair.labels, rows.memory)
    for array in pair:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        pair.image.flags.writeable = True


def test_views_outlive_the_rows_and_even_the_file(path):
    record = make_row(4)
    pair = map_rows(write(path, [record]), U8).pair(0)
    path.unlink()
    np.testing.assert_array_equal(pair.image, record.pair.image)


def assert_refused(path, found, expected="", label_dtype=U8):
    with pytest.raises(PackError) as caught:
        map_rows(path, label_dtype)
    assert (caught.value.where, caught.value.remedy) == (str(path), "remove its folder and pack again")
    assert caught.value.found.startswith(found)
    assert caught.value.expected == expected


def test_file_that_was_never_finished_is_refused(path):
    rows = [make_row(number) for number in range(70)]
    writer = open_writer(path, rows)
    put_all(writer, rows)
    for row in rows:
        writer.write(row.record)
    writer.abandon()
    assert_refused(path, "no readable pack")


@pytest.mark.parametrize("data", [b"", b"ARROW1", b"ARROW1\0\0" * 9, b"\x89PNG\r\n\x1a\n" * 50])
def test_file_that_is_no_pack_is_refused(path, data):
    path.write_bytes(data)
    assert_refused(path, "no readable pack")


def test_file_that_is_missing_is_refused(path):
    assert_refused(path, "no readable pack")


def test_file_cut_off_anywhere_is_refused(path):
    data = write(path, [make_row(number) for number in range(3)]).read_bytes()
    for kept in range(0, len(data), 5):
        path.write_bytes(data[:kept])
        with pytest.raises(PackError) as caught:
            map_rows(path, U8)
        assert "no readable pack" in caught.value.found or "columns" in caught.value.found


@pytest.mark.slow
def test_no_flipped_bit_kills_the_process_or_surfaces_as_anything_but_a_pack_error(path):
    write(path, [make_row(number) for number in range(3)])
    command = [sys.executable, "-c", FLIP_EVERY_BYTE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_file_with_other_columns_is_refused(path):
    table = pa.table({"key": ["a"], "height": [1]})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert_refused(path, "other columns", "those of pack format 1")


@pytest.mark.parametrize("column", ["image", "labels"])
def test_row_that_is_not_as_long_as_its_size_says_is_named(path, column):
    rows = [make_row(number) for number in range(3)]
    columns = columns_of(rows)
    columns[column][1] += b"\0"
    table = pa.table(columns, schema=SCHEMA)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_table(table)
    length = len(columns[column][1])
    assert_refused(path, f"row 1: {length} bytes", f"{length - 1} bytes")


def test_labels_of_another_width_are_refused(path):
    write(path, [make_row(1, U8)])
    assert_refused(path, "row 0: 4 bytes", "8 bytes", U16)


def test_writing_never_goes_over_a_file_that_exists(path):
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        open_writer(path, [make_row(0)])
    assert path.read_bytes() == b"precious"


def test_stretches_are_put_in_any_order_and_by_any_thread(path):
    rows = [make_row(number) for number in range(200)]
    writer = open_writer(path, rows)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: put(writer, number, rows), reversed(range(len(writer.stretches)))))
    for row in rows:
        writer.write(row.record)
    writer.finish()
    mapped = map_rows(path, U8)
    for index, row in enumerate(rows):
        np.testing.assert_array_equal(mapped.pair(index).image, row.pair.image)
        np.testing.assert_array_equal(mapped.pair(index).labels, row.pair.labels)


def test_failure_to_reach_the_disk_surfaces(path, monkeypatch):
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    rows = [make_row(number) for number in range(BATCH_PAIRS)]
    monkeypatch.setattr(os, "fdatasync", fail, raising=False)
    with pytest.raises(OSError, match="Input/output error"):
        write(path, rows)
