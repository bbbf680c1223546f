"""Grouping: another choice of classes from the same stored masks, by a small mapping from old names to new ones."""

import difflib
from collections.abc import Mapping

from segfeed.errors import LegendError
from segfeed.pixels.class_names import ClassCode, find_twins, means_void
from segfeed.pixels.legend import Legend

REST = "*"


def regroup(legend: Legend, groups: Mapping[str, str | None]) -> Legend:
    """Subset, merge, rename and reorder the classes of a legend.

    Args:
        legend: what stored masks mean.
        groups: old name -> new name, or None (also a name such as "void" or "ignore") for what shall be void; classes
            that get the same new name are merged. "*" stands for all classes that are not named: "*": "*" keeps them as
            they are. New classes come in the order in which the mapping names them first. What is void already may be
            named, and stays void.

    Returns:
        legend: of the new classes; each takes the colour of its first old class.

    Raises:
        LegendError: if the legend does not have one of the names, the mapping leaves a class out, no class is left, or
            two new names differ in case only.

    >>> legend = Legend(("background", "cat", "dog", "car"))
    >>> regroup(legend, {"background": "background", "cat": "animal", "dog": "animal", "*": None}).names
    ('background', 'animal')
    """
    becomes = _new_names(legend, groups)
    names = tuple(dict.fromkeys(new for new in becomes.values() if new is not None))
    if not names:
        found = "the mapping makes everything void"
        raise LegendError(f"legend {legend.title!r}", found=found, remedy="keep at least one class")
    if twins := find_twins(names):
        found = f"the mapping makes classes {twins[0]!r} and {twins[1]!r}, which differ in case or blanks only"
        raise LegendError(f"legend {legend.title!r}", found=found, remedy="spell them alike, or rename one")
    codes = [*zip(range(len(legend)), legend.colours, legend.indices, strict=True), *legend.merged]
    codes_of: dict[str | None, list[ClassCode]] = {name: [] for name in (*names, None)}
    for old in becomes:  # in the mapping's order, so that a class takes its colour from the first that it names
        codes_of[becomes[old]] += [code for code in codes if legend.names[code[0]] == old]
    firsts, void = [codes_of[name][0] for name in names], codes_of[None]
    return Legend(
        names,
        tuple(legend.colours[label] for label, _, _ in firsts),
        void_colours=(*legend.void_colours, *(colour for _, colour, _ in void if colour is not None)),
        indices=tuple(legend.indices[label] for label, _, _ in firsts),
        void_indices=(*legend.void_indices, *(index for _, _, index in void if index is not None)),
        title=legend.title,
        reading=legend.reading,
        note=legend.note,
        assumed_void=legend.assumed_void,
        merged=tuple((new, *code[1:]) for new, name in enumerate(names) for code in codes_of[name][1:]),
    )


def _new_names(legend: Legend, groups: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the new name of every class, None for void, in the order in which the new classes come."""
    if not isinstance(groups, Mapping) or not all(isinstance(new, str | None) for new in groups.values()):
        raise LegendError(
            "legend", found=f"{groups!r:.80}", expected="a mapping from class names to class names or None"
        )
    where = f"legend {legend.title!r}"
    void_already = [
        name for name, new in groups.items() if name not in legend.names and _is_void(name) and _is_void(new)
    ]
    groups = {name: new for name, new in groups.items() if name not in void_already}
    for name in groups:
        if name != REST and name not in legend.names:
            near = difflib.get_close_matches(str(name), legend.names, 1)
            found = f"no class {name!r}{f', but {near[0]!r}' if near else ''}"
            raise LegendError(where, found=found, expected=f"one of {', '.join(legend.names)}")
    rest = [name for name in legend.names if name not in groups]
    if rest and REST not in groups:
        raise LegendError(
            where,
            found=f"the mapping does not say what becomes of {', '.join(rest)}",
            remedy='name them, or add "*": None for void, "*": "*" to keep them, or "*": "a name" to merge them',
        )
    becomes: dict[str, str | None] = {}
    for name, new in groups.items():
        for old in rest if name == REST else [name]:
            becomes[old] = old if new == REST else None if _is_void(new) else new
    return becomes


def _is_void(name: str | None) -> bool:
    return name is None or (isinstance(name, str) and means_void(name))
