"""The compiled kernel: whole batches from mapped or decoded bytes into their slot, without the interpreter's lock.

Each line of a crop passes three stages. It is *fetched*: a pointer into the stored bytes, a mirrored copy, or blended
out of several lines. It is *coloured*, and rounded to bytes again; of mirrored labels, left and right are swapped. It
is *stored*: normalised, in the batch's layout and dtype, past the caches. Each stage is written once, and numba
specialises it by the types of its arguments: `out` is (N, H, W * 3), (N, 3, H, W) or, for labels, (N, H, W); `rule`
says how values are converted (see `streaming`). `copy` serves plans whose rows need no more than that; `fill`, which
takes up to five times as long to compile, serves the others.

The bits are those of plain NumPy (`filling`): the same arithmetic in the same order, without fused multiply-add.
Importing this module loads numba; `filling` does so beside the first batches.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload

from segfeed.batches.kernels.colouring import colour_line, floats_of, lay_floats, widen_line
from segfeed.batches.kernels.fetching import scale_line, tabulate_lines, tabulate_pixels
from segfeed.batches.kernels.streaming import fetch_line, order_stores, pointer_to, store_line, swap_sides
from segfeed.batches.kernels.turning import turn_line
from segfeed.batches.kernels.vectors import SPARE, take_whole_vectors
from segfeed.plans import sampling
from segfeed.plans.colour import changes_colour
from segfeed.plans.sampling import reach, scaled_size, span, sums, turn
from segfeed.system.compiling import keep_compiled

_HERE, _PLANS = Path(__file__).parent, Path(sampling.__file__).parent
_compile = keep_compiled([*sorted(_HERE.glob("*.py")), *(_PLANS / f"{n}.py" for n in ("colour", "rows", "sampling"))])


def _planes(out: Any, n: Any) -> Any:
    """Return the addresses of crop n's planes, as `store_line` takes them."""


@overload(_planes)
def _planes_by_layout(out: Any, n: Any) -> Any:
    def one(out: Any, n: Any) -> Any:
        return (pointer_to(out, n * out.shape[1] * out.shape[2]),)

    def three(out: Any, n: Any) -> Any:
        size = out.shape[2] * out.shape[3]
        return pointer_to(out, 3 * n * size), pointer_to(out, (3 * n + 1) * size), pointer_to(out, (3 * n + 2) * size)

    return three if out.ndim == 4 else one


@njit(error_model="numpy")
def _need_more(rows: Any, sizes: Any, scales: Any, turns: Any, colours: Any) -> Any:
    """Check whether a row needs a stage that is None, here, because each look by NumPy takes microseconds."""
    for n in range(rows.shape[0]):
        row, height, width = rows[n], np.int64(sizes[n, 0]), np.int64(sizes[n, 1])
        if row.sample < 0:
            continue
        if scales is None and scaled_size(row, height, width) != (height, width):
            return True
        if turns is None and row.angle % 65536 != 0:
            return True
        if colours is None and changes_colour(row):
            return True
    return False


@_compile
def copy(stored: Any, rows: Any, rule: Any, outside: Any, scratch: Any, sides: Any, out: Any) -> Any:
    """Write rows that are neither scaled nor turned nor coloured, as `fill` would."""
    memory, starts, sizes = stored
    if scratch.ndim == 2 and _need_more(rows, sizes, None, None, None):
        return False  # nor are labels filled then, which come second
    lines, columns = out.shape[-2], scratch.shape[0]
    channels, padding = scratch.size // columns, pointer_to(outside, 0)
    for n in range(rows.shape[0]):
        row, planes = rows[n], _planes(out, n)
        height, width = (np.int64(sizes[n, 0]), np.int64(sizes[n, 1])) if row.sample >= 0 else (0, 0)
        y0, y1 = span(np.int64(row.top), lines, height)
        x0, x1 = span(np.int64(row.left), columns, width)
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
                start = starts[n] + ((row.top + y) * width + row.left + x0) * channels
                line = fetch_line(memory, start, count, row.flip, scratch)
                swap_sides(line, count, row.flip, sides)
                store_line(planes, (place + before) * step, line, count * step, rule)
    order_stores()
    return True


@_compile
def fill(
    stored: Any,
    rows: Any,
    rule: Any,
    outside: Any,
    scratch: Any,
    sides: Any,
    scales: Any,
    turns: Any,
    colours: Any,
    out: Any,
) -> Any:
    """Write the images, or the labels, of some rows; every byte of `out` is written once.

    numba drops a branch unseen if it depends on whether an argument is None: what no row needs isn't compiled.

    Args:
        stored: memory, starts and sizes: pixels, uint8, or labels, uint8 or uint16; int64 (N,), where each row's pair
            starts there; int32 (N, 2), each row's (height, width) in px.
        rows: (N,) of dtype `ROW`.
        rule: how stored values become those of `out`; see `streaming`.
        outside: a line of what lies outside the image, of `out`'s dtype: (W * 3,), or (W,) for labels.
        scratch: memory for a line of stored pixels, (W, 3), or (W,) for labels.
        sides: what each stored label becomes in mirrored rows, of the stored dtype; None if it stays, and for images.
        scales: True if rows may be scaled, else None.
        turns: True if rows may be turned, else None.
        colours: True if rows may change colours, else None, as for labels.
        out: (N, H, W * 3), (N, 3, H, W) or (N, H, W), contiguous.

    Returns:
        filled: False if pixels of a row need a stage that is None; nothing is written then.
    """
    take_whole_vectors()
    memory, starts, sizes = stored
    if scratch.ndim == 2 and _need_more(rows, sizes, scales, turns, colours):
        return False
    for n in range(rows.shape[0]):
        row, columns = rows[n], scratch.shape[0]
        height, width = np.int64(sizes[n, 0]), np.int64(sizes[n, 1])
        if row.sample < 0:
            height, width = np.int64(0), np.int64(0)
        is_turned, points = False, ((0, 0, 0), (0, 0, 0))
        if turns is not None:
            is_turned = bool(row.angle % 65536 != 0 and height > 0)
            if is_turned:
                points = turn(row, height, width)
        if scales is None:
            taken, is_scaled = (height, width), False
        else:
            taken = scaled_size(row, height, width) if height > 0 else (height, width)
            is_scaled = not is_turned and (taken[0] != height or taken[1] != width)
        inside = span(np.int64(row.top), out.shape[-2], taken[0]), span(np.int64(row.left), columns, taken[1])
        if scales is None:
            tables = None
        else:
            down = _axis(row.top, height, taken[0], inside[0], is_scaled, False)
            across = _axis(row.left, width, taken[1], inside[1], is_scaled, row.flip)
            tables = tabulate_lines(scratch, down, row.antialias), tabulate_pixels(scratch, across, row.antialias)
        is_coloured = False if colours is None else changes_colour(row)
        size = 9 * columns + 3 * width + 4 * SPARE if is_coloured or is_scaled or is_turned else 0
        floats = lay_floats(scratch, scales, turns, colours, size)
        ways = is_scaled, is_turned, is_coloured, taken[0] > height
        image = memory, starts[n], height, width
        _fill_row(
            image,
            row,
            ways,
            inside,
            tables,
            points,
            (scratch, floats),
            (rule, outside, sides),
            scales,
            turns,
            colours,
            out,
            n,
        )
    order_stores()
    return True


@njit(error_model="numpy")
def _axis(start: Any, n: Any, m: Any, inside: Any, is_scaled: Any, flip: Any) -> Any:
    """Return an axis as `tabulate` takes it; one without pixels if nothing is to be tabulated."""
    first, end = inside
    if not is_scaled:
        return 1, 1, 0, 0, 1
    return (n, m, start + end - 1, end - first, -1) if flip else (n, m, start + first, end - first, 1)


@njit(error_model="numpy")
def _fill_row(
    image: Any,
    row: Any,
    ways: Any,
    inside: Any,
    tables: Any,
    points: Any,
    buffers: Any,
    stores: Any,
    scales: Any,
    turns: Any,
    colours: Any,
    out: Any,
    n: Any,
) -> None:
    take_whole_vectors()
    memory, start, height, width = image
    is_scaled, is_turned, is_coloured, grows = ways
    (y0, y1), (x0, x1) = inside
    (scratch, floats), (rule, outside, sides) = buffers, stores
    lines, columns, padding, planes = out.shape[-2], scratch.shape[0], pointer_to(outside, 0), _planes(out, n)
    channels = scratch.size // columns
    target, values = pointer_to(scratch, 0), floats_of(scratch, floats)
    fresh, previous = np.int64(1), np.int64(-2)
    # The caller holds the tables and buffers while their addresses are read.
    if scales is not None:
        (lines_read, line_weights), (pixels_read, pixel_weights) = tables
        first_lines, line_taps = pointer_to(lines_read, 0), line_weights.shape[1]
        across = pointer_to(pixels_read, 0), pointer_to(pixel_weights, 0), pixel_weights.shape[1]
    if turns is not None:
        many = sums(row, height, width) if is_turned else 1

    left = columns - x1 if row.flip else x0
    step = channels // len(planes)  # values of a pixel that lie side by side in a plane
    for y in range(lines):
        # In this loop, too, arrays go to intrinsics only.
        before, count = (left, x1 - x0) if y0 <= y < y1 else (columns, 0)
        if turns is not None:
            if is_turned:
                before, count = _cross(points, y, height, width, columns)
        place, end = y * columns, before + count
        if count < columns:
            store_line(planes, place * step, padding, before * step, None)
            store_line(planes, (place + end) * step, padding, (columns - end) * step, None)
        if count > 0:
            line = target
            if turns is not None:
                if is_turned:
                    down, beside, photo = (
                        _run(points[0], y, before),
                        _run(points[1], y, before),
                        pointer_to(memory, start),
                    )
                    turn_line(target, values, photo, (height, width), down, beside, count, many)
            if scales is not None:
                if is_scaled:
                    first = first_lines[y - y0]
                    fresh, previous = min(first - previous, np.int64(2)), first
                    source = pointer_to(memory, start + first * width * channels)
                    weights = pointer_to(line_weights, (y - y0) * line_taps)
                    how = first, fresh, weights, line_taps, grows, not is_coloured
                    scale_line(target, values, source, width, how, across, count)
            if not (is_turned or is_scaled):
                at = start + ((row.top + y) * width + row.left + x0) * channels
                line = fetch_line(memory, at, count, row.flip, scratch)
                if colours is not None:
                    if is_coloured:
                        widen_line(values, line, count)
            if is_turned or is_coloured or (is_scaled and not grows):
                line = target
                colour_line(colours, target, values, row, count)
            # A line of labels that is kept from the line before is swapped already.
            swap_sides(line, count, row.flip and fresh > 0, sides)
            store_line(planes, (place + before) * step, line, count * step, rule)


@njit(error_model="numpy")
def _cross(points: Any, y: Any, height: Any, width: Any, columns: Any) -> Any:
    """Find which pixels of a line of a turned crop lie on the photo: (first, count)."""
    (down, down_line, down_pixel), (across, across_line, across_pixel) = points
    first, end = reach(down + y * down_line, down_pixel, height, columns)
    other, last = reach(across + y * across_line, across_pixel, width, columns)
    first = max(first, other)
    return first, max(min(end, last) - first, 0)


@njit(error_model="numpy")
def _run(points: Any, y: Any, x: Any) -> Any:
    """Return points as seen from pixel x of line y on."""
    point, line, pixel = points
    return point + y * line + x * pixel, line, pixel


def keep_nothing() -> None:
    """Compile anew, in memory only, from here on: what is kept on disk is damaged, or cannot be kept."""
    global copy, fill  # the names under which the kernels are called
    copy, fill = (njit(nogil=True, error_model="numpy")(kernel.py_func) for kernel in (copy, fill))
