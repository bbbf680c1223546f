"""Tracing: the outlines of covered pixels, along their edges, so that filling them gives the same pixels again.

Corners of outlines are found all at once. In each row of corners the first and second are joined, the third and
fourth, and so on, and in each column likewise; who follows the joints in turn walks round a ring.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.pixels.shapes.drawing import Points
from segfeed.pixels.shapes.runs import Cover

_LEFT_UP, _RIGHT_UP = 9, 6  # codes of corners at which two pixels meet that touch nowhere else


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Covered pixels that hang together by their sides.

    Attributes:
        rings: float64 (N, 2) each, x and y in px of corners, 0 = the left or upper edge of the picture: the outline,
            clockwise on screens, then the outlines of holes, the other way round.
    """

    rings: tuple[Points, ...]

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return round(
            sum(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) for x, y in (ring.T for ring in self.rings)) / 2
        )

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Its left and upper edge, width and height in px."""
        (left, top), (right, bottom) = self.rings[0].min(axis=0).tolist(), self.rings[0].max(axis=0).tolist()
        return int(left), int(top), int(right - left), int(bottom - top)


def trace_regions(cover: Cover) -> list[Region]:
    """Trace the outlines of covered pixels.

    Args:
        cover: bool (H, W).

    Returns:
        regions: from the top to the bottom. Pixels that meet at a corner only are of two regions, unless others join
            them. Each ring has corners only, and its last point is not its first. Filled by the rule of centres or by
            pycocotools', its holes cut out, a region gives its pixels exactly.

    >>> [region.rings[0].tolist() for region in trace_regions(np.array([[True, True], [False, False]]))]
    [[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]]
    """
    rows = np.flatnonzero(cover.any(axis=1))
    if not len(rows):
        return []
    columns = np.flatnonzero(cover.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    part = np.pad(cover[top : rows[-1] + 1, left : columns[-1] + 1], 1).view(np.uint8)
    row, column, down = _corners(part)
    rings = _walk(down)
    is_hole = [not part[row[ring[0]] + 1, column[ring[0]] + 1] for ring in rings]
    owners = _owners(rings, is_hole, (row, column, down), part.shape)
    place = np.stack([column + left, row + top], axis=1).astype(np.float64)
    found: dict[int, list[Points]] = {number: [] for number, hole in enumerate(is_hole) if not hole}
    for number, ring in enumerate(rings):
        points = place[ring]
        found[owners[number]].append(np.roll(points[::-1], 1, axis=0) if is_hole[number] else points)
    return [Region(tuple(own)) for own in found.values()]


def _corners(part: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Find the corners of outlines: their rows and columns, in reading order, and the corner joined in the column.

    The corner joined in the row is the next one of an even one, and the one before of an odd one. A corner at which two
    pixels meet that touch nowhere else is two: the first has the edge on the left, the second that on the right.
    """
    code = part[:-1, :-1] + 2 * part[:-1, 1:] + 4 * part[1:, :-1] + 8 * part[1:, 1:]
    is_corner = np.zeros(16, np.uint8)
    is_corner[[1, 2, 4, 8, 7, 11, 13, 14]] = 1
    is_corner[[_LEFT_UP, _RIGHT_UP]] = 2
    times = is_corner[code]
    row, column = np.nonzero(times)
    count = times[row, column]
    at = np.repeat(np.arange(len(row)), count)
    is_second = np.concatenate([[False], at[1:] == at[:-1]])
    row, column = row[at], column[at]
    is_lower = is_second ^ ((count[at] == 2) & (code[row, column] == _RIGHT_UP))
    order = np.lexsort((is_lower, row, column))
    down = np.empty(len(row), np.intp)
    down[order] = order.reshape(-1, 2)[:, ::-1].ravel()
    return row, column, down


def _walk(down: npt.NDArray[np.intp]) -> list[list[int]]:
    """Follow the joints: the corners of each ring, from its upper left one to the right."""
    partner = down.tolist()
    seen = bytearray(len(partner))
    rings = []
    for start in range(len(partner)):
        if seen[start]:
            continue
        ring, here = [], start
        while not seen[here]:
            there = here ^ 1
            seen[here] = seen[there] = 1
            ring += [here, there]
            here = partner[there]
        rings.append(ring)
    return rings


def _owners(
    rings: list[list[int]],
    is_hole: list[bool],
    corners: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]],
    shape: tuple[int, ...],
) -> list[int]:
    """Return the outline that each ring belongs to: of a hole, that of the region on the left of its first corner."""
    owners = list(range(len(rings)))
    if not any(is_hole):
        return owners
    row, column, down = corners
    ring_of = np.empty(len(row), np.int32)
    ring_of[[corner for ring in rings for corner in ring]] = np.repeat(np.arange(len(rings)), [*map(len, rings)])
    upper = np.flatnonzero(row < row[down])
    tall = row[down[upper]] - row[upper]
    which = np.repeat(upper, tall)
    lines = row[which] + np.arange(len(which)) - np.repeat(np.cumsum(tall) - tall, tall)
    edges = np.full(shape, -1, np.int32)  # the ring whose edge lies left of each pixel
    edges[lines, column[which]] = ring_of[which]
    for number in (number for number, hole in enumerate(is_hole) if hole):
        first = rings[number][0]
        before = edges[row[first], : column[first]]
        owners[number] = owners[int(before[np.flatnonzero(before >= 0)[-1]])]
    return owners


def seam_rings(rings: tuple[Points, ...]) -> Points:
    """Join the rings of a region into one, float64 (N, 2), which goes to each hole and back by the same way.

    Filled by the rule of centres, it covers the same pixels: what is walked twice is crossed twice.

    >>> square = np.array([[0.0, 0], [3, 0], [3, 3], [0, 3]])
    >>> seam_rings((square, square[::-1] / 3 + 1)).shape
    (10, 2)
    """
    joined = rings[0]
    for hole in rings[1:]:
        near = int(((joined - hole[0]) ** 2).sum(axis=1).argmin())
        joined = np.concatenate([joined[: near + 1], hole, hole[:1], joined[near:]])
    return joined
