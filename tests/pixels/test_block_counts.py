"""Class grids: pixels counted block by block, alike by plain NumPy and by the compiled kernel."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segfeed.pixels import block_counts
from segfeed.pixels.block_counts import count_blocks, load_compiled


@pytest.fixture(name="count", scope="module", params=[False, True], ids=["plain", "compiled"])
def _count(request):
    """Return `count_blocks` as it is without the kernel, and as it is with it."""
    if not request.param:
        return block_counts._count_plainly
    pytest.importorskip("numba")
    assert load_compiled()
    return count_blocks


@given(
    labels=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(0, 70), st.integers(0, 70)),
        elements=st.integers(0, 255),
    ),
    classes=st.integers(0, 255),
    block_px=st.sampled_from([1, 2, 3, 8, 32, 64]),
)
@pytest.mark.slow
def test_blocks_are_counted_pixel_by_pixel(count, labels, classes, block_px):
    width = -(-labels.shape[1] // block_px)
    counted = Counter(
        (int(y // block_px * width + x // block_px), int(label))
        for (y, x), label in np.ndenumerate(labels)
        if label < classes
    )
    grid = count(labels, classes, block_px)
    assert [tuple(one) for one in grid.T.tolist()] == sorted((*key, count) for key, count in counted.items())
    assert grid.dtype == np.int64


@pytest.mark.parametrize("block_px", [32, 64])  # of 64 px, eight counts no longer fit into a word
@pytest.mark.parametrize("value", [0, 7, 253, 254])
def test_blocks_of_one_label_are_counted_whole(count, value, block_px):
    grid = count(np.full((2 * block_px, 3 * block_px), value, np.uint8), 255, block_px)
    assert grid.tolist() == [[*range(6)], [value] * 6, [block_px**2] * 6]


def test_blocks_that_show_many_labels_are_counted(count):
    labels = np.arange(96 * 128, dtype=np.uint8).reshape(96, 128)
    grid = count(labels, 255, 32)
    assert grid[2].sum() == np.count_nonzero(labels < 255)
    assert grid.shape == (3, 12 * 64 - 3)  # 64 labels in each of 12 blocks, but for void in three of them


def test_blocks_of_void_alone_are_not_listed(count):
    assert count(np.full((64, 96), 255, np.uint8), 255, 32).shape == (3, 0)


def test_masks_that_are_views_or_read_only_are_counted(count):
    labels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    labels.flags.writeable = False
    for view in (labels, labels[1:3, ::2], labels.T):
        assert count(view, 20, 2)[1].tolist() == count(view.copy(), 20, 2)[1].tolist() != []


LOADED = """
import sys, threading
{before}
import numpy as np
from segfeed.pixels import block_counts
labels = np.arange(4096, dtype=np.uint8).reshape(64, 64)
first = block_counts.count_blocks(labels, 200, 32)
block_counts.expect(999)
assert "numba" not in sys.modules or {before!r}
block_counts.expect(1000)
for thread in threading.enumerate()[1:]:
    thread.join()
assert "segfeed.pixels.block_kernel" in sys.modules or {before!r}
print(block_counts.load_compiled(), np.array_equal(block_counts.count_blocks(labels, 200, 32), first))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "loaded", "warnings"),
    [
        ("", "True", 0),
        ("sys.modules['numba'] = None", "False", 0),
        ("import os; os.environ['NUMBA_DISABLE_JIT'] = '1'", "False", 1),
    ],
)
def test_the_kernel_is_loaded_beside_if_many_masks_are_expected_and_missed_without_harm(before, loaded, warnings):
    pytest.importorskip("numba")
    code = LOADED.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, f"{loaded} True\n", warnings), done.stderr


def test_a_kernel_that_counts_otherwise_is_not_used(monkeypatch):
    pytest.importorskip("numba")
    kernels = block_counts.Kernels("segfeed.pixels.block_kernel", "counts classes, as exactly")
    monkeypatch.setattr(block_counts, "_KERNELS", kernels)
    monkeypatch.setattr(block_counts, "_count_plainly", lambda *_: np.zeros((3, 0), np.int64))
    assert not load_compiled()
    assert kernels.broken
