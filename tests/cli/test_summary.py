"""Summaries: what an epoch of each split delivered."""

import json

import numpy as np
import pytest

from segfeed import Shard, load
from segfeed.cli.summary import summarise

CROP = (32, 48)


@pytest.fixture
def summary(voc_folder):
    return summarise(load(voc_folder, 2, CROP))


def test_every_split_is_counted_as_it_was_delivered(summary):
    train, val = summary.splits
    assert (train.split, train.pairs, train.delivered, train.steps) == ("train", 5, 4, 2)
    assert (val.split, val.pairs, val.delivered, val.steps) == ("val", 3, 3, 2)
    assert (train.images, train.labels) == ("(2, 32, 48, 3) float32", "(2, 32, 48) int32")
    assert (val.images, val.labels) == ("(2, 40, 60, 3) float32", "(2, 40, 60) int32")
    assert (train.window, val.window) == ((32, 48), (40, 60))
    assert (train.small, train.policy, val.policy) == (1, "pad", "exact")


def test_dataset_task_classes_and_notes_are_named(summary, voc_folder):
    assert summary.name == "VOC2012"
    assert summary.task == "semantic"
    assert len(summary.classes) == 21
    assert summary.notes == load(voc_folder, 2, CROP).notes


@pytest.mark.slow
def test_void_share_counts_padding_around_images_and_no_rows_of_padding(voc_folder, summary):
    _, val = load(voc_folder, 2, CROP)
    labels = np.concatenate([batch.labels[batch.crops["sample"] >= 0] for batch in val])
    assert labels.shape == (3, 40, 60)
    assert summary.splits[1].void_share == pytest.approx((labels == 255).mean(), abs=1e-12)


@pytest.mark.parametrize("void", [255, -100])
@pytest.mark.slow
def test_void_share_does_not_depend_on_the_value_of_void(voc_folder, summary, void):
    other = summarise(load(voc_folder, 2, CROP, void=void))
    assert [split.void_share for split in other.splits] == [split.void_share for split in summary.splits]


def test_speed_is_pairs_over_seconds(summary):
    for split in summary.splits:
        assert split.seconds > 0
        assert split.pairs_per_second == pytest.approx(split.delivered / split.seconds)


def test_json_says_the_same(summary):
    described = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    assert list(described["splits"]) == ["train", "val"]
    train = described["splits"]["train"]
    assert (train["pairs"], train["delivered"], train["window"]) == (5, 4, [32, 48])
    assert train["pairs_per_second"] > 0
    assert described["classes"][0] == "background"
    assert described["notes"] == list(summary.notes)


def test_table_has_a_named_row_for_each_fact_and_a_column_for_each_split(summary):
    heads, *rows = summary.table()
    assert heads == ("", "train", "val")
    cells = {row[0]: row[1:] for row in rows}
    assert len(cells) == len(rows)
    assert cells["pairs"] == ("5", "3")
    assert cells["smaller than the crop"] == ("1", "-")
    assert cells["crop or canvas"] == ("32 x 48 px", "40 x 60 px")
    assert cells["taken as"] == ("random crops, padded", "whole, on one canvas")
    assert cells["pairs delivered"] == ("4", "3")


@pytest.mark.parametrize("splits", [("train", None), (None, "val")])
@pytest.mark.slow
def test_split_that_was_left_out_is_left_out(voc_folder, splits):
    summary = summarise(load(voc_folder, 2, CROP, splits=splits))
    assert [split.split for split in summary.splits] == [name for name in splits if name]
    assert summary.name == "VOC2012"


def test_a_rank_counts_its_own_pairs(voc_folder):
    summaries = [summarise(load(voc_folder, 2, CROP, shard=Shard(rank, 2))) for rank in range(2)]
    assert [[split.delivered for split in summary.splits] for summary in summaries] == [[2, 2], [2, 1]]


def test_a_rank_that_gets_nothing_but_padding_is_summed_up_too(voc_folder):
    summary = summarise(load(voc_folder, 5, CROP, shard=Shard(4, 5)))
    assert summary.splits[1].delivered == 0
    assert summary.splits[1].void_share == 0
    json.dumps(summary.to_json(), allow_nan=False)


def test_objects_have_no_classes(voc_folder):
    summary = summarise(load(voc_folder, 2, CROP, task="instance"))
    assert (summary.task, summary.classes) == ("instance", ())


@pytest.mark.slow
def test_the_demo_s_summary_tells_a_first_epoch_from_a_warm_one(voc_folder, tmp_path):
    splits = load(voc_folder, batch_size=2, crop_size=(16, 16), cache_dir=tmp_path)
    once, twice = summarise(splits), summarise(splits, warm=True)
    assert [split.warm_seconds for split in once.splits] == [None, None]
    assert all(split.warm_pairs_per_second > 0 for split in twice.splits)
    assert "pairs per second, later epochs (warm)" in [row[0] for row in twice.table()]
    assert len(once.table()) == len(twice.table()) - 1
    assert twice.to_json()["splits"]["train"]["warm_pairs_per_second"] > 0
