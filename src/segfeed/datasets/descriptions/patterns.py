"""Patterns: where files lie, such as "images/{split}/{key}.jpg", matched against the files that are there.

{key}      the sample's name, any characters; may span folders
{name}     the same, but within one folder
{folder}   folders that photos and masks share; they become part of the key: "2024-05/a"
{split}    the name of a folder, or of a part of one
*          any characters inside one name

A placeholder may say how its text looks, in alternatives of "*", "#" for digits, and plain text: {name:ADE_*} begins
with "ADE_", {split:train#|val#} is train2017 or val2017. In {name:ADE_{split}_*} a part of the name is the split.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from segfeed.datasets.matching.lists import compose, spell_as_on_disk
from segfeed.errors import SourceError

_TOKEN = re.compile(r"\{(\w+)(?::((?:[^{}/.]|\{split\})+))?\}|(\*+)|([^{}*]+|[{}])")
_LOOKS = re.compile(r"(\{split\})|(\*)|(#)|(\|)|([^{}*#|]+)")
_NAMES = {
    "key": ("key", r"[\s\S]+"),
    "name": ("key", r"[^/]+"),
    "folder": ("folder", r"[^/]+(?:/[^/]+)*"),
    "split": ("split", r"[^/]+"),
}
_DEEPEST = 32  # folders below one another; a real dataset has a handful


_Sort = Callable[..., Iterable["os.DirEntry[str]"]]


class Match(NamedTuple):
    """A file that fits a pattern: the split and key that its path spells, and the path below the root."""

    split: str
    key: str
    path: str


@dataclass(frozen=True)
class Pattern:
    """A path below a dataset's root with placeholders.

    Attributes:
        text: as it was written, with "/" between folders.

    Raises:
        SourceError: if the text is not a relative path, or has a placeholder that is not known, or no {key}.

    >>> Pattern("images/{split}/{key}.jpg").regex.fullmatch("images/train/a/1.JPG").groupdict()
    {'split': 'train', 'key': 'a/1'}
    """

    text: str

    def __post_init__(self) -> None:
        known = ", ".join(f"{{{name}}}" for name in _NAMES)
        tokens = _TOKEN.findall(self.text)
        found = {name for name, *_ in tokens if name} | {"split" for _, looks, *_ in tokens if "{split}" in looks}
        if not self.text or self.text.startswith(("/", "~")) or "\\" in self.text:
            raise _refused(self.text, "a path below the dataset's folder, with / between folders")
        if {"..", ".", ""} & set(self.text.split("/")):
            raise _refused(self.text, "a path without '..', '.' and empty names")
        if found - set(_NAMES) or any(plain in ("{", "}") for *_, plain in tokens):
            raise _refused(self.text, f"no placeholders but {known}")
        if len({"key", "name"} & found) != 1 or "**" in self.text:
            raise _refused(self.text, "{key} in it, which may span folders, or {name}, and no '**'")

    @property
    def has_split(self) -> bool:
        """Whether {split} is in it."""
        return "{split" in self.text

    @cached_property
    def folder(self) -> str:
        """The folders before the first one with a placeholder, such as "images"; "" for the root itself."""
        parts = self.text.split("/")[:-1]
        fixed = next((n for n, part in enumerate(parts) if re.search(r"[{*]", part)), len(parts))
        return "/".join(parts[:fixed])

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern as a regular expression; the suffix fits in upper and in lower case."""
        return re.compile(_regex(compose(self.text)))

    @cached_property
    def _folders(self) -> tuple[re.Pattern[str], ...]:
        """Expressions of the folders before {key}, or of all with {name}: what doesn't fit them is not searched."""
        parts = compose(self.text).split("/")
        until = next((n for n, part in enumerate(parts) if _spans(part)), len(parts) - 1)
        return tuple(re.compile(_regex("/".join(parts[: n + 1]))) for n in range(until))

    @cached_property
    def fixed(self) -> int:
        """How many characters are fixed: of two patterns that fit a file, the one with more means it."""
        return sum(len(plain) for *_, plain in _TOKEN.findall(self.text))

    @property
    def _is_deep(self) -> bool:
        return _spans(self.text)

    def folder_of(self, split: str) -> str:
        """Return the folders before the first one with a placeholder other than {split}, which is filled in.

        >>> Pattern("gt/{split}/*/{name}_gt.png").folder_of("val")
        'gt/val'
        """
        return Pattern(re.sub(r"\{split(:[^{}]*)?\}", lambda _: split, self.text)).folder if split else self.folder

    def find(self, root: Path) -> Iterator[Match]:
        """List the files that fit, sorted by name, folder by folder.

        Raises:
            SourceError: if a folder cannot be read.
        """
        return self.matches(self._walk(root, spell_as_on_disk(root, self.folder), (), sort=sorted))

    def matches(self, paths: Iterable[str]) -> Iterator[Match]:
        """List those of some paths below a root that fit."""
        for path in paths:
            if match := self.regex.fullmatch(compose(path)):
                named = match.groupdict()
                shared = f"{named['folder']}/" if "folder" in named else ""
                yield Match(named.get("split") or "", shared + named["key"], path)

    def is_there(self, root: Path, *, most: int | None = None) -> bool:
        """Check whether any file fits, of all or of the first `most`."""
        # In whatever order the system lists them: sorting a large folder takes longer than finding its first file.
        folder = spell_as_on_disk(root, self.folder)
        paths = self._walk(root, folder, (), sort=lambda entries, **_: entries)
        try:
            return os.path.isdir(root / folder) and any(True for _ in self.matches(islice(paths, most)))
        except SourceError:  # a folder that cannot be read: nothing is known to lie there
            return False

    def _walk(self, root: Path, folder: str, above: tuple[tuple[int, int], ...], *, sort: _Sort) -> Iterator[str]:
        depth = folder.count("/") + 1 if folder else 0
        part = self.text.split("/")[depth] if depth < len(self._folders) else ""
        if part and not re.search(r"[{*]", part):  # a name, not a pattern: what else lies here may be many files
            inner = spell_as_on_disk(root, f"{folder}/{part}" if folder else part)
            yield from self._walk(root, inner, above, sort=sort)
            return
        try:
            place = os.stat(root / folder)
            opened = os.scandir(root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise SourceError(
                str(root / folder),
                found=f"the folder cannot be read ({error.strerror})",
                remedy="check its permissions",
            ) from error
        this = (place.st_dev, place.st_ino)
        with opened:
            if this in above or depth > _DEEPEST:  # a link that leads back up: its files were listed already
                return
            for entry in sort(opened, key=lambda entry: entry.name):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.startswith("."):
                    continue
                # A link may lead back to itself: the entry's own answer would be an error then.
                if not (os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)):
                    yield path
                elif self._is_deep if depth >= len(self._folders) else self._folders[depth].fullmatch(compose(path)):
                    yield from self._walk(root, path, (*above, this), sort=sort)


def parse_patterns(wanted: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> tuple[Pattern, ...]:
    """Read one pattern or a list of alternatives.

    Raises:
        SourceError: as `Pattern`, and if one is not a text.

    >>> [pattern.text for pattern in parse_patterns("a/{key}.jpg")]
    ['a/{key}.jpg']
    """
    listed = list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]
    if odd := [text for text in listed if not isinstance(text, str | os.PathLike)]:
        raise SourceError("pattern", found=f"{odd[0]!r:.60}", expected="a text, or a list of texts")
    return tuple(Pattern(text if isinstance(text, str) else Path(text).as_posix()) for text in listed)


def _regex(text: str) -> str:
    """Translate a pattern; what a placeholder was at its first place it must be at the next."""
    stem, dot, suffix = text.rpartition(".")
    if not dot or "/" in suffix:
        stem, suffix = text, ""
    parts: list[str] = []
    seen: set[str] = set()
    for name, looks, star, plain in _TOKEN.findall(stem):
        if name:
            group, fits = _NAMES[name]
            parts.append(f"(?P={group})" if group in seen else f"(?P<{group}>{_looks(looks, seen) or fits})")
            seen.add(group)
        else:
            parts.append("[^/]*" if star else re.escape(plain))
    ending = re.escape(f"{dot}{suffix}").replace(r"\*", r"[^./]*") if suffix else ""
    return "".join(parts) + (f"(?i:{ending})" if ending else "")


def _looks(text: str, seen: set[str]) -> str:
    """Translate how the text of a placeholder looks."""
    parts = []
    for split, star, digits, either, plain in _LOOKS.findall(text):
        if split:
            parts.append("(?P=split)" if "split" in seen else "(?P<split>[^/]+)")
            seen.add("split")
        else:
            parts.append("[^/]*" if star else "[0-9]+" if digits else "|" if either else re.escape(plain))
    return "".join(parts)


def _spans(text: str) -> bool:
    """Check whether a part of a pattern may span folders."""
    return any(name in ("key", "folder") for name, *_ in _TOKEN.findall(text))


def _refused(text: str, expected: str) -> SourceError:
    return SourceError(
        f"pattern {text!r}", found="it cannot be used", expected=expected, remedy="such as 'images/{split}/{key}.jpg'"
    )
