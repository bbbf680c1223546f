"""Faults: kills, lost writes, full disks, races and rotten bytes, on real files. Run in full by `make faults`."""

import os

EXHAUSTIVE = os.environ.get("SEGFEED_EXHAUSTIVE") == "1"
"""Whether sweeps try every place instead of some of each kind."""


def every(nth: int) -> int:
    """Return the step of a sweep: 1 if it is to be exhaustive."""
    return 1 if EXHAUSTIVE else nth
