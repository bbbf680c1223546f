"""The compiled kernel of class grids, a module of its own since it loads numba, which `block_counts` does beside."""

from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from segfeed.system.compiling import keep_compiled

_compile = keep_compiled([Path(__file__)])


@njit(inline="always")
def _count_line(line: Any, block_px: Any, counts: Any) -> None:
    for column in range(len(counts)):
        part = line[column * block_px : (column + 1) * block_px]
        first, differs = part[0], np.uint8(0)
        for label in part:  # most show one label, which vectors find out
            differs |= label ^ first
        if differs:
            for label in part:
                counts[column, label] += 1
        else:
            counts[column, first] += part.size


@_compile
def fill(labels: Any, classes: Any, block_px: Any) -> Any:
    """Do what `count_blocks` does, for uint8 labels."""
    height, width = labels.shape
    counts = np.zeros((-(-width // block_px), 256), np.int64)  # in a row of blocks
    grid, size, block = np.empty((3, 256), np.int64), 0, 0
    for top in range(0, height, block_px):
        counts[:, :classes] = 0
        for line in labels[top : top + block_px]:
            _count_line(line, block_px, counts)
        for found in counts:
            if size + classes > grid.shape[1]:
                grid = np.concatenate((grid, np.empty_like(grid)), axis=1)
            for label in range(classes):
                if found[label]:
                    grid[0, size], grid[1, size], grid[2, size] = block, label, found[label]
                    size += 1
            block += 1
    return grid[:, :size].copy()
