"""The audit: read every pair of a dataset once, and hold what was read against all rules."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from segfeed.audit.facts import Facts, read_facts, read_mask
from segfeed.audit.findings import SEVERITIES, Audit, Checked, Finding
from segfeed.audit.listing import DatasetListing, list_dataset
from segfeed.audit.lookalikes import can_look
from segfeed.audit.rules import across, classes, files, labels, mask, pair, photo, split
from segfeed.audit.rules.subjects import AuditedDataset, AuditedSplit, role_of
from segfeed.datasets.blobs import File
from segfeed.datasets.source import Missing, Sample, Source
from segfeed.errors import OptionError
from segfeed.system.options import whole_number
from segfeed.system.work import in_order, show_progress

_SAMPLE_RULES = photo.RULES + mask.RULES + pair.RULES
_SPLIT_RULES = split.RULES
_DATASET_RULES = across.RULES + files.RULES

_Place = tuple[str, str]  # (split, key)


def check(
    data: str | os.PathLike[str] | Source,
    splits: Iterable[str] | None = None,
    *,
    crop_size: tuple[int, int] = (320, 480),
    threads: int | None = None,
    **scan_options: Any,
) -> Audit:
    """Read every pair of a dataset once and list what is wrong with it.

    An audit goes on after whatever it finds; only a path that is no dataset and options without meaning raise.

    Args:
        data: a folder, "sample" for the embedded dataset, or a source that was scanned already.
        splits: the names of the splits to check; all that the dataset has where it is None.
        crop_size: (height, width) in px of the crops that are to be trained on.
        threads: how many pairs are read at once; all cores where it is None.
        **scan_options: task, legend, unknown, format and cache_dir, as in `segfeed.scan`.

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
    if not isinstance(data, Source):
        listing = list_dataset(data, splits, **scan_options)
    elif splits is None and not scan_options:
        listing = DatasetListing(data.root, data.format, (data,))
    else:
        raise OptionError("a source was scanned already; splits and the options of scan go with a path.")
    reading = _read_all(listing, threads, look=can_look())
    of_samples = list(_judge_samples(reading, listing))
    of_dataset = list(_judge_dataset(reading, listing, (height, width)))
    findings = sorted(
        (*listing.findings, *of_samples, *of_dataset),
        key=lambda finding: (SEVERITIES.index(finding.severity), finding.rule, finding.split),
    )
    broken = _broken(listing, of_samples, of_dataset)
    checked = [_checked(source, broken) for source in listing.sources]
    checked += [Checked(name, (), readable=False) for name in listing.unlisted]
    return Audit(
        listing.root.name, str(listing.root), listing.format, tuple(findings), tuple(checked), len(reading.facts)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """Hold what reading a dataset showed.

    Attributes:
        facts: of every different pair; splits may share some.
        strays: facts of the files that lie where a mask is missing.
        stray_files: what lies where a file is missing, by split.
        looked: whether lookalikes can be found.
    """

    facts: tuple[Facts, ...]
    strays: tuple[Facts, ...]
    stray_files: dict[str, dict[Missing, File]]
    looked: bool


def _read_all(listing: DatasetListing, threads: int | None, *, look: bool) -> _Reading:
    jobs: dict[tuple[str, str | None], tuple[Source, Sample, list[_Place]]] = {}
    stray_files = {source.split: files.find_strays(source) for source in listing.sources}
    masks = [
        (source, (source.split, lack.key), file)
        for source in listing.sources
        for lack, file in stray_files[source.split].items()
        if lack.what == "mask"
    ]
    for source in listing.sources:
        for sample in source.samples:
            files_of = (sample.photo.address, sample.mask.address if sample.mask else None)
            jobs.setdefault(files_of, (source, sample, []))[2].append((source.split, sample.key))
    pairs = list(jobs.values())

    def read(number: int) -> Facts:
        if number < len(pairs):
            source, sample, places = pairs[number]
            return read_facts(source, sample, tuple(places), look=look)
        source, place, file = masks[number - len(pairs)]
        return Facts((place,), source, None, read_mask(file, source))

    every = []
    with show_progress("checking", len(pairs) + len(masks)) as advance:
        for facts in in_order(read, len(pairs) + len(masks), threads):
            every.append(facts)
            advance(1)
    return _Reading(tuple(every[: len(pairs)]), tuple(every[len(pairs) :]), stray_files, look)


def _judge_samples(reading: _Reading, listing: DatasetListing) -> Iterator[Finding]:
    rules = _SAMPLE_RULES + (labels.RULES if listing.has_legend else ())
    for facts in (*reading.facts, *reading.strays):
        for rule in rules:
            yield from rule(facts)


def _judge_dataset(reading: _Reading, listing: DatasetListing, crop_size: tuple[int, int]) -> Iterator[Finding]:
    by_place = {place: facts for facts in reading.facts for place in facts.places}
    joined = _joined(listing.sources)
    splits = tuple(
        AuditedSplit(
            source,
            tuple(by_place[source.split, key] for key in source.keys),
            crop_size,
            {lack: file.name for lack, file in reading.stray_files[source.split].items()},
        )
        for source in listing.sources
        if source.split not in joined
    )
    if not splits:
        return
    dataset = AuditedDataset(splits, reading.facts, listing.is_whole, reading.looked)
    for one in splits:
        for split_rule in _SPLIT_RULES:
            yield from split_rule(one)
    for dataset_rule in _DATASET_RULES + (classes.RULES if listing.has_legend else ()):
        yield from dataset_rule(dataset)


def _joined(sources: tuple[Source, ...]) -> set[str]:
    """Name the splits that only join others, as trainval joins train and val: whatever is wrong is wrong with these."""
    listed = {source.split: frozenset(_listed(source)) for source in sources}
    joined: set[str] = set()
    for name, keys in listed.items():
        if role_of(name) not in ("", "trainval"):
            continue
        parts = [other for other in listed if other != name and other not in joined and listed[other] <= keys]
        if frozenset().union(*(listed[other] for other in parts)) == keys:
            joined.add(name)
    return joined


def _listed(source: Source) -> tuple[str, ...]:
    return (*source.keys, *dict.fromkeys(lack.key for lack in source.missing))


def _broken(listing: DatasetListing, of_samples: list[Finding], of_dataset: list[Finding]) -> set[_Place]:
    """List what has an error: a pair's breaks it in every split that lists it, a leak only where it is to be mended."""
    broken = {(source.split, lack.key) for source in listing.sources for lack in source.missing}
    for finding in of_samples:
        if finding.severity == "error":
            broken |= {(finding.split, finding.key), *finding.also}
    return broken | {(finding.split, finding.key) for finding in of_dataset if finding.severity == "error"}


def _checked(source: Source, broken: set[_Place]) -> Checked:
    missing = tuple(dict.fromkeys(lack.key for lack in source.missing))
    return Checked(
        source.split, source.keys, missing, tuple(key for key in _listed(source) if (source.split, key) in broken)
    )
