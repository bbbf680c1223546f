"""Legends out of what files and lists say of each class: what masks store, what is void, what contradicts itself."""

from collections.abc import Sequence
from dataclasses import replace

from segfeed.datasets.legends.in_tables import Row
from segfeed.errors import LegendError
from segfeed.pixels.class_names import Value, as_names, describe_void, find_twins, means_void
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, voc_colours

_UNNUMBERED = "__ignore__"  # labelme's name for -1: it has no position of its own, and is void in the masks


def legend_of_names(names: Sequence[str]) -> Legend:
    """Make a legend of bare names, as a legend file of one name a line would: a name that says void is void.

    Raises:
        LegendError: if they are not texts in an order, or not alike in kind.

    >>> legend = legend_of_names(["void", "road", "tree"])
    >>> legend.names, legend.indices, legend.void_indices
    (('road', 'tree'), (1, 2), (0, 255))
    """
    return legend_of_rows([Row(name.strip()) for name in as_names(names)], "custom")


def legend_of_rows(rows: Sequence[Row], title: str) -> Legend:
    """Make a legend of what a file says of each class.

    Classes are numbered by their stored values if the file gives them, else by their order. What VOC's masks use for
    void (255, its colour) is void here, too, unless the file says otherwise.

    Raises:
        LegendError: if rows contradict each other.
    """
    rows = _distinct(rows)
    _check_rows(rows)
    note = describe_void(row.name for row in rows)
    has_values, has_colours = (any(row[n] is not None for row in rows) for n in (1, 2))
    spare = 255 if len({row.name for row in rows if not means_void(row.name)}) <= 254 else 65535
    if has_values and not has_colours:
        values: dict[Value, str | None] = {row.stored: row.name for row in rows if row.stored is not None}
        legend = Legend.of_values({**values, **({} if spare in values else {spare: None})}, title=title)
        return replace(legend, note=note, assumed_void=() if spare in values else (spare,))
    palette = [colour for colour in voc_colours(len(rows) + 1) if colour != VOID_COLOUR]  # of bare names
    coded = [
        (row.name, row.colour if has_colours else palette[position], row.stored if has_values else position)
        for position, row in enumerate(rows)
    ]
    classes = [code for code in coded if not means_void(code[0])]
    void_colours = [colour for name, colour, _ in coded if means_void(name) and colour is not None]
    void_indices = [stored for name, _, stored in coded if means_void(name) and stored is not None]
    return Legend(
        tuple(name for name, _, _ in classes),
        tuple(colour for _, colour, _ in classes if colour is not None),
        (*dict.fromkeys(void_colours), *[VOID_COLOUR] * (VOID_COLOUR not in [colour for _, colour, _ in coded])),
        tuple(stored for _, _, stored in classes if stored is not None),
        (*dict.fromkeys(void_indices), *[spare] * (spare not in [stored for _, _, stored in coded])),
        title=title,
        reading="colour" if has_colours and not has_values else "either",
        note=note,
        assumed_void=() if spare in [stored for _, _, stored in coded] else (spare,),
    )


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in the order of the classes, without labelme's first line and lines that are repeated."""
    if rows and rows[0][:3] == (_UNNUMBERED, None, None):
        rows = rows[1:]
    if any(row.stored is None and row.colour is None for row in rows):
        return list(rows)  # each has a position
    rows = list({row[:3]: row for row in reversed(rows)}.values())[::-1]
    return sorted(rows, key=lambda row: row.stored or 0)


def _check_rows(rows: Sequence[Row]) -> None:
    plain = [row for row in rows if row.colour is None and not (means_void(row.name) and row.stored is not None)]
    if plain and any(row.colour is not None for row in rows):
        found = f"{plain[0].where}class {plain[0].name!r} has no colour but others have"
        raise LegendError("", found=found, remedy="give a colour to every class or to none")
    seen: dict[object, Row] = {}
    for row in rows:
        if not row.name.isprintable():
            found = f"{row.where}class name {row.name!r} holds control characters"
            raise LegendError("", found=found, expected="plain text")
        if row.stored is not None and not 0 <= row.stored <= 65535:
            found = f"{row.where}class {row.name!r} is stored as {row.stored}"
            raise LegendError("", found=found, expected="0..65535")
        if row.colour is not None and not all(0 <= part <= 255 for part in row.colour):
            found = f"{row.where}class {row.name!r} has the colour {row.colour}, a part of which lies outside 0..255"
            raise LegendError("", found=found, expected="three whole numbers 0..255")
        for code in (row.stored, row.colour):
            first = seen.setdefault(code, row)
            if code is not None and first.name != row.name and not (means_void(first.name) and means_void(row.name)):
                found = f"{row.where}{code} stands for {first.name!r} and for {row.name!r}"
                other = ("stored values", "colours") if code == row.stored else ("colours", "stored values")
                remedy = f"remove the {other[0]} if masks hold the {other[1]}" if None not in row[1:3] else ""
                raise LegendError("", found=found, expected="one class", remedy=remedy)
    _check_names(rows)


def _check_names(rows: Sequence[Row]) -> None:
    is_bare = all(row.stored is None and row.colour is None for row in rows)
    names = [row.name for row in rows]
    twins = find_twins([name for name in names if not means_void(name)])
    if twins is None:
        return
    one, other = twins
    first = rows[names.index(one)]
    last = rows[len(names) - 1 - names[::-1].index(other)]
    values = [row.stored if row.colour is None else row.colour for row in (first, last)]
    if one == other:
        ways = (
            "" if is_bare else f", or pass legend={{{values[0]}: {one!r}, {values[1]}: {one!r}, ...}} if both mean it"
        )
        found = f"{last.where}name {other!r} occurs twice"
        raise LegendError("", found=found, expected="a name for each class", remedy=f"rename one{ways}")
    ways = "" if is_bare else f", or pass legend={{{values[0]}: {one!r}, {values[1]}: None, ...}} with every class"
    cvat = " (CVAT adds 'background' to a task that has a label of that name already)"
    raise LegendError(
        "",
        found=f"{last.where}names {one!r} and {other!r} differ in case only"
        f"{cvat if one.casefold() == 'background' and not is_bare else ''}",
        expected="names that differ in more",
        remedy=f"rename one in the file, or remove its line if no mask holds it{ways} (None is void)"
        if ways
        else "rename one",
    )


def agreed_rows(one: Sequence[Row], other: Sequence[Row]) -> list[Row] | None:
    """Return what two lists of the same classes say together; None if they contradict each other."""
    one, other = _distinct(one), _distinct(other)
    if len(one) != len(other):
        return None
    stored = [_positions(rows) for rows in (one, other)]
    agreed = []
    for a, b, value_a, value_b in zip(one, other, *stored, strict=True):
        pairs = ((a.name, b.name), (value_a, value_b), (a.colour, b.colour))
        if any(x != y for x, y in pairs if x is not None and y is not None):
            return None
        agreed.append(a._replace(stored=b.stored if a.stored is None else a.stored, colour=a.colour or b.colour))
    return agreed


def _positions(rows: Sequence[Row]) -> Sequence[int | None]:
    is_bare = all(row.stored is None and row.colour is None for row in rows)
    return range(len(rows)) if is_bare else [row.stored for row in rows]
