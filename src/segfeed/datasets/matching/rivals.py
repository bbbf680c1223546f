"""Rivals: folders whose pictures might be the masks as well, and lists that contradict folders."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from segfeed.datasets.blobs import File, decode_text, read_file
from segfeed.datasets.matching.folders import Files, find_files, find_masks, has_pictures, subfolders
from segfeed.datasets.matching.lists import MAX_LIST_BYTES, SPLIT_WORDS, named_stems
from segfeed.datasets.matching.pair_lists import Entry
from segfeed.datasets.matching.stems import Matched, match_stems
from segfeed.errors import SourceError
from segfeed.pixels.codec import PHOTO_SUFFIXES, decode_mask, decode_photo
from segfeed.pixels.palette import colour_codes

_NO_LABELS = (  # words in the names of folders that hold something else of every photo
    "colo", "vis", "overlay", "preview", "blend", "depth", "inst", "object", "edge", "contour", "boundar", "rgb",
    "panoptic", "thumb", "weight", "image", "img", "photo", "pred", "result", "output", "checkpoint",
)  # fmt: skip
_FEW_VALUES = 64  # what a mask holds at most; a photo or a depth map holds more


def refuse_rivals(root: Path, photos: Path, masks: Path, used: Iterable[Path], suffixes: tuple[str, ...]) -> None:
    """Raise SourceError if a folder beside the masks might be the masks as well.

    Args:
        root: of the dataset.
        photos: the folder of photos of one split.
        masks: the folder of masks of that split.
        used: all folders of photos and masks.
        suffixes: of photos.
    """
    beside = [folder for folder in subfolders(masks.parent) if folder not in used and _may_hold_labels(folder)]
    if masks.parent != root:  # labels_ids/train beside labels/train
        above = (folder for folder in subfolders(masks.parent.parent) if _may_hold_labels(folder))
        beside += [folder for each in above if (folder := each / masks.name) not in used]
    beside = [folder for folder in beside if folder not in (photos.parent, masks.parent) and has_pictures(folder)]
    if not beside:
        return
    photo_files = find_files(photos, suffixes)
    for folder in beside:
        matched = match_if_fits(photo_files, find_masks(folder), folder)
        both = sorted(matched.photos.keys() & matched.masks.keys()) if matched else []
        if not matched or 2 * len(both) < len(photo_files) or not looks_like_mask(folder / matched.masks[both[0]][0]):
            continue
        where = folder.relative_to(root).as_posix()
        photo, mask = patterns_of(matched, photos.relative_to(root).as_posix(), where)
        own = min(find_masks(masks).values(), default=[""])[0]
        raise SourceError(
            str(root),
            found=f"the masks may be those in {masks.relative_to(root).as_posix()}, such as {own}, or those in "
            f"{where}, such as {matched.masks[both[0]][0]}: both fit the photos",
            expected="one folder of masks",
            remedy=f'say which counts, such as photos="{photo}", masks="{mask}", or move the others elsewhere',
        )


def refuse_other_list(
    root: Path, path: Path, said: Sequence[Entry] | None, folder: Path, folders: Iterable[Path]
) -> None:
    """Raise SourceError if a list names other photos of a split than its folder holds; one that names none may be.

    Args:
        root: of the dataset.
        path: of the list.
        said: what it says of the split; None if all of it does.
        folder: the photos of the split.
        folders: those of all splits.
    """
    try:
        text = "\n".join(entry.text for entry in said or ()) or decode_text(read_file(path, MAX_LIST_BYTES))
    except (SourceError, UnicodeDecodeError):
        return
    known, own = ({stem for each in some for stem in _stems(each)} for some in (folders, [folder]))
    named = known & named_stems(text)
    if named and named != own:
        others = f", {len(named - own):,} of them of other splits" if named - own else " only"
        raise SourceError(
            str(root),
            found=f"{path.name} names {len(named):,} photos{others}, but {folder.relative_to(root).as_posix()} holds "
            f"{len(own):,}",
            expected="the same photos in the list and in the folder",
            remedy=f"move {path.name} elsewhere if the folders count, else say in a segfeed.toml that lists do",
        )


def _stems(folder: Path) -> Iterator[str]:
    for stem in find_files(folder, PHOTO_SUFFIXES, deep=not has_pictures(folder)):
        yield stem.rpartition("/")[2]


def _may_hold_labels(folder: Path) -> bool:
    name = folder.name.casefold()
    return name not in SPLIT_WORDS and not any(word in name for word in _NO_LABELS)


def match_if_fits(photos: Files, masks: Files, folder: Path) -> Matched | None:
    """Match photos and masks by their stems; None if they do not fit."""
    try:
        return match_stems(photos, masks, folder) if photos and masks else None
    except SourceError:
        return None


def patterns_of(matched: Matched, photos: str, masks: str) -> tuple[str, str]:
    """Write how photos and masks are named as the patterns that `photos=` and `masks=` take.

    >>> patterns_of(Matched({"1": ["1.jpg"]}, {"1": ["1_L.png"]}), "images", "gt")
    ('images/{key}.jpg', 'gt/{key}_L.png')
    """
    keys = sorted(matched.photos.keys() & matched.masks.keys(), key=lambda key: (-len(key), key))
    first, second = (
        f"{folder}/{_pattern({key: files[key][0] for key in keys})}".removeprefix("./")
        for folder, files in ((photos, matched.photos), (masks, matched.masks))
    )
    return first, second


def _pattern(names: dict[str, str]) -> str:
    """Write the first of some names with {key} at the place where most names have their key.

    >>> _pattern({"a": "class_a.png", "b": "class_b.png"})
    'class_{key}.png'
    """
    key, name = next(iter(names.items()))
    places = [place.start() for place in re.finditer(f"(?={re.escape(key)})", name)]
    if not places:
        return name
    start = max(places, key=lambda start: sum(names[other].startswith(name[:start] + other) for other in names))
    return f"{name[:start]}{{key}}{name[start + len(key) :]}"


def looks_like_mask(path: Path) -> bool:
    """Check whether a picture holds few values and was not blurred by JPEG, or cannot be decoded: it might be one."""
    return holds_few_values(path) is not False


def holds_few_values(path: Path) -> bool | None:
    """Check whether a picture holds few values and was not blurred by JPEG; None if it cannot be decoded."""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return False
    try:
        data = File.of(str(path)).read()
    except SourceError:
        return False
    try:
        codes = decode_mask(data, path.name).codes
    except SourceError:
        try:
            codes = colour_codes(decode_photo(data, path.name))  # such as a lossy WebP
        except SourceError:
            return None  # of a kind that cannot be read here
    return bool(np.unique(codes).size <= _FEW_VALUES)
