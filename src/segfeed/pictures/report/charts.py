"""Charts: photo sizes against the crop, as numbers for an SVG in which one px of either side is equally long."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_WIDTH, _HEIGHT = 560, 400  # what the plot fills at most, in the SVG's own units
_LEAST = 60  # and at least: panoramas need room for an axis, too
_CELL = 3  # dots nearer to each other than this are one
_SMALLEST_DOT, _DOT_GROWTH = 3.0, 15.0
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Dot:
    """A dot: photos of one size, or of nearly one."""

    x: float
    y: float
    radius: float
    height: int
    width: int
    photos: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: its position, and how many px it means."""

    at: float
    px: int


@dataclass(frozen=True, slots=True)
class SizeChart:
    """A plot of widths (right) and heights (up).

    Attributes:
        width: of the plot.
        height: of the plot.
        crop_x: how far the crop reaches to the right.
        crop_y: its upper side, from the plot's top.
        dots: the larger ones first, so that none hides another.
        ticks_x: along the width.
        ticks_y: along the height.
    """

    width: float
    height: float
    crop_x: float
    crop_y: float
    dots: tuple[Dot, ...]
    ticks_x: tuple[Tick, ...]
    ticks_y: tuple[Tick, ...]


def plot_sizes(sizes: npt.NDArray[np.int32], crop_size: tuple[int, int]) -> SizeChart:
    """Plot photo sizes, integer (N, 2) of (height, width) in px, N > 0, around the crop's size.

    >>> chart = plot_sizes(np.array([[375, 500], [375, 500], [500, 375]], np.int32), (320, 480))
    >>> [(dot.width, dot.height, dot.photos) for dot in chart.dots]
    [(500, 375, 2), (375, 500, 1)]
    """
    # One scale for both sides, with 8 % of margin beyond the largest photo or the crop.
    largest_height, largest_width = 1.08 * np.maximum(sizes.max(axis=0), crop_size)
    scale = float(min(_WIDTH / largest_width, _HEIGHT / largest_height))
    width, height = max(float(largest_width) * scale, _LEAST), max(float(largest_height) * scale, _LEAST)
    return SizeChart(
        round(width, 1),
        round(height, 1),
        round(crop_size[1] * scale, 1),
        round(height - crop_size[0] * scale, 1),
        _dots(sizes, scale, height),
        tuple(Tick(round(px * scale, 1), px) for px in _round_steps(width / scale)),
        tuple(Tick(round(height - px * scale, 1), px) for px in _round_steps(height / scale)),
    )


def _dots(sizes: npt.NDArray[np.int32], scale: float, height: float) -> tuple[Dot, ...]:
    # Photos whose dots would fall into one cell of the plot share a dot.
    cells = np.round(sizes * (scale / _CELL)).astype(np.int64)
    _, first, photos = np.unique(cells, axis=0, return_index=True, return_counts=True)
    dots = []
    for index in np.argsort(-photos, kind="stable").tolist():
        tall, wide = sizes[first[index]].tolist()
        radius = _SMALLEST_DOT + _DOT_GROWTH * float(np.sqrt(photos[index] / len(sizes)))  # areas compare
        x, y = round(wide * scale, 1), round(height - tall * scale, 1)
        dots.append(Dot(x, y, round(radius, 1), tall, wide, int(photos[index])))
    return tuple(dots)


def _round_steps(largest: float) -> list[int]:
    """List multiples of 1, 2 or 5 times a power of ten, about five of them, from 0 to the largest."""
    least = max(largest / _TICKS, 1.0)
    power = 10 ** int(np.floor(np.log10(least)))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
    return list(range(0, int(largest) + 1, step))
