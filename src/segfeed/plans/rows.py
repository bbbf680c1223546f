"""Rows: one line of a plan each, and the plain way to cut a row's crop out of a pair."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segfeed.pixels.pair import Pair

ROW = np.dtype([("sample", "<i8"), ("top", "<i4"), ("left", "<i4"), ("height", "<i4"), ("width", "<i4"), ("flip", "?")])
"""One row of a plan: which sample (-1: none, all void), which window of it in px, mirrored or not.

More fields will come: rows are made and read by field name, never by position.
"""

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
    """Cut a row's window out of a pair: image and labels by the same window, flipped together.

    Args:
        pair: the decoded pair.
        row: one record of dtype `ROW`; its window may reach beyond the image.
        padding: the pixel value outside the image, 0..255.
        void: the label outside the image.

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
        window = intersect(row, *pair.labels.shape)
        image[window.out] = pair.image[window.source]
        labels[window.out] = pair.labels[window.source]
    if row["flip"]:
        image, labels = image[:, ::-1], labels[:, ::-1]
    return Pair(image, labels)
