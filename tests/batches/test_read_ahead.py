"""Reading ahead along the plan: what a batch will need is asked of the disk before it is filled."""

import ctypes
import mmap
import os
import sys
import time

import numpy as np
import pytest

import segfeed
from segfeed import Draw, Loader, Plan

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mincore and posix_fadvise are Linux's")


@pytest.fixture
def pack(write_voc, tmp_path):
    root = write_voc(tmp_path / "VOC2012", {"train": [(300, 400)] * 12})
    return segfeed.make_pack(segfeed.scan(root), cache_dir=tmp_path / "cache")


def evict(path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident_share(memory: np.ndarray) -> float:
    """Ask the kernel which pages of a mapping are in memory."""
    pages = (ctypes.c_ubyte * -(-len(memory) // mmap.PAGESIZE))()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mincore.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
    assert libc.mincore(memory.ctypes.data, len(memory), pages) == 0
    return float((np.frombuffer(pages, np.uint8) & 1).mean())


@pytest.mark.slow
def test_reading_ahead_brings_pairs_into_memory(pack):
    (memory,) = pack.parts.memory
    pack.parts.mappings[0].madvise(mmap.MADV_DONTNEED)  # pages that a process has mapped cannot be evicted
    evict(pack.folder / "pairs-00000.bin")
    if resident_share(memory) > 0.1:
        pytest.skip("this file system keeps files in memory")
    pack.read_ahead(np.arange(len(pack), dtype=np.int64))
    deadline = time.monotonic() + 10
    while resident_share(memory) < 0.99 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert resident_share(memory) >= 0.99


@pytest.mark.slow
def test_rows_without_a_sample_are_no_reason_to_read(pack):
    pack.read_ahead(np.full(4, -1, np.int64))


@pytest.mark.slow
def test_a_loader_reads_ahead_only_while_pages_come_from_the_disk(pack, monkeypatch):
    asked = []
    monkeypatch.setattr(segfeed.Pack, "read_ahead", lambda _, samples: asked.append(samples.tolist()))
    loader = Loader(pack, Plan(pack.sizes, 2, Draw((300, 400)), shuffle=False), threads=0)
    list(loader)
    assert asked == []
    faults = iter(range(1000))
    monkeypatch.setattr("segfeed.batches.loader.disk_faults", lambda: next(faults))
    list(loader)
    assert asked == [[2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
