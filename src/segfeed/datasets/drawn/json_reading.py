"""Reading JSON that others wrote: strictly, with named errors, and large files piece by piece.

Large files are taken for Latin-1: signs of JSON are ASCII, so places in the text are places in the file, and a piece
can be read again alone.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from segfeed.datasets.blobs import File, read_file
from segfeed.errors import SourceError

MAX_SMALL_BYTES = 256 << 20
"""The largest JSON file that is read at once: an annotation of one photo, its pixels included."""

_CHUNK = 1 << 16  # what the caches of a core keep: 1.5 times as fast as with 1 MiB
_ENDS = 1 << 22
_LONGEST = 256 << 20
_BLANKS = " \t\r\n"
_REMEDY = "export the annotations again"


# To the next bracket that is not inside a string.
_TO_BRACKET = re.compile(r'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)
# An object with at most one level of objects in it, at one go.
_TEXT = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_INNER = rf'\{{[^{{}}"]*+(?:{_TEXT}[^{{}}"]*+)*+\}}'
_ENTRY = re.compile(rf'\{{[^{{}}"]*+(?:(?:{_TEXT}|{_INNER})[^{{}}"]*+)*+\}}', re.DOTALL)
# What follows an object, but never a brace in a string: the quote would end that, and no letter follows a string.
_NEXT = re.compile(rf'[{_BLANKS}]*+,[{_BLANKS}]*+(?=(?:\{{[{_BLANKS}]*+)?"\w)')


Piece = tuple[Any, tuple[int, int]]
"""A value in a large file: (it, (its first byte, its length in bytes))."""


def read_json(file: File) -> Any:
    """Read a JSON file that fits in memory.

    Raises:
        SourceMissingError: if the file does not exist.
        SourceError: if it is too large, not UTF-8, not JSON, nested too deep, or holds NaN.
    """
    return parse_json(read_file(file.path, MAX_SMALL_BYTES), file.path)


def parse_json(data: bytes, where: str) -> Any:
    r"""Read the bytes of a JSON text.

    Raises:
        SourceError: as `read_json`.

    >>> parse_json(b'\xef\xbb\xbf{"a": 1}', "a.json")
    {'a': 1}
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        remedy = "save it as UTF-8, such as by iconv -f gb18030 -t utf-8 if Windows wrote it in Chinese"
        raise SourceError(where, found="a text that is not UTF-8", expected="JSON", remedy=remedy) from None
    except RecursionError:
        raise SourceError(where, found="JSON nested too deep", expected="annotations", remedy=_REMEDY) from None
    except ValueError as error:
        raise SourceError(
            where,
            found=f"no valid JSON ({error})" if data.strip() else "an empty file",
            expected="JSON",
            remedy=_REMEDY,
        ) from None


def as_object(found: Any, where: str, expected: str) -> dict[str, Any]:
    """Return what a JSON text holds, which must be an object.

    Raises:
        SourceError: if it is not.
    """
    if not isinstance(found, dict):
        raise SourceError(where, found="no object", expected=expected)
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _end_of(text: str, at: int) -> int:
    """Find the end of the object that begins at a place, by its brackets alone; 0 if it is not whole."""
    end = text.find("}", at) + 1
    if not end or (text.rfind("{", at, end) == at and _NEXT.match(text, end)):
        return end
    if whole := _ENTRY.match(text, at):  # three times as fast as what follows
        return whole.end()
    depth = 0
    while found := _TO_BRACKET.match(text, at):
        at, depth = found.end(), depth + (1 if found[1] in "{[" else -1)
        if depth <= 0:
            return at
    return 0


class _Text:
    """A window on a large file, which moves forward only."""

    def __init__(self, path: str) -> None:
        self.path, self.text, self.start, self.at, self.ended = path, "", 0, 0, False
        self.file = open(path, "rb")  # noqa: SIM115 - closed by `walk_json`
        if self.file.read(3) != b"\xef\xbb\xbf":
            self.file.seek(0)
        else:
            self.start = 3

    def more(self) -> bool:
        """Read on; the part that was used is let go. Return whether there was more."""
        self.text, self.start, self.at = self.text[self.at :], self.start + self.at, 0
        found = self.file.read(max(_CHUNK, len(self.text)))
        self.text += found.decode("latin-1")
        return bool(found)

    def sign(self) -> str:
        """Return the next sign that is not blank, and stay before it; "" at the end."""
        while not (found := self.text[self.at : self.at + 1]) or found in _BLANKS:
            if found:
                self.at += 1
            elif not self.more():
                break
        return found

    def expect(self, signs: str) -> str:
        """Step over one of some signs."""
        found = self.sign()
        if not found or found not in signs:
            raise self.refuse(f"{found!r}" if found else "the end of the file", f"one of {' '.join(signs)}")
        self.at += 1
        return found

    def comma_or(self, end: str) -> None:
        """Step over a comma, unless the end comes."""
        if (found := self.sign()) == ",":
            self.at += 1
        elif found != end:
            raise self.refuse(f"{found!r}" if found else "the end of the file", f"one of , {end}")

    def value(self) -> Piece:
        """Read a value."""
        self.sign()
        while True:
            try:
                found, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                raise self.refuse("JSON nested too deep", "annotations") from None
            except ValueError as error:
                if len(self.text) - self.at > _LONGEST or not self.more():
                    raise self.refuse(f"no valid JSON ({error})", "JSON") from None
                continue
            if end == len(self.text) and self.more():
                continue  # a number may go on
            text, place = self.taken(end)
            if not text.isascii():  # read again: what it escapes is not Latin-1
                found = parse_json(text.encode("latin-1"), self.path)
            return found, place

    def skipped(self) -> Piece:
        """Step over an object, and return its text."""
        self.sign()
        while not (end := _end_of(self.text, self.at)):
            if len(self.text) - self.at > _LONGEST or not self.more():
                raise self.refuse("an entry without an end", "JSON")
        return self.taken(end)

    def taken(self, end: int) -> Piece:
        """Step to a place, and return the text before it."""
        at, self.at = self.at, end
        return self.text[at:end], (self.start + at, end - at)

    def plain(self) -> Iterator[Piece]:
        """Step over objects that hold no others, each with the comma after it, while one more follows in the window."""
        text, at = self.text, self.at
        while found := _NEXT.match(text, end := text.find("}", at) + 1):
            if text.rfind("{", at, end) != at:
                return
            self.at = found.end()
            yield text[at:end], (self.start + at, end - at)
            at = self.at

    def entries(self, *, as_texts: bool) -> Iterator[Piece]:
        """Step over the entries of a list, or of an object that stands for one: each as its value or as its text."""
        end = "]" if self.expect("[{") == "[" else "}"
        while self.sign() != end:
            if as_texts:
                yield from self.plain()
            if end == "}":
                self.value()
                self.expect(":")
            yield self.skipped() if as_texts else self.value()
            self.comma_or(end)
        self.expect(end)

    def refuse(self, found: str, expected: str) -> SourceError:
        """Make the error of this place."""
        where = f"byte {self.start + self.at:,}: {found}"
        return SourceError(self.path, found=where, expected=expected, remedy=_REMEDY)


def walk_json(file: File, lists: tuple[str, ...], texts: tuple[str, ...] = ()) -> Iterator[tuple[str, Piece]]:
    """Yield the entries of some lists of the object that a JSON file is, and its other values whole.

    Args:
        file: of any size: one entry at a time is in memory.
        lists: keys of the lists whose entries are yielded one by one. LIVECell has objects for them, by ids.
        texts: those of them whose entries are yielded as text, taken for Latin-1, since reading numbers takes long.

    Raises:
        SourceError: if it is not JSON, nested too deep, holds NaN, or no object.
    """
    if os.path.getsize(file.path) == 0:
        raise SourceError(file.path, found="an empty file", expected="JSON", remedy=_REMEDY)
    text = _Text(file.path)
    with text.file:
        text.expect("{")
        while text.sign() != "}":
            key, _ = text.value()
            text.expect(":")
            if key in lists and text.sign() in ("[", "{"):
                for piece in text.entries(as_texts=key in texts):
                    yield key, piece
            else:
                yield str(key), text.value()
            text.comma_or("}")


def has_words(path: Path, words: tuple[bytes, ...]) -> bool:
    """Check whether all of some words occur in the first and last bytes of a file."""
    return words_in(path, words) == {*words}


def words_in(path: Path, words: tuple[bytes, ...]) -> set[bytes]:
    """Return those of some words that occur in the first and last bytes of a file."""
    if not os.path.isfile(path):  # a pipe would be waited for
        return set()
    try:
        with open(path, "rb") as file:
            head = file.read(_ENDS)
            size = os.fstat(file.fileno()).st_size
            file.seek(max(len(head), size - _ENDS))
            seen = head + file.read(_ENDS)
    except OSError:
        return set()
    return {word for word in words if word in seen}
