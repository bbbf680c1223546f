"""Compiled kernels: whole batches from mapped or decoded bytes into their slot, without the interpreter's lock.

The same arithmetic as `kernels`, in the same order, without fused multiply-add: the bits are equal. One call fills all
images of a batch, another all labels; each writes every byte of its part of the slot once.
Importing this module loads numba; `kernels` does so beside the first batches.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit


def _compile(function: Callable[..., None]) -> Callable[..., None]:
    try:
        compiled: Callable[..., None] = njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder in which numba could keep its cache
        compiled = njit(nogil=True, error_model="numpy")(function)
    return compiled


# Each of these loops runs over whole slices from 0, the form that LLVM turns into vector instructions.


@njit(inline="always", error_model="numpy")
def _normalise(source: Any, scale: Any, bias: Any, out: Any) -> None:
    for i in range(out.shape[0]):
        out[i] = np.float32(source[i]) * scale[i] + bias[i]


@njit(inline="always", error_model="numpy")
def _normalise_planes(source: Any, scale: Any, bias: Any, red: Any, green: Any, blue: Any) -> None:
    for x in range(red.shape[0]):
        red[x] = np.float32(source[3 * x]) * scale[0] + bias[0]
        green[x] = np.float32(source[3 * x + 1]) * scale[1] + bias[1]
        blue[x] = np.float32(source[3 * x + 2]) * scale[2] + bias[2]


@njit(inline="always", error_model="numpy")
def _look_up(source: Any, values: Any, out: Any) -> None:
    for x in range(out.shape[0] // 3):
        out[3 * x] = values[source[3 * x], 0]
        out[3 * x + 1] = values[source[3 * x + 1], 1]
        out[3 * x + 2] = values[source[3 * x + 2], 2]


@njit(inline="always", error_model="numpy")
def _look_up_planes(source: Any, values: Any, red: Any, green: Any, blue: Any) -> None:
    for x in range(red.shape[0]):
        red[x] = values[source[3 * x], 0]
        green[x] = values[source[3 * x + 1], 1]
        blue[x] = values[source[3 * x + 2], 2]


@njit(inline="always", error_model="numpy")
def _put(source: Any, out: Any) -> None:
    for i in range(out.shape[0]):
        out[i] = source[i]


@njit(inline="always", error_model="numpy")
def _mirror(source: Any, out: Any) -> None:
    pixels = out.shape[0] // 3
    for x in range(pixels):
        place = (pixels - 1 - x) * 3
        out[place] = source[3 * x]
        out[place + 1] = source[3 * x + 1]
        out[place + 2] = source[3 * x + 2]


@njit(inline="always", error_model="numpy")
def _span(row: Any, height: Any, width: Any, lines: Any, columns: Any) -> Any:
    """Find which lines and columns of a crop lie on the image: (first line, last, first column, last), before a flip."""
    if row.sample < 0:
        return 0, 0, 0, 0
    y0 = min(max(-row.top, 0), lines)
    y1 = max(min(height - row.top, lines), y0)
    x0 = min(max(-row.left, 0), columns)
    x1 = max(min(width - row.left, columns), x0)
    return y0, y1, x0, x1


@njit(inline="always", error_model="numpy")
def _line(memory: Any, start: Any, length: Any, flip: Any, mirrored: Any) -> Any:
    """View the bytes of a line of pixels, mirrored into `mirrored` where the crop is flipped."""
    source = memory[start : start + length]
    if flip:
        _mirror(source, mirrored[:length])
        source = mirrored[:length]
    return source


@_compile
def fill_float_last(memory: Any, starts: Any, sizes: Any, rows: Any, affine: Any, padding: Any, out: Any) -> None:
    """Write float32 images (N, H, W * 3); affine is (2, W * 3), scale and bias of each value of a line, padding (W * 3,)."""
    columns = out.shape[2] // 3
    mirrored = np.empty(out.shape[2], np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(out.shape[1]):
            if not y0 <= y < y1 or x1 - x0 < columns:
                _put(padding, out[n, y])
            if y0 <= y < y1:
                start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
                source = _line(memory, start, (x1 - x0) * 3, row.flip, mirrored)
                _normalise(source, affine[0], affine[1], out[n, y, z0 * 3 : z1 * 3])


@_compile
def fill_float_first(memory: Any, starts: Any, sizes: Any, rows: Any, affine: Any, padding: Any, out: Any) -> None:
    """Write float32 images (N, 3, H, W); affine and padding as in `fill_float_last`."""
    columns = out.shape[3]
    mirrored = np.empty(columns * 3, np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[2], columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(out.shape[2]):
            if not y0 <= y < y1 or x1 - x0 < columns:
                for c in range(3):
                    out[n, c, y, :] = padding[c]
            if y0 <= y < y1:
                start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
                source = _line(memory, start, (x1 - x0) * 3, row.flip, mirrored)
                red, green, blue = out[n, 0, y, z0:z1], out[n, 1, y, z0:z1], out[n, 2, y, z0:z1]
                _normalise_planes(source, affine[0], affine[1], red, green, blue)


@_compile
def fill_table_last(memory: Any, starts: Any, sizes: Any, rows: Any, values: Any, padding: Any, out: Any) -> None:
    """Write images (N, H, W * 3) of 16-bit values by a table (256, 3); padding is (W * 3,)."""
    columns = out.shape[2] // 3
    mirrored = np.empty(out.shape[2], np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(out.shape[1]):
            if not y0 <= y < y1 or x1 - x0 < columns:
                _put(padding, out[n, y])
            if y0 <= y < y1:
                start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
                source = _line(memory, start, (x1 - x0) * 3, row.flip, mirrored)
                _look_up(source, values, out[n, y, z0 * 3 : z1 * 3])


@_compile
def fill_table_first(memory: Any, starts: Any, sizes: Any, rows: Any, values: Any, padding: Any, out: Any) -> None:
    """Write images (N, 3, H, W) of 8- or 16-bit values by a table (256, 3); padding is (W * 3,)."""
    columns = out.shape[3]
    mirrored = np.empty(columns * 3, np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[2], columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(out.shape[2]):
            if not y0 <= y < y1 or x1 - x0 < columns:
                for c in range(3):
                    out[n, c, y, :] = padding[c]
            if y0 <= y < y1:
                start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
                source = _line(memory, start, (x1 - x0) * 3, row.flip, mirrored)
                red, green, blue = out[n, 0, y, z0:z1], out[n, 1, y, z0:z1], out[n, 2, y, z0:z1]
                _look_up_planes(source, values, red, green, blue)


@_compile
def fill_bytes(memory: Any, starts: Any, sizes: Any, rows: Any, padding: Any, out: Any) -> None:
    """Write uint8 images (N, H, W * 3); padding is (W * 3,)."""
    columns = out.shape[2] // 3
    mirrored = np.empty(out.shape[2], np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(out.shape[1]):
            if not y0 <= y < y1 or x1 - x0 < columns:
                _put(padding, out[n, y])
            if y0 <= y < y1:
                start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
                source = _line(memory, start, (x1 - x0) * 3, row.flip, mirrored)
                _put(source, out[n, y, z0 * 3 : z1 * 3])


@_compile
def fill_labels(memory: Any, starts: Any, sizes: Any, rows: Any, void_in: Any, void_out: Any, out: Any) -> None:
    """Write labels (N, H, W); `memory` is of the stored dtype, `starts` count its elements."""
    columns = out.shape[2]
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], columns)
        for y in range(out.shape[1]):
            if not y0 <= y < y1 or x1 - x0 < columns:
                out[n, y, :] = void_out
            if y0 <= y < y1:
                start = starts[n] + (row.top + y) * np.int64(sizes[n, 1]) + row.left + x0
                source = memory[start : start + x1 - x0]
                if row.flip:
                    target = out[n, y, columns - x1 : columns - x0]
                    for x in range(source.shape[0]):
                        value = source[source.shape[0] - 1 - x]
                        target[x] = void_out if value == void_in else value
                else:
                    target = out[n, y, x0:x1]
                    for x in range(source.shape[0]):
                        target[x] = void_out if source[x] == void_in else source[x]
