"""The palette: VOC's literal colours, and colours packed into codes."""

import numpy as np
import pytest

from segfeed.pixels.palette import VOID_COLOUR, as_colours, colour_codes, voc_colours

# As printed in the development kit and in every textbook on VOC.
VOC_21 = (
    (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128),
    (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0), (64, 0, 128), (192, 0, 128), (64, 128, 128),
    (192, 128, 128), (0, 64, 0), (128, 64, 0), (0, 192, 0), (128, 192, 0), (0, 64, 128),
)  # fmt: skip


def test_the_first_21_colours_are_those_of_the_development_kit():
    assert voc_colours(21) == VOC_21


def test_a_shorter_palette_is_a_prefix_of_a_longer_one():
    assert voc_colours(300)[:21] == voc_colours(21)


def test_the_256th_colour_is_void():
    assert (224, 224, 192) == VOID_COLOUR == voc_colours(256)[255]


@pytest.mark.slow
def test_65536_colours_all_differ():
    assert len(set(voc_colours(65536))) == 65536


def test_no_colour_is_asked_for():
    assert voc_colours(0) == ()


def test_colours_are_plain_integers():
    colours = as_colours(np.array([[1, 2, 255]], np.uint8))
    assert colours == ((1, 2, 255),)
    assert {int} == {type(part) for part in colours[0]}


def test_codes_are_red_green_blue_in_24_bits():
    codes = colour_codes(np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (1, 2, 3)]], np.uint8))
    assert codes.tolist() == [[0xFF0000, 0x00FF00], [0x0000FF, 0x010203]]
    assert np.uint32 == codes.dtype


def test_codes_of_integers_wider_than_a_byte_are_the_same():
    colours = np.array(VOC_21)
    assert colour_codes(colours.astype(np.uint8)).tolist() == colour_codes(colours).tolist()


@pytest.mark.parametrize("steps", [(2, 2), (-1, -1)])
def test_codes_of_a_strided_view_are_those_of_its_copy(steps):
    colours = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)[:: steps[0], :: steps[1]]
    assert np.array_equal(colour_codes(colours.copy()), colour_codes(colours))
