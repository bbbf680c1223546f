"""Folders of photos and masks: files matched to keys by their stems, never by their order."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from segfeed.datasets.blobs import File
from segfeed.datasets.source import Missing, Sample, Task
from segfeed.errors import OptionError, SourceError, SourceMissingError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MASK_SUFFIXES = (".png",)
_PICTURE_SUFFIXES = (*PHOTO_SUFFIXES, ".gif", ".tif", ".tiff")

Files = dict[str, list[str]]
"""The files of a folder by stem: stem -> names, sorted."""


def find_root(path: Path, is_root: Callable[[Path], bool], called: str) -> Path | None:
    """Find the dataset that a path means: the folder itself, or the one folder in it that is a root.

    Args:
        path: a folder; a file has no root.
        is_root: tells whether a folder is a root, by few looks.
        called: what such a dataset is called in an error.

    Raises:
        SourceError: several folders in it are.
    """
    if os.path.isdir(path) and is_root(path):
        return path
    roots = [folder for folder in subfolders(path) if is_root(folder)]
    if len(roots) > 1:
        raise SourceError(f"{path}: several {called} datasets ({_names(roots)}); pass the path of one.")
    return roots[0] if roots else None


def subfolders(folder: Path) -> list[Path]:
    """List the folders in a folder, sorted; none where it is not there or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []


def has_pictures(folder: Path) -> bool:
    """Tell whether any file of a folder is named like a picture of any kind; the first one ends the search."""
    try:
        with os.scandir(folder) as entries:
            return any(_suffix(entry.name) in _PICTURE_SUFFIXES and entry.name[0] != "." for entry in entries)
    except OSError:
        return False


def find_files(folder: Path, suffixes: Sequence[str], *, ending: str = "") -> Files:
    """List the files of a folder by stem: stem -> names, sorted; a stem may hold dots, a hidden file has none.

    Args:
        folder: is not searched below.
        suffixes: in lower case; `.JPG` counts as `.jpg`.
        ending: only stems with this ending count, and are given without it, such as "_mask".

    Raises:
        SourceError: the folder cannot be read.
    """
    found: Files = {}
    for name in sorted(_list(folder)):
        stem, dot, suffix = name.rpartition(".")
        if (dot + suffix.lower()) in suffixes and stem.endswith(ending) and name[0] != ".":
            found.setdefault(stem.removesuffix(ending), []).append(name)
    return found


def find_masks(folder: Path, *, ending: str = "") -> Files:
    """List the masks of a folder by stem, as `find_files` does.

    They are its PNGs. Where it has none they are its pictures of any kind, so that each is refused for what it is, such
    as a JPEG, and not called missing.
    """
    return find_files(folder, MASK_SUFFIXES, ending=ending) or find_files(folder, _PICTURE_SUFFIXES, ending=ending)


def masks_of_split(split: str, keys: Sequence[str], masks: tuple[Path, Files]) -> tuple[Path, Files] | None:
    """Give a split's masks; None where its name begins with "test" and it has none, since its photos are to be predicted."""
    return None if split.startswith("test") and not any(key in masks[1] for key in keys) else masks


def pair_files(
    keys: Sequence[str], photos: tuple[Path, Files], masks: tuple[Path, Files] | None
) -> tuple[tuple[Sample, ...], tuple[Missing, ...]]:
    """Give every key its photo and its mask.

    Args:
        keys: in the split's order.
        photos: the folder, and its files by stem as `find_files` lists them.
        masks: the same of masks; None for photos that are to be predicted.

    Returns:
        samples: of the keys that have all their files, in order. missing: of the others.

    Raises:
        SourceMissingError: a folder is not there.
        SourceError: a key has several photos or several masks.
    """
    for what, place in (("photo", photos), ("mask", masks)):
        if place is not None and not place[0].is_dir():
            raise SourceMissingError(
                f"{place[0]}: no such folder; expected the {what}s of {len(keys)} listed samples; check the path and the task."
            )
    photo_files = _one_each(keys, "photo", *photos)
    mask_files = _one_each(keys, "mask", *masks) if masks else [None] * len(keys)
    samples: list[Sample] = []
    missing: list[Missing] = []
    for key, photo, mask in zip(keys, photo_files, mask_files, strict=True):
        if photo and (mask or not masks):
            samples.append(Sample(key, photo, mask))
            continue
        if photo is None:
            missing.append(Missing(key, "photo", str(photos[0])))
        if masks and mask is None:
            missing.append(Missing(key, "mask", str(masks[0])))
    return tuple(samples), tuple(missing)


def refuse_objects(task: Task, format_name: str) -> None:
    """Raise OptionError where object ids are asked of a format whose masks hold classes only."""
    if task == "instance":
        raise OptionError(
            f'task="instance" has no meaning for format {format_name!r}, whose masks hold classes; use task="semantic".'
        )


def _one_each(keys: Sequence[str], what: str, folder: Path, files: Files) -> list[File | None]:
    found = [files.get(key, ()) for key in keys]
    for key, names in zip(keys, found, strict=True):
        if len(names) > 1:
            raise SourceError(
                f"{folder}: sample {key} has {len(names)} {what}s ({', '.join(names)}); expected one; remove the others."
            )
    place = f"{folder}/"
    return [File.of(place + names[0]) if names else None for names in found]


def _list(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SourceError(f"{folder}: the folder cannot be read ({error.strerror}); check its permissions.") from error


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _names(folders: Sequence[Path]) -> str:
    shown = [folder.name for folder in folders[:10]]
    return ", ".join(shown) + (", ..." if len(folders) > 10 else "")
