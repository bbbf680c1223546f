"""Classes in JSON: names, stored values, objects, COCO; and what is none of them."""

import json

import pytest

from segfeed.datasets.legends.in_json import is_grouping, load_json, rows_of_json
from segfeed.errors import LegendError


def read(described):
    return [row[:3] for row in rows_of_json(described)]


NAMES = [("sky", None, None), ("road", None, None)]
VALUES = [("sky", 0, None), ("road", 1, None)]
COLOURS = [("sky", None, (1, 2, 3)), ("road", None, (4, 5, 6))]


@pytest.mark.parametrize(
    "described",
    [["sky", "road"], {"names": ["sky", "road"]}, {"classes": [" sky", "road"]}, [{"name": "sky"}, {"name": "road"}]],
)
def test_names(described):
    assert read(described) == NAMES


@pytest.mark.parametrize(
    "described",
    [
        {"0": "sky", "1": "road"},
        {"sky": 0, "road": 1},
        {"sky": "0", "road": "1"},
        {"id2label": {"0": "sky", "1": "road"}, "label2id": {"road": 1, "sky": 0}},
        [{"id": 0, "name": "sky"}, {"id": 1, "name": "road", "supercategory": "flat", "isthing": 0}],
        {"names": {"0": "sky", "1": "road"}},
        {
            "categories": [{"id": 0, "name": "sky", "supercategory": "high"}, {"id": 1, "name": "road"}],
            "images": [],
            "annotations": [],
        },
        {"0": {"name": "sky"}, "1": {"name": "road"}},
        {"sky": {"id": 0}, "road": {"id": 1}},
        [{"value": 0, "label": "sky"}, {"value": 1, "label": "road"}],
    ],
)
def test_stored_values(described):
    assert read(described) == VALUES


@pytest.mark.parametrize(
    "described",
    [
        {"sky": [1, 2, 3], "road": [4, 5, 6]},
        {"#010203": "sky", "#040506": "road"},
        {"(1, 2, 3)": "sky", "4,5,6": "road"},
        {"sky": "#010203", "road": "#040506"},
        [{"name": "sky", "color": [1, 2, 3]}, {"name": "road", "color": "#040506"}],
        {"classes": ["sky", "road"], "palette": [[1, 2, 3], [4, 5, 6]]},
        {
            "classes": [
                {"id": 2707718, "title": "sky", "shape": "bitmap", "color": "#010203"},
                {"id": 2707719, "title": "road", "shape": "any", "color": "#040506"},
            ]
        },
        [
            {"name": "sky", "id": 3, "color": "#010203", "attributes": []},
            {"name": "road", "id": 4, "color": "#040506", "attributes": []},
        ],
    ],
)
def test_colours(described):
    assert read(described) == COLOURS


def test_none_and_classes_that_do_not_count_are_void():
    assert read({"0": "sky", "255": None}) == [("sky", 0, None), ("void", 255, None)]
    labels = [
        {"name": "sky", "color": [1, 2, 3], "evaluate": True},
        {"name": "ego", "color": [0, 0, 0], "evaluate": False},
    ]
    assert read({"labels": labels}) == [("sky", None, (1, 2, 3)), ("void", None, (0, 0, 0))]


@pytest.mark.parametrize(
    "described",
    [
        3,
        None,
        "sky",
        {},
        [1, 2],
        ["sky", None],
        ["sky", {"name": "road"}],
        {"0": 0},
        {"sky": True},
        {"sky": 0.5},
        {"sky": "0", "road": "flat"},
        {"0": "sky", "road": "flat"},
        {"cat": "animal"},
        {"names": ["a", "b"], "palette": [[1, 2, 3]]},
        {"id2label": {"0": "a"}, "label2id": {"b": 0}},
        [{"id": 0}],
        [{"id": 0, "trainId": 1, "name": "a"}],
        [{"id": "x", "name": "a"}],
    ],
)
def test_what_says_nothing_of_masks_is_refused(described):
    with pytest.raises(LegendError) as caught:
        rows_of_json(described)
    assert caught.value.found


def test_a_key_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="'sky' occurs twice"):
        load_json('{"sky": 0, "sky": 1}')


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"cat": "animal", "*": None}, True),
        ({"0": "cat"}, False),
        ({"cat": 0}, False),
        ({"#010203": "cat"}, False),
        ({}, False),
        (["cat"], False),
        ({"cat": "1"}, False),
    ],
)
def test_groups_are_told_from_stored_values(described, expected):
    assert is_grouping(json.loads(json.dumps(described))) is expected
