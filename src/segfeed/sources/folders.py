"""Folders of photos and masks: files matched to keys by their stems, never by their order."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from segfeed.blobs import File
from segfeed.errors import SourceError, SourceMissingError
from segfeed.sources import Missing, Sample

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MASK_SUFFIXES = (".png",)


def find_files(folder: Path, suffixes: Sequence[str], *, ending: str = "") -> dict[str, list[str]]:
    """List the files of a folder by stem: stem -> names, sorted; a stem may hold dots.

    Args:
        folder: is not searched below.
        suffixes: in lower case; `.JPG` counts as `.jpg`.
        ending: only stems with this ending count, and are given without it, such as "_mask".
    """
    found: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in suffixes and stem.endswith(ending):
            found.setdefault(stem.removesuffix(ending), []).append(name)
    return found


def pair_files(
    keys: Sequence[str], photos: tuple[Path, dict[str, list[str]]], masks: tuple[Path, dict[str, list[str]]] | None
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
    samples, missing = [], []
    for key in keys:
        files: list[File | None] = []
        for what, place in (("photo", photos), ("mask", masks)):
            files.append(None if place is None else _one_file(key, what, *place, len(keys)))
        lacking: list[tuple[Literal["photo", "mask"], Path]] = []
        if files[0] is None:
            lacking.append(("photo", photos[0]))
        if files[1] is None and masks is not None:
            lacking.append(("mask", masks[0]))
        missing += [Missing(key, what, str(folder)) for what, folder in lacking]
        if files[0] is not None and not lacking:
            samples.append(Sample(key, files[0], files[1]))
    return tuple(samples), tuple(missing)


def _one_file(key: str, what: str, folder: Path, files: dict[str, list[str]], count: int) -> File | None:
    if not folder.is_dir():
        raise SourceMissingError(
            f"{folder}: no such folder; expected the {what}s of {count} listed samples; check the path and the task."
        )
    names = files.get(key, [])
    if len(names) > 1:
        raise SourceError(
            f"{folder}: sample {key} has {len(names)} {what}s ({', '.join(names)}); expected one; remove the others."
        )
    return File.of(f"{folder}/{names[0]}") if names else None
