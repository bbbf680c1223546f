"""Two folders, one of photos and one of masks, matched by stem: for datasets that follow no format.

images/ID.jpg         masks/ID.png            no split, or lists beside the folders: train.txt, val.txt, ...
images/SPLIT/ID.jpg   masks/SPLIT/ID.png
SPLIT/images/ID.jpg   SPLIT/masks/ID.png
SPLIT/ID.jpg          SPLIT_labels/ID.png     CamVid in colours, as on Kaggle

The folders may have any of the names below, in any case. Masks may be named ID_mask.png or alike (`stems`). A legend
file (`legend_files`) beside the folders names the classes.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from segfeed.datasets.formats.folders import (
    PHOTO_SUFFIXES,
    find_files,
    find_masks,
    find_root,
    has_pictures,
    pair_split,
    subfolders,
)
from segfeed.datasets.formats.legend_files import LEGEND_FILES, find_legend
from segfeed.datasets.formats.lists import AUTOMATIC, ids_of_files, read_list, refuse_repeated, split_by_hash
from segfeed.datasets.formats.stems import match_stems
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import SourceError

_PHOTOS = ("images", "image", "imgs", "img", "img_dir", "photos", "rgb", "rgbleft", "701_stillsraw_full")
_MASKS = (
    "masks", "mask", "labels", "label", "annotations", "ann_dir", "gt", "gtleft", "groundtruth", "ground_truth",
    "segmentation", "segmentations", "semseg", "labeledapproved_full",
)  # fmt: skip
_BESIDE = ("_labels", "_masks", "_mask", "_gt")
_SPLITS = ("train", "val", "valid", "test")
_LISTS = (*_SPLITS, "validation", "trainval")

_Folders = dict[str, tuple[Path, Path]]
"""Split -> photo folder and mask folder; the only split is "" if the folders hold everything."""


def recognise(path: Path) -> Recognised | None:
    """Find a photo folder beside a mask folder at a path, or in a folder of it.

    Raises:
        SourceError: if there are several datasets, or several such pairs of folders in one.
    """
    root = find_root(path, lambda folder: bool(_layouts(folder)), "photos-and-masks")
    if root is None:
        return None
    layouts = _layouts(root)
    if len(layouts) > 1:
        found = f"several pairs of folders ({', '.join(layouts)})"
        raise SourceError(str(root), found=found, expected="one", remedy="move the others elsewhere")
    return Recognised(root, f"{next(iter(layouts))} of {root}")


def split_names(root: Path) -> list[str]:
    """List the splits: the folders, else the lists, else those that a hash makes."""
    folders = _folders(root)
    if "" not in folders:
        return list(folders)
    lists = _lists(root)
    return ["train", *lists] if lists and "train" not in lists else lists or list(AUTOMATIC)


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's files: every photo counts, and must have its mask.

    If the folders of two splits hold the same stem, every key is SPLIT_STEM, so that keys tell samples apart.

    Raises:
        SourceError: if a sample has several photos or several masks, or the names of photos and masks do not fit.
    """
    folders, why = _folders(root), []
    photo_folder, mask_folder = folders[split if split in folders else ""]
    photos, masks = match_stems(find_files(photo_folder, PHOTO_SUFFIXES), find_masks(mask_folder), mask_folder)
    if split in folders and _stems_repeat(folders):
        photos, masks = ({f"{split}_{key}": names for key, names in files.items()} for files in (photos, masks))
        why.append("keys are SPLIT_STEM, since splits repeat stems")
    ids = ids_of_files([*photos, *masks], root)
    if split not in folders:
        ids, how = _split(root, split, ids)
        why.append(how)
    files = pair_split(
        split, (photo_folder, photos), (mask_folder, masks), lambda: find_legend(root), ids=ids, why="; ".join(why)
    )
    return replace(files, expected_legend=f"one of {', '.join(LEGEND_FILES)} in this folder")


list_objects = list_split  # nothing on disk says which kind the masks are


def _folders(root: Path) -> _Folders:
    return next(iter(_layouts(root).values()), {})


def _layouts(root: Path) -> dict[str, _Folders]:
    """Find every pair of folders that hold photos and masks: its description -> its folders."""
    found = {}
    for photos, masks in _possible_folders(root):
        pairs = {
            split: (root / photos.replace("SPLIT", split), root / masks.replace("SPLIT", split))
            for split in (_SPLITS if "SPLIT" in photos else ("",))
        }
        labelled = {split for split, (_, folder) in pairs.items() if has_pictures(folder)}
        folders = {
            split: pair for split, pair in pairs.items() if has_pictures(pair[0]) and split in {*labelled, "test"}
        }
        if labelled & folders.keys():
            found[f"photos in {photos} and masks in {masks}"] = folders
    return found


def _possible_folders(root: Path) -> Iterator[tuple[str, str]]:
    """List where photos and masks might lie, by the names of folders alone."""
    names = [folder.name for folder in subfolders(root)]
    inner = {folder.name for name in names if name in _SPLITS for folder in subfolders(root / name)}
    for photos, masks in _known(names):
        yield photos, masks
        yield f"{photos}/SPLIT", f"{masks}/SPLIT"
    for photos, masks in _known(sorted(inner)):
        yield f"SPLIT/{photos}", f"SPLIT/{masks}"
    for ending in _BESIDE:
        if any(f"{split}{ending}" in names for split in _SPLITS):
            yield "SPLIT", f"SPLIT{ending}"


def _known(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for photos in (name for name in names if name.casefold() in _PHOTOS):
        for masks in (name for name in names if name.casefold() in _MASKS):
            yield photos, masks


def _lists(root: Path) -> list[str]:
    return [name for name in _LISTS if os.path.isfile(root / f"{name}.txt")]


def _split(root: Path, name: str, ids: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the ids of a split by its list; if there are lists but none of train, train is what they leave."""
    lists = {split: _read_names(root / f"{split}.txt") for split in _lists(root)}
    if name in lists:
        return lists[name], f"listed in {name}.txt"
    if not lists:
        return split_by_hash(ids, name, root), "no lists: split by a hash of the ids"
    listed = {key for keys in lists.values() for key in keys}
    rest = tuple(key for key in ids if key not in listed)
    if not rest:
        found = f"{', '.join(lists)} list every sample, so that none is left for {name!r}"
        raise SourceError(str(root), found=found, remedy="list it, too")
    return rest, f"{name} is what {', '.join(lists)} leave"


def _read_names(path: Path) -> tuple[str, ...]:
    """Read a list of ids, or of the names of photos."""
    files = [PurePath(entry) for entry in read_list(path)]
    ids = tuple(file.stem if file.suffix.lower() in PHOTO_SUFFIXES else file.name for file in files)
    refuse_repeated(ids, path)
    return ids


def _stems_repeat(folders: _Folders) -> bool:
    stems = [stem for photos, _ in folders.values() for stem in find_files(photos, PHOTO_SUFFIXES)]
    return len(set(stems)) < len(stems)
