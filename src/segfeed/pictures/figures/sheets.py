"""Sheets: what a dataset and a batch look like, as pictures for a notebook or a file.

Nothing here touches pyplot or matplotlib's settings; the same input gives the same picture.
"""

import os
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from segfeed.audit.class_counts import count_classes
from segfeed.batches.batch import Batch
from segfeed.batches.loader import Loader
from segfeed.datasets.source import Source
from segfeed.errors import OptionError
from segfeed.feed import scan
from segfeed.packs.pack import Pack
from segfeed.pictures.crop_pairs import read_pairs
from segfeed.pictures.figures.augmented import show_augmented
from segfeed.pictures.figures.canvas import HEADER_PX, MARGIN_PX, PALE_INK, check_path
from segfeed.pictures.figures.crops import show_crops
from segfeed.pictures.figures.panels import (
    CAPTION_PX,
    GAP_PX,
    Grid,
    PathLike,
    caption,
    columns_for,
    read_panels,
    show_thumb,
    spread,
    subtitle_of,
    title_of,
    with_legend,
)
from segfeed.pictures.paint import Thumb, mark_padding, outside, overlay, paint_labels, shrink
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.pair import Pair
from segfeed.plans.augment import Augment
from segfeed.system.options import whole_number
from segfeed.system.showing import counted

__all__ = ["show", "show_augmented", "show_batch", "show_crops", "show_pairs", "show_sheet", "show_step"]

_KINDS = ("photo", "labels", "overlay")
_GUTTER_PX = 28
_SLIT_PX = 6  # between an image and its labels


def show(
    data: str | os.PathLike[str] | Source | Pack | Loader,
    split: str | None = None,
    *,
    count: int | None = None,
    augment: Augment | str | None = None,
    crop_size: tuple[int, int] | None = None,
    path: PathLike | None = None,
    **scan_options: Any,
) -> Figure:
    """Show a dataset as a contact sheet, one photo as it is augmented, or the first batch of a loader's epoch 0.

    The loader's own state is kept.

    Args:
        data: a path, a dataset's name such as "sample", a source, a pack or a loader.
        split: of a path or a name; None for "train".
        count: how many samples at most; None for 24 of a dataset, 12 of a batch or of one photo.
        augment: of a dataset: one photo is drawn `count` times by it, or by the recipe of this name.
        crop_size: with augment: (height, width) of its crops in px; None for the recipe's, or (320, 480).
        path: a .png file to write, too.
        **scan_options: the options of `segfeed.scan`, such as legend, for a path or a name.

    Raises:
        OptionError: data is something else, or an option has no meaning here.
        SourceError: no known dataset, or no such split.
        StorageError: the file cannot be written.

    >>> [axes.get_label() for axes in show("sample", "val", count=2).axes]
    ['page', 'overlay 2026_000005', 'overlay 2026_000200']
    """
    check_path(path)
    if isinstance(data, str | os.PathLike):
        data = scan(data, split or "train", **scan_options)
    elif split is not None or scan_options:
        raise OptionError(
            "data",
            found=f"a {type(data).__name__}, together with a split or options of scan",
            expected="a path with these options, or a Source, Pack or Loader without them",
        )
    if augment is None and crop_size is not None:
        raise OptionError("crop_size", found=f"{crop_size} without augment", remedy="pass both, or neither")
    if isinstance(data, Loader) and augment is not None:
        found = "an augmentation of its own beside a Loader"
        raise OptionError("augment", found=found, remedy="leave it out, or pass data=loader.reader")
    if isinstance(data, Source | Pack) and augment is not None:
        return show_augmented(data, augment, count=12 if count is None else count, crop_size=crop_size, path=path)
    if isinstance(data, Source | Pack):
        return show_sheet(data, count=24 if count is None else count, path=path)
    if isinstance(data, Loader):
        return show_step(data, count=12 if count is None else count, path=path)
    raise OptionError(
        "data",
        found=type(data).__name__,
        expected="a path, a name, a Source (segfeed.scan), a Pack (segfeed.make_pack) or a Loader (segfeed.load)",
    )


def show_pairs(reader: Source | Pack, *, count: int = 6, path: PathLike | None = None) -> Figure:
    """Show photo, labels and overlay of samples spread evenly over a split, and the legend with each class's share.

    Args:
        reader: a source or a pack.
        count: how many samples at most.
        path: a .png file to write, too.

    Returns:
        figure: one axes a panel, labelled "photo KEY", "labels KEY" or "overlay KEY", in the sample's own pixels.

    Raises:
        OptionError: count is not a number of at least 1, or the path does not end in .png.
        StorageError: the file cannot be written.

    >>> import segfeed
    >>> figure = show_pairs(segfeed.scan("sample", "val"), count=1)
    >>> [axes.get_label() for axes in figure.axes]
    ['page', 'photo 2026_000005', 'labels 2026_000005', 'overlay 2026_000005']
    """
    check_path(path)
    indices = spread(reader, count)
    few = len(indices) <= 3  # a row each, rather than a column each
    grid = Grid(3) if few else Grid(columns_for(len(indices)), MARGIN_PX + _GUTTER_PX)
    shown = read_panels(reader, indices, grid.width_px)
    cell = grid.width_px, grid.cell_height(shown.thumbs)
    strips = len(indices) if few else -(-len(indices) // grid.columns)
    pitch = CAPTION_PX + (1 if few else 3) * (cell[1] + GAP_PX) + GAP_PX // 2
    described = subtitle_of(reader, shown, "sizes are height × width in px")
    canvas = shown.canvas(HEADER_PX + strips * pitch, title_of(reader), described)
    for n, thumb in enumerate(shown.thumbs):
        pair = thumb.fitted(*cell[::-1])
        remark = f"{thumb.height} × {thumb.width}" + _void_remark(pair, reader.legend)
        panels = pair.image, paint_labels(pair.labels, reader.legend), overlay(pair, reader.legend)
        for k, (kind, pixels) in enumerate(zip(_KINDS, panels, strict=True)):
            row, column = (n, k) if few else divmod(n, grid.columns)
            x, top = grid.x(column), HEADER_PX + row * pitch
            y = top + CAPTION_PX + (0 if few else k * (cell[1] + GAP_PX))
            show_thumb(canvas, (x, y), cell, pixels, f"{kind} {thumb.key}", thumb)
            if k == 0:
                caption(canvas, x, top, cell[0], thumb.key, remark)
            elif few:
                caption(canvas, x, top, cell[0], "", kind)
            if not few and column == 0:
                canvas.write(MARGIN_PX, y + cell[1] / 2, kind, 15, colour=PALE_INK, rotation=90, va="center")
    return canvas.done(path)


def show_sheet(reader: Source | Pack, *, count: int = 24, path: PathLike | None = None) -> Figure:
    """Show a contact sheet: samples spread evenly over a split, under their labels, and the legend.

    Args:
        reader: a source or a pack.
        count: how many samples at most.
        path: a .png file to write, too.

    Returns:
        figure: one axes a sample, labelled "overlay KEY", in the sample's own pixels.

    Raises:
        OptionError: count is not a number of at least 1, or the path does not end in .png.
        StorageError: the file cannot be written.

    >>> import segfeed
    >>> len(show_sheet(segfeed.scan("sample", "val"), count=4).axes)
    5
    """
    check_path(path)
    indices = spread(reader, count)
    grid = Grid(columns_for(len(indices)))
    shown = read_panels(reader, indices, grid.width_px)
    cell = grid.width_px, grid.cell_height(shown.thumbs)
    pitch = CAPTION_PX + cell[1] + GAP_PX
    rows = -(-len(indices) // grid.columns)
    described = subtitle_of(reader, shown, "photos under their labels")
    canvas = shown.canvas(HEADER_PX + rows * pitch + GAP_PX // 2, title_of(reader), described)
    for n, thumb in enumerate(shown.thumbs):
        row, column = divmod(n, grid.columns)
        x, top = grid.x(column), HEADER_PX + row * pitch
        pair = thumb.fitted(*cell[::-1])
        show_thumb(canvas, (x, top + CAPTION_PX), cell, overlay(pair, reader.legend), f"overlay {thumb.key}", thumb)
        caption(canvas, x, top, cell[0], thumb.key, _void_remark(pair, reader.legend).removeprefix(", "))
    return canvas.done(path)


def show_batch(batch: Batch, *, count: int = 12, path: PathLike | None = None) -> Figure:
    """Show a batch as the network sees it: images with normalisation undone, above their labels; padding is striped.

    Args:
        batch: from a loader.
        count: how many rows of the batch at most, from its first.
        path: a .png file to write, too.

    Returns:
        figure: two axes a row, labelled "image N KEY" and "labels N KEY".

    Raises:
        OptionError: the batch is not of its format or legend, or as for `show_pairs`.
        StorageError: the file cannot be written.

    >>> import segfeed
    >>> source = segfeed.scan("sample", "val")
    >>> loader = Loader(source, segfeed.Plan.exact(source.sizes, batch_size=4), threads=0)
    >>> figure = show_batch(next(iter(loader)), count=1)
    >>> [axes.get_label() for axes in figure.axes]
    ['page', 'image 0 2026_000005', 'labels 0 2026_000005']
    """
    return _paint_batch(batch, len(batch.crops), f"batch of {len(batch.crops)}", count, path)


def show_step(
    loader: Loader, *, count: int = 12, epoch: int = 0, step: int = 0, path: PathLike | None = None
) -> Figure:
    """Show any batch of a loader, as `show_batch` does; only the rows that are shown are filled.

    Args:
        loader: its place in its epochs stays as it is.
        count: how many rows of the batch at most, from its first.
        epoch: the batch's epoch.
        step: the batch's number in it.
        path: a .png file to write, too.

    Raises:
        OptionError: a number is out of range, or the path does not end in .png.
        StorageError: the file cannot be written.

    >>> import segfeed
    >>> source = segfeed.scan("sample", "val")
    >>> loader = Loader(source, segfeed.Plan.exact(source.sizes, batch_size=4))
    >>> len(show_step(loader, count=3, step=2).axes)
    7
    """
    batch = loader.peek(epoch, step, whole_number("count", count, 1, 10_000))
    size = loader.plan.rows_per_step
    title = f"{loader.reader.name} · {loader.reader.split} · epoch {epoch}, batch {step} ({counted(size, 'row')})"
    return _paint_batch(batch, size, title, count, path)


def _paint_batch(batch: Batch, size: int, title: str, count: int, path: PathLike | None) -> Figure:
    """Paint the first rows of a batch of `size` rows."""
    check_path(path)
    count, legend = min(whole_number("count", count, 1, 10_000), len(batch.crops)), batch.legend
    pairs = read_pairs(batch, count)
    grid = Grid(columns_for(count))
    thumbs = [Thumb.of(pair, key, grid.width_px) for pair, key in zip(pairs, batch.keys, strict=False)]
    shown = with_legend(
        thumbs,
        [count_classes(pair.labels, legend) for pair in pairs],
        legend,
        f"the {count} crops shown" if count > 1 else "the crop shown",
    )
    cell = grid.width_px, grid.cell_height(thumbs)
    pitch = CAPTION_PX + 2 * cell[1] + _SLIT_PX + GAP_PX
    title += f", the first {count}" if count < size else ""
    canvas = shown.canvas(HEADER_PX + -(-count // grid.columns) * pitch + GAP_PX // 2, title, _batch_subtitle(batch))
    for n, (pair, row, photo_px, thumb) in enumerate(
        zip(pairs, batch.crops, batch.sizes.tolist(), thumbs, strict=False)
    ):
        strip, column = divmod(n, grid.columns)
        x, top = grid.x(column), HEADER_PX + strip * pitch
        small = thumb.fitted(*cell[::-1])
        padding = shrink(Pair(pair.image, outside(row, *photo_px)), *small.labels.shape).labels
        upper, lower = (x, top + CAPTION_PX), (x, top + CAPTION_PX + cell[1] + _SLIT_PX)
        show_thumb(canvas, upper, cell, mark_padding(small.image, padding), f"image {n} {thumb.key}", thumb)
        show_thumb(canvas, lower, cell, paint_labels(small.labels, legend), f"labels {n} {thumb.key}", thumb)
        caption(canvas, x, top, cell[0], thumb.key or "padding only", "flipped" if row["flip"] else "")
    return canvas.done(path)


def _void_remark(pair: Pair, legend: Encoder) -> str:
    return ", all void" if (pair.labels == legend.void).all() else ""


def _batch_subtitle(batch: Batch) -> str:
    wanted, (height, width) = batch.format, np.shape(batch.labels)[1:]
    return (
        f"images {wanted.dtype} {wanted.layout}, labels {wanted.label_dtype}, {height} × {width} px (height × width), "
        f"void {wanted.void}; normalisation undone; stripes on an image are padding"
    )
