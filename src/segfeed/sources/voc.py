"""PASCAL VOC layouts, 2007 to 2012, and every tool's export that follows them.

JPEGImages/ID.jpg
SegmentationClass/ID.png        class masks, palette or RGB
SegmentationObject/ID.png       object masks
ImageSets/Segmentation/SPLIT.txt
labelmap.txt                    optional: `label:r,g,b:parts:actions`, the dataset's own classes
"""

import os
from pathlib import Path

from segfeed.errors import LegendError, SourceError, SourceMissingError
from segfeed.legend import VOC, Legend
from segfeed.lookup import Encoder
from segfeed.objects import Objects
from segfeed.sources import Blob, Sample, Source, Task
from segfeed.sources.lists import read_list

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_MASK_FOLDERS: dict[Task, str] = {"semantic": "SegmentationClass", "instance": "SegmentationObject"}
_LISTS = "ImageSets/Segmentation"
_SHOWN = 10


def recognise(path: Path) -> Path | None:
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
    return roots[0] if roots else None


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples; every listed photo and mask must exist.

    A split whose name begins with "test" may have no masks at all: its photos are to be predicted.

    Args:
        root: the folder that holds JPEGImages, as `recognise` found it.
        split: the name of a list in ImageSets/Segmentation.
        task: "semantic" reads SegmentationClass, "instance" SegmentationObject.
        legend: what masks mean; labelmap.txt where there is one, else VOC's 21 classes. Ignored for "instance".
        unknown: "error", "void" or a class name: what a colour outside the legend becomes.

    Raises:
        SourceMissingError: a list, photo or mask is missing; the first ten are named.
        ListError: the list is malformed.
    """
    ids = read_list(_list_path(root, split))
    photos = _photos(root, ids)
    masks = _masks(root, ids, split, task)
    encoder: Encoder = Objects() if task == "instance" else legend or _own_legend(root)
    encoder.unknown_label(unknown)
    samples = tuple(map(Sample, ids, photos, masks))
    return Source(root, "voc", split, task, samples, encoder, unknown, f"{_LISTS} and JPEGImages lie in {root}")


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


def _photos(root: Path, ids: tuple[str, ...]) -> list[Blob]:
    folder = root / "JPEGImages"
    wanted = set(ids)
    names: dict[str, list[str]] = {}
    for name in os.listdir(folder):
        stem, suffix = os.path.splitext(name)
        if stem in wanted and suffix.lower() in _PHOTO_SUFFIXES:
            names.setdefault(stem, []).append(name)
    for key, found in names.items():
        if len(found) > 1:
            raise SourceError(
                f"{folder}: sample {key} has {len(found)} photos ({', '.join(sorted(found))}); expected one; remove the others."
            )
    missing = [key for key in ids if key not in names]
    if missing:
        raise _missing(folder, "photo", missing, ids)
    return [Blob.of(f"{folder}/{names[key][0]}") for key in ids]


def _masks(root: Path, ids: tuple[str, ...], split: str, task: Task) -> list[Blob] | list[None]:
    folder = root / _MASK_FOLDERS[task]
    present = set(os.listdir(folder)) if folder.is_dir() else set()
    missing = [key for key in ids if f"{key}.png" not in present]
    if len(missing) == len(ids) and split.startswith("test"):
        return [None] * len(ids)  # photos to be predicted
    if missing:
        raise _missing(folder, "mask", missing, ids)
    return [Blob.of(f"{folder}/{key}.png") for key in ids]


def _missing(folder: Path, what: str, missing: list[str], ids: tuple[str, ...]) -> SourceMissingError:
    if not folder.is_dir():
        return SourceMissingError(
            f"{folder}: no such folder; expected the {what}s of {len(ids)} listed samples; check the path and the task."
        )
    shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
    return SourceMissingError(
        f"{folder}: {len(missing)} of {len(ids)} listed samples have no {what}: {shown}; "
        f"add the files or take the ids off the list (nothing is skipped silently)."
    )
