"""Statistics of a split: pixels and images of each class, void, sizes, mean and std, class weights."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder, count_labels
from segfeed.pixels.pair import Pair
from segfeed.system.options import whole_number
from segfeed.system.work import in_order, show_progress


class Readable(Protocol):
    """Hold pairs: a source or a pack."""

    @property
    def sizes(self) -> npt.NDArray[np.int32]:
        """Give int32 (N, 2), (height, width) in px."""

    @property
    def legend(self) -> Encoder:
        """Give what labels mean."""

    def read(self, index: int) -> Pair:
        """Give a pair."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Hold what was counted over a split.

    Attributes:
        legend: what the counts belong to.
        sizes: int32 (N, 2), (height, width) in px.
        class_pixels: int64 (N, classes), pixels of each class in each image; (N, 0) for object ids.
        void_pixels: int64 (N,).
        values: int64 (3, 256), how often each pixel value occurs in red, green and blue.
    """

    legend: Encoder
    sizes: npt.NDArray[np.int32]
    class_pixels: npt.NDArray[np.int64]
    void_pixels: npt.NDArray[np.int64]
    values: npt.NDArray[np.int64]

    @property
    def pixels(self) -> npt.NDArray[np.int64]:
        """Count the pixels of each class: int64 (classes,)."""
        return np.asarray(self.class_pixels.sum(axis=0))

    @property
    def images(self) -> npt.NDArray[np.int64]:
        """Count the images that show each class: int64 (classes,)."""
        return np.asarray((self.class_pixels > 0).sum(axis=0))

    @property
    def void_share(self) -> float:
        """Give the share of void among all pixels, 0..1."""
        return float(self.void_pixels.sum() / self._area.sum())

    @cached_property
    def mean(self) -> npt.NDArray[np.float64]:
        """Give the mean of red, green and blue over all pixels, scaled to 0..1: float64 (3,)."""
        return np.asarray(self.values @ (np.arange(256) / 255) / self.values.sum(axis=1))

    @cached_property
    def std(self) -> npt.NDArray[np.float64]:
        """Give the standard deviation of red, green and blue over all pixels, scaled to 0..1: float64 (3,)."""
        squares = self.values @ (np.arange(256) / 255) ** 2 / self.values.sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(squares - self.mean**2, 0)))

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """Give median-frequency class weights: float64 (classes,), NaN for a class that never occurs.

        A class's frequency is its share of the non-void pixels of those images that show it; its weight is the median
        of all frequencies over its own.

        Source: Eigen & Fergus 2015, "Predicting depth, surface normals and semantic labels", section 6.3.2.
        """
        labelled = self._area - self.void_pixels
        seen = ((self.class_pixels > 0) * labelled[:, None]).sum(axis=0)
        shares = np.divide(self.pixels, seen, out=np.full(seen.shape, np.nan), where=seen > 0)
        found: npt.NDArray[np.float64] = np.nanmedian(shares) / shares if np.isfinite(shares).any() else shares
        return found

    def kept(self, crop_size: tuple[int, int]) -> dict[str, int]:
        """Count the images that each policy for small images keeps at a crop of (height, width) px."""
        height, width = (whole_number("crop side", side, 1, 2**31 - 1) for side in crop_size)
        fits = (self.sizes >= (height, width)).all(axis=1)
        return {"pad": len(self.sizes), "drop": int(fits.sum())}

    def to_json(self, crop_size: tuple[int, int]) -> dict[str, Any]:
        """Describe the statistics in plain JSON values; a class that never occurs has weight null."""
        names = self.legend.names if isinstance(self.legend, Legend) else ()
        rows = zip(names, self.pixels.tolist(), self.images.tolist(), self.weights.tolist(), strict=True)
        return {
            "images": len(self.sizes),
            "classes": [
                {"name": name, "pixels": pixels, "images": images, "weight": weight if weight == weight else None}  # noqa: PLR0124 - NaN
                for name, pixels, images, weight in rows
            ],
            "void_share": self.void_share,
            "height": _spread(self.sizes[:, 0]),
            "width": _spread(self.sizes[:, 1]),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "crop_size": list(crop_size),
            "kept": self.kept(crop_size),
        }

    @property
    def _area(self) -> npt.NDArray[np.int64]:
        return np.asarray(self.sizes.astype(np.int64).prod(axis=1))


def count(reader: Readable, *, threads: int | None = None) -> Statistics:
    """Count everything in one pass over a split.

    Args:
        reader: a source or a pack.
        threads: how many images are counted at once; all cores where it is None.
    """
    legend, rows = reader.legend, []
    with show_progress("counting", len(reader.sizes)) as advance:
        for row in in_order(lambda index: _count_pair(reader.read(index)), len(reader.sizes), threads):
            rows.append(row)
            advance(1)
    labels = np.array([labels for labels, _ in rows])
    classes = len(legend) if isinstance(legend, Legend) else 0
    values = np.sum([values for _, values in rows], axis=0)
    return Statistics(legend, reader.sizes, labels[:, :classes], labels[:, legend.void], values)


def _count_pair(pair: Pair) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    values = np.array(Image.fromarray(np.ascontiguousarray(pair.image)).histogram(), np.int64)
    return count_labels(pair.labels), values.reshape(3, 256)


def _spread(sides: npt.NDArray[np.int32]) -> dict[str, float]:
    return {"smallest": int(sides.min()), "median": float(np.median(sides)), "largest": int(sides.max())}
