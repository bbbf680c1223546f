"""Panels: samples as they are shown on a canvas, the grid they lie in, and the legend below them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from segfeed.audit.class_counts import count_classes
from segfeed.datasets.source import Source
from segfeed.errors import OptionError
from segfeed.packs.pack import Pack
from segfeed.pictures.figures.canvas import MARGIN_PX, PALE_INK, WIDTH_PX, Canvas, legend_height
from segfeed.pictures.paint import Pixels, Swatch, Thumb, absent, evenly, swatches
from segfeed.pixels.lookup import Encoder
from segfeed.system.options import whole_number
from segfeed.system.showing import counted

PathLike = str | os.PathLike[str]

GAP_PX = 16
CAPTION_PX = 26
_BOTTOM_PX = 28


class Grid(NamedTuple):
    """Columns of equal width, in whole px, right of `left_px`."""

    columns: int
    left_px: int = MARGIN_PX

    @property
    def width_px(self) -> int:
        """A column's width."""
        return (WIDTH_PX - MARGIN_PX - self.left_px - (self.columns - 1) * GAP_PX) // self.columns

    def x(self, column: int) -> int:
        """Return a column's left side."""
        return self.left_px + column * (self.width_px + GAP_PX)

    def cell_height(self, thumbs: Sequence[Thumb]) -> int:
        """Return the height in px at which most thumbnails fill their column's width; taller ones are made to fit."""
        middle = float(np.median([thumb.height / thumb.width for thumb in thumbs]))
        return round(self.width_px * min(max(middle, 0.4), 1.25))


def columns_for(count: int) -> int:
    """Return the number of columns that leaves few cells of the last row empty.

    >>> [columns_for(count) for count in (1, 5, 7, 12, 24)]
    [3, 5, 4, 6, 6]
    """
    if count <= 6:
        return max(count, 3)
    return min((8, 7, 6) if count > 24 else (6, 5, 4), key=lambda columns: -count % columns)


@dataclass(frozen=True, eq=False)
class Panels:
    """The thumbnails of a picture, and its legend: lines, heading and footing."""

    thumbs: list[Thumb]
    swatches: list[Swatch]
    heading: str
    footing: str

    def canvas(self, height_px: int, title: str, subtitle: str) -> Canvas:
        """Create a canvas of this height above its legend, with title and legend."""
        canvas = Canvas(height_px + legend_height(self.swatches, self.footing) + _BOTTOM_PX)
        canvas.head(title, subtitle)
        canvas.legend_at(height_px, self.swatches, self.heading, self.footing)
        return canvas


def with_legend(thumbs: list[Thumb], counts: Sequence[npt.NDArray[np.int64]], legend: Encoder, of_what: str) -> Panels:
    """Create the legend of some thumbnails.

    Args:
        thumbs: what is shown.
        counts: one or more int64 (classes + 1,), pixels of each class, then of void.
        legend: the classes, or objects.
        of_what: what was counted, for the heading.
    """
    total: npt.NDArray[np.int64] = np.sum(counts, axis=0)
    seen = {label for thumb in thumbs for label in np.unique(thumb.labels).tolist()}
    heading = f"share of pixels in {of_what}" if legend.names else "objects, numbered anew in each photo"
    return Panels(thumbs, swatches(legend, total, seen), heading, absent(legend, total))


def read_panels(reader: Source | Pack, indices: Sequence[int], box_px: int) -> Panels:
    """Read samples, shrink them, and count their pixels; a pack knows those of all samples."""
    thumbs, counts = [], []
    for index in indices:
        pair = reader.read(index)
        thumbs.append(Thumb.of(pair, reader.keys[index], box_px))
        if not isinstance(reader, Pack):
            counts.append(count_classes(pair.labels, reader.legend))
    if isinstance(reader, Pack):
        return with_legend(thumbs, list(reader.pixels), reader.legend, _all_of(len(reader)))
    of_what = f"the {len(indices)} samples shown" if len(indices) > 1 else "the sample shown"
    if len(indices) == len(reader):
        of_what = _all_of(len(reader))
    return with_legend(thumbs, counts, reader.legend, of_what)


def spread(reader: Source | Pack, count: int) -> list[int]:
    """Choose `count` samples, spread evenly over a split.

    Raises:
        OptionError: count is not a whole number of at least 1, or the split is empty.
    """
    count = whole_number("count", count, 1, 10_000)
    if not len(reader):
        raise OptionError(
            f"split {reader.split!r} of {reader.name!r}", found="no samples to show", expected="at least one"
        )
    return evenly(len(reader), count)


def title_of(reader: Source | Pack) -> str:
    """Return the name of a dataset and its split."""
    return f"{reader.name} · {reader.split}"


def _all_of(count: int) -> str:
    return f"all {count} samples" if count > 1 else "the one sample"


def subtitle_of(reader: Source | Pack, shown: Panels, of_what: str) -> str:
    """Write how much there is of a dataset and how much of it is shown."""
    legend, count = reader.legend, len(shown.thumbs)
    kind = counted(len(legend.names), "class", "classes") if legend.names else "object ids"
    told = _all_of(count) if count == len(reader) else f"{count} of {len(reader)} samples, spread evenly"
    return f"{told}; {kind}; {of_what}"


def show_thumb(
    canvas: Canvas, corner: tuple[int, int], cell: tuple[int, int], pixels: Pixels, label: str, thumb: Thumb
) -> Axes:
    """Show pixels in the middle of a cell of (width, height) px, in the coordinates of the whole sample."""
    height, width = pixels.shape[:2]
    left, top = corner[0] + (cell[0] - width) // 2, corner[1] + (cell[1] - height) // 2
    return canvas.panel(left, top, pixels, label, (-0.5, thumb.width - 0.5, thumb.height - 0.5, -0.5))


def caption(canvas: Canvas, x: int, y: int, width_px: int, text: str, remark: str = "") -> None:
    """Write a panel's name above it and, pale beside it, a remark."""
    taken = 0.0
    if remark:
        left, side = (x + width_px, "right") if text else (x, "left")
        limit = width_px * 0.7
        line = canvas.write(left, y + 14, remark, 14, colour=PALE_INK, width_px=limit, ha=side, va="baseline")
        taken = line.get_window_extent().width + 8
    canvas.write(x, y + 14, text, 15, va="baseline", width_px=width_px - taken)
