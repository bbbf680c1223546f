"""PASCAL VOC read straight from its tar, which is listed once and never unpacked.

The layout inside is that of a VOC folder, below whatever folders: JPEGImages, SegmentationClass, SegmentationObject,
ImageSets/Segmentation/SPLIT.txt.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from segfeed.datasets.blobs import Span, Stamp, stamp_of
from segfeed.datasets.formats.folders import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.datasets.formats.lists import choose_split, parse_list
from segfeed.datasets.source import Missing, Recognised, Sample, Source, Task
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.legend import VOC, Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import Objects

if TYPE_CHECKING:
    from segfeed.datasets.archives.members import Member

_MASK_FOLDERS: dict[Task, str] = {"semantic": "SegmentationClass", "instance": "SegmentationObject"}
_LISTS = "ImageSets/Segmentation"
_LEGENDS = ("labelmap.txt", "class_names.txt", "dataset_meta.json")
_COMPRESSED = (".tgz", ".gz", ".bz2", ".xz", ".zip", ".7z")


def recognise(path: Path) -> Recognised | None:
    """Find a VOC layout in an uncompressed tar.

    Raises:
        SourceError: the archive is compressed, so that nothing in it can be read by itself, or damaged.
    """
    if path.suffix.lower() in _COMPRESSED and path.is_file():
        raise SourceError(
            f"{path}: a compressed archive, of which no photo can be read by itself; expected an uncompressed tar; "
            "unpack it and pass the folder."
        )
    if path.suffix.lower() != ".tar" or not path.is_file():
        return None
    voc = _look_inside(path)
    return Recognised(path, f"{_LISTS} and JPEGImages lie in {voc.place or 'the archive itself'}") if voc else None


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List a split's samples, as of a VOC folder; each is read from where it lies in the tar.

    Raises:
        SourceMissingError: there is no such list.
        ListError: the list is malformed.
        SourceError: no VOC layout, or a sample has several photos or several masks.
    """
    voc, split = _open(root), choose_split(split, split_names(root), root)
    ids = parse_list(voc.spans(_LISTS, (".txt",))[split].read(), f"{root}, {voc.place}{_LISTS}/{split}.txt")
    photos, masks = voc.spans("JPEGImages", PHOTO_SUFFIXES), voc.spans(_MASK_FOLDERS[task], MASK_SUFFIXES)
    to_predict = split.startswith("test") and not any(key in masks for key in ids)
    samples, missing = [], []
    for key in ids:
        lacking = [] if key in photos else [Missing(key, "photo", f"{root}, {voc.place}JPEGImages")]
        if key not in masks and not to_predict:
            lacking.append(Missing(key, "mask", f"{root}, {voc.place}{_MASK_FOLDERS[task]}"))
        missing += lacking
        if not lacking:
            samples.append(Sample(key, photos[key], masks.get(key)))
    encoder: Encoder = Objects() if task == "instance" else legend or _own_legend(voc)
    encoder.unknown_label(unknown)
    return Source(root, "tar", split, task, tuple(samples), encoder, unknown, missing=tuple(missing))


def split_names(root: Path) -> list[str]:
    """List the splits that have a list in the tar."""
    return sorted(_open(root).spans(_LISTS, (".txt",)))


@dataclass(frozen=True)
class _Voc:
    """Hold where a VOC layout lies in a tar.

    Attributes:
        place: the folder that JPEGImages lies in, with a slash at its end; empty where there is none.
        folders: folder, as from there -> name -> member.
    """

    path: Path
    stamp: Stamp
    place: str
    folders: "dict[str, dict[str, Member]]"

    def spans(self, folder: str, suffixes: tuple[str, ...]) -> dict[str, Span]:
        """List the files of a folder by stem.

        Raises:
            SourceError: several files of one stem.
        """
        found: dict[str, Span] = {}
        for name, member in self.folders.get(folder, {}).items():
            stem, dot, suffix = name.rpartition(".")
            if dot + suffix.lower() not in suffixes:
                continue
            if stem in found:
                raise SourceError(
                    f"{self.path}, {self.place}{folder}: {found[stem].name} and {name} are one sample; expected one file; "
                    "unpack the tar and remove one."
                )
            found[stem] = Span(str(self.path), name, member.offset, member.size, self.stamp)
        return found


def _open(path: Path) -> _Voc:
    voc = _look_inside(path)
    if voc is None:
        raise SourceError(
            f"{path}: no VOC layout in this tar; expected JPEGImages and {_LISTS}; unpack it and pass the folder."
        )
    return voc


def _look_inside(path: Path) -> _Voc | None:
    return _list_voc(path, stamp_of(str(path)))


@lru_cache(maxsize=2)
def _list_voc(path: Path, stamp: Stamp) -> _Voc | None:
    """List a tar, which takes a while, and find the one VOC layout in it; None where there is none."""
    from segfeed.datasets.archives.archive import index_tar  # noqa: PLC0415 - every format is asked about a folder, which is no tar

    folders: dict[str, dict[str, Member]] = {}
    for name, member in index_tar(path).items():
        folder, _, own = name.rpartition("/")
        folders.setdefault(folder, {})[own] = member
    places = [
        place
        for folder in folders
        if f"/{folder}".endswith(f"/{_LISTS}") and (place := folder.removesuffix(_LISTS)) + "JPEGImages" in folders
    ]
    if len(places) > 1:
        raise SourceError(
            f"{path}: several VOC datasets ({', '.join(sorted(places))}); unpack it and pass the folder of one."
        )
    if not places:
        return None
    place = places[0]
    inside = {f"{folder}/".removeprefix(place): files for folder, files in folders.items()}
    return _Voc(path, stamp, place, {folder.removesuffix("/"): files for folder, files in inside.items()})


def _own_legend(voc: _Voc) -> Legend:
    if found := [name for name in _LEGENDS if name in voc.folders.get("", {})]:
        raise LegendError(
            f"{voc.path}: {voc.place}{found[0]} says that these are not VOC's classes; pass legend= with that file, unpacked, "
            "or unpack the tar and pass the folder."
        )
    return VOC
