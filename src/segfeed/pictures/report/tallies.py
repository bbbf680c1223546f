"""Tallies: what each split holds, counted from photo headers and masks alone, so that a damaged dataset can be counted, too."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from segfeed.audit.facts import MaskFacts, read_mask
from segfeed.datasets.source import Sample, Source
from segfeed.errors import SegfeedError
from segfeed.pixels.legend import Legend
from segfeed.system.work import in_order, show_progress

Files = tuple[str, str | None]


@dataclass(frozen=True, eq=False)
class Tally:
    """Hold what was counted over a split.

    Attributes:
        split: the split's name.
        sizes: int32 (N, 2), (height, width) of each photo in px; (0, 0) where it cannot be read.
        has_masks: whether its samples have masks at all.
        masks: how many of them could be read.
        pixels: int64 (classes,), pixels of each class.
        images: int64 (classes,), images that show each class.
        void_pixels: of all masks.
    """

    split: str
    sizes: npt.NDArray[np.int32]
    has_masks: bool
    masks: int
    pixels: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]
    void_pixels: int

    @property
    def known_sizes(self) -> npt.NDArray[np.int32]:
        """Give the sizes of the photos that can be read."""
        return self.sizes[self.sizes.all(axis=1)]

    @property
    def all_pixels(self) -> int:
        """Count the pixels of all classes and void."""
        return int(self.pixels.sum()) + self.void_pixels

    def count_small(self, crop_size: tuple[int, int]) -> int:
        """Count the photos that are smaller than a crop of (height, width) px."""
        return int((self.known_sizes < crop_size).any(axis=1).sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """Hold what one sample showed."""

    size: tuple[int, int]
    mask: MaskFacts | None


def files_of(sample: Sample) -> Files:
    """Name the places of a sample's photo and mask: samples of several splits may share them."""
    return sample.photo.address, sample.mask.address if sample.mask else None


def tally_splits(sources: tuple[Source, ...], legend: Legend | None, threads: int | None = None) -> list[Tally]:
    """Count each split; samples that several splits share are read once.

    Args:
        sources: the splits.
        legend: of all of them; None leaves masks alone.
        threads: how many samples are read at once; all cores where it is None.
    """
    jobs: dict[Files, tuple[Source, Sample]] = {}
    for source in sources:
        for sample in source.samples:
            jobs.setdefault(files_of(sample), (source, sample))
    todo = list(jobs.values())
    counted: dict[Files, _Counted] = {}
    with show_progress("counting", len(todo)) as advance:
        for files, found in zip(jobs, in_order(lambda n: _count(*todo[n], legend), len(todo), threads), strict=True):
            counted[files] = found
            advance(1)
    return [_sum_up(source, [counted[files_of(sample)] for sample in source.samples], legend) for source in sources]


def _count(source: Source, sample: Sample, legend: Legend | None) -> _Counted:
    try:
        height, width = replace(source, samples=(sample,)).sizes[0].tolist()
    except SegfeedError:
        height = width = 0
    mask = None if legend is None or sample.mask is None else read_mask(sample.mask, source)
    return _Counted((height, width), mask)


def _sum_up(source: Source, counted: list[_Counted], legend: Legend | None) -> Tally:
    classes = 0 if legend is None else len(legend)
    pixels, images = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    void = masks = 0
    for one in counted:
        if legend is None or one.mask is None or not one.mask.counts.size:
            continue
        shown = one.mask.labels != legend.void
        labels = one.mask.labels[shown]
        np.add.at(pixels, labels, one.mask.counts[shown])
        images[np.unique(labels)] += 1  # several stored values may mean one class
        void += int(one.mask.counts[~shown].sum())
        masks += 1
        unknown = legend.unknown_label(source.unknown)
        if one.mask.unknowns is None or unknown is None:
            continue
        if unknown == legend.void:
            void += one.mask.unknowns.pixels
        else:
            pixels[unknown] += one.mask.unknowns.pixels
            images[unknown] += unknown not in labels
    sizes = np.array([one.size for one in counted], np.int32).reshape(-1, 2)
    return Tally(source.split, sizes, source.has_masks, masks, pixels, images, void)


def joined_splits(sources: tuple[Source, ...]) -> dict[str, list[str]]:
    """Name the splits that only join others, as trainval joins train and val, with those that they join."""
    files = {source.split: frozenset(map(files_of, source.samples)) for source in sources}
    joined: dict[str, list[str]] = {}
    for split, held in files.items():
        parts = [name for name, other in files.items() if name != split and name not in joined and other < held]
        if len(parts) > 1 and frozenset().union(*(files[name] for name in parts)) == held:
            joined[split] = parts
    return joined
