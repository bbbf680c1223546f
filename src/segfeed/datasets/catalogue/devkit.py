"""Devkit: what of a PASCAL VOC archive segmentation needs, taken out whole or not at all.

VOC 2012 holds 17,125 photos, 2,913 of which have masks:

VOCdevkit/VOC2012/JPEGImages/ID.jpg
VOCdevkit/VOC2012/SegmentationClass/ID.png
VOCdevkit/VOC2012/SegmentationObject/ID.png
VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val,trainval}.txt
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segfeed.datasets.archives.archive import Archive, unpack
from segfeed.datasets.archives.members import Member
from segfeed.errors import ArchiveError, ListError, SourceError, SourceMissingError

LISTS = "ImageSets/Segmentation"
PHOTOS = ("JPEGImages", ".jpg")
MASKS = (("SegmentationClass", ".png"), ("SegmentationObject", ".png"))
VOC2012_COUNTS = {"train": 1464, "val": 1449, "trainval": 2913}

_ID = re.compile(r"20\d\d_\d{6}")
_SHOWN = 10

Lists = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Unpacking:
    """What is to be taken out of an archive, after all of it was found.

    Attributes:
        needed_bytes: about how much will be written.
        write: writes it below an empty folder.
    """

    needed_bytes: int
    write: Callable[[Path], None]


def read_lists(archive: Archive, counts: Mapping[str, int] = VOC2012_COUNTS) -> tuple[str, Lists]:
    """Find the one VOC dataset in an archive, wherever it lies, and read its lists.

    Args:
        archive: is only read from.
        counts: how many ids each list must have.

    Returns:
        root: the folder that holds JPEGImages, with a slash at its end. lists: split -> ids.

    Raises:
        ArchiveError: if it holds no dataset, or several.
        SourceError: if its lists are malformed, or those of another year.
    """
    ending = f"{LISTS}/trainval.txt"
    roots = [name.removesuffix(ending) for name in archive.members if name.endswith(ending)]
    if len(roots) != 1:
        found = f"several VOC datasets ({', '.join(roots)})" if roots else f"no {ending}"
        expected = "one VOC dataset with its lists"
        raise ArchiveError(archive.name, found=found, expected=expected, remedy="pass another archive")
    names = {f"{roots[0]}{LISTS}/{split}.txt": split for split in counts}
    texts = {names[name]: text for name, text in archive.read(names)}
    lists = {split: parse_ids(f"{archive.name}, {split}.txt", texts.get(split, b"")) for split in counts}
    check_lists(archive.name, lists, counts)
    check_splits(archive.name, lists)
    return roots[0], lists


def parse_ids(name: str, text: bytes) -> tuple[str, ...]:
    r"""Read a list of VOC's ids, one a line.

    Args:
        name: of the list, for messages.
        text: its bytes.

    Raises:
        ListError: if a line is not an id, or an id is there twice.

    >>> parse_ids("train.txt", b"2007_000032\r\n2007_000039\n")
    ('2007_000032', '2007_000039')
    """
    ids = tuple(text.decode("ascii", "replace").split())
    odd = next((entry for entry in ids if not _ID.fullmatch(entry)), None)
    if odd is not None:
        expected = "ids of VOC, such as 2007_000032"
        raise ListError(name, found=f"the id {odd[:40]!r}", expected=expected, remedy="get the archive again")
    if len(set(ids)) != len(ids):
        found = f"{len(ids) - len(set(ids))} ids that are there twice"
        raise ListError(name, found=found, expected="each once", remedy="get the archive again")
    return ids


def check_lists(name: str, lists: Lists, counts: Mapping[str, int]) -> None:
    """Compare the lengths of lists with what they must be.

    Raises:
        SourceError: if a list has another length.
    """
    wrong = [split for split, count in counts.items() if len(lists[split]) != count]
    if wrong:
        found, expected = (
            ", ".join(f"{split} {count:,}" for split, count in pairs)
            for pairs in ([(split, len(lists[split])) for split in wrong], [(split, counts[split]) for split in wrong])
        )
        found = f"lists with other numbers of ids ({found})"
        raise SourceError(name, found=found, expected=expected, remedy="check whether it is another year's")


def check_splits(name: str, lists: Lists) -> None:
    """Check that train and val share no id, and that trainval is both.

    Raises:
        SourceError: if they do, or it is not.
    """
    both = set(lists["train"]) & set(lists["val"])
    if both or {*lists["train"], *lists["val"]} != set(lists["trainval"]):
        found = (
            f"{len(both)} ids are in train and in val, the first is {min(both)}"
            if both
            else "trainval is not train and val"
        )
        raise SourceError(name, found=found, expected="splits that share nothing", remedy="pass the right archive")


def prepare_devkit(archive: Archive, counts: Mapping[str, int] = VOC2012_COUNTS) -> Unpacking:
    """Find the lists, photos and masks of a VOC dataset, and nothing else, in its archive.

    Args:
        archive: is only read from.
        counts: how many ids each list must have.

    Raises:
        ArchiveError: if it holds no dataset, several, or a listed photo or mask is missing.
        SourceError: if its lists are malformed, or those of another year.
    """
    root, lists = read_lists(archive, counts)
    members = want_members(archive, [f"{root}{name}" for name in wanted_files(lists)])
    needed_bytes = sum(member.size for member in members.values())
    return Unpacking(needed_bytes, lambda folder: unpack(archive, folder, members, root=root))


def want_members(archive: Archive, names: Sequence[str]) -> dict[str, Member]:
    """Return members that must all be there, by name.

    Raises:
        ArchiveError: if some are missing; the first ten are named.
    """
    missing = [name for name in names if name not in archive.members]
    if missing:
        found = say_missing(missing, len(names))
        raise ArchiveError(archive.name, found=found, expected="all", remedy="get the archive again")
    return {name: archive.members[name] for name in names}


def wanted_files(lists: Lists) -> list[str]:
    """List what segmentation needs of a VOC dataset with these lists, as names below its folder."""
    names = [f"{LISTS}/{split}.txt" for split in lists]
    return names + [f"{folder}/{key}{suffix}" for folder, suffix in (PHOTOS, *MASKS) for key in lists["trainval"]]


def check_folder(root: Path, counts: Mapping[str, int] = VOC2012_COUNTS) -> Lists:
    """Check that a folder holds VOC's lists and everything that they list; return the lists.

    Raises:
        SourceMissingError: if a photo or mask is missing.
        SourceError: if a list is missing, malformed or another one.
    """
    lists = {}
    for split in counts:
        path = root / LISTS / f"{split}.txt"
        lists[split] = parse_ids(str(path), path.read_bytes()) if path.is_file() else ()
    check_lists(str(root), lists, counts)
    check_splits(str(root), lists)
    require_files(root, wanted_files(lists))
    return lists


def require_files(root: Path, names: Sequence[str]) -> None:
    """Check that files exist below a folder.

    Raises:
        SourceMissingError: if some do not; the first ten are named.
    """
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        found = say_missing(missing, len(names))
        raise SourceMissingError(str(root), found=found, expected="all", remedy="fetch it to another folder")


def say_missing(missing: Sequence[str], count: int) -> str:
    """Return a clause that says how many of `count` files are missing, and names the first ten."""
    shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
    return f"{len(missing):,} of {count:,} files are missing ({shown})"
