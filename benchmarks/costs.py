"""Costs other than speed: the start, private memory, and the rows of a plan."""

import shutil
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import layouts
import numpy as np
from contenders import run_once
from turns import Job

import segfeed

START_PAIRS = 3_000
SMALL_PAIRS, LARGE_PAIRS = 200, 20_000
_SPARE_BYTES = 4 << 30


def start(source: segfeed.Source, chosen: list[int], job: Job, work: Path, processes: int = 9) -> dict[str, Any]:
    """Time `load` on an existing pack to the first batch, in fresh processes, after one that warms the page cache."""
    root = layouts.repeat(source, chosen, START_PAIRS, work / "start")
    pairs = _pack(root, job)
    here = replace(job, root=str(root), options={})
    first, *seconds = [run_once("own.start", here, sys.executable)["seconds"] for _ in range(1 + processes)]
    return {
        "pairs": pairs,
        "processes": processes,
        "median_s": round(statistics.median(seconds), 3),
        "all_s": [round(each, 3) for each in seconds],
        "uncounted_s": round(first, 3),
    }


def memory(source: segfeed.Source, chosen: list[int], job: Job, work: Path, *, large: bool) -> list[dict[str, Any]]:
    """Measure private memory for few pairs and, unless told not to, for many."""
    results = []
    for at_least in (SMALL_PAIRS, LARGE_PAIRS) if large else (SMALL_PAIRS,):
        folder = work / f"memory-{at_least}"
        note, used, those = "", source, chosen
        while layouts.pack_bytes(used, those, at_least) + _SPARE_BYTES > shutil.disk_usage(work).free:
            factor = 2 * int(note.rsplit("/", maxsplit=1)[-1] if note else 1)
            note = f"1/{factor}"
            used = layouts.shrink(source, chosen, factor, folder / f"shrunk-{factor}")
            those = list(range(len(used)))
        root = layouts.repeat(used, those, at_least, folder)
        _pack(root, job)
        result = run_once("own.memory", replace(job, root=str(root), options={}), sys.executable)
        results.append(result | ({"note": f"pictures of {note} height and width: the disk is short"} if note else {}))
    return results


def plan_rows(job: Job, samples: int = 10**9, calls: int = 300) -> dict[str, Any]:
    """Time the rows of a batch at a billion samples, over many epochs and positions."""
    height, width = (side + 20 for side in job.crop_size)
    plan = segfeed.Plan(
        np.broadcast_to(np.array([[height, width]]), (samples, 2)), job.batch_size, segfeed.Draw(job.crop_size)
    )
    chance = np.random.default_rng(0)
    seconds = []
    for epoch, step in zip(chance.integers(10**6, size=calls), chance.integers(plan.steps, size=calls), strict=True):
        begun = time.perf_counter()
        plan.rows(int(epoch), int(step))
        seconds.append(time.perf_counter() - begun)
    return {"samples": samples, "calls": calls, "median_ms": round(1e3 * statistics.median(seconds), 3)}


def _pack(root: Path, job: Job) -> int:
    """Make the pack, and open it again until its fingerprint is remembered."""
    scanned = segfeed.scan(root, "train")
    with segfeed.make_pack(scanned, cache_dir=job.cache_dir, threads=job.workers) as pack:
        return len(pack)
