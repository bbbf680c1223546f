"""Work that takes a while: many calls in threads with their results in order, and bars that show how far they are.

Decoders, hashes and kernels release the interpreter's lock, so threads are enough.
"""

import importlib
import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Self, TypeVar

from segfeed.system.options import whole_number
from segfeed.system.portable import memory_limits
from segfeed.system.showing import visible
from segfeed.system.threads import Workers, start

Result = TypeVar("Result")

_log = logging.getLogger("segfeed")
_NO_COLOURS = "NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING"
_REDRAW_S = 0.2
_AT_ONCE_S = 0.3
_PATIENCE_S = 10
_BAR_CHARACTERS = 24


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
    most = memory_limits()
    with suppress(OSError, ValueError):  # Linux only; "max" without a limit
        most.append(int(Path("/sys/fs/cgroup/memory.max").read_bytes()))
    return min(most, default=sys.maxsize)


def in_order(work: Callable[[int], Result], count: int, threads: int | None = None) -> Generator[Result]:
    """Run work(0) .. work(count - 1) in threads and yield the results in order.

    Only a few results for each thread are under way or wait in memory to be taken. If a call raises, its exception
    comes in its result's turn, and calls that have not begun by then are left out. If closed, it waits for the others.

    >>> list(in_order(lambda n: n * n, 5, threads=2))
    [0, 1, 4, 9, 16]
    """
    return all_of((partial(work, number) for number in range(count)), threads)


def all_of(calls: Iterable[Callable[[], Result]], threads: int | None = None) -> Generator[Result]:
    """Make calls in threads and yield the results in order; as `in_order`, if it is not known how many there are."""
    count, todo = worker_count(threads), iter(calls)
    with Workers(count, "segfeed") as workers:
        running = deque(workers.submit(*islice(todo, 2 * count + 2)))
        while running:
            yield running.popleft().result()
            running.extend(workers.submit(*islice(todo, 1)))


def is_terminal(stream: object) -> bool:
    """Check whether a person sees what is written to a stream, which may be None, closed, or some logger's own."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]  # what is not a stream is not a terminal
    except (AttributeError, ValueError, OSError):
        return False


def is_notebook(stream: object) -> bool:
    """Check whether a stream is shown below a cell, as in Jupyter, Colab and VS Code."""
    return type(stream).__module__.partition(".")[0] == "ipykernel"


@contextmanager
def show_progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while the block runs; call what it yields with how much more was done.

    >>> with show_progress("packing", 10) as advance:
    ...     advance(10)
    """
    with _bar(label, total, 0, "", "MofNCompleteColumn") as update:
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
    with _bar(label, total_bytes, done_bytes, "MB", "DownloadColumn", "TransferSpeedColumn") as update:
        yield lambda done: update(completed=done)


@contextmanager
def _bar(label: str, total: int | None, done: int, unit: str, *columns: str) -> Iterator[Callable[..., None]]:
    """Show a bar with some of rich's columns if a person watches; yield what updates it."""
    if is_notebook(sys.stderr):
        with _Line(label, total, done, unit) as line:
            yield line.update
        return
    if not is_terminal(sys.stderr):
        yield lambda **_: None
        return
    # Imported here: most programs never show a bar, and rich takes a tenth of a second to load.
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    chosen = [getattr(progress, column)() for column in ("BarColumn", *columns, "TimeRemainingColumn")]
    text = progress.TextColumn("{task.description}", markup=False)
    with progress.Progress(text, *chosen, console=Console(stderr=True), transient=True) as bar:
        yield partial(bar.update, bar.add_task(label, total=total, completed=done))


class _Line:
    """A line of text that overwrites itself: what a notebook shows without any widget. Its last state stays there.

    What is done at once shows no line.
    """

    def __init__(self, label: str, total: int | None, done: int, unit: str) -> None:
        self._label, self._total, self._done, self._unit = visible(label), total, done, unit
        self._first, self._begin, self._drawn, self._width = done, time.monotonic(), -math.inf, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if time.monotonic() - self._begin < _AT_ONCE_S:
            return
        self._draw(f"in {time.monotonic() - self._begin:,.1f} s")
        sys.stderr.write("\n")

    def update(self, advance: int = 0, completed: int | None = None) -> None:
        """Count what was done, and draw the line anew a few times a second."""
        self._done = self._done + advance if completed is None else completed
        now = time.monotonic()
        if now - self._begin >= _AT_ONCE_S and now - self._drawn >= _REDRAW_S:
            self._draw()

    def _draw(self, last: str = "") -> None:
        self._drawn = time.monotonic()
        rate, size = (self._done - self._first) / max(self._drawn - self._begin, 1e-9), 1e6 if self._unit else 1
        text = f"{self._label} {self._done / size:,.0f}"
        if self._total:
            full = round(_BAR_CHARACTERS * min(self._done / self._total, 1))
            text = f"{self._label} {'█' * full}{'░' * (_BAR_CHARACTERS - full)} {self._done / size:,.0f}"
            text += f"/{self._total / size:,.0f}"
        if self._unit:
            text += f" {self._unit}, {rate / size:,.1f} {self._unit}/s"
        if not last and self._total and rate:
            last = f"{max(self._total - self._done, 0) / rate:,.0f} s left"
        text = f"{text}, {last}" if last else text
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)


_loading = threading.Lock()  # one for all kernels, because numba's import and its settings are the process's
_all_kernels: list["Kernels"] = []
_beside = (
    threading.local()
)  # of a thread that loads kernels: `asker`, the thread that wanted them; `end` of the program


def _give_up_in_child() -> None:
    """Leave a forked process to plain NumPy if any kernels were being loaded: the thread that does it isn't there."""
    if _loading.locked():
        _loading.release()
        for kernels in _all_kernels:
            kernels.broken = True


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_give_up_in_child)


class Kernels:
    """A module that numba compiles, once it is loaded and trusted; until then, or if it never is, plain NumPy serves.

    Attributes:
        module: None as long as plain NumPy serves.
        broken: whether it was tried in vain, so that it is not tried again.
    """

    def __init__(self, name: str, instead: str) -> None:
        self.module: ModuleType | None = None
        self.broken = False
        self._name, self._instead = name, instead
        _all_kernels.append(self)

    def load(self, compare: Callable[[ModuleType], None]) -> bool:
        """Load the module, and trust it if it gives the same bits as plain NumPy here and now.

        What numba kept on disk from an earlier run may be damaged, or another process may be writing it.

        Args:
            compare: raises an error if the bits differ.

        Returns:
            loaded: False if numba is not installed, or its code cannot be trusted.
        """
        with _loading:
            if not self.broken:
                try:
                    module = import_kernels(self._name)
                    compare(module)
                    self.module = module
                except Exception as error:  # noqa: BLE001 - whatever a broken numba or LLVM raises
                    self.broken = True
                    if not isinstance(error, ModuleNotFoundError) or error.name != "numba":
                        reason = " ".join(str(error).split()) or type(error).__name__
                        _log.warning("numba cannot be used (%s): plain NumPy %s.", reason[:200], self._instead)
            return not self.broken


def load_beside(load: Callable[[], object]) -> None:
    """Load compiled kernels in a thread of its own; until they are there, plain NumPy serves.

    The first time of all, numba compiles for seconds, and much longer if the cores have other work.
    `segfeed.system.compiling` gives up if `is_in_vain`, so that a program that was interrupted ends at once.
    """
    asker = threading.current_thread()

    def run() -> None:
        _beside.asker = asker
        load()

    with suppress(RuntimeError):  # no more threads: plain NumPy gives the same bits
        start(run, "segfeed-kernels")


def is_in_vain() -> bool:
    """Check whether this thread loads kernels for a program that has ended, and should not wait for them.

    A program that was interrupted or failed does not wait. Another one waits some seconds, because its next run is
    served at once by what is compiled now.
    """
    asker = getattr(_beside, "asker", None)
    if asker is None or asker.is_alive() or threading.main_thread().is_alive():
        return False
    now = time.monotonic()
    _beside.end = getattr(_beside, "end", now)
    return hasattr(sys, "last_value") or now - _beside.end > _PATIENCE_S


def import_kernels(name: str) -> ModuleType:
    """Import a module that numba compiles, without numba's colours for errors.

    For these it calls colorama, which puts streams of its own into `sys.stdout` and `sys.stderr`, and others back, from
    whatever thread compiles: what a program redirects meanwhile, as tests and notebooks do, would be lost.

    Source: Numba's documentation, "Environment variables"; the variable counts when numba is first imported.

    Raises:
        ImportError: if numba is not installed, or compiles nothing.
    """
    before = os.environ.get(_NO_COLOURS)
    os.environ[_NO_COLOURS] = "1"
    try:
        module = importlib.import_module(name)
    finally:
        if before is None:
            del os.environ[_NO_COLOURS]
        else:
            os.environ[_NO_COLOURS] = before
    if not hasattr(module.fill, "py_func"):
        raise ImportError("NUMBA_DISABLE_JIT is set")
    return module
