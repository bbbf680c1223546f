"""Rivals: folders that no layout names, but whose pictures might be the masks of the photos. The pictures decide."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from segfeed.datasets.blobs import File
from segfeed.datasets.matching.folders import Files, find_files, find_masks, has_pictures, subfolders
from segfeed.datasets.matching.lists import SPLIT_WORDS
from segfeed.datasets.matching.stems import Matched, match_stems
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.palette import colour_codes

_NO_LABELS = (  # words in the names of folders that hold something else of every photo
    "colo", "vis", "overlay", "preview", "blend", "depth", "inst", "object", "edge", "contour", "boundar", "rgb",
    "panoptic", "thumb", "weight", "image", "img", "photo",
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
    key = min(matched.photos.keys() & matched.masks.keys(), key=lambda key: (-len(key), key))
    names = (photos, matched.photos[key][0]), (masks, matched.masks[key][0])
    first, second = (f"{folder}/{name.replace(key, '{key}', 1)}".removeprefix("./") for folder, name in names)
    return first, second


def looks_like_mask(path: Path) -> bool:
    """Check whether a picture holds few values, and was not blurred by JPEG."""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return False
    try:
        pixels = decode_mask(File.of(str(path)).read(), path.name).pixels
    except MaskError:
        return True  # of a kind that cannot be read here: it might be
    except SourceError:
        return False
    return np.unique(pixels if pixels.ndim == 2 else colour_codes(pixels)).size <= _FEW_VALUES
