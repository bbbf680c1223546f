"""Split strings: slices as TensorFlow Datasets has them, sums, and folds that never move a sample."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed import load, make_pack, scan
from segfeed.datasets.source import Sample, Source
from segfeed.datasets.splits import SplitTerm, join, parse_split
from segfeed.errors import OptionError, SourceError, SourceMissingError
from segfeed.pixels.public_legends import VOC

KEYS = [f"key_{n}" for n in range(1000)]


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("train", 5, range(5)),
        ("train[:]", 5, range(5)),
        ("train[:10%]", 50, range(5)),
        ("train[10%:20%]", 50, range(5, 10)),
        ("train[-10%:]", 50, range(45, 50)),
        ("train[:-10%]", 50, range(45)),
        ("train[100:200]", 1000, range(100, 200)),
        ("train[-3:]", 10, range(7, 10)),
        ("train[990:2000]", 1000, range(990, 1000)),
        ("train[:33%]", 10, range(3)),
        ("train[:35%]", 10, range(4)),
        ("train[ 2 : 4 ]", 10, range(2, 4)),
    ],
)
def test_slices_are_those_of_tensorflow_datasets(text, count, expected):
    (part,) = parse_split(text)
    assert part.name == "train"
    assert part.choose(KEYS[:count]) == list(expected)


@given(st.integers(0, 300), st.lists(st.integers(0, 100), max_size=5))
@pytest.mark.slow
def test_percents_cut_a_split_into_parts_that_are_whole_together(count, cuts):
    bounds = [0, *sorted(cuts), 100]
    parts = [SplitTerm("train", f"{a}%", f"{b}%").choose(KEYS[:count]) for a, b in pairwise(bounds)]
    assert [n for part in parts for n in part] == list(range(count))


@given(st.integers(1, 9), st.integers(0, 200))
@pytest.mark.slow
def test_folds_cut_a_split_into_parts_that_are_whole_together(folds, count):
    keys = KEYS[:count]
    chosen = [parse_split(f"train[fold={n}/{folds}]")[0].choose(keys) for n in range(folds)]
    others = [parse_split(f"train[fold!={n}/{folds}]")[0].choose(keys) for n in range(folds)]
    assert sorted(n for fold in chosen for n in fold) == list(range(count))
    for fold, rest in zip(chosen, others, strict=True):
        assert sorted(fold + rest) == list(range(count))


def test_a_sample_stays_in_its_fold_when_others_come():
    (part,) = parse_split("train[fold=1/5]")
    few, many = KEYS[::3], KEYS
    assert {few[n] for n in part.choose(few)} == {many[n] for n in part.choose(many)} & set(few)


def test_folds_are_about_equal_and_pinned():
    counts = [len(parse_split(f"x[fold={n}/5]")[0].choose(KEYS)) for n in range(5)]
    assert min(counts) > 160
    assert parse_split("x[fold=0/5]")[0].choose(KEYS[:30]) == FIRST_FOLD


@pytest.mark.parametrize(
    "text", ["", "train[", "train[]", "train[10]", "train[:10%", "train[1:2:3]", "+train", "train[a:b]", "a[1:2][3:4]"]
)
def test_what_is_no_split_string_is_refused(text):
    with pytest.raises(OptionError) as caught:
        parse_split(text)
    assert caught.value.where == f"split {text!r}"
    assert "malformed" in caught.value.found
    assert caught.value.expected.startswith("names joined by")


@pytest.mark.parametrize("text", ["train[:101%]", "train[-200%:]"])
def test_percents_beyond_the_split_are_refused(text):
    with pytest.raises(OptionError) as caught:
        parse_split(text)[0].choose(KEYS)
    assert "does not exist" in caught.value.found
    assert caught.value.expected == "-100% to 100%"


def test_fold_that_does_not_exist_is_refused():
    with pytest.raises(OptionError) as caught:
        parse_split("train[fold=5/5]")
    assert (caught.value.found, caught.value.expected) == ("fold 5 of 5 does not exist", "a fold of 0..4")


def test_scan_takes_split_strings(voc_folder):
    train, val = scan(voc_folder, "train"), scan(voc_folder, "val")
    assert scan(voc_folder, "train[1:3]").keys == train.keys[1:3]
    both = scan(voc_folder, "train[:2]+val")
    assert both.keys == train.keys[:2] + val.keys
    assert both.split == "train[:2]+val"
    np.testing.assert_array_equal(both.sizes, np.concatenate([train.sizes[:2], val.sizes]))
    np.testing.assert_array_equal(both.read(2).labels, val.read(0).labels)


@pytest.mark.slow
def test_part_of_a_split_is_packed_for_itself(voc_folder, cache):
    part = make_pack(scan(voc_folder, "train[:2]"))
    assert len(part) == 2
    assert part.folder != make_pack(scan(voc_folder)).folder


def test_load_takes_two_parts_of_one_split(voc_folder):
    train, val = load(voc_folder, 2, (16, 16), splits=("train[:60%]", "train[60%:]"), pack=False)
    assert (len(train.dataset.keys), len(val.dataset.keys)) == (3, 2)
    assert not set(train.dataset.keys) & set(val.dataset.keys)


def test_load_refuses_parts_that_overlap(voc_folder):
    with pytest.raises(SourceError, match="samples are in both"):
        load(voc_folder, 2, (16, 16), splits=("train", "train[:1]"), pack=False)


def test_sample_twice_is_refused(voc_folder):
    with pytest.raises(SourceError) as caught:
        scan(voc_folder, "train+train[:1]")
    assert caught.value.found == "split 'train+train[:1]' holds sample train_0 twice"
    assert caught.value.remedy == "choose parts that do not overlap"


@pytest.mark.slow
def test_many_samples_that_stand_twice_are_found_at_once():
    keys = tuple(f"sample {n}" for n in range(200_000))
    comparisons = []
    samples = [Sample(Counted(key, comparisons), None, None) for key in keys]
    source = Source(Path("root"), "voc", "train", "semantic", tuple(samples), VOC)
    term = parse_split("train")[0]
    with pytest.raises(SourceError, match="twice"):
        join([(term, source), (term, source)], "train+train")
    assert len(comparisons) < 10 * len(keys)


class Counted(str):
    """A key that counts how often it is compared."""

    __slots__ = ("comparisons",)

    def __new__(cls, text, comparisons):
        made = super().__new__(cls, text)
        made.comparisons = comparisons
        return made

    def __eq__(self, other):
        self.comparisons.append(None)
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_empty_part_is_refused(voc_folder):
    with pytest.raises(SourceError) as caught:
        scan(voc_folder, "train[3:3]")
    assert "holds no sample" in caught.value.found
    assert caught.value.remedy == "choose a larger part"


def test_part_of_a_split_that_does_not_exist_is_refused(voc_folder):
    with pytest.raises(SourceMissingError) as caught:
        scan(voc_folder, "trainaug[:10%]")
    assert caught.value.found == "no split 'trainaug'"


def test_list_whose_name_looks_like_a_split_string_is_that_list(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(4, 4)], "val": [(4, 4)], "train+val": [(5, 5), (6, 6)]})
    assert scan(root, "train+val").sizes.tolist() == [[5, 5], [6, 6]]


FIRST_FOLD = [2, 8, 13, 14, 19, 21]
"""Pinned: a fold must hold the same samples for ever."""


@given(st.integers(1, 7), st.integers(1, 40))
@pytest.mark.slow
def test_folds_keep_groups_whole_and_hold_each_key_once(folds, size):
    groups = {key: f"g{n // size}" for n, key in enumerate(KEYS)}
    parts = [SplitTerm("all", fold=(n, folds)).choose(KEYS, groups) for n in range(folds)]
    assert sorted(n for part in parts for n in part) == list(range(1000))
    names = [{groups[KEYS[n]] for n in part} for part in parts]
    assert sum(map(len, names)) == len(set(groups.values()))
    rest = SplitTerm("all", fold=(0, folds), others=True).choose(KEYS, groups)
    assert sorted([*parts[0], *rest]) == list(range(1000))


def test_folds_without_groups_are_as_they_were():
    assert SplitTerm("all", fold=(0, 5)).choose(KEYS, {}) == SplitTerm("all", fold=(0, 5)).choose(KEYS)
    own = {key: key for key in KEYS}
    assert SplitTerm("all", fold=(0, 5)).choose(KEYS, own) == SplitTerm("all", fold=(0, 5)).choose(KEYS)
