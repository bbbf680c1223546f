"""Names in an export: splits and keys that files can be named after, and one key for each sample."""

from dataclasses import replace
from pathlib import Path

import pytest

import segfeed
from segfeed import Legend, Source
from segfeed.datasets.blobs import File
from segfeed.datasets.export.exporting import KINDS
from segfeed.datasets.export.names import RENAMED, check_names, describe_renamed, name_keys, name_splits, read_renamed
from segfeed.datasets.export.outlines import DRAWN_KINDS
from segfeed.datasets.source import Sample
from segfeed.errors import OptionError


@pytest.fixture(name="source")
def _source(tmp_path):
    """Make a split of files that hold what they are told to: {key: content of photo and mask}."""

    def make(split: str, contents: dict[str, str]) -> Source:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        samples = []
        for number, (key, content) in enumerate(contents.items()):
            paths = [folder / f"{number}{suffix}" for suffix in (".jpg", ".png")]
            for path in paths:
                path.write_text(content)
            samples.append(Sample(key, *(File.of(str(path)) for path in paths)))
        return Source(folder, "folders", split, "semantic", tuple(samples), Legend(("a", "b")))

    return make


@pytest.mark.parametrize(
    ("kind", "split", "name"),
    [
        ("voc", "train[:50%]", "train_50"),
        ("voc", "train[fold=0/5]", "train_fold_0_5"),
        ("voc", "train+val", "train_val"),
        ("parquet", "train+val", "train_val"),
        ("parquet", "train-aug", "train_aug"),
        ("webdataset", "a/b", "a_b"),
    ],
)
def test_split_strings_become_names_of_files(source, kind, split, name):
    assert name_splits(kind, [source(split, {"x": "1"})]) == {split: name}


@pytest.mark.parametrize("splits", [("Train", "train"), ("train[:50]", "train[50:]"), ("val", "val")])
def test_splits_of_one_name_are_refused(source, splits):
    with pytest.raises(OptionError) as caught:
        name_splits("voc", [source(split, {"x": "1"}) for split in splits])
    assert all(repr(split) in caught.value.found for split in splits)


def test_a_split_that_tables_could_not_give_back_is_refused(source):
    with pytest.raises(OptionError) as caught:
        name_splits("parquet", [source("data", {"x": "1"})])
    assert caught.value.where == "split 'data'"


def test_a_split_without_samples_is_refused(source):
    with pytest.raises(OptionError) as caught:
        check_names("parquet", [source("val", {})])
    assert (caught.value.where, caught.value.found) == ("split 'val'", "no sample")


def test_only_keys_of_different_bytes_get_their_split_in_front(source):
    train, val = source("train", {"a": "1", "b": "2", "c": "3"}), source("val", {"a": "4", "b": "2", "d": "5"})
    assert name_keys([train, val]) == {"train": ("train_a", "b", "c"), "val": ("val_a", "b", "d")}


def test_files_of_one_size_are_compared_by_their_bytes(source):
    head = "x" * 70_000  # beyond what is compared first
    train, val = source("train", {"a": head + "1"}), source("val", {"a": head + "2"})
    assert name_keys([train, val]) == {"train": ("train_a",), "val": ("val_a",)}


def test_subfolders_become_part_of_the_name(source):
    keys = name_keys([source("train", {"scene/1": "1", "scene/2": "2"})])
    assert keys == {"train": ("scene_1", "scene_2")}


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ({"s/1": "1", "s_1": "2"}, {"x": "3"}),
        ({"s/1": "1", "s_1": "1"}, {"x": "3"}),
        ({"a": "1"}, {"a": "2", "train_a": "3"}),
    ],
)
def test_two_samples_never_get_one_name(source, train, val):
    with pytest.raises(OptionError) as caught:
        name_keys([source("train", train), source("val", val)])
    assert "would both be named" in caught.value.found


def test_what_was_renamed_is_read_back(source, tmp_path):
    sources = [source("train", {'a,"b': "1"}), source("val", {'a,"b': "2"})]
    described = describe_renamed(sources, name_keys(sources))
    Path(tmp_path / RENAMED).write_text(described)
    assert read_renamed(tmp_path) == [("train", 'a,"b', 'train_a,"b'), ("val", 'a,"b', 'val_a,"b')]
    assert describe_renamed(sources, {one.split: one.keys for one in sources}) == ""


@pytest.mark.parametrize("kind", ["voc", "webdataset"])
@pytest.mark.parametrize("key", ["con", "AUX", "Nul", "com1", "scene /1"])
def test_names_that_windows_keeps_are_refused(source, kind, key):
    with pytest.raises(OptionError) as caught:
        check_names(kind, [source("train", {"x": "1", key: "2"})])
    assert repr(key) in caught.value.found


def test_samples_whose_names_differ_in_case_alone_are_refused(source):
    with pytest.raises(OptionError) as caught:
        name_keys([source("train", {"a": "1", "A": "2"})])
    assert "'a'" in caught.value.found
    assert "'A'" in caught.value.found


@pytest.mark.parametrize("kind", DRAWN_KINDS)
def test_a_split_that_annotations_could_not_give_back_is_refused_with_the_names_that_they_could(source, kind):
    with pytest.raises(OptionError, match="cannot have") as caught:
        name_splits(kind, [source("lernen", {"x": "1"})])
    assert (caught.value.expected, caught.value.remedy.partition(",")[0]) == (
        "train, val or test", "rename it in the dataset",
    )  # fmt: skip


@pytest.mark.parametrize("split", ["train+val", "a,b", "x[0]"])
@pytest.mark.slow
def test_no_split_is_written_by_a_name_that_means_another(tmp_path, split):
    source = replace(segfeed.scan("sample", "val[:2]"), split=split)
    for kind in ("voc", "parquet", "webdataset"):
        (name,) = name_splits(kind, [source]).values()
        assert not set(name) & set("+[],")
    for kind in DRAWN_KINDS:  # which know few splits
        with pytest.raises(OptionError, match="cannot have"):
            name_splits(kind, [source])


@pytest.mark.slow
def test_a_split_of_which_no_character_fits_is_refused():
    source = replace(segfeed.scan("sample", "val[:2]"), split="..")
    for kind in KINDS:
        with pytest.raises(OptionError, match="cannot have"):
            name_splits(kind, [source])
