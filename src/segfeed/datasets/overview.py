"""Recognition: what a path holds, and by what it was told: format, splits, sizes, classes, files that are missing."""

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.datasets.opening import Dataset, open_dataset
from segfeed.datasets.source import Source
from segfeed.errors import LegendError, SegfeedError
from segfeed.pixels.legend import VOC, Legend

MEASURED = 64
"""Photos of a split whose headers are read for the range of sizes; all of a large dataset would take minutes."""


@dataclass(frozen=True)
class SplitOverview:
    """Say what a split holds.

    Attributes:
        name: of the split.
        samples: with all their files.
        missing: "photo" or "mask" -> listed samples that lack it.
        has_masks: whether there are masks; a split to be predicted has none.
        sizes_px: lowest and highest height, lowest and highest width, of the first photos; None where there is none.
        problem: why the split, or a photo of it, cannot be read; empty where all is well.
    """

    name: str
    samples: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    has_masks: bool = False
    sizes_px: tuple[int, int, int, int] | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Describe the split in plain JSON values."""
        keys = ("height_min", "height_max", "width_min", "width_max")
        return {
            "name": self.name,
            "samples": self.samples,
            "missing": self.missing,
            "has_masks": self.has_masks,
            "sizes_px": dict(zip(keys, self.sizes_px, strict=True)) if self.sizes_px else None,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Overview:
    """Say what a path holds.

    Attributes:
        format: the format's name.
        root: the dataset's folder or file.
        why: what it was recognised by, as a clause.
        splits: in the format's order.
        legend: what its masks mean; None where the dataset does not say.
    """

    format: str
    root: Path
    why: str
    splits: tuple[SplitOverview, ...]
    legend: Legend | None

    def to_json(self) -> dict[str, Any]:
        """Describe all of it in plain JSON values."""
        return {
            "format": self.format,
            "root": str(self.root),
            "why": self.why,
            "splits": [split.to_json() for split in self.splits],
            "legend": self.legend.to_json() if self.legend else None,
        }


def describe(
    path_or_name: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the field's word
    cache_dir: str | os.PathLike[str] | None = None,
) -> Overview:
    """Recognise a dataset and look at each of its splits; what is wrong with a split is told, and stops nothing.

    Args:
        path_or_name: a folder, a file, or "sample" for the embedded dataset.
        format: the format's name, where it shall not be recognised.
        cache_dir: as in `segfeed.scan`.

    Raises:
        SourceMissingError: nothing is there.
        SourceError: no known format, or several.

    >>> found = describe("sample")
    >>> found.format, [(split.name, split.samples) for split in found.splits]
    ('voc', [('test', 6), ('train', 160), ('trainval', 200), ('val', 40)])
    """
    dataset = open_dataset(path_or_name, format=format, cache_dir=cache_dir)
    seen = [_look_at(dataset, name) for name in dataset.split_names]
    legends = [legend for _, legend in seen if legend is not None]
    layout = dataset.layout
    return Overview(
        dataset.format, layout.root, layout.why, tuple(split for split, _ in seen), legends[0] if legends else None
    )


def _look_at(dataset: Dataset, name: str) -> tuple[SplitOverview, Legend | None]:
    try:
        source, problem = _scan(dataset, name)
    except SegfeedError as error:
        return SplitOverview(name, problem=str(error)), None
    legend = source.legend if isinstance(source.legend, Legend) and not problem else None
    sizes_px = None
    try:
        sizes_px = _range_of(replace(source, samples=source.samples[:MEASURED]).sizes)
    except SegfeedError as error:
        problem = problem or str(error)
    missing = Counter[str](lack.what for lack in source.missing)
    return SplitOverview(source.split, len(source), dict(missing), source.has_masks, sizes_px, problem), legend


def _scan(dataset: Dataset, split: str) -> tuple[Source, str]:
    """Scan a split; where nothing says what its masks mean, its files are found all the same, and the problem is told."""
    try:
        return dataset.scan(split), ""
    except LegendError as error:
        return replace(dataset, legend=VOC).scan(split), str(error)


def _range_of(sizes: npt.NDArray[np.int32]) -> tuple[int, int, int, int] | None:
    if not len(sizes):
        return None
    (top, left), (bottom, right) = sizes.min(axis=0).tolist(), sizes.max(axis=0).tolist()
    return top, bottom, left, right
