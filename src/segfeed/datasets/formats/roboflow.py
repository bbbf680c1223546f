"""Roboflow's export of semantic masks: one folder a split, photo and mask side by side.

SPLIT/NAME.rf.HASH.jpg         train, valid, test
SPLIT/NAME.rf.HASH_mask.png    gray, the stored values of _classes.csv
SPLIT/_classes.csv             header `Pixel Value, Class`
"""

import os
from pathlib import Path

from segfeed.datasets.blobs import read_file
from segfeed.datasets.legends.files import MAX_LEGEND_BYTES, read_legend
from segfeed.datasets.matching.folders import find_files, find_masks, find_root, has_pictures, pair_split, subfolders
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.pixels.legend import Legend

_CLASSES = "_classes.csv"
_ENDING = "_mask"


def recognise(path: Path) -> Recognised | None:
    """Find Roboflow's export at a path, above it if it is a split's folder, or in a folder of it."""
    if _is_split(path):
        return Recognised(path.parent, f"{path / _CLASSES} gives pixel values")
    root = find_root(path, lambda folder: bool(split_names(folder)), "Roboflow")
    return None if root is None else Recognised(root, f"{_CLASSES} in {', '.join(split_names(root))} of {root}")


def split_names(root: Path) -> list[str]:
    """List the splits: the folders that have a legend of pixel values."""
    return [folder.name for folder in subfolders(root) if _is_split(folder)]


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's files: every photo and mask in its folder counts, and must have its partner."""
    folder = root / split
    masks = find_masks(folder, ending=_ENDING)
    photos = {stem: names for stem, names in find_files(folder, PHOTO_SUFFIXES).items() if not _is_mask(stem, names)}
    return pair_split(split, (folder, photos), (folder, masks), lambda: _read_classes(root))


def _is_split(folder: Path) -> bool:
    """Check that _classes.csv lies beside pictures and names stored values; for multi-label it lists file names."""
    path = folder / _CLASSES
    if not os.path.isfile(path) or not has_pictures(folder):
        return False
    try:
        return read_file(path, MAX_LEGEND_BYTES)[:64].removeprefix(b"\xef\xbb\xbf").lower().startswith(b"pixel value")
    except (OSError, SourceError):
        return False


def _is_mask(stem: str, names: list[str]) -> bool:
    return stem.endswith(_ENDING) and all(os.path.splitext(name)[1].lower() == ".png" for name in names)


def _read_classes(root: Path) -> Legend:
    legends = {name: read_legend(root / name / _CLASSES) for name in split_names(root)}
    first, *others = legends
    for name in others:
        if legends[name].digest != legends[first].digest:
            raise LegendError(
                str(root),
                found=f"{first}/{_CLASSES} and {name}/{_CLASSES} differ, so that a stored value means two classes",
                remedy="export all splits as one version, or pass legend=",
            )
    return legends[first]
