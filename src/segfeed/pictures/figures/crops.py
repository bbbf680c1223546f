"""Crops of one photo, over their labels, and where on the photo a plan's rows cut them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from segfeed.audit.class_counts import count_classes
from segfeed.batches.batch_format import IMAGENET
from segfeed.datasets.source import Source
from segfeed.packs.pack import Pack
from segfeed.pictures.figures.canvas import HEADER_PX, INNER_PX, MARGIN_PX, Canvas, check_path
from segfeed.pictures.figures.panels import CAPTION_PX, GAP_PX, PathLike, caption, with_legend
from segfeed.pictures.paint import Pixels, Thumb, evenly, fit, mark_padding, outside, paint_labels, shrink
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.pair import Pair
from segfeed.plans.plan import Draw, Plan
from segfeed.plans.rows import ROW, Rows, cut
from segfeed.system.options import whole_number

WINDOW_COLOURS = ("#ff6a1f", "#4cc2ff", "#ffe14a", "#2bd48f", "#ff8fd0", "#b49bff", "#e8e8e8", "#d62f3e")
_PADDING = (round(255 * IMAGENET.mean[0]), round(255 * IMAGENET.mean[1]), round(255 * IMAGENET.mean[2]))
_SLIT_PX, _FRAME_PX = 6, 3
_MIN_PHOTO_PX, _MIN_COLUMN_PX, _MAX_HEIGHT_PX = 240, 120, 900


def show_crops(
    reader: Source | Pack,
    *,
    sample: int | None = None,
    count: int = 5,
    crop_size: tuple[int, int] = (320, 480),
    seed: int = 0,
    path: PathLike | None = None,
) -> Figure:
    """Show random crops of one photo above their labels, and where on the photo they were cut.

    Args:
        reader: a source or a pack.
        sample: which one; None for one that is larger than the crop and has several classes.
        count: how many crops.
        crop_size: (height, width) of a crop in px.
        seed: of the plan that draws the windows.
        path: a .png file to write, too.

    Returns:
        figure: an axes "windows KEY", in the photo's own pixels, with a numbered rectangle for each crop, and two axes
            a crop, "crop N" and "labels N".

    Raises:
        OptionError: an argument is out of range.
        StorageError: the file cannot be written.

    >>> import segfeed
    >>> figure = show_crops(segfeed.scan("sample", "val"), sample=0, count=2, crop_size=(128, 192))
    >>> [axes.get_label() for axes in figure.axes]
    ['page', 'windows 2026_000005', 'crop 1', 'labels 1', 'crop 2', 'labels 2']
    """
    check_path(path)
    count, draw = whole_number("count", count, 1, 40), Draw(crop_size)
    if sample is None:
        sample = _choose(reader, draw.crop_size)
    sample = whole_number("sample", sample, 0, len(reader) - 1)
    pair, key = reader.read(sample), reader.keys[sample]
    sizes = np.repeat([pair.labels.shape], count, axis=0)
    rows = Plan(sizes, count, draw, shuffle=False, seed=seed).rows(epoch=0, step=0)
    whole = _around(rows, pair)
    geometry = _Geometry.of(int(whole["height"]), int(whole["width"]), draw.crop_size, count)
    shown = with_legend(
        [Thumb.of(pair, key, geometry.photo_px)],
        [count_classes(pair.labels, reader.legend)],
        reader.legend,
        "this photo",
    )
    (height, width), (tall, wide) = draw.crop_size, pair.labels.shape
    described = (
        f"photo {tall} × {wide} px, crops {height} × {width} px (height × width), seed {seed}; "
        "over each crop: its number, top and left in px"
    )
    canvas = shown.canvas(HEADER_PX + geometry.height_px + GAP_PX + 8, f"crops of {key}", described)
    _show_windows(canvas, geometry, pair, rows, whole, key)
    for n, row in enumerate(rows):
        _show_crop(canvas, geometry, n, pair, row, reader.legend)
    return canvas.done(path)


class _Geometry(NamedTuple):
    """Position of photo and crops; both are about equally high, and together as wide as the canvas."""

    photo_px: int
    photo_height_px: int
    column_px: int
    crop_px: int
    crop_height_px: int
    columns: int
    blocks: int

    @classmethod
    def of(cls, height: int, width: int, crop_size: tuple[int, int], count: int) -> "_Geometry":
        """Share the width between a photo (height, width) and `count` crops beside it, in at most 5 columns."""
        blocks = -(-count // 5)
        columns = -(-count // blocks)
        photo, crop = height / width, crop_size[0] / crop_size[1]
        spare = INNER_PX - (columns + 1) * GAP_PX
        fixed = blocks * (CAPTION_PX + _SLIT_PX + GAP_PX) - GAP_PX - CAPTION_PX
        # Equally high: photo * photo_px = 2 * blocks * crop * column_px + fixed,
        # where photo_px + columns * column_px = spare.
        column_px = int((spare * photo - fixed) / (columns * photo + 2 * blocks * crop))
        column_px = min(max(column_px, _MIN_COLUMN_PX), (spare - _MIN_PHOTO_PX) // columns)
        crop_height, crop_px = fit(*crop_size, _MAX_HEIGHT_PX // (2 * blocks), column_px)
        column_px = max(crop_px, min(column_px, _MIN_COLUMN_PX))
        high = max(2 * blocks * crop_height + fixed, _MIN_PHOTO_PX)
        photo_height, photo_px = fit(height, width, high, spare - columns * column_px)
        return cls(photo_px, photo_height, column_px, crop_px, crop_height, columns, blocks)

    @property
    def pitch_px(self) -> int:
        """The height of a crop, its labels, caption and gap."""
        return CAPTION_PX + 2 * self.crop_height_px + _SLIT_PX + GAP_PX

    @property
    def height_px(self) -> int:
        """The height of all."""
        return max(self.blocks * self.pitch_px - GAP_PX, CAPTION_PX + self.photo_height_px)

    def corner(self, n: int) -> tuple[int, int]:
        """Return x and y of the n-th crop's caption."""
        row, column = divmod(n, self.columns)
        left = MARGIN_PX + self.photo_px + 2 * GAP_PX
        return left + column * (self.column_px + GAP_PX), HEADER_PX + row * self.pitch_px


def _choose(reader: Source | Pack, crop_size: tuple[int, int]) -> int:
    """Choose a sample that is larger than the crop and shows several classes: of 16 such, the first with the most."""
    slack = (reader.sizes.astype(np.int64) - crop_size).min(axis=1)
    fitting = np.flatnonzero(slack > 0) if (slack > 0).any() else np.flatnonzero(slack == slack.max())
    some = fitting[evenly(len(fitting), 16)].tolist()

    def richness(index: int) -> tuple[int, int]:
        labels, counts = np.unique(reader.read(index).labels, return_counts=True)
        large = (counts >= 0.005 * counts.sum()) & (labels != reader.legend.void)
        return min(int(large.sum()), 4), int(slack[index])

    return int(max(some, key=richness))


def _around(rows: Rows, pair: Pair) -> Any:
    """Return the smallest window that holds the photo and all rows' windows, as a row."""
    height, width = pair.labels.shape
    top, left = min(0, int(rows["top"].min())), min(0, int(rows["left"].min()))
    bottom = max(height, int((rows["top"] + rows["height"]).max()))
    right = max(width, int((rows["left"] + rows["width"]).max()))
    whole = np.zeros((), ROW)
    whole["top"], whole["left"], whole["height"], whole["width"] = top, left, bottom - top, right - left
    return whole


def _cut(pair: Pair, row: Any, size: tuple[int, int], void: int) -> tuple[Pixels, Pair]:
    """Cut a row's window at display size: the image with its padding striped, and the plain pair."""
    crop = cut(pair, row, padding=_PADDING, void=void)
    small = shrink(crop, *size)
    beyond = shrink(Pair(crop.image, outside(row, *pair.labels.shape)), *size).labels
    return mark_padding(small.image, beyond), small


def _show_windows(canvas: Canvas, geometry: _Geometry, pair: Pair, rows: Rows, whole: Any, key: str) -> None:
    """Show the whole photo and the numbered windows on it, in the photo's own pixels."""
    pixels, _ = _cut(pair, whole, (geometry.photo_height_px, geometry.photo_px), 0)
    top, left = int(whole["top"]) - 0.5, int(whole["left"]) - 0.5
    window = (left, left + int(whole["width"]), top + int(whole["height"]), top)
    axes = canvas.panel(MARGIN_PX, HEADER_PX + CAPTION_PX, pixels, f"windows {key}", window)
    caption(canvas, MARGIN_PX, HEADER_PX, geometry.photo_px, "photo and windows")
    for n, row in enumerate(rows):
        axes.add_patch(
            Rectangle(
                (int(row["left"]) - 0.5, int(row["top"]) - 0.5), int(row["width"]), int(row["height"]),
                fill=False, edgecolor=_colour(n), linewidth=1.5, clip_on=False, zorder=3,
                path_effects=[withStroke(linewidth=3.2, foreground="#000000b0")], label=f"window {n + 1}",
            )
        )  # fmt: skip
    taken: list[tuple[float, float]] = []
    scale = geometry.photo_px / int(whole["width"])
    for n, row in enumerate(rows):
        positions = list(_badge_positions(row, n, len(rows)))
        free = (p for p in positions if all(max(abs(p[0] - q[0]), abs(p[1] - q[1])) * scale > 24 for q in taken))
        taken.append(next(free, positions[0]))
        _badge(canvas, axes, n, taken[-1])


def _badge_positions(row: Any, n: int, count: int) -> Iterator[tuple[float, float]]:
    """Yield positions for a window's number along its upper, then its lower side; each window begins elsewhere."""
    for side in (0, int(row["height"])):
        for step in range(count):
            share = ((n + step) % count + 0.5) / count
            yield int(row["left"]) + share * int(row["width"]), int(row["top"]) + side


def _badge(canvas: Canvas, axes: Axes, n: int, position: tuple[float, float]) -> None:
    how = {"boxstyle": "circle,pad=0.25", "facecolor": _colour(n), "edgecolor": "#000000b0", "linewidth": 0.8}
    canvas.write(*position, str(n + 1), 13, axes=axes, weight="bold", ha="center", va="center", bbox=how, zorder=4)


def _show_crop(canvas: Canvas, geometry: _Geometry, n: int, pair: Pair, row: Any, legend: Encoder) -> None:
    """Show a crop above its labels, framed in its window's colour."""
    x, top = geometry.corner(n)
    y = top + CAPTION_PX
    image, small = _cut(pair, row, (geometry.crop_height_px, geometry.crop_px), legend.void)
    both = 2 * geometry.crop_height_px + _SLIT_PX
    canvas.box(
        x - _FRAME_PX, y - _FRAME_PX, geometry.crop_px + 2 * _FRAME_PX, both + 2 * _FRAME_PX, facecolor=_colour(n)
    )
    height, width = int(row["height"]), int(row["width"])
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    canvas.panel(x, y, image, f"crop {n + 1}", extent)
    canvas.panel(
        x, y + geometry.crop_height_px + _SLIT_PX, paint_labels(small.labels, legend), f"labels {n + 1}", extent
    )
    caption(canvas, x, top, geometry.column_px, f"{n + 1}", f"{row['top']}, {row['left']}")


def _colour(n: int) -> str:
    return WINDOW_COLOURS[n % len(WINDOW_COLOURS)]
