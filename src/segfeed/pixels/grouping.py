"""Grouping: another choice of classes from the same stored masks, by a small mapping from old names to new ones."""

import difflib
from collections.abc import Mapping

from segfeed.errors import LegendError
from segfeed.pixels.legend import ClassCode, Legend

REST = "*"
VOID = "void"


def regroup(legend: Legend, groups: Mapping[str, str | None]) -> Legend:
    """Subset, merge, rename and reorder the classes of a legend.

    Args:
        legend: what stored masks mean.
        groups: old name -> new name, or None (also "void") for what shall be void; classes that get the same new name
            are merged. "*" stands for all classes that are not named: "*": "*" keeps them as they are. New classes come
            in the order in which the mapping names them first.

    Returns:
        legend: of the new classes; each takes the colour of its first old class.

    Raises:
        LegendError: if the legend does not have one of the names, the mapping leaves a class out, or no class is left.

    >>> legend = Legend(("background", "cat", "dog", "car"))
    >>> regroup(legend, {"background": "background", "cat": "animal", "dog": "animal", "*": None}).names
    ('background', 'animal')
    """
    becomes = _new_names(legend, groups)
    names = tuple(dict.fromkeys(new for new in becomes.values() if new is not None))
    if not names:
        found = "the mapping makes everything void"
        raise LegendError(f"legend {legend.title!r}", found=found, remedy="keep at least one class")
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
            becomes[old] = None if new in (None, VOID) else old if new == REST else new
    return becomes
