"""Colour: within a level of the book in float64, one step after the other; what is 0 stays; one rounding, half up."""

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.plans.colour import bend, colour_pixels, power_of_two, thirds
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
@pytest.mark.slow
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
    assert colour_pixels(LEVELS, make_row(hue=65536), COLOUR_ORDERS).tolist() == LEVELS.tolist()
    for hue, moved in ((21845, 1), (-21845, 2), (43691, 2)):  # a third is none of 2^-16
        found = colour_pixels(LEVELS, make_row(hue=hue), COLOUR_ORDERS)
        assert np.array_equal(np.roll(LEVELS, moved, axis=1), found)


@given(st.integers(-(2**20), 2**20))
def test_a_hue_is_thirds_of_a_turn_and_less_than_half_a_third(hue):
    turns, shift = thirds(hue)
    assert 0 <= turns <= 2
    assert -1 <= shift <= 1
    assert (2 * turns + float(shift) - 6 * hue / 65536) % 6 == 0


def test_contrast_comes_before_or_after_saturation_and_hue():
    row = {"contrast": 40000, "saturation": 30000}
    first, second = (colour_pixels(LEVELS, make_row(**row, colour_order=order), COLOUR_ORDERS) for order in (0, 1))
    assert np.abs(first.astype(int) - second).max() > 10


@given(st.floats(-64, 64))
@pytest.mark.slow
def test_powers_of_two_are_those_of_the_book(number):
    assert power_of_two(number) == pytest.approx(2.0**number, rel=1e-14)


@pytest.mark.parametrize("exponent", [0.5, 0.7, 1.0, 1.5, 2.0, 4.0])
def test_gamma_is_within_a_thousandth_of_a_level_of_the_book(exponent):
    levels = np.linspace(0, 255, 20001).astype(np.float32)
    expected = 255 * (levels.astype(float) / 255) ** exponent
    assert np.abs(bend(levels, np.float32(exponent)) - expected)[levels > 2e-3].max() < 1e-3
    assert (bend(levels, np.float32(exponent)) == 0)[0]


# Other tools ----------------------------------------------------------------------------------------------------------


KEPT = []  # a library's operators last as long as it does


def tensor_of(levels):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(levels.astype(np.float32) / 255).T[:, None]


def functional():
    """Return torchvision's functions; its import looks for an operator that builds without its C part lack."""
    torch = pytest.importorskip("torch")
    library = torch.library.Library("torchvision", "FRAGMENT")
    if not hasattr(torch.ops.torchvision, "nms"):
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(library)
    return pytest.importorskip("torchvision.transforms.v2.functional")


@pytest.mark.parametrize("hue", [-32768, -9000, -1, 1, 500, 6554, 21845, 32768])
@pytest.mark.slow
def test_hue_is_torchvisions_within_a_level(hue):
    theirs = functional().adjust_hue(tensor_of(LEVELS), hue / 65536)[:, 0].T.numpy() * 255
    assert np.abs(colour_pixels(LEVELS, make_row(hue=hue), COLOUR_ORDERS) - theirs).max() <= 1


@pytest.mark.parametrize("gamma", [-65536, -20000, 20000, 65536])
def test_gamma_is_torchvisions_within_a_level(gamma):
    theirs = functional().adjust_gamma(tensor_of(LEVELS), 2 ** (gamma / 65536))[:, 0].T.numpy() * 255
    assert np.abs(colour_pixels(LEVELS, make_row(gamma=gamma), COLOUR_ORDERS) - theirs).max() <= 1


def test_gray_is_torchvisions_within_a_level():
    theirs = functional().rgb_to_grayscale(tensor_of(LEVELS), 3)[:, 0].T.numpy() * 255
    assert np.abs(colour_pixels(LEVELS, make_row(gray=65536), COLOUR_ORDERS) - theirs).max() <= 1


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("hue", [-6554, 0, 6190])
@pytest.mark.parametrize("saturation", [-32768, 0, 32768])
def test_colours_are_those_of_opencvs_hsv_within_a_level(saturation, hue, order):
    """The steps of mmsegmentation and detectron2, in float32 and rounded once."""
    cv2 = pytest.importorskip("cv2")
    row = make_row(brightness=6000, contrast=-15000, saturation=saturation, hue=hue, colour_order=order)
    values = LEVELS[None].astype(np.float32) / 255
    for step in COLOUR_ORDERS[order]:
        amount = np.float32(row[step] / 65536)
        if step == "brightness":
            values = (values + amount).clip(0, 1)
        elif step == "contrast":
            values = (values * (1 + amount)).clip(0, 1)
        elif step in ("saturation", "hue"):
            hsv = cv2.cvtColor(values, cv2.COLOR_RGB2HSV)
            if step == "saturation":
                hsv[..., 1] = (hsv[..., 1] * (1 + amount)).clip(0, 1)
            else:
                hsv[..., 0] = (hsv[..., 0] + 360 * amount) % 360
            values = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    found = colour_pixels(LEVELS, row, COLOUR_ORDERS)
    assert np.abs(found - values[0] * 255).max() <= 1
