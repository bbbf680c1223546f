"""What commands print: lines, tables, JSON; a module of its own, since `options` is about what a person passes."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segfeed.system.work import is_terminal


def clean(text: str) -> str:
    """Drop control characters: a file's name must not move the cursor of a terminal."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def say(text: str) -> None:
    """Print a line."""
    print(clean(text))


def print_json(described: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(described, allow_nan=False))


def print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, figures: bool = True) -> None:
    """Print a table, figures (all columns but the first) to the right; names are never taken for markup."""
    table = Table(box=box.SIMPLE_HEAD)
    for number, head in enumerate(heads):
        table.add_column(escape(clean(head)), justify="right" if figures and number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(clean(cell)) for cell in row))
    # Piped output has no width of its own: never fold a table there.
    Console(width=None if is_terminal(sys.stdout) else 1000).print(table)
