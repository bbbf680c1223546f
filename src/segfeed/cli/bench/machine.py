"""The machine under a benchmark: how fast threads write and copy memory, what a process holds, what it waits for."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segfeed.system.work import show_progress

_AT_ONCE = 4  # batches that lie in memory at a time, as in a loader: more threads than that share them
_STRETCHES = 4  # how many times a thread's share of a batch is laid out in sequence, to be copied one after the other
_TICK_S = 0.1

Pass = Callable[[], object]


@dataclass(frozen=True)
class Machine:
    """What memory allows, whatever a feed does.

    Attributes:
        threads: how many wrote and copied.
        write_pairs_per_s: pairs whose bytes (float32 images, int32 labels) the threads can write, reading nothing.
        copy_pairs_per_s: pairs whose bytes (uint8 images and labels) they can copy, in sequence.
    """

    threads: int
    write_pairs_per_s: float
    copy_pairs_per_s: float


class Stopwatch:
    """The seconds that threads spent on each kind of work; spans under way count up to now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[object, tuple[str, float]] = {}
        self._done: Counter[str] = Counter()
        self._spent_s: dict[str, float] = {}

    @contextmanager
    def span(self, what: str, count: int = 1) -> Iterator[None]:
        """Time the block as `what`, and count it when it ends without an error."""
        token, start = object(), time.perf_counter()
        with self._lock:
            self._running[token] = what, start
        try:
            yield
            with self._lock:
                self._done[what] += count
        finally:
            with self._lock:
                del self._running[token]
                self._spent_s[what] = self._spent_s.get(what, 0.0) + time.perf_counter() - start

    def count(self, what: str) -> int:
        """Return how much of `what` is done."""
        with self._lock:
            return self._done[what]

    def spent_s(self) -> dict[str, float]:
        """Return the seconds of all threads together by kind of work, as of one instant."""
        with self._lock:
            now, spent = time.perf_counter(), dict(self._spent_s)
            for what, start in self._running.values():
                spent[what] = spent.get(what, 0.0) + now - start
            return spent


def measure_machine(batch_size: int, crop_px: int, threads: int, seconds: float) -> Machine:
    """Measure how fast threads write, then copy, as many bytes as batches have, into memory that is reused.

    Args:
        batch_size: pairs in a batch.
        crop_px: pixels in a crop.
        threads: how many, at least 1.
        seconds: how long to write, and how long to copy.
    """
    pairs = -(-batch_size // -(-threads // _AT_ONCE))
    written = _passes_per_s("measuring writes (ms)", [_writer(pairs * crop_px) for _ in range(threads)], seconds)
    copied = _passes_per_s("measuring copies (ms)", [_copier(pairs * crop_px) for _ in range(threads)], seconds)
    return Machine(threads, pairs * written, pairs * copied)


def _writer(pixels: int) -> Pass:
    images, labels = np.empty(3 * pixels, np.float32), np.empty(pixels, np.int32)

    def write() -> None:
        images.fill(0.5)
        labels.fill(7)

    return write


def _copier(pixels: int) -> Pass:
    stretches, out = np.full((_STRETCHES, 4 * pixels), 3, np.uint8), np.empty(4 * pixels, np.uint8)
    turn = 0

    def copy() -> None:
        nonlocal turn
        np.copyto(out, stretches[turn])
        turn = (turn + 1) % _STRETCHES

    return copy


def _passes_per_s(label: str, passes: list[Pass], seconds: float) -> float:
    """Repeat a pass in each thread, and add up their speeds."""
    with (
        ThreadPoolExecutor(len(passes), "segfeed-bench") as pool,
        show_progress(label, round(1000 * seconds)) as advance,
    ):
        for touched in [pool.submit(one) for one in passes]:  # the first use of memory does not count
            touched.result()
        until = time.perf_counter() + seconds
        running = [pool.submit(_repeat, one, until) for one in passes]
        while wait(running, timeout=_TICK_S).not_done:
            advance(round(1000 * _TICK_S))
        return sum(future.result() for future in running)


def _repeat(one: Pass, until: float) -> float:
    """Repeat a pass until the clock shows `until`; return passes per second."""
    count, start = 0, time.perf_counter()
    while (now := time.perf_counter()) < until or not count:
        one()
        count += 1
    return count / (max(now, time.perf_counter()) - start)


def private_mib() -> float | None:
    """Measure this process's private (anonymous) memory in MiB; None if the system does not tell.

    Source: Linux, Documentation/filesystems/proc.rst, smaps_rollup, in KiB.
    """
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Anonymous:")), None)
