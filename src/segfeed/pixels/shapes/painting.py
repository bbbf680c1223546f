"""Painting: drawn shapes -> the stored values of a mask, and what was counted on the way."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from segfeed.errors import MaskError
from segfeed.pixels.files.through_pillow import check_size
from segfeed.pixels.shapes.canvas import Canvas
from segfeed.pixels.shapes.drawing import Drawing, Points, Shape, Style
from segfeed.pixels.shapes.filling import Patch, crop_cover, fill_rings
from segfeed.pixels.shapes.loading import fill_compiled, kernels, paint_compiled
from segfeed.pixels.shapes.runs import cover_of_runs
from segfeed.pixels.shapes.upolygon import fill_upolygon

_MOST_OBJECTS = 253
_UNASKED = {
    "box": ("box", "boxes"),
    "point": ("point", "points"),
    "line": ("line without a width", "lines without a width"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A painted mask.

    Attributes:
        pixels: uint8 or uint16 (H, W), stored values.
        overlaps: (value below, value above) -> pixels that both classes cover; background and void do not count.
        empty: how many shapes cover no pixel.
        crowds: how many shapes mark a crowd.
        left_out: how many shapes were left out, as asked: boxes, points, lines, crowds.
    """

    pixels: npt.NDArray[Any]
    overlaps: dict[tuple[int, int], int] = field(default_factory=dict)
    empty: int = 0
    crowds: int = 0
    left_out: int = 0


def paint(drawing: Drawing, name: str = "mask") -> Painted:
    """Paint shapes, the lowest first.

    Args:
        drawing: the shapes.
        name: what the mask is called in an error.

    Raises:
        MaskError: if runs do not fit, boxes or points would be labels and nobody asked for it, or classes overlap and
            the style says "error".

    >>> square = Shape("rings", 1, (np.array([[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]]),))
    >>> int(paint(Drawing((8, 8), (square,))).pixels.sum())
    16
    """
    style, (height, width) = drawing.style, drawing.size
    check_size(height, width, name, MaskError)
    shapes = _drawn(drawing, name)
    numbers = {number: place for place, number in enumerate(dict.fromkeys(one.object for one in shapes), start=1)}
    if style.objects and len(numbers) > _MOST_OBJECTS:
        found = f"{len(numbers):,} objects"
        raise MaskError(name, found=found, expected=f"at most {_MOST_OBJECTS}", remedy='use task="semantic"')
    values = [_value_of(shape, style, numbers) for shape in shapes]
    canvas, compiled = Canvas.blank(drawing), kernels(drawing)
    if compiled is not None and _are_plain(shapes, style):
        chosen = [(_rings_of(one), one.kind == "parts", value) for one, value in zip(shapes, values, strict=True)]
        empty = paint_compiled(compiled, canvas, chosen, by_columns=style.rule == "coco")
    else:
        empty = _paint_in_turn(canvas, shapes, values, (drawing, name, compiled))
    canvas.settle(style, drawing.names, name)
    return Painted(
        canvas.pixels,
        dict(canvas.overlaps),
        empty,
        sum(one.crowd for one in drawing.shapes),
        len(drawing.shapes) - len(shapes),
    )


def _paint_in_turn(
    canvas: Canvas, shapes: list[Shape], values: list[int], how: tuple[Drawing, str, ModuleType | None]
) -> int:
    """Cover and paint each shape by itself; return how many cover nothing."""
    drawing, name, compiled = how
    style = drawing.style
    patches = [_cover(shape, drawing, name, compiled) for shape in shapes]
    for at in _stack(patches, [one.crowd for one in shapes], style):
        patch = patches[at]
        if patch is None:
            continue
        if shapes[at].crowd and style.crowd == "void":
            canvas.put_below(patch, style.void)
        else:
            canvas.put(patch, values[at], compiled)
    return sum(patch is None for patch in patches)


def _value_of(shape: Shape, style: Style, numbers: dict[int, int]) -> int:
    if shape.value is None:
        return style.void
    return numbers[shape.object] if style.objects else shape.value


def _are_plain(shapes: list[Shape], style: Style) -> bool:
    """Check whether shapes are all rings, painted in their order by a rule of which there is a kernel."""
    return (
        style.rule in ("coco", "centre")
        and style.overlap not in ("largest", "smallest")
        and all(one.kind in ("rings", "parts", "box") for one in shapes)
        and not (style.crowd == "void" and any(one.crowd for one in shapes))
    )


def count_outside(drawing: Drawing, name: str = "mask") -> int:
    """Count the shapes of a drawing that have points outside the picture, by more than a pixel.

    Raises:
        MaskError: as `paint`, if boxes or points would be labels.
    """
    return sum(_is_outside(shape, drawing.size) for shape in _drawn(drawing, name))


def _drawn(drawing: Drawing, name: str) -> list[Shape]:
    """List the shapes that become pixels; refuse boxes, points and thin lines that nobody asked for."""
    style = drawing.style
    kept = [shape for shape in drawing.shapes if not (shape.crowd and style.crowd == "leave")]
    drawn = [shape for shape in kept if style.boxes == "fill" or not outlines_nothing(shape)]
    if style.boxes == "error" and len(drawn) < len(kept):
        bare = [shape for shape in kept if outlines_nothing(shape)]
        raise MaskError(
            name,
            found=f"{tell_kinds(bare)}, which outline{'s' if len(bare) == 1 else ''} no object",
            expected="polygons or masks",
            remedy='pass boxes="leave" to leave them out, or boxes="fill" to fill them as they are',
        )
    return drawn


def outlines_nothing(shape: Shape) -> bool:
    """Check whether a shape is a box, a point or a line without a width."""
    return shape.kind in ("box", "point") or (shape.kind == "line" and not shape.width)


def tell_kinds(shapes: Iterable[Shape]) -> str:
    """Count shapes that outline nothing by their kinds, as words."""
    counts = Counter(shape.kind for shape in shapes)
    return " and ".join(f"{count:,} {_UNASKED[kind][count > 1]}" for kind, count in counts.items())


def _stack(patches: list[Patch | None], crowds: list[bool], style: Style) -> list[int]:
    """Return the order in which shapes are painted, the lowest first."""
    order = list(range(len(patches)))
    if style.overlap in ("largest", "smallest"):
        areas = [0 if patch is None else int(patch.cover.sum()) for patch in patches]
        order.sort(key=lambda at: areas[at] if style.overlap == "largest" else -areas[at])
    if style.crowd == "void":
        order.sort(key=lambda at: not crowds[at])
    return order


def _cover(shape: Shape, drawing: Drawing, name: str, compiled: ModuleType | None) -> Patch | None:
    """Return the pixels that a shape covers; None if there are none."""
    size, rule = drawing.size, drawing.style.rule
    if shape.kind == "runs":
        return crop_cover(*cover_of_runs(shape, name), size)
    if rule == "pillow":
        return _cover_pillow(shape, size)
    match shape.kind:
        case "line":
            return _cover_line(shape.arrays[0], max(shape.width, 1.0) / 2, size)
        case "point":
            return _cover_line(shape.arrays[0], max(shape.width, 0.5), size)
        case "ellipse":
            return _cover_ellipse(shape.arrays[0], size)
    return _cover_rings(shape, drawing, compiled)


def _rings_of(shape: Shape) -> tuple[Points, ...]:
    """Return the rings of a shape that has any; those of fewer than three points cover nothing."""
    rings = (_corners(shape.arrays[0]),) if shape.kind == "box" else shape.arrays
    return tuple(ring for ring in rings if len(ring) > 2)


def _corners(points: Points) -> Points:
    """Return the four corners of a box; of one that is turned, all are given."""
    if len(points) == 4:
        return points
    (x1, y1), (x2, y2) = points
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def _cover_rings(shape: Shape, drawing: Drawing, compiled: ModuleType | None) -> Patch | None:
    """Fill rings: parts are joined, others cut holes into each other."""
    size, rule = drawing.size, drawing.style.rule
    rings = _rings_of(shape)
    if rule == "upolygon":
        return fill_upolygon(rings, size)
    are_parts, by_columns = shape.kind == "parts", rule == "coco"
    if compiled is None:
        return fill_rings(rings, size, are_parts=are_parts, by_columns=by_columns)
    return fill_compiled(compiled, rings, size, are_parts=are_parts, by_columns=by_columns)


def _cover_line(points: Points, reach: float, size: tuple[int, int]) -> Patch | None:
    """Cover the pixels whose centre lies at most `reach` px from a line through points."""
    box = _box_around(points.min(axis=0) - reach, points.max(axis=0) + reach, size) if len(points) else None
    if box is None:
        return None
    top, left, x, y = box
    cover = np.zeros((len(y), len(x)), np.bool_)
    for start, end in zip(points, points[1:] if len(points) > 1 else points, strict=False):
        along = end - start
        far = float(along @ along)
        place = ((x - start[0]) * along[0] + (y - start[1])[:, None] * along[1]) / far if far else 0.0
        place = np.clip(place, 0, 1)
        cover |= (x - start[0] - place * along[0]) ** 2 + ((y - start[1])[:, None] - place * along[1]) ** 2 <= reach**2
    return crop_cover(cover, top, left, size)


def _cover_ellipse(numbers: Points, size: tuple[int, int]) -> Patch | None:
    """Cover the pixels whose centre lies in an ellipse."""
    centre, radii, (angle, _) = numbers
    box = _box_around(centre - radii.max(), centre + radii.max(), size)
    if box is None or radii.min() <= 0:
        return None
    top, left, x, y = box
    over, down = x - centre[0], (y - centre[1])[:, None]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    cover = ((over * cosine + down * sine) / radii[0]) ** 2 + ((down * cosine - over * sine) / radii[1]) ** 2 <= 1
    return crop_cover(cover, top, left, size)


def _box_around(low: Points, high: Points, size: tuple[int, int]) -> tuple[int, int, Points, Points] | None:
    """Return top, left, and the centres of the columns and rows of the picture between two corners."""
    left, top = np.maximum(np.floor(low), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(high) + 1, size[::-1]).astype(int).tolist()
    if left >= right or top >= bottom:
        return None
    return top, left, np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5


def _cover_pillow(shape: Shape, size: tuple[int, int]) -> Patch | None:
    """Draw a shape as Pillow does, outline included."""
    picture = Image.new("L", size[::-1])
    draw = ImageDraw.Draw(picture)
    for points in _pillow_points(shape):
        corners = [(x, y) for x, y in points.tolist()]
        if shape.kind in ("point", "ellipse"):
            draw.ellipse([*corners[0], *corners[1]], outline=1, fill=1)
        elif shape.kind == "box":
            draw.rectangle([*corners[0], *corners[1]], outline=1, fill=1)
        elif shape.kind == "line":
            draw.line(corners, fill=1, width=round(max(shape.width, 1)))
        elif len(corners) > 2:
            draw.polygon(corners, outline=1, fill=1)
    return crop_cover(np.asarray(picture, np.bool_), 0, 0, size)


def _pillow_points(shape: Shape) -> Iterator[Points]:
    """List the points that Pillow wants: corners of a box, of the box around an ellipse, or the points themselves."""
    first = shape.arrays[0]
    if shape.kind == "ellipse":
        yield np.array([first[0] - first[1], first[0] + first[1]])
    elif shape.kind == "point":
        yield np.array([first[0] - shape.width, first[0] + shape.width])
    elif shape.kind == "box":
        yield np.array([first.min(axis=0), first.max(axis=0)])
    else:
        yield from shape.arrays


def _is_outside(shape: Shape, size: tuple[int, int]) -> bool:
    if shape.kind == "ellipse":
        return False
    top, left, height, width, _ = shape.frame
    frame = [np.array([[left, top], [left + width, top + height]])]
    return any(
        len(points) > 0 and bool((points < -1).any() or (points > np.array(size[::-1]) + 1).any())
        for points in (frame if shape.kind == "runs" else shape.arrays)
    )
