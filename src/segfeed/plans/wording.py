"""Wording: what a row draws, in a person's words and units, for captions and printed rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from segfeed.plans.elementary import TURN
from segfeed.plans.fields import UNIT
from segfeed.plans.plan import Plan
from segfeed.plans.rows import COLOUR_ORDERS, ROW
from segfeed.plans.sampling import scaled_size

_MINUS = "\u2212"


class Crops(np.ndarray[Any, np.dtype[np.void]]):
    """Rows of a batch, (N,) of dtype `ROW`, which print as a line each: what a row does, in a reader's units.

    >>> from segfeed.plans.rows import make_row
    >>> row = make_row(sample=3, top=-2, left=10, height=32, width=48, flip=True, angle=-1820, hue=3276)
    >>> np.array([row]).view(Crops)
    sample 3, 32 × 48 px, top \u22122, left 10, turned \u221210°, mirrored, hue +18°
    """

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return np.asarray(found) if isinstance(found, Crops) and found.dtype != ROW else found

    def __repr__(self) -> str:
        if self.dtype != ROW or self.ndim != 1:
            return repr(np.asarray(self))
        return "\n".join(_line(row) for row in self)

    __str__ = __repr__


def _line(row: Any) -> str:
    if row["sample"] < 0:
        return "padding"
    return ", ".join((f"sample {row['sample']}", f"{row['height']} × {row['width']} px", *describe(row).values()))


def describe(row: Any, height: int = 0, width: int = 0) -> dict[str, str]:
    """Describe each thing that a row does to a photo of this size (px); what it leaves as it is, is left out.

    Args:
        row: one record of dtype `ROW`.
        height: of the stored photo, px; 0 if it is not known.
        width: likewise.

    Returns:
        words: by the name of the thing, in the order in which it happens: "scale", "window", "turn", "mirror", and the
        colours.

    >>> from segfeed.plans.rows import make_row
    >>> row = make_row(scaled_height=150, scaled_width=200, top=-4, height=9, width=9, angle=-1820, contrast=-6554)
    >>> list(describe(row, 100, 200).values())
    ['scaled to 150 × 200 px', 'top \u22124, left 0', 'turned \u221210°', 'contrast × 0.90']
    """
    tall, wide = (int(side) for side in scaled_size(row, height, width))
    words = {}
    if (tall, wide) != (height, width):
        # One factor if both sides have it, to within the rounding of px.
        factor = (tall * wide / max(height * width, 1)) ** 0.5
        is_even = height > 0 and abs(tall - factor * height) <= 1 and abs(wide - factor * width) <= 1
        words["scale"] = f"scaled to {tall} × {wide} px" + (f" (× {factor:.2f})" if is_even else "")
    words["window"] = f"top {signed(row['top'])}, left {signed(row['left'])}"
    if row["angle"] % TURN:
        # Of all angles that mean the same, the least; above 0 is counter-clockwise.
        angle = (int(row["angle"]) + TURN // 2) % TURN - TURN // 2
        words["turn"] = f"turned {signed(angle * 360 / TURN, plus=True)}°"
    if row["flip"]:
        words["mirror"] = "mirrored"
    return words | _describe_colours(row)


def _describe_colours(row: Any) -> dict[str, str]:
    words: dict[str, str] = {}
    if row["brightness"]:
        words["brightness"] = f"brightness {signed(round(row['brightness'] * 255 / UNIT), plus=True)}"
    for step in ("contrast", "saturation"):
        if row[step]:
            words[step] = f"{step} × {max(1 + row[step] / UNIT, 0):.2f}"
    if row["hue"] % TURN:
        words["hue"] = f"hue {signed(row['hue'] * 360 / TURN, plus=True)}°"
    if row["gamma"]:
        words["gamma"] = f"gamma {2 ** (row['gamma'] / UNIT):.2f}"
    if row["gray"]:
        words["gray"] = f"gray {row['gray'] / UNIT:.0%}"[:-1] + " %"
    return {step: words[step] for step in COLOUR_ORDERS[row["colour_order"]] if step in words}


def signed(number: float, *, plus: bool = False) -> str:
    """Write a number with at most one decimal, a minus that is as long as a plus and, if wanted, a plus.

    >>> signed(-3.04), signed(7.25, plus=True), signed(0)
    ('\u22123', '+7.2', '0')
    """
    text = f"{abs(number):.1f}".removesuffix(".0")
    sign = "" if text == "0" else _MINUS if number < 0 else "+" if plus else ""
    return sign + text


def tell_plan(plan: Plan, split: str, names: tuple[str, ...], wished: int) -> Iterator[str]:
    """Describe what a plan pads, drops, exchanges or lowers, a sentence each.

    Args:
        plan: of a split's epochs.
        split: its name.
        names: of its classes.
        wished: how many images a batch of whole ones should have had.
    """
    height, width = plan.canvas
    if plan.draw is not None and plan.small:
        scales = plan.draw.drawn.stages.scales
        are = "can be scaled to less than" if scales else "are smaller than"
        what = "left out" if plan.draw.small == "drop" else "padded with void then" if scales else "padded with void"
        yield f"{split}: {plan.small} of {len(plan.sizes)} images {are} the crop of {height} x {width} and are {what}."
    if plan.draw is not None and plan.draw.swap:
        pairs = "; ".join(f"{names[low]!r} and {names[high]!r}" for low, high in plan.draw.swap)
        yield f"{split}: these classes change places in mirrored crops: {pairs} (swap={{}} keeps them)."
    if plan.draw is not None and plan.tail:
        yield (
            f"{split}: each epoch leaves out {plan.tail} of {len(plan)} images, other ones each time, which fill "
            f"no batch of {plan.batch_size}."
        )
    if plan.draw is None and plan.batch_size < wished:
        yield (
            f"{split}: batches of {plan.batch_size} instead of {wished}, so that one of whole images "
            f"({height} x {width}) is at most 512 MB."
        )
