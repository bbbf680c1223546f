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
    AugmentName,
    Crop,
    CropOrRecipes,
    Force,
    SourceOptions,
    Split,
    Threads,
    crop_size,
)
from segfeed.cli.printing import clean, print_json, print_table, say
from segfeed.cli.wording import advice
from segfeed.datasets.descriptions.description import FILE_NAME
from segfeed.datasets.doubts.evidence import Evidence
from segfeed.datasets.opening import open_dataset
from segfeed.datasets.overview import MEASURED, Overview, SplitOverview, describe
from segfeed.errors import LegendError, OptionError, SegfeedError
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, Colour
from segfeed.system.paths import free_path
from segfeed.system.showing import counted, some
from segfeed.system.storage import save
from segfeed.system.work import is_terminal

_VALUES_SHOWN, _NAMES_SHOWN = 40, 12


def scan(
    source: SourceOptions,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="With --write: the file. (default: segfeed.toml in the dataset)", show_default=False
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write what was understood as a description, to be read and edited.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Print what a dataset is and how it is understood: format, splits, photo sizes, classes, and what masks store.

    A few masks of each split are read. If they contradict the legend, or if no sample of any split can
    be read, the exit code is 1.
    """
    if file is not None and not write:
        raise OptionError(str(file), found="a second path", expected="one, or --write with the file to write")
    found = describe(source.data, source.opening)
    written = _write_description(source, file, force=force) if write else None
    if as_json:
        print_json(found.to_json() | ({} if written is None else {"description": str(written)}))
    else:
        _print_overview(found)
        if written is not None:
            say(f"wrote {written}: read it, and correct what is not so")
    is_wrong = any(doubt.severity == "error" for split in found.splits for doubt in split.doubts)
    if is_wrong or not any(split.samples and not _is_unreadable(split.problem) for split in found.splits):
        raise typer.Exit(1)


def _is_unreadable(problem: SegfeedError | None) -> bool:
    """Check whether a split cannot be read whatever a person says of its classes."""
    return problem is not None and not isinstance(problem, LegendError)


def _write_description(source: SourceOptions, file: Path | None, *, force: bool) -> Path:
    """Write the description of a dataset, and return the path of the file."""
    from segfeed.datasets.drafting import draft_description  # noqa: PLC0415 - needed for this alone

    opened = open_dataset(source.data, source.opening)
    path = free_path(file or opened.root / FILE_NAME, overwrite=force)
    remedy = "pass the path of another file after the dataset's, and hand it to --description later"
    save(path, draft_description(opened).encode(), "the description", remedy)
    return path


def _print_overview(found: Overview) -> None:
    say(f"{found.root}")
    say(f"format {found.format}: {found.why}")
    if found.note:
        say(f"note: {found.note}")
    print_table(("split", "samples", "height", "width", "remarks"), [_cells(split) for split in found.splits])
    if any(split.samples > MEASURED for split in found.splits):
        say(f"height and width in px, of the first {MEASURED} photos of a split")
    for problem in dict.fromkeys(str(split.problem) for split in found.splits if split.problem):
        say(f"{', '.join(split.name for split in found.splits if str(split.problem) == problem)}: {advice(problem)}")
    problems = [split.problem for split in found.splits if split.problem]
    if found.legend is None and problems and not any(isinstance(problem, LegendError) for problem in problems):
        say("classes: not read, as no split could be listed")
    elif found.legend is None:
        say("classes: the dataset does not say which")
    else:
        _print_legend(found.legend)
    if found.evidence.values:
        _print_evidence(found.evidence, found.legend)
    for rule in dict.fromkeys(doubt.rule for split in found.splits for doubt in split.doubts):
        doubted = [(split.name, doubt) for split in found.splits for doubt in split.doubts if doubt.rule == rule]
        others = ", ".join(name for name, _ in doubted[1:])
        same = f" The same in {others}." if others else ""
        say(f"{doubted[0][1].severity} ({rule}): {advice(str(doubted[0][1]))}{same}")


def _print_evidence(evidence: Evidence, legend: Legend | None) -> None:
    """Print what each stored value means, and how much of the masks it fills."""
    rows = [
        (
            f"{value.index} {value.colour}" if value.index is not None and value.colour else value.spelled,
            "-" if value.label is None else "void" if legend and value.label == legend.void else str(value.label),
            value.name(legend) or ("?" if legend is None else "not in the legend"),
            f"{evidence.share([value]):.2%}",
        )
        for value in evidence.values[:_VALUES_SHOWN]
    ]
    print_table((f"stored ({evidence.masks:,} of {evidence.of:,} masks)", "id", "name", "share"), rows)
    if len(evidence.values) > _VALUES_SHOWN:
        say(f"{len(evidence.values) - _VALUES_SHOWN:,} more values; --json lists them all")
    seen = {value.label for value in evidence.values}
    absent = [name for label, name in enumerate(legend.names) if label not in seen] if legend else []
    if absent:
        say(f"in none of these masks: {some(absent, _NAMES_SHOWN)}")


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
    heading = f"{counted(len(legend), 'class', 'classes')} ({legend.title}): "
    if not is_terminal(sys.stdout):
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
    count: Annotated[
        int | None, typer.Option(help="How many samples, or crops with --augment. (default: 24, or 12)")
    ] = None,
    augment: AugmentName = None,
    crop: CropOrRecipes = None,
    to: Annotated[Path | None, typer.Option(help="The PNG to write. (default: NAME-SPLIT.png)")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a contact sheet: photos under their labels, and the legend; or one photo as a recipe draws it.

    With --augment, crops of one photo stand over their labels, and below each is what its row says.
    """
    from segfeed.pictures.figures.sheets import show as show_samples  # noqa: PLC0415 - matplotlib: half a second

    samples = source.scan(split)
    path = to or Path(f"{samples.name}-{split.replace('/', '-')}.png")
    free_path(path, overwrite=force)
    show_samples(samples, count=count, augment=augment, crop_size=None if crop is None else crop_size(crop), path=path)
    if as_json:
        shown = {"samples": min(24 if count is None else count, len(samples))}
        print_json({"picture": str(path)} | (shown if augment is None else {"samples": 1, "augment": augment}))
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
    measured = count_split(samples, threads=threads)
    if as_json:
        print_json({"name": samples.name, "split": split, **measured.to_json(size)})
    else:
        _print_stats(f"{samples.name} {split}", measured, size)


def _print_stats(title: str, measured: Statistics, size: tuple[int, int]) -> None:
    described = measured.to_json(size)
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
    say(f"{title}: {counted(described['images'], 'image')}, void share {described['void_share']:.2%}")
    if rows:
        print_table(("class", "pixels", "share", "images", "median-frequency weight"), rows)
    for side in ("height", "width"):
        spread = described[side]
        say(f"{side}: {spread['smallest']} to {spread['largest']} px, median {spread['median']:g}")
    for name in ("mean", "std"):
        say(f"{name} of pixels scaled to 0..1: " + ", ".join(f"{value:.4f}" for value in described[name]))
    kept = ", ".join(f"small={policy!r} keeps {number:,}" for policy, number in described["kept"].items())
    say(f"at a crop of {size[0]} x {size[1]} px (height x width): {kept} of {described['images']:,}")
