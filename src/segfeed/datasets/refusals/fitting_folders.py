"""Fitting folders: in which folders that no format knows photos and masks have names that fit, and their patterns."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.descriptions.patterns import Pattern
from segfeed.datasets.matching.folders import Files
from segfeed.datasets.matching.lists import SPLIT_WORDS
from segfeed.datasets.matching.rivals import holds_few_values, looks_like_mask, match_if_fits, patterns_of
from segfeed.datasets.refusals.survey import Folder, Seen, paths_of_pictures
from segfeed.errors import SourceError

MOST_COMPARED = 12  # folders of pictures, each with each


class FittingFolders(NamedTuple):
    """Two folders, or one, in which photos and masks fit: the patterns of both, and how many fit."""

    photos: str
    masks: str
    pairs: int


def find_pairs(seen: Seen) -> list[FittingFolders]:
    """Find folders of photos and of masks whose names fit, those that fit best first; each folder counts once."""
    folders = list(seen.folders.items())[:MOST_COMPARED]
    # Of pictures that cannot be decoded, some are masks, others photos such as TIFFs of many bands.
    answers = {name: _first_is_mask(seen, name, files) for name, place in folders if (files := _lossless(place))}
    masks = {name: _lossless(place) for name, place in folders if answers.get(name) is not False and name in answers}
    found: list[FittingFolders] = []
    for mask_folder, labelled in masks.items():
        best: FittingFolders | None = None
        near = 0  # of photos that fit alike, those whose path shares most folder names count: x/s1 for y/s1
        for photo_folder, place in folders:
            photos = _photos_beside(place) if photo_folder == mask_folder else place.pictures
            is_unsure = answers[mask_folder] and answers.get(photo_folder) is None
            if photo_folder != mask_folder and photo_folder in masks and not is_unsure:
                continue
            matched = match_if_fits(photos, labelled, Path(mask_folder))
            count = len(matched.photos.keys() & matched.masks.keys()) if matched else 0
            common = len(set(photo_folder.split("/")) & set(mask_folder.split("/")))
            if matched and count and (best is None or (count, common) > (best.pairs, near)):
                near, best = common, FittingFolders(*patterns_of(matched, photo_folder, mask_folder), count)
        if best:
            found.append(best)
    found += [pair for name, place in folders if name not in masks and (pair := _find_beside(seen, name, place))]
    return sorted(found, key=lambda pair: -pair.pairs)


def find_sample_folders(seen: Seen) -> FittingFolders | None:
    """Find folders of one sample each, if its photo and its mask are called alike in all of them."""
    if len(seen.folders) < 2 or "." in seen.folders:
        return None
    folders = sorted(seen.folders)
    alike = set.intersection(
        *({name for names in seen.folders[one].pictures.values() for name in names} for one in folders)
    )
    masks = {name for name in alike if looks_like_mask(seen.root / folders[0] / name)} if len(alike) == 2 else set()
    if len(masks) != 1:
        return None
    photo, mask = *(alike - masks), *masks
    tops = {_with_split(f"{folder}/").partition("/")[0] for folder in folders}
    below = "/".join(filter(None, ("{split}" if tops == {"{split}"} else os.path.commonpath(folders), "{key}")))
    return FittingFolders(f"{below}/{photo}", f"{below}/{mask}", len(seen.folders))


def _lossless(place: Folder) -> Files:
    kept = {stem: [name for name in names if not _is_jpeg(name)] for stem, names in place.pictures.items()}
    return {stem: names for stem, names in kept.items() if names}


def _photos_beside(place: Folder) -> Files:
    """List the photos of a folder that holds masks, too: its JPEGs."""
    kept = {stem: [name for name in names if _is_jpeg(name)] for stem, names in place.pictures.items()}
    return {stem: names for stem, names in kept.items() if names}


def _find_beside(seen: Seen, folder: str, place: Folder) -> FittingFolders | None:
    """Find masks among lossless photos of one folder, if they have an ending more: a.tif, a_mask.tif."""
    endings = Counter(
        stem[cut.start() :]
        for stem in place.pictures
        for cut in re.finditer(r"[\W_]", stem)
        if stem[: cut.start()] in place.pictures
    )
    for ending, count in endings.most_common(1):
        masks = {stem: names for stem, names in _lossless(place).items() if stem.endswith(ending)}
        masks = {stem: names for stem, names in masks.items() if stem.removesuffix(ending) in place.pictures}
        if count > 1 and masks and _first_is_mask(seen, folder, masks) is not False:
            mask = masks[min(masks)][0]
            photo = place.pictures[min(masks).removesuffix(ending)][0]
            below = "" if folder == "." else f"{folder}/"
            suffixes = (os.path.splitext(name)[1] for name in (photo, mask))
            return FittingFolders(
                f"{below}{{key}}{next(suffixes)}", f"{below}{{key}}{ending}{next(suffixes)}", len(masks)
            )
    return None


def _is_jpeg(name: str) -> bool:
    return name.lower().endswith((".jpg", ".jpeg"))


def _first_is_mask(seen: Seen, folder: str, files: Files) -> bool | None:
    return holds_few_values(seen.root / folder / files[min(files)][0])


def generalise(seen: Seen, pairs: list[FittingFolders]) -> tuple[str, str]:
    """Write the patterns that cover most pairs, whose folders may differ by the split, or by others in one place."""
    spelled = [(pair.photos, pair.masks) for pair in pairs]
    first = _with_split(pairs[0].photos)
    alike = {folder for folder in seen.folders if _with_split(f"{folder}/") == f"{os.path.dirname(first)}/"}
    if first != pairs[0].photos and len(alike) > 1:
        spelled = [(_with_split(photos), _with_split(masks)) for photos, masks in spelled]
    ways = [spelled[0], *filter(None, (_join(spelled[0], other) for other in spelled[1:]))]
    return max(dict.fromkeys(ways), key=lambda both: count_covered(seen, *both)[0])


def _join(one: tuple[str, str], other: tuple[str, str]) -> tuple[str, str] | None:
    """Write {folder} for the folders in which two pairs of patterns differ, if photos and masks differ in the same."""
    photos, masks = (_differ(*both) for both in zip(one, other, strict=True))
    if photos is None or masks is None or photos[1:3] != masks[1:3]:
        return None
    return photos[0], masks[0]


def count_covered(seen: Seen, photos: str, masks: str) -> tuple[int, list[str]]:
    """Count the photos that have masks by two patterns, and list their folders; 0 if no such pattern can be used."""
    try:
        of_photos, of_masks = Pattern(photos), Pattern(masks)
    except SourceError:  # such as of a name that holds {
        return 0, []
    paths = list(paths_of_pictures(seen))
    by_split = of_photos.has_split and of_masks.has_split
    labelled = {(by_split and match.split, match.key) for match in of_masks.matches(paths)}
    covered = [match.path for match in of_photos.matches(paths) if (by_split and match.split, match.key) in labelled]
    return len(covered), list(dict.fromkeys(os.path.dirname(path) or "this folder" for path in covered))


def _with_split(pattern: str) -> str:
    """Write {split} in place of the words for splits in the folders of a pattern."""
    folder, slash, name = pattern.rpartition("/")
    return (
        re.sub(r"[^\W\d_]+", lambda word: "{split}" if word[0].casefold() in SPLIT_WORDS else word[0], folder)
        + slash
        + name
    )


def _differ(one: str, other: str) -> tuple[str, str, str] | None:
    """Find the folders in which two patterns differ: the pattern with {folder} there, and what stands in each."""
    (*parts, name), (*others, other_name) = one.split("/"), other.split("/")
    shorter = min(len(parts), len(others))
    start = next((n for n in range(shorter) if parts[n] != others[n]), shorter)
    end = next((n for n in range(shorter - start) if parts[-1 - n] != others[-1 - n]), shorter - start)
    here, there = (folders[start : len(folders) - end] for folders in (parts, others))
    if name != other_name or not here or not there or any("{" in part for part in (*here, *there)):
        return None
    return "/".join((*parts[:start], "{folder}", *parts[len(parts) - end :], name)), "/".join(here), "/".join(there)
