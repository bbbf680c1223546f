"""Commands that audit a dataset."""

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segfeed.audit import checking as auditor
from segfeed.audit.findings import SEVERITIES, Audit, Finding
from segfeed.audit.repair import FixedList, write_fixed_lists
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
    clean,
    crop_size,
    print_json,
    say,
)
from segfeed.errors import OptionError, SegfeedError

_SHOWN = 3  # of findings of one rule in one split

Splits = Annotated[list[str] | None, typer.Option(help="A split to check; may be repeated. (default: all)")]
FixList = Annotated[
    str | None,  # a Path would lose the slash at its end, which says that it is a folder
    typer.Option(
        metavar="FILE|DIR", help="Write split lists without the broken pairs: a file for one split, or a folder."
    ),
]


def check(
    data: Data,
    split: Splits = None,
    crop: Crop = "320x480",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings, too.")] = False,
    fix_list: FixList = None,
    task: Task = "semantic",
    legend: LegendFile = None,
    unknown: Unknown = "error",
    format_name: FormatName = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Read every photo and mask and list what is wrong with them; the exit code is 1 where there are errors."""
    how = {"task": task, "legend": legend, "unknown": unknown, "format": format_name, "cache_dir": cache_dir}
    try:
        found = auditor.check(data, split or None, crop_size=crop_size(crop), threads=threads, **how)
        fixed = [] if fix_list is None else write_fixed_lists(found, fix_list, overwrite=force)
    except SegfeedError as error:
        if not as_json:
            raise
        print_json({"error": str(error), "kind": type(error).__name__})
        raise typer.Exit(2 if isinstance(error, OptionError) else 1) from error
    if as_json:
        print_json({**found.to_json(), "lists": [one.to_json() for one in fixed]})
    else:
        _print_audit(found, fixed)
    counts = found.count()
    if counts["error"] or (strict and counts["warning"]):
        raise typer.Exit(1)


def _print_audit(found: Audit, fixed: Sequence[FixedList]) -> None:
    for severity in SEVERITIES:
        _print_findings([finding for finding in found if finding.severity == severity])
    for checked in found.splits:
        if not checked.readable:
            say(f"{checked.split}: not checked, since it could not be listed")
        elif checked.broken:
            say(
                f"{checked.split}: {_count(len(checked.keys), 'pair')} checked, {len(checked.broken):,} broken or missing"
            )
        else:
            say(f"{checked.split}: {_count(len(checked.keys), 'pair')} checked")
    for one in fixed:
        say(str(one))
    counts = ", ".join(_count(number, severity) for severity, number in found.count().items())
    say(f"{found.name} ({found.format}): {_count(found.pairs, 'pair')} read; {counts}")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings of one severity; of many of one kind, the first few and how many more there are."""
    if not findings:
        return
    table = Table(box=box.SIMPLE_HEAD)
    for head in (f"{findings[0].severity}s ({len(findings):,})", "where", "found", "what to do"):
        table.add_column(head, overflow="fold")
    for (rule, split), group in groupby(findings, key=lambda finding: (finding.rule, finding.split)):
        same = list(group)
        for finding in same[:_SHOWN]:
            where = " ".join(word for word in (split, finding.key, f"({finding.file})" if finding.file else "") if word)
            found = "; expected ".join(clause for clause in (finding.found, finding.expected) if clause)
            table.add_row(*(escape(clean(cell)) for cell in (rule, where, found, finding.remedy)))
        if len(same) > _SHOWN:
            more = f"{len(same) - _SHOWN:,} more of these; --json lists them all"
            table.add_row(*(escape(clean(cell)) for cell in (rule, split, more, "")))
    # Piped output has no width of its own: never fold a table there.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)
