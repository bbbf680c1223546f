"""Overviews: what a path holds: format, splits, sizes, classes, what masks store, and what is wrong with a split."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from segfeed.datasets.doubts.annotations import doubt_boxes, doubt_outlines, look_at_shapes
from segfeed.datasets.doubts.evidence import LOOKED_AT, Counted, Evidence, gather, look
from segfeed.datasets.doubts.examining import examine
from segfeed.datasets.doubts.ways_out import Doubt
from segfeed.datasets.made_splits import doubt_splits
from segfeed.datasets.opening import Dataset, Opening, open_dataset
from segfeed.datasets.source import Sample, Source, SplitFiles, read_sizes
from segfeed.datasets.splits import (
    CLASSES_RULE,
    GROUP_RULE,
    Grouped,
    find_other_classes,
    find_shared_groups,
    reading_order,
)
from segfeed.errors import EmptySplitError, LegendError, SegfeedError
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import class_legend

MEASURED = 64
"""Photos of a split whose headers are read for the range of sizes; all of a large dataset would take minutes."""


@dataclass(frozen=True)
class SplitOverview:
    """What a split holds.

    Attributes:
        name: of the split.
        samples: with all their files.
        missing: "photo" or "mask" -> listed samples that lack it.
        has_masks: whether there are masks; a split to be predicted has none.
        sizes_px: lowest and highest height, lowest and highest width, of the first photos; None if there is none.
        problem: why the split, its legend or a photo of it cannot be read; None if all is well.
        doubts: what its masks hold against the legend, and groups that it shares with another split.
    """

    name: str
    samples: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    has_masks: bool = False
    sizes_px: tuple[int, int, int, int] | None = None
    problem: SegfeedError | None = None
    doubts: tuple[Doubt, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Describe the split in plain JSON values."""
        keys = ("height_min", "height_max", "width_min", "width_max")
        return vars(self) | {
            "sizes_px": dict(zip(keys, self.sizes_px, strict=True)) if self.sizes_px else None,
            "problem": self.problem.to_json() if self.problem else None,
            "doubts": [doubt.to_json() for doubt in self.doubts],
        }


@dataclass(frozen=True)
class Overview:
    """What a path holds.

    Attributes:
        format: the format's name.
        root: the dataset's folder or file.
        why: what it was recognised by, as a clause.
        splits: in the format's order.
        legend: what its masks mean; None if the dataset does not say.
        evidence: what the masks that were looked at store, a few of each split.
        note: what its description says is odd about it; "" if nothing is.
    """

    format: str
    root: Path
    why: str
    splits: tuple[SplitOverview, ...]
    legend: Legend | None
    evidence: Evidence = field(default_factory=Evidence)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Describe all of it in plain JSON values."""
        return vars(self) | {
            "root": str(self.root),
            "splits": [split.to_json() for split in self.splits],
            "legend": self.legend.to_json() if self.legend else None,
            "evidence": self.evidence.to_json(self.legend),
        }


def describe(path_or_name: str | os.PathLike[str], opening: Opening = Opening()) -> Overview:  # noqa: B008 - frozen
    """Recognise a dataset and describe each of its splits; what is wrong with a split is told, and stops nothing.

    Args:
        path_or_name: a folder, a file, or "sample" for the embedded dataset.
        opening: the options of `segfeed.scan`.

    Raises:
        SourceMissingError: if nothing is there.
        SourceError: if no format recognises it, or several do.

    >>> found = describe("sample")
    >>> found.format, [(split.name, split.samples) for split in found.splits]
    ('voc', [('test', 6), ('train', 160), ('trainval', 200), ('val', 40)])
    """
    dataset = open_dataset(path_or_name, opening)
    counted: Counted = {}
    seen: set[str] = set()
    listed: list[Grouped] = []
    described = [_describe_split(dataset, name, (counted, seen, listed)) for name in dataset.split_names]
    splits = _doubt_groups([split for split, _ in described], listed)
    made = doubt_splits(dataset, dataset.split_names)
    made += _doubt_classes(dataset, described)
    splits[:1] = [replace(split, doubts=(*split.doubts, *made)) for split in splits[:1]]
    # A legend that is missing or malformed is one problem of the dataset, whatever mask of which split shows it.
    problem = next((split.problem for split in splits if isinstance(split.problem, LegendError)), None)
    splits = [replace(split, problem=problem) if isinstance(split.problem, LegendError) else split for split in splits]
    meant = next((legend for _, legend in described if legend is not None), None)
    evidence = gather((values for values in counted.values() if values is not None), len(seen))
    recognised = dataset.recognised
    return Overview(dataset.format, recognised.root, recognised.why, tuple(splits), meant, evidence, dataset.note)


def _doubt_classes(dataset: Dataset, described: list[tuple[SplitOverview, Legend | None]]) -> list[Doubt]:
    legends = {split.name: legend for split, legend in described if legend is not None}
    error = find_other_classes(dataset.root, legends)
    return [] if error is None else [Doubt("error", CLASSES_RULE, error.found, error.expected, error.remedy)]


def _doubt_groups(splits: list[SplitOverview], listed: Iterable[Grouped]) -> list[SplitOverview]:
    """Add the doubt that groups are kept whole, with all that is found, to the first split that shares one."""
    ordered = sorted(listed, key=lambda split: reading_order(split.name))
    found = [(one, shared) for one, two in combinations(ordered, 2) if (shared := find_shared_groups(one, two))]
    if not found:
        return splits
    (first, shared), *_ = found
    worst = min((other.severity for _, other in found), key=("error", "warning").index)
    said = "; ".join(other.found for _, other in found)
    doubt = Doubt(worst, GROUP_RULE, said, shared.expected, shared.remedy)
    return [replace(one, doubts=(*one.doubts, doubt)) if one.name == first.name else one for one in splits]


def _describe_split(
    dataset: Dataset, name: str, known: tuple[Counted, set[str], list[Grouped]]
) -> tuple[SplitOverview, Legend | None]:
    counted, masks, listed = known
    try:
        files = dataset.list_split(name)
    except EmptySplitError:
        return SplitOverview(name), None
    except SegfeedError as error:
        return SplitOverview(name, problem=error), None
    listed.append(Grouped(name, files.samples, files.groups))
    legend, sizes_px, problem = None, None, None
    try:
        legend = class_legend(dataset.read_legend(files))
    except SegfeedError as error:
        problem = error
    doubts: tuple[Doubt, ...] = ()
    if dataset.task == "semantic":
        masks.update(sample.mask.address for sample in files.samples if sample.mask is not None)
        try:
            doubts = _doubt(dataset, name, files, legend, counted)
        except SegfeedError as error:
            problem = problem or error
    try:
        sizes_px = _range_of(files.samples[:MEASURED])
    except SegfeedError as error:
        problem = problem or error
    missing = Counter[str](lack.what for lack in files.missing)
    has_masks = any(sample.mask is not None for sample in files.samples)
    return SplitOverview(name, len(files.samples), dict(missing), has_masks, sizes_px, problem, doubts), legend


def _doubt(
    dataset: Dataset, name: str, files: SplitFiles, legend: Legend | None, counted: Counted
) -> tuple[Doubt, ...]:
    """Look at masks of a split, and hold the legend against them if there is one."""
    if legend is None:
        look(files.samples, None, LOOKED_AT, counted)
        return ()
    source = Source(dataset.root, dataset.format, name, dataset.task, files.samples, legend, dataset.unknown)
    looked = look_at_shapes(files.samples)
    drawn = (*doubt_outlines(looked), *doubt_boxes(looked))
    return (*examine(source, counted, lambda: dataset.other_splits(name))[1], *drawn)


def _range_of(samples: tuple[Sample, ...]) -> tuple[int, int, int, int] | None:
    if not samples:
        return None
    sizes = read_sizes(samples)
    (top, left), (bottom, right) = sizes.min(axis=0).tolist(), sizes.max(axis=0).tolist()
    return top, bottom, left, right
