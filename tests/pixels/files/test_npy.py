"""NumPy files as masks: whole numbers alone, nothing unpickled, nothing taken for more than it is."""

import io
import pickle

import numpy as np
import pytest

from segfeed.errors import MaskError
from segfeed.pixels.codec import decode_mask, read_labels
from segfeed.pixels.public_legends import VOC

IDS = (np.arange(37 * 53).reshape(37, 53) // 5 % 21).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)


def as_npy(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version)
    return out.getvalue()


def header_alone(shape, descr="|u1", rest=b""):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue() + rest


def refusal(data):
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "a.npy")
    assert caught.value.where == "a.npy"
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2", "<i4", ">i4", "<i8", "<u8"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_class_ids_are_those_that_were_written(dtype, version, order):
    data = as_npy(np.asarray(IDS, dtype, order=order), version)
    mask = decode_mask(data, "a.npy")
    np.testing.assert_array_equal(mask.pixels, np.load(io.BytesIO(data)))
    assert mask.pixels.dtype == (np.uint8 if np.dtype(dtype).itemsize == 1 else np.uint16)
    np.testing.assert_array_equal(read_labels(mask, VOC), IDS)


def test_colours_one_band_and_truth_values():
    np.testing.assert_array_equal(decode_mask(as_npy(NOISE)).pixels, NOISE)
    np.testing.assert_array_equal(decode_mask(as_npy(IDS[..., None])).pixels, IDS)
    truth = decode_mask(as_npy(IDS > 7)).pixels
    assert truth.dtype == np.uint8
    np.testing.assert_array_equal(truth, IDS > 7)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (IDS.astype(np.float32), "an array of float32 (37, 53)"),
        (NOISE.astype(np.int32), "an array of int32 (37, 53, 3)"),
        (np.moveaxis(NOISE, 2, 0), "an array of uint8 (3, 37, 53)"),
        (IDS[None], "an array of uint8 (1, 37, 53)"),
        (IDS[0], "an array of uint8 (53,)"),
        (np.zeros((0, 5), np.uint8), "declares 5 x 0 pixels"),
        (IDS.astype(np.int64) - 1, "values from -1 to 19"),
        (IDS.astype(np.int64) * 65536, "values from 0 to 1,310,720"),
        (np.array([["a", "b"]]), "an array of <U1 (1, 2)"),
    ],
    ids=range(9),
)
def test_what_holds_no_class_ids_is_refused(array, found):
    error = refusal(as_npy(array))
    assert error.found.startswith(found)
    assert not error.is_damage


def test_objects_are_never_unpickled():
    rest = pickle.dumps([1, 2])
    assert refusal(header_alone((1, 2), "|O", rest)).found.startswith("an array of object (1, 2)")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\x93NUMPY", "damaged NumPy array"),
        (b"\x93NUMPY\1\0\x10\0not a dictionary!", "damaged NumPy array"),
        (b"\x93NUMPY\1\0\x10\0{'descr': (((\0\0\0\0", "damaged NumPy array"),
        (b"\x93NUMPY\1\0\x10\0{'descr': '<u9'}\n", "damaged NumPy array"),
        (header_alone((5, 5)), "damaged NumPy array (0 bytes of pixels, but its shape needs 25)"),
        (as_npy(IDS) + b"\0", "damaged NumPy array (1962 bytes of pixels, but its shape needs 1961)"),
        (header_alone((60000, 60000)), "declares 60000 x 60000 pixels"),
        (header_alone((-1, -1)), "declares -1 x -1 pixels"),
    ],
    ids=range(8),
)
def test_what_is_not_whole_is_refused_before_memory_is_taken(data, found):
    assert refusal(data).found.startswith(found)


def test_an_array_truncated_anywhere_is_refused():
    data = as_npy(IDS)
    for length in [*range(6, 140), *range(140, len(data), 97)]:
        assert refusal(data[:length]).is_damage


def test_real_arrays_equal_numpy(shared_data):
    paths = sorted(shared_data.rglob("*.npy"))
    assert paths
    for path in paths:
        array = np.load(path)
        try:
            mask = decode_mask(path.read_bytes(), path.name)
        except MaskError as error:
            assert array.dtype.kind == "f" or array.min() < 0, error  # noqa: PT017 - either way is right
        else:
            np.testing.assert_array_equal(mask.pixels, array.reshape(mask.pixels.shape))
