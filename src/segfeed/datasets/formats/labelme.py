"""The VOC export of labelme (`labelme2voc.py`): VOC's folders without lists, the classes in class_names.txt.

JPEGImages/ID.jpg
SegmentationClass/ID.png     palette masks in VOC's colours, 255 for the label __ignore__
SegmentationObject/ID.png    object masks, in exports of instances
class_names.txt              one class a line, _background_ first

labelme before version 4 writes masks to SegmentationClassPNG and SegmentationObjectPNG.

Source: examples/semantic_segmentation of github.com/wkentaro/labelme.
"""

import os
from pathlib import Path

from segfeed.datasets.legends.files import read_legend
from segfeed.datasets.matching.folders import find_files, find_masks, find_root, pair_split
from segfeed.datasets.matching.lists import AUTOMATIC, ids_of_files, split_by_hash
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.pixels.codec import PHOTO_SUFFIXES

_CLASSES = "class_names.txt"


def recognise(path: Path) -> Recognised | None:
    """Find labelme's export at a path or in a folder of it; with lists in ImageSets it is a VOC layout instead."""
    root = find_root(path, _is_root, "labelme")
    return None if root is None else Recognised(root, f"{_CLASSES}, JPEGImages and SegmentationClass lie in {root}")


def split_names(root: Path) -> list[str]:  # noqa: ARG001 - every format is asked in this way
    """List the splits: none is written down, so a hash makes them."""
    return list(AUTOMATIC)


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's files: every photo and class mask counts, and must have its partner."""
    return _pair(root, split, "SegmentationClass")


def list_objects(root: Path, split: str) -> SplitFiles:
    """List a split's files, with object masks instead of class masks."""
    return _pair(root, split, "SegmentationObject")


def _pair(root: Path, split: str, mask_folder: str) -> SplitFiles:
    folder = root / f"{mask_folder}PNG"
    folder = folder if os.path.isdir(folder) else root / mask_folder
    photos, masks = find_files(root / "JPEGImages", PHOTO_SUFFIXES), find_masks(folder)
    ids = split_by_hash(ids_of_files([*photos, *masks], root), split, root)
    return pair_split(
        split,
        (root / "JPEGImages", photos),
        (folder, masks),
        lambda: read_legend(root / _CLASSES),
        ids=ids,
        why="no lists: split by a hash of the ids",
    )


def _is_root(folder: Path) -> bool:
    return (
        os.path.isfile(folder / _CLASSES)
        and os.path.isdir(folder / "JPEGImages")
        and os.path.isdir(folder / "SegmentationClass")
        and not os.path.isdir(folder / "ImageSets/Segmentation")
    )
