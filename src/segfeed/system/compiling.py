"""Compiling: functions that numba compiles, kept in the user's own folder.

A module of its own, because importing it loads numba.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from numba import config, njit

from segfeed.system.storage import private_folder

_ALONE = threading.Lock()  # numba's folder is a setting of the process, and kernels are loaded side by side


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
        with _ALONE:
            given = config.CACHE_DIR  # $NUMBA_CACHE_DIR
            folder = given or private_folder("kernels")
            try:
                config.CACHE_DIR = str(folder or "")
                # Not beside the file, as numba would have it: what lies there stays when the package is uninstalled.
                compiled = njit(nogil=True, cache=bool(folder), error_model="numpy")(function)
            except RuntimeError:  # no folder in which numba could keep its code
                compiled = njit(nogil=True, error_model="numpy")(function)
            finally:
                config.CACHE_DIR = given
        return compiled

    return compile_function
