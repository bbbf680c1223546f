"""The disk is full, refuses or fails: one clear sentence, nothing half-made, nothing left; the next run works."""

import errno
import os
import shutil
import subprocess
from itertools import islice

import pytest

from faults import EXHAUSTIVE, every
from faults.forks import Forks
from faults.layer import WRITERS, Fault
from faults.trees import files_of, units_of
from faults.works import PACK, WORKS

CODES = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES)
AT_ONCE = 4


def faults_of(kinds):
    """List faults at every call that a disk can refuse; every kind at every call where it shall be exhaustive."""
    places = [number for number, kind in enumerate(kinds, 1) if kind in WRITERS]
    if EXHAUSTIVE:
        return [Fault(kind, at, code) for at in places for kind in ("fail", "fail on") for code in CODES]
    once = [Fault("fail", at, CODES[n % len(CODES)]) for n, at in enumerate(places)]
    return once + [Fault("fail on", at, CODES[n % len(CODES)]) for n, at in enumerate(places[::6])]


def assert_says_what_to_do(outcome, folder):
    assert outcome.error == "StorageError", outcome
    assert outcome.message.startswith(str(folder)), outcome.message
    assert outcome.message.endswith("."), outcome.message
    assert "\n" not in outcome.message
    assert "choose another" in outcome.message


def check_refused(outcome, folder, units, depth, fault):
    """Check what one refusal left; tell whether there is any file."""
    assert outcome.status == 0, (fault, outcome)
    if outcome.error:
        assert_says_what_to_do(outcome, folder)
    found = files_of(folder) if folder.exists() else {}
    published = units_of(found, depth)
    assert all(published[unit] == units[unit] for unit in published), fault
    assert outcome.error or set(published) >= {unit for unit in units if not unit.startswith("stamps/")}, fault
    assert not [name for name in found if "unfinished" in name], fault
    return any(not name.endswith("/") for name in found)


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_a_refusal_at_any_call_is_one_sentence_and_leaves_nothing(forks, tiny_root, room, tally, work):
    reference = forks.succeed(work.task(tiny_root, room / "reference"))
    whole = files_of(room / "reference")
    units, faults = units_of(whole, work.depth), faults_of(reference.answer["kinds"])
    remaining, refused = iter(faults), 0
    while group := list(islice(remaining, AT_ONCE)):
        folders = [room / str(n) for n in range(len(group))]
        outcomes = forks.run_together(
            [work.task(tiny_root, folder, fault=fault) for folder, fault in zip(folders, group, strict=True)]
        )
        refused += sum(bool(outcome.error) for outcome in outcomes)
        holding = [
            folder
            for outcome, folder, fault in zip(outcomes, folders, group, strict=True)
            if check_refused(outcome, folder, units, work.depth, fault)
        ]
        again = {*holding, folders[0]}  # what left no file is all alike
        for folder, outcome in zip(again, forks.run_together([work.task(tiny_root, f) for f in again]), strict=True):
            assert (outcome.status, outcome.error) == (0, ""), (group, outcome)
            assert files_of(folder) == whole, group
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    assert refused > len(faults) // 2
    tally(f"{work.job}: a call refused by the disk", len(faults))


def test_no_room_for_a_stamp_is_no_reason_to_fail(forks, tiny_root, room):
    """The pack is there by then; without its stamp the next start hashes the files once more."""
    reference = forks.succeed(PACK.task(tiny_root, room / "reference"))
    last = len(reference.answer["kinds"]) - reference.answer["kinds"][::-1].index("open")
    fault = Fault("fail on", last, errno.ENOSPC)
    (outcome,) = forks.run_together([PACK.task(tiny_root, room / "cache", fault=fault)])
    assert outcome.error == ""
    assert outcome.answer["digest"] == reference.answer["digest"]
    assert list((room / "cache" / "stamps").iterdir()) == []


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_a_file_size_limit_anywhere_leaves_nothing(forks, tiny_root, room, tally, work):
    forks.succeed(work.task(tiny_root, room / "reference"))
    whole = files_of(room / "reference")
    largest = max(map(len, whole.values()))
    limits = [*range(0, largest, -(-largest // (200 if EXHAUSTIVE else 6))), largest - 1]
    for limit in limits:
        (outcome,) = forks.run_together([work.task(tiny_root, room / "work", limit_bytes=limit)])
        assert_says_what_to_do(outcome, room / "work")
        assert "the disk is full (File too large)" in outcome.message
        found = files_of(room / "work")
        assert units_of(found, work.depth) == {}
        assert not [name for name in found if "unfinished" in name]
    forks.succeed(work.task(tiny_root, room / "work"))
    assert files_of(room / "work") == whole
    tally(f"{work.job}: a file size limit", len(limits))


@pytest.fixture(scope="module", name="small_disk")
def _small_disk(tmp_path_factory):
    """Return (forks that see it, a disk of a megabyte of their own), or skip if the system refuses."""
    disk = tmp_path_factory.mktemp("disk")
    prefix = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    script = f'mount -t tmpfs -o size=1m,mode=755 segfeed "{disk}" && exec "$@"'
    command = [*prefix, "sh", "-c", script, "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("the system refuses to mount a small disk")
    running = Forks(command)
    yield running, disk
    running.close()


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_a_real_disk_that_fills_up_at_any_call_leaves_nothing(small_disk, tiny_root, tally, work):
    forks, disk = small_disk
    folder = disk / "work"
    reference = forks.succeed(work.task(tiny_root, folder))
    whole = forks.run("files", disk).answer["files"]
    forks.run("remove", folder)
    places = [
        number
        for number, kind in enumerate(reference.answer["kinds"], 1)
        if kind in ("open", "write", "pwrite", "mkdir")
    ]
    places = places[:: every(3)]
    for at in places:
        fault = Fault("fill", at, filler=str(disk / "filler"))
        (outcome,) = forks.run_together([work.task(tiny_root, folder, fault=fault)])
        forks.run("remove", disk / "filler")
        if outcome.error:
            assert_says_what_to_do(outcome, folder)
            assert "the disk is full (No space left on device)" in outcome.message
            left = forks.run("files", disk).answer["files"]
            assert not [name for name in left if not name.endswith("/")], at
    forks.succeed(work.task(tiny_root, folder))
    assert forks.run("files", disk).answer["files"] == whole
    forks.run("remove", folder)
    tally(f"{work.job}: a real disk full at a call", len(places))


def test_a_disk_without_room_is_refused_before_a_byte_is_written(small_disk, tiny_root):
    forks, disk = small_disk
    outcome = forks.run("pack_sparing", tiny_root, disk / "cache", folder=disk)
    assert outcome.error == "StorageError"
    assert "1.0 MiB are free, of which 64.0 MiB are left to others; expected room for" in outcome.message
    assert set(outcome.answer["kinds"]) == {"mkdir"}


def test_failures_leave_no_open_file_and_no_thread(forks, tiny_root, room, tally):
    before, after = forks.run("fail_often", tiny_root, room, 40).answer["held"]
    assert before == after
    tally("pack: refused again and again in one process", 40)


@pytest.mark.parametrize("limit", [8, 12, 16, 20, 24])
def test_too_few_open_files_are_a_named_error_or_none(forks, tiny_root, room, limit):
    outcome = forks.run("pack_with_few_files", tiny_root, room / "cache", limit)
    assert outcome.status == 0, outcome
    assert outcome.error == "" or outcome.answer["named"], outcome
    assert not [name for name in files_of(room) if "unfinished" in name]
