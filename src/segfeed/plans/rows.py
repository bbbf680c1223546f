"""Rows: one line of a plan each, and the plain way to take a row's crop out of a pair."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segfeed.pixels.pair import Pair
from segfeed.plans.colour import colour_pixels
from segfeed.plans.sampling import sample

_SHAPE = "scaled_height", "scaled_width", "top", "left", "height", "width"
_COLOUR = "brightness", "contrast", "saturation", "hue", "gamma", "gray"
ROW = np.dtype([
    ("sample", "<i8"), *((name, "<i4") for name in _SHAPE), ("flip", "?"), ("angle", "<i4"),
    *((name, "<i4") for name in _COLOUR), ("colour_order", "u1"), ("antialias", "?"), ("key", "<u8"),
])  # fmt: skip
"""One row of a plan: which sample is taken, which window of it, how it is changed. Integers only.

| field | meaning |
|---|---|
| `sample` | which sample; -1: none, all void |
| `scaled_height`, `scaled_width` | px, the photo's size after scaling; its own size, or 0, if nothing is scaled |
| `top`, `left`, `height`, `width` | px, the window in the photo of that size; it may reach beyond the photo |
| `flip` | whether the crop is mirrored, left to right |
| `angle` | 2^-16 turns, turn of the window about its centre; positive: the picture appears turned counter-clockwise |
| `brightness` | 2^-16 of the full range 255, added |
| `contrast` | values are multiplied by 1 + contrast / 2^16 |
| `saturation` | S of HSV is multiplied by 1 + saturation / 2^16 |
| `hue` | 2^-16 turns, added to H of HSV |
| `gamma` | values from 0 to 1 are raised to the power 2^(gamma / 2^16) |
| `gray` | 0..65536, the share of luma (0.299, 0.587, 0.114) in the pixel |
| `colour_order` | in which order colour is changed: an index of `COLOUR_ORDERS` |
| `antialias` | whether shrinking averages all pixels (triangle, as Pillow) or two an axis (as OpenCV) |
| `key` | the seed of a person's own transform |

If a colour field is 0, that property stays. After each change, values are cut off at 0 and 255. Rows are made and read
by field name, never by position.
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
    image = np.empty((*shape, 3), np.uint8)
    image[:] = padding
    labels = np.full(shape, void, pair.labels.dtype)
    if row["sample"] >= 0:
        taken = sample(pair.image, pair.labels, row)
        image[taken.inside] = colour_pixels(taken.pixels, row, COLOUR_ORDERS)
        labels[taken.inside] = taken.labels
    return Pair(image, labels)
