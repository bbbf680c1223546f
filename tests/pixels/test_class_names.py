"""Names of classes: which mean void, which are alike; and stored values."""

import numpy as np
import pytest

from segfeed.errors import LegendError
from segfeed.pixels.class_names import VOID_NAMES, as_names, as_value, describe_void, find_twins, means_void


@pytest.mark.parametrize("name", [*VOID_NAMES, "VOID", "_void_", "Ignore-Region", "dont_care"])
def test_names_that_mean_void(name):
    assert means_void(name)


@pytest.mark.parametrize("name", ["avoid", "background", "unlabelled", "unlabeled", "unknown", "ignore me", "", "_"])
def test_names_that_do_not(name):
    assert not means_void(name)


def test_void_names_are_told():
    assert describe_void(["sky"]) == ""
    assert describe_void(["void", "sky", "Ignore", "void"]) == "'void' and 'Ignore' are void by name"


def test_twins_differ_in_case_or_blanks_only():
    assert find_twins(["sky", "road"]) is None
    assert find_twins(["Stra\u00dfe", "road", " STRASSE"]) == ("Stra\u00dfe", " STRASSE")


def test_names_are_texts_in_an_order():
    assert as_names(name for name in ["sky", "road"]) == ("sky", "road")
    assert [type(name) for name in as_names(np.array(["sky"]))] == [str]


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (3, 3),
        (np.uint8(3), 3),
        ((1, 2, 3), (1, 2, 3)),
        ([1, 2, 3], (1, 2, 3)),
        (np.array([1, 2, 3], np.uint8), (1, 2, 3)),
    ],
)
def test_stored_values(stored, value):
    found = as_value(stored)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("stored", [True, 0.5, None, "0", "#010203", b"abc", (1, 2), (1, 2, 0.5), {}])
def test_what_is_no_stored_value_is_refused(stored):
    with pytest.raises(LegendError):
        as_value(stored)
