"""The listing: all splits of a dataset, listed as far as they can be; what cannot be listed is a finding, not the end."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from segfeed.audit.facts import below
from segfeed.audit.findings import Finding, Severity
from segfeed.audit.rules.subjects import words_of
from segfeed.datasets.formats.lists import AUTOMATIC, choose_split
from segfeed.datasets.opening import Dataset, LegendLike, open_dataset
from segfeed.datasets.source import Source, Task
from segfeed.errors import LegendError, ListError, MaskError, SegfeedError, SourceError, SourceMissingError
from segfeed.pixels.legend import VOC


@dataclass(frozen=True, slots=True, eq=False)
class DatasetListing:
    """Hold the splits of a dataset.

    Attributes:
        root: the dataset's folder or file.
        format: its format's name.
        sources: the splits that could be listed, with the samples that lack a file.
        findings: what is wrong with lists and legend.
        unlisted: the names of the splits that could not be listed.
        has_legend: False where VOC's stands in for one that could not be read, so that files can be checked all the same.
        is_whole: whether these are all samples of the dataset.
    """

    root: Path
    format: str
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...] = ()
    unlisted: tuple[str, ...] = ()
    has_legend: bool = True
    is_whole: bool = False


def list_dataset(
    data: str | os.PathLike[str],
    splits: Iterable[str] | None = None,
    *,
    task: Task = "semantic",
    legend: LegendLike | None = None,
    unknown: str = "error",
    format: str | None = None,  # noqa: A002 - the field's word
    cache_dir: str | os.PathLike[str] | None = None,
) -> DatasetListing:
    """List the samples of every split of a dataset.

    Args:
        data: a folder, or "sample" for the embedded dataset.
        splits: the names of the splits; all where it is None.
        task: as in `segfeed.scan`, as are all that follow.
        legend: of the dataset.
        unknown: what an unknown colour becomes.
        format: the dataset's.
        cache_dir: of the embedded dataset.

    Raises:
        OptionError: an option has no meaning here.
        LegendError: the legend that was given cannot be read.
        SourceError: no known dataset, or no such split.

    >>> [len(source) for source in list_dataset("sample").sources]
    [6, 160, 200, 40]
    """
    dataset = open_dataset(data, task=task, legend=legend, unknown=unknown, format=format, cache_dir=cache_dir)
    names, root = dataset.split_names, dataset.root
    if not names:
        raise SourceMissingError(f"{root}: no split; expected at least one list or folder of samples.")
    wanted = names if splits is None else list(dict.fromkeys(choose_split(name, names, root) for name in splits))
    return _list_splits(dataset, wanted, names)


def _list_splits(dataset: Dataset, wanted: list[str], names: list[str]) -> DatasetListing:
    sources, findings, unlisted, has_legend = [], [], [], True
    for name in wanted:
        try:
            try:
                source = dataset.scan(name)
            except (LegendError, MaskError) as error:
                if dataset.legend or dataset.groups:
                    raise
                # Nothing says what the masks mean, yet photos, masks and their sizes can be checked.
                findings.append(_about_legend(dataset.root, error))
                has_legend, dataset = False, replace(dataset, legend=VOC, unknown="error")
                source = dataset.scan(name)
            sources.append(source)
        except SourceError as error:
            findings.append(_about(dataset.root, name, _rule_of(error), error, _severity_of(name, names)))
            unlisted.append(name)
    is_whole = set(wanted) == set(names) and not any(finding.severity == "error" for finding in findings)
    root, format_name = (sources[0].root, sources[0].format) if sources else (dataset.root, "")
    return DatasetListing(root, format_name, tuple(sources), tuple(findings), tuple(unlisted), has_legend, is_whole)


def _about_legend(root: Path, error: SegfeedError) -> Finding:
    finding = _about(root, "", "legend-unusable", error)
    if isinstance(error, LegendError):
        return replace(finding, expected="a legend that says what the masks mean")
    found = f"no file says what the masks mean, and {finding.file} cannot show it"
    return replace(finding, file="", found=found, expected="a legend", remedy="add a legend file, or pass legend=")


def _rule_of(error: SourceError) -> str:
    return "list-malformed" if isinstance(error, ListError) else "split-unreadable"


def _severity_of(name: str, names: list[str]) -> Severity:
    """Judge a split that cannot be listed: of few samples, a split by the hash of their ids may well be empty."""
    return "note" if name in AUTOMATIC and tuple(names[-3:]) == AUTOMATIC else "error"


def _about(root: Path, split: str, rule: str, error: SegfeedError, severity: Severity = "error") -> Finding:
    """Turn the error that kept a split from being listed into a finding; its own words name the file and the line."""
    place, _, rest = str(error).partition(": ")
    file, _, line = below(root, place).partition(", line ")
    found, expected, remedy = words_of(f"line {line}: {rest}" if line else rest, "")
    return Finding(severity, rule, split, "", "" if file == str(root) else file, found, expected, remedy)
