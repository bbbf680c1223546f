"""Kernels: the rows of a plan, from decoded pairs into their places in a batch.

Cutting, flipping, normalising, layout, dtype and the translation of labels happen in one pass over the bytes that are
wanted, and over no others. Pixels are normalised as `float32(x) * scale + bias` with scale = 1 / (255 * std) and
bias = -mean / std, in float32, without fused multiply-add. Two paths give the same bits: plain NumPy here, which needs
nothing and is there at once, and compiled kernels, which take over when they are loaded.
"""

import importlib
import threading
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch_format import BatchFormat
from segfeed.errors import OptionError
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.plans.rows import ROW, Rows, intersect


@dataclass(frozen=True, eq=False)
class Recipe:
    """Hold what a format means in numbers, computed once per loader.

    Attributes:
        channels_first: whether images are (3, H, W) rather than (H, W, 3).
        dtype: the images' dtype.
        label_dtype: the labels' dtype.
        stored_dtype: the stored labels' dtype, uint8 or uint16.
        affine: float32 (2, 3 * W), factor and summand of each value of a line of pixels.
        values: (256, 3) of `dtype`, what each pixel value becomes in each channel.
        padding: (3 * W,) of `dtype`, a line of what lies outside the image.
        stored_void: the stored label of void.
        void: the handed-over label of void, and of what lies outside the image.
    """

    channels_first: bool
    dtype: np.dtype[Any]
    label_dtype: np.dtype[Any]
    stored_dtype: np.dtype[Any]
    affine: npt.NDArray[np.float32]
    values: npt.NDArray[Any]
    padding: npt.NDArray[Any]
    stored_void: int
    void: int

    @property
    def types(self) -> tuple[Any, ...]:
        """List what decides which compiled kernels serve."""
        return self.channels_first, self.dtype, self.label_dtype, self.stored_dtype

    def image_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Give the shape of one image of a batch."""
        return (3, height, width) if self.channels_first else (height, width, 3)


def make_recipe(wanted: BatchFormat, width: int, classes: int, stored_void: int) -> Recipe:
    """Turn a resolved format into numbers.

    Args:
        wanted: a format with nothing left open.
        width: of every crop, in px.
        classes: how many class ids there are; 0 where ids are object ids, which may take any value below void.
        stored_void: the stored label of void, 255 or 65535.

    Raises:
        OptionError: void would be a class id too, or labels do not fit the label dtype.
    """
    if wanted.layout is None or wanted.label_dtype is None or wanted.void is None:
        raise OptionError(f"{wanted} leaves a choice open; resolve it first.")
    label_dtype, limits = np.dtype(wanted.label_dtype), np.iinfo(wanted.label_dtype)
    highest = (classes or stored_void) - 1
    if highest > limits.max or not limits.min <= wanted.void <= limits.max:
        raise OptionError(
            f"labels 0..{highest} and void {wanted.void} do not fit {label_dtype}; "
            "pass a wider label_dtype or another void."
        )
    if 0 <= wanted.void <= highest:
        raise OptionError(f"void={wanted.void} is also the id of a class (0..{highest}); choose a value outside them.")
    mean, std = (np.array(part) for part in wanted.normalize or ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    scale, bias = (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    values = levels if wanted.dtype == "uint8" else (levels.astype(np.float32) * scale + bias).astype(wanted.dtype)
    padding = values[np.round(255 * mean).astype(np.intp), np.arange(3)]
    return Recipe(
        wanted.layout == "NCHW",
        np.dtype(wanted.dtype),
        label_dtype,
        np.dtype(np.uint8 if stored_void == 255 else np.uint16),
        np.tile(np.stack([scale, bias]), width),
        values,
        np.tile(padding, width),
        stored_void,
        wanted.void,
    )


def fill(recipe: Recipe, stored: StoredPairs, rows: Rows, images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
    """Write rows of a plan into their places in a batch.

    Args:
        recipe: what the format means in numbers.
        stored: where the rows' pairs lie; what it says of rows without a sample is not looked at.
        rows: (N,) of dtype `crop.ROW`.
        images: written; contiguous (N, H, W, 3) or (N, 3, H, W) of `recipe.dtype`.
        labels: written; contiguous (N, H, W) of `recipe.label_dtype`.
    """
    compiled = _Compiled.module
    if compiled is None or recipe.types not in _Compiled.ready:
        fill_plain(recipe, stored, rows, images, labels)
    else:
        _fill_compiled(compiled, recipe, stored, rows, images, labels)


def fill_plain(
    recipe: Recipe, stored: StoredPairs, rows: Rows, images: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> None:
    """Do what `fill` does, in plain NumPy."""
    for n, row in enumerate(rows):
        pixels = images[n].transpose(1, 2, 0) if recipe.channels_first else images[n]
        ids = labels[n]
        pair = stored.pair(n) if row["sample"] >= 0 else None
        window = None if pair is None else intersect(row, *pair.labels.shape)
        if window is None or window.out != (slice(0, ids.shape[0]), slice(0, ids.shape[1])):
            pixels[:], ids[:] = recipe.padding[:3], recipe.void
        if pair is None or window is None:
            continue
        image, known = pair.image[window.source], pair.labels[window.source]
        if row["flip"]:
            image, known = np.ascontiguousarray(image[:, ::-1]), known[:, ::-1]
            lines, (first, last) = (
                window.out[0],
                (ids.shape[1] - window.out[1].stop, ids.shape[1] - window.out[1].start),
            )
            place = lines, slice(first, last)
        else:
            place = window.out
        _convert(recipe, image, pixels[place])
        np.copyto(ids[place], known, casting="unsafe")
        if recipe.void != recipe.stored_void:
            ids[place][known == recipe.stored_void] = recipe.void


def _convert(recipe: Recipe, pixels: npt.NDArray[np.uint8], out: npt.NDArray[Any]) -> None:
    """Convert pixels (H, W, 3), each line of them contiguous, into `out` of the same shape."""
    if recipe.dtype == np.uint8:
        np.copyto(out, pixels)
    elif recipe.dtype == np.float32 and not recipe.channels_first:
        # Whole lines of 3 * W values: NumPy's inner loop over 3 channels would be ten times as slow.
        height, width = pixels.shape[:2]
        source, line = (
            np.lib.stride_tricks.as_strided(a, (height, 3 * width), (a.strides[0], a.itemsize)) for a in (pixels, out)
        )
        np.multiply(source, recipe.affine[0, : 3 * width], out=line)
        np.add(line, recipe.affine[1, : 3 * width], out=line)
    elif recipe.dtype == np.float32:
        for channel in range(3):
            np.multiply(pixels[..., channel], recipe.affine[0, channel], out=out[..., channel])
            np.add(out[..., channel], recipe.affine[1, channel], out=out[..., channel])
    else:
        for channel in range(3):
            out[..., channel] = recipe.values[:, channel][pixels[..., channel]]


class _Compiled:
    """Hold the compiled kernels once they are there, and the types they were warmed up for."""

    module: ModuleType | None = None
    ready: set[tuple[Any, ...]] = set()  # noqa: RUF012 - the one place where this process's kernels are kept
    loading = threading.Lock()


def load_compiled(recipe: Recipe) -> bool:
    """Load and warm up the compiled kernels for a recipe, so that `fill` uses them from then on.

    They are used only if they give the same bits as plain NumPy here and now: what numba kept on disk from an earlier run
    may be damaged, or another process may have been writing it at the same time.

    Returns:
        loaded: False where numba is not installed, or its kernels cannot be trusted.
    """
    with _Compiled.loading:
        module = _find_compiled()
        if module is None:
            return False
        if recipe.types not in _Compiled.ready:
            if not _agrees(module, recipe):
                module.keep_nothing()
                if not _agrees(module, recipe):
                    return False
            _Compiled.ready.add(recipe.types)
            _Compiled.module = module
    return True


def _agrees(module: ModuleType, recipe: Recipe) -> bool:
    """Fill three small crops, one flipped, one beyond the image, one without a sample, by both paths, and compare."""
    width = recipe.affine.shape[1] // 3
    rows = np.array([(0, 0, 0, 2, width, False), (0, -1, -1, 2, width, True), (-1, 0, 0, 2, width, False)], ROW)
    image = (np.arange(6 * (width + 1)) % 251).astype(np.uint8).reshape(2, width + 1, 3)
    labels = np.full((2, width + 1), recipe.stored_void, recipe.stored_dtype)
    labels[:, ::2] = 1
    one = StoredPairs.of(Pair(image, labels))
    stored = StoredPairs(
        one.images, one.image_starts.repeat(3), one.labels, one.label_starts.repeat(3), one.sizes.repeat(3, 0)
    )
    filled = [
        (np.zeros((3, *recipe.image_shape(2, width)), recipe.dtype), np.zeros((3, 2, width), recipe.label_dtype))
        for _ in range(2)
    ]
    try:
        _fill_compiled(module, recipe, stored, rows, *filled[0])
    except Exception:  # noqa: BLE001 - whatever numba trips over on disk: a full one, or a file cut short by a crash
        return False
    fill_plain(recipe, stored, rows, *filled[1])
    return all(compiled.tobytes() == plain.tobytes() for compiled, plain in zip(*filled, strict=True))


@cache
def _find_compiled() -> ModuleType | None:
    try:
        return importlib.import_module("segfeed.batches.kernels.compiled")
    except ImportError:
        return None


def _fill_compiled(
    compiled: ModuleType,
    recipe: Recipe,
    stored: StoredPairs,
    rows: Rows,
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
) -> None:
    # The mapped pack is read-only: equal flags keep numba to one specialisation for packs and decoded pairs.
    memory, ids = (_read_only(array) for array in (stored.images, stored.labels))
    where = (memory, stored.image_starts, stored.sizes, rows)
    out = images if recipe.channels_first else images.reshape(*images.shape[:2], 3 * images.shape[2])
    if recipe.dtype == np.float32:
        function = compiled.fill_float_first if recipe.channels_first else compiled.fill_float_last
        function(*where, recipe.affine, recipe.padding, out)
    elif recipe.dtype == np.uint8 and not recipe.channels_first:
        compiled.fill_bytes(*where, recipe.padding, out)
    else:  # numba knows no 16-bit floats: it moves their bits
        function = compiled.fill_table_first if recipe.channels_first else compiled.fill_table_last
        values, padding, out = (_bits(array) for array in (recipe.values, recipe.padding, out))
        function(*where, values, padding, out)
    voids = recipe.stored_dtype.type(recipe.stored_void), recipe.label_dtype.type(recipe.void)
    mirrored = np.empty(labels.shape[2], recipe.stored_dtype)
    compiled.fill_labels(ids, stored.label_starts, stored.sizes, rows, voids, mirrored, labels)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _bits(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.view(np.uint16) if array.dtype == np.float16 else array
