"""A batch: images and labels with what says where every pixel came from.

A module of its own, since pictures and frameworks take batches without a loader.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.mistaken import refuse_device
from segfeed.pixels.lookup import Encoder
from segfeed.plans.rows import Rows
from segfeed.system.showing import show_html


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One batch; it unpacks as `images, labels = batch`.

    Attributes:
        images: (N, H, W, 3) or (N, 3, H, W) of the format's dtype.
        labels: (N, H, W) of the format's label dtype, class ids and the format's void.
        crops: (N,) of dtype `ROW`: where every pixel came from; sample -1 marks a row of padding.
        sizes: int32 (N, 2), (height, width) in px of each row's stored photo; (0, 0) for a row of padding.
        all_keys: the keys of the whole split.
        legend: what labels mean.
        format: what images and labels look like, with nothing left open.
    """

    images: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    crops: Rows
    sizes: npt.NDArray[np.int32]
    all_keys: tuple[str, ...]
    legend: Encoder
    format: BatchFormat

    _repr_html_, to = show_html, refuse_device

    def __repr__(self) -> str:
        images, labels = (f"{array.dtype} {array.shape}" for array in (self.images, self.labels))
        return f"Batch(images {images}, labels {labels})"

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of each row's sample; "" for a row of padding."""
        return tuple(self.all_keys[i] if i >= 0 else "" for i in self.crops["sample"].tolist())

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        yield self.images
        yield self.labels
