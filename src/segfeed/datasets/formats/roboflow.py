"""Roboflow's export of semantic masks: one folder a split, photo and mask side by side.

SPLIT/NAME.rf.HASH.jpg         train, valid, test
SPLIT/NAME.rf.HASH_mask.png    gray, the stored values of _classes.csv
SPLIT/_classes.csv             header `Pixel Value, Class`
"""

import os
from pathlib import Path

from segfeed.datasets.formats.folders import (
    PHOTO_SUFFIXES,
    find_files,
    find_masks,
    find_root,
    masks_of_split,
    pair_files,
    refuse_objects,
    subfolders,
)
from segfeed.datasets.formats.legend_files import read_legend
from segfeed.datasets.formats.lists import choose_split, ids_of_files
from segfeed.datasets.source import Recognised, Source, Task
from segfeed.errors import LegendError
from segfeed.pixels.legend import Legend

_CLASSES = "_classes.csv"
_ENDING = "_mask"


def recognise(path: Path) -> Recognised | None:
    """Find Roboflow's export at a path, above it where it is a split's folder, or in a folder of it.

    Raises:
        SourceError: there are several.
    """
    if _is_split(path):
        return Recognised(path.parent, f"{path / _CLASSES} gives pixel values")
    root = find_root(path, lambda folder: bool(split_names(folder)), "Roboflow")
    return None if root is None else Recognised(root, f"{_CLASSES} in {', '.join(split_names(root))} of {root}")


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples: every photo and mask counts, and must have its partner.

    A split whose name begins with "test" may have no masks at all: its photos are to be predicted.

    Args:
        root: the folder that holds the splits' folders.
        split: the name of a split's folder; "val" stands for Roboflow's "valid", too.
        task: "semantic"; these exports have no object masks.
        legend: what masks mean; _classes.csv where it is None.
        unknown: "error", "void" or a class name: what a value outside the legend becomes.

    Raises:
        OptionError: task="instance".
        SourceMissingError: there is no such split.
        SourceError: a sample has several photos or several masks.
        LegendError: the splits' legends differ.
    """
    refuse_objects(task, "roboflow")
    name = choose_split(split, split_names(root), root)
    folder = root / name
    masks = find_masks(folder, ending=_ENDING)
    photos = {stem: names for stem, names in find_files(folder, PHOTO_SUFFIXES).items() if not _is_mask(stem, names)}
    ids = ids_of_files([*photos, *masks], folder)
    samples, missing = pair_files(ids, (folder, photos), masks_of_split(name, ids, (folder, masks)))
    encoder = legend or _own_legend(root)
    encoder.unknown_label(unknown)
    why = "" if name == split else f"split {split!r} is the folder {name!r}"
    return Source(root, "roboflow", name, task, samples, encoder, unknown, why, missing)


def split_names(root: Path) -> list[str]:
    """List the splits: the folders that have a legend of pixel values."""
    return [folder.name for folder in subfolders(root) if _is_split(folder)]


def _is_split(folder: Path) -> bool:
    """Tell masks from multi-label classification, whose _classes.csv lists file names."""
    try:
        with open(folder / _CLASSES, "rb") as file:
            return file.read(64).removeprefix(b"\xef\xbb\xbf").lower().startswith(b"pixel value")
    except OSError:
        return False


def _is_mask(stem: str, names: list[str]) -> bool:
    return stem.endswith(_ENDING) and all(os.path.splitext(name)[1].lower() == ".png" for name in names)


def _own_legend(root: Path) -> Legend:
    legends = {name: read_legend(root / name / _CLASSES) for name in split_names(root)}
    first, *others = legends
    for name in others:
        if legends[name].digest != legends[first].digest:
            raise LegendError(
                f"{root}: {first}/{_CLASSES} and {name}/{_CLASSES} differ, so that a stored value means two classes; "
                "export all splits as one version, or pass legend=."
            )
    return legends[first]
