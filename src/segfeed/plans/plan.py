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
from segfeed.plans.order import ORDER_VERSION, derive_key, draw, permute
from segfeed.plans.rows import ROW, Rows
from segfeed.system.options import whole_number

Small = Literal["pad", "drop", "error"]
Sizes = npt.NDArray[np.integer[Any]]

_SHUFFLE, _TOP, _LEFT, _FLIP = 1, 2, 3, 4  # purposes of a draw: no two share a key
_MAX_SIDE_PX = 2**31 - 1
_BLOCK = 8  # steps computed at once


class Shard(NamedTuple):
    """Name one rank of a world of processes that together see every batch; rank r gets the r-th equal slice of each."""

    rank: int = 0
    world: int = 1


@dataclass(frozen=True)
class Draw:
    """Say how a training crop is drawn.

    Attributes:
        crop_size: (height, width) of a crop in px.
        small: what happens to an image that is smaller than the crop in height or width: "pad" places it whole inside the
            crop, at a random offset; "drop" leaves it out, counted; "error" refuses the split.
        flip: mirror half of the crops left to right.

    Raises:
        OptionError: a size that is no whole number of at least 1, or another word for `small`.

    >>> Draw((256, 512), flip=True).crop_size
    (256, 512)
    """

    crop_size: tuple[int, int] = (320, 480)
    small: Small = "pad"
    flip: bool = False

    def __post_init__(self) -> None:
        try:
            height, width = self.crop_size
        except (TypeError, ValueError):
            raise OptionError(f"crop_size={self.crop_size!r} is not a pair; give (height, width) in pixels.") from None
        sides = whole_number("crop height", height, 1, _MAX_SIDE_PX), whole_number("crop width", width, 1, _MAX_SIDE_PX)
        object.__setattr__(self, "crop_size", sides)
        if self.small not in get_args(Small):
            raise OptionError(f'small={self.small!r} is not allowed; use "pad", "drop" or "error".')
        if not isinstance(self.flip, bool):
            raise OptionError(f"flip={self.flip!r} is not allowed; use True or False.")


class _Kept(NamedTuple):
    """Hold which samples a plan uses (None: all of them), and how many are smaller than the crop."""

    samples: npt.NDArray[np.int64] | None
    small: int


class Plan:
    """Decide which crop comes when: random windows for training, or (`Plan.exact`) every image once, whole.

    Args:
        sizes: integer (N, 2), (height, width) of each sample in px.
        batch_size: pairs in a batch over all ranks.
        draw: how crops are drawn; None takes every image whole, as `Plan.exact` does.
        shuffle: visit the samples in a new order each epoch; otherwise in their own order.
        seed: 0 .. 2**63 - 1; the same seed gives the same rows, always.
        shard: which rank of how many this plan serves.

    Raises:
        OptionError: an argument out of range, a world that does not divide the batch, fewer samples than one batch,
            or samples smaller than the crop with small="error".

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
            raise OptionError(
                f"draw={draw!r} is not allowed; pass a Draw, such as Draw(crop_size=(320, 480)), or None."
            )
        self.draw = draw
        self.shuffle = bool(shuffle) and draw is not None
        self.seed = whole_number("seed", seed, 0, 2**63 - 1)
        self._kept = _keep(self.sizes, draw) if draw is not None else _Kept(None, 0)
        # Small arrays cost NumPy a microsecond a call: a few steps at once cost hardly more than one.
        self._block = lru_cache(maxsize=4)(self._compute)
        if not self.is_exact and len(self) < self.batch_size:
            raise OptionError(_too_few(self.batch_size, len(self), len(self.sizes)))

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

    def with_shard(self, shard: Shard) -> "Plan":
        """Plan the same batches for another rank or world.

        >>> Plan(np.full((10, 2), 400), batch_size=4).with_shard(Shard(1, 2)).rows_per_step
        2
        """
        return Plan(self.sizes, self.batch_size, self.draw, shuffle=self.shuffle, seed=self.seed, shard=shard)

    def __len__(self) -> int:
        """Count the samples that an epoch draws from, before the tail is dropped."""
        return len(self.sizes) if self._kept.samples is None else len(self._kept.samples)

    @property
    def is_exact(self) -> bool:
        """Tell whether every image comes once, whole."""
        return self.draw is None

    @property
    def steps(self) -> int:
        """Count the batches of an epoch, the same on every rank."""
        return -(-len(self) // self.batch_size) if self.is_exact else len(self) // self.batch_size

    @property
    def tail(self) -> int:
        """Count the samples that an epoch leaves out because they fill no batch."""
        return 0 if self.is_exact else len(self) % self.batch_size

    @property
    def small(self) -> int:
        """Count the samples smaller than the crop: padded or dropped, as the draw says."""
        return self._kept.small

    @property
    def rows_per_step(self) -> int:
        """Count the rows of a batch on this rank."""
        return self.batch_size // self.shard.world

    @cached_property
    def canvas(self) -> tuple[int, int]:
        """Give (height, width) in px of every crop of this plan."""
        if self.draw is not None:
            return self.draw.crop_size
        tallest, widest = _distinct(self.sizes).max(axis=0)
        return int(tallest), int(widest)

    @property
    def options(self) -> dict[str, Any]:
        """List what decides the rows besides the sizes, in plain JSON values."""
        drawn = None if self.draw is None else {
            "crop_size": list(self.draw.crop_size), "small": self.draw.small, "flip": self.draw.flip,
        }  # fmt: skip
        return {
            "order_version": ORDER_VERSION,
            "batch_size": self.batch_size,
            "draw": drawn,
            "shuffle": self.shuffle,
            "seed": self.seed,
        }

    @property
    def digest(self) -> str:
        """Give the SHA-256 of the options; rank and world are no part of it."""
        return hashlib.sha256(json.dumps(self.options, sort_keys=True).encode()).hexdigest()

    def rows(self, epoch: int, step: int) -> Rows:
        """Compute this rank's rows of one batch.

        Args:
            epoch: 0, 1, 2, ...
            step: 0 .. steps - 1.

        Returns:
            rows: (rows_per_step,) of dtype `crop.ROW`; `top` and `left` are negative where the window reaches beyond
            the image, `sample` is -1 where an exact plan has no image left.

        Raises:
            OptionError: epoch or step out of range.
        """
        epoch = whole_number("epoch", epoch, 0, 2**63 - 1)
        step = whole_number("step", step, 0, self.steps - 1)
        first = step // _BLOCK * _BLOCK
        rows = self._block(epoch, first)
        return rows[(step - first) * self.rows_per_step :][: self.rows_per_step].copy()

    def _compute(self, epoch: int, first_step: int) -> Rows:
        """Compute this rank's rows of `_BLOCK` steps."""
        steps = np.arange(first_step, min(first_step + _BLOCK, self.steps), dtype=np.uint64)
        starts = steps * np.uint64(self.batch_size) + np.uint64(self.shard.rank * self.rows_per_step)
        positions: npt.NDArray[np.uint64] = np.add.outer(starts, np.arange(self.rows_per_step, dtype=np.uint64)).ravel()
        rows = np.zeros(len(positions), ROW)
        rows["height"], rows["width"] = self.canvas
        if self.draw is None:
            rows["sample"] = np.where(positions < len(self), positions.astype(np.int64), -1)
            return rows
        samples = positions.astype(np.int64)
        if self.shuffle:
            samples = permute(derive_key(self.seed, epoch, _SHUFFLE), len(self), positions)
        rows["sample"] = samples if self._kept.samples is None else self._kept.samples[samples]
        sizes = self.sizes[rows["sample"]].astype(np.int64)
        for side, (field, purpose) in enumerate((("top", _TOP), ("left", _LEFT))):
            # Either the window lies inside the image or the image inside the window: slack is what can be chosen.
            slack = sizes[:, side] - self.canvas[side]
            bits = draw(derive_key(self.seed, epoch, purpose), positions)
            rows[field] = np.minimum(slack, 0) + (bits % (np.abs(slack) + 1).astype(np.uint64)).astype(np.int64)
        if self.draw.flip:
            rows["flip"] = draw(derive_key(self.seed, epoch, _FLIP), positions) & np.uint64(1)
        return rows


def _too_few(batch_size: int, kept: int, count: int) -> str:
    dropped = f"{kept} of {count} samples are as large as the crop" if kept < count else f"the split has {kept} samples"
    remedies = [f"a batch_size of at most {kept}"] * (kept > 0) + ['small="pad"', "a smaller crop_size"] * (
        kept < count
    )
    return f"batch_size={batch_size}, but {dropped}, which makes no batch; pass {' or '.join(remedies)}."


def _check_sizes(sizes: Sizes) -> Sizes:
    sizes = np.asarray(sizes)
    if sizes.ndim != 2 or sizes.shape[1] != 2 or sizes.dtype.kind not in "iu":
        raise OptionError(
            f"sizes of shape {sizes.shape} and dtype {sizes.dtype}; expected integers (N, 2): height and width of each sample."
        )
    if not len(sizes):
        raise OptionError("sizes are empty; a plan needs at least one sample.")
    seen = _distinct(sizes)
    if seen.min() < 1 or seen.max() > _MAX_SIDE_PX:
        raise OptionError(f"sizes from {seen.min()} to {seen.max()} px; expected 1 to {_MAX_SIDE_PX}.")
    return np.broadcast_to(
        seen.copy(), sizes.shape
    )  # read-only, and our own: a later change of the caller's changes no plan


def _distinct(sizes: Sizes) -> Sizes:
    """Give the rows that need a look: an array broadcast from one row has only that one."""
    return sizes[:1] if sizes.strides[0] == 0 else sizes


def check_shard(shard: Any, batch_size: int) -> Shard:
    """Check a (rank, world) pair against the batch size that the world must divide.

    Raises:
        OptionError: no pair, a rank outside the world, or a world that does not divide the batch.
    """
    try:
        rank, world = shard
    except (TypeError, ValueError):
        raise OptionError(f"shard={shard!r} is not a pair; give (rank, world), such as (0, 4).") from None
    world = whole_number("world", world, 1, 2**31 - 1)
    if batch_size % world:
        raise OptionError(
            f"batch_size={batch_size} counts the pairs of all ranks, and {world} ranks do not divide it; "
            f"pass a multiple of {world}."
        )
    return Shard(whole_number("rank", rank, 0, world - 1), world)


def _keep(sizes: Sizes, draw: Draw) -> _Kept:
    fits = np.asarray((_distinct(sizes) >= draw.crop_size).all(axis=1))
    small = int((~fits).sum()) * (len(sizes) // len(fits))
    if draw.small == "error" and small:
        first = int(np.argmin(fits))
        raise OptionError(
            f"{small} of {len(sizes)} images are smaller than the crop of {draw.crop_size[0]} x {draw.crop_size[1]} px (height x width), "
            f"the first is sample {first} with {sizes[first, 0]} x {sizes[first, 1]}; "
            'pass a smaller crop_size, small="pad" or small="drop".'
        )
    if draw.small == "drop" and small:
        return _Kept(np.flatnonzero(np.broadcast_to(fits, len(sizes))).astype(np.int64), small)
    return _Kept(None, small)
