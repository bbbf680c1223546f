"""Described: datasets whose files, splits and stored values a description tells, their own or one that is shipped.

The description says where to look; what lies there decides. Photos and masks are paired by split and key.
"""

import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.description import FILE_NAME, Description, Value
from segfeed.datasets.formats.folders import Files, find_root, is_to_predict, pair_files, subfolders
from segfeed.datasets.formats.legend_files import LEGEND_FILES, find_legend, read_legend
from segfeed.datasets.formats.lists import AUTOMATIC, FORBIDDEN
from segfeed.datasets.formats.misfits import explain_misfit, explain_unpaired
from segfeed.datasets.formats.pair_lists import list_files, read_pairs
from segfeed.datasets.formats.partition import share_out
from segfeed.datasets.formats.strata import Strata, find_groups
from segfeed.datasets.patterns import Match, Pattern
from segfeed.datasets.shipped import has_signs
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.datasets.split_rule import REST
from segfeed.errors import DescriptionError, EmptySplitError, LegendError, OptionError, SourceError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import PUBLIC_LEGENDS

_SUFFIXES = tuple(dict.fromkeys((*PHOTO_SUFFIXES, *MASK_SUFFIXES)))
_AUTOMATIC_SHARES = {"train": 80, "val": 20}  # what `split_by_hash` makes
_MOST_NAMES = 2_000  # in the root of a dataset of a shipped description
_LOOKED_AT = 5_000  # files that are compared before a shipped description is taken not to fit


@dataclass(frozen=True)
class DescribedFormat:
    """A format that a description makes; it offers what `FormatModule` says.

    What lies on disk is listed once, and kept.

    Attributes:
        description: says where files lie.
        is_own: whether the dataset's owner says so; a shipped description is recognised, and may fit in part.
    """

    description: Description
    is_own: bool = False
    _kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def recognise(self, path: Path) -> Recognised | None:
        """Find a folder, the path or one in it, where photos and masks lie as described."""
        root = find_root(path, self.fits, self.description.title or "described")
        return None if root is None else self.recognised(root)

    def recognised(self, root: Path) -> Recognised:
        """Return what is recognised in a folder that fits."""
        said = self.description
        masks = f" and masks in {said.masks[0].text}" if said.masks else ""
        says = f"{said.where} says: " if said.where.endswith(".toml") and self.is_own else ""
        return Recognised(root, f"{says}photos in {said.photos[0].text}{masks}")

    def fits(self, root: Path) -> bool:
        """Check whether photos and masks lie in a folder as described."""
        said, most = self.description, None if self.is_own else _LOOKED_AT
        return (
            has_signs(root, said)
            # Masks are asked for first: their patterns say more, and rule out large folders of photos.
            and (not said.masks or any(pattern.is_there(root, most=most) for pattern in said.masks))
            and any(pattern.is_there(root, most=most) for pattern in said.photos)
        )

    def require(self, path: Path) -> Recognised:
        """Find the described dataset at a path, or in the one folder of it that fits.

        Raises:
            SourceError: if there is none; what lies there is told, and what would fit.
        """
        roots = [path] if self.fits(path) else [folder for folder in subfolders(path) if self.fits(folder)]
        if len(roots) != 1:
            raise explain_misfit(path, self.description, _SUFFIXES)
        return self.recognised(roots[0])

    def split_names(self, root: Path) -> list[str]:
        """List the splits: of the lists, else of the folders, else those that a hash makes."""
        rule = self.description.splits
        if rule.lists:
            files = list_files(root, rule.lists)
            # One's own description names splits that must be there: listing a missing one is an error.
            there = files if self.is_own else {split: path for split, path in files.items() if os.path.isfile(path)}
            return sorted(there or files)
        if found := self._split_by(root)[1]:
            called = {folder: split for split, folder in rule.folders.items()}
            return sorted({called.get(folder, folder) for folder in found} | set(rule.folders if self.is_own else ()))
        return [*rule.shares, "all"] if rule.shares else list(AUTOMATIC)

    def list_split(self, root: Path, split: str) -> SplitFiles:
        """List a split's photos and class masks."""
        return self._list(root, split, "masks")

    def list_objects(self, root: Path, split: str) -> SplitFiles:
        """List a split's photos and object masks.

        Raises:
            OptionError: if the description has none.
        """
        if not self.description.objects:
            raise OptionError(
                "task",
                found=f'"instance", but {self.description.where} describes no object masks',
                remedy='add a line such as objects = "objects/{key}.png", or use task="semantic"',
            )
        return self._list(root, split, "objects")

    def _split_by(self, root: Path) -> tuple[str, set[str]]:
        """Return what is split by folder, "photos" or else "masks", and what {split} is on disk; "" if nothing is."""
        for kind in ("photos", "masks"):
            if found := {match.split for match in self._find(root)[kind]} - {""}:
                return kind, found
        return "", set()

    def _find(self, root: Path) -> dict[str, list[Match]]:
        """List the files that fit each kind of pattern, once."""
        if root not in self._kept:
            said = self.description
            photos = _find(root, said.photos, PHOTO_SUFFIXES)
            # What no mask can be, such as a JPEG, is listed if there are no others: each is refused for what it is.
            others = {
                kind: _find(root, patterns, MASK_SUFFIXES) or _find(root, patterns, (*PHOTO_SUFFIXES, ""))
                for kind, patterns in (("masks", said.masks), ("objects", said.objects))
            }
            # In one folder, "{key}.png" fits the masks "{key}_mask.png", too: the more precise pattern means them.
            for found in others.values():
                for path, (fixed, _) in list(found.items()):
                    if path in photos and photos[path][0] == fixed:
                        raise DescriptionError(
                            said.where,
                            found=f"{path} fits the patterns of photos and of masks",
                            expected="patterns that tell them apart",
                        )
                    if path in photos:
                        del (photos if photos[path][0] < fixed else found)[path]
            self._kept[root] = {
                kind: [match for _, match in found.values()] for kind, found in (("photos", photos), *others.items())
            }
        kept: dict[str, list[Match]] = self._kept[root]
        return kept

    def _list(self, root: Path, split: str, kind: str) -> SplitFiles:
        said = self.description
        rule = said.splits
        folder = rule.folders.get(split, split)
        matches = self._find(root)
        photos, masks = _by_key(matches["photos"], folder), _by_key(matches[kind], folder)
        why = ""
        if said.by_masks and masks and not rule.lists:
            photos = {key: names for key, names in photos.items() if key in masks}
        if rule.lists:
            ids, masks, why = self._read_listed(root, split, photos, masks)
        elif by_folder := self._split_by(root)[0]:
            # If only photos or only masks are split by folder, these say which samples there are.
            both = all(any(match.split for match in matches[one]) for one in ("photos", kind))
            ids = sorted({*photos, *masks} if both else photos if by_folder == "photos" else masks)
        else:
            every = sorted({*photos, *masks})
            ids = self._ids_by_hash(root, split, every)
            why = "split by a hash of the ids" if rule.group is None else "split by a hash of their groups"
            if rule.stratify and split != "all":
                what = "every stored value" if rule.stratify is True else "every class"
                why = f"split so that {what} has its share"
        self._refuse_nothing(root, split, (photos, masks), ids)
        for what, files in (("photos", photos), (kind, masks)):
            self._refuse_several(what, root, files, ids)
        has_none = not getattr(said, kind) and not any(masks.get(key) for key in ids)
        called = "test" if split in rule.unlabelled else split  # what photos to be predicted are called elsewhere
        to_predict = has_none or is_to_predict(called, (masks.get(key) for key in ids))
        samples, missing = pair_files(ids, (root, photos), None if to_predict else (root, masks))
        groups = find_groups(root, said, ids) if rule.group else {}
        expected = f'[classes] in a {FILE_NAME}, such as 0 = "background", or one of {", ".join(LEGEND_FILES)}'
        return SplitFiles(samples, missing, lambda: self._legend(root), why, expected, groups)

    def _read_listed(self, root: Path, split: str, photos: Files, masks: Files) -> tuple[list[str], Files, str]:
        """Read the list of a split: its keys, its masks, and what it was listed in, as a clause."""
        rule = self.description.splits
        files = list_files(root, rule.lists)
        if rule.lists.get(split) != REST:
            ids, masks = read_pairs(files[split], root, photos, masks, first_word=rule.first_word)
            return ids, masks, f"listed in {files[split].relative_to(root)}"
        others = {name: path for name, path in files.items() if rule.lists.get(name) != REST}
        listed = [read_pairs(path, root, photos, masks, first_word=rule.first_word)[0] for path in others.values()]
        ids = sorted({*photos, *masks}.difference(*listed))
        return ids, masks, f"all that {' and '.join(sorted(others))} do not list"

    def _refuse_several(self, kind: str, root: Path, files: Mapping[str, list[str]], ids: Iterable[str]) -> None:
        """Refuse files of one key that lie in folders which the pattern leaves out of it."""
        for key in ids:
            names = files.get(key, [])
            if len({PurePosixPath(name).parent for name in names}) > 1:
                pattern = getattr(self.description, kind)[0].text
                raise SourceError(
                    str(root),
                    found=f"sample {key} has {len(names)} {kind} ({', '.join(names[:4])}) by {kind} = {pattern!r}",
                    expected="one",
                    remedy="write {folder} in place of '*' in both patterns, or {key} in place of {name}, so that "
                    "folders are part of the key; or remove the others",
                )

    def _refuse_nothing(self, root: Path, split: str, found: tuple[Files, Files], ids: Sequence[str]) -> None:
        """Refuse a split without samples, and photos and masks of which no two share a key."""
        said, (photos, masks) = self.description, found
        if not ids:
            folder = said.splits.folders.get(split, split)
            where = said.photos[0].text.replace("{split}", folder)
            raise SourceError(
                str(root),
                found=f"no sample in split {split!r}",
                expected=f"photos in {where}",
                remedy="check the path and the description",
            )
        for key in ids:
            _check_key(key, root)
        if photos and masks and not photos.keys() & masks.keys() and not said.splits.lists:
            raise explain_unpaired(said.where, said.masks[0], split, photos, masks)

    def _ids_by_hash(self, root: Path, split: str, every: Sequence[str]) -> list[str]:
        """Choose the keys of a split by hash, or of one that is balanced.

        Raises:
            EmptySplitError: if there are none.
        """
        rule = self.description.splits
        if split == "all" or not every:
            return list(every)
        groups = find_groups(root, self.description, every)
        if rule.stratify:
            splits = self._strata(root).share_out(self._class_masks(root, every), rule.shares or _AUTOMATIC_SHARES)
        else:
            of_group = share_out(set(groups.values()), rule.shares or _AUTOMATIC_SHARES)
            splits = {key: of_group[group] for key, group in groups.items()}
        if chosen := [key for key in every if splits[key] == split]:
            return chosen
        count = len(set(groups.values()))
        what = f"{len(every)} samples" if rule.group is None else f"{count} groups of {len(every)} samples"
        share = (rule.shares or _AUTOMATIC_SHARES)[split]
        raise EmptySplitError(
            str(root),
            found=f"split {split!r} gets {share} percent, which is none of the {what}",
            remedy='pass the split "all", change [splits] hash, or write lists of your own',
        )

    def find_folds(self, root: Path, split: str, keys: Sequence[str], folds: int) -> dict[str, int] | None:
        """Choose the fold of each of some samples of a split, if the description balances what is split; else None."""
        if not self.description.splits.stratify:
            return None
        masks = {sample.key: sample.mask for sample in self.list_split(root, split).samples}
        chosen = self._strata(root).share_out({key: masks.get(key) for key in keys}, {str(n): 1 for n in range(folds)})
        return {key: int(fold) for key, fold in chosen.items()}

    def _strata(self, root: Path) -> Strata:
        kept: Strata = self._kept.setdefault((root, "strata"), Strata(root, self.description))
        return kept

    def _class_masks(self, root: Path, keys: Sequence[str]) -> dict[str, Blob | None]:
        masks = _by_key(self._find(root)["masks"], "")
        return {key: File.of(str(root / names[0])) if (names := masks.get(key)) else None for key in keys}

    def _legend(self, root: Path) -> Legend | None:
        said = self.description
        if not self.is_own and (found := find_legend(root)):  # a file of the dataset outranks what is shipped
            return found
        if said.classes:
            return Legend.of_values({**said.classes, **dict.fromkeys(said.void)}, title=said.title or root.name)
        if said.legend in PUBLIC_LEGENDS:
            return PUBLIC_LEGENDS[said.legend]
        if not said.legend:
            return find_legend(root)
        if not os.path.isfile(root / said.legend):
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


def find_own(path: Path) -> Path | None:
    """Find the description of a dataset: in the folder itself, or in the one folder in it that has one.

    Args:
        path: a folder, or the description itself.

    Raises:
        SourceError: if several folders in it have one.
    """
    if path.name == FILE_NAME and os.path.isfile(path):
        return path
    root = find_root(path, lambda folder: os.path.lexists(folder / FILE_NAME), "described")
    return None if root is None else root / FILE_NAME


def find_shipped(path: Path, descriptions: Mapping[str, Description]) -> dict[str, tuple[Recognised, DescribedFormat]]:
    """Ask several shipped descriptions at once whether they fit a folder, or one in it.

    Each folder is listed once, which rules out most descriptions. One with thousands of entries holds pictures, and is
    not asked about: it takes `format=`.

    Raises:
        SourceError: if several folders in it fit one description.
    """
    if not os.path.isdir(path):
        return {}
    found = {}
    listed = {folder: names for folder in (path, *subfolders(path)) if (names := _names_in(folder))}
    for name, description in descriptions.items():
        may_fit = {folder for folder, names in listed.items() if _may_fit(description, names)}
        asked = DescribedFormat(description)
        root = find_root(path, _both(may_fit.__contains__, asked.fits), name) if may_fit else None
        if root is not None:
            found[name] = asked.recognised(root), asked
    return found


def _names_in(folder: Path) -> frozenset[str]:
    """List the names in a folder; none if there are too many, or it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = frozenset(entry.name for entry in islice(entries, _MOST_NAMES + 1))
    except OSError:
        return frozenset()
    return names if len(names) <= _MOST_NAMES else frozenset()


def _both(first: Callable[[Path], bool], second: Callable[[Path], bool]) -> Callable[[Path], bool]:
    return lambda folder: first(folder) and second(folder)


def _may_fit(description: Description, names: frozenset[str]) -> bool:
    """Check whether a folder with these names can be what a description tells, by the first name of each path."""

    def lies(paths: Iterable[str]) -> bool:
        firsts = [path.partition("/")[0] for path in paths]
        return not firsts or any(not first or first in names for first in firsts)

    needed = [Pattern(place).folder if "{" in place else place for place in description.needs]
    return all(lies([place]) for place in needed) and all(
        lies(pattern.folder for pattern in patterns) for patterns in (description.photos, description.masks)
    )


def _find(root: Path, patterns: Iterable[Pattern], suffixes: Sequence[str]) -> dict[str, tuple[int, Match]]:
    """List the pictures that fit any of some patterns: path -> the fixed characters of the pattern that means it."""
    found: dict[str, tuple[int, Match]] = {}
    for pattern in sorted(patterns, key=lambda pattern: -pattern.fixed):
        for match in pattern.find(root):
            if PurePosixPath(match.path).suffix.lower() in suffixes:
                found.setdefault(match.path, (pattern.fixed, match))
    return found


def _by_key(matches: Iterable[Match], folder: str) -> Files:
    """Keep the files of a split: those in its folder, and those of patterns without {split}."""
    found: Files = {}
    for match in matches:
        if match.split in (folder, ""):
            # One system composes accents that another one takes apart: they are one name.
            found.setdefault(unicodedata.normalize("NFC", match.key), []).append(match.path)
    return found


def _check_key(key: str, where: Path) -> None:
    """Refuse a key that could not be a file's name below a folder, on any system."""
    parts = key.split("/")
    if any(part in ("", ".", "..") or part != part.strip() or FORBIDDEN.search(part) for part in parts):
        raise SourceError(
            str(where),
            found=f"key {key!r} holds what no key may: '..', a blank at an end, control characters, "
            'or one of \\:*?"<>|',
            expected="names of files and folders",
            remedy="rename photo and mask",
        )
