"""Cityscapes: street scenes in a folder for each city, their masks in a folder beside.

leftImg8bit/SPLIT/CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png
gtFine/SPLIT/CITY/CITY_SEQUENCE_FRAME_gtFine_labelIds.png       gray: ids of labels.py; 19 of them are classes
gtCoarse/SPLIT/CITY/CITY_SEQUENCE_FRAME_gtCoarse_labelIds.png   coarser masks, also of the split train_extra

A split is read from gtFine if that has it, else from gtCoarse. Of the several masks of a photo the one called
labelIds counts; if a split has none of these, the one called labelTrainIds, which holds the 19 classes' own numbers.

Source: README.md ("Dataset Structure") of github.com/mcordts/cityscapesScripts.
"""

import os
from pathlib import Path

from segfeed.datasets.formats.folders import Files, find_files, find_root, pair_split, subfolders
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import SourceMissingError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.pixels.public_legends import CITYSCAPES, CITYSCAPES_TRAIN_IDS

_PHOTOS, _MASKS = "leftImg8bit", ("gtFine", "gtCoarse")
_KINDS = {"labelIds": CITYSCAPES, "labelTrainIds": CITYSCAPES_TRAIN_IDS}


def recognise(path: Path) -> Recognised | None:
    """Find leftImg8bit beside gtFine or gtCoarse."""
    root = find_root(path, _is_root, "Cityscapes")
    return Recognised(root, "leftImg8bit lies beside gtFine or gtCoarse; of these, labelIds count") if root else None


def split_names(root: Path) -> list[str]:
    """List the splits that have photos: the folders in leftImg8bit."""
    return [folder.name for folder in subfolders(root / _PHOTOS)]


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's files: the photos and masks of all its cities, by name."""
    photos = root / _PHOTOS / split
    kind, masks, mask_files = _find_masks(root, split)
    photo_files = _find_nested(photos, PHOTO_SUFFIXES, f"_{_PHOTOS}")
    return pair_split(split, (photos, photo_files), (masks, mask_files), lambda: _KINDS[kind])


def _is_root(folder: Path) -> bool:
    return os.path.isdir(folder / _PHOTOS) and any(os.path.isdir(folder / masks) for masks in _MASKS)


def _find_masks(root: Path, split: str) -> tuple[str, Path, Files]:
    """Find the kind of masks that counts for a split, their folder, and them."""
    grade = next((grade for grade in _MASKS if os.path.isdir(root / grade / split)), _MASKS[0])
    folder = root / grade / split
    for kind in _KINDS:
        if files := _find_nested(folder, MASK_SUFFIXES, f"_{grade}_{kind}"):
            return kind, folder, files
    if not split.startswith("test") and _find_nested(folder, MASK_SUFFIXES, ""):
        raise SourceMissingError(
            str(folder),
            found=f"no mask named *_{grade}_labelIds.png or *_{grade}_labelTrainIds.png",
            expected="one for each photo",
            remedy="make them from the polygons with cityscapesscripts, or unpack the archive of masks again",
        )
    return "labelIds", folder, {}


def _find_nested(folder: Path, suffixes: tuple[str, ...], ending: str) -> Files:
    found: Files = {}
    for city in subfolders(folder):
        for stem, names in find_files(city, suffixes, ending=ending).items():
            found.setdefault(stem, []).extend(f"{city.name}/{name}" for name in names)
    return found
