"""Soak: after hundreds of epochs, and of loaders, a process holds the memory, threads and files that it held before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/smaps_rollup").exists(),
        reason="private memory is read from /proc/self/smaps_rollup (Linux)",
    ),
]

MIB = 1 << 20
# A leaked batch is 0.3 MiB, so 195 of them would be 59 MiB: a few MiB of the allocator's own moods hide none.
MOODS_BYTES = 8 * MIB

START = """
import gc, json, os, re, sys, threading, time
from pathlib import Path
import numpy as np
from segfeed import Draw, Plan, BatchFormat, make_pack, scan
from segfeed.batches.loader import Loader

source = scan(sys.argv[1])
reader = source if sys.argv[2] == "source" else make_pack(source)
threads = int(sys.argv[3])

def make():
    plan = Plan(reader.sizes, 2, Draw((90, 110), flip=True))
    return Loader(reader, plan, format=BatchFormat(), threads=threads)

def measure():
    patience = time.monotonic() + 60
    while any(thread.name.startswith("segfeed") for thread in threading.enumerate()):
        assert time.monotonic() < patience
        time.sleep(0.001)
    gc.collect()
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return {
        "private": int(re.search(r"Anonymous: +([0-9]+) kB", rollup)[1]) * 1024,
        "threads": threading.active_count(),
        "tasks": len(os.listdir("/proc/self/task")),
        "files": len(os.listdir("/proc/self/fd")),
        "maps": Path("/proc/self/maps").read_text().count("\\n"),
    }
"""

EPOCHS = """
seen, loader = [], make()
for epoch in range(200):
    for images, labels in loader:
        assert images.shape == (2, 90, 110, 3)
    images = labels = None
    if epoch in (4, 99, 199):
        seen.append(measure())
print(json.dumps(seen))
"""

LOADERS = """
seen = []
for number in range(205):
    loader = make()
    running = iter(loader)
    for _ in range(len(loader) // 2):
        batch = next(running)
    how = number % 4
    if how == 0:
        del running
    elif how == 1:
        loader.close()
    elif how == 2:
        del loader
    loader = running = batch = None
    if number in (4, 99, 204):
        seen.append(measure())
print(json.dumps(seen))
"""

OPENINGS = """
seen = []
for number in range(205):
    reader = make_pack(source)
    for batch in make():
        break
    batch = reader = None
    if number in (4, 99, 204):
        seen.append(measure())
print(json.dumps(seen))
"""


@pytest.fixture(scope="module", name="root")
def _root(tmp_path_factory, write_voc):
    return write_voc(
        tmp_path_factory.mktemp("soak") / "VOC2012", {"train": [(80 + n, 130 - n) for n in range(8)]}, suffix=".jpg"
    )


def soak(code, root, kind, threads):
    command = [sys.executable, "-W", "error", "-c", START + code, str(root), kind, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    told = [line for line in done.stderr.splitlines() if ": packing writes about " not in line]
    assert (done.returncode, told) == (0, [])
    return json.loads(done.stdout)


def assert_steady(before, *later):
    for after in later:
        for name in ("threads", "tasks", "files"):
            assert (name, before[name]) == (name, after[name])
        assert after["private"] < before["private"] + MOODS_BYTES
        assert after["maps"] < before["maps"] + 20


@pytest.mark.parametrize(("kind", "threads"), [("pack", 2), ("source", 3), ("pack", 0)])
def test_two_hundred_epochs_leave_what_five_left(root, kind, threads):
    assert_steady(*soak(EPOCHS, root, kind, threads))


@pytest.mark.parametrize("kind", ["pack", "source"])
def test_two_hundred_loaders_dropped_half_way_leave_what_five_left(root, kind):
    assert_steady(*soak(LOADERS, root, kind, 2))


def test_two_hundred_packs_opened_anew_leave_what_five_left(root):
    assert_steady(*soak(OPENINGS, root, "pack", 2))
