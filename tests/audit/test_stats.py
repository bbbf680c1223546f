"""Statistics: exact counts, moments and weights, against NumPy and by hand."""

import json

import numpy as np
import pytest

from segfeed import Legend, Pair, make_pack, scan
from segfeed.audit.stats import count_split
from segfeed.errors import OptionError
from segfeed.pixels.objects import Objects

LEGEND = Legend(("sky", "road", "car", "cat"))


class Pairs:
    """Pairs in memory."""

    def __init__(self, pairs, legend=LEGEND):
        self.pairs, self.legend = pairs, legend
        self.sizes = np.array([pair.labels.shape for pair in pairs], np.int32)

    def read(self, index):
        return self.pairs[index]


def labelled(*rows):
    labels = np.array(rows, np.uint8)
    return Pair(np.zeros((*labels.shape, 3), np.uint8), labels)


@pytest.fixture
def tiny():
    """Two images by hand: 8 pixels with 2 of void, and 4 pixels."""
    return count_split(Pairs([labelled([0, 0, 0, 1], [1, 0, 255, 255]), labelled([0, 0], [0, 2])]))


@pytest.mark.slow
def test_counts_of_a_real_split_are_those_of_numpy(voc2012_part):
    source = scan(voc2012_part, "val")
    found = count_split(source, threads=2)
    pairs = [source.read(index) for index in range(len(source))]
    counts = np.array([np.bincount(pair.labels.ravel(), minlength=256) for pair in pairs])
    shown = counts[:, :21] > 0
    np.testing.assert_array_equal(found.classes.pixels, counts[:, :21].sum(axis=0))
    np.testing.assert_array_equal(found.classes.images, shown.sum(axis=0))
    np.testing.assert_array_equal(found.classes.seen_beside, (shown.T * counts[:, :21].sum(axis=1)).sum(axis=1))
    assert (found.classes.void_pixels, found.classes.masks) == (counts[:, 255].sum(), len(source))
    np.testing.assert_array_equal(found.sizes, source.sizes)
    assert found.void_share == pytest.approx(counts[:, 255].sum() / counts.sum(), abs=1e-15)
    pixels = np.concatenate([pair.image.reshape(-1, 3) for pair in pairs]) / 255
    np.testing.assert_allclose(found.mean, pixels.mean(axis=0), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.std, pixels.std(axis=0), rtol=0, atol=1e-9)


def test_pack_and_source_count_the_same(voc_folder):
    source = scan(voc_folder)
    one, two = count_split(source), count_split(make_pack(source))
    assert one.to_json((32, 48)) == two.to_json((32, 48))
    np.testing.assert_array_equal(one.classes.pixels, make_pack(source).pixels[:, :-1].sum(axis=0))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.slow
def test_threads_do_not_change_the_counts(voc_folder, threads):
    assert count_split(scan(voc_folder), threads=threads).to_json((1, 1)) == count_split(scan(voc_folder)).to_json(
        (1, 1)
    )


def test_counts_by_hand(tiny):
    assert tiny.classes.pixels.tolist() == [7, 2, 1, 0]
    assert tiny.classes.images.tolist() == [2, 1, 1, 0]
    assert tiny.classes.seen_beside.tolist() == [6 + 4, 6, 4, 0]
    assert (tiny.classes.void_pixels, tiny.classes.all_pixels, tiny.classes.masks) == (2, 12, 2)
    assert tiny.void_share == pytest.approx(2 / 12)


def test_median_frequency_weights_by_hand(tiny):
    # sky: 7 of the 10 labelled pixels of both images; road: 2 of the 6 of the first; car: 1 of the 4 of the second
    shares = [7 / 10, 2 / 6, 1 / 4]
    assert tiny.weights[:3].tolist() == pytest.approx([(2 / 6) / share for share in shares])
    assert np.isnan(tiny.weights[3])


def test_balanced_classes_weigh_one():
    assert count_split(Pairs([labelled([0, 1], [2, 3])])).weights.tolist() == [1, 1, 1, 1]


def test_mean_and_std_by_hand():
    image = np.zeros((2, 2, 3), np.uint8)
    image[..., 0], image[0, :, 1], image[..., 2] = 255, 255, 51
    found = count_split(Pairs([Pair(image, np.zeros((2, 2), np.uint8))]))
    assert found.mean.tolist() == pytest.approx([1, 0.5, 0.2])
    assert found.std.tolist() == pytest.approx([0, 0.5, 0], abs=1e-7)


def test_every_pixel_weighs_the_same_however_large_its_image():
    large, small = (Pair(np.full((side, side, 3), value, np.uint8), np.zeros((side, side), np.uint8))
                    for side, value in ((3, 100), (1, 200)))  # fmt: skip
    assert count_split(Pairs([large, small])).mean[0] == pytest.approx((9 * 100 + 200) / 10 / 255)


def test_split_that_is_all_void_has_no_weights():
    found = count_split(Pairs([labelled([255, 255])]))
    assert found.void_share == 1
    assert np.isnan(found.weights).all()
    assert [row["weight"] for row in found.to_json((1, 1))["classes"]] == [None] * 4


def test_kept_counts_are_those_of_each_policy(voc_folder):
    found = count_split(scan(voc_folder))
    assert found.kept((32, 48)) == {"pad": 5, "drop": 4}
    assert found.kept((20, 60)) == {"pad": 5, "drop": 5}
    assert found.kept((41, 1)) == {"pad": 5, "drop": 0}
    assert found.kept((1, 61)) == {"pad": 5, "drop": 0}


@pytest.mark.parametrize("crop", [(0, 4), (4, -1), (1.5, 4), ("4", 4)])
def test_kept_counts_of_no_crop_are_refused(tiny, crop):
    with pytest.raises(OptionError):
        tiny.kept(crop)


def test_json_is_strict_and_says_null_where_a_class_never_occurs(tiny):
    described = json.loads(json.dumps(tiny.to_json((1, 3)), allow_nan=False))
    assert described["images"] == 2
    assert described["classes"][0] == {"name": "sky", "pixels": 7, "images": 2, "weight": pytest.approx(10 / 21)}
    assert described["classes"][3] == {"name": "cat", "pixels": 0, "images": 0, "weight": None}
    assert described["height"] == {"smallest": 2, "median": 2, "largest": 2}
    assert described["width"] == {"smallest": 2, "median": 3, "largest": 4}
    assert described["crop_size"] == [1, 3]
    assert described["kept"] == {"pad": 2, "drop": 1}
    assert described["void_share"] == pytest.approx(1 / 6)


def test_objects_have_sizes_and_void_but_no_classes(voc_folder):
    source = scan(voc_folder, task="instance")
    found = count_split(source)
    assert isinstance(found.legend, Objects)
    assert found.classes.pixels.shape == (0,)
    assert (found.classes.void_pixels, found.classes.masks) == (5 * 60, 5)
    described = json.loads(json.dumps(found.to_json((32, 48)), allow_nan=False))
    assert described["classes"] == []
    assert described["images"] == 5
    assert described["void_share"] == pytest.approx(300 / (4 * 2400 + 1200))


def test_more_than_254_classes_are_counted():
    legend = Legend(tuple(f"class {n}" for n in range(300)))
    labels = np.array([[0, 299, 299, 65535]], np.uint16)
    found = count_split(Pairs([Pair(np.zeros((1, 4, 3), np.uint8), labels)], legend))
    pixels = found.classes.pixels
    assert pixels.shape == (300,)
    assert (pixels[0], pixels[299], pixels.sum(), found.classes.void_pixels) == (1, 2, 3, 1)
