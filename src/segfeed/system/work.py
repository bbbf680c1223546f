"""Work that takes a while: many calls in threads with their results in order, and bars that show how far they are.

Decoders, hashes and kernels release the interpreter's lock, so threads are enough.
"""

import os
import resource
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from segfeed.system.options import whole_number

Result = TypeVar("Result")


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(threads: int | None) -> int:
    """Return the number of threads that do the work: at least one, and one a core if `threads` is None.

    Raises:
        OptionError: if `threads` is not a whole number from 0 to 1024.
    """
    return available_cores() if threads is None else max(whole_number("threads", threads, 0, 1024), 1)


def memory_bytes() -> int:
    """Return how much memory this process may take: the machine's, or less if its group or its limits say so."""
    most = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if (limit := resource.getrlimit(resource.RLIMIT_AS)[0]) != resource.RLIM_INFINITY:
        most.append(limit)
    with suppress(OSError, ValueError):  # Linux only; "max" if there is no limit
        most.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(most)


def disk_faults(*, all_threads: bool = False) -> int:
    """Count the page faults of this thread, or of all (on macOS always), that had to wait for the disk."""
    own = resource.RUSAGE_SELF if all_threads else getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return resource.getrusage(own).ru_majflt


def in_order(work: Callable[[int], Result], count: int, threads: int | None = None) -> Iterator[Result]:
    """Run work(0) .. work(count - 1) in threads and yield the results in order.

    Only a few results for each thread are under way or wait in memory to be taken. If a call raises, its exception
    comes in its result's turn, and calls that have not begun by then are left out.

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


def is_terminal(stream: object) -> bool:
    """Check whether a person sees what is written to a stream, which may be None, closed, or some logger's own."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]  # what is no stream is no terminal
    except (AttributeError, ValueError, OSError):
        return False


@contextmanager
def show_progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while the block runs; call what it yields with how much more was done.

    >>> with show_progress("packing", 10) as advance:
    ...     advance(10)
    """
    with _bar(label, total, 0, "MofNCompleteColumn") as update:
        yield lambda more: update(advance=more)


@contextmanager
def show_bytes(label: str, total_bytes: int | None, done_bytes: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a bar with rate and time left for bytes that come in; call what it yields with how many are there in all.

    Args:
        label: what they are.
        total_bytes: how many there will be; None if that is not known.
        done_bytes: how many were there before, which do not count in the rate.

    >>> with show_bytes("a.tar", 1000, 500) as show:
    ...     show(1000)
    """
    with _bar(label, total_bytes, done_bytes, "DownloadColumn", "TransferSpeedColumn") as update:
        yield lambda done: update(completed=done)


@contextmanager
def _bar(label: str, total: int | None, done: int, *columns: str) -> Iterator[Callable[..., None]]:
    """Show a bar with some of rich's columns if a person watches; yield what updates it."""
    if not is_terminal(sys.stderr) and "ipykernel" not in sys.modules:
        yield lambda **_: None
        return
    # Imported here: most programs never show a bar, and rich takes a tenth of a second to load.
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    chosen = [getattr(progress, column)() for column in ("BarColumn", *columns, "TimeRemainingColumn")]
    text = progress.TextColumn("{task.description}", markup=False)
    with progress.Progress(text, *chosen, console=Console(stderr=True), transient=True) as bar:
        yield partial(bar.update, bar.add_task(label, total=total, completed=done))
