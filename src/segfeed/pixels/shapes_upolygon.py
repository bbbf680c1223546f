"""Filling as upolygon does, which V7 Darwin draws its masks with: outlines included, in 32-bit floats.

Source: github.com/v7labs/upolygon 0.2.3, draw_polygon.pyx.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segfeed.pixels.shapes import Points
from segfeed.pixels.shapes_fill import Patch

_Line = tuple[int, int, int, int]


def fill_upolygon(rings: Sequence[Points], size: tuple[int, int]) -> Patch | None:
    """Fill rings, which cut holes into each other, as upolygon does, bit for bit; None if they cover nothing.

    Args:
        rings: (N, 2) each, x and y in px.
        size: (height, width) of the picture in px.
    """
    height, width = size
    cover = np.zeros(size, np.bool_)
    crossings: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []
    for ring in rings:
        points = ring.astype(np.float32)
        points[:, 1] = np.round(points[:, 1])
        for (x1, y1), (x2, y2) in zip(np.roll(points, 1, axis=0), points, strict=True):
            _draw_line(cover, (int(x1), int(y1), int(x2), int(y2)))
            if y1 != y2 and max(y1, y2) >= 0:
                top, bottom, x = (y1, y2, x1) if y1 < y2 else (y2, y1, x2)
                if top < 0:
                    top, x = np.float32(0), (x2 - x1) / (y2 - y1) * (np.float32(0) - y1) + x1
                rows = np.arange(int(top), min(int(bottom), height))
                steps = np.full(len(rows), (x1 - x2) / (y1 - y2), np.float32)
                steps[:1] = x
                crossings.append((rows, np.cumsum(steps, dtype=np.float32)))  # one step a row, as upolygon adds them
    if crossings:
        row, x = (np.concatenate(parts) for parts in zip(*crossings, strict=True))
        order = np.lexsort((x, row))
        row, x = row[order], x[order]
        left, right = np.maximum(np.ceil(x[::2]), 0), np.minimum(np.floor(x[1::2]), width - 1)
        for line, low, high in zip(row[::2].tolist(), left.astype(int), right.astype(int), strict=True):
            cover[line, low : max(high + 1, 0)] = True
    return Patch(0, 0, cover) if cover.any() else None


def _draw_line(cover: npt.NDArray[np.bool_], line: _Line) -> None:
    """Draw one line of an outline; of a slanted one, the last pixel is left to the next line."""
    height, width = cover.shape
    x1, y1, x2, y2 = line
    if x1 == x2:
        if 0 <= x1 < width:
            low, high = sorted((min(max(y1, 0), height - 1), min(max(y2, 0), height - 1)))
            cover[low : high + 1, x1] = True
        return
    if y1 == y2:
        if 0 <= y1 < height:
            low, high = sorted((min(max(x1, 0), width - 1), min(max(x2, 0), width - 1)))
            cover[y1, low : high + 1] = True
        return
    inside = _clip(line, width, height)
    if inside is None:
        return
    x1, y1, x2, y2 = inside if inside[0] <= inside[2] else (*inside[2:], *inside[:2])
    over, down, step = x2 - x1, abs(y2 - y1), -1 if y2 < y1 else 1
    steep = down > over
    along = np.arange(down if steep else over)
    aside = _errors_above(max(over, down), min(over, down), len(along))
    row = max(0, y1) + step * (along if steep else aside)
    column = max(0, x1) + (aside if steep else along)
    # Clipping leaves a few lines that run out of the picture; they are drawn up to there.
    outside = (row < -height) | (row >= height) | (column >= width)
    count = int(np.argmax(outside)) if outside.any() else len(row)
    cover[row[:count], column[:count]] = True


def _errors_above(long: int, short: int, count: int) -> npt.NDArray[np.int64]:
    """Return Bresenham's steps to the side before each of the pixels of a line."""
    error, aside = 2 * short - long, np.zeros(count, np.int64)
    for place in range(1, count):
        is_above = error > 0
        aside[place] = aside[place - 1] + is_above
        error += 2 * (short - long) if is_above else 2 * short
    return aside


def _clip(line: _Line, width: int, height: int) -> _Line | None:
    """Clip a slanted line to the picture, one end after the other; None if it lies outside."""
    x1, y1, x2, y2 = line
    if max(x1, x2) < 0 or min(x1, x2) >= width or max(y1, y2) < 0 or min(y1, y2) >= height:
        return None
    ends: list[float] = []
    for x, y in ((x1, y1), (x2, y2)):
        end_x, end_y = float(x), float(y)
        if end_x < 0 or end_x >= width:
            edge = 0 if end_x < 0 else width
            end_x, end_y = min(edge, width - 1), (y2 - y1) / (x2 - x1) * (edge - x1) + y1
        if end_y < 0 or end_y >= height:
            edge = 0 if end_y < 0 else height
            end_x, end_y = (x2 - x1) / (y2 - y1) * (edge - y1) + x1, min(edge, height - 1)
        ends += end_x, end_y
    if max(ends[0], ends[2]) < 0 or min(ends[0], ends[2]) >= width:
        return None
    left, top, right, bottom = map(int, ends)
    return left, top, right, bottom
