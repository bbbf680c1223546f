"""Two folders, one of photos and one of masks, matched by stem: for datasets that follow no format.

images/ID.jpg         masks/ID.png            no split, or lists beside the folders: train.txt, val.csv, ...,
                                               or a table with a column that names the split
images/SPLIT/ID.jpg   masks/SPLIT/ID.png
SPLIT/images/ID.jpg   SPLIT/masks/ID.png
SPLIT_images/ID.jpg   SPLIT_masks/ID.png      or images_SPLIT
SPLIT/ID.jpg          SPLIT_labels/ID.png     CamVid in colours, as on Kaggle

The folders may have any of the names below, in any case, and hold folders of their own. Masks may be named ID_mask.png
or alike (`stems`); lists may hold ids, names, or paths of photos and masks. A legend file (`legends.files`) beside the
folders names the classes.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.legends.files import ONE_OF_THEM, find_legend
from segfeed.datasets.matching.folders import (
    Files,
    find_files,
    find_masks,
    find_root,
    has_pictures,
    pair_split,
    subfolders,
    unused_folders,
)
from segfeed.datasets.matching.lists import AUTOMATIC, SPLIT_WORDS, ids_of_files, one_a_split, split_by_hash
from segfeed.datasets.matching.pair_lists import Listable, Listed, among, pair_entries, read_list
from segfeed.datasets.matching.rivals import refuse_other_list, refuse_rivals
from segfeed.datasets.matching.split_rule import SplitTable
from segfeed.datasets.matching.split_tables import SUFFIXES as TABLES
from segfeed.datasets.matching.split_tables import entries_of, find_table, read_columns
from segfeed.datasets.matching.split_tables import split_names as table_splits
from segfeed.datasets.matching.stems import match_stems
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import SourceError
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.system.showing import some

_PHOTOS = (
    "images", "image", "imgs", "img", "img_dir", "photos", "rgb", "rgbleft", "701_stillsraw_full", "jpegimages",
)  # fmt: skip
_MASKS = (
    "masks", "mask", "labels", "label", "annotations", "ann_dir", "gt", "gtleft", "groundtruth", "ground_truth",
    "segmentation", "segmentations", "semseg", "labeledapproved_full", "segmentationclass", "segmentationclasspng",
)  # fmt: skip
_LIST = re.compile(rf"({'|'.join(SPLIT_WORDS)}|trainval)(?:[_-]?list)?\.(?:txt|csv|tsv)", re.IGNORECASE)
_CALLED = {"training": "train", "validation": "val", "testing": "test"}  # as the lists of most datasets call them
_SHOWN = 5
_SIGNS = re.compile(r"[_\-. ]+")
_Folders = dict[str, tuple[Path, Path]]
"""Split -> photo folder and mask folder; the only split is "" if the folders hold everything."""


class _List(NamedTuple):
    """What lists the samples of a split: a list, or a table if it has columns."""

    path: Path
    table: SplitTable | None


class _Name(NamedTuple):
    """What the name of a folder says.

    Attributes:
        split: the word for a split in it, as written; "" if there is none.
        role: "photos", "masks", or "" if it does not say.
        rest: what else it says.
        template: the name with SPLIT in place of the word for a split.
    """

    split: str
    role: str
    rest: str
    template: str


def recognise(path: Path) -> Recognised | None:
    """Find a photo folder beside a mask folder at a path, or in a folder of it.

    Raises:
        SourceError: if there are several datasets, several such pairs of folders in one, another folder that might be
            the masks, or a mask for each object.
    """
    seen: dict[Path, dict[str, _Folders]] = {}

    def is_root(folder: Path) -> bool:
        seen[folder] = _layouts(folder)
        return bool(seen[folder])

    try:
        root = find_root(path, is_root, "photos-and-masks")
    except SourceError:
        _refuse_masks_of_objects(path, seen)
        raise
    if root is None:
        return None
    layouts = seen[root]
    _refuse_masks_of_objects(root, {root: layouts})
    if len(layouts) > 1:
        said = max(layouts, key=lambda layout: "SPLIT" in layout).replace("SPLIT", "{split}")
        photos, masks = (f"{folder.split(' in ')[1]}/{{key}}.*" for folder in said.split(" and "))
        raise SourceError(
            str(root),
            found=f"several pairs of folders ({', '.join(layouts)})",
            expected="one",
            remedy=f'say which counts, such as photos="{photos}", masks="{masks}", or move the others elsewhere',
        )
    description, folders = next(iter(layouts.items()))
    used = {folder for pair in folders.values() for folder in pair}
    refuse_rivals(root, *next(iter(folders.values())), used, PHOTO_SUFFIXES)
    unused = [folder.relative_to(root).as_posix() for folder in unused_folders(root, set(map(str, used)))]
    beside = f"; not used: pictures in {some(unused, _SHOWN)}"
    return Recognised(root, f"{description} of {root}{beside if unused else ''}")


def split_names(root: Path) -> list[str]:
    """List the splits: the folders, else the lists, else those that a hash makes."""
    folders = _folders(root)
    if "" not in folders:
        return list(folders)
    lists = list(_lists(root))
    said = {SPLIT_WORDS.get(name.casefold(), name.casefold()) for name in lists}
    return lists or list(AUTOMATIC) if {"train", "trainval"} & said or not lists else ["train", *lists]


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's files: every photo counts, and must have its mask.

    If the folders of two splits hold the same stem, every key is SPLIT_STEM, so that keys tell samples apart.

    Raises:
        SourceError: if a sample has several photos or several masks, or the names of photos and masks do not fit.
    """
    folders, why = _folders(root), []
    photo_folder, mask_folder = folders[split if split in folders else ""]
    deep = not has_pictures(photo_folder)
    photos = find_files(photo_folder, PHOTO_SUFFIXES, deep=deep)
    masks = find_masks(mask_folder, deep=deep)
    lists = {} if split in folders else _lists(root)
    for name, (path, table) in _lists(root).items() if split in folders else ():
        if SPLIT_WORDS.get(name.casefold(), name) == SPLIT_WORDS.get(split.casefold(), split):
            said = entries_of(root, table, name) if table and table.split else None
            refuse_other_list(root, path, said, photo_folder, [photos for photos, _ in folders.values()])
    listed = _read_lists(lists, (photo_folder, photos), (mask_folder, masks))
    ids: tuple[str, ...]
    if listed and all(one.ids and len(one.masks) == len(one.ids) for one in listed.values()):
        why.append("lists pair photos and masks")
    else:
        matched = match_stems(photos, masks, mask_folder)
        photos, masks = matched.photos, matched.masks
        if matched.named:
            why.append(matched.named)
        listed = _read_lists(lists, (photo_folder, photos), (mask_folder, masks))
    if split in folders and _stems_repeat(folders):
        photos, masks = ({f"{split}_{key}": names for key, names in files.items()} for files in (photos, masks))
        why.append("keys are SPLIT_STEM, since splits repeat stems")
    ids = ids_of_files([*photos, *masks], root)
    if split not in folders:
        ids, how = _split(root, split, ids, listed)
        why.append(how)
        masks = masks | {key: names for one in listed.values() for key, names in one.masks.items()}
    files = pair_split(
        split, (photo_folder, photos), (mask_folder, masks), lambda: find_legend(root), ids=ids, why="; ".join(why)
    )
    is_listed = split not in folders and bool(listed)
    return replace(files, expected_legend=f"{ONE_OF_THEM}, in this folder", is_listed=is_listed)


list_objects = list_split  # nothing on disk says which kind the masks are


def _folders(root: Path) -> _Folders:
    return next(iter(_layouts(root).values()), {})


def _layouts(root: Path) -> dict[str, _Folders]:
    """Find every pair of folders that hold photos and masks: its description -> its folders."""
    found: dict[str, _Folders] = {}
    for photos, masks, pairs in _possible_folders(root):
        kept: _Folders = {}
        labelled = False
        for word, (photo_folder, mask_folder) in pairs.items():
            split = _CALLED.get(word.casefold(), word)
            split = word if split in kept else split
            has_masks = _holds_pairs(photo_folder, mask_folder)
            labelled = labelled or has_masks
            if has_masks or (SPLIT_WORDS.get(word.casefold()) == "test" and has_pictures(photo_folder)):
                kept[split] = photo_folder, mask_folder
        if labelled:
            found[f"photos in {photos} and masks in {masks}"] = dict(sorted(kept.items(), key=_by_order))
    return found


def _holds_pairs(photos: Path, masks: Path) -> bool:
    """Check whether both folders hold pictures, or neither does, but folders of equal names in them do."""
    in_photos, in_masks = has_pictures(photos), has_pictures(masks)
    if in_photos or in_masks:
        return in_photos and in_masks
    below = {folder.name for folder in subfolders(masks)}
    return any(
        folder.name in below
        and SPLIT_WORDS.get(folder.name.casefold()) is None
        and _holds_pairs(folder, masks / folder.name)
        for folder in subfolders(photos)
    )


def _possible_folders(root: Path) -> Iterator[tuple[str, str, _Folders]]:
    """List where photos and masks might lie, by the names of folders alone: how both are called, and both by split."""
    names = [_read_name(folder.name) for folder in subfolders(root)]
    plain = [name for name in names if not name.split]
    for photos, masks in _known(plain):
        yield photos, masks, {"": (root / photos, root / masks)}
        if words := _by_split(root / photos):
            inner = _by_split(root / masks)
            pairs = {word: (root / photos / word, root / masks / _same_split(word, inner)) for word in words}
            yield f"{photos}/SPLIT", f"{masks}/SPLIT", pairs
    splits = [name.split for name in names if name.template == "SPLIT"]
    insides = {split: [_read_name(folder.name) for folder in subfolders(root / split)] for split in splits}
    both = {
        (photos.casefold(), masks.casefold()): (photos, masks)
        for split in splits
        for photos, masks in _known(insides[split])
    }
    for photos, masks in both.values():
        pairs = {
            split: (root / split / _spelled(photos, insides[split]), root / split / _spelled(masks, insides[split]))
            for split in splits
        }
        yield f"SPLIT/{photos}", f"SPLIT/{masks}", pairs
    templates = {(name.role, name.rest, name.template): None for name in names if name.split}
    for role, rest, photos in templates:
        for other_role, other_rest, masks in templates:
            if (role == "photos" or photos == "SPLIT") and (other_role, other_rest) == ("masks", rest):
                own = [name.split for name in names if name.split and name.template == photos]
                others = {name.split: "" for name in names if name.template == masks}
                words = {word: _same_split(word, others) for word in own}
                pairs = {
                    word: (root / photos.replace("SPLIT", word), root / masks.replace("SPLIT", other))
                    for word, other in words.items()
                }
                yield photos, masks, pairs


def _read_name(name: str) -> _Name:
    word = name.casefold()
    if word in _PHOTOS or word in _MASKS:
        return _Name("", "photos" if word in _PHOTOS else "masks", "", name)
    if word in SPLIT_WORDS:
        return _Name(name, "", "", "SPLIT")
    parts = _SIGNS.split(name)
    splits = [part for part in parts if part.casefold() in SPLIT_WORDS]
    if len(splits) != 1:
        return _Name("", "", "", name)
    others = [part.casefold() for part in parts if part != splits[0]]
    whole, first = "_".join(others), others[0]
    called, rest = (whole, "") if whole in _PHOTOS or whole in _MASKS else (first, "_".join(others[1:]))
    role = "photos" if called in _PHOTOS else "masks" if called in _MASKS else ""
    return _Name(splits[0] if role else "", role, rest, name.replace(splits[0], "SPLIT", 1))


def _by_split(folder: Path) -> dict[str, str]:
    return {inner.name: "" for inner in subfolders(folder) if inner.name.casefold() in SPLIT_WORDS}


def _same_split(word: str, others: dict[str, str]) -> str:
    """Find the word by which other folders call a split."""
    if word in others:
        return word
    meant = SPLIT_WORDS[word.casefold()]
    same = [other for other in others if SPLIT_WORDS[other.casefold()] == meant]
    return same[0] if len(same) == 1 else word


def _spelled(wanted: str, names: list[_Name]) -> str:
    return next((name.template for name in names if name.template.casefold() == wanted.casefold()), wanted)


def _known(names: list[_Name]) -> Iterator[tuple[str, str]]:
    for photos in (name.template for name in names if name.role == "photos"):
        for masks in (name.template for name in names if name.role == "masks"):
            yield photos, masks


def _refuse_masks_of_objects(path: Path, seen: dict[Path, dict[str, _Folders]]) -> None:
    """Raise SourceError if every folder holds one photo and several masks, one for each object in it."""
    pairs = [layouts[next(iter(layouts))] for layouts in seen.values() if layouts][:3]
    for folders in pairs:
        if list(folders) != [""] or not has_pictures(folders[""][0], most=1):
            return
        photos, masks = find_files(folders[""][0], PHOTO_SUFFIXES), find_masks(folders[""][1])
        if len(photos) != 1 or photos.keys() & masks.keys() or (len(masks) == 1 and len(pairs) == 1):
            return
    if pairs:
        pictures, folder = pairs[0][""][:2]
        stem = next(iter(find_files(pictures, PHOTO_SUFFIXES)))
        inner = f"{{name}}/{pictures.name}/{{name}}.*", f"{{name}}/{folder.name}/*.png"
        shown = min(find_masks(folder).items())[1][0]
        raise SourceError(
            str(path),
            found=f"one folder a photo, and in each one mask an object, such as {shown} in {folder}",
            expected="one mask a photo",
            remedy=f'write photos = "{inner[0]}", masks = "{inner[1]}", merge = true and [classes] into a segfeed.toml '
            f"in {pictures.parent.parent} (docs/formats.md), and pass that folder"
            if pictures.parent.name == stem
            else "merge the masks of each photo into one PNG, in which each object has its number, and put photos "
            "and masks into one folder each",
        )


def _lists(root: Path) -> dict[str, _List]:
    """Find the lists beside the folders, or the table that says the split of each sample: split -> what lists it.

    Raises:
        SourceError: if there are two of one split.
    """

    def refuse(split: str, one: str, other: str) -> SourceError:
        said = f"{one} and {other} both list {split!r}"
        return SourceError(str(root), found=said, expected="one list a split", remedy="remove one of them")

    names = [name for name in sorted(os.listdir(root)) if os.path.isfile(root / name)]
    named = one_a_split(((match[1], name) for name in names if (match := _LIST.fullmatch(name))), refuse)
    found: dict[str, _List] = {}
    for split, name in named.items():
        columns = None if name.lower().endswith(".txt") else read_columns(root / name)
        found[split] = _List(root / name, columns and replace(columns, split=""))
    others = (name for name in names if name[0] != "." and name.endswith(TABLES) and not _LIST.fullmatch(name))
    table = find_table(root, others)
    if table and found:
        raise SourceError(
            str(root),
            found=f"{next(iter(found.values())).path.name} and {table.file} both say which samples a split has",
            expected="lists, or one table",
            remedy="move one of them elsewhere",
        )
    if table:
        found = {split: _List(root / table.file, table) for split in table_splits(root, table)}
    return dict(sorted(found.items(), key=_by_order))


def _by_order(named: tuple[str, object]) -> int:
    """Sort train before val before test, and all others last."""
    return ("train", "val", "test", "").index(SPLIT_WORDS.get(named[0].casefold(), ""))


def _read_lists(lists: dict[str, _List], photos: tuple[Path, Files], masks: tuple[Path, Files]) -> dict[str, Listed]:
    known = Listable(photos[0].name, photos[1]), Listable(masks[0].name, masks[1])
    found = {}
    for split, (path, table) in lists.items():
        if table is None:
            found[split] = read_list(path, *known)
        else:
            found[split] = pair_entries(entries_of(path.parent, table, split), path, known[0], among(known[1], path))
    return found


def _split(root: Path, name: str, ids: tuple[str, ...], lists: dict[str, Listed]) -> tuple[tuple[str, ...], str]:
    """Return the ids of a split by its list; if there are lists but none of train, train is what they leave."""
    if name in lists:
        return lists[name].ids, f"listed in {_lists(root)[name].path.name}"
    if not lists:
        return split_by_hash(ids, name, root), "no lists: split by a hash of the ids"
    listed = {key for one in lists.values() for key in one.ids}
    rest = tuple(key for key in ids if key not in listed)
    if not rest:
        found = f"{', '.join(lists)} list every sample, so that none is left for {name!r}"
        raise SourceError(str(root), found=found, remedy="list it, too")
    return rest, f"{name} is what {', '.join(lists)} leave"


def _stems_repeat(folders: _Folders) -> bool:
    stems = [
        stem
        for photos, _ in folders.values()
        for stem in find_files(photos, PHOTO_SUFFIXES, deep=not has_pictures(photos))
    ]
    return len(set(stems)) < len(stems)
