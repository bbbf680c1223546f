"""The command line's first step: while segfeed loads, Ctrl-C already ends in one line."""

import os
import signal
import sys
from types import TracebackType
from typing import NoReturn

_REFUSALS = (ImportError, MemoryError, OSError, SystemError)


def main() -> None:
    """Run `segfeed`."""
    if sys.excepthook is refuse_uncaught:
        sys.excepthook = sys.__excepthook__
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # otherwise the signal is ignored, as in a shell's background job
        signal.signal(signal.SIGINT, _end)
    try:
        from segfeed.cli.app import main as run  # noqa: PLC0415 - loading takes a third of a second
    except _REFUSALS as error:
        _refuse(error)

    try:
        signal.signal(signal.SIGINT, handler)
        run()
    except KeyboardInterrupt:  # before `run` could catch it
        _end()


def refuse_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Stand for `sys.excepthook` while `python -m segfeed` imports segfeed, as Python does before `main` runs."""
    if isinstance(error, KeyboardInterrupt):
        _end()
    if isinstance(error, _REFUSALS):
        _refuse(error)
    sys.__excepthook__(kind, error, trace)


def _refuse(error: Exception) -> NoReturn:
    """Say in one line that a library cannot be loaded, such as for want of memory."""
    advice = "raise the limit of memory (ulimit -v), or install it anew"
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    sys.stderr.write(f"segfeed: it cannot be loaded ({reason}); {advice}\n")
    sys.stderr.flush()
    os._exit(1)  # half-loaded libraries may crash while Python ends


def _end(*_: object) -> None:
    # Not a KeyboardInterrupt: NumPy's C code would turn it into an ImportError. Nothing has begun that needs an end.
    sys.stderr.write("segfeed: interrupted; nothing half-made is taken for whole\n")
    sys.stderr.flush()
    os._exit(130)
