"""What formats of drawn shapes share: how their samples get keys and sizes, and how their files are found."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import Blob
from segfeed.datasets.drawn.json_reading import has_words
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import plain_path
from segfeed.datasets.matching.lists import FORBIDDEN, SPLIT_WORDS
from segfeed.errors import MaskError, PhotoError, SourceError
from segfeed.pixels.codec import read_photo_header
from segfeed.pixels.files.through_pillow import open_picture, read_pixels

_HEAD_BYTES = 1 << 16
_WORD = re.compile(r"[^\W_]+")
_YEARS = re.compile(r"(20)?\d\d$")
_MOST_FILES = 200
_SHOWN = 12
_TURNED = range(5, 9)  # the EXIF orientations that make a photo's height its width


@dataclass(frozen=True, slots=True)
class Drawn:
    """One annotated photo.

    Attributes:
        named: the photo's path as the annotation gives it.
        mask: what is drawn on it; None if the annotation says nothing of it.
        photo: if it is known already, such as one inside the annotation.
    """

    named: str
    mask: DrawnMask | None
    photo: Blob | None = None


def keys_of(named: Sequence[str], root: Path) -> list[str]:
    """Return a key for each photo: its name without folder and suffix, or as much more as tells all apart.

    Raises:
        SourceError: if two are of one photo, or a name holds what no key may.
    """
    if not named:
        raise SourceError(str(root), found="no photo in the annotations", remedy="check the path")
    paths = [_normal(plain_path(name)) for name in named]
    keys = [_without_suffix(path.rpartition("/")[2]) for path in paths]
    if len(set(keys)) < len(keys):
        if repeated := [path for path, count in Counter(paths).items() if count > 1]:
            raise SourceError(
                str(root),
                found=f"{repeated[0]} is annotated {paths.count(repeated[0])} times",
                expected="one annotation of each photo",
                remedy="join them or remove all but one",
            )
        keys = [_without_suffix(path) for path in paths]
        keys = keys if len(set(keys)) == len(keys) else paths
    for key in keys:
        if FORBIDDEN.search(key.replace("/", "")) or ".." in key.split("/") or not key:
            found = f'photo {key!r}, whose name holds what no key may (control characters, .. or one of :*?"<>|)'
            raise SourceError(str(root), found=found, remedy="rename the photo, and in the annotations, too")
    return keys


def _normal(path: str) -> str:
    """Return a path without its root, and without the parts that say nothing."""
    parts = path.split("/")
    return "/".join(part for part in parts if part not in ("", ".")) if "" in parts or "." in parts else path


def _without_suffix(path: str) -> str:
    """Return a path without the suffix of its last name, as pathlib understands it: ".a" and "a." have none."""
    stem, _, suffix = path.rpartition(".")
    return stem if suffix and "/" not in suffix and stem and stem[-1] != "/" else path


@dataclass(frozen=True, slots=True)
class ClassesSeen:
    """The classes of the shapes of one sample, while they are read.

    Attributes:
        classes: of the dataset.
        where: what the mask is called in an error.
        names: stored value -> name, of those that occurred.
    """

    classes: Classes
    where: str
    names: dict[int, str]

    def value_of(self, label: object, what: str) -> int | None:
        """Return the stored value of a shape's class; None for void.

        Raises:
            MaskError: if the dataset does not declare it.
        """
        if not isinstance(label, str) or label not in self.classes:
            found = f"{what} of class {label!r}"
            expected = f"one of {', '.join(self.classes.names[:_SHOWN])}"
            raise MaskError(self.where, found=found, expected=expected, remedy="correct the annotation")
        value = self.classes.value_of(label)
        if value is not None:
            self.names[value] = label
        return value


def size_of_photo(photo: Blob, *, upright: bool = False) -> tuple[int, int]:
    """Read a photo's (height, width) in px: stored, or as its EXIF orientation turns it.

    Raises:
        PhotoError: if it cannot be read.
    """
    try:
        # In most kinds of pictures, an orientation may stand behind the pixels.
        header = read_photo_header(photo.read(-1 if upright else _HEAD_BYTES), photo.name)
    except PhotoError:
        header = read_photo_header(photo.read(), photo.name)
    size = header.height, header.width
    return size[::-1] if upright and header.orientation in _TURNED else size


def known_size(size: tuple[int, int] | Blob | None, where: str, lacking: str) -> tuple[int, int]:
    """Return the (height, width) in px that an annotation says, or else its photo's.

    Raises:
        MaskError: if there is neither; `lacking` names both.
        PhotoError: if the photo cannot be read.
    """
    if isinstance(size, tuple):
        return size
    if size is None:
        raise MaskError(where, found=f"neither {lacking}", expected="one of them")
    return size_of_photo(size)


def cover_of_png(data: bytes, where: str) -> npt.NDArray[np.bool_]:
    """Return the pixels, bool (H, W), that a PNG inside an annotation covers, by its gray or else its alpha.

    Raises:
        MaskError: if it cannot be read.
    """
    with open_picture(data, where, "PNG", MaskError) as picture:
        pixels = read_pixels(picture, where, MaskError)
    return (pixels if pixels.ndim == 2 else pixels[..., -1]) > 0


def split_of_file(path: Path) -> str | None:
    """Return the split that a file's name means, or else its folder's; None if neither is one.

    >>> split_of_file(Path("annotations/instances_train2017.json")), split_of_file(Path("valid/_annotations.json"))
    ('train2017', 'valid')
    """
    words: list[str] = _WORD.findall(path.stem)
    for word in reversed(words):
        if _YEARS.sub("", word.casefold()) in SPLIT_WORDS:
            return word
    return path.parent.name if path.parent.name.casefold() in SPLIT_WORDS else None


def files_below(path: Path, suffixes: tuple[str, ...], words: tuple[bytes, ...]) -> list[Path]:
    """List the files with some words in a folder, of those in it and in theirs; a file stands for itself.

    Raises:
        SourceError: if such files lie in one of its folders, and deeper in another one: which dataset is meant?
    """
    if not os.path.isdir(path):
        return [path] if path.suffix.lower() in suffixes and has_words(path, words) else []
    found: list[Path] = []
    for depth in ("*", "*/*"):
        found += sorted(one for suffix in suffixes for one in path.glob(f"{depth}{suffix}") if one.is_file())
        if len(found) > _MOST_FILES:
            break
    found = [one for one in found[:_MOST_FILES] if has_words(one, words)]
    if found and all(one.parent != path for one in found):
        _refuse_another_dataset(path, found, suffixes, words)
    return found


def _refuse_another_dataset(path: Path, found: list[Path], suffixes: tuple[str, ...], words: tuple[bytes, ...]) -> None:
    own = {one.relative_to(path).parts[0] for one in found}
    deeper = (one for suffix in suffixes for one in path.glob(f"*/*/*{suffix}") if one.is_file())
    for other in islice(deeper, _MOST_FILES):
        if other.relative_to(path).parts[0] not in own and has_words(other, words):
            names = " and ".join(str(one.relative_to(path)) for one in (found[0], other))
            remedy = "pass the path of one dataset"
            raise SourceError(str(path), found=f"annotations in several folders ({names})", remedy=remedy)


def files_of_photos(path: Path) -> list[Path]:
    """List the JSON files of single photos at and below a folder, in the order of their names."""
    if not os.path.isdir(path):
        return [path] if path.suffix.lower() == ".json" else []
    found = []
    for inner, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        found += [Path(inner, name) for name in sorted(names) if name.lower().endswith(".json") and name[0] != "."]
    return found
