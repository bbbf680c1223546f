"""Thumbnails: a sample as a report shows it. No byte of a file gets into the report: all is encoded anew."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.datasets.blobs import Blob
from segfeed.datasets.doubts.evidence import count_values
from segfeed.datasets.source import Source
from segfeed.errors import SegfeedError
from segfeed.pictures.paint import Pixels, fit, nearest, paint_labels
from segfeed.pixels.codec import StoredMask, decode_mask, decode_photo, read_labels
from segfeed.pixels.lookup import Encoder, Labels, count_labels, look_up_codes
from segfeed.pixels.palette import colour_codes, colours_of
from segfeed.pixels.public_legends import VOC

JPEG_QUALITY = 82

_BLACK_ALPHA = 128  # black, which is the background's colour in most legends, only dims the photo below it
_GAP_SHARE = 0.04  # between a photo and a mask that does not fit it, of the photo's width
_NO_COLOUR = (255, 0, 255)  # of an index beyond a file's palette


@dataclass(frozen=True, slots=True)
class Layer:
    """A photo or a mask as it is shown.

    Attributes:
        uri: `data:` with the picture, which may be smaller than what is stored.
        height: as stored, in px.
        width: as stored, in px.
    """

    uri: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A sample as it is shown.

    Attributes:
        photo: None if it cannot be decoded.
        mask: painted labels; stored colours if the legend does not know them; None if there is none to be shown.
        shares: label -> share of the mask's pixels, 0..1, largest first; empty without labels.
    """

    photo: Layer | None
    mask: Layer | None
    shares: dict[int, float]

    @property
    def mask_left(self) -> int:
        """The x of the mask's left side in px: on the photo, or right of it if the two differ in size."""
        if self.photo is None or self.mask is None:
            return 0
        fits = (self.photo.height, self.photo.width) == (self.mask.height, self.mask.width)
        return 0 if fits else self.photo.width + max(1, round(self.photo.width * _GAP_SHARE))

    @property
    def height(self) -> int:
        """The height of all, in px; 0 if nothing can be shown."""
        return max((layer.height for layer in (self.photo, self.mask) if layer), default=0)

    @property
    def width(self) -> int:
        """The width of all, in px; 0 if nothing can be shown."""
        mask = self.mask_left + self.mask.width if self.mask else 0
        return max(mask, self.photo.width if self.photo else 0)


def make_thumbnail(
    source: Source, index: int, edge_px: int, legend: Encoder | None, read: Callable[[Blob], bytes] | None = None
) -> Thumbnail:
    """Shrink a sample to a longer side of at most `edge_px`; what cannot be decoded is left out.

    Args:
        source: a split.
        index: of the sample.
        edge_px: the longest side of what is shown.
        legend: what masks mean; None if that is not known: they are then shown in the colours that they store.
        read: reads the mask's bytes in place of the blob itself.
    """
    sample = source.samples[index]
    photo, mask, shares = None, None, {}
    try:
        image = source.read_photo(index)
    except SegfeedError:
        pass
    else:
        picture = Image.fromarray(np.ascontiguousarray(image))
        height, width = _fit(image, edge_px)
        smaller = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        photo = _layer(_jpeg_uri(smaller), image)
    found = None if sample.mask is None else _read_mask(sample.mask, legend, source.unknown, read)
    if found is not None and found.ndim == 2:
        assert legend is not None
        small = nearest(found, *_fit(found, edge_px))
        mask, shares = _layer(_flat_uri(paint_labels(small, legend)), found), _shares(found)
    elif found is not None:
        mask = _layer(_flat_uri(nearest(found, *_fit(found, edge_px))), found)
    return Thumbnail(photo, mask, shares)


def _layer(uri: str, stored: npt.NDArray[Any]) -> Layer:
    return Layer(uri, stored.shape[0], stored.shape[1])


def _read_mask(
    blob: Blob, legend: Encoder | None, unknown: str, read: Callable[[Blob], bytes] | None
) -> npt.NDArray[Any] | None:
    """Read labels (H, W) or, if the legend does not know them, colours (H, W, 3); None if the file is damaged."""
    try:
        data = blob.read() if read is None else read(blob)
    except SegfeedError:
        return None
    try:
        stored = decode_mask(data, blob.name)
    except SegfeedError:
        return _read_as_photo(data, blob.name)
    try:
        return _stored_colours(stored) if legend is None else read_labels(stored, legend, unknown=unknown)
    except SegfeedError:
        return _stored_colours(stored)


def _read_as_photo(data: bytes, name: str) -> Pixels | None:
    """Read a mask that was saved as JPEG, or is transparent."""
    try:
        return decode_photo(data, name)
    except SegfeedError:
        return None


def _stored_colours(stored: StoredMask) -> Pixels:
    if stored.pixels.ndim == 3:
        return stored.pixels
    if stored.palette is None:  # bare indices have no colours, so VOC's colours tell them apart
        return paint_labels(VOC.encode(stored.pixels, unknown="void"), VOC)
    palette = np.full((256, 3), _NO_COLOUR, np.uint8)
    palette[: len(stored.palette)] = stored.palette
    return np.asarray(palette[stored.pixels])


def _shares(labels: Labels) -> dict[int, float]:
    counts = count_labels(labels)
    found = np.flatnonzero(counts)
    order = found[np.argsort(-counts[found], kind="stable")]
    return {int(label): float(counts[label] / labels.size) for label in order}


def _fit(stored: npt.NDArray[Any], edge_px: int) -> tuple[int, int]:
    """Return the (height, width) at which a picture's longer side is `edge_px`, if it is larger."""
    box = min(edge_px, max(stored.shape[:2]))
    return fit(stored.shape[0], stored.shape[1], box, box)


def _jpeg_uri(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _flat_uri(colours: Pixels) -> str:
    """Encode the few colours of labels exactly, in a palette PNG; more than 256 are not labels: encode them as JPEG."""
    codes = colour_codes(colours)
    known, _ = count_values(codes)
    if len(known) > 256:
        return _jpeg_uri(Image.fromarray(np.ascontiguousarray(colours)))
    indices, _ = look_up_codes(codes, known, np.arange(len(known), dtype=np.uint8))
    picture = Image.fromarray(indices)
    picture.putpalette(colours_of(known).tobytes())
    stream = io.BytesIO()
    alpha = bytes(255 if code else _BLACK_ALPHA for code in known)
    picture.save(stream, "PNG", transparency=alpha)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
