"""Where pairs go in the parts, and what the disk is asked for meanwhile."""

import errno
import os
import time

import numpy as np
import pytest

from segfeed import make_pack, scan
from segfeed.errors import StorageError
from segfeed.packs import writer
from segfeed.packs.writer import Layout, PartFiles, group, lay_out
from segfeed.system.storage import WholeFile


def test_places_are_aligned_and_follow_each_other_in_parts(monkeypatch):
    monkeypatch.setattr(writer, "PART_BYTES", 200)
    layout = Layout()
    assert [layout.place(length) for length in (10, 60, 72, 1, 500, 5)] == [
        (0, 0), (0, 64), (0, 128), (1, 0), (2, 0), (3, 0),
    ]  # fmt: skip
    assert layout.part_bytes == [200, 1, 500, 5]  # what is larger than a part has one of its own


def test_groups_hold_a_few_pairs_of_one_part(monkeypatch):
    monkeypatch.setattr(writer, "PART_BYTES", 64 * 9 + 16)
    sizes = np.full((24, 2), 2, np.int32)
    _, places = lay_out(sizes, 1)
    groups = group(places, sizes)
    assert [index for rows in groups for index in rows] == list(range(24))
    assert [len(rows) for rows in groups] == [4, 4, 2, 4, 4, 2, 4]
    assert all(len({places[index][0][0] for index in rows}) == 1 for rows in groups)


def test_a_pair_of_tiles_is_a_group_of_its_own(monkeypatch):
    monkeypatch.setattr(writer, "TILED_BYTES", 100)
    monkeypatch.setattr(writer, "TILE_PX", 4)
    sizes = np.array([(2, 2), (2, 2), (9, 5), (2, 2), (2, 2)], np.int32)
    _, places = lay_out(sizes, 1)
    assert [len(mine) for mine in places] == [1, 1, 6, 1, 1]
    assert [list(rows) for rows in group(places, sizes)] == [[0, 1], [2], [3, 4]]


def test_large_pairs_are_decoded_alone(monkeypatch):
    monkeypatch.setattr(writer, "_GROUP_BYTES", 100)
    sizes = np.array([(4, 4)] * 3, np.int32)
    assert [len(rows) for rows in group(lay_out(sizes, 1)[1], sizes)] == [1, 1, 1]


def test_writing_never_goes_over_a_file_that_exists(tmp_path):
    (tmp_path / "pairs-00000.bin").write_bytes(b"precious")
    files = PartFiles(tmp_path)
    with pytest.raises(FileExistsError):
        files.write(0, 0, b"x")
    files.abandon()
    assert (tmp_path / "pairs-00000.bin").read_bytes() == b"precious"


def test_a_failure_to_reach_the_disk_surfaces_while_parts_are_written(tmp_path, write_voc, monkeypatch):
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    source = scan(write_voc(tmp_path / "VOC2012", {"train": [(6, 8)] * 9}))
    monkeypatch.setattr(writer, "PART_BYTES", 500)
    monkeypatch.setattr(os, "fdatasync", fail, raising=False)
    with pytest.raises(StorageError) as caught:
        make_pack(source, cache_dir=tmp_path / "cache")
    assert "the disk failed" in caught.value.found
    assert list((tmp_path / "cache" / "packs").iterdir()) == []


@pytest.mark.slow
def test_parts_are_the_same_with_any_number_of_threads(tmp_path, write_voc, monkeypatch):
    source = scan(write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9), (3, 3)] * 30}))
    monkeypatch.setattr(writer, "PART_BYTES", 5000)
    for coded in (False, True):
        packs = [make_pack(source, coded=coded, cache_dir=tmp_path / f"{coded}{n}", threads=n) for n in (1, 5)]
        contents = [
            {path.name: path.read_bytes() for path in pack.folder.iterdir() if path.name != "manifest.json"}
            for pack in packs
        ]
        assert contents[0] == contents[1]
        assert len(contents[0]) > 3


def test_parts_whose_way_to_the_disk_was_cancelled_are_closed(tmp_path, monkeypatch):
    def fail(_file):
        time.sleep(0.05)  # the others wait, and are cancelled
        raise OSError

    monkeypatch.setattr(WholeFile, "sync", fail)
    files = PartFiles(tmp_path)
    for part in range(4):
        files.write(part, 0, b"pixels")
    opened = list(files._files.values())
    files.advance(3, 6)
    files.abandon()
    assert [file.closed for file in opened] == [True] * 4
