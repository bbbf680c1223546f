"""Counts: what each split holds and what it shows of each class, as lines of tables; and the chart of all sizes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.audit.findings import Audit, Checked
from segfeed.pictures.report.charts import SizeChart, draw_sizes
from segfeed.pictures.report.gallery import reading_order
from segfeed.pictures.report.tallies import Tally
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, Colour

_MANY = 24  # classes; a longer table scrolls in a frame of its own


@dataclass(frozen=True, slots=True)
class Spread:
    """Hold the smallest, the median and the largest of some sides, in px."""

    least: int
    median: int
    most: int

    @classmethod
    def of(cls, sides: npt.NDArray[np.int32]) -> "Spread":
        """Measure sides, integer (N,), N > 0."""
        return cls(int(sides.min()), round(float(np.median(sides))), int(sides.max()))


@dataclass(frozen=True, slots=True)
class SplitLine:
    """Say what a split holds.

    Attributes:
        name: the split's.
        samples: that it lists.
        height: of the photos; None where none can be read.
        width: likewise.
        small: photos smaller than the crop.
        void_share: of all mask pixels, 0..1; None where there are none.
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
    """Hold what one split shows of one class: pixels, their share of all, and images."""

    pixels: int
    share: float
    images: int

    @property
    def bar(self) -> float:
        """Give the length of its bar, 0..100: it grows with the square root, so that rare classes can be seen."""
        return round(100 * math.sqrt(self.share), 2)


@dataclass(frozen=True, slots=True)
class ClassLine:
    """Hold one class, or void, whose id is None: its colour as #rrggbb, and a cell for each split."""

    id: int | None
    name: str
    colour: str
    cells: tuple[ClassCell, ...]


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Hold a line for each class, the splits that were counted, and whether there are so many that the table scrolls."""

    splits: tuple[str, ...]
    lines: tuple[ClassLine, ...]

    @property
    def is_long(self) -> bool:
        """Tell whether the table needs a frame to scroll in."""
        return len(self.lines) > _MANY


def list_splits(
    audit: Audit, tallies: list[Tally], joined: dict[str, list[str]], crop_size: tuple[int, int]
) -> tuple[SplitLine, ...]:
    """Say what each split holds."""
    counted = {tally.split: tally for tally in tallies}
    lines = []
    for checked in sorted(audit.splits, key=lambda checked: reading_order(checked.split)):
        tally = counted.get(checked.split)
        remarks = tuple(_remarks(checked, tally, joined.get(checked.split, [])))
        if tally is None or not len(tally.known_sizes):
            lines.append(SplitLine(checked.split, _listed(checked), None, None, 0, None, remarks))
            continue
        height, width = (Spread.of(sides) for sides in tally.known_sizes.T)
        void_share = tally.void_pixels / tally.all_pixels if tally.all_pixels else None
        small = tally.count_small(crop_size)
        lines.append(SplitLine(checked.split, _listed(checked), height, width, small, void_share, remarks))
    return tuple(lines)


def _listed(checked: Checked) -> int:
    return len(checked.keys) + len(checked.missing)


def _remarks(checked: Checked, tally: Tally | None, joins: list[str]) -> Iterator[str]:
    if not checked.readable:
        yield "could not be listed"
    if joins:
        yield f"joins {' and '.join(joins)}"
    if checked.missing:
        yield f"{len(checked.missing):,} without a file"
    if wrong := len(set(checked.broken) - set(checked.missing)):
        yield f"{wrong:,} with an error"
    if tally is not None and not tally.has_masks:
        yield "no masks"


def list_classes(legend: Legend | None, tallies: list[Tally], joined: dict[str, list[str]]) -> ClassTable | None:
    """Put each class beside what every split shows of it; splits that only join others, or have no masks, are left out."""
    if legend is None:
        return None
    counted = [tally for tally in tallies if tally.masks and tally.split not in joined]
    lines = [
        ClassLine(
            label,
            name,
            hex_of(colour),
            tuple(_cell(tally, int(tally.pixels[label]), int(tally.images[label])) for tally in counted),
        )
        for label, (name, colour) in enumerate(zip(legend.names, legend.colours, strict=True))
    ]
    void = legend.void_colours[0] if legend.void_colours else VOID_COLOUR
    lines.append(ClassLine(None, "void", hex_of(void), tuple(_cell(tally, tally.void_pixels, 0) for tally in counted)))
    return ClassTable(tuple(tally.split for tally in counted), tuple(lines))


def _cell(tally: Tally, pixels: int, images: int) -> ClassCell:
    return ClassCell(pixels, pixels / max(tally.all_pixels, 1), images)


def hex_of(colour: Colour) -> str:
    """Write a colour as #rrggbb.

    >>> hex_of((128, 0, 255))
    '#8000ff'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def plot_sizes(tallies: list[Tally], joined: dict[str, list[str]], crop_size: tuple[int, int]) -> SizeChart | None:
    """Plot the sizes of all photos that can be read, each once."""
    sizes = [tally.known_sizes for tally in tallies if tally.split not in joined]
    every = np.concatenate(sizes) if sizes else np.empty((0, 2), np.int32)
    return draw_sizes(every, crop_size) if len(every) else None
