"""Evidence: which values the masks really hold, and what the legend makes of each, counted in a spread of masks.

A legend that nobody wrote for these masks, but that comes from a layout, a palette or a list of names, is held against
it (`doubts`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import Blob
from segfeed.datasets.source import Sample
from segfeed.errors import MaskError, SegfeedError
from segfeed.pixels.class_names import Value
from segfeed.pixels.codec import StoredMask, decode_mask, read_labels
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import Colour, colour_of
from segfeed.system.work import in_order, show_progress

LOOKED_AT = 8
"""Masks of a split that are looked at before anything is trained: they cost a few hundredths of a second, and a value
that means something else than the legend says is in nearly every mask."""

LOOKED_AT_IN_DOUBT = 64
"""Masks that are looked at if the first ones leave a doubt, since a rare class may be in none of eight. What would stop
a training is judged by all masks."""

_MOST_VALUES = 256  # of one mask, the most frequent ones: a photo or a blurred mask has many thousands


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value that masks store, and what the legend makes of it.

    Attributes:
        index: the number of a gray or palette mask; None in a mask of colours.
        colour: the colour, in a palette mask the one that its palette gives the index; None without any.
        label: class id or void; None if the legend does not know the value, or without a legend.
        pixels: how many hold it.
    """

    index: int | None
    colour: Colour | None
    label: int | None
    pixels: int

    @property
    def key(self) -> Value:
        """The value as a legend names it: 255, or (128, 0, 0)."""
        return self.index if self.index is not None else self.colour or (0, 0, 0)

    @property
    def spelled(self) -> str:
        """The same as text."""
        return str(self.key)

    def name(self, legend: Legend | None) -> str | None:
        """Return what the value means: a class, or void; None if that is not known."""
        if self.label is None or legend is None:
            return None
        return "void" if self.label == legend.void else legend.names[self.label]

    @property
    def is_bare(self) -> bool:
        """Whether it is the number of a gray mask."""
        return self.colour is None


Held = tuple[int | None, Colour | None, int | None]
"""A value that a mask holds, without the pixels: its index, its colour, its label."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What some masks hold together.

    Attributes:
        values: each value once, by label, what is not known last.
        masks: how many masks were looked at.
        of: how many masks there are.
        first: the name of the first mask that was looked at.
        together: the values that one mask holds, once for each such set, and in how many masks it is found.
    """

    values: tuple[StoredValue, ...] = ()
    masks: int = 0
    of: int = 0
    first: str = ""
    together: tuple[tuple[frozenset[Held], int], ...] = ()

    @property
    def pixels(self) -> int:
        """How many pixels were counted."""
        return sum(value.pixels for value in self.values)

    def to_json(self, legend: Legend | None) -> dict[str, Any]:
        """Describe the evidence in plain JSON values, each value with what the legend makes of it."""
        described = [
            {
                "index": value.index,
                "colour": None if value.colour is None else list(value.colour),
                "id": value.label,
                "name": value.name(legend),
                "pixels": value.pixels,
                "share": self.share([value]),
            }
            for value in self.values
        ]
        return {"masks": self.masks, "of": self.of, "values": described}

    def share(self, values: Iterable[StoredValue]) -> float:
        """Return the share of some values in all pixels, 0..1."""
        return sum(value.pixels for value in values) / max(self.pixels, 1)


MaskValues = tuple[StoredValue, ...]
Counted = dict[str, MaskValues | None]
"""What masks hold by their addresses; None for a mask that cannot be read, which is said when it is needed."""


def gather(masks: Iterable[MaskValues], of: int | None = None) -> Evidence:
    """Sum up what masks hold; `of` is how many masks there are, if these are not all."""
    summed: dict[Held, int] = {}
    together: Counter[frozenset[Held]] = Counter()
    for values in masks:
        for value in values:
            key = value.index, value.colour, value.label
            summed[key] = summed.get(key, 0) + value.pixels
        together[frozenset((value.index, value.colour, value.label) for value in values)] += 1
    count = together.total()
    every = [StoredValue(*key, pixels) for key, pixels in summed.items()]
    every.sort(key=lambda value: (value.label is None, value.label or 0, value.index or 0, value.colour or ()))
    return Evidence(tuple(every), count, count if of is None else of, together=tuple(together.items()))


def look(samples: Sequence[Sample], legend: Legend | None, most: int | None, counted: Counted) -> Evidence:
    """Look at masks that are spread evenly over a split.

    Args:
        samples: of the split; those without masks are passed over.
        legend: what the masks mean; None if nothing says so.
        most: how many masks are looked at; None for all.
        counted: what is known of masks already; each that is looked at is added, and read no more.

    Raises:
        MaskError: if the palette of a mask has two readings.
    """
    masks = [sample.mask for sample in samples if sample.mask is not None]
    chosen = [masks[number] for number in spread(len(masks), most)]
    fresh = [mask for mask in chosen if mask.address not in counted]
    with show_progress("looking at masks", len(fresh)) as advance:
        for mask, values in zip(fresh, in_order(lambda n: _look_at(fresh[n], legend), len(fresh)), strict=True):
            counted[mask.address] = None if isinstance(values, SegfeedError) else values
            if isinstance(values, SegfeedError):
                raise values
            advance(1)
    seen = [values for mask in chosen if (values := counted[mask.address]) is not None]
    return replace(gather(seen, len(masks)), first=chosen[0].name if chosen else "")


def spread(count: int, most: int | None) -> list[int]:
    """Choose at most some of `count` numbers, spread evenly, with the first and the last.

    >>> spread(100, 3), spread(3, 8)
    ([0, 50, 99], [0, 1, 2])
    """
    if most is None or count <= most:
        return list(range(count))
    steps = max(most - 1, 1)
    return [-(-number * (count - 1) // steps) for number in range(most)]


def _look_at(mask: Blob, legend: Legend | None) -> MaskValues | MaskError | None:
    """Count the values of a mask; return None if it cannot be read, and the error if its palette has two readings."""
    try:
        stored = decode_mask(mask.read(), mask.name)
    except SegfeedError:
        return None
    try:
        return values_of(stored, legend, mask.name)
    except MaskError as error:
        return error if stored.palette is not None else None


def values_of(stored: StoredMask, legend: Legend | None, name: str = "mask") -> MaskValues:
    """Count the values of a mask, each with what the legend makes of it.

    Raises:
        MaskError: if its palette has two readings.

    >>> mask = StoredMask(np.array([[0, 7, 255]], np.uint8), None)
    >>> [(value.index, value.label) for value in values_of(mask, Legend(("background", "cat")))]
    [(0, 0), (7, None), (255, 255)]
    """
    values, counts = count_values(stored.codes)
    if len(values) > _MOST_VALUES:
        kept = np.sort(np.argsort(-counts)[:_MOST_VALUES])
        values, counts = values[kept], counts[kept]
    labels = [None] * len(values) if legend is None else label_values(values, stored, legend, name)
    return tuple(
        StoredValue(*_spell(value, stored), label, pixels)
        for value, label, pixels in zip(values.tolist(), labels, counts.tolist(), strict=True)
    )


def label_values(values: npt.NDArray[Any], stored: StoredMask, legend: Legend, name: str) -> list[int | None]:
    """Look up values of a mask as `Source.read` looks up pixels; None for each that the legend does not know.

    Raises:
        MaskError: if its palette has two readings.
    """
    line = stored.line_of(values)
    wishes = ("void", legend.names[0])  # what becomes whatever is wished is not known
    first, second = (read_labels(line, legend, unknown=wish, name=name)[0].tolist() for wish in wishes)
    return [label if label == other else None for label, other in zip(first, second, strict=True)]


def _spell(value: int, stored: StoredMask) -> tuple[int | None, Colour | None]:
    if stored.pixels.ndim != 2:
        return None, colour_of(value)
    if stored.palette is None or value >= len(stored.palette):
        return value, None
    red, green, blue = stored.palette[value].tolist()
    return value, (red, green, blue)


def count_values(stored: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Count each value that occurs in a mask: (N,) values, int64 (N,) pixels.

    >>> count_values(np.array([[7, 7, 9]], np.uint8))
    (array([7, 9], dtype=uint8), array([2, 1]))
    """
    flat = stored.ravel()  # masks are runs of one value: count the runs, not the pixels
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)
    lengths = np.diff(ends, prepend=-1)
    if stored.dtype == np.uint8:
        counts = np.bincount(flat[ends], lengths, minlength=256).astype(np.int64)
        values = np.flatnonzero(counts)
        return values.astype(np.uint8), counts[values]
    values, inverse = np.unique(flat[ends], return_inverse=True)
    return values, np.bincount(inverse, lengths).astype(np.int64)
