"""Sources: datasets as they lie on disk. This door holds the nouns; each format is a module of its own beside it."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from segfeed.codec import decode_mask, decode_photo, read_labels, read_photo_header
from segfeed.errors import PhotoError, SizeMismatchError, SourceMissingError
from segfeed.lookup import Encoder
from segfeed.pair import Pair

Task = Literal["semantic", "instance"]
Stamp = tuple[int, int, int, int]

_HEAD_BYTES = 1 << 16  # nearly every photo declares its size in its first 64 KiB

FORMATS: dict[str, str] = {
    "voc": "segfeed.sources.voc",
}
"""The formats that `segfeed.scan` recognises, in the order it asks them: name -> module."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Name some bytes of a dataset: a file.

    Attributes:
        path: where the file lies.
        stamp: (size in bytes, mtime_ns, ctime_ns, inode) when the source was scanned.
    """

    path: str
    stamp: Stamp

    @classmethod
    def of(cls, path: str) -> "Blob":
        """Stamp a file.

        Raises:
            FileNotFoundError: there is no such file.
        """
        found = os.stat(path)
        return cls(path, (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))

    @property
    def name(self) -> str:
        """Give the file's own name, for messages."""
        return os.path.basename(self.path)

    def read(self, limit_bytes: int = -1) -> bytes:
        """Read the file's bytes, or its first ones.

        Raises:
            SourceMissingError: the file is gone.
            PhotoError: the system cannot read it.
        """
        try:
            with open(self.path, "rb", buffering=0) as file:
                return (file.read(limit_bytes) if limit_bytes >= 0 else file.readall()) or b""
        except FileNotFoundError:
            raise SourceMissingError(
                f"{self.path}: the file has gone since the source was scanned; scan it again."
            ) from None
        except OSError as error:
            raise PhotoError(
                f"{self.path}: the file cannot be read ({error.strerror}); check its permissions and the disk."
            ) from error


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold one entry of a source: its key, its photo, and its mask where it has one."""

    key: str
    photo: Blob
    mask: Blob | None


@dataclass(frozen=True)
class Source:
    """Hold one split of a dataset as it lies on disk.

    Attributes:
        root: the dataset's folder.
        format: the format's name, as in `FORMATS`.
        split: the split's name.
        task: "semantic" (class ids) or "instance" (object ids).
        samples: in the order of the split's list.
        legend: what stored masks mean.
        unknown: what a colour outside the legend becomes: "error", "void" or a class name.
        why: what the format was recognised by.
    """

    root: Path
    format: str
    split: str
    task: Task
    samples: tuple[Sample, ...]
    legend: Encoder
    unknown: str = "error"
    why: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def name(self) -> str:
        """Give the dataset's name: that of its folder."""
        return self.root.name

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """List the samples' keys in order."""
        return tuple(sample.key for sample in self.samples)

    @property
    def has_masks(self) -> bool:
        """Tell whether the samples have masks; a split to be predicted has none."""
        return self.samples[0].mask is not None

    @cached_property
    def sizes(self) -> npt.NDArray[np.int32]:
        """Read each photo's stored size from its header: int32 (N, 2), (height, width) in px.

        Raises:
            PhotoError: a photo cannot be read.
        """
        return np.array([_photo_size(sample.photo) for sample in self.samples], np.int32).reshape(-1, 2)

    @property
    def digests(self) -> dict[str, str]:
        """Give the SHA-256 of everything a saved state must fit, each by itself."""
        return source_digests(self.keys, self.sizes, self.legend.digest, self.split, self.task)

    def read(self, index: int) -> Pair:
        """Decode a sample: the photo's stored pixels and its labels; all void where it has no mask.

        Raises:
            PhotoError, MaskError: a file cannot be read exactly, or the photo's EXIF orientation turns it.
            UnknownColourError: the mask holds a colour that the legend does not know.
            SizeMismatchError: photo and mask differ in size.
        """
        sample = self.samples[index]
        mask = None if sample.mask is None else sample.mask.read()
        return self.decode(index, sample.photo.read(), mask)

    def decode(self, index: int, photo: bytes, mask: bytes | None) -> Pair:
        """Decode a sample from bytes that were read already; otherwise as `read`."""
        sample = self.samples[index]
        image = decode_photo(photo, sample.photo.name)
        if mask is None or sample.mask is None:
            return Pair(image, np.full(image.shape[:2], self.legend.void, self.legend.dtype))
        labels = read_labels(
            decode_mask(mask, sample.mask.name), self.legend, unknown=self.unknown, name=sample.mask.name
        )
        if image.shape[:2] != labels.shape:
            raise _mismatch(sample, image.shape[:2], labels.shape)
        turned = read_photo_header(photo, sample.photo.name).orientation
        if turned != 1:
            raise PhotoError(
                f"{sample.photo.name}: EXIF orientation {turned} turns the photo on screens, but not its mask {sample.mask.name}; "
                "expected an upright photo; remove the tag if the mask fits the stored pixels, or turn both."
            )
        return Pair(image, labels)


def source_digests(
    keys: Iterable[str], sizes: npt.NDArray[np.int32], legend: str, split: str, task: str
) -> dict[str, str]:
    """Give the SHA-256 of samples (keys and sizes), legend, split and task, each by itself."""
    samples = hashlib.sha256("\n".join(keys).encode())
    samples.update(b"\n" + np.ascontiguousarray(sizes, "<i4").tobytes())
    digests = {"samples": samples.hexdigest(), "legend": legend}
    return digests | {
        name: hashlib.sha256(word.encode()).hexdigest() for name, word in (("split", split), ("task", task))
    }


def _photo_size(photo: Blob) -> tuple[int, int]:
    try:
        header = read_photo_header(photo.read(_HEAD_BYTES), photo.name)
    except PhotoError:  # a long EXIF block, or truly damaged: the whole file decides
        header = read_photo_header(photo.read(), photo.name)
    return header.height, header.width


def _mismatch(sample: Sample, photo: tuple[int, ...], mask: tuple[int, ...]) -> SizeMismatchError:
    assert sample.mask is not None
    transposed = photo == mask[::-1]
    cause = (
        "the two are transposed, most likely by an EXIF orientation; turn one of them"
        if transposed
        else "export the mask again at the photo's size"
    )
    return SizeMismatchError(
        f"sample {sample.key}: photo {sample.photo.name} is {photo[1]} x {photo[0]} px but mask {sample.mask.name} is "
        f"{mask[1]} x {mask[0]} (width x height); expected equal sizes; {cause} (segfeed never resizes labels)."
    )
