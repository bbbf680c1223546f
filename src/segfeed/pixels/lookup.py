"""Lookups: stored colours or indices to labels through tables filled with poison.

A label table marks what it does not know with poison, the value just below void, which no class has. So one comparison
finds every unknown pixel, and nothing can turn into a class by accident.
"""

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError, UnknownColourError
from segfeed.pixels.palette import Codes

Labels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Place = tuple[int, int]
"""A pixel's (row, column)."""


class Encoder(Protocol):
    """Map stored masks to labels and back: a legend, or objects in its place."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes' names by label; () for objects, which have no classes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Give the labels' dtype."""

    @property
    def void(self) -> int:
        """Give the stored label of void."""

    @property
    def digest(self) -> str:
        """Give the SHA-256 of everything that decides what a stored mask means."""

    def encode(self, stored: npt.NDArray[Any], *, unknown: str = "error", name: str = "mask") -> Labels:
        """Turn stored colours or bare indices into labels."""

    def encode_palette(
        self,
        indices: npt.NDArray[np.uint8],
        palette: npt.NDArray[np.uint8],
        *,
        unknown: str = "error",
        name: str = "mask",
    ) -> Labels:
        """Turn a palette mask into labels."""

    def paint(self, labels: Labels) -> npt.NDArray[np.uint8]:
        """Turn labels into colours."""

    def unknown_label(self, unknown: str) -> int | None:
        """Resolve the option `unknown`."""

    def to_json(self) -> dict[str, Any]:
        """Describe this in plain JSON values."""


def poison_of(dtype: np.dtype[Any]) -> int:
    """Give the label that marks the unknown: 254 in uint8, 65534 in uint16."""
    return int(np.iinfo(dtype).max) - 1


def look_up_codes(codes: Codes, known: Codes, labels: Labels) -> tuple[Labels, Place | None]:
    """Look colour codes (H, W) up; masks are runs of one colour, so each run is looked up once.

    Args:
        codes: uint32 (H, W).
        known: uint32 (N,), sorted.
        labels: (N,), the label of each known code.

    Returns:
        labels: (H, W), poison where a code is unknown.
        unknown: where the first of these is.
    """
    flat = codes.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]][: flat.size])
    runs = flat[starts]
    place = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    found = np.where(known[place] == runs, labels[place], np.asarray(poison_of(labels.dtype), labels.dtype))
    poisoned = np.flatnonzero(found == poison_of(labels.dtype))
    unknown = divmod(int(starts[poisoned[0]]), codes.shape[1]) if len(poisoned) else None
    return np.repeat(found, np.diff(np.r_[starts, flat.size])).reshape(codes.shape), unknown


def look_up_indices(
    indices: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], table: Labels
) -> tuple[Labels, Place | None]:
    """Look every index up.

    Args:
        indices: uint8 or uint16 (H, W).
        table: a label for each index, at least as many as the index dtype can name.

    Returns:
        labels: (H, W), poison where an index is unknown.
        unknown: where the first of these is.
    """
    if indices.dtype != np.uint8 or table.dtype != np.uint8:
        labels = table[indices]
        return labels, first_unknown(labels)
    kept = _count_kept(table[:256].tobytes())
    if kept:
        # Moved down by `kept`, known indices wrap around to the top, and one look at the least tells whether all are known.
        # No more memory than the labels' own: pages that come and go cost more than the arithmetic.
        labels = np.subtract(indices, np.uint8(kept))
        all_known = labels.min(initial=255) >= 255 - kept
        labels += np.uint8(kept)
        if all_known:
            return labels, None
    # bytes.translate is five times as fast as NumPy, but holds the interpreter's lock.
    found = indices.tobytes().translate(table[:256].tobytes())
    at = found.find(poison_of(table.dtype))
    labels = np.frombuffer(found, np.uint8).reshape(indices.shape)
    return labels, None if at < 0 else divmod(at, indices.shape[1])


@lru_cache(maxsize=64)
def _count_kept(table: bytes) -> int:
    """Count the classes of a table that keeps every known index as it is, as VOC's does; 0 for any other table."""
    labels = np.frombuffer(table, np.uint8)
    kept = int(np.argmin(labels == np.arange(256))) if labels[255] == 255 else 0
    return kept if (labels[kept:255] == poison_of(labels.dtype)).all() else 0


def as_indices(stored: npt.NDArray[Any]) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Narrow integers to 16 bits, refusing what would wrap.

    Raises:
        OptionError: the array holds no integers 0..65535.
    """
    if stored.dtype in (np.uint8, np.uint16):
        return stored
    if stored.dtype.kind not in "iu" or stored.min(initial=0) < 0 or stored.max(initial=0) > 65535:
        raise OptionError(
            f"a mask of {stored.dtype} from {stored.min(initial=0)} to {stored.max(initial=0)} holds no indices; "
            "expected integers 0..65535."
        )
    return stored.astype(np.uint16)


def count_labels(labels: Labels) -> npt.NDArray[np.int64]:
    """Count how often each label occurs: int64 (256,) or (65536,). Labels are runs of one value: the runs are counted."""
    flat = labels.ravel()
    lasts = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)[: flat.size]
    lengths = np.diff(lasts, prepend=-1)
    return np.bincount(flat[lasts], lengths, minlength=np.iinfo(labels.dtype).max + 1).astype(np.int64)


def as_bytes(stored: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Narrow colours to 8 bits, refusing what would wrap.

    Raises:
        OptionError: the array holds no colours (H, W, 3) of 0..255.
    """
    if stored.ndim != 3 or stored.shape[2] != 3:
        raise OptionError(f"a stored mask of shape {stored.shape}; expected colours (H, W, 3) or indices (H, W).")
    if stored.dtype == np.uint8:
        return stored
    if stored.dtype.kind not in "iu" or stored.min(initial=0) < 0 or stored.max(initial=0) > 255:
        raise OptionError(
            f"a mask of {stored.dtype} from {stored.min(initial=0)} to {stored.max(initial=0)} holds no colours; "
            "expected red, green and blue of 0..255."
        )
    return stored.astype(np.uint8)


def first_unknown(labels: Labels) -> Place | None:
    """Find (row, column) of the first poisoned label."""
    poisoned = labels == poison_of(labels.dtype)
    if not poisoned.any():
        return None
    row, column = np.unravel_index(int(np.argmax(poisoned)), labels.shape)
    return int(row), int(column)


def settle(labels: Labels, becomes: int | None, stored: npt.NDArray[Any], name: str, found: str) -> Labels:
    """Give unknown pixels the label the caller asked for, or raise.

    Args:
        labels: (H, W), poisoned somewhere.
        becomes: the label of unknown pixels, or None to raise.
        stored: (H, W), what each pixel holds, as one number.
        name: the mask, for the error.
        found: what the first unknown pixel holds, for the error.

    Raises:
        UnknownColourError: `becomes` is None.
    """
    poisoned = labels == poison_of(labels.dtype)
    if becomes is not None:
        return np.where(poisoned, np.asarray(becomes, labels.dtype), labels)
    row, column = np.argwhere(poisoned)[0]
    same = int((stored[poisoned] == stored[row, column]).sum())
    kinds = len(np.unique(stored[poisoned]))
    rest = f"; {kinds - 1} more unknown, {int(poisoned.sum())} pixels in all" if kinds > 1 else ""
    raise UnknownColourError(
        f'{name}, row {row}, column {column}: {found}; {same} pixels{rest}. Add it to the legend, or pass unknown="void".'
    )
