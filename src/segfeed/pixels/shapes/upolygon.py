"""Filling as V7 Darwin draws its masks: points rounded and clipped to the picture, then upolygon, outlines included.

Source: github.com/v7labs/darwin-py, `convert_polygons_to_sequences`; github.com/v7labs/upolygon 0.2.3,
draw_polygon.pyx.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segfeed.pixels.shapes.drawing import Points
from segfeed.pixels.shapes.filling import Patch


def fill_upolygon(rings: Sequence[Points], size: tuple[int, int]) -> Patch | None:
    """Fill rings, which cut holes into each other, as Darwin does, bit for bit; None if they cover nothing.

    Args:
        rings: (N, 2) each, x and y in px.
        size: (height, width) of the picture in px.
    """
    cover = np.zeros(size, np.bool_)
    crossings: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []
    for ring in rings:
        points = np.round(np.clip(ring, 0, np.array(size[::-1]) - 1)).astype(np.int64)
        for (x1, y1), (x2, y2) in zip(np.roll(points, 1, axis=0).tolist(), points.tolist(), strict=True):
            _draw_line(cover, x1, y1, x2, y2)
            if y1 != y2:
                rows = np.arange(min(y1, y2), max(y1, y2))
                steps = np.full(len(rows), np.float32(x1 - x2) / np.float32(y1 - y2), np.float32)
                steps[0] = x1 if y1 < y2 else x2
                crossings.append((rows, np.cumsum(steps, dtype=np.float32)))  # one step a row, as upolygon adds them
    if crossings:
        row, x = (np.concatenate(parts) for parts in zip(*crossings, strict=True))
        order = np.lexsort((x, row))
        row, x = row[order], x[order]
        left, right = np.maximum(np.ceil(x[::2]), 0).astype(int), np.floor(x[1::2]).astype(int)
        for line, low, high in zip(row[::2].tolist(), left.tolist(), right.tolist(), strict=True):
            cover[line, low : max(high + 1, 0)] = True
    return Patch(0, 0, cover) if cover.any() else None


def _draw_line(cover: npt.NDArray[np.bool_], x1: int, y1: int, x2: int, y2: int) -> None:
    """Draw one line of an outline; of a slanted one, the last pixel is left to the next line."""
    if x1 == x2 or y1 == y2:
        cover[min(y1, y2) : max(y1, y2) + 1, min(x1, x2) : max(x1, x2) + 1] = True
        return
    if x1 > x2:
        x1, y1, x2, y2 = x2, y2, x1, y1
    over, down, step = x2 - x1, abs(y2 - y1), -1 if y2 < y1 else 1
    along = np.arange(max(over, down))
    aside = _errors_above(max(over, down), min(over, down))
    if down > over:
        cover[y1 + step * along, x1 + aside] = True
    else:
        cover[y1 + step * aside, x1 + along] = True


def _errors_above(long: int, short: int) -> npt.NDArray[np.int64]:
    """Return Bresenham's steps to the side before each pixel of a line: int64 (long,)."""
    error, aside = 2 * short - long, np.zeros(long, np.int64)
    for place in range(1, long):
        is_above = error > 0
        aside[place] = aside[place - 1] + is_above
        error += 2 * (short - long) if is_above else 2 * short
    return aside
