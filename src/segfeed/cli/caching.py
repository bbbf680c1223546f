"""Commands about the cache: list its packs (`cache`), remove old ones (`prune`), read them again (`verify`)."""

import os
from typing import Annotated, Any

import typer

from segfeed.audit.findings import Finding
from segfeed.audit.verification import match_pack, verify_pack
from segfeed.cli.options import AnySourceOptions, AsJson, CacheDir, Splits, Threads
from segfeed.cli.printing import print_json, print_table, say
from segfeed.cli.wording import advice
from segfeed.errors import OptionError, PackError
from segfeed.packs.cache import LIMIT, CachedPack, describe_packs, prune_packs, prune_to, read_size
from segfeed.packs.pack import Pack
from segfeed.system.showing import counted
from segfeed.system.storage import cache_folder, describe_bytes, private_folder


def verify(
    source: AnySourceOptions, splits: Splits = "train,val", threads: Threads = None, as_json: AsJson = False
) -> None:
    """Read packs again, and a dataset's own files, and compare every byte with what was recorded at packing.

    The exit code is 1 if anything differs.
    """
    findings: list[Finding] = []
    packs: list[Pack] = []
    if source.data:
        for one in source.scan_all(splits):
            pack, differences = match_pack(one, cache_dir=source.cache_dir, threads=threads)
            findings += differences
            packs += [pack] if pack else []
    else:
        for found in describe_packs(source.cache_dir):
            if found.is_damaged:
                findings.append(_damaged(found))
                continue
            try:
                packs.append(Pack(found.folder))
            except PackError as error:  # also of another version of segfeed: the others are verified all the same
                findings.append(
                    Finding("error", "pack-damaged", "", "", error.where, error.found, error.expected, error.remedy)
                )
    for pack in packs:
        findings += verify_pack(pack, threads=threads)
    if as_json:
        verified = [{"folder": str(pack.folder), "pairs": len(pack)} for pack in packs]
        print_json({"verified": verified, "findings": [finding.to_json() for finding in findings]})
    else:
        _print_verified(packs, findings, "pairs and the files they were made from" if source.data else "pairs")
    if any(finding.severity != "note" for finding in findings):
        raise typer.Exit(1)


def _damaged(found: CachedPack) -> Finding:
    what = "a pack whose manifest cannot be read"
    remedy = "remove it with `segfeed cache prune`; it is made anew when it is needed"
    return Finding("error", "pack-damaged", "", "", str(found.folder), what, "a whole pack", remedy)


def _print_verified(packs: list[Pack], findings: list[Finding], what: str) -> None:
    if not packs and not findings:
        say("the cache holds no pack")
    for finding in findings:
        say(advice(str(finding)))
    blamed = {finding.split for finding in findings}
    for pack in packs:
        if pack.split not in blamed:
            say(f"{pack.name} {pack.split}: {len(pack):,} {what} are sound")


def list_packs(context: typer.Context, cache_dir: CacheDir = None, as_json: AsJson = False) -> None:
    """List the packs in the cache: size, dataset, age."""
    if context.invoked_subcommand is not None:
        return
    packs = describe_packs(cache_dir)
    total = sum(found.size_bytes for found in packs)
    kernels = _describe_kernels()
    if as_json:
        print_json({"packs": [found.to_json() for found in packs], "bytes": total, "kernels": kernels})
        return
    if packs:
        print_table(
            ("dataset", "split", "legend", "pairs", "size", "made", "last used"), [found.cells() for found in packs]
        )
        limit = os.environ.get(LIMIT, "").strip()
        allowed = f", at most {limit} as {LIMIT} says" if limit else ""
        say(f"{describe_bytes(total)} in all{allowed}, in {cache_folder(cache_dir)}")
    else:
        say("the cache holds no pack")
    if kernels["files"]:
        files, size = counted(kernels["files"], "file"), f"{kernels['bytes'] / 2**20:.1f} MiB"
        say(f"compiled kernels: {files}, {size}, {kernels['folder']}")


def _describe_kernels() -> dict[str, Any]:
    """Count the compiled kernels that were kept; they may be removed at any time, and are made anew in seconds."""
    folder = private_folder("kernels")
    files = [path for path in folder.rglob("*") if path.is_file()] if folder else []
    return {"folder": str(folder or ""), "files": len(files), "bytes": sum(path.stat().st_size for path in files)}


def prune(
    older_than: Annotated[
        int | None,
        typer.Option(metavar="DAYS", min=0, help="Remove what was not used for so many days. (default: 30)"),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Remove what was used longest ago, unless it is open, down to 20GB or so."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove packs that were not used for a while, and what killed processes left half-made."""
    if to is not None and older_than is not None:
        raise OptionError("to", found="it is passed together with --older-than", expected="one of them")
    if to is not None:
        removed = prune_to(read_size("to", to), cache_dir=cache_dir, dry_run=dry_run)
    else:
        days = 30 if older_than is None else older_than
        removed = prune_packs(days, cache_dir=cache_dir, dry_run=dry_run)
    if as_json:
        print_json({"removed": [str(path) for path in removed], "dry_run": dry_run})
        return
    for path in removed:
        say(f"{'would remove' if dry_run else 'removed'} {path}")
    say(f"{counted(len(removed), 'folder')} {'to remove' if dry_run else 'removed'}")
