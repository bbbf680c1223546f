"""Folders of photos and masks: files matched to keys by their stems, never by their order."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.formats.lists import ids_of_files
from segfeed.datasets.source import Missing, Sample, SplitFiles
from segfeed.errors import SourceError, SourceMissingError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.pixels.legend import Legend

_PICTURE_SUFFIXES = tuple(dict.fromkeys((*PHOTO_SUFFIXES, *MASK_SUFFIXES)))

Files = dict[str, list[str]]
"""The files of a folder by stem: stem -> names, sorted."""

FolderFiles = tuple[Path, Files]
"""A folder and its files."""


def find_root(path: Path, is_root: Callable[[Path], bool], called: str) -> Path | None:
    """Find the root of the dataset that a path means: the folder itself, or the one folder in it that is a root.

    Args:
        path: a folder; a file has no root.
        is_root: checks whether a folder is a root; it reads little.
        called: what such a dataset is called in an error.

    Raises:
        SourceError: if several folders in it are roots.
    """
    if os.path.isdir(path) and is_root(path):
        return path
    roots = [folder for folder in subfolders(path) if is_root(folder)]
    if len(roots) > 1:
        names = ", ".join(root.name for root in roots[:10]) + (", ..." if len(roots) > 10 else "")
        raise SourceError(str(path), found=f"several {called} datasets ({names})", remedy="pass the path of one")
    return roots[0] if roots else None


def subfolders(folder: Path) -> list[Path]:
    """List the folders in a folder, sorted; none if it is missing or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []


def has_pictures(folder: Path) -> bool:
    """Check whether any file of a folder is named like a picture of any kind; the first one ends the search."""
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
        ending: of the stems that count, such as "_mask"; they are listed without it.

    Raises:
        SourceError: if the folder cannot be read.
    """
    found: Files = {}
    for name in sorted(_list(folder)):
        stem, dot, suffix = name.rpartition(".")
        if (dot + suffix.lower()) in suffixes and stem.endswith(ending) and name[0] != ".":
            found.setdefault(stem.removesuffix(ending), []).append(name)
    return found


def find_masks(folder: Path, *, ending: str = "") -> Files:
    """List the masks of a folder by stem, as `find_files` does.

    They are its lossless pictures. If it has none they are its pictures of any kind, so that each is refused for what it is, such as
    a JPEG, and not called missing.
    """
    return find_files(folder, MASK_SUFFIXES, ending=ending) or find_files(folder, _PICTURE_SUFFIXES, ending=ending)


def pair_split(
    split: str,
    photos: FolderFiles,
    masks: FolderFiles,
    legend: Callable[[], Legend | None] = lambda: None,
    *,
    ids: Sequence[str] | None = None,
    why: str = "",
) -> SplitFiles:
    """Pair the photos and masks of a split; those that lack their partner are missing.

    Args:
        split: its name. If it begins with "test", there may be no mask at all: the photos are to be predicted.
        photos: the folder, and its files by stem.
        masks: the same of masks.
        legend: as in `SplitFiles`.
        ids: in the split's order; those of all files, sorted, if None.
        why: as in `SplitFiles`.

    Raises:
        SourceMissingError: if a folder is missing.
        SourceError: if there is no file, or an id has several photos or several masks.
    """
    ids = ids_of_files((*photos[1], *masks[1]), photos[0]) if ids is None else ids
    to_predict = is_to_predict(split, (key in masks[1] for key in ids))
    samples, missing = pair_files(ids, photos, None if to_predict else masks)
    return SplitFiles(samples, missing, legend, why)


def is_to_predict(split: str, masks: Iterable[object]) -> bool:
    """Check whether the photos of a split are to be predicted: its name begins with "test", and it has no mask."""
    return split.startswith("test") and not any(masks)


def pair_files(
    keys: Sequence[str], photos: FolderFiles, masks: FolderFiles | None
) -> tuple[tuple[Sample, ...], tuple[Missing, ...]]:
    """Pair every key with its photo and its mask.

    Args:
        keys: in the split's order.
        photos: the folder, and its files by stem as `find_files` lists them.
        masks: the same of masks; None for photos that are to be predicted.

    Returns:
        samples: of the keys that have all their files, in order. missing: of the others.

    Raises:
        SourceMissingError: if a folder is missing.
        SourceError: if a key has several photos or several masks.
    """
    for what, files in (("photo", photos), ("mask", masks)):
        if files is not None and not files[0].is_dir():
            raise SourceMissingError(
                str(files[0]),
                found="no such folder",
                expected=f"the {what}s of {len(keys)} listed samples",
                remedy="check the path and the task",
            )
    return pair_blobs(
        keys,
        (str(photos[0]), _one_each(keys, "photo", *photos)),
        (str(masks[0]), _one_each(keys, "mask", *masks)) if masks else None,
    )


def pair_blobs(
    keys: Sequence[str], photos: tuple[str, Sequence[Blob | None]], masks: tuple[str, Sequence[Blob | None]] | None
) -> tuple[tuple[Sample, ...], tuple[Missing, ...]]:
    """Pair every key with its photo and its mask, as `pair_files` does.

    Args:
        keys: in the split's order.
        photos: where they are looked for, and one a key; None if it is missing.
        masks: the same of masks; None for photos that are to be predicted.
    """
    samples: list[Sample] = []
    missing: list[Missing] = []
    for key, photo, mask in zip(keys, photos[1], masks[1] if masks else [None] * len(keys), strict=True):
        if photo and (mask or not masks):
            samples.append(Sample(key, photo, mask))
            continue
        if photo is None:
            missing.append(Missing(key, "photo", photos[0]))
        if masks and mask is None:
            missing.append(Missing(key, "mask", masks[0]))
    return tuple(samples), tuple(missing)


def _one_each(keys: Sequence[str], what: str, folder: Path, files: Files) -> list[File | None]:
    found = [files.get(key, ()) for key in keys]
    for key, names in zip(keys, found, strict=True):
        if len(names) > 1:
            raise SourceError(
                str(folder),
                found=f"sample {key} has {len(names)} {what}s ({', '.join(names)})",
                expected="one",
                remedy="remove the others",
            )
    parent = f"{folder}/"
    return [File.of(parent + names[0]) if names else None for names in found]


def _list(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        found = f"the folder cannot be read ({error.strerror})"
        raise SourceError(str(folder), found=found, remedy="check its permissions") from error


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
