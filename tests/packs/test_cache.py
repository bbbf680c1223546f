"""The cache: what is listed, what is pruned, and what is never touched."""

import contextlib
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segfeed import make_pack, scan
from segfeed.errors import OptionError
from segfeed.packs import pack as packs
from segfeed.packs.cache import describe_packs, prune_packs
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
    assert described["bytes"] == (train.folder / "pairs.arrow").stat().st_size
    assert json.loads(json.dumps(described)) == described
    used = dt.datetime.fromisoformat(described["last_used"])
    assert abs((dt.datetime.now(dt.UTC) - used).total_seconds() - 10 * DAY_S) < 100
    assert train.cells() == ("VOC2012", "train", "voc2012, 21 classes", "2", "0 MiB", "just now", "10 days ago")
    assert val.cells()[-1] == "just now"


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "just now"), (1.1 / 24, "1 hour ago"), (0.1, "2 hours ago"), (1.5, "1 day ago"), (40, "40 days ago")],
)
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
def test_one_damaged_pack_does_not_hide_the_others_and_can_be_pruned(folders, damage):
    train, val = folders
    manifest = train / "manifest.json"
    if damage == "version":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 0}))
    elif damage == "rows":
        (train / "pairs.arrow").unlink()
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
    assert (moved / "pairs.arrow").is_file()


def test_packs_of_other_classes_are_told_apart(voc_folder, cache):
    make_pack(scan(voc_folder))
    make_pack(scan(voc_folder, legend={"cat": "cat", "*": None}, unknown="void"))
    make_pack(scan(voc_folder, task="instance"))
    assert {pack.legend for pack in describe_packs()} == {
        "voc2012, 21 classes",
        "voc2012, 1 class, unknown: void",
        "object ids",
    }
