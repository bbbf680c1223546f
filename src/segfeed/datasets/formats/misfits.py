"""Misfits: why files do not lie where a description says, what lies there, and the nearest pattern that would fit."""

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segfeed.datasets.description import Description
from segfeed.datasets.patterns import Pattern
from segfeed.errors import SourceError

_MOST = 5_000  # files that are looked at
_NAMES = 8  # that a message shows


class Pictures(NamedTuple):
    """The first pictures below a folder.

    Attributes:
        paths: below the root, in the order of their names.
        deepest: how many folders below the root was looked.
        is_all: whether there are no more.
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
    for kind, patterns in (("photos", description.photos), ("masks", description.masks)):
        if patterns and not any(pattern.is_there(root) for pattern in patterns):
            return _explain(root, description.where, kind, patterns[0], suffixes)
    lacking = [place for place in description.needs if not os.path.exists(root / place)]
    return SourceError(str(root), found=f"no {', '.join(lacking)}", expected=f"what {description.where} describes")


def _explain(root: Path, where: str, kind: str, pattern: Pattern, suffixes: Sequence[str]) -> SourceError:
    folder = pattern.folder
    if not os.path.isdir(root / folder):
        names = _subfolders(root)
        lies = f"{root} has no folder {folder}" + (f"; it has {_some(names)}" if names else " and no other")
        found = _pictures(root, "", suffixes)
        near = _nearest_folder(folder, found.paths)
    else:
        found, near = _pictures(root, folder, suffixes), folder
        if found.paths:
            lies = f"{root / folder} holds {_count(found)}, such as {PurePosixPath(found.paths[0]).relative_to(folder)}"
        else:
            lies = f"{root / folder} holds no picture, {_deep(found)}"
            found = _pictures(root, "", suffixes)
            near = _nearest_folder(folder, found.paths)
    here = [path for path in found.paths if path.startswith(f"{near}/" if near else "")]
    fitting = suggest_pattern(here, near, has_split=pattern.has_split)
    return SourceError(
        where,
        found=f"{kind} = {pattern.text!r} fits no file: {lies}",
        expected=f"{kind} where it says",
        remedy=f"did you mean {fitting[0]!r}, which fits {fitting[1]:,} of these pictures?"
        if fitting
        else "correct it",
    )


def suggest_pattern(paths: Sequence[str], folder: str, *, has_split: bool) -> tuple[str, int] | None:
    """Find a pattern that fits most of some pictures, and how many it fits.

    >>> suggest_pattern(["gt/1_L.png", "gt/2_L.png"], "gt", has_split=False)
    ('gt/{key}_L.png', 2)
    """
    if not paths:
        return None
    (suffix, _), *_ = Counter(PurePosixPath(path).suffix for path in paths).most_common(1)
    same = [path for path in paths if path.endswith(suffix)]
    stems = [PurePosixPath(path).stem for path in same]
    ending = os.path.commonprefix([stem[::-1] for stem in stems])[::-1] if len(stems) > 1 else ""  # noqa: RUF071 - of texts
    # Only a part that begins with a mark belongs to all names by intent: "_L", not the 0 of 10, 20, 30.
    ending = ending[next((n for n, char in enumerate(ending) if not char.isalnum()), len(ending)) :]
    if any(stem == ending for stem in stems):
        ending = ""
    inner = [path.removeprefix(f"{folder}/" if folder else "").count("/") for path in same]
    middle = "{split}/" if has_split and min(inner) > 0 else ""
    pattern = Pattern(f"{folder}/{middle}{{key}}{ending}{suffix}".removeprefix("/"))
    return pattern.text, sum(pattern.regex.fullmatch(path) is not None for path in paths)


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
    return f"{len(found.paths):,}{'' if found.is_all else ' or more'} pictures ({shown}; {_deep(found)})"


def _deep(found: Pictures) -> str:
    folders = f"{found.deepest} folder{'' if found.deepest == 1 else 's'} deep was looked"
    return folders if found.is_all else f"{folders}, at the first {_MOST:,} files"


def _subfolders(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] != ".")
    except OSError:
        return []


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMES]) + (", ..." if len(names) > _NAMES else "")
