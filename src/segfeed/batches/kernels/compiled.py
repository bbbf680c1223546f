"""Compiled kernels: whole batches from mapped or decoded bytes into their slot, without the interpreter's lock.

Lines go to memory past the caches where their addresses allow it. The same arithmetic as `kernels`, in the same order, without fused multiply-add: the bits are equal. One call fills all
images of a batch, another all labels; each writes every byte of its part of the slot once.
Importing this module loads numba; `kernels` does so beside the first batches.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from segfeed.batches.kernels import streaming
from segfeed.batches.kernels.streaming import (
    mirror_labels,
    mirror_pixels,
    settle,
    stream_bytes,
    stream_floats,
    stream_labels,
    stream_planes,
)

# numba keeps compiled kernels by the name and the date of this file alone, but they hold the code of `streaming`, too.
_STREAMING = hashlib.sha256(Path(streaming.__file__).read_bytes()).hexdigest()[:12]


def _compile(function: Callable[..., None]) -> Callable[..., None]:
    function.__qualname__ += f"_{_STREAMING}"
    try:
        compiled: Callable[..., None] = njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder in which numba could keep its cache
        compiled = njit(nogil=True, error_model="numpy")(function)
    return compiled


@njit(inline="always", error_model="numpy")
def _pad(padding: Any, out: Any, place: Any, first: Any, last: Any, length: Any) -> None:
    """Write padding before `first` and from `last` on."""
    for i in range(first):
        out[place + i] = padding[i]
    for i in range(last, length):
        out[place + i] = padding[i]


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


@_compile
def fill_float_last(memory: Any, starts: Any, sizes: Any, rows: Any, affine: Any, padding: Any, out: Any) -> None:
    """Write float32 images (N, H, W * 3); affine is (2, W * 3), scale and bias of each value of a line, padding (W * 3,)."""
    flat, length = out.reshape(-1), out.shape[2]
    mirrored = np.empty(length, np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], length // 3)
        z0, z1 = (length // 3 - x1, length // 3 - x0) if row.flip else (x0, x1)
        for y in range(out.shape[1]):
            place = (n * out.shape[1] + y) * length
            if not y0 <= y < y1 or x0 == x1:
                _pad(padding, flat, place, length, length, length)
                continue
            if x1 - x0 < length // 3:
                _pad(padding, flat, place, z0 * 3, z1 * 3, length)
            start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
            if row.flip:
                mirror_pixels(mirrored, memory, start, x1 - x0)
                stream_floats(flat, place + z0 * 3, mirrored, 0, affine, (x1 - x0) * 3)
            else:
                stream_floats(flat, place + z0 * 3, memory, start, affine, (x1 - x0) * 3)
    settle()


@_compile
def fill_float_first(memory: Any, starts: Any, sizes: Any, rows: Any, affine: Any, padding: Any, out: Any) -> None:
    """Write float32 images (N, 3, H, W); affine and padding as in `fill_float_last`."""
    flat, lines, columns = out.reshape(-1), out.shape[2], out.shape[3]
    mirrored = np.empty(columns * 3, np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], lines, columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(lines):
            inside = y0 <= y < y1 and x0 < x1
            if not inside or x1 - x0 < columns:
                for c in range(3):
                    out[n, c, y, : z0 if inside else columns] = padding[c]
                    out[n, c, y, z1:] = padding[c]
            if not inside:
                continue
            start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
            place = (n * 3 * lines + y) * columns + z0
            places = (place, place + lines * columns, place + 2 * lines * columns)
            if row.flip:
                mirror_pixels(mirrored, memory, start, x1 - x0)
                stream_planes(flat, places, mirrored, 0, affine, x1 - x0)
            else:
                stream_planes(flat, places, memory, start, affine, x1 - x0)
    settle()


@njit(inline="always", error_model="numpy")
def _look_up(source: Any, start: Any, values: Any, out: Any, place: Any, count: Any) -> None:
    for i in range(count):
        out[place + i] = values[source[start + i], i % 3]


@njit(inline="always", error_model="numpy")
def _look_up_planes(source: Any, start: Any, values: Any, out: Any, places: Any, count: Any) -> None:
    for x in range(count):
        out[places[0] + x] = values[source[start + 3 * x], 0]
        out[places[1] + x] = values[source[start + 3 * x + 1], 1]
        out[places[2] + x] = values[source[start + 3 * x + 2], 2]


@_compile
def fill_table_last(memory: Any, starts: Any, sizes: Any, rows: Any, values: Any, padding: Any, out: Any) -> None:
    """Write images (N, H, W * 3) of 16-bit values by a table (256, 3); padding is (W * 3,)."""
    flat, length = out.reshape(-1), out.shape[2]
    mirrored = np.empty(length, np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], length // 3)
        z0, z1 = (length // 3 - x1, length // 3 - x0) if row.flip else (x0, x1)
        for y in range(out.shape[1]):
            place = (n * out.shape[1] + y) * length
            if not y0 <= y < y1 or x0 == x1:
                _pad(padding, flat, place, length, length, length)
                continue
            if x1 - x0 < length // 3:
                _pad(padding, flat, place, z0 * 3, z1 * 3, length)
            start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
            if row.flip:
                mirror_pixels(mirrored, memory, start, x1 - x0)
                _look_up(mirrored, 0, values, flat, place + z0 * 3, (x1 - x0) * 3)
            else:
                _look_up(memory, start, values, flat, place + z0 * 3, (x1 - x0) * 3)


@_compile
def fill_table_first(memory: Any, starts: Any, sizes: Any, rows: Any, values: Any, padding: Any, out: Any) -> None:
    """Write images (N, 3, H, W) of 8- or 16-bit values by a table (256, 3); padding is (W * 3,)."""
    flat, lines, columns = out.reshape(-1), out.shape[2], out.shape[3]
    mirrored = np.empty(columns * 3, np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], lines, columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(lines):
            inside = y0 <= y < y1 and x0 < x1
            if not inside or x1 - x0 < columns:
                for c in range(3):
                    out[n, c, y, : z0 if inside else columns] = padding[c]
                    out[n, c, y, z1:] = padding[c]
            if not inside:
                continue
            start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
            place = (n * 3 * lines + y) * columns + z0
            places = (place, place + lines * columns, place + 2 * lines * columns)
            if row.flip:
                mirror_pixels(mirrored, memory, start, x1 - x0)
                _look_up_planes(mirrored, 0, values, flat, places, x1 - x0)
            else:
                _look_up_planes(memory, start, values, flat, places, x1 - x0)


@_compile
def fill_bytes(memory: Any, starts: Any, sizes: Any, rows: Any, padding: Any, out: Any) -> None:
    """Write uint8 images (N, H, W * 3); padding is (W * 3,)."""
    flat, length = out.reshape(-1), out.shape[2]
    mirrored = np.empty(length, np.uint8)
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], length // 3)
        z0, z1 = (length // 3 - x1, length // 3 - x0) if row.flip else (x0, x1)
        for y in range(out.shape[1]):
            place = (n * out.shape[1] + y) * length
            if not y0 <= y < y1 or x0 == x1:
                _pad(padding, flat, place, length, length, length)
                continue
            if x1 - x0 < length // 3:
                _pad(padding, flat, place, z0 * 3, z1 * 3, length)
            start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * 3
            if row.flip:
                mirror_pixels(mirrored, memory, start, x1 - x0)
                stream_bytes(flat, place + z0 * 3, mirrored, 0, (x1 - x0) * 3)
            else:
                stream_bytes(flat, place + z0 * 3, memory, start, (x1 - x0) * 3)
    settle()


@_compile
def fill_labels(memory: Any, starts: Any, sizes: Any, rows: Any, voids: Any, mirrored: Any, out: Any) -> None:
    """Write labels (N, H, W); voids are void as stored and as handed over, `mirrored` a line of the stored dtype."""
    flat, columns = out.reshape(-1), out.shape[2]
    for n in range(rows.shape[0]):
        row = rows[n]
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], out.shape[1], columns)
        z0, z1 = (columns - x1, columns - x0) if row.flip else (x0, x1)
        for y in range(out.shape[1]):
            inside = y0 <= y < y1 and x0 < x1
            if not inside or x1 - x0 < columns:
                out[n, y, : z0 if inside else columns] = voids[1]
                out[n, y, z1:] = voids[1]
            if not inside:
                continue
            start = starts[n] + (row.top + y) * np.int64(sizes[n, 1]) + row.left + x0
            place = (n * out.shape[1] + y) * columns + z0
            if row.flip:
                mirror_labels(mirrored, memory, start, x1 - x0)
                stream_labels(flat, place, mirrored, 0, voids, x1 - x0)
            else:
                stream_labels(flat, place, memory, start, voids, x1 - x0)
    settle()


_KERNELS = ("fill_float_last", "fill_float_first", "fill_table_last", "fill_table_first", "fill_bytes", "fill_labels")


def keep_nothing() -> None:
    """Compile anew, in memory only, from here on: what is kept on disk is damaged, or cannot be kept."""
    for name in _KERNELS:
        globals()[name] = njit(nogil=True, error_model="numpy")(globals()[name].py_func)
