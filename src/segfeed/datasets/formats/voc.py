"""PASCAL VOC layouts, 2007 to 2012, and exports that follow them, such as CVAT's "Segmentation mask 1.1".

ImageSets/Segmentation/SPLIT.txt    one id a line; CVAT writes a single list, default.txt
JPEGImages/ID.jpg                   photos of any kind, PNG in CVAT's
SegmentationClass/ID.png            class masks, palette or RGB
SegmentationClassAug/ID.png         class masks made from SBD's contours, without void
SegmentationObject/ID.png           object masks
labelmap.txt                        optional: `label:r,g,b:parts:actions`, the dataset's own classes
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from segfeed.datasets.legends.files import find_legend
from segfeed.datasets.matching.folders import (
    FolderFiles,
    find_files,
    find_masks,
    list_names,
    or_join,
    pair_split,
    subfolders,
)
from segfeed.datasets.matching.lists import AUTOMATIC, read_bytes, split_by_hash
from segfeed.datasets.matching.pair_lists import Listable, parse_list
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import SourceError
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.pixels.public_legends import VOC

_LISTS = "ImageSets/Segmentation"
_LEGENDS = ("labelmap.txt", "class_names.txt", "dataset_meta.json")
_AUGMENTED = ("trainaug", "train_aug", "aug")


def recognise(path: Path) -> Recognised | None:
    """Find the VOC root at or below a path: the root itself, a folder that holds it, VOCdevkit, or its parent.

    Raises:
        SourceError: if there are several, or the folder of the lists cannot be read.
    """
    folders = [
        path,
        *(folder for folder in subfolders(path) if not folder.name.startswith("VOC2")),
        *sorted(path.glob("VOC2*")),
        *sorted(path.glob("VOCdevkit/VOC2*")),
        *sorted(path.glob("TrainVal/VOCdevkit/VOC2*")),
    ]
    for folder in folders:
        # Without its lists it would pass for a dataset of other splits: raises SourceError if it cannot be read.
        if os.path.isdir(folder / "ImageSets"):
            list_names(folder / "ImageSets")
    roots = [folder for folder in folders if os.path.isdir(folder / _LISTS)]
    if len(roots) > 1:
        names = ", ".join(root.relative_to(path).as_posix() for root in roots)
        raise SourceError(
            str(path), found=f"several VOC datasets ({names})", remedy=f"pass the path of one{or_join(path)}"
        )
    if not roots:
        return None
    legend = next((f", classes in {name}" for name in _LEGENDS if os.path.isfile(roots[0] / name)), "")
    return Recognised(roots[0], f"{_LISTS} lies in {roots[0]}{legend}")


def split_names(root: Path) -> list[str]:
    """List the splits that a VOC dataset has."""
    names = sorted(path.stem for path in (root / _LISTS).glob("[!.]*.txt"))
    return [*names, *AUTOMATIC] if names == ["default"] else names


def list_split(root: Path, split: str) -> SplitFiles:
    """List the files of a split: one of the lists in ImageSets/Segmentation, or a part of default.txt, by a hash.

    Masks are those of SegmentationClass, unless the split is "trainaug" or only SegmentationClassAug has them; `why`
    says so then.
    """
    return _list(root, split, _class_masks)


def list_objects(root: Path, split: str) -> SplitFiles:
    """List the files of a split, with the object masks of SegmentationObject."""
    return _list(root, split, _object_masks)


_Choice = tuple[FolderFiles, str]
"""Masks, and the clause that says which, if they are not just those that a person expects."""


def _list(root: Path, split: str, choose_masks: Callable[[Path, str, Sequence[str], bool], _Choice]) -> SplitFiles:
    """List a split; if its list names folders, files in those below JPEGImages count, too."""
    photos = root / "JPEGImages"
    path = root / _LISTS / f"{split}.txt"
    is_listed = os.path.lexists(path)
    path = path if is_listed else path.with_name("default.txt")
    data = read_bytes(path)
    deep = b"/" in data
    photo_files = find_files(photos, PHOTO_SUFFIXES, deep=deep)
    known = Listable(photos.name, photo_files)
    listed = parse_list(data, path, known)
    ids, how = listed.ids, ""
    if not is_listed:
        ids, how = split_by_hash(ids, split, root), "default.txt split by a hash of the ids"
    (folder, masks), chosen = choose_masks(root, split, ids, deep)
    if listed.masks and choose_masks is _class_masks:  # such as "/JPEGImages/ID.jpg /SegmentationClassAug/ID.png"
        named = PurePosixPath(next(iter(listed.masks.values()))[0].replace("\\", "/")).parent.name
        folder = root / (named if named and os.path.isdir(root / named) else folder.name)
        masks, chosen = find_masks(folder, deep=deep), f"masks from {folder.name}, as listed"
        masks |= parse_list(data, path, known, Listable(folder.name, masks)).masks
    why = "; ".join(clause for clause in (how, chosen) if clause)
    return pair_split(
        split, (photos, photo_files), (folder, masks), lambda: find_legend(root, _LEGENDS) or VOC, ids=ids, why=why
    )


def _object_masks(root: Path, _split: str, _ids: Sequence[str], deep: bool) -> _Choice:  # noqa: FBT001 - called by position, as one of two
    folder = root / "SegmentationObject"
    return (folder, find_masks(folder, deep=deep)), ""


def _class_masks(root: Path, split: str, ids: Sequence[str], deep: bool) -> _Choice:  # noqa: FBT001 - called by position, as one of two
    folders = [root / name for name in ("SegmentationClass", "SegmentationClassAug")]
    official, augmented = (find_masks(folder, deep=deep) for folder in folders)
    if split in _AUGMENTED and augmented:
        merged = {
            key: [f"{folder.name}/{name}" for name in names]
            for folder, files in zip(folders, (official, augmented), strict=True)
            for key, names in files.items()
        }
        count = sum(key in augmented for key in ids)
        rest = sum(key in official and key not in augmented for key in ids)
        why = f"masks from SegmentationClassAug ({count:,})"
        return (root, merged), f"{why} and SegmentationClass ({rest:,})" if rest else why
    if any(key in augmented for key in ids) and not any(key in official for key in ids):
        return (folders[1], augmented), "masks from SegmentationClassAug, since SegmentationClass has none of them"
    return (folders[0], official), ""
