"""The command that scores predictions, in a module of its own: no other command reads what a model says."""

from pathlib import Path
from typing import Annotated

import typer

from segfeed.cli.options import AsJson, Force, SourceOptions, Split, Threads
from segfeed.cli.printing import print_json, print_table, say
from segfeed.scoring.predictions import score_folder
from segfeed.scoring.score import SUMMARY, Score, as_percent
from segfeed.system.paths import free_path
from segfeed.system.showing import counted


def score(
    predictions: Annotated[
        Path,
        typer.Argument(metavar="PREDICTIONS", help="A folder of palette PNGs, or gray ones of class ids: KEY.png."),
    ],
    source: SourceOptions,
    split: Split = "val",
    picture: Annotated[Path | None, typer.Option(help="Paint the confusion matrix, too: a PNG to write.")] = None,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Score a folder of predictions against a split's labels: IoU, accuracy and Dice of each class and over all."""
    if picture is not None:
        from segfeed.pictures.figures.canvas import check_path  # noqa: PLC0415 - matplotlib: half a second

        check_path(picture)
        free_path(picture, overwrite=force)
    labelled = source.scan(split)
    scored = score_folder(predictions, labelled, threads=threads)
    if picture is not None:
        from segfeed.pictures.figures.confusion import show_confusion  # noqa: PLC0415 - the same

        show_confusion(scored, title=f"{labelled.name} · {split}", path=picture)
    if as_json:
        described = {"name": labelled.name, "split": split, "images": len(labelled), **scored.to_json()}
        print_json(described | ({} if picture is None else {"picture": str(picture)}))
        return
    _print_score(f"{labelled.name} {split}", len(labelled), scored)
    if picture is not None:
        say(f"wrote {picture}")


def _print_score(title: str, images: int, scored: Score) -> None:
    say(f"{title}: {counted(images, 'image')}, {scored.pixels:,} pixels that are not void")
    heads, *rows = scored.table()
    print_table(heads, rows)
    for name, figure in scored.summary.items():
        say(f"{SUMMARY[name]}: {as_percent(figure)}")
