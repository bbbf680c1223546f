"""Table files: which Parquet and Arrow files of a folder hold which split.

Source: Hugging Face datasets, "Structure your repository" (splits by file names and folders), and the files that
`Dataset.save_to_disk` and `DatasetDict.save_to_disk` write (state.json, dataset_dict.json).
"""

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import read_file
from segfeed.datasets.matching.folders import subfolders
from segfeed.datasets.tables.cells import SUFFIXES
from segfeed.errors import SourceError, SourceMissingError

_NUMBERED = re.compile(r"(?:.+-)?(?P<split>\w+(?:\.\w+)*)-(?P<number>\d{5})-of-(?P<count>\d{5})(?:-[0-9a-f]{16})?")
_WORDS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval")
_MAX_JSON_BYTES = 16 << 20


def find_tables(root: Path) -> dict[str, list[str]]:
    """List the tables of a dataset: split -> paths, in the order of their rows.

    Args:
        root: a table, or a folder that holds tables, itself or in folders of it.

    Raises:
        SourceError: if a description is malformed, or tables of one split lie in several folders.
        SourceMissingError: if one of the numbered tables of a split is not there.

    >>> find_tables(Path("no/such/folder"))
    {}
    """
    if os.path.isfile(root):
        return {split_of(root) or "train": [str(root)]} if root.suffix in SUFFIXES else {}
    if os.path.isfile(root / "dataset_dict.json"):
        splits = _read_json(root / "dataset_dict.json", "splits")
        if not isinstance(splits, list):
            where = str(root / "dataset_dict.json")
            raise SourceError(where, found=f"splits = {splits!r:.60}", remedy="save the dataset again")
        return {str(split): _saved(root / Path(str(split)).name) for split in splits}
    # Others write a state.json, too.
    if os.path.isfile(root / "state.json") and os.path.isfile(root / "dataset_info.json"):
        return {str(_read_json(root / "state.json", "_split") or "train"): _saved(root)}
    found: dict[str, list[Path]] = {}
    for path in _list_tables(root):
        folder = "train" if path.parent in (root, root / "data") else path.parent.name
        found.setdefault(split_of(path) or folder, []).append(path)
    return {split: _check_whole(split, paths) for split, paths in found.items()}


def _list_tables(root: Path) -> list[Path]:
    """List the tables in a folder and in those in it, as far as they can be read; a pipe would be waited for.

    Not hidden ones: macOS puts a "._train.parquet" beside a file that it copies to another system's disk.
    """
    found: list[Path] = []
    for folder in (root, *subfolders(root)):
        with suppress(OSError), os.scandir(folder) as entries:
            tables = [entry for entry in entries if entry.name.endswith(SUFFIXES) and entry.name[0] != "."]
            found += [Path(entry.path) for entry in tables if entry.is_file()]
    return sorted(found)


def split_of(path: Path) -> str | None:
    """Return the split that a table's name says; None if it says none."""
    match = _NUMBERED.fullmatch(path.stem)
    word = match["split"] if match else path.stem.rpartition("-")[2]
    return word if word in _WORDS or (match and word != "data") else None


def _check_whole(split: str, paths: list[Path]) -> list[str]:
    folders = sorted({str(path.parent) for path in paths})
    if len(folders) > 1:
        raise SourceError(
            os.path.commonpath(folders),
            found=f"tables of split {split!r} in several folders ({', '.join(folders)})",
            expected="one folder",
            remedy="pass the path of one",
        )
    matches = [match for path in paths if (match := _NUMBERED.fullmatch(path.stem))]
    counts = {int(match["count"]) for match in matches}
    if counts and {int(match["number"]) for match in matches} != set(range(max(counts))):
        raise SourceMissingError(
            folders[0],
            found=f"{len(matches)} of {max(counts)} tables of split {split!r} are there",
            expected="all",
            remedy="add the others",
        )
    return [str(path) for path in paths]


def _saved(folder: Path) -> list[str]:
    """List the tables that `save_to_disk` wrote into a folder."""
    if indices := _read_json(folder / "state.json", "_indices_data_files"):
        raise SourceError(
            str(folder),
            found=f"rows that another table chooses ({indices})",
            expected="plain rows",
            remedy="save it again after flatten_indices()",
        )
    try:
        names = [Path(str(row["filename"])).name for row in _read_json(folder / "state.json", "_data_files")]
    except (TypeError, KeyError) as error:
        found, remedy = f"malformed ({error!r})", "save the dataset again"
        raise SourceError(str(folder / "state.json"), found=found, remedy=remedy) from None
    if not names:
        raise SourceError(str(folder / "state.json"), found="it lists no table", remedy="save the dataset again")
    if lacking := [name for name in names if not os.path.isfile(folder / name)]:
        raise SourceMissingError(
            str(folder), found=f"no {lacking[0]}, which state.json lists", remedy="add it, or save the dataset again"
        )
    return [str(folder / name) for name in names]


def _read_json(path: Path, key: str) -> Any:
    """Read one entry of a JSON file; None if it is not there."""
    described = read_file(path, _MAX_JSON_BYTES)
    try:
        return json.loads(described).get(key)
    except (ValueError, AttributeError, RecursionError) as error:
        raise SourceError(str(path), found=f"malformed ({error})", remedy="save the dataset again") from None
