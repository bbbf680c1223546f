"""What a batch looks like, and what is left to its consumer."""

import numpy as np
import pytest

from segfeed.batches.batch_format import IMAGENET, BatchFormat
from segfeed.errors import OptionError


def test_the_defaults_leave_layout_labels_and_void_open():
    assert BatchFormat() == BatchFormat(layout=None, dtype="float32", label_dtype=None, normalize=IMAGENET, void=None)


def test_imagenet_is_literal():
    assert IMAGENET == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (IMAGENET.mean, IMAGENET.std) == tuple(IMAGENET)


@pytest.mark.parametrize(
    "consumer", [("NHWC", "int32", 255), ("NCHW", "int64", -100), ("NHWC", "int32", 65535), ("NHWC", "uint8", 0)]
)
def test_what_is_open_is_the_consumers_choice(consumer):
    resolved = BatchFormat(dtype="float16").resolve(*consumer)
    assert (*consumer, "float16") == (resolved.layout, resolved.label_dtype, resolved.void, resolved.dtype)


def test_what_is_given_holds_everywhere():
    given = BatchFormat("NCHW", "uint8", "uint8", None, 0)
    assert given == given.resolve("NHWC", "int64", -100)


def test_void_zero_is_given_not_open():
    assert BatchFormat(void=0).resolve("NHWC", "int32", 255).void == 0


NORMALIZE = "((mean r, g, b), (std r, g, b)) with means in 0..1, std above 0 and up to 1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"layout": "HWC"}, "one of 'NHWC', 'NCHW'"),
        ({"layout": "nhwc"}, "one of 'NHWC', 'NCHW'"),
        ({"dtype": "float64"}, "one of 'float32', 'float16', 'uint8'"),
        ({"dtype": None}, "one of 'float32', 'float16', 'uint8'"),
        ({"dtype": np.float32}, "one of 'float32', 'float16', 'uint8'"),
        ({"label_dtype": "int16"}, "one of 'int32', 'int64', 'uint8'"),
        ({"void": "255"}, "an integer"),
        ({"void": 255.0}, "an integer"),
        ({"void": True}, "an integer"),
        ({"void": -100, "label_dtype": "uint8"}, "a value in 0..255, the range of uint8 labels"),
        ({"void": 256, "label_dtype": "uint8"}, "a value in 0..255, the range of uint8 labels"),
        ({"void": 2**31, "label_dtype": "int32"}, "a value in -2147483648..2147483647, the range of int32 labels"),
        ({"normalize": "imagenet"}, NORMALIZE),
        ({"normalize": 0.5}, NORMALIZE),
        ({"normalize": ((0.5, 0.5), (1, 1))}, NORMALIZE),
        ({"normalize": ((0.5, 0.5, 0.5),)}, NORMALIZE),
        ({"normalize": ((0.5, 0.5, 0.5), (1, 1, 0))}, NORMALIZE),
        ({"normalize": ((0.5, 0.5, 0.5), (1, 1, -1))}, NORMALIZE),
        ({"normalize": ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4))}, NORMALIZE),
        ({"normalize": ((0, 0, 0), (255, 255, 255))}, NORMALIZE),
        ({"normalize": ((0, 0, 0), (0.5, 0.5, 1.01))}, NORMALIZE),
        ({"normalize": ((0.5, 0.5, 0.5), (1e-45, 1, 1))}, NORMALIZE),
        ({"normalize": ((0.5, 0.5, 0.5), (1e-5, 1, 1)), "dtype": "float16"}, NORMALIZE),
        ({"normalize": ((-0.1, 0.5, 0.5), (1, 1, 1))}, NORMALIZE),
        ({"normalize": ((float("nan"), 0.5, 0.5), (1, 1, 1))}, NORMALIZE),
        ({"normalize": ((0.5, 0.5, 0.5), (1, 1, float("inf")))}, NORMALIZE),
    ],
)
def test_what_has_no_meaning_is_refused_with_its_value_and_the_allowed_ones(fields, expected):
    with pytest.raises(OptionError) as caught:
        BatchFormat(**fields)
    name, value = next(iter(fields.items()))
    assert (caught.value.where, caught.value.found, caught.value.expected) == (name, repr(value), expected)


@pytest.mark.parametrize("pair", [([0.1, 0.2, 0.3], [1, 0.5, 0.25]), np.array([(0.1, 0.2, 0.3), (1, 0.5, 0.25)])])
def test_any_pair_of_three_numbers_normalizes(pair):
    given = BatchFormat(normalize=pair)
    assert tuple(given.normalize) == ((0.1, 0.2, 0.3), (1.0, 0.5, 0.25))
    assert hash(given) == hash(BatchFormat(normalize=((0.1, 0.2, 0.3), (1, 0.5, 0.25))))


def test_numpy_integers_are_integers():
    assert BatchFormat(void=np.int64(7), label_dtype="uint8").void == 7
