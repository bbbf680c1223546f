"""Derived blobs: a photo of chosen bands, and a mask merged from many, made from files when they are read.

They are what a description says of a dataset's files, so that all that reads a photo or a mask can read them.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.datasets.blobs import Blob, File, Stamp
from segfeed.errors import MaskError, PhotoError, SizeMismatchError
from segfeed.pixels.codec import decode_mask, decode_photo, kind_of, read_photo_header
from segfeed.pixels.files.tiff_pictures import decode_tiff_bands

_KINDS = {"a TIFF": "TIFF", "a PNG": "PNG"}
_ORIENTATION = 274

MAX_OBJECTS = 253
"""How many objects 8-bit ids can number; see `segfeed.pixels.objects`."""


@dataclass(frozen=True, slots=True)
class ChosenBands:
    """A photo of three of a file's bands, as red, green and blue.

    Attributes:
        file: a TIFF of up to 4 bands, or a PNG of 3.
        bands: which are red, green and blue, counted from 1.
    """

    file: File
    bands: tuple[int, ...]

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.file.name

    @property
    def address(self) -> str:
        """The file's path, and the bands."""
        return f"{self.file.path}:bands {','.join(map(str, self.bands))}"

    @property
    def stamp(self) -> Stamp:
        """The file's stamp."""
        return self.file.stamp

    def is_unchanged(self) -> bool:
        """Check whether the file still has its stamp."""
        return self.file.is_unchanged()

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the chosen bands as a picture of the file's kind, or the file's own first bytes: they say its size.

        Raises:
            PhotoError: if the file cannot be read, or lacks a band.
        """
        data = self.file.read(limit_bytes)
        return data if limit_bytes >= 0 else _choose_bands(data, self.name, self.bands)


@dataclass(frozen=True, slots=True)
class MergedMask:
    """A mask merged from masks that show one object each: 0 is where none shows anything.

    Attributes:
        files: in the order of the objects' numbers.
        is_numbered: whether each object has its number, from 1; otherwise all are 1.
    """

    files: tuple[File, ...]
    is_numbered: bool

    @property
    def name(self) -> str:
        """The first file's name, and how many more there are."""
        return f"{self.files[0].name} and {len(self.files) - 1} more"

    @property
    def address(self) -> str:
        """The first file's path: no other mask has it."""
        return self.files[0].path

    @property
    def stamp(self) -> Stamp:
        """The sum of the files' sizes, the last times of change, and the sum of inodes."""
        sizes, changed, created, inodes = zip(*(file.stamp for file in self.files), strict=True)
        return sum(sizes), max(changed), max(created), sum(inodes)

    def is_unchanged(self) -> bool:
        """Check whether all files still have their stamps."""
        return all(file.is_unchanged() for file in self.files)

    def read(self, limit_bytes: int = -1) -> bytes:
        """Merge the masks into a gray PNG, and return its bytes, or the first ones.

        Raises:
            MaskError: if a file cannot be read exactly, or shows more than one object; if two objects that are numbered
                overlap, or there are more than `MAX_OBJECTS`.
            SizeMismatchError: if the masks differ in size.
        """
        if self.is_numbered and len(self.files) > MAX_OBJECTS:
            raise MaskError(
                self.name,
                found=f"{len(self.files)} objects",
                expected=f"at most {MAX_OBJECTS}, which 8-bit ids can number",
                remedy='cut the photo into tiles, or use task="semantic"',
            )
        merged = np.zeros(_shown_in(self.files[0]).shape, np.uint8)
        for number, file in enumerate(self.files, 1):
            self._put(merged, _shown_in(file), number)
        out = io.BytesIO()
        Image.fromarray(merged).save(out, "PNG", compress_level=1)
        data = out.getvalue()
        return data if limit_bytes < 0 else data[:limit_bytes]

    def _put(self, merged: npt.NDArray[np.uint8], shown: npt.NDArray[np.bool_], number: int) -> None:
        """Add an object; where it lies over another of the same class, nothing is in doubt unless they are numbered."""
        name = self.files[number - 1].name
        if shown.shape != merged.shape:
            sizes = " and ".join(f"{shape[1]} x {shape[0]}" for shape in (shown.shape, merged.shape))
            raise SizeMismatchError(
                name, found=f"it and {self.files[0].name} are {sizes} px (width x height)", expected="equal sizes"
            )
        if self.is_numbered and (below := merged[shown].max(initial=0)):
            pixels = int((merged[shown] > 0).sum())
            raise MaskError(
                name,
                found=f"it shares {pixels:,} pixel{'s'[: pixels != 1]} with {self.files[below - 1].name}, so that one "
                "map of objects cannot hold both",
                expected="objects that do not overlap",
                remedy='correct one of them, or use task="semantic"',
            )
        merged[shown] = number if self.is_numbered else 1


def made_of(blob: Blob) -> list[str]:
    """List the paths of the files that a derived blob is made of; none if it is not derived."""
    files = blob.files if isinstance(blob, MergedMask) else (blob.file,) if isinstance(blob, ChosenBands) else ()
    return [file.path for file in files]


def _choose_bands(data: bytes, name: str, bands: Sequence[int]) -> bytes:
    """Write three bands of a picture as one of its own kind, with its orientation."""
    kind = _KINDS.get(kind_of(data), "")
    if kind == "TIFF":
        image, orientation = decode_tiff_bands(data, name, bands)
    elif kind and max(bands) <= 3:
        image = np.ascontiguousarray(decode_photo(data, name)[..., [band - 1 for band in bands]])
        orientation = read_photo_header(data, name).orientation
    else:
        raise PhotoError(
            name,
            found=f"{kind_of(data)}, of which bands {', '.join(map(str, bands))} are asked for",
            expected="a TIFF of up to 4 bands, or a PNG of 3",
            remedy="correct bands in the description",
        )
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, exif=exif, **({"compress_level": 1} if kind == "PNG" else {}))
    return out.getvalue()


def _shown_in(file: File) -> npt.NDArray[np.bool_]:
    """Return where a mask shows its object: where it holds the one value that is neither 0 nor black."""
    values = decode_mask(file.read(), file.name).codes
    shown: npt.NDArray[np.bool_] = values != 0
    held = values[shown]
    if held.size and held.min() != held.max():
        raise MaskError(
            file.name,
            found=f"{len(np.unique(held))} values beside 0, but masks are merged here that show one object each",
            expected="0 and one other value",
            remedy="leave merge out of the description if one mask shows all objects",
        )
    return shown
