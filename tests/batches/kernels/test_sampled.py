"""Rows that are scaled, turned and coloured: compiled kernels write what plain NumPy writes, in every format."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels import filling
from segfeed.batches.kernels.filling import fill, fill_plain, load_compiled, make_conversion
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.plans.augment import Augment, Stages
from segfeed.plans.rows import ROW, cut, make_row

pytest.importorskip("numba")

# Layout, image dtype, label dtype, stored void, labels that change places in mirrored rows.
KINDS = (
    ("NHWC", "float32", "int32", 255, ()), ("NCHW", "float32", "int64", 65535, ((1, 3),)),
    ("NHWC", "uint8", "uint8", 255, ((1, 3),)), ("NCHW", "uint8", "int32", 65535, ()),
    ("NHWC", "float16", "int64", 65535, ()), ("NCHW", "float16", "uint8", 255, ()),
)  # fmt: skip
ALL = Augment(scale=(0.5, 2), rotate=(-9, 9), hue=(-9, 9))
COLOURS = ("brightness", "contrast", "saturation", "hue", "gamma")
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind[:4])))


def random_rows(random, count, size, crop):
    """Draw rows of all sorts of one photo: each of scale, turn and each colour in some of them only."""
    rows = np.zeros(count, ROW)
    rows["height"], rows["width"] = crop
    for field, side in zip(("scaled_height", "scaled_width"), size, strict=True):
        factors = 2 ** random.uniform(-2.3, 2.3, count)
        rows[field] = np.where(random.random(count) < 0.8, np.maximum(1, np.round(side * factors)), side)
    for field, scaled, side in (("top", "scaled_height", crop[0]), ("left", "scaled_width", crop[1])):
        rows[field] = random.integers(-side, rows[scaled] + 1)  # from just beside the photo to just beside it
    rows["flip"], rows["antialias"] = random.random((2, count)) < 0.5
    rows["angle"] = np.where(random.random(count) < 0.4, random.integers(-70000, 70000, count), 0)
    for field in COLOURS:
        rows[field] = np.where(random.random(count) < 0.3, random.integers(-65536, 65537, count), 0)
    rows["gray"] = np.where(random.random(count) < 0.2, random.integers(0, 65537, count), 0)
    rows["colour_order"] = random.integers(0, 2, count)
    rows["sample"] = np.where(random.random(count) < 0.05, -1, 0)
    return rows


def fill_both(kind, pair, rows, augment=ALL):
    """Fill by both paths: (images, labels) of compiled code, and of NumPy."""
    layout, dtype, label_dtype, void, swap = kind
    height, width = int(rows["height"][0]), int(rows["width"][0])
    conversion = make_conversion(BatchFormat(layout, dtype, label_dtype, void=255), width, 21, void, swap, augment)
    assert load_compiled(conversion)
    one, count = StoredPairs.of(pair), len(rows)
    stored = StoredPairs(
        one.images,
        one.image_starts.repeat(count),
        one.labels,
        one.label_starts.repeat(count),
        one.sizes.repeat(count, 0),
    )
    filled = []
    for way, byte in ((fill, 1), (fill_plain, 2)):
        images = np.full((count, *conversion.image_shape(height, width)), byte, conversion.dtype)
        labels = np.full((count, height, width), byte, conversion.label_dtype)
        way(conversion, stored, rows, images, labels)
        filled.append((images, labels))
    return filled


def random_pair(random, size, void):
    labels = random.integers(0, 21, size).astype(np.uint8 if void == 255 else np.uint16)
    labels[random.random(size) < 0.1] = void
    return Pair(random.integers(0, 256, (*size, 3), np.uint8), labels)


def assert_same(filled, rows):
    for one, other in zip(*filled, strict=True):
        for row, compiled, plain in zip(rows, one, other, strict=True):
            assert compiled.tobytes() == plain.tobytes(), dict(zip(ROW.names, row.item(), strict=True))


@each_kind
@pytest.mark.slow
def test_any_row_of_any_photo_has_the_bits_of_plain_numpy(kind):
    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, 2**32), st.integers(1, 70), st.integers(1, 70), st.integers(1, 50), st.integers(1, 70))
    def check(seed, height, width, lines, columns):
        random = np.random.default_rng(seed)
        rows = random_rows(random, 16, (height, width), (lines, columns))
        assert_same(fill_both(kind, random_pair(random, (height, width), kind[3]), rows), rows)

    check()


@each_kind
@pytest.mark.slow
def test_photos_of_one_line_or_pixel_and_long_ones_have_the_bits_of_plain_numpy(kind):
    random = np.random.default_rng(0)
    for size in ((1, 1), (1, 9), (9, 1), (2, 2), (3, 700), (700, 2)):
        rows = random_rows(random, 12, size, (7, 33))
        assert_same(fill_both(kind, random_pair(random, size, kind[3]), rows), rows)


def test_a_batch_is_made_of_the_pixels_that_cut_takes():
    random, crop = np.random.default_rng(1), (20, 30)
    pair = random_pair(random, (31, 47), 255)
    rows = random_rows(random, 30, (31, 47), crop)
    rows["flip"] = False
    images, labels = fill_both(("NHWC", "uint8", "uint8", 255, ()), pair, rows)[0]
    for row, image, known in zip(rows, images, labels, strict=True):
        expected = cut(pair, row, padding=(124, 116, 104))
        assert np.array_equal(expected.image, image)
        assert np.array_equal(expected.labels, known)


def test_what_lies_outside_keeps_its_colour():
    rows = np.array([make_row(top=-50, height=9, width=9, brightness=9000, angle=angle) for angle in (0, 500)], ROW)
    pair = random_pair(np.random.default_rng(2), (20, 20), 255)
    for images, labels in fill_both(("NHWC", "uint8", "uint8", 255, ()), pair, rows):
        assert {tuple(pixel) for pixel in images.reshape(-1, 3).tolist()} == {(124, 116, 104)}
        assert set(labels.ravel().tolist()) == {255}


def test_a_scale_that_is_the_photos_own_is_the_exact_copy():
    pair = random_pair(np.random.default_rng(3), (20, 30), 255)
    for tall, wide, turns in itertools.product((0, 20), (0, 30), (0, 1, -2)):
        fields = {"scaled_height": tall, "scaled_width": wide, "angle": turns * 65536, "antialias": True}
        rows = np.array([make_row(top=3, left=2, height=8, width=9, **fields)], ROW)
        for images, labels in fill_both(("NHWC", "uint8", "uint8", 255, ()), pair, rows):
            assert np.array_equal(images[0], pair.image[3:11, 2:11])
            assert np.array_equal(labels[0], pair.labels[3:11, 2:11])


@pytest.mark.parametrize("fields", [{"scaled_height": 31, "scaled_width": 70}, {"angle": 16384}, {"angle": -32768}])
def test_labels_that_pair_left_and_right_change_places_in_mirrored_rows_that_are_scaled_or_turned(fields):
    pair = Pair(np.zeros((20, 30, 3), np.uint8), np.full((20, 30), 1, np.uint8))
    rows = np.array([make_row(height=9, width=9, flip=flip, **fields) for flip in (False, True)], ROW)
    for _, labels in fill_both(("NHWC", "uint8", "uint8", 255, ((1, 3),)), pair, rows):
        assert set(labels[0].ravel().tolist()) - {255} == {1}
        assert set(labels[1].ravel().tolist()) - {255} == {3}


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 4000), (4000, 2), (300, 1500), (2000, 130)])
def test_large_photos_are_plain_numpys_and_within_a_level_of_pillow(size):
    random = np.random.default_rng(5)
    pair, void = random_pair(random, size, 255), ("NHWC", "uint8", "uint8", 255, ())
    for factor in (0.25, 0.4, 1.7, 4):
        tall, wide = (max(1, round(side * factor)) for side in size)
        rows = np.zeros(6, ROW)
        rows["scaled_height"], rows["scaled_width"], rows["height"], rows["width"] = tall, wide, 40, 60
        rows["top"], rows["left"] = random.integers(-30, tall, 6), random.integers(-50, wide, 6)
        rows["flip"], rows["antialias"] = random.random(6) < 0.5, True
        filled = fill_both(void, pair, rows)
        assert_same(filled, rows)
        theirs = np.asarray(Image.fromarray(pair.image).resize((wide, tall), Image.Resampling.BILINEAR))
        canvas = np.full((tall + 200, wide + 200, 3), (124, 116, 104), int)
        canvas[100 : 100 + tall, 100 : 100 + wide] = theirs
        for row, image in zip(rows, filled[0][0], strict=True):
            top, left = 100 + int(row["top"]), 100 + int(row["left"])
            expected = canvas[top : top + 40, left : left + 60]
            assert np.abs(image.astype(int) - (expected[:, ::-1] if row["flip"] else expected)).max() <= 1


KINDS_OF_PLANS = {
    "plain": None,
    "scale": Augment(scale=(0.5, 2)),
    "turn": Augment(rotate=(-9, 9)),
    "colour": Augment(gray=(1, 1)),
    "scale and colour": Augment(resize=("short", 9), gamma=(0.5, 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("plan", KINDS_OF_PLANS)
def test_a_kernel_made_for_less_leaves_nothing_out(plan):
    """A kernel fills what it was made for, and plain NumPy the rows that need more."""
    augment, random = KINDS_OF_PLANS[plan], np.random.default_rng(8)
    pair = random_pair(random, (23, 31), 255)
    stages = Stages() if augment is None else augment.stages
    rows = random_rows(random, 60, (23, 31), (14, 19))
    assert_same(fill_both(KINDS[0], pair, rows, augment), rows)
    if not stages.scales:
        rows["scaled_height"], rows["scaled_width"] = 23, 31
    if not stages.turns:
        rows["angle"] = 0
    if not stages.colours:
        for field in (*COLOURS, "gray"):
            rows[field] = 0
    assert_same(fill_both(KINDS[0], pair, rows, augment), rows)


@pytest.mark.parametrize(
    ("fields", "need_more"),
    [
        ({}, False),
        ({"scaled_height": 4, "scaled_width": 6}, False),
        ({"scaled_height": 5, "scaled_width": 6}, True),
        ({"scaled_height": 4, "scaled_width": 5}, True),
        ({"scaled_height": 5, "scaled_width": 5, "sample": -1}, False),
        ({"angle": 1}, True),
        ({"angle": 1 << 16}, False),
        *(({name: -1}, True) for name in (*COLOURS, "gray")),
        ({"colour_order": 1, "antialias": True, "flip": True, "key": 1, "top": 1, "left": 1}, False),
    ],
)
def test_a_kernel_that_only_copies_leaves_rows_that_need_more_to_plain_numpy(fields, need_more, monkeypatch):
    pair, others = random_pair(np.random.default_rng(9), (4, 6), 255), []
    rows = np.array([make_row(height=3, width=5, **one) for one in ({}, fields, {})], ROW)
    fill_both(KINDS[0], pair, rows, None)  # makes the kernel ready, which needs plain NumPy too
    monkeypatch.setattr(filling, "fill_plain", lambda *args: [others.append(args), fill_plain(*args)])
    assert_same(fill_both(KINDS[0], pair, rows, None), rows)
    assert need_more == bool(others)
