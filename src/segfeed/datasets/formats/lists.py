"""Splits: which samples belong to one, by a list that is read strictly, or by a hash of their ids without one."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

from segfeed.errors import ListError, SourceError, SourceMissingError

MAX_LIST_BYTES = 64 << 20
_TEXT = "a text file with one id a line"

AUTOMATIC = ("train", "val", "all")
"""The splits of a dataset that comes without any; see `split_by_hash`."""

_SAME_SPLIT = ("val", "valid", "validation")
_YEAR = re.compile(r"20\d\d")

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\:*?"<>|]')
"""What no id may hold. An id becomes part of a path: nothing in it may leave the folder, on any system. Lone surrogates
are bytes of a file name that are not UTF-8."""
_PLAIN = re.compile(r"\w+")  # most ids are, and need no closer look


def read_list(path: Path) -> tuple[str, ...]:
    """Read a split list: one id a line. CRLF, a byte order mark, blank lines and surrounding spaces are all fine.

    Raises:
        SourceMissingError: if there is no such file.
        ListError: if it is not text, has no id, an id twice, or a line that is not an id; the line is named.
    """
    return parse_list(_read(path), path)


def parse_list(data: bytes, where: Path | str) -> tuple[str, ...]:
    r"""Read the bytes of a split list, as `read_list` does.

    Args:
        data: the list.
        where: its name in an error.

    >>> parse_list(b"2007_000032\r\n2007_000039\r\n", "train.txt")
    ('2007_000032', '2007_000039')
    """
    ids = []
    for number, entry in _lines(data, where):
        _check_id(entry, where, number)
        ids.append(entry)
    refuse_repeated(ids, where)
    return tuple(ids)


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines of a list that are not blank: (line number, line without surrounding spaces).

    Raises:
        SourceMissingError: if there is no such file.
        ListError: if it is not text, or has no line.
    """
    return _lines(_read(path), path)


def _lines(data: bytes, where: Path | str) -> list[tuple[int, str]]:
    # str.splitlines would also split at control characters, and make two ids of one.
    lines = enumerate(re.split(r"\r\n|\n|\r", _text(data, where)), 1)
    entries = [(number, entry) for number, line in lines if (entry := line.strip(" \t"))]
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
        if FORBIDDEN.search(entry):
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
        SourceError: if the split is empty, which happens to few samples.

    >>> split_by_hash(["a", "b", "c", "d", "e", "f"], "val", Path("photos"))
    ('b', 'd')
    """
    chosen = tuple(entry for entry in ids if split == "all" or _is_val(entry) == (split == "val"))
    if not chosen:
        raise SourceError(
            str(root),
            found=f"the hash of the ids puts none of the {len(ids)} samples into {split!r}",
            remedy='pass the split "all", or write lists of your own',
        )
    return chosen


def _is_val(entry: str) -> bool:
    # macOS may decompose the accents of a file name: the same sample must stay in its split.
    name = unicodedata.normalize("NFC", entry).encode()
    return int.from_bytes(blake2b(name, digest_size=8, key=b"segfeed split").digest(), "big") % 5 == 0


def choose_split(split: str, names: Sequence[str], root: Path) -> str:
    """Find the split that a name means, of those that a dataset has.

    "val", "valid" and "validation" are one split, and "train" may mean "train2017", unless several of these are there.

    Raises:
        SourceMissingError: if there is no such split; those that exist are named.

    >>> choose_split("val", ["train", "valid"], Path("export")), choose_split("train", ["train2017"], Path("coco"))
    ('valid', 'train2017')
    """
    if split in names:
        return split
    same = [name for name in names if split in _SAME_SPLIT and name in _SAME_SPLIT]
    of_years = [name for name in names if name.startswith(split) and _YEAR.fullmatch(name.removeprefix(split))]
    for candidates in (same, of_years):
        if len(candidates) == 1:
            return candidates[0]
    raise SourceMissingError(
        str(root),
        found=f"no split {split!r}",
        expected=f"one of {', '.join(names)}" if names else "",
        remedy="" if names else "check the path: there is no split at all",
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise ListError(
                str(path),
                found=f"{path.stat().st_size:,} bytes",
                expected=f"a list of at most {MAX_LIST_BYTES:,} bytes",
                remedy="check that this is the right file",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise SourceMissingError(str(path), found="no such list", remedy="check the path") from None
    except OSError as error:
        found = f"the list cannot be read ({error.strerror})"
        raise ListError(str(path), found=found, remedy="check its permissions") from error


def _text(data: bytes, where: Path | str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise ListError(str(where), found=found, expected=_TEXT, remedy="save it as UTF-8") from None
    if "\0" in text:
        raise ListError(str(where), found="a binary file", expected=_TEXT)
    return text


def _check_id(entry: str, where: Path | str, number: int) -> None:
    if _PLAIN.fullmatch(entry):
        return
    if re.fullmatch(r"\S+\s+-?[01]", entry):
        raise ListError(
            str(where),
            found=f"line {number}: {entry!r} has two columns, as the lists of single classes do",
            expected="one id",
            remedy="use the list of the whole split",
        )
    if entry.startswith(("/", "\\", "~")) or ".." in entry or re.match(r"[A-Za-z]:", entry) or FORBIDDEN.search(entry):
        raise ListError(
            str(where),
            found=f"line {number}: {entry!r} is a path or holds characters no id may have",
            expected="the plain name of a photo without its suffix",
        )
