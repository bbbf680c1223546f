"""Whole numbers: what an option takes, and what it refuses with its value and its range."""

import numpy as np
import pytest

from segfeed.errors import OptionError
from segfeed.system.options import whole_number


@pytest.mark.parametrize("value", [np.nan, 3.0, "3", True, np.bool_(True), None, [3], -1, 11], ids=repr)
def test_a_number_outside_its_range_is_refused(value):
    with pytest.raises(OptionError) as caught:
        whole_number("threads", value, 0, 10)
    error = caught.value
    assert (error.where, error.found, error.expected) == ("threads", repr(value), "a whole number from 0 to 10")


@pytest.mark.parametrize("value", [0, 10, np.uint8(3), np.int64(7)], ids=repr)
def test_integers_of_python_and_numpy_become_int(value):
    number = whole_number("threads", value, 0, 10)
    assert (type(number), number) == (int, int(value))
