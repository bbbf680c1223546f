"""Filling: which pixels a ring of points covers, by the rule of pycocotools or by centres.

Both find where the outline crosses columns or rows of pixels, and count crossings: an odd number of them before a pixel
means that it is covered.

Source: github.com/cocodataset/cocoapi, common/maskApi.c (`rleFrPoly`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segfeed.pixels.shapes.drawing import Points

_FINE = 5  # pycocotools counts in fifths of a pixel


class Patch(NamedTuple):
    """Covered pixels: bool (H, W), whose upper left one lies at (top, left) of the picture."""

    top: int
    left: int
    cover: npt.NDArray[np.bool_]


def fill_coco(ring: Points, size: tuple[int, int]) -> Patch | None:
    """Fill a ring as pycocotools does, bit for bit; None if it covers nothing.

    Args:
        ring: (N, 2) x and y in px.
        size: (height, width) of the picture in px.
    """
    height, width = size
    if not len(ring):
        return None
    fine = (_FINE * ring + 0.5).astype(np.int64)  # as in C, to zero
    start, end = fine, np.roll(fine, -1, axis=0)
    long = np.abs(end - start)
    flat = long[:, 0] >= long[:, 1]
    turned = np.where(flat, start[:, 0] > end[:, 0], start[:, 1] > end[:, 1])[:, None]
    start, end = np.where(turned, end, start), np.where(turned, start, end)
    # A crossing of column c lies between the fine columns 5c + 2 and 5c + 3.
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    first = np.maximum(-((2 - low) // _FINE), 0)
    last = np.minimum((high - 3) // _FINE, width - 1)
    counts = np.maximum(last - first + 1, 0)
    edge = np.repeat(np.arange(len(ring)), counts)
    if not len(edge):
        return None
    column = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    row = _coco_rows(start[edge], end[edge], flat[edge], _FINE * column + 3)
    down = np.clip((row + 0.5) / _FINE - 0.5, 0, height)
    return _count_crossings(column, np.ceil(down).astype(np.int64), (width, height), by_columns=True)


def _coco_rows(
    start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], flat: npt.NDArray[np.bool_], beyond: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the upper of the two fine rows between which edges enter the fine column `beyond` or leave it."""
    (x, y), (over, down) = start.T, (end - start).T
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(flat, down / over, over / down)
    here = (y + slope * (beyond - x) + 0.5).astype(np.int64)
    before = (y + slope * (beyond - 1 - x) + 0.5).astype(np.int64)
    steep = ~flat
    steps = np.zeros(len(x), np.int64)
    steps[steep] = np.ceil((beyond[steep] - 0.5 - x[steep]) / slope[steep]).astype(np.int64)
    for _ in range(2):  # the first step beyond is found by the same sum as in C, since the division may round otherwise
        for change in (-1, 1):
            tried = steps + min(change, 0)
            is_beyond = (x + slope * tried + 0.5 >= beyond) == (slope > 0)
            steps += np.where(steep & (is_beyond if change < 0 else ~is_beyond), change, 0)
    rows: npt.NDArray[np.int64] = np.where(flat, np.minimum(here, before), y + steps - 1)
    return rows


def fill_centre(rings: Sequence[Points], size: tuple[int, int]) -> Patch | None:
    """Fill the pixels whose centre lies inside an odd number of rings; None if there are none.

    A centre on an outline belongs to the shape to its right or below it, so shapes that share an outline share no
    pixel and leave none out.

    Args:
        rings: (N, 2) each, x and y in px.
        size: (height, width) of the picture in px.
    """
    height, width = size
    edges = [np.concatenate([ring, np.roll(ring, -1, axis=0)], axis=1) for ring in rings if len(ring)]
    if not edges:
        return None
    edge = np.concatenate(edges)
    upper = edge[:, 1] <= edge[:, 3]
    edge = np.where(upper[:, None], edge, edge[:, [2, 3, 0, 1]])  # one direction: a shared edge is cut alike
    first = np.maximum(np.ceil(edge[:, 1] - 0.5), 0).astype(np.int64)
    last = np.minimum(np.ceil(edge[:, 3] - 0.5) - 1, height - 1).astype(np.int64)
    counts = np.maximum(last - first + 1, 0)
    which = np.repeat(np.arange(len(edge)), counts)
    if not len(which):
        return None
    row = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]
    x1, y1, x2, y2 = edge[which].T
    crossing = x1 + (row + 0.5 - y1) * ((x2 - x1) / (y2 - y1))
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    return _count_crossings(row, column, (height, width), by_columns=False)


def _count_crossings(
    line: npt.NDArray[np.int64], place: npt.NDArray[np.int64], size: tuple[int, int], *, by_columns: bool
) -> Patch | None:
    """Cover each pixel that an odd number of crossings precedes: of (lines, places) in reading order."""
    lines, places = size
    at = np.sort(line * places + place)
    first, last = int(at[0]) // places, min(int(at[-1]) // places, lines - 1)
    if first > last:
        return None
    lengths = np.diff(at - first * places, prepend=0, append=(last - first + 1) * places)
    is_odd = (np.arange(len(lengths)) & 1).astype(np.bool_)
    cover = np.repeat(is_odd, lengths).reshape(-1, places)
    used = np.flatnonzero(cover.any(axis=0))
    if not len(used):
        return None
    low, high = int(used[0]), int(used[-1]) + 1
    cover = cover[:, low:high]
    return Patch(low, first, cover.T) if by_columns else Patch(first, low, cover)


def fill_rings(rings: Sequence[Points], size: tuple[int, int], *, are_parts: bool, by_columns: bool) -> Patch | None:
    """Fill rings; None if they cover nothing.

    Args:
        rings: (N, 2) each, x and y in px.
        size: (height, width) of the picture in px.
        are_parts: whether they are joined; otherwise they cut holes into each other.
        by_columns: whether pycocotools' rule counts; otherwise the centres of pixels.
    """
    if not are_parts and not by_columns:
        return fill_centre(rings, size)
    found = [fill_coco(ring, size) if by_columns else fill_centre([ring], size) for ring in rings]
    patches = [patch for patch in found if patch is not None]
    if len(patches) < 2:
        return patches[0] if patches else None
    cover = np.zeros(size, np.bool_)
    for top, left, part in patches:
        area = cover[top : top + part.shape[0], left : left + part.shape[1]]
        np.copyto(area, area | part if are_parts else area ^ part)
    return crop_cover(cover, 0, 0, size)


def crop_cover(cover: npt.NDArray[np.bool_], top: int, left: int, size: tuple[int, int]) -> Patch | None:
    """Cut off what lies outside the picture, and the empty rows and columns around the rest."""
    inside = cover[max(-top, 0) : max(size[0] - top, 0), max(-left, 0) : max(size[1] - left, 0)]
    top, left = max(top, 0), max(left, 0)
    rows = np.flatnonzero(inside.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(inside.any(axis=0))
    low, high, first, last = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Patch(top + low, left + first, inside[low:high, first:last])
