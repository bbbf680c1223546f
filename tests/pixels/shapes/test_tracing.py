"""Tracing: what is traced and filled again is the same, pixel by pixel, by each rule that tools follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segfeed.pixels.shapes.filling import fill_centre, fill_coco, fill_rings
from segfeed.pixels.shapes.tracing import seam_rings, trace_regions

COVERS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def filled(fills, size):
    cover = np.zeros(size, int)
    for patch in fills:
        if patch is not None:
            height, width = patch.cover.shape
            cover[patch.top : patch.top + height, patch.left : patch.left + width] += patch.cover
    return cover


def islands(cover):
    """Number the pixels that hang together by their sides, the slow way."""
    numbers, count = np.zeros(cover.shape, int), 0
    for start in np.argwhere(cover).tolist():
        waiting = [] if numbers[tuple(start)] else [tuple(start)]
        count += bool(waiting)
        while waiting:
            row, column = waiting.pop()
            is_inside = 0 <= row < cover.shape[0] and 0 <= column < cover.shape[1]
            if is_inside and cover[row, column] and not numbers[row, column]:
                numbers[row, column] = count
                waiting += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return numbers, count


@given(COVERS)
@pytest.mark.slow
def test_regions_are_what_hangs_together_and_fill_to_their_own_pixels_by_both_rules(cover):
    regions = trace_regions(cover)
    numbers, count = islands(cover)
    assert len(regions) == count
    for region in regions:
        own = filled([fill_centre(region.rings, cover.shape)], cover.shape)
        assert len(set(numbers[own == 1])) == 1
        assert np.array_equal(own == 1, numbers == numbers[own == 1][0])
        assert region.area == own.sum()
        left, top, width, height = region.box
        rows, columns = np.nonzero(own)
        assert (left, top) == (columns.min(), rows.min())
        assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
        by_columns = fill_rings(region.rings, cover.shape, are_parts=False, by_columns=True)
        assert np.array_equal(filled([by_columns], cover.shape), own)
        seamed = seam_rings(region.rings)
        for fill in (fill_centre([seamed], cover.shape), fill_coco(seamed, cover.shape)):
            assert np.array_equal(filled([fill], cover.shape), own)


@given(COVERS)
@pytest.mark.slow
def test_rings_turn_at_each_point_and_run_round_what_they_enclose(cover):
    for region in trace_regions(cover):
        for number, ring in enumerate(region.rings):
            steps = np.roll(ring, -1, axis=0) - ring
            assert ((steps != 0).sum(axis=1) == 1).all()
            assert ((steps[:, 0] != 0) != (np.roll(steps[:, 0], 1) != 0)).all()
            around = float(ring[:, 0] @ np.roll(ring[:, 1], -1) - ring[:, 1] @ np.roll(ring[:, 0], -1))
            assert (around > 0) == (number == 0)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_pycocotools_itself_fills_what_was_traced():
    mask = pytest.importorskip("pycocotools.mask")
    cover = np.random.default_rng(5).random((40, 60)) < 0.55
    found = np.zeros(cover.shape, bool)
    for region in trace_regions(cover):
        own = np.zeros(cover.shape, bool)
        for ring in region.rings:
            own ^= mask.decode(mask.frPyObjects([ring.ravel().tolist()], *cover.shape))[..., 0].astype(bool)
        found |= own
    assert np.array_equal(found, cover)


def test_nothing_covered_has_no_outline():
    assert trace_regions(np.zeros((3, 4), bool)) == []
