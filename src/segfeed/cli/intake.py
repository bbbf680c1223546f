"""Commands that take datasets in: fetch one by its name."""

from pathlib import Path
from typing import Annotated

import typer

from segfeed.cli.options import AsJson, CacheDir, print_json, say
from segfeed.datasets.catalogue.fetching import count_ids, fetch_dataset


def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="'voc2012', or 'sbd': VOC 2012 with the train list 'trainaug'.")
    ],
    to: Annotated[
        Path | None, typer.Option(help="The folder that gets VOCdevkit/VOC2012; one in the cache where it is left out.")
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE|URL", help="A copy of the archive; a file is used in place and kept."),
    ] = None,
    sha1: Annotated[
        str | None, typer.Option(help="The archive's SHA-1, where it is not the published one but you trust it.")
    ] = None,
    voc: Annotated[
        Path | None,
        typer.Option(help="For 'sbd': the folder of VOC 2012; the one in the cache, or fetched, where it is left out."),
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
