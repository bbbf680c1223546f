"""Explaining: what was seen at a path that no format recognises, and what to do; what is surest is said first."""

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from segfeed.datasets.blobs import refuse_pointer
from segfeed.datasets.descriptions.description import FILE_NAME
from segfeed.datasets.doubts.unread_lists import LIST_SUFFIXES, names_photos
from segfeed.datasets.drawn.json_reading import has_words
from segfeed.datasets.legends.files import LEGEND_FILES
from segfeed.datasets.legends.hints import find_legend_texts
from segfeed.datasets.packed.columns import SCHEMA
from segfeed.datasets.packed.manifest import MANIFEST
from segfeed.datasets.refusals.fitting_folders import (
    MOST_COMPARED,
    count_covered,
    find_pairs,
    find_sample_folders,
    generalise,
)
from segfeed.datasets.refusals.not_read import INSIDE, SHAPES, UNREADABLE, Kind
from segfeed.datasets.refusals.survey import MOST_SHOWN, Seen, describe, look_below, names_of_pictures
from segfeed.datasets.tables.rows import columns_of
from segfeed.errors import SourceError
from segfeed.system.showing import counted, some

_MOST_ABOVE = 3  # folders above a path that may be the dataset it is a part of
_MOST_OPENED = 3
_LAST_BYTES = 1 << 12
_FOLDERS_SHOWN = _TEXTS_SHOWN = 3
_MOST_TEXTS = 40
_SPLITS = "{split} in place of {folder} makes a split of each folder; "
_WRITE = f"with --write it starts a {FILE_NAME}"

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
    seen = look_below(path)
    if seen.unreadable and not seen.folders:
        return seen.unreadable, "check its permissions"
    answers: tuple[Callable[[], Answer | None], ...] = (
        lambda: _find_apart(seen),
        lambda: _find_below(seen, ask),
        lambda: _first_of(UNREADABLE, [*seen.names, *names_of_pictures(seen)]),
        lambda: _find_pointer(seen),
        lambda: _find_fitting(seen),
        lambda: _find_sample_folders(seen),
        lambda: _find_columns(seen),
        lambda: _find_inside(seen),
        lambda: _first_of(SHAPES, [name for name in seen.names if os.path.basename(name) not in LEGEND_FILES]),
        lambda: _find_above(seen, ask_root),
    )
    return next((found for answer in answers if (found := answer())), None) or _describe_all(seen)


def _describe_all(seen: Seen) -> Answer:
    archives = [name for name in seen.names if re.search(r"\.(zip|tgz|7z|rar|tar(\.\w+)?)$", name)]
    unpack = "unpack each archive into a folder of its own here, and pass this folder again"
    if not seen.folders:
        return describe(seen), unpack if archives else "check the path; docs/formats.md shows all layouts"
    found = f"{describe(seen)}, but no two folders in which photos and masks have the same names"
    if archives:
        return f"{found}, and {some(archives, _TEXTS_SHOWN)}, which may hold the others", unpack
    patterns = '--photos "images/{key}.jpg" --masks "..."'
    way = f"see docs/formats.md, or say how they lie: segfeed scan {shlex.quote(str(seen.root))} {patterns}"
    texts = _tell_texts(seen)
    by_lists = f"; a {FILE_NAME} may pair them, too: [splits] table = {{ file = ..., key = ..., mask = ... }}, or lists"
    return "; ".join((found, *texts)), way + by_lists * any(text.startswith("lists") for text in texts)


def _find_fitting(seen: Seen) -> Answer | None:
    if not (pairs := find_pairs(seen)):
        return None
    photos, masks = generalise(seen, pairs)
    count, folders = count_covered(seen, photos, masks)
    more = f" and {counted(len(folders) - 1, 'more folder')}" if folders[1:] else ""
    fit = f"{count or pairs[0].pairs:,} photos in {folders[0] if folders else _folder_of(photos)}{more} fit masks"
    scan = f'segfeed scan {shlex.quote(str(seen.root))} --photos "{photos}" --masks'
    rivals = [pair.masks for pair in pairs if pair.photos == pairs[0].photos]
    if len(rivals) == 1 or masks != pairs[0].masks:
        splits = _SPLITS if "{folder}" in photos and "{split}" not in photos else ""
        return _tell(seen, fit), f'say how they lie: {scan} "{masks}"; {splits}{_WRITE}'
    named = " and ".join(map(_folder_of, rivals[:MOST_SHOWN])) + (" and more" if len(rivals) > MOST_SHOWN else "")
    others = ", or ".join(f'--masks "{other}"' for other in rivals[1:MOST_SHOWN])
    return (
        _tell(seen, f"{fit} in each of {named}"),
        (
            f'say which of them counts: {scan} "{masks}", or {others}; if each shows one class, write them into one '
            "mask a photo first"
        ),
    )


def _find_sample_folders(seen: Seen) -> Answer | None:
    if not (alike := find_sample_folders(seen)):
        return None
    photo, mask = map(os.path.basename, (alike.photos, alike.masks))
    scan = f'segfeed scan {shlex.quote(str(seen.root))} --photos "{alike.photos}" --masks "{alike.masks}"'
    found = _tell(seen, f"{alike.pairs:,} folders hold {photo} and {mask}")
    return found, f"say how they lie: {scan}; {_WRITE}"


def _tell(seen: Seen, fit: str) -> str:
    """Say what was seen, what fits, and which texts lie beside it."""
    return "; ".join((f"{describe(seen, _FOLDERS_SHOWN)}, and {fit}", *_tell_texts(seen)))


def _tell_texts(seen: Seen) -> list[str]:
    """Say which files list photos, and which may say what stored values mean, a clause each."""
    stems = {stem for place in seen.folders.values() for stem in place.pictures}
    stems |= {os.path.basename(folder) for folder in seen.folders}  # a folder may be a sample
    asked = [name for name in seen.names if name.lower().endswith(LIST_SUFFIXES)][:_MOST_TEXTS]
    lists = [name for name in asked if not name.endswith(".json") and names_photos(seen.root / name, stems)]
    said = find_legend_texts(seen.root, (name for name in seen.names if name not in lists))
    kinds = (("lists", lists), ("text that may say what values mean", said))
    return [f"{what}: {some(names, _TEXTS_SHOWN)}" for what, names in kinds if names]


def _first_of(kinds: tuple[Kind, ...], names: list[str]) -> Answer | None:
    return next((kind[1:] for kind in kinds if any(map(re.compile(kind.pattern).search, names))), None)


def _find_pointer(seen: Seen) -> Answer | None:
    pictures = list(names_of_pictures(seen))[:3]
    for name in (*pictures, *seen.names[:3]):
        try:
            refuse_pointer(str(seen.root / name))
        except SourceError as error:
            return f"{name} is {error.found}", error.remedy
    return None


def _find_columns(seen: Seen) -> Answer | None:
    """Find tables whose columns are not called like pictures and masks."""
    name = next((name for name in seen.names if name.lower().endswith((".parquet", ".arrow"))), "")
    path = seen.root / name if os.path.isdir(seen.root) else seen.root
    if seen.folders or not name or not (columns := columns_of(path)):
        return None
    if {*SCHEMA.names} <= {*columns}:
        return f"{name} is a pack's table", f"pass the pack's folder; if it has no {MANIFEST}, copy it again as a whole"
    shown = ", ".join([*map(repr, columns[:MOST_SHOWN]), *(["..."] if len(columns) > MOST_SHOWN else [])])
    return (
        f"{name} has columns {shown}, and no pictures in columns called like photos and masks",
        'call them "image" and "mask", as rename_column of Hugging Face\'s datasets does',
    )


def _find_inside(seen: Seen) -> Answer | None:
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
    if not os.path.isfile(path):  # a pipe would be waited for
        return False
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_BYTES))
            end = file.read().rstrip()[-1:]
    except OSError:
        return False
    return end not in (b"", b"}", b"]", b"\0")  # the last is of UTF-16


def _find_apart(seen: Seen) -> Answer | None:
    """Find Cityscapes whose archives were each unpacked into a folder of its own."""
    parts = {name: sorted(_parents_of(name, seen)) for name in ("leftImg8bit", "gtFine", "gtCoarse")}
    photos, masks = parts["leftImg8bit"], parts["gtFine"] or parts["gtCoarse"]
    if not photos or not masks or set(photos) & set(masks):
        return None
    grade = "gtFine" if parts["gtFine"] else "gtCoarse"
    found = f"this is Cityscapes in two places: leftImg8bit lies in {photos[0]}, {grade} in {masks[0]}"
    return found, f"move (or link) leftImg8bit and {grade} into one folder, and pass that"


def _parents_of(name: str, seen: Seen) -> set[str]:
    found = (f"/{folder}/".partition(f"/{name}/") for folder in seen.folders)
    return {before.strip("/") or "." for before, middle, _ in found if middle}


def _find_below(seen: Seen, ask: Ask) -> Answer | None:
    """Find datasets deeper than formats look: in folders above those of pictures, the nearest first."""
    above = {
        "/".join(parts[:count])
        for folder in seen.folders
        for parts in [folder.split("/")]
        for count in range(1, len(parts) + 1)
        if folder != "."
    }
    found: dict[str, str] = {}
    for folder in sorted(above, key=lambda folder: (folder.count("/"), folder))[: 4 * MOST_COMPARED]:
        if any(folder.startswith(f"{other}/") for other in found):
            continue
        if name := ask(seen.root / folder):
            found[folder] = name
    if not found:
        return None
    several = "datasets lie deeper" if len(found) > 1 else "a dataset lies deeper"
    shown = ", ".join(f"{folder} ({name})" for folder, name in list(found.items())[:MOST_SHOWN])
    path = shlex.quote(str(seen.root / next(iter(found))))
    way = f"pass the path of {'one' if len(found) > 1 else 'it'}: segfeed scan {path}"
    if len(found) > 1 and len({*found.values()}) == 1 and (pairs := find_pairs(seen)):
        photos, masks = generalise(seen, pairs)
        if (photos, masks) != pairs[0][:2] and all(_covers(photos, folder) for folder in found):
            scan = f"segfeed scan {shlex.quote(str(seen.root))}"
            way += f', or say how all of them lie: {scan} --photos "{photos}" --masks "{masks}"'
    return f"{several}: {shown}", way


def tell_line_for_all(path: Path) -> str:
    """Say how several datasets in a folder can be read as one by patterns, as the end of a remedy; "" if they can't."""
    seen = look_below(path)
    pairs = find_pairs(seen)
    photos, masks = generalise(seen, pairs) if pairs else ("", "")
    if "{folder}" not in photos:
        return ""
    scan = f'segfeed scan {shlex.quote(str(path))} --photos "{photos}" --masks "{masks}"'
    return f", or say how all of them lie: {scan}"


def _covers(pattern: str, folder: str) -> bool:
    """Check whether a pattern may be of photos below a folder."""
    parts = zip(pattern.split("/"), folder.split("/"), strict=False)
    return all("{" in said or said == part for said, part in parts)


def _find_above(seen: Seen, ask_root: Ask) -> Answer | None:
    """Find the dataset that pictures are a part of, such as its folder of photos."""
    for folder in list(seen.root.parents)[: _MOST_ABOVE if seen.folders else 0]:
        if name := ask_root(folder):
            found = f"this is a part of the dataset in {folder} ({name})"
            return found, f"pass the path of the whole: segfeed scan {shlex.quote(str(folder))}"
    return None


def _folder_of(pattern: str) -> str:
    return os.path.dirname(pattern) or "this folder"
