"""SBD: the masks of the Semantic Boundaries Dataset beside those of VOC 2012, as the train list `trainaug`.

The dataset's own lists divide photos otherwise than VOC does: its train list holds photos of VOC's val list. `trainaug`
is everything in both datasets but VOC's val list, 10,582 ids. If VOC has a mask, VOC's is taken: it has void borders.

benchmark_RELEASE/dataset/{train,val}.txt
benchmark_RELEASE/dataset/img/ID.jpg
benchmark_RELEASE/dataset/cls/ID.mat      GTcls.Segmentation, class ids 0..20, no void

Source: Hariharan et al., Semantic Contours from Inverse Detectors, ICCV 2011, and the README of its benchmark.tgz.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from segfeed.datasets.archives.archive import Archive, Contents, write_files
from segfeed.datasets.catalogue.devkit import (
    LISTS,
    PHOTOS,
    VOC2012_COUNTS,
    Lists,
    Unpacking,
    check_folder,
    check_lists,
    parse_ids,
    require_files,
    want_members,
    wanted_files,
)
from segfeed.datasets.catalogue.mat_file import read_mat_field
from segfeed.errors import ArchiveError, MaskError, SizeMismatchError, SourceError
from segfeed.pixels.codec import read_photo_header
from segfeed.pixels.palette import voc_colours
from segfeed.system.work import show_progress

AUGMENTED = "SegmentationClassAug"

_PALETTE = [part for colour in voc_colours(256) for part in colour]
_CLASSES = 21

Size = tuple[int, ...]


@dataclass(frozen=True)
class Numbers:
    """How many ids the lists of VOC, those of SBD, and `trainaug` must have."""

    voc: Mapping[str, int]
    sbd: Mapping[str, int]
    trainaug: int


OFFICIAL = Numbers(VOC2012_COUNTS, {"train": 8498, "val": 2857}, trainaug=10_582)
"""The numbers of VOC 2012 and SBD as they were published."""


def read_sbd_lists(archive: Archive, counts: Mapping[str, int]) -> tuple[str, Lists]:
    """Find the dataset in its archive, and read its lists.

    Args:
        archive: is only read from.
        counts: how many ids each list must have.

    Returns:
        root: the folder that holds img and cls, with a slash at its end.
        lists: split -> ids, by the dataset's own division.

    Raises:
        ArchiveError: if it holds no dataset, or several.
        SourceError: if its lists are malformed, or other ones.
    """
    ending = "dataset/train.txt"  # the demo of the benchmark's code has lists of its own
    roots = [name.removesuffix("train.txt") for name in archive.members if name.endswith(ending)]
    if len(roots) != 1:
        raise ArchiveError(
            archive.name,
            found=f"{len(roots)} times {ending}",
            expected="the lists of SBD once",
            remedy="pass another archive",
        )
    names = {f"{roots[0]}{split}.txt": split for split in counts}
    texts = {names[name]: text for name, text in archive.read(names)}
    lists = {split: parse_ids(f"{archive.name}, {split}.txt", texts.get(split, b"")) for split in counts}
    check_lists(archive.name, lists, counts)
    return roots[0], lists


def merge_lists(sbd: Lists, voc: Lists, count: int) -> tuple[str, ...]:
    """Make `trainaug`: all ids of both datasets but those of VOC's val list, sorted.

    Raises:
        SourceError: if there are more or fewer than `count`.

    >>> voc = {"train": ("2007_000032",), "val": ("2007_000033",)}
    >>> merge_lists({"train": ("2007_000033",), "val": ("2008_000002",)}, voc, 2)
    ('2007_000032', '2008_000002')
    """
    ids = set(voc["train"]).union(*sbd.values()) - set(voc["val"])
    if len(ids) != count:
        found = f"{len(ids):,} ids outside of VOC's val list"
        raise SourceError("trainaug", found=found, expected=f"{count:,}", remedy="get both archives again")
    return tuple(sorted(ids))


def check_leak(name: str, lists: Lists) -> None:
    """Check that no photo of val is trained on.

    Raises:
        SourceError: if one is.
    """
    both = set(lists["trainaug"]) & set(lists["val"])
    if both:
        found = f"{len(both)} ids of val are in trainaug, the first is {min(both)}"
        raise SourceError(name, found=found, expected="none", remedy="fetch it to another folder")


def prepare_sbd(archive: Archive, voc_root: Path, numbers: Numbers = OFFICIAL) -> Unpacking:
    """Find what SBD adds to VOC 2012 in its archive; both are written together, in VOC's layout.

    SegmentationClassAug gets palette PNGs for trainaug and val; SegmentationClass and SegmentationObject are VOC's own.

    Args:
        archive: of SBD; is only read from.
        voc_root: a whole VOC 2012; it is copied from.
        numbers: of ids that the lists must have.

    Raises:
        ArchiveError: if it holds no dataset, several, or a listed photo or mask is missing.
        SourceError: if lists are malformed or other ones, or `voc_root` is not whole.
        MaskError: when it is written, if a mask is damaged or holds other numbers than class ids.
        SizeMismatchError: when it is written, if a photo and its mask differ in size.
    """
    voc = check_folder(voc_root, numbers.voc)
    root, lists = read_sbd_lists(archive, numbers.sbd)
    trainaug = merge_lists(lists, voc, numbers.trainaug)
    added = sorted(set(trainaug) - set(voc["train"]))
    members = want_members(archive, [f"{root}{name}" for key in added for name in (f"img/{key}.jpg", f"cls/{key}.mat")])
    copied = {name: voc_root / name for name in wanted_files(voc)}
    copied |= {f"{AUGMENTED}/{key}.png": voc_root / "SegmentationClass" / f"{key}.png" for key in voc["trainval"]}
    sizes = _Sizes({}, {})

    def files() -> Iterator[tuple[str, Contents]]:
        yield f"{LISTS}/trainaug.txt", partial(bytes, "".join(f"{key}\n" for key in trainaug).encode())
        for name, path in copied.items():
            yield name, path.read_bytes
        for name, content in archive.read(members):
            key = Path(name).stem
            if name.endswith(".jpg"):
                header = read_photo_header(content, f"{key}.jpg")
                sizes.photos[key] = header.height, header.width
                yield f"{PHOTOS[0]}/{key}.jpg", partial(bytes, content)
            else:
                yield f"{AUGMENTED}/{key}.png", partial(_paint, content, key, sizes.masks)

    def write(folder: Path) -> None:
        with show_progress("unpacking", 1 + len(copied) + len(members)) as advance:
            write_files(files(), folder, advance)
        _check_sizes(archive.name, sizes)

    needed_bytes = sum(member.size for member in members.values()) + sum(
        path.stat().st_size for path in copied.values()
    )
    return Unpacking(needed_bytes, write)


def check_sbd_folder(root: Path, numbers: Numbers = OFFICIAL) -> Lists:
    """Check that a folder holds VOC 2012, the list `trainaug`, and everything that it lists; return the lists.

    Raises:
        SourceMissingError: if a photo or mask is missing.
        SourceError: if a list is missing, malformed or another one.
    """
    lists = dict(check_folder(root, numbers.voc))
    path = root / LISTS / "trainaug.txt"
    lists["trainaug"] = parse_ids(str(path), path.read_bytes()) if path.is_file() else ()
    check_lists(str(root), lists, {"trainaug": numbers.trainaug})
    check_leak(str(root), lists)
    keys = [*lists["trainaug"], *lists["val"]]
    require_files(root, [f"{folder}/{key}{suffix}" for folder, suffix in (PHOTOS, (AUGMENTED, ".png")) for key in keys])
    return lists


@dataclass(frozen=True)
class _Sizes:
    """The (height, width) of photos and masks in px, by key."""

    photos: dict[str, Size]
    masks: dict[str, Size]


def _check_sizes(archive: str, sizes: _Sizes) -> None:
    for key, photo in sizes.photos.items():
        if photo != sizes.masks[key]:
            found, mask = (" x ".join(map(str, size)) for size in (photo, sizes.masks[key]))
            raise SizeMismatchError(
                archive,
                found=f"sample {key}: the photo is {found} px but its mask {mask} (height x width)",
                expected="equal sizes",
                remedy="get the archive again",
            )


def _paint(content: bytes, key: str, sizes: dict[str, Size]) -> bytes:
    """Turn a mask of SBD into a palette PNG, and note its size."""
    labels = read_mat_field(content, f"{key}.mat", variable="GTcls", field="Segmentation")
    if labels.max() >= _CLASSES:
        expected = f"ids 0 to {_CLASSES - 1}"
        raise MaskError(
            f"{key}.mat", found=f"class id {labels.max()}", expected=expected, remedy="get the archive again"
        )
    sizes[key] = labels.shape
    mask = Image.fromarray(labels)
    mask.putpalette(_PALETTE)
    png = io.BytesIO()
    mask.save(png, format="PNG")
    return png.getvalue()
