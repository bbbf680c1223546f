"""Commands that write a report about a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from segfeed.cli.options import (
    AsJson,
    CacheDir,
    Crop,
    Data,
    Force,
    FormatName,
    LegendFile,
    Task,
    Threads,
    Unknown,
    crop_size,
    print_json,
    say,
)


def report(
    data: Data,
    to: Annotated[Path | None, typer.Option(help="The HTML file to write. (default: NAME-report.html)")] = None,
    crop: Crop = "320x480",
    count: Annotated[int, typer.Option(help="How many samples of each split are shown.")] = 24,
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one HTML file that shows a dataset: samples, crops, classes, sizes, and whatever is wrong, on its picture."""
    from segfeed.pictures.report.page import write_report  # noqa: PLC0415 - the template engine takes a fifth of a second to load

    path = write_report(
        data,
        to or Path(f"{Path(data).absolute().name}-report.html"),
        crop_size=crop_size(crop),
        count=count,
        overwrite=force,
        threads=threads,
        task=task,
        legend=legend,
        unknown=unknown,
        format=format_name,
        cache_dir=cache_dir,
    )
    size_bytes = path.stat().st_size
    if as_json:
        print_json({"report": str(path), "bytes": size_bytes})
    else:
        say(f"wrote {path} ({size_bytes / 1e6:.1f} MB)")
