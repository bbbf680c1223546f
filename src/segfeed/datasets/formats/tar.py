"""PASCAL VOC read straight from its tar, which is listed once and never unpacked.

The layout inside is that of a VOC folder, below whatever folders: JPEGImages, SegmentationClass, SegmentationObject,
ImageSets/Segmentation/SPLIT.txt.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from segfeed.datasets.blobs import Span, Stamp, stamp_of
from segfeed.datasets.matching.folders import is_to_predict, pair_blobs
from segfeed.datasets.matching.lists import compose
from segfeed.datasets.matching.pair_lists import Listable, parse_list
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import VOC

if TYPE_CHECKING:
    from segfeed.datasets.archives.members import Member

_LISTS = "ImageSets/Segmentation"
_LEGENDS = ("labelmap.txt", "class_names.txt", "dataset_meta.json")
_COMPRESSED = (".tgz", ".gz", ".bz2", ".xz", ".zip", ".7z")


def recognise(path: Path) -> Recognised | None:
    """Find a VOC layout in an uncompressed tar.

    Raises:
        SourceError: if the archive is compressed, so that nothing in it can be read by itself, or damaged.
    """
    if path.suffix.lower() in _COMPRESSED and os.path.isfile(path):
        raise SourceError(
            str(path),
            found="a compressed archive, no photo of which can be read by itself",
            expected="an uncompressed tar",
            remedy="unpack it and pass the folder",
        )
    if path.suffix.lower() != ".tar" or not os.path.isfile(path):
        return None
    voc = _find_voc(path, stamp_of(str(path)))
    return Recognised(path, f"{_LISTS} and JPEGImages lie in {voc.prefix or 'the archive itself'}") if voc else None


def split_names(root: Path) -> list[str]:
    """List the splits that have a list in the tar."""
    return sorted(_open(root).spans(_LISTS, (".txt",)))


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's files, as of a VOC folder; each is read from where it lies in the tar.

    Raises:
        ListError: if the list is malformed.
        SourceError: if it holds no VOC layout, or a sample has several photos or several masks.
    """
    return _pair(root, split, "SegmentationClass")


def list_objects(root: Path, split: str) -> SplitFiles:
    """List a split's files, with object masks instead of class masks."""
    return _pair(root, split, "SegmentationObject")


def _pair(root: Path, split: str, mask_folder: str) -> SplitFiles:
    voc = _open(root)
    inside = f"{root}, {voc.prefix}"
    photos, masks = voc.spans("JPEGImages", PHOTO_SUFFIXES), voc.spans(mask_folder, MASK_SUFFIXES)
    ids = parse_list(
        voc.spans(_LISTS, (".txt",))[split].read(),
        f"{inside}{_LISTS}/{split}.txt",
        Listable("JPEGImages", {key: [span.name] for key, span in photos.items()}),
    ).ids
    mask_of_each = [masks.get(key) for key in ids]
    samples, missing = pair_blobs(
        ids,
        (f"{inside}JPEGImages", [photos.get(key) for key in ids]),
        None if is_to_predict(split, mask_of_each) else (f"{inside}{mask_folder}", mask_of_each),
    )
    return SplitFiles(samples, missing, lambda: _own_legend(voc))


@dataclass(frozen=True)
class _Voc:
    """A VOC layout in a tar.

    Attributes:
        path: of the tar.
        stamp: of the tar.
        prefix: the folder that JPEGImages lies in, with a slash at its end; "" for the archive itself.
        folders: folder, without the prefix -> name -> member.
    """

    path: Path
    stamp: Stamp
    prefix: str
    folders: "dict[str, dict[str, Member]]"

    def spans(self, folder: str, suffixes: tuple[str, ...]) -> dict[str, Span]:
        """List the files of a folder, and of those below it, by stem: "s1/frame_1".

        Raises:
            SourceError: if there are several files of one stem.
        """
        found: dict[str, Span] = {}
        inside = [
            (f"{place}/{name}".removeprefix(f"{folder}/"), member)
            for place, members in self.folders.items()
            if f"{place}/".startswith(f"{folder}/")
            for name, member in members.items()
            if name[0] != "."  # a tar that was made on macOS may hold a "._train.txt" beside it
        ]
        for name, member in inside:
            stem, dot, suffix = name.rpartition(".")
            key = compose(stem)
            if dot + suffix.lower() not in suffixes:
                continue
            if key in found:
                raise SourceError(
                    f"{self.path}, {self.prefix}{folder}",
                    found=f"{found[key].name} and {name} are one sample",
                    expected="one file",
                    remedy="unpack the tar and remove one",
                )
            found[key] = Span(str(self.path), name, member.offset, member.size, self.stamp)
        return found


def _open(path: Path) -> _Voc:
    voc = _find_voc(path, stamp_of(str(path)))
    if voc is None:
        raise SourceError(
            str(path),
            found="no VOC layout in this tar",
            expected=f"JPEGImages and {_LISTS}",
            remedy="unpack it and pass the folder",
        )
    return voc


@lru_cache(maxsize=2)
def _find_voc(path: Path, stamp: Stamp) -> _Voc | None:
    """List a tar, which takes a while, and find the one VOC layout in it; None if there is none."""
    # Every format is asked about a folder, which needs no archive.
    from segfeed.datasets.archives.archive import index_tar  # noqa: PLC0415

    folders: dict[str, dict[str, Member]] = {}
    for name, member in index_tar(path).items():
        folder, _, own = name.rpartition("/")
        folders.setdefault(folder, {})[own] = member
    prefixes = [
        prefix
        for folder in folders
        if f"/{folder}".endswith(f"/{_LISTS}") and (prefix := folder.removesuffix(_LISTS)) + "JPEGImages" in folders
    ]
    if len(prefixes) > 1:
        found = f"several VOC datasets ({', '.join(sorted(prefixes))})"
        raise SourceError(str(path), found=found, remedy="unpack it and pass the folder of one")
    if not prefixes:
        return None
    prefix = prefixes[0]
    inside = {f"{folder}/".removeprefix(prefix): files for folder, files in folders.items()}
    return _Voc(path, stamp, prefix, {folder.removesuffix("/"): files for folder, files in inside.items()})


def _own_legend(voc: _Voc) -> Legend:
    if found := [name for name in _LEGENDS if name in voc.folders.get("", {})]:
        raise LegendError(
            str(voc.path),
            found=f"{voc.prefix}{found[0]} says that these are not VOC's classes",
            remedy="pass legend= with that file, unpacked, or unpack the tar and pass the folder",
        )
    return VOC
