"""Crops of one photo, over their labels, and where on the photo a plan's rows cut them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
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
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw, Plan
from segfeed.plans.rows import Rows, cut, make_row
from segfeed.plans.sampling import corners
from segfeed.plans.wording import describe
from segfeed.system.options import whole_number

WINDOW_COLOURS = ("#ff6a1f", "#4cc2ff", "#ffe14a", "#2bd48f", "#ff8fd0", "#b49bff", "#e8e8e8", "#d62f3e")
_PADDING = (round(255 * IMAGENET.mean[0]), round(255 * IMAGENET.mean[1]), round(255 * IMAGENET.mean[2]))
_SLIT_PX, _FRAME_PX, _MARGIN_SHARE = 6, 3, 0.02
_MIN_PHOTO_PX, _MIN_COLUMN_PX, _MAX_HEIGHT_PX = 240, 120, 900


def show_crops(
    reader: Source | Pack,
    *,
    sample: int | None = None,
    count: int = 5,
    crop_size: tuple[int, int] = (320, 480),
    augment: Augment | None = None,
    seed: int = 0,
    path: PathLike | None = None,
) -> Figure:
    """Show random crops of one photo above their labels, and where on the photo they were cut.

    Args:
        reader: a source or a pack.
        sample: which one; None for one that is larger than the crop and has several classes.
        count: how many crops.
        crop_size: (height, width) of a crop in px.
        augment: what is drawn besides the crops' places.
        seed: of the plan that draws the windows.
        path: a .png file to write, too.

    Returns:
        figure: an axes "windows KEY", in the photo's own pixels, with a numbered outline for each crop, and two axes
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
    count, draw = whole_number("count", count, 1, 40), Draw(crop_size, augment=augment)
    if sample is None:
        sample = choose_sample(reader, draw.crop_size)
    sample = whole_number("sample", sample, 0, len(reader) - 1)
    pair, key = reader.read(sample), reader.keys[sample]
    sizes = np.repeat([pair.labels.shape], count, axis=0)
    rows = Plan(sizes, count, draw, shuffle=False, seed=seed).rows(epoch=0, step=0)
    whole = window_around(rows, pair)
    geometry = _Geometry.of(int(whole["height"]), int(whole["width"]), draw.crop_size, count)
    shown = with_legend(
        [Thumb.of(pair, key, geometry.photo_px)],
        [count_classes(pair.labels, reader.legend)],
        reader.legend,
        "this photo",
    )
    (height, width), (tall, wide) = draw.crop_size, pair.labels.shape
    told = "its number, top and left in px" if augment is None else "its number, to which size the photo is scaled"
    described = (
        f"photo {tall} × {wide} px, crops {height} × {width} px (height × width), seed {seed}; over each crop: {told}"
    )
    canvas = shown.canvas(HEADER_PX + geometry.height_px + GAP_PX + 8, f"crops of {key}", described)
    _show_windows(canvas, geometry, pair, rows, whole, key)
    for n, row in enumerate(rows):
        _show_crop(canvas, geometry, n, (pair, row, padding_of(draw)), reader.legend)
    return canvas.done(path)


def padding_of(draw: Draw) -> tuple[int, int, int]:
    """Return the colour of what lies outside a photo, 0..255 a channel."""
    value = draw.drawn.pad_value
    if value is None:
        return _PADDING
    return (value, value, value) if isinstance(value, int) else value


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


def choose_sample(reader: Source | Pack, crop_size: tuple[int, int]) -> int:
    """Choose a sample that is larger than the crop and shows several classes: of 16 such, the first with the most."""
    slack = (reader.sizes.astype(np.int64) - crop_size).min(axis=1)
    fitting = np.flatnonzero(slack > 0) if (slack > 0).any() else np.flatnonzero(slack == slack.max())
    some = fitting[evenly(len(fitting), 16)].tolist()

    def richness(index: int) -> tuple[int, int]:
        labels, counts = np.unique(reader.read(index).labels, return_counts=True)
        large = (counts >= 0.005 * counts.sum()) & (labels != reader.legend.void)
        return min(int(large.sum()), 4), int(slack[index])

    return int(max(some, key=richness))


def window_around(rows: Rows, pair: Pair) -> Any:
    """Return the smallest window that holds the photo and all rows' windows with a margin around them, as a row."""
    photo = np.array([[0, 0], pair.labels.shape])
    found = np.concatenate([photo, *(corners(row, *pair.labels.shape) for row in rows)])
    low, high = np.floor(found.min(axis=0)), np.ceil(found.max(axis=0))
    margin = np.ceil(_MARGIN_SHARE * (high - low).max())
    (top, left), (bottom, right) = low - margin * (low < photo[0]), high + margin * (high > photo[1])
    return make_row(top=top, left=left, height=bottom - top, width=right - left)


def cut_shown(
    pair: Pair, row: Any, size: tuple[int, int], void: int, padding: tuple[int, int, int] = _PADDING
) -> tuple[Pixels, Pair]:
    """Cut a row's window at display size: the image with its padding striped, and the plain pair."""
    crop = cut(pair, row, padding=padding, void=void)
    small = shrink(crop, *size)
    beyond = shrink(Pair(crop.image, outside(row, *pair.labels.shape)), *size).labels
    return mark_padding(small.image, beyond), small


def show_windows(
    canvas: Canvas, corner: tuple[int, int], size: tuple[int, int], pair: Pair, rows: Rows, whole: Any, label: str
) -> Axes:
    """Show a photo at (height, width) px as a window `whole` holds it, and over it the outlines of rows' windows."""
    pixels, _ = cut_shown(pair, whole, size, 0)
    top, left = int(whole["top"]) - 0.5, int(whole["left"]) - 0.5
    window = (left, left + int(whole["width"]), top + int(whole["height"]), top)
    axes = canvas.panel(*corner, pixels, label, window)
    for n, row in enumerate(rows):
        axes.add_patch(
            Polygon(
                corners(row, *pair.labels.shape)[:, ::-1] - 0.5,
                fill=False, edgecolor=_colour(n), linewidth=1.5, clip_on=False, zorder=3, joinstyle="miter",
                path_effects=[withStroke(linewidth=3.2, foreground="#000000b0")], label=f"window {n + 1}",
            )
        )  # fmt: skip
    return axes


def _show_windows(canvas: Canvas, geometry: _Geometry, pair: Pair, rows: Rows, whole: Any, key: str) -> None:
    """Show the whole photo and the numbered windows on it, in the photo's own pixels."""
    corner = MARGIN_PX, HEADER_PX + CAPTION_PX
    size = geometry.photo_height_px, geometry.photo_px
    axes = show_windows(canvas, corner, size, pair, rows, whole, f"windows {key}")
    caption(canvas, MARGIN_PX, HEADER_PX, geometry.photo_px, "photo and windows")
    taken: list[tuple[float, float]] = []
    scale = geometry.photo_px / int(whole["width"])
    for n, row in enumerate(rows):
        positions = list(_badge_positions(corners(row, *pair.labels.shape) - 0.5, n, len(rows)))
        free = (p for p in positions if all(max(abs(p[0] - q[0]), abs(p[1] - q[1])) * scale > 24 for q in taken))
        taken.append(next(free, positions[0]))
        _badge(canvas, axes, n, taken[-1])


def _badge_positions(outline: npt.NDArray[np.float64], n: int, count: int) -> Iterator[tuple[float, float]]:
    """Yield positions for a window's number along its upper, then its lower side; each window begins elsewhere."""
    for first, last in ((outline[0], outline[1]), (outline[3], outline[2])):
        for step in range(count):
            y, x = first + ((n + step) % count + 0.5) / count * (last - first)
            yield float(x), float(y)


def _badge(canvas: Canvas, axes: Axes, n: int, position: tuple[float, float]) -> None:
    how = {"boxstyle": "circle,pad=0.25", "facecolor": _colour(n), "edgecolor": "#000000b0", "linewidth": 0.8}
    canvas.write(*position, str(n + 1), 13, axes=axes, weight="bold", ha="center", va="center", bbox=how, zorder=4)


def _show_crop(canvas: Canvas, geometry: _Geometry, n: int, drawn: tuple[Pair, Any, Any], legend: Encoder) -> None:
    """Show a crop above its labels, framed in its window's colour."""
    (pair, row, padding), (x, top) = drawn, geometry.corner(n)
    y = top + CAPTION_PX
    image, small = cut_shown(pair, row, (geometry.crop_height_px, geometry.crop_px), legend.void, padding)
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
    scaled = describe(row, *pair.labels.shape).get("scale", "").removeprefix("scaled to ").partition(" (")[0]
    caption(canvas, x, top, geometry.column_px, f"{n + 1}", scaled or f"{row['top']}, {row['left']}")


def _colour(n: int) -> str:
    return WINDOW_COLOURS[n % len(WINDOW_COLOURS)]
