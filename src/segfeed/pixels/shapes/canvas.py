"""The canvas on which drawn shapes are painted, one over the other, and what is counted on the way."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError
from segfeed.pixels.shapes.drawing import Drawing, Style
from segfeed.pixels.shapes.filling import Patch


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """What is painted so far.

    Attributes:
        pixels: stored values.
        owner: the value of what covers each pixel; 0 if nothing does. The same as pixels if they cannot differ.
        clash: where two classes cover one; empty if nobody asks.
        overlaps: as in `Painted`.
        void: the stored value of void.
        hidden: int64, one for each stored value: a table to count in.
    """

    pixels: npt.NDArray[Any]
    owner: npt.NDArray[Any]
    clash: npt.NDArray[np.bool_]
    overlaps: Counter[tuple[int, int]]
    void: int
    hidden: npt.NDArray[np.int64]

    @classmethod
    def blank(cls, drawing: Drawing) -> "Canvas":
        """Return a canvas of a drawing's size on which nothing is painted."""
        style, size = drawing.style, drawing.size
        kind = np.uint8 if style.void == 255 else np.uint16
        pixels = np.full(size, style.void, kind) if style.unpainted == "void" else np.zeros(size, kind)
        is_alike = style.unpainted != "void" and style.crowd != "void"
        clash = np.zeros(size if style.overlap == "void" else (0, 0), np.bool_)
        owner = pixels if is_alike else np.zeros(size, kind)
        return cls(pixels, owner, clash, Counter(), style.void, np.zeros(style.void + 1, np.int64))

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What the compiled kernels write."""
        return self.pixels, self.owner, self.clash, self.hidden

    def put(self, patch: Patch, value: int, compiled: Any = None) -> None:
        """Paint one patch over what is there; count what it hides of other classes.

        Args:
            patch: the pixels.
            value: that is painted.
            compiled: the module of the compiled kernels; plain NumPy paints if it is None.
        """
        if compiled is not None:
            cover = np.ascontiguousarray(patch.cover).view(np.uint8)
            if not compiled.put(self.arrays, cover, (patch.top, patch.left), value, self.void):
                return
            found = np.flatnonzero(self.hidden)
            counts = self.hidden[found]
            self.hidden[found] = 0
        else:
            area = self._area(patch)
            below = self.owner[area][patch.cover]
            self.pixels[area][patch.cover] = value
            self.owner[area][patch.cover] = value
            hides = (below != 0) & (below != value) & (below != self.void)
            if value in (0, self.void) or not hides.any():
                return
            if self.clash.size:
                self.clash[area][patch.cover] |= hides
            found, counts = np.unique(below[hides], return_counts=True)
        for other, pixels in zip(found.tolist(), counts.tolist(), strict=True):
            self.overlaps[other, value] += pixels

    def put_below(self, patch: Patch, value: int) -> None:
        """Paint one patch that counts as nothing: whatever covers it later hides nothing."""
        self.pixels[self._area(patch)][patch.cover] = value

    def settle(self, style: Style, names: dict[int, str], name: str) -> None:
        """Decide what pixels of two classes are, once all shapes are painted.

        Raises:
            MaskError: if there are any, and the style says "error".
        """
        if self.clash.size:
            self.pixels[self.clash] = style.void
        if style.overlap == "error" and self.overlaps:
            (below, above), pixels = self.overlaps.most_common(1)[0]
            raise MaskError(
                name,
                found=f"{pixels:,} px are both {names.get(below, below)} and {names.get(above, above)}",
                expected="one class for each pixel",
                remedy='correct the shapes, or pass overlap="void", "largest" or "smallest"',
            )

    @staticmethod
    def _area(patch: Patch) -> tuple[slice, slice]:
        height, width = patch.cover.shape
        return slice(patch.top, patch.top + height), slice(patch.left, patch.left + width)
