"""Commands that keep the cache: list its packs, prune them, verify them."""

from typing import Annotated

import typer

from segfeed.audit.findings import Finding
from segfeed.audit.verification import match_pack, verify_pack
from segfeed.cli.options import (
    AsJson,
    CacheDir,
    FormatName,
    LegendFile,
    Task,
    Threads,
    Unknown,
    print_json,
    print_table,
    say,
)
from segfeed.feed import scan
from segfeed.packs.cache import describe_packs, prune_packs
from segfeed.packs.pack import Pack


def verify(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="A dataset's folder, tar, table or config file, or a name: 'sample', 'voc2012', 'sbd': its files are compared, "
            "too. (default: every pack in the cache, without the files)",
        ),
    ] = None,
    splits: Annotated[str, typer.Option(help="Names of the dataset's lists.")] = "train,val",
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Read packs again, and of a dataset also its files, and compare every byte with what was recorded when it was packed.

    The exit code is 1 where anything differs.
    """
    findings: list[Finding] = []
    packs: list[Pack] = []
    for split in splits.split(",") if data else ():
        source = scan(data, split, task=task, legend=legend, unknown=unknown, format=format_name, cache_dir=cache_dir)  # type: ignore[arg-type]  # scan checks
        pack, differences = match_pack(source, cache_dir=cache_dir, threads=threads)
        findings += differences
        packs += [pack] if pack else []
    if not data:
        packs = [Pack(found.folder) for found in describe_packs(cache_dir)]
    for pack in packs:
        findings += verify_pack(pack, threads=threads)
    if as_json:
        verified = [{"folder": str(pack.folder), "pairs": len(pack)} for pack in packs]
        print_json({"verified": verified, "findings": [finding.to_json() for finding in findings]})
    else:
        _print_verified(packs, findings, "pairs and the files they were made from" if data else "pairs")
    if any(finding.severity != "note" for finding in findings):
        raise typer.Exit(1)


def _print_verified(packs: list[Pack], findings: list[Finding], what: str) -> None:
    if not packs and not findings:
        say("the cache holds no pack")
    for finding in findings:
        say(str(finding))
    blamed = {finding.split for finding in findings}
    for pack in packs:
        if pack.split not in blamed:
            say(f"{pack.name} {pack.split}: {len(pack):,} {what} are sound")


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
    print_table(
        ("dataset", "split", "legend", "pairs", "size", "made", "last used"), [found.cells() for found in packs]
    )


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
