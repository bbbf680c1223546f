"""The command as it is installed, for tests that run it in a process of its own.

`python -m` would not do: Python makes dataclasses and named tuples by running code from a string. If Ctrl-C strikes
there, Python ends a module run by `-m` by that signal, whatever exit code the module asks for.
"""

import sys
import sysconfig
from pathlib import Path

SEGFEED = str(Path(sysconfig.get_path("scripts")) / "segfeed")

_DEFAULT_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def interruptible(program: str, *words: object) -> list[str]:
    """Return a command that runs a program with SIGINT at its default.

    A shell starts background jobs (`nohup make test &`) with SIGINT ignored, and children inherit that: a test that
    interrupts a child would wait for ever.

    Args:
        program: its full path.
        words: its arguments.
    """
    return [sys.executable, "-IS", "-c", _DEFAULT_SIGINT, program, *map(str, words)]
