"""Options that commands share: dataclasses become options of their own, and words become values."""

import inspect
from pathlib import Path

import pytest

from segfeed.cli.options import (
    AnySourceOptions,
    AsJson,
    DatasetOptions,
    SourceOptions,
    Split,
    as_command,
    crop_size,
    one_shard,
    swap_pairs,
    two_splits,
)
from segfeed.datasets.drawn.masks import DRAW_WORDS
from segfeed.errors import OptionError
from segfeed.plans.plan import Shard


def test_each_field_becomes_an_option_and_the_command_gets_the_whole(tmp_path):
    got = []

    def show(first: int, source: SourceOptions, split: Split = "train", *, as_json: AsJson = False) -> None:
        """Show it."""
        got.append((first, source, split, as_json))

    command = as_command(show)
    parameters = inspect.signature(command).parameters
    fields = [
        "data",
        "format",
        "description",
        "photos",
        "masks",
        "cache_dir",
        "task",
        "legend",
        "unknown",
        "orientation",
        *DRAW_WORDS,
    ]
    assert list(parameters) == list(command.__annotations__) == ["first", *fields, "split", "as_json"]
    assert parameters["data"].default is parameters["first"].default is inspect.Parameter.empty
    assert parameters["task"].default == "semantic"
    assert (command.__name__, command.__doc__) == ("show", "Show it.")
    (described := tmp_path / "d.toml").write_bytes(b"")
    patterns = {"description": described, "photos": ["a", "b"], "masks": []}
    words = {"data": "sample", "format": "voc", **patterns, "cache_dir": Path("c"), "task": "instance", "legend": None}
    words |= {"unknown": "void", "orientation": "apply", **dict.fromkeys(DRAW_WORDS, "void")}
    command(first=3, **words, split="val", as_json=True)
    assert got == [(3, SourceOptions(**words), "val", True)]
    assert (got[0][1].words["photos"], got[0][1].words["masks"]) == (["a", "b"], None)


def test_a_dataset_can_be_left_out_only_if_the_command_allows_it():
    assert inspect.signature(DatasetOptions).parameters["data"].default is inspect.Parameter.empty
    assert AnySourceOptions().data == ""


def test_options_scan_one_split_or_several(voc_folder):
    source = SourceOptions(str(voc_folder), task="instance")
    names = {"format", "description", "photos", "masks", "cache_dir", "task", "legend", "unknown", "orientation"}
    assert set(source.words) == names | set(DRAW_WORDS)
    assert (len(source.scan("train")), source.scan("val").task) == (5, "instance")
    assert [one.split for one in source.scan_all("val,train")] == ["val", "train"]


def test_words_become_values():
    assert crop_size("32x48") == crop_size("32X48") == crop_size("32×48") == (32, 48)
    assert two_splits("train,-") == ("train", None)
    assert one_shard("1/4") == Shard(1, 4)


@pytest.mark.parametrize(
    ("read", "word", "where"),
    [(crop_size, "3x", "crop"), (crop_size, "٣x٤", "crop"), (two_splits, "a", "splits"), (one_shard, "-1/2", "shard")],
)
def test_words_that_mean_nothing_are_refused_with_what_was_expected(read, word, where):
    with pytest.raises(OptionError) as caught:
        read(word)
    assert (caught.value.where, caught.value.found) == (where, repr(word))
    assert caught.value.expected


def test_pairs_of_sides_are_read():
    assert swap_pairs(None, flip=False) is None
    assert swap_pairs([], flip=True) is None
    assert swap_pairs(["none"], flip=True) == {}
    assert swap_pairs(["left arm=right arm", " a = b "], flip=True) == {"left arm": "right arm", "a": "b"}


@pytest.mark.parametrize("texts", [["left arm"], ["=right"], ["left="], ["a=b=c"], ["a=b", "none"], ["a=b", "a=c"]])
def test_what_is_no_pair_of_sides_is_refused(texts):
    with pytest.raises(OptionError) as caught:
        swap_pairs(texts, flip=True)
    assert caught.value.where == "swap"


def test_sides_without_mirrored_crops_are_refused():
    with pytest.raises(OptionError) as caught:
        swap_pairs(["a=b"], flip=False)
    assert caught.value.remedy == "pass --flip"


@pytest.mark.parametrize("text", ["9" * 5000 + "x1", "1x" + "9" * 5000, "１x２", "²x2"])
def test_a_crop_of_thousands_of_digits_is_refused_in_one_short_line(text):
    with pytest.raises(OptionError) as caught:
        crop_size(text)
    assert len(str(caught.value)) < 200
