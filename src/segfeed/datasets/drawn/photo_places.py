"""Where the photos of an annotation lie: it names them, by a path of its own time, and they may have moved since."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from segfeed.datasets.blobs import File
from segfeed.datasets.matching.lists import compose
from segfeed.errors import SourceError
from segfeed.pixels.codec import PHOTO_SUFFIXES

_NOTES = ("annotations", "annotation", "labels", "label", "ann", "json", "jsons", "xml", "lists")
_FOLDERS = ("images", "image", "img", "imgs", "jpegimages", "photos", "input_images", "data")
_MOST = 2_000_000
_ANCHORED = re.compile(r"[A-Za-z][\w+.-]*:/+([^?]*)")


@dataclass(frozen=True)
class PhotoPlaces:
    """All pictures below a folder, by their names.

    Attributes:
        folder: of the dataset.
        by_name: file name, accents composed -> paths below the folder, with slashes.
    """

    folder: Path
    by_name: dict[str, list[str]]

    @classmethod
    def near(cls, annotation: Path, root: Path) -> "PhotoPlaces":
        """List the pictures at and below an annotation's folder, or if there is none, below the dataset's.

        What lies beside the dataset is never looked at: another dataset may have photos of the same names.

        Args:
            annotation: the file, or the folder of them.
            root: what was opened: the dataset's folder, or an annotation in it.
        """
        folder, whole = dataset_folder(annotation), dataset_folder(root)
        found = cls(folder, _list(folder))
        return found if found.by_name or whole == folder else cls(whole, _list(whole))

    def find(self, named: str, hint: str = "") -> File | None:
        """Find a photo by the path that an annotation gives it; None if it is not there.

        Of several of one name, the one counts whose folders fit the path, else the hint, such as the split's name, else
        that in a folder of images. A name that is written in another case, or escaped as in a URL, is found if none is
        spelled alike.

        Raises:
            SourceError: if several fit alike.
        """
        path = plain_path(named)
        name = path.rpartition("/")[2]
        paths = self.by_name.get(name) or self._otherwise_spelled(name)
        if len(paths) > 1:
            fitting = [(_common(PurePosixPath(one), PurePosixPath(path)), one) for one in paths]
            best = max(count for count, _ in fitting)
            paths = [one for count, one in fitting if count == best]
        if len(paths) > 1:
            for words in ((hint.casefold(),), _FOLDERS):  # masks beside photos often bear their names
                paths = [one for one in paths if set(one.casefold().split("/")[:-1]) & set(words)] or paths
        if len(paths) > 1:
            raise SourceError(
                str(self.folder),
                found=f"{named} may be {' or '.join(sorted(paths)[:3])}",
                expected="one photo of this name",
                remedy="move the others out of the dataset's folder",
            )
        return File.of(self._prefix + paths[0]) if paths else None

    def _otherwise_spelled(self, name: str) -> list[str]:
        """List the photos of a name that is escaped as in a URL, or written in another case, as Windows allows."""
        plain = unquote(name.partition("?")[0])
        return self.by_name.get(plain) or self._by_folded.get(plain.casefold(), [])

    @cached_property
    def _prefix(self) -> str:
        """The folder with a separator; joining paths anew takes as long as asking for a file's stamp."""
        return os.path.join(self.folder, "")

    @cached_property
    def _by_folded(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, paths in self.by_name.items():
            found.setdefault(name.casefold(), []).extend(paths)
        return found


def plain_path(named: str) -> str:
    r"""Write the path that an annotation gives a photo with slashes, without a drive, scheme or query.

    >>> plain_path("C:\\x\\a.jpg"), plain_path("https://host/x/a.jpg?v=1")
    ('x/a.jpg', 'host/x/a.jpg')
    """
    plain = compose(named).replace("\\", "/")
    anchored = _ANCHORED.match(plain) if ":/" in plain else None
    return anchored[1] if anchored else plain


def dataset_folder(annotation: Path) -> Path:
    """Return the folder of the dataset that an annotation file, or a folder of them, belongs to.

    >>> dataset_folder(Path("coco/annotations/instances_val.json")).as_posix()
    'coco'
    """
    folder = annotation if os.path.isdir(annotation) else annotation.parent
    while folder.name.casefold() in _NOTES and folder.parent != folder:
        folder = folder.parent
    return folder


def _common(one: PurePosixPath, other: PurePosixPath) -> int:
    """Count the parts in which two paths agree from their ends."""
    count = 0
    for here, there in zip(reversed(one.parts), reversed(other.parts), strict=False):
        if here != there:
            break
        count += 1
    return count


def _list(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    count, root = 0, str(folder)
    for inner, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        below = os.path.relpath(inner, root).replace(os.sep, "/") if inner != root else ""
        for name in names:
            if os.path.splitext(name)[1].lower() in PHOTO_SUFFIXES and name[0] != ".":
                found.setdefault(compose(name), []).append(f"{below}/{name}" if below else name)
                count += 1
        if count > _MOST:
            break
    return found
