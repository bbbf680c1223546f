"""The pair: one decoded image and its labels, the only thing that moves between the families of segfeed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import SizeMismatchError


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """An image and its labels, pixel for pixel.

    Attributes:
        image: uint8 (H, W, 3), red, green, blue, 0..255.
        labels: uint8 (H, W), class ids, 255 = void (uint16 and 65535 above 254 classes).

    Raises:
        SizeMismatchError: if the two differ in height or width.

    >>> image, labels = Pair(np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8))
    >>> labels.shape
    (2, 3)
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[Any]

    def __post_init__(self) -> None:
        if self.image.shape[:2] != self.labels.shape:
            found = f"an image of {self.image.shape[:2]} and labels of {self.labels.shape} (height, width)"
            raise SizeMismatchError("pair", found=found, expected="one label for each pixel")

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        yield self.image
        yield self.labels


@dataclass(frozen=True, slots=True, eq=False)
class StoredPairs:
    """The memory in which the pairs of some rows lie.

    Attributes:
        images: uint8 (bytes,), all images.
        image_starts: int64 (N,), where each row's image starts in `images`.
        labels: uint8 or uint16 (elements,), all labels.
        label_starts: int64 (N,), where each row's labels start in `labels`.
        sizes: int32 (N, 2), each row's (height, width) in px.
    """

    images: npt.NDArray[np.uint8]
    image_starts: npt.NDArray[np.int64]
    labels: npt.NDArray[Any]
    label_starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int32]

    @classmethod
    def of(cls, pair: Pair) -> "StoredPairs":
        """Describe a single decoded pair."""
        start = np.zeros(1, np.int64)
        size = np.array([pair.labels.shape], np.int32)
        return cls(
            np.ascontiguousarray(pair.image).ravel(), start, np.ascontiguousarray(pair.labels).ravel(), start, size
        )

    def pair(self, row: int) -> Pair:
        """Return a view of one row's pair."""
        height, width = self.sizes[row].tolist()
        image = self.images[self.image_starts[row] :][: height * width * 3].reshape(height, width, 3)
        return Pair(image, self.labels[self.label_starts[row] :][: height * width].reshape(height, width))
