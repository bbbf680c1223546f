"""Kernels: one pass from stored pairs into a batch equals, bit for bit, a plain rendering in several."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plain_rows import plain_rows
from segfeed.batches.batch_format import IMAGENET, BatchFormat, Normalization
from segfeed.batches.kernels.filling import fill, fill_plain, load_compiled, make_conversion
from segfeed.errors import OptionError
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.plans.rows import cut

LAYOUTS, DTYPES, LABEL_DTYPES = ("NHWC", "NCHW"), ("float32", "float16", "uint8"), ("int32", "int64", "uint8")
NORMALIZATIONS = (IMAGENET, None, ((0.0, 0.5, 1.0), (1.0, 0.3, 0.025)))
CLASSES = 21
VOIDS = {"int32": 255, "int64": -100, "uint8": 77}
# top, left, height, width of windows on an image of 9 x 11: inside, all of it, the last pixel, over each border, around
# the image, beside it, and far away.
WINDOWS = (
    (0, 0, 4, 5), (2, 3, 5, 6), (0, 0, 9, 11), (8, 10, 1, 1), (-2, 3, 5, 4), (6, 3, 5, 4), (2, -3, 4, 6), (2, 8, 4, 6),
    (-1, -1, 4, 4), (7, 9, 4, 4), (-3, -2, 15, 16), (0, -4, 9, 19), (9, 0, 3, 3), (-3, 0, 3, 3), (0, 11, 3, 3),
    (0, -3, 3, 3), (400, 0, 3, 3), (0, -400, 3, 3),
)  # fmt: skip


@pytest.fixture(params=["plain", "compiled"], name="filler")
def _filler(request):
    """Return each of the two paths in turn: (conversion, stored, rows, images, labels) -> None."""
    if request.param == "plain":
        return fill_plain
    pytest.importorskip("numba")

    def compiled(conversion, *rest):
        assert load_compiled(conversion)
        fill(conversion, *rest)

    return compiled


def random_pair(dtype=np.uint8, classes=CLASSES, size=(9, 11), seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, size).astype(dtype)
    labels[random.random(size) < 0.2] = np.iinfo(dtype).max
    image = random.integers(0, 256, (*size, 3), np.uint8)
    image.flat[: min(256, image.size)] = np.arange(min(256, image.size))
    return Pair(image, labels)


def render(wanted, pair, row):
    """Render a row plainly: cut, translate void, then float32(x) * scale + bias, then the layout."""
    mean, std = np.array(wanted.normalize or ((0, 0, 0), (1, 1, 1)), np.float64)
    stored_void = np.iinfo(pair.labels.dtype).max
    crop = cut(pair, row, padding=tuple(np.round(255 * mean).astype(int).tolist()), void=stored_void)
    image, labels = crop.image, crop.labels.astype(np.int64)
    labels[crop.labels == stored_void] = wanted.void
    if wanted.dtype != "uint8":
        scale, bias = (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)
        scaled = image.astype(np.float32) * scale
        image = (scaled + bias).astype(wanted.dtype)
    if wanted.layout == "NCHW":
        image = image.transpose(2, 0, 1)
    return image, labels.astype(wanted.label_dtype)


def store(pairs):
    """Lay pairs one after the other, as a pack does."""
    images, labels = [pair.image.ravel() for pair in pairs], [pair.labels.ravel() for pair in pairs]
    starts = [np.cumsum([0, *(part.size for part in parts)])[:-1].astype(np.int64) for parts in (images, labels)]
    sizes = np.array([pair.labels.shape for pair in pairs], np.int32)
    return StoredPairs(np.concatenate(images), starts[0], np.concatenate(labels), starts[1], sizes)


def fill_fresh(filler, wanted, pairs, rows, *, classes=CLASSES, stored_void=255):
    """Fill a batch that held other bytes before."""
    rows = rows if isinstance(rows, np.ndarray) else plain_rows(rows)
    height, width = int(rows["height"][0]), int(rows["width"][0])
    conversion = make_conversion(wanted, width, classes, stored_void)
    images = np.full((len(rows), *conversion.image_shape(height, width)), 99, conversion.dtype)
    labels = np.full((len(rows), height, width), 99, conversion.label_dtype)
    filler(conversion, store(pairs), rows, images, labels)
    return images, labels


def assert_same_bits(expected, found):
    for one, other in zip(expected, found, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()


def assert_equals_the_rendering(filler, wanted, pair, row, **options):
    images, labels = fill_fresh(filler, wanted, [pair], [row], **options)
    assert_same_bits(render(wanted, pair, plain_rows([row])[0]), (images[0], labels[0]))


@pytest.mark.parametrize("normalize", NORMALIZATIONS, ids=["imagenet", "none", "odd"])
@pytest.mark.parametrize("label_dtype", LABEL_DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.slow
def test_a_filled_row_equals_the_plain_rendering_bit_for_bit(filler, layout, dtype, label_dtype, normalize):
    wanted, pair = BatchFormat(layout, dtype, label_dtype, normalize, VOIDS[label_dtype]), random_pair()
    for window, flip in itertools.product(WINDOWS, (False, True)):
        assert_equals_the_rendering(filler, wanted, pair, (0, *window, flip))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.slow
def test_any_window_of_any_image_equals_the_plain_rendering_bit_for_bit(filler, layout, dtype):
    wanted = BatchFormat(layout, dtype, "int32", void=255)
    sides, starts = st.integers(1, 20), st.integers(-25, 25)

    @settings(max_examples=40)
    @given(sides, sides, starts, starts, sides, sides, st.booleans())
    def check(image_height, image_width, top, left, height, width, flip):
        pair = random_pair(size=(image_height, image_width))
        assert_equals_the_rendering(filler, wanted, pair, (0, top, left, height, width, flip))

    check()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_batch_of_many_pairs_and_rows_of_padding_equals_its_rows(filler, layout, dtype):
    wanted = BatchFormat(layout, dtype, "int64", void=-100)
    pairs = [random_pair(size=size, seed=n) for n, size in enumerate([(9, 11), (3, 4), (20, 5), (1, 1), (7, 30)])]
    rows = [(n, 3 * n - 4, 2 * n - 5, 6, 7, n % 2 == 0) for n in range(5)]
    rows[2] = (-1, 0, 0, 6, 7, False)
    images, labels = fill_fresh(filler, wanted, pairs, rows)
    for n, row in enumerate(plain_rows(rows)):
        assert_same_bits(render(wanted, pairs[n], row), (images[n], labels[n]))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_strided_pairs_are_stored_as_their_copies(filler, layout, flip):
    wanted, pair = BatchFormat(layout, "float32", "int32", void=255), random_pair()
    view = Pair(pair.image[::-2, 1::2], pair.labels[::-2, 1::2])
    conversion = make_conversion(wanted, 4, CLASSES, 255)
    rows = plain_rows([(0, -1, 2, 5, 4, flip)])
    images, labels = np.zeros((1, *conversion.image_shape(5, 4)), np.float32), np.zeros((1, 5, 4), np.int32)
    filler(conversion, StoredPairs.of(view), rows, images, labels)
    assert_same_bits(render(wanted, view, rows[0]), (images[0], labels[0]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.slow
def test_nothing_beside_the_rows_is_written(filler, layout):
    conversion = make_conversion(BatchFormat(layout, "float32", "int32", void=255), 5, CLASSES, 255)
    images, labels = np.full((3, *conversion.image_shape(4, 5)), 99, np.float32), np.full((3, 4, 5), 99, np.int32)
    filler(conversion, StoredPairs.of(random_pair()), plain_rows([(0, -1, -1, 4, 5, True)]), images[1:2], labels[1:2])
    assert set(images[[0, 2]].ravel().tolist()) == {99.0}
    assert set(labels[[0, 2]].ravel().tolist()) == {99}
    assert 99 not in labels[1]


def test_pairs_are_only_read(filler):
    pair = random_pair()
    pair.image.flags.writeable = pair.labels.flags.writeable = False
    wanted = BatchFormat("NHWC", "float32", "int32", void=255)
    assert_equals_the_rendering(filler, wanted, pair, (0, 0, 0, 9, 11, False))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("dtype", "normalize", "padding"),
    [
        ("uint8", IMAGENET, (124, 116, 104)),
        ("uint8", None, (0, 0, 0)),
        ("float32", None, (0, 0, 0)),
        ("uint8", ((0.0, 0.5, 1.0), (1, 1, 1)), (0, 128, 255)),
    ],
)
def test_outside_the_image_is_the_rounded_mean_and_void(filler, layout, dtype, normalize, padding):
    wanted = BatchFormat(layout, dtype, "int32", normalize, -1)
    rows = [(0, 50, 0, 2, 3, False), (-1, 0, 0, 2, 3, False)]
    images, labels = fill_fresh(filler, wanted, [random_pair()] * 2, rows)
    pixels = images.transpose(0, 2, 3, 1) if layout == "NCHW" else images
    assert {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()} == {padding}
    assert set(labels.ravel().tolist()) == {-1}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_normalised_padding_is_that_of_a_pixel_of_the_rounded_mean(filler, dtype):
    wanted = BatchFormat("NHWC", dtype, "int32", void=255)
    mean = Pair(np.full((1, 1, 3), (124, 116, 104), np.uint8), np.zeros((1, 1), np.uint8))
    images, _ = fill_fresh(filler, wanted, [mean] * 2, [(-1, 0, 0, 1, 1, False), (0, 0, 0, 1, 1, False)])
    assert images[0].tobytes() == images[1].tobytes()
    assert np.abs(images).max() < 0.01


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.slow
def test_every_pixel_value_is_within_a_millionth_of_the_book(filler, layout):
    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    wanted, pair = BatchFormat(layout, "float32", "int32", void=255), Pair(levels, np.zeros((1, 256), np.uint8))
    images, _ = fill_fresh(filler, wanted, [pair], [(0, 0, 0, 1, 256, False)])
    mean, std = (np.array(part) for part in IMAGENET)
    pixels = images[0].transpose(1, 2, 0) if layout == "NCHW" else images[0]
    assert np.abs(pixels - (levels / 255 - mean) / std).max() < 1e-6


@pytest.mark.parametrize(
    ("label_dtype", "void"), [("int32", 255), ("int64", -100), ("uint8", 255), ("uint8", 21), ("int32", 2**31 - 1)]
)
def test_every_class_keeps_its_id_and_void_is_translated(filler, label_dtype, void):
    pair = Pair(np.zeros((1, CLASSES + 1, 3), np.uint8), np.array([[*range(CLASSES), 255]], np.uint8))
    wanted = BatchFormat("NHWC", "uint8", label_dtype, void=void)
    for flip in (False, True):
        _, labels = fill_fresh(filler, wanted, [pair], [(0, 0, 0, 1, CLASSES + 1, flip)])
        assert [*range(CLASSES), void] == labels[0, 0, :: -1 if flip else 1].tolist()


@pytest.mark.parametrize("label_dtype", ["int32", "int64"])
def test_labels_of_16_bits_are_translated(filler, label_dtype):
    wanted, pair = BatchFormat("NCHW", "uint8", label_dtype, void=-100), random_pair(np.uint16, 1000)
    for window, flip in itertools.product(WINDOWS, (False, True)):
        assert_equals_the_rendering(filler, wanted, pair, (0, *window, flip), classes=1000, stored_void=65535)


def test_object_ids_may_take_any_value_below_void(filler):
    pair = Pair(np.zeros((1, 256, 3), np.uint8), np.arange(256, dtype=np.uint8)[None])
    wanted = BatchFormat("NHWC", "uint8", "int32", void=-1)
    _, labels = fill_fresh(filler, wanted, [pair], [(0, 0, 0, 1, 256, False)], classes=0)
    assert [*range(255), -1] == labels[0, 0].tolist()


def test_a_stored_pair_is_viewed_as_it_was():
    pairs = [random_pair(size=size, seed=n) for n, size in enumerate([(9, 11), (3, 4)])]
    stored = store(pairs)
    for n, pair in enumerate(pairs):
        assert np.array_equal(pair.image, stored.pair(n).image)
        assert np.array_equal(pair.labels, stored.pair(n).labels)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("std", [3e6, 3e5, 3e4, 255.0, 1 / 255, 3e-3, 6.1e-5, 1.5e-5])
@pytest.mark.slow
def test_float16_is_rounded_as_numpy_does_from_the_smallest_number_to_infinity(filler, layout, std):
    wanted = BatchFormat(layout, "float16", "uint8", void=255)
    # Most of these are refused as normalisations; here they only lead to every size of number.
    object.__setattr__(wanted, "normalize", Normalization((0.5, 0.25, 0.0), (std, std * 1.01, std * 0.99)))
    pair = Pair(np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3), np.zeros((1, 256), np.uint8))
    assert_equals_the_rendering(filler, wanted, pair, (0, 0, 0, 1, 256, False))


@pytest.mark.parametrize(
    ("wanted", "classes", "stored_void", "where", "found"),
    [
        (BatchFormat("NHWC", "uint8", "int32", void=20), 21, 255, "void", "20, which is also the id of a class"),
        (BatchFormat("NHWC", "uint8", "int32", void=0), 21, 255, "void", "0, which is also the id of a class"),
        (BatchFormat("NHWC", "uint8", "int32", void=254), 0, 255, "void", "254, which is also the id of a class"),
        (BatchFormat("NHWC", "uint8", "uint8", void=255), 300, 65535, "label_dtype", "labels 0..299 and void 255"),
        (BatchFormat("NHWC", "uint8", None, void=255), 21, 255, "format", "leaves a choice open"),
        (BatchFormat(None, "uint8", "int32", void=255), 21, 255, "format", "leaves a choice open"),
        (BatchFormat("NHWC", "uint8", "int32"), 21, 255, "format", "leaves a choice open"),
    ],
)
def test_a_format_that_cannot_hold_the_labels_is_refused(wanted, classes, stored_void, where, found):
    with pytest.raises(OptionError) as caught:
        make_conversion(wanted, 8, classes, stored_void)
    assert caught.value.where == where
    assert found in caught.value.found


def test_the_values_that_void_may_take_are_named():
    with pytest.raises(OptionError) as caught:
        make_conversion(BatchFormat("NHWC", "uint8", "int32", void=20), 8, 21, 255)
    assert caught.value.expected == "a value outside 0..20"


def test_a_void_outside_the_label_dtype_that_a_consumer_brings_is_refused():
    with pytest.raises(OptionError) as caught:
        BatchFormat(label_dtype="uint8").resolve("NCHW", "int64", -100)
    assert (caught.value.where, caught.value.found) == ("void", "-100")
    assert "0..255" in caught.value.expected


@pytest.mark.parametrize(("dtype", "classes"), [(np.uint8, CLASSES), (np.uint16, 700)])
@pytest.mark.parametrize("label_dtype", ["int32", "int64", "uint8"])
def test_labels_that_pair_left_and_right_change_places_in_mirrored_rows_alone(filler, dtype, classes, label_dtype):
    if label_dtype == "uint8" and classes > 255:
        pytest.skip("labels above 255")
    swap, void = ((0, 3), (5, classes - 1)), VOIDS[label_dtype] if classes == CLASSES else -100
    wanted = BatchFormat("NCHW", label_dtype=label_dtype, void=void)
    pair = random_pair(dtype, classes, (20, 70))
    windows = (0, 0, 20, 70), (-2, 30, 20, 70)
    rows = plain_rows([(0, *window, flip) for window in windows for flip in (False, True)])
    stored = store([pair] * len(rows))
    filled = []
    for pairs in ((), swap):
        conversion = make_conversion(wanted, 70, classes, int(np.iinfo(dtype).max), pairs)
        labels = np.empty((len(rows), 20, 70), label_dtype)
        filler(conversion, stored, rows, np.empty((len(rows), 3, 20, 70), np.float32), labels)
        filled.append(labels)
    kept, swapped = filled
    other = kept.copy()
    for low, high in swap:
        other[kept == low], other[kept == high] = high, low
    for row, flip in enumerate(rows["flip"]):
        np.testing.assert_array_equal(swapped[row], other[row] if flip else kept[row])
    assert (other != kept).any()


def test_a_label_that_is_not_a_class_cannot_be_swapped():
    with pytest.raises(OptionError) as caught:
        make_conversion(BatchFormat().resolve("NHWC", "int32", 255), 4, 5, 255, ((1, 5),))
    assert (caught.value.where, caught.value.found) == ("swap", "label 5")
