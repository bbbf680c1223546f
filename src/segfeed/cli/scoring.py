"""The command that scores a folder of predictions."""

from pathlib import Path
from typing import Annotated

import typer

from segfeed.cli.options import (
    AsJson,
    CacheDir,
    Data,
    Force,
    FormatName,
    LegendFile,
    Split,
    Threads,
    Unknown,
    print_json,
    print_table,
    say,
)
from segfeed.errors import OptionError
from segfeed.feed import scan
from segfeed.scoring.predictions import score_folder
from segfeed.scoring.score import SUMMARY, Score, as_percent


def score(
    predictions: Annotated[
        Path,
        typer.Argument(metavar="PREDICTIONS", help="A folder of palette PNGs, or gray ones of class ids: KEY.png."),
    ],
    data: Data,
    split: Split = "val",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the confusion matrix, too: a PNG to write.")] = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Score a folder of predictions against a split's labels: IoU, accuracy and Dice of each class and over all."""
    if picture is not None:
        _check_picture(picture, force=force)
    source = scan(data, split, legend=legend, unknown=unknown, format=format_name, cache_dir=cache_dir)
    scored = score_folder(predictions, source, threads=threads)
    if picture is not None:
        from segfeed.pictures.figures.confusion import show_confusion  # noqa: PLC0415 - matplotlib takes half a second to load

        show_confusion(scored, title=f"{source.name} · {split}", path=picture)
    if as_json:
        described = {"name": source.name, "split": split, "images": len(source), **scored.to_json()}
        print_json(described | ({} if picture is None else {"picture": str(picture)}))
        return
    _print_score(f"{source.name} {split}", len(source), scored)
    if picture is not None:
        say(f"wrote {picture}")


def _check_picture(picture: Path, *, force: bool) -> None:
    from segfeed.pictures.figures.canvas import check_path  # noqa: PLC0415 - matplotlib takes half a second to load

    check_path(picture)
    if picture.exists() and not force:
        raise OptionError(f"{picture} exists; pass --force to overwrite it, or another name as --picture.")


def _print_score(title: str, images: int, scored: Score) -> None:
    say(f"{title}: {images:,} images, {scored.pixels:,} pixels that are not void")
    heads, *rows = scored.table()
    print_table(heads, rows)
    for name, figure in scored.summary.items():
        say(f"{SUMMARY[name]}: {as_percent(figure)}")
