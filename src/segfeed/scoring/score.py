"""Scores: what was predicted beside what was labelled, as one confusion matrix, and every figure that follows from it.

Void pixels count nowhere. Only the matrix is state, so scores of batches, files or ranks add up to exactly the score
of the whole.
"""

import math
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.scoring.logits import Ids, class_ids, host_array, refuse_strangers
from segfeed.system.options import whole_number
from segfeed.system.showing import brief, show_html

Figures = npt.NDArray[np.float64]

SUMMARY = {
    "miou": "mIoU",
    "mean_accuracy": "mean accuracy",
    "pixel_accuracy": "pixel accuracy",
    "frequency_weighted_iou": "frequency-weighted IoU",
    "mean_dice": "mean Dice",
}
"""The figures over all classes: their names in a `Score` and in print."""

_BLOCK_PX = 1 << 16  # few enough that what is computed of a block stays in the cache
_TORCH_VOID = -100
_MOST_BYTES = 1 << 30  # of the confusion matrix


def as_percent(figure: float) -> str:
    """Write a figure of 0..1 in percent; "-" for NaN.

    >>> as_percent(0.7312), as_percent(float("nan"))
    ('73.12%', '-')
    """
    return "-" if np.isnan(figure) else f"{figure:.2%}"


class Score:
    """Predictions counted beside labels: IoU, accuracy and Dice, of each class and over all.

    Args:
        legend: the classes; objects, which have none, are refused.
        void: the one label that counts nowhere. None: the legend's own (255, or 65535 above 254 classes) and
            PyTorch's -100.

    Attributes:
        legend: the classes.
        confusion: int64 (classes, classes), pixels labelled as the row's class and predicted as the column's. All the
            state there is: sum it over ranks, in place if you like.
        void: as given.

    Raises:
        OptionError: if the legend has no classes, or more than 11,585, or void is one of them.

    >>> score = Score(Legend(("ground", "cat")))
    >>> score.update([[0, 1, 1, 0]], [[0, 1, 0, 255]])
    >>> score.confusion.tolist(), score.iou.tolist()
    ([[1, 1], [0, 1]], [0.5, 0.5])
    """

    def __init__(self, legend: Encoder, *, void: int | None = None) -> None:
        if not getattr(legend, "names", ()):
            raise OptionError(
                "legend",
                found=f"{type(legend).__name__}, which has no classes to score",
                expected='a Legend, as a source has that was scanned with task="semantic"',
            )
        self.legend = cast(Legend, legend)  # nothing else has names
        self.void = None if void is None else whole_number("void", void, -(2**31), 2**31 - 1)
        if void is not None and 0 <= void < len(legend.names):
            raise OptionError(
                "void",
                found=f"{void}, which is also the id of class {legend.names[void]!r}",
                expected=f"a value outside 0..{len(legend.names) - 1}",
            )
        if (needed := 8 * len(legend.names) ** 2) > _MOST_BYTES:
            raise OptionError(
                "legend",
                found=f"{len(legend.names):,} classes, whose confusion matrix takes {needed / 1e9:.1f} GB",
                expected=f"at most {math.isqrt(_MOST_BYTES // 8):,} classes",
                remedy='score groups of them: scan with legend={"old name": "new name", ...}',
            )
        self.confusion = np.zeros((len(legend.names),) * 2, np.int64)

    def update(self, predictions: Any, labels: Any, *, axis: int | None = None) -> None:
        """Count predictions; where labels are void, they count nowhere.

        Args:
            predictions: class ids, integer, of the labels' shape; or logits, float, (N, classes, H, W) or
                (N, H, W, classes); the highest wins. Arrays of NumPy, PyTorch, TensorFlow or JAX.
            labels: integer (N, H, W) or (H, W), class ids and void, of any of these frameworks.
            axis: which axis of the logits holds the classes, if their shape leaves it open.

        Raises:
            OptionError: if shapes do not fit, logits are NaN, a label is neither class nor void, or a prediction is not
                a class, also where labels are void. Nothing was counted then.

        Source: VOCevalseg.m of the VOC development kit, which takes pixels labelled below 255, and stops at any
        result that is not a class.

        >>> score = Score(Legend(("ground", "cat")))
        >>> score.update(np.array([[[0.2, 3.0]], [[1.0, -1.0]]], np.float32), np.array([[1, -100]]))
        >>> score.pixels, score.pixel_accuracy
        (1, 1.0)
        """
        known = host_array(labels)
        if known.dtype.kind not in "iu" or known.ndim not in (2, 3):
            raise OptionError(
                "labels",
                found=f"{known.dtype} {known.shape}",
                expected="integers of shape (H, W) or (N, H, W), one for each pixel",
            )
        ids = class_ids(predictions, known.shape, len(self.legend), axis)
        voids = (self.legend.void, _TORCH_VOID) if self.void is None else (self.void,)
        self.confusion += _count(ids.ravel(), known.ravel(), len(self.legend), voids)

    def merge(self, other: "Score") -> None:
        """Add what another score has counted: of other batches, files or ranks.

        Raises:
            OptionError: if the other has other classes.
        """
        if self.legend != other.legend:
            raise OptionError(
                "legend",
                found=f"{len(self.legend)} and {len(other.legend)} classes, "
                f"{_first_difference(self.legend, other.legend)}",
                remedy="merge scores of one legend",
            )
        self.confusion += other.confusion

    def __add__(self, other: "Score") -> "Score":
        """Return the score of both together."""
        if not isinstance(other, Score):
            return NotImplemented
        both = Score(self.legend, void=self.void)
        both.merge(self)
        both.merge(other)
        return both

    @property
    def pixels(self) -> int:
        """Pixels that count."""
        return int(self.confusion.sum())

    @property
    def iou(self) -> Figures:
        """Each class's intersection over union: float64 (classes,), 0..1.

        NaN for a class that was neither labelled nor predicted anywhere: its union is empty.

        Source: VOCevalseg.m of the VOC development kit, which divides true positives by true positives + false
            positives
        + false negatives, so that such a class is 0 / 0 there, too.
        """
        right, labelled, predicted = self._sides
        return _ratio(right, labelled + predicted - right)

    @property
    def miou(self) -> float:
        """The mean IoU, 0..1, of the classes that have one; NaN if none has.

        >>> score = Score(Legend(("ground", "cat", "dog")))
        >>> score.update([[0, 1]], [[0, 1]])
        >>> score.iou.tolist(), score.miou
        ([1.0, 1.0, nan], 1.0)
        """
        return _mean(self.iou)

    @property
    def accuracy(self) -> Figures:
        """The share of each class's labelled pixels that were predicted so: float64 (classes,), NaN without any."""
        right, labelled, _ = self._sides
        return _ratio(right, labelled)

    @property
    def mean_accuracy(self) -> float:
        """The mean of `accuracy` over the classes that were labelled, 0..1.

        Source: Long, Shelhamer & Darrell 2015, "Fully convolutional networks for semantic segmentation", section 5,
        as are pixel accuracy and frequency-weighted IoU.
        """
        return _mean(self.accuracy)

    @property
    def pixel_accuracy(self) -> float:
        """The share of all pixels that were predicted as they are labelled, 0..1."""
        return float(_ratio(self.confusion.trace(), self.confusion.sum()))

    @property
    def frequency_weighted_iou(self) -> float:
        """The mean IoU weighted by how many pixels are labelled with each class, 0..1."""
        _, labelled, _ = self._sides
        return float(_ratio(np.nansum(self.iou * labelled), labelled.sum()))

    @property
    def dice(self) -> Figures:
        """Each class's Dice coefficient, which is its F1: float64 (classes,), 0..1, NaN where its IoU is."""
        right, labelled, predicted = self._sides
        return _ratio(2 * right, labelled + predicted)

    @property
    def mean_dice(self) -> float:
        """The mean Dice coefficient, 0..1, of the classes that have one."""
        return _mean(self.dice)

    @property
    def summary(self) -> dict[str, float]:
        """The figures over all classes by name, 0..1; NaN if nothing was counted."""
        return {name: getattr(self, name) for name in SUMMARY}

    def table(self) -> tuple[tuple[str, ...], ...]:
        """Lay the classes out in rows of text, heads first; "-" if a class has no such figure."""
        _, labelled, predicted = self._sides
        columns = (self.iou, self.accuracy, self.dice)
        rows = zip(
            self.legend.names,
            *([as_percent(value) for value in column.tolist()] for column in columns),
            *([f"{count:,}" for count in side.tolist()] for side in (labelled, predicted)),
            strict=True,
        )
        return (("class", "IoU", "accuracy", "Dice", "pixels labelled", "pixels predicted"), *rows)

    def to_json(self) -> dict[str, Any]:
        """Describe the score in plain JSON values, null for what has no figure; `Score.from_json` reads it back."""
        _, labelled, predicted = (side.tolist() for side in self._sides)
        columns = (_plain(column) for column in (self.iou, self.accuracy, self.dice))
        rows = zip(self.legend.names, *columns, labelled, predicted, strict=True)
        fields = ("name", "iou", "accuracy", "dice", "pixels_labelled", "pixels_predicted")
        return {
            "pixels": self.pixels,
            **dict(zip(self.summary, _plain(self.summary.values()), strict=True)),
            "classes": [dict(zip(fields, row, strict=True)) for row in rows],
            "void": self.void,
            "confusion": self.confusion.tolist(),
            "legend": self.legend.to_json(),
        }

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> Self:
        """Read what `to_json` wrote: legend, void and confusion matrix are all that is needed.

        Raises:
            OptionError: if a field is missing or malformed.
            LegendError: if the legend is malformed.

        >>> score = Score(Legend(("ground", "cat")))
        >>> score.update([[0, 1]], [[0, 0]])
        >>> Score.from_json(score.to_json())
        Score(2 classes, 2 pixels, mIoU 25.00%)
        """
        fields = ("legend", "void", "confusion")
        if not isinstance(described, dict) or any(name not in described for name in fields):
            raise OptionError(
                "score", found=f"{described!r:.80}", expected=f"{', '.join(fields)}, as Score.to_json writes them"
            )
        score = cls(Legend.from_json(described["legend"]), void=described["void"])
        try:
            confusion = np.array(described["confusion"])
        except ValueError:  # rows of unequal length
            confusion = np.empty(0)
        if confusion.shape != score.confusion.shape or confusion.dtype.kind != "i" or confusion.min() < 0:
            raise OptionError(
                "confusion",
                found=f"{confusion.dtype} {confusion.shape} for {len(score.legend)} classes",
                expected="counts, a row and a column a class, as Score.to_json writes them",
            )
        score.confusion += confusion
        return score

    _repr_html_ = show_html

    def __str__(self) -> str:
        """Lay out the figures over all classes, then those of each."""
        table = [(brief(row[0], 40), *row[1:]) for row in self.table()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        summary = [f"{SUMMARY[name]} {as_percent(value)}" for name, value in self.summary.items()]
        return "\n".join([f"{', '.join(summary)}; {self.pixels:,} pixels", "", *lines])

    def __repr__(self) -> str:
        return f"Score({len(self.legend)} classes, {self.pixels:,} pixels, mIoU {as_percent(self.miou)})"

    @property
    def _sides(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Each class's pixels: right, labelled, predicted; int64 (classes,) each."""
        return self.confusion.diagonal(), self.confusion.sum(axis=1), self.confusion.sum(axis=0)


def _count(ids: Ids, labels: Ids, classes: int, voids: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Count ids (pixels,) beside labels (pixels,): int64 (classes, classes)."""
    counts = np.zeros(classes**2 + 1, np.int64)  # void last
    step = max(_BLOCK_PX, len(counts))
    for start in range(0, len(ids), step):
        predicted, labelled, lengths = _runs(ids[start : start + step], labels[start : start + step])
        if not _are_classes(predicted, classes).all():
            refuse_strangers(ids, classes, "predictions")
        void = np.any([labelled == value for value in voids], axis=0)
        if not np.array_equal(void, ~_are_classes(labelled, classes)):
            _refuse_labels(labels, classes, voids)
        # Unsafe only by its name: every value that is not overwritten is a class.
        joint = np.multiply(labelled, classes, dtype=np.intp, casting="unsafe")
        np.add(joint, predicted, out=joint, dtype=np.intp, casting="unsafe")
        joint[void] = classes**2
        counts += np.bincount(joint, lengths, minlength=len(counts)).astype(np.int64, copy=False)
    return counts[:-1].reshape(classes, classes)


def _runs(ids: Ids, labels: Ids) -> tuple[Ids, Ids, npt.NDArray[np.intp] | None]:
    """Return one of each run of pixels whose id and label stay the same, and how long each run is.

    Both are smooth pictures, so the runs are few. If they are many after all, every pixel stands for itself.
    """
    changes = ids[1:] != ids[:-1]
    changes |= labels[1:] != labels[:-1]
    if 8 * np.count_nonzero(changes) > len(changes):
        return ids, labels, None
    ends = np.append(np.flatnonzero(changes), len(changes))
    return ids[ends], labels[ends], np.diff(ends, prepend=-1)


def _are_classes(ids: Ids, classes: int) -> npt.NDArray[np.bool_]:
    unsigned = np.dtype(f"{ids.dtype.byteorder}u{ids.itemsize}")
    return ids.view(unsigned) < classes  # what is negative is huge without its sign


def _refuse_labels(labels: Ids, classes: int, voids: tuple[int, ...]) -> None:
    wrong = labels[((labels < 0) | (labels >= classes)) & ~np.isin(labels, voids)]
    raise OptionError(
        "labels",
        found=f"{int(wrong[0])} in {int((wrong == wrong[0]).sum()):,} pixels",
        expected=f"one of the {classes} classes (0..{classes - 1}) or void ({' or '.join(map(str, voids))})",
        remedy="if it means void, pass it as Score's void",
    )


def _ratio(part: Any, whole: Any) -> Figures:
    """Divide counts; NaN if there is nothing to divide by."""
    found: Figures = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return found


def _mean(figures: Figures) -> float:
    return float(_ratio(np.nansum(figures), np.count_nonzero(~np.isnan(figures))))


def _plain(figures: Any) -> list[float | None]:
    """Turn NaN, which JSON lacks, into null."""
    return [None if np.isnan(figure) else float(figure) for figure in figures]


def _first_difference(one: Legend, other: Legend) -> str:
    for id_, (first, second) in enumerate(zip(one.names, other.names, strict=False)):
        if first != second:
            return f"class {id_} is {first!r} and {second!r}"
    return "of other colours or indices"
