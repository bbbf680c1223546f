"""Sampling: which point of a photo each pixel of a crop shows, and the plain way to take pixels and labels from there.

The centre of an output pixel goes through flip, turn, window and scale to one point of the photo. The label is that of
the pixel that contains the point; a point on an edge belongs to the pixel to its right or below. The image is filtered
around the same point.

Without a turn, all of it is arithmetic of integers: pixel X of a photo scaled from n to m px lies at (2 X + 1) n / 2 m,
and the filter is a triangle around this point, 2 px wide, or 2 n / m px if it averages all pixels that are shrunk into
one. Weights are whole numbers until they are divided by their sum. With a turn, points are whole numbers of 2^-24 px,
and the filter is bilinear; if it averages, the mean of k x k points spread over the pixel, k = n / m rounded.

The functions before `sample` run in compiled code, too: whatever they do to bits, both paths share.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segfeed.plans.colour import at_least, at_most

FRACTION_BITS = 24
"""Turned points are whole numbers of 2^-24 px: an error of 1/10,000 px across 4000 px."""
_ONE = 1 << FRACTION_BITS


def scaled_size(row: Any, height: Any, width: Any) -> Any:
    """Return the (height, width) in px at which a photo of this size is taken."""
    tall, wide = np.int64(row["scaled_height"]), np.int64(row["scaled_width"])
    return tall if tall > 0 else np.int64(height), wide if wide > 0 else np.int64(width)


def span(start: Any, count: Any, size: Any) -> Any:
    """Find which of `count` pixels from `start` on lie in 0..size: (first, end), counted from `start`."""
    first = min(max(-start, 0), count)
    return first, max(min(size - start, count), first)


def locate(n: Any, m: Any, start: Any, count: Any, step: Any) -> Any:
    """Find the pixels of an axis of n px that contain the centres of pixels of the same axis scaled to m px.

    Returns:
        int64 (count,), for the scaled pixels start, start + step, ...
    """
    return (2 * (start + step * np.arange(count)) + 1) * n // (2 * m)


def triangle(n: Any, m: Any, antialias: Any) -> Any:
    """Return half the width of the filter, in units of 1 / m px, and how many pixels it may touch."""
    radius = max(n, m) if antialias else m
    return radius, min(n, -(-2 * radius // m))


def first_touched(centre: Any, n: Any, m: Any, radius: Any, taps: Any) -> Any:
    """Return the first pixel that a filter around a centre, in units of 1 / 2 m px, touches."""
    return at_most(at_least((centre - 2 * radius - m) // (2 * m) + 1, 0), n - taps)


def share_of(pixel: Any, centre: Any, m: Any, radius: Any) -> Any:
    """Return the share of a pixel in the filter around a centre, in whole numbers."""
    return at_least(2 * radius - abs((2 * pixel + 1) * m - centre), 0)


def weigh(n: int, m: int, start: int, count: int, step: int, antialias: Any) -> tuple[npt.NDArray[Any], ...]:
    """Weigh the pixels of an axis of n px for each pixel of the same axis scaled to m px.

    Returns:
        first: int64 (count,), the first pixel with a weight, for the scaled pixels start, start + step, ...
        weights: float32 (count, taps), those of pixels first, first + 1, ...; for each scaled pixel, their sum is 1.
    """
    radius, taps = triangle(n, m, antialias)
    centre = ((2 * (start + step * np.arange(count)) + 1) * n)[:, None]
    first = first_touched(centre, n, m, radius, taps)
    shares = share_of(first + np.arange(taps), centre, m, radius)
    return first[:, 0], (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def sine_cosine(angle: Any) -> Any:
    """Return the sine and cosine of an angle in units of 2^-16 turns, by + - * alone: alike on every machine.

    The error is below 2^-50; multiples of a quarter of a turn are exact. Source: Taylor's series around 0.

    >>> sine_cosine(3 << 14)
    (-1.0, 0.0)
    """
    quarters = (angle + (1 << 13)) >> 14
    x = (angle - (quarters << 14)) * (1.5707963267948966 / 16384)  # at most an eighth of a turn
    z = x * x
    sine, cosine = 1.0, 1.0
    for n in range(8, 0, -1):
        sine = 1.0 - z * sine / (2 * n * (2 * n + 1))
        cosine = 1.0 - z * cosine / (2 * n * (2 * n - 1))
    sine *= x
    if quarters & 1:
        sine, cosine = cosine, -sine
    return (-sine, -cosine) if quarters & 2 else (sine, cosine)


def turn(row: Any, height: Any, width: Any) -> Any:
    """Find the points that a turned window shows of a photo of this size (px).

    Returns:
        In units of 2^-24 px of the photo: the y of the crop's first pixel, what each line adds to y, what each pixel
        adds to y; the same for x.
    """
    tall, wide = scaled_size(row, height, width)
    lines, columns = np.int64(row["height"]), np.int64(row["width"])
    sine, cosine = sine_cosine(np.int64(row["angle"]))
    if row["flip"]:
        across_y, across_x = -sine, -cosine
    else:
        across_y, across_x = sine, cosine
    y = _point(np.int64(row["top"]), lines, height, tall, (lines, cosine), (columns, across_y))
    x = _point(np.int64(row["left"]), columns, width, wide, (lines, -sine), (columns, across_x))
    return y, x


def _point(start: Any, length: Any, n: Any, m: Any, by_line: Any, by_pixel: Any) -> Any:
    centre = (2 * start + length) * n  # of the window, in units of 1 / 2 m px
    point = ((centre // m) << (FRACTION_BITS - 1)) + ((centre % m) << (FRACTION_BITS - 1)) // m
    half = n / m * (_ONE // 2)  # what half a scaled pixel is of the photo
    line, pixel = np.int64(np.floor(by_line[1] * half + 0.5)), np.int64(np.floor(by_pixel[1] * half + 0.5))
    return point + (1 - by_line[0]) * line + (1 - by_pixel[0]) * pixel, 2 * line, 2 * pixel


def corners(row: Any, height: int, width: int) -> npt.NDArray[np.float64]:
    """Find where on a photo of this size (px) the corners of a row's window lie.

    Returns:
        float64 (4, 2): y and x in px of the photo, 0 at its upper and left edge, of the crop's upper left, upper right,
        lower right and lower left corner.

    >>> row = {"scaled_height": 8, "scaled_width": 8, "top": 2, "left": 0, "height": 4, "width": 8, "angle": 0}
    >>> corners(row | {"flip": False}, 4, 4).tolist()
    [[1.0, 0.0], [1.0, 4.0], [3.0, 4.0], [3.0, 0.0]]
    """
    lines, columns = int(row["height"]), int(row["width"])
    down, across = np.array([0, 0, lines, lines]) - 0.5, np.array([0, columns, columns, 0]) - 0.5
    places = [start + down * by_line + across * by_pixel for start, by_line, by_pixel in turn(row, height, width)]
    return np.stack(places, axis=1) / _ONE


def sums(row: Any, height: Any, width: Any) -> Any:
    """Return on how many points an axis the mean of a pixel of a turned window is taken."""
    tall, wide = scaled_size(row, height, width)
    return max((2 * height + tall) // (2 * tall), (2 * width + wide) // (2 * wide), 1) if row["antialias"] else 1


def reach(point: Any, step: Any, size: Any, count: Any) -> Any:
    """Find for which i in 0..count the point + i * step lies in 0..size px: (first, end)."""
    limit = size << FRACTION_BITS
    if step > 0:
        first, end = -(point // step), -((point - limit) // step)
    elif step < 0:
        first, end = (point - limit) // -step + 1, point // -step + 1
    else:
        first, end = 0, count if 0 <= point < limit else 0
    first = min(max(first, 0), count)
    return first, max(min(end, count), first)


def touched(row: Any, height: int, width: int) -> tuple[slice, slice]:
    """Find the lines and columns of a photo that a row's crop is made of; of a turned row, a few more.

    >>> row = {"scaled_height": 8, "scaled_width": 8, "top": 2, "left": 0, "height": 2, "width": 2, "angle": 0}
    >>> touched(row | {"antialias": False}, 4, 4)
    (slice(0, 3, None), slice(0, 2, None))
    """
    if row["angle"] % (1 << 16):
        spans = []
        for (point, line, pixel), size in zip(turn(row, height, width), (height, width), strict=True):
            lines, columns = line * (int(row["height"]) - 1), pixel * (int(row["width"]) - 1)
            ends = [point + across + down for down in (0, lines) for across in (0, columns)]
            # A pixel is the mean of points within half a step, and each is blended with its neighbours.
            beside = (abs(line) + abs(pixel)) // 2 + 2 * _ONE
            first = min(max(int(min(ends) - beside) >> FRACTION_BITS, 0), size)
            spans.append(slice(first, max(min((int(max(ends) + beside) >> FRACTION_BITS) + 1, size), first)))
        return spans[0], spans[1]
    (tall, wide), spans = scaled_size(row, height, width), []
    for start, count, n, m in ((row["top"], row["height"], height, tall), (row["left"], row["width"], width, wide)):
        first, end = span(int(start), int(count), int(m))
        radius, taps = triangle(n, int(m), row["antialias"])
        centres = ((2 * (int(start) + pixel) + 1) * n for pixel in (first, end - 1))
        low, high = (int(first_touched(centre, n, int(m), radius, taps)) for centre in centres)
        spans.append(slice(low, high + taps) if end > first else slice(0, 0))
    return spans[0], spans[1]


class Sampled(NamedTuple):
    """What a row takes of a photo and its labels.

    Attributes:
        inside: which pixels of the crop lie on the photo: slices of lines and columns, or bool (height, width).
        pixels: (..., 3), uint8 if they are the photo's own, else float32.
        labels: (...), of the labels' dtype.
    """

    inside: Any
    pixels: npt.NDArray[Any]
    labels: npt.NDArray[Any]


def sample(image: npt.NDArray[np.uint8], labels: npt.NDArray[Any], row: Any) -> Sampled:
    """Take a row's crop of a photo and its labels.

    Args:
        image: uint8 (H, W, 3).
        labels: (H, W).
        row: one record of dtype `ROW`.

    >>> row = {"scaled_height": 2, "scaled_width": 2, "top": 0, "left": 0, "height": 2, "width": 2, "angle": 0}
    >>> image, labels = np.zeros((4, 4, 3), np.uint8), np.arange(16).reshape(4, 4)
    >>> sample(image, labels, row | {"flip": False, "antialias": True}).labels.tolist()
    [[5, 7], [13, 15]]
    """
    height, width = labels.shape
    if row["angle"] % (1 << 16):
        return _sample_turned(image, labels, row)
    (tall, wide), lines, columns = scaled_size(row, height, width), int(row["height"]), int(row["width"])
    top, left, flip = int(row["top"]), int(row["left"]), bool(row["flip"])
    (y0, y1), (x0, x1) = span(top, lines, tall), span(left, columns, wide)
    inside = slice(y0, y1), slice(columns - x1, columns - x0) if flip else slice(x0, x1)
    if (tall, wide) == (height, width):
        image, labels = (stored[top + y0 : top + y1, left + x0 : left + x1] for stored in (image, labels))
        return Sampled(inside, image[:, ::-1], labels[:, ::-1]) if flip else Sampled(inside, image, labels)
    down = height, tall, top + y0, y1 - y0, 1
    across = width, wide, left + (x1 - 1 if flip else x0), x1 - x0, -1 if flip else 1
    known = labels[locate(*down)[:, None], locate(*across)]
    if not known.size:
        return Sampled(inside, np.zeros((*known.shape, 3), np.float32), known)
    first, weights = weigh(*down, row["antialias"])
    beside, shares = weigh(*across, row["antialias"])
    if tall > height:  # more lines than the photo has: its own are blended horizontally, each of them once
        low, high = int(first[0]), int(first[-1]) + weights.shape[1]
        blended = _blend(lambda tap: image[low:high, beside + tap].astype(np.float32), shares)
        return Sampled(inside, _blend(lambda tap: blended[first - low + tap], weights[:, None]), known)
    blended = _blend(lambda tap: image[first + tap].astype(np.float32), weights[:, None])
    return Sampled(inside, _blend(lambda tap: blended[:, beside + tap], shares), known)


def _blend(take: Callable[[int], npt.NDArray[Any]], weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sum taken pixels by their weights, one tap after the other, in float32."""
    total = take(0) * weights[..., 0:1]
    for tap in range(1, weights.shape[-1]):
        total += take(tap) * weights[..., tap : tap + 1]
    return total


def _sample_turned(image: npt.NDArray[np.uint8], labels: npt.NDArray[Any], row: Any) -> Sampled:
    height, width = labels.shape
    (y, y_line, y_pixel), (x, x_line, x_pixel) = turn(row, height, width)
    lines, columns = np.arange(int(row["height"]))[:, None], np.arange(int(row["width"]))
    y, x = y + lines * y_line + columns * y_pixel, x + lines * x_line + columns * x_pixel
    inside = (y >= 0) & (y < height << FRACTION_BITS) & (x >= 0) & (x < width << FRACTION_BITS)
    y, x = y[inside], x[inside]
    known = labels[y >> FRACTION_BITS, x >> FRACTION_BITS]
    count = int(sums(row, height, width))
    total = np.zeros((len(y), 3), np.float32)
    for i, j in itertools.product(range(count), repeat=2):
        down, across = 2 * i + 1 - count, 2 * j + 1 - count
        offset_y = (down * y_line + across * y_pixel) // (2 * count)
        offset_x = (down * x_line + across * x_pixel) // (2 * count)
        total += _bilinear(image, y + offset_y, x + offset_x)
    return Sampled(inside, total * np.float32(1 / count**2), known)


def _bilinear(image: npt.NDArray[np.uint8], y: npt.NDArray[Any], x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Blend the four pixels around each point, which lie on the photo: outside, its edge goes on."""
    (y0, y1, down), (x0, x1, across) = (_beside(part, size) for part, size in zip((y, x), image.shape[:2], strict=True))
    left = image[y0, x0] * (1 - down) + image[y1, x0] * down
    right = image[y0, x1] * (1 - down) + image[y1, x1] * down
    blended: npt.NDArray[np.float32] = left * (1 - across) + right * across
    return blended


def _beside(points: npt.NDArray[Any], size: int) -> tuple[npt.NDArray[Any], ...]:
    """Find the pixels whose centres lie before and behind points, and how far (0..1) each point is behind the first."""
    points = points - _ONE // 2
    first = points >> FRACTION_BITS
    share = (points - (first << FRACTION_BITS)).astype(np.float32) * np.float32(1 / _ONE)
    return np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1), share[:, None]
