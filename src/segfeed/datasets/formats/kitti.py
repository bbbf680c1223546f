"""KITTI's semantic segmentation benchmark: 200 street scenes with Cityscapes' label ids.

training/image_2/ID.png     photos; those of the stereo benchmark may lie there, too, without masks
training/semantic/ID.png    gray: ids as in Cityscapes
testing/image_2/ID.png      photos that are to be predicted

A format is a module of its own, however short it is.

Source: www.cvlibs.net/datasets/kitti/eval_semantics.php ("the data format and metrics are conform with Cityscapes").
"""

import os
from pathlib import Path

from segfeed.datasets.formats.folders import find_files, find_masks, find_root, pair_files
from segfeed.datasets.formats.lists import ids_of_files
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.pixels.public_legends import CITYSCAPES

_FOLDERS = {"train": "training", "test": "testing"}


def recognise(path: Path) -> Recognised | None:
    """Find training/image_2 beside training/semantic."""
    root = find_root(path, _is_root, "KITTI")
    why = "training/image_2 lies beside training/semantic, whose masks name the samples"
    return Recognised(root, why) if root else None


def split_names(root: Path) -> list[str]:
    """List "train", and "test" if there is one."""
    return [split for split, folder in _FOLDERS.items() if os.path.isdir(root / folder / "image_2")]


def list_split(root: Path, split: str) -> SplitFiles:
    """List the files of "train", one sample for each mask, or of "test", one for each photo."""
    photos, masks = root / _FOLDERS[split] / "image_2", root / _FOLDERS[split] / "semantic"
    photo_files, mask_files = find_files(photos, PHOTO_SUFFIXES), find_masks(masks)
    ids = ids_of_files(mask_files or photo_files, photos)
    samples, missing = pair_files(ids, (photos, photo_files), (masks, mask_files) if mask_files else None)
    return SplitFiles(samples, missing, lambda: CITYSCAPES)


def _is_root(folder: Path) -> bool:
    return os.path.isdir(folder / "training/image_2") and os.path.isdir(folder / "training/semantic")
