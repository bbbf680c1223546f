"""The pair: one decoded image and its labels, the only thing that moves between the rooms of segfeed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import SizeMismatchError


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Hold an image and its labels, pixel for pixel.

    Attributes:
        image: uint8 (H, W, 3), red, green, blue, 0..255.
        labels: uint8 (H, W), class ids, 255 = void (uint16 and 65535 above 254 classes).

    Raises:
        SizeMismatchError: the two differ in height or width.

    >>> image, labels = Pair(np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8))
    >>> labels.shape
    (2, 3)
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[Any]

    def __post_init__(self) -> None:
        if self.image.shape[:2] != self.labels.shape:
            raise SizeMismatchError(
                f"image and labels differ in size: {self.image.shape[:2]} and {self.labels.shape} (height, width); "
                "a pair needs one label for each pixel."
            )

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        yield self.image
        yield self.labels
