"""Progress: a bar on a terminal or in a notebook for work that takes a while, silence everywhere else."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any


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
