"""Fitting: which descriptions a folder is told by, its own or some of those that are shipped."""

import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

from segfeed.datasets.description import FILE_NAME, Description
from segfeed.datasets.formats.folders import find_root, subfolders
from segfeed.datasets.formats.variants import Described, make_format
from segfeed.datasets.patterns import Pattern
from segfeed.datasets.signs import alternatives
from segfeed.datasets.source import Recognised

_MOST_NAMES = 2_000  # in the root of a dataset of a shipped description


def find_own(path: Path) -> Path | None:
    """Find the description of a dataset: in the folder itself, or in the one folder in it that has one.

    Args:
        path: a folder, or the description itself.

    Raises:
        SourceError: if several folders in it have one.
    """
    if path.name == FILE_NAME and os.path.isfile(path):
        return path
    root = find_root(path, lambda folder: os.path.lexists(folder / FILE_NAME), "described")
    return None if root is None else root / FILE_NAME


def find_shipped(path: Path, descriptions: Mapping[str, Description]) -> dict[str, tuple[Recognised, Described]]:
    """Ask several shipped descriptions at once whether they fit a folder, or one in it.

    Each folder is listed once, which rules out most descriptions. One with thousands of entries holds pictures, and is
    not asked about: it takes `format=`.

    Raises:
        SourceError: if several folders in it fit one description.
    """
    found: dict[str, tuple[Recognised, Described]] = {}
    if not os.path.isdir(path):
        varied = {name: make_format(said) for name, said in descriptions.items() if said.variants}
        return {name: (answer, asked) for name, asked in varied.items() if (answer := asked.recognise(path))}
    listed = {folder: names for folder in (path, *subfolders(path)) if (names := _names_in(folder))}
    for name, description in descriptions.items():
        may_fit = {folder for folder, names in listed.items() if _may_fit(description, names)}
        asked = make_format(description)
        root = (
            find_root(path, _both(may_fit.__contains__, asked.fits), description.title.partition(",")[0] or name)
            if may_fit
            else None
        )
        if root is not None:
            found[name] = asked.recognised(root), asked
    return found


def _names_in(folder: Path) -> frozenset[str]:
    """List the names in a folder; none if there are too many, or it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = frozenset(entry.name for entry in islice(entries, _MOST_NAMES + 1))
    except OSError:
        return frozenset()
    return names if len(names) <= _MOST_NAMES else frozenset()


def _both(first: Callable[[Path], bool], second: Callable[[Path], bool]) -> Callable[[Path], bool]:
    return lambda folder: first(folder) and second(folder)


def _may_fit(description: Description, names: frozenset[str]) -> bool:
    """Check whether a folder with these names can be what a description tells, by the first name of each path."""

    def lies(paths: Iterable[str]) -> bool:
        firsts = [path.partition("/")[0] for path in paths]
        return not firsts or any(not first or first in names for first in firsts)

    needed = [
        [Pattern(place).folder if "{" in place else place for place in alternatives(need)] for need in description.needs
    ]
    kinds = [(said.photos, said.masks) for said in description.variants or (description,)]
    return all(map(lies, needed)) and (
        description.is_sure
        or any(all(lies(pattern.folder for pattern in patterns) for patterns in kind) for kind in kinds)
    )
