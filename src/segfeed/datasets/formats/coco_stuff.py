"""COCO-Stuff's pixel maps: COCO's photos, with things and stuff in gray masks.

images/train2017/000000000009.jpg                 or train2017/ itself
annotations/train2017/000000000009.png            or stuffthingmaps/; gray: 0 to 181 = label minus 1, 255 = void

Files whose names are no number, such as those that other tools add, are not COCO's and are left alone.

Source: README.md ("Setup", "Caffe-compatible stuff-thing maps") of github.com/nightrome/cocostuff.
"""

import re
from pathlib import Path

from segfeed.datasets.formats.folders import (
    MASK_SUFFIXES,
    PHOTO_SUFFIXES,
    Files,
    find_files,
    find_root,
    masks_of_split,
    pair_files,
    refuse_objects,
    subfolders,
)
from segfeed.datasets.formats.lists import choose_split, ids_of_files
from segfeed.datasets.source import Recognised, Source, Task
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import COCO_STUFF

_PHOTOS = ("images", ".")
_MASKS = ("annotations", "stuffthingmaps", "annotations/stuffthingmaps")
_SPLIT = re.compile(r"(train|val|test)20\d\d")


def recognise(path: Path) -> Recognised | None:
    """Find photos in train2017 or val2017 beside PNGs of the same split."""
    root = find_root(
        path, lambda folder: any(_mask_folder(folder, name) for name in _photo_folders(folder)), "COCO-Stuff"
    )
    return (
        Recognised(root, "train2017 or val2017 hold photos, and beside them PNGs of the same numbers") if root else None
    )


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples: the photos and masks in its folder, by number; "train" means train2017 if that is alone."""
    refuse_objects(task, "coco_stuff")
    folders = _photo_folders(root)
    years = [name for name in folders if name[:-4] == split]
    split = years[0] if len(years) == 1 else choose_split(split, list(folders), root)
    photos, masks = folders[split], _mask_folder(root, split) or root / _MASKS[0] / split
    photo_files, mask_files = _numbered(photos, PHOTO_SUFFIXES), _numbered(masks, MASK_SUFFIXES)
    keys = ids_of_files((*photo_files, *mask_files), photos)
    samples, missing = pair_files(keys, (photos, photo_files), masks_of_split(split, keys, (masks, mask_files)))
    legend = legend or COCO_STUFF
    legend.unknown_label(unknown)
    return Source(root, "coco_stuff", split, task, samples, legend, unknown, missing=missing)


def split_names(root: Path) -> list[str]:
    """List the splits that have photos, under the names of their folders."""
    return list(_photo_folders(root))


def _photo_folders(root: Path) -> dict[str, Path]:
    folders = (folder for place in _PHOTOS for folder in subfolders(root / place))
    return {folder.name: folder for folder in folders if _SPLIT.fullmatch(folder.name)}


def _mask_folder(root: Path, split: str) -> Path | None:
    return next((root / place / split for place in _MASKS if any((root / place / split).glob("*.png"))), None)


def _numbered(folder: Path, suffixes: tuple[str, ...]) -> Files:
    return {stem: names for stem, names in find_files(folder, suffixes).items() if stem.isdecimal()}
