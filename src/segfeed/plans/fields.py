"""Fields of rows: a crop's place, and what an `Augment` says, drawn for each row in integers.

A field is drawn by a key of its own from (seed, epoch, purpose) and the row's position, so that it depends on no other
field, no other row and no other option. Whole numbers are drawn as remainders of 64 random bits, which favours none by
more than 2**-32.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segfeed.plans.augment import Augment
from segfeed.plans.elementary import TURN, Floats, exp2, log2
from segfeed.plans.order import Words, derive_key, draw
from segfeed.plans.rows import Rows

UNIT = 2**16
"""The fixed point of a row's colours: 1 is so many units."""

Integers = npt.NDArray[np.int64]

# Purposes of draws: no two share a key. `plan` has 1.
_TOP, _LEFT, _FLIP, _KEY, _FACTOR, _SIDE, _ASPECT, _ORDER, *_FIXED = range(2, 17)
_CHANCE = 1  # a second word after a purpose: whether the step happens at all


class Dice(NamedTuple):
    """What a draw depends on: the epoch's words, and each row's position in the epoch."""

    seed: int
    epoch: int
    positions: Words

    def bits(self, *purpose: int) -> Words:
        """Draw 64 bits for each row."""
        return draw(derive_key(self.seed, self.epoch, *purpose), self.positions)

    def whole(self, purpose: int, low: int, high: int) -> Integers:
        """Draw whole numbers from low to high."""
        return low + (self.bits(purpose) % np.uint64(high - low + 1)).astype(np.int64)

    def share(self, purpose: int) -> Floats:
        """Draw multiples of 2**-53 from 0 to below 1."""
        return (self.bits(purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def draw_fields(rows: Rows, augment: Augment, canvas: tuple[int, int], sizes: Integers, dice: Dice) -> None:
    """Draw all fields of rows whose sample and window size stand.

    Args:
        rows: (N,) of dtype `ROW`, written.
        augment: what is drawn.
        canvas: (height, width) of the window in px.
        sizes: int64 (N, 2), (height, width) of each row's sample in px.
        dice: what the draws depend on.
    """
    scaled = _draw_sizes(augment, sizes, dice)
    rows["scaled_height"], rows["scaled_width"] = scaled.T
    rows["antialias"] = augment.antialias & (scaled != sizes).any(axis=1)
    if augment.flip:
        # The lowest bit first: it alone decides if the probability is a half.
        bits = dice.bits(_FLIP)
        rows["flip"] = _chance((bits << np.uint64(63)) | (bits >> np.uint64(1)), augment.flip)
    for side, (field, purpose) in enumerate((("top", _TOP), ("left", _LEFT))):
        # Along each side, either the window lies inside the photo and starts at 0 .. slack, or the photo lies inside
        # the window, which then starts at slack .. 0. Both are |slack| + 1 starts from min(slack, 0) on.
        slack = scaled[:, side] - canvas[side]
        starts = np.minimum(slack, 0) + (dice.bits(purpose) % (np.abs(slack) + 1).astype(np.uint64)).astype(np.int64)
        if augment.pad_side != "random":
            # As seen in the crop: a mirrored window has its right side on the left.
            seen = np.zeros_like(slack) if augment.pad_side == "bottom-right" else -(-slack // 2)
            starts = np.where(slack >= 0, starts, np.where(rows["flip"] & (field == "left"), slack - seen, seen))
        rows[field] = starts
    for purpose, (field, wanted, to_units) in zip(_FIXED, _FIXED_POINT, strict=True):
        rows[field] = _draw_fixed(getattr(augment, wanted), to_units, purpose, dice)
    if augment.order == "drawn":
        rows["colour_order"] = dice.bits(_ORDER) & np.uint64(1)
    rows["key"] = dice.bits(_KEY)


_FIXED_POINT: tuple[tuple[str, str, Callable[[Floats], Floats]], ...] = (
    ("angle", "rotate", lambda degrees: degrees * (TURN / 360)),
    ("brightness", "brightness", lambda shares: shares * UNIT),
    ("contrast", "contrast", lambda factors: (factors - 1) * UNIT),
    ("saturation", "saturation", lambda factors: (factors - 1) * UNIT),
    ("hue", "hue", lambda degrees: degrees * (TURN / 360)),
    ("gamma", "gamma", lambda exponents: log2(exponents) * UNIT),
    ("gray", "gray", lambda shares: shares * UNIT),
)
"""A field of a row, the range of an `Augment` that it is drawn from, and a person's units in the field's."""


def _draw_fixed(
    wanted: tuple[float, ...], to_units: Callable[[Floats], Floats], purpose: int, dice: Dice
) -> Integers | int:
    """Draw a field in fixed point; 0 in the rows that a step leaves as they are."""
    first, last = (int(end) for end in np.floor(to_units(np.array(wanted[:2])) + 0.5))
    if not wanted[2] or first == last == 0:
        return 0
    return np.where(_happens(wanted[2], purpose, dice), dice.whole(purpose, first, last), 0)


def _happens(probability: float, purpose: int, dice: Dice) -> npt.NDArray[np.bool_] | bool:
    return probability == 1 or _chance(dice.bits(purpose, _CHANCE), probability)


def _chance(bits: Words, probability: float) -> npt.NDArray[np.bool_]:
    """Say for each row whether what has this probability happens, by its 53 highest bits."""
    return (bits >> np.uint64(11)) >= np.uint64(2**53 - round(probability * 2**53))


def _draw_sizes(augment: Augment, sizes: Integers, dice: Dice) -> Integers:
    """Draw the sizes to which photos are scaled, int64 (N, 2)."""
    factor: Any = 1.0
    low, high, probability = augment.scale
    if probability and (low, high) != (1, 1):
        choices = augment.scale_choices()
        if choices is not None:
            factor = np.array(choices)[dice.whole(_FACTOR, 0, len(choices) - 1)]
        elif augment.scale_draw == "log":
            factor = exp2(_between(log2([low, high]), dice.share(_FACTOR)))
        else:
            factor = _between((low, high), dice.share(_FACTOR))
        factor = np.where(_happens(probability, _FACTOR, dice), factor, 1.0)
    side: Any = 0
    if augment.resize is not None and augment.resize[0] in ("short", "long"):
        side = dice.whole(_SIDE, *augment.resize[1:])
    stretch: Any = 0.0
    low, high, probability = augment.aspect
    if probability and (low, high) != (1, 1):
        stretch = _between(log2([low, high]), dice.share(_ASPECT))
        stretch = np.where(_happens(probability, _ASPECT, dice), stretch, 0.0)
    return scaled_sizes(augment, sizes, factor, side, stretch)


def _between(ends: Any, share: Floats) -> Floats:
    found: Floats = ends[0] + (ends[1] - ends[0]) * share
    return found


def scaled_sizes(augment: Augment, sizes: Integers, factor: Any, side: Any, stretch: Any) -> Integers:
    """Compute to which size photos are scaled.

    The products and quotients are those of the tools whose recipes are kept, in their order, so that sides agree to the
    last pixel: mmcv and detectron2 where halves are rounded up, torchvision where sides are rounded down.

    Args:
        augment: how photos are resized.
        sizes: int64 (N, 2), (height, width) in px.
        factor: of `augment.scale`, float64 (N,) or one.
        side: of `augment.resize` if it is a short or long side, in px, int64 (N,) or one.
        stretch: logarithm to the base of two of `augment.aspect`, float64 (N,) or one.

    Returns:
        int64 (N, 2), at least 1.
    """
    how, *wanted = augment.resize or ("own",)
    sides = sizes.astype(np.float64)
    if how in ("short", "long"):
        length = _whole_sides(side * factor)[..., None]
        reference = (sides.min if how == "short" else sides.max)(axis=1, keepdims=True)
        others = length / reference * sides if augment.rounding == "half-up" else length * sides / reference
        sides = np.where(sides == reference, length, others)
    elif how == "box":
        longest, shortest = (_whole_sides(choose(wanted) * factor) for choose in (max, min))
        sides = sides * np.minimum(longest / sides.max(axis=1), shortest / sides.min(axis=1))[:, None]
    elif how == "exact":
        sides = np.broadcast_to(_whole_sides(np.multiply.outer(factor, wanted)), sides.shape)
    else:
        sides = sides * np.expand_dims(factor, -1)
    if augment.longest is not None:
        longest = sides.max(axis=1, keepdims=True)
        sides = np.where(longest > augment.longest, sides * (augment.longest / longest), sides)
    if np.any(stretch):
        sides = sides * exp2(np.multiply.outer(stretch, [-0.5, 0.5]))
    rounded = np.floor(sides + 0.5 if augment.rounding == "half-up" else sides)
    return np.clip(rounded, 1, 2.0**62).astype(np.int64)


def _whole_sides(sides: Any) -> Floats:
    return np.maximum(np.floor(np.asarray(sides, np.float64)), 1)


def extreme_sizes(augment: Augment, sizes: Integers) -> tuple[Integers, Integers]:
    """Return the least, and the most, height and width that may be drawn for photos, each int64 (N, 2)."""
    factors, aspects = (
        [choose([*wanted[:2]] * (wanted[2] > 0) + [1.0] * (wanted[2] < 1)) for choose in (min, max)]
        for wanted in (augment.scale, augment.aspect)
    )
    side = augment.resize[1:] if augment.resize is not None else (0, 0)
    (least, flat), (steep, most) = (
        [scaled_sizes(augment, sizes, factor, side[end], log2(aspect)) for aspect in aspects]
        for end, factor in enumerate(factors)
    )
    # The lowest aspect makes the least width, and the most height.
    least, most = np.stack([flat[:, 0], least[:, 1]], axis=1), np.stack([steep[:, 0], most[:, 1]], axis=1)
    if augment.longest is not None:
        # A side that shrinks with its longest may fall on a half, which the last bit of a factor rounds up or down.
        capped = (
            scaled_sizes(replace(augment, longest=None), sizes, factors[1], side[1], 0.0).max(axis=1) > augment.longest
        )
        least, most = np.maximum(least - capped[:, None], 1), most + capped[:, None]
    return least, most
