"""What the masks of a described dataset mean: by the description, by a file that it names, or by one in the folder."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segfeed.datasets.descriptions.description import Description, Value, show_value
from segfeed.datasets.legends.files import find_legend, list_named, read_legend
from segfeed.errors import LegendError
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import PUBLIC_LEGENDS


def legend_of(said: Description, root: Path, *, is_own: bool) -> Legend | None:
    """Return the legend of a described dataset; None if nothing says it.

    Args:
        said: the description.
        root: the dataset's folder.
        is_own: whether the dataset's owner wrote it. Classes that a shipped one lists are outranked by a legend file in
            the folder; if it names a legend, such a file must agree with that (`refuse_ignored_legend`).

    Raises:
        LegendError: if a legend file is malformed, or none that the description names is there.
    """
    if said.legend:
        return _named_legend(said, root)
    if not is_own and (found := find_legend(root)):
        return found
    if said.classes:
        return Legend.of_values({**said.classes, **dict.fromkeys(said.void)}, title=said.title or root.name)
    return find_legend(root)


def _named_legend(said: Description, root: Path) -> Legend:
    public = next((PUBLIC_LEGENDS[name] for name in said.legend if name in PUBLIC_LEGENDS), None)
    # Whatever has the name, in any case: a link to nothing, a folder or a pipe is an error, and not passed over.
    there = (list_named((root / name).parent, (Path(name).name,)) for name in said.legend if name not in PUBLIC_LEGENDS)
    path = next((paths[0] for paths in there if paths), None)
    if path is None and public is not None:
        return public
    if path is None:
        names = [name for name in said.legend if name not in PUBLIC_LEGENDS]
        raise LegendError(
            said.where,
            found=f"legend = {names[0]!r}, which is not a file in {root}",
            expected=f"a legend file, or one of {', '.join(PUBLIC_LEGENDS)}",
            remedy="correct the description",
        )
    legend = read_legend(path)
    if said.unpainted:
        legend = _with_unpainted(legend, said.unpainted)
    if said.void:
        legend = _with_void(legend, said.void, path)
    return public if public is not None and _says_the_same(legend, public) else legend


def _with_void(legend: Legend, void: Sequence[Value], path: Path) -> Legend:
    """Take the void of the description in place of the one that is assumed where a file states none."""
    indices = tuple(value for value in void if isinstance(value, int))
    colours = tuple(value for value in void if not isinstance(value, int))
    taken: list[Value] = [*({*indices} & {*legend.indices}), *({*colours} & {*legend.colours})]
    for value in taken:
        raise LegendError(
            str(path),
            found=f"malformed ({show_value(value)} is a class, and void in this dataset)",
            expected="a stored value for each class",
        )
    stated = set(legend.void_indices) - set(legend.assumed_void)
    return replace(
        legend,
        void_indices=tuple(sorted({*indices, *stated})),
        void_colours=tuple(dict.fromkeys((*legend.void_colours, *colours))),
        assumed_void=(),
    )


def _says_the_same(legend: Legend, public: Legend) -> bool:
    """Check whether a file has a public legend's stored values, and its names or lists of synonyms of these."""
    return legend.indices == public.indices and all(map(_is_named, legend.names, public.names))


def _is_named(listed: str, name: str) -> bool:
    """Check whether a list of synonyms begins with a name; objectInfo150.csv has `;` for blanks and commas alike."""
    words = name.split()
    return re.split(r"[;, ]+", listed)[: len(words)] == words


def _with_unpainted(legend: Legend, name: str) -> Legend:
    """Add a class of the stored value 0, and of black; of the legend's colours, gray ones are stored values, too."""
    values: dict[Value, str | None] = {0: name, (0, 0, 0): name}
    for called, colour in zip(legend.names, legend.colours, strict=True):
        values[colour] = called
        if len(set(colour)) == 1:
            values[colour[0]] = called
    return Legend.of_values(values, title=legend.title)
