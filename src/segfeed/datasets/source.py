"""Sources: datasets as they lie on disk. This door holds the nouns; each format is a module of its own beside it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import Blob
from segfeed.errors import PhotoError, SizeMismatchError, SourceMissingError
from segfeed.pixels.codec import decode_mask, decode_photo, read_labels, read_photo_header
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.pair import Pair

Task = Literal["semantic", "instance"]

_HEAD_BYTES = 1 << 16  # nearly every photo declares its size in its first 64 KiB

FORMATS: dict[str, str] = {
    "voc": "segfeed.datasets.formats.voc",
    "tar": "segfeed.datasets.formats.tar",
    "ade20k": "segfeed.datasets.formats.ade20k",
    "cityscapes": "segfeed.datasets.formats.cityscapes",
    "kitti": "segfeed.datasets.formats.kitti",
    "vistas": "segfeed.datasets.formats.vistas",
    "coco_stuff": "segfeed.datasets.formats.coco_stuff",
    "columns": "segfeed.datasets.formats.columns",
    "labelme": "segfeed.datasets.formats.labelme",
    "roboflow": "segfeed.datasets.formats.roboflow",
    "camvid": "segfeed.datasets.formats.camvid",
    "folders": "segfeed.datasets.formats.two_folders",
}
"""The formats that `segfeed.scan` recognises: name -> module.

A format's module offers

    recognise(path: Path) -> Recognised | None              is this, or something below it, a dataset of this format?
    split_names(root: Path) -> list[str]                the splits that it has
    scan(root: Path, split: str, *, task, legend, unknown) -> Source
"""

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Recognised:
    """Say that a format was recognised.

    Attributes:
        root: the dataset's folder or file.
        why: what it was recognised by, as a clause.
    """

    root: Path
    why: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold one entry of a source: its key, its photo, and its mask where it has one."""

    key: str
    photo: Blob
    mask: Blob | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Name a listed sample that cannot be used, because a file of it is not there.

    Attributes:
        key: the sample's key.
        what: "photo" or "mask".
        folder: where the file was looked for.
    """

    key: str
    what: Literal["photo", "mask"]
    folder: str


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
        missing: listed samples that lack a file; `segfeed.scan` refuses a source that has any, `segfeed.check` lists them.
    """

    root: Path
    format: str
    split: str
    task: Task
    samples: tuple[Sample, ...]
    legend: Encoder
    unknown: str = "error"
    why: str = field(default="", compare=False)
    missing: tuple[Missing, ...] = ()

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
        return any(sample.mask is not None for sample in self.samples)

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

    def whole(self) -> "Source":
        """Give this source back if no listed sample lacks a file.

        Raises:
            SourceMissingError: some do; their number and the first ten are named.
        """
        if not self.missing:
            return self
        first = self.missing[0]
        lacking = [lack.key for lack in self.missing if lack.what == first.what]
        shown = ", ".join(lacking[:_SHOWN]) + (", ..." if len(lacking) > _SHOWN else "")
        raise SourceMissingError(
            f"{first.folder}: {len(lacking)} of {len(self.samples) + len({lack.key for lack in self.missing})} listed samples have no {first.what}: "
            f"{shown}; add the files or take the ids off the list (nothing is skipped silently)."
        )

    def read(self, index: int, out: Pair | None = None) -> Pair:
        """Decode a sample: the photo's stored pixels and its labels; all void where it has no mask.

        Args:
            index: of the sample.
            out: memory of the photo's size that gets image and labels, and is returned.

        Raises:
            PhotoError, MaskError: a file cannot be read exactly, or an EXIF orientation turns a photo that has a mask.
            UnknownColourError: the mask holds a colour that the legend does not know.
            SizeMismatchError: photo and mask differ in size.
        """
        sample = self.samples[index]
        mask = None if sample.mask is None else sample.mask.read()
        return self.decode(index, sample.photo.read(), mask, out)

    def decode(self, index: int, photo: bytes, mask: bytes | None, out: Pair | None = None) -> Pair:
        """Decode a sample from bytes that were read already; otherwise as `read`."""
        sample = self.samples[index]
        image = decode_photo(photo, sample.photo.name, out=None if out is None else out.image)
        if mask is None or sample.mask is None:
            return _settle(Pair(image, np.full(image.shape[:2], self.legend.void, self.legend.dtype)), out)
        labels = read_labels(
            decode_mask(mask, sample.mask.name), self.legend, unknown=self.unknown, name=sample.mask.name
        )
        if image.shape[:2] != labels.shape:
            raise _mismatch(sample, image.shape[:2], labels.shape)
        turned = read_photo_header(photo, sample.photo.name).orientation
        if turned != 1:
            raise PhotoError(
                f"{sample.photo.name}: EXIF orientation {turned} turns the photo on screens, and nothing says whether its mask "
                f"{sample.mask.name} fits what they show or the stored pixels; expected an upright photo; remove the tag if it "
                "fits the stored pixels, else turn the photo's pixels and remove the tag then."
            )
        return _settle(Pair(image, labels), out)


def _settle(pair: Pair, out: Pair | None) -> Pair:
    """Put the labels where the image is already."""
    if out is None:
        return pair
    out.labels[...] = pair.labels
    return out


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
