"""Stems: photos and masks matched by their names, if those of the masks have something more.

All masks of a folder may be named ID_mask.png or gt_ID.png; photos may be named image_ID.jpg. The way that
fits most files counts, and two that fit equally well are an error.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.formats.folders import Files
from segfeed.errors import SourceError

_Affix = tuple[str, str]  # what a stem begins and ends with, around the key

_PHOTO_AFFIXES: tuple[_Affix, ...] = (
    ("", ""),
    ("image_", ""),
    ("img_", ""),
    ("", "_image"),
    ("", "_img"),
    ("", "_sat"),
)
_MASK_ENDINGS = ("_mask", "_gt", "_seg", "_label", "_labels", "_L", "_P", "-mask")
_MASK_BEGINNINGS = ("gt_", "mask_", "seg_", "label_")
_MASK_AFFIXES: tuple[_Affix, ...] = (
    ("", ""),
    *(("", ending) for ending in _MASK_ENDINGS),
    *((beginning, "") for beginning in _MASK_BEGINNINGS),
)


class _Way(NamedTuple):
    pairs: int
    photos: Files
    masks: Files
    named: str


def match_stems(photos: Files, masks: Files, folder: Path) -> tuple[Files, Files]:
    """Return photos and masks by the keys under which they fit.

    A photo that is not named like the others keeps its whole stem, so that its mask is missed and it is not lost
    silently; a mask that is not, such as a preview, is left out.

    Args:
        photos: by stem, as `find_files` lists them.
        masks: by stem; if there are none, photos keep their stems.
        folder: of the masks, for errors.

    Returns:
        photos: by key. masks: by key.

    Raises:
        SourceError: if nothing fits, or two ways fit equally well.

    >>> match_stems({"1": ["1.jpg"]}, {"1_mask": ["1_mask.png"]}, Path("masks"))
    ({'1': ['1.jpg']}, {'1': ['1_mask.png']})
    """
    if not masks or not photos:
        return photos, masks
    ways = [
        _Way(len(some.keys() & others.keys()), some, others, f"{_shown(of_photos)} with mask {_shown(of_masks)}")
        for of_photos in _that_fit(_PHOTO_AFFIXES, photos)
        for of_masks in _that_fit(_MASK_AFFIXES, masks)
        for some, others in [(_by_key(photos, of_photos, keep=photos), _by_key(masks, of_masks, keep=()))]
    ]
    most = max(way.pairs for way in ways)
    best, *others = (way for way in ways if way.pairs == most)
    if not most:
        raise SourceError(
            str(folder),
            found=f"no mask is named like a photo: {_first(masks)} beside {_first(photos)}",
            expected=f"equal stems, or masks that end in {', '.join(_MASK_ENDINGS)} or begin with "
            f"{', '.join(_MASK_BEGINNINGS)}",
            remedy="rename them",
        )
    if others:
        raise SourceError(
            str(folder),
            found=f"{most} pairs fit as photo {best.named}, and as many as photo {others[0].named}",
            expected="one way",
            remedy="move the masks that are not meant elsewhere",
        )
    return best.photos, best.masks


def _that_fit(affixes: Iterable[_Affix], files: Files) -> list[_Affix]:
    return [affix for affix in affixes if any(_key(stem, affix) is not None for stem in files)]


def _by_key(files: Files, affix: _Affix, *, keep: Iterable[str]) -> Files:
    """List files by what their stems hold between beginning and ending; others by their stems, if these are kept."""
    found: Files = {}
    for stem, names in files.items():
        key = _key(stem, affix)
        if key is not None or stem in keep:
            found.setdefault(stem if key is None else key, []).extend(names)
    return found


def _key(stem: str, affix: _Affix) -> str | None:
    beginning, ending = affix
    fits = stem.startswith(beginning) and stem.endswith(ending) and len(stem) > len(beginning) + len(ending)
    return stem[len(beginning) : len(stem) - len(ending)] if fits else None


def _shown(affix: _Affix) -> str:
    return f"{affix[0]}ID{affix[1]}"


def _first(files: Files) -> str:
    return files[min(files)][0]
