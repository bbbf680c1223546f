"""Facts: what reading one sample once shows. Pixels are measured and let go, so a dataset's facts fit in memory."""

import os
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xxhash

from segfeed.audit.findings import Box, Finding, SampleId, Severity
from segfeed.audit.lookalikes import Appearance, measure_appearance
from segfeed.audit.unknowns import Unknowns, known_values, measure_unknowns
from segfeed.datasets.blobs import Blob
from segfeed.datasets.doubts.evidence import StoredValue, count_values, values_of
from segfeed.datasets.drawn.masks import DrawnMask
from segfeed.datasets.source import Sample, Source, fits_turned
from segfeed.errors import MaskError, SegfeedError, UnknownColourError
from segfeed.pixels.codec import (
    PhotoHeader,
    StoredMask,
    decode_mask,
    decode_photo,
    kind_of,
    read_labels,
    read_photo_header,
)
from segfeed.pixels.files.jpeg import JPEG_MAGIC, read_jpeg_header
from segfeed.pixels.files.kinds import SHAPES_MAGIC
from segfeed.pixels.files.png import PNG_MAGIC, read_png_header
from segfeed.pixels.lookup import Encoder, Labels
from segfeed.pixels.objects import as_legend
from segfeed.pixels.palette import colour_codes, colour_of
from segfeed.pixels.shapes.drawing import decode_drawing
from segfeed.pixels.shapes.painting import count_outside, paint

Size = tuple[int, int]
FileKind = Literal["photo", "mask"]

_JPEG_KINDS = {1: "gray", 4: "CMYK"}
_PNG_KINDS = {0: "gray", 3: "palette", 4: "alpha", 6: "alpha"}


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFacts:
    """What reading a photo showed.

    Attributes:
        file: its path below the dataset's root.
        name: what messages call it.
        size: (height, width) in px as stored; None if not even that can be read.
        orientation: EXIF's, 1 = upright.
        kind: "colour", "gray", "CMYK", "palette" or "alpha".
        digest: a hash of the file's bytes.
        appearance: what it looks like; None if it cannot be decoded.
        error: why it cannot be decoded.
    """

    file: str
    name: str
    size: Size | None = None
    orientation: int = 1
    kind: str = "colour"
    digest: bytes = b""
    appearance: Appearance | None = None
    error: SegfeedError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFacts:
    """What drawing a mask's shapes showed: the counts of `segfeed.pixels.shapes.painting.Painted`, by class names."""

    overlaps: dict[tuple[str, str], int]
    empty: int
    outside: int
    crowds: int
    left_out: int


@dataclass(frozen=True, slots=True, eq=False)
class MaskFacts:
    """What reading a mask showed.

    Attributes:
        file: its path below the dataset's root.
        name: what messages call it.
        size: (height, width) in px; None if not even that can be read.
        orientation: EXIF's, 1 = upright.
        kind: "colour", "gray", "palette" or "alpha" for a PNG, else what its first bytes are, such as "a JPEG".
        bits: of a channel of a PNG.
        digest: a hash of the file's bytes.
        values: the known values that occur: indices, or codes of colours, (N,).
        labels: the label of each of them, (N,).
        counts: int64 (N,), how many pixels hold each.
        colours: uint32 (N,), the colour code of each in a palette mask; empty for others.
        unknowns: what the legend does not know; for a JPEG what was measured in it.
        strange: the unknown values themselves, the most frequent ones.
        drawn: what was counted if it was drawn from shapes.
        error: why it cannot be decoded, or not by this legend.
    """

    file: str
    name: str
    size: Size | None = None
    orientation: int = 1
    kind: str = "palette"
    bits: int = 8
    digest: bytes = b""
    values: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0, np.uint32))
    labels: Labels = field(default_factory=lambda: np.empty(0, np.uint8))
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    colours: npt.NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    unknowns: Unknowns | None = None
    strange: tuple[StoredValue, ...] = ()
    drawn: DrawnFacts | None = None
    error: SegfeedError | None = None

    @property
    def pixels(self) -> int:
        """How many pixels it has, known or not."""
        return self.size[0] * self.size[1] if self.size else 0

    @property
    def stored_values(self) -> tuple[StoredValue, ...]:
        """The values that it stores, known or not."""
        is_indexed, has_palette = self.values.dtype != np.uint32, len(self.colours) > 0
        indices = self.values.tolist() if is_indexed else [None] * len(self.values)
        codes = (self.colours if has_palette else self.values).tolist()
        colours = map(colour_of, codes) if has_palette or not is_indexed else [None] * len(codes)
        known = map(StoredValue, indices, colours, self.labels.tolist(), self.counts.tolist())
        return (*known, *self.strange)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What reading one sample showed.

    Attributes:
        ids: where it is listed; the first is the one that findings name.
        source: the first split that lists it.
        photo: None without a photo.
        mask: None without a mask.
    """

    ids: tuple[SampleId, ...]
    source: Source
    photo: PhotoFacts | None
    mask: MaskFacts | None

    @property
    def is_turned_apart(self) -> bool:
        """Whether the photo has the mask's size once its EXIF orientation turns it, and only then."""
        photo, mask = self.photo, self.mask
        if photo is None or photo.size is None or mask is None or mask.size is None:
            return False
        size = mask.size
        return fits_turned(PhotoHeader(*photo.size, photo.orientation), lambda: size)

    def about(
        self,
        kind: FileKind,
        severity: Severity,
        rule: str,
        found: str,
        expected: str,
        remedy: str,
        box: Box | None = None,
    ) -> Finding:
        """Make a finding about this sample's photo or mask."""
        (split, key), *also = self.ids
        return Finding(severity, rule, split, key, self._file(kind), found, expected, remedy, box, tuple(also))

    def unreadable(self, kind: FileKind, rule: str, error: SegfeedError, expected: str) -> Finding:
        """Make a finding of the error that kept this sample's photo or mask from being read.

        `expected` stands in for the error's own words if it has none.
        """
        (split, key), *also = self.ids
        finding = Finding.of(error, "error", rule, split, key, self._file(kind), tuple(also))
        return replace(finding, expected=error.expected or expected, remedy=error.remedy or "replace the file")

    def _file(self, kind: FileKind) -> str:
        facts = self.photo if kind == "photo" else self.mask
        return "" if facts is None else facts.file


def read_facts(
    source: Source, sample: Sample, ids: tuple[SampleId, ...], *, read: Callable[[Blob], bytes] | None = None
) -> Facts:
    """Read one sample, each of its files once; what goes wrong becomes a fact.

    Args:
        source: the first split that lists it.
        sample: one of that split.
        ids: where it is listed.
        read: reads the mask's bytes in place of the blob itself.
    """
    photo = _read_photo(sample.photo, source.root)
    mask = None if sample.mask is None else read_mask(sample.mask, source, read)
    facts = Facts(ids, source, photo, mask)
    if source.orientation == "apply" and facts.is_turned_apart and photo.size is not None:
        facts = replace(facts, photo=replace(photo, size=photo.size[::-1], orientation=1))  # as it is read
    return facts


def _read_photo(blob: Blob, root: Path) -> PhotoFacts:
    file, name = below(root, blob.address), blob.name
    try:
        data = blob.read()
    except SegfeedError as error:
        return PhotoFacts(file, name, error=copy(error))
    facts: dict[str, Any] = {"digest": xxhash.xxh3_128_digest(data), "kind": _photo_kind(data)}
    try:
        header = read_photo_header(data, name)
        facts |= {"size": (header.height, header.width), "orientation": header.orientation}
    except SegfeedError as error:
        facts["error"] = copy(error)
    try:
        image = decode_photo(data, name)
        facts["appearance"] = measure_appearance(image)
    except SegfeedError as error:
        facts["error"] = copy(error)
    return PhotoFacts(file, name, **facts)


def _photo_kind(data: bytes) -> str:
    if data.startswith(JPEG_MAGIC):
        header = read_jpeg_header(data)
        return _JPEG_KINDS.get(header.components, "colour") if header else "colour"
    if data.startswith(PNG_MAGIC):
        return _PNG_KINDS.get(data[25], "colour") if len(data) > 25 else "colour"
    return "colour"


def read_mask(blob: Blob, source: Source, read: Callable[[Blob], bytes] | None = None) -> MaskFacts:
    """Read a mask; what goes wrong becomes a fact.

    An error is kept as a copy, without its traceback, which would keep the bytes of every broken file in memory.
    """
    path = blob.file.path if isinstance(blob, DrawnMask) else blob.address
    file, name = below(source.root, path), blob.name
    try:
        data = blob.read() if read is None else read(blob)
    except SegfeedError as error:
        return MaskFacts(file, name, error=copy(error))
    facts = {"digest": xxhash.xxh3_128_digest(data), **_describe_mask(data, name)}
    try:
        stored = decode_mask(data, name)
        facts["drawn"] = _count_shapes(data, name) if data.startswith(SHAPES_MAGIC) else None
        facts |= {"size": stored.pixels.shape[:2], **_read_values(stored, source.legend, name)}
    except SegfeedError as error:
        facts |= {"error": copy(error), "unknowns": _measure_jpeg(data, source.legend)}
    return MaskFacts(file, name, **facts)


def _count_shapes(data: bytes, name: str) -> DrawnFacts:
    drawing = decode_drawing(data, name)
    found = paint(drawing, name)
    named = {
        (drawing.names.get(below, str(below)), drawing.names.get(above, str(above))): pixels
        for (below, above), pixels in found.overlaps.items()
    }
    return DrawnFacts(named, found.empty, count_outside(drawing, name), found.crowds, found.left_out)


def _describe_mask(data: bytes, name: str) -> dict[str, Any]:
    """Read what a mask declares; return fields of its facts."""
    if not data.startswith(PNG_MAGIC):
        header = read_jpeg_header(data) if data.startswith(JPEG_MAGIC) else None
        return {"kind": kind_of(data), "size": header and (header.height, header.width)}
    try:
        height, width, orientation = read_png_header(data, name, MaskError)
    except MaskError:
        return {}
    kind = _PNG_KINDS.get(data[25], "colour")
    return {"kind": kind, "bits": data[24], "size": (height, width), "orientation": orientation}


def _read_values(stored: StoredMask, encoder: Encoder, name: str) -> dict[str, Any]:
    """Look up each value that occurs, once, as `Source.read` looks up each pixel; return fields of facts."""
    values, counts = count_values(stored.codes)
    unknowns: Unknowns | None = None
    strange: tuple[StoredValue, ...] = ()
    try:
        labels = read_labels(stored.line_of(values), encoder, name=name)[0]
    except UnknownColourError:
        unknowns = measure_unknowns(stored, encoder)
        strange = tuple(value for value in values_of(stored, as_legend(encoder), name) if value.label is None)
        known = known_values(values, stored, encoder)
        values, counts = values[known], counts[known]
        labels = read_labels(stored.line_of(values), encoder, name=name)[0]
    facts = {"values": values, "labels": labels, "counts": counts, "unknowns": unknowns, "strange": strange}
    if stored.palette is None or values.max(initial=0) >= len(stored.palette):  # an index beyond it has no colour
        return facts
    return facts | {"colours": colour_codes(stored.palette)[values]}


def _measure_jpeg(data: bytes, encoder: Encoder) -> Unknowns | None:
    """Measure a mask that was saved as JPEG, which is refused whatever it holds."""
    if not data.startswith(JPEG_MAGIC):
        return None
    try:
        pixels = decode_photo(data, "mask")
    except SegfeedError:
        return None
    gray = bool((pixels[..., :1] == pixels[..., 1:]).all())
    return measure_unknowns(StoredMask(pixels[..., 0] if gray else pixels, None), encoder)


def below(root: Path, path: str) -> str:
    """Shorten a path to what follows the dataset's root; a path elsewhere stays as it is."""
    return path.removeprefix(f"{root}{os.sep}").removeprefix(f"{root}/")


def files_of(sample: Sample) -> tuple[str, str | None]:
    """Return the addresses of a sample's photo and mask: samples of several splits may share them."""
    return sample.photo.address, sample.mask.address if sample.mask else None
