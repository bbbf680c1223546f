"""Split lists: a text file with one id a line, read strictly."""

import re
from collections import Counter
from pathlib import Path

from segfeed.errors import ListError, SourceMissingError

MAX_LIST_BYTES = 64 << 20

# An id becomes part of a path: nothing in it may leave the folder, on any system.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029/\\:*?"<>|]')


def read_list(path: Path) -> tuple[str, ...]:
    """Read a split list: one id a line. CRLF, a byte order mark, blank lines and surrounding spaces are all fine.

    Raises:
        SourceMissingError: there is no such file.
        ListError: no text, no id, an id twice, or a line that is no id; the line is named.
    """
    ids = []
    # str.splitlines would also split at control characters, and make two ids of one.
    for number, line in enumerate(re.split(r"\r\n|\n|\r", _text(path)), 1):
        if entry := line.strip(" \t"):
            _check_id(entry, path, number)
            ids.append(entry)
    if not ids:
        raise ListError(f"{path}: the list is empty; expected one id a line.")
    twice, times = Counter(ids).most_common(1)[0]
    if times > 1:
        raise ListError(f"{path}: id {twice!r} is listed {times} times; expected each id once; remove the repetitions.")
    return tuple(ids)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise ListError(
                f"{path}: {path.stat().st_size:,} bytes; expected a list of at most {MAX_LIST_BYTES:,}; is this the right file?"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise SourceMissingError(f"{path}: no such list.") from None
    except OSError as error:
        raise ListError(f"{path}: the list cannot be read ({error.strerror}); check its permissions.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListError(
            f"{path}: byte {error.start} is not UTF-8; expected a text file with one id a line; save it as UTF-8."
        ) from None
    if "\0" in text:
        raise ListError(f"{path}: a binary file; expected a text file with one id a line.")
    return text


def _check_id(entry: str, path: Path, number: int) -> None:
    where = f"{path}, line {number}: {entry!r}"
    if re.fullmatch(r"\S+\s+-?[01]", entry):
        raise ListError(
            f"{where} has two columns, as the lists of single classes do; expected one id; use the list of the whole split."
        )
    if entry.startswith(("/", "\\", "~")) or ".." in entry or re.match(r"[A-Za-z]:", entry) or _FORBIDDEN.search(entry):
        raise ListError(
            f"{where} is a path or holds characters no id may have; expected the plain name of a photo without its suffix."
        )
