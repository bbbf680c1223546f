"""Rows of a plan, from decoded pairs into a batch: sampled, coloured, normalised, laid out, translated in one pass.

Only the bytes that are wanted are read. Pixels are normalised as `float32(x) * scale + bias` with scale = 1 / (255 *
std) and bias = -mean / std, in float32, without fused multiply-add. Two paths give the same bits: plain NumPy here,
which needs nothing and is there at once, and the compiled kernel, which takes over when it is loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch_format import BatchFormat
from segfeed.errors import OptionError
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.plans.augment import Augment, Stages
from segfeed.plans.rows import ROW, Rows, cut
from segfeed.system.work import Kernels

_NO_STAGES = Stages()


@dataclass(frozen=True, eq=False)
class Conversion:
    """How stored pixels and labels become those of a batch: a format in numbers, computed once per loader.

    Attributes:
        channels_first: whether images are (3, H, W) rather than (H, W, 3).
        dtype: the images' dtype.
        label_dtype: the labels' dtype.
        stored_dtype: the stored labels' dtype, uint8 or uint16.
        affine: float32 (2, 3 * W), factor and summand of each value of a line of pixels.
        values: (256, 3) of `dtype`, what each pixel value becomes in each channel.
        outside: the pixel that lies outside the image: the mean, rounded, or an augmentation's `pad_value`.
        padding: (3 * W,) of `dtype`, a line of such pixels.
        stored_void: the stored label of void.
        void: the batch's label of void, and of what lies outside the image.
        sides: (stored_void + 1,) of `stored_dtype`, what each stored label becomes in mirrored rows; None if it stays.
        stages: for what the compiled kernel is made ready. Plain NumPy fills rows that need more.
    """

    channels_first: bool
    dtype: np.dtype[Any]
    label_dtype: np.dtype[Any]
    stored_dtype: np.dtype[Any]
    affine: npt.NDArray[np.float32]
    values: npt.NDArray[Any]
    outside: tuple[int, int, int]
    padding: npt.NDArray[Any]
    stored_void: int
    void: int
    sides: npt.NDArray[Any] | None = None
    stages: Stages = _NO_STAGES

    @property
    def types(self) -> tuple[Any, ...]:
        """What decides which specialisation of the compiled kernel serves."""
        layout = self.channels_first, self.dtype, self.label_dtype, self.stored_dtype
        return *layout, self.sides is None, self.stages

    @cached_property
    def before(self) -> "Conversion":
        """The conversion to the pixels and labels that a person's own transform takes: bytes, as they are stored."""
        levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
        return replace(
            self,
            channels_first=False,
            dtype=np.dtype(np.uint8),
            label_dtype=self.stored_dtype,
            values=levels,
            padding=np.tile(np.array(self.outside, np.uint8), self.affine.shape[1] // 3),
            void=self.stored_void,
        )

    @cached_property
    def after(self) -> "Conversion":
        """The conversion of what a transform returns: the row is done, so that it is neither sampled nor coloured."""
        return replace(self, sides=None, stages=_NO_STAGES)

    def image_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Return the shape of one image of a batch."""
        return (3, height, width) if self.channels_first else (height, width, 3)


def make_conversion(
    wanted: BatchFormat,
    width: int,
    classes: int,
    stored_void: int,
    swap: Sequence[tuple[int, int]] = (),
    augment: Augment | None = None,
) -> Conversion:
    """Turn a resolved format into numbers.

    Args:
        wanted: a format with nothing left open.
        width: of every crop, in px.
        classes: how many class ids there are; 0 if ids are object ids, which may take any value below void.
        stored_void: the stored label of void, 255 or 65535.
        swap: pairs of class ids that change places in mirrored rows.
        augment: what is drawn for rows; its `pad_value` lies outside images.

    Raises:
        OptionError: if void would be a class id too, labels do not fit the label dtype, or `swap` holds others.
    """
    if wanted.layout is None or wanted.label_dtype is None or wanted.void is None:
        raise OptionError("format", found=f"{wanted} leaves a choice open", remedy="resolve it first")
    label_dtype, limits = np.dtype(wanted.label_dtype), np.iinfo(wanted.label_dtype)
    highest = (classes or stored_void) - 1
    if highest > limits.max or not limits.min <= wanted.void <= limits.max:
        raise OptionError(
            "label_dtype",
            found=f"{wanted.label_dtype!r}, which cannot hold the labels 0..{highest} and void {wanted.void}",
            remedy="pass a wider label_dtype or another void",
        )
    if 0 <= wanted.void <= highest:
        raise OptionError(
            "void", found=f"{wanted.void}, which is also the id of a class", expected=f"a value outside 0..{highest}"
        )
    stored_dtype = np.dtype(np.uint8 if stored_void == 255 else np.uint16)
    mean, std = (np.array(part) for part in wanted.normalize or ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    scale, bias = (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    values = levels if wanted.dtype == "uint8" else (levels.astype(np.float32) * scale + bias).astype(wanted.dtype)
    outside = np.round(255 * mean).astype(int)
    if augment is not None and augment.pad_value is not None:
        outside[:] = augment.pad_value
    red, green, blue = outside.tolist()
    return Conversion(
        channels_first=wanted.layout == "NCHW",
        dtype=np.dtype(wanted.dtype),
        label_dtype=label_dtype,
        stored_dtype=stored_dtype,
        affine=np.tile(np.stack([scale, bias]), width),
        values=values,
        outside=(red, green, blue),
        padding=np.tile(values[(red, green, blue), range(3)], width),
        stored_void=stored_void,
        void=wanted.void,
        sides=_table_of_sides(swap, classes, stored_void, stored_dtype) if swap else None,
        stages=_NO_STAGES if augment is None else augment.stages,
    )


def _table_of_sides(
    swap: Sequence[tuple[int, int]], classes: int, stored_void: int, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    lows, highs = np.array(swap).T
    if max(lows.max(), highs.max()) >= classes:
        found = f"label {max(lows.max(), highs.max())}"
        raise OptionError("swap", found=found, expected=f"labels of the {classes} classes")
    table = np.arange(stored_void + 1, dtype=dtype)
    table[lows], table[highs] = highs, lows
    return table


def fill(
    conversion: Conversion, stored: StoredPairs, rows: Rows, images: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> None:
    """Write rows of a plan into a batch.

    Args:
        conversion: how stored values become those of the batch.
        stored: where the rows' pairs lie; what it says of rows without a sample is ignored.
        rows: (N,) of dtype `ROW`.
        images: written; contiguous (N, H, W, 3) or (N, 3, H, W) of `conversion.dtype`.
        labels: written; contiguous (N, H, W) of `conversion.label_dtype`.
    """
    compiled = _KERNELS.module
    if (
        compiled is None
        or conversion.types not in _READY
        or not _fill_compiled(compiled, conversion, stored, rows, images, labels)
    ):
        fill_plain(conversion, stored, rows, images, labels)


def fill_plain(
    conversion: Conversion, stored: StoredPairs, rows: Rows, images: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> None:
    """Do what `fill` does, in plain NumPy."""
    for n, row in enumerate(rows):
        pixels = images[n].transpose(1, 2, 0) if conversion.channels_first else images[n]
        if row["sample"] < 0:
            pixels[:], labels[n] = conversion.padding[:3], conversion.void
            continue
        image, known = cut(stored.pair(n), row, padding=conversion.outside, void=conversion.stored_void)
        if row["flip"] and conversion.sides is not None:
            known = conversion.sides[known]
        _convert(conversion, image, pixels)
        np.copyto(labels[n], known, casting="unsafe")
        if conversion.void != conversion.stored_void:
            labels[n][known == conversion.stored_void] = conversion.void


def _convert(conversion: Conversion, pixels: npt.NDArray[np.uint8], out: npt.NDArray[Any]) -> None:
    """Convert pixels (H, W, 3), each line of them contiguous, into `out` of the same shape."""
    if conversion.dtype == np.uint8:
        np.copyto(out, pixels)
    elif conversion.dtype == np.float32 and not conversion.channels_first:
        # Whole lines of 3 * W values: NumPy's inner loop over 3 channels would be ten times as slow.
        height, width = pixels.shape[:2]
        source, line = (
            np.lib.stride_tricks.as_strided(a, (height, 3 * width), (a.strides[0], a.itemsize)) for a in (pixels, out)
        )
        np.multiply(source, conversion.affine[0, : 3 * width], out=line)
        np.add(line, conversion.affine[1, : 3 * width], out=line)
    elif conversion.dtype == np.float32:
        for channel in range(3):
            np.multiply(pixels[..., channel], conversion.affine[0, channel], out=out[..., channel])
            np.add(out[..., channel], conversion.affine[1, channel], out=out[..., channel])
    else:
        for channel in range(3):
            out[..., channel] = conversion.values[:, channel][pixels[..., channel]]


_KERNELS = Kernels("segfeed.batches.kernels.compiled", "fills the batches, which gives the same bytes")
_READY: set[tuple[Any, ...]] = set()  # the types for which the kernel was warmed up


def load_compiled(conversion: Conversion) -> bool:
    """Load and warm up the compiled kernel for a conversion, so that `fill` uses it from then on.

    Returns:
        loaded: False if numba is not installed, or its code cannot be trusted.
    """
    return _KERNELS.load(partial(_make_ready, conversion))


def _make_ready(conversion: Conversion, module: ModuleType) -> None:
    """Make the kernel ready for a conversion, compiled anew if what numba kept gives other bits."""
    if conversion.types not in _READY:
        if not _agrees(module, conversion):
            module.keep_nothing()
            if not _agrees(module, conversion):
                raise ArithmeticError("its code gives other bits")
        _READY.add(conversion.types)


def _agrees(module: ModuleType, conversion: Conversion) -> bool:
    """Fill small crops of every kind by both paths and compare."""
    width = conversion.affine.shape[1] // 3
    rows = np.zeros(7, ROW)
    rows["height"], rows["width"] = 2, width
    rows["top"][1] = rows["left"][1] = -1
    rows["flip"][1:] = True
    rows["sample"][2] = -1
    if conversion.stages.scales:
        rows["scaled_height"][3:6], rows["scaled_width"][3:6] = (1, 3, 4), (width // 2 + 1, width, 2 * width)
        rows["antialias"][3] = rows["antialias"][6] = True
    if conversion.stages.turns:
        rows["angle"][6] = 1000
    if conversion.stages.colours:
        for colour in ("brightness", "contrast", "saturation", "hue", "gamma", "gray"):
            rows[colour][4:] = 5000
        rows["saturation"][5] = rows["colour_order"][5] = 1
    image = (np.arange(6 * (width + 1)) % 251).astype(np.uint8).reshape(2, width + 1, 3)
    labels = np.full((2, width + 1), conversion.stored_void, conversion.stored_dtype)
    # A label that changes places if one does.
    labels[:, ::2] = 1 if conversion.sides is None else np.argmax(conversion.sides != np.arange(len(conversion.sides)))
    one = StoredPairs.of(Pair(image, labels))
    stored = StoredPairs(
        one.images, one.image_starts.repeat(7), one.labels, one.label_starts.repeat(7), one.sizes.repeat(7, 0)
    )
    filled = [
        (
            np.zeros((7, *conversion.image_shape(2, width)), conversion.dtype),
            np.zeros((7, 2, width), conversion.label_dtype),
        )
        for _ in range(2)
    ]
    try:
        _fill_compiled(module, conversion, stored, rows, *filled[0])
    except Exception:  # noqa: BLE001 - whatever numba trips over on disk: a full one, or a file cut short by a crash
        return False
    fill_plain(conversion, stored, rows, *filled[1])
    return all(compiled.tobytes() == plain.tobytes() for compiled, plain in zip(*filled, strict=True))


def _fill_compiled(
    compiled: ModuleType,
    conversion: Conversion,
    stored: StoredPairs,
    rows: Rows,
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
) -> bool:
    """Do what `fill` does, in compiled code; return False if rows need stages that the conversion does not have."""
    # The mapped pack is read-only: equal flags keep numba to one specialisation for packs and decoded pairs.
    pixels, ids = (_read_only(array) for array in (stored.images, stored.labels))
    width = labels.shape[2]
    out = images if conversion.channels_first else images.reshape(*images.shape[:2], 3 * width)
    # numba has no 16-bit floats: the kernel writes their bits.
    outside, out = (
        array.view(np.uint16) if array.dtype == np.float16 else array for array in (conversion.padding, out)
    )
    affine = None if conversion.dtype == np.uint8 else conversion.affine
    scratch = np.empty((width, 3), np.uint8)
    place = pixels, stored.image_starts, stored.sizes
    scales, turns, colours = (True if stage else None for stage in conversion.stages)
    if not any(conversion.stages):
        is_filled = compiled.copy(place, rows, affine, outside, scratch, None, out)
    else:
        is_filled = compiled.fill(place, rows, affine, outside, scratch, None, scales, turns, colours, out)
    if not is_filled:
        return False

    voids = conversion.stored_dtype.type(conversion.stored_void), conversion.label_dtype.type(conversion.void)
    outside, scratch = np.full(width, voids[1]), np.empty(width, conversion.stored_dtype)
    place = ids, stored.label_starts, stored.sizes
    if scales is turns is None:
        compiled.copy(place, rows, voids, outside, scratch, conversion.sides, labels)
    else:
        compiled.fill(place, rows, voids, outside, scratch, conversion.sides, scales, turns, None, labels)
    return True


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
