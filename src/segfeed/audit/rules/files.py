"""Which files lie beside those that are used."""

import os
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

from segfeed.audit.findings import Finding, Severity
from segfeed.audit.rules.subjects import AuditedDataset, DatasetRule
from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.derived import made_of
from segfeed.datasets.matching.folders import unused_folders
from segfeed.datasets.source import Missing, Source
from segfeed.errors import SourceError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES

_PICTURES = frozenset(PHOTO_SUFFIXES + MASK_SUFFIXES)
_REPORTED: dict[str, Severity] = {"folders": "warning", "roboflow": "warning", "voc": "note"}
"""Formats of which a folder that no split uses is told; others have well-known folders beside those of the masks."""

_STRAYS = _PICTURES | {".gif", ".tif", ".tiff", ".npy", ".json", ".xml", ".heic", ".avif"}


def find_strays(source: Source) -> dict[Missing, File]:
    """Find the files that bear the name of a missing one, but in other letters or of another kind."""
    photos = {os.path.dirname(sample.photo.address) for sample in source.samples}
    folders: dict[str, dict[str, str]] = {}
    strays = {}
    for gap in source.missing:
        if gap.what == "mask" and gap.folder in photos:
            continue  # the file of that name is the photo
        if gap.folder not in folders:
            folders[gap.folder] = {stem.casefold(): name for name, stem in _list(Path(gap.folder), _STRAYS)}
        name = folders[gap.folder].get(gap.key.casefold())
        if name is not None and not gap.found:
            with suppress(SourceError):  # a pipe, a folder, a link to nowhere
                strays[gap] = File.of(f"{gap.folder}/{name}")
    return strays


def _list(folder: Path, suffixes: Container[str]) -> list[tuple[str, str]]:
    """List the files of a folder that are named like pictures: (name, stem), sorted."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    split = [(name, *os.path.splitext(name)) for name in names if name[0] != "."]
    return [(name, stem) for name, stem, suffix in split if suffix.lower() in suffixes]


def files_unlisted(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report photos and masks that lie beside the others, but that no split names."""
    if not dataset.is_whole:
        return
    root = dataset.source.root
    used = {file.file for facts in dataset.facts for file in (facts.photo, facts.mask) if file is not None}
    blobs = (blob for split in dataset.splits for blob in _blobs(split.source))
    used |= {os.path.relpath(path, root) for blob in blobs for path in made_of(blob)}
    listed = {gap.key.casefold() for split in dataset.splits for gap in split.source.missing}
    for folder in sorted({os.path.dirname(file) for file in used}):
        yield from _unlisted(root / folder, folder, used, listed)


def _unlisted(path: Path, folder: str, used: set[str], listed: set[str]) -> Iterator[Finding]:
    """Check one folder: a picture is listed if a sample uses it, or would if its partner were there."""
    pictures = _list(path, _PICTURES)
    others = [
        name for name, stem in pictures if os.path.join(folder, name) not in used and stem.casefold() not in listed
    ]
    if others:
        found = f"{len(others):,} of {len(pictures):,} pictures are in no split, such as {others[0]}"
        remedy = "do nothing if they are left out on purpose"
        yield Finding("note", "file-unlisted", "", "", folder or ".", found, "every picture in a split", remedy)


def folders_unused(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report folders of pictures that no split uses: they may be a split, or the masks that were meant."""
    source = dataset.source
    if not dataset.is_whole or source.format not in _REPORTED or not os.path.isdir(source.root):
        return
    used = {os.path.dirname(blob.address) for split in dataset.splits for blob in _blobs(split.source)}
    used |= {gap.folder for split in dataset.splits for gap in split.source.missing}
    for folder in unused_folders(source.root, used):
        if source.format == "voc" and folder.name.startswith("Segmentation"):
            continue  # VOC's own masks of another kind
        count = len(_list(folder, _STRAYS))
        found = f"{count:,} pictures that no split uses"
        remedy = "do nothing if they are left out on purpose; else say how they lie by photos= and masks="
        name = folder.relative_to(source.root).as_posix()
        yield Finding(_REPORTED[source.format], "folder-unused", "", "", name, found, "every folder in a split", remedy)


def _blobs(source: Source) -> Iterator[Blob]:
    for sample in source.samples:
        yield sample.photo
        if sample.mask is not None:
            yield sample.mask


RULES: tuple[DatasetRule, ...] = (files_unlisted, folders_unused)
