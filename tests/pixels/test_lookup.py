"""Lookups: tables, runs, and what happens to what no table knows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segfeed.errors import OptionError, UnknownColourError
from segfeed.pixels.lookup import (
    as_indices,
    count_labels,
    first_unknown,
    look_up_codes,
    look_up_indices,
    poison_of,
    resolve_unknown,
)

KNOWN = np.array([3, 7, 0xFFFFFF], np.uint32)
LABELS = np.array([0, 1, 255], np.uint8)


def test_poison_is_the_value_just_below_void():
    assert (poison_of(np.dtype(np.uint8)), poison_of(np.dtype(np.uint16))) == (254, 65534)


@given(
    hnp.arrays(
        np.uint32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([3, 7, 8, 0, 0xFFFFFF]),
    )
)
@pytest.mark.slow
def test_codes_are_looked_up_one_by_one_however_they_run(codes):
    expected = [[{3: 0, 7: 1, 0xFFFFFF: 255}.get(code, 254) for code in row] for row in codes.tolist()]
    labels, unknown = look_up_codes(codes, KNOWN, LABELS)
    assert expected == labels.tolist()
    assert unknown == first_unknown(labels)


def test_a_mask_without_pixels_has_labels_without_pixels():
    labels, unknown = look_up_codes(np.zeros((0, 5), np.uint32), KNOWN, LABELS)
    assert (labels.shape, unknown) == ((0, 5), None)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("labels", [np.uint8, np.uint16])
def test_indices_are_looked_up_one_by_one(dtype, labels):
    table = np.arange(65536)[::-1].astype(labels)
    indices = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (7, 9)).astype(dtype)
    found, unknown = look_up_indices(indices[::2, ::-1], table)
    assert [[int(table[i]) for i in row] for row in indices[::2, ::-1].tolist()] == found.tolist()
    assert np.dtype(labels) == found.dtype
    assert unknown == first_unknown(found)


@pytest.mark.parametrize("kept", [0, 1, 21, 254])
@pytest.mark.parametrize("without", [0, 1, 253])
def test_a_table_that_keeps_what_it_knows_finds_the_first_unknown_too(kept, without):
    table = np.full(256, 254, np.uint8)
    table[:kept], table[255] = np.arange(kept), 255
    indices = np.random.default_rng(kept).choice([*range(kept), 255], (9, 8)).astype(np.uint8)
    labels, unknown = look_up_indices(indices[:, 1:], table)
    assert (labels.tolist(), unknown) == (indices[:, 1:].tolist(), None)
    if kept <= without < 254:
        indices[4, 3] = indices[6, 1] = without
        labels, unknown = look_up_indices(indices[:, 1:], table)
        assert unknown == first_unknown(labels) == (4, 2)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64])
def test_integers_in_range_become_indices(dtype):
    assert as_indices(np.array([0, 1, 127], dtype)).tolist() == [0, 1, 127]


@pytest.mark.parametrize("value", [-1, 65536, 2**32, -(2**40)])
def test_integers_out_of_range_are_refused_not_wrapped(value):
    with pytest.raises(OptionError) as caught:
        as_indices(np.array([[0, value]]))
    assert caught.value.found == f"an array of int64 from {min(value, 0)} to {max(value, 0)}"
    assert caught.value.expected == "indices: integers 0..65535"


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_])
def test_what_is_no_integer_is_no_index(dtype):
    with pytest.raises(OptionError) as caught:
        as_indices(np.array([[0, 1]], dtype))
    assert str(np.dtype(dtype)) in caught.value.found
    assert caught.value.expected == "indices: integers 0..65535"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_labels_are_counted(dtype):
    labels = np.array([[0, 1, 1], [np.iinfo(dtype).max, 1, 0]], dtype)
    counts = count_labels(labels)
    assert (counts[0], counts[1], counts[np.iinfo(dtype).max], counts.sum()) == (2, 3, 1, 6)


def test_labels_of_a_strided_view_are_counted():
    labels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert np.flatnonzero(count_labels(labels[1:2, ::2])).tolist() == [6, 8, 10]


def test_the_first_unknown_pixel_comes_first_by_row_then_column():
    labels = np.zeros((4, 5), np.uint8)
    assert first_unknown(labels) is None
    labels[2, 1] = labels[1, 3] = 254
    assert first_unknown(labels) == (1, 3)


def test_unknown_pixels_take_the_label_that_was_asked_for():
    labels = np.array([[254, 0], [255, 254]], np.uint8)
    found = resolve_unknown(labels, 9, np.zeros((2, 2)), name="m", found="", expected="")
    assert found.tolist() == [[9, 0], [255, 9]]


def test_the_error_counts_the_same_unknown_and_the_others():
    labels = np.array([[0, 254, 254], [254, 254, 1]], np.uint8)
    stored = np.array([[0, 40, 50], [40, 60, 1]])
    with pytest.raises(UnknownColourError) as caught:
        resolve_unknown(labels, None, stored, name="m.png", found="it", expected="another")
    assert (caught.value.where, caught.value.expected) == ("m.png", "another")
    assert caught.value.found == "row 0, column 1: it; 2 pixels; 2 more unknown, 4 pixels in all"
