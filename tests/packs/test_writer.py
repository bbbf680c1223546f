"""Where pairs go in the parts, and what the disk is asked for meanwhile."""

import errno
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from segfeed import make_pack, scan
from segfeed.errors import StorageError
from segfeed.packs import writer
from segfeed.packs.writer import Parts
from segfeed.pixels.legend import Legend
from segfeed.system.work import in_order


def test_places_are_aligned_and_follow_each_other_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "PART_BYTES", 200)
    with closing(Parts(tmp_path)) as parts:
        places = [parts.place(length) for length in (10, 60, 72, 1, 500, 5)]
    assert places == [(0, 0), (0, 64), (0, 128), (1, 0), (2, 0), (3, 0)]
    assert parts.lengths == [200, 1, 500, 5]  # what is larger than a part has one of its own


def test_writing_never_goes_over_a_file_that_exists(tmp_path):
    (tmp_path / "pairs-00000.bin").write_bytes(b"precious")
    with closing(Parts(tmp_path)) as parts, pytest.raises(FileExistsError):
        parts.write(parts.place(1), b"x")
    assert (tmp_path / "pairs-00000.bin").read_bytes() == b"precious"


@pytest.mark.parametrize(("group_bytes", "groups"), [(writer._GROUP_BYTES, [8, 2]), (500, [2] * 5), (100, [1] * 10)])
def test_a_thread_packs_a_few_pairs_in_one_go_and_large_ones_one_by_one(
    tmp_path, write_voc, monkeypatch, group_bytes, groups
):
    made = []

    def watched(work, count, threads):
        for found in in_order(work, count, threads):
            made.append(len(found))
            yield found

    monkeypatch.setattr(writer, "_GROUP_BYTES", group_bytes)
    monkeypatch.setattr(writer, "in_order", watched)
    source = scan(write_voc(tmp_path / "VOC2012", {"train": [(6, 8)] * 10}))
    assert make_pack(source, cache_dir=tmp_path / "cache").keys == source.keys
    assert made == groups


def test_a_failure_to_reach_the_disk_surfaces_while_parts_are_written(tmp_path, write_voc, monkeypatch):
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    source = scan(write_voc(tmp_path / "VOC2012", {"train": [(6, 8)] * 9}))
    monkeypatch.setattr(writer, "PART_BYTES", 500)
    monkeypatch.setattr(writer, "sync", fail)
    with pytest.raises(StorageError) as caught:
        make_pack(source, cache_dir=tmp_path / "cache")
    assert "the disk failed" in caught.value.found
    assert list((tmp_path / "cache" / "packs").iterdir()) == []


def test_full_parts_are_closed_and_brought_to_the_disk_meanwhile_and_so_is_much_of_a_part(tmp_path, monkeypatch):
    synced, opened = [], []
    monkeypatch.setattr(writer, "PART_BYTES", 110)
    monkeypatch.setattr(writer, "_SYNC_BYTES", 70)
    monkeypatch.setattr(writer, "sync", lambda path: synced.append(path.name))
    with closing(Parts(tmp_path)) as parts:
        places = [parts.place(40) for _ in range(6)]
        for place in places:
            parts.write(place, bytes(40))
        for part, _ in places[:5]:
            parts.advance(part, 40)
            opened.append(sorted(parts._files))
        parts.finish()
    assert places == [(0, 0), (0, 64), (1, 0), (1, 64), (2, 0), (2, 64)]
    assert opened == [[0, 1, 2], [0, 1, 2], [1, 2], [1, 2], [2]]
    assert synced == ["pairs-00000.bin", "pairs-00000.bin", "pairs-00001.bin"]


def test_no_thread_decodes_on_after_a_failure(tmp_path, write_voc, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Parts, "advance", fail)
    source = scan(write_voc(tmp_path / "VOC2012", {"train": [(6, 8)] * 40}))
    with pytest.raises(StorageError) as caught:  # its traceback keeps every local value
        make_pack(source, cache_dir=tmp_path / "cache", threads=2)
    assert caught.value.found.startswith("the disk failed")
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("segfeed")] == []


def test_bytes_before_labels_are_zero_in_memory_that_is_used_again(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(4, 4), (3, 3)] * 4})
    source = scan(root, legend=Legend(tuple(f"class {n}" for n in range(300)), reading="index"))
    pack = make_pack(source, to=tmp_path, threads=1)
    data = (pack.folder / "pairs-00000.bin").read_bytes()
    assert {
        data[offset + 27] for offset, (height, _) in zip(pack.table.offsets, pack.sizes, strict=True) if height == 3
    } == {0}


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


def test_making_a_pack_loads_no_pandas(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(6, 8)] * 3})
    code = "import sys; from segfeed import make_pack, scan; make_pack(scan(sys.argv[1]), to=sys.argv[2])"
    code += "; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, root, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
