"""Examples in docstrings as code: Markdown would take `>>>` for a quotation in a quotation."""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!>>>)[^\n]+\n?)*)+", re.MULTILINE)


class Doctests(Extension):
    """Puts each run of examples between fences."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of what was read."""
        if obj.docstring:
            obj.docstring.value = fence(obj.docstring.value)


def fence(docstring: str) -> str:
    """Put each run of lines that begins with `>>>`, up to a blank line, between fences."""
    return EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", docstring)
