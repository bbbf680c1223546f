"""Rows: made by field name; the plain way to cut a row's window out of a pair, against one pixel after the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.pixels.pair import Pair
from segfeed.plans.rows import COLOUR_ORDERS, ROW, cut, intersect, make_row

SIDES = st.integers(1, 7)
STARTS = st.integers(-12, 12)


def coded_pair(height, width, dtype=np.uint8):
    """Return a pair whose pixels say where they are: red = row, green = column, labels = 16 * row + column."""
    y, x = np.mgrid[:height, :width]
    return Pair(np.stack([y, x, y + x], -1).astype(np.uint8), (16 * y + x).astype(dtype))


@given(SIDES, SIDES, STARTS, STARTS, SIDES, SIDES, st.booleans())
@pytest.mark.slow
def test_every_pixel_comes_from_its_place_or_is_padding(height, width, top, left, rows, columns, flip):
    pair = coded_pair(height, width)
    row = make_row(top=top, left=left, height=rows, width=columns, flip=flip)
    crop = cut(pair, row, padding=(9, 8, 7), void=200)
    for y in range(rows):
        for x in range(columns):
            source_y, source_x = top + y, left + (columns - 1 - x if flip else x)
            inside = 0 <= source_y < height and 0 <= source_x < width
            expected = ([source_y, source_x, source_y + source_x], 16 * source_y + source_x)
            assert (expected if inside else ([9, 8, 7], 200)) == (crop.image[y, x].tolist(), crop.labels[y, x])


@given(SIDES, SIDES, STARTS, STARTS, SIDES, SIDES)
@pytest.mark.slow
def test_a_window_never_leaves_image_or_crop(height, width, top, left, rows, columns):
    window = intersect(make_row(top=top, left=left, height=rows, width=columns), height, width)
    image, crop = np.zeros((height, width)), np.zeros((rows, columns))
    assert image[window.source].shape == crop[window.out].shape
    overlap = [
        max(min(start + length, size) - max(start, 0), 0)
        for start, length, size in ((top, rows, height), (left, columns, width))
    ]
    assert overlap[0] * overlap[1] == crop[window.out].size


def test_a_row_without_a_sample_is_all_padding_and_void():
    crop = cut(coded_pair(4, 4), make_row(sample=-1, height=2, width=3), padding=(1, 2, 3))
    assert crop.image.tolist() == [[[1, 2, 3]] * 3] * 2
    assert crop.labels.tolist() == [[255] * 3] * 2


def test_labels_keep_their_dtype():
    crop = cut(coded_pair(20, 30, np.uint16), make_row(top=18, left=28, height=4, width=4), void=65535)
    assert np.uint16 == crop.labels.dtype
    assert crop.labels[0].tolist() == [316, 317, 65535, 65535]


def test_a_crop_is_a_copy():
    pair = coded_pair(4, 4)
    before = pair.image.copy()
    crop = cut(pair, make_row(height=4, width=4))
    crop.image[:] = 0
    assert np.array_equal(before, pair.image)


def test_a_row_is_literal():
    expected = (
        "sample <i8, scaled_height <i4, scaled_width <i4, top <i4, left <i4, height <i4, width <i4, flip |b1, "
        "angle <i4, brightness <i4, contrast <i4, saturation <i4, hue <i4, gamma <i4, gray <i4, "
        "colour_order |u1, antialias |b1, key <u8"
    )
    assert expected == ", ".join(f"{name} {ROW[name].str}" for name in ROW.names)
    assert ROW.itemsize == sum(ROW[name].itemsize for name in ROW.names)


def test_a_row_is_made_by_field_name_and_what_is_not_named_is_zero():
    row = make_row(sample=3, left=-2, flip=True)
    assert (row.dtype, row.shape) == (ROW, ())
    assert {name: row[name].item() for name in ROW.names if row[name]} == {"sample": 3, "left": -2, "flip": True}
    with pytest.raises(ValueError, match="no field"):
        make_row(column=1)


def test_every_order_of_the_colour_steps_holds_every_colour_field_once():
    fields = list(ROW.names)
    steps = fields[fields.index("brightness") : fields.index("colour_order")]
    assert steps == list(COLOUR_ORDERS[0])
    assert all(sorted(steps) == sorted(order) for order in COLOUR_ORDERS)
    assert len(set(COLOUR_ORDERS)) == len(COLOUR_ORDERS) <= 256
