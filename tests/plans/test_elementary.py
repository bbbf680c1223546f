"""Elementary functions: near the truth, exact where the truth is a double, and the same bits everywhere."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.plans.elementary import TURN, exp2, log2, sine_cosine

POWERS = np.arange(-20_000, 20_001) / 997
ANGLES = np.arange(-3 * TURN, 3 * TURN)
FINE = np.longdouble  # 64 bits of mantissa where the machine has them: enough to see an error of 2**-53


def test_powers_are_within_2_to_the_minus_51_of_the_truth():
    truth = np.exp2(POWERS.astype(FINE))
    assert np.abs((exp2(POWERS) - truth) / truth).max() < 2.0**-51


def test_logarithms_are_within_2_to_the_minus_50_of_the_truth():
    numbers = exp2(POWERS)
    assert np.abs(log2(numbers) - np.log2(numbers.astype(FINE))).max() < 2.0**-48
    near_one = 1 + np.arange(-290, 400) / 1000
    assert np.abs(log2(near_one) - np.log2(near_one.astype(FINE))).max() < 2.0**-50


def test_whole_powers_are_exact_both_ways():
    whole = np.arange(-1000, 1001)
    assert exp2(whole).tolist() == [2.0**power for power in whole.tolist()]
    assert log2(exp2(whole)).tolist() == whole.tolist()


@given(st.floats(-500, 500), st.floats(-500, 500))
@pytest.mark.slow
def test_a_larger_power_is_never_smaller(one, other):
    low, high = sorted((one, other))
    assert exp2(low) <= exp2(high)


@pytest.mark.slow
def test_sines_and_cosines_are_within_2_to_the_minus_52_of_the_truth():
    radians = ANGLES.astype(FINE) * (2 * FINE("3.14159265358979323846264338327950288") / TURN)
    sine, cosine = sine_cosine(ANGLES)
    assert np.abs(sine - np.sin(radians)).max() < 2.0**-52
    assert np.abs(cosine - np.cos(radians)).max() < 2.0**-52


def test_quarters_of_a_turn_are_exact_and_zeros_have_no_sign():
    sine, cosine = sine_cosine(np.arange(-8, 9) * (TURN // 4))
    assert sine.tolist() == [0.0, 1.0, 0.0, -1.0] * 4 + [0.0]
    assert cosine.tolist() == [1.0, 0.0, -1.0, 0.0] * 4 + [1.0]
    assert not (np.signbit(sine) & (sine == 0)).any()
    assert not (np.signbit(cosine) & (cosine == 0)).any()


@pytest.mark.parametrize("turns", [1, -5, 2**40])
def test_whole_turns_change_nothing(turns):
    for one, other in zip(sine_cosine(ANGLES[:TURN]), sine_cosine(ANGLES[:TURN] + turns * TURN), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_a_turn_and_its_reverse_mirror_each_other():
    # An odd eighth lies between two series, which may differ by a bit.
    angles = ANGLES[ANGLES % (TURN // 4) != TURN // 8]
    sine, cosine = sine_cosine(angles)
    back_sine, back_cosine = sine_cosine(-angles)
    assert np.array_equal(back_cosine, cosine)
    assert np.array_equal(back_sine, -sine)


def test_shapes_are_kept():
    assert exp2(0.5).shape == log2(2.0).shape == sine_cosine(3)[0].shape == ()
    assert exp2(np.ones((2, 3))).shape == (2, 3)


@pytest.mark.slow
def test_the_bits_are_pinned():
    found = exp2(POWERS), log2(exp2(POWERS)), *sine_cosine(ANGLES)
    assert [hashlib.sha256(part.astype("<f8").tobytes()).hexdigest()[:16] for part in found] == PINNED


PINNED = ["e95cd8116d0e0eb4", "14c77e53ac516002", "a09cae9134639af7", "27062fb75b1e81c7"]
"""Of other bits, other rows are made: a change is a new ORDER_VERSION."""
