"""Pixels of each class, counted in one way for statistics, rules and reports."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.audit.facts import Facts, MaskFacts
from segfeed.pixels.lookup import Encoder, Labels, count_labels

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """Pixels and images of each class, summed over masks.

    Attributes:
        masks: how many masks were counted.
        pixels: int64 (classes,), pixels of each class.
        images: int64 (classes,), images that show each class.
        seen_beside: int64 (classes,), the pixels of all classes, void left out, in the images that show each class.
        void_pixels: pixels of void.
    """

    masks: int
    pixels: Counts
    images: Counts
    seen_beside: Counts
    void_pixels: int

    @classmethod
    def total(cls, rows: Iterable[Counts], legend: Encoder) -> "ClassCounts":
        """Sum up rows, int64 (classes + 1,): pixels of each class in one mask, then of void."""
        pixels, images, seen_beside = np.zeros((3, len(legend.names)), np.int64)
        masks = void_pixels = 0
        for row in rows:
            shown = row[:-1] > 0
            masks, void_pixels = masks + 1, void_pixels + int(row[-1])
            pixels += row[:-1]
            images += shown
            seen_beside += shown * row[:-1].sum()
        return cls(masks, pixels, images, seen_beside, void_pixels)

    @classmethod
    def of_facts(cls, facts: Iterable[Facts], legend: Encoder) -> "ClassCounts":
        """Sum up the masks of which a pixel was counted; unknown pixels count as what reading would make of them."""
        rows = (_count_mask(one.mask, legend, one.source.unknown) for one in facts if one.mask is not None)
        return cls.total((row for row in rows if row.any()), legend)

    @property
    def all_pixels(self) -> int:
        """Pixels of all classes and void."""
        return int(self.pixels.sum()) + self.void_pixels


def count_classes(labels: Labels, legend: Encoder) -> Counts:
    """Count the pixels of labels (H, W): int64 (classes + 1,), of each class, then of void; objects have no classes."""
    return count_labels(labels)[[*range(len(legend.names)), legend.void]]


def _count_mask(mask: MaskFacts, legend: Encoder, unknown: str) -> Counts:
    classes = len(legend.names)
    row = np.zeros(classes + 1, np.int64)
    # Several stored values may mean one class, so they are added one by one.
    np.add.at(row, np.where(mask.labels == legend.void, classes, mask.labels), mask.counts)
    if mask.unknowns is not None and mask.error is None:
        label = legend.unknown_label(unknown)
        if label is not None:
            row[classes if label == legend.void else label] += mask.unknowns.pixels
    return row
