"""Parallel work in threads: decoders, hashes and kernels release the interpreter's lock, so threads are enough."""

import os
import resource
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from segfeed.options import whole_number

Result = TypeVar("Result")


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(threads: int | None) -> int:
    """Give the number of threads that do the work: one at least, and all cores where `threads` is None.

    Raises:
        OptionError: no whole number, or less than 0.
    """
    return available_cores() if threads is None else max(whole_number("threads", threads, 0, 1024), 1)


def disk_faults() -> int:
    """Count the page faults of this thread (on macOS: of the process) that had to wait for the disk."""
    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_majflt


def in_order(work: Callable[[int], Result], count: int, threads: int | None = None) -> Iterator[Result]:
    """Run work(0) .. work(count - 1) in threads and yield the results in order, few at a time in memory.

    A few results for each thread are under way or wait to be taken.

    An exception surfaces where its result would have; what was not begun yet is then left undone.

    >>> list(in_order(lambda n: n * n, 5, threads=2))
    [0, 1, 4, 9, 16]
    """
    workers = worker_count(threads)
    todo = iter(range(count))
    with ThreadPoolExecutor(workers, "segfeed") as pool:
        running: deque[Future[Result]] = deque(pool.submit(work, i) for i in islice(todo, 2 * workers + 2))
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(work, i) for i in islice(todo, 1))
        finally:
            for future in running:
                future.cancel()
