"""Names in an export: which splits and keys a format can hold, and by which key each sample is written.

A sample is its split, its key and its bytes. In a folder that all splits share, a key must therefore name one sample.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from segfeed.datasets.drawn.files import split_of_file
from segfeed.datasets.formats.columns import is_key
from segfeed.datasets.matching.lists import FORBIDDEN
from segfeed.datasets.matching.pair_lists import parse_list
from segfeed.datasets.matching.table_files import split_of
from segfeed.datasets.source import Source, hold_same
from segfeed.datasets.splits import role_of
from segfeed.errors import ListError, OptionError
from segfeed.system.paths import is_reserved

RENAMED = "renamed_keys.csv"
"""The file of an export that lists the keys that were changed: split, key in the source, key as written."""

Keys = dict[str, tuple[str, ...]]
"""The keys of each split as they are written, in its order."""

_Place = tuple[int, int]  # a source's and a sample's position


def name_splits(kind: str, sources: Sequence[Source]) -> dict[str, str]:
    """Choose the name by which each split is written: its own, or one that files can be named after.

    A split string, "train[:50%]", becomes "train_50", if its own characters do not fit.

    Raises:
        OptionError: if two splits would have one name, or no such name fits.
    """
    names: dict[str, str] = {}
    for split in (source.split for source in sources):
        whole = split.partition("[")[0]  # annotations say by a few words only what a split is
        tried = (split, _UNFIT.sub("_", split).strip("_"), *((whole, role_of(whole)) if kind in _DRAWN else ()))
        name = next((name for name in tried if _fits_split(kind, name)), None)
        if name is None:
            found = f"a name that files of a {_KINDS[kind]} cannot have"
            expected = "train, val or test" if kind in _DRAWN else ""
            raise OptionError(f"split {split!r}", found=found, expected=expected, remedy=_RENAME_SPLIT)
        same = next((old for old, new in names.items() if new.casefold() == name.casefold()), None)
        if same is not None:
            found = f"splits {same!r} and {split!r}, which files would be named after alike"
            raise OptionError(
                "sources", found=found, expected="names that differ, not only in case", remedy=_RENAME_SPLIT
            )
        names[split] = name
    return names


def check_names(kind: str, sources: Sequence[Source]) -> None:
    """Refuse keys that a format could not give back, before anything is read.

    Raises:
        OptionError: if a split has no sample, or a sample's key does not fit.
    """
    for source in sources:
        if not source.samples:
            raise OptionError(f"split {source.split!r}", found="no sample", remedy="leave it out")
        wrong = [key for key in source.keys if not _fits_key(kind, key)]
        if wrong:
            other = ", or export to parquet" if all(map(is_key, wrong)) else ""
            raise OptionError(
                "sources",
                found=f"{len(wrong)} keys of {source.split!r} do not fit into a {_KINDS[kind]}, the first is "
                f"{wrong[0]!r}",
                expected=_EXPECTED_KEYS[kind],
                remedy=f"rename the samples{other}",
            )


_UNFIT = re.compile(r"\W+")
_RENAME_SPLIT = "rename it in the dataset, or in Python by dataclasses.replace(source, split=...)"
_KINDS = {
    "voc": "VOC folder",
    "parquet": "Parquet file",
    "webdataset": "WebDataset shard",
    "coco": "COCO dataset",
    "yolo": "YOLO dataset",
}
_DRAWN = ("coco", "yolo")
_NAMES_OF_FILES = "keys that photos can be named after on every system"
_EXPECTED_KEYS = {
    "voc": "keys that a split list can hold, and that name files on every system",
    "parquet": "keys that files could be named after on every system",
    "webdataset": "keys without dots, since WebDataset takes what follows one for a suffix",
    "coco": _NAMES_OF_FILES,
    "yolo": _NAMES_OF_FILES,
}


def _fits_split(kind: str, split: str) -> bool:
    if not split or FORBIDDEN.search(split) or split != split.strip() or split.startswith(".") or is_reserved(split):
        return False
    if set(split) & set("+[],"):  # which a split string, or a list of them, would take apart
        return False
    match kind:
        case "parquet":
            return split_of(Path(f"{split}-00000-of-00001.parquet")) == split
        case "coco":
            return split_of_file(Path(f"instances_{split}.json")) == split
        case "yolo":
            return split in ("train", "val", "test")
    return True


def _fits_key(kind: str, key: str) -> bool:
    if kind != "parquet" and any(is_reserved(part) for part in key.split("/")):  # a table names no file by a key
        return False
    match kind:
        case "voc":
            try:
                name = _flat(key)
                return parse_list(f"{name}\n".encode(), "list").ids == (name,) and not name.startswith(".")
            except (ListError, UnicodeEncodeError):
                return False
        case "parquet":
            return is_key(key)
        case "coco" | "yolo":
            name = _flat(key)
            return is_key(name) and not name.startswith(".") and PurePosixPath(f"{name}.jpg").stem == name
        case _:
            return "." not in key and "\\" not in key


def _flat(key: str) -> str:
    """Write a key of subfolders, "scene/0001", as the name of one file."""
    return key.replace("/", "_")


def name_keys(sources: Sequence[Source]) -> Keys:
    """Choose the keys of samples whose files all lie in one folder, whatever their split.

    Samples of one key stay one if their files hold the same bytes. Others get their split's name in front.

    Raises:
        OptionError: if two different samples would still have one key.
    """
    named: dict[str, list[_Place]] = {}
    for place, name in _walk(sources):
        named.setdefault(name, []).append(place)
    shared = {name for name, places in named.items() if not _are_one(sources, places)}
    keys: dict[str, list[str]] = {source.split: [] for source in sources}
    given: dict[str, _Place] = {}
    for place, name in _walk(sources):
        split = sources[place[0]].split
        key = f"{split}_{name}" if name in shared else name
        first = given.setdefault(key.casefold(), place)  # for folders in which case does not count
        # A split lists each of its samples once, so two of it are two, whatever they hold.
        if first != place and (first[0] == place[0] or not _are_one(sources, [first, place])):
            one, other = (
                f"{sources[number].keys[index]!r} of {sources[number].split!r}" for number, index in (first, place)
            )
            raise OptionError(
                "sources",
                found=f"samples {one} and {other} would both be named {key!r}",
                expected="a name of its own for each sample, not only in case",
                remedy="rename one of them, or export to parquet",
            )
        keys[split].append(key)
    return {split: tuple(of_split) for split, of_split in keys.items()}


def _walk(sources: Sequence[Source]) -> Iterator[tuple[_Place, str]]:
    for number, source in enumerate(sources):
        for index, key in enumerate(source.keys):
            yield (number, index), _flat(key)


def _are_one(sources: Sequence[Source], places: Sequence[_Place]) -> bool:
    """Check whether all of these are one sample: files of the same bytes, read in the same way."""
    (first, index), *others = places
    one, source = sources[first].samples[index], sources[first]
    for number, position in others:
        sample, other = sources[number].samples[position], sources[number]
        if (source.unknown, source.orientation) != (other.unknown, other.orientation):
            return False
        if not hold_same(one.photo, sample.photo) or not hold_same(one.mask, sample.mask):
            return False
    return True


def describe_renamed(sources: Sequence[Source], keys: Keys) -> str:
    """Write the CSV of all keys that were changed; "" if none was."""
    rows = [
        (source.split, key, written)
        for source in sources
        for key, written in zip(source.keys, keys[source.split], strict=True)
        if key != written
    ]
    return as_csv([("split", "key", "written as"), *rows]) if rows else ""


def read_renamed(folder: Path) -> list[tuple[str, str, str]]:
    """Read which keys an export changed: (split, key, key as written)."""
    return [(split, key, written) for split, key, written in read_csv(folder / RENAMED)]


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """Write rows, of which the first names the columns, as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def read_csv(path: Path) -> list[list[str]]:
    """Read what `as_csv` wrote but the names of columns; [] if there is no such file."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return []
    return list(csv.reader(text.splitlines()))[1:]
