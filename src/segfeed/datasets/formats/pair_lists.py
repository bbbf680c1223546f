"""Pair lists: which samples a split has, by a list of keys, of photos' paths, or of photos' and masks' paths.

Lists are written by many tools, on many machines: what a line names is found among the photos that lie on disk.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from segfeed.datasets.formats.folders import Files
from segfeed.datasets.formats.lists import FORBIDDEN, read_lines
from segfeed.errors import ListError

_COLUMNS = re.compile(r"[\t,;]\s*|\s+")


def list_files(root: Path, lists: Mapping[str, str]) -> dict[str, Path]:
    """Find the list file of each split."""
    if "" not in lists:
        return {split: root / name for split, name in lists.items()}
    before, after = lists[""].split("{split}", 1)
    spelled = re.compile(re.escape(before) + r"([^/]+)" + re.escape(after))
    paths = sorted(root.glob(f"{before}*{after}"))
    names = {path: spelled.fullmatch(path.relative_to(root).as_posix()) for path in paths}
    return {match[1]: path for path, match in names.items() if match}


def read_pairs(
    path: Path, root: Path, photos: Files, masks: Files, *, first_word: bool = False
) -> tuple[list[str], Files]:
    """Read a list of keys, of photos' paths, or of photos' and masks' paths.

    Args:
        path: of the list.
        root: the dataset's folder.
        photos: that lie on disk, by key.
        masks: the same.
        first_word: whether only the first word of a line counts; the others are not paths.

    Returns:
        keys: in the list's order. masks: those that it names, else those of its keys.

    Raises:
        ListError: if it cannot be read, names a sample twice, or leads out of the folder; the line is named.
        SourceMissingError: if there is no such list.
    """
    key_of = _spellings(photos)
    keys: list[str] = []
    named: Files = {}
    for number, entry in read_lines(path):
        line = entry.split()[0] if first_word else entry
        photo, mask = _columns(line, key_of)
        key = _resolve(photo, key_of) or photo
        if re.fullmatch(r"-?[01]", mask):
            raise ListError(
                str(path),
                found=f"line {number}: {line!r} has a figure for a mask, as the lists of single classes do",
                expected="a key, a photo's path, or the paths of a photo and its mask",
                remedy="use the list of the whole split",
            )
        if key in named:
            raise ListError(
                str(path),
                found=f"line {number}: {key!r} is listed twice",
                expected="each sample once",
                remedy="remove the repetitions",
            )
        if key not in photos:
            key = str(PurePosixPath(_plain(key)))
            _check_listed(key, path, number, line)
        named[key] = _mask_of(mask, root, masks, (path, number, line)) if mask else masks.get(key, [])
        keys.append(key)
    return keys, named


def _columns(line: str, key_of: Mapping[str, str]) -> tuple[str, str]:
    """Split a line into photo and mask, "" for none. Names may hold blanks: what is a photo decides."""
    if _resolve(line, key_of):
        return line, ""
    cuts = list(_COLUMNS.finditer(line))
    for cut in cuts:
        if _resolve(line[: cut.start()], key_of):
            return line[: cut.start()], line[cut.end() :]
    # No such photo: the sample is missing under its own name, whatever else the line says.
    return (line[: cuts[0].start()], line[cuts[0].end() :]) if cuts else (line, "")


def _spellings(photos: Files) -> dict[str, str]:
    """List what a list may call a photo: its key, its path below the root or another folder, or its name alone."""
    called: dict[str, str] = {key: key for key in photos}
    ends: dict[str, set[str]] = {}
    for key, paths in photos.items():
        for path in paths:
            parts = unicodedata.normalize("NFC", path).split("/")
            for first in range(len(parts)):
                ends.setdefault("/".join(parts[first:]), set()).add(key)
        parts = key.split("/")
        for first in range(1, len(parts)):
            ends.setdefault("/".join(parts[first:]), set()).add(key)
    return {**{end: next(iter(keys)) for end, keys in ends.items() if len(keys) == 1}, **called}


def _plain(entry: str) -> str:
    """Return an entry of a list with "/" between folders, composed, without what leads to it from elsewhere."""
    text = unicodedata.normalize("NFC", entry.strip().replace("\\", "/"))
    return re.sub(r"^([A-Za-z]:)?(\.?/)+", "", text)


def _check_listed(key: str, path: Path, number: int, line: str) -> None:
    parts = key.split("/")
    if any(part in ("", ".", "..") or FORBIDDEN.search(part) for part in parts):
        raise ListError(
            str(path),
            found=f"line {number}: {line!r} is not a key or a path below the dataset's folder",
            expected="a key, a photo's path, or the paths of a photo and its mask",
        )


def _mask_of(mask: str, root: Path, masks: Files, line: tuple[Path, int, str]) -> list[str]:
    """Find the mask that a line names, by its path below the root; [] if it is missing."""
    text = _plain(mask)
    _check_listed(text, line[0], line[1], line[2])
    if found := next((path for path in _tails(text) if os.path.isfile(root / path)), None):
        return [found]
    known = [path for paths in masks.values() for path in paths if path.endswith(f"/{text}")]
    return known if len(known) == 1 else []


def _resolve(entry: str, key_of: Mapping[str, str]) -> str | None:
    """Find the key of a photo that a list names, if need be without the folders that lead to it elsewhere."""
    return next((key_of[tail] for tail in _tails(_plain(entry)) if tail in key_of), None)


def _tails(path: str) -> Iterator[str]:
    """List a path and what is left without its first folders: a name keeps the folder that it lies in.

    >>> list(_tails("SegNet/CamVid/train/a.png")), list(_tails("a.png"))
    (['SegNet/CamVid/train/a.png', 'CamVid/train/a.png', 'train/a.png'], ['a.png'])
    """
    parts = path.split("/")
    for first in range(max(len(parts) - 1, 1)):
        yield "/".join(parts[first:])
