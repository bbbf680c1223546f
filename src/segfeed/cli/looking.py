"""Commands that look at a dataset: a contact sheet, and statistics."""

from pathlib import Path
from typing import Annotated

import typer

from segfeed.audit.stats import Statistics, count_split
from segfeed.cli.options import (
    AsJson,
    CacheDir,
    Crop,
    Data,
    Force,
    FormatName,
    LegendFile,
    Split,
    Task,
    Threads,
    Unknown,
    crop_size,
    print_json,
    print_table,
    say,
)
from segfeed.errors import OptionError
from segfeed.feed import scan


def show(
    data: Data,
    split: Split = "train",
    count: Annotated[int, typer.Option(help="How many samples.")] = 24,
    to: Annotated[Path | None, typer.Option(help="The PNG to write. (default: NAME-SPLIT.png)")] = None,
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a contact sheet: photos with their labels painted over them, and the legend."""
    from segfeed.pictures.figures.sheets import show as draw  # noqa: PLC0415 - matplotlib takes half a second to load

    source = scan(data, split, task=task, legend=legend, unknown=unknown, format=format_name, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
    path = to or Path(f"{source.name}-{split}.png")
    if path.exists() and not force:
        raise OptionError(f"{path} exists; pass --force to overwrite it, or --to for another name.")
    draw(source, count=count, path=path)
    if as_json:
        print_json({"picture": str(path), "samples": min(count, len(source))})
    else:
        say(f"wrote {path}")


def stats(
    data: Data,
    split: Split = "train",
    crop: Crop = "320x480",
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Count pixels and images of each class, void, sizes, mean and std, class weights, and what a crop keeps."""
    size = crop_size(crop)
    source = scan(data, split, task=task, legend=legend, unknown=unknown, format=format_name, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
    counted = count_split(source, threads=threads)
    if as_json:
        print_json({"name": source.name, "split": split, **counted.to_json(size)})
    else:
        _print_stats(f"{source.name} {split}", counted, size)


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
