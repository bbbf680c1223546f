"""Run-length codes: how COCO and others write the pixels of an object as the lengths of its runs.

Runs alternate, the first not covered. COCO's follow columns; as a text, each is written in groups of 5 bits, from the
third on as its difference to the one before the last.

Source: github.com/cocodataset/cocoapi, common/maskApi.c (`rleToString`, `rleFrString`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError
from segfeed.pixels.shapes.drawing import Shape

Cover = npt.NDArray[np.bool_]


def read_run_text(text: str, name: str = "mask") -> npt.NDArray[np.float64]:
    """Read COCO's run lengths from their text: float64 (N,), whole numbers in px.

    Raises:
        MaskError: if the text ends inside a number, or holds other signs.

    >>> read_run_text("06", "a.json")
    array([0., 6.])
    """
    codes = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if codes.size and (codes.min() < 0 or codes.max() > 63 or codes[-1] & 32):
        raise MaskError(name, found="a run-length code that is not COCO's text", expected="whole groups of 5 bits")
    last = np.flatnonzero((codes & 32) == 0)
    first = np.concatenate([[0], last[:-1] + 1]) if last.size else last
    if last.size and (last - first).max() > 11:
        raise MaskError(name, found="a run length of over 60 bits", expected="COCO's text of run lengths")
    places = np.arange(codes.size) - np.repeat(first, last - first + 1)
    values = np.add.reduceat((codes & 31) << 5 * places, first) if last.size else last
    values -= np.where(codes[last] & 16, np.int64(1) << 5 * (last - first + 1), 0)
    # Even and odd runs are told apart: each from the third on is a difference to the one before the last.
    values[1::2] = np.cumsum(values[1::2])
    if values.size > 2:
        values[2::2] = np.cumsum(values[2::2])
    return values.astype(np.float64)


def write_run_text(counts: Sequence[int]) -> str:
    """Write run lengths as COCO's text.

    >>> write_run_text([0, 6])
    '06'
    """
    signs = []
    for place, count in enumerate(counts):
        rest, more = int(count) - (int(counts[place - 2]) if place > 2 else 0), True
        while more:
            low, rest = rest & 31, rest >> 5
            more = rest != (-1 if low & 16 else 0)
            signs.append(chr(48 + (low | 32 if more else low)))
    return "".join(signs)


def shape_of_cover(cover: Cover, value: int | None, top: int = 0, left: int = 0, number: int = 0) -> Shape:
    """Make the shape of covered pixels, bool (H, W), whose upper left one lies at (top, left)."""
    flat = np.concatenate([[False], cover.ravel()])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], edges, [cover.size]])).astype(np.float64)
    return Shape("runs", value, (counts[:, None],), number, frame=(top, left, *cover.shape, 0))


def cover_of_runs(shape: Shape, name: str = "mask") -> tuple[Cover, int, int]:
    """Return the pixels that runs cover, bool (H, W) of the lines of their frame that have any, with its top and left.

    Raises:
        MaskError: if a run is negative or not a whole number, or they do not fill their frame.
    """
    counts = shape.arrays[0][:, 0] if shape.arrays else np.empty(0)
    top, left, height, width, by_columns = shape.frame
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))).all() or min(height, width) < 0:
        raise MaskError(name, found="run lengths below 0 or in parts", expected="whole numbers of pixels")
    if counts.sum() != height * width:
        found = f"run lengths of {int(counts.sum()):,} px"
        raise MaskError(
            name, found=found, expected=f"{width} x {height} = {height * width:,} px", remedy="export them again"
        )
    line = height if by_columns else width
    lengths, skipped = counts.astype(np.int64), 0
    if line and lengths.size % 2:
        lengths[-1] %= line  # what follows the last covered pixel
    if line and lengths.size:
        skipped = int(lengths[0]) // line
        lengths[0] %= line
    # Single bytes from the beginning: there are many more pixels than runs.
    flat = np.repeat((np.arange(lengths.size) & 1).astype(np.bool_), lengths)
    lines = flat.reshape(flat.size // line if line else 0, line)
    return (lines.T, top, left + skipped) if by_columns else (lines, top + skipped, left)


def runs_of(coded: dict[str, Any], size: tuple[int, int], name: str, what: str) -> npt.NDArray[np.float64]:
    """Read COCO's run lengths, an object of `size` and of `counts`, a text or a list, as float64 (N, 1).

    Raises:
        MaskError: if the counts are neither, or they are for another size than the photo's (height, width) in px.
    """
    if tuple(coded.get("size") or ()) != size:
        raise MaskError(
            name,
            found=f"run lengths of {what} for {coded.get('size')} (height, width)",
            expected=f"the photo's {list(size)}",
            remedy="export them again",
        )
    counts = coded.get("counts")
    if isinstance(counts, str):
        return read_run_text(counts, name)[:, None]
    try:
        found = np.asarray(counts, np.float64).reshape(-1, 1)
    except (TypeError, ValueError):
        expected = f"a text or a list of run lengths for {size[1]} x {size[0]} px"
        raise MaskError(name, found="counts that are neither", expected=expected) from None
    return found
