"""Survey: what lies at and below a path that no format recognises."""

import os
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from segfeed.datasets.matching.folders import PICTURE_SUFFIXES, Files
from segfeed.datasets.matching.lists import compose
from segfeed.system.showing import counted, some

MOST_SHOWN = 6
_MOST_ENTRIES = 100_000  # a path may be a whole disk
_MOST_FOLDERS = 2_000
_DEEPEST = 8


@dataclass
class Folder:
    """What one folder holds: its pictures by stem, and how many there are of each suffix."""

    pictures: Files = field(default_factory=dict)
    suffixes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {suffix[1:].upper()}" for suffix, count in sorted(self.suffixes.items()))


@dataclass
class Seen:
    """What lies at and below a path.

    Attributes:
        root: the path.
        names: of files that are not pictures, relative to it, the nearest first.
        folders: those that hold pictures, by their path relative to it; "." for itself.
        all_folders: how many were opened.
        depth: of the deepest.
        unreadable: the first folder that could not be read, and why; "" if there is none.
        is_whole: whether everything was seen.
    """

    root: Path
    names: list[str] = field(default_factory=list)
    folders: dict[str, Folder] = field(default_factory=dict)
    all_folders: int = 0
    depth: int = 0
    unreadable: str = ""
    is_whole: bool = True


def look_below(path: Path) -> Seen:
    """List what lies at and below a path, the nearest first; links to folders are not followed."""
    seen = Seen(path)
    if not os.path.isdir(path):
        seen.names.append(path.name)
        return seen
    waiting, entries = deque([("", 0)]), 0
    while waiting:
        folder, depth = waiting.popleft()
        if entries > _MOST_ENTRIES or seen.all_folders >= _MOST_FOLDERS or depth > _DEEPEST:
            seen.is_whole = False
            break
        inner = []
        try:
            with os.scandir(path / folder) as found:
                for entry in found:
                    entries += 1
                    if entry.is_dir(follow_symlinks=False):
                        inner.append(entry.name)
                    else:
                        _note(seen, folder, entry.name)
                    if entries > _MOST_ENTRIES:
                        break
        except OSError as error:
            seen.unreadable = seen.unreadable or f"folder {folder or path} cannot be read ({error.strerror})"
            continue
        seen.all_folders, seen.depth = seen.all_folders + 1, depth
        waiting += [(f"{folder}{name}/", depth + 1) for name in sorted(inner) if name[0] != "."]
    seen.names.sort(key=lambda name: (name.count("/"), name))
    return seen


def _note(seen: Seen, folder: str, name: str) -> None:
    stem, suffix = os.path.splitext(name)
    if suffix.lower() not in PICTURE_SUFFIXES or name[0] == ".":
        seen.names.append(f"{folder}{name}")
        return
    place = seen.folders.setdefault(folder.rstrip("/") or ".", Folder())
    place.pictures.setdefault(compose(stem), []).append(name)
    place.suffixes[suffix.lower()] += 1


def paths_of_pictures(seen: Seen) -> Iterator[str]:
    """List all pictures, relative to the path."""
    for folder, place in seen.folders.items():
        for names in place.pictures.values():
            for name in names:
                yield f"{folder}/{name}".removeprefix("./")


def names_of_pictures(seen: Seen) -> Iterator[str]:
    """List a few pictures of each folder: their names may say what the dataset is."""
    for folder, place in seen.folders.items():
        for names in list(place.pictures.values())[:20]:
            yield f"{folder}/{names[0]}".removeprefix("./")


def describe(seen: Seen, most: int = MOST_SHOWN) -> str:
    """Describe the first folders with pictures, or that there is none, and how deep was looked."""
    if not os.path.isdir(seen.root):
        if seen.root.suffix.lower() == ".tar":
            return "a tar without ImageSets/Segmentation, the one layout that is read inside a tar"
        return "a file that is neither a tar nor a table"
    looked = f"{counted(seen.all_folders, 'folder')}, {seen.depth} deep"
    looked += "" if seen.is_whole else ", where the search ended"
    if not seen.folders:
        suffixes = Counter(os.path.splitext(name)[1].lower() or "no suffix" for name in seen.names)
        others = ", ".join(f"{count:,} {suffix}" for suffix, count in suffixes.most_common(MOST_SHOWN))
        return f"no picture in {looked}" + (f", but files of other kinds: {others}" if others else "")
    shown = (f"{folder} ({place})" for folder, place in seen.folders.items())
    return f"pictures in {some(shown, most)}, of {looked}"
