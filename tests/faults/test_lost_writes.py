"""The power fails: what was not synced is dropped, zeroed or shortened; what is left is the old state or the new one.

A kill cannot show this: what a process wrote before it was killed is safe in the system's memory.
"""

import json
import shutil

import pytest

from faults import EXHAUSTIVE
from faults.crashes import lay_out, trees_after_crashes
from faults.trees import files_of, units_of
from faults.works import WORKS

AT_ONCE = 4


@pytest.fixture(params=WORKS, ids=str, name="work")
def _work(request):
    return request.param


@pytest.fixture(name="undisturbed")
def _undisturbed(forks, tiny_root, room, work):
    """Return what a run without faults left, the calls it made, and its folder."""
    forks.succeed(work.task(tiny_root, room / "work", to=room / "calls"))
    calls = json.loads((room / "calls").read_text())
    return files_of(room / "work"), calls, room / "work"


def trees_to_try(calls, folder, depth):
    """List what crashes can leave: whatever holds something published, and some of the rest, which is all alike."""
    trees = list(trees_after_crashes(calls, str(folder)))
    step = 1 if EXHAUSTIVE else len(trees) // 40 + 1
    return [found for number, found in enumerate(trees) if number % step == 0 or units_of(found[2], depth)]


def violations(forks, work, root, undisturbed, room, trees):
    """List what is neither old nor new, or what the next run stumbles over."""
    whole, _, _ = undisturbed
    units, wrong = units_of(whole, work.depth), []
    for first in range(0, len(trees), AT_ONCE):
        group = trees[first : first + AT_ONCE]
        places = [room / f"after {n}" for n in range(len(group))]
        for (_, _, tree), place in zip(group, places, strict=True):
            lay_out(tree, place)
        halves = [units_of(files_of(place), work.depth) for place in places]
        again = forks.run_together([work.task(root, place) for place in places])
        for (number, lost, _), place, half, outcome in zip(group, places, halves, again, strict=True):
            if any(half[unit] != units[unit] for unit in half):
                wrong.append((number, lost, "half a work is taken for whole"))
            elif outcome.status or outcome.error or files_of(place) != whole:
                wrong.append((number, lost, outcome.message or "the next run leaves something else"))
            shutil.rmtree(place)
    return wrong


def test_a_crash_leaves_the_old_state_or_the_new_one(forks, tiny_root, room, tally, work, undisturbed):
    _, calls, folder = undisturbed
    trees = trees_to_try(calls, folder, work.depth)
    assert violations(forks, work, tiny_root, undisturbed, room, trees) == []
    tally(f"{work.job}: power lost after a call", len(trees))


@pytest.mark.parametrize("what", ["files", "folders"])
def test_without_its_syncs_it_would_not(forks, tiny_root, room, work, undisturbed, what):
    """The same run as it would be without an fsync: the simulation must find fault with it, or it shows nothing."""
    _, calls, folder = undisturbed
    folders = {path for operation, path, *_ in calls if operation == "mkdir"}

    def is_left_out(call):
        return call[0] == "fsync" and (call[1] in folders) == (what == "folders")

    assert any(is_left_out(call) for call in calls)
    trees = trees_to_try([call for call in calls if not is_left_out(call)], folder, work.depth)
    published = [found for found in trees if units_of(found[2], work.depth)]
    wrong = violations(forks, work, tiny_root, undisturbed, room, published[:8])
    assert "half a work is taken for whole" in {complaint for _, _, complaint in wrong}, wrong
