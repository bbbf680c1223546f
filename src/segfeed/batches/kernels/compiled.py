"""The compiled kernel: whole batches from mapped or decoded bytes into their slot, without the interpreter's lock.

Each line of a crop passes three stages. It is *fetched*: a pointer into the stored bytes, or a mirrored copy. It is
*coloured*: of mirrored labels, left and right are swapped; nothing else today. It is *stored*: normalised, in the
batch's layout and dtype, past the caches. Each stage is written once, and numba specialises it by the types of its
arguments: `out` is (N, H, W * 3), (N, 3, H, W) or, for labels, (N, H, W); `rule` says how values are converted (see
`streaming`).

The bits are those of plain NumPy (`filling`): the same arithmetic in the same order, without fused multiply-add.
Importing this module loads numba; `filling` does so beside the first batches.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import njit
from numba.extending import overload

from segfeed.batches.kernels.streaming import fetch_line, order_stores, pointer_to, store_line, swap_sides
from segfeed.system.storage import own_folder, user_cache

# numba keeps a compiled kernel by the name and date of this file alone, but it holds the code of its neighbours, too.
_SOURCES = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))


def _compile(function: Callable[..., None]) -> Callable[..., None]:
    function.__qualname__ += f"_{_SOURCES.hexdigest()[:12]}"
    kept = numba.config.CACHE_DIR
    try:
        # What numba keeps is pickled code, which it runs: never in a cache that others may write.
        numba.config.CACHE_DIR = str(own_folder(kept or user_cache() / "kernels"))
        compiled: Callable[..., None] = njit(nogil=True, cache=True, error_model="numpy")(function)
    except (RuntimeError, OSError):  # no folder in which numba could keep its cache
        compiled = njit(nogil=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = kept
    return compiled


@njit(inline="always", error_model="numpy")
def _span(row: Any, height: Any, width: Any, lines: Any, columns: Any) -> Any:
    """Find which lines and columns of a crop lie on the image: (first line, end, first column, end), before a flip."""
    if row.sample < 0:
        return 0, 0, 0, 0
    y0 = min(max(-row.top, 0), lines)
    y1 = max(min(height - row.top, lines), y0)
    x0 = min(max(-row.left, 0), columns)
    x1 = max(min(width - row.left, columns), x0)
    return y0, y1, x0, x1


def _planes(out: Any, n: Any) -> Any:
    """Return the addresses of crop n's planes, as `store_line` takes them."""


@overload(_planes)
def _planes_by_layout(out: Any, n: Any) -> Any:  # noqa: ARG001 - the signature of `_planes`
    def one(out: Any, n: Any) -> Any:
        return (pointer_to(out, n * out.shape[1] * out.shape[2]),)

    def three(out: Any, n: Any) -> Any:
        size = out.shape[2] * out.shape[3]
        return pointer_to(out, 3 * n * size), pointer_to(out, (3 * n + 1) * size), pointer_to(out, (3 * n + 2) * size)

    return three if out.ndim == 4 else one


@_compile
def fill(stored: Any, rows: Any, rule: Any, outside: Any, scratch: Any, sides: Any, out: Any) -> None:
    """Write the images, or the labels, of some rows; every byte of `out` is written once.

    Args:
        stored: memory, starts and sizes: pixels, uint8, or labels, uint8 or uint16; int64 (N,), where each row's pair
            starts there; int32 (N, 2), each row's (height, width) in px.
        rows: (N,) of dtype `ROW`.
        rule: how stored values become those of `out`; see `streaming`.
        outside: a line of what lies outside the image, of `out`'s dtype: (W * 3,), or (W,) for labels.
        scratch: memory for a line of stored pixels, (W, 3), or (W,) for labels.
        sides: what each stored label becomes in mirrored rows, of the stored dtype; None if it stays, and for images.
        out: (N, H, W * 3), (N, 3, H, W) or (N, H, W), contiguous.
    """
    memory, starts, sizes = stored
    lines, columns = out.shape[-2], scratch.shape[0]
    channels, padding = scratch.size // columns, pointer_to(outside, 0)
    for n in range(rows.shape[0]):
        row, planes = rows[n], _planes(out, n)
        y0, y1, x0, x1 = _span(row, sizes[n, 0], sizes[n, 1], lines, columns)
        left = columns - x1 if row.flip else x0
        step = channels // len(planes)  # values of a pixel that lie side by side in a plane
        for y in range(lines):
            # In this loop, arrays go to intrinsics only. An inlined function would count its references to them by
            # locked instructions, which wait for the streamed stores: a line would take up to three times as long.
            before, count = (left, x1 - x0) if y0 <= y < y1 else (columns, 0)
            place, end = y * columns, before + count
            if count < columns:
                store_line(planes, place * step, padding, before * step, None)
                store_line(planes, (place + end) * step, padding, (columns - end) * step, None)
            if count > 0:
                start = starts[n] + ((row.top + y) * np.int64(sizes[n, 1]) + row.left + x0) * channels
                line = fetch_line(memory, start, count, row.flip, scratch)
                # Second stage: a line of stored pixels is coloured here, before it is normalised.
                swap_sides(line, count, row.flip, sides)
                store_line(planes, (place + before) * step, line, count * step, rule)
    order_stores()


def keep_nothing() -> None:
    """Compile anew, in memory only, from here on: what is kept on disk is damaged, or cannot be kept."""
    global fill  # noqa: PLW0603 - the one name under which the kernel is called
    fill = njit(nogil=True, error_model="numpy")(fill.py_func)  # type: ignore[attr-defined]  # numba's dispatcher
