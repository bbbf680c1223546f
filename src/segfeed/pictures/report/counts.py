"""Counts: what each split holds and what it shows of each class, as lines of tables; and the chart of all sizes."""

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.audit.class_counts import ClassCounts
from segfeed.audit.facts import Facts
from segfeed.audit.findings import Audit, Checked
from segfeed.datasets.doubts.evidence import gather
from segfeed.datasets.source import Source
from segfeed.datasets.splits import reading_order
from segfeed.pictures.report.charts import SizeChart, plot_sizes
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, Colour

_VALUES = 256  # of masks, that are listed
_MANY = 24  # classes; a longer table scrolls in a frame of its own

Joined = Mapping[str, Sequence[str]]
"""Splits that merely join others, with those that they join."""


@dataclass(frozen=True, eq=False)
class SplitCounts:
    """What was counted over a split.

    Attributes:
        split: the split's name.
        sizes: int32 (N, 2), (height, width) of each photo in px; (0, 0) if it cannot be read.
        has_masks: whether its samples have masks at all.
        classes: what its masks show; None without classes, or if it is not known which.
    """

    split: str
    sizes: npt.NDArray[np.int32]
    has_masks: bool
    classes: ClassCounts | None

    @classmethod
    def of(cls, source: Source, facts: Sequence[Facts], legend: Legend | None) -> "SplitCounts":
        """Count a split from the facts of its samples, so that a damaged dataset can be counted, too."""
        sizes = [one.photo.size if one.photo and one.photo.size else (0, 0) for one in facts]
        classes = None if legend is None else ClassCounts.of_facts(facts, legend)
        return cls(source.split, np.array(sizes, np.int32).reshape(-1, 2), source.has_masks, classes)

    @property
    def known_sizes(self) -> npt.NDArray[np.int32]:
        """The sizes of the photos that can be read, int32 (N, 2)."""
        return self.sizes[self.sizes.all(axis=1)]

    @property
    def void_share(self) -> float | None:
        """The share of void among the pixels of all masks, 0..1; None if no pixel was counted."""
        if self.classes is None or not self.classes.all_pixels:
            return None
        return self.classes.void_pixels / self.classes.all_pixels


@dataclass(frozen=True, slots=True)
class Spread:
    """The smallest, the median and the largest of some sides, in px."""

    least: int
    median: int
    most: int

    @classmethod
    def of(cls, sides: npt.NDArray[np.int32]) -> "Spread":
        """Measure sides, integer (N,), N > 0."""
        return cls(int(sides.min()), round(float(np.median(sides))), int(sides.max()))


@dataclass(frozen=True, slots=True)
class SplitLine:
    """A line about what a split holds.

    Attributes:
        name: the split's.
        samples: that it lists.
        height: of the photos; None if none can be read.
        width: likewise.
        small: photos smaller than the crop.
        void_share: of all mask pixels, 0..1; None if there are none.
        remarks: what else is to be known, a few words each.
    """

    name: str
    samples: int
    height: Spread | None
    width: Spread | None
    small: int
    void_share: float | None
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassCell:
    """What one split shows of one class: pixels, their share of all, and images."""

    pixels: int
    share: float
    images: int

    @property
    def bar(self) -> float:
        """The length of its bar, 0..100: it grows with the square root, so that rare classes can be seen."""
        return round(100 * math.sqrt(self.share), 2)


@dataclass(frozen=True, slots=True)
class ClassLine:
    """One class, or void, whose id is None: its colour as #rrggbb, and a cell for each split."""

    id: int | None
    name: str
    colour: str
    cells: tuple[ClassCell, ...]


@dataclass(frozen=True, slots=True)
class ClassTable:
    """A line for each class, and the splits that were counted."""

    splits: tuple[str, ...]
    lines: tuple[ClassLine, ...]

    @property
    def is_long(self) -> bool:
        """Whether the table needs a frame to scroll in."""
        return len(self.lines) > _MANY


def list_splits(
    audit: Audit, counts: Sequence[SplitCounts], joined: Joined, crop_size: tuple[int, int]
) -> tuple[SplitLine, ...]:
    """List what each split holds; crop_size is (height, width) in px."""
    by_split = {counted.split: counted for counted in counts}
    lines = []
    for checked in sorted(audit.splits, key=lambda checked: reading_order(checked.split)):
        counted = by_split.get(checked.split)
        remarks = tuple(_remarks(checked, counted, joined.get(checked.split, ())))
        if counted is None or not len(counted.known_sizes):
            lines.append(SplitLine(checked.split, checked.listed, None, None, 0, None, remarks))
            continue
        height, width = (Spread.of(sides) for sides in counted.known_sizes.T)
        small = int((counted.known_sizes < crop_size).any(axis=1).sum())
        lines.append(SplitLine(checked.split, checked.listed, height, width, small, counted.void_share, remarks))
    return tuple(lines)


def _remarks(checked: Checked, counted: SplitCounts | None, joins: Sequence[str]) -> Iterator[str]:
    if not checked.readable:
        yield "could not be listed"
    if joins:
        yield f"joins {' and '.join(joins)}"
    if checked.missing:
        yield f"{len(checked.missing):,} without a file"
    if wrong := len(set(checked.broken) - set(checked.missing)):
        yield f"{wrong:,} with an error"
    if counted is not None and not counted.has_masks:
        yield "no masks"


def list_classes(legend: Legend | None, counts: Sequence[SplitCounts], joined: Container[str]) -> ClassTable | None:
    """List what every split shows of each class; splits that merely join others, or have no masks, are left out."""
    if legend is None:
        return None
    shown = {one.split: one.classes for one in counts if one.classes and one.classes.masks and one.split not in joined}
    lines = [
        ClassLine(
            label,
            name,
            hex_of(colour),
            tuple(_cell(one, int(one.pixels[label]), int(one.images[label])) for one in shown.values()),
        )
        for label, (name, colour) in enumerate(zip(legend.names, legend.colours, strict=True))
    ]
    void = legend.void_colours[0] if legend.void_colours else VOID_COLOUR
    cells = tuple(_cell(one, one.void_pixels, 0) for one in shown.values())
    return ClassTable(tuple(shown), (*lines, ClassLine(None, "void", hex_of(void), cells)))


@dataclass(frozen=True, slots=True)
class ValueLine:
    """A value that masks store: as a legend spells it, its colour as #rrggbb or "", what it means, and its share."""

    stored: str
    colour: str
    id: str
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class ValueTable:
    """What masks store: how many were read, a line for each value, and how many values are left out."""

    masks: int
    lines: tuple[ValueLine, ...]
    left_out: int


def list_values(pairs: Iterable[Facts], legend: Legend | None) -> ValueTable | None:
    """List what the masks of all pairs store, and what the legend makes of it; None if no mask can be read."""
    evidence = gather(
        facts.mask.stored_values for facts in pairs if facts.mask is not None and facts.mask.stored_values
    )
    if not evidence.values:
        return None
    lines = tuple(
        ValueLine(
            str(value.index) if value.index is not None else "",
            "" if value.colour is None else hex_of(value.colour),
            "–" if legend is None or value.label in (None, legend.void) else str(value.label),
            value.name(legend) or ("?" if legend is None else "not in the legend"),
            evidence.share([value]),
        )
        for value in evidence.values[:_VALUES]
    )
    return ValueTable(evidence.masks, lines, len(evidence.values) - len(lines))


def _cell(counted: ClassCounts, pixels: int, images: int) -> ClassCell:
    return ClassCell(pixels, pixels / max(counted.all_pixels, 1), images)


def hex_of(colour: Colour) -> str:
    """Write a colour as #rrggbb.

    >>> hex_of((128, 0, 255))
    '#8000ff'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def chart_sizes(counts: Sequence[SplitCounts], joined: Container[str], crop_size: tuple[int, int]) -> SizeChart | None:
    """Plot the sizes of all photos that can be read, each once; return None if there are none."""
    sizes = [counted.known_sizes for counted in counts if counted.split not in joined]
    every = np.concatenate(sizes) if sizes else np.empty((0, 2), np.int32)
    return plot_sizes(every, crop_size) if len(every) else None
