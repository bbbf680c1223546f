"""Crop pairs: what a batch holds, turned back into pixels and class ids as people see them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch import Batch
from segfeed.errors import OptionError
from segfeed.pictures.paint import Pixels
from segfeed.pixels.pair import Pair


def read_pairs(batch: Batch, count: int) -> list[Pair]:
    """Undo a batch's format for its first `count` rows: normalisation, layout and the value of void.

    Returns:
        pairs: images uint8 (H, W, 3), 0..255; labels (H, W) of the legend's dtype and void.

    Raises:
        OptionError: if images or labels are not what the batch's format and legend say.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=4, crop_size=(64, 96), splits=("train", None))
    >>> [pair.image.shape for pair in read_pairs(next(iter(train)), 2)]
    [(64, 96, 3), (64, 96, 3)]
    """
    return [Pair(*both) for both in zip(_pixels(batch, count), _labels(batch, count), strict=True)]


def _pixels(batch: Batch, count: int) -> Pixels:
    """Undo a format on a batch's first images: uint8 (count, H, W, 3), 0..255.

    Raises:
        OptionError: their dtype or shape is not the format's.
    """
    wanted, images = batch.format, np.asarray(batch.images[:count])
    axis = 1 if wanted.layout == "NCHW" else 3
    if images.dtype != wanted.dtype or images.ndim != 4 or images.shape[axis] != 3:
        raise OptionError(
            "format",
            found=f"{wanted.dtype} {wanted.layout}, but the batch holds images {images.dtype} {images.shape}",
            expected="the format that the batch was made with",
        )
    images = np.moveaxis(images, axis, 3)
    if wanted.dtype == "uint8":
        return images
    mean, std = np.array(wanted.normalize or ((0, 0, 0), (1, 1, 1)), np.float32)
    pixels: Pixels = np.round((images * std + mean) * 255).clip(0, 255).astype(np.uint8)
    return pixels


def _labels(batch: Batch, count: int) -> npt.NDArray[Any]:
    """Translate a batch's first labels back to the legend's dtype and void: (count, H, W).

    Raises:
        OptionError: one is neither a class id nor the format's void.
    """
    legend, labels = batch.legend, np.asarray(batch.labels[:count])
    void = labels == batch.format.void
    wrong = ~void & ((labels < 0) | (labels >= (len(legend.names) or legend.void)))
    if wrong.any():
        raise OptionError(
            "batch",
            found=f"label {int(labels[wrong][0])}, neither a class of the legend nor void ({batch.format.void})",
            expected="labels of the legend that the batch was made with",
        )
    return np.where(void, legend.void, labels).astype(legend.dtype)
