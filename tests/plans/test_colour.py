"""Colour: within a level of the book in float64, one step after the other; what is 0 stays; one rounding, half up."""

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.plans.colour import bend, colour_pixels, power_of_two, shift_hue, sixths
from segfeed.plans.rows import COLOUR_ORDERS, make_row

FIELDS = {
    "brightness": st.integers(-32768, 32768), "contrast": st.integers(-65536, 65536),
    "saturation": st.integers(-65536, 65536), "hue": st.integers(-65536, 65536),
    "gamma": st.integers(-65536, 65536), "gray": st.integers(0, 65536),
}  # fmt: skip
LEVELS = np.random.default_rng(0).integers(0, 256, (120, 3), np.uint8)
LEVELS[:8] = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (7, 7, 7), (255, 255, 0), (0, 1, 0)]


def book(level, row):
    """Change one pixel in float64, in HSV as Python's colorsys has it."""
    red, green, blue = (channel / 255 for channel in level)
    for step in COLOUR_ORDERS[row["colour_order"]]:
        amount = int(row[step]) / 65536
        if step == "brightness":
            red, green, blue = (min(max(v + amount, 0), 1) for v in (red, green, blue))
        elif step == "contrast":
            red, green, blue = (min(max(v * (1 + amount), 0), 1) for v in (red, green, blue))
        elif step in ("saturation", "hue"):
            h, s, v = colorsys.rgb_to_hsv(red, green, blue)
            s = min(max(s * (1 + amount), 0), 1) if step == "saturation" else s
            red, green, blue = colorsys.hsv_to_rgb((h + amount) % 1 if step == "hue" else h, s, v)
        elif step == "gamma":
            red, green, blue = (v ** (2**amount) for v in (red, green, blue))
        else:
            luma = 0.299 * red + 0.587 * green + 0.114 * blue
            red, green, blue = (v + (luma - v) * amount for v in (red, green, blue))
    return [255 * red, 255 * green, 255 * blue]


def check(row):
    expected = np.array([book(level, row) for level in LEVELS.tolist()])
    found = colour_pixels(LEVELS, row, COLOUR_ORDERS)
    assert np.uint8 == found.dtype
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("step", FIELDS)
@pytest.mark.parametrize("amount", [-65536, -40000, -1000, 1000, 20000, 65536])
def test_each_step_is_within_a_level_of_the_book(step, amount):
    check(make_row(**{step: abs(amount) if step == "gray" else amount}))


@given(st.fixed_dictionaries(FIELDS), st.integers(0, len(COLOUR_ORDERS) - 1))
def test_all_steps_in_either_order_are_within_a_level_of_the_book(fields, order):
    check(make_row(**fields, colour_order=order))


def test_a_row_of_zeros_leaves_every_level():
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    for order in range(len(COLOUR_ORDERS)):
        assert np.array_equal(levels, colour_pixels(levels, make_row(colour_order=order), COLOUR_ORDERS))


def test_blended_levels_are_rounded_once_and_half_up():
    levels = np.array([[0.49, 0.5, 1.5], [254.5, 255.4, -0.2]], np.float32)
    assert colour_pixels(levels, make_row(), COLOUR_ORDERS).tolist() == [[0, 1, 2], [255, 255, 0]]
    assert colour_pixels(levels[:1], make_row(contrast=65536), COLOUR_ORDERS).tolist() == [[1, 1, 3]]


def test_a_whole_turn_of_hue_is_none_and_a_third_moves_the_channels():
    red, green, blue = np.float32(LEVELS).T
    assert sixths(65536) == 0
    for third, expected in ((1, (blue, red, green)), (2, (green, blue, red))):
        turned = shift_hue(red, green, blue, np.float32(1), np.float32(2 * third))
        np.testing.assert_allclose(turned, expected, atol=1e-3)


def test_contrast_comes_before_or_after_saturation_and_hue():
    row = {"contrast": 40000, "saturation": 30000}
    first, second = (colour_pixels(LEVELS, make_row(**row, colour_order=order), COLOUR_ORDERS) for order in (0, 1))
    assert np.abs(first.astype(int) - second).max() > 10


@given(st.floats(-64, 64))
def test_powers_of_two_are_those_of_the_book(number):
    assert power_of_two(number) == pytest.approx(2.0**number, rel=1e-14)


@pytest.mark.parametrize("exponent", [0.5, 0.7, 1.0, 1.5, 2.0, 4.0])
def test_gamma_is_within_a_thousandth_of_a_level_of_the_book(exponent):
    levels = np.linspace(0, 255, 20001).astype(np.float32)
    expected = 255 * (levels.astype(float) / 255) ** exponent
    assert np.abs(bend(levels, np.float32(exponent)) - expected)[levels > 2e-3].max() < 1e-3
    assert (bend(levels, np.float32(exponent)) == 0)[0]
