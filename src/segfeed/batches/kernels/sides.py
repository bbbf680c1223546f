"""Sides: in mirrored crops, labels that pair left and right change places, by a small table."""

from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.batches.kernels.filling import Conversion
from segfeed.errors import OptionError
from segfeed.plans.plan import Plan
from segfeed.plans.rows import Rows


def table_of_sides(plan: Plan, classes: int, conversion: Conversion) -> npt.NDArray[Any] | None:
    """Make the table from labels to labels of mirrored crops, with void in the end; None if nothing is mirrored.

    Returns:
        table: (classes + 1,) of the conversion's label dtype.

    Raises:
        OptionError: if a label is not a class.
    """
    pairs = () if plan.draw is None else plan.draw.swap
    if highest := next((high for _, high in pairs if high >= classes), 0):
        raise OptionError("swap", found=f"label {highest}", expected=f"labels of the {classes} classes")
    if plan.draw is None or not plan.draw.flip or not pairs:
        return None
    table = np.append(np.arange(classes), conversion.void).astype(conversion.label_dtype)
    lows, highs = np.array(pairs).T
    table[lows], table[highs] = highs, lows
    return table


def swap_sides(labels: npt.NDArray[Any], rows: Rows, table: npt.NDArray[Any]) -> None:
    """Send the labels of mirrored rows through a table, in place.

    Args:
        labels: (N, H, W), filled; class ids and the format's void.
        rows: (N,) of dtype `ROW`.
        table: what `table_of_sides` made.
    """
    for row in np.flatnonzero(rows["flip"]):
        # Void lies above all classes, or below 0, which is above them, too, if the bits are read without a sign.
        bits = labels[row].view(f"u{labels.itemsize}")
        labels[row] = table[np.minimum(bits, bits.dtype.type(len(table) - 1)).astype(np.intp)]
