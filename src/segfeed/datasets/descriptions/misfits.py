"""Misfits: why files do not lie where a description says, what lies there, and the nearest pattern that would fit."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.patterns import Pattern
from segfeed.datasets.matching.lists import spell_as_on_disk
from segfeed.errors import SourceError
from segfeed.system.showing import counted, some

_MOST = 5_000  # files that are looked at
_COMPARED = 50  # names that are compared with all keys
_NAMES = 8  # that a message shows


class Pictures(NamedTuple):
    """The first pictures below a folder.

    Attributes:
        paths: below the root, in the order of their names.
        deepest: how many folders below that one was looked.
        is_all: whether these are all.
    """

    paths: list[str]
    deepest: int
    is_all: bool


def explain_misfit(root: Path, description: Description, suffixes: Sequence[str]) -> SourceError:
    """Make the error of a description of which the photos or the masks fit no file.

    Args:
        root: the folder that it is about.
        description: fits nothing there.
        suffixes: of pictures, in lower case.
    """
    photos = [match for pattern in description.photos for match in islice(pattern.find(root), _MOST)]
    for kind, patterns in (("photos", description.photos), ("masks", description.masks)):
        if patterns and not any(pattern.is_there(root) for pattern in patterns):
            keys = {match.key for match in photos} if kind == "masks" else None
            return _explain(root, description.where, (kind, patterns[0]), suffixes, keys)
    signs = {"": description.needs, "a list of pairs: ": description.pairs, "without ": description.unless}
    wanted = "; ".join(f"{what}{', '.join(places)}" for what, places in signs.items() if places)
    return SourceError(str(root), found="the folder lacks what this dataset is recognised by", expected=wanted)


def explain_unpaired(
    where: str, pattern: Pattern, split: str, photos: Iterable[str], masks: Iterable[str]
) -> SourceError:
    """Make the error of photos and masks of which no two share a key.

    Args:
        where: the description.
        pattern: of the masks.
        split: its name.
        photos: their keys.
        masks: their keys.
    """
    some, others = sorted(photos), sorted(masks)
    fitting = _around(others, set(some))
    if fitting and 2 * fitting[2] < min(len(some), len(others)):  # a few numbers are alike by chance
        fitting = None
    text = re.sub(r"\{(key|name)\}", lambda key: f"{fitting[0]}{key[0]}{fitting[1]}", pattern.text) if fitting else ""
    return SourceError(
        where,
        found=f"no photo and mask of split {split!r} share a key: {some[0]!r} is the first of {len(some):,} photos, "
        f"{others[0]!r} of {len(others):,} masks",
        expected="equal keys",
        remedy=f"write masks = {text!r}, which pairs {fitting[2]:,}"
        if fitting
        else "correct the patterns, or pair them by [splits] lists, with the paths of photo and mask in each line",
    )


def _explain(
    root: Path, where: str, asked: tuple[str, Pattern], suffixes: Sequence[str], keys: set[str] | None
) -> SourceError:
    kind, pattern = asked
    folder = spell_as_on_disk(root, pattern.folder)
    if not os.path.isdir(root / folder):
        names = _subfolders(root)
        lies = f"{root} has no folder {folder}" + (f"; it has {some(names, _NAMES)}" if names else ", nor any other")
        found = _pictures(root, "", suffixes)
        near = _nearest_folder(folder, found.paths)
    else:
        found, near = _pictures(root, folder, suffixes), folder
        lies = f"{root / folder} holds {_count(found)}"
        if found.paths:
            lies += f", such as {found.paths[0].removeprefix(f'{folder}/')}"
        else:
            found = _pictures(root, "", suffixes)
            near = _nearest_folder(folder, found.paths)
    here = [path for path in found.paths if path.startswith(f"{near}/" if near else "")]
    fitting = suggest_pattern(here, near, has_split=pattern.has_split, keys=keys)
    return SourceError(
        where,
        found=f"{kind} = {pattern.text!r} fits no file: {lies}",
        expected=f"{kind} where it says",
        remedy=f"write {kind} = {fitting[0]!r}, which fits {fitting[1]:,} pictures" if fitting else "correct it",
    )


def suggest_pattern(
    paths: Sequence[str], folder: str, *, has_split: bool, keys: set[str] | None = None
) -> tuple[str, int] | None:
    """Find a pattern that fits most of some pictures, and how many it fits.

    Args:
        paths: of pictures below a root.
        folder: that all of them lie in.
        has_split: whether folders in it are splits.
        keys: of the photos, if the pictures are masks, whose names may hold more.

    >>> suggest_pattern(["gt/1_L.png", "gt/2_L.png"], "gt", has_split=False, keys={"1", "2"})
    ('gt/{key}_L.png', 2)
    """
    if not paths:
        return None
    (suffix, _), *_ = Counter(PurePosixPath(path).suffix for path in paths).most_common(1)
    inner = [path.removeprefix(f"{folder}/" if folder else "") for path in paths if path.endswith(suffix)]
    middle = "{split}/" if has_split and all("/" in path for path in inner) else ""
    names = [(path.partition("/")[2] if middle else path).removesuffix(suffix) for path in inner]
    before, after, _ = (_around(names, keys) if keys else None) or ("", "", 0)
    pattern = Pattern(f"{folder}/{middle}{before}{{key}}{after}{suffix}".removeprefix("/"))
    return pattern.text, sum(pattern.regex.fullmatch(path) is not None for path in paths)


def _around(names: Sequence[str], keys: set[str]) -> tuple[str, str, int] | None:
    """Find what names hold before and after the keys, and how many pairs that makes; None if they hold no key.

    >>> _around(["gt_1_L", "gt_2_L"], {"1", "2"})
    ('gt_', '_L', 2)
    """
    found = Counter[tuple[str, str]]()
    for name in names[:_COMPARED]:
        spans = ((start, end) for start in range(len(name)) for end in range(start + 1, len(name) + 1))
        held = [(end - start, start, end) for start, end in spans if name[start:end] in keys]
        if held:
            _, start, end = max(held)
            found[name[:start], name[end:]] += 1
    if not found:
        return None
    (before, after), _ = found.most_common(1)[0]
    return before, after, sum(f"{before}{key}{after}" in set(names) for key in keys)


def _nearest_folder(wanted: str, paths: Iterable[str]) -> str:
    """Find the folder of pictures that is named most like one that is missing, else the one with most pictures."""
    holding = Counter(str(PurePosixPath(path).parent) for path in paths)
    holding.update({parent: 0 for folder in list(holding) for parent in map(str, PurePosixPath(folder).parents)})
    holding.pop(".", None)
    named = {folder.casefold(): folder for folder in holding}
    near = difflib.get_close_matches(wanted.casefold(), named, 1, 0.5)
    if near:
        return named[near[0]]
    return holding.most_common(1)[0][0] if holding else ""


def _pictures(root: Path, folder: str, suffixes: Sequence[str]) -> Pictures:
    within = Pattern(f"{folder}/{{key}}".removeprefix("/"))
    seen = [match.path for match in islice(within.find(root), _MOST + 1)]
    paths = [path for path in seen[:_MOST] if PurePosixPath(path).suffix.lower() in suffixes]
    deepest = max((path.count("/") for path in seen), default=0) - (folder.count("/") + 1 if folder else 0)
    return Pictures(paths, max(deepest, 0), len(seen) <= _MOST)


def _count(found: Pictures) -> str:
    kinds = Counter(PurePosixPath(path).suffix.lower() for path in found.paths)
    shown = ", ".join(f"{count:,} {suffix}" for suffix, count in kinds.most_common(4))
    below = f"looked {counted(found.deepest, 'folder')} deep" if found.deepest else "no folders"
    rest = "" if found.is_all else f", at the first {_MOST:,} files"
    return f"{len(found.paths):,} pictures ({f'{shown}; ' if shown else ''}{below}{rest})"


def _subfolders(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] != ".")
    except OSError:
        return []
