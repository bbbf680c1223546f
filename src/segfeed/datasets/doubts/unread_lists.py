"""Unread lists: files that name the samples of splits, while a hash splits the samples since no format reads them.

Someone's split would be mixed: photos to test on would be trained on. What such files mean is not guessed.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from segfeed.datasets.blobs import decode_text, read_file
from segfeed.datasets.doubts.ways_out import Doubt
from segfeed.datasets.drawn.masks import DrawnMask
from segfeed.datasets.matching.folders import has_pictures, subfolders
from segfeed.datasets.matching.lists import SPLIT_ELSEWHERE, SPLIT_IN_NAME, SPLIT_WORDS, compose, named_stems
from segfeed.datasets.matching.pair_lists import list_files
from segfeed.datasets.matching.split_tables import read_columns
from segfeed.datasets.source import Sample
from segfeed.datasets.tables.rows import columns_of, read_rows
from segfeed.errors import SourceError
from segfeed.system.showing import some

RULE = "lists-unread"

LIST_SUFFIXES = (".txt", ".lst", ".list", ".csv", ".tsv", ".json", ".jsonl")
"""Of files that may list photos."""

_TABLES = (".csv", ".tsv")
_PLAIN = (".txt", ".lst", ".list")
_LISTS = (*_PLAIN, *_TABLES)
_WORDS = ("train", "val", "test")
_MOST_PARTS = 20  # lists that share out all photos
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
    """Doubt the hash that splits samples if files beside or below them name their photos, as splits do.

    They are called like splits, or several lists name each photo once. A few languages are known.

    Args:
        root: the dataset's folder.
        samples: lists all samples; it is called only if there are such files.
    """
    files = list(_files_of_lists(root, ""))
    named = [name for name in files if _is_of_splits(name) or _says_splits(root / name)]
    others = _lie_together(name for name in files if name not in named)
    listed = samples() if named or others else ()
    stems = {os.path.splitext(os.path.basename(compose(sample.photo.name)))[0] for sample in listed}
    least = max(min(_FEW, len(stems)), 1)
    drawn = {one.mask.file.path for one in listed if isinstance(one.mask, DrawnMask)}  # annotations, which are read
    units = stems | {part for sample in listed for part in compose(sample.key).split("/")[:-1]}  # such as scenes
    named = [name for name in named if str(root / name) not in drawn]
    found = [name for name in named if names_photos(root / name, units, least)]
    if found:  # beside a list, a text that names one alone is another list
        found = [name for name in named if name in found or (_is_plain(name) and names_photos(root / name, units, 1))]
    found = found or next((parts for texts in others if (parts := _parts(root, texts, stems))), [])
    if found:
        shown = f"{some(found, _SHOWN)} {'name' if found[1:] else 'names'}"
        yield Doubt(
            "warning",
            RULE,
            f"a hash splits the samples, while {shown} photos as splits do",
            "the splits that the dataset comes with",
            f"say in a segfeed.toml, under [splits], {_line_for(root, found, stems)}, or {_HASH}",
        )


def _lie_together(names: Iterable[str]) -> list[list[str]]:
    """List the texts of one suffix that lie in one folder, if there are several, but a few."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in _PLAIN:
            found.setdefault((os.path.dirname(stem), suffix.lower()), []).append(name)
    return [alike for alike in found.values() if 2 <= len(alike) <= _MOST_PARTS]


def _parts(root: Path, names: Sequence[str], stems: set[str]) -> list[str]:
    """List those of some texts that list photos, if there are several that name each photo once; else []."""
    held = {name: stems & named_stems(_text(root / name)) for name in names if names_photos(root / name, stems, 1)}
    shares_out = len(held) > 1 and sum(map(len, held.values())) == len(stems) == len(set().union(*held.values()))
    return list(held) if shares_out else []


def _files_of_lists(root: Path, below: str, depth: int = 0) -> Iterator[str]:
    """List the files that may be lists; folders of pictures hold none but the root."""
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
    yield from sorted(f"{below}{name}" for alike in by_suffix.values() if len(alike) <= _MOST_ALIKE for name in alike)
    if depth < _DEEPEST:
        for inner in subfolders(folder):
            if inner.name[0] != "." and not inner.is_symlink() and not _RUNS.search(inner.name):
                yield from _files_of_lists(root, f"{below}{inner.name}/", depth + 1)


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
        said = _cells_of(path)
        said = {name: cells for name, cells in said.items() if _is_of_splits(name) or all(map(_is_of_splits, cells))}
    elif path.suffix.lower().startswith(".json"):
        for key, value in map(re.Match.groups, _PAIR.finditer(_text(path))):
            if _is_of_splits(key):
                if value[:1] in ("[", "{"):  # what is of that split
                    return True
                said.setdefault(key, set()).add(value)
    return any(len(values) > 1 for values in said.values())


def _cells_of(path: Path, most: int = _MOST_PARTS) -> dict[str, set[str]]:
    """List what the columns of a table say in their first lines, of columns that say few things at most."""
    names = list(dict.fromkeys(filter(None, columns_of(path))))
    if names and os.path.getsize(path) > _MOST_BYTES:
        names = list(filter(_is_of_splits, names))  # what a large table says is looked at only if it is called so
    with suppress(SourceError, OSError):
        rows = [cells for _, cells in islice(read_rows(path, names), _FIRST_LINES)] if names else []
        said = {name: {row[n] for row in rows} for n, name in enumerate(names)}
        return {name: cells for name, cells in said.items() if len(cells) <= most}
    return {}


def _is_plain(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in _PLAIN


def _is_of_splits(name: str) -> bool:
    return bool(SPLIT_IN_NAME.search(name) or SPLIT_ELSEWHERE.search(compose(name))) and not _RUNS.search(name)


def _line_of_table(path: Path, name: str, stems: set[str]) -> str:
    """Write the line that reads a table, by what its columns are called, or else hold; "" if that is unclear."""
    table, said = read_columns(path), _cells_of(path, _FIRST_LINES)
    few = (column for column, cells in said.items() if len(cells) <= _MOST_PARTS and all(map(_is_of_splits, cells)))
    split = (table and table.split) or next(filter(_is_of_splits, columns_of(path)), "") or next(few, "")
    photos = {column: len(stems & named_stems("\n".join(cells))) for column, cells in said.items()}
    key = table.key if table else max(photos, key=lambda column: photos[column], default="")
    if not split or not (table or photos.get(key)):
        return ""
    line = f'file = "{name}", key = "{key}", split = "{split}", names = {{ train = "...", val = "..." }}'
    return f"table = {{ {line} }} with what the column says"


def _line_of_each(root: Path, names: Sequence[str]) -> str:
    """Write the line that names each list: by the words in their names, else the longest as the one to train on."""
    alike = [name for name in names if os.path.splitext(name)[1].lower() in _LISTS]
    matches = [SPLIT_IN_NAME.search(os.path.basename(name)) for name in alike]
    words = [SPLIT_WORDS.get(match[1].casefold(), match[1]) if match else "" for match in matches]
    if not all(words) or len({*words}) < len(words):
        alike, words = sorted(alike, key=lambda name: -len(_text(root / name))), list(_WORDS)
    listed = [f'{word} = "{name}"' for word, name in zip(words, alike, strict=False)]
    rest = [] if alike[1:] else [f'{"train" if words[0] == "val" else "val"} = "*"']
    return f"lists = {{ {', '.join([*listed, *rest])} }}"


def _line_for(root: Path, names: Sequence[str], stems: set[str]) -> str:
    """Write the line of a description that reads some files, as far as their names and columns say."""
    name, path = names[0], root / names[0]
    folder, stem = os.path.split(os.path.splitext(name)[0])
    if path.suffix.lower() in _TABLES and (line := _line_of_table(path, name, stems)):
        return line
    match = SPLIT_IN_NAME.search(stem)
    if path.suffix.lower() in _LISTS and match and match[1].casefold() in SPLIT_WORDS:
        spelled = os.path.join(folder, f"{stem[: match.start(1)]}{{split}}{stem[match.end(1) :]}{path.suffix}")
        fitting = {file.relative_to(root).as_posix() for file in list_files(root, {"": spelled}).values()}
        return f'lists = "{spelled}"' if fitting <= {*names} else _line_of_each(root, names)
    alike = [one for one in names if _is_plain(one)]
    if name in alike and (digits := re.fullmatch(r"(\D*)\d+(\D*)", stem)):
        spelled = os.path.join(folder, f"{digits[1]}{{split}}{digits[2]}{path.suffix}")
        return f'lists = "{spelled}", whose splits are called by these numbers'
    if name in alike and len(alike) <= len(_WORDS):
        return f"{_line_of_each(root, alike)}, or in another order"
    return 'lists = "{split}.txt" and write such lists, a key on each line, as this file cannot be read'
