"""Evidence: stored values are counted as they are read, in masks that are spread over a split."""

import numpy as np
import pytest

from segfeed.datasets.doubts.evidence import Evidence, StoredValue, gather, spread, values_of
from segfeed.errors import MaskError
from segfeed.pixels.codec import StoredMask
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import ADE20K, VOC

TWO = Legend(("background", "cat"))
PALETTE = np.array(voc_colours(256), np.uint8)


def gray(*values, dtype=np.uint8):
    return StoredMask(np.array([values], dtype), None)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 64, 1000, 3060])
@pytest.mark.parametrize("most", [1, 2, 8, 64, None])
@pytest.mark.slow
def test_chosen_numbers_are_different_ones_from_the_first_to_the_last(count, most):
    chosen = spread(count, most)
    assert len(chosen) == len(set(chosen)) == (count if most is None else min(count, most))
    assert chosen == sorted(chosen)
    assert chosen[:1] == [0][:count]
    if most != 1:
        assert chosen[-1:] == [count - 1][:count]


def test_a_gray_mask_stores_numbers():
    assert values_of(gray(0, 0, 255, 7), TWO) == (
        StoredValue(0, None, 0, 2),
        StoredValue(7, None, None, 1),
        StoredValue(255, None, 255, 1),
    )


def test_a_palette_mask_stores_numbers_and_colours():
    found = values_of(StoredMask(np.array([[0, 2, 255]], np.uint8), PALETTE), VOC)
    assert found == (
        StoredValue(0, (0, 0, 0), 0, 1),
        StoredValue(2, (0, 128, 0), 2, 1),
        StoredValue(255, (224, 224, 192), 255, 1),
    )


def test_an_index_beyond_the_palette_has_no_colour_and_no_meaning():
    found = values_of(StoredMask(np.array([[0, 9]], np.uint8), PALETTE[:2]), VOC)
    assert found == (StoredValue(0, (0, 0, 0), 0, 1), StoredValue(9, None, None, 1))


def test_a_coloured_mask_stores_colours():
    found = values_of(StoredMask(np.array([[(0, 0, 0), (1, 2, 3)]], np.uint8), None), VOC)
    assert found == (StoredValue(None, (0, 0, 0), 0, 1), StoredValue(None, (1, 2, 3), None, 1))


def test_numbers_of_16_bits_are_counted():
    legend = Legend(tuple(f"class {n}" for n in range(300)))
    found = values_of(gray(299, 300, 65535, dtype=np.uint16), legend)
    assert [(value.index, value.label) for value in found] == [(299, 299), (300, None), (65535, 65535)]


def test_without_a_legend_values_mean_nothing():
    assert values_of(gray(0, 3), None) == (StoredValue(0, None, None, 1), StoredValue(3, None, None, 1))


def test_a_palette_with_two_readings_is_an_error():
    own = np.array([(0, 0, 0), (0, 128, 0), (128, 0, 0)], np.uint8)
    with pytest.raises(MaskError):
        values_of(StoredMask(np.array([[0, 1, 2]], np.uint8), own), Legend(("a", "b", "c")))


def test_of_a_photo_the_most_frequent_colours_are_kept():
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    pixels[:8] = 0
    found = values_of(StoredMask(pixels, None), VOC)
    assert len(found) == 256
    assert max(found, key=lambda value: value.pixels).colour == (0, 0, 0)


def test_values_of_several_masks_are_summed_classes_first():
    found = gather([values_of(gray(7, 255, 1), TWO), values_of(gray(0, 1, 1), TWO)], of=9)
    assert [(value.index, value.label, value.pixels) for value in found.values] == [
        (0, 0, 1),
        (1, 1, 3),
        (255, 255, 1),
        (7, None, 1),
    ]
    assert (found.masks, found.of, found.pixels) == (2, 9, 6)
    assert found.share(found.values[:2]) == pytest.approx(4 / 6)


def test_evidence_is_plain_json_with_names():
    described = gather([values_of(gray(0, 1, 9), ADE20K)]).to_json(ADE20K)
    assert (described["masks"], described["of"]) == (1, 1)
    assert [(value["index"], value["id"], value["name"]) for value in described["values"]] == [
        (1, 0, "wall"),
        (9, 8, "windowpane"),
        (0, 255, "void"),
    ]
    assert Evidence().to_json(None) == {"masks": 0, "of": 0, "values": []}
