"""What several splits show together: samples that are in two of them, and photos that occur twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from segfeed.audit.facts import Facts
from segfeed.audit.findings import Finding, SampleId, Severity
from segfeed.audit.lookalikes import group_lookalikes
from segfeed.audit.rules.subjects import AuditedDataset, AuditedSplit, DatasetRule
from segfeed.datasets.splits import (
    CLASSES_RULE,
    GROUP_RULE,
    Grouped,
    find_other_classes,
    find_shared_groups,
    must_part,
    reading_order,
)
from segfeed.system.showing import some

_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One sample of one split."""

    split: str
    key: str
    facts: Facts

    @property
    def id(self) -> SampleId:
        return self.split, self.key


@dataclass(frozen=True, slots=True)
class _Words:
    """How findings of one kind of likeness are named, and their severities: across splits, if unclear, within one."""

    rule: str
    alike: str
    severities: tuple[Severity, Severity, Severity]


_EXACT = _Words("photo-duplicate", "the same bytes as", ("error", "warning", "warning"))
_NEAR = _Words("photo-lookalike", "looks nearly like", ("warning", "note", "note"))


def ids_in_two_splits(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report samples that are in two splits, by id and photo; one by one if they falsify a score."""
    for one, two in combinations(sorted(dataset.splits, key=lambda split: reading_order(split.name)), 2):
        ours, theirs = _listed(one), _listed(two)
        both = [key for key in ours if key in theirs and ours[key] & theirs[key]]
        if not both:
            continue
        if must_part(one.name, two.name):
            yield from (_leak(one, two, key) for key in both)
        else:
            severity: Severity = "note" if must_part(one.name, two.name) is False else "warning"
            found, expected = f"samples shared with {two.name!r}: {some(both)}", "each sample in one split"
            remedy = "do nothing if one split is meant to hold part of the other"
            yield one.about(severity, "id-in-two-splits", found, expected, remedy, keys=tuple(both))


def classes_that_differ(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report splits in which a class id means another class."""
    if error := find_other_classes(dataset.source.root, {split.name: split.source.legend for split in dataset.splits}):
        yield Finding("error", CLASSES_RULE, "", "", "", error.found, error.expected, error.remedy)


def groups_in_two_splits(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report groups, such as patients, scenes or videos, that stand in two splits: their samples are near copies."""
    for one, two in combinations(sorted(dataset.splits, key=lambda split: reading_order(split.name)), 2):
        if shared := find_shared_groups(Grouped.of(one.source), Grouped.of(two.source)):
            keys = tuple(key for key in one.source.keys if one.source.groups.get(key) in shared.names)
            yield one.about(shared.severity, GROUP_RULE, shared.found, shared.expected, shared.remedy, keys=keys)


def _listed(split: AuditedSplit) -> dict[str, frozenset[str | bytes]]:
    """Return what tells each sample from another of its key: where its photo lies, and what the file holds.

    Two samples of one key are one if they share either: files of the same bytes may lie in two folders.
    """
    # A listed sample that lacks a file has no facts; its folder tells it from those of other folders.
    listed = {gap.key: frozenset[str | bytes]({f"{gap.folder}/{gap.key}"}) for gap in split.source.missing}
    for sample, facts in zip(split.source.samples, split.facts, strict=True):
        digest = facts.photo.digest if facts.photo is not None else b""
        listed[sample.key] = frozenset({sample.photo.address} | ({digest} if digest else set()))
    return listed


def _leak(one: AuditedSplit, two: AuditedSplit, key: str) -> Finding:
    found, expected = f"the sample is in {two.name!r}, too", "each sample in one split"
    remedy = f"take it off {one.name!r}, as a score on seen photos means nothing"
    also = ((two.name, key),)
    return Finding("error", "id-in-two-splits", one.name, key, "", found, expected, remedy, also=also)


def photos_turned_apart(dataset: AuditedDataset) -> Iterator[Finding]:
    """Count the samples whose photo and mask would fit if photos were turned as their EXIF orientation says."""
    turned = [facts for facts in dataset.facts if facts.is_turned_apart]
    if turned:
        found = f"EXIF orientations that turn photos to the sizes of their masks, in {len(turned)} samples"
        remedy = 'pass orientation="apply" to load, scan, check or export, which turns these photos'
        also = tuple(facts.ids[0] for facts in turned)
        yield Finding("note", "exif-orientation", "", "", "", found, "upright photos", remedy, also=also)


def photos_repeated(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report photos whose files hold the same bytes as another sample's."""
    groups: dict[bytes, list[_Entry]] = {}
    for entry in _entries(dataset):
        if entry.facts.photo is not None and entry.facts.photo.digest:
            groups.setdefault(entry.facts.photo.digest, []).append(entry)
    for group in groups.values():
        yield from _report(group, _EXACT)


def photos_alike(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report photos that show nearly the same as another sample's."""
    kinds: dict[bytes, list[_Entry]] = {}
    for entry in _entries(dataset):
        if entry.facts.photo is not None and entry.facts.photo.appearance is not None:
            kinds.setdefault(entry.facts.photo.digest, []).append(entry)
    members = list(kinds.values())  # photos of the same bytes are compared once
    firsts = [entries[0].facts.photo for entries in members]
    appearances = [photo.appearance for photo in firsts if photo and photo.appearance]
    for group in group_lookalikes(appearances):
        yield from _report([entry for index in group for entry in members[index]], _NEAR)


def _entries(dataset: AuditedDataset) -> Iterator[_Entry]:
    for split in dataset.splits:
        for key, facts in zip(split.source.keys, split.facts, strict=True):
            yield _Entry(split.name, key, facts)


def _report(group: Sequence[_Entry], words: _Words) -> Iterator[Finding]:
    """Report each sample of a group of like photos that should not be beside another of it.

    If splits must share nothing, that is every sample on the training side; else every sample but the first.
    """
    if len(group) < 2:
        return
    by_split: dict[str, list[_Entry]] = {}
    for entry in group:
        by_split.setdefault(entry.split, []).append(entry)
    apart = {
        name: [other for other in by_split if must_part(name, other) and _comes_first(name, other)] for name in by_split
    }
    held = {other for others in apart.values() for other in others}
    seen: set[int] = set()  # a sample that several splits share is one
    for entry in group:
        beyond = (other for name in apart[entry.split] for other in by_split[name])
        others = list(islice((other for other in beyond if _differ(entry, other, words)), _SHOWN))
        if others:
            yield _about(entry, others, words, words.severities[0])
        elif entry.split not in held and id(entry.facts) not in seen and _differ(entry, group[0], words):
            clear = entry.split == group[0].split or must_part(entry.split, group[0].split) is False
            yield _about(entry, [group[0]], words, words.severities[2 if clear else 1])
        seen.add(id(entry.facts))


def _comes_first(one: str, two: str) -> bool:
    return reading_order(one) < reading_order(two)


def _differ(one: _Entry, two: _Entry, words: _Words) -> bool:
    """Check whether two samples are to be reported as alike.

    Equal bytes under equal ids are reported by `ids_in_two_splits`, and equal bytes are not alike besides.
    """
    assert one.facts.photo is not None
    assert two.facts.photo is not None
    return one.key != two.key if words is _EXACT else one.facts.photo.digest != two.facts.photo.digest


def _about(entry: _Entry, others: list[_Entry], words: _Words, severity: Severity) -> Finding:
    assert entry.facts.photo is not None
    first = others[0]
    found = f"{words.alike} {', '.join(other.key for other in others[:3])}{' and others' if len(others) > 3 else ''}"
    across = first.split != entry.split
    if across:
        found += f" in {first.split!r}"
    one, two = entry.facts.mask, first.facts.mask
    if words is _EXACT and one is not None and two is not None and one.digest != two.digest:
        found += ", but with another mask"
    rule = words.rule + ("-across-splits" if across else "")
    expected = "each photo in one split" if across else "each photo once"
    remedy = "keep one of them" + (", unless frames of one scene are meant" if severity == "note" else "")
    file, also = entry.facts.photo.file, tuple(other.id for other in others)
    return Finding(severity, rule, entry.split, entry.key, file, found, expected, remedy, also=also)


RULES: tuple[DatasetRule, ...] = (
    ids_in_two_splits,
    classes_that_differ,
    groups_in_two_splits,
    photos_turned_apart,
    photos_repeated,
    photos_alike,
)
