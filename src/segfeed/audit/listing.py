"""The listing: all splits of a dataset, as far as they can be listed; what cannot be listed is a finding."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from segfeed.audit.facts import below, files_of
from segfeed.audit.findings import Finding, Severity
from segfeed.datasets.made_splits import doubt_splits
from segfeed.datasets.matching.lists import AUTOMATIC, choose_split
from segfeed.datasets.opening import Dataset, Opening, open_dataset
from segfeed.datasets.source import Source
from segfeed.datasets.splits import role_of
from segfeed.errors import (
    EmptySplitError,
    LegendError,
    ListError,
    MaskError,
    OptionError,
    SegfeedError,
    SourceError,
    SourceMissingError,
)
from segfeed.pixels.public_legends import VOC


@dataclass(frozen=True, slots=True, eq=False)
class DatasetListing:
    """The splits of a dataset.

    Attributes:
        root: the dataset's folder or file.
        format: its format's name.
        why: what the format was recognised by.
        sources: the splits that could be listed, with the samples that lack a file.
        findings: what is wrong with lists and legend.
        unlisted: the names of the splits that could not be listed.
        has_legend: False if VOC's legend stands in for one that could not be read, so that files can still be checked.
        is_whole: whether these are all samples of the dataset.
        note: what its description says is odd about it; "" if nothing is.
    """

    root: Path
    format: str
    why: str
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...] = ()
    unlisted: tuple[str, ...] = ()
    has_legend: bool = True
    is_whole: bool = False
    note: str = ""


def list_dataset(
    data: str | os.PathLike[str] | Source, splits: Iterable[str] | None = None, opening: Opening | None = None
) -> DatasetListing:
    """List the samples of every split of a dataset.

    Args:
        data: a path, a dataset's name, or a source that was scanned already, which is listed alone.
        splits: the names of the splits; None for all.
        opening: the options of `segfeed.scan`, if any is given.

    Raises:
        OptionError: an option has no meaning here.
        LegendError: the legend that was given cannot be read.
        SourceError: no known dataset, or no such split.

    >>> [len(source) for source in list_dataset("sample").sources]
    [6, 160, 200, 40]
    """
    if isinstance(data, Source):
        if splits is not None or opening is not None:
            raise OptionError(
                "data",
                found="a source that was scanned already, together with splits or options of scan",
                expected="a path with these options, or a source without them",
            )
        return DatasetListing(data.root, data.format, data.why, (data,))
    dataset = open_dataset(data, opening or Opening())
    names, root, why = dataset.split_names, dataset.root, dataset.recognised.why
    if not names:
        raise SourceMissingError(str(root), found="no split", expected="at least one list or folder of samples")
    wanted = names if splits is None else list(dict.fromkeys(choose_split(name, names, root) for name in splits))
    listing = replace(_list_splits(dataset, root, wanted, names), note=dataset.note)
    doubts = [
        Finding(one.severity, one.rule, "", "", "", one.found, one.expected, one.remedy)
        for one in doubt_splits(dataset, wanted)
    ]
    listing = replace(listing, findings=(*listing.findings, *doubts))
    return listing if listing.sources else replace(listing, why=why)


def _list_splits(dataset: Dataset, root: Path, wanted: list[str], names: list[str]) -> DatasetListing:
    sources, findings, unlisted, has_legend = [], [], [], True
    for name in wanted:
        try:
            try:
                source = dataset.scan(name)
            except (LegendError, MaskError) as error:
                if dataset.legend or dataset.groups:
                    raise
                # Nothing says what the masks mean, but photos, masks and their sizes can be checked.
                findings.append(_legend_unusable(root, error))
                has_legend, dataset = False, replace(dataset, legend=VOC, unknown="error")
                source = dataset.scan(name)
            sources.append(source)
        except SourceError as error:
            rule = "list-malformed" if isinstance(error, ListError) else "split-unreadable"
            # Of few samples, a split by the hash of their ids may well be empty.
            severity: Severity = "note" if isinstance(error, EmptySplitError) else "error"
            findings.append(_finding_of(error, root, rule, name, severity))
            unlisted.append(name)
    if not any(source.samples or source.missing for source in sources):  # nothing was checked, whatever the reason
        findings = [replace(finding, severity="error") for finding in findings] or [_nothing_listed(wanted)]
    is_whole = set(wanted) == set(names) and not any(finding.severity == "error" for finding in findings)
    root, format_name = (sources[0].root, sources[0].format) if sources else (root, "")
    why = "; ".join(dict.fromkeys(source.why for source in sources))
    return DatasetListing(
        root, format_name, why, tuple(sources), tuple(findings), tuple(unlisted), has_legend, is_whole
    )


def _legend_unusable(root: Path, error: SegfeedError) -> Finding:
    if isinstance(error, LegendError):
        finding = _finding_of(error, root, "legend-unusable")
        return replace(finding, expected="a legend that says what the masks mean")
    found = f"no file says what the masks mean, and {error.where} cannot show it"
    remedy = "add a legend file, or pass legend="
    return Finding("error", "legend-unusable", "", "", "", found, "a legend", remedy)


def _nothing_listed(wanted: list[str]) -> Finding:
    found = f"no sample in {', '.join(wanted)}"
    return Finding("error", "split-unreadable", "", "", "", found, "pairs to check", "check the path")


def _finding_of(error: SegfeedError, root: Path, rule: str, split: str = "", severity: Severity = "error") -> Finding:
    """Make a finding of the error that kept a split from being listed."""
    file = below(root, error.where)
    if file != error.where:
        return Finding.of(error, severity, rule, split, file=file)
    finding = Finding.of(error, severity, rule, split)
    # A thing that is not a file of the dataset, such as a legend by its name, has no field of its own.
    return finding if error.where == str(root) else replace(finding, found=f"{error.where}: {error.found}")


def joined_splits(sources: Iterable[Source]) -> dict[str, tuple[str, ...]]:
    """Find the splits that merely join others, as trainval joins train and val: joined split -> those that it joins.

    Such a split holds exactly what two or more smaller ones hold together, and its name does not say that it is trained
    on or scored by itself: "trainaug" that holds "train" and "extra" is a split of its own.
    """
    held = {
        source.split: frozenset([*map(files_of, source.samples), *((gap.folder, gap.key) for gap in source.missing)])
        for source in sources
    }
    joined: dict[str, tuple[str, ...]] = {}
    for split in sorted(held, key=lambda name: len(held[name])):  # a joined split comes before those that hold it
        if role_of(split) not in ("", "trainval"):
            continue
        parts = tuple(name for name, other in held.items() if name not in joined and other < held[split])
        if len(parts) > 1 and frozenset().union(*(held[name] for name in parts)) == held[split]:
            joined[split] = parts
        elif split == AUTOMATIC[-1] and (
            same := [name for name in held if name != split and held[name] == held[split]]
        ):
            joined[split] = (same[0],)  # a hash has put every sample there
    return joined
