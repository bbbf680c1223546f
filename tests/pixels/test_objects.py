"""Objects: object ids in the place of classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segfeed.errors import OptionError, UnknownColourError
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import Objects, encoder_from_json
from segfeed.pixels.palette import voc_colours

IDS = st.sampled_from([*range(254), 255])


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=IDS))
@pytest.mark.slow
def test_painted_ids_are_read_back(ids):
    objects = Objects()
    assert np.array_equal(ids, objects.encode(objects.paint(ids)))
    assert np.array_equal(ids, objects.encode(ids))


def test_ids_follow_the_palette_of_the_file_not_its_indices():
    palette = np.array([voc_colours(256)[n] for n in (2, 255, 0, 1)], np.uint8)
    assert Objects().encode_palette(np.array([[0, 1, 2, 3]], np.uint8), palette).tolist() == [[2, 255, 0, 1]]


def test_an_unknown_colour_is_an_error_or_void():
    mask = np.array([[(1, 2, 3), (128, 0, 0)]], np.uint8)
    with pytest.raises(UnknownColourError) as caught:
        Objects().encode(mask, name="o.png")
    assert caught.value.where == "o.png"
    assert caught.value.found == "row 0, column 0: colour (1, 2, 3); 1 pixels"
    assert Objects().encode(mask, unknown="void").tolist() == [[255, 1]]


def test_index_254_is_no_object():
    with pytest.raises(UnknownColourError) as caught:
        Objects().encode(np.array([[254]], np.uint8))
    assert "index 254" in caught.value.found


@pytest.mark.parametrize("unknown", ["object 1", "background", "", "VOID"])
def test_an_unknown_colour_becomes_no_class(unknown):
    with pytest.raises(OptionError) as caught:
        Objects().unknown_label(unknown)
    assert (caught.value.where, caught.value.expected) == ("unknown", '"error" or "void"')


def test_unknown_resolves_to_void():
    assert (Objects().unknown_label("error"), Objects().unknown_label("void")) == (None, 255)


def test_json_gives_objects_and_legends_back():
    legend = Legend(("sky", "road"))
    assert Objects() == encoder_from_json(Objects().to_json())
    assert legend == encoder_from_json(legend.to_json())
    assert Objects().digest == encoder_from_json(Objects().to_json()).digest != legend.digest
