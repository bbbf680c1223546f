"""Fitting: which descriptions a folder is told by, its own or some of those that are shipped."""

import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

from segfeed.datasets.blobs import read_file
from segfeed.datasets.descriptions.description import FILE_NAME, Description
from segfeed.datasets.descriptions.patterns import Pattern
from segfeed.datasets.descriptions.reader import MAX_BYTES
from segfeed.datasets.descriptions.shipped import alternatives, read_shipped
from segfeed.datasets.descriptions.variants import Described, make_format
from segfeed.datasets.matching.folders import find_root, subfolders
from segfeed.datasets.source import Recognised
from segfeed.errors import SourceError

_SAID = re.compile(r"""^\s*(masks|needs|file)\s*=\s*(\[[^]']*\]|"[^"]*"|)""", re.MULTILINE)
_QUOTED = re.compile(r'"([^"]*)"')
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


def find_shipped(path: Path, files: Mapping[str, tuple[Path, str]]) -> dict[str, tuple[Recognised, Described]]:
    """Ask several shipped descriptions at once whether they fit a folder, or one in it.

    Each folder is listed once, which rules out most descriptions before they are read as TOML. One with thousands of
    entries holds pictures, and is not asked about: it takes `format=`.

    Args:
        path: of the dataset.
        files: name -> the description, and the package that ships it, as of `read_shipped`.

    Raises:
        PluginError: as `read_shipped`.
        SourceError: if several folders in it fit one description.
    """
    found: dict[str, tuple[Recognised, Described]] = {}
    if not os.path.isdir(path):  # the file of a variant
        named = {name: file for name, file in files.items() if f'"{path.name}"' in _text(file[0])}
        asked_of = {name: make_format(read_shipped(*file)) for name, file in named.items()}
        return {name: (answer, asked) for name, asked in asked_of.items() if (answer := asked.recognise(path))}
    listed = {folder: names for folder in (path, *subfolders(path)) if (names := _names_in(folder))}
    every = frozenset().union(*listed.values())
    for name, file in files.items():
        if not _is_likely(_text(file[0]), every):
            continue
        description = read_shipped(*file)
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


@functools.lru_cache(maxsize=256)
def _text(file: Path) -> str:
    """Return the text of a description; "" if it cannot be read, which `read_shipped` explains."""
    try:
        return read_file(file, MAX_BYTES).decode("utf-8-sig", "replace")
    except SourceError:
        return ""


def _is_likely(text: str, names: frozenset[str]) -> bool:
    """Check whether folders with these names may fit a description, by its text: TOML takes 1 ms to be read.

    If this plain search does not find what a key says, the description itself is asked.
    """
    said: dict[str, list[list[str]]] = {"masks": [], "needs": [], "file": []}
    for key, value in _SAID.findall(text):
        said[key].append(_QUOTED.findall(value))

    def begins(path: str) -> bool:
        first = path.partition("/")[0]
        start = re.split(r"[{*]", first)[0]
        is_whole = start == first
        return not start or (start in names if is_whole else any(name.startswith(start) for name in names))

    def lies(places: Iterable[str]) -> bool:
        return any(map(begins, (way for place in places for way in alternatives(place)))) or not places

    masks, needs, files = said["masks"], said["needs"], said["file"]
    return (
        (not masks or any(map(lies, masks)))
        and all(lies([place]) for places in needs for place in places)
        and (len(files) < len(masks) or not files or any(map(lies, files)))  # if each variant names one
    )


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
