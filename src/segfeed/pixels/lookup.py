"""Lookups: stored colours or indices become labels through tables, in which "poison" stands for what is unknown.

Poison is the value just below void, which no class has. So one comparison finds every unknown pixel, and nothing can
turn into a class by accident.
"""

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError, UnknownColourError
from segfeed.pixels.palette import Codes

Labels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Indices = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Palette = npt.NDArray[np.uint8]
"""A file's own colours, uint8 (N, 3)."""
Pixel = tuple[int, int]
"""A pixel's (row, column)."""


class Encoder(Protocol):
    """What maps stored masks to labels and back: a legend, or objects in its place."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes' names by label; () for objects, which have no classes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The labels' dtype: uint8, or uint16 above 254 classes."""

    @property
    def void(self) -> int:
        """The label of void: the largest value of the dtype."""

    @property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what a stored mask means."""

    def encode(self, stored: npt.NDArray[Any], *, unknown: str = "error", name: str = "mask") -> Labels:
        """Turn stored colours or bare indices into labels."""

    def encode_palette(
        self, indices: Indices, palette: Palette, *, unknown: str = "error", name: str = "mask"
    ) -> Labels:
        """Turn a palette mask into labels."""

    def paint(self, labels: Labels) -> npt.NDArray[np.uint8]:
        """Turn labels into colours."""

    def unknown_label(self, unknown: str) -> int | None:
        """Return the label that an unknown colour becomes; None if it is an error."""

    def to_json(self) -> dict[str, Any]:
        """Describe this in plain JSON values."""


def poison_of(dtype: np.dtype[Any]) -> int:
    """Return the label that marks the unknown: 254 in uint8, 65534 in uint16."""
    return int(np.iinfo(dtype).max) - 1


def look_up_codes(codes: Codes, known: Codes, labels: Labels) -> tuple[Labels, Pixel | None]:
    """Look up colour codes.

    Args:
        codes: uint32 (H, W).
        known: uint32 (N,), sorted.
        labels: (N,), the label of each known code.

    Returns:
        labels: (H, W), poison for unknown codes.
        unknown: the first pixel of an unknown code, if any.
    """
    # Masks are runs of one colour along their lines, far fewer than pixels: only the first pixel of each run is looked
    # up, by bisection. The slice by the size is for a mask without pixels, which has no first run.
    flat = codes.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]][: flat.size])
    runs = flat[starts]
    # Bisection finds where a code would stand; it is known if it stands there. One above all would stand at the end.
    found = np.full(len(runs), poison_of(labels.dtype), labels.dtype)
    if len(known):
        nearest = np.minimum(np.searchsorted(known, runs), len(known) - 1)
        found = np.where(known[nearest] == runs, labels[nearest], found)
    poisoned = np.flatnonzero(found == poison_of(labels.dtype))
    unknown = divmod(int(starts[poisoned[0]]), codes.shape[1]) if len(poisoned) else None
    return np.repeat(found, np.diff(np.r_[starts, flat.size])).reshape(codes.shape), unknown


def look_up_indices(indices: Indices, table: Labels) -> tuple[Labels, Pixel | None]:
    """Look up indices.

    Args:
        indices: uint8 or uint16 (H, W).
        table: (M,), the label of each index; M is at least what the indices' dtype can count.

    Returns:
        labels: (H, W), poison for unknown indices.
        unknown: the first pixel of an unknown index, if any.
    """
    if indices.dtype != np.uint8 or table.dtype != np.uint8:
        labels = table[indices]
        return labels, first_unknown(labels)
    kept = _count_kept(table[:256].tobytes())
    if kept:
        # The table keeps 0 .. kept - 1 and 255 as they are and knows nothing else. Subtracting `kept` moves the known
        # indices to 255 - kept .. 255 (the classes by wrapping around), so the least value shows whether all are
        # known. This is done in the labels' own memory: fresh pages cost more than the arithmetic.
        labels = np.subtract(indices, np.uint8(kept))
        all_known = labels.min(initial=255) >= 255 - kept
        labels += np.uint8(kept)
        if all_known:
            return labels, None
    # bytes.translate takes a fifth of the time of NumPy's table[indices], but holds the interpreter's lock.
    found = indices.tobytes().translate(table[:256].tobytes())
    at = found.find(poison_of(table.dtype))
    labels = np.frombuffer(found, np.uint8).reshape(indices.shape)
    return labels, None if at < 0 else divmod(at, indices.shape[1])


@lru_cache(maxsize=64)
def _count_kept(table: bytes) -> int:
    """Count the classes of a table that keeps 0, 1, 2, ... and 255 and knows no others, like VOC's; else 0."""
    labels = np.frombuffer(table, np.uint8)
    kept = int(np.argmin(labels == np.arange(256))) if labels[255] == 255 else 0
    return kept if (labels[kept:255] == poison_of(labels.dtype)).all() else 0


def count_labels(labels: Labels) -> npt.NDArray[np.int64]:
    """Count how often each label occurs: int64 (256,) or (65536,)."""
    # Runs of one label are counted by their lengths, as in `look_up_codes`; no pixels have no last run.
    flat = labels.ravel()
    lasts = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)[: flat.size]
    lengths = np.diff(lasts, prepend=-1)
    return np.bincount(flat[lasts], lengths, minlength=np.iinfo(labels.dtype).max + 1).astype(np.int64)


def as_indices(stored: npt.NDArray[Any]) -> Indices:
    """Narrow integers to 16 bits, refusing what would wrap.

    Raises:
        OptionError: if the array does not hold integers 0..65535.
    """
    if stored.dtype in (np.uint8, np.uint16):
        return stored
    return _narrow(stored, np.dtype(np.uint16), "indices: integers 0..65535")


def as_bytes(stored: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Narrow colours to 8 bits, refusing what would wrap.

    Raises:
        OptionError: if the array does not hold colours (H, W, 3) of 0..255.
    """
    if stored.ndim != 3 or stored.shape[2] != 3:
        found = f"an array of shape {stored.shape}"
        raise OptionError("mask", found=found, expected="colours (H, W, 3) or indices (H, W)")
    if stored.dtype == np.uint8:
        return stored
    return _narrow(stored, np.dtype(np.uint8), "colours: red, green and blue of 0..255")


def _narrow(stored: npt.NDArray[Any], dtype: np.dtype[Any], expected: str) -> npt.NDArray[Any]:
    least, most = stored.min(initial=0), stored.max(initial=0)
    if stored.dtype.kind not in "iu" or least < 0 or most > np.iinfo(dtype).max:
        raise OptionError("mask", found=f"an array of {stored.dtype} from {least} to {most}", expected=expected)
    return stored.astype(dtype)


def describe_stored(stored: Any) -> str:
    """Write a stored colour or index, an array, for people."""
    return str(tuple(stored.tolist()) if stored.ndim else stored)


def first_unknown(labels: Labels) -> Pixel | None:
    """Find (row, column) of the first poisoned label."""
    poisoned = labels == poison_of(labels.dtype)
    if not poisoned.any():
        return None
    row, column = np.unravel_index(int(np.argmax(poisoned)), labels.shape)
    return int(row), int(column)


def resolve_unknown(
    labels: Labels,
    becomes: int | None,
    stored: npt.NDArray[Any],
    *,
    name: str,
    found: str,
    expected: str,
    remedy: str = "add it to the legend",
) -> Labels:
    """Replace the poison of unknown pixels by the label that they shall become, or raise.

    Args:
        labels: (H, W), poisoned somewhere.
        becomes: the label of unknown pixels, or None to raise.
        stored: (H, W), what each pixel holds, as one number.
        name: the mask, for the error.
        found: what the first unknown pixel holds, for the error.
        expected: what it should hold, for the error.
        remedy: what to do instead of passing unknown="void", for the error.

    Raises:
        UnknownColourError: if `becomes` is None.
    """
    poisoned = labels == poison_of(labels.dtype)
    if becomes is not None:
        return np.where(poisoned, np.asarray(becomes, labels.dtype), labels)
    row, column = np.argwhere(poisoned)[0]
    same = int((stored[poisoned] == stored[row, column]).sum())
    kinds = len(np.unique(stored[poisoned]))
    rest = f"; {kinds - 1} more unknown, {int(poisoned.sum())} pixels in all" if kinds > 1 else ""
    raise UnknownColourError(
        name,
        found=f"row {row}, column {column}: {found}; {same} pixels{rest}",
        expected=expected,
        remedy=f'{remedy}, or pass unknown="void"',
    )
