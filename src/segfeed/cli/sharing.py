"""Commands that share: a dataset in the layouts that others take."""

from pathlib import Path
from typing import Annotated

import typer

from segfeed.cli.options import AsJson, CacheDir, Data, FormatName, LegendFile, Threads, Unknown, print_json, say
from segfeed.datasets.export import KINDS, export_splits
from segfeed.feed import scan


def export(
    data: Data,
    to: Annotated[Path, typer.Option(help="The folder to make; must not exist.")],
    kind: Annotated[str, typer.Option("--as", help=f"{', '.join(KINDS)}.")] = "voc",
    splits: Annotated[str, typer.Option(help="Names of the lists to export.")] = "train,val",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a dataset as a VOC folder, as Parquet for Hugging Face datasets, or as WebDataset shards."""
    sources = [
        scan(data, split, legend=legend, unknown=unknown, format=format_name, cache_dir=cache_dir)
        for split in splits.split(",")
    ]
    folder = export_splits(sources, to, kind, threads=threads)  # type: ignore[arg-type]  # export_splits checks the word
    if as_json:
        counts = {source.split: len(source) for source in sources}
        print_json({"folder": str(folder), "kind": kind, "splits": counts})
        return
    for source in sources:
        say(f"{source.name} {source.split}: {len(source):,} samples")
    say(f"wrote {folder}")
