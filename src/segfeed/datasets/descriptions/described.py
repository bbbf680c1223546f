"""Described: datasets whose files, splits and stored values a description tells, their own or one that is shipped.

The description says where to look; what lies there decides. Photos and masks are paired by split and key.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.derived import ChosenBands, MergedMask
from segfeed.datasets.descriptions.description import FILE_NAME, Description
from segfeed.datasets.descriptions.legend import legend_of
from segfeed.datasets.descriptions.misfits import explain_misfit, explain_unpaired
from segfeed.datasets.descriptions.partition import share_out
from segfeed.datasets.descriptions.patterns import Match, Pattern
from segfeed.datasets.descriptions.shipped import has_signs
from segfeed.datasets.descriptions.strata import Strata, find_groups
from segfeed.datasets.legends.files import ONE_OF_THEM
from segfeed.datasets.matching import split_tables
from segfeed.datasets.matching.folders import Files, find_root, is_to_predict, pair_files, subfolders
from segfeed.datasets.matching.lists import AUTOMATIC, FORBIDDEN
from segfeed.datasets.matching.pair_lists import list_files, pair_below, read_pairs
from segfeed.datasets.matching.split_rule import AUTOMATIC_SHARES, REST
from segfeed.datasets.source import Recognised, Sample, SplitFiles
from segfeed.errors import DescriptionError, EmptySplitError, OptionError, SourceError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES

_SUFFIXES = tuple(dict.fromkeys((*PHOTO_SUFFIXES, *MASK_SUFFIXES)))
_Found = dict[str, tuple[int, Match]]  # path -> the fixed characters of the pattern that means it
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
        return has_signs(root, said) and (
            said.is_sure
            # Masks are asked for first: their patterns say more, and rule out large folders of photos.
            or all(
                any(pattern.is_there(root, most=most) for pattern in patterns)
                for patterns in (said.masks, said.photos)
                if patterns
            )
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
        if rule.table and rule.table.split:
            return split_tables.split_names(root, rule.table)
        if found := self._split_by(root)[1]:
            called = {folder: split for split, folders in rule.folders.items() for folder in folders}
            names = {called.get(folder, folder) for folder in found} | set(rule.folders if self.is_own else ())
            return [*(split for split in rule.folders if split in names), *sorted(names - rule.folders.keys())]
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
            raise without_objects(self.description, is_own=self.is_own)
        return self._list(root, split, "objects")

    def _split_by(self, root: Path) -> tuple[str, set[str]]:
        """Return what is split by folder, "photos" or else "masks", and what {split} is on disk; "" if nothing is."""
        for kind in ("photos", "masks"):
            if found := {match.split for match in self._find(root)[kind]} - {""}:
                return kind, found
        return "", set()

    def has_photos(self, root: Path) -> bool:
        """Check whether any photo lies where the description says."""
        return bool(self._find(root)["photos"])

    def finds(self, root: Path, split: str, kind: str) -> bool:
        """Check whether a split has files of a kind, "photos", "masks" or "objects"."""
        folder = self.folder_of(root, split)
        return any(match.split in (folder, "") for match in self._find(root)[kind])

    def folder_of(self, root: Path, split: str) -> str:
        """Return what {split} is on disk for a split: the first of its folders that has files."""
        folders = self.description.splits.folders.get(split, (split,))
        if len(folders) == 1:
            return folders[0]
        found = {match.split for matches in self._find(root).values() for match in matches}
        return next((folder for folder in folders if folder in found), folders[0])

    def _find(self, root: Path) -> dict[str, list[Match]]:
        """List the files that fit each kind of pattern, once."""
        said = self.description
        asked = root, said.photos, said.masks, said.objects
        if asked not in self._kept:
            photos = dict(self._files(root, said.photos, PHOTO_SUFFIXES))
            # What no mask can be, such as a JPEG, is listed if nothing else is there: each is refused for what it is.
            others = {
                kind: dict(self._files(root, patterns, MASK_SUFFIXES))
                or dict(self._files(root, patterns, (*PHOTO_SUFFIXES, "")))
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
            self._kept[asked] = {
                kind: [match for _, match in found.values()] for kind, found in (("photos", photos), *others.items())
            }
        kept: dict[str, list[Match]] = self._kept[asked]
        return kept

    def _files(self, root: Path, patterns: Iterable[Pattern], suffixes: Sequence[str]) -> _Found:
        """List the pictures that fit some patterns, once, as variants share their photos."""
        asked = root, patterns, suffixes
        if asked not in self._kept:
            self._kept[asked] = _find(root, patterns, suffixes)
        found: _Found = self._kept[asked]
        return found

    def _list(self, root: Path, split: str, kind: str) -> SplitFiles:
        said = self.description
        rule = said.splits
        folder = self.folder_of(root, split)
        matches = self._find(root)
        photos, masks = _by_key(matches["photos"], folder), _by_key(matches[kind], folder)
        why = ""
        if said.by_masks and masks and not rule.is_listed and not rule.table:
            photos = {key: names for key, names in photos.items() if key in masks}
        if rule.is_listed:
            ids, masks, why = self._read_listed(root, split, photos, masks)
        elif by_folder := self._split_by(root)[0]:
            # If only photos or only masks are split by folder, these say which samples there are.
            both = all(any(match.split for match in matches[one]) for one in ("photos", kind))
            ids = sorted({*photos, *masks} if both else photos if by_folder == "photos" else masks)
        else:
            every, shown = sorted({*photos, *masks}), _by_key(matches["masks"], "")
            if rule.table:
                every, masks, _ = self._read_listed(root, split, photos, masks)
                shown = masks
            ids = self._ids_by_hash(root, split, every, shown)
            why = "split by a hash of the ids" if rule.group is None else "split by a hash of their groups"
            if rule.stratify and split != "all":
                what = "every stored value" if rule.stratify is True else "every class"
                why = f"split so that {what} has its share"
        self._refuse_nothing(root, split, (photos, masks), ids)
        for what, files in (("photos", photos), (kind, {} if said.is_merged else masks)):
            self._refuse_several(what, root, files, ids)
        has_none = not getattr(said, kind) and not any(masks.get(key) for key in ids)
        called = "test" if split in rule.unlabelled else split  # what photos to be predicted are called elsewhere
        to_predict = has_none or is_to_predict(called, (masks.get(key) for key in ids))
        ones = {key: names[:1] for key, names in masks.items()} if said.is_merged else masks
        samples, missing = pair_files(ids, (root, photos), None if to_predict else (root, ones))
        places = {"photo": said.photos[0], "mask": (getattr(said, kind) or said.photos)[0]}
        missing = tuple(replace(lack, folder=str(root / places[lack.what].folder_of(folder))) for lack in missing)
        if said.is_merged or said.bands:
            samples = tuple(self._derive(root, sample, masks.get(sample.key, ()), kind) for sample in samples)
        groups = find_groups(root, said, ids) if rule.group else {}
        expected = f'[classes] in a {FILE_NAME}, such as 0 = "background", or {ONE_OF_THEM}'
        return SplitFiles(
            samples, missing, lambda: legend_of(said, root, is_own=self.is_own), why, expected, groups,
            is_listed=rule.is_listed or rule.table is not None,
        )  # fmt: skip

    def _derive(self, root: Path, sample: Sample, masks: Sequence[str], kind: str) -> Sample:
        """Merge the masks of a sample, and choose the bands of its photo."""
        photo, mask = sample.photo, sample.mask
        if self.description.bands and isinstance(photo, File):
            photo = ChosenBands(photo, self.description.bands)
        if self.description.is_merged and mask is not None:
            mask = _merge(root, masks, kind)
        return Sample(sample.key, photo, mask)

    def _read_listed(self, root: Path, split: str, photos: Files, masks: Files) -> tuple[list[str], Files, str]:
        """Read the list of a split: its keys, its masks, and what it was listed in, as a clause."""
        rule = self.description.splits
        if rule.table:
            entries = split_tables.entries_of(root, rule.table, split)
            return *pair_below(entries, root / rule.table.file, root, photos, masks), f"listed in {rule.table.file}"
        files = list_files(root, rule.lists)
        if rule.lists.get(split) != REST:
            ids, masks = read_pairs(files[split], root, photos, masks, first_word=rule.first_word)
            return ids, masks, f"listed in {files[split].relative_to(root).as_posix()}"
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
            folder = self.folder_of(root, split)
            where = said.photos[0].text.replace("{split}", folder)
            raise SourceError(
                str(root),
                found=f"no sample in split {split!r}",
                expected=f"photos in {where}",
                remedy="check the path and the description",
            )
        for key in ids:
            _check_key(key, root)
        if photos and masks and not photos.keys() & masks.keys() and not (said.splits.is_listed or said.splits.table):
            raise explain_unpaired(said.where, said.masks[0], split, photos, masks)

    def _ids_by_hash(self, root: Path, split: str, every: Sequence[str], masks: Files) -> list[str]:
        """Choose the keys of a split by hash, or of one that is balanced by what class masks show.

        Raises:
            EmptySplitError: if there are none.
        """
        rule = self.description.splits
        if split == "all" or not every:
            return list(every)
        groups = find_groups(root, self.description, every)
        if rule.stratify:
            splits = self._strata(root).share_out(
                self._class_masks(root, every, masks), rule.shares or AUTOMATIC_SHARES
            )
        else:
            of_group = share_out(set(groups.values()), rule.shares or AUTOMATIC_SHARES)
            splits = {key: of_group[group] for key, group in groups.items()}
        if chosen := [key for key in every if splits[key] == split]:
            return chosen
        count = len(set(groups.values()))
        what = f"{len(every)} samples" if rule.group is None else f"{count} groups of {len(every)} samples"
        share = (rule.shares or AUTOMATIC_SHARES)[split]
        raise EmptySplitError(
            str(root),
            found=f"split {split!r} of {share} percent gets none of the {what}",
            remedy='pass the split "all", change [splits] hash, or write lists of your own'
            if rule.stratify
            else "add stratify = true under [splits], which shares out samples by number and class as far as groups "
            'allow, pass the split "all", or write lists of your own',
        )

    def find_folds(self, root: Path, split: str, keys: Sequence[str], folds: int) -> dict[str, int] | None:
        """Choose the fold of each of some samples of a split, if the description balances what is split; else None."""
        if not self.description.splits.stratify:
            return None
        masks = {sample.key: sample.mask for sample in self.list_split(root, split).samples}
        return self.share_out_folds(root, {key: masks.get(key) for key in keys}, folds)

    def share_out_folds(self, root: Path, masks: Mapping[str, Blob | None], folds: int) -> dict[str, int]:
        """Choose the fold of each sample by what its mask stores or what is said of its key."""
        chosen = self._strata(root).share_out(masks, {str(n): 1 for n in range(folds)})
        return {key: int(fold) for key, fold in chosen.items()}

    def _strata(self, root: Path) -> Strata:
        kept: Strata = self._kept.setdefault((root, "strata"), Strata(root, self.description))
        return kept

    def _class_masks(self, root: Path, keys: Sequence[str], masks: Files) -> dict[str, Blob | None]:
        if self.description.is_merged:
            return {key: _merge(root, names, "masks") if (names := masks.get(key)) else None for key in keys}
        return {key: File.of(str(root / names[0])) if (names := masks.get(key)) else None for key in keys}


def without_objects(said: Description, *, is_own: bool) -> OptionError:
    """Make the error of task="instance" for a description that has no object masks."""
    if not is_own:
        found = f'"instance" for {said.title}, whose masks hold classes'
        return OptionError("task", found=found, remedy='use task="semantic"')
    return OptionError(
        "task",
        found=f'"instance", but {said.where} describes no object masks',
        remedy='add a line such as objects = "objects/{key}.png", or use task="semantic"',
    )


def _merge(root: Path, masks: Iterable[str], kind: str) -> MergedMask:
    return MergedMask(tuple(File.of(str(root / name)) for name in masks), is_numbered=kind == "objects")


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
