"""PASCAL VOC layouts, 2007 to 2012, and exports that follow them, such as CVAT's "Segmentation mask 1.1".

ImageSets/Segmentation/SPLIT.txt    one id a line; CVAT writes a single list, default.txt
JPEGImages/ID.jpg                   photos of any kind, PNG in CVAT's
SegmentationClass/ID.png            class masks, palette or RGB
SegmentationClassAug/ID.png         class masks made from SBD's contours, without void
SegmentationObject/ID.png           object masks
labelmap.txt                        optional: `label:r,g,b:parts:actions`, the dataset's own classes
"""

from collections.abc import Sequence
from pathlib import Path

from segfeed.datasets.formats.folders import PHOTO_SUFFIXES, FolderFiles, find_files, find_masks, pair_split
from segfeed.datasets.formats.legend_files import find_legend
from segfeed.datasets.formats.lists import AUTOMATIC, read_list, split_by_hash
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import SourceError
from segfeed.pixels.public_legends import VOC

_LISTS = "ImageSets/Segmentation"
_LEGENDS = ("labelmap.txt", "class_names.txt", "dataset_meta.json")
_AUGMENTED = ("trainaug", "train_aug", "aug")


def recognise(path: Path) -> Recognised | None:
    """Find the VOC root at or below a path: the root itself, VOCdevkit, or its parent.

    Raises:
        SourceError: if there are several.
    """
    folders = [
        path,
        *sorted(path.glob("VOC2*")),
        *sorted(path.glob("VOCdevkit/VOC2*")),
        *sorted(path.glob("TrainVal/VOCdevkit/VOC2*")),
    ]
    roots = [folder for folder in folders if (folder / _LISTS).is_dir()]
    if len(roots) > 1:
        names = ", ".join(str(root.relative_to(path)) for root in roots)
        raise SourceError(str(path), found=f"several VOC datasets ({names})", remedy="pass the path of one")
    if not roots:
        return None
    legend = next((f", classes in {name}" for name in _LEGENDS if (roots[0] / name).is_file()), "")
    return Recognised(roots[0], f"{_LISTS} lies in {roots[0]}{legend}")


def split_names(root: Path) -> list[str]:
    """List the splits that a VOC dataset has."""
    names = sorted(path.stem for path in (root / _LISTS).glob("*.txt"))
    return [*names, *AUTOMATIC] if names == ["default"] else names


def list_split(root: Path, split: str) -> SplitFiles:
    """List the files of a split: one of the lists in ImageSets/Segmentation, or a part of default.txt, by a hash.

    Masks are those of SegmentationClass, unless the split is "trainaug" or only SegmentationClassAug has them; `why`
    says so then.
    """
    ids, how = _read_ids(root, split)
    masks, masks_from = _class_masks(root, split, ids)
    return _pair(root, split, ids, masks, "; ".join(clause for clause in (how, masks_from) if clause))


def list_objects(root: Path, split: str) -> SplitFiles:
    """List the files of a split, with the object masks of SegmentationObject."""
    ids, how = _read_ids(root, split)
    folder = root / "SegmentationObject"
    return _pair(root, split, ids, (folder, find_masks(folder)), how)


def _pair(root: Path, split: str, ids: Sequence[str], masks: FolderFiles, why: str) -> SplitFiles:
    photos = root / "JPEGImages"
    files = (photos, find_files(photos, PHOTO_SUFFIXES))
    return pair_split(split, files, masks, lambda: find_legend(root, _LEGENDS) or VOC, ids=ids, why=why)


def _read_ids(root: Path, split: str) -> tuple[tuple[str, ...], str]:
    path = root / _LISTS / f"{split}.txt"
    if path.is_file():
        return read_list(path), ""
    ids = read_list(path.with_name("default.txt"))
    return split_by_hash(ids, split, root), "default.txt split by a hash of the ids"


def _class_masks(root: Path, split: str, ids: Sequence[str]) -> tuple[FolderFiles, str]:
    """Choose the class masks of a split, and the clause that says so, if they are not just SegmentationClass's."""
    folders = [root / name for name in ("SegmentationClass", "SegmentationClassAug")]
    official, augmented = (find_masks(folder) for folder in folders)
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
