"""The compiled kernels of drawn shapes: which pixels rings cover, and painting them, without the interpreter's lock.

The bits are those of plain NumPy (`filling`, `canvas`): the same sums in the same order, without fused
multiply-add. Importing this module loads numba; `loading` does so beside the first drawings.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from segfeed.system.compiling import keep_compiled

_compile = keep_compiled([Path(__file__)])
_FINE = 5  # pycocotools counts in fifths of a pixel


@njit(inline="always", error_model="numpy")
def _coco_edge(points: Any, one: Any, two: Any, width: Any) -> Any:
    """Return an edge in fifths of a pixel, its long side forward, and the columns it crosses."""
    x1, y1 = np.int64(_FINE * points[one, 0] + 0.5), np.int64(_FINE * points[one, 1] + 0.5)
    x2, y2 = np.int64(_FINE * points[two, 0] + 0.5), np.int64(_FINE * points[two, 1] + 0.5)
    flat = abs(x2 - x1) >= abs(y2 - y1)
    if (flat and x1 > x2) or (not flat and y1 > y2):
        x1, y1, x2, y2 = x2, y2, x1, y1
    first = max(-((2 - min(x1, x2)) // _FINE), 0)
    last = min((max(x1, x2) - 3) // _FINE, width - 1)
    return x1, y1, x2, y2, flat, first, last


@njit(inline="always", error_model="numpy")
def _coco_row(x1: Any, y1: Any, x2: Any, y2: Any, flat: Any, beyond: Any) -> Any:
    if flat:
        slope = (y2 - y1) / (x2 - x1)
        return min(np.int64(y1 + slope * (beyond - x1) + 0.5), np.int64(y1 + slope * (beyond - 1 - x1) + 0.5))
    slope = (x2 - x1) / (y2 - y1)
    steps = np.int64(np.ceil((beyond - 0.5 - x1) / slope))
    for _ in range(2):
        if (x1 + slope * (steps - 1) + 0.5 >= beyond) == (slope > 0):
            steps -= 1
        if (x1 + slope * steps + 0.5 >= beyond) != (slope > 0):
            steps += 1
    return y1 + steps - 1


@njit(error_model="numpy")
def _cross_columns(points: Any, starts: Any, size: Any, at: Any) -> Any:
    """Note where rings cross columns by the rule of pycocotools: (ring, row, column) in `at`; return how often."""
    height, width = size
    count = 0
    for ring in range(len(starts) - 1):
        for one in range(starts[ring], starts[ring + 1]):
            two = one + 1 if one + 1 < starts[ring + 1] else starts[ring]
            x1, y1, x2, y2, flat, first, last = _coco_edge(points, one, two, width)
            for column in range(first, last + 1):
                if at.size:
                    row = _coco_row(x1, y1, x2, y2, flat, _FINE * column + 3)
                    down = min(max((row + 0.5) / _FINE - 0.5, 0.0), np.float64(height))
                    at[count, 0], at[count, 1], at[count, 2] = ring, np.int64(np.ceil(down)), column
                count += 1
    return count


@njit(error_model="numpy")
def _cross_rows(points: Any, starts: Any, size: Any, at: Any) -> Any:
    """Note where rings cross the centres of rows: (ring, row, column) in `at`; return how often."""
    height, width = size
    count = 0
    for ring in range(len(starts) - 1):
        for one in range(starts[ring], starts[ring + 1]):
            two = one + 1 if one + 1 < starts[ring + 1] else starts[ring]
            x1, y1, x2, y2 = points[one, 0], points[one, 1], points[two, 0], points[two, 1]
            if y1 > y2:
                x1, y1, x2, y2 = x2, y2, x1, y1
            first = np.int64(max(np.ceil(y1 - 0.5), 0.0))
            last = np.int64(min(np.ceil(y2 - 0.5) - 1, np.float64(height - 1)))
            for row in range(first, last + 1):
                if at.size:
                    crossing = np.ceil(x1 + (row + 0.5 - y1) * ((x2 - x1) / (y2 - y1)) - 0.5)
                    at[count, 0], at[count, 1] = ring, row
                    at[count, 2] = np.int64(min(max(crossing, 0.0), np.float64(width)))
                count += 1
    return count


@njit(error_model="numpy")
def _spread(cover: Any, by_columns: Any) -> None:
    """Turn crossings, of which each changes what follows in its line, into what is covered."""
    height, width = cover.shape
    if by_columns:
        for y in range(1, height):
            line, above = cover[y], cover[y - 1]
            for x in range(width):  # numba makes this many pixels at once
                line[x] ^= above[x]
    else:
        for y in range(height):
            line = cover[y]
            inside = np.uint8(0)
            for x in range(width):
                inside ^= line[x]
                line[x] = inside


@_compile
def fill(points: Any, starts: Any, are_parts: Any, by_columns: Any, size: Any) -> Any:
    """Return the upper and left border in px of what rings cover, and uint8 (H, W) of it, 0 or 1; no lines if nothing.

    Args:
        points: float64 (N, 2), those of all rings in turn.
        starts: int64 (R + 1,), where each ring begins, and the last one ends.
        are_parts: whether rings are joined; otherwise they cut holes into each other.
        by_columns: whether pycocotools' rule counts; otherwise the centres of pixels.
        size: (height, width) of the picture in px.
    """
    none = np.empty((0, 3), np.int64)
    total = _cross_columns(points, starts, size, none) if by_columns else _cross_rows(points, starts, size, none)
    if not total:
        return 0, 0, np.zeros((0, 0), np.uint8)
    at = np.empty((total, 3), np.int64)
    if by_columns:
        _cross_columns(points, starts, size, at)
    else:
        _cross_rows(points, starts, size, at)
    top, left = at[:, 1].min(), at[:, 2].min()
    shape = at[:, 1].max() - top + (0 if by_columns else 1), at[:, 2].max() - left + (1 if by_columns else 0)
    cover = np.zeros(shape, np.uint8)
    joined = are_parts and len(starts) > 2
    part = np.zeros(shape, np.uint8) if joined else cover
    some, begin = False, 0
    for place in range(total):
        row, column = at[place, 1] - top, at[place, 2] - left
        if row < shape[0] and column < shape[1]:  # the farthest crossings are followed by nothing
            part[row, column] ^= 1
        if place + 1 < total and not (joined and at[place + 1, 0] != at[place, 0]):
            continue
        for one in range(begin, place + 1):
            row, column = at[one, 1] - top, at[one, 2] - left
            some |= row < shape[0] and column < shape[1] and part[row, column] != 0
        begin = place + 1
        _spread(part, by_columns)
        if joined:
            cover |= part
            part[:] = 0
    return top, left, cover if some else np.zeros((0, 0), np.uint8)


@njit(error_model="numpy")
def _count_hidden(covered: Any, below: Any, ignored: Any, hidden: Any, marks: Any) -> Any:
    """Count what a line hides, by runs of one value: counting each pixel would wait for the one before."""
    total, start, last = 0, 0, np.int64(0)
    for x in range(len(covered) + 1):
        value = np.int64(0)
        if x < len(covered) and covered[x]:
            value = np.int64(below[x])
        if x == len(covered) or value != last:
            if last != 0 and last != ignored[0] and last != ignored[1]:
                hidden[last] += x - start
                total += x - start
                if marks.size:
                    marks[start:x] = True
            start, last = x, value
    return total


@_compile
def put(canvas: Any, cover: Any, place: Any, value: Any, void: Any) -> Any:
    """Paint covered pixels with a value; return how many of another class they hide.

    Args:
        canvas: stored values (H, W); what covers each pixel, of the same dtype, 0 if nothing does; bool (H, W), set to
            true if a pixel belongs to two classes; int64, how many pixels of each other value are hidden. All written;
            the second may be the first, and the third may be empty.
        cover: uint8 (h, w), contiguous, 0 or 1.
        place: (top, left) of it in px.
        value: that is painted.
        void: the stored value of void.
    """
    pixels, owner, clash, hidden = canvas
    top, left = place
    height, width = cover.shape
    # Numbers of one kind: then numba compares many pixels at once.
    colour, ignored = pixels.dtype.type(value), pixels.dtype.type(void)
    total = 0
    for y in range(height):
        covered, below = cover[y], owner[top + y, left : left + width]
        hides = False
        if value not in (0, void):
            for x in range(width):
                hides |= (covered[x] != 0) & (below[x] != 0) & (below[x] != colour) & (below[x] != ignored)
        if hides:
            marks = clash[top + y, left : left + width] if clash.size else clash[:0].ravel()
            total += _count_hidden(covered, below, (colour, ignored), hidden, marks)
        line = pixels[top + y, left : left + width]
        for x in range(width):
            line[x] = colour if covered[x] else line[x]
        if owner is not pixels:
            for x in range(width):
                below[x] = colour if covered[x] else below[x]
    return total


@_compile
def paint(canvas: Any, points: Any, starts: Any, shapes: Any, void: Any, by_columns: Any) -> Any:
    """Fill and paint shapes, the lowest first; return how many cover nothing, and int64 (N, 3) of what is hidden.

    Args:
        canvas: as in `put`.
        points: as in `fill`.
        starts: as in `fill`, of the rings of all shapes.
        shapes: int64 (S, 4): the first ring of each, the end of its rings, whether they are joined, its value.
        void: the stored value of void.
        by_columns: as in `fill`.
    """
    hidden, size = canvas[3], canvas[0].shape
    found = np.empty((8, 3), np.int64)  # (value below, value above, pixels)
    empty, count = 0, 0
    for place in range(len(shapes)):
        first, end, are_parts, value = shapes[place, 0], shapes[place, 1], shapes[place, 2], shapes[place, 3]
        top, left, cover = fill(points, starts[first : end + 1], are_parts != 0, by_columns, size)
        if not cover.size:
            empty += 1
        elif put(canvas, cover, (top, left), value, void):
            for below in range(len(hidden)):
                if hidden[below]:
                    if count == len(found):
                        found = np.concatenate((found, found))
                    found[count, 0], found[count, 1], found[count, 2] = below, value, hidden[below]
                    hidden[below] = 0
                    count += 1
    return empty, found[:count]
