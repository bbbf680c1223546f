"""Objects: what stands in a legend's place for instance segmentation."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder, Indices, Labels, Palette

_IDS = Legend(tuple(f"object {n}" for n in range(254)), title="VOC objects", reading="colour")


@dataclass(frozen=True)
class Objects:
    """What stands in a legend's place for `task="instance"`: object ids, 0 = background, void kept; no classes.

    The ids of two photos have nothing to do with each other, so what needs classes (scores, class weights, class
    mappings) refuses objects. Stored masks are read by VOC's palette: its n-th colour is object n, at most 253.

    >>> Objects().encode(np.array([[0, 1, 2, 255]], np.uint8))
    array([[  0,   1,   2, 255]], dtype=uint8)
    """

    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    dtype: np.dtype[Any] = field(default=np.dtype(np.uint8), init=False, repr=False)
    void: int = field(default=255, init=False, repr=False)

    def encode(self, stored: npt.NDArray[Any], *, unknown: str = "error", name: str = "mask") -> Labels:
        """Turn a stored mask, uint8 (H, W, 3) colours or (H, W) indices, into object ids uint8 (H, W), 255 = void."""
        return _IDS.encode(stored, unknown=_only_void(unknown), name=name)

    def encode_palette(
        self, indices: Indices, palette: Palette, *, unknown: str = "error", name: str = "mask"
    ) -> Labels:
        """Turn a palette mask into object ids uint8 (H, W), 255 = void."""
        return _IDS.encode_palette(indices, palette, unknown=_only_void(unknown), name=name)

    def paint(self, labels: Labels) -> npt.NDArray[np.uint8]:
        """Turn object ids (H, W) into colours uint8 (H, W, 3)."""
        return _IDS.paint(labels)

    def unknown_label(self, unknown: str) -> int | None:
        """Return the label that an unknown colour becomes by the option `unknown`: None for "error", 255 for "void"."""
        return _IDS.unknown_label(_only_void(unknown))

    def to_json(self) -> dict[str, Any]:
        """Describe objects in plain JSON values."""
        return {"objects": "voc"}

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what a stored mask means."""
        return hashlib.sha256(b"objects, voc palette").hexdigest()


def _only_void(unknown: str) -> str:
    if unknown not in ("error", "void"):
        found = f'{unknown!r} with task="instance", which has no classes'
        raise OptionError("unknown", found=found, expected='"error" or "void"')
    return unknown


def as_legend(encoder: Encoder) -> Legend:
    """Return the legend by which an encoder reads stored values: for objects, VOC's colours and their indices."""
    return class_legend(encoder) or _IDS


def class_legend(encoder: Encoder) -> Legend | None:
    """Return the legend if masks show classes; None if they show objects.

    >>> class_legend(Objects()) is None
    True
    """
    return cast(Legend, encoder) if encoder.names else None  # nothing else has names


def encoder_from_json(described: dict[str, Any]) -> Encoder:
    """Read what `Legend.to_json` or `Objects.to_json` wrote."""
    return Objects() if described == {"objects": "voc"} else Legend.from_json(described)
