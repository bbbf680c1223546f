"""Killed with -9 at every call to the system that writes: nothing half-made is taken for whole, and the next run
gives the very same bytes and leaves nothing lying around.
"""

import shutil
from itertools import islice

import pytest

from faults import every
from faults.layer import Fault
from faults.trees import files_of, units_of
from faults.works import WORKS

AT_ONCE = 4


def in_groups(faults):
    remaining = iter(faults)
    while group := list(islice(remaining, AT_ONCE)):
        yield group


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_a_work_that_is_killed_anywhere_is_done_by_the_next_run(forks, tiny_root, room, tally, work):
    reference = forks.succeed(work.task(tiny_root, room / "reference"))
    whole, kinds = files_of(room / "reference"), reference.answer["kinds"]
    faults = [Fault("kill", number) for number in range(1, len(kinds) + 1)]
    faults += [Fault("tear", number) for number, kind in enumerate(kinds, 1) if kind in ("write", "pwrite")][
        :: every(4)
    ]
    for group in in_groups(faults):
        folders = [room / str(n) for n in range(len(group))]
        killed = forks.run_together(
            [work.task(tiny_root, folder, fault=fault) for folder, fault in zip(folders, group, strict=True)]
        )
        assert [outcome.status for outcome in killed] == [-9] * len(group), group
        for folder, fault in zip(folders, group, strict=True):
            half = units_of(files_of(folder), work.depth) if folder.exists() else {}
            assert all(half[unit] == units_of(whole, work.depth)[unit] for unit in half), fault
        again = forks.run_together([work.task(tiny_root, folder) for folder in folders])
        for folder, fault, outcome in zip(folders, group, again, strict=True):
            assert outcome.status == 0, fault
            assert outcome.answer.get("digest") == reference.answer.get("digest"), (fault, outcome)
            assert files_of(folder) == whole, fault
            shutil.rmtree(folder)
    tally(f"{work.job}: killed at a call", len(faults))
