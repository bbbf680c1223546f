"""Two folders, one of photos and one of masks, matched by stem: what people have who follow no format.

images/ID.jpg         masks/ID.png            no split, or lists beside the folders: train.txt, val.txt, ...
images/SPLIT/ID.jpg   masks/SPLIT/ID.png
SPLIT/images/ID.jpg   SPLIT/masks/ID.png
SPLIT/ID.jpg          SPLIT_labels/ID.png     CamVid in colours, as on Kaggle

The folders may bear any of the names below, in any case. Masks may be named ID_mask.png or alike (`stems`). A legend
file (`legend_files`) beside the folders names the classes.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NoReturn

import numpy as np

from segfeed.datasets.formats.folders import (
    PHOTO_SUFFIXES,
    find_files,
    find_masks,
    find_root,
    has_pictures,
    masks_of_split,
    pair_files,
    subfolders,
)
from segfeed.datasets.formats.legend_files import LEGEND_FILES, find_legend
from segfeed.datasets.formats.lists import (
    AUTOMATIC,
    choose_split,
    ids_of_files,
    read_list,
    refuse_repeated,
    split_by_hash,
)
from segfeed.datasets.formats.stems import match_stems
from segfeed.datasets.source import Recognised, Sample, Source, Task
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.codec import StoredMask, decode_mask
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import Objects
from segfeed.pixels.palette import as_colours, colour_codes

_PHOTOS = ("images", "image", "imgs", "img", "img_dir", "photos", "rgb", "rgbleft", "701_stillsraw_full")
_MASKS = (
    "masks", "mask", "labels", "label", "annotations", "ann_dir", "gt", "gtleft", "groundtruth", "ground_truth",
    "segmentation", "segmentations", "semseg", "labeledapproved_full",
)  # fmt: skip
_BESIDE = ("_labels", "_masks", "_mask", "_gt")
_SPLITS = ("train", "val", "valid", "test")
_LISTS = (*_SPLITS, "validation", "trainval")

_SHOWN = 12

_Folders = dict[str, tuple[Path, Path]]
"""Split -> photo folder and mask folder; the only split is "" where the folders hold everything."""


def recognise(path: Path) -> Recognised | None:
    """Find a photo folder beside a mask folder at a path, or in a folder of it.

    Raises:
        SourceError: there are several datasets, or several such pairs of folders in one.
    """
    root = find_root(path, lambda folder: bool(_layouts(folder)), "photos-and-masks")
    if root is None:
        return None
    layouts = _layouts(root)
    if len(layouts) > 1:
        raise SourceError(
            f"{root}: several pairs of folders ({'; '.join(layouts)}); expected one; move the others elsewhere."
        )
    return Recognised(root, f"{next(iter(layouts))} of {root}")


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples: every photo counts, and must have its mask.

    A split whose name begins with "test" may have no masks at all: its photos are to be predicted. Where the folders of
    two splits hold the same stem, every key is SPLIT_STEM, so that keys tell samples apart.

    Args:
        root: the folder that holds the folders.
        split: the name of a split's folder or list, "val" and "valid" being one; where there is neither "train", "val" or
            "all", by a hash of the ids.
        task: "semantic" takes the masks for class masks, "instance" for object masks.
        legend: what masks mean; the legend file in the root where it is None. Ignored for "instance".
        unknown: "error", "void" or a class name: what a colour or index outside the legend becomes.

    Raises:
        SourceMissingError: there is no such split.
        SourceError: a sample has several photos or several masks, or the names of photos and masks do not fit.
        LegendError: no legend is given, and there is no legend file.
    """
    name = choose_split(split, split_names(root), root)
    folders = _folders(root)
    photo_folder, mask_folder = folders[name if name in folders else ""]
    photos, masks = match_stems(find_files(photo_folder, PHOTO_SUFFIXES), find_masks(mask_folder), mask_folder)
    why = [] if name == split else [f"split {split!r} is {name!r}"]
    if name in folders and _stems_repeat(folders):
        photos, masks = ({f"{name}_{key}": names for key, names in files.items()} for files in (photos, masks))
        why.append("keys are SPLIT_STEM, since splits repeat stems")
    ids = ids_of_files([*photos, *masks], root)
    if name not in folders:
        ids, how = _split(root, name, ids)
        why.append(how)
    samples, missing = pair_files(ids, (photo_folder, photos), masks_of_split(name, ids, (mask_folder, masks)))
    encoder: Encoder = Objects() if task == "instance" else legend or find_legend(root) or _lack_legend(root, samples)
    encoder.unknown_label(unknown)
    return Source(root, "folders", name, task, samples, encoder, unknown, "; ".join(why), missing)


def split_names(root: Path) -> list[str]:
    """List the splits: those that have folders, else those that have lists, else those of a hash."""
    folders = _folders(root)
    if "" not in folders:
        return list(folders)
    lists = _lists(root)
    return ["train", *lists] if lists and "train" not in lists else lists or list(AUTOMATIC)


def _folders(root: Path) -> _Folders:
    return next(iter(_layouts(root).values()), {})


def _layouts(root: Path) -> dict[str, _Folders]:
    """Find every pair of folders that hold photos and masks: what it is called -> its folders."""
    found = {}
    for photos, masks in _places(root):
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


def _places(root: Path) -> Iterator[tuple[str, str]]:
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
    """Take a split by its list; where there are lists but none of train, train is what they leave."""
    lists = {split: _read_names(root / f"{split}.txt") for split in _lists(root)}
    if name in lists:
        return lists[name], f"listed in {name}.txt"
    if not lists:
        return split_by_hash(ids, name, root), "no lists: split by a hash of the ids"
    listed = {key for keys in lists.values() for key in keys}
    rest = tuple(key for key in ids if key not in listed)
    if not rest:
        raise SourceError(
            f"{root}: {', '.join(lists)} list every sample, so that none is left for {name!r}; list it, too."
        )
    return rest, f"{name} is what {', '.join(lists)} leave"


def _read_names(path: Path) -> tuple[str, ...]:
    """Read a list of ids; here it may as well hold the names of photos."""
    files = [PurePath(entry) for entry in read_list(path)]
    ids = tuple(file.stem if file.suffix.lower() in PHOTO_SUFFIXES else file.name for file in files)
    refuse_repeated(ids, path)
    return ids


def _stems_repeat(folders: _Folders) -> bool:
    stems = [stem for photos, _ in folders.values() for stem in find_files(photos, PHOTO_SUFFIXES)]
    return len(set(stems)) < len(stems)


def _lack_legend(root: Path, samples: Sequence[Sample]) -> NoReturn:
    """Say what the first mask holds, so that the classes can be named; a mask that is none is refused as such."""
    mask = next((sample.mask for sample in samples if sample.mask), None)
    found = "" if mask is None else f"; {mask.name} holds {_contents(decode_mask(mask.read(), mask.name))}"
    raise LegendError(
        f"{root}: nothing says what the masks mean{found}; expected one of {', '.join(LEGEND_FILES)} in this folder; add "
        "it, or pass legend= with a Legend or the path of a legend file."
    )


def _contents(stored: StoredMask) -> str:
    if stored.pixels.ndim == 3:
        codes = np.unique(colour_codes(stored.pixels)).tolist()
        return f"colours {_some([(code >> 16, code >> 8 & 255, code & 255) for code in codes])}"
    indices = np.unique(stored.pixels).tolist()
    if stored.palette is not None:
        colours = as_colours(stored.palette)
        return f"palette colours {_some([colours[index] for index in indices if index < len(colours)])}"
    # In a Legend, 255 is void unless it is told otherwise: half of such a dataset would not count.
    hint = " (a class at 255 needs Legend(names, indices=(0, 255), void_indices=()))" if indices == [0, 255] else ""
    return f"indices {_some(indices)}{hint}"


def _some(values: Sequence[object]) -> str:
    return ", ".join(map(str, values[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")
