"""Pairs: one image and its labels, pixel for pixel."""

import numpy as np
import pytest

from segfeed.errors import SegfeedError, SizeMismatchError
from segfeed.pixels.pair import Pair


def test_a_pair_unpacks_into_image_and_labels():
    image, labels = np.zeros((2, 3, 3), np.uint8), np.ones((2, 3), np.uint8)
    first, second = Pair(image, labels)
    assert first is image
    assert second is labels


@pytest.mark.parametrize("shape", [(3, 2), (2, 4), (1, 3), (2, 3, 1), (2,)])
def test_labels_of_another_size_are_refused_with_both_sizes(shape):
    with pytest.raises(SizeMismatchError) as error:
        Pair(np.zeros((2, 3, 3), np.uint8), np.zeros(shape, np.uint8))
    assert error.value.found == f"an image of (2, 3) and labels of {shape} (height, width)"
    assert isinstance(error.value, SegfeedError)
    assert isinstance(error.value, ValueError)


def test_a_pair_cannot_be_taken_apart():
    pair = Pair(np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(AttributeError):
        pair.labels = np.zeros((2, 3), np.uint8)
