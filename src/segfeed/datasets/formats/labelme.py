"""The VOC export of labelme (`labelme2voc.py`): VOC's folders without lists, the classes in class_names.txt.

JPEGImages/ID.jpg
SegmentationClass/ID.png     palette masks in VOC's colours, 255 where the label was __ignore__
SegmentationObject/ID.png    object masks, in exports of instances
class_names.txt              one class a line, _background_ first

labelme before version 4 writes masks to SegmentationClassPNG and SegmentationObjectPNG.

Source: examples/semantic_segmentation of github.com/wkentaro/labelme.
"""

import os
from pathlib import Path

from segfeed.datasets.formats.folders import PHOTO_SUFFIXES, find_files, find_masks, find_root, pair_files
from segfeed.datasets.formats.legend_files import read_legend
from segfeed.datasets.formats.lists import AUTOMATIC, choose_split, ids_of_files, split_by_hash
from segfeed.datasets.source import Recognised, Source, Task
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import Objects

_CLASSES = "class_names.txt"
_MASKS: dict[Task, str] = {"semantic": "SegmentationClass", "instance": "SegmentationObject"}


def recognise(path: Path) -> Recognised | None:
    """Find labelme's export at a path or in a folder of it; with lists in ImageSets it is a VOC layout instead.

    Raises:
        SourceError: there are several.
    """
    root = find_root(path, _is_root, "labelme")
    return None if root is None else Recognised(root, f"{_CLASSES}, JPEGImages and SegmentationClass lie in {root}")


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples: every photo and mask counts, and must have its partner.

    Args:
        root: the folder that holds class_names.txt.
        split: "train", "val" or "all", by a hash of the ids.
        task: "semantic" reads class masks, "instance" object masks.
        legend: what masks mean; class_names.txt where it is None. Ignored for "instance".
        unknown: "error", "void" or a class name: what a colour outside the legend becomes.

    Raises:
        SourceMissingError: a folder is missing, or there is no such split.
        SourceError: a sample has several photos or several masks.
    """
    folder = root / f"{_MASKS[task]}PNG"
    folder = folder if folder.is_dir() else root / _MASKS[task]
    photos, masks = find_files(root / "JPEGImages", PHOTO_SUFFIXES), find_masks(folder)
    ids = split_by_hash(ids_of_files([*photos, *masks], root), choose_split(split, AUTOMATIC, root), root)
    samples, missing = pair_files(ids, (root / "JPEGImages", photos), (folder, masks))
    encoder: Encoder = Objects() if task == "instance" else legend or read_legend(root / _CLASSES)
    encoder.unknown_label(unknown)
    why = "no lists: split by a hash of the ids"
    return Source(root, "labelme", split, task, samples, encoder, unknown, why, missing)


def split_names(root: Path) -> list[str]:  # noqa: ARG001 - every format is asked so
    """List the splits: none is written down, so they come of a hash."""
    return list(AUTOMATIC)


def _is_root(folder: Path) -> bool:
    return (
        os.path.isfile(folder / _CLASSES)
        and os.path.isdir(folder / "JPEGImages")
        and os.path.isdir(folder / "SegmentationClass")
        and not os.path.isdir(folder / "ImageSets/Segmentation")
    )
