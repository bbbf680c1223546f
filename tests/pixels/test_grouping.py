"""Grouping: other classes from the same masks, checked against painting the old labels by hand."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed import Legend, load, make_pack, scan
from segfeed.errors import LegendError, OptionError
from segfeed.pixels.grouping import regroup
from segfeed.pixels.public_legends import VOC

PETS = {"cat": "animal", "dog": "animal", "person": "person", "*": None}


def expected_of(labels, groups, legend, names):
    """Map old labels to new ones, one class at a time."""
    new = np.full_like(labels, 255)
    for number, old in enumerate(legend.names):
        becomes = groups.get(old, groups.get("*"))
        becomes = old if becomes == "*" else becomes
        if becomes not in (None, "void"):
            new[labels == number] = names.index(becomes)
    return new


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        (PETS, ("animal", "person")),
        ({"person": "human", "*": "rest"}, ("human", "rest")),
        ({"*": "*", "cat": "dog"}, tuple(name for name in VOC.names if name != "cat")),
        ({"dog": "dog", "*": "void"}, ("dog",)),
        ({"tv/monitor": "tv/monitor", "background": "background", "*": "*"}, ("tv/monitor", *VOC.names[:-1])),
    ],
)
@pytest.mark.parametrize("kind", ["indices", "colours", "palette"])
def test_labels_are_those_of_painting_by_hand(groups, names, kind):
    legend = regroup(VOC, groups)
    assert legend.names == names
    labels = np.array([[*range(21), 255]], np.uint8)
    palette = np.array([*VOC.colours, *[(1, 2, 3)] * 234, (224, 224, 192)], np.uint8)
    got = {
        "indices": lambda: legend.encode(labels),
        "colours": lambda: legend.encode(VOC.paint(labels)),
        "palette": lambda: legend.encode_palette(labels, palette),
    }[kind]()
    np.testing.assert_array_equal(got, expected_of(labels, groups, VOC, names))


@given(st.dictionaries(st.sampled_from(VOC.names), st.sampled_from([None, "a", "b", "c"]), min_size=1))
@pytest.mark.slow
def test_any_mapping_loses_no_class(chosen):
    groups = chosen | {"*": "d"}
    legend = regroup(VOC, groups)
    labels = np.array([[*range(21), 255]], np.uint8)
    np.testing.assert_array_equal(legend.encode(labels), expected_of(labels, groups, VOC, legend.names))


def test_grouping_twice_is_grouping_by_both():
    once = regroup(VOC, {"cat": "pet", "dog": "pet", "horse": "farm", "cow": "farm", "*": "rest"})
    twice = regroup(once, {"pet": "animal", "farm": "animal", "*": None})
    groups = {"cat": "animal", "dog": "animal", "horse": "animal", "cow": "animal", "*": None}
    labels = np.array([[*range(21), 255]], np.uint8)
    np.testing.assert_array_equal(twice.encode(labels), expected_of(labels, groups, VOC, ("animal",)))


def test_legend_comes_back_from_json():
    legend = regroup(VOC, PETS)
    assert Legend.from_json(legend.to_json()) == legend
    assert Legend.from_json(legend.to_json()).digest == legend.digest != VOC.digest


def test_unknown_class_is_named_with_the_nearest():
    with pytest.raises(LegendError) as caught:
        regroup(VOC, {"cats": "animal", "*": None})
    assert (caught.value.where, caught.value.found) == ("legend 'voc2012'", "no class 'cats', but 'cat'")
    assert caught.value.expected.startswith("one of background, aeroplane")


def test_class_that_the_mapping_leaves_out_is_named():
    with pytest.raises(LegendError) as caught:
        regroup(VOC, {"cat": "animal"})
    assert caught.value.found.startswith("the mapping does not say what becomes of background, ")
    assert caught.value.found.endswith("tv/monitor")
    assert caught.value.remedy.startswith("name them, or add")


def test_mapping_that_leaves_nothing_is_refused():
    with pytest.raises(LegendError) as caught:
        regroup(VOC, {"*": None})
    assert caught.value.found == "the mapping makes everything void"


@pytest.mark.parametrize("groups", [{"cat": 3, "*": None}, {"cat": ["animal"], "*": None}])
def test_what_is_no_mapping_of_names_is_refused(groups):
    with pytest.raises(LegendError) as caught:
        regroup(VOC, groups)
    assert caught.value.found == repr(groups)
    assert caught.value.expected == "a mapping from class names to class names or None"


@pytest.mark.slow
def test_scan_and_load_take_a_mapping_and_pack_it_apart(voc_folder, cache):
    plain, grouped = scan(voc_folder), scan(voc_folder, legend=PETS)
    assert grouped.legend.names == ("animal", "person")
    for index in range(len(plain)):
        wanted = expected_of(plain.read(index).labels, PETS, VOC, ("animal", "person"))
        np.testing.assert_array_equal(grouped.read(index).labels, wanted)
    assert make_pack(plain).folder != make_pack(grouped).folder
    train, _ = load(voc_folder, batch_size=2, crop_size=(16, 16), legend=PETS)
    labels = np.concatenate([labels.ravel() for _, labels in train])
    assert set(labels.tolist()) <= {0, 1, 255}


def test_mapping_of_object_ids_is_refused(voc_folder):
    with pytest.raises(OptionError, match="task"):
        scan(voc_folder, task="instance", legend=PETS)


def test_mapping_may_lie_in_a_json_file(voc_folder, tmp_path):
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(PETS))
    assert scan(voc_folder, legend=path).legend == scan(voc_folder, legend=PETS).legend


def test_what_is_void_already_may_be_named_and_stays_void():
    legend = Legend(("road", "tree"), indices=(1, 2), void_indices=(0, 255))
    grouped = regroup(legend, {"void": None, "ignore": "void", "road": "road", "tree": "plant"})
    assert grouped.names == ("road", "plant")
    with pytest.raises(LegendError):
        regroup(legend, {"void": "road", "road": "road", "tree": "tree"})


@pytest.mark.parametrize("void", [None, "void", "Ignore", "ignore_region"])
def test_new_names_that_mean_void_are_void(void):
    grouped = regroup(Legend(("road", "tree")), {"road": "road", "tree": void})
    assert grouped.encode(np.array([[0, 1]], np.uint8)).tolist() == [[0, 255]]


def test_new_names_that_differ_in_case_only_are_refused():
    with pytest.raises(LegendError) as caught:
        regroup(Legend(("car", "bus")), {"car": "Vehicle", "bus": "vehicle"})
    assert "differ in case" in caught.value.found
