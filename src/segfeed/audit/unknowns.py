"""Unknowns: the colours or indices of one mask that its legend does not know, measured, with what they look like."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from segfeed.audit.findings import Box
from segfeed.datasets.doubts.evidence import label_values
from segfeed.pixels.codec import StoredMask
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import as_legend
from segfeed.pixels.palette import colours_of

Likely = Literal["plain", "blended", "lossy", "photo"]
Points = npt.NDArray[np.int64]

_ANCHORS = 16  # known values between which blends are looked for, the most frequent ones
_EXAMINED = 4096  # unknown values that are examined, the most frequent ones
_VOID = "void"
_NOWHERE = -1000  # coordinate of a palette index without a colour: far from every colour

# Measured on 15 VOC masks, as colours, as indices and with two values, each saved as JPEG of quality 60 to 95 and
# resized to 0.3 to 4 times its size by bilinear, bicubic, box and Lanczos filters, and on 47 photos:
# the values that fill a hundredth each fill 67 to 99 % of such masks together, and at most 30 % of a photo in colours;
# of the unknown pixels at least 7 % of a resized mask lie on the middle of a line between two known values, and at most
# 4 % of a JPEG's.
_FILL_SHARE = 0.01
_FILLED_SHARE = 0.6
_PHOTO_VALUES = 64
_BLENDED_SHARE = 0.05
_LOSSY_VALUES = 5
_FLAT_SHARE = 0.5  # regions of a class equal their neighbours; noise and blends along borders do not
_NOISE_VALUES = 256  # so many are noise, flat or not: in a JPEG whole blocks may be off by one


@dataclass(frozen=True, slots=True)
class Unknowns:
    """What was measured of the unknown values of a mask.

    Attributes:
        likely: "blended" as if resized with interpolation, "lossy" as if saved as JPEG, "photo" as if it were one, or
            "plain": colours or indices that are missing in the legend.
        values: how many different values the mask holds.
        filling: how many of them fill a hundredth of it or more.
        unknown: how many of them are unknown.
        pixels: how many pixels are unknown.
        share: the same as a share of all pixels, 0..1.
        first: (row, column) of the first.
        example: the most frequent unknown value, such as "colour (12, 200, 7)".
        example_pixels: how many pixels hold it.
        nearest: the known value nearest to it, such as "bird (0, 128, 128)".
        box: around the unknown pixels.
        indices: the unknown values of a mask of bare indices, sorted.
    """

    likely: Likely
    values: int
    filling: int
    unknown: int
    pixels: int
    share: float
    first: tuple[int, int]
    example: str
    example_pixels: int
    nearest: str
    box: Box
    indices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What a legend knows: points (K, 3) of colours or (K, 1) of indices, classes before void, and their names."""

    points: Points
    names: tuple[str, ...]
    classes: int


def measure_unknowns(stored: StoredMask, encoder: Encoder) -> Unknowns | None:
    """Measure the unknown values of a mask; return None if every value is known.

    >>> mask = StoredMask(np.array([[0, 0, 7], [0, 0, 7]], np.uint8), None)
    >>> found = measure_unknowns(mask, Legend(("background", "cat")))
    >>> found.example, found.pixels, found.nearest, found.box
    ('index 7', 2, 'cat (1)', (0, 2, 2, 1))
    """
    codes, legend = stored.codes, as_legend(encoder)
    values, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    points, known = _points(values, stored, legend), _known(stored, legend)
    strange = ~known_values(values, stored, legend)
    if not strange.any():
        return None
    where = strange[inverse].reshape(codes.shape)
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    example = int(np.argmax(np.where(strange, counts, 0)))
    filling = counts >= _FILL_SHARE * codes.size
    return Unknowns(
        likely=_likely(codes, where, points, counts, strange, known),
        values=len(values),
        filling=int(filling.sum()),
        unknown=int(strange.sum()),
        pixels=int(where.sum()),
        share=float(where.mean()),
        first=(int(rows[0]), int(np.argmax(where[rows[0]]))),
        example=_spell(int(values[example]), points[example], stored),
        example_pixels=int(counts[example]),
        nearest=known.names[int(np.argmin(((known.points - points[example]) ** 2).sum(axis=1)))],
        box=(int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1),
        indices=tuple(values[strange].tolist()) if _counts(stored, legend) else (),
    )


def known_values(values: npt.NDArray[Any], stored: StoredMask, encoder: Encoder) -> npt.NDArray[np.bool_]:
    """Find which of a mask's values, indices or codes of colours, a legend knows: bool (N,).

    >>> mask = StoredMask(np.array([[0, 7, 255]], np.uint8), None)
    >>> known_values(mask.pixels[0], mask, Legend(("background", "cat")))
    array([ True, False,  True])
    """
    labels = label_values(values, stored, as_legend(encoder), "mask")
    return np.array([label is not None for label in labels], np.bool_)


def _likely(
    codes: npt.NDArray[Any],
    where: npt.NDArray[np.bool_],
    points: Points,
    counts: npt.NDArray[np.int64],
    strange: npt.NDArray[np.bool_],
    known: _Known,
) -> Likely:
    unknown = int(strange.sum())
    # A pixel is flat if it equals the ones above and left of it.
    equal = (codes[1:, 1:] == codes[:-1, 1:]) & (codes[1:, 1:] == codes[1:, :-1])
    flat = (equal & where[1:, 1:]).sum() / where.sum()
    if unknown < 2 or (flat >= _FLAT_SHARE and unknown < _NOISE_VALUES):
        return "plain"
    filled = counts[counts >= _FILL_SHARE * codes.size].sum() / codes.size
    if unknown >= _PHOTO_VALUES and filled < _FILLED_SHARE:
        return "photo"
    if _between(points, counts, strange, known) >= _BLENDED_SHARE:
        return "blended"
    return "lossy" if unknown >= _LOSSY_VALUES else "plain"


def _between(points: Points, counts: npt.NDArray[np.int64], strange: npt.NDArray[np.bool_], known: _Known) -> float:
    """Measure which share of the unknown pixels lies near the middle of a line between two known values."""
    present = np.flatnonzero(~strange & (counts >= counts.sum() / 1000))
    anchors = points[present[np.argsort(-counts[present])][:_ANCHORS]]
    # Thin void borders may survive nowhere unblended, so void is always one end of a line.
    anchors = np.unique(np.concatenate([anchors, known.points[known.classes :]]), axis=0)
    asked = np.flatnonzero(strange)
    asked = asked[np.argsort(-counts[asked])][:_EXAMINED]
    middle = np.zeros(len(asked), np.bool_)
    for number, start in enumerate(anchors):
        for end in anchors[:number]:
            # How far along the line from start (0) to end (1) each value lies, and how far off the line.
            along = (points[asked] - start) @ (end - start) / ((end - start) @ (end - start))
            off = np.abs(points[asked] - start - along[:, None] * (end - start)).max(axis=1)
            middle |= (off <= 2) & (along > 0.2) & (along < 0.8)  # 2 for rounding
    return float(counts[asked][middle].sum() / counts[asked].sum())


def _points(values: npt.NDArray[Any], stored: StoredMask, legend: Legend) -> Points:
    """Return stored values as points: indices on a line (N, 1), colours in space (N, 3)."""
    if stored.pixels.ndim != 2:
        return colours_of(values).astype(np.int64)
    if stored.palette is None or _counts(stored, legend):
        return values.astype(np.int64)[:, None]
    points = np.full((len(values), 3), _NOWHERE, np.int64)
    inside = values < len(stored.palette)
    points[inside] = stored.palette[values[inside]]
    return points


def _counts(stored: StoredMask, legend: Legend) -> bool:
    """Check whether a mask's numbers count, and not the colours of its palette."""
    return stored.pixels.ndim == 2 and (stored.palette is None or legend.is_numbered)


def _known(stored: StoredMask, legend: Legend) -> _Known:
    """List what a legend knows of a mask's kind: its colours, or its bare indices."""
    if _counts(stored, legend):
        points = np.array(legend.indices + legend.void_indices, np.int64)[:, None]
        spelled = [f"({index})" for index in legend.indices + legend.void_indices]
    else:
        points = np.array(legend.colours + legend.void_colours, np.int64)
        spelled = [str(colour) for colour in legend.colours + legend.void_colours]
    names = legend.names + (_VOID,) * (len(spelled) - len(legend))
    return _Known(points, tuple(f"{name} {value}" for name, value in zip(names, spelled, strict=True)), len(legend))


def _spell(value: int, point: Points, stored: StoredMask) -> str:
    if len(point) == 1:
        return f"index {value}"
    if point[0] == _NOWHERE and stored.palette is not None:
        return f"index {value}, beyond the file's palette of {len(stored.palette)} colours,"
    colour = f"colour ({point[0]}, {point[1]}, {point[2]})"
    return colour if stored.palette is None else f"{colour} (palette index {value})"
