"""Stems: photos and masks matched by their names, if those of the masks have something more.

All masks of a folder may be named ID_mask.png, gt_ID.png or ID.jpg.png; photos may be named image_ID.jpg. What all
masks, or all photos, begin or end with is found from the names themselves. The way that fits most files counts; if two
fit equally well, the one with the usual words does; if both have them, that is an error.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.matching.folders import Files
from segfeed.datasets.matching.lists import SPLIT_WORDS, compose
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
_MOST_CUTS = 4  # of what all names share: "ISIC2018_train_" may be cut behind each "_"


class Matched(NamedTuple):
    """Photos and masks by the keys under which they fit.

    Attributes:
        photos: by key.
        masks: by key.
        named: how they are named: "photo ID with mask ID_mask"; "" if all stems are equal, or there are none.
    """

    photos: Files
    masks: Files
    named: str = ""


_NUMBERED = re.compile(r"(.*?)[\W_]+\d+\W*")
_MERGE = "merge the masks of each photo into one PNG, in which each object has its number or each class its own"


class _Way(NamedTuple):
    pairs: int
    matched: Matched


def match_stems(photos: Files, masks: Files, folder: Path) -> Matched:
    """Return photos and masks by the keys under which they fit.

    A photo that is not named like the others keeps its whole stem, so that its mask is missed and it is not lost
    silently; a mask that is not, such as a preview, is left out.

    Args:
        photos: by stem, as `find_files` lists them.
        masks: by stem; if there are none, photos keep their stems.
        folder: of the masks, for errors.

    Raises:
        SourceError: if nothing fits, or two ways fit equally well.

    >>> match_stems({"1": ["1.jpg"]}, {"1_manual": ["1_manual.png"]}, Path("masks"))
    Matched(photos={'1': ['1.jpg']}, masks={'1': ['1_manual.png']}, named='photo ID with mask ID_manual')
    """
    if not masks or not photos or photos.keys() == masks.keys():
        return Matched(photos, masks)
    ways = _try_ways(photos, masks, _PHOTO_AFFIXES, _MASK_AFFIXES)
    most = max(way.pairs for way in ways)
    if most < min(len(photos), len(masks)):  # the usual words leave something out
        found = [way for way in _find_ways(photos, masks) if way.pairs > most]
        ways, most = (found, max(way.pairs for way in found)) if found else (ways, most)
    best, *others = _different(way.matched for way in ways if way.pairs == most)
    if not most:
        refuse_masks_of_objects(photos, masks, folder)
        raise SourceError(
            str(folder),
            found=f"no mask is named like a photo: {_first(masks)} beside {_first(photos)}",
            expected="equal stems, or masks that all have one beginning or ending more, such as "
            f"{', '.join(_MASK_ENDINGS[:3])} or {_MASK_BEGINNINGS[0]}",
            remedy="rename them, or list pairs of paths in train.txt and val.txt beside the folders",
        )
    if others:
        raise SourceError(
            str(folder),
            found=f"{most} pairs fit as {best.named}, and as many as {others[0].named}",
            expected="one way",
            remedy="move the masks that are not meant elsewhere",
        )
    _refuse_second_masks(best, masks, folder)
    return best


def _refuse_second_masks(matched: Matched, masks: Files, folder: Path) -> None:
    """Raise SourceError if a mask is numbered as one more of a photo that has one: ID_mask_1 beside ID_mask."""
    used = {names[0]: key for key, names in matched.masks.items()}
    stems = {os.path.splitext(name)[0]: name for name, key in used.items() if key in matched.photos}
    for names in masks.values():
        numbered = _NUMBERED.fullmatch(os.path.splitext(names[0])[0]) if names[0] not in used else None
        if numbered and (first := stems.get(numbered[1])):
            pattern = first.replace(used[first], "{name}", 1).replace(".", "*.")
            raise SourceError(
                str(folder),
                found=f"photo {matched.photos[used[first]][0]} has the mask {first}, and {names[0]} may be one more",
                expected="one mask a photo",
                remedy=f'{_MERGE}; or, if they show objects of one class, write merge = true and masks = "'
                f'{folder.name}/{pattern}" in a segfeed.toml (docs/formats.md); or move it elsewhere',
            )


def refuse_masks_of_objects(photos: Files, masks: Files, folder: Path) -> None:
    """Raise SourceError if photos have several masks each, that begin with their names: ID_mask_1, ID_mask_2, ..."""
    several = {
        stem: [mask for mask in masks if mask.startswith(stem) and not mask[len(stem) :][:1].isalnum()]
        for stem in list(photos)[:10]
    }
    if all(several.values()) and any(len(some) > 1 for some in several.values()):
        stem = max(several, key=lambda stem: len(several[stem]))
        shown = ", ".join(masks[mask][0] for mask in several[stem][:3])
        numbered = {mask[len(stem) :].rstrip("0123456789") for some in several.values() for mask in some}
        raise SourceError(
            str(folder),
            found=f"a mask for each object or class, not for each photo: {photos[stem][0]} has {len(several[stem])} "
            f"({shown}{', ...' if len(several[stem]) > 3 else ''})",
            expected="one mask a photo",
            remedy=_MERGE
            + (
                f' or, if they show objects of one class, write merge = true and masks = "{folder.name}/{{name}}'
                f'{numbered.pop()}*{Path(masks[several[stem][0]][0]).suffix}" in a segfeed.toml (docs/formats.md)'
                if len(numbered) == 1
                else ""
            ),
        )


def _try_ways(
    photos: Files, masks: Files, of_photos: Iterable[_Affix], of_masks: Iterable[_Affix], key: str = "ID"
) -> list[_Way]:
    """Match by each affix of photos with each affix of masks that any of them has."""
    some = [(affix, _by_key(photos, affix, keep=photos)) for affix in of_photos if _has(photos, affix)]
    others = [(affix, _by_key(masks, affix, keep=())) for affix in of_masks if _has(masks, affix)]
    return [
        _Way(len(named.keys() & labelled.keys()), Matched(named, labelled, _shown(photo_affix, mask_affix, key)))
        for photo_affix, named in some
        for mask_affix, labelled in others
    ]


def _find_ways(photos: Files, masks: Files) -> Iterator[_Way]:
    """Match by what all photos and all masks share.

    At least half of the smaller folder must fit if masks bear the photos' stems. If only parts of both are equal, such
    as numbers, all of it must: photos 0 to 9 beside tasks 1 to 10 would fit nearly, and wrongly.
    """
    affixes_of_masks = _shared(masks)
    # Of a single photo, anything would be shared.
    for of_photos in _shared(photos) if len(photos) > 1 else [("", "")]:
        of_masks = [affix for affix in affixes_of_masks if _may_differ(of_photos, affix)]
        fewest = min(len(photos), len(masks)) if any(of_photos) else min(len(photos), len(masks)) / 2
        yield from (way for way in _try_ways(photos, masks, [of_photos], of_masks) if way.pairs >= fewest)
    first = os.path.basename(next(iter(masks)))
    if any(os.path.basename(name) in first for names in photos.values() for name in names):
        yield from _ways_of_whole_names(photos, masks, affixes_of_masks)


def _ways_of_whole_names(photos: Files, masks: Files, affixes: Iterable[_Affix]) -> Iterator[_Way]:
    """Match masks that bear the whole names of photos, ID.jpg.png; the keys are still the photos' stems."""
    key_of = {compose(name): stem for stem, names in photos.items() for name in names}
    by_name = {name: [name] for name in key_of}
    suffix = os.path.splitext(next(iter(key_of)))[1]
    for way in _try_ways(by_name, masks, [("", "")], affixes, f"ID{suffix}"):
        if 2 * way.pairs < min(len(photos), len(masks)):
            continue
        labelled = {key_of.get(key, key): names for key, names in way.matched.masks.items()}
        yield _Way(way.pairs, Matched(photos, labelled, way.matched.named))


def _different(ways: Iterable[Matched]) -> list[Matched]:
    """Keep one of the ways that pair the same files: the first, whose keys are the longest."""
    ways = list(ways)
    if len(ways) == 1:
        return ways
    kept: dict[frozenset[tuple[str, str]], Matched] = {}
    for way in ways:
        both = way.photos.keys() & way.masks.keys()
        kept.setdefault(frozenset((way.photos[key][0], way.masks[key][0]) for key in both), way)
    return list(kept.values())


def _shared(files: Files) -> list[_Affix]:
    """List what all stems begin and end with, cut where a person would; the shortest first."""
    own = [os.path.basename(stem) for stem in files]
    start = _common(min(own), max(own))
    backward = [stem[::-1] for stem in own]
    end = _common(min(backward), max(backward))[::-1]
    # Only at the last position do the stems differ in what follows.
    beginnings = [start[:cut] for cut in range(1, len(start)) if _ends_word(start, cut)]
    beginnings += [start] if start and all(_ends_word(stem, len(start)) for stem in own) else []
    endings = [end[-cut:] for cut in range(1, len(end)) if _begins_word(end, len(end) - cut)]
    endings += [end] if end and all(_begins_word(stem, len(stem) - len(end)) for stem in own) else []
    return [
        (beginning, ending)
        for beginning in ["", *beginnings[-_MOST_CUTS:]]
        for ending in ["", *endings[-_MOST_CUTS:]]
        if all(len(stem) > len(beginning) + len(ending) for stem in own)
    ]


def _common(one: str, other: str) -> str:
    """Return what two texts begin with."""
    return one[: next((n for n, (here, there) in enumerate(zip(one, other, strict=False)) if here != there), len(one))]


def _ends_word(stem: str, cut: int) -> bool:
    """Check whether a beginning may end at a position: behind a sign, or behind a letter before a digit."""
    if not 0 < cut < len(stem):
        return False
    return not stem[cut - 1].isalnum() or (stem[cut - 1].isalpha() and stem[cut].isdigit())


def _begins_word(stem: str, cut: int) -> bool:
    """Check whether an ending may begin at a position: at a sign, or at a letter behind a digit."""
    if not 0 < cut < len(stem):
        return False
    return not stem[cut].isalnum() or (stem[cut - 1].isdigit() and stem[cut].isalpha())


def _may_differ(of_photos: _Affix, of_masks: _Affix) -> bool:
    """Check whether photos and masks may have these affixes: what both have is of the key, and so are numbers."""
    for one, other in zip(of_photos, of_masks, strict=True):
        if one and other and (one == other or not any(map(str.isalpha, one + other))):
            return False
    return not _are_of_two_splits(of_photos, of_masks)


def _are_of_two_splits(one: _Affix, other: _Affix) -> bool:
    splits = [{SPLIT_WORDS[word] for word in _words(affix) if word in SPLIT_WORDS} for affix in (one, other)]
    return all(splits) and splits[0] != splits[1]


def _words(affix: _Affix) -> list[str]:
    return "".join(sign if sign.isalpha() else " " for sign in " ".join(affix).casefold()).split()


def _has(files: Files, affix: _Affix) -> bool:
    return any(_key(stem, affix) is not None for stem in files)


def _by_key(files: Files, affix: _Affix, *, keep: Iterable[str]) -> Files:
    """List files by what their stems hold between beginning and ending; others by their stems, if these are kept."""
    found: Files = {}
    for stem, names in files.items():
        key = _key(stem, affix)
        if key is not None or stem in keep:
            found.setdefault(stem if key is None else key, []).extend(names)
    return found


def _key(stem: str, affix: _Affix) -> str | None:
    """Cut the affix off the last part of a stem, which may begin with folders; None if it does not have it."""
    beginning, ending = affix
    if not stem.endswith(ending):  # most affixes fit no stem: the rest is seldom asked
        return None
    if beginning and "/" in stem:
        folder, slash, own = stem.rpartition("/")
    else:
        folder, slash, own = "", "", stem
    fits = own.startswith(beginning) and len(own) > len(beginning) + len(ending)
    return f"{folder}{slash}{own[len(beginning) : len(own) - len(ending)]}" if fits else None


def _shown(of_photos: _Affix, of_masks: _Affix, key: str) -> str:
    return f"photo {of_photos[0]}{key}{of_photos[1]} with mask {of_masks[0]}{key}{of_masks[1]}"


def _first(files: Files) -> str:
    return files[min(files)][0]
