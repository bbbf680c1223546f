"""The table of a pack: any Arrow reader reads it; nothing in it is trusted, not even if its checksums fit."""

import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from sealed_packs import change_labels, change_rows, read_rows, seal
from segfeed import Pack, make_pack, scan
from segfeed.datasets.packed.manifest import read_manifest
from segfeed.datasets.packed.table import are_labels, read_table, tile_places
from segfeed.errors import PackError
from segfeed.packs import writer
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import Objects

FLIP_EVERY_BYTE = """
import sys
from pathlib import Path
import sealed_packs
from segfeed import Pack
from segfeed.errors import PackError
folder = Path(sys.argv[1])
data = (folder / "rows.arrow").read_bytes()
for position in range(0, len(data), int(sys.argv[2])):
    broken = bytearray(data)
    broken[position] ^= 1 << position // int(sys.argv[2]) % 8
    (folder / "rows.arrow").write_bytes(broken)
    try:
        pack = Pack(sealed_packs.seal(folder))
        for index in range(len(pack)):
            pack.read(index)
            pack.table.grid(index)
        pack.table.digests("photo_sha256"), pack.table.strings("mask_name")
    except PackError:
        pass
    except Exception as error:
        print(position, repr(error))
print("done")
"""
"""Run in a process of its own: what is not checked before it is read from a mapping kills the process."""

COLUMNS = {
    "key": pa.string(), "height": pa.int32(), "width": pa.int32(), "part": pa.int32(), "offset": pa.int64(),
    "tile_xxh3": pa.binary(16), "photo_bytes": pa.int64(), "mask_bytes": pa.int64(), "photo_name": pa.string(),
    "mask_name": pa.string(), "photo_sha256": pa.binary(32), "mask_sha256": pa.binary(32), "pixels": pa.int64(),
}  # fmt: skip
LISTS = ("part", "offset", "tile_xxh3", "pixels", "grid")


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", {"train": [(40, 60), (33, 50), (7, 5), (40, 60)]})


@pytest.fixture
def folder(root, tmp_path):
    return make_pack(scan(root), cache_dir=tmp_path / "cache").folder


@pytest.fixture
def wide(root, tmp_path):
    """Return a pack of 16-bit labels."""
    legend = Legend(tuple(f"class {n}" for n in range(300)), reading="index", void_indices=(255, 65535),
                    indices=tuple(n for n in range(301) if n != 255))  # fmt: skip
    return make_pack(scan(root, legend=legend), cache_dir=tmp_path / "wide").folder


def refusal(folder):
    with pytest.raises(PackError) as caught:
        read_table(read_manifest(folder))
    assert (caught.value.where, caught.value.remedy) == (
        str(folder / "rows.arrow"),
        "remove the folder and pack again",
    )
    return caught.value.found


@pytest.mark.slow
def test_any_arrow_reader_finds_the_documented_columns(folder, root):
    table = read_rows(folder)
    table.validate(full=True)
    kinds = {field.name: field.type.value_type if field.name in LISTS else field.type for field in table.schema}
    grid = kinds.pop("grid")
    assert kinds == COLUMNS
    assert [(field.name, field.type) for field in grid] == [
        ("block", pa.int32()), ("label", pa.uint16()), ("count", pa.uint16()),
    ]  # fmt: skip
    assert [field.name for field in table.schema if field.nullable] == ["mask_name", "mask_sha256"]
    source = scan(root)
    for index, row in enumerate(table.to_pylist()):
        image, labels = source.read(index)
        assert (row["key"], row["height"], row["width"]) == (source.keys[index], *labels.shape)
        assert (row["photo_name"], row["mask_name"]) == (f"train_{index}.png", f"train_{index}.png")
        data = (folder / f"pairs-{row['part'][0]:05d}.bin").read_bytes()[row["offset"][0] :]
        assert data[: row["photo_bytes"]] == image.tobytes()
        assert data[row["photo_bytes"] :][: row["mask_bytes"]] == labels.tobytes()
        stored = np.array(labels.shape, "<i4").tobytes() + image.tobytes() + labels.tobytes()
        assert row["tile_xxh3"] == [xxhash.xxh3_128(stored).digest()]
        counts = np.bincount(labels.ravel(), minlength=256)
        assert row["pixels"] == [*counts[:21], counts[255]]
        found = {(entry["block"], entry["label"]): entry["count"] for entry in row["grid"]}
        across = -(-labels.shape[1] // 32)
        blocks = [(y, x) for y in range(0, labels.shape[0], 32) for x in range(0, labels.shape[1], 32)]
        assert found == {
            (y // 32 * across + x // 32, label): count
            for y, x in blocks
            for label, count in enumerate(np.bincount(labels[y : y + 32, x : x + 32].ravel(), minlength=21)[:21])
            if count
        }


def test_what_was_written_is_read_and_nothing_of_it_can_be_changed(folder):
    table = read_table(read_manifest(folder))
    assert table.sizes.tolist() == [[40, 60], [33, 50], [7, 5], [40, 60]]
    assert (table.offsets % 64 == 0).all()
    for array in (table.sizes, table.pixels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def change(column, value, index=1):
    return lambda rows: rows[index].update({column: value})


def overlap(rows):
    rows[1]["offset"] = rows[0]["offset"]


def swap_counts(rows):
    rows[0]["pixels"], rows[2]["pixels"] = rows[2]["pixels"], rows[0]["pixels"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (change("offset", [2**40]), "outside of it"),
        (change("offset", [-64]), "outside of it"),
        (change("offset", [2**62 + 2**61]), "outside of it"),
        (change("part", [1]), "outside of it"),
        (change("part", [-1]), "outside of it"),
        (change("offset", [9601]), "it starts at byte 9601"),
        (overlap, "lies over another one"),
        (change("offset", []), "tiles whose numbers differ"),
        (change("part", [0, 0]), "tiles whose numbers differ"),
        (change("tile_xxh3", [bytes(16)] * 3), "tiles whose numbers differ"),
        (lambda rows: [row.update(part=[0, 0], offset=[0, 0], tile_xxh3=[bytes(16)] * 2) for row in rows],
         "tiles whose numbers differ"),
        (change("pixels", [1, 2, 3]), "lists of class counts of other lengths"),
        (swap_counts, "counts of classes whose sum is not the number of pixels"),
        (change("pixels", [-1, 1651] + [0] * 20), "counts of classes whose sum"),
        (change("photo_bytes", 4951), "row 1: 6601 bytes"),
        (change("mask_bytes", -1650), "row 1: 3300 bytes"),
        (change("key", "train_0"), "1 keys that stand twice"),
        (change("height", 0), "row 1: 50 x 0 px"),
        (lambda rows: rows[1].update(height=-33, width=-50), "row 1: -50 x -33 px"),
        (lambda rows: rows.pop(), "3 rows"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_table_whose_checksums_fit_is_refused_if_its_values_do_not(folder, change, found):
    change_rows(folder, change)
    assert found in refusal(folder)


def test_odd_starts_of_16_bit_labels_are_refused(wide):
    change_rows(wide, change("offset", [16321]))
    assert "starts at byte 16321" in refusal(wide)


@pytest.mark.slow
def test_labels_of_another_width_are_refused(folder, wide):
    legend = read_manifest(wide).fields["legend"]
    seal(folder, legend=legend)
    assert "lists of class counts" in refusal(folder)


@pytest.mark.parametrize("value", [21, 100, 254])
@pytest.mark.slow
def test_ids_beyond_the_legend_are_refused_when_they_are_read(folder, value):
    pack = Pack(change_labels(folder, 1, value))
    pack.read(0)
    for read in (lambda: pack.read(1), lambda: pack.stored(np.array([0, 1])), lambda: pack.table.read(1)):
        with pytest.raises(PackError) as caught:
            read()
        assert caught.value.found == "sample train_1: labels that no class of the legend has"


@pytest.mark.parametrize(
    "entry", [{"block": -1}, {"block": 4}, {"label": 21}, {"label": 65535}, {"count": 0}, {"count": 1025}], ids=str
)
@pytest.mark.slow
def test_a_class_grid_that_does_not_fit_is_refused_when_it_is_read(folder, entry):
    change_rows(folder, lambda rows: rows[1]["grid"][0].update(entry))
    table = read_table(read_manifest(folder))
    table.grid(0)
    with pytest.raises(PackError) as caught:
        table.grid(1)
    assert caught.value.found == "sample train_1: a class grid that does not fit its size and counts"


@pytest.mark.parametrize("column", ["key", "height", "offset", "grid"])
@pytest.mark.slow
def test_nothing_where_a_value_must_be_is_refused(folder, column):
    rows = read_rows(folder).to_pylist()
    rows[1][column] = None
    schema = pa.schema([field.with_nullable(True) for field in read_rows(folder).schema])
    table = pa.Table.from_pylist(rows, schema)
    batch = pa.RecordBatch.from_arrays([col.chunk(0) for col in table.columns], schema=read_rows(folder).schema)
    seal(folder, pa.Table.from_batches([batch]))
    if column != "grid":
        assert refusal(folder)
        return
    with pytest.raises(PackError) as caught:
        read_table(read_manifest(folder)).grid(0)  # of a row that is whole
    assert "column grid: nothing where a value must be" in caught.value.found


@pytest.mark.slow
def test_other_columns_are_refused(folder):
    seal(folder, read_rows(folder).drop_columns(["photo_name"]))
    assert refusal(folder) == "other columns"


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.slow
def test_a_table_that_was_compressed_or_written_in_pieces_is_read_all_the_same(folder, codec):
    table = read_rows(folder)
    before = [Pack(folder).read(index).labels.copy() for index in range(4)]
    seal(folder, pa.concat_tables([table.slice(0, 1), table.slice(1)]), compression=codec)
    with Pack(folder) as pack:
        assert all((pack.read(index).labels == labels).all() for index, labels in enumerate(before))
        assert pack.table.grid(3).count.sum() == 40 * 60 - 60


def test_an_open_pack_keeps_no_class_grids_until_one_is_asked_for(tmp_path, write_voc):
    root = write_voc(tmp_path / "large", {"train": [(320, 480)] * 6})
    manifest = read_manifest(make_pack(scan(root), cache_dir=tmp_path / "cache").folder)
    read_table(manifest)  # what is made once for all tables
    for thread in threading.enumerate():
        if thread.name == "segfeed-kernels":  # it takes memory of its own
            thread.join()
    tracemalloc.start()
    try:
        table = read_table(manifest)
        before = tracemalloc.get_traced_memory()[0]
        grid = table.grid(5)
    finally:
        tracemalloc.stop()
    assert grid.count.sum() == 319 * 480
    assert before < manifest.fields["table_bytes"] / 4


def test_class_grids_that_changed_since_the_pack_was_opened_are_refused(folder):
    table = read_table(manifest := read_manifest(folder))
    change_rows(folder, lambda rows: rows[0]["grid"].pop())
    with pytest.raises(PackError) as caught:
        table.grid(0)
    assert "do not fit the checksum" in caught.value.found
    (folder / "rows.arrow").unlink()
    with pytest.raises(PackError):
        read_table(manifest)


def test_a_table_that_another_process_changed_is_refused(folder):
    path = folder / "rows.arrow"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "do not fit the checksum" in refusal(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["raw", "coded", "tiles"])
def test_no_flipped_bit_kills_the_process_or_surfaces_as_anything_but_a_pack_error(root, tmp_path, monkeypatch, kind):
    if kind == "tiles":
        monkeypatch.setattr(writer, "TILED_BYTES", 1000)
        monkeypatch.setattr(writer, "TILE_PX", 16)
    folder = make_pack(scan(root), coded=kind == "coded", cache_dir=tmp_path / "cache").folder
    command = [sys.executable, "-c", FLIP_EVERY_BYTE, str(folder), "13"]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_labels_are_those_of_a_legend_or_not():
    legend = Legend(("a", "b"))
    for labels, expected in (([0, 1, 255], True), ([2], False), ([254], False), ([], True), ([255], True)):
        assert are_labels(np.array(labels, np.uint8), legend) == expected
    assert are_labels(np.array([0, 253, 255], np.uint8), Objects())
    assert not are_labels(np.array([254], np.uint8), Objects())
    many = Legend(tuple(f"class {n}" for n in range(300)))
    assert are_labels(np.array([299, 65535], np.uint16), many)
    assert not are_labels(np.array([300], np.uint16), many)


def test_tiles_cover_a_pair_once():
    seen = np.zeros((37, 21), int)
    for place in tile_places(37, 21, 8):
        seen[place] += 1
    assert (seen == 1).all()
