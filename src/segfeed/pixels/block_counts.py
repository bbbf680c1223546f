"""Class grids: how many pixels of which class lie in which block of a mask, by plain NumPy or a compiled kernel.

The kernel takes a third of NumPy's time, and takes and releases the interpreter's lock once a mask, where NumPy does so
twenty times: threads that make a pack wait less for each other. Loading it takes half a second, so it pays for many
masks alone, and is done beside the first of them.
"""

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.pixels.lookup import Labels
from segfeed.system.work import Kernels, load_beside

_ENOUGH = 1000  # masks for which the kernel is loaded

_KERNELS = Kernels("segfeed.pixels.block_kernel", "counts classes, as exactly")


def count_blocks(labels: Labels, classes: int, block_px: int) -> npt.NDArray[np.int64]:
    """Count the pixels of each class in each block of a mask.

    Args:
        labels: (H, W), class ids and void.
        classes: how many there are; void is not counted.
        block_px: height and width of a block; those at the right and the bottom may be smaller.

    Returns:
        grid: int64 (3, M): block (in rows from the top), class and count, by block and class; no count is 0.

    >>> count_blocks(np.array([[0, 1, 1], [0, 255, 1]], np.uint8), 2, 2).T.tolist()
    [[0, 0, 2], [0, 1, 1], [1, 1, 2]]
    """
    if labels.dtype == np.uint8 and (module := _KERNELS.module) is not None:
        grid: npt.NDArray[np.int64] = module.fill(np.require(labels, requirements=["C", "W"]), classes, block_px)
        return grid
    return _count_plainly(labels, classes, block_px)


def expect(masks: int) -> None:
    """Load the compiled kernel beside, if as many masks are to be counted as it pays for."""
    if masks >= _ENOUGH and _KERNELS.module is None and not _KERNELS.broken:
        load_beside(load_compiled)


def load_compiled() -> bool:
    """Load the compiled kernel, so that it serves from then on.

    Returns:
        loaded: False if numba is not installed, or its code cannot be trusted.
    """
    return _KERNELS.load(_compare)


def _compare(module: ModuleType) -> None:
    """Count a mask of edges, void and whole blocks by both ways."""
    labels = (np.add.outer(np.arange(70), np.arange(90)) // 23 % 7).astype(np.uint8)
    labels[labels == 6] = 255
    labels[:40, :40] = 3
    if not np.array_equal(module.fill(labels, 5, 32), _count_plainly(labels, 5, 32)):
        raise ArithmeticError("its code gives other counts")


def _count_plainly(labels: Labels, classes: int, block_px: int) -> npt.NDArray[np.int64]:
    height, width = labels.shape
    down, across = -(-height // block_px), -(-width // block_px)
    void = labels.dtype.type(np.iinfo(labels.dtype).max)
    padded = np.full((down, block_px, across, block_px), void, labels.dtype)
    padded.reshape(down * block_px, across * block_px)[:height, :width] = labels
    blocks = np.ascontiguousarray(padded.swapaxes(1, 2)).reshape(down * across, block_px**2)
    numbers, label, found = np.arange(len(blocks)), blocks.min(axis=1, initial=void), [np.zeros((3, 0), np.int64)]
    # All blocks at once: count the least label of each, then the next greater one, until only void is left. Most blocks
    # hold one or two labels, and whole lines are compared at once, where counting pixel by pixel takes twice as long.
    while len(left := np.flatnonzero(label < classes)):
        if len(left) < len(label):
            numbers, label, blocks = numbers[left], label[left], blocks[left]
        found.append(np.stack([numbers, label, _count_true(blocks == label[:, None])]))
        after = label + label.dtype.type(1)  # smaller labels wrap around, beyond void
        label = after + np.minimum((blocks - after[:, None]).min(axis=1), void - after)
    grid = np.concatenate(found, axis=1)
    return grid[:, np.lexsort(grid[1::-1])]


def _count_true(cells: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Count along the last axis: eight counts side by side in a word if they fit into its bytes."""
    if cells.shape[1] % 8 == 0 and cells.shape[1] <= 8 * 255:
        cells = cells.view(np.uint64).sum(axis=1).view(np.uint8).reshape(len(cells), 8)
    counts: npt.NDArray[np.int64] = cells.sum(axis=1, dtype=np.int64)
    return counts
