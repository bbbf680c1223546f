"""Plans: which crop comes when, as a table of integers that is never materialised.

Rows are a pure function of (sizes, plan options, order version, seed, epoch, position). Threads, ranks and prefetch
only slice rows, so they cannot change what comes out, and resuming is arithmetic.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError
from segfeed.plans.augment import Augment
from segfeed.plans.fields import Dice, draw_fields, extreme_sizes
from segfeed.plans.order import ORDER_VERSION, derive_key, permute
from segfeed.plans.rows import ROW, Rows
from segfeed.system.options import whole_number
from segfeed.system.showing import brief, counted, show_html

Small = Literal["pad", "drop", "error"]
Sizes = npt.NDArray[np.integer[Any]]

_SHUFFLE = 1  # the purpose of this draw; those of the fields have higher numbers
_MAX_SIDE_PX = 2**31 - 1
_BLOCK = 8  # steps computed at once


class Shard(NamedTuple):
    """One rank of a world of processes that together see every batch; rank r gets the r-th equal slice of each."""

    rank: int = 0
    world: int = 1


def _check_swap(swap: Any) -> tuple[tuple[int, int], ...]:
    """Put pairs of labels in order, the lower label of each first."""
    try:
        pairs = sorted((min(pair), max(pair)) for one, other in swap for pair in [(int(one), int(other))])
    except (TypeError, ValueError):
        raise OptionError("swap", found=repr(swap), expected="pairs of labels, such as ((1, 2), (3, 4))") from None
    held = [label for pair in pairs for label in pair]
    if len(set(held)) < len(held) or min(held, default=0) < 0:
        raise OptionError("swap", found=repr(swap), expected="labels of at least 0, each in one pair")
    return tuple(pairs)


@dataclass(frozen=True)
class Draw:
    """How the rows of training crops are drawn.

    Attributes:
        crop_size: (height, width) of a crop in px.
        small: what happens to an image that is smaller than the crop in height or width: "pad" puts it whole inside the
            crop, at a random offset; "drop" leaves it out, counted; "error" refuses the split.
        flip: mirror half of the crops left to right: short for `augment=Augment(flip=0.5)`.
        swap: pairs of labels that change places in mirrored crops, such as those of left and right arms.
        augment: what else is drawn for a crop: sizes, turns, colours. `small` then judges a photo by the least size to
            which it may be scaled.

    Raises:
        OptionError: if a side is not a whole number of at least 1, `small` or `flip` has another value, `swap` is not
            made of pairs of labels, each in one, `augment` is not an `Augment`, or `flip` is passed as well.

    >>> Draw((256, 512), flip=True).crop_size
    (256, 512)
    """

    crop_size: tuple[int, int] = (320, 480)
    small: Small = "pad"
    flip: bool = False
    swap: tuple[tuple[int, int], ...] = ()
    augment: Augment | None = None

    def __post_init__(self) -> None:
        try:
            height, width = self.crop_size
        except (TypeError, ValueError):
            found = repr(self.crop_size)
            raise OptionError("crop_size", found=found, expected="a pair (height, width) in pixels") from None
        sides = whole_number("crop height", height, 1, _MAX_SIDE_PX), whole_number("crop width", width, 1, _MAX_SIDE_PX)
        object.__setattr__(self, "crop_size", sides)
        if self.small not in get_args(Small):
            raise OptionError("small", found=repr(self.small), expected='"pad", "drop" or "error"')
        if not isinstance(self.flip, bool):
            remedy = "for another share of crops than half, pass augment=Augment(flip=...)"
            raise OptionError("flip", found=repr(self.flip), expected="True or False", remedy=remedy)
        object.__setattr__(self, "swap", _check_swap(self.swap))
        if self.augment is not None and not isinstance(self.augment, Augment):
            expected = "an Augment, such as Augment(flip=0.5, scale=(0.5, 2)), or None"
            remedy = "pass a function of your own as transform=" if callable(self.augment) else ""
            raise OptionError("augment", found=brief(repr(self.augment), 300), expected=expected, remedy=remedy)
        if self.flip and self.augment is not None:
            found = f"True beside augment with flip={self.augment.flip}"
            raise OptionError(
                "flip", found=found, remedy="leave flip=True out: augment= says how many crops are mirrored"
            )

    @cached_property
    def drawn(self) -> Augment:
        """What is drawn for each crop besides its place, whichever way it was passed."""
        return self.augment or Augment(flip=0.5 if self.flip else 0.0)

    def to_json(self) -> dict[str, Any]:
        """Describe the draw in plain JSON values, as what is drawn: `flip=True` is what `Augment(flip=0.5)` is."""
        return {
            "crop_size": list(self.crop_size),
            "small": self.small,
            "swap": [list(pair) for pair in self.swap],
            "augment": self.drawn.to_json(),
        }


class _Kept(NamedTuple):
    """The samples that a plan uses, int64 (None: all of them), and how many are smaller than the crop."""

    samples: npt.NDArray[np.int64] | None
    small: int


class Plan:
    """Which crop comes when: random windows for training, or (`Plan.exact`) every image once, whole.

    Args:
        sizes: integer (N, 2), (height, width) of each sample in px.
        batch_size: pairs in a batch over all ranks.
        draw: how crops are drawn; None takes every image whole, as `Plan.exact` does.
        shuffle: visit the samples in a new order each epoch; otherwise in their own order.
        seed: 0 .. 2**63 - 1; the same seed gives the same rows, always.
        shard: which rank of how many this plan serves.

    Raises:
        OptionError: if an argument is out of range, the world does not divide the batch, there are fewer samples than
            one batch needs, or a sample is smaller than the crop and small="error".

    >>> plan = Plan(np.full((10, 2), 400), batch_size=4, draw=Draw((320, 320)))
    >>> len(plan), plan.steps, plan.tail
    (10, 2, 2)
    >>> plan.rows(epoch=0, step=1)["height"].tolist()
    [320, 320, 320, 320]
    """

    def __init__(
        self,
        sizes: Sizes,
        batch_size: int = 64,
        draw: Draw | None = Draw(),
        *,
        shuffle: bool = True,
        seed: int = 0,
        shard: Shard = Shard(),  # noqa: B008 - immutable
    ) -> None:
        self.sizes = _check_sizes(sizes)
        self.batch_size = whole_number("batch_size", batch_size, 1, 2**31 - 1)
        self.shard = check_shard(shard, self.batch_size)
        if draw is not None and not isinstance(draw, Draw):
            raise OptionError("draw", found=repr(draw), expected="a Draw, such as Draw(crop_size=(320, 480)), or None")
        self.draw = draw
        self.shuffle = bool(shuffle) and draw is not None
        self.seed = whole_number("seed", seed, 0, 2**63 - 1)
        self._kept = _keep(self.sizes, draw) if draw is not None else _Kept(None, 0)
        # NumPy takes a microsecond a call even for small arrays: a few steps at once cost hardly more than one.
        self._block = lru_cache(maxsize=4)(self._compute)
        if not self.is_exact and len(self) < self.batch_size:
            raise _too_few(self.batch_size, len(self), len(self.sizes), draw)

    @classmethod
    def exact(cls, sizes: Sizes, batch_size: int = 64, *, shard: Shard = Shard()) -> "Plan":  # noqa: B008 - immutable
        """Plan every image once, whole, in order, top left on one canvas: the largest height x the largest width.

        The last batch is filled with rows of sample -1, which are void, so that all ranks agree on shapes and steps.

        >>> plan = Plan.exact(np.array([[2, 9], [5, 3], [1, 1]]), batch_size=2)
        >>> plan.canvas, plan.rows(0, 1)["sample"].tolist()
        ((5, 9), [2, -1])
        """
        return cls(sizes, batch_size, None, shuffle=False, shard=shard)

    def __reduce__(self) -> tuple[Any, ...]:
        plan = partial(Plan, shuffle=self.shuffle, seed=self.seed, shard=self.shard)
        return plan, (self.sizes, self.batch_size, self.draw)

    _repr_html_ = show_html

    def __repr__(self) -> str:
        height, width = self.canvas
        what = "whole, on" if self.is_exact else "crops of"
        rank = f", rank {self.shard.rank} of {self.shard.world}" if self.shard.world > 1 else ""
        return (
            f"Plan({counted(len(self), 'sample')}: {counted(self.steps, 'batch', 'batches')} of {self.batch_size}, "
            f"{what} {height} x {width} px, seed {self.seed}{rank})"
        )

    def with_shard(self, shard: Shard, batch_size: int | None = None) -> "Plan":
        """Plan the same batches, or as many rows as `batch_size` says in each, for another rank or world.

        >>> Plan(np.full((10, 2), 400), batch_size=4).with_shard(Shard(1, 2)).rows_per_step
        2
        """
        size = self.batch_size if batch_size is None else batch_size
        return Plan(self.sizes, size, self.draw, shuffle=self.shuffle, seed=self.seed, shard=shard)

    def __len__(self) -> int:
        """Return the number of samples that an epoch draws from, before the tail is dropped."""
        return len(self.sizes) if self._kept.samples is None else len(self._kept.samples)

    @property
    def is_exact(self) -> bool:
        """Whether every image comes once, whole."""
        return self.draw is None

    @property
    def steps(self) -> int:
        """The number of batches of an epoch, the same on every rank."""
        return -(-len(self) // self.batch_size) if self.is_exact else len(self) // self.batch_size

    @property
    def tail(self) -> int:
        """The number of samples that an epoch leaves out because they do not fill a batch."""
        return 0 if self.is_exact else len(self) % self.batch_size

    @property
    def small(self) -> int:
        """The number of samples smaller than the crop: padded or dropped, as the draw says."""
        return self._kept.small

    @property
    def rows_per_step(self) -> int:
        """The number of rows of a batch on this rank."""
        return self.batch_size // self.shard.world

    @cached_property
    def canvas(self) -> tuple[int, int]:
        """(height, width) in px of every crop of this plan."""
        if self.draw is not None:
            return self.draw.crop_size
        tallest, widest = _distinct(self.sizes).max(axis=0)
        return int(tallest), int(widest)

    @property
    def options(self) -> dict[str, Any]:
        """What decides the rows besides the sizes, in plain JSON values."""
        return {
            "order_version": ORDER_VERSION,
            "batch_size": self.batch_size,
            "draw": None if self.draw is None else self.draw.to_json(),
            "shuffle": self.shuffle,
            "seed": self.seed,
        }

    @property
    def digest(self) -> str:
        """The SHA-256 of the options, in which rank and world do not count."""
        return hashlib.sha256(json.dumps(self.options, sort_keys=True).encode()).hexdigest()

    def rows(self, epoch: int, step: int) -> Rows:
        """Compute this rank's rows of one batch.

        Args:
            epoch: 0, 1, 2, ...
            step: 0 .. steps - 1.

        Returns:
            rows: (rows_per_step,) of dtype `ROW`; `top` and `left` are negative if the window reaches beyond the image,
            `sample` is -1 if an exact plan has no image left.

        Raises:
            OptionError: if epoch or step is out of range.
        """
        epoch = whole_number("epoch", epoch, 0, 2**63 - 1)
        step = whole_number("step", step, 0, self.steps - 1)
        first = step // _BLOCK * _BLOCK
        rows = self._block(epoch, first)
        return rows[(step - first) * self.rows_per_step :][: self.rows_per_step].copy()

    def _compute(self, epoch: int, first_step: int) -> Rows:
        """Compute this rank's rows of `_BLOCK` steps."""
        # Draws depend on a row's position in the epoch alone: a rank counts from where its slice of a batch begins.
        steps = np.arange(first_step, min(first_step + _BLOCK, self.steps), dtype=np.uint64)
        starts = steps * np.uint64(self.batch_size) + np.uint64(self.shard.rank * self.rows_per_step)
        positions: npt.NDArray[np.uint64] = np.add.outer(starts, np.arange(self.rows_per_step, dtype=np.uint64)).ravel()
        rows = np.zeros(len(positions), ROW)
        rows["height"], rows["width"] = self.canvas
        if self.draw is None:
            rows["sample"] = np.where(positions < len(self), positions.astype(np.int64), -1)
            rows["scaled_height"], rows["scaled_width"] = np.where(
                rows["sample"] < 0, 0, self.sizes[rows["sample"]].astype(np.int64).T
            )
            return rows
        samples = positions.astype(np.int64)
        if self.shuffle:
            samples = permute(derive_key(self.seed, epoch, _SHUFFLE), len(self), positions)
        rows["sample"] = samples if self._kept.samples is None else self._kept.samples[samples]
        sizes = self.sizes[rows["sample"]].astype(np.int64)
        draw_fields(rows, self.draw.drawn, self.canvas, sizes, Dice(self.seed, epoch, positions))
        return rows


def _too_few(batch_size: int, kept: int, count: int, draw: Draw | None) -> OptionError:
    counted = f"the split has {kept} samples"
    if kept < count:
        is_scaled = draw is not None and draw.drawn.stages.scales
        counted = (
            f"{kept} of {count} samples are {'always scaled to at least' if is_scaled else 'as large as'} the crop"
        )
    remedies = [f"a batch_size of at most {kept}"] if kept else []
    if kept < count:
        remedies += ['small="pad"', "a smaller crop_size"]
    found = f"{batch_size}, but {counted}"
    return OptionError(
        "batch_size", found=found, expected="samples for at least one batch", remedy=f"pass {' or '.join(remedies)}"
    )


def _check_sizes(sizes: Sizes) -> Sizes:
    sizes = np.asarray(sizes)
    if sizes.ndim != 2 or sizes.shape[1] != 2 or sizes.dtype.kind not in "iu":
        found = f"an array of shape {sizes.shape} and dtype {sizes.dtype}"
        raise OptionError("sizes", found=found, expected="integers (N, 2): height and width of each sample")
    if not len(sizes):
        raise OptionError("sizes", found="an empty array", expected="at least one sample")
    seen = _distinct(sizes)
    if seen.min() < 1 or seen.max() > _MAX_SIDE_PX:
        found = f"sides from {seen.min()} to {seen.max()} px"
        raise OptionError("sizes", found=found, expected=f"1 to {_MAX_SIDE_PX}")
    # Read-only, and a copy: if the caller changes the array later, the plan stays the same.
    return np.broadcast_to(seen.copy(), sizes.shape)


def _distinct(sizes: Sizes) -> Sizes:
    """Return the lines of `sizes` that can differ: if one was broadcast to all, only that one."""
    return sizes[:1] if sizes.strides[0] == 0 else sizes


def check_shard(shard: Any, batch_size: int) -> Shard:
    """Check a (rank, world) pair against the batch size that the world must divide.

    Raises:
        OptionError: if it is not a pair, the rank lies outside the world, or the world does not divide the batch.
    """
    try:
        rank, world = shard
    except (TypeError, ValueError):
        raise OptionError("shard", found=repr(shard), expected="a pair (rank, world), such as (0, 4)") from None
    world = whole_number("world", world, 1, 2**31 - 1)
    if batch_size % world:
        found = f"{batch_size} pairs over all ranks, which {world} ranks do not divide"
        raise OptionError("batch_size", found=found, expected=f"a multiple of {world}")
    return Shard(whole_number("rank", rank, 0, world - 1), world)


def _keep(sizes: Sizes, draw: Draw) -> _Kept:
    """Find the samples that a plan uses, by what its draw says of small ones."""
    least, most = extreme_sizes(draw.drawn, _distinct(sizes).astype(np.int64))
    if most.max() > _MAX_SIDE_PX:
        found = f"a photo that is scaled to {most.max()} px"
        raise OptionError("augment", found=found, expected=f"scaled sides of at most {_MAX_SIDE_PX} px")
    fits = np.asarray((least >= draw.crop_size).all(axis=1))
    small = int((~fits).sum()) * (len(sizes) // len(fits))
    if draw.small == "error" and small:
        height, width = draw.crop_size
        first = int(np.argmin(fits))
        scaled = "" if (least[first] == sizes[first]).all() else f", scaled to {least[first, 0]} x {least[first, 1]}"
        raise OptionError(
            "crop_size",
            found=f"{small} of {len(sizes)} images are smaller than the crop of {height} x {width} px (height x width),"
            f" the first is sample {first} with {sizes[first, 0]} x {sizes[first, 1]}{scaled}",
            remedy='pass a smaller crop_size, small="pad" or small="drop"',
        )
    if draw.small == "drop" and small:
        return _Kept(np.flatnonzero(np.broadcast_to(fits, len(sizes))).astype(np.int64), small)
    return _Kept(None, small)
