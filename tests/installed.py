"""The command as it is installed, for tests that run it in a process of its own.

`python -m` would not do: where Ctrl-C strikes code that Python runs from a string, as every dataclass and named tuple is made,
Python remembers it and ends a module run by `-m` by that signal, whatever exit code the module asks for.
"""

import sysconfig
from pathlib import Path

SEGFEED = str(Path(sysconfig.get_path("scripts")) / "segfeed")
