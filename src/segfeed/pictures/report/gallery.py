"""The gallery: which samples of a split a report shows, and the crop that the plan's first epoch cuts from each."""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from segfeed.datasets.splits import role_of
from segfeed.pictures.paint import evenly
from segfeed.plans.plan import Draw, Plan
from segfeed.plans.sampling import corners
from segfeed.plans.wording import describe

SEED = 0


@dataclass(frozen=True, slots=True)
class Crop:
    """The window of a row of a plan.

    Attributes:
        outline: (x, y) in px of the photo, of the window's upper left, upper right, lower right and lower left corner.
        words: what the row does to the photo, but for mirroring.
        is_flipped: whether the crop is mirrored (if the plan flips at all, where no augmentation says so).
        position: 1, 2, ...: when the crop comes in the epoch.
    """

    outline: tuple[tuple[float, float], ...]
    words: str
    is_flipped: bool
    position: int

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in whole px of the least upright window around it."""
        across, down = zip(*self.outline, strict=True)
        return floor(min(across)), floor(min(down)), ceil(max(across)), ceil(max(down))

    @property
    def points(self) -> str:
        """The outline as an SVG polygon has it."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.outline)


@dataclass(frozen=True, slots=True)
class Choice:
    """A sample that is shown, by its index, and its crop if its split is cut into crops."""

    index: int
    crop: Crop | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The samples of a split that are shown.

    Attributes:
        split: the split's name.
        choices: in the order in which they are shown.
        planned: how many samples an epoch of crops draws from; 0 if every image comes whole.
    """

    split: str
    choices: tuple[Choice, ...]
    planned: int


def choose_samples(split: str, sizes: npt.NDArray[np.int32], draw: Draw, count: int) -> Selection:
    """Choose what is shown of a split: the first crops of epoch 0 or, if images come whole, samples evenly spread.

    Windows depend neither on the batch size nor on whether crops are flipped, so these are the windows of any plan with
    this draw and seed 0 over the same samples.

    Args:
        split: the split's name.
        sizes: int32 (N, 2), (height, width) of each photo in px; (0, 0) if it cannot be read.
        draw: how crops are drawn.
        count: how many samples at most.

    >>> selection = choose_samples("val", np.full((9, 2), 400, np.int32), Draw((320, 320)), 3)
    >>> [choice.index for choice in selection.choices]
    [0, 4, 8]
    """
    readable = np.flatnonzero(sizes.all(axis=1))
    if role_of(split) in ("val", "test") or not len(readable):
        return Selection(split, tuple(Choice(index) for index in evenly(len(sizes), count)), 0)
    # One batch as large as the epoch: its rows are the epoch's, in order.
    plan = Plan(sizes[readable], len(readable), draw, seed=SEED)
    choices = []
    for position, row in enumerate(plan.rows(epoch=0, step=0)[:count], start=1):
        index = int(readable[row["sample"]])
        outline = tuple((round(x, 1), round(y, 1)) for y, x in corners(row, *sizes[index].tolist()).tolist())
        words = describe(row, *sizes[index].tolist())
        words.pop("mirror", None)
        choices.append(Choice(index, Crop(outline, ", ".join(words.values()), bool(row["flip"]), position)))
    return Selection(split, tuple(choices), len(readable))
