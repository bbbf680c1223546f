"""Folders of photos and masks: files matched to keys by their stems, never by their order."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.matching.lists import compose, ids_of_files
from segfeed.datasets.source import Missing, Sample, SplitFiles
from segfeed.errors import SourceError, SourceMissingError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.pixels.legend import Legend

PICTURE_SUFFIXES = tuple(dict.fromkeys((*PHOTO_SUFFIXES, *MASK_SUFFIXES)))

_DEEPEST = 16  # folders below one another; a real dataset has a handful

Files = dict[str, list[str]]
"""The files of a folder by stem: stem -> names, sorted. Accents of a stem are composed, those of names as on disk."""

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
        remedy = "pass the path of one" + (or_join(path) if called != "described" else "")
        raise SourceError(str(path), found=f"several {called} datasets ({names})", remedy=remedy)
    return roots[0] if roots else None


def or_join(folder: Path) -> str:
    """Say how several datasets in a folder can be read as one, as the end of a remedy."""
    return f", or put a legend file that counts for all, such as labelmap.txt, into {folder} to read them as one"


def subfolders(folder: Path) -> list[Path]:
    """List the folders in a folder, sorted; none if it is missing or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []


def has_pictures(folder: Path, *, most: int | None = None) -> bool:
    """Check whether any file of a folder is named like a picture of any kind; the first one ends the search.

    Args:
        folder: is not searched below.
        most: how many there may be at most; any number if None.
    """
    try:
        with os.scandir(folder) as entries:
            pictures = (True for entry in entries if _suffix(entry.name) in PICTURE_SUFFIXES and entry.name[0] != ".")
            return any(pictures) if most is None else 0 < sum(islice(pictures, most + 1)) <= most
    except OSError:
        return False


def unused_folders(root: Path, used: Collection[str], deepest: int = 3) -> list[Path]:
    """List the folders below a root that hold pictures but are not among those that are used, nor lie in one of them.

    Args:
        root: of a dataset.
        used: paths of folders.
        deepest: how many folders deep to look.
    """
    found: list[Path] = []
    for folder in subfolders(root):
        if folder.name[0] == "." or str(folder) in used:
            continue
        if has_pictures(folder):
            found.append(folder)
        elif deepest > 1 and not folder.is_symlink():
            found += unused_folders(folder, used, deepest - 1)
    return found


def find_files(folder: Path, suffixes: Sequence[str], *, ending: str = "", deep: bool = False) -> Files:
    """List the files of a folder by stem: stem -> names, sorted; a stem may hold dots, a hidden file has none.

    Args:
        folder: where they lie.
        suffixes: in lower case; `.JPG` counts as `.jpg`.
        ending: of the stems that count, such as "_mask"; they are listed without it.
        deep: whether files in folders below count, too: stems and names begin with these folders' names.

    Raises:
        SourceError: if the folder cannot be read.
    """
    found: Files = {}
    for name in sorted(_walk(folder) if deep else list_names(folder)):
        stem, dot, suffix = name.rpartition(".")
        if (dot + suffix.lower()) in suffixes and stem.endswith(ending) and "/." not in f"/{name}":
            found.setdefault(compose(stem.removesuffix(ending)), []).append(name)
    return found


def find_masks(folder: Path, *, ending: str = "", deep: bool = False) -> Files:
    """List the masks of a folder by stem, as `find_files` does.

    They are its lossless pictures. If it has none they are its pictures of any kind, so that each is refused for what
    it is, such as a JPEG, and not called missing.
    """
    return find_files(folder, MASK_SUFFIXES, ending=ending, deep=deep) or find_files(
        folder, PICTURE_SUFFIXES, ending=ending, deep=deep
    )


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
        SourceError: if the folder is empty, or an id has several photos or several masks.
    """
    ids = ids_of_files((*photos[1], *masks[1]), photos[0]) if ids is None else ids
    to_predict = is_to_predict(split, (key in masks[1] for key in ids))
    samples, missing = pair_files(ids, photos, None if to_predict else masks)
    return SplitFiles(samples, missing, legend, why)


def is_to_predict(split: str, masks: Iterable[object]) -> bool:
    """Check whether the photos of a split are to be predicted: its name begins with "test", and it has no mask."""
    return split.casefold().startswith("test") and not any(masks)


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
        if files is not None and not os.path.isdir(files[0]):
            raise SourceMissingError(
                str(files[0]),
                found="no such folder",
                expected=f"the {what}s of {len(keys)} listed samples",
                remedy="check the path and the task",
            )
    problems: dict[tuple[str, str], str] = {}
    return pair_blobs(
        keys,
        (str(photos[0]), _one_each(keys, "photo", photos, problems)),
        (str(masks[0]), _one_each(keys, "mask", masks, problems)) if masks else None,
        problems,
    )


def pair_blobs(
    keys: Sequence[str],
    photos: tuple[str, Sequence[Blob | None]],
    masks: tuple[str, Sequence[Blob | None]] | None,
    problems: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> tuple[tuple[Sample, ...], tuple[Missing, ...]]:
    """Pair every key with its photo and its mask, as `pair_files` does.

    Args:
        keys: in the split's order.
        photos: where they are looked for, and one a key; None if it is missing.
        masks: the same of masks; None for photos that are to be predicted.
        problems: ("photo" or "mask", key) -> what lies in its place, as in `Missing`.
    """
    samples: list[Sample] = []
    missing: list[Missing] = []
    for key, photo, mask in zip(keys, photos[1], masks[1] if masks else [None] * len(keys), strict=True):
        if photo and (mask or not masks):
            samples.append(Sample(key, photo, mask))
            continue
        if photo is None:
            missing.append(Missing(key, "photo", photos[0], problems.get(("photo", key), "")))
        if masks and mask is None:
            missing.append(Missing(key, "mask", masks[0], problems.get(("mask", key), "")))
    return tuple(samples), tuple(missing)


def _one_each(
    keys: Sequence[str], what: str, files: FolderFiles, problems: dict[tuple[str, str], str]
) -> list[File | None]:
    """Return the one file of each key; what is not a file, such as a link to nowhere, is missing, and a problem."""
    folder, named = files
    parent = f"{folder}/"
    found: list[File | None] = []
    for key in keys:
        names = named.get(key, ())
        if len(names) > 1:
            raise SourceError(
                str(folder),
                found=f"sample {key} has {len(names)} {what}s ({', '.join(names)})",
                expected="one",
                remedy="remove the others",
            )
        file = None
        if names:
            try:
                file = File.of(parent + names[0])
            except SourceError as error:
                problems[what, key] = f"{names[0]}: {error.found}"
        found.append(file)
    return found


def list_names(folder: Path) -> list[str]:
    """List the names in a folder; none if it is missing.

    Raises:
        SourceError: if it cannot be read.
    """
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        found = f"the folder cannot be read ({error.strerror})"
        raise SourceError(str(folder), found=found, remedy="check its permissions") from error


def _walk(folder: Path, inner: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[str]:
    """List the names of files in a folder and in those below it: "s1/a.png"; a link that leads back up ends there."""
    names = list_names(folder / inner)
    if not names or len(above) > _DEEPEST:
        return
    status = os.stat(folder / inner)
    this = (status.st_dev, status.st_ino)
    if this in above:
        return
    for name in names:
        # Most names are of pictures; only the others may be folders, which saves a question a file.
        if _suffix(name) not in PICTURE_SUFFIXES and os.path.isdir(folder / inner / name):
            yield from _walk(folder, f"{inner}{name}/", (*above, this))
        else:
            yield f"{inner}{name}"


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
