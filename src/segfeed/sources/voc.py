"""PASCAL VOC layouts, 2007 to 2012, and every tool's export that follows them.

JPEGImages/ID.jpg
SegmentationClass/ID.png        class masks, palette or RGB
SegmentationObject/ID.png       object masks
ImageSets/Segmentation/SPLIT.txt
labelmap.txt                    optional: `label:r,g,b:parts:actions`, the dataset's own classes
"""

from pathlib import Path

from segfeed.errors import LegendError, SourceError, SourceMissingError
from segfeed.legend import VOC, Legend
from segfeed.lookup import Encoder
from segfeed.objects import Objects
from segfeed.sources import Layout, Source, Task
from segfeed.sources.folders import MASK_SUFFIXES, PHOTO_SUFFIXES, find_files, pair_files
from segfeed.sources.lists import read_list

_MASK_FOLDERS: dict[Task, str] = {"semantic": "SegmentationClass", "instance": "SegmentationObject"}
_LISTS = "ImageSets/Segmentation"


def recognise(path: Path) -> Layout | None:
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
    roots = [place for place in places if (place / _LISTS).is_dir() and (place / "JPEGImages").is_dir()]
    if len(roots) > 1:
        raise SourceError(
            f"{path}: several VOC datasets ({', '.join(str(root.relative_to(path)) for root in roots)}); pass the path of one."
        )
    return Layout(roots[0], f"{_LISTS} and JPEGImages lie in {roots[0]}") if roots else None


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples.

    A split whose name begins with "test" may have no masks at all: its photos are to be predicted.

    Args:
        root: the folder that holds JPEGImages, as `recognise` found it.
        split: the name of a list in ImageSets/Segmentation.
        task: "semantic" reads SegmentationClass, "instance" SegmentationObject.
        legend: what masks mean; labelmap.txt where there is one, else VOC's 21 classes. Ignored for "instance".
        unknown: "error", "void" or a class name: what a colour outside the legend becomes.

    Raises:
        SourceMissingError: a list or a folder is missing.
        ListError: the list is malformed.
        SourceError: a sample has several photos or several masks.
    """
    ids = read_list(_list_path(root, split))
    photos, masks = root / "JPEGImages", root / _MASK_FOLDERS[task]
    mask_files = find_files(masks, MASK_SUFFIXES)
    labelled = not split.startswith("test") or any(key in mask_files for key in ids)
    samples, missing = pair_files(
        ids, (photos, find_files(photos, PHOTO_SUFFIXES)), (masks, mask_files) if labelled else None
    )
    encoder: Encoder = Objects() if task == "instance" else legend or _own_legend(root)
    encoder.unknown_label(unknown)
    return Source(root, "voc", split, task, samples, encoder, unknown, missing=missing)


def split_names(root: Path) -> list[str]:
    """List the splits that a VOC dataset has."""
    return sorted(path.stem for path in (root / _LISTS).glob("*.txt"))


def _list_path(root: Path, split: str) -> Path:
    names = split_names(root)
    if split not in names:
        found = f"lists: {', '.join(names)}" if names else "no list at all"
        raise SourceMissingError(
            f"{root / _LISTS}: no list for split {split!r}; it holds {found}; pass one of these as a split."
        )
    return root / _LISTS / f"{split}.txt"


def _own_legend(root: Path) -> Legend:
    path = root / "labelmap.txt"
    if not path.is_file():
        return VOC
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LegendError(f"{path}: unreadable ({error}); expected lines of `label:r,g,b:parts:actions`.") from error
    try:
        return Legend.from_text(text, title=root.name)
    except LegendError as error:
        raise LegendError(f"{path}: {error}") from None
