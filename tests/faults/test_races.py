"""Several processes at once, and no lock: all that survive succeed with the same bytes, and nothing is left."""

import ast
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import segfeed
from faults import EXHAUSTIVE
from faults.forks import Forks, task, wait_for
from faults.layer import Fault
from faults.trees import files_of
from faults.works import PACK, WORKS
from segfeed.system.storage import _host, unfinished_folders

ROUNDS = 200 if EXHAUSTIVE else 50


@pytest.fixture(scope="module", name="others")
def _others():
    """Return forks beside the usual ones."""
    running = Forks()
    yield running
    running.close()


def test_two_to_eight_processes_pack_at_once_and_one_is_killed(forks, tiny_root, room, tally):
    reference = forks.succeed(PACK.task(tiny_root, room / "reference"))
    whole, draws, killed, racing = files_of(room / "reference"), random.Random(5), 0, 0  # noqa: S311 - no secret
    for number in range(ROUNDS):
        count = 2 + number % 7
        tasks = [task("pack", tiny_root, room / "cache")] * count
        first, *survivors = forks.run_together(tasks, kill_after_s=draws.uniform(0, 0.03 * count))
        assert first.status in (0, -9)
        for outcome in survivors:
            assert (outcome.status, outcome.error) == (0, ""), outcome
            assert outcome.answer == {name: reference.answer[name] for name in ("folder", "digest")}
        killed, racing = killed + (first.status == -9), racing + count
        forks.succeed(task("pack", tiny_root, room / "cache"))
        # The one that was killed last may leave a stamp half-written, hidden, which `cache prune` removes.
        left = {name: data for name, data in files_of(room / "cache").items() if not name.startswith("stamps/.")}
        assert left == whole
        shutil.rmtree(room / "cache")
    assert killed >= ROUNDS // 5
    tally("pack: processes that raced", racing)
    tally("pack: killed in a race", killed)


@pytest.mark.parametrize("work", WORKS[1:], ids=str)
def test_other_works_survive_races_too(forks, tiny_root, room, tally, work):
    forks.succeed(work.task(tiny_root, room / "reference"))
    whole = files_of(room / "reference")
    for _ in range(5):
        outcomes = forks.run_together([work.task(tiny_root, room / "work")] * 4)
        assert {(outcome.status, outcome.error) for outcome in outcomes} <= {(0, ""), (0, "OptionError")}, outcomes
        assert "" in {outcome.error for outcome in outcomes}  # the others may be told that the folder exists by now
        assert files_of(room / "work") == whole
        shutil.rmtree(room / "work")
    tally(f"{work.job}: processes that raced", 20)


def test_a_process_reads_an_older_pack_while_others_pack_and_prune(forks, others, tiny_root, room, tally):
    cache, running = room / "cache", room / "running"
    expected = forks.succeed(task("pack", tiny_root, cache, "val"))
    others.start([task("read_on", tiny_root, cache, running)])
    wait_for(running.exists)
    try:
        for _ in range(8):
            for job in (task("pack", tiny_root, cache), task("prune", cache)):
                for outcome in forks.run_together([job] * 2):
                    assert (outcome.status, outcome.error) == (0, ""), outcome
            assert list((cache / "packs").iterdir()) == []
    finally:
        running.unlink()
        (reader,) = others.finish()
    assert (reader.status, reader.error) == (0, ""), reader
    assert len(reader.answer["digests"]) == 2
    assert expected.answer["digest"] in reader.answer["digests"]
    tally("pack: pruned while it was read", 8)


def test_pruning_beside_packing_never_leaves_half_a_pack(forks, tiny_root, room, tally):
    """A process between a pack's making and its opening may find that it has gone, but never half of it."""
    reference = forks.succeed(PACK.task(tiny_root, room / "reference"))
    for _ in range(12):
        tasks = [task("pack", tiny_root, room / "cache")] * 3 + [task("prune", room / "cache")] * 2
        for outcome in forks.run_together(tasks):
            assert outcome.status == 0, outcome
            assert outcome.error in ("", "PackError"), outcome
            assert outcome.answer.get("digest") in (None, reference.answer["digest"])
    forks.succeed(task("pack", tiny_root, room / "cache"))
    assert files_of(room / "cache") == files_of(room / "reference")
    tally("pack: pruned while it was made", 24)


def test_a_killed_prune_leaves_whole_packs_or_none(forks, tiny_root, room, tally):
    cache = room / "cache"
    reference = forks.succeed(PACK.task(tiny_root, cache))
    whole = files_of(cache)
    calls = len(forks.succeed(task("prune", cache, folder=cache)).answer["kinds"])
    for at in range(1, calls + 1):
        forks.succeed(PACK.task(tiny_root, cache))
        killed = forks.run("prune", cache, folder=cache, fault=Fault("kill", at))
        assert killed.status == -9
        assert forks.succeed(PACK.task(tiny_root, cache)).answer["digest"] == reference.answer["digest"]
        forks.succeed(task("prune", cache))
        assert [name for name in files_of(cache) if not name.endswith("/")] == [], at
    forks.succeed(PACK.task(tiny_root, cache))
    assert files_of(cache) == whole
    tally("prune: killed at a call", calls)


def test_a_process_of_another_container_is_left_alone(forks, tiny_root, room):
    """Containers may share a cache and a host name, but not their process ids."""
    command = ["unshare", "--pid", "--fork"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("the system refuses a namespace of process ids")
    cache, waiting = room / "cache", room / "waiting"
    contained = Forks(command)
    try:
        contained.start([PACK.task(tiny_root, cache, fault=Fault("wait", 8, filler=str(waiting)))])
        wait_for(waiting.exists)
        (half,) = (cache / "packs").iterdir()
        assert half.name.split(".")[-4] != _host()
        assert unfinished_folders(cache / "packs") == []
        packed = forks.succeed(task("pack", tiny_root, cache))
        assert half.is_dir()
        waiting.unlink()
        (outcome,) = contained.finish()
    finally:
        contained.close()
    assert (outcome.status, outcome.error) == (0, ""), outcome
    assert outcome.answer["digest"] == packed.answer["digest"]
    assert not half.exists()


def test_nothing_rests_on_file_locks():
    """On some network file systems every caller is given the lock."""
    words = {"fcntl", "flock", "lockf", "msvcrt", "filelock"}
    for path in Path(segfeed.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not words & (imported | used), path
