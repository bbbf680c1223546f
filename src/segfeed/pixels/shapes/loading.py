"""The compiled kernels of drawn shapes, loaded beside the first drawings; until then plain NumPy serves.

They serve only if they give the same bits as plain NumPy here and now, since what numba kept on disk may be damaged.
Loading takes about a second, so a few drawings never wait for it.
"""

import itertools
from collections.abc import Sequence
from functools import partial
from types import ModuleType

import numpy as np

from segfeed.pixels.shapes.canvas import Canvas
from segfeed.pixels.shapes.drawing import Drawing, Points, Style
from segfeed.pixels.shapes.filling import Patch, fill_rings
from segfeed.system.work import Kernels, load_beside

_ENOUGH = 64  # drawings before the kernels are loaded


_KERNELS = Kernels("segfeed.pixels.shapes.compiled", "fills shapes, as exactly")
_drawings = itertools.count(1)


def kernels(drawing: Drawing) -> ModuleType | None:
    """Return the compiled kernels for a drawing; None if plain NumPy serves. Enough drawings load them, beside."""
    if drawing.style.void != 255:  # over 254 classes are rare, and would be compiled anew
        return None
    if _KERNELS.module is None and not _KERNELS.broken and next(_drawings) == _ENOUGH:
        load_beside(load_compiled)
    return _KERNELS.module


def load_compiled() -> bool:
    """Load the compiled kernels, so that they serve from then on.

    Returns:
        loaded: False if numba is not installed, or its code cannot be trusted.
    """
    return _KERNELS.load(_compare)


def _compare(module: ModuleType) -> None:
    if not _agrees(module):
        raise ArithmeticError("its code gives other bits")


def fill_compiled(
    module: ModuleType, rings: tuple[Points, ...], size: tuple[int, int], *, are_parts: bool, by_columns: bool
) -> Patch | None:
    """Do what `fill_rings` does by the compiled kernel."""
    if not rings:
        return None
    starts = np.zeros(len(rings) + 1, np.int64)
    np.cumsum([len(ring) for ring in rings], out=starts[1:])
    points = np.concatenate(rings, dtype=np.float64)
    top, left, cover = module.fill(points, starts, are_parts, by_columns, size)
    return Patch(top, left, cover.view(np.bool_)) if cover.size else None


def paint_compiled(
    module: ModuleType, canvas: Canvas, shapes: Sequence[tuple[tuple[Points, ...], bool, int]], *, by_columns: bool
) -> int:
    """Fill and paint shapes, the lowest first, in one go; return how many cover nothing.

    Args:
        module: the compiled kernels.
        canvas: that is painted.
        shapes: the rings of each, whether they are joined, and its value.
        by_columns: as in `fill_rings`.
    """
    rings = [ring for one, _, _ in shapes for ring in one]
    if not rings:
        return len(shapes)
    starts = np.array([0, *itertools.accumulate(map(len, rings))])
    ends = list(itertools.accumulate(len(one) for one, _, _ in shapes))
    table = [(end - len(one), end, joined, value) for end, (one, joined, value) in zip(ends, shapes, strict=True)]
    points = np.concatenate(rings, dtype=np.float64)
    empty, found = module.paint(canvas.arrays, points, starts, np.array(table), canvas.void, by_columns)
    for below, above, pixels in found.tolist():
        canvas.overlaps[below, above] += pixels
    return int(empty)


def _agrees(module: ModuleType) -> bool:
    """Fill and paint two rings by both paths, and compare."""
    rings = (
        np.array([[1.3, 0.4], [17.2, 3.9], [9.5, 14.1], [-3.0, 9.9]]),
        np.array([[2, 2], [30.7, 5], [4, 16.4], [12.0, 1]]),
    )
    for way in range(4):
        are_parts, by_columns = way % 2 > 0, way > 1
        painted = []
        for compiled in (None, module):
            canvas = Canvas.blank(Drawing((15, 21), (), style=Style(overlap="void")))
            if compiled:
                shapes = [(rings, are_parts, 1), (rings[:1], are_parts, 2)]
                paint_compiled(compiled, canvas, shapes, by_columns=by_columns)
            for value, chosen in enumerate((rings[1:], rings) if compiled else (rings, rings[:1], rings[1:], rings)):
                fill = partial(fill_compiled, compiled) if compiled else fill_rings
                patch = fill(chosen, (15, 21), are_parts=are_parts, by_columns=by_columns)
                if patch is not None:
                    canvas.put(patch, value % 2 + 1, compiled)
            painted.append((canvas.pixels.tobytes(), canvas.clash.tobytes(), canvas.overlaps))
        if painted[0] != painted[1]:
            return False
    return True
