"""Joining: several datasets of one format below one folder, read as one if a legend file in that folder counts for all.

Folders side by side may as well be datasets that nobody wants mixed, such as VOC2007 and VOC2012, which share photos.
A legend file beside them is what says that they belong together. Keys get the name of their folder in front.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from segfeed.datasets.legends.files import find_legend
from segfeed.datasets.matching.folders import subfolders
from segfeed.datasets.matching.lists import AUTOMATIC, SPLIT_IN_NAME, SPLIT_WORDS
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import EmptySplitError, LegendError, OptionError, SourceError
from segfeed.pixels.legend import Legend
from segfeed.system.showing import some

_SHOWN = 6


class _Lister(Protocol):
    """What a format offers of a dataset that it has recognised."""

    split_names: Callable[[Path], list[str]]
    list_split: Callable[[Path, str], SplitFiles]


@dataclass(frozen=True)
class Part:
    """One of the datasets.

    Attributes:
        folder: that holds it, below the common one.
        recognised: as its format answered.
        format: the format's name.
        module: lists its splits.
    """

    folder: Path
    recognised: Recognised
    format: str
    module: _Lister


@dataclass(frozen=True)
class JoinedFormat:
    """Datasets of one format as one; it offers what `FormatModule` says.

    Attributes:
        root: the folder that holds them.
        legend: of the legend file in it.
        parts: the datasets, by their folders' names.
    """

    root: Path
    legend: Legend
    parts: tuple[Part, ...]

    def recognise(self, path: Path) -> Recognised | None:
        """Return what is recognised, if this is the folder."""
        names = some((part.folder.name for part in self.parts), _SHOWN)
        why = f"{len(self.parts)} datasets in it ({names}) are read as one, since a legend file lies beside them"
        return Recognised(self.root, why) if path == self.root else None

    def split_names(self, _root: Path) -> list[str]:
        """List the splits that any part has."""
        return list(dict.fromkeys(name for names in self._splits().values() for name in names))

    def list_split(self, _root: Path, split: str) -> SplitFiles:
        """List a split's files, part after part.

        Raises:
            EmptySplitError: if there is none in any part.
            LegendError: if a part has a legend file that says something else than the one that counts for all.
        """
        return self._list(split, lambda part: part.module.list_split(part.recognised.root, split))

    def list_objects(self, _root: Path, split: str) -> SplitFiles:
        """List a split's files with object masks.

        Raises:
            OptionError: if the format has none.
        """

        def list_part(part: Part) -> SplitFiles:
            list_objects = getattr(part.module, "list_objects", None)
            if list_objects is None:
                raise OptionError("task", found=f'"instance" for format {part.format!r}', remedy='use task="semantic"')
            return cast(SplitFiles, list_objects(part.recognised.root, split))

        return self._list(split, list_part)

    def find_folds(self, _root: Path, split: str, keys: Sequence[str], folds: int) -> dict[str, int] | None:
        """Choose the fold of each sample, each part's by its own rule; None if no part balances its folds.

        A part without such a rule goes by the hash of its groups or keys, as it does alone.
        """
        found: dict[str, int] = {}
        names = self._splits()
        for part in self.parts:
            start = f"{part.folder.name}/"
            inner = [key.removeprefix(start) for key in keys if key.startswith(start)]
            find = getattr(part.module, "find_folds", None)
            if not inner or find is None or split not in names[part.folder.name]:
                continue
            chosen = find(part.recognised.root, split, inner, folds)
            found |= {f"{start}{key}": fold for key, fold in (chosen or {}).items()}
        return found or None

    def _list(self, split: str, list_part: Callable[[Part], SplitFiles]) -> SplitFiles:
        names = self._splits()
        having = [part for part in self.parts if split in names[part.folder.name]]
        found: list[SplitFiles] = []
        for part in having:
            try:
                found.append(_prefixed(part.folder.name, list_part(part)))
            except EmptySplitError:  # a hash leaves few samples out of val
                continue
        if not found:
            raise EmptySplitError(
                str(self.root), found=f"split {split!r} is empty in every folder", remedy="pass another split"
            )
        lacking = [part.folder.name for part in self.parts if part not in having]
        why = f"split {split!r} is not in {', '.join(lacking)}" if lacking else ""
        return SplitFiles(
            tuple(sample for files in found for sample in files.samples),
            tuple(gap for files in found for gap in files.missing),
            self._common_legend,
            "; ".join(filter(None, (why, *dict.fromkeys(files.why for files in found)))),
            groups={key: group for files in found for key, group in files.groups.items()},
            is_listed=all(files.is_listed for files in found),
        )

    def _splits(self) -> Mapping[str, Sequence[str]]:
        return {part.folder.name: part.module.split_names(part.recognised.root) for part in self.parts}

    def _common_legend(self) -> Legend:
        for part in self.parts:
            own = find_legend(part.recognised.folder or part.recognised.root)
            if own is not None and own.digest != self.legend.digest:
                raise LegendError(
                    str(part.folder),
                    found=f"its legend file says something else about the classes than the one in {self.root}",
                    expected="one legend for all folders",
                    remedy="remove one of the two files, or pass legend= with the path of one",
                )
        return self.legend


def _prefixed(folder: str, files: SplitFiles) -> SplitFiles:
    return replace(
        files,
        samples=tuple(replace(sample, key=f"{folder}/{sample.key}") for sample in files.samples),
        missing=tuple(replace(gap, key=f"{folder}/{gap.key}") for gap in files.missing),
        groups={f"{folder}/{key}": group for key, group in files.groups.items()},
    )


def find_joined(path: Path, ask: Callable[[Path], Sequence[Any]]) -> JoinedFormat | None:
    """Find datasets of one format in the folders of one that has a legend file.

    Args:
        path: a folder that is not a dataset by itself.
        ask: lists what formats recognise in a folder: each with its `recognised`, `name` and `module`.

    Raises:
        LegendError: if the legend file is malformed.
        SourceError: if the folders are called like splits, and their samples have none.
    """
    folders = [folder for folder in subfolders(path) if folder.name[0] != "."]
    if len(folders) < 2 or (legend := find_legend(path)) is None:
        return None
    answers = [(folder, ask(folder)) for folder in folders]
    parts = [Part(folder, one[0].recognised, one[0].name, one[0].module) for folder, one in answers if len(one) == 1]
    is_one_format = len({part.format for part in parts}) == 1 and all(len(one) < 2 for _, one in answers)
    if not is_one_format or len(parts) < 2:
        return None
    joined = JoinedFormat(path, legend, tuple(parts))
    _refuse_splits(joined)
    return joined


def _refuse_splits(joined: JoinedFormat) -> None:
    """Refuse folders that are called like several splits, if a hash would split what is in them anew."""
    found = {part.folder.name: SPLIT_IN_NAME.search(part.folder.name) for part in joined.parts}
    words = {name: match for name, match in found.items() if match}
    meant = {SPLIT_WORDS.get(match[1].casefold(), name) for name, match in words.items()}
    if len(meant) < 2 or not {*AUTOMATIC} <= {*joined.split_names(joined.root)}:
        return
    around = {(name[: match.start(1)], name[match.end(1) :]) for name, match in words.items()}
    pattern = "{split}".join(around.pop()) if len(around) == 1 and not meant & words.keys() else "{split}"
    raise SourceError(
        str(joined.root),
        found=f"folders {some(words, _SHOWN)} are called like splits, "
        "and a hash would split their samples anew, if they were read as one",
        expected="the splits that folders make, or names that say none",
        remedy=f'say how they lie in a segfeed.toml in {joined.root}: photos = "{pattern}/.../{{key}}.jpg", masks = '
        f'"{pattern}/.../{{key}}.png", with the folders between in place of the dots; or pass the path of one',
    )


def refuse_legend_above(root: Path, legend: Legend, is_like: Callable[[Path], bool]) -> None:
    """Refuse a dataset without a legend file that has others of its format beside it, and a legend file above them.

    Args:
        root: the dataset's folder.
        legend: by which its masks would be read.
        is_like: checks whether a folder is a dataset of the same format.

    Raises:
        LegendError: if that file, which counts for all, has other classes.
    """
    above = root.parent
    if not os.path.isdir(root) or above == root or find_legend(root) is not None:
        return  # what lies beside a file, such as a table, lies in its own folder
    try:
        common = find_legend(above)
    except LegendError:
        return  # whatever it is, it is not a legend of all
    if common is None or common.names == legend.names:
        return
    if any(is_like(folder) for folder in subfolders(above) if folder != root):
        raise LegendError(
            str(root),
            found=f"its masks would be read by legend {legend.title!r}, but {above}, in which datasets lie beside it, "
            "has a legend file with other classes",
            expected="one legend that says what the masks mean",
            remedy=f"pass the path {above} to read all of them as one, legend= with the path of the right file, or "
            "move that file away",
        )
