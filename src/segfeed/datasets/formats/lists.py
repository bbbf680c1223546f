"""Splits: which samples belong to one, by a list that is read strictly, or by a hash of their ids without one."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.blobs import decode_text, read_file
from segfeed.errors import EmptySplitError, ListError, SourceError, SourceMissingError

MAX_LIST_BYTES = 64 << 20
_TEXT = "a text file with one id a line"

AUTOMATIC = ("train", "val", "all")
"""The splits of a dataset that comes without any; see `split_by_hash`."""

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What folders and lists call the usual splits, in lower case: word -> the split that it means."""

_YEAR = re.compile(r"20\d\d")

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\:*?"<>|]')
"""What no id may hold. An id becomes part of a path: nothing in it may leave the folder, on any system. Lone surrogates
are bytes of a file name that are not UTF-8."""
_UNSEEN = " \t\u00a0\u200b\ufeff"
_PLAIN = re.compile(r"\w+")  # most ids are, and need no closer look
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".npy")
_HEADER = re.compile(
    r"(?:(?:image|img|photo|picture|mask|label|annotation|seg|file|path|name|id|key|sample|frame|split|set|class|index)"
    r"(?:s|es)?(?:[\s_,;|-]+|$)|(?:filename|filepath|imageid|imagename|basename|stem)s?(?:[\s_,;|-]+|$))+",
    re.IGNORECASE,
)
"""What heads the columns of a CSV."""
_COLUMNS = re.compile(r"(\.(?:jpe?g|png|bmp|webp|gif|tiff?))(?:[ \t]*[,;][ \t]*|[ \t]+)", re.IGNORECASE)


class Listed(NamedTuple):
    """What a split list says: its ids in order, and the masks that it names itself: id -> names, or the path as listed.

    A path is kept if the masks that are there were not passed; a mask that is not among them has no name.
    """

    ids: tuple[str, ...]
    masks: dict[str, list[str]]


class Listable(NamedTuple):
    """Files that lines of a list may mean.

    Attributes:
        folder: where they lie, as lists spell it: "JPEGImages"; "" if lists name no folder.
        files: key -> names below that folder.
    """

    folder: str
    files: Mapping[str, Sequence[str]]


_NOTHING = Listable("", {})


def read_list(path: Path, photos: Listable = _NOTHING, masks: Listable = _NOTHING) -> Listed:
    """Read a split list: one sample a line. CRLF, a byte order mark, blank lines and surrounding spaces are all fine.

    A line is an id, the name or the path of a photo, or the paths of a photo and its mask. The files that are there
    decide which; a line that means none of them must be an id, whose files are missing then.

    Args:
        path: of the list.
        photos: the photos that are there.
        masks: the masks that are there.

    Raises:
        SourceMissingError: if there is no such file.
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
    ids: list[str] = []
    named: dict[str, list[str]] = {}
    key_of: dict[str, str] | None = None
    names_of_masks: dict[str, str] | None = None
    for number, entry in _lines(data, where):
        key = compose(entry)
        if not ids and photos.files and key not in photos.files and _HEADER.fullmatch(entry.strip("#\"' ")):
            raise ListError(
                str(where),
                found=f"line {number}: {entry!r} may be the header of the lines below it, and no photo is called so",
                expected="a sample in each line",
                remedy="remove the line",
            )
        if key not in photos.files and not _PLAIN.fullmatch(key):
            key_of = _by_spelling(photos) if key_of is None else key_of
            if (found := _find(key, photos.folder, key_of)) is not None:
                key = found
            elif columns := _two_paths(key, photos, key_of):
                names_of_masks = _by_name(masks) if names_of_masks is None else names_of_masks
                key = _find(columns[0], photos.folder, key_of) or _strip(columns[0], photos.folder)
                mask = _find(columns[1], masks.folder, names_of_masks)
                if mask is None and masks.folder and not _lies_in(columns[1], masks.folder):
                    raise ListError(
                        str(where),
                        found=f"line {number}: mask {columns[1]!r} does not lie in {masks.folder}",
                        expected=f"one of {masks.folder}",
                        remedy="correct the list, or describe the dataset in a segfeed.toml",
                    )
                named[key] = [mask] if mask is not None else [] if masks.folder else [columns[1]]
            else:
                key = _strip(key, photos.folder)
            _check_id(key, entry, where, number, is_there=key in photos.files)
        ids.append(key)
    refuse_repeated(ids, where)
    return Listed(tuple(ids), named)


def _by_spelling(photos: Listable) -> dict[str, str]:
    """List the ways in which a line may spell a photo: its name, and that without suffix -> its key."""
    found = {compose(os.path.splitext(name)[0]): key for key, names in photos.files.items() for name in names}
    return found | {compose(name): key for key, names in photos.files.items() for name in names}


def _by_name(masks: Listable) -> dict[str, str]:
    return {compose(name): name for names in masks.files.values() for name in names}


def _find(text: str, folder: str, spellings: Mapping[str, str]) -> str | None:
    """Find what a path means, whatever folders of another machine it begins with."""
    text = text.replace("\\", "/").removeprefix("./")
    inside = text.removeprefix(f"{folder}/") if text.startswith(f"{folder}/") else text.rpartition(f"/{folder}/")[2]
    stem, _, suffix = inside.rpartition(".")
    spelled = (text, inside, stem if f".{suffix.lower()}" in _SUFFIXES else "")  # a mask's name means its photo, too
    return None if ".." in text else next((spellings[way] for way in spelled if way in spellings), None)


def _lies_in(text: str, folder: str) -> bool:
    parts = text.replace("\\", "/")
    return "/" not in parts or f"/{folder}/" in f"/{parts}"


def _two_paths(line: str, photos: Listable, key_of: Mapping[str, str]) -> tuple[str, str] | None:
    """Cut a line into the paths of a photo and its mask; names may hold blanks, so photos that are there decide."""
    ends = [match for match in _COLUMNS.finditer(line) if line[match.end() :].lower().endswith(_SUFFIXES)]
    cuts = [(line[: match.start()] + match[1], line[match.end() :].strip()) for match in ends]
    there = [cut for cut in cuts if _find(cut[0], photos.folder, key_of) is not None]
    return there[0] if there else cuts[0] if len(cuts) == 1 else None


def _strip(path: str, folder: str) -> str:
    """Return the id that the path of a photo which is not there would have."""
    inside = path.removeprefix(f"{folder}/") if folder else path
    stem, dot, suffix = inside.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in _SUFFIXES else inside


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines of a list that are not blank: (line number, line without surrounding spaces).

    Raises:
        SourceMissingError: if there is no such file.
        ListError: if it is not text, or has no line.
    """
    return _lines(read_bytes(path), path)


def _lines(data: bytes, where: Path | str) -> list[tuple[int, str]]:
    # str.splitlines would also split at control characters, and make two ids of one.
    lines = enumerate(re.split(r"\r\n|\n|\r", _text(data, where)), 1)
    # No id holds a quotation mark; what is not seen at the ends of a line was not meant.
    entries = [(number, entry) for number, line in lines if (entry := line.replace('"', "").strip(_UNSEEN))]
    if not entries:
        raise ListError(str(where), found="the list is empty", expected="one id a line")
    return entries


def refuse_repeated(ids: Sequence[str], path: Path | str) -> None:
    """Raise ListError if a list names an id twice."""
    twice, times = Counter(ids).most_common(1)[0]
    if times > 1:
        found = f"id {twice!r} is listed {times} times"
        raise ListError(str(path), found=found, expected="each id once", remedy="remove the repetitions")


def ids_of_files(stems: Iterable[str], root: Path) -> tuple[str, ...]:
    """Return the stems of files that no list names as ids, in the order of their characters.

    Raises:
        SourceError: if a stem holds characters that no id may have, or if there is no stem.
    """
    ids = tuple(sorted(set(stems)))
    if not ids:
        raise SourceError(str(root), found="no picture", expected="photos and masks", remedy="check the path")
    for entry in ids:
        if FORBIDDEN.search(entry.replace("/", "")):
            raise SourceError(
                str(root),
                found=f"file name {entry!r} holds characters no id may have (control characters, separators, "
                'or one of :*?"<>|)',
                remedy="rename photo and mask",
            )
    return ids


def split_by_hash(ids: Sequence[str], split: str, root: Path) -> tuple[str, ...]:
    """Return one split of ids that no list splits: a fifth is "val", the rest is "train", and "all" is all of them.

    The split of an id depends on the id alone, so samples that are added later move no others.

    Args:
        ids: in the dataset's order, which is kept.
        split: one of `AUTOMATIC`.
        root: for the error.

    Raises:
        EmptySplitError: if the split is empty, which happens to few samples.

    >>> split_by_hash(["a", "b", "c", "d", "e", "f"], "val", Path("photos"))
    ('b', 'd')
    """
    chosen = tuple(entry for entry in ids if split == "all" or _is_val(entry) == (split == "val"))
    if not chosen:
        raise EmptySplitError(
            str(root),
            found=f"the hash of the ids puts none of the {len(ids)} samples into {split!r}",
            remedy='pass the split "all", or write lists of your own',
        )
    return chosen


def _is_val(entry: str) -> bool:
    # macOS may decompose the accents of a file name: the same sample must stay in its split.
    name = compose(entry).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8, key=b"segfeed split").digest(), "big") % 5 == 0


def compose(name: str) -> str:
    """Compose the accents of a name, which macOS may store apart from their letters: one name is one key.

    >>> compose("cafe\u0301") == "caf\u00e9"
    True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def choose_split(split: str, names: Sequence[str], root: Path) -> str:
    """Find the split that a name means, of those that a dataset has.

    Upper and lower case are one, the words of `SPLIT_WORDS` mean one split, and "train" may mean "train2017", unless
    several of these are there.

    Raises:
        SourceMissingError: if there is no such split; those that exist are named.

    >>> choose_split("val", ["Train", "Validation"], Path("export")), choose_split("train", ["train2017"], Path("coco"))
    ('Validation', 'train2017')
    """
    if split in names:
        return split
    word = split.casefold()
    meant = SPLIT_WORDS.get(word)
    same_but_case = [name for name in names if name.casefold() == word]
    same_word = [name for name in names if meant and SPLIT_WORDS.get(name.casefold()) == meant]
    of_years = [name for name in names if name.startswith(split) and _YEAR.fullmatch(name.removeprefix(split))]
    for candidates in (same_but_case, same_word, of_years):
        if len(candidates) == 1:
            return candidates[0]
    raise SourceMissingError(
        str(root),
        found=f"no split {split!r}",
        expected=f"one of {', '.join(names)}" if names else "",
        remedy="" if names else "check the path: there is no split at all",
    )


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a list, which `parse_list` takes.

    Raises:
        SourceMissingError: if there is no such file.
        ListError: if it is larger than any list, not a file, or cannot be read.
    """
    try:
        return read_file(path, MAX_LIST_BYTES)
    except SourceMissingError as error:
        found = "no such list" if not os.path.islink(path) else error.found
        raise SourceMissingError(str(path), found=found, remedy="check the path") from None
    except SourceError as error:
        expected = f"a text file of at most {MAX_LIST_BYTES:,} bytes"
        raise ListError(str(path), found=error.found, expected=expected, remedy=error.remedy) from error


def _text(data: bytes, where: Path | str) -> str:
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise ListError(str(where), found=found, expected=_TEXT, remedy="save it as UTF-8") from None
    if "\0" in text:
        raise ListError(str(where), found="a binary file", expected=_TEXT)
    return text


def _check_id(key: str, entry: str, where: Path | str, number: int, *, is_there: bool) -> None:
    """Refuse an id that could leave its folder; it may name folders below: "s1/frame_1"."""
    if not is_there and re.fullmatch(r"\S+\s+-?[01]", entry):
        raise ListError(
            str(where),
            found=f"line {number}: {entry!r} has two columns, as the lists of single classes do",
            expected="one id",
            remedy="use the list of the whole split",
        )
    parts = key.split("/")
    if key.startswith("~") or ".." in key or any(part in ("", ".") or FORBIDDEN.search(part) for part in parts):
        raise ListError(
            str(where),
            found=f"line {number}: {entry!r} is a path or holds characters no id may have",
            expected="the plain name of a photo without its suffix",
        )
