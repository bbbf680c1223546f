"""The audit: read every pair of a dataset once, and ask every rule about it."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from segfeed.audit.facts import Facts, files_of, read_facts, read_mask
from segfeed.audit.findings import SEVERITIES, Audit, Checked, Finding, SampleId
from segfeed.audit.listing import DatasetListing, joined_splits, list_dataset
from segfeed.audit.rules import across, classes, files, labels, mask, photo, shapes, split
from segfeed.audit.rules.subjects import AuditedDataset, AuditedSplit
from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.opening import Opening
from segfeed.datasets.source import Missing, Sample, Source
from segfeed.system.options import whole_number
from segfeed.system.work import in_order, show_progress

_SAMPLE_RULES = photo.RULES + mask.RULES
_SPLIT_RULES = split.RULES + shapes.RULES
_DATASET_RULES = across.RULES + files.RULES


def check(
    data: str | os.PathLike[str] | Source,
    splits: Iterable[str] | None = None,
    *,
    crop_size: tuple[int, int] = (320, 480),
    threads: int | None = None,
    **scan_options: Any,
) -> Audit:
    """Read every pair of a dataset once and list what is wrong with it.

    An audit goes on after whatever it finds; only options without meaning, and a path without a dataset, raise.

    Args:
        data: a path, a dataset's name such as "sample", or a source that was scanned already.
        splits: the names of the splits to check; None for all.
        crop_size: (height, width) in px of the crops that are to be trained on.
        threads: how many pairs are read at once; None for all cores.
        **scan_options: the options of `segfeed.scan`, such as legend, for a path or a name.

    Returns:
        audit: iterates over its findings, errors first, and says how many pairs were read.

    Raises:
        OptionError: an option has no meaning here.
        SourceError: no known dataset, or no such split.

    >>> audit = check("sample", ["val"])
    >>> audit.count()["error"], audit.pairs
    (0, 40)
    """
    height, width = (whole_number("crop side", side, 1, 2**31 - 1) for side in crop_size)
    return judge(
        read_dataset(list_dataset(data, splits, Opening.of(**scan_options) if scan_options else None), threads),
        (height, width),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DatasetFacts:
    """What reading a dataset once showed.

    Attributes:
        listing: the splits.
        pairs: facts of every different pair; splits may share some.
        stray_masks: facts of the files that lie where a mask is missing.
        strays: the files that lie where one is missing, by split.
    """

    listing: DatasetListing
    pairs: tuple[Facts, ...]
    stray_masks: tuple[Facts, ...]
    strays: dict[str, dict[Missing, File]]

    def by_split(self) -> dict[str, tuple[Facts, ...]]:
        """Sort the facts by split; those of a split stand in its order."""
        by_id = {sample_id: facts for facts in self.pairs for sample_id in facts.ids}
        return {source.split: tuple(by_id[source.split, key] for key in source.keys) for source in self.listing.sources}


def read_dataset(
    listing: DatasetListing, threads: int | None, read: Callable[[Blob], bytes] | None = None
) -> DatasetFacts:
    """Read every file of a dataset once, however many splits share it.

    Args:
        listing: the splits.
        threads: how many pairs are read at once; None for all cores.
        read: reads a mask's bytes in place of the blob itself.
    """
    jobs: dict[tuple[str, str | None], tuple[Source, Sample, list[SampleId]]] = {}
    for source in listing.sources:
        for sample in source.samples:
            jobs.setdefault(files_of(sample), (source, sample, []))[2].append((source.split, sample.key))
    pairs = list(jobs.values())
    strays = {source.split: files.find_strays(source) for source in listing.sources}
    masks = [
        (source, (source.split, gap.key), file)
        for source in listing.sources
        for gap, file in strays[source.split].items()
        if gap.what == "mask"
    ]

    def read_job(number: int) -> Facts:
        if number < len(pairs):
            source, sample, ids = pairs[number]
            return read_facts(source, sample, tuple(ids), read=read)
        source, sample_id, file = masks[number - len(pairs)]
        return Facts((sample_id,), source, None, read_mask(file, source, read))

    every = []
    with show_progress("checking", len(pairs) + len(masks)) as advance:
        for facts in in_order(read_job, len(pairs) + len(masks), threads):
            every.append(facts)
            advance(1)
    return DatasetFacts(listing, tuple(every[: len(pairs)]), tuple(every[len(pairs) :]), strays)


def judge(facts: DatasetFacts, crop_size: tuple[int, int]) -> Audit:
    """Ask every rule about the facts of a dataset; crop_size is (height, width) in px."""
    listing = facts.listing
    of_samples = list(_judge_samples(facts))
    of_dataset = list(_judge_dataset(facts, crop_size))
    findings = sorted(
        (*listing.findings, *of_samples, *of_dataset),
        key=lambda finding: (SEVERITIES.index(finding.severity), finding.rule, finding.split),
    )
    broken = _broken(listing, of_samples, of_dataset)
    checked = [_checked(source, broken) for source in listing.sources]
    checked += [Checked(name, (), readable=False) for name in listing.unlisted]
    root, pairs = listing.root, len(facts.pairs)
    return Audit(root.name, str(root), listing.format, tuple(findings), tuple(checked), pairs)


def _judge_samples(facts: DatasetFacts) -> Iterator[Finding]:
    rules = _SAMPLE_RULES + (labels.RULES if facts.listing.has_legend else ())
    for one in (*facts.pairs, *facts.stray_masks):
        for rule in rules:
            yield from rule(one)


def _judge_dataset(facts: DatasetFacts, crop_size: tuple[int, int]) -> Iterator[Finding]:
    listing, of_split = facts.listing, facts.by_split()
    joined = joined_splits(listing.sources)  # whatever is wrong with such a split is wrong with those that it joins
    splits = tuple(
        AuditedSplit(
            source,
            of_split[source.split],
            crop_size,
            {gap: file.name for gap, file in facts.strays[source.split].items()},
        )
        for source in listing.sources
        if source.split not in joined
    )
    if not splits:
        return
    for one in splits:
        for split_rule in _SPLIT_RULES:
            yield from split_rule(one)
    dataset = AuditedDataset(splits, facts.pairs, listing.is_whole)
    for dataset_rule in _DATASET_RULES + (classes.RULES if listing.has_legend else ()):
        yield from dataset_rule(dataset)


def _broken(listing: DatasetListing, of_samples: list[Finding], of_dataset: list[Finding]) -> set[SampleId]:
    """List the samples with an error: a pair's own breaks it in every split, a leak in the split to be mended."""
    broken = {(source.split, gap.key) for source in listing.sources for gap in source.missing}
    for finding in of_samples:
        if finding.severity == "error":
            broken |= {(finding.split, finding.key), *finding.also}
    return broken | {(finding.split, finding.key) for finding in of_dataset if finding.severity == "error"}


def _checked(source: Source, broken: set[SampleId]) -> Checked:
    missing = tuple(dict.fromkeys(gap.key for gap in source.missing))
    listed = (*source.keys, *missing)
    return Checked(source.split, source.keys, missing, tuple(key for key in listed if (source.split, key) in broken))
