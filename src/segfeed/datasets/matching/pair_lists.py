"""Pair lists: which samples a split has, by a list of keys, of photos' paths, or of photos' and masks' paths.

Lists are written by many tools, on many machines: what a line names is found among the photos that lie on disk.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.matching.folders import Files
from segfeed.datasets.matching.lists import (
    FORBIDDEN,
    compose,
    read_bytes,
    read_lines,
    refuse_repeated,
    spell_as_on_disk,
    split_lines,
)
from segfeed.errors import ListError

_PLAIN = re.compile(r"\w+")  # most ids are, and need no closer look
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".npy")
_HEADER = re.compile(
    r"(?:(?:image|img|photo|picture|mask|label|annotation|seg|file|path|name|id|key|sample|frame|split|set|class|index)"
    r"(?:s|es)?(?:[\s_,;|-]+|$)|(?:filename|filepath|imageid|imagename|basename|stem)s?(?:[\s_,;|-]+|$))+",
    re.IGNORECASE,
)
"""What heads the columns of a CSV."""
_COLUMNS = re.compile(r"[ \t]*[\t,;]\s*|\s+")
_FIGURE = re.compile(r"-?[01]")
_FIRST = 20  # lines by which a header is told from those below it


class Listed(NamedTuple):
    """What a split list says: its ids in order, and the masks that it names itself: id -> names, or the path as listed.

    A path is kept if the masks that are there were not passed; a mask that is not among them has no name.
    """

    ids: tuple[str, ...]
    masks: dict[str, list[str]]


class Listable(NamedTuple):
    """Files that lines of a list may mean.

    Attributes:
        folder: where they lie, as lists spell it: "JPEGImages"; "" if names hold their folders, or lists name none.
        files: key -> names below that folder.
    """

    folder: str
    files: Mapping[str, Sequence[str]]


class Entry(NamedTuple):
    """A sample as a list or a table names it.

    Attributes:
        number: of its line, from 1.
        text: what says which photo; of a line of a list, perhaps the mask, too.
        mask: the cell of a table that says which mask, "" for none; None of a line.
    """

    number: int
    text: str
    mask: str | None = None


FindMask = Callable[[str, Entry], list[str]]
"""(what an entry calls the mask, the entry) -> its name; [] if it is missing."""

_NOTHING = Listable("", {})


def read_list(path: Path, photos: Listable = _NOTHING, masks: Listable = _NOTHING) -> Listed:
    """Read a split list: one sample a line. CRLF, a byte order mark, blank lines and surrounding spaces are all fine.

    A line is an id, the name or the path of a photo, the paths of a photo and its mask, or a folder of ids, which means
    all in it. The files that are there decide which; a line that means none of them must be an id, whose files are
    missing then.

    Args:
        path: of the list.
        photos: the photos that are there.
        masks: the masks that are there.

    Raises:
        SourceMissingError: if the file does not exist.
        ListError: if it is not text, has no line, an id twice, or a line that is not an id; the line is named.
    """
    return parse_list(read_bytes(path), path, photos, masks)


def parse_list(data: bytes, where: Path | str, photos: Listable = _NOTHING, masks: Listable = _NOTHING) -> Listed:
    r"""Read the bytes of a split list, as `read_list` does.

    Args:
        data: the list.
        where: its name in an error.
        photos: as in `read_list`.
        masks: as in `read_list`.

    >>> parse_list(b"2007_000032\r\n2007_000039\r\n", "train.txt").ids
    ('2007_000032', '2007_000039')
    >>> photos, masks = Listable("images", {"a": ["a.jpg"]}), Listable("labels", {"a_L": ["a_L.png"]})
    >>> parse_list(b"images/a.jpg labels/a_L.png", "train.txt", photos, masks)
    Listed(ids=('a',), masks={'a': ['a_L.png']})
    """
    lines = (Entry(*line) for line in split_lines(data, where))
    return pair_entries(lines, where, photos, among(masks, where))


def list_files(root: Path, lists: Mapping[str, str]) -> dict[str, Path]:
    """Find the list file of each split."""
    if "" not in lists:
        return {split: root / spell_as_on_disk(root, name) for split, name in lists.items()}
    before, after = lists[""].split("{split}", 1)
    spelled = re.compile(re.escape(before) + r"([^/]+)" + re.escape(after))
    paths = sorted(root.glob(f"{before}*{after}"))
    names = {path: spelled.fullmatch(path.relative_to(root).as_posix()) for path in paths}
    return {match[1]: path for path, match in names.items() if match}


def read_pairs(
    path: Path, root: Path, photos: Files, masks: Files, *, first_word: bool = False
) -> tuple[list[str], Files]:
    """Read a list of a described dataset, whose masks may lie anywhere below its folder.

    Args:
        path: of the list.
        root: the dataset's folder.
        photos: that lie on disk, by key; their paths below the root.
        masks: the same.
        first_word: whether only the first word of a line counts; the others are not paths.

    Returns:
        keys: in the list's order. masks: those that it names, else those of its keys.

    Raises:
        ListError: as `read_list`, and if a mask leads out of the folder.
        SourceMissingError: if the list does not exist.
    """
    lines = (Entry(number, line.split()[0] if first_word else line) for number, line in read_lines(path))
    return pair_below(lines, path, root, photos, masks)


def pair_below(
    entries: Iterable[Entry], path: Path, root: Path, photos: Files, masks: Files
) -> tuple[list[str], Files]:
    """Find the keys and masks of entries, as `read_pairs` does of a list's lines."""

    def find_mask(text: str, entry: Entry) -> list[str]:
        plain = _plain(text)
        _check_id(plain, entry, path)
        if found := next((tail for tail in _tails(plain) if os.path.isfile(root / tail)), None):
            return [found]
        spelled = ((name, os.path.splitext(name)[0]) for names in masks.values() for name in names)
        known = [ways[0] for ways in spelled if any(f"/{compose(way)}".endswith(f"/{plain}") for way in ways)]
        return known if len(known) == 1 else []

    listed = pair_entries(entries, path, Listable("", photos), find_mask)
    return list(listed.ids), {key: listed.masks.get(key, masks.get(key, [])) for key in listed.ids}


def pair_entries(entries: Iterable[Entry], where: Path | str, photos: Listable, find_mask: FindMask) -> Listed:
    """Find the photo, and the mask, that each entry means.

    Args:
        entries: in their order.
        where: the list's name in an error.
        photos: that are there.
        find_mask: finds a mask that an entry names.

    Raises:
        ListError: if an id occurs twice, or an entry is not one; its line is named.
    """
    ids: list[str] = []
    numbers: list[int] = []
    texts: list[str] = []
    named: dict[str, list[str]] = {}
    key_of: dict[str, str] | None = None
    is_flat = not any("/" in key for key in photos.files)
    for entry in entries:
        key, mask = compose(entry.text), entry.mask
        if not ids and mask is None:
            _refuse_header(entry, where, photos)
        if key not in photos.files and not (is_flat and _PLAIN.fullmatch(key)):
            key_of = _ends(photos) if key_of is None else key_of
            photo, mask = _columns(key, key_of) if mask is None else (key, mask)
            if entry.mask is None and mask and photo.isdigit() and _resolve(mask, key_of) not in (None, photo):
                raise ListError(
                    str(where),
                    found=f"line {entry.number}: {entry.text!r} may be photo {photo} and its mask {mask}, or a number "
                    f"and photo {mask}",
                    expected="a sample in each line",
                    remedy="write photos with their suffix, or take the numbers out",
                )
            key = _resolve(photo, key_of) or _strip(photo, photos.folder)
            if key not in photos.files:
                if inside := [] if mask else _ids_inside(photo, photos):
                    ids += inside
                    numbers += [entry.number] * len(inside)
                    continue
                _refuse_more_columns(entry, where, key_of)
                _check_id(key, entry, where)
        if mask:
            named[key] = find_mask(mask, entry)
        ids.append(key)
        numbers.append(entry.number)
        texts += [entry.text] if entry.mask is None and len(texts) < _FIRST else []
    refuse_repeated(ids, where, numbers)
    _refuse_odd_first(texts, ids, where, photos)
    return Listed(tuple(ids), named)


def among(masks: Listable, where: Path | str) -> FindMask:
    """Find masks among those of one folder; a path that leads into another folder is an error."""
    called: dict[str, str] = {}

    def find_mask(text: str, entry: Entry) -> list[str]:
        if not masks.folder:
            return [text]
        if not called:
            names = [name for each in masks.files.values() for name in each]
            stems = Counter(os.path.splitext(name)[0] for name in names)
            alone = {stem: name for name in names if stems[stem := os.path.splitext(name)[0]] == 1}
            for spelled in (alone, {name: name for name in names}):  # cells of a table may lack the suffix
                called.update(
                    {
                        end: name
                        for way, name in spelled.items()
                        for end in (compose(way), compose(f"{masks.folder}/{way}"))
                    }
                )
        if found := _resolve(text, called):
            return [found]
        parts = text.replace("\\", "/")
        if "/" in parts and f"/{masks.folder}/" not in f"/{parts}":
            raise ListError(
                str(where),
                found=f"line {entry.number}: mask {text!r} does not lie in {masks.folder}",
                expected=f"one of {masks.folder}",
                remedy="correct the list, or describe the dataset in a segfeed.toml",
            )
        return []

    return find_mask


def _refuse_header(entry: Entry, where: Path | str, photos: Listable) -> None:
    """Refuse a first line that names the columns of those below it, unless a photo is called so."""
    key = compose(entry.text)
    if photos.files and key not in photos.files and _HEADER.fullmatch(entry.text.strip("#\"' ")):
        raise ListError(
            str(where),
            found=f"line {entry.number}: {entry.text!r} may be the header of the lines below it, and no photo is "
            "called so",
            expected="a sample in each line",
            remedy="remove the line",
        )


def _refuse_odd_first(texts: Sequence[str], ids: Sequence[str], where: Path | str, photos: Listable) -> None:
    """Refuse a first line that names no file, and no photo, if the lines below it do both: a header in any language."""
    of_files = [any(suffix in text.lower() for suffix in _SUFFIXES) for text in texts]
    are_there = [key in photos.files for key in ids[: len(texts)]]
    if len(texts) > 1 and not of_files[0] and all(of_files[1:]) and not are_there[0] and all(are_there[1:]):
        raise ListError(
            str(where),
            found=f"the first line, {texts[0]!r}, names no photo, and all below it do: it may be their header",
            expected="a sample in each line",
            remedy="remove the line",
        )


def _refuse_more_columns(entry: Entry, where: Path | str, key_of: Mapping[str, str]) -> None:
    """Refuse a line of three columns or more, of which the first names a photo: a table is told by its header."""
    cells = re.split(r"[,;\t]", entry.text) if entry.mask is None else []
    if len(cells) > 2 and _resolve(cells[0], key_of):
        raise ListError(
            str(where),
            found=f"line {entry.number}: {entry.text!r} has {len(cells)} columns",
            expected="a photo, or a photo and its mask, in each line",
            remedy="remove the other columns and the header, or say what the columns are called, under [splits]: "
            'table = { file = "...", key = "...", mask = "..." }, and split = "..." if one says the split',
        )


def _ends(photos: Listable) -> dict[str, str]:
    """List what a list may call a photo: its key, or any end of its path that is its own, with or without suffix."""
    ends: dict[str, set[str]] = {}
    for key, names in photos.files.items():
        for name in names:
            path = compose(f"{photos.folder}/{name}" if photos.folder else name)
            for spelled in (path, os.path.splitext(path)[0], key):
                parts = spelled.split("/")
                for first in range(len(parts)):
                    ends.setdefault("/".join(parts[first:]), set()).add(key)
    return {
        **{end: next(iter(keys)) for end, keys in ends.items() if len(keys) == 1},
        **{key: key for key in photos.files},
    }


def _ids_inside(text: str, photos: Listable) -> list[str]:
    """List the ids in a folder that a line names, such as a scene."""
    parts = _plain(text).rstrip("/").split("/")
    for first in range(len(parts) if parts[0] else 0):
        folder = "/".join(parts[first:]) + "/"
        if inside := sorted(key for key in photos.files if key.startswith(folder)):
            return inside
    return []


def _columns(line: str, key_of: Mapping[str, str]) -> tuple[str, str]:
    """Cut a line into photo and mask, "" for none. Names may hold blanks: the photos that are there decide."""
    if _plain(line) in key_of:
        return line, ""
    line = line.rstrip(",; \t")
    cuts = [(line[: cut.start()], line[cut.end() :].strip()) for cut in _COLUMNS.finditer(line)]
    pairs = [cut for cut in cuts if all(map(_is_picture, cut))]
    if there := next((cut for cut in pairs if _resolve(cut[0], key_of)), None):
        return there
    if _resolve(line, key_of):
        return line, ""
    by_key = [cut for cut in cuts if _is_picture(cut[1]) and cut[0] in key_of]
    return by_key[0] if by_key else pairs[0] if len(pairs) == 1 else (line, "")


def _is_picture(text: str) -> bool:
    return text.lower().endswith(_SUFFIXES)


def _resolve(text: str, called: Mapping[str, str]) -> str | None:
    """Find what a path means, if need be without the folders that lead to it on another machine."""
    plain = _plain(text)
    if ".." in plain.split("/") or (text.startswith("..") and "/" not in plain):
        return None
    for tail in _tails(plain):
        spelled = (tail, os.path.splitext(tail)[0]) if _is_picture(tail) else (tail,)  # a mask's name means its photo
        if found := next((called[way] for way in spelled if way in called), None):
            return found
    return None


def _tails(path: str) -> Iterator[str]:
    """List a path and what is left without its first folders: a name keeps the folder that it lies in.

    >>> list(_tails("SegNet/CamVid/train/a.png")), list(_tails("a.png"))
    (['SegNet/CamVid/train/a.png', 'CamVid/train/a.png', 'train/a.png'], ['a.png'])
    """
    parts = path.split("/")
    for first in range(max(len(parts) - 1, 1)):
        yield "/".join(parts[first:])


def _plain(text: str) -> str:
    """Return a path of a list with "/" between folders, composed, without what leads to it from elsewhere."""
    return re.sub(r"^([A-Za-z]:)?(\.{0,2}/)+", "", compose(text.strip().replace("\\", "/")))


def _strip(path: str, folder: str) -> str:
    """Return the id that the path of a photo which is not there would have."""
    text = path.removeprefix("./")
    if folder and f"/{folder}/" in (whole := f"/{text}".replace("\\", "/")):
        text = whole.rpartition(f"/{folder}/")[2]
    return os.path.splitext(text)[0] if _is_picture(text) else text


def _check_id(key: str, entry: Entry, where: Path | str) -> None:
    """Refuse an id that could leave its folder; it may name folders below: "s1/frame_1"."""
    line = entry.text if entry.mask is None else f"{entry.text},{entry.mask}"
    words = entry.text.split()
    if entry.mask is None and len(words) == 2 and _FIGURE.fullmatch(words[1]):
        raise ListError(
            str(where),
            found=f"line {entry.number}: {line!r} has two columns, as the lists of single classes do",
            expected="one id",
            remedy="use the list of the whole split",
        )
    parts = key.split("/")
    if key.startswith("~") or ".." in key or any(part in ("", ".") or FORBIDDEN.search(part) for part in parts):
        raise ListError(
            str(where),
            found=f"line {entry.number}: {line!r} is a path or holds characters no id may have",
            expected="the plain name of a photo without its suffix",
        )
