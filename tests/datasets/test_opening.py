"""Opening: task, legend and unknown are applied here, whatever the format; formats only list what lies on disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.legends.given import legend_of_values
from segfeed.datasets.opening import Dataset, open_dataset
from segfeed.datasets.recognition import FORMATS, import_format
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import LegendError, OptionError, SourceMissingError
from segfeed.pixels.objects import Objects


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9)]})


def test_object_masks_are_read_by_formats_that_list_them():
    offering = {name for name in FORMATS if hasattr(import_format(name), "list_objects")}
    drawn = {"coco", "coco_panoptic", "labelme_json", "yolo", "cvat", "via", "supervisely_json", "darwin"}
    drawn |= {"datumaro_json", "label_studio", "segments_ai", "geojson"}
    assert offering == {"voc", "tar", "labelme", "folders", "pack", *drawn}


@pytest.mark.parametrize("name", [name for name in FORMATS if not hasattr(import_format(name), "list_objects")])
def test_other_formats_refuse_object_masks_before_anything_is_listed(name):
    dataset = Dataset(Recognised(Path("nowhere"), "a guess"), name, task="instance")
    with pytest.raises(OptionError) as caught:
        dataset.list_split("train")
    assert caught.value.where == "task"
    assert f"format {name!r}" in caught.value.found


def test_legend_of_the_dataset_is_not_read_if_one_is_given(root):
    (root / "labelmap.txt").write_text("sky:1,2\n")
    with pytest.raises(LegendError, match="labelmap"):
        segfeed.scan(root)
    assert segfeed.scan(root, legend=segfeed.Legend(("a", "b"))).legend.names == ("a", "b")
    assert isinstance(segfeed.scan(root, task="instance").legend, Objects)


@pytest.mark.slow
def test_unknown_may_become_a_class_that_only_the_groups_name(root):
    groups = {"cat": "animal", "*": None}
    assert segfeed.scan(root, legend=groups, unknown="animal").legend.names == ("animal",)
    with pytest.raises(OptionError, match="cat"):
        segfeed.scan(root, legend=groups, unknown="cat")


def test_without_any_legend_and_mask_the_error_says_what_is_expected(tmp_path):
    dataset = Dataset(Recognised(tmp_path, ""), "voc")
    with pytest.raises(LegendError) as caught:
        dataset.read_legend(SplitFiles((), (), expected_legend="a stone tablet"))
    assert (caught.value.where, caught.value.found) == (str(tmp_path), "nothing says what the masks mean")
    assert caught.value.expected == "a stone tablet"


def test_splits_that_a_dataset_has_are_named_if_another_is_asked_for(root):
    dataset = open_dataset(root)
    assert (dataset.format, dataset.root, dataset.split_names) == ("voc", root, ["train"])
    with pytest.raises(SourceMissingError) as caught:
        dataset.scan("val")
    assert caught.value.expected == "one of train"


@pytest.fixture
def binary(tmp_path) -> Path:
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    Image.new("RGB", (4, 3)).save(tmp_path / "set" / "images" / "a.png")
    Image.fromarray(np.array([[0, 0, 255, 255]] * 3, np.uint8)).save(tmp_path / "set" / "masks" / "a.png")
    return tmp_path / "set"


@pytest.mark.parametrize("zero", [0, np.uint8(0), np.int64(0)])
def test_a_mapping_of_stored_values_is_a_legend(binary, zero):
    source = segfeed.scan(binary, "all", legend={zero: "background", 255: "road"})
    assert source.legend.names == ("background", "road")
    assert source.read(0).labels.tolist() == [[0, 0, 1, 1]] * 3


def test_a_stored_value_may_be_void(binary):
    assert segfeed.scan(binary, "all", legend={255: "road", 0: None}).read(0).labels.tolist() == [[255, 255, 0, 0]] * 3


def test_a_stored_value_may_be_a_colour(binary):
    Image.fromarray(np.array([[(0, 0, 0), (128, 64, 128)]] * 3, np.uint8)).save(binary / "masks" / "a.png")
    Image.new("RGB", (2, 3)).save(binary / "images" / "a.png")
    for road in (
        "#804080",
        "#804080".upper(),
        "128,64,128",
        "(128, 64, 128)",
        (128, 64, 128),
        (np.uint8(128), np.uint8(64), np.uint8(128)),
    ):
        source = segfeed.scan(binary, "all", legend={"#000000": "background", road: "road"})
        assert source.read(0).labels.tolist() == [[0, 1]] * 3


def test_several_values_may_mean_one_class():
    legend = legend_of_values({1: "a", 2: "b", 3: "a", "#ff0000": "b"})
    assert legend.names == ("a", "b")
    assert legend.encode(np.array([[1, 2, 3]], np.uint8)).tolist() == [[0, 1, 0]]


def test_a_mapping_of_class_names_still_groups(root):
    assert segfeed.scan(root, legend={"cat": "animal", "*": "rest"}).legend.names == ("animal", "rest")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({0: "a", "cat": "animal"}, "'cat' beside stored values"),
        ({65536: "a"}, "65536 is not a stored value"),
        ({-1: "a"}, "-1 is not a stored value"),
        ({True: "a"}, "True is not a stored value"),
        ({0.0: "a"}, "0.0 is not a stored value"),
        ({(1, 2): "a"}, "(1, 2) is not a stored value"),
        ({(1, 2, 256): "a"}, "(1, 2, 256) is not a stored value"),
        ({0: ""}, "0: ''"),
        ({0: 1}, "0: 1"),
        ({"#ff0000": "a", (255, 0, 0): "b"}, "(255, 0, 0) means 'a' and 'b'"),
    ],
)
def test_a_mapping_that_is_neither_is_refused(root, values, found):
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root, legend=values)
    assert (caught.value.where, caught.value.found) == ("legend", found)


def test_only_void_is_no_legend(root):
    with pytest.raises(LegendError):
        segfeed.scan(root, legend={0: None})


BINARY = ("background", "road")


@pytest.mark.parametrize(
    "said",
    [
        {"0": "background", "1": "road"},
        {"0": "background", 1: "road"},
        {"00": "background", " 1 ": "road"},
        {"background": 0, "road": 1},
        {"background": (0, 0, 0), "road": "#010101"},
        {np.uint8(0): " background ", np.int64(1): "road\n"},
    ],
)
@pytest.mark.slow
def test_stored_values_may_be_texts_and_may_stand_on_either_side(tmp_path, said):
    root = folders_of_gray(tmp_path)
    source = segfeed.scan(root, "all", legend=said)
    assert source.legend.names == BINARY
    assert source.legend == segfeed.Legend.of_values(
        {(0, 0, 0): "background", (1, 1, 1): "road"} if "#010101" in said.values() else {0: "background", 1: "road"}
    )


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"0": "a", 0: "b"}, "0 means 'a' and 'b'"),
        ({"a": 0, "b": 0}, "0 means 'a' and 'b'"),
        ({"background": "0", "road": "1"}, "says what a class becomes, not what masks store"),
        ({"0-10": "a"}, "says what a class becomes, not what masks store"),
        ({"70000": "a"}, "'70000'"),
        ({}, "0 classes"),
        ({0: "a" * 300, 1: "b"}, "class 0 has a name of 300 characters"),
        (["b", "a" * 300], "class 1 has a name of 300 characters"),
    ],
)
def test_mappings_that_mean_nothing_are_refused_for_their_own_reason(tmp_path, said, found):
    with pytest.raises(LegendError) as caught:
        segfeed.scan(folders_of_gray(tmp_path), "all", legend=said)
    assert found in caught.value.found


def test_a_class_that_is_called_by_a_word_is_still_grouped(tmp_path):
    root = folders_of_gray(tmp_path)
    (root / "class_names.txt").write_text("background\nroad\n")
    assert segfeed.scan(root, "all", legend={"road": "way", "*": "*"}).legend.names == ("way", "background")


def folders_of_gray(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "masks" / f"{number}.png")
    return tmp_path


def test_notes_beside_masks_without_a_legend_are_named(binary):
    (binary / "Klassen.txt").write_text("0 = Boden\n255 = Weg\n")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(binary, "all")
    assert "Klassen.txt may say so, but no text of such a name is read by itself" in caught.value.found
    assert segfeed.scan(binary, "all", legend=binary / "Klassen.txt").legend.names == ("Boden", "Weg")
