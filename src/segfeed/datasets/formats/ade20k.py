"""ADE20K as the scene parsing benchmark released it: 150 classes in gray masks.

images/{training,validation,testing}/ADE_*.jpg
annotations/{training,validation}/ADE_*.png     gray: 0 = none of the classes (void), 1 to 150 = the classes
objectInfo150.txt or .csv                       optional, here or one folder up: the classes' names

The benchmark's sample has no folders for splits; there the names of its files, ADE_train_* and ADE_val_*, tell them.

Source: README.md ("Data") of github.com/CSAILVision/sceneparsing.
"""

import csv
import re
from pathlib import Path

from segfeed.datasets.formats.folders import (
    PHOTO_SUFFIXES,
    find_files,
    find_masks,
    find_root,
    masks_of_split,
    pair_files,
    refuse_objects,
)
from segfeed.datasets.formats.lists import choose_split, ids_of_files
from segfeed.datasets.source import Recognised, Source, Task
from segfeed.errors import LegendError
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import ADE20K

_FOLDERS = {"train": "training", "val": "validation", "test": "testing"}
_NAME_LISTS = ("objectInfo150.txt", "objectInfo150.csv")


def recognise(path: Path) -> Recognised | None:
    """Find images and annotations whose files are named ADE_*; in other files 1 to 150 mean other things."""
    root = find_root(path, lambda folder: bool(split_names(folder)), "ADE20K")
    return Recognised(root, "images and annotations hold files named ADE_*") if root else None


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List the samples of "train", "val" or "test": the files in its folder, by name."""
    refuse_objects(task, "ade20k")
    split = choose_split(split, split_names(root), root)
    photos, masks = (folder / _FOLDERS[split] for folder in (root / "images", root / "annotations"))
    wanted = "ADE_"
    if not photos.is_dir():
        photos, masks, wanted = photos.parent, masks.parent, f"ADE_{split}_"
    files = [
        {stem: names for stem, names in found.items() if stem.startswith(wanted)}
        for found in (find_files(photos, PHOTO_SUFFIXES), find_masks(masks))
    ]
    keys = ids_of_files((*files[0], *files[1]), root)
    samples, missing = pair_files(keys, (photos, files[0]), masks_of_split(split, keys, (masks, files[1])))
    legend = legend or _own_legend(root)
    legend.unknown_label(unknown)
    return Source(root, "ade20k", split, task, samples, legend, unknown, missing=missing)


def split_names(root: Path) -> list[str]:
    """List the splits that ADE20K's folders hold, or the names of its files where there are no such folders."""
    images = root / "images"
    if not (root / "annotations").is_dir():
        return []
    if folders := [split for split, folder in _FOLDERS.items() if (images / folder).is_dir()]:
        return [split for split in folders if any((images / _FOLDERS[split]).glob("ADE_*"))]
    return [split for split in _FOLDERS if any(images.glob(f"ADE_{split}_*"))]


def _own_legend(root: Path) -> Legend:
    places = (folder / name for folder in (root, root.parent) for name in _NAME_LISTS)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return ADE20K
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if path.suffix == ".txt" else ","))
        names = [row["Name"].strip() for row in rows]
        indices = tuple(int(row["Idx"]) for row in rows)
        if indices == ADE20K.indices and all(map(_is_named, names, ADE20K.names)):
            return ADE20K
        return Legend(tuple(names), indices=indices, void_indices=(0,), title=root.name)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise LegendError(f"{path}: malformed ({error}); expected the columns Idx and Name, a class a line.") from None


def _is_named(listed: str, name: str) -> bool:
    """Tell whether a list of synonyms begins with a name; objectInfo150.csv has `;` for blanks and commas alike."""
    words = name.split()
    return re.split(r"[;, ]+", listed)[: len(words)] == words
