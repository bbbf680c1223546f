"""Wording: a row in words says what the row does, in a person's units, and nothing else."""

import pytest

from segfeed.plans.rows import make_row
from segfeed.plans.wording import describe, signed

SIZE = {"height": 320, "width": 480}


def words(**fields):
    return list(describe(make_row(**SIZE, **fields), 375, 500).values())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, []),
        ({"scaled_height": 375, "scaled_width": 500}, []),
        ({"scaled_height": 188, "scaled_width": 250}, ["scaled to 188 × 250 px (× 0.50)"]),
        ({"scaled_height": 200, "scaled_width": 500}, ["scaled to 200 × 500 px"]),
        ({"scaled_height": 1, "scaled_width": 1}, ["scaled to 1 × 1 px (× 0.00)"]),
        ({"angle": 65536}, []),
        ({"angle": 1820}, ["turned +10°"]),
        ({"angle": 65536 - 1820}, ["turned −10°"]),
        ({"angle": 32768}, ["turned −180°"]),
        ({"flip": True}, ["mirrored"]),
        ({"brightness": 32 * 65536 // 255}, ["brightness +32"]),
        ({"contrast": 32768}, ["contrast × 1.50"]),
        ({"saturation": -65536}, ["saturation × 0.00"]),
        ({"hue": -3277}, ["hue −18°"]),
        ({"gamma": -65536}, ["gamma 0.50"]),
        ({"gray": 65536}, ["gray 100 %"]),
        ({"contrast": 32768, "hue": 3277}, ["contrast × 1.50", "hue +18°"]),
        ({"contrast": 32768, "hue": 3277, "colour_order": 1}, ["hue +18°", "contrast × 1.50"]),
    ],
    ids=str,
)
def test_what_a_row_does_is_told_and_what_it_leaves_is_not(fields, told):
    assert words(**fields) == ["top 0, left 0", *told] or words(**fields) == [*told, "top 0, left 0"]


def test_a_window_is_told_in_px_of_the_scaled_photo():
    assert words(top=-12, left=34) == ["top −12, left 34"]


@pytest.mark.parametrize(("number", "text"), [(0.04, "0"), (-0.04, "0"), (10.0, "+10"), (-2.25, "−2.2")])
def test_numbers_have_at_most_one_decimal_and_no_sign_of_nothing(number, text):
    assert signed(number, plus=True) == text
