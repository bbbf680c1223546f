"""Hints: texts that may say what stored values mean, though nothing reads them by itself: notes for people.

A module of its own: the others here read legends; these texts are only named, for a person to read.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from segfeed.datasets.blobs import decode_text, read_file
from segfeed.errors import SourceError

_SUFFIXES = (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".yaml", ".yml", ".ini", ".html", ".names", "")
_MOST_BYTES = 1 << 16
_MOST_ALIKE = 20  # files of one suffix in a folder: more are annotations, one for each photo
_MOST_READ = 40
_LEAST_LINES = 2
_LONGEST_LINE = 100
_CALLED = re.compile(
    r"class|klass|clase|label|legend|colou?r|farb|couleur|palett|categor|kategor|codes|标签|類別|类别|图例|颜色",
    re.IGNORECASE,
)
_VALUE = r"(?:\d{1,3}(?:\s*[,;\s]\s*\d{1,3}){2}|#[0-9a-fA-F]{6}|\d{1,5})"
_WORD = r"[^\W\d_][^\d\n]{0,40}"
_SAYS = re.compile(rf"\W*(?:{_VALUE}\W+{_WORD}|{_WORD}?\W+{_VALUE}\W*)")
"""A short line of a value and a word: "0 = Boden", "| roof | 200,30,30 |"."""


def find_legend_texts(root: Path, names: Iterable[str]) -> list[str]:
    """List the files that are called like legends, or in which lines pair values with words.

    Args:
        root: a folder.
        names: of files below it, the nearest first.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in _SUFFIXES and not name.startswith("."):
            alike.setdefault((os.path.dirname(stem), suffix.lower()), []).append(name)
    few = [name for same in alike.values() if len(same) <= _MOST_ALIKE for name in same]
    return [name for name in few[:_MOST_READ] if _may_say(root / name)]


def _may_say(path: Path) -> bool:
    if _CALLED.search(path.name):
        return path.is_file()
    try:
        text = decode_text(read_file(path, _MOST_BYTES))
    except (SourceError, UnicodeDecodeError):
        return False
    if path.suffix.lower() == ".json":
        return bool(_CALLED.search(text))
    lines = text.splitlines()
    return sum(len(line) <= _LONGEST_LINE and bool(_SAYS.fullmatch(line)) for line in lines) >= _LEAST_LINES
