"""Confusion: what was labelled beside what was predicted, as one picture of a score."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from segfeed.errors import OptionError
from segfeed.pictures.figures.canvas import (
    BAR,
    HAIRLINE,
    HEADER_PX,
    INK,
    INNER_PX,
    MARGIN_PX,
    PALE_INK,
    TRACK,
    Page,
    check_path,
    percent,
)
from segfeed.pictures.figures.panels import PathLike
from segfeed.pictures.paint import Pixels
from segfeed.scoring.score import SUMMARY, Score

MAX_CLASSES = 160
"""How many classes a matrix shows one by one; the rarest of more are summed up."""

_NAMES_PX, _IOU_PX, _HEADS_PX, _SLIT_PX = 180, 230, 140, 10
_LARGEST_PX, _LOWEST_PX, _TEXT_PX = 112, 15, 26
_LINE_PX, _PAIRS, _BOTTOM_PX = 28, 10, 30
_RIGHT, _WRONG = (38, 84, 124), (190, 74, 32)  # blue and orange, which nearly all eyes tell apart
_EMPTY, _UNLABELLED, _LINE = (252, 251, 249), (236, 234, 228), (226, 223, 215)


class _Matrix(NamedTuple):
    """Hold what is drawn: a name and an IoU for each row, and int64 (rows, rows) counts."""

    names: list[str]
    iou: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Give each row's shares, 0..1; 0 where nothing was labelled so."""
        labelled = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(self.counts / np.maximum(labelled, 1))


class _Layout(NamedTuple):
    """Hold where the matrix lies, and how large its cells are, in px."""

    classes: int

    @property
    def wide(self) -> int:
        """Give a cell's width: the matrix fills the page, but no cell is huge."""
        spare = INNER_PX - _NAMES_PX - _IOU_PX - 2 * _SLIT_PX
        return min(spare // self.classes, _LARGEST_PX)

    @property
    def high(self) -> int:
        """Give a cell's height: its width, or what a line of text needs."""
        return max(self.wide, _LOWEST_PX)

    @property
    def named(self) -> bool:
        """Tell whether columns are wide enough to have names."""
        return self.wide >= _LOWEST_PX

    @property
    def top(self) -> int:
        """Give the matrix's upper side."""
        return HEADER_PX + (_HEADS_PX if self.named else 48)

    @property
    def left(self) -> int:
        """Give the matrix's left side."""
        return MARGIN_PX + _NAMES_PX + _SLIT_PX

    @property
    def right(self) -> int:
        """Give the left side of what stands beside the matrix."""
        return self.left + self.classes * self.wide + 2 * _SLIT_PX

    @property
    def bottom(self) -> int:
        """Give the matrix's lower side."""
        return self.top + self.classes * self.high


def draw_confusion(score: Score, *, title: str = "confusion", path: PathLike | None = None) -> Figure:
    """Draw a score's confusion matrix, each row as shares of the pixels labelled so, with each class's IoU.

    Args:
        score: has counted something.
        title: what stands above, such as the dataset's name.
        path: a .png file to write, too.

    Returns:
        figure: with an axes "confusion" whose coordinates are the numbers of column and row; of more than 160 classes
            the last column and row sum up the rarest, beside the mean of their IoU.

    Raises:
        OptionError: nothing was counted, or path is no use.
        StorageError: the file cannot be written.

    >>> from segfeed.pixels.legend import Legend
    >>> score = Score(Legend(("ground", "cat")))
    >>> score.update([[0, 1, 1, 0]], [[0, 1, 0, 255]])
    >>> [axes.get_label() for axes in draw_confusion(score).axes]
    ['page', 'confusion']
    """
    check_path(path)
    if not score.pixels:
        raise OptionError("the score has counted no pixels yet; update it before it is drawn.")
    matrix = _gather(score)
    layout = _Layout(len(matrix.names))
    pairs = _confused(score.confusion)
    lines = -(-len(pairs) // 2)
    page = Page(layout.bottom + 52 + (44 + lines * _LINE_PX) * bool(pairs) + _BOTTOM_PX)
    page.head(title, _describe(score))
    _draw_cells(page, layout, matrix)
    _draw_names(page, layout, matrix)
    _draw_iou(page, layout, matrix)
    note = "a row: of the pixels labelled so, the % predicted as each class; blue is right, orange wrong; gray: none labelled so"
    page.write(layout.left, layout.bottom + 16, note, colour=PALE_INK, width_px=INNER_PX - _NAMES_PX)
    _list_pairs(page, layout.bottom + 52, score, pairs)
    return page.done(path)


def _gather(score: Score) -> _Matrix:
    """Take the matrix as it is, or sum the rarest classes up in its last row and column."""
    names, counts = list(score.legend.names), score.confusion
    if len(names) <= MAX_CLASSES:
        return _Matrix(names, score.iou, counts)
    seen = counts.sum(axis=0) + counts.sum(axis=1)
    kept = np.sort(np.argsort(-seen, kind="stable")[: MAX_CLASSES - 1])
    place = np.full(len(names), len(kept))
    place[kept] = np.arange(len(kept))
    folded = np.zeros((MAX_CLASSES, MAX_CLASSES), np.int64)
    np.add.at(folded, (place[:, None], place[None, :]), counts)
    rest = np.delete(score.iou, kept)
    mean = rest[~np.isnan(rest)].mean() if not np.isnan(rest).all() else np.nan
    return _Matrix([*(names[i] for i in kept), f"+ {len(rest)} more"], np.append(score.iou[kept], mean), folded)


def _describe(score: Score) -> str:
    figures = ", ".join(f"{SUMMARY[name]} {percent(figure)}" for name, figure in score.summary.items())
    return f"{figures}; {score.pixels:,} pixels"


def _draw_cells(page: Page, layout: _Layout, matrix: _Matrix) -> None:
    shares = matrix.shares
    colours = _paint_shares(shares)
    cells = colours.repeat(layout.high, axis=0).repeat(layout.wide, axis=1)
    apart = 1 if layout.named else 10  # a line after each cell, or after ten small ones
    for lines, side in ((cells, layout.high), (cells.swapaxes(0, 1), layout.wide)):
        lines[apart * side - 1 :: apart * side] = _LINE
    edge = layout.classes - 0.5
    axes = page.panel(layout.left, layout.top, cells, "confusion", (-0.5, edge, edge, -0.5))
    if layout.wide < _TEXT_PX:
        return
    size = min(layout.wide * 0.4, 18)
    for row, column in np.argwhere(shares >= 0.005).tolist():
        dark = colours[row, column].mean() < 140
        text = f"{100 * shares[row, column]:.0f}"
        ink = "white" if dark else INK
        page.write(column, row, text, size, colour=ink, axes=axes, ha="center", va="center_baseline")


def _paint_shares(shares: npt.NDArray[np.float64]) -> Pixels:
    """Paint shares (rows, rows) of 0..1, blue on the diagonal, orange beside it; small ones are lifted."""
    labelled = shares.sum(axis=1) > 0
    hue = np.where(np.eye(len(shares), dtype=np.bool_)[..., None], np.array(_RIGHT), np.array(_WRONG))
    ground = np.where(labelled[:, None, None], np.array(_EMPTY), np.array(_UNLABELLED))
    weight = np.sqrt(shares)[..., None]
    painted: Pixels = np.round(ground * (1 - weight) + hue * weight).astype(np.uint8)
    return painted


def _draw_names(page: Page, layout: _Layout, matrix: _Matrix) -> None:
    """Name the rows and, where there is room, the columns, which otherwise have the rows' numbers."""
    size = min(layout.high * 0.8, 15)
    for number, name in enumerate(matrix.names):
        text = name if layout.named else f"{name}  {number}"
        y = layout.top + (number + 0.5) * layout.high
        page.write(layout.left - _SLIT_PX, y, text, size, ha="right", va="center_baseline", width_px=_NAMES_PX)
        x = layout.left + (number + 0.5) * layout.wide
        if layout.named:
            line = page.write(x, layout.top - 8, name, size, ha="center", va="bottom", width_px=_HEADS_PX - 40)
            line.set_rotation(90)
        elif number % 10 == 0:
            page.box(x - 0.5, layout.top - 8, 1, 7, facecolor=PALE_INK)
            page.write(x, layout.top - 12, str(number), 13, ha="center", va="bottom")
    page.write(MARGIN_PX, layout.top - 30, "labelled ↓", colour=PALE_INK)
    page.write(layout.left, HEADER_PX - 4, "predicted →", colour=PALE_INK)


def _draw_iou(page: Page, layout: _Layout, matrix: _Matrix) -> None:
    page.write(layout.right, layout.top - 30, "IoU", colour=PALE_INK)
    length, high = _IOU_PX - 76, min(layout.high - 5, 10)
    for number, iou in enumerate(matrix.iou.tolist()):
        middle = layout.top + (number + 0.5) * layout.high
        page.box(layout.right, middle - high / 2, length, high, facecolor=TRACK)
        if iou > 0:
            page.box(layout.right, middle - high / 2, max(round(length * iou), 1), high, facecolor=BAR)
        text, size = "absent" if np.isnan(iou) else percent(iou), min(layout.high * 0.8, 15)
        page.write(layout.right + _IOU_PX - 4, middle, text, size, ha="right", va="center_baseline", colour=PALE_INK)


def _confused(confusion: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """List the (row, column) of the most frequent confusions, by pixels."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    return [divmod(place, len(wrong)) for place in order.tolist() if wrong.flat[place]]


def _list_pairs(page: Page, top: int, score: Score, pairs: list[tuple[int, int]]) -> None:
    if not pairs:
        return
    page.box(MARGIN_PX, top, INNER_PX, 1, facecolor=HAIRLINE)
    page.write(MARGIN_PX, top + 14, "most pixels lost to", 16, colour=PALE_INK)
    lines, width = -(-len(pairs) // 2), INNER_PX // 2
    for place, (row, column) in enumerate(pairs):
        x, y = MARGIN_PX + place // lines * width, top + 44 + place % lines * _LINE_PX
        names, pixels = score.legend.names, int(score.confusion[row, column])
        share = percent(pixels / int(score.confusion[row].sum()))
        text = f"{names[row]}, taken for {names[column]}: {share} of it, {pixels:,} pixels"
        page.write(x, y, text, width_px=width - 24)
