"""Commands that keep the cache: list its packs, and prune them."""

from typing import Annotated

import typer

from segfeed.cache import describe_packs, prune_packs
from segfeed.commands import AsJson, CacheDir, print_json, print_table, say


def list_packs(context: typer.Context, cache_dir: CacheDir = None, as_json: AsJson = False) -> None:
    """List the packs in the cache: size, dataset, age."""
    if context.invoked_subcommand is not None:
        return
    packs = describe_packs(cache_dir)
    if as_json:
        print_json({"packs": [found.to_json() for found in packs]})
        return
    if not packs:
        say("the cache holds no pack")
        return
    print_table(("dataset", "split", "task", "pairs", "size", "made", "last used"), [found.cells() for found in packs])


def prune(
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=0, help="Remove what was not used for so many days.")
    ] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove packs that were not used for a while, and what killed processes left half-made."""
    removed = prune_packs(older_than, cache_dir=cache_dir, dry_run=dry_run)
    if as_json:
        print_json({"removed": [str(path) for path in removed], "dry_run": dry_run})
        return
    for path in removed:
        say(f"{'would remove' if dry_run else 'removed'} {path}")
    say(f"{len(removed)} {'folder' if len(removed) == 1 else 'folders'} {'to remove' if dry_run else 'removed'}")
