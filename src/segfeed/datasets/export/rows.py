"""Rows of an export: each sample read, decoded and encoded anew, in the order of its split."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.datasets.export.readback import Written
from segfeed.datasets.source import Source
from segfeed.pixels.files.jpeg import JPEG_MAGIC
from segfeed.pixels.files.png import PNG_MAGIC
from segfeed.pixels.lookup import Labels
from segfeed.system.work import in_order


@dataclass(frozen=True, slots=True)
class Row:
    """A sample as it is written.

    Attributes:
        key: as written.
        photo: the bytes of its file.
        suffix: of the photo's name.
        size: (height, width) in px of the photo as written.
        mask: what is written of its labels: a PNG, or its outlines; None for a photo to be predicted.
        written: what is compared when it is read back.
    """

    key: str
    photo: bytes
    suffix: str
    size: tuple[int, int]
    mask: bytes | None
    written: Written


def make_rows(
    source: Source,
    keys: Sequence[str],
    encode: Callable[[Labels], bytes],
    threads: int | None,
    advance: Callable[[int], None],
) -> Iterator[Row]:
    """Read and encode the samples of a split, in their order.

    Args:
        source: of the split.
        keys: as written.
        encode: makes what is written of labels.
        threads: that do it; all cores if None.
        advance: is called after each.
    """

    def make(index: int) -> Row:
        sample, key = source.samples[index], keys[index]
        photo, mask = sample.photo.read(), None if sample.mask is None else sample.mask.read()
        pair = source.decode(index, photo, mask)
        if source.is_turned(index, photo, mask):
            photo = _as_png(pair.image)
        labels = None if mask is None else pair.labels
        encoded = None if labels is None else encode(labels)
        height, width = pair.image.shape[:2]
        written = Written.of(key, photo, labels)
        return Row(key, photo, _suffix(photo, sample.photo.name), (height, width), encoded, written)

    for row in in_order(make, len(source), threads):
        yield row
        advance(1)


def noted(rows: Iterator[Row], written: list[Written]) -> Iterator[Row]:
    """Hand rows on, and note what each will be compared with."""
    for row in rows:
        written.append(row.written)
        yield row


def _as_png(image: npt.NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def _suffix(photo: bytes, name: str) -> str:
    known = {JPEG_MAGIC: ".jpg", PNG_MAGIC: ".png"}
    return next((suffix for magic, suffix in known.items() if photo.startswith(magic)), PurePath(name).suffix.lower())
