"""Commands: parse, call, print. This door holds the options and the printing that they share."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segfeed.errors import OptionError
from segfeed.plans.plan import Shard

Data = Annotated[
    str,
    typer.Argument(
        metavar="PATH", help="A dataset's folder, tar, table or config file; or a name: 'sample', 'voc2012', 'sbd'."
    ),
]
FormatName = Annotated[
    str | None, typer.Option("--format", help="The name of the dataset's format. (default: recognised)")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
CacheDir = Annotated[Path | None, typer.Option(help="Where packs lie. (default: $SEGFEED_CACHE or the user's cache)")]
Task = Annotated[str, typer.Option(help="'semantic' (class ids) or 'instance' (object ids).")]
LegendFile = Annotated[Path | None, typer.Option(help="A legend: text with one class a line, JSON, or a palette PNG.")]
Unknown = Annotated[str, typer.Option(help="What an unknown colour becomes: 'error', 'void' or a class name.")]
Split = Annotated[str, typer.Option(help="The name of a split list.")]
Threads = Annotated[int | None, typer.Option(help="Threads that read. (default: all cores)")]
Crop = Annotated[str, typer.Option(metavar="HxW", help="Crop height x width in pixels.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


def crop_size(text: str) -> tuple[int, int]:
    """Read `HEIGHTxWIDTH` in px."""
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise OptionError(f"crop {text!r} is not HEIGHTxWIDTH in whole pixels, such as 320x480.")
    return int(sides[0]), int(sides[1])


def two_splits(text: str) -> tuple[str | None, str | None]:
    """Read `TRAIN,VAL`; "-" leaves one out."""
    names = [None if name == "-" else name for name in text.split(",")]
    if len(names) != 2:
        raise OptionError(f"splits {text!r} is not TRAIN,VAL; pass '-' for one that is not wanted.")
    return names[0], names[1]


def one_shard(text: str) -> Shard:
    """Read `RANK/WORLD`."""
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise OptionError(f"shard {text!r} is not RANK/WORLD, such as 0/4.")
    return Shard(int(parts[0]), int(parts[1]))


def clean(text: str) -> str:
    """Drop control characters: a file's name must not move the cursor of a terminal."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def say(text: str) -> None:
    """Print a line."""
    print(clean(text))


def print_json(described: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(described, allow_nan=False))


def print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table, its first column to the left; names of files and classes are never taken for markup."""
    table = Table(box=box.SIMPLE_HEAD)
    for number, head in enumerate(heads):
        table.add_column(escape(clean(head)), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(clean(cell)) for cell in row))
    # Piped output has no width of its own: never fold a table there.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)
