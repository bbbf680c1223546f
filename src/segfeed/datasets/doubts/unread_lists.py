"""Unread lists: files that name the samples of splits, while a hash splits the samples since no format reads them.

Someone's split would be mixed: photos to test on would be trained on. What such files mean is not guessed.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from segfeed.datasets.blobs import decode_text, read_file
from segfeed.datasets.doubts.ways_out import Doubt
from segfeed.datasets.drawn.masks import DrawnMask
from segfeed.datasets.matching.folders import has_pictures, subfolders
from segfeed.datasets.matching.lists import SPLIT_IN_NAME, SPLIT_WORDS, compose, named_stems
from segfeed.datasets.matching.split_tables import read_columns
from segfeed.datasets.source import Sample
from segfeed.datasets.tables.rows import columns_of, read_rows
from segfeed.errors import SourceError
from segfeed.system.showing import some

RULE = "lists-unread"

LIST_SUFFIXES = (".txt", ".lst", ".list", ".csv", ".tsv", ".json", ".jsonl")
"""Of files that may list photos."""

_TABLES = (".csv", ".tsv")
_LISTS = (".txt", ".lst", ".list", *_TABLES)
_MOST_BYTES = 8 << 20  # of a list; what is larger holds annotations
_DEEPEST = 3
_FEW = 2  # photos that a list names at least: one may be named by chance
_MOST_ALIKE = 200  # lists of one suffix in a folder; more files are annotations, one for each photo
_FIRST_LINES = 1_000  # of a text, which tell whether it is a list
_RUNS = re.compile(
    r"(?<![a-z])(logs?|history|metrics?|scores?|results?|reports?|stats?|statistics|config|notes?|loss(?:es)?|"
    r"pred(?:iction)?s?|outputs?|runs?|wandb|checkpoints?)(?![a-z])",
    re.IGNORECASE,
)
"""A word in the name of a file, folder or column of what training and testing leave: it names photos, too."""
_PAIR = re.compile(r'"(\w++)"\s*+:\s*+("[^"\n]*+|[^\s,}\]]*+)')  # of JSON: a key, and how its value begins
_SHOWN = 3
_HASH = "hash = { train = 80, val = 20 }, if the hash is meant"


def doubt_lists(root: Path, samples: Callable[[], Sequence[Sample]]) -> Iterator[Doubt]:
    """Doubt the hash that splits samples if files beside or below them are called like splits, and name their photos.

    Args:
        root: the dataset's folder.
        samples: lists all samples; it is called only if there are such files.
    """
    named = list(_candidates(root, ""))
    listed = samples() if named else ()
    stems = {os.path.splitext(os.path.basename(compose(sample.photo.name)))[0] for sample in listed}
    least = max(min(_FEW, len(stems)), 1)
    drawn = {one.mask.file.path for one in listed if isinstance(one.mask, DrawnMask)}  # annotations, which are read
    found = [name for name in named if str(root / name) not in drawn and names_photos(root / name, stems, least)]
    if found:
        shown = f"{some(found, _SHOWN)} {'name' if found[1:] else 'names'}"
        yield Doubt(
            "warning",
            RULE,
            f"a hash splits the samples, while {shown} photos as splits do",
            "the splits that the dataset comes with",
            f"say in a segfeed.toml, under [splits], {_line_for(root / found[0], found[0])}, or {_HASH}",
        )


def _candidates(root: Path, below: str, depth: int = 0) -> Iterator[str]:
    """List the files that are called like splits, or say splits; folders of pictures hold none but the root."""
    folder = root / below
    if depth and has_pictures(folder):
        return
    try:
        names = [name for name in os.listdir(folder) if name[0] != "." and not _RUNS.search(name)]
    except OSError:
        return
    by_suffix: dict[str, list[str]] = {suffix: [] for suffix in LIST_SUFFIXES}
    for name in names:
        by_suffix.get(os.path.splitext(name)[1].lower(), []).append(name)
    for name in sorted(name for alike in by_suffix.values() if len(alike) <= _MOST_ALIKE for name in alike):
        if SPLIT_IN_NAME.search(f"{below}{name}") or _says_splits(folder / name):
            yield f"{below}{name}"
    if depth < _DEEPEST:
        for inner in subfolders(folder):
            if inner.name[0] != "." and not inner.is_symlink() and not _RUNS.search(inner.name):
                yield from _candidates(root, f"{below}{inner.name}/", depth + 1)


def _text(path: Path) -> str:
    try:
        return decode_text(read_file(path, _MOST_BYTES))
    except (SourceError, UnicodeDecodeError):
        return ""


def names_photos(path: Path, stems: set[str], least: int = _FEW) -> bool:
    """Check whether a file names photos: at least some, and in most of its lines unless it is JSON."""
    text = _text(path)
    if len(stems & named_stems(text)) < least:
        return False
    lines = [line for line in text.splitlines()[:_FIRST_LINES] if line.strip()]
    naming = sum(not stems.isdisjoint(named_stems(line)) for line in lines)
    return path.suffix.lower().startswith(".json") or 2 * naming >= len(lines)


def _says_splits(path: Path) -> bool:
    """Check whether a column of a table, or a key of JSON, is called like splits, and says more than one thing."""
    said: dict[str, set[str]] = {}
    if path.suffix.lower() in _TABLES:
        for name in filter(_is_of_splits, columns_of(path)):
            with suppress(SourceError):
                said[name] = {cells[0] for _, cells in read_rows(path, [name])}
    elif path.suffix.lower().startswith(".json"):
        for key, value in map(re.Match.groups, _PAIR.finditer(_text(path))):
            if _is_of_splits(key):
                if value[:1] in ("[", "{"):  # what is of that split
                    return True
                said.setdefault(key, set()).add(value)
    return any(len(values) > 1 for values in said.values())


def _is_of_splits(name: str) -> bool:
    return bool(SPLIT_IN_NAME.search(name)) and not _RUNS.search(name)


def _line_for(path: Path, name: str) -> str:
    """Write the line of a description that reads a file, as far as its name and its columns say."""
    folder, stem = os.path.split(os.path.splitext(name)[0])
    table = read_columns(path) if path.suffix.lower() in _TABLES else None
    if table and (column := table.split or next(filter(_is_of_splits, columns_of(path)), "")):
        said = f'file = "{name}", key = "{table.key}", split = "{column}", names = {{ train = "...", val = "..." }}'
        return f"table = {{ {said} }} with what the column says"
    match = SPLIT_IN_NAME.search(stem)
    if path.suffix.lower() in _LISTS and match and match[1].casefold() in SPLIT_WORDS:
        spelled = f"{stem[: match.start(1)]}{{split}}{stem[match.end(1) :]}{path.suffix}"
        return f'lists = "{folder}/{spelled}"' if folder else f'lists = "{spelled}"'
    return 'lists = "{split}.txt" and write such lists, a key on each line, as this file cannot be read'
