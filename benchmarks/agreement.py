"""Agreement: does a contender deliver what segfeed delivers? Some rows of its first batch are found in the files.

A peer draws its own windows, so for each of its crops the photo and the window are looked for by the pixels. segfeed
then makes the same window, and both are compared: the labels must be equal, the pixels nearly (decoders differ by a
few levels).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from turns import MEAN, STD

import segfeed
from segfeed.batches.kernels.filling import fill_plain, make_conversion
from segfeed.pixels.legend import Legend
from segfeed.pixels.pair import StoredPairs
from segfeed.plans.rows import make_row

_COLUMNS = 24  # probed pixels of a crop's middle line
_MEAN_LEVELS = 2.0  # how far decoders may differ on average, of 255


@dataclass(frozen=True)
class Found:
    """Where a crop comes from, and how well it fits."""

    sample: int
    top: int
    left: int
    distance: float


class Referee:
    """Compare contenders' rows with segfeed's.

    Args:
        source: the files.
        chosen: the samples that are repeated.
        crop_size: (height, width) in px.
        batch_size: pairs in a batch.
    """

    def __init__(self, source: segfeed.Source, chosen: list[int], crop_size: tuple[int, int], batch_size: int) -> None:
        self._pairs = {n: source.read(n) for n in chosen}
        self._size, self._batch = crop_size, batch_size
        assert isinstance(source.legend, Legend)
        wanted = segfeed.BatchFormat().resolve("NHWC", "int32", source.legend.void)
        self._conversion = make_conversion(wanted, crop_size[1], len(source.legend), source.legend.void)

    def check(self, shown: Path) -> str:
        """Describe in a sentence how the rows agree.

        Raises:
            ValueError: they don't.
        """
        with np.load(shown) as saved:
            images, labels, facts = saved["images"], saved["labels"], json.loads(str(saved["facts"]))
        height, width = self._size
        nhwc = [self._batch, height, width, 3]
        if images.shape[1:] != (height, width, 3) or facts["image_shape"] != nhwc or facts["label_shape"] != nhwc[:3]:
            raise ValueError(f"batches of {facts['image_shape']} and {facts['label_shape']}; expected {nhwc}")
        if facts["image_dtype"] != "float32" or not facts["label_dtype"].startswith("int"):
            raise ValueError(f"{facts['image_dtype']} and {facts['label_dtype']}; expected float32 and integers")
        levels, rows = [], []
        for image, ids in zip(images, labels, strict=True):
            found = self._find(image)
            expected, known = self._make(found)
            if not np.array_equal(ids, known):
                raise ValueError(f"labels differ in {np.mean(ids != known):.1%} of the pixels of a crop")
            levels.append(np.abs(image - expected) * 255 * STD)
            rows.append((found.sample, found.top, found.left))
        if np.mean(levels) > _MEAN_LEVELS:
            raise ValueError(f"pixels differ by {np.mean(levels):.1f} levels of 255 on average")
        return (
            f"{len(rows)} crops of a batch found in the files ({len({row[1:] for row in rows})} different windows): "
            f"labels equal to segfeed's, pixels within {np.max(levels):.2f} levels of 255 (mean "
            f"{np.mean(levels):.4f}); {facts['image_dtype']} and {facts['label_dtype']}"
        )

    def _find(self, image: npt.NDArray[np.float32]) -> Found:
        """Look for the window whose middle line fits best, in every photo."""
        height, width = self._size
        columns = np.linspace(0, width - 1, _COLUMNS).astype(int)
        line = height // 2
        probe = np.rint((image[line, columns] * STD + MEAN) * 255).astype(np.int16)
        best = Found(-1, 0, 0, np.inf)
        for sample, pair in self._pairs.items():
            tall, wide = pair.labels.shape
            places = pair.image[line : line + tall - height + 1].astype(np.int16)
            places = places[:, np.arange(wide - width + 1)[:, None] + columns]
            distance = np.abs(places - probe).mean(axis=(2, 3))
            top, left = np.unravel_index(int(distance.argmin()), distance.shape)
            if distance[top, left] < best.distance:
                best = Found(sample, int(top), int(left), float(distance[top, left]))
        return best

    def _make(self, found: Found) -> tuple[Any, Any]:
        """Cut the window as segfeed does."""
        height, width = self._size
        row = make_row(top=found.top, left=found.left, height=height, width=width)[None]
        images, labels = np.empty((1, height, width, 3), np.float32), np.empty((1, height, width), np.int32)
        fill_plain(self._conversion, StoredPairs.of(self._pairs[found.sample]), row, images, labels)
        return images[0], labels[0]
