"""Doubts of palettes: colours that move from index to index, and palettes that contradict a format's own numbers.

One palette for all masks may have any colours. If each file numbers its colours anew, as GIF writers, quantisers and
PNG optimisers do, indices mean nothing, and colours do.
"""

from collections.abc import Iterator, Mapping

from segfeed.datasets.doubts.evidence import Evidence
from segfeed.datasets.doubts.ways_out import Doubt, colours_in_json, in_json, in_python, masks_hold
from segfeed.pixels.class_names import Value
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import Colour
from segfeed.pixels.public_legends import PUBLIC_LEGENDS

_QUOTE = "'"

_Places = dict[Colour, set[int]]  # the indices at which a mask stores each of its colours


def palettes_differ(evidence: Evidence, legend: Legend, split: str) -> Iterator[Doubt]:
    """Doubt that indices count if they have other colours in other masks; colours that move with them are an error."""
    if legend.reading in ("colour", "index"):  # a person, or a palette of the dataset's own, said what counts
        return
    masks = _palettes(evidence)
    colours_of: dict[int, set[Colour]] = {}
    for places in masks:
        for colour, indices in places.items():
            for index in indices:
                colours_of.setdefault(index, set()).add(colour)
    changing = [index for index in sorted(colours_of) if len(colours_of[index]) > 1]
    if not changing:
        return
    labels = {(value.index, value.colour): value.label for value in evidence.values}
    moved = next(_moves(masks, labels), None)
    by_colour: dict[Value, str | None] = {value.colour: "..." for value in evidence.values if value.colour is not None}
    by_index: dict[Value, str | None] = dict(zip(legend.indices, legend.names, strict=True))
    by_index |= dict.fromkeys(legend.void_indices)
    remedy = (
        f"if colours count, say what each means, with names in place of the dots: {in_python(by_colour)}, on the "
        f"command line --legend legend.json with {colours_in_json(by_colour)}; if indices count, say that: "
        f'segfeed.Legend(names, indices=..., reading="index"), or {in_json(by_index, reading="index")}'
    )
    if moved is not None:
        colour, index, other = moved
        one, two = (_call(legend, labels[place, colour]) for place in (index, other))
        yield Doubt(
            "error",
            "palettes-renumbered",
            f"{masks_hold(evidence, split)} palettes that number colours differently: {colour} is index {index} in "
            f"some and index {other} in others, and so {one} and {two}",
            "one palette for all masks if indices count",
            remedy,
        )
        return
    for index in [index for index in changing if _is_by_index(index, colours_of[index], labels)][:1]:
        first, second = sorted(colours_of[index])[:2]
        yield Doubt(
            "warning",
            "palette-differs",
            f"{masks_hold(evidence, split)} palettes that differ: index {index}, read as "
            f"{_call(legend, labels[index, first])}, is {first} in some and {second} in others",
            "one palette for all masks if indices count",
            remedy,
        )


def palette_renumbers(evidence: Evidence, legend: Legend, split: str) -> Iterator[Doubt]:
    """Doubt a format's own legend, read by colour, if the one palette of all masks gives its numbers other colours.

    VOC's masks store a class's number, and its palette gives the number its colour. A palette that has the colours at
    other numbers may be an optimiser's (then colours count) or a person's own (then numbers do). If colours move from
    file to file, or numbers are beyond the classes, only colours can count.
    """
    if legend.reading != "colour" or legend.title not in PUBLIC_LEGENDS or legend.indices != tuple(range(len(legend))):
        return
    masks = _palettes(evidence)
    labels = {(value.index, value.colour): value.label for value in evidence.values}
    by_index = dict(enumerate(range(len(legend)))) | dict.fromkeys(legend.void_indices, legend.void)
    pairs = [pair for pair in labels if pair[0] is not None and pair[1] is not None]
    differ = [
        (index, colour)
        for index, colour in pairs
        if (label := labels[index, colour]) is not None and legend.void not in (label, by_index.get(index or 0))
        if by_index.get(index or 0) != label
    ]
    if not differ or any(index not in by_index for index, _ in pairs) or _is_moving(masks):
        return
    index, colour = min(differ)
    assert index is not None
    assert colour is not None
    number, meant = _call(legend, by_index[index]), _call(legend, labels[index, colour])
    yield Doubt(
        "error",
        "palette-two-readings",
        f"{masks_hold(evidence, split)} index {index}, which means {number} by its number and {meant} by its colour in "
        f"the palettes, {colour}",
        f"palettes of legend {legend.title!r}, in which {legend.colours[index]} has this number",
        f"say which counts, with every class: legend={{{index}: {number}, ...}} by index, or "
        f"legend={{{colour}: {meant}, "
        "...} by colour; on the command line --legend FILE, whose lines are such as "
        f"'{index} {number.strip(_QUOTE)}', or '{colour[0]} {colour[1]} {colour[2]} {meant.strip(_QUOTE)}'",
    )


def _palettes(evidence: Evidence) -> list[_Places]:
    """List what the masks that have palettes store, each way once."""
    found = []
    pairs = {
        frozenset((i, colour) for i, colour, _ in held if i is not None and colour) for held, _ in evidence.together
    }
    for held in pairs - {frozenset()}:
        places: _Places = {}
        for index, colour in held:
            places.setdefault(colour, set()).add(index)
        found.append(places)
    return found


def _moves(
    masks: list[_Places], labels: Mapping[tuple[int | None, Colour | None], int | None]
) -> Iterator[tuple[Colour, int, int]]:
    """Find colours that stand at one index in some masks and at another in others, and mean two things by that.

    A palette that gives one colour to two indices moves nothing: one of them must have another colour in a mask that
    has the colour at the other.
    """
    everywhere: _Places = {}
    for places in masks:
        for colour, indices in places.items():
            everywhere.setdefault(colour, set()).update(indices)
    for colour, indices in sorted(everywhere.items()):
        for index in sorted(indices):
            for other in sorted(indices - {index}):
                if labels[index, colour] != labels[other, colour] and _is_taken(masks, colour, index, other):
                    yield colour, index, other


def _is_taken(masks: list[_Places], colour: Colour, index: int, other: int) -> bool:
    """Check whether a mask that has the colour at one index, and not at the other, has another colour there."""
    return any(
        index in places[colour] and other not in places[colour] and any(other in taken for taken in places.values())
        for places in masks
        if colour in places
    )


def _is_moving(masks: list[_Places]) -> bool:
    """Check whether colours move at all, whatever they mean."""
    colours = {colour for places in masks for colour in places}
    return any(len({frozenset(places[colour]) for places in masks if colour in places}) > 1 for colour in colours)


def _is_by_index(
    index: int, colours: set[Colour], labels: Mapping[tuple[int | None, Colour | None], int | None]
) -> bool:
    """Check whether an index is read alike whatever its colour."""
    return len({labels[index, colour] for colour in colours}) == 1 and labels[index, next(iter(colours))] is not None


def _call(legend: Legend, label: int | None) -> str:
    return "unknown" if label is None else "void" if label == legend.void else repr(legend.names[label])
