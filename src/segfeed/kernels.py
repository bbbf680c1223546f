"""Kernels: one row of a plan, from a decoded pair into its place in a batch.

Cutting, flipping, normalising, layout, dtype and the translation of labels happen in one pass over the bytes that are
wanted, and over no others. Pixels are normalised as `float32(x) * scale + bias` with scale = 1 / (255 * std) and
bias = -mean / std, in float32, without fused multiply-add, so every path gives the same bits.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.crop import intersect
from segfeed.errors import OptionError
from segfeed.format import Format
from segfeed.pair import Pair


@dataclass(frozen=True, eq=False)
class Recipe:
    """Hold what a format means in numbers, computed once per loader.

    Attributes:
        channels_first: whether images are (3, H, W) rather than (H, W, 3).
        dtype: the images' dtype.
        label_dtype: the labels' dtype.
        scale: float32 (3,), factor per channel.
        bias: float32 (3,), summand per channel.
        values: (256, 3) of `dtype`, what each pixel value becomes in each channel.
        padding: (3,) of `dtype`, what lies outside the image.
        labels: table of `label_dtype`, from stored labels (uint8 or uint16) to handed-over ones.
        void: the label of what lies outside the image.
    """

    channels_first: bool
    dtype: np.dtype[Any]
    label_dtype: np.dtype[Any]
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    values: npt.NDArray[Any]
    padding: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    void: int

    def image_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Give the shape of one image of a batch."""
        return (3, height, width) if self.channels_first else (height, width, 3)


def make_recipe(wanted: Format, classes: int, stored_void: int) -> Recipe:
    """Turn a resolved format into numbers.

    Args:
        wanted: a format with nothing left open.
        classes: how many class ids there are; 0 where ids are object ids, which may take any value below void.
        stored_void: the stored label of void, 255 or 65535.

    Raises:
        OptionError: void would be a class id too, or labels do not fit the label dtype.
    """
    if wanted.layout is None or wanted.label_dtype is None or wanted.void is None:
        raise OptionError(f"{wanted} leaves a choice open; resolve it first.")
    label_dtype = np.dtype(wanted.label_dtype)
    highest = (classes or stored_void) - 1
    if highest > np.iinfo(label_dtype).max or not np.iinfo(label_dtype).min <= wanted.void <= np.iinfo(label_dtype).max:
        raise OptionError(
            f"labels 0..{highest} and void {wanted.void} do not fit {label_dtype}; pass a wider label_dtype or another void."
        )
    if 0 <= wanted.void <= highest:
        raise OptionError(f"void={wanted.void} is also the id of a class (0..{highest}); choose a value outside them.")
    labels = np.full(stored_void + 1, wanted.void, label_dtype)
    labels[: highest + 1] = np.arange(highest + 1)
    return Recipe(wanted.layout == "NCHW", np.dtype(wanted.dtype), label_dtype, *_values(wanted), labels, wanted.void)


def _values(
    wanted: Format,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[Any], npt.NDArray[Any]]:
    """Compute scale, bias, the value of every pixel value, and the padding."""
    mean, std = wanted.normalize or ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    outside = np.round(255 * np.array(mean)).astype(np.intp)
    scale = (1 / (255 * np.array(std))).astype(np.float32)
    bias = (-np.array(mean) / np.array(std)).astype(np.float32)
    levels = np.arange(256)
    if wanted.dtype == "uint8":
        values = np.repeat(levels.astype(np.uint8)[:, None], 3, axis=1)
    else:
        values = (levels.astype(np.float32)[:, None] * scale + bias).astype(wanted.dtype)
    return scale, bias, values, values[outside, np.arange(3)]


def fill(recipe: Recipe, pair: Pair | None, row: Any, image: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
    """Write one row of a plan into its place in a batch.

    Args:
        recipe: what the format means in numbers.
        pair: the decoded pair of `row`'s sample, or None for a row without a sample, which becomes all padding.
        row: one record of dtype `crop.ROW`.
        image: written; (height, width, 3) or (3, height, width) of `recipe.dtype`.
        labels: written; (height, width) of `recipe.label_dtype`.
    """
    pixels = image.transpose(1, 2, 0) if recipe.channels_first else image
    height, width = labels.shape
    if pair is None:
        pixels[:], labels[:] = recipe.padding, recipe.void
        return
    window = intersect(row, *pair.labels.shape)
    if window.out != (slice(0, height), slice(0, width)):
        pixels[:], labels[:] = recipe.padding, recipe.void
    if row["flip"]:
        pixels, labels = pixels[:, ::-1], labels[:, ::-1]
    _convert(recipe, pair.image[window.source], pixels[window.out])
    np.take(recipe.labels, pair.labels[window.source], out=labels[window.out], mode="clip")


def _convert(recipe: Recipe, pixels: npt.NDArray[np.uint8], out: npt.NDArray[Any]) -> None:
    """Convert pixels (H, W, 3) into `out` of the same shape and any strides."""
    if recipe.dtype == np.uint8:
        np.copyto(out, pixels)
    elif recipe.dtype == np.float32:
        np.multiply(pixels, recipe.scale, out=out)
        np.add(out, recipe.bias, out=out)
    else:
        for channel in range(3):
            out[..., channel] = recipe.values[:, channel][pixels[..., channel]]
