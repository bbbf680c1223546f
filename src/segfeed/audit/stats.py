"""Statistics of a split: pixels and images of each class, void, sizes, mean and std, class weights."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.audit.class_counts import ClassCounts, count_classes
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.pair import Pair
from segfeed.system.options import whole_number
from segfeed.system.work import in_order, show_progress


class Readable(Protocol):
    """Pairs that can be read: a source or a pack."""

    @property
    def sizes(self) -> npt.NDArray[np.int32]:
        """The pairs' sizes, int32 (N, 2), (height, width) in px."""

    @property
    def legend(self) -> Encoder:
        """What labels mean."""

    def read(self, index: int) -> Pair:
        """Read a pair."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """What was counted over a split.

    Attributes:
        legend: what the counts belong to.
        sizes: int32 (N, 2), (height, width) in px.
        classes: pixels and images of each class, and void.
        values: int64 (3, 256), how often each pixel value occurs in red, green and blue.
    """

    legend: Encoder
    sizes: npt.NDArray[np.int32]
    classes: ClassCounts
    values: npt.NDArray[np.int64]

    @property
    def void_share(self) -> float:
        """The share of void among all pixels, 0..1."""
        return float(self.classes.void_pixels / self.sizes.astype(np.int64).prod(axis=1).sum())

    @cached_property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean of red, green and blue over all pixels, scaled to 0..1: float64 (3,)."""
        return np.asarray(self.values @ (np.arange(256) / 255) / self.values.sum(axis=1))

    @cached_property
    def std(self) -> npt.NDArray[np.float64]:
        """The standard deviation of red, green and blue over all pixels, scaled to 0..1: float64 (3,)."""
        squares = self.values @ (np.arange(256) / 255) ** 2 / self.values.sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(squares - self.mean**2, 0)))

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """Median-frequency class weights: float64 (classes,), NaN for a class that never occurs.

        A class's frequency is its share of the non-void pixels of those images that show it; its weight is the median
        of all frequencies over its own.

        Source: Eigen & Fergus 2015, "Predicting depth, surface normals and semantic labels", section 6.3.2.
        """
        seen = self.classes.seen_beside
        shares = np.divide(self.classes.pixels, seen, out=np.full(seen.shape, np.nan), where=seen > 0)
        found: npt.NDArray[np.float64] = np.nanmedian(shares) / shares if np.isfinite(shares).any() else shares
        return found

    def kept(self, crop_size: tuple[int, int]) -> dict[str, int]:
        """Count the images that each policy for small images keeps at a crop of (height, width) px."""
        height, width = (whole_number("crop side", side, 1, 2**31 - 1) for side in crop_size)
        fits = (self.sizes >= (height, width)).all(axis=1)
        return {"pad": len(self.sizes), "drop": int(fits.sum())}

    def to_json(self, crop_size: tuple[int, int]) -> dict[str, Any]:
        """Describe the statistics in plain JSON values; a class that never occurs has weight null."""
        columns = (self.classes.pixels.tolist(), self.classes.images.tolist(), self.weights.tolist())
        return {
            "images": len(self.sizes),
            "classes": [
                {"name": name, "pixels": pixels, "images": images, "weight": None if np.isnan(weight) else weight}
                for name, pixels, images, weight in zip(self.legend.names, *columns, strict=True)
            ],
            "void_share": self.void_share,
            "height": _spread(self.sizes[:, 0]),
            "width": _spread(self.sizes[:, 1]),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "crop_size": list(crop_size),
            "kept": self.kept(crop_size),
        }


def count_split(reader: Readable, *, threads: int | None = None) -> Statistics:
    """Count everything in one pass over a split.

    Args:
        reader: a source or a pack.
        threads: how many images are counted at once; None for all cores.
    """
    legend, rows, values = reader.legend, [], np.zeros((3, 256), np.int64)

    def count_pair(index: int) -> tuple[npt.NDArray[np.int64], list[int]]:
        pair = reader.read(index)
        histogram = Image.fromarray(np.ascontiguousarray(pair.image)).histogram()
        return count_classes(pair.labels, legend), histogram

    with show_progress("counting", len(reader.sizes)) as advance:
        for row, histogram in in_order(count_pair, len(reader.sizes), threads):
            rows.append(row)
            values += np.reshape(histogram, (3, 256))
            advance(1)
    return Statistics(legend, reader.sizes, ClassCounts.total(rows, legend), values)


def _spread(sides: npt.NDArray[np.int32]) -> dict[str, float]:
    return {"smallest": int(sides.min()), "median": float(np.median(sides)), "largest": int(sides.max())}
