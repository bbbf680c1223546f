"""Compiling: functions that numba compiles, kept in the user's own folder.

A module of its own, because importing it loads numba.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core import event

from segfeed.system.storage import private_folder
from segfeed.system.work import is_in_vain


def keep_compiled(files: Iterable[Path]) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function, without the interpreter's lock, and keeps its code for further runs.

    Args:
        files: that hold its code and what it calls: numba looks only at the name and the date of the function's own
            file, and a copied file can have the same date.

    Source: Numba's documentation, "Notes on Caching".
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    def compile_function(function: Callable[..., Any]) -> Any:
        function.__qualname__ += f"_{digest[:12]}"
        given = config.CACHE_DIR  # $NUMBA_CACHE_DIR; `Kernels` loads one module at a time
        folder = given or private_folder("kernels")
        try:
            config.CACHE_DIR = str(folder or "")
            # Not beside the file, as numba would have it: what lies there stays when the package is uninstalled.
            return njit(nogil=True, cache=bool(folder), error_model="numpy")(function)
        except RuntimeError:  # no folder in which numba could keep its code
            return njit(nogil=True, error_model="numpy")(function)
        finally:
            config.CACHE_DIR = given

    return compile_function


class _GivingUp(event.Listener):
    """Ends a thread that compiles in vain between two passes of the compiler, of which the longest takes a second.

    Not while LLVM works: what it holds could not be released.

    Source: Numba's documentation, "Event API".
    """

    def on_start(self, _: event.Event) -> None:
        if is_in_vain():
            raise SystemExit

    def on_end(self, _: event.Event) -> None:
        pass  # what ended was not in vain


event.register("numba:run_pass", _GivingUp())
