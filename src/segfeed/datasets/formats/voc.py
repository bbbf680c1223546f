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

from segfeed.datasets.formats.folders import PHOTO_SUFFIXES, Files, find_files, find_masks, masks_of_split, pair_files
from segfeed.datasets.formats.legend_files import find_legend
from segfeed.datasets.formats.lists import AUTOMATIC, read_list, split_by_hash
from segfeed.datasets.source import Recognised, Source, Task
from segfeed.errors import SourceError, SourceMissingError
from segfeed.pixels.legend import VOC, Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import Objects

_LISTS = "ImageSets/Segmentation"
_LEGENDS = ("labelmap.txt", "class_names.txt", "dataset_meta.json")
_AUGMENTED = ("trainaug", "train_aug", "aug")


def recognise(path: Path) -> Recognised | None:
    """Find the VOC root at or below a path: the root itself, VOCdevkit, or its parent; None where there is none.

    Raises:
        SourceError: there are several.
    """
    places = [
        path,
        *sorted(path.glob("VOC2*")),
        *sorted(path.glob("VOCdevkit/VOC2*")),
        *sorted(path.glob("TrainVal/VOCdevkit/VOC2*")),
    ]
    roots = [place for place in places if (place / _LISTS).is_dir()]
    if len(roots) > 1:
        raise SourceError(
            f"{path}: several VOC datasets ({', '.join(str(root.relative_to(path)) for root in roots)}); pass the path of one."
        )
    if not roots:
        return None
    legend = next((f", classes in {name}" for name in _LEGENDS if (roots[0] / name).is_file()), "")
    return Recognised(roots[0], f"{_LISTS} lies in {roots[0]}{legend}")


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples.

    A split whose name begins with "test" may have no masks at all: its photos are to be predicted. Masks are those of
    SegmentationClass, unless the split is "trainaug" or only SegmentationClassAug has them; `Source.why` says so then.

    Args:
        root: the folder that holds ImageSets, as `recognise` found it.
        split: the name of a list in ImageSets/Segmentation; "train", "val" or "all" where the only list is default.txt.
        task: "semantic" reads class masks, "instance" SegmentationObject.
        legend: what masks mean; labelmap.txt where there is one, else VOC's 21 classes. Ignored for "instance".
        unknown: "error", "void" or a class name: what a colour outside the legend becomes.

    Raises:
        SourceMissingError: a list or a folder is missing.
        ListError: the list is malformed.
        SourceError: a sample has several photos or several masks.
    """
    ids, split_by = _read_split(root, split)
    if task == "instance":
        folder = root / "SegmentationObject"
        masks, masks_from = (folder, find_masks(folder)), ""
    else:
        masks, masks_from = _class_masks(root, split, ids)
    photos = root / "JPEGImages"
    samples, missing = pair_files(ids, (photos, find_files(photos, PHOTO_SUFFIXES)), masks_of_split(split, ids, masks))
    encoder: Encoder = Objects() if task == "instance" else legend or find_legend(root, _LEGENDS) or VOC
    encoder.unknown_label(unknown)
    why = "; ".join(clause for clause in (split_by, masks_from) if clause)
    return Source(root, "voc", split, task, samples, encoder, unknown, why, missing)


def split_names(root: Path) -> list[str]:
    """List the splits that a VOC dataset has."""
    names = sorted(path.stem for path in (root / _LISTS).glob("*.txt"))
    return [*names, *AUTOMATIC] if names == ["default"] else names


def _read_split(root: Path, split: str) -> tuple[tuple[str, ...], str]:
    names = split_names(root)
    if split not in names:
        found = f"lists: {', '.join(names)}" if names else "no list at all"
        raise SourceMissingError(
            f"{root / _LISTS}: no list for split {split!r}; it holds {found}; pass one of these as a split."
        )
    path = root / _LISTS / f"{split}.txt"
    if path.is_file():
        return read_list(path), ""
    ids = read_list(path.with_name("default.txt"))
    return split_by_hash(ids, split, root), "default.txt split by a hash of the ids"


def _class_masks(root: Path, split: str, ids: Sequence[str]) -> tuple[tuple[Path, Files], str]:
    """Choose the class masks of a split, and say so wherever they are not plainly SegmentationClass's."""
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
