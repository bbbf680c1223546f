"""Parallel work in threads: decoders, hashes and kernels release the interpreter's lock, so threads are enough."""

import contextlib
import os
import resource
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from segfeed.system.options import whole_number

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


@contextlib.contextmanager
def show_progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while the block runs; call what it yields with how much was done.

    >>> with show_progress("packing", 10) as advance:
    ...     advance(10)
    """
    if not _is_watched():
        yield lambda _: None
        return
    # Imported here: most programs never draw a bar, and rich takes a tenth of a second to load.
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn  # noqa: PLC0415

    with _bar(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)


@contextlib.contextmanager
def show_bytes(label: str, total_bytes: int | None, done_bytes: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a bar with rate and time left for bytes that come in; call what it yields with how many are there in all.

    Args:
        label: what they are.
        total_bytes: how many there will be; None where that is not known.
        done_bytes: how many were there before, which say nothing about the rate.

    >>> with show_bytes("a.tar", 1000, 500) as show:
    ...     show(1000)
    """
    if not _is_watched():
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn  # noqa: PLC0415

    with _bar(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(label, total=total_bytes, completed=done_bytes)
        yield lambda done: bar.update(task, completed=done)


def _is_watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _bar(*columns: Any) -> Any:
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import Progress, TextColumn  # noqa: PLC0415 - as above

    label = TextColumn("{task.description}", markup=False)
    return Progress(label, *columns, console=Console(stderr=True), transient=True)
