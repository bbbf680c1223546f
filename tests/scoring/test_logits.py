"""Logits: the ids that each framework's own argmax gives, whatever the framework, dtype and layout."""

from types import SimpleNamespace

import numpy as np
import pytest

from segfeed.errors import OptionError
from segfeed.scoring import logits
from segfeed.scoring.logits import class_ids, host_array, refuse_strangers

CLASSES, SHAPE = 5, (3, 41, 67)


def scores(seed=0, dtype=np.float32):
    """Scores (N, classes, H, W) of few distinct values, so that many are equal."""
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 9, (SHAPE[0], CLASSES, *SHAPE[1:])).astype(dtype)


def as_numpy(array):
    return array


def as_list(array):
    return array.tolist()


def as_torch(array):
    return pytest.importorskip("torch").from_numpy(np.ascontiguousarray(array))


def as_learning_torch(array):
    return as_torch(array).requires_grad_()


def as_torch_bfloat16(array):
    return as_torch(array).bfloat16()


def as_tensorflow(array):
    return pytest.importorskip("tensorflow").constant(array)


def as_tensorflow_bfloat16(array):
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.cast(array, tensorflow.bfloat16)


def as_jax(array):
    return pytest.importorskip("jax").numpy.asarray(array)


def as_jax_bfloat16(array):
    return as_jax(array).astype("bfloat16")


SLOW = pytest.mark.slow  # to import TensorFlow takes seconds
FRAMEWORKS = (as_numpy, as_list, as_torch, pytest.param(as_tensorflow, marks=SLOW), as_jax)
FLOATS = (
    *FRAMEWORKS,
    as_learning_torch,
    as_torch_bfloat16,
    pytest.param(as_tensorflow_bfloat16, marks=SLOW),
    as_jax_bfloat16,
)


@pytest.mark.parametrize("make", FLOATS)
@pytest.mark.slow
def test_highest_score_wins_and_the_first_of_equals(make):
    first = scores()
    expected = first.argmax(axis=1)
    for given in (first, np.moveaxis(first, 1, -1)):
        found = class_ids(make(given), SHAPE, CLASSES)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(class_ids(make(given[0]), SHAPE[1:], CLASSES), expected[0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_float_of_numpy_is_compared_exactly(dtype):
    given = np.random.default_rng(1).standard_normal((SHAPE[0], CLASSES, *SHAPE[1:])).astype(dtype)
    np.testing.assert_array_equal(class_ids(given, SHAPE, CLASSES), given.argmax(axis=1))


def test_float64_scores_that_float32_cannot_tell_apart_are_told_apart():
    given = np.array([[[1.0]], [[1.0 + 1e-12]]])
    assert class_ids(given, (1, 1), 2).tolist() == [[1]]


def test_blocks_change_nothing(monkeypatch):
    expected = class_ids(scores(), SHAPE, CLASSES)
    for block in (1, 67, 1000):
        monkeypatch.setattr(logits, "_BLOCK_PX", block)
        np.testing.assert_array_equal(class_ids(scores(), SHAPE, CLASSES), expected)


def test_more_than_256_classes_have_wider_ids():
    given = np.zeros((300, 2, 3), np.float32)
    given[299, 0, 0] = given[255, 1, 2] = 1
    found = class_ids(given, (2, 3), 300)
    assert (found[0, 0], found[1, 2], found.dtype) == (299, 255, np.uint16)


def test_infinite_scores_are_scores():
    given = np.array([-np.inf, np.inf, 3], np.float32).reshape(3, 1, 1)
    assert class_ids(given, (1, 1), 3).tolist() == [[1]]
    assert class_ids(np.full((3, 1, 1), -np.inf), (1, 1), 3).tolist() == [[0]]


@pytest.mark.parametrize("make", [as_numpy, as_torch, as_jax, as_torch_bfloat16])
def test_nan_is_no_score(make):
    given = scores()
    given[2, 3, 40, 66] = np.nan
    with pytest.raises(OptionError) as caught:
        class_ids(make(given), SHAPE, CLASSES)
    assert "NaN" in caught.value.found


@pytest.mark.parametrize("make", FRAMEWORKS)
def test_ids_are_taken_as_they_are(make):
    given = np.arange(6, dtype=np.int32).reshape(2, 3)
    found = class_ids(make(given), (2, 3), CLASSES)
    assert found.dtype.kind == "i"
    np.testing.assert_array_equal(found, given)


def test_numpy_ids_are_not_copied():
    given = np.zeros((2, 3), np.int64)
    assert np.shares_memory(class_ids(given, (2, 3), 2), given)
    assert np.shares_memory(host_array(as_torch(given)), given)


def test_axis_that_could_be_either_is_asked_for():
    given = np.random.default_rng(0).standard_normal((4, 4, 4, 4)).astype(np.float32)
    with pytest.raises(OptionError) as caught:
        class_ids(given, (4, 4, 4), 4)
    assert "axis 1 and axis 3 may both be that of the 4 classes" in caught.value.found
    assert "axis=1 or axis=3" in caught.value.remedy
    np.testing.assert_array_equal(class_ids(given, (4, 4, 4), 4, axis=1), given.argmax(1))
    np.testing.assert_array_equal(class_ids(given, (4, 4, 4), 4, axis=-1), given.argmax(3))
    with pytest.raises(OptionError) as caught:
        class_ids(given[0], (4, 4), 4)
    assert "axis 0 and axis 2 may both" in caught.value.found


def test_axis_that_the_shape_tells_is_not_asked_for():
    given = np.zeros((4, 4, 6, 4), np.float32)  # 4 images of 6 x 4, 4 classes first
    given[:, 2] = 1
    assert (class_ids(given, (4, 6, 4), 4) == 2).all()


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((3, 6, 41, 67), None), ((3, 5, 20, 33), None), ((3, 41, 67), None), ((3, 5, 41, 67), 3), ((41, 67, 5), None)],
)
def test_logits_of_another_shape_are_refused(shape, axis):
    with pytest.raises(OptionError) as caught:
        class_ids(np.zeros(shape, np.float32), SHAPE, CLASSES, axis)
    assert caught.value.found.startswith(f"logits of shape {shape}")
    assert "5 classes" in caught.value.found
    assert caught.value.expected == "(3, 5, 41, 67) or (3, 41, 67, 5)"


@pytest.mark.parametrize("axis", [4, -5, 1.0, "1", True])
def test_axis_that_is_none_is_refused(axis):
    with pytest.raises(OptionError) as caught:
        class_ids(scores(), SHAPE, CLASSES, axis)
    assert "axis" in str(caught.value)


def test_ids_of_another_shape_are_refused():
    with pytest.raises(OptionError) as caught:
        class_ids(np.zeros((20, 30), np.uint8), (40, 60), 2)
    assert caught.value.found == "ids of shape (20, 30), but labels of shape (40, 60)"


@pytest.mark.parametrize("dtype", [bool, complex, "S1"])
def test_predictions_that_are_neither_ids_nor_logits_are_refused(dtype):
    with pytest.raises(OptionError) as caught:
        class_ids(np.zeros((2, 3), dtype), (2, 3), 2)
    assert caught.value.where == "predictions"
    assert caught.value.expected == "integers (class ids) or floats (logits)"


def test_strangers_are_named_and_counted():
    refuse_strangers(np.array([[0, 4]]), 5, "predictions")
    with pytest.raises(OptionError) as caught:
        refuse_strangers(np.array([[0, 255], [255, 9]], np.uint8), 5, "predictions")
    assert (caught.value.where, caught.value.found) == ("predictions", "255 in 2 pixels")
    assert caught.value.expected == "one of the 5 classes (0..4)"
    with pytest.raises(OptionError) as caught:
        refuse_strangers(np.array([[0, -1]]), 5, "predictions")
    assert caught.value.found == "-1 in 1 pixels"


class Elsewhere:
    """A stand-in for a tensor on an accelerator: only its own `max` may touch its numbers."""

    def __init__(self, tensor):
        self.tensor = tensor
        self.dtype, self.shape, self.device = tensor.dtype, tensor.shape, SimpleNamespace(type="cuda")

    def detach(self):
        return self

    def max(self, axis):
        return self.tensor.max(axis)


def test_ids_are_found_where_the_logits_lie():
    given = as_torch(scores())
    found = class_ids(Elsewhere(given), SHAPE, CLASSES)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, scores().argmax(1))
    given[0, 0, 0, 0] = float("nan")
    with pytest.raises(OptionError) as caught:
        class_ids(Elsewhere(given), SHAPE, CLASSES)
    assert "NaN" in caught.value.found


def test_tensors_of_a_gpu_give_the_same_ids():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU")
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        given = as_torch(scores()).to("cuda", dtype)
        np.testing.assert_array_equal(class_ids(given, SHAPE, CLASSES), scores().argmax(1))
    np.testing.assert_array_equal(class_ids(given.argmax(1), SHAPE, CLASSES), scores().argmax(1))


class Output(dict):
    """What models of Hugging Face return: a mapping whose entries are attributes, too."""

    logits = np.zeros((1, 3, 4, 5))


@pytest.mark.parametrize(
    ("output", "meant"),
    [
        ({"out": np.zeros((1, 3, 4, 5)), "aux": 0}, "pass predictions['out']"),  # torchvision
        (Output(loss=0, logits=Output.logits), "pass predictions['logits']"),
        (SimpleNamespace(logits=Output.logits), "pass predictions.logits"),
        ((Output.logits, np.zeros((1, 3, 2, 2))), "pass predictions[0]"),  # a head for each depth
    ],
)
def test_what_a_model_returns_around_its_logits_is_named(output, meant):
    with pytest.raises(OptionError) as caught:
        class_ids(output, (1, 4, 5), 3)
    assert (caught.value.where, caught.value.remedy) == ("predictions", meant)


@pytest.mark.parametrize(
    ("shape", "meant"),
    [
        ((2, 1, 4, 5), "(logits[:, 0] > 0) as integers"),
        ((2, 4, 5, 1), "(logits[..., 0] > 0) as integers"),
        ((2, 4, 5), "convert them to integers if they are class ids"),
        ((2, 2, 2, 2), "bring logits to the labels' size first"),
    ],
)
def test_what_to_do_with_floats_of_another_shape_is_said(shape, meant):
    with pytest.raises(OptionError) as caught:
        class_ids(np.zeros(shape, np.float32), (2, 4, 5), 2)
    assert meant in caught.value.remedy
