"""Rows without scale, turn and colour, from the six numbers that they need."""

import numpy as np

from segfeed.plans.rows import ROW

FIELDS = ("sample", "top", "left", "height", "width", "flip")


def plain_rows(listed):
    """Make rows (N,) of tuples (sample, top, left, height, width, flip); every other field is 0."""
    rows = np.zeros(len(listed), ROW)
    for field, values in zip(FIELDS, zip(*listed, strict=True), strict=True):
        rows[field] = values
    return rows
