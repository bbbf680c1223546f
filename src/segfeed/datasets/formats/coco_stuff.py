"""COCO-Stuff's pixel maps: COCO's photos, with things and stuff in gray masks.

images/train2017/000000000009.jpg                 or train2017/ itself
annotations/train2017/000000000009.png            or stuffthingmaps/; gray: 0 to 181 = label minus 1, 255 = void

Files whose names are not numbers, such as those that other tools add, are not COCO's and are left alone.

A format is a module of its own, however short it is.

Source: README.md ("Setup", "Caffe-compatible stuff-thing maps") of github.com/nightrome/cocostuff.
"""

import re
from pathlib import Path

from segfeed.datasets.formats.folders import Files, find_files, find_root, pair_split, subfolders
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.pixels.codec import PHOTO_SUFFIXES
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


def split_names(root: Path) -> list[str]:
    """List the splits that have photos, under the names of their folders."""
    return list(_photo_folders(root))


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's files: the photos and masks in its folder, by number."""
    photos, masks = _photo_folders(root)[split], _mask_folder(root, split) or root / _MASKS[0] / split
    photo_files, mask_files = _numbered(photos, PHOTO_SUFFIXES), _numbered(masks, (".png",))
    return pair_split(split, (photos, photo_files), (masks, mask_files), lambda: COCO_STUFF)


def _photo_folders(root: Path) -> dict[str, Path]:
    folders = (folder for parent in _PHOTOS for folder in subfolders(root / parent))
    return {folder.name: folder for folder in folders if _SPLIT.fullmatch(folder.name)}


def _mask_folder(root: Path, split: str) -> Path | None:
    folders = (root / parent / split for parent in _MASKS)
    return next((folder for folder in folders if any(folder.glob("*.png"))), None)


def _numbered(folder: Path, suffixes: tuple[str, ...]) -> Files:
    return {stem: names for stem, names in find_files(folder, suffixes).items() if stem.isdecimal()}
