"""Unknown values: masks that hold none of their legend's values, or others in its place, and what that looks like.

A value that a legend does not know is an error when it is read, which names a pixel. If a whole split is so, the legend
or the masks are the wrong ones: that is said at once, with what may have happened.
"""

from collections.abc import Iterator

from segfeed.datasets.doubts.evidence import Evidence, StoredValue
from segfeed.datasets.doubts.ways_out import Doubt, colours_in_json, in_json, in_python, tell
from segfeed.pixels.class_names import Value
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import Colour

MANY = 64
"""From so many unknown values on, masks are photos, or were resized or saved with loss; a legend lacks a few."""

_FEW = 4  # fewer masks than this may be odd ones by themselves, each of which is an error with its pixel

_DOTS = "..."


def values_unknown(evidence: Evidence, legend: Legend, split: str, unknown: str) -> Iterator[Doubt]:
    """Doubt masks that hold other values than their legend; what unknown values become must not have been said.

    >>> counts = tuple(StoredValue(85 * n, None, 0 if n == 0 else None, 10) for n in range(3))
    >>> [doubt.rule for doubt in values_unknown(Evidence(counts, 8, 8), Legend(("a", "b", "c")), "train", "error")]
    ['legend-stretched']
    """
    strange = [value for value in evidence.values if value.label is None]
    if not strange or evidence.masks < _FEW or legend.unknown_label(unknown) is not None:
        return
    if len(strange) >= MANY and _is_usual(evidence):
        yield _many(evidence, legend, split, len(strange))
    elif exchanged := _exchanged(evidence, strange, legend):
        yield _colours_exchanged(evidence, legend, split, exchanged)
    elif _is_stretched(evidence, legend):
        yield _stretched(evidence, legend, split)
    elif len(strange) == len(evidence.values):
        yield _none_known(evidence, legend, split)


def _is_usual(evidence: Evidence) -> bool:
    """Check whether half of the masks hold what is not known: a few odd ones are named one by one, as they are read."""
    odd = sum(count for held, count in evidence.together if any(label is None for _, _, label in held))
    return 2 * odd >= evidence.masks


def _many(evidence: Evidence, legend: Legend, split: str, count: int) -> Doubt:
    return Doubt(
        "error",
        "masks-of-many-values",
        f"{tell(evidence, split)}; legend {legend.title!r} does not know {count:,} of them or more",
        f"the {len(legend)} classes of the legend, each stored as one value",
        "these may be photos, overlays, or masks that were resized with soft borders or saved as JPEG before: segfeed "
        "check says it of each mask; export the masks again as PNG, or say by masks= where the right ones lie",
    )


def _exchanged(evidence: Evidence, strange: list[StoredValue], legend: Legend) -> dict[Value, str | None]:
    """Say what unknown colours mean if red and blue are exchanged in all masks; {} if that explains not all."""
    known = dict(zip(legend.colours, legend.names, strict=True))
    colours = [value.colour for value in strange if value.index is None and value.colour is not None]
    stored = [value.colour for value in evidence.values if value.colour is not None]
    legible = {*known, *legend.void_colours}
    if len(colours) < len(strange) or any(_turn(colour) not in known for colour in colours):
        return {}
    if any(
        _turn(colour) not in legible for colour in stored
    ):  # a colour that is right as it is: the legend lacks others
        return {}
    return {colour: known[_turn(colour)] for colour in colours}


def _turn(colour: Colour) -> Colour:
    red, green, blue = colour
    return blue, green, red


def _colours_exchanged(evidence: Evidence, legend: Legend, split: str, exchanged: dict[Value, str | None]) -> Doubt:
    said: dict[Value, str | None] = dict(zip(map(_turn, legend.colours), legend.names, strict=True))
    first, name = next(iter(exchanged.items()))
    return Doubt(
        "error",
        "colours-exchanged",
        f"{tell(evidence, split)}; legend {legend.title!r} does not know {first}, but knows it with red and blue "
        f"exchanged, as {name!r}",
        "the legend's colours, in the order red, green, blue",
        "OpenCV takes arrays as blue, green, red: write the masks again with cv2.cvtColor(mask, cv2.COLOR_RGB2BGR), or "
        f"say what is stored: {in_python(said)}; on the command line --legend legend.json with {colours_in_json(said)}",
    )


def _is_stretched(evidence: Evidence, legend: Legend) -> bool:
    """Check whether bare numbers are as many as classes, and spread evenly from 0 on, as for an eye that looks on."""
    numbers = sorted(value.index for value in evidence.values if value.index is not None and value.is_bare)
    if len(numbers) != len(evidence.values) or len(numbers) != len(legend) or len(numbers) < 3 or numbers[0] != 0:
        return False
    step = numbers[-1] / (len(numbers) - 1)
    return step >= 2 and all(abs(number - place * step) <= 1 for place, number in enumerate(numbers))


def _stretched(evidence: Evidence, legend: Legend, split: str) -> Doubt:
    numbers = sorted(value.index for value in evidence.values if value.index is not None)
    said: dict[Value, str | None] = dict(zip(numbers, legend.names, strict=True))
    return Doubt(
        "error",
        "legend-stretched",
        f"{tell(evidence, split)}: as many values as legend {legend.title!r} has classes, spread evenly",
        f"its numbers, {legend.indices[0]} to {legend.indices[-1]}",
        f"if they are its classes in this order, say so: {in_python(said)}; on the command line --legend legend.json "
        f"with {in_json(said)}",
    )


def _none_known(evidence: Evidence, legend: Legend, split: str) -> Doubt:
    said: dict[Value, str | None] = {value.key: _DOTS for value in evidence.values}
    return Doubt(
        "error",
        "legend-knows-nothing",
        f"{tell(evidence, split)}, and legend {legend.title!r} knows none of them",
        f"what it knows, such as {legend.indices[0]} or {legend.colours[0]} for {legend.names[0]!r}",
        f"pass the legend that belongs to these masks, with names in place of the dots: {in_python(said)}; on the "
        "command line --legend FILE; or write the numbers of the classes as gray PNG, not through a colour map",
    )
