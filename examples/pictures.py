"""Pictures of a training: its curves, and the predictions for photos that it was not trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from segfeed import Pack, Pair, Score, Source
from segfeed.pictures.figures.canvas import (
    BAR,
    HAIRLINE,
    HEADER_PX,
    MARGIN_PX,
    PALE_INK,
    PAPER,
    WIDTH_PX,
    Canvas,
    legend_height,
    percent,
)
from segfeed.pictures.figures.panels import CAPTION_PX, GAP_PX, Grid, caption, show_thumb, spread, title_of
from segfeed.pictures.paint import Swatch, Thumb, paint_labels
from segfeed.scoring.predictions import read_prediction, score_folder

_LINE: dict[str, Any] = {"color": BAR, "linewidth": 2, "marker": "o", "markersize": 4, "clip_on": False}
_PALE_BAR = "#b9c5cf"
_GUTTER_PX = 28
_PLOT_PX = 640, 400  # width, height


def plot_curves(loss: Sequence[float], miou: Sequence[float], path: Path) -> None:
    """Plot loss and mIoU over the epochs.

    Args:
        loss: of each batch.
        miou: of val after each epoch, 0..1.
        path: a .png file.
    """
    epochs = len(miou)
    page = Canvas(HEADER_PX + _PLOT_PX[1] + 110)
    page.head(
        "learning curve",
        f"{len(loss):,} batches in {epochs} epoch{'s'[: epochs - 1]}, val scored whole after each, without void",
    )
    batches = _plot(page, MARGIN_PX + 60, epochs, "cross-entropy: each batch, and the mean of each epoch")
    batches.plot(np.arange(1, len(loss) + 1) * epochs / len(loss), loss, color=_PALE_BAR, linewidth=0.8)
    means = [np.mean(part) for part in np.array_split(loss, epochs)]
    batches.plot(np.arange(epochs) + 0.5, means, **_LINE)
    batches.set_ylim(0)
    scores = _plot(page, WIDTH_PX - MARGIN_PX - 70 - _PLOT_PX[0], epochs, "mIoU of val")
    scores.plot(np.arange(epochs) + 1, miou, **_LINE)
    scores.set_ylim(0, 1)
    page.write(epochs * 1.02, miou[-1], f"{miou[-1]:.3f}", 18, axes=scores, va="center", weight="bold")
    page.done(path)


def paint_predictions(reader: Source | Pack, folder: Path, path: Path) -> None:
    """Paint photos, labels and predictions one below the other, and the IoU of each class over all samples.

    Args:
        reader: of photos and labels.
        folder: a prediction KEY.png for each sample, as `segfeed.scoring.predictions.write_predictions` writes them.
        path: a .png file.
    """
    score = score_folder(folder, reader)
    grid = Grid(6, MARGIN_PX + _GUTTER_PX)
    columns = [_column(reader, index, folder, grid.width_px) for index in spread(reader, grid.columns)]
    cell = grid.width_px, grid.cell_height([labelled for labelled, _, _ in columns])
    tops = [HEADER_PX + CAPTION_PX + row * (cell[1] + GAP_PX) for row in range(4)]
    swatches = _by_iou(score)

    page = Canvas(tops[3] + legend_height(swatches, "") + 36)
    page.head(
        f"{title_of(reader)}, predicted",
        f"{len(columns)} of {len(reader)} photos, spread evenly, not used in training; "
        f"mIoU of all: {percent(score.miou)}",
    )
    page.legend_at(tops[3] + 8, swatches, f"IoU of each class over all {len(reader)} photos", "")
    for top, kind in zip(tops, ("photo", "labels", "prediction"), strict=False):
        page.write(MARGIN_PX, top + cell[1] / 2, kind, 15, colour=PALE_INK, rotation=90, va="center")
    for number, (labelled, predicted, accuracy) in enumerate(columns):
        x = grid.x(number)
        caption(page, x, HEADER_PX, cell[0], labelled.key, f"{percent(accuracy)} right")
        image, labels = labelled.fitted(*cell[::-1])
        ids = predicted.fitted(*cell[::-1]).labels
        panels = image, paint_labels(labels, score.legend), paint_labels(ids, score.legend)
        for top, pixels in zip(tops, panels, strict=False):
            show_thumb(page, (x, top), cell, pixels, labelled.key, labelled)
    page.done(path)


def _column(reader: Source | Pack, index: int, folder: Path, width_px: int) -> tuple[Thumb, Thumb, float]:
    """Return a sample as labelled, as predicted, and the share of its pixels that are right."""
    image, labels = reader.read(index)
    ids = read_prediction(folder / f"{reader.keys[index]}.png", reader.legend)
    score = Score(reader.legend)
    score.update(ids, labels)
    labelled, predicted = (Thumb.of(Pair(image, shown), reader.keys[index], width_px) for shown in (labels, ids))
    return labelled, predicted, score.pixel_accuracy


def _by_iou(score: Score) -> list[Swatch]:
    """List the classes that were labelled or predicted, the best first."""
    classes = zip(score.legend.names, score.legend.colours, score.iou.tolist(), strict=True)
    known = [Swatch(name, colour, iou) for name, colour, iou in classes if not np.isnan(iou)]
    return sorted(known, key=lambda swatch: -(swatch.share or 0))


def _plot(page: Canvas, left_px: int, epochs: int, title: str) -> Axes:
    """Return axes over the epochs of a training, under a title."""
    width, height = _PLOT_PX
    top = HEADER_PX + 34
    page.write(left_px, HEADER_PX, title, 16)
    page.write(left_px + width / 2, top + height + 30, "epoch", 15, colour=PALE_INK, ha="center")
    box = left_px / WIDTH_PX, 1 - (top + height) / page.height_px, width / WIDTH_PX, height / page.height_px
    axes: Axes = page.add_axes(box, facecolor=PAPER)
    axes.spines[:].set_visible(False)
    axes.grid(axis="y", color=HAIRLINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8, labelcolor=PALE_INK)
    axes.set_xlim(0, epochs)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return axes
