"""Refusals: why a path cannot be read as a dataset: what was seen there, and the line that would work."""

import os
import re
import shlex
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.blobs import refuse_pointer
from segfeed.datasets.drawn.json_reading import has_words
from segfeed.datasets.matching.folders import PICTURE_SUFFIXES, Files
from segfeed.datasets.matching.lists import SPLIT_WORDS, compose
from segfeed.datasets.matching.rivals import looks_like_mask, match_if_fits, patterns_of
from segfeed.datasets.not_read import INSIDE, SHAPES, UNREADABLE, Kind
from segfeed.errors import SourceError

_MOST_ENTRIES = 100_000  # a path may be a whole disk
_MOST_FOLDERS = 2_000
_MOST_COMPARED = 12  # folders of pictures, each with each
_DEEPEST = 8
_MOST_ABOVE = 3  # folders above a path that may be the dataset it is a part of
_MOST_OPENED = 3
_LAST_BYTES = 1 << 12
_SHOWN = 6


@dataclass
class _Folder:
    """What one folder holds: its pictures by stem, and how many there are of each suffix."""

    pictures: Files = field(default_factory=dict)
    suffixes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {suffix[1:].upper()}" for suffix, count in sorted(self.suffixes.items()))


@dataclass
class _Seen:
    """What lies at and below a path.

    Attributes:
        root: the path.
        names: of files that are not pictures, relative to it, the nearest first.
        folders: those that hold pictures, by their path relative to it; "." for itself.
        all_folders: how many were opened.
        depth: of the deepest.
        unreadable: the first folder that could not be read, and why; "" if there is none.
        is_whole: whether everything was seen.
    """

    root: Path
    names: list[str] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)
    all_folders: int = 0
    depth: int = 0
    unreadable: str = ""
    is_whole: bool = True


class _Pair(NamedTuple):
    """Two folders, or one, in which photos and masks fit: the patterns of both, and how many fit."""

    photos: str
    masks: str
    pairs: int


Answer = tuple[str, str]
"""What was found, and what to do."""

Ask = Callable[[Path], str | None]
"""Return the name of the format that recognises a folder; None if none does."""


def explain_refusal(path: Path, ask: Ask = lambda _: None, ask_root: Ask = lambda _: None) -> Answer:
    """Return what was seen at a path that no format recognises, and what to do.

    Args:
        path: that was passed.
        ask: says which format recognises a folder, or one in it.
        ask_root: says which format recognises a folder itself.

    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "data.yaml").write_text("names: [cat]")
    >>> explain_refusal(folder)[0]
    'this is a YOLO dataset, whose YAML file lacks names, or train and val'
    """
    seen = _survey(path)
    if seen.unreadable and not seen.folders:
        return seen.unreadable, "check its permissions"
    answers: tuple[Callable[[], Answer | None], ...] = (
        lambda: _find_apart(seen),
        lambda: _find_below(seen, ask),
        lambda: _first_of(UNREADABLE, [*seen.names, *_names_of_pictures(seen)]),
        lambda: _find_pointer(seen),
        lambda: _find_fitting(seen),
        lambda: _find_inside(seen),
        lambda: _first_of(SHAPES, seen.names),
        lambda: _find_above(seen, ask_root),
    )
    return next((found for answer in answers if (found := answer())), None) or _describe_all(seen)


def _describe_all(seen: _Seen) -> Answer:
    if not seen.folders:
        archives = [name for name in seen.names if re.search(r"\.(zip|tgz|7z|rar|tar(\.\w+)?)$", name)]
        unpack = "unpack each archive into a folder of its own here, and pass this folder again"
        return _describe(seen), unpack if archives else "check the path; docs/formats.md shows all layouts"
    found = f"{_describe(seen)}, but no two folders in which photos and masks have the same names"
    patterns = '--photos "images/{key}.jpg" --masks "..."'
    return found, f"see docs/formats.md, or say how they lie: segfeed scan {shlex.quote(str(seen.root))} {patterns}"


def _find_fitting(seen: _Seen) -> Answer | None:
    if not (pairs := _find_pairs(seen)):
        return None
    photos, masks = _generalise(pairs)
    found = f"{_describe(seen)}, and {pairs[0].pairs:,} photos in {_folder_of(pairs[0].photos)} fit masks"
    scan = f'segfeed scan {shlex.quote(str(seen.root))} --photos "{photos}" --masks'
    rivals = [pair.masks for pair in pairs if pair.photos == pairs[0].photos]
    if len(rivals) == 1 or masks != pairs[0].masks:
        return found, f'say how they lie: {scan} "{masks}"'
    folders = " and ".join(map(_folder_of, rivals[:_SHOWN])) + (" and more" if len(rivals) > _SHOWN else "")
    others = ", or ".join(f'--masks "{other}"' for other in rivals[1:_SHOWN])
    return (
        f"{found} in each of {folders}",
        (
            f'say which of them counts: {scan} "{masks}", or {others}; if each shows one class, write them into one '
            "mask a photo first"
        ),
    )


def _survey(path: Path) -> _Seen:
    """List what lies at and below a path, the nearest first; links to folders are not followed."""
    seen = _Seen(path)
    if not os.path.isdir(path):
        seen.names.append(path.name)
        return seen
    waiting, entries = deque([("", 0)]), 0
    while waiting:
        folder, depth = waiting.popleft()
        if entries > _MOST_ENTRIES or seen.all_folders >= _MOST_FOLDERS or depth > _DEEPEST:
            seen.is_whole = False
            break
        inner = []
        try:
            with os.scandir(path / folder) as found:
                for entry in found:
                    entries += 1
                    if entry.is_dir(follow_symlinks=False):
                        inner.append(entry.name)
                    else:
                        _note(seen, folder, entry.name)
                    if entries > _MOST_ENTRIES:
                        break
        except OSError as error:
            seen.unreadable = seen.unreadable or f"folder {folder or path} cannot be read ({error.strerror})"
            continue
        seen.all_folders, seen.depth = seen.all_folders + 1, depth
        waiting += [(f"{folder}{name}/", depth + 1) for name in sorted(inner) if name[0] != "."]
    seen.names.sort(key=lambda name: (name.count("/"), name))
    return seen


def _note(seen: _Seen, folder: str, name: str) -> None:
    stem, suffix = os.path.splitext(name)
    if suffix.lower() not in PICTURE_SUFFIXES or name[0] == ".":
        seen.names.append(f"{folder}{name}")
        return
    place = seen.folders.setdefault(folder.rstrip("/") or ".", _Folder())
    place.pictures.setdefault(compose(stem), []).append(name)
    place.suffixes[suffix.lower()] += 1


def _names_of_pictures(seen: _Seen) -> Iterator[str]:
    """List a few pictures of each folder: their names may say what the dataset is."""
    for folder, place in seen.folders.items():
        for names in list(place.pictures.values())[:20]:
            yield f"{folder}/{names[0]}".removeprefix("./")


def _first_of(kinds: tuple[Kind, ...], names: list[str]) -> Answer | None:
    return next((kind[1:] for kind in kinds if any(map(re.compile(kind.pattern).search, names))), None)


def _find_pointer(seen: _Seen) -> Answer | None:
    pictures = list(_names_of_pictures(seen))[:3]
    for name in (*pictures, *seen.names[:3]):
        try:
            refuse_pointer(str(seen.root / name))
        except SourceError as error:
            return f"{name} is {error.found}", error.remedy
    return None


def _find_inside(seen: _Seen) -> Answer | None:
    """Find a kind that some file tells by what is in it, or a JSON file that lacks its end."""
    paths = {name: seen.root / name if os.path.isdir(seen.root) else seen.root for name in seen.names}
    for suffix in dict.fromkeys(kind.suffix for kind in INSIDE):
        for name in [name for name in paths if name.lower().endswith(suffix)][:_MOST_OPENED]:
            if suffix == ".json" and _is_cut(paths[name]):
                return f"{name} ends too early", "copy or export it again"
            for kind in INSIDE:
                if kind.suffix == suffix and has_words(paths[name], kind.words):
                    return f"{name} {kind.reason}", kind.remedy
    return None


def _is_cut(path: Path) -> bool:
    """Check whether the last sign of a JSON file is one that none ends with."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_BYTES))
            end = file.read().rstrip()[-1:]
    except OSError:
        return False
    return end not in (b"", b"}", b"]", b"\0")  # the last is of UTF-16


def _find_apart(seen: _Seen) -> Answer | None:
    """Find Cityscapes whose archives were each unpacked into a folder of its own."""
    parts = {name: sorted(_parents_of(name, seen)) for name in ("leftImg8bit", "gtFine", "gtCoarse")}
    photos, masks = parts["leftImg8bit"], parts["gtFine"] or parts["gtCoarse"]
    if not photos or not masks or set(photos) & set(masks):
        return None
    grade = "gtFine" if parts["gtFine"] else "gtCoarse"
    found = f"this is Cityscapes in two places: leftImg8bit lies in {photos[0]}, {grade} in {masks[0]}"
    return found, f"move (or link) leftImg8bit and {grade} into one folder, and pass that"


def _parents_of(name: str, seen: _Seen) -> set[str]:
    found = (f"/{folder}/".partition(f"/{name}/") for folder in seen.folders)
    return {before.strip("/") or "." for before, middle, _ in found if middle}


def _find_below(seen: _Seen, ask: Ask) -> Answer | None:
    """Find datasets deeper than formats look: in folders above those of pictures, the nearest first."""
    above = {
        "/".join(parts[:count])
        for folder in seen.folders
        for parts in [folder.split("/")]
        for count in range(1, len(parts) + 1)
        if folder != "."
    }
    found: dict[str, str] = {}
    for folder in sorted(above, key=lambda folder: (folder.count("/"), folder))[: 4 * _MOST_COMPARED]:
        if any(folder.startswith(f"{other}/") for other in found):
            continue
        if name := ask(seen.root / folder):
            found[folder] = name
    if not found:
        return None
    several = "datasets lie deeper" if len(found) > 1 else "a dataset lies deeper"
    shown = ", ".join(f"{folder} ({name})" for folder, name in list(found.items())[:_SHOWN])
    path = shlex.quote(str(seen.root / next(iter(found))))
    return f"{several}: {shown}", f"pass the path of {'one' if len(found) > 1 else 'it'}: segfeed scan {path}"


def _find_above(seen: _Seen, ask_root: Ask) -> Answer | None:
    """Find the dataset that pictures are a part of, such as its folder of photos."""
    for folder in list(seen.root.parents)[: _MOST_ABOVE if seen.folders else 0]:
        if name := ask_root(folder):
            found = f"this is a part of the dataset in {folder} ({name})"
            return found, f"pass the path of the whole: segfeed scan {shlex.quote(str(folder))}"
    return None


def _find_pairs(seen: _Seen) -> list[_Pair]:
    """Find folders of photos and of masks whose names fit, those that fit best first; each folder counts once."""
    folders = list(seen.folders.items())[:_MOST_COMPARED]
    masks = {
        name: files for name, place in folders if (files := _lossless(place)) and _first_is_mask(seen, name, files)
    }
    found: list[_Pair] = []
    for mask_folder, labelled in masks.items():
        best: _Pair | None = None
        for photo_folder, place in folders:
            photos = _photos_beside(place, labelled) if photo_folder == mask_folder else place.pictures
            if photo_folder != mask_folder and photo_folder in masks:
                continue
            matched = match_if_fits(photos, labelled, Path(mask_folder))
            count = len(matched.photos.keys() & matched.masks.keys()) if matched else 0
            if matched and count and (best is None or count > best.pairs):
                best = _Pair(*patterns_of(matched, photo_folder, mask_folder), count)
        if best:
            found.append(best)
    return sorted(found, key=lambda pair: -pair.pairs)


def _lossless(place: _Folder) -> Files:
    kept = {stem: [name for name in names if not _is_jpeg(name)] for stem, names in place.pictures.items()}
    return {stem: names for stem, names in kept.items() if names}


def _photos_beside(place: _Folder, masks: Files) -> Files:
    """List the photos of a folder that holds masks, too: its JPEGs."""
    kept = {stem: [name for name in names if _is_jpeg(name)] for stem, names in place.pictures.items()}
    return {stem: names for stem, names in kept.items() if names and stem not in masks}


def _is_jpeg(name: str) -> bool:
    return name.lower().endswith((".jpg", ".jpeg"))


def _first_is_mask(seen: _Seen, folder: str, files: Files) -> bool:
    return looks_like_mask(seen.root / folder / files[min(files)][0])


def _generalise(pairs: list[_Pair]) -> tuple[str, str]:
    """Write one pattern for pairs whose folders differ in one place, by the split or otherwise; else the first's."""
    for other in pairs[1:]:
        photos, masks = _differ(pairs[0].photos, other.photos), _differ(pairs[0].masks, other.masks)
        if not photos or not masks or photos[1:] != masks[1:]:
            continue
        for_split = all(word.casefold() in SPLIT_WORDS for word in photos[1:])
        both = [pattern.split("/") for pattern in pairs[0][:2]]
        for parts, (place, *_) in zip(both, (photos, masks), strict=True):
            parts[place] = "{split}" if for_split else "{folder}"
        return "/".join(both[0]), "/".join(both[1])
    return pairs[0].photos, pairs[0].masks


def _differ(one: str, other: str) -> tuple[int, str, str] | None:
    """Find the one folder in which two patterns differ: its position, and both names."""
    parts, others = one.split("/"), other.split("/")
    places = [n for n, (here, there) in enumerate(zip(parts, others, strict=False)) if here != there]
    if len(parts) != len(others) or len(places) != 1 or places[0] == len(parts) - 1:
        return None
    return places[0], parts[places[0]], others[places[0]]


def _folder_of(pattern: str) -> str:
    return os.path.dirname(pattern) or "this folder"


def _describe(seen: _Seen) -> str:
    """Describe the folders with pictures, or that there is none, and how deep was looked."""
    if not os.path.isdir(seen.root):
        return "a file that is neither a tar nor a table"
    looked = f"{seen.all_folders:,} folder{'s' if seen.all_folders > 1 else ''}, {seen.depth} deep"
    looked += "" if seen.is_whole else ", where the search ended"
    if not seen.folders:
        suffixes = Counter(os.path.splitext(name)[1].lower() or "no suffix" for name in seen.names)
        others = ", ".join(f"{count:,} {suffix}" for suffix, count in suffixes.most_common(_SHOWN))
        return f"no picture in {looked}" + (f", but files of other kinds: {others}" if others else "")
    shown = [f"{folder} ({place})" for folder, place in list(seen.folders.items())[:_SHOWN]]
    more = f" and {len(seen.folders) - _SHOWN:,} more" if len(seen.folders) > _SHOWN else ""
    return f"pictures in {', '.join(shown)}{more}, of {looked}"
