"""Packs that another program wrote, or that the disk never got: refused when opened, not when read."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from segfeed.errors import PackError
from segfeed.feed import scan
from segfeed.packs.pack import Pack, make_pack
from segfeed.packs.rows import SCHEMA, map_rows

U8 = np.dtype(np.uint8)


@pytest.fixture
def pack(voc_folder, cache):
    return make_pack(scan(voc_folder, "train"), cache_dir=cache)


def rows_of(pack):
    return pa.ipc.open_file(pack.rows.path.read_bytes()).read_all()


def write(path: Path, table: pa.Table, **options) -> Path:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, **options) as writer:
        writer.write_table(table)
    return path


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_pack_that_was_compressed_is_refused(pack, tmp_path, codec):
    path = write(tmp_path / "a.arrow", rows_of(pack), options=pa.ipc.IpcWriteOptions(compression=codec))
    with pytest.raises(PackError) as caught:
        map_rows(path, U8)
    assert "as if it were compressed" in caught.value.found
    assert caught.value.remedy == "remove its folder and pack again"


@pytest.mark.parametrize("size", [(-40, -60), (0, 60), (40, -60)])
def test_a_size_that_is_none_is_refused_though_its_product_fits(pack, tmp_path, size):
    columns = rows_of(pack).to_pydict()
    columns["height"][1], columns["width"][1] = size
    path = write(tmp_path / "a.arrow", pa.table(columns, SCHEMA))
    with pytest.raises(PackError) as caught:
        map_rows(path, U8)
    assert caught.value.found == f"row 1: {size[1]} x {size[0]} px (width x height)"


def test_a_pack_as_long_as_it_should_be_of_which_nothing_was_written_is_refused(pack):
    path = pack.rows.path
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(PackError) as caught:
        Pack(pack.folder)
    assert "no readable pack" in caught.value.found


def test_pairs_that_were_never_written_are_no_background(pack):
    path = pack.rows.path
    data = bytearray(path.read_bytes())
    start, size = int(pack.rows.labels[2]), int(np.prod(pack.sizes[2]))
    data[start : start + size] = bytes(size)
    path.write_bytes(data)
    again = Pack(pack.folder)
    assert again.read(1).labels.shape == (40, 60)
    with pytest.raises(PackError) as caught:
        again.read(2)
    assert caught.value.found.startswith("sample train_2: the stored pixels do not fit their checksum")
