"""Commands that recognise: what a path holds, and by what it was told."""

import sys

from rich.columns import Columns
from rich.console import Console
from rich.text import Text

from segfeed.cli.options import AsJson, CacheDir, Data, FormatName, clean, print_json, print_table, say
from segfeed.datasets.overview import MEASURED, SplitOverview, describe
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, Colour


def scan(
    data: Data,
    format_name: FormatName = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Say what a dataset is and by what it was recognised: format, splits, photo sizes, classes, missing files."""
    found = describe(data, format=format_name, cache_dir=cache_dir)
    if as_json:
        print_json(found.to_json())
        return
    say(f"{found.root}")
    say(f"format {found.format}: {found.why}")
    print_table(("split", "samples", "height", "width", "remarks"), [_cells(split) for split in found.splits])
    if any(split.samples > MEASURED for split in found.splits):
        say(f"height and width in px, of the first {MEASURED} photos of a split")
    for problem in dict.fromkeys(str(split.problem) for split in found.splits if split.problem):
        say(f"{', '.join(split.name for split in found.splits if str(split.problem) == problem)}: {problem}")
    if found.legend is None:
        say("classes: the dataset does not say which")
    else:
        _print_legend(found.legend)


def _cells(split: SplitOverview) -> tuple[str, ...]:
    remarks = [f"{count:,} without {what}" for what, count in split.missing.items()]
    if split.problem:
        remarks.append("see below")
    elif not split.has_masks:
        remarks.append("no masks")
    sizes = ("", "")
    if split.sizes_px:
        top, bottom, left, right = split.sizes_px
        sizes = (_range(top, bottom), _range(left, right))
    return (split.name, f"{split.samples:,}", *sizes, ", ".join(remarks))


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}..{high}"


def _print_legend(legend: Legend) -> None:
    """List the classes, on a terminal each with a swatch of its colour."""
    heading = f"{len(legend)} classes ({legend.title}): "
    if not sys.stdout.isatty():
        say(heading + ", ".join(f"{index} {name}" for index, name in enumerate(legend.names)))
        return
    say(heading.rstrip(": "))
    void = legend.void_colours[0] if legend.void_colours else VOID_COLOUR
    swatches = [
        _swatch(colour, f"{index} {name}")
        for index, (name, colour) in enumerate(zip(legend.names, legend.colours, strict=True))
    ]
    Console().print(Columns([*swatches, _swatch(void, "void")], column_first=True))


def _swatch(colour: Colour, name: str) -> Text:
    return Text.assemble(("██", "rgb({},{},{})".format(*colour)), f" {clean(name)}")
