"""Sources: one split of a dataset as it lies on disk, and how the files of a sample become a pair."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import Blob, File
from segfeed.errors import MaskError, PhotoError, SizeMismatchError, SourceMissingError
from segfeed.pixels.codec import PhotoHeader, decode_mask, decode_photo, read_labels, read_photo_header
from segfeed.pixels.files.png import PNG_MAGIC, read_png_header
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder, Labels
from segfeed.pixels.pair import Pair
from segfeed.system.showing import brief, counted, show_html

Task = Literal["semantic", "instance"]
Orientation = Literal["error", "apply"]

_HEAD_BYTES = 1 << 16  # nearly every photo declares its size in its first 64 KiB
_SHOWN = 10
_TURNED = range(5, 9)  # the EXIF orientations that make a photo's height its width


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a format answers if it recognises a dataset.

    Attributes:
        root: the dataset's folder or file, by which the format lists its splits.
        why: what it was recognised by, as a clause.
        folder: the dataset's folder, if `root` is only a file that describes it.
    """

    root: Path
    why: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One entry of a source: its key, its photo, and its mask if it has one."""

    key: str
    photo: Blob
    mask: Blob | None


@dataclass(frozen=True, slots=True)
class Missing:
    """A listed sample that cannot be used, because a file of it is missing.

    Attributes:
        key: the sample's key.
        what: "photo" or "mask".
        folder: where the file was looked for.
        found: what bears the file's name but is not a file, as a clause: "a.jpg: a named pipe"; "" if nothing does.
    """

    key: str
    what: Literal["photo", "mask"]
    folder: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """What a format finds on disk of one split.

    Attributes:
        samples: with all their files, in the split's order.
        missing: listed samples that lack a file.
        legend: reads what the dataset says its masks mean; None if it does not say. It is called only if the person
            passes no legend, and not for object masks.
        why: what else to know about the choice of files, as a clause.
        expected_legend: where the dataset could say what its masks mean, for the error if it does not.
        groups: key -> what must stay together in folds, such as the frames of a video; empty if nothing must.
        settings: "unknown" and "orientation" as the dataset's masks were read before; they count where the person
            leaves the option at "error".
        is_listed: whether a list names the samples; otherwise all files do that lie where they must.
    """

    samples: tuple[Sample, ...]
    missing: tuple[Missing, ...]
    legend: Callable[[], Legend | None] = lambda: None
    why: str = ""
    expected_legend: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_listed: bool = True


@dataclass(frozen=True)
class Source:
    """One split of a dataset as it lies on disk.

    Attributes:
        root: the dataset's folder.
        format: the format's name, as in `segfeed.datasets.recognition.FORMATS`.
        split: the split's name.
        task: "semantic" (class ids) or "instance" (object ids).
        samples: in the order of the split's list.
        legend: what stored masks mean.
        unknown: what a colour outside the legend becomes: "error", "void" or a class name.
        why: what the format was recognised by.
        missing: listed samples that lack a file; `segfeed.scan` refuses a source that has any, `segfeed.check` lists
            them.
        orientation: what becomes of a photo with an EXIF orientation and a mask: "error", or "apply": if the mask has
            the size to which the orientation turns the photo, it is turned so; otherwise it is an error, still.
        groups: as in `SplitFiles`.
        is_listed: as in `SplitFiles`.
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
    orientation: Orientation = "error"
    groups: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    is_listed: bool = field(default=True, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.samples)

    _repr_html_ = show_html

    def __repr__(self) -> str:
        classes = counted(len(self.legend.names), "class", "classes") if self.legend.names else "objects"
        notes = ("" if self.has_masks else ", no masks") + (f", {len(self.missing):,} missing" if self.missing else "")
        where = f"{brief(self.name)} {brief(self.split)}"
        return f"Source({where}: {counted(len(self), 'sample')}, {classes}, format {brief(self.format)}{notes})"

    @property
    def name(self) -> str:
        """The dataset's name: that of its folder."""
        return self.root.name

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The samples' keys in order."""
        return tuple(sample.key for sample in self.samples)

    @property
    def has_masks(self) -> bool:
        """Whether the samples have masks; a split to be predicted has none."""
        return any(sample.mask is not None for sample in self.samples)

    @cached_property
    def sizes(self) -> npt.NDArray[np.int32]:
        """Each photo's stored size, or the one to which it is turned: int32 (N, 2), (height, width) in px.

        Raises:
            PhotoError: if a photo cannot be read.
        """
        return read_sizes(self.samples, self.orientation)

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of everything that a saved state must fit, each by itself."""
        return source_digests(self.keys, self.sizes, self.legend.digest, self.split, self.task)

    def whole(self) -> "Source":
        """Return this source, if no listed sample lacks a file.

        Raises:
            SourceMissingError: if some do; their number and the first ten are named.
        """
        if not self.missing:
            return self
        first = self.missing[0]
        lacking = [lack.key for lack in self.missing if lack.what == first.what]
        listed = len(self.samples) + len({lack.key for lack in self.missing})
        shown = ", ".join(lacking[:_SHOWN]) + (", ..." if len(lacking) > _SHOWN else "")
        instead = next((f" ({lack.found})" for lack in self.missing if lack.what == first.what and lack.found), "")
        what = "listed samples" if self.is_listed else "samples"
        raise SourceMissingError(
            first.folder,
            found=f"{len(lacking)} of {listed} {what} have no {first.what}: {shown}{instead}",
            remedy=f"{self.if_missing(first.what)}; nothing is skipped silently",
        )

    def if_missing(self, what: str) -> str:
        """Say what to do about samples that lack a file, "photo" or "mask"."""
        if self.is_listed:
            return "add the files, or take the samples off the list"
        if what == "photo":
            return "add the files, or move masks without a photo elsewhere"
        return (
            'add the files, or, if only photos with masks are samples, write samples = "masks" at the top of a '
            "segfeed.toml, which scan --write starts"
        )

    def read(self, index: int, out: Pair | None = None) -> Pair:
        """Decode a sample: the photo's stored pixels and its labels; all labels are void if it has no mask.

        Args:
            index: of the sample.
            out: memory of the photo's size that gets image and labels, and is returned.

        Raises:
            PhotoError, MaskError: if a file cannot be read exactly, or if an EXIF orientation turns a photo that has a
                mask.
            UnknownColourError: if the mask holds a colour that the legend does not know.
            SizeMismatchError: if photo and mask differ in size.
        """
        sample = self.samples[index]
        mask = None if sample.mask is None else sample.mask.read()
        return self.decode(index, sample.photo.read(), mask, out)

    def read_photo(self, index: int) -> npt.NDArray[np.uint8]:
        """Decode a sample's photo alone, uint8 (H, W, 3), turned if `read` turns it; its labels are not read.

        Raises:
            PhotoError: if it cannot be read exactly. MaskError: if it may be turned, and its mask cannot be read.
        """
        sample = self.samples[index]
        photo = sample.photo.read()
        image = decode_photo(photo, sample.photo.name)
        mask = sample.mask.read() if self.orientation == "apply" and sample.mask is not None else None
        if not self.is_turned(index, photo, mask):
            return image
        return turn_upright(image, read_photo_header(photo, sample.photo.name).orientation)

    def decode(self, index: int, photo: bytes, mask: bytes | None, out: Pair | None = None) -> Pair:
        """Decode a sample from bytes that were read already; otherwise as `read`."""
        sample = self.samples[index]
        turned = self.is_turned(index, photo, mask)
        image = decode_photo(photo, sample.photo.name, out=None if out is None or turned else out.image)
        if mask is None or sample.mask is None:
            labels: Labels = np.full(image.shape[:2], self.legend.void, self.legend.dtype)
        else:
            stored = decode_mask(mask, sample.mask.name)
            labels = read_labels(stored, self.legend, unknown=self.unknown, name=sample.mask.name)
            tag = read_photo_header(photo, sample.photo.name).orientation
            if turned:
                image = turn_upright(image, tag)
            if image.shape[:2] != labels.shape:
                raise _mismatch(sample, sample.mask, image.shape[:2], labels.shape, tag)
            if tag != 1 and not turned:
                raise _turned(sample.photo, sample.mask, tag)
        if out is None:
            return Pair(np.ascontiguousarray(image), labels)
        if turned:
            out.image[...] = image
        out.labels[...] = labels
        return out

    def is_turned(self, index: int, photo: bytes, mask: bytes | None) -> bool:
        """Check whether `read` turns a sample's photo by its EXIF orientation, from its files' bytes."""
        sample = self.samples[index]
        if self.orientation != "apply" or mask is None or sample.mask is None:
            return False
        header = read_photo_header(photo, sample.photo.name)
        return fits_turned(header, lambda: _size_of_mask(mask, str(sample.mask and sample.mask.name)))


def turn_upright(image: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Turn pixels (H, W, 3) as an EXIF orientation asks for; returns a view.

    Source: CIPA DC-008 (Exif 2.32), tag 274: which side of the picture the first row and the first column show.

    >>> turn_upright(np.arange(6, dtype=np.uint8).reshape(2, 3, 1), 6)[..., 0].tolist()
    [[3, 0], [4, 1], [5, 2]]
    """
    if orientation in _TURNED:
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image[:, ::-1] if orientation in (2, 3, 6, 7) else image


def fits_turned(photo: PhotoHeader, mask_size: Callable[[], tuple[int, int]]) -> bool:
    """Check whether a mask has the size to which its photo's EXIF orientation turns it, which the photo has not.

    Args:
        photo: what the photo declares.
        mask_size: reads the mask's (height, width) in px; called only if the orientation exchanges the photo's sides.
    """
    stored = photo.height, photo.width
    return photo.orientation in _TURNED and stored[0] != stored[1] and mask_size() == stored[::-1]


def _size_of_mask(data: bytes, name: str) -> tuple[int, int]:
    if data.startswith(PNG_MAGIC):
        height, width, _ = read_png_header(data, name, MaskError)
        return height, width
    height, width = decode_mask(data, name).pixels.shape[:2]
    return height, width


def source_digests(
    keys: Iterable[str], sizes: npt.NDArray[np.int32], legend: str, split: str, task: str
) -> dict[str, str]:
    """Return the SHA-256 of samples (keys and sizes), legend, split and task, each by itself."""
    samples = hashlib.sha256("\n".join(keys).encode())
    samples.update(b"\n" + np.ascontiguousarray(sizes, "<i4").tobytes())
    digests = {"samples": samples.hexdigest(), "legend": legend}
    return digests | {
        name: hashlib.sha256(word.encode()).hexdigest() for name, word in (("split", split), ("task", task))
    }


def read_sizes(samples: Sequence[Sample], orientation: Orientation = "error") -> npt.NDArray[np.int32]:
    """Read each photo's size from its header, stored or as `Source.orientation` turns it: int32 (N, 2), in px.

    Raises:
        PhotoError: if a photo cannot be read. MaskError: if the mask of a photo that may be turned cannot be read.
    """
    return np.array([_photo_size(sample, orientation) for sample in samples], np.int32).reshape(-1, 2)


def _photo_size(sample: Sample, orientation: Orientation) -> tuple[int, int]:
    photo, mask = sample.photo, sample.mask
    try:
        # In most kinds of pictures, an orientation may stand behind the pixels.
        header = read_photo_header(photo.read(_HEAD_BYTES if orientation == "error" else -1), photo.name)
    except PhotoError:  # a long EXIF block, or truly damaged: the whole file decides
        header = read_photo_header(photo.read(), photo.name)
    if (
        orientation == "apply"
        and mask is not None
        and fits_turned(header, lambda: _size_of_mask(mask.read(), mask.name))
    ):
        return header.width, header.height
    return header.height, header.width


def hold_same(one: Blob | None, other: Blob | None) -> bool:
    """Check whether two blobs hold the same bytes; two that are None do."""
    if one is None or other is None or one.address == other.address:
        return one is other or (one is not None and other is not None)
    if isinstance(one, File) and isinstance(other, File) and one.stamp[0] != other.stamp[0]:
        return False
    # Files of one size are most often told apart by how they begin.
    return one.read(_HEAD_BYTES) == other.read(_HEAD_BYTES) and one.read() == other.read()


def _mismatch(
    sample: Sample, mask: Blob, photo_px: tuple[int, ...], mask_px: tuple[int, ...], tag: int
) -> SizeMismatchError:
    remedy = "export the mask again at the photo's size"
    if photo_px == mask_px[::-1]:
        remedy = "the two are transposed, most likely by an EXIF orientation; turn one of them"
        if tag in _TURNED:
            remedy = f"the photo's EXIF orientation is {tag}; pass orientation=\"apply\" to turn it to the mask's size"
    return SizeMismatchError(
        f"sample {sample.key}",
        found=f"photo {sample.photo.name} is {photo_px[1]} x {photo_px[0]} px but mask {mask.name} is {mask_px[1]} x "
        f"{mask_px[0]} (width x height)",
        expected="equal sizes",
        remedy=f"{remedy} (segfeed never resizes labels)",
    )


def _turned(photo: Blob, mask: Blob, orientation: int) -> PhotoError:
    return PhotoError(
        photo.name,
        found=f"EXIF orientation {orientation} turns the photo on screens, and nothing says whether its mask "
        f"{mask.name} fits what they show or the stored pixels",
        expected="an upright photo",
        remedy="remove the tag if it fits the stored pixels, else turn the photo's pixels and remove the tag then",
    )
