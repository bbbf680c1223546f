"""How rows of a plan are filled from what holds a split's pixels: a pack, or a source that decodes its files."""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import Conversion, fill, make_conversion
from segfeed.batches.transforming import Transform, apply
from segfeed.packs.pack import Pack
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.plans.plan import Plan
from segfeed.plans.rows import ROW, Rows
from segfeed.plans.sampling import touched

_AT_ONCE, _AT_ONCE_BYTES = 4, 8 << 20  # what a thread decodes before it fills the rows: fewer large photos


class Decoder(Protocol):
    """What makes pairs from files, each time anew, as a source does."""

    @property
    def name(self) -> str:
        """The dataset's name."""

    @property
    def split(self) -> str:
        """The split's name."""

    @property
    def task(self) -> str:
        """The task, "semantic" or "instance"."""

    @property
    def sizes(self) -> npt.NDArray[np.int32]:
        """int32 (N, 2), (height, width) in px."""

    @property
    def legend(self) -> Encoder:
        """What labels mean."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The samples' keys, in order."""

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of everything that a saved state must fit."""

    def read(self, index: int, out: Pair | None = None) -> Pair:
        """Decode a pair, into `out` if given, which has its size."""


Reader = Pack | Decoder


def fill_rows(
    reader: Reader,
    conversion: Conversion,
    rows: Rows,
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    transform: Transform | None = None,
) -> None:
    """Write rows of a plan from a reader's pairs into a batch; arrays as in `kernels.filling.fill`.

    Raises:
        TransformError: if a person's own transform does, or returns what is not a crop.
    """
    if transform is not None:
        _fill_transformed(reader, conversion, rows, images, labels, transform)
        return
    if isinstance(reader, Pack) and not reader.is_coded:
        samples = rows["sample"]
        if reader.table.is_tiled[samples[samples >= 0]].any():
            _fill_windows(reader, conversion, rows, images, labels)
        else:
            fill(conversion, reader.stored(samples), rows, images, labels)
        reader.parts.check_whole(samples[samples >= 0])  # what was cut under way reads as zeros to the end of its page
        return
    memory = _Memory.fit(reader.sizes[rows["sample"]], conversion.stored_dtype)
    for first in range(0, len(rows), len(memory)):
        part = slice(first, first + len(memory))
        fill(conversion, memory.decode(reader, rows["sample"][part]), rows[part], images[part], labels[part])


def _fill_transformed(
    reader: Reader,
    conversion: Conversion,
    rows: Rows,
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    transform: Transform,
) -> None:
    """Write rows one by one: as bytes into memory of their own, through the transform, and then into the batch."""
    for n, row in enumerate(rows):
        one = slice(n, n + 1)
        shape = int(row["height"]), int(row["width"])
        # Fresh for each row: a transform may keep what it was handed.
        pair = Pair(np.empty((*shape, 3), np.uint8), np.empty(shape, conversion.stored_dtype))
        fill_rows(reader, conversion.before, rows[one], pair.image[None], pair.labels[None])
        key = reader.keys[int(row["sample"])]
        pair = apply(transform, pair, row, key, conversion.stored_void, len(reader.legend.names))
        whole = np.zeros(1, ROW)
        whole["height"], whole["width"] = shape
        fill(conversion.after, StoredPairs.of(pair), whole, images[one], labels[one])


def _fill_windows(
    pack: Pack, conversion: Conversion, rows: Rows, images: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> None:
    """Write rows one by one; of a pair that is cut into tiles, the part that a window shows is put together first."""
    for n, row in enumerate(rows):
        one, sample = rows[n : n + 1], int(row["sample"])
        if sample < 0 or not pack.table.is_tiled[sample]:
            stored = pack.stored(one["sample"])
        else:
            stored = StoredPairs.of(_shown(pack, row, sample, conversion.stored_dtype))
        fill(conversion, stored, one, images[n : n + 1], labels[n : n + 1])


def _shown(pack: Pack, row: Any, sample: int, label_dtype: np.dtype[Any]) -> Pair:
    """Lay a tiled pair out, of which only what a row reads is written: the system keeps no memory for the rest."""
    height, width = pack.sizes[sample].tolist()
    lines, columns = touched(row, height, width)
    window = pack.window(sample, (lines, columns))
    pair = Pair(np.empty((height, width, 3), np.uint8), np.empty((height, width), label_dtype))
    pair.image[lines, columns], pair.labels[lines, columns] = window
    return pair


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """Memory for a few decoded pairs, used again: fresh pages for each would cost a good part of decoding's time.

    Attributes:
        images: uint8 (pairs, 3 * pixels).
        labels: uint8 or uint16 (pairs, pixels).
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[Any]

    @classmethod
    def fit(cls, sizes: npt.NDArray[np.int32], label_dtype: np.dtype[Any]) -> Self:
        """Allocate memory for the largest of some sizes (N, 2), (height, width) in px."""
        pixels = int(sizes.astype(np.int64).prod(axis=1).max())
        pairs = max(min(len(sizes), _AT_ONCE, _AT_ONCE_BYTES // (4 * pixels)), 1)
        return cls(np.empty((pairs, 3 * pixels), np.uint8), np.empty((pairs, pixels), label_dtype))

    def __len__(self) -> int:
        return len(self.images)

    def decode(self, reader: Decoder, samples: npt.NDArray[np.int64]) -> StoredPairs:
        """Decode samples side by side; nothing is written for -1, which is not a sample."""
        sizes = reader.sizes[samples]
        for n, sample in enumerate(samples.tolist()):
            if sample >= 0:
                reader.read(sample, self._pair(n, *sizes[n].tolist()))
        starts = np.arange(len(samples))
        return StoredPairs(
            self.images.ravel(),
            starts * self.images.shape[1],
            self.labels.ravel(),
            starts * self.labels.shape[1],
            sizes,
        )

    def _pair(self, n: int, height: int, width: int) -> Pair:
        pixels = height * width
        return Pair(
            self.images[n, : 3 * pixels].reshape(height, width, 3), self.labels[n, :pixels].reshape(height, width)
        )


def conversion_for(wanted: BatchFormat, legend: Encoder, plan: Plan) -> Conversion:
    """Turn a format into numbers, for the crops of a plan; what it leaves open is NumPy's choice.

    Raises:
        OptionError: if the format, or a label that changes places, does not fit the legend.
    """
    wanted, augment = wanted.resolve("NHWC", "int32", legend.void), None if plan.draw is None else plan.draw.drawn
    swap = plan.draw.swap if plan.draw is not None and plan.draw.drawn.flip else ()
    return make_conversion(wanted, plan.canvas[1], len(legend.names), legend.void, swap, augment)
