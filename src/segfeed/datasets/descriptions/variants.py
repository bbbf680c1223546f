"""Variants: a described dataset that comes with several kinds of masks, each with what it means.

Cityscapes has ids and trainIds, fine and coarse; Vistas has two sets of classes. Of variants that name a file, the one
whose file is there counts; if several are there, the path of one says which. Otherwise the first variant that has masks
counts, for each split by itself.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from segfeed.datasets.blobs import stamp_of
from segfeed.datasets.descriptions.described import DescribedFormat, without_objects
from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.matching.folders import find_root, is_to_predict
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import SourceError, SourceMissingError


@dataclass(frozen=True)
class VariedFormat:
    """A format that a description with variants makes; it offers what `FormatModule` says.

    A root may be the file of a variant, which then counts.

    Attributes:
        description: says where files lie, and has variants.
        is_own: as of a `DescribedFormat`.
    """

    description: Description
    is_own: bool = False

    @cached_property
    def variants(self) -> tuple[DescribedFormat, ...]:
        """The format of each variant; they list files that they share only once."""
        kept: dict[Any, Any] = {}
        return tuple(DescribedFormat(variant, self.is_own, kept) for variant in self.description.variants)

    def recognise(self, path: Path) -> Recognised | None:
        """Find a folder, the path or one in it, where photos and masks lie as described; or the file of a variant."""
        if os.path.isfile(path):
            return self.recognised(path) if self._chosen(path) else None
        called = self.description.title if not self.is_own else ""
        root = find_root(path, self.fits, called or "described")
        return None if root is None else self.recognised(root)

    def fits(self, root: Path) -> bool:
        """Check whether a folder is one of this dataset, in any of its variants."""
        return bool(self._fitting(root))

    def recognised(self, root: Path) -> Recognised:
        """Return what is recognised in a folder that fits, or by the file of a variant.

        Raises:
            SourceError: if several variants fit that name a file.
        """
        if os.path.isfile(root):
            chosen = self._chosen(root)
            return Recognised(root, f"{root.name} says that masks in {_masks_of(chosen)} count", folder=root.parent)
        named = [variant.description.file for variant in self._fitting(root) if variant.description.file]
        if len(named) > 1:
            found = f"several sets of classes ({', '.join(named)})"
            raise SourceError(str(root), found=found, remedy="pass the path of one of these files")
        if named:
            return self.recognised(root / named[0])
        first = next(iter(self._fitting(root)), self.variants[0])
        return Recognised(root, f"photos in {first.description.photos[0].text}")

    def require(self, path: Path) -> Recognised:
        """Find the described dataset at a path; errors as those of `DescribedFormat.require`."""
        return self.recognise(path) or self.variants[0].require(path)

    def split_names(self, root: Path) -> list[str]:
        """List the splits of all variants that count and have photos."""
        folder, asked = self._asked(root)
        variants = [variant for variant in asked if variant.has_photos(folder)] or asked[:1]
        return list(dict.fromkeys(name for variant in variants for name in variant.split_names(folder)))

    def list_split(self, root: Path, split: str) -> SplitFiles:
        """List a split's photos and class masks: those of the first variant that has any.

        Raises:
            SourceMissingError: if none has any, and the photos are not to be predicted.
        """
        folder, variants = self._asked(root)
        masked = [variant for variant in variants if variant.finds(folder, split, "masks")]
        with_photos = [variant for variant in masked if variant.finds(folder, split, "photos")]
        chosen = next(iter(with_photos or masked), None)
        if chosen is None and not is_to_predict(split, ()):
            raise _without_masks(folder, split, variants)
        self._refuse_passing_over(folder, split, variants, chosen)
        files = (chosen or variants[0]).list_split(folder, split)
        mask = next((sample.mask for sample in files.samples if sample.mask), None)
        if mask is None or len(variants) == 1:
            return files
        return replace(files, why="; ".join(filter(None, (files.why, f"masks such as {mask.name} count"))))

    def _refuse_passing_over(
        self, folder: Path, split: str, variants: Sequence[DescribedFormat], chosen: DescribedFormat | None
    ) -> None:
        """Refuse masks if the folder of others that go first is there, but without them: they may be half unpacked."""
        if chosen is None or not chosen.finds(folder, split, "photos"):
            return
        own = _folders_of(folder, split, chosen)
        for variant in variants[: variants.index(chosen)]:
            empty = {place for place in _folders_of(folder, split, variant) - own if os.path.isdir(place)}
            if empty and not variant.finds(folder, split, "masks"):
                error = _without_masks(folder, split, [variant])
                raise SourceMissingError(
                    str(min(empty)),
                    found=f"{error.found}, though there are masks in {_masks_of(chosen)}",
                    expected=error.expected,
                    remedy=f"{error.remedy}; or remove this folder, so that those count",
                )

    def list_objects(self, root: Path, split: str) -> SplitFiles:
        """List a split's photos and object masks: those of the first variant that has any.

        Raises:
            OptionError: if no variant has any.
        """
        folder, variants = self._asked(root)
        for variant in variants:
            if variant.description.objects and variant.finds(folder, split, "objects"):
                return variant.list_objects(folder, split)
        raise without_objects(self.description, is_own=self.is_own)

    def find_folds(self, root: Path, split: str, keys: Sequence[str], folds: int) -> dict[str, int] | None:
        """Choose the fold of each of some samples of a split by the masks that count, as a `DescribedFormat` does."""
        if not self.description.splits.stratify:
            return None
        masks = {sample.key: sample.mask for sample in self.list_split(root, split).samples}
        folder, variants = self._asked(root)
        return variants[0].share_out_folds(folder, {key: masks.get(key) for key in keys}, folds)

    def _asked(self, root: Path) -> tuple[Path, tuple[DescribedFormat, ...]]:
        """Return the dataset's folder, and the variants that count: the one whose file is meant, else all."""
        if os.path.isfile(root):
            chosen = self._chosen(root)
            return root.parent, (chosen,) if chosen else self.variants
        return root, self.variants

    def _chosen(self, file: Path) -> DescribedFormat | None:
        return next((variant for variant in self._fitting(file.parent) if variant.description.file == file.name), None)

    def _fitting(self, root: Path) -> list[DescribedFormat]:
        """List the variants that fit a folder.

        Raises:
            SourceError: if the file that says so of one is there, but is not a regular file.
        """
        found = []
        for variant in self.variants:
            file = variant.description.file
            if (not file or os.path.lexists(root / file)) and variant.fits(root):
                if file:
                    stamp_of(str(root / file))
                found.append(variant)
        return found


Described = DescribedFormat | VariedFormat
"""The format of a description."""


def make_format(description: Description, *, is_own: bool = False) -> Described:
    """Make the format of a description, with variants or without."""
    return VariedFormat(description, is_own) if description.variants else DescribedFormat(description, is_own)


def _masks_of(variant: DescribedFormat | None) -> str:
    return variant.description.masks[0].text if variant else ""


def _folders_of(root: Path, split: str, variant: DescribedFormat) -> set[Path]:
    return {root / pattern.folder_of(variant.folder_of(root, split)) for pattern in variant.description.masks}


def _without_masks(root: Path, split: str, variants: Sequence[DescribedFormat]) -> SourceMissingError:
    first, *_ = variants
    texts = [pattern.text for variant in variants for pattern in variant.description.masks[:1]]
    names = [PurePosixPath(re.sub(r"\{[^{}]*\}", "*", text)).name.removesuffix(".*") for text in texts]
    what = first.description.note.partition(". ")[0]
    return SourceMissingError(
        str(root / first.description.masks[0].folder_of(first.folder_of(root, split))),
        found=f"no mask named {' or '.join(dict.fromkeys(names))}",
        expected="one for each photo",
        remedy=f"unpack the archive of masks again{f' ({what})' if what else ''}",
    )
