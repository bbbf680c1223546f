"""Painting: drawn shapes -> the stored values of a mask, and what was counted on the way."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from segfeed.errors import MaskError
from segfeed.pixels.shapes import Drawing, Points, Shape, Style
from segfeed.pixels.shapes_fill import Patch, fill_centre, fill_coco
from segfeed.pixels.shapes_runs import cover_of_runs
from segfeed.pixels.shapes_upolygon import fill_upolygon
from segfeed.pixels.through_pillow import check_size

_MOST_OBJECTS = 253
_UNASKED = {"box": "boxes", "point": "points", "line": "lines without a width"}


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A painted mask.

    Attributes:
        pixels: uint8 or uint16 (H, W), stored values.
        overlaps: (value below, value above) -> pixels that both classes cover; background and void do not count.
        empty: how many shapes cover no pixel.
        outside: how many shapes have points outside the picture, by more than a pixel.
        crowds: how many shapes mark a crowd.
        left_out: how many shapes were left out, as asked: boxes, points, lines, crowds.
    """

    pixels: npt.NDArray[Any]
    overlaps: dict[tuple[int, int], int] = field(default_factory=dict)
    empty: int = 0
    outside: int = 0
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
    patches = [_cover(shape, drawing, name) for shape in shapes]
    canvas = _Canvas.blank(drawing)
    numbers = {number: place for place, number in enumerate(dict.fromkeys(one.object for one in shapes), start=1)}
    if style.objects and len(numbers) > _MOST_OBJECTS:
        found = f"{len(numbers):,} objects"
        raise MaskError(name, found=found, expected=f"at most {_MOST_OBJECTS}", remedy='use task="semantic"')
    crowds = [one.crowd for one in shapes]
    for at in _stack(patches, crowds, style):
        patch, shape = patches[at], shapes[at]
        if patch is None:
            continue
        if shape.crowd and style.crowd == "void":
            canvas.put(patch, style.void, counts=False)
        elif shape.value is None:
            canvas.put(patch, style.void, counts=True)
        else:
            canvas.put(patch, numbers[shape.object] if style.objects else shape.value, counts=True)
    canvas.settle(style, drawing.names, name)
    return Painted(
        canvas.pixels,
        dict(canvas.overlaps),
        sum(patch is None for patch in patches),
        sum(_is_outside(shape, drawing.size) for shape in shapes),
        sum(one.crowd for one in drawing.shapes),
        len(drawing.shapes) - len(shapes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Canvas:
    """What is painted so far.

    Attributes:
        pixels: stored values.
        owner: what covers each pixel; -1 if nothing does.
        clash: where two classes cover one.
        overlaps: as in `Painted`.
        void: the stored value of void.
    """

    pixels: npt.NDArray[Any]
    owner: npt.NDArray[np.int32]
    clash: npt.NDArray[np.bool_]
    overlaps: Counter[tuple[int, int]]
    void: int

    @classmethod
    def blank(cls, drawing: Drawing) -> "_Canvas":
        style = drawing.style
        start = style.void if style.unpainted == "void" else 0
        pixels = np.full(drawing.size, start, np.uint8 if style.void == 255 else np.uint16)
        return cls(pixels, np.full(drawing.size, -1, np.int32), np.zeros(drawing.size, np.bool_), Counter(), style.void)

    def put(self, patch: Patch, value: int, *, counts: bool) -> None:
        """Paint one patch over what is there; count what it hides of other classes."""
        area = (
            slice(patch.top, patch.top + patch.cover.shape[0]),
            slice(patch.left, patch.left + patch.cover.shape[1]),
        )
        self.pixels[area][patch.cover] = value
        if not counts:
            return
        below = self.owner[area][patch.cover]
        self.owner[area][patch.cover] = value
        if value in (0, self.void):
            return
        hidden = (below > 0) & (below != value) & (below != self.void)
        if hidden.any():
            self.clash[area][patch.cover] |= hidden
            for other, pixels in zip(*np.unique(below[hidden], return_counts=True), strict=True):
                self.overlaps[int(other), value] += int(pixels)

    def settle(self, style: Style, names: dict[int, str], name: str) -> None:
        """Decide what pixels of two classes are, once all shapes are painted."""
        if style.overlap == "void":
            self.pixels[self.clash] = style.void
        if style.overlap == "error" and self.overlaps:
            (below, above), pixels = self.overlaps.most_common(1)[0]
            raise MaskError(
                name,
                found=f"{pixels:,} px are both {names.get(below, below)} and {names.get(above, above)}",
                expected="one class for each pixel",
                remedy='correct the shapes, or pass overlap="void", "largest" or "smallest"',
            )


def _drawn(drawing: Drawing, name: str) -> list[Shape]:
    """List the shapes that become pixels; refuse boxes, points and thin lines that nobody asked for."""
    style, drawn = drawing.style, []
    unasked: Counter[str] = Counter()
    for shape in drawing.shapes:
        if shape.crowd and style.crowd == "leave":
            continue
        if shape.kind in ("box", "point") or (shape.kind == "line" and not shape.width):
            if style.boxes == "error":
                unasked[_UNASKED[shape.kind]] += 1
            if style.boxes != "fill":
                continue
        drawn.append(shape)
    if unasked:
        found = " and ".join(f"{count:,} {what}" for what, count in unasked.items())
        raise MaskError(
            name,
            found=f"{found}, which outline no object",
            expected="polygons or masks",
            remedy='pass boxes="leave" to leave them out, or boxes="fill" to fill them as they are',
        )
    return drawn


def _stack(patches: list[Patch | None], crowds: list[bool], style: Style) -> list[int]:
    """Return the order in which shapes are painted, the lowest first."""
    order = list(range(len(patches)))
    if style.overlap in ("largest", "smallest"):
        areas = [0 if patch is None else int(patch.cover.sum()) for patch in patches]
        order.sort(key=lambda at: areas[at] if style.overlap == "largest" else -areas[at])
    if style.crowd == "void":
        order.sort(key=lambda at: not crowds[at])
    return order


def _cover(shape: Shape, drawing: Drawing, name: str) -> Patch | None:
    """Return the pixels that a shape covers; None if there are none."""
    size, rule = drawing.size, drawing.style.rule
    if shape.kind == "runs":
        return _crop(cover_of_runs(shape, name), shape.frame[0], shape.frame[1], size)
    if rule == "pillow":
        return _cover_pillow(shape, size)
    match shape.kind:
        case "line":
            return _cover_line(shape.arrays[0], max(shape.width, 1.0) / 2, size)
        case "point":
            return _cover_line(shape.arrays[0], max(shape.width, 0.5), size)
        case "ellipse":
            return _cover_ellipse(shape.arrays[0], size)
        case "box":
            rings: tuple[Points, ...] = (_corners(shape.arrays[0]),)
        case _:
            rings = shape.arrays
    return _cover_rings(rings, shape.kind == "parts", drawing)


def _corners(points: Points) -> Points:
    """Return the four corners of a box; of one that is turned, all are given."""
    if len(points) == 4:
        return points
    (x1, y1), (x2, y2) = points
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def _cover_rings(rings: tuple[Points, ...], are_parts: bool, drawing: Drawing) -> Patch | None:  # noqa: FBT001
    """Fill rings: parts are joined, others cut holes into each other."""
    size, rule = drawing.size, drawing.style.rule
    rings = tuple(ring for ring in rings if len(ring) > 2)
    if rule == "upolygon":
        return fill_upolygon(rings, size)
    if rule == "centre" and not are_parts:
        return fill_centre(rings, size)
    found = [fill_coco(ring, size) if rule == "coco" else fill_centre([ring], size) for ring in rings]
    patches = [patch for patch in found if patch is not None]
    if len(patches) < 2:
        return patches[0] if patches else None
    cover = np.zeros(size, np.bool_)
    for top, left, part in patches:
        area = cover[top : top + part.shape[0], left : left + part.shape[1]]
        np.copyto(area, area | part if are_parts else area ^ part)
    return _crop(cover, 0, 0, size)


def _crop(cover: npt.NDArray[np.bool_], top: int, left: int, size: tuple[int, int]) -> Patch | None:
    """Cut off what lies outside the picture, and the empty rows and columns around the rest."""
    inside = cover[max(-top, 0) : max(size[0] - top, 0), max(-left, 0) : max(size[1] - left, 0)]
    top, left = max(top, 0), max(left, 0)
    rows = np.flatnonzero(inside.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(inside.any(axis=0))
    low, high, first, last = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Patch(top + low, left + first, inside[low:high, first:last])


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
    return _crop(cover, top, left, size)


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
    return _crop(cover, top, left, size)


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
    return _crop(np.asarray(picture, np.bool_), 0, 0, size)


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
    if shape.kind in ("runs", "ellipse"):
        return False
    return any(
        len(points) > 0 and bool((points < -1).any() or (points > np.array(size[::-1]) + 1).any())
        for points in shape.arrays
    )
