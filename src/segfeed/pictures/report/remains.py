"""Remains: samples that lack a file, by the files that are there, so that a report can show them."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segfeed.audit.rules.files import find_strays
from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.formats.folders import MASK_SUFFIXES, PHOTO_SUFFIXES, find_files
from segfeed.datasets.source import Sample, Source

NO_STAMP = (0, 0, 0, 0)
"""Of a file that is not there."""


def with_remains(source: Source) -> Source:
    """Put behind the samples of a split those that lack a file, with what is left of them; they cannot be read as pairs.

    A file is looked for by its stem beside those of whole samples; a file of another kind, such as a mask that was saved
    as JPEG, counts.
    """
    if not source.missing:
        return source
    photo_folders = _folders(sample.photo for sample in source.samples)
    mask_folders = _folders(sample.mask for sample in source.samples if sample.mask) - photo_folders
    photos, masks = _files(photo_folders, PHOTO_SUFFIXES), _files(mask_folders, MASK_SUFFIXES)
    for lack, stray in find_strays(source).items():
        (photos if lack.what == "photo" else masks).setdefault(lack.key, stray)
    remains = tuple(
        Sample(key, photos.get(key, File(f"{source.root}/{key}", NO_STAMP)), masks.get(key))
        for key in dict.fromkeys(lack.key for lack in source.missing)
        if key in photos or key in masks
    )
    return replace(source, samples=source.samples + remains, missing=())


def _folders(blobs: Iterable[Blob]) -> set[str]:
    return {folder for folder in {os.path.dirname(blob.address) for blob in blobs} if os.path.isdir(folder)}


def _files(folders: set[str], suffixes: tuple[str, ...]) -> dict[str, File]:
    return {
        key: File.of(f"{folder}/{names[0]}")
        for folder in sorted(folders)
        for key, names in find_files(Path(folder), suffixes).items()
    }
