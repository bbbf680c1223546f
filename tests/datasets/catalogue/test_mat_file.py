"""MAT-files: read as SciPy reads them, no matter what wrote them; damage is an error and never other labels."""

import io
import struct
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from segfeed.datasets.catalogue.mat_file import read_mat_field
from segfeed.errors import MaskError

LABELS = np.random.default_rng(0).integers(0, 21, (37, 50)).astype(np.uint8)


def stored(labels: np.ndarray, *, is_packed: bool = False, **more: object) -> bytes:
    """Store a mask as SBD does: a struct with boundaries, categories and the labels."""
    boundaries = np.empty((20, 1), object)
    for number in range(20):
        boundaries[number, 0] = scipy.sparse.csc_matrix(labels == number + 1)
    fields = {"Boundaries": boundaries, "CategoriesPresent": np.array([[1], [2]], np.uint8), "Segmentation": labels}
    file = io.BytesIO()
    scipy.io.savemat(file, {**more, "GTcls": fields}, do_compression=is_packed)
    return file.getvalue()


def read(data: bytes) -> np.ndarray:
    return read_mat_field(data, "a.mat", variable="GTcls", field="Segmentation")


def refusal(data: bytes) -> str:
    with pytest.raises(MaskError) as caught:
        read(data)
    assert caught.value.where == "a.mat"
    assert caught.value.expected == "a MAT-file of MATLAB 5 to 7.2 with a uint8 matrix GTcls.Segmentation"
    assert caught.value.remedy == "get it again"
    return caught.value.found


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 2), (37, 50), (500, 375)])
@pytest.mark.slow
def test_labels_are_those_that_scipy_wrote(shape, is_packed):
    labels = np.resize(LABELS, shape)
    found = read(stored(labels, is_packed=is_packed))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("is_packed", [False, True])
def test_other_variables_are_passed_over(is_packed):
    data = stored(LABELS, is_packed=is_packed, before=np.arange(5.0), text="hello", empty=np.zeros((0, 0)))
    np.testing.assert_array_equal(read(data), LABELS)


def test_structs_that_matlab_itself_wrote_are_walked_through():
    """Look for a field in real files of four releases and both byte orders; its doubles are refused by class."""
    spec = find_spec("scipy.io.matlab.tests")
    folder = Path(spec.submodule_search_locations[0], "data") if spec and spec.submodule_search_locations else Path()
    paths = sorted(folder.glob("teststruct_*.mat"))
    if not paths:
        pytest.skip("SciPy came without its test files")
    for path in paths:
        with pytest.raises(MaskError, match=r"an array of float64 and shape \(1, 3\)"):
            read_mat_field(path.read_bytes(), path.name, variable="teststruct", field="doublefield")
        with pytest.raises(MaskError, match="no field nowhere"):
            read_mat_field(path.read_bytes(), path.name, variable="teststruct", field="nowhere")


def test_big_endian_files_are_read():
    def element(kind: int, body: bytes) -> bytes:
        return struct.pack(">II", kind, len(body)) + body + bytes(-len(body) % 8)

    def matrix(flags: int, shape: tuple[int, ...], name: bytes, *rest: bytes) -> bytes:
        head = element(6, struct.pack(">II", flags, 0)) + element(5, struct.pack(f">{len(shape)}i", *shape))
        return element(14, head + element(1, name) + b"".join(rest))

    labels = matrix(9, (2, 3), b"", element(2, bytes([1, 4, 2, 5, 3, 6])))
    small = struct.pack(">HHi", 4, 5, 16)
    data = (
        b"MATLAB 5.0".ljust(124)
        + b"\1\0MI"
        + matrix(2, (1, 1), b"GTcls", small, element(1, b"Segmentation".ljust(16, b"\0")), labels)
    )
    assert read(data).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"other": 1}, "no single struct GTcls"),
        ({"GTcls": LABELS}, "no single struct GTcls"),
        ({"GTcls": {"Boundaries": 1}}, "no field Segmentation"),
        ({"GTcls": {"Segmentation": LABELS.astype(float)}}, "an array of float64 and shape (37, 50)"),
        ({"GTcls": {"Segmentation": LABELS.astype(np.int16)}}, "an array of int16"),
        ({"GTcls": {"Segmentation": np.zeros((2, 3, 4), np.uint8)}}, "an array of uint8 and shape (2, 3, 4)"),
        ({"GTcls": {"Segmentation": np.zeros((0, 3), np.uint8)}}, "an array of uint8 and shape (0, 3)"),
    ],
)
def test_files_without_such_a_matrix_are_refused_with_what_they_hold(variables, found):
    file = io.BytesIO()
    scipy.io.savemat(file, variables)
    assert found in refusal(file.getvalue())


@pytest.mark.parametrize(
    "data", [b"", b"\x89HDF\r\n\x1a\n" + bytes(200), b"<html>" + bytes(200), b"MATLAB 7.3".ljust(124) + b"\0\2IM"]
)
def test_files_of_other_kinds_are_refused(data):
    assert "it starts with" in refusal(data)


@pytest.mark.slow
def test_every_lost_end_is_an_error():
    for is_packed in (False, True):
        data = stored(LABELS[:5, :7], is_packed=is_packed)
        for end in range(len(data.rstrip(b"\0"))):
            refusal(data[:end])


@pytest.mark.slow
def test_flipped_bits_of_a_compressed_mask_never_give_other_labels():
    labels = LABELS[:5, :7]
    data = stored(labels, is_packed=True)
    for bit in range(128 * 8, 8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = read(bytes(flipped))
        except MaskError:
            continue
        np.testing.assert_array_equal(found, labels)


@pytest.mark.slow
def test_flipped_bits_of_a_plain_mask_are_an_error_or_keep_its_shape():
    data = stored(LABELS[:5, :7])
    for bit in range(128 * 8, 8 * len(data), 3):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = read(bytes(flipped))
        except MaskError:
            continue
        assert found.shape in ((5, 7), (7, 5))


def test_bomb_is_refused(monkeypatch):
    monkeypatch.setattr("segfeed.datasets.catalogue.mat_file._MAX_BYTES", 1000)
    packed = zlib.compress(bytes(5000))
    data = stored(LABELS)[:128] + struct.pack("<II", 15, len(packed)) + packed
    assert "a compressed variable that is cut off or too large" in refusal(data)
