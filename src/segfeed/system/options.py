"""Options: the check that every whole-number argument passes."""

from typing import Any

import numpy as np

from segfeed.errors import OptionError


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """Check an integer option: bool, float and text are refused, as is anything outside low .. high.

    Raises:
        OptionError: with the value and what is allowed.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise OptionError(f"{name}={value!r} is not a whole number from {low} to {high}.")
    return int(value)
