"""Doubts about annotations, in a module of its own as drawings say what no stored value does: a box is not a label."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from segfeed.datasets.doubts.evidence import LOOKED_AT_IN_DOUBT, spread
from segfeed.datasets.doubts.ways_out import Doubt
from segfeed.datasets.drawn.masks import DrawnMask
from segfeed.datasets.source import Sample
from segfeed.errors import SegfeedError
from segfeed.pixels.shapes.drawing import Drawing, Shape, decode_drawing
from segfeed.pixels.shapes.painting import outlines_nothing, tell_kinds
from segfeed.system.showing import counted


class Looked(NamedTuple):
    """The shapes of some samples.

    Attributes:
        shapes: of all of them.
        annotations: how many were looked at.
        read: how many of these could be read.
        away: how many shapes lie wholly outside their photo.
        boxes: what becomes of boxes, as in `Style`.
    """

    shapes: list[Shape]
    annotations: int
    read: int
    away: int
    boxes: str


def look_at_shapes(samples: Sequence[Sample]) -> Looked:
    """Read the shapes of some samples, from all over the split; if they have none, of all up to one that has any."""
    masks = [one.mask for one in samples if isinstance(one.mask, DrawnMask)]
    chosen = [masks[number] for number in spread(len(masks), LOOKED_AT_IN_DOUBT)]
    drawings = [drawing for mask in chosen for drawing in _drawing_of(mask)]
    if len(drawings) == len(chosen) < len(masks) and not any(drawing.shapes for drawing in drawings):
        chosen, drawings = masks, []
        for mask in masks:
            drawings += _drawing_of(mask)
            if drawings and drawings[-1].shapes:
                break
    placed = [(shape, drawing.size) for drawing in drawings for shape in drawing.shapes]
    away = sum(_lies_outside(shape, size) for shape, size in placed)
    boxes = masks[0].style.boxes if masks else "error"
    return Looked([shape for shape, _ in placed], len(chosen), len(drawings), away, boxes)


def doubt_boxes(looked: Looked) -> Iterator[Doubt]:
    """Say if shapes are boxes only, or boxes besides outlines.

    Nothing is said of boxes that are left out or filled because a person asked for it.
    """
    shapes = looked.shapes
    bare = [shape for shape in shapes if outlines_nothing(shape)]
    if not bare or looked.boxes != "error":
        return
    of = f"in {counted(looked.annotations, 'annotation')} looked at"
    if len(bare) == len(shapes):
        found = f"boxes only: {tell_kinds(bare)} {of}, and no outline"
        remedy = 'draw outlines, or pass boxes="fill" if a box is all that a label shall be'
    else:
        found = f"{tell_kinds(bare)} besides {counted(len(shapes) - len(bare), 'outline')} {of}"
        remedy = 'pass boxes="leave" to leave them out, or boxes="fill" to fill them as they are'
    yield Doubt("error", "shapes-boxes", found, "polygons or masks", remedy)


def doubt_outlines(looked: Looked) -> Iterator[Doubt]:
    """Say if no shape has an outline, or all lie outside the photos, or all in the first pixel, as shares would."""
    shapes = looked.shapes
    if 0 < looked.read == looked.annotations and not any(len(array) for shape in shapes for array in shape.arrays):
        found = f"no outline in {counted(looked.annotations, 'annotation')} looked at, so all pixels are background"
        remedy = "check whether the tool exported its polygons or masks"
        yield Doubt("warning", "shapes-none", found, "polygons or masks", remedy)
    of = f"of {counted(len(shapes), 'shape')} in {counted(looked.annotations, 'annotation')} looked at"
    if shapes and looked.away == len(shapes):
        remedy = "check that x comes before y, and that these are the photos that they were drawn on"
        yield Doubt("warning", "shapes-away", f"no point inside a photo {of}", "points inside", remedy)
    rings = [ring for shape in shapes if shape.kind in ("rings", "parts") for ring in shape.arrays if len(ring)]
    placed = any(shape.kind in ("runs", "ellipse") for shape in shapes)  # they say what a pixel is
    if rings and not placed and all(ring.min() >= 0 and ring.max() <= 1 for ring in rings):
        found = f"points from {min(map(np.min, rings)):g} to {max(map(np.max, rings)):g} {of}"
        remedy = "multiply x by the width and y by the height, as these seem to be shares of them"
        yield Doubt("error", "shapes-shares", found, "points in px", remedy)


def _drawing_of(mask: DrawnMask) -> tuple[Drawing, ...]:
    """Return the drawing of a sample; none if it cannot be read, which is said when it is needed."""
    try:
        return (decode_drawing(mask.read(), mask.name),)
    except SegfeedError:
        return ()


def _lies_outside(shape: Shape, size: tuple[int, int]) -> bool:
    points = [array for array in shape.arrays if len(array)]
    if not points or shape.kind in ("runs", "ellipse"):
        return False
    every = np.concatenate(points)
    return bool((every.max(axis=0) < 0).any() or (every.min(axis=0) > size[::-1]).any())
