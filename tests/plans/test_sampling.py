"""Sampling: labels by the rule in whole numbers, images as Pillow and OpenCV have them, both from one point."""

from fractions import Fraction
from math import cos, floor, pi, sin

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from segfeed.pixels.pair import Pair
from segfeed.plans.colour import round_level
from segfeed.plans.rows import cut, make_row
from segfeed.plans.sampling import corners, locate, reach, sample, sine_cosine, span, weigh

SIDES = st.integers(1, 40)
FACTORS = st.floats(-2, 2)


def random_pair(height, width, seed=0):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (height, width, 3), np.uint8)
    return Pair(image, random.integers(0, 255, (height, width), np.uint8))


def whole(height, width, **fields):
    """Make a row that takes all of a photo, scaled to this size."""
    return make_row(scaled_height=height, scaled_width=width, height=height, width=width, **fields)


def scaled(pair, height, width, **fields):
    pixels = sample(pair.image, pair.labels, whole(height, width, **fields)).pixels
    return round_level(pixels.astype(np.float32)).astype(int)


def sizes(random, longest):
    """Draw a size and what it is scaled to, by 0.25 to 4 an axis."""
    size = random.integers(1, longest, 2)
    return tuple(size.tolist()), tuple(
        np.maximum(1, np.round(size * 2 ** random.uniform(-2, 2, 2))).astype(int).tolist()
    )


# Labels ---------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 4000), FACTORS)
@example(1, 2.0)
@example(4000, -2.0)
@example(3, 1.0)
@pytest.mark.slow
def test_a_label_is_that_of_the_pixel_that_contains_the_centre(n, factor):
    m = max(1, round(n * 2**factor))
    expected = [floor(Fraction(2 * x + 1, 2) * n / m) for x in range(m)]
    assert expected == locate(n, m, 0, m, 1).tolist()
    assert expected[::-1] == locate(n, m, m - 1, m, -1).tolist()


def test_a_point_on_an_edge_belongs_to_the_pixel_to_the_right_or_below():
    labels = np.arange(4, dtype=np.uint8).reshape(2, 2)
    taken = sample(np.zeros((2, 2, 3), np.uint8), labels, whole(1, 1))
    assert taken.labels.tolist() == [[3]]


def nearest_exact(labels, height, width):
    torch = pytest.importorskip("torch")
    scaled = torch.nn.functional.interpolate(
        torch.from_numpy(labels)[None, None].float(), (height, width), mode="nearest-exact"
    )
    return scaled[0, 0].numpy()


@pytest.mark.slow
def test_other_tools_differ_at_points_on_an_edge_alone():
    random, differing, count = np.random.default_rng(0), 0, 0
    for trial in range(60):
        (height, width), (tall, wide) = sizes(random, 90)
        pair = random_pair(height, width, trial)
        ours = sample(pair.image, pair.labels, whole(tall, wide)).labels
        on_edge_y, on_edge_x = ((2 * np.arange(m) + 1) * n % (2 * m) == 0 for n, m in ((height, tall), (width, wide)))
        on_edge = on_edge_y[:, None] | on_edge_x
        pillow = np.asarray(Image.fromarray(pair.labels).resize((wide, tall), Image.Resampling.NEAREST))
        for theirs in (pillow, nearest_exact(pair.labels, tall, wide)):
            assert np.array_equal(ours[~on_edge], theirs[~on_edge])
            differing, count = differing + int((ours != theirs).sum()), count + ours.size
    assert differing < 0.01 * count


# Images ---------------------------------------------------------------------------------------------------------------


@given(SIDES, FACTORS, st.booleans())
@pytest.mark.slow
def test_weights_of_a_pixel_add_up_to_one_and_lie_around_its_point(n, factor, antialias):
    m = max(1, round(n * 2**factor))
    first, weights = weigh(n, m, 0, m, 1, antialias)
    assert first.min() >= 0
    assert (first + weights.shape[1]).max() <= n
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    backwards, same = weigh(n, m, m - 1, m, -1, antialias)
    assert np.array_equal(first[::-1], backwards)
    assert np.array_equal(weights[::-1], same)


@pytest.mark.parametrize("longest", [12, 90, 400])
@pytest.mark.slow
def test_averaged_images_are_within_a_level_of_pillow(longest):
    random = np.random.default_rng(longest)
    for trial in range(30):
        size, (tall, wide) = sizes(random, longest)
        pair = random_pair(*size, trial)
        theirs = Image.fromarray(pair.image).resize((wide, tall), Image.Resampling.BILINEAR)
        assert np.abs(scaled(pair, tall, wide, antialias=True) - np.asarray(theirs, int)).max() <= 1


@pytest.mark.parametrize(("size", "factor"), [((4000, 3), 0.25), ((2, 4000), 4), ((1, 1), 4), ((4000, 1), 0.3)])
def test_long_and_single_lines_are_within_a_level_of_pillow(size, factor):
    pair = random_pair(*size)
    tall, wide = (max(1, round(side * factor)) for side in size)
    theirs = Image.fromarray(pair.image).resize((wide, tall), Image.Resampling.BILINEAR)
    assert np.abs(scaled(pair, tall, wide, antialias=True) - np.asarray(theirs, int)).max() <= 1


def test_plain_images_are_within_a_level_of_opencv():
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(1)
    for trial in range(60):
        size, (tall, wide) = sizes(random, 90)
        pair = random_pair(*size, trial)
        theirs = cv2.resize(pair.image, (wide, tall), interpolation=cv2.INTER_LINEAR)
        assert np.abs(scaled(pair, tall, wide) - theirs.astype(int)).max() <= 1


@pytest.mark.parametrize(("size", "factor"), [((4000, 3), 0.25), ((2, 4000), 3.7), ((3, 4000), 0.31), ((1, 1), 4)])
def test_long_lines_are_within_a_level_of_opencv(size, factor):
    cv2 = pytest.importorskip("cv2")
    pair = random_pair(*size)
    tall, wide = (max(1, round(side * factor)) for side in size)
    theirs = cv2.resize(pair.image, (wide, tall), interpolation=cv2.INTER_LINEAR)
    assert np.abs(scaled(pair, tall, wide) - theirs.astype(int)).max() <= 1


@pytest.mark.parametrize("antialias", [False, True])
def test_windows_beyond_the_border_show_what_other_tools_make_of_the_whole_photo(antialias):
    cv2 = None if antialias else pytest.importorskip("cv2")
    random = np.random.default_rng(3)
    for trial in range(40):
        size, (tall, wide) = sizes(random, 120)
        pair = random_pair(*size, trial)
        if antialias:
            theirs = np.asarray(Image.fromarray(pair.image).resize((wide, tall), Image.Resampling.BILINEAR))
        else:
            theirs = cv2.resize(pair.image, (wide, tall), interpolation=cv2.INTER_LINEAR)
        top, left = (int(random.integers(-50, side + 20)) for side in (tall, wide))
        canvas = np.full((tall + 240, wide + 240, 3), 7, int)  # padded by hand, as those tools want it
        canvas[120 : 120 + tall, 120 : 120 + wide] = theirs
        expected = canvas[120 + top : 160 + top, 120 + left : 170 + left]
        fields = {"scaled_height": tall, "scaled_width": wide, "antialias": antialias}
        crop = cut(pair, make_row(**fields, top=top, left=left, height=40, width=50), padding=(7, 7, 7))
        assert np.abs(crop.image.astype(int) - expected).max() <= 1


def test_opencvs_exact_nearest_agrees_but_for_ties_and_its_usual_one_does_not():
    cv2 = pytest.importorskip("cv2")
    random, shifted, count = np.random.default_rng(4), 0, 0
    for trial in range(60):
        (height, width), (tall, wide) = sizes(random, 90)
        pair = random_pair(height, width, trial)
        ours = sample(pair.image, pair.labels, whole(tall, wide)).labels
        theirs, exact = (
            cv2.resize(pair.labels, (wide, tall), interpolation=how)
            for how in (cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT)
        )
        on_edge_y, on_edge_x = ((2 * np.arange(m) + 1) * n % (2 * m) == 0 for n, m in ((height, tall), (width, wide)))
        off_edge = ~(on_edge_y[:, None] | on_edge_x)
        assert np.array_equal(ours[off_edge], exact[off_edge])
        shifted, count = shifted + int((ours != theirs).sum()), count + ours.size
    assert shifted > 0.3 * count  # of random labels; of real ones, which lie in areas, about 1 %


@given(SIDES, SIDES, FACTORS, st.integers(-60, 60), st.integers(-60, 60), st.booleans(), st.booleans())
@pytest.mark.slow
def test_a_window_is_cut_out_of_the_whole_scaled_photo(height, width, factor, top, left, flip, antialias):
    pair = random_pair(height, width)
    tall, wide = (max(1, round(side * 2**factor)) for side in (height, width))
    fields = {"scaled_height": tall, "scaled_width": wide, "antialias": antialias}
    image, labels = cut(pair, make_row(**fields, height=tall, width=wide))
    window = {"top": top, "left": left, "height": 20, "width": 30, "flip": flip}
    crop = cut(pair, make_row(**fields, **window), padding=(1, 2, 3))
    expected = cut(Pair(image, labels), make_row(**window), padding=(1, 2, 3))
    assert np.array_equal(expected.image, crop.image)
    assert np.array_equal(expected.labels, crop.labels)


# Turns ----------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 60), st.floats(-2, 2), st.booleans(), st.integers(-65536, 65536))
@pytest.mark.slow
def test_corners_are_where_the_rule_puts_the_ends_of_a_window(lines, columns, factor, flip, angle):
    height, width = 40, 50
    size = {"scaled_height": max(1, round(40 * 2**factor)), "scaled_width": max(1, round(50 * 2**factor))}
    row = make_row(**size, top=-3, left=7, height=lines, width=columns, flip=flip, angle=angle)
    y, x = place_of(row, height, width)
    found = corners(row, height, width)
    # Half a pixel beyond the centres of the first and last pixel.
    steps = [np.array([0.5, 0.5]), np.array([0.5, columns - 0.5]), np.array([lines - 0.5, columns - 0.5])]
    ends = found[0] + [
        step[0] / lines * (found[3] - found[0]) + step[1] / columns * (found[1] - found[0]) for step in steps
    ]
    expected = [(y[place], x[place]) for place in ((0, 0), (0, -1), (-1, -1))]
    np.testing.assert_allclose(ends, expected, atol=0.001)


@given(st.integers(-(1 << 17), 1 << 17))
@pytest.mark.slow
def test_sines_and_cosines_are_those_of_the_book(angle):
    radians = 2 * pi * angle / 65536
    assert sine_cosine(angle) == pytest.approx((sin(radians), cos(radians)), abs=2**-50 + abs(radians) * 2**-52)


@pytest.mark.parametrize("quarters", range(-4, 5))
@pytest.mark.parametrize("antialias", [False, True])
def test_quarters_of_a_turn_are_exact(quarters, antialias):
    pair = random_pair(12, 12)
    image, labels = cut(pair, make_row(height=12, width=12, angle=quarters << 14, antialias=antialias))
    assert np.array_equal(np.rot90(pair.image, quarters), image)  # counter-clockwise
    assert np.array_equal(np.rot90(pair.labels, quarters), labels)


def test_a_mirrored_crop_is_the_mirrored_picture_of_the_turned_window():
    pair, window = random_pair(30, 40), {"height": 21, "width": 27, "top": -2, "left": 5, "angle": 3000}
    (image, labels), (mirrored, swapped) = (
        cut(pair, make_row(scaled_height=25, scaled_width=44, flip=flip, **window)) for flip in (False, True)
    )
    assert np.abs(mirrored[:, ::-1].astype(int) - image).max() <= 1
    assert (swapped[:, ::-1] != labels).mean() < 0.01  # points are whole numbers of 2^-24 px


@given(st.integers(-200, 200), st.integers(-20, 20), st.integers(1, 12), st.integers(0, 40))
@pytest.mark.slow
def test_a_line_crosses_a_photo_where_its_points_lie_on_it(point, step, size, count):
    point, step = point << 20, step << 20
    expected = [i for i in range(count) if 0 <= point + i * step < size << 24]
    first, end = reach(point, step, size, count)
    assert expected == list(range(first, end))


@given(st.integers(-50, 50), st.integers(0, 40), st.integers(0, 40))
@pytest.mark.slow
def test_a_span_holds_the_pixels_that_lie_on_a_photo(start, count, size):
    first, end = span(start, count, size)
    assert [i for i in range(count) if 0 <= start + i < size] == list(range(first, end))


# Image and labels -----------------------------------------------------------------------------------------------------


def place_of(row, height, width):
    """Return the y and x (px of the photo) that each pixel of a row's crop shows: the rule, in float64."""
    tall, wide = row["scaled_height"] or height, row["scaled_width"] or width
    rows, columns = int(row["height"]), int(row["width"])
    y, x = np.mgrid[:rows, :columns] + 0.5
    x = columns - x if row["flip"] else x
    angle = 2 * pi * row["angle"] / 65536
    v, u = y - rows / 2, x - columns / 2
    y = row["top"] + rows / 2 + sin(angle) * u + cos(angle) * v
    x = row["left"] + columns / 2 + cos(angle) * u - sin(angle) * v
    return y * height / tall, x * width / wide


@given(
    st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.integers(-8, 30), st.integers(-8, 30),
    st.booleans(), st.booleans(), st.one_of(st.just(0), st.integers(-65536, 65536)),
)  # fmt: skip
@pytest.mark.slow
def test_image_and_labels_show_the_same_point(factor, other, top, left, flip, antialias, angle):
    height, width = 40, 50
    tall, wide = round(height * 2**factor), round(width * 2**other)
    row = make_row(
        scaled_height=tall, scaled_width=wide, top=top, left=left, height=24, width=24,
        flip=flip, antialias=antialias, angle=angle,
    )  # fmt: skip
    expected = place_of(row, height, width)
    for axis, size in enumerate((height, width)):
        # Labels say the pixel. Images say where in it: a ramp of 4 levels a px, before it is rounded.
        ramp = np.arange(size).reshape((-1, 1) if axis == 0 else (1, -1)) + np.zeros((height, width), int)
        taken = sample(np.repeat((4 * ramp).astype(np.uint8)[..., None], 3, 2), ramp.astype(np.uint8), row)
        places = expected[axis][taken.inside]
        # At its edge the photo goes on as it ends: what is averaged there is not a ramp.
        margin = 0.5 + 2 * max(1, height / tall, width / wide)
        inner = np.all(
            [(part[taken.inside] > margin) & (part[taken.inside] < side - margin)
             for part, side in zip(expected, (height, width), strict=True)], axis=0,
        )  # fmt: skip
        # Pillow's triangle, which averages whole pixels, leans by up to 1/12 px to either side; no bias remains.
        leans = 0.09 if antialias and not angle % 65536 else 0.01
        assert np.abs(taken.pixels[..., 0] / 4 + 0.5 - places)[inner].max(initial=0) < leans
        near_edge = np.abs(places - np.round(places)) < 0.001
        assert np.array_equal(taken.labels[~near_edge], np.floor(places)[~near_edge])
