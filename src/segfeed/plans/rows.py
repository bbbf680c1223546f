"""Rows: one line of a plan each, and the plain way to take a row's crop out of a pair."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segfeed.pixels.pair import Pair
from segfeed.plans.colour import colour_pixels
from segfeed.plans.sampling import sample

ROW = np.dtype(
    [
        ("sample", "<i8"),
        ("scaled_height", "<i4"),
        ("scaled_width", "<i4"),
        ("top", "<i4"),
        ("left", "<i4"),
        ("height", "<i4"),
        ("width", "<i4"),
        ("flip", "?"),
        ("angle", "<i4"),
        ("brightness", "<i4"),
        ("contrast", "<i4"),
        ("saturation", "<i4"),
        ("hue", "<i4"),
        ("gamma", "<i4"),
        ("gray", "<i4"),
        ("colour_order", "u1"),
        ("antialias", "?"),
        ("key", "<u8"),
    ]
)
"""One row of a plan. Every number is an integer, so rows are equal or they are not.

- `sample`: which sample; -1: none, all void.
- `scaled_height`, `scaled_width`: the size in px to which the photo is scaled first; its own size, or 0, if nothing is
  scaled.
- `top`, `left`, `height`, `width`: the window in the scaled photo, in px; it may reach beyond the photo.
- `flip`: the window is mirrored left to right.
- `angle`: turn of the window about its centre, in 2**-16 turns; if positive, the picture appears turned
  counter-clockwise.
- `brightness`: added to every value, in 2**-16 of the full range.
- `contrast`: values are multiplied by 1 + c / 2**16.
- `saturation`: HSV's S is multiplied by 1 + s / 2**16.
- `hue`: added to HSV's H, in 2**-16 turns.
- `gamma`: values of 0..1 are raised to the power 2 ** (g / 2**16).
- `gray`: share of 2**16 that is blended towards the luma 0.299 R + 0.587 G + 0.114 B.
- `colour_order`: number of the order of the steps in `COLOUR_ORDERS`. After each step values are clipped to 0..1;
  a step of 0 changes nothing.
- `antialias`: if the photo is shrunk, a triangle filter as wide as the scale; else bilinear interpolation of the four
  nearest pixels.
- `key`: a hash of seed, epoch and position: the seed of what else is drawn for this row.

Rows are made and read by field name, never by position: more fields will come.
"""

COLOUR_ORDERS = (
    ("brightness", "contrast", "saturation", "hue", "gamma", "gray"),
    ("brightness", "saturation", "hue", "contrast", "gamma", "gray"),
)
"""The orders in which colour is changed, by their number in a row's `colour_order`."""

Rows = npt.NDArray[np.void]


def make_row(**fields: Any) -> Any:
    """Return one row, an array () of dtype `ROW`; fields that are not named are 0.

    >>> make_row(sample=3, height=320, width=480)["width"].item()
    480
    """
    row = np.zeros((), ROW)
    for name, value in fields.items():
        row[name] = value
    return row


class Window(NamedTuple):
    """The part of a row's window that lies on the image.

    `source` slices the image, `out` slices the crop; both are (rows, columns), before any flip.
    """

    source: tuple[slice, slice]
    out: tuple[slice, slice]


def intersect(row: Any, height: int, width: int) -> Window:
    """Find the part of a row's window that lies on an image of this height and width (px).

    >>> row = make_row(top=-1, left=2, height=4, width=4)
    >>> intersect(row, 10, 10).source
    (slice(0, 3, None), slice(2, 6, None))
    """
    spans = []
    for start, length, size in (
        (int(row["top"]), int(row["height"]), height),
        (int(row["left"]), int(row["width"]), width),
    ):
        first = min(max(start, 0), size)
        last = max(min(start + length, size), first)  # not before `first`: beside the image the part is empty
        spans.append((slice(first, last), slice(first - start, last - start)))
    (source_y, out_y), (source_x, out_x) = spans
    return Window((source_y, source_x), (out_y, out_x))


def cut(pair: Pair, row: Any, *, padding: tuple[int, int, int] = (0, 0, 0), void: int = 255) -> Pair:
    """Take a row's crop of a pair: image and labels from the same points, then colour, then what lies outside.

    Args:
        pair: the decoded pair.
        row: one record of dtype `ROW`; its window may reach beyond the photo.
        padding: the pixel value outside the photo, 0..255.
        void: the label outside the photo.

    Returns:
        image: uint8 (height, width, 3); labels: the pair's label dtype (height, width).

    >>> pair = Pair(np.zeros((2, 2, 3), np.uint8), np.array([[1, 2], [3, 4]], np.uint8))
    >>> cut(pair, make_row(left=-1, height=2, width=3)).labels.tolist()
    [[255, 1, 2], [255, 3, 4]]
    """
    shape = int(row["height"]), int(row["width"])
    image, labels = np.empty((*shape, 3), np.uint8), np.empty(shape, pair.labels.dtype)
    taken = sample(pair.image, pair.labels, row) if row["sample"] >= 0 else None
    if taken is None or taken.labels.shape != shape:
        image[:], labels[:] = padding, void
    if taken is not None:
        image[taken.inside] = colour_pixels(taken.pixels, row, COLOUR_ORDERS)
        labels[taken.inside] = taken.labels
    return Pair(image, labels)
