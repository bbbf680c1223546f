"""Commands that show a dataset: what it is (`scan`), its pictures (`show`), its figures (`stats`)."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.columns import Columns
from rich.console import Console
from rich.text import Text

from segfeed.audit.stats import Statistics, count_split
from segfeed.cli.options import (
    AsJson,
    Crop,
    DatasetOptions,
    Force,
    SourceOptions,
    Split,
    Threads,
    clean,
    crop_size,
    print_json,
    print_table,
    refuse_to_overwrite,
    say,
)
from segfeed.datasets.overview import MEASURED, Overview, SplitOverview, describe
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, Colour


def scan(dataset: DatasetOptions, as_json: AsJson = False) -> None:
    """Print what a dataset is and by what it was recognised: format, splits, photo sizes, classes, missing files.

    The exit code is 1 if no sample of any split can be read.
    """
    found = describe(dataset.data, format=dataset.format, cache_dir=dataset.cache_dir)
    if as_json:
        print_json(found.to_json())
    else:
        _print_overview(found)
    if not any(split.samples for split in found.splits):
        raise typer.Exit(1)


def _print_overview(found: Overview) -> None:
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
    elif not split.samples and not remarks:
        remarks.append("none of so few samples")
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


def show(
    source: SourceOptions,
    split: Split = "train",
    count: Annotated[int, typer.Option(help="How many samples.")] = 24,
    to: Annotated[Path | None, typer.Option(help="The PNG to write. (default: NAME-SPLIT.png)")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a contact sheet: photos with their labels painted over them, and the legend."""
    from segfeed.pictures.figures.sheets import show as show_samples  # noqa: PLC0415 - matplotlib: half a second

    samples = source.scan(split)
    path = to or Path(f"{samples.name}-{split}.png")
    refuse_to_overwrite(path, "to", force=force)
    show_samples(samples, count=count, path=path)
    if as_json:
        print_json({"picture": str(path), "samples": min(count, len(samples))})
    else:
        say(f"wrote {path}")


def stats(
    source: SourceOptions,
    split: Split = "train",
    crop: Crop = "320x480",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Count pixels and images of each class, void, sizes, mean and std, class weights, and what a crop keeps."""
    size = crop_size(crop)
    samples = source.scan(split)
    counted = count_split(samples, threads=threads)
    if as_json:
        print_json({"name": samples.name, "split": split, **counted.to_json(size)})
    else:
        _print_stats(f"{samples.name} {split}", counted, size)


def _print_stats(title: str, counted: Statistics, size: tuple[int, int]) -> None:
    described = counted.to_json(size)
    total = sum(row["pixels"] for row in described["classes"]) or 1
    rows = [
        (
            row["name"],
            f"{row['pixels']:,}",
            f"{row['pixels'] / total:.2%}",
            f"{row['images']:,}",
            "-" if row["weight"] is None else f"{row['weight']:.3f}",
        )
        for row in described["classes"]
    ]
    say(f"{title}: {described['images']:,} images, void share {described['void_share']:.2%}")
    if rows:
        print_table(("class", "pixels", "share", "images", "median-frequency weight"), rows)
    for side in ("height", "width"):
        spread = described[side]
        say(f"{side}: {spread['smallest']} to {spread['largest']} px, median {spread['median']:g}")
    for name in ("mean", "std"):
        say(f"{name} of pixels scaled to 0..1: " + ", ".join(f"{value:.4f}" for value in described[name]))
    kept = ", ".join(f"small={policy!r} keeps {number:,}" for policy, number in described["kept"].items())
    say(f"at a crop of {size[0]} x {size[1]} px (height x width): {kept} of {described['images']:,}")
