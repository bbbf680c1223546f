"""The YAML file of an Ultralytics dataset: its names, and the photos of its splits.

Source: docs.ultralytics.com, "Instance Segmentation Datasets Overview", "Semantic Segmentation Datasets Overview".
"""

import os
from collections import Counter
from pathlib import Path, PureWindowsPath
from typing import Any

from segfeed.datasets.blobs import read_file
from segfeed.datasets.matching.lists import read_lines
from segfeed.errors import SourceError, SourceMissingError
from segfeed.pixels.codec import PHOTO_SUFFIXES

_SUFFIXES = (".yaml", ".yml")
_SPLITS = ("train", "val", "test")
_MAX_BYTES = 16 << 20


def find_yaml(path: Path, *, has_masks: bool) -> Path | None:
    """Find the YAML file at a path or in a folder, of a dataset with or without masks_dir.

    Raises:
        SourceError: if there are several.
    """
    files = [path] if os.path.isfile(path) else sorted(one for suffix in _SUFFIXES for one in path.glob(f"*{suffix}"))
    found = [one for one in files if one.suffix.lower() in _SUFFIXES and _is_data(one, has_masks=has_masks)]
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise SourceError(str(path), found=f"several YAML files ({names})", remedy="pass the path of one")
    return found[0] if found else None


def splits_of(described: dict[str, Any]) -> list[str]:
    """List the splits that a YAML file names."""
    return [split for split in _SPLITS if described.get(split)]


def _is_data(path: Path, *, has_masks: bool) -> bool:
    try:
        data = read_file(path, _MAX_BYTES)
    except SourceError:
        return False
    return (
        b"names" in data
        and any(f"{split}:".encode() in data for split in ("train", "val"))
        and (b"masks_dir" in data) == has_masks
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of Ultralytics.

    Raises:
        SourceError: if it is not YAML, or no map.
    """
    import yaml  # noqa: PLC0415 - needed for this format alone

    try:
        found = yaml.safe_load(read_file(path, _MAX_BYTES).decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            str(path), found=f"no valid YAML ({' '.join(str(error).split())})", expected="names and train, val"
        ) from None
    if not isinstance(found, dict):
        raise SourceError(str(path), found="no keys", expected="names and train, val")
    return found


def names_of(described: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Read names, a list or a map of all numbers from 0.

    Raises:
        SourceError: if they are neither, or as many as nc says.
    """
    names = described.get("names")
    if isinstance(names, dict):
        by_text = {str(key): name for key, name in names.items()}
        if by_text.keys() == {*map(str, range(len(names)))}:
            names = [by_text[str(number)] for number in range(len(names))]
    count = described.get("nc")
    if not isinstance(names, list) or not names or not all(isinstance(one, str | int) for one in names):
        found = f"names that are {names!r:.80}"
        raise SourceError(str(path), found=found, expected="a list of names, or a map from 0, 1, 2, ...")
    if any(isinstance(one, bool) for one in names):
        found = f"names that are {names!r:.80}, since YAML takes yes, no, on and off for true and false"
        raise SourceError(str(path), found=found, expected="names", remedy='write them in quotes, "no"')
    if twice := [name for name, times in Counter(map(str, names)).items() if times > 1]:
        found = f"{twice[0]!r} as the name of {names.count(twice[0])} classes"
        raise SourceError(str(path), found=found, expected="names that differ", remedy="rename all but one")
    if count is not None and count != len(names):
        raise SourceError(
            str(path), found=f"nc: {count!r} and {len(names)} names", expected="as many", remedy="mend it"
        )
    return tuple(map(str, names))


def photos_of(described: dict[str, Any], split: str, root: Path) -> list[Path]:
    """List a split's photos, each once.

    Raises:
        SourceMissingError: if a folder or list is not there.
    """
    entries = described[split]
    every = entries if isinstance(entries, list) else [entries]
    return list(dict.fromkeys(photo for entry in every for photo in _photos(str(entry), described, root)))


def beside(photo: Path, folder: str) -> Path:
    """Return where a file of a photo lies in a folder that stands for the last one called images.

    >>> beside(Path("/a/images/train/b.jpg"), "labels").as_posix()
    '/a/labels/train/b.jpg'
    """
    before, images, after = str(photo).rpartition(f"{os.sep}images{os.sep}")
    return Path(f"{before}{os.sep}{folder}{os.sep}{after}") if images else photo


def name_below(photo: Path, root: Path) -> str:
    """Return a photo's path below the folder of the YAML file, with slashes."""
    named = os.path.relpath(photo, root.parent).replace(os.sep, "/")
    while named.startswith("../"):
        named = named.removeprefix("../")
    return named


def _photos(entry: str, described: dict[str, Any], root: Path) -> list[Path]:
    """List the photos of a folder or of a list; the folder may have moved with the YAML file."""
    base = root.parent
    moved = Path(str(described.get("path") or "."))
    tried = [place / entry for place in (base / moved, base)]
    if entry.startswith("../"):  # Roboflow writes ../train/images for train/images
        tried.append(base / entry.removeprefix("../"))
    place = next((one for one in tried if os.path.exists(one)), None) or _moved(entry, base)
    if place is None:
        raise SourceMissingError(
            str(tried[0]),
            found=f"no such folder or list, which {root.name} names",
            remedy=f"correct {entry!r} in {root.name}, or the line path: above it",
        )
    if os.path.isdir(place):
        return sorted(one for one in place.rglob("*") if one.suffix.lower() in PHOTO_SUFFIXES and one.name[0] != ".")
    lines = [line for _, line in read_lines(place)]
    beside = [place.parent / line for line in lines]  # an absolute path stays one
    return [one if os.path.isfile(one) else _moved(line, base) or one for line, one in zip(lines, beside, strict=True)]


def _moved(named: str, base: Path) -> Path | None:
    """Find what a path of another place or of Windows names below the YAML file's folder, by as much as fits."""
    parts = PureWindowsPath(named).parts  # which takes both kinds of slashes
    ways = (base.joinpath(*parts[place:]) for place in range(PureWindowsPath(named).anchor != "", len(parts)))
    return next((way for way in ways if os.path.exists(way)), None)
