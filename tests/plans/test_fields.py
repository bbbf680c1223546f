"""Fields: what an augment says, drawn for each row; tested with integers, against the tools' own formulas."""

import copy
import pickle
import statistics
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segfeed.errors import OptionError
from segfeed.plans.augment import Augment
from segfeed.plans.elementary import exp2, log2
from segfeed.plans.fields import UNIT, extreme_sizes, scaled_sizes
from segfeed.plans.plan import Draw, Plan, Shard
from segfeed.plans.rows import ROW

SIZES = np.array([(40 + 5 * i, 60 - 4 * i) for i in range(8)])
SEEDS, COUNT = 40, 2000
WHOLE = Augment(
    flip=0.5, resize=("box", 96, 48), scale=(0.5, 2), aspect=(0.75, 4 / 3, 0.5), rotate=(-10, 10, 0.5),
    brightness=(-0.125, 0.125, 0.5), contrast=(0.5, 1.5, 0.5), saturation=(0.5, 1.5, 0.5), hue=(-18, 18, 0.5),
    gamma=(0.7, 1.5, 0.5), gray=(1, 1, 0.2), order="drawn", pad_side="bottom-right",
)  # fmt: skip


def rows_of(augment, size=(375, 500), *, crop=(320, 480), count=COUNT, seeds=SEEDS):
    """Draw rows of photos of one size, of many seeds."""
    sizes = np.broadcast_to(np.array(size), (count, 2))
    draw = Draw(crop, augment=augment)
    return np.concatenate([Plan(sizes, count, draw, seed=seed).rows(0, 0) for seed in range(seeds)])


def assert_even(counts):
    """Compare counts of what is equally likely by chi-square: within 5 standard deviations of its mean."""
    expected = sum(counts) / len(counts)
    found = sum((count - expected) ** 2 for count in counts) / expected
    freedom = len(counts) - 1
    assert abs(found - freedom) < 5 * np.sqrt(2 * freedom)


def assert_share(chosen, share):
    assert abs(np.mean(chosen) - share) < 5 * np.sqrt(share * (1 - share) / len(chosen))


# Golden rows: a change of any of them is a new ORDER_VERSION. ---------------------------------------------------------


def test_golden_rows():
    rows = Plan(SIZES, 4, Draw((32, 48), augment=WHOLE), seed=7).rows(1, 0)
    assert [tuple(int(value) for value in row.tolist()) for row in rows] == GOLDEN


GOLDEN = [
    (0, 82, 123, 9, 7, 32, 48, 0, 0, 0, 0, 23856, 2553, 0, 0, 1, 1, 1610874903764436731),
    (6, 119, 53, 26, 1, 32, 48, 1, -143, -6710, 0, -13274, 229, 0, 65536, 1, 1, 12371249968173592175),
    (4, 61, 45, 14, -3, 32, 48, 1, 0, 0, 0, -3537, 0, 17619, 0, 1, 1, 14009245009717812767),
    (2, 71, 74, 19, 11, 32, 48, 1, -1323, -3025, 0, 20770, -537, 0, 0, 1, 1, 9691259302456922582),
]


def test_what_is_drawn_depends_on_seed_epoch_and_position_alone():
    draw = Draw((32, 48), augment=WHOLE)
    sizes = np.tile(SIZES, (6, 1))
    single = Plan(sizes, 12, draw, seed=5)
    ranks = [Plan(sizes, 12, draw, seed=5, shard=Shard(rank, 3)) for rank in range(3)]
    for epoch, step in ((0, 3), (2, 0), (0, 1)):
        joined = np.concatenate([plan.rows(epoch, step) for plan in ranks])
        assert joined.tobytes() == single.rows(epoch, step).tobytes()
    assert np.array_equal(
        np.concatenate([Plan(sizes, 6, draw, seed=5).rows(1, step) for step in (2, 3)]), single.rows(1, 1)
    )
    others = [single.rows(1, 0), Plan(sizes, 12, draw, seed=6).rows(0, 0)]
    assert all(not np.isin(single.rows(0, 0)["key"], rows["key"]).any() for rows in others)


def test_an_augmented_plan_goes_to_another_process_and_back():
    plan = Plan(SIZES, 4, Draw((32, 48), augment=WHOLE), seed=7)
    for other in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):  # noqa: S301
        assert other.rows(1, 0).tobytes() == plan.rows(1, 0).tobytes()
        assert other.digest == plan.digest
    assert plan.with_shard(Shard(1, 2)).rows(1, 0).tobytes() == plan.rows(1, 0)[2:].tobytes()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint64])
def test_the_dtype_of_sizes_changes_nothing(dtype):
    sizes = np.array([(65_535, 60_000), (1, 65_535), (300, 200)] * 4)
    one, other = (Plan(part, 12, Draw((32, 48), augment=WHOLE)) for part in (sizes, sizes.astype(dtype)))
    assert one.rows(0, 0).tobytes() == other.rows(0, 0).tobytes()


def test_a_billion_samples_and_late_epochs_are_augmented_at_once():
    plan = Plan(np.broadcast_to(np.array([375, 500], np.int32), (10**9, 2)), 64, Draw(augment=WHOLE))
    rows = plan.rows(2**62, 15_624_999)
    assert len(set(rows["scaled_height"].tolist())) > 20
    assert len(set(rows["key"].tolist())) == 64


def test_a_probability_too_small_for_53_bits_never_happens_and_a_range_of_one_number_always_does():
    rows = rows_of(Augment(flip=1e-30, brightness=(0.25, 0.25), contrast=(2, 2, 0), hue=(180, 180, 1e-30)), seeds=1)
    assert not rows["flip"].any()
    assert set(rows["brightness"].tolist()) == {UNIT // 4}
    assert not rows["contrast"].any()
    assert not rows["hue"].any()


@pytest.mark.slow
def test_the_highest_probability_below_one_is_not_one():
    assert rows_of(Augment(flip=1 - 2**-53), seeds=1)["flip"].all()
    assert not rows_of(Augment(gray=(1, 1, 0.999)))["gray"].all()


def test_an_exact_plan_scales_and_colours_nothing():
    rows = Plan.exact(SIZES, 3).rows(5, 2)
    assert [(int(row["scaled_height"]), int(row["scaled_width"])) for row in rows] == [(70, 36), (75, 32), (0, 0)]
    assert not any(rows[field].any() for field in ("flip", "angle", "brightness", "gray", "antialias", "key"))


@pytest.mark.slow
def test_a_step_changes_no_field_but_its_own():
    """So that two runs with and without a step can be compared crop by crop."""
    whole = rows_of(WHOLE, seeds=2)
    for option, fields in {
        "rotate": {"angle"}, "brightness": {"brightness"}, "contrast": {"contrast"}, "saturation": {"saturation"},
        "hue": {"hue"}, "gamma": {"gamma"}, "gray": {"gray"}, "order": {"colour_order"},
    }.items():  # fmt: skip
        without = rows_of(Augment(**{**WHOLE.to_json(), option: getattr(Augment(), option)}), seeds=2)
        assert {name for name in ROW.names if not np.array_equal(whole[name], without[name])} == fields
        assert not any(without[name].any() for name in fields)


# Ranges and distributions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "field", "wanted", "low", "high"),
    [
        ("rotate", "angle", (-10, 10), -1820, 1820),
        ("rotate", "angle", (-180, 180), -32768, 32768),
        ("brightness", "brightness", (-32 / 255, 32 / 255), -8224, 8224),
        ("contrast", "contrast", (0.5, 1.5), -32768, 32768),
        ("saturation", "saturation", (0, 2), -65536, 65536),
        ("hue", "hue", (-18, 18), -3277, 3277),
        ("gamma", "gamma", (0.5, 2), -65536, 65536),
        ("gray", "gray", (0, 1), 0, 65536),
    ],
)
@pytest.mark.parametrize("probability", [1, 0.5, 0.2])
@pytest.mark.slow
def test_every_unit_of_a_range_is_equally_likely(option, field, wanted, low, high, probability):
    rows = rows_of(Augment(**{option: (*wanted, probability)}))
    drawn = rows[field][rows[field] != 0]
    assert low <= drawn.min() <= low + (high - low) / 200
    assert high >= drawn.max() >= high - (high - low) / 200
    if probability < 1:
        assert_share(rows[field] != 0, probability)
    # Bins of equally many units: the rest of the range, at its upper end, is left out.
    bins = 64
    width = (high - low + 1) // bins
    counts = np.bincount((drawn - low) // width, minlength=bins)[:bins].astype(float)
    if low < 0:  # a drawn 0 cannot be told from a step that was not taken
        counts[-low // width] *= width / (width - 1)
    assert_even(counts)


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.slow
def test_crops_are_mirrored_with_their_probability(probability):
    rows = rows_of(Augment(flip=probability))
    assert_share(rows["flip"], probability) if 0 < probability < 1 else None
    assert {bool(probability)} == set(rows["flip"].tolist()) or 0 < probability < 1


@pytest.mark.slow
def test_either_order_comes_in_half_of_the_rows():
    assert_share(rows_of(Augment(order="drawn"))["colour_order"], 0.5)
    assert not rows_of(Augment(order="fixed"), seeds=1)["colour_order"].any()


@pytest.mark.parametrize("draw", ["uniform", "log"])
@pytest.mark.parametrize("probability", [1, 0.3])
@pytest.mark.slow
def test_factors_are_drawn_evenly(draw, probability):
    rows = rows_of(Augment(scale=(0.5, 2, probability), scale_draw=draw), (100_000, 100_000))
    drawn = rows[rows["scaled_height"] != 100_000]["scaled_height"] / 100_000
    assert_share(rows["scaled_height"] != 100_000, probability) if probability < 1 else None
    shares = (log2(drawn) + 1) / 2 if draw == "log" else (drawn - 0.5) / 1.5
    assert 0 <= shares.min() < shares.max() <= 1
    assert_even(np.bincount(np.minimum(shares * 64, 63).astype(int), minlength=64))
    assert np.array_equal(rows["scaled_height"], rows["scaled_width"])


@pytest.mark.parametrize("step", [0.25, 0.1])
@pytest.mark.slow
def test_factors_of_steps_are_equally_likely(step):
    augment = Augment(scale=(0.5, 2), scale_step=step)
    counts = Counter(rows_of(augment, (1000, 1000))["scaled_height"].tolist())
    assert sorted(counts) == [round(1000 * factor) for factor in augment.scale_choices()]
    assert_even(counts.values())


@pytest.mark.slow
def test_every_short_side_from_260_to_1040_is_equally_likely():
    counts = Counter(rows_of(Augment(resize=("short", 260, 1040)), seeds=80)["scaled_height"].tolist())
    assert sorted(counts) == list(range(260, 1041))
    assert_even(counts.values())


@pytest.mark.slow
def test_aspects_keep_the_area_and_are_drawn_evenly():
    rows = rows_of(Augment(aspect=(0.5, 2)), (50_000, 80_000))
    area = rows["scaled_height"].astype(float) * rows["scaled_width"]
    assert np.abs(area / (50_000 * 80_000) - 1).max() < 1e-4
    shares = (log2(rows["scaled_width"] / rows["scaled_height"] / 1.6) + 1) / 2
    assert_even(np.bincount(np.clip(shares * 64, 0, 63).astype(int), minlength=64))


@pytest.mark.slow
def test_keys_differ_and_every_bit_is_set_half_of_the_time():
    keys = rows_of(None)["key"]
    assert len(set(keys.tolist())) == SEEDS * COUNT
    for place in range(64):
        assert_share(keys >> np.uint64(place) & np.uint64(1), 0.5)


FREE = Augment(
    flip=0.5, scale=(0.5, 2), aspect=(0.75, 4 / 3), rotate=(-10, 10), brightness=(-0.1, 0.1), contrast=(0.5, 1.5),
    saturation=(0.5, 1.5), hue=(-18, 18), gamma=(0.7, 1.5), gray=(0, 1), order="drawn",
)  # fmt: skip
DRAWN = (
    *("flip", "angle", "brightness", "contrast", "saturation", "hue", "gamma", "gray", "colour_order", "key"),
    *("area", "ratio", "top_share", "left_share"),
)


def drawn_numbers(rows):
    """Return every number that was drawn for rows, by name, scaled to 0..1 or about 0."""
    height, width = rows["scaled_height"].astype(float), rows["scaled_width"].astype(float)
    columns = {name: rows[name].astype(float) for name in DRAWN if name in ROW.names}
    columns |= {"area": height * width, "ratio": width / height}
    columns |= {"top_share": rows["top"] / (height - 1), "left_share": rows["left"] / (width - 1)}
    return np.stack([columns[name] for name in DRAWN])


@pytest.mark.slow
def test_fields_are_independent_of_each_other():
    drawn = drawn_numbers(rows_of(FREE, (4000, 5000), crop=(1, 1)))
    correlations = np.corrcoef(drawn) - np.eye(len(DRAWN))
    assert np.abs(correlations).max() < 5 / np.sqrt(drawn.shape[1])
    # Of squares too: fields that are small together need not be correlated.
    middle = drawn - drawn.mean(axis=1, keepdims=True)
    squares = np.corrcoef(middle[[n for n, name in enumerate(DRAWN) if name not in ("flip", "colour_order")]] ** 2)
    assert np.abs(squares - np.eye(len(squares))).max() < 5 / np.sqrt(drawn.shape[1])


@pytest.mark.slow
def test_no_bit_of_a_key_tells_what_was_drawn():
    rows = rows_of(WHOLE)
    told = {"flip": rows["flip"], "order": rows["colour_order"] == 1} | {
        name: rows[name] > 0 for name in ("brightness", "contrast", "saturation", "hue", "gamma", "gray", "angle")
    }
    for place in range(64):
        bit = (rows["key"] >> np.uint64(place) & np.uint64(1)).astype(bool)
        for chosen in told.values():
            assert_share(bit[chosen], 0.5)


@pytest.mark.slow
def test_chances_are_independent_of_each_other():
    rows = rows_of(WHOLE)
    fields = "brightness", "contrast", "saturation", "hue", "gamma", "gray", "angle"
    correlations = np.corrcoef(np.stack([rows[name] != 0 for name in fields]).astype(float)) - np.eye(len(fields))
    assert np.abs(correlations).max() < 5 / np.sqrt(SEEDS * COUNT)


@pytest.mark.parametrize("apart", [1, 2, 64])
@pytest.mark.slow
def test_neighbouring_positions_are_independent(apart):
    drawn = drawn_numbers(rows_of(FREE, (4000, 5000), crop=(1, 1)))
    count = len(DRAWN)
    correlations = np.corrcoef(drawn[:, apart:], drawn[:, :-apart])[:count, count:]
    assert np.abs(correlations).max() < 5 / np.sqrt(drawn.shape[1])


def test_epochs_and_seeds_are_independent():
    sizes = np.broadcast_to(np.array((4000, 5000)), (20_000, 2))
    one, epoch, seed = (
        drawn_numbers(Plan(sizes, 20_000, Draw((1, 1), augment=FREE), shuffle=False, seed=seed).rows(epoch, 0))
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    )
    for other in (epoch, seed):
        correlations = np.corrcoef(one, other)[: len(DRAWN), len(DRAWN) :]
        assert np.abs(correlations).max() < 5 / np.sqrt(20_000)


# Sizes, against the tools' formulas -----------------------------------------------------------------------------------

SIDES = st.integers(1, 9000)
FACTORS = st.tuples(st.floats(0.25, 4), st.floats(0.25, 4))


def mmcv_size(size, factor, box):
    """Source: mmcv/transforms/processing.py, RandomResize; mmcv/image/geometric.py, rescale_size."""
    height, width = size
    long, short = max(int(side * factor) for side in box), min(int(side * factor) for side in box)
    scale = min(long / max(height, width), short / min(height, width))
    return int(height * float(scale) + 0.5), int(width * float(scale) + 0.5)


def torchvision_size(size, short):
    """Source: torchvision/transforms/functional.py, _compute_resized_output_size."""
    low, high = min(size), max(size)
    new = short, int(short * high / low)
    return new if size[0] <= size[1] else new[::-1]


def detectron2_size(size, short, longest):
    """Source: detectron2/data/transforms/augmentation_impl.py, ResizeShortestEdge.get_output_shape."""
    height, width = size
    scale = short * 1.0 / min(height, width)
    new = (short * 1.0, scale * width) if height < width else (scale * height, short * 1.0)
    if max(new) > longest:
        scale = longest * 1.0 / max(new)
        new = new[0] * scale, new[1] * scale
    return int(new[0] + 0.5), int(new[1] + 0.5)


def deeplab_size(size, factor):
    """Source: tensorflow/models, research/deeplab/core/preprocess_utils.py, randomly_scale_image_and_label."""
    return tuple(int(np.float32(side) * np.float32(factor)) for side in size)


def found_size(augment, size, factor=1.0, side=0):
    return tuple(scaled_sizes(augment, np.array([size]), factor, side, 0.0)[0].tolist())


def at_least_one(size):
    return tuple(max(side, 1) for side in size)


@given(SIDES, SIDES, st.floats(0.5, 2), st.sampled_from([(2048, 512), (2048, 1024), (512, 2048), (333, 333)]))
@pytest.mark.slow
def test_boxes_are_mmcv_s(height, width, factor, box):
    expected = mmcv_size((height, width), factor, box)
    assert found_size(Augment(resize=("box", *box)), (height, width), factor) == at_least_one(expected)


@given(SIDES, SIDES, st.integers(1, 2000))
@example(204, 357, 260)  # a whole number of px, which another order of operations falls just short of
@pytest.mark.slow
def test_short_sides_rounded_down_are_torchvision_s(height, width, short):
    augment = Augment(resize=("short", short), rounding="down")
    assert found_size(augment, (height, width), 1.0, short) == torchvision_size((height, width), short)


@given(SIDES, SIDES, st.integers(5, 20), st.sampled_from([512, 1024]))
@pytest.mark.slow
def test_short_sides_with_a_longest_are_detectron2_s(height, width, tenths, base):
    short, longest = int(0.1 * tenths * base), 4 * base
    augment = Augment(resize=("short", base), scale=(0.5, 2), scale_step=0.1, longest=longest)
    factor = augment.scale_choices()[tenths - 5]
    assert found_size(augment, (height, width), factor, base) == at_least_one(
        detectron2_size((height, width), short, longest)
    )


@given(SIDES, SIDES, st.integers(0, 6))
@pytest.mark.slow
def test_own_sides_rounded_down_are_deeplab_s(height, width, step):
    augment = Augment(scale=(0.5, 2), scale_step=0.25, rounding="down")
    factor = augment.scale_choices()[step]
    assert found_size(augment, (height, width), factor) == at_least_one(deeplab_size((height, width), factor))


@given(SIDES, SIDES, st.integers(1, 2000))
@pytest.mark.slow
def test_long_sides_get_their_length(height, width, long):
    new = found_size(Augment(resize=("long", long)), (height, width), 1.0, long)
    assert max(new) == long
    assert min(new) == max(int(long / max(height, width) * min(height, width) + 0.5), 1) or height == width


def test_exact_sizes_do_not_keep_the_ratio():
    assert found_size(Augment(resize=("exact", 300, 200)), (10, 5000)) == (300, 200)
    assert found_size(Augment(resize=("exact", 300, 201)), (10, 5000), 0.5) == (150, 100)
    rows = rows_of(Augment(resize=("exact", 300, 200), scale=(0.5, 2)), seeds=1)
    assert np.abs(rows["scaled_height"] / rows["scaled_width"] - 1.5).max() < 0.02


@pytest.mark.parametrize("rounding", ["half-up", "down"])
@pytest.mark.parametrize("resize", [None, ("short", 1), ("long", 1), ("box", 1, 1), ("exact", 1, 1)])
@pytest.mark.slow
def test_no_side_is_ever_nothing(resize, rounding):
    augment = Augment(resize=resize, scale=(1 / 1024, 1 / 512), aspect=(1 / 64, 64), rounding=rounding)
    for size in ((1, 1), (1, 9000), (9000, 1), (375, 500)):
        rows = rows_of(augment, size, seeds=1)
        assert min(rows["scaled_height"].min(), rows["scaled_width"].min()) >= 1


@given(
    st.sampled_from([None, ("short", 40, 90), ("long", 40, 90), ("box", 60, 50), ("exact", 40, 70)]),
    FACTORS, FACTORS, st.sampled_from([0, 0.5, 1]), st.sampled_from([None, 70]), st.sampled_from(["half-up", "down"]),
    st.tuples(SIDES, SIDES),
)  # fmt: skip
@pytest.mark.slow
def test_no_drawn_size_lies_beyond_the_extremes(resize, scale, aspect, probability, longest, rounding, size):
    augment = Augment(
        resize=resize, scale=(*sorted(scale), probability), aspect=(*sorted(aspect), probability),
        longest=None if resize and resize[0] == "exact" else longest, rounding=rounding,
    )  # fmt: skip
    rows = rows_of(augment, size, count=100, seeds=1)
    least, most = extreme_sizes(augment, np.array([size]))
    for side, field in enumerate(("scaled_height", "scaled_width")):
        assert least[0, side] <= rows[field].min() <= rows[field].max() <= most[0, side]


def test_sides_beyond_32_bits_are_refused():
    for size, augment in (((2**21, 9), Augment(scale=(1, 1024))), ((1, 2**31 - 1), Augment(resize=("short", 512)))):
        with pytest.raises(OptionError) as caught:
            Plan(np.array([size]), 1, Draw((1, 1), augment=augment))
        assert caught.value.where == "augment"
        assert caught.value.expected == "scaled sides of at most 2147483647 px"


# Windows --------------------------------------------------------------------------------------------------------------


@given(SIDES, SIDES, st.sampled_from(["random", "center", "bottom-right"]), st.sampled_from([0.0, 0.5, 1.0]))
@pytest.mark.slow
def test_a_window_lies_inside_the_scaled_photo_or_contains_it(height, width, pad_side, flip):
    augment = Augment(flip=flip, resize=("short", 100, 500), pad_side=pad_side, longest=900)
    rows = rows_of(augment, (height, width), count=50, seeds=1)
    for start, length, size in (("top", "height", "scaled_height"), ("left", "width", "scaled_width")):
        slack = rows[size] - rows[length]
        assert (np.minimum(slack, 0) <= rows[start]).all()
        assert (rows[start] <= np.maximum(slack, 0)).all()


@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize(("pad_side", "before"), [("bottom-right", (0, 0)), ("center", (27, 15))])
def test_padding_lies_where_it_is_seen(pad_side, before, flip):
    """A photo of 45 x 49 px in a crop of 100 x 80: 55 lines and 31 columns of padding, an odd one below or right."""
    rows = rows_of(Augment(flip=flip, pad_side=pad_side), (45, 49), crop=(100, 80), seeds=1)
    seen_left = np.where(rows["flip"], rows["left"] + rows["width"] - rows["scaled_width"], -rows["left"])
    assert set(zip((-rows["top"]).tolist(), seen_left.tolist(), strict=True)) == {before}


def test_padding_at_random_sides_lies_everywhere():
    rows = rows_of(Augment(scale=(0.5, 0.5)), (40, 60), crop=(24, 36), seeds=10)
    assert_even(Counter(zip(rows["top"].tolist(), rows["left"].tolist(), strict=True)).values())
    assert sorted(set(rows["top"].tolist())) == [-4, -3, -2, -1, 0]


def test_the_padding_s_side_changes_no_window_inside_a_photo():
    plain, padded = (rows_of(Augment(scale=(1, 2), pad_side=side), seeds=1) for side in ("random", "bottom-right"))
    assert plain.tobytes() == padded.tobytes()


def test_a_small_photo_is_judged_by_its_least_scaled_size():
    sizes = np.array([(100, 100), (200, 200), (400, 400)])
    for augment, padded in ((None, 1), (Augment(scale=(0.5, 2)), 2), (Augment(resize=("short", 300)), 0)):
        assert Plan(sizes, 1, Draw((150, 150), augment=augment)).small == padded
        assert len(Plan(sizes, 1, Draw((150, 150), "drop", augment=augment))) == 3 - padded
    with pytest.raises(OptionError) as caught:
        Plan(sizes[1:], 1, Draw((150, 150), "error", augment=Augment(scale=(0.5, 2))))
    assert caught.value.found.endswith("the first is sample 0 with 200 x 200, scaled to 100 x 100")


def test_the_filter_is_named_for_scaled_photos_only():
    for antialias in (True, False):
        rows = rows_of(Augment(scale=(0.5, 2, 0.5), antialias=antialias), seeds=1)
        scaled = (rows["scaled_height"] != 375) | (rows["scaled_width"] != 500)
        assert np.array_equal(rows["antialias"], antialias & scaled)


# Speed ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_64_rows_of_every_field_take_about_a_millisecond():
    """The bound is three times that: a shared machine may be busy."""
    sizes = np.random.default_rng(0).integers(300, 700, (20_000, 2))
    plan, taken = Plan(sizes, 64, Draw((512, 512), augment=WHOLE)), []
    for epoch in range(7):
        start = time.process_time()
        for step in range(80):
            plan.rows(epoch, step)
        taken.append((time.process_time() - start) / 80)
    assert statistics.median(taken) < 3e-3


def test_units_are_what_the_fields_say():
    augment = Augment(brightness=(0.5, 0.5), contrast=(1.25, 1.25), saturation=(0, 0), hue=(90, 90), gamma=(2, 2),
                      gray=(0.5, 0.5), rotate=(-45, -45))  # fmt: skip
    row = rows_of(augment, seeds=1)[0]
    found = {name: row[name].item() / UNIT for name in ("brightness", "contrast", "saturation", "hue", "gamma", "gray")}
    assert found == {"brightness": 0.5, "contrast": 0.25, "saturation": -1, "hue": 0.25, "gamma": 1, "gray": 0.5}
    assert row["angle"] == -(2**16) // 8
    assert exp2(row["gamma"] / UNIT) == 2
