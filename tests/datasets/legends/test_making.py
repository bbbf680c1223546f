"""Legends out of rows: numbering, void, and contradictions."""

import numpy as np
import pytest

from segfeed.datasets.legends.in_tables import Row
from segfeed.datasets.legends.making import legend_of_names, legend_of_rows
from segfeed.errors import LegendError
from segfeed.pixels.legend import Legend


def make(*rows):
    return legend_of_rows([Row(*row) for row in rows], "mine")


def test_classes_are_numbered_by_their_stored_values():
    assert make(("b", 7), ("a", 2)).names == ("a", "b")
    assert make(("b", 7, (1, 2, 3)), ("a", 2, (4, 5, 6))).colours == ((4, 5, 6), (1, 2, 3))
    assert make(("b", None, (1, 2, 3)), ("a", None, (4, 5, 6))).names == ("b", "a")


def test_bare_names_without_void_make_the_plain_legend():
    assert legend_of_names(["sky", "road"]) == Legend(("sky", "road"))
    names = [f"c{n}" for n in range(300)]
    assert legend_of_names(names) == Legend(tuple(names))
    assert legend_of_names(dict.fromkeys(["sky", "road"]).keys()).names == ("sky", "road")
    assert legend_of_names(np.array(["sky", "road"])).names == ("sky", "road")


@pytest.mark.parametrize(
    "name", ["void", "Ignore", "ignored", "IGNORE_REGION", "ignore-region", "dontcare", "Don't care"]
)
def test_void_keeps_its_value_and_moves_no_other(name):
    legend = legend_of_names(["sky", name, "road"])
    assert legend.names == ("sky", "road")
    assert legend.encode(np.array([[0, 1, 2, 255]], np.uint8)).tolist() == [[0, 255, 1, 255]]
    assert legend.note == f"{name!r} is void by its name"
    assert make(("sky", 4), (name, 5), ("road", 6)).encode(np.array([[4, 5, 6]], np.uint8)).tolist() == [[0, 255, 1]]


def test_void_may_be_stored_in_several_ways():
    legend = make(("void", 0), ("ignore", 9), ("void", 8), ("sky", 1))
    assert legend.encode(np.array([[0, 9, 8, 1]], np.uint8)).tolist() == [[255, 255, 255, 0]]


def test_a_line_that_is_repeated_counts_once():
    assert make(("sky", None, (1, 2, 3)), ("sky", None, (1, 2, 3)), ("road", None, (4, 5, 6))).names == ("sky", "road")


def test_labelmes_first_line_has_no_position_and_later_ones_have():
    assert legend_of_names(["__ignore__", "sky", "road"]).indices == (0, 1)
    assert legend_of_names(["sky", "__ignore__", "road"]).indices == (0, 2)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("sky",), ("sky",)], "'sky' occurs twice"),
        ([("sky", 1), ("sky", 2)], "'sky' occurs twice"),
        ([("sky", 1), ("road", 1)], "1 stands for 'sky' and for 'road'"),
        ([("sky", 1, (1, 2, 3)), ("road", 2, (1, 2, 3))], "(1, 2, 3) stands for 'sky' and for 'road'"),
        ([("sky", 1, (1, 2, 3)), ("road", 2)], "'road' has no colour"),
        ([("sky", 65536)], "is stored as 65536"),
        ([("sky", None, (1, 2, 256))], "outside 0..255"),
        ([("sky",), ("Sky",)], "differ in case only"),
        ([("void",)], "0 classes"),
        ([], "0 classes"),
        ([("s\x00",)], "control characters"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(rows, found):
    with pytest.raises(LegendError) as caught:
        make(*rows)
    assert found in caught.value.found


def test_the_background_that_cvat_adds_is_told_with_the_ways_out():
    with pytest.raises(LegendError) as caught:
        make(("Background", None, (0, 215, 255)), ("Bone", None, (255, 0, 204)), ("background", None, (0, 0, 0)))
    assert "CVAT" in caught.value.found
    assert "rename" in caught.value.remedy
    assert "{(0, 215, 255): 'Background', (0, 0, 0): None, ...}" in caught.value.remedy


@pytest.mark.parametrize(
    "names",
    [
        {"sky", "road"},
        frozenset({"sky"}),
        ["sky", 0.5],
        ["sky", None],
        [True, "sky"],
        [b"sky"],
        b"sky",
        3,
        True,
        0.5,
        [0, 1],
        [("sky", 0)],
        {"sky": 0},
    ],
)
def test_what_is_no_list_of_names_is_refused_with_the_reason(names):
    with pytest.raises(LegendError) as caught:
        legend_of_names(names)
    assert caught.value.where == "names"
    assert caught.value.expected


def test_a_set_has_no_order():
    with pytest.raises(LegendError) as caught:
        legend_of_names({"sky", "road"})
    assert "no order" in caught.value.found
    assert caught.value.remedy == "pass a list"
