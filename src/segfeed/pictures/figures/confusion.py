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
    NUMBER_PX,
    PALE_INK,
    TRACK,
    Canvas,
    check_path,
    percent,
)
from segfeed.pictures.figures.panels import PathLike
from segfeed.pictures.paint import Pixels
from segfeed.scoring.score import SUMMARY, Score
from segfeed.system.showing import counted

MAX_CLASSES = 160
"""How many classes a matrix shows one by one; the rarest of more are summed up."""

_NAMES_PX, _IOU_PX, _HEADS_PX, _SLIT_PX = 180, 230, 140, 10
_LARGEST_PX, _LOWEST_PX, _TEXT_PX = 112, 15, 26
_LINE_PX, _PAIRS, _BOTTOM_PX = 28, 10, 30
_RIGHT, _WRONG = (38, 84, 124), (190, 74, 32)  # blue and orange, which nearly everyone can tell apart
_EMPTY, _UNLABELLED, _LINE = (252, 251, 249), (236, 234, 228), (226, 223, 215)


class _Matrix(NamedTuple):
    """What is shown: a name and an IoU for each row, and int64 (rows, rows) counts."""

    names: list[str]
    iou: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Each row's shares, float64 (rows, rows), 0..1; 0 if nothing was labelled so."""
        labelled = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(self.counts / np.maximum(labelled, 1))


class _Geometry(NamedTuple):
    """Position of the matrix and size of its cells, in px."""

    classes: int

    @property
    def wide(self) -> int:
        """A cell's width: the matrix fills the canvas, but no cell is huge."""
        spare = INNER_PX - _NAMES_PX - _IOU_PX - 2 * _SLIT_PX
        return min(spare // self.classes, _LARGEST_PX)

    @property
    def high(self) -> int:
        """A cell's height: its width, or what a line of text needs."""
        return max(self.wide, _LOWEST_PX)

    @property
    def named(self) -> bool:
        """Whether columns are wide enough to have names."""
        return self.wide >= _LOWEST_PX

    @property
    def top(self) -> int:
        """The matrix's upper side."""
        return HEADER_PX + (_HEADS_PX if self.named else 48)

    @property
    def left(self) -> int:
        """The matrix's left side."""
        return MARGIN_PX + _NAMES_PX + _SLIT_PX

    @property
    def right(self) -> int:
        """The left side of the IoU bars beside the matrix."""
        return self.left + self.classes * self.wide + 2 * _SLIT_PX

    @property
    def bottom(self) -> int:
        """The matrix's lower side."""
        return self.top + self.classes * self.high


def show_confusion(score: Score, *, title: str = "confusion", path: PathLike | None = None) -> Figure:
    """Show a score's confusion matrix, each row as shares of the pixels labelled so, with each class's IoU.

    Args:
        score: has counted something.
        title: the heading, such as the dataset's name.
        path: a .png file to write, too.

    Returns:
        figure: with an axes "confusion" whose coordinates are the numbers of column and row; of more than 160 classes
            the last column and row sum up the rarest, beside the mean of their IoU.

    Raises:
        OptionError: nothing was counted, or the path does not end in .png.
        StorageError: the file cannot be written.

    >>> from segfeed.pixels.legend import Legend
    >>> score = Score(Legend(("ground", "cat")))
    >>> score.update([[0, 1, 1, 0]], [[0, 1, 0, 255]])
    >>> [axes.get_label() for axes in show_confusion(score).axes]
    ['page', 'confusion']
    """
    check_path(path)
    if not score.pixels:
        raise OptionError("score", found="no pixels counted yet", remedy="update it before it is shown")
    matrix = _matrix_of(score)
    geometry = _Geometry(len(matrix.names))
    pairs = _confused(score.confusion)
    lines = -(-len(pairs) // 2)
    canvas = Canvas(geometry.bottom + 52 + (44 + lines * _LINE_PX) * bool(pairs) + _BOTTOM_PX)
    canvas.head(title, _subtitle_of(score))
    _paint_cells(canvas, geometry, matrix)
    _write_names(canvas, geometry, matrix)
    _paint_iou(canvas, geometry, matrix)
    note = (
        "a row: of the pixels labelled so, the % predicted as each class; blue is right, orange wrong; "
        "gray: none labelled so"
    )
    canvas.write(geometry.left, geometry.bottom + 16, note, colour=PALE_INK, width_px=INNER_PX - _NAMES_PX)
    _list_pairs(canvas, geometry.bottom + 52, score, pairs)
    return canvas.done(path)


def _matrix_of(score: Score) -> _Matrix:
    """Return the matrix as it is or, of too many classes, with the rarest summed up in its last row and column."""
    names, counts = list(score.legend.names), score.confusion
    if len(names) <= MAX_CLASSES:
        return _Matrix(names, score.iou, counts)
    seen = counts.sum(axis=0) + counts.sum(axis=1)
    kept = np.sort(np.argsort(-seen, kind="stable")[: MAX_CLASSES - 1])
    row_of = np.full(len(names), len(kept))  # the last row, unless a class is kept
    row_of[kept] = np.arange(len(kept))
    folded = np.zeros((MAX_CLASSES, MAX_CLASSES), np.int64)
    np.add.at(folded, (row_of[:, None], row_of[None, :]), counts)
    rest = np.delete(score.iou, kept)
    mean = rest[~np.isnan(rest)].mean() if not np.isnan(rest).all() else np.nan
    return _Matrix([*(names[i] for i in kept), f"+ {len(rest)} more"], np.append(score.iou[kept], mean), folded)


def _subtitle_of(score: Score) -> str:
    figures = ", ".join(f"{SUMMARY[name]} {percent(figure)}" for name, figure in score.summary.items())
    return f"{figures}; {counted(score.pixels, 'pixel')}"


def _paint_cells(canvas: Canvas, geometry: _Geometry, matrix: _Matrix) -> None:
    shares = matrix.shares
    colours = _paint_shares(shares)
    cells = colours.repeat(geometry.high, axis=0).repeat(geometry.wide, axis=1)
    apart = 1 if geometry.named else 10  # a line after each cell, or after ten small ones
    for lines, side in ((cells, geometry.high), (cells.swapaxes(0, 1), geometry.wide)):
        lines[apart * side - 1 :: apart * side] = _LINE
    edge = geometry.classes - 0.5
    axes = canvas.panel(geometry.left, geometry.top, cells, "confusion", (-0.5, edge, edge, -0.5))
    if geometry.wide < _TEXT_PX:
        return
    size = min(geometry.wide * 0.4, 18)
    for row, column in np.argwhere(shares >= 0.005).tolist():
        dark = colours[row, column].mean() < 140
        text = f"{100 * shares[row, column]:.0f}"
        ink = "white" if dark else INK
        canvas.write(column, row, text, size, colour=ink, axes=axes, ha="center", va="center_baseline")


def _paint_shares(shares: npt.NDArray[np.float64]) -> Pixels:
    """Paint shares (rows, rows) of 0..1, blue on the diagonal, orange beside it; uint8 (rows, rows, 3)."""
    labelled = shares.sum(axis=1) > 0
    hue = np.where(np.eye(len(shares), dtype=np.bool_)[..., None], np.array(_RIGHT), np.array(_WRONG))
    ground = np.where(labelled[:, None, None], np.array(_EMPTY), np.array(_UNLABELLED))
    weight = np.sqrt(shares)[..., None]  # the root makes small shares visible
    painted: Pixels = np.round(ground * (1 - weight) + hue * weight).astype(np.uint8)
    return painted


def _write_names(canvas: Canvas, geometry: _Geometry, matrix: _Matrix) -> None:
    """Write the names of rows and, if they are wide enough, of columns, which otherwise have the rows' numbers."""
    size = min(geometry.high * 0.8, 15)
    for number, name in enumerate(matrix.names):
        text = name if geometry.named else f"{name}  {number}"
        y = geometry.top + (number + 0.5) * geometry.high
        canvas.write(geometry.left - _SLIT_PX, y, text, size, ha="right", va="center_baseline", width_px=_NAMES_PX)
        x = geometry.left + (number + 0.5) * geometry.wide
        if geometry.named:
            line = canvas.write(x, geometry.top - 8, name, size, ha="center", va="bottom", width_px=_HEADS_PX - 40)
            line.set_rotation(90)
        elif number % 10 == 0:
            canvas.box(x - 0.5, geometry.top - 8, 1, 7, facecolor=PALE_INK)
            canvas.write(x, geometry.top - 12, str(number), 13, ha="center", va="bottom")
    canvas.write(MARGIN_PX, geometry.top - 30, "labelled ↓", colour=PALE_INK)
    canvas.write(geometry.left, HEADER_PX - 4, "predicted →", colour=PALE_INK)


def _paint_iou(canvas: Canvas, geometry: _Geometry, matrix: _Matrix) -> None:
    canvas.write(geometry.right, geometry.top - 30, "IoU", colour=PALE_INK)
    length, high = _IOU_PX - 4 - NUMBER_PX, min(geometry.high - 5, 10)
    for number, iou in enumerate(matrix.iou.tolist()):
        middle = geometry.top + (number + 0.5) * geometry.high
        canvas.box(geometry.right, middle - high / 2, length, high, facecolor=TRACK)
        if iou > 0:
            canvas.box(geometry.right, middle - high / 2, max(round(length * iou), 1), high, facecolor=BAR)
        text, size = "absent" if np.isnan(iou) else percent(iou), min(geometry.high * 0.8, 15)
        canvas.write(
            geometry.right + _IOU_PX - 4, middle, text, size, ha="right", va="center_baseline", colour=PALE_INK
        )


def _confused(confusion: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """List the (row, column) of the most frequent confusions, by pixels."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    return [divmod(index, len(wrong)) for index in order.tolist() if wrong.flat[index]]


def _list_pairs(canvas: Canvas, top: int, score: Score, pairs: list[tuple[int, int]]) -> None:
    if not pairs:
        return
    canvas.box(MARGIN_PX, top, INNER_PX, 1, facecolor=HAIRLINE)
    canvas.write(MARGIN_PX, top + 14, "most pixels lost to", 16, colour=PALE_INK)
    lines, width = -(-len(pairs) // 2), INNER_PX // 2
    for number, (row, column) in enumerate(pairs):
        x, y = MARGIN_PX + number // lines * width, top + 44 + number % lines * _LINE_PX
        names, pixels = score.legend.names, int(score.confusion[row, column])
        share = percent(pixels / int(score.confusion[row].sum()))
        text = f"{names[row]}, taken for {names[column]}: {share} of it, {counted(pixels, 'pixel')}"
        canvas.write(x, y, text, width_px=width - 24)
