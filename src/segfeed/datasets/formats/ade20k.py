"""ADE20K as the scene parsing benchmark released it: 150 classes in gray masks.

images/{training,validation,testing}/ADE_*.jpg
annotations/{training,validation}/ADE_*.png     gray: 0 = none of the classes (void), 1 to 150 = the classes
objectInfo150.txt or .csv                       optional, here or one folder up: the classes' names

The benchmark's sample has no folders for splits; there the names of its files begin with ADE_train_ or ADE_val_.

Source: README.md ("Data") of github.com/CSAILVision/sceneparsing.
"""

import csv
import io
import os
import re
from pathlib import Path

from segfeed.datasets.blobs import read_file
from segfeed.datasets.formats.folders import find_files, find_masks, find_root, pair_split
from segfeed.datasets.formats.legend_files import MAX_LEGEND_BYTES, legend_errors, list_named
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import ADE20K

_FOLDERS = {"train": "training", "val": "validation", "test": "testing"}
_NAME_LISTS = ("objectInfo150.txt", "objectInfo150.csv")


def recognise(path: Path) -> Recognised | None:
    """Find images and annotations whose files are named ADE_*; in other files 1 to 150 mean other things."""
    root = find_root(path, lambda folder: bool(split_names(folder)), "ADE20K")
    return Recognised(root, "images and annotations hold files named ADE_*") if root else None


def split_names(root: Path) -> list[str]:
    """List the splits that ADE20K's folders hold, or the names of its files if there are no such folders."""
    images = root / "images"
    if not os.path.isdir(root / "annotations"):
        return []
    if folders := [split for split, folder in _FOLDERS.items() if os.path.isdir(images / folder)]:
        return [split for split in folders if any((images / _FOLDERS[split]).glob("ADE_*"))]
    return [split for split in _FOLDERS if any(images.glob(f"ADE_{split}_*"))]


def list_split(root: Path, split: str) -> SplitFiles:
    """List the files of "train", "val" or "test": those in its folder, by name."""
    photos, masks = (folder / _FOLDERS[split] for folder in (root / "images", root / "annotations"))
    wanted = "ADE_"
    if not os.path.isdir(photos):
        photos, masks, wanted = photos.parent, masks.parent, f"ADE_{split}_"
    photo_files, mask_files = (
        {stem: names for stem, names in found.items() if stem.startswith(wanted)}
        for found in (find_files(photos, PHOTO_SUFFIXES), find_masks(masks))
    )
    return pair_split(split, (photos, photo_files), (masks, mask_files), lambda: _read_classes(root))


def _read_classes(root: Path) -> Legend:
    paths = [*list_named(root, _NAME_LISTS), *list_named(root.parent, _NAME_LISTS)]
    if not paths:
        return ADE20K
    path = paths[0]
    described = read_file(path, MAX_LEGEND_BYTES)
    with legend_errors(path, "the columns Idx and Name, a class a line"):
        text = io.StringIO(described.decode("utf-8-sig"), newline="")
        rows = list(csv.DictReader(text, delimiter="\t" if path.suffix.lower() == ".txt" else ","))
        names = [row["Name"].strip() for row in rows]
        indices = tuple(int(row["Idx"]) for row in rows)
        if indices == ADE20K.indices and all(map(_is_named, names, ADE20K.names)):
            return ADE20K
        return Legend(tuple(names), indices=indices, void_indices=(0,), title=root.name)


def _is_named(listed: str, name: str) -> bool:
    """Check whether a list of synonyms begins with a name; objectInfo150.csv has `;` for blanks and commas alike."""
    words = name.split()
    return re.split(r"[;, ]+", listed)[: len(words)] == words
