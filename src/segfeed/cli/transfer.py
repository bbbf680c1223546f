"""Commands that bring datasets in (`fetch`) and hand them on in the layouts of other tools (`export`)."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from segfeed.cli.options import AsJson, CacheDir, SourceOptions, Splits, Threads
from segfeed.cli.printing import print_json, say
from segfeed.datasets.catalogue.fetching import count_ids, fetch_dataset
from segfeed.datasets.export.exporting import KINDS, export_splits
from segfeed.datasets.export.names import RENAMED, name_splits, read_renamed
from segfeed.datasets.export.outlines import LOST, read_lost
from segfeed.system.showing import counted


def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="'voc2012', or 'sbd': VOC 2012 with the train list 'trainaug'.")
    ],
    to: Annotated[
        Path | None, typer.Option(help="The folder that gets VOCdevkit/VOC2012. (default: one in the cache)")
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE|URL", help="A copy of the archive; a file is used in place and kept."),
    ] = None,
    sha1: Annotated[
        str | None, typer.Option(help="The archive's SHA-1, if it is not the published one but you trust it.")
    ] = None,
    voc: Annotated[
        Path | None,
        typer.Option(help="For 'sbd': the folder of VOC 2012. (default: the one in the cache, or fetched)"),
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive", help="Keep the downloaded archive, beside VOCdevkit.")
    ] = False,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Download a dataset, check it, and unpack what segmentation needs of it."""
    root = fetch_dataset(name, to, archive=archive, sha1=sha1, voc=voc, keep_archive=keep_archive, cache_dir=cache_dir)
    counts = count_ids(name, root)
    if as_json:
        print_json({"dataset": name, "folder": str(root), "lists": counts})
        return
    say(f"{name}: {', '.join(f'{split} {count:,}' for split, count in counts.items())}")
    say(f"{root}")


def export(
    source: SourceOptions,
    to: Annotated[Path, typer.Option(help="The folder to make; must not exist.")],
    kind: Annotated[str, typer.Option("--as", help=f"{', '.join(KINDS)}.")] = "voc",
    splits: Splits = "train,val",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Write a dataset as a VOC folder, Parquet for Hugging Face datasets, WebDataset shards, COCO or YOLO polygons."""
    sources = source.scan_all(splits)
    names = name_splits(kind, sources) if kind in KINDS else {}
    folder = export_splits(sources, to, kind, threads=threads)  # type: ignore[arg-type]  # export_splits checks the word
    renamed = Counter(split for split, _, _ in read_renamed(folder))
    lost: Counter[str] = Counter()
    for split, _, pixels in read_lost(folder):
        lost[split] += pixels
    if as_json:
        counts = {names[one.split]: len(one) for one in sources}
        print_json(
            {
                "folder": str(folder),
                "kind": kind,
                "splits": counts,
                "renamed": dict(renamed),
                "differing_pixels": dict(lost),
            }
        )
        return
    for one in sources:
        written = names[one.split]
        notes = f", as split {written!r}" if written != one.split else ""
        notes += f", {renamed[written]:,} of them renamed, as {RENAMED} lists" if renamed[written] else ""
        notes += f"; read back: {lost[written]:,} px differ" + (
            f", void before, as {LOST} lists" if lost[written] else ""
        )
        say(f"{one.name} {one.split}: {counted(len(one), 'sample')}{notes}")
    say(f"wrote {folder}")
