"""Described: datasets whose files, splits and stored values a description tells, their own or one that is shipped.

The description says where to look; what lies there decides. Photos and masks are paired by split and key.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from segfeed.datasets.description import Description, GroupRule, Value
from segfeed.datasets.formats.folders import MASK_SUFFIXES, PHOTO_SUFFIXES, Files, find_root, pair_split
from segfeed.datasets.formats.legend_files import find_legend, read_legend
from segfeed.datasets.formats.lists import AUTOMATIC, read_lines
from segfeed.datasets.patterns import Match, Pattern
from segfeed.datasets.signs import has_signs
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import LegendError, ListError, SourceError, SourceMissingError
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import PUBLIC_LEGENDS

_PERCENT = 100


@dataclass(frozen=True)
class DescribedFormat:
    """A format that a description makes; it offers what `FormatModule` says.

    Attributes:
        description: says where files lie.
    """

    description: Description

    def recognise(self, path: Path) -> Recognised | None:
        """Find a folder, the path or one in it, where photos and masks lie as described."""
        root = find_root(path, self._is_root, self.description.title or "described")
        if root is None:
            return None
        masks = f" and masks in {self.description.masks[0].text}" if self.description.masks else ""
        return Recognised(root, f"photos in {self.description.photos[0].text}{masks}")

    def split_names(self, root: Path) -> list[str]:
        """List the splits: of the lists, else of the folders, else those that a hash makes."""
        rule = self.description.splits
        if rule.lists:
            return sorted(_list_files(root, rule.lists))
        if found := self._folders(root):
            called = {folder: split for split, folder in rule.folders.items()}
            return sorted(called.get(split, split) for split in found)
        return [*rule.shares, "all"] if rule.shares else list(AUTOMATIC)

    def list_split(self, root: Path, split: str) -> SplitFiles:
        """List a split's photos and class masks."""
        return self._list(root, split, self.description.masks)

    def list_objects(self, root: Path, split: str) -> SplitFiles:
        """List a split's photos and object masks."""
        if not self.description.objects:
            raise SourceMissingError(
                self.description.where, found="no objects", expected="a pattern of object masks", remedy="add objects ="
            )
        return self._list(root, split, self.description.objects)

    def _is_root(self, root: Path) -> bool:
        wanted = self.description
        return (
            has_signs(root, wanted)
            and any(pattern.is_there(root) for pattern in wanted.photos)
            and (not wanted.masks or any(pattern.is_there(root) for pattern in wanted.masks))
        )

    def _photos(self, root: Path) -> list[Match]:
        """List the photos; what fits a pattern of masks is a mask."""
        others = {match.path for pattern in self.description.masks for match in pattern.find(root)}
        return [match for match in _find(root, self.description.photos, PHOTO_SUFFIXES) if match.path not in others]

    def _folders(self, root: Path) -> set[str]:
        """Return what {split} is on disk; nothing if no photo lies where a pattern with {split} says."""
        return {match.split for match in self._photos(root)} - {""}

    def _list(self, root: Path, split: str, masks: tuple[Pattern, ...]) -> SplitFiles:
        rule = self.description.splits
        folder = rule.folders.get(split, split)
        found_photos = _by_key(self._photos(root), folder)
        # Masks that no mask can be, such as JPEGs, are listed if there are no others: each is refused for what it is.
        found_masks = _by_key(_find(root, masks, MASK_SUFFIXES) or _find(root, masks, (*PHOTO_SUFFIXES, "")), folder)
        listed = None
        why = ""
        if self.description.by_masks and found_masks and not rule.lists:
            found_photos = {key: names for key, names in found_photos.items() if key in found_masks}
        if rule.lists:
            path = _list_files(root, rule.lists)[split]
            listed, found_masks = _read_list(path, found_photos, found_masks, first_word=rule.first_word)
            why = f"listed in {path.relative_to(root)}"
        elif not self._folders(root):
            ids = sorted({*found_photos, *found_masks})
            groups = _groups(root, rule.group, ids)
            listed = [key for key in ids if _is_in(split, groups[key], rule.shares)]
            why = "split by a hash of the ids" if rule.group is None else "split by a hash of their groups"
        ids = sorted({*found_photos, *found_masks}) if listed is None else listed
        if not ids:
            raise SourceError(
                str(root),
                found=f"no sample in split {split!r}",
                expected=f"photos in {self.description.photos[0].text}",
                remedy="check the path and the description",
            )
        # pair_split takes photos without any mask for photos to be predicted if the split is called "test".
        called = "test" if split in rule.unlabelled else split
        return pair_split(
            called, (root, found_photos), (root, found_masks), lambda: self._legend(root), ids=ids, why=why
        )

    def _legend(self, root: Path) -> Legend | None:
        said = self.description
        if said.tested and (found := find_legend(root)):  # a file of the dataset outranks a shipped description
            return found
        if said.classes:
            return Legend.of_values({**said.classes, **dict.fromkeys(said.void)}, title=said.title or root.name)
        if said.legend in PUBLIC_LEGENDS:
            return PUBLIC_LEGENDS[said.legend]
        if not said.legend:
            return find_legend(root)
        if not (root / said.legend).is_file():
            raise LegendError(
                said.where,
                found=f"legend = {said.legend!r}, which is not a file in {root}",
                expected=f"a legend file, or one of {', '.join(PUBLIC_LEGENDS)}",
                remedy="correct the description",
            )
        legend = read_legend(root / said.legend)
        return _with_unpainted(legend, said.unpainted) if said.unpainted else legend


def _with_unpainted(legend: Legend, name: str) -> Legend:
    """Add a class of the stored value 0, and of black; of the legend's colours, gray ones are stored values, too."""
    values: dict[Value, str | None] = {0: name, (0, 0, 0): name}
    for called, colour in zip(legend.names, legend.colours, strict=True):
        values[colour] = called
        if len(set(colour)) == 1:
            values[colour[0]] = called
    return Legend.of_values(values, title=legend.title)


def _find(root: Path, patterns: Iterable[Pattern], suffixes: Sequence[str]) -> list[Match]:
    """List the pictures that fit any of some patterns, each once."""
    found = {match.path: match for pattern in patterns for match in pattern.find(root)}
    return [match for path, match in found.items() if PurePosixPath(path).suffix.lower() in suffixes]


def _by_key(matches: Iterable[Match], folder: str) -> Files:
    """Keep the files of a split: those in its folder, and those of patterns without {split}."""
    found: Files = {}
    for match in matches:
        if match.split in (folder, ""):
            found.setdefault(match.key, []).append(match.path)
    return found


def _list_files(root: Path, lists: Mapping[str, str]) -> dict[str, Path]:
    """Find the list file of each split."""
    if "" not in lists:
        paths_of = {split: root / name for split, name in lists.items()}
        return {split: path for split, path in paths_of.items() if path.is_file()} or paths_of
    before, after = lists[""].split("{split}", 1)
    spelled = re.compile(re.escape(before) + r"([^/]+)" + re.escape(after))
    paths = sorted(root.glob(f"{before}*{after}"))
    names = {path: spelled.fullmatch(path.relative_to(root).as_posix()) for path in paths}
    return {match[1]: path for path, match in names.items() if match}


def _read_list(path: Path, photos: Files, masks: Files, *, first_word: bool) -> tuple[list[str], Files]:
    """Read a list of keys, of photo paths, or of photo and mask paths, and return its keys and the masks that it names."""
    there = {name for names in masks.values() for name in names}
    key_of = {name: key for key, names in photos.items() for name in names}
    keys: list[str] = []
    named: Files = {}
    for number, entry in read_lines(path):
        line = entry.split()[0] if first_word else entry
        photo, *rest = [line] if line in photos else re.split(r"[\t,]|\s+(?=\S*/|\S+\.\w+$)", line)
        key = photo if photo in photos else key_of.get(photo.removeprefix("./").lstrip("/"), photo)
        if len(rest) > 1:
            raise ListError(
                str(path),
                found=f"line {number}: {line!r} has {len(rest) + 1} columns",
                expected="a key, a photo's path, or the paths of a photo and its mask",
            )
        if key in named:
            raise ListError(str(path), found=f"line {number}: {key!r} is listed twice", expected="each sample once")
        mask = rest[0].strip().removeprefix("./").lstrip("/") if rest else ""
        named[key] = [mask] * (mask in there) if rest else masks.get(key, [])
        keys.append(key)
    return keys, named


def _groups(root: Path, rule: GroupRule | None, keys: Sequence[str]) -> dict[str, str]:
    """Find the group of each key; a key without a rule is a group of its own."""
    if rule is None:
        return {key: key for key in keys}
    if not rule.file:
        return {key: rule.group_of(key) for key in keys}
    try:
        with open(root / rule.file, encoding="utf-8-sig", newline="") as file:
            rows = {row[rule.key_column]: row[rule.column] for row in csv.DictReader(file)}
    except OSError as error:
        raise ListError(
            str(root / rule.file), found=f"it cannot be read ({error.strerror})", remedy="check it"
        ) from error
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise ListError(
            str(root / rule.file),
            found=f"it cannot be read as a table ({error})",
            expected=f"CSV with the columns {rule.key_column} and {rule.column}",
        ) from error
    if lacking := [key for key in keys if key not in rows]:
        raise ListError(
            str(root / rule.file),
            found=f"no line for {len(lacking)} of {len(keys)} samples, the first is {lacking[0]!r}",
            expected="a group for each sample",
        )
    return {key: rows[key] for key in keys}


def _is_in(split: str, group: str, shares: Mapping[str, int]) -> bool:
    """Tell whether a group belongs to a split; the hash of its name alone decides, so new samples move no others."""
    if split == "all":
        return True
    shares = shares or {"val": 20, "train": 80}
    place = int.from_bytes(blake2b(group.encode(), digest_size=8, key=b"segfeed split").digest(), "big") % _PERCENT
    for name, share in shares.items():
        if place < share:
            return name == split
        place -= share
    return False
