"""The cache: what is listed, what is pruned, and what is never touched."""

import contextlib
import datetime as dt
import gc
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segfeed import Pack, load, make_pack, scan
from segfeed.errors import OptionError, StorageError
from segfeed.packs import making as packs
from segfeed.packs.cache import describe_packs, find_packs, prune_packs, prune_to, read_size
from segfeed.system import storage

DAY_S = 86_400


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEGFEED_CACHE", str(folder))
    monkeypatch.setattr(packs, "_RECENT_NS", -(10**18))
    return folder


@pytest.fixture
def folders(cache, tmp_path, write_voc):
    """Return two packs: train, last used 10 days ago, and val, used just now."""
    root = write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9)], "val": [(6, 8)]})
    train, val = (make_pack(scan(root, split)).folder for split in ("train", "val"))
    use(train, days_ago=10)
    return train, val


def use(folder: Path, days_ago: float) -> None:
    when = time.time() - days_ago * DAY_S
    os.utime(folder / "manifest.json", (when, when))


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_empty_cache_holds_no_pack_and_is_not_made(cache):
    assert describe_packs() == []
    assert prune_packs(0) == []
    assert not cache.exists()


def test_packs_are_described_with_dataset_split_size_and_age(folders):
    train, val = describe_packs()
    assert (train.folder, val.folder) == folders
    described = train.to_json()
    assert described["dataset"] == "VOC2012"
    assert described["split"] == "train"
    assert described["task"] == "semantic"
    assert described["pairs"] == 2
    assert described["bytes"] == sum(path.stat().st_size for path in train.folder.iterdir())
    assert json.loads(json.dumps(described)) == described
    used = dt.datetime.fromisoformat(described["last_used"])
    assert abs((dt.datetime.now(dt.UTC) - used).total_seconds() - 10 * DAY_S) < 100
    assert train.cells() == ("VOC2012", "train", "voc2012, 21 classes", "2", "0 MiB", "just now", "10 days ago")
    assert val.cells()[-1] == "just now"


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "just now"), (1.1 / 24, "1 hour ago"), (0.1, "2 hours ago"), (1.5, "1 day ago"), (40, "40 days ago")],
)
@pytest.mark.slow
def test_age_is_told_in_words(folders, days, words):
    use(folders[0], days_ago=days)
    assert describe_packs()[0].cells()[-1] == words


def test_only_what_was_not_used_for_so_many_days_is_removed(folders):
    train, val = folders
    assert prune_packs(11) == []
    assert prune_packs(9) == [train]
    assert not train.exists()
    assert val.is_dir()


def test_zero_days_removes_every_pack(folders):
    assert prune_packs(0) == list(folders)
    assert describe_packs() == []


def test_dry_run_says_what_would_go_and_removes_nothing(folders, cache):
    before = sorted(cache.rglob("*"))
    assert prune_packs(0, dry_run=True) == list(folders)
    assert sorted(cache.rglob("*")) == before


@pytest.mark.parametrize("days", [-1, 1.5, True, "3", None])
@pytest.mark.slow
def test_days_that_are_no_whole_number_are_refused_and_nothing_is_removed(folders, days):
    with pytest.raises(OptionError) as caught:
        prune_packs(days)
    assert "older_than" in caught.value.where
    assert all(folder.is_dir() for folder in folders)


def test_cache_dir_wins_over_the_variable(folders, tmp_path):
    assert describe_packs(tmp_path / "other") == []
    assert prune_packs(0, cache_dir=tmp_path / "other") == []
    assert all(folder.is_dir() for folder in folders)


def test_stamps_of_removed_packs_go_and_those_of_kept_packs_stay(folders, cache):
    def recorded() -> set[str]:
        return {path.read_text() for path in (cache / "stamps").iterdir()}

    train, val = folders
    assert recorded() == {train.name, val.name}
    prune_packs(9)
    assert recorded() == {val.name}


@pytest.mark.parametrize("stamp", [b"", b"\xff\xfe", b"../packs"])
@pytest.mark.slow
def test_damaged_stamps_do_not_stop_the_pruning(folders, cache, stamp):
    path = cache / "stamps" / "damaged"
    path.write_bytes(stamp)
    assert prune_packs(9) == [folders[0]]
    assert not path.exists()


def test_leftovers_of_dead_processes_go_and_those_of_live_ones_stay(folders, cache, dead_pid):
    def leave(room: str, pid: int, host: str) -> Path:
        folder = cache / room / f".x.{host}.{pid}.0123abcd.unfinished"
        folder.mkdir(parents=True)
        return folder

    host = storage._host()
    dead = [leave(room, dead_pid, host) for room in ("packs", "samples")]
    kept = [leave("packs", os.getpid(), host), leave("packs", dead_pid, "elsewhere")]
    assert prune_packs(365) == dead
    assert not any(folder.exists() for folder in dead)
    assert all(folder.is_dir() for folder in kept)


def test_what_segfeed_did_not_make_is_never_removed(folders, cache):
    foreign = [
        cache / "notes" / "thesis.txt",
        cache / "packs" / "my pictures" / "a.jpg",
        cache / "packs" / "readme.txt",
        cache / "samples" / "mine" / "a.jpg",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious")
    assert prune_packs(0) == list(folders)
    assert all(path.read_bytes() == b"precious" for path in foreign)


def test_folder_with_a_manifest_of_another_program_is_neither_listed_nor_removed(folders, cache):
    foreign = cache / "packs" / "extension"
    foreign.mkdir()
    (foreign / "manifest.json").write_text('{"name": "my browser extension", "version": 3}')
    use(foreign, days_ago=400)
    assert [found.folder for found in describe_packs()] == list(folders)
    assert prune_packs(0) == list(folders)
    assert (foreign / "manifest.json").is_file()


@pytest.mark.parametrize("damage", ["version", "rows", "half a manifest"])
@pytest.mark.slow
def test_one_damaged_pack_does_not_hide_the_others_and_can_be_pruned(folders, damage):
    train, val = folders
    manifest = train / "manifest.json"
    if damage == "version":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 0}))
    elif damage == "rows":
        (train / "rows.arrow").unlink()
    else:
        manifest.write_text(manifest.read_text()[:50])
    use(train, days_ago=10)
    assert val in [found.folder for found in describe_packs()]
    prune_packs(9)
    assert val.is_dir()


def test_pack_of_an_older_format_can_be_pruned(folders):
    train, val = folders
    manifest = train / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 0}))
    use(train, days_ago=10)
    assert prune_packs(9) == [train]
    assert val.is_dir()


def test_link_in_the_cache_does_not_lead_the_pruning_elsewhere(folders, cache, tmp_path):
    train, _ = folders
    moved = tmp_path / "elsewhere"
    shutil.move(train, moved)
    train.symlink_to(moved)
    with contextlib.suppress(OSError):
        prune_packs(0)
    assert (moved / "pairs-00000.bin").is_file()


@pytest.mark.slow
def test_packs_of_other_classes_are_told_apart(voc_folder, cache):
    make_pack(scan(voc_folder))
    make_pack(scan(voc_folder, legend={"cat": "cat", "*": None}, unknown="void"))
    make_pack(scan(voc_folder, task="instance"))
    assert {pack.legend for pack in describe_packs()} == {
        "voc2012, 21 classes",
        "voc2012, 1 class, unknown: void",
        "object ids",
    }


@pytest.fixture
def closed(folders):
    """Return the folders of two packs that nobody has open."""
    gc.collect()
    return folders


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize("damage", ["{", "", "[1]", None])
@pytest.mark.slow
def test_a_bad_manifest_is_listed_as_damaged_can_be_pruned_and_stops_nobody(closed, damage):
    train, val = closed
    if damage is None:
        (train / "manifest.json").unlink()
    else:
        (train / "manifest.json").write_text(damage)
    listed = describe_packs()
    assert [(pack.folder, pack.is_damaged) for pack in listed] == [(val, False), (train, True)]
    described = listed[1].to_json()
    assert (described["damaged"], described["bytes"]) == (True, size_of(train))
    assert listed[1].cells()[2] == "damaged: prune it"
    assert find_packs() == [val]
    assert prune_packs(400) == []
    assert prune_packs(0) == [val, train]
    assert describe_packs() == []


@pytest.mark.parametrize("fields", [
    {"coding": 3}, {"legend": []}, {"count": "x"}, {"created": 5}, {"created": "soon"}, {"created": "2026-01-01T00:00"},
    {"name": 5, "split": None}, {"legend": {"names": 7}}, {"unknown": []}, {"root": {}, "task": 1},
])  # fmt: skip
@pytest.mark.slow
def test_a_manifest_of_odd_values_stops_no_list(folders, fields):
    manifest = folders[0] / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | fields))
    cells = [cell for pack in describe_packs() for cell in pack.cells()]
    assert (len(cells), {type(cell) for cell in cells}) == (14, {str})
    assert all(json.dumps(pack.to_json()) for pack in describe_packs())


def test_what_was_used_longest_ago_goes_first(closed):
    train, val = closed
    both = size_of(train) + size_of(val)
    assert prune_to(both) == []
    assert prune_to(both - 1, dry_run=True) == [train]
    assert train.is_dir()
    use(train, days_ago=0)
    use(val, days_ago=3)
    assert prune_to(both - 1) == [val]
    assert prune_to(0) == [train]


def test_a_damaged_pack_goes_before_any_other(closed):
    train, val = closed
    use(val, days_ago=30)
    (train / "manifest.json").write_text("{")
    assert prune_to(size_of(val)) == [train]


@pytest.mark.slow
def test_what_is_open_is_never_removed_to_keep_the_cache_small(closed):
    train, val = closed
    with Pack(train) as pack:
        assert prune_to(0) == [val]
        assert pack.read(0).labels.shape == (6, 8)
    assert prune_to(0) == [train]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="what others have mapped is shown on Linux")
@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.slow
def test_what_another_process_has_open_is_never_removed_either(closed, tmp_path, coded):
    train, val = closed
    if coded:
        prune_packs(0)
        packs_of = (make_pack(scan(tmp_path / "VOC2012", split), coded=True) for split in ("train", "val"))
        train, val = [pack.close() or pack.folder for pack in packs_of]
    code = "import sys, segfeed; pack = segfeed.Pack(sys.argv[1]); print(len(pack), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, train]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "2\n"
        assert prune_to(0) == [val]
        reader.stdin.close()
    assert prune_to(0) == [train]


@pytest.mark.slow
def test_a_limit_makes_room_before_a_pack_is_made(closed, tmp_path, write_voc, monkeypatch):
    _, val = closed
    root = write_voc(tmp_path / "other", {"train": [(60, 80)] * 2})
    monkeypatch.setenv("SEGFEED_CACHE_LIMIT", str(60 * 80 * 4 * 2 + size_of(val)))
    pack = make_pack(scan(root))
    assert sorted(find_packs()) == sorted([pack.folder, val])


@pytest.mark.parametrize(("limit", "is_open"), [("1kB", False), ("30 KB", True)])
@pytest.mark.slow
def test_a_pack_that_is_larger_than_the_limit_is_refused_before_it_is_written(
    closed, tmp_path, write_voc, monkeypatch, limit, is_open
):
    root = write_voc(tmp_path / "other", {"train": [(60, 80)]})
    opened = [Pack(folder) for folder in closed if is_open]
    monkeypatch.setenv("SEGFEED_CACHE_LIMIT", limit)
    with pytest.raises(StorageError) as caught:
        make_pack(scan(root))
    assert "a pack of 18.8 KiB" in caught.value.found
    assert "as SEGFEED_CACHE_LIMIT says" in caught.value.expected
    assert sorted(find_packs()) == sorted(closed)
    assert len(opened) in (0, 2)
    load(root, 1, (8, 8), splits=("train", None), pack=False)


@pytest.mark.parametrize("text", ["20XB", "many", "-1", "1e400", "GB", "9" * 400])
@pytest.mark.slow
def test_a_limit_that_is_none_is_named(closed, tmp_path, write_voc, monkeypatch, text):
    monkeypatch.setenv("SEGFEED_CACHE_LIMIT", text)
    with pytest.raises(OptionError) as caught:
        make_pack(scan(write_voc(tmp_path / "other", {"train": [(6, 8)]})))
    assert (caught.value.where, caught.value.found) == ("SEGFEED_CACHE_LIMIT", repr(text)[:60])


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("4096", 4096), ("20GB", 20 * 10**9), ("1.5 GiB", 3 << 29), ("7k", 7000), ("2TiB", 2 << 40)],
)
def test_sizes_are_read(text, size):
    assert read_size("to", text) == size


@pytest.mark.slow
def test_how_much_goes_where_is_said_before_it_is_written(tmp_path, write_voc, cache, caplog):
    root = write_voc(tmp_path / "VOC2012", {"train": [(60, 80)], "val": [(60, 80)]})
    load(root, 1, (8, 8), pack=False)
    assert caplog.messages == []
    load(root, 1, (8, 8))
    for split, message in zip(("train", "val"), caplog.messages, strict=True):
        assert message.startswith(
            f"VOC2012 {split}: packing writes about 18.8 KiB to {cache}/packs; pack=False (--no-pack) writes nothing, "
            "coded=True (--coded) about "
        )
    caplog.clear()
    load(root, 1, (8, 8))
    assert caplog.messages == []
    make_pack(scan(root), coded=True)
    make_pack(scan(root), to=tmp_path / "to")
    assert "coded" not in caplog.messages[0]
    assert f"to {tmp_path / 'to'};" in caplog.messages[1]
    caplog.clear()
    make_pack(scan(write_voc(tmp_path / "tiny", {"train": [(2, 2)]})))  # the files are longer than their pixels
    assert "writes nothing" in caplog.messages[-1]
    assert "coded" not in caplog.messages[-1]


def test_a_load_beside_a_prune_makes_the_pack_anew_once(tmp_path, write_voc, cache, monkeypatch):
    source = scan(write_voc(tmp_path / "VOC2012", {"train": [(6, 8)]}))
    make_pack(source)
    opened, made = packs._open_used, []

    def pruned(folder):
        if len(made) < 2:  # found, and then made: both are pruned before they are opened
            made.append(folder)
            prune_packs(0)
        return opened(folder)

    monkeypatch.setattr(packs, "_open_used", pruned)
    with make_pack(source) as pack:
        assert pack.read(0).labels.shape == (6, 8)
    assert find_packs() == [pack.folder]
    assert len(made) == 2


def test_packs_of_an_older_segfeed_beside_those_of_this_one_disturb_nobody(folders, cache, tmp_path):
    older = cache / "packs" / ("0" * 64)
    older.mkdir()
    (older / "pairs.arrow").write_bytes(b"ARROW1")
    (older / "manifest.json").write_text(
        json.dumps({"format": "segfeed pack", "version": 1, "name": "old", "bytes": 6})
    )
    assert [pack.manifest["name"] for pack in describe_packs()] == ["VOC2012", "VOC2012", "old"]
    assert len(make_pack(scan(tmp_path / "VOC2012")).sizes) == 2
    assert older in prune_packs(0)


def test_a_clock_in_the_future_hides_no_pack(folders):
    use(folders[0], days_ago=-4000)
    assert describe_packs()[0].cells()[-1] == "just now"
    assert prune_packs(1) == []
    assert folders[0] in prune_packs(0)


@pytest.mark.parametrize(("when_s", "year"), [(1 << 40, 9999), (-62_135_596_801, 1)])
def test_a_time_that_no_date_can_hold_hides_no_pack(folders, monkeypatch, when_s, year):
    """As tmpfs and XFS keep it; ext4 would cut it off, so it is put in the place of what the system says."""
    monkeypatch.setattr("segfeed.packs.cache.last_used_s", lambda _folder: float(when_s))
    assert {pack.used.year for pack in describe_packs()} == {year}
    assert describe_packs()[0].to_json()["last_used"].startswith(f"{year:04}-")
    assert {*folders} == {*prune_to(0, dry_run=True)}
