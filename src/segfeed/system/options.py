"""The check of every whole-number argument: a module of its own, since every family needs it and it needs none."""

from typing import Any

import numpy as np

from segfeed.errors import OptionError


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """Check an integer option and return it as an int.

    Raises:
        OptionError: if it is a bool, a float, a text or any other non-integer, or lies outside low .. high.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise OptionError(name, found=repr(value), expected=f"a whole number from {low} to {high}")
    return int(value)
