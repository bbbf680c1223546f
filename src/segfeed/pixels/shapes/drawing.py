"""Shapes: a mask that is not drawn yet, as polygons, boxes, runs and the like; and the bytes that stand for it.

The bytes are made from the annotation of one sample alone, and from how it is to be drawn: whatever changes the labels
changes them, and nothing else does.
"""

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError
from segfeed.pixels.files.kinds import SHAPES_MAGIC

Rule = Literal["coco", "pillow", "upolygon", "centre"]
"""Which pixels a polygon covers: those that pycocotools, Pillow or upolygon fill, or those whose centre lies in it."""

Kind = Literal["rings", "parts", "box", "point", "line", "ellipse", "runs"]
"""What a shape is: rings that cut holes into each other, parts of one object, or what the word says."""

Points = npt.NDArray[np.float64]
_HEAD = struct.Struct("<I")
_LARGEST = 4e8  # 5 x this fits the 32-bit integers that pycocotools counts in


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One drawn shape.

    Attributes:
        kind: what it is.
        value: the stored value of its class; None for void.
        arrays: of "rings" and "parts" one float64 (N, 2) each, x and y in px, 0 = the left or upper edge of the
            picture; of a box two corners or all four, of a point and a line their points, of an ellipse centre, radii
            and (angle in degrees, 0), of runs their lengths (N, 1), which begin with those that are not covered.
        object: the number of the object that it is a part of.
        crowd: whether it marks a crowd of objects instead of one.
        width: of a line in px, of a point its radius in px; 0 if it has none.
        frame: of runs: top, left, height, width in px, and 1 if they follow columns instead of rows.
    """

    kind: Kind
    value: int | None
    arrays: tuple[Points, ...]
    object: int = 0
    crowd: bool = False
    width: float = 0.0
    frame: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Style:
    """How shapes become pixels.

    Attributes:
        rule: which pixels a polygon covers.
        overlap: which class gets a pixel that two cover: that of the later shape ("order"), of the "largest" or
            "smallest" one, "void", or "error".
        crowd: what becomes of crowds: "class" like any object, "void" if nothing else covers the pixel, or "leave".
        unpainted: what pixels are that no shape covers: "background" or "void".
        boxes: what becomes of boxes, points and lines without a width: "error", "leave" or "fill".
        void: the stored value of void: 255, or 65535 above 254 classes.
        objects: whether pixels hold the numbers of objects instead of classes.
    """

    rule: Rule = "centre"
    overlap: Literal["order", "error", "void", "largest", "smallest"] = "order"
    crowd: Literal["class", "void", "leave"] = "class"
    unpainted: Literal["background", "void"] = "background"
    boxes: Literal["error", "leave", "fill"] = "error"
    void: int = 255
    objects: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """The shapes of one sample.

    Attributes:
        size: (height, width) in px of the picture.
        shapes: in their order, the lowest first.
        names: stored value -> class name, of the classes that occur, for messages.
        style: how they become pixels.
    """

    size: tuple[int, int]
    shapes: tuple[Shape, ...]
    names: dict[int, str] = field(default_factory=dict)
    style: Style = field(default_factory=Style)

    def in_style(self, style: Style) -> "Drawing":
        """Return the same shapes, to be drawn in another style."""
        return replace(self, style=style)


_KINDS = frozenset(get_args(Kind))
_STYLE_WORDS = tuple(one.name for one in fields(Style))


def as_points(values: Iterable[Any], name: str, what: str = "a shape") -> Points:
    """Return points as float64 (N, 2): from pairs, or from x and y in turn.

    Raises:
        MaskError: if they are not numbers, not finite, an odd count, or too far outside to count in 32 bits.

    >>> as_points([0, 0, 4, 0, 4, 2], "a.json").shape
    (3, 2)
    """
    try:
        points = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise MaskError(name, found=f"points of {what} that are not numbers", expected="x and y in px") from None
    if points.size % 2 or (points.ndim == 2 and points.shape[1] != 2) or points.ndim > 2:
        raise MaskError(name, found=f"{points.size} coordinates of {what}", expected="x and y of each point")
    points = points.reshape(-1, 2)
    if points.size and not np.abs(points).max() < _LARGEST:  # NaN is not smaller, either
        odd = points[~(np.abs(points) < _LARGEST).all(axis=1)][0].tolist()
        raise MaskError(
            name, found=f"point {tuple(odd)} of {what}", expected="finite coordinates in px", remedy="correct the shape"
        )
    return points


def turned(offsets: Points, angle: float, centre: Points) -> Points:
    """Return where points (N, 2) about a centre come to lie if they are turned by an angle, clockwise in degrees.

    >>> turned(np.array([[2.0, 0.0]]), 90, np.array([5.0, 5.0])).round(6).tolist()
    [[5.0, 7.0]]
    """
    turn = np.radians(angle)
    around: Points = offsets @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + centre
    return around


def encode_drawing(drawing: Drawing) -> bytes:
    """Return the bytes of a drawing: the same for the same drawing.

    >>> decode_drawing(encode_drawing(Drawing((2, 3), ()))).size
    (2, 3)
    """
    rows = [
        [one.kind, one.value, one.object, int(one.crowd), one.width, list(one.frame), [a.shape for a in one.arrays]]
        for one in drawing.shapes
    ]
    names = sorted((int(value), name) for value, name in drawing.names.items())
    style = {word: getattr(drawing.style, word) for word in _STYLE_WORDS}
    head = json.dumps([drawing.size, style, names, rows], separators=(",", ":")).encode()
    flat = [array.astype("<f8").tobytes() for one in drawing.shapes for array in one.arrays]
    return b"".join([SHAPES_MAGIC, _HEAD.pack(len(head)), head, *flat])


def decode_drawing(data: bytes, name: str = "mask") -> Drawing:
    """Read what `encode_drawing` wrote.

    Raises:
        MaskError: if it is not that.
    """
    try:
        start = len(SHAPES_MAGIC) + _HEAD.size
        (length,) = _HEAD.unpack_from(data, len(SHAPES_MAGIC))
        size, style, names, rows = json.loads(data[start : start + length])
        numbers = np.frombuffer(data, "<f8", offset=start + length)
        shapes = tuple(_take_shapes(rows, numbers))
        height, width = map(int, size)
        return Drawing((height, width), shapes, {int(value): str(name) for value, name in names}, _as_style(style))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, struct.error, RecursionError):
        found = "damaged bytes of drawn shapes"
        raise MaskError(name, found=found, expected="those of a drawing", remedy="read the annotation again") from None


def _take_shapes(rows: Sequence[Any], numbers: Points) -> Iterable[Shape]:
    at = 0
    for kind, value, number, crowd, width, frame, shapes in rows:
        arrays = []
        for count, columns in shapes:
            arrays.append(numbers[at : at + count * columns].reshape(count, columns))
            at += count * columns
        if kind not in _KINDS or len(frame) != 5:
            raise ValueError
        yield Shape(kind, value, tuple(arrays), number, bool(crowd), float(width), tuple(frame))
    if at != len(numbers):
        raise ValueError


def _as_style(described: dict[str, Any]) -> Style:
    if tuple(described) != _STYLE_WORDS:
        raise ValueError
    return Style(**described)
