"""Legends: stored masks to class ids and back, strictly."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segfeed.errors import LegendError, MaskError, OptionError, UnknownColourError
from segfeed.pixels.grouping import regroup
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

SMALL = Legend(("background", "cat", "dog"), title="pets")
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


@st.composite
def legends(draw):
    colours = draw(st.lists(COLOURS, min_size=2, max_size=12, unique=True))
    indices = draw(st.permutations(range(len(colours))))
    return Legend(
        tuple(f"class {n}" for n in range(len(colours) - 1)),
        tuple(colours[1:]),
        void_colours=(colours[0],),
        indices=tuple(indices[1:]),
        void_indices=(indices[0],),
    )


@given(st.data(), legends())
@pytest.mark.slow
def test_painted_labels_are_read_back(data, legend):
    ids = st.sampled_from([*range(len(legend)), legend.void])
    labels = data.draw(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=ids))
    assert np.array_equal(labels, legend.encode(legend.paint(labels)))


@given(st.data(), legends())
@pytest.mark.slow
def test_stored_indices_become_the_classes_that_the_legend_names(data, legend):
    stored = data.draw(hnp.arrays(np.uint8, (3, 4), elements=st.sampled_from(legend.indices + legend.void_indices)))
    expected = [
        [legend.void if i in legend.void_indices else legend.indices.index(i) for i in row] for row in stored.tolist()
    ]
    assert expected == legend.encode(stored).tolist()


@given(st.data(), legends())
@pytest.mark.slow
def test_a_permuted_palette_changes_nothing(data, legend):
    order = data.draw(st.permutations(range(len(legend) + 1)))
    ids = np.array([*range(len(legend)), legend.void], np.uint8)[order]
    stored = data.draw(hnp.arrays(np.uint8, (4, 5), elements=st.integers(0, len(legend))))
    palette = legend.paint(ids[None])[0]
    assert np.array_equal(ids[stored], legend.encode_palette(stored, palette))


@given(COLOURS)
@pytest.mark.slow
def test_only_colours_of_the_legend_are_known(colour):
    known = dict(zip((*VOC.colours, (224, 224, 192)), (*range(21), 255), strict=True))
    mask = np.array([[colour]], np.uint8)
    if colour in known:
        assert [[known[colour]]] == VOC.encode(mask).tolist()
    else:
        with pytest.raises(UnknownColourError):
            VOC.encode(mask)


def test_voc_has_its_21_classes_in_order():
    assert (len(VOC), VOC.names[0], VOC.names[15], VOC.names[20]) == (21, "background", "person", "tv/monitor")
    assert (voc_colours(21), ((224, 224, 192),), (255,)) == (VOC.colours, VOC.void_colours, VOC.void_indices)


def test_void_stays_void_in_colours_indices_and_palettes():
    void = np.array([[(224, 224, 192)]], np.uint8)
    palette = np.array(voc_colours(256), np.uint8)
    index = np.array([[255]], np.uint8)
    assert [
        VOC.encode(void).tolist(),
        VOC.encode(index).tolist(),
        VOC.encode_palette(index, palette).tolist(),
    ] == [[[255]]] * 3


@pytest.mark.parametrize("unknown", ["error", "void", "background", "person"])
def test_void_is_never_the_unknown(unknown):
    mask = np.array([[(224, 224, 192), (0, 0, 0)]], np.uint8)
    assert VOC.encode(mask, unknown=unknown).tolist() == [[255, 0]]
    assert VOC.encode(np.array([[255, 0]], np.uint8), unknown=unknown).tolist() == [[255, 0]]


def test_an_unknown_colour_is_named_with_its_place_and_count():
    mask = np.zeros((50, 120, 3), np.uint8)
    mask[40, 113:] = mask[41, :4] = (12, 200, 7)
    with pytest.raises(UnknownColourError) as error:
        VOC.encode(mask, name="2007_000032.png")
    assert error.value.where == "2007_000032.png"
    assert error.value.found == "row 40, column 113: colour (12, 200, 7); 11 pixels"
    assert error.value.expected == "a colour of legend 'voc2012' (21 classes)"
    assert error.value.remedy == 'add it to the legend, or pass unknown="void"'


def test_an_unknown_index_is_named_with_its_place_and_count():
    mask = np.zeros((5, 6), np.uint8)
    mask[3, 2] = mask[4, 0] = 21
    with pytest.raises(UnknownColourError) as error:
        VOC.encode(mask, name="m.png")
    assert (error.value.where, error.value.found) == ("m.png", "row 3, column 2: index 21; 2 pixels")
    assert error.value.expected == "an index of legend 'voc2012' (21 classes)"


def test_an_unknown_palette_colour_is_named_with_its_index():
    mask = np.array([[0, 0], [0, 1]], np.uint8)
    palette = np.array([(0, 0, 0), (1, 2, 3)], np.uint8)
    with pytest.raises(UnknownColourError) as error:
        VOC.encode_palette(mask, palette, name="m.png")
    assert error.value.where == "m.png"
    assert error.value.found == "row 1, column 1: colour (1, 2, 3) (palette index 1); 1 pixels"


def test_an_index_beyond_the_palette_is_an_error():
    palette = np.array([(0, 0, 0), (128, 0, 0)], np.uint8)
    with pytest.raises(UnknownColourError) as error:
        VOC.encode_palette(np.array([[1, 2]], np.uint8), palette, name="m.png")
    assert error.value.where == "m.png"
    assert error.value.found == "row 0, column 1: index 2, beyond the file's palette of 2 colours; 1 pixels"
    assert VOC.encode_palette(np.array([[1, 2]], np.uint8), palette, unknown="void").tolist() == [[1, 255]]


def test_an_unknown_palette_colour_that_no_pixel_uses_does_no_harm():
    palette = np.array([(0, 0, 0), (1, 2, 3)], np.uint8)
    assert VOC.encode_palette(np.zeros((1, 2), np.uint8), palette).tolist() == [[0, 0]]


def test_an_unknown_among_two_kinds_tells_of_both():
    mask = np.array([[30, 31, 31]], np.uint8)
    with pytest.raises(UnknownColourError) as error:
        VOC.encode(mask)
    assert error.value.found == "row 0, column 0: index 30; 1 pixels; 1 more unknown, 3 pixels in all"


@pytest.mark.parametrize(("unknown", "label"), [("void", 255), ("background", 0), ("dog", 2)])
def test_the_unknown_becomes_what_the_caller_says(unknown, label):
    colours = np.array([[(9, 9, 9), (128, 0, 0)]], np.uint8)
    palette = np.array([(9, 9, 9), (128, 0, 0)], np.uint8)
    assert [[label, 1]] == SMALL.encode(colours, unknown=unknown).tolist()
    assert [[label, 1]] == SMALL.encode(np.array([[77, 1]], np.uint8), unknown=unknown).tolist()
    by_colour = replace(SMALL, reading="colour")
    assert [[label, 1]] == by_colour.encode_palette(np.array([[0, 1]], np.uint8), palette, unknown=unknown).tolist()


@pytest.mark.parametrize("unknown", ["ignore", "Cat", "", "0"])
def test_the_unknown_becomes_nothing_that_the_legend_does_not_name(unknown):
    with pytest.raises(OptionError) as error:
        SMALL.encode(np.array([[77]], np.uint8), unknown=unknown)
    assert (error.value.where, error.value.found) == ("unknown", repr(unknown))
    assert error.value.expected == '"error", "void" or one of the class names'


def test_254_classes_are_the_most_that_labels_of_8_bits_hold():
    at_most, above = (Legend(tuple(f"c{i}" for i in range(n))) for n in (254, 255))
    assert (np.uint8, 255) == (at_most.dtype, at_most.void)
    assert (np.uint16, 65535) == (above.dtype, above.void)


@pytest.mark.parametrize("count", [254, 255, 256, 300, 1000])
def test_many_classes_survive_a_round_trip_of_colours(count):
    legend = Legend(tuple(f"c{i}" for i in range(count)))
    labels = np.array([[*range(count), legend.void]], legend.dtype)
    found = legend.encode(legend.paint(labels))
    assert np.array_equal(labels, found)
    assert legend.dtype == found.dtype


@pytest.mark.parametrize("count", [2, 254, 255, 256, 300, 1000])
def test_stored_indices_are_the_class_ids_themselves_where_none_are_given(count):
    legend = Legend(tuple(f"c{i}" for i in range(count)))
    stored = np.arange(count, dtype=np.uint16)[None]
    assert np.array_equal(stored, legend.encode(stored))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_indices_of_any_integer_dtype_are_the_same(dtype):
    assert SMALL.encode(np.array([[0, 1, 2]], dtype)).tolist() == [[0, 1, 2]]
    assert np.uint8 == SMALL.encode(np.array([[0, 1, 2]], dtype)).dtype


@pytest.mark.parametrize("value", [-1, 256, 257, 65536, 65537, 2**32 + 1])
@pytest.mark.parametrize("unknown", ["error", "void"])
def test_indices_out_of_range_never_wrap_to_a_class(value, unknown):
    stored = np.array([[0, value]])
    if unknown == "void" and 0 <= value <= 65535:
        assert SMALL.encode(stored, unknown=unknown).tolist() == [[0, 255]]
    else:
        with pytest.raises((OptionError, UnknownColourError)) as error:
            SMALL.encode(stored, unknown=unknown)
        assert str(value) in error.value.found


@pytest.mark.parametrize(
    "colour", [(-1, 0, 0), (256, 0, 0), (0, 32768, 0), (127, 256, 0), (0, 0, 2**23), (2**32, 0, 0)]
)
def test_colours_out_of_range_never_alias_a_class(colour):
    with pytest.raises((OptionError, UnknownColourError)):
        VOC.encode(np.array([[colour]], np.int64))


@pytest.mark.parametrize("shape", [(2,), (2, 2, 1), (2, 2, 2), (2, 2, 4), (1, 2, 2, 3)])
def test_a_stored_mask_of_another_shape_is_refused(shape):
    with pytest.raises(OptionError):
        VOC.encode(np.zeros(shape, np.uint8))


def test_colours_of_floats_are_refused():
    with pytest.raises(OptionError):
        VOC.encode(np.zeros((2, 2, 3), np.float32))


def test_colours_of_wider_integers_are_the_same():
    assert VOC.encode(np.array([[(128, 0, 0), (224, 224, 192)]], np.int64)).tolist() == [[1, 255]]


@pytest.mark.parametrize("bad", [21, 254, -1, 256])
def test_painting_refuses_what_is_neither_class_nor_void(bad):
    with pytest.raises(OptionError) as error:
        VOC.paint(np.array([[0, bad]]))
    assert (error.value.where, error.value.found) == ("labels", f"id {bad}")
    assert error.value.expected == "one of 21 classes (0..20) or void (255)"


def test_painting_is_literal():
    assert VOC.paint(np.array([[0, 20, 255]], np.uint8)).tolist() == [[[0, 0, 0], [0, 64, 128], [224, 224, 192]]]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"names": ()}, "0 classes"),
        ({"names": ("a", "a")}, "name 'a' occurs twice"),
        ({"names": ("Cat", " cat ")}, "name 'Cat' and name ' cat ' differ in case or blanks only"),
        ({"names": ("a", " ")}, "class 1 has an empty name"),
        ({"names": ("a", "b"), "colours": ((1, 2, 3), (1, 2, 3))}, "colour (1, 2, 3) occurs twice"),
        ({"names": ("a",), "colours": ((224, 224, 192),)}, "colour (224, 224, 192) occurs twice"),
        ({"names": ("a", "b"), "colours": ((1, 2, 3),)}, "1 colours for 2 classes"),
        ({"names": ("a",), "colours": ((1, 2, 256),)}, "outside 0..255"),
        ({"names": ("a",), "colours": ((1, 2, -1),)}, "outside 0..255"),
        ({"names": ("a",), "indices": (255,)}, "index 255 occurs twice"),
        ({"names": ("a", "b"), "indices": (1, 1)}, "index 1 occurs twice"),
        ({"names": ("a", "b"), "indices": (1,)}, "1 indices for 2 classes"),
        ({"names": ("a",), "indices": (65536,)}, "outside 0..65535"),
        ({"names": ("a",), "void_indices": (-1,)}, "outside 0..65535"),
        ({"names": tuple(str(i) for i in range(65535))}, "65535 classes"),
    ],
)
@pytest.mark.slow
def test_a_legend_that_contradicts_itself_is_refused(fields, found):
    with pytest.raises(LegendError) as error:
        Legend(**fields)
    assert error.value.where == "legend 'custom'"
    assert found in error.value.found


def test_one_text_is_not_a_sequence_of_names():
    with pytest.raises(LegendError) as error:
        Legend("abc")
    assert (error.value.where, error.value.expected) == ("names", "a sequence of class names")


def test_void_indices_push_the_classes_aside():
    legend = Legend(("wall", "building"), void_indices=(0,))
    assert legend.encode(np.array([[0, 1, 2]], np.uint8)).tolist() == [[255, 0, 1]]


def test_a_void_colour_of_voc_s_palette_pushes_the_classes_aside():
    legend = Legend(("a", "b"), void_colours=((0, 0, 0),))
    assert legend.colours == ((128, 0, 0), (0, 128, 0))


def test_json_gives_the_legend_back():
    legend = Legend(("a", "b"), ((1, 2, 3), (4, 5, 6)), ((7, 8, 9), (0, 0, 0)), (5, 9), (0, 255), "mine")
    back = Legend.from_json(json.loads(json.dumps(legend.to_json())))
    assert (legend, "mine", legend.digest) == (back, back.title, back.digest)


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"names": 3},
        {"names": "abc"},
        {"names": ["a"], "colour": []},
        {"names": ["a"], "colours": [[1, 2]]},
        {"names": ["a"], "colours": [["x", 2, 3]]},
        {"names": ["a"], "colours": [[1.5, 2, 3]]},
        {"names": ["a"], "indices": ["x"]},
        {"names": ["a", "a"]},
        {"names": []},
        [],
        ["a", "b"],
        None,
    ],
)
def test_json_that_is_no_legend_is_refused(described):
    with pytest.raises(LegendError) as error:
        Legend.from_json(described)
    assert error.value.where in ("legend", "names", "colours", "indices", "legend 'custom'")
    assert error.value.found
    assert error.value.expected


def test_the_digest_tells_legends_apart_but_not_their_titles():
    legend = Legend(("a", "b"), title="one")
    others = [
        Legend(("b", "a")), Legend(("a", "b"), ((0, 0, 0), (1, 1, 1))), Legend(("a", "b"), indices=(1, 0)),
        Legend(("a", "b"), void_indices=()), Legend(("a", "b"), void_colours=()),
    ]  # fmt: skip
    assert legend.digest == Legend(("a", "b"), title="two").digest
    assert len({legend.digest, *(other.digest for other in others)}) == 6


OWN = np.array([(0, 0, 0), (0, 128, 0), (128, 0, 0)], np.uint8)  # VOC's colours 0, 2 and 1
NAMED = Legend(("ground", "grass", "brick"))
PADDED = np.zeros((256, 3), np.uint8)
PADDED[:21] = voc_colours(21)


def read(legend, indices, palette):
    return legend.encode_palette(np.array([indices], np.uint8), palette)[0].tolist()


def test_colours_that_nobody_named_leave_the_indices_to_count():
    strange = np.array([(0, 0, 0), (9, 9, 9), (7, 7, 7)], np.uint8)
    assert read(NAMED, [0, 1, 2], strange) == [0, 1, 2]
    assert read(NAMED, [0, 0], OWN) == [0, 0]


def test_a_palette_in_another_order_that_only_colours_explain_is_read_by_colours():
    shuffled = np.array([(0, 0, 0)] * 7 + [(128, 0, 0)], np.uint8)
    assert read(NAMED, [0, 7], shuffled) == [0, 1]


@pytest.mark.parametrize(("indices", "palette"), [([0, 1, 2], OWN), ([0, 2], OWN), ([0, 1, 255], PADDED)])
def test_two_readings_that_differ_are_an_error_that_names_both(indices, palette):
    with pytest.raises(MaskError) as caught:
        read(NAMED, indices, palette)
    assert "by its number and" in caught.value.found
    assert "by index" in caught.value.remedy
    assert "by colour" in caught.value.remedy


def test_both_ways_out_of_two_readings_work():
    assert read(Legend.of_values({0: "ground", 1: "grass", 2: "brick"}), [0, 1, 2], OWN) == [0, 1, 2]
    by_colour = Legend.of_values({(0, 0, 0): "ground", (128, 0, 0): "brick", (0, 128, 0): "grass"})
    assert [by_colour.names[label] for label in read(by_colour, [0, 1, 2], OWN)] == ["ground", "grass", "brick"]


def test_two_indices_in_use_of_one_colour_are_an_error_if_they_mean_two_things():
    with pytest.raises(MaskError) as caught:
        read(VOC, [0, 1, 255], PADDED)
    assert caught.value.found.startswith("indices 0 and 255 are both used")
    assert read(VOC, [0, 1, 2], PADDED) == [0, 1, 2]  # what no pixel uses decides nothing


def test_values_know_what_they_name_and_nothing_else():
    legend = Legend.of_values({0: "ground", 255: "road", 3: "road", 7: None})
    assert legend.names == ("ground", "road")
    assert legend.encode(np.array([[0, 255, 3, 7]], np.uint8))[0].tolist() == [0, 1, 1, 255]
    for stored in (np.array([[1]], np.uint8), np.array([[(0, 0, 1)]], np.uint8)):
        with pytest.raises(UnknownColourError):
            legend.encode(stored)


def test_colours_and_indices_may_name_the_same_class():
    legend = Legend.of_values({0: "ground", (0, 0, 0): "ground", (1, 2, 3): "road", 9: "road", (5, 5, 5): None})
    assert legend.encode(np.array([[0, 9]], np.uint8))[0].tolist() == [0, 1]
    assert legend.encode(np.array([[(0, 0, 0), (1, 2, 3), (5, 5, 5)]], np.uint8))[0].tolist() == [0, 1, 255]


@pytest.mark.parametrize("legend", [NAMED, VOC, Legend.of_values({0: "a", 3: "a", (1, 2, 3): "b", 9: None})])
def test_a_legend_comes_back_from_json_with_its_reading(legend):
    again = Legend.from_json(json.loads(json.dumps(legend.to_json())))
    assert (again, again.reading, again.digest) == (legend, legend.reading, legend.digest)


def test_names_that_mean_void_are_void_among_stored_values_and_classes_in_a_legend_of_fields():
    legend = Legend.of_values({0: "void", 1: "road", 7: "Ignore", (9, 9, 9): None})
    assert legend.names == ("road",)
    assert legend.encode(np.array([[0, 1, 7]], np.uint8)).tolist() == [[255, 0, 255]]
    assert legend.note == "'void' and 'Ignore' are void by name"
    assert Legend(("void", "road")).names == ("void", "road")


@pytest.mark.parametrize(
    "values", [{True: "a"}, {0.5: "a"}, {None: "a"}, {"0": "a"}, {(1, 2): "a"}, {0: 1}, {0: b"a"}, {}, {0: None}]
)
def test_values_and_names_of_other_kinds_are_refused(values):
    with pytest.raises(LegendError):
        Legend.of_values(values)


@pytest.mark.parametrize(
    "names", [{"a", "b"}, frozenset("a"), ("a", None), (1, 2), (b"a",), (True,), (0.5,), {"a": 0}, 3]
)
def test_names_are_texts_in_an_order(names):
    with pytest.raises(LegendError) as error:
        Legend(names)
    assert error.value.where == "names"


def test_an_unknown_index_among_values_is_told_with_the_way_to_make_it_void():
    with pytest.raises(UnknownColourError) as error:
        Legend.of_values({1: "road"}).encode(np.array([[1, 0]], np.uint8))
    assert "{0: None, ...}" in error.value.remedy


@pytest.mark.parametrize(
    ("legend", "assumed"),
    [
        (Legend(("a", "b")), (255,)),
        (Legend(("a", "b"), indices=(1, 2)), (255,)),
        (Legend(tuple(map(str, range(300)))), (65535,)),
        (Legend(("a", "b"), void_indices=(255,)), ()),
        (Legend(("a", "b"), void_indices=()), ()),
        (Legend.of_values({0: "a", 1: "b", 255: None}), ()),
        (Legend.from_json({"names": ["a", "b"]}), (255,)),
        (Legend.from_json(Legend(("a", "b")).to_json()), ()),
        (VOC, ()),
    ],
)
def test_a_legend_knows_which_void_nobody_stated(legend, assumed):
    assert legend.assumed_void == assumed
    assert replace(legend, title="another").assumed_void == assumed
    assert regroup(legend, {"*": "*"}).assumed_void == assumed


def test_void_that_nobody_stated_makes_no_other_legend():
    said = Legend(("a", "b"), void_indices=(255,))
    assert (said, said.digest, hash(said)) == (Legend(("a", "b")), Legend(("a", "b")).digest, hash(Legend(("a", "b"))))


def test_three_equal_channels_are_numbers_only_if_no_colour_means_anything():
    stored = np.array([[(0, 0, 0), (3, 3, 3)]], np.uint8)
    assert Legend.of_values({0: "a", 3: "b"}).encode(stored).tolist() == [[0, 1]]
    for legend in (Legend(("a", "b", "c", "d")), Legend.of_values({0: "a", 3: "b", (0, 0, 1): "b"})):
        with pytest.raises(UnknownColourError):
            legend.encode(stored)


def test_one_unknown_colour_hides_no_contradiction():
    with pytest.raises(MaskError) as caught:
        read(Legend((*NAMED.names, "sky")), [0, 1, 2, 3], np.concatenate([OWN, [(9, 9, 9)]]).astype(np.uint8))
    assert "by its number and" in caught.value.found


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("indices", (0.5, 1.7)), ("indices", (0.0, 1.0)), ("indices", (False, True)), ("indices", ("0", "1")),
        ("indices", {5, 1}), ("indices", (None, 1)), ("indices", 5), ("indices", np.array([0.0, 1.0])),
        ("indices", np.array([False, True])), ("void_indices", (254.6,)), ("void_indices", (True,)),
        ("void_indices", {7, 8}), ("colours", {(1, 2, 3), (4, 5, 6)}), ("colours", ((1.5, 2, 3), (4, 5, 6))),
        ("colours", ((True, 2, 3), (4, 5, 6))), ("colours", ({1, 2, 3}, (4, 5, 6))), ("colours", ("red", "blue")),
        ("colours", (b"abc", b"def")), ("void_colours", (1, 2, 3)), ("void_colours", ((1, 2, float("nan")),)),
        ("merged", ((0.5, None, 9),)), ("merged", ((True, None, 9),)), ("merged", ((0, None, 9.5),)),
        ("merged", ((0, None),)), ("merged", 5),
    ],
)  # fmt: skip
def test_values_that_are_no_whole_numbers_in_an_order_are_refused_never_cut_off(field, values):
    with pytest.raises(LegendError) as error:
        Legend(("a", "b"), **{field: values})
    assert error.value.where == field
    assert error.value.expected


def test_truth_values_in_a_mappings_colours_are_refused():
    with pytest.raises(LegendError):
        Legend.of_values({(True, 0, 0): "a"})
