"""The gallery: which samples of a split a report shows, and the crop that the plan's first epoch cuts from each."""

from dataclasses import dataclass

import numpy as np

from segfeed.audit.rules.subjects import role_of
from segfeed.pictures.report.tallies import Tally
from segfeed.plans.plan import Draw, Plan

SEED = 0

_ORDER = ("train", "trainval", "", "val", "test")


def reading_order(split: str) -> int:
    """Give the place of a split in a report: those to train on first, those to test on last.

    >>> sorted(["test", "train", "val"], key=reading_order)
    ['train', 'val', 'test']
    """
    return _ORDER.index(role_of(split))


@dataclass(frozen=True, slots=True)
class Crop:
    """Hold a row of a plan.

    Attributes:
        top: of the window, in px of the photo; negative where the window begins above it.
        left: likewise.
        height: of the window, in px.
        width: likewise.
        is_flipped: whether the crop is mirrored, where the plan flips at all.
        position: 1, 2, ...: when the crop comes in the epoch.
    """

    top: int
    left: int
    height: int
    width: int
    is_flipped: bool
    position: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Name a sample that is shown, and its crop where its split is cut into crops."""

    index: int
    crop: Crop | None = None


@dataclass(frozen=True, slots=True)
class Wall:
    """Hold what is shown of a split.

    Attributes:
        split: the split's name.
        shown: in the order in which it is shown.
        planned: how many samples an epoch of crops draws from; 0 where every image comes whole.
    """

    split: str
    shown: tuple[Shown, ...]
    planned: int


def choose_samples(tally: Tally, crop_size: tuple[int, int], count: int) -> Wall:
    """Choose what is shown of a split: the first crops of epoch 0 or, where images come whole, samples evenly spread.

    Windows depend neither on the batch size nor on whether crops are flipped, so these are the windows of any plan with
    this crop size and seed 0 over the same samples.

    >>> sizes = np.full((9, 2), 400, np.int32)
    >>> tally = Tally("val", sizes, False, 0, np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
    >>> [shown.index for shown in choose_samples(tally, (320, 320), 3).shown]
    [0, 4, 8]
    """
    readable = np.flatnonzero(tally.sizes.all(axis=1))
    if role_of(tally.split) in ("val", "test") or not len(readable):
        spread = np.linspace(0, len(tally.sizes) - 1, min(count, len(tally.sizes))).round().astype(int)
        return Wall(tally.split, tuple(Shown(index) for index in spread.tolist()), 0)
    plan = Plan(tally.known_sizes, len(readable), Draw(crop_size, "pad", flip=True), seed=SEED)
    crops = enumerate(plan.rows(epoch=0, step=0)[:count].tolist(), start=1)
    shown = tuple(
        Shown(int(readable[sample]), Crop(top, left, height, width, is_flipped, position))
        for position, (sample, top, left, height, width, is_flipped) in crops
    )
    return Wall(tally.split, shown, len(readable))
