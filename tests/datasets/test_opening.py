"""Opening: task, legend and unknown are applied here, whatever the format; formats only list what lies on disk."""

from pathlib import Path

import pytest

import segfeed
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
    assert offering == {"voc", "tar", "labelme", "folders"}


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
