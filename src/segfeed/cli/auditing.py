"""Commands that say what is wrong with a dataset: as a list (`check`), as a page with pictures (`report`)."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from segfeed.audit import checking
from segfeed.audit.findings import SEVERITIES, Audit, Finding
from segfeed.audit.repair import FixedList, write_fixed_lists
from segfeed.cli.options import AsJson, AugmentName, Crop, CropOrRecipes, Force, SourceOptions, Threads, crop_size
from segfeed.cli.printing import print_json, print_table, say
from segfeed.cli.wording import advice
from segfeed.system.showing import counted

_SHOWN = 3  # of findings of one rule in one split

FixList = Annotated[
    str | None,  # a Path would lose the slash at its end, which says that it is a folder
    typer.Option(
        metavar="FILE|DIR", help="Write split lists without the broken pairs: a file for one split, or a folder."
    ),
]


def check(
    source: SourceOptions,
    split: Annotated[list[str] | None, typer.Option(help="A split to check; may be repeated. (default: all)")] = None,
    crop: Crop = "320x480",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings, too.")] = False,
    fix_list: FixList = None,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Read every photo and mask and list what is wrong with them; the exit code is 1 if there are errors."""
    found = checking.check(source.data, split or None, crop_size=crop_size(crop), threads=threads, **source.words)
    fixed = [] if fix_list is None else write_fixed_lists(found, fix_list, overwrite=force)
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
        else:
            broken = f", {len(checked.broken):,} broken or missing" if checked.broken else ""
            say(f"{checked.split}: {counted(len(checked.keys), 'pair')} checked{broken}")
    for one in fixed:
        say(str(one))
    counts = ", ".join(counted(number, severity) for severity, number in found.count().items())
    say(f"{found.name} ({found.format}): {counted(found.pairs, 'pair')} read; {counts}")


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings of one severity; of many of one kind, the first few and how many more there are."""
    if not findings:
        return
    rows = []
    for (rule, split), group in groupby(findings, key=lambda finding: (finding.rule, finding.split)):
        same = list(group)
        for finding in same[:_SHOWN]:
            where = " ".join(word for word in (split, finding.key, f"({finding.file})" if finding.file else "") if word)
            found = f"{finding.found}; expected {finding.expected}" if finding.expected else finding.found
            rows.append((rule, where, found, advice(finding.remedy)))
        if len(same) > _SHOWN:
            rows.append((rule, split, f"{len(same) - _SHOWN:,} more of these; --json lists them all", ""))
    heads = (f"{findings[0].severity}s ({len(findings):,})", "where", "found", "what to do")
    print_table(heads, rows, figures=False)


def report(
    source: SourceOptions,
    to: Annotated[Path | None, typer.Option(help="The HTML file to write. (default: NAME-report.html)")] = None,
    crop: CropOrRecipes = None,
    augment: AugmentName = None,
    count: Annotated[int, typer.Option(help="How many samples of each split are shown.")] = 24,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one HTML file that shows a dataset: samples, crops, classes, sizes, and what is wrong, on its picture."""
    from segfeed.pictures.report.page import write_report  # noqa: PLC0415 - its template engine: a fifth of a second

    path = write_report(
        source.data,
        to or Path(f"{Path(source.data).absolute().name}-report.html"),
        crop_size=None if crop is None else crop_size(crop),
        augment=augment,
        count=count,
        overwrite=force,
        threads=threads,
        **source.words,
    )
    size_bytes = path.stat().st_size
    if as_json:
        print_json({"report": str(path), "bytes": size_bytes})
    else:
        say(f"wrote {path} ({size_bytes / 1e6:.1f} MB)")
