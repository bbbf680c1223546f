"""Plans: which crop comes when, as integers; tested without a single pixel."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segfeed.errors import OptionError
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw, Plan, Shard
from segfeed.plans.rows import ROW

SIZES = np.array([(40 + 5 * i, 60 - 4 * i) for i in range(8)])
HUNDRED = np.full((100, 2), (375, 500))


def joined(plans, epoch, step):
    return np.concatenate([plan.rows(epoch, step) for plan in plans])


FIELDS = ("sample", "top", "left", "height", "width", "flip")


def as_tuples(rows):
    return [tuple(int(row[field]) for field in FIELDS) for row in rows]


def samples_of(plan, epoch=0):
    return [sample for step in range(plan.steps) for sample in plan.rows(epoch, step)["sample"].tolist()]


# Golden rows: sample, top, left, height, width, flip. A change of any of them is a new ORDER_VERSION. -----------------


@pytest.mark.parametrize(
    ("seed", "epoch", "expected"),
    [
        (0, 0, [(7, 24, -13, 32, 48, 0), (4, 17, 0, 32, 48, 1), (6, 35, 0, 32, 48, 0), (1, 2, 3, 32, 48, 0)]),
        (0, 1, [(7, 5, -8, 32, 48, 0), (2, 6, 1, 32, 48, 0), (4, 2, -4, 32, 48, 0), (5, 0, -3, 32, 48, 1)]),
        (7, 0, [(3, 7, 0, 32, 48, 0), (1, 3, 3, 32, 48, 1), (5, 12, -6, 32, 48, 0), (0, 2, 0, 32, 48, 0)]),
        (7, 1, [(0, 3, 2, 32, 48, 0), (6, 23, 0, 32, 48, 1), (4, 1, -3, 32, 48, 1), (2, 2, 0, 32, 48, 1)]),
    ],
)
def test_golden_rows_of_few_samples(seed, epoch, expected):
    assert expected == as_tuples(Plan(SIZES, 4, Draw((32, 48), flip=True), seed=seed).rows(epoch, 0))


def test_golden_rows_of_many_samples():
    assert as_tuples(Plan(HUNDRED, 4, Draw(flip=True)).rows(0, 0)) == [
        (5, 32, 20, 320, 480, 0), (64, 13, 8, 320, 480, 1), (9, 20, 20, 320, 480, 0), (69, 30, 12, 320, 480, 0),
    ]  # fmt: skip


def test_golden_rows_in_the_samples_own_order():
    assert as_tuples(Plan(SIZES, 4, Draw((32, 48)), shuffle=False).rows(0, 0)) == [
        (0, 3, 2, 32, 48, 0), (1, 13, 2, 32, 48, 0), (2, 13, 0, 32, 48, 0), (3, 6, 0, 32, 48, 0),
    ]  # fmt: skip


def test_golden_rows_of_an_exact_plan():
    plan = Plan.exact(np.array([(2, 9), (5, 3), (1, 1)]), 2)
    assert as_tuples(plan.rows(0, 0)) == [(0, 0, 0, 5, 9, 0), (1, 0, 0, 5, 9, 0)]
    assert as_tuples(plan.rows(3, 1)) == [(2, 0, 0, 5, 9, 0), (-1, 0, 0, 5, 9, 0)]


# Order ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7, 16, 33, 100])
@pytest.mark.parametrize("epoch", [0, 1, 2**40])
def test_an_epoch_holds_every_sample_once(count, epoch):
    plan = Plan(np.full((count, 2), 50), 1, Draw((32, 48)))
    assert list(range(count)) == sorted(samples_of(plan, epoch))


def test_without_shuffling_samples_come_in_their_own_order_with_new_crops_each_epoch():
    plan = Plan(HUNDRED, 10, shuffle=False)
    assert list(range(100)) == samples_of(plan, 0) == samples_of(plan, 1)
    assert plan.rows(0, 0)["top"].tolist() != plan.rows(1, 0)["top"].tolist()


def test_the_tail_is_left_out_other_samples_each_epoch():
    plan = Plan(np.full((10, 2), 400), 4)
    assert (len(plan), plan.steps, plan.tail) == (10, 2, 2)
    left_out = [frozenset(range(10)) - frozenset(samples_of(plan, epoch)) for epoch in range(8)]
    assert {2} == {len(missing) for missing in left_out}
    assert len(set(left_out)) > 1


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_steps_and_tail_add_up(batch_size):
    plan = Plan(SIZES, batch_size)
    assert len(SIZES) == plan.steps * batch_size + plan.tail == len(plan)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 24)), min_size=1, max_size=12))
@settings(max_examples=30)
@pytest.mark.slow
def test_rows_are_the_same_whatever_was_asked_before(calls):
    plan = Plan(HUNDRED, 4, Draw(flip=True), seed=3)
    for epoch, step in calls:
        assert np.array_equal(Plan(HUNDRED, 4, Draw(flip=True), seed=3).rows(epoch, step), plan.rows(epoch, step))


def test_the_batch_size_does_not_change_which_crop_is_where():
    small, large = (Plan(HUNDRED, size, Draw(flip=True)) for size in (5, 20))
    assert np.array_equal(np.concatenate([small.rows(2, step) for step in range(20)])[20:40], large.rows(2, 1))


@pytest.mark.slow
def test_seed_and_epoch_never_stand_for_one_another():
    first = {
        (seed, epoch): tuple(as_tuples(Plan(HUNDRED, 100, seed=seed).rows(epoch, 0)))
        for seed in range(8)
        for epoch in range(8)
    }
    assert len(set(first.values())) == 64
    for (seed, epoch), rows in first.items():
        samples = [row[0] for row in rows]
        assert samples != [row[0] for row in first[epoch, seed]] or seed == epoch


def test_large_seeds_and_epochs_are_told_apart():
    rows = [as_tuples(Plan(HUNDRED, 4, seed=seed).rows(0, 0)) for seed in (0, 2**31, 2**32, 2**62, 2**63 - 1)]
    rows += [as_tuples(Plan(HUNDRED, 4).rows(epoch, 0)) for epoch in (2**31, 2**32, 2**62, 2**63 - 1)]
    assert len({tuple(row) for row in rows}) == 9


def test_numpy_integers_are_integers():
    plain = Plan(SIZES, 4, Draw((32, 48)), seed=7, shard=Shard(1, 2))
    other = Plan(
        SIZES.astype(np.uint16), np.int64(4), Draw((np.int32(32), np.uint8(48))), seed=np.int64(7),
        shard=Shard(np.int8(1), np.int64(2)),
    )  # fmt: skip
    assert np.array_equal(plain.rows(1, 1), other.rows(np.int64(1), np.uint8(1)))
    assert json.dumps(plain.options) == json.dumps(other.options)


@pytest.mark.parametrize("position", [0, 15_624_999])
def test_rows_of_a_billion_samples_are_never_materialised(position):
    plan = Plan(np.broadcast_to(np.array([375, 500], np.int32), (10**9, 2)), 64, Draw(flip=True))
    rows = plan.rows(0, position)
    assert (len(plan), plan.steps, plan.tail, plan.small) == (10**9, 15_625_000, 0, 0)
    assert len(set(rows["sample"].tolist())) == 64
    assert rows["sample"].max() > 10**8
    exact = Plan.exact(np.broadcast_to(np.array([375, 500], np.int32), (10**9, 2)), 64)
    assert ((375, 500), position * 64) == (exact.canvas, exact.rows(0, position)["sample"][0])


# Ranks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("small", ["pad", "drop"])
@pytest.mark.slow
def test_ranks_together_are_the_single_process_in_order(world, small):
    draw = Draw((45, 40), small=small, flip=True)
    sizes = np.tile(SIZES, (6, 1))
    single = Plan(sizes, 12, draw, seed=5)
    ranks = [Plan(sizes, 12, draw, seed=5, shard=Shard(rank, world)) for rank in range(world)]
    for epoch in range(2):
        for step in range(single.steps):
            assert np.array_equal(single.rows(epoch, step), joined(ranks, epoch, step))
    assert {(single.steps, 12 // world)} == {(plan.steps, plan.rows_per_step) for plan in ranks}


@pytest.mark.parametrize("world", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("count", [1, 5, 12, 13, 25])
def test_ranks_of_an_exact_plan_agree_on_steps_and_cover_every_image_once(world, count):
    sizes = np.stack([np.arange(count) + 5, 30 - np.arange(count)], axis=1)
    single = Plan.exact(sizes, 12)
    ranks = [Plan.exact(sizes, 12, shard=Shard(rank, world)) for rank in range(world)]
    seen = []
    for step in range(single.steps):
        assert np.array_equal(single.rows(0, step), joined(ranks, 0, step))
        seen += single.rows(0, step)["sample"].tolist()
    assert [*range(count), *[-1] * (12 * single.steps - count)] == seen
    assert {single.steps} == {plan.steps for plan in ranks}


# Windows --------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=20),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(["pad", "drop", "error"]),
    st.integers(0, 2**63 - 1),
    st.booleans(),
)
@pytest.mark.slow
def test_a_window_lies_inside_the_image_or_contains_it(sizes, crop, small, seed, flip):
    sizes = np.array(sizes)
    fits = (sizes >= crop).all(axis=1)
    try:
        plan = Plan(sizes, 1, Draw(crop, small, flip), seed=seed)
    except OptionError:
        assert (small == "error" and not fits.all()) or (small == "drop" and not fits.any())
        return
    assert np.count_nonzero(~fits) == plan.small
    assert (int(fits.sum()) if small == "drop" else len(sizes)) == len(plan)
    for step in range(plan.steps):
        row = plan.rows(1, step)[0]
        assert crop == (row["height"], row["width"])
        for start, length, size in zip(
            (int(row["top"]), int(row["left"])), crop, sizes[row["sample"]].tolist(), strict=True
        ):
            if size >= length:
                assert 0 <= start <= size - length
            else:
                assert size - length <= start <= 0
        assert small != "drop" or fits[row["sample"]]
        assert flip or not row["flip"]


@pytest.mark.parametrize(
    ("size", "tops"), [((40, 48), range(9)), ((32, 48), range(1)), ((25, 48), range(-7, 1)), ((33, 48), range(2))]
)
def test_every_possible_offset_is_drawn_about_equally_often(size, tops):
    plan = Plan(np.full((2000, 2), size), 2000, Draw((32, 48)))
    for turned in (False, True):
        rows = Plan(np.full((2000, 2), size[::-1]), 2000, Draw((48, 32))).rows(0, 0) if turned else plan.rows(0, 0)
        counts = Counter(rows["left" if turned else "top"].tolist())
        assert set(tops) == set(counts)
        expected = 2000 / len(tops)
        assert all(abs(count - expected) <= 5 * np.sqrt(expected) for count in counts.values())
        assert {0} == set(rows["top" if turned else "left"].tolist())


def test_top_left_and_flip_are_drawn_independently():
    rows = Plan(np.full((4000, 2), 101), 4000, Draw((1, 1), flip=True)).rows(0, 0)
    drawn = np.array([rows["top"], rows["left"], rows["flip"], rows["sample"]], float)
    assert np.abs(np.corrcoef(drawn) - np.eye(4)).max() < 0.08


def test_half_of_the_crops_are_flipped():
    rows = Plan(np.full((4000, 2), 50), 4000, Draw((32, 48), flip=True)).rows(0, 0)
    assert abs(rows["flip"].mean() - 0.5) < 0.04


def test_flipping_changes_neither_order_nor_windows():
    plain, flipped = (Plan(HUNDRED, 100, Draw(flip=flip)).rows(0, 0) for flip in (False, True))
    assert not plain["flip"].any()
    fields = ["sample", "top", "left", "height", "width"]
    assert np.array_equal(plain[fields], flipped[fields])


def test_crops_of_one_sample_differ_from_epoch_to_epoch():
    plan = Plan(np.array([(375, 500)]), 1)
    windows = {as_tuples(plan.rows(epoch, 0))[0] for epoch in range(50)}
    assert len(windows) > 40


# Small images ---------------------------------------------------------------------------------------------------------


def test_small_images_are_counted_and_padded_or_dropped():
    sizes = np.array([(320, 480), (319, 480), (320, 479), (500, 375), (375, 500)])
    padded, dropped = (Plan(sizes, 2, Draw(small=small)) for small in ("pad", "drop"))
    assert (len(padded), padded.small, padded.tail) == (5, 3, 1)
    assert (len(dropped), dropped.small, dropped.tail) == (2, 3, 0)
    assert sorted(samples_of(dropped)) == [0, 4]


def test_small_images_are_refused_with_their_count_and_the_first_of_them():
    with pytest.raises(OptionError) as error:
        Plan(np.array([(400, 500), (300, 500), (400, 400)]), 1, Draw(small="error"))
    assert error.value.where == "crop_size"
    assert error.value.found == (
        "2 of 3 images are smaller than the crop of 320 x 480 px (height x width), the first is sample 1 with 300 x 500"
    )
    assert 'small="pad"' in error.value.remedy


def test_dropping_leaves_too_few_samples_for_a_batch():
    with pytest.raises(OptionError) as error:
        Plan(np.array([(400, 500), (300, 500), (400, 500)]), 3, Draw(small="drop"))
    assert (error.value.where, error.value.found) == ("batch_size", "3, but 2 of 3 samples are as large as the crop")


def test_of_dropped_samples_it_is_said_that_they_can_be_scaled_below_the_crop():
    draw = Draw((320, 480), small="drop", augment=Augment(scale=(0.5, 2)))
    with pytest.raises(OptionError) as error:
        Plan(np.array([(640, 960), (500, 900)]), 2, draw)
    assert error.value.found == "2, but 1 of 2 samples are always scaled to at least the crop"


def test_dropping_everything_does_not_advise_a_batch_of_none():
    with pytest.raises(OptionError) as error:
        Plan(np.array([(10, 10), (20, 20)]), 1, Draw(small="drop"))
    assert error.value.remedy == 'pass small="pad" or a smaller crop_size'


# Official facts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "count", "large"), [("train", 1464, 1114), ("val", 1449, 1078)])
def test_the_official_lists_keep_the_official_numbers(shared_data, split, count, large):
    facts = shared_data / "voc2012-facts"
    sizes_of = {}
    for line in (facts / "sizes.csv").read_text().splitlines()[1:]:
        key, width, height = line.split(",")
        sizes_of[key] = int(height), int(width)
    sizes = np.array([sizes_of[key] for key in (facts / f"{split}.txt").read_text().split()])
    padded, dropped = (Plan(sizes, 64, Draw((320, 480), small)) for small in ("pad", "drop"))
    assert (count, count - large) == (len(padded), padded.small)
    assert (large, count - large) == (len(dropped), dropped.small)
    assert (large // 64, large % 64) == (dropped.steps, dropped.tail)
    exact = Plan.exact(sizes, 64)
    assert (count, (500, 500), -(-count // 64)) == (len(exact), exact.canvas, exact.steps)


# Options --------------------------------------------------------------------------------------------------------------


def fields_of(caught):
    return caught.value.where, caught.value.found, caught.value.expected


BAD_NUMBERS = [
    0,
    -1,
    True,
    False,
    4.0,
    float("nan"),
    float("inf"),
    "4",
    None,
    2**31,
    np.float64(4),
    np.bool_(True),
    [4],
]


@pytest.mark.parametrize("value", BAD_NUMBERS, ids=repr)
def test_a_bad_batch_size_is_refused_with_its_value(value):
    for make in (Plan, Plan.exact):
        with pytest.raises(OptionError) as error:
            make(SIZES, value)
        assert fields_of(error) == ("batch_size", repr(value), "a whole number from 1 to 2147483647")


@pytest.mark.parametrize("value", BAD_NUMBERS, ids=repr)
def test_a_bad_crop_size_is_refused_with_its_value(value):
    for name, size in (("height", (value, 4)), ("width", (4, value))):
        with pytest.raises(OptionError) as error:
            Draw(size)
        assert fields_of(error) == (f"crop {name}", repr(value), "a whole number from 1 to 2147483647")


@pytest.mark.parametrize("size", [320, None, (), (320,), (320, 480, 3), 3.5])
def test_a_crop_size_that_is_no_pair_is_refused(size):
    with pytest.raises(OptionError) as error:
        Draw(size)
    assert fields_of(error) == ("crop_size", repr(size), "a pair (height, width) in pixels")


@pytest.mark.parametrize("value", [-1, True, 1.5, float("nan"), "1", None, 2**63], ids=repr)
def test_a_bad_seed_is_refused_with_its_value(value):
    with pytest.raises(OptionError) as error:
        Plan(SIZES, 4, seed=value)
    assert fields_of(error) == ("seed", repr(value), f"a whole number from 0 to {2**63 - 1}")


@pytest.mark.parametrize("value", [-1, True, 1.0, "0", None, 2**63], ids=repr)
def test_a_bad_epoch_is_refused_with_its_value(value):
    with pytest.raises(OptionError) as error:
        Plan(SIZES, 4).rows(value, 0)
    assert fields_of(error) == ("epoch", repr(value), f"a whole number from 0 to {2**63 - 1}")


@pytest.mark.parametrize("value", [-1, 2, True, 1.0, "0", None], ids=repr)
def test_a_bad_step_is_refused_with_its_value(value):
    with pytest.raises(OptionError) as error:
        Plan(SIZES, 4).rows(0, value)
    assert fields_of(error) == ("step", repr(value), "a whole number from 0 to 1")


@pytest.mark.parametrize(
    ("shard", "fields"),
    [
        (Shard(2, 2), ("rank", "2", "a whole number from 0 to 1")),
        (Shard(-1, 2), ("rank", "-1", "a whole number from 0 to 1")),
        (Shard(True, 2), ("rank", "True", "a whole number from 0 to 1")),
        (Shard(0, 0), ("world", "0", "a whole number from 1 to 2147483647")),
        (Shard(0, -2), ("world", "-2", "a whole number from 1 to 2147483647")),
        (Shard(0, 2.0), ("world", "2.0", "a whole number from 1 to 2147483647")),
        (Shard(0, "2"), ("world", "'2'", "a whole number from 1 to 2147483647")),
        (Shard(0, 3), ("batch_size", "4 pairs over all ranks, which 3 ranks do not divide", "a multiple of 3")),
        (Shard(0, 8), ("batch_size", "4 pairs over all ranks, which 8 ranks do not divide", "a multiple of 8")),
        (3, ("shard", "3", "a pair (rank, world), such as (0, 4)")),
    ],
)
def test_a_bad_shard_is_refused(shard, fields):
    for make in (Plan, Plan.exact):
        with pytest.raises(OptionError) as error:
            make(SIZES, 4, shard=shard)
        assert fields_of(error) == fields


@pytest.mark.parametrize("small", ["Pad", "", None, True, "skip"])
def test_another_word_for_small_is_refused(small):
    with pytest.raises(OptionError) as error:
        Draw(small=small)
    assert fields_of(error) == ("small", repr(small), '"pad", "drop" or "error"')


@pytest.mark.parametrize("flip", [1, 0, None, "yes", 0.5])
def test_a_flip_that_is_neither_true_nor_false_is_refused(flip):
    with pytest.raises(OptionError) as error:
        Draw(flip=flip)
    assert fields_of(error) == ("flip", repr(flip), "True or False")


def test_a_draw_that_is_not_a_draw_is_refused():
    with pytest.raises(OptionError) as error:
        Plan(SIZES, 4, (32, 48))
    assert (error.value.where, error.value.found) == ("draw", "(32, 48)")


def test_fewer_samples_than_a_batch_are_refused():
    with pytest.raises(OptionError) as error:
        Plan(SIZES, 9)
    assert (error.value.where, error.value.found) == ("batch_size", "9, but the split has 8 samples")
    assert error.value.remedy == "pass a batch_size of at most 8"
    assert Plan(SIZES, 8).steps == 1
    assert Plan.exact(SIZES, 9).steps == 1


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        np.zeros((0, 2), int),
        [1, 2],
        [(1, 2, 3)],
        [(1.0, 2.0)],
        [("1", "2")],
        [(True, True)],
        [(0, 5)],
        [(5, -1)],
        [(5, 2**31)],
    ],
    ids=str,
)
def test_sizes_that_are_no_sizes_are_refused(sizes):
    for make in (Plan, Plan.exact):
        with pytest.raises(OptionError) as error:
            make(sizes, 1)
        assert error.value.where == "sizes"
        assert error.value.found
        assert error.value.expected


def test_options_tell_plans_apart_but_not_ranks():
    plans = [
        Plan(SIZES, 4), Plan(SIZES, 2), Plan(SIZES, 4, seed=1), Plan(SIZES, 4, shuffle=False),
        Plan(SIZES, 4, Draw((3, 4))), Plan(SIZES, 4, Draw(flip=True)), Plan.exact(SIZES, 4),
    ]  # fmt: skip
    assert len({plan.digest for plan in plans}) == len(plans)
    assert plans[0].digest == Plan(SIZES, 4, shard=Shard(1, 2)).digest
    assert plans[0].options == json.loads(json.dumps(plans[0].options))


def test_rows_are_of_the_documented_type():
    for plan in (Plan(SIZES, 4), Plan.exact(SIZES, 4)):
        assert (plan.rows(0, 0).dtype, plan.rows(0, 0).shape) == (ROW, (4,))
    assert (Plan(SIZES, 4).is_exact, Plan.exact(SIZES, 4).is_exact) == (False, True)


def test_changing_the_sizes_afterwards_changes_no_plan():
    sizes = SIZES.copy()
    plan = Plan(sizes, 4, Draw((32, 48)))
    expected = plan.rows(0, 0)
    sizes[:] = 1000
    assert np.array_equal(expected, plan.rows(0, 0))


def test_pairs_that_change_places_are_put_in_order_and_are_part_of_the_digest():
    sizes = np.full((8, 2), 40)
    plain, one, other = (
        Plan(sizes, 4, Draw((32, 32), flip=True, swap=swap)) for swap in ((), [(4, 3), [1, 2]], ((1, 2), (3, 4)))
    )
    assert one.draw.swap == ((1, 2), (3, 4))
    assert one.options == other.options == json.loads(json.dumps(one.options))
    assert one.digest == other.digest != plain.digest
    assert (plain.options["draw"]["swap"], one.options["draw"]["swap"]) == ([], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(plain.rows(0, 0), one.rows(0, 0))


@pytest.mark.parametrize("swap", [((1, 1),), ((1, 2), (2, 3)), ((-1, 2),), ((1, 2, 3),), (1, 2), "ab", None])
def test_what_is_not_pairs_of_labels_is_refused(swap):
    with pytest.raises(OptionError) as caught:
        Draw((32, 32), swap=swap)
    assert caught.value.where == "swap"


def test_a_later_change_of_the_callers_sizes_changes_no_plan():
    sizes = np.array([(10 + n, 12) for n in range(8)], np.int32)
    plan, same = (Plan(each, 2, Draw((4, 4))) for each in (sizes, sizes.copy()))
    sizes[:] = 4
    assert not plan.sizes.flags.writeable
    assert plan.digest == same.digest
    for epoch, step in ((0, 0), (1, 3)):
        np.testing.assert_array_equal(plan.rows(epoch, step), same.rows(epoch, step))
