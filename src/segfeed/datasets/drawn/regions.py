"""Regions of labels: what is drawn of a label map, so that a tool for shapes shows the same pixels.

Each class but background is drawn, and each of its regions that hang together is a shape. Classes are numbered from 1
in their order, background left out: those are COCO's ids of categories.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.datasets.drawn.masks import Classes, is_background
from segfeed.errors import LegendError
from segfeed.pixels.lookup import Labels
from segfeed.pixels.shapes.drawing import Points
from segfeed.pixels.shapes.filling import fill_centre
from segfeed.pixels.shapes.runs import Cover, write_run_text
from segfeed.pixels.shapes.tracing import Region, trace_regions


@dataclass(frozen=True, slots=True)
class DrawnClasses:
    """The classes that are drawn.

    Attributes:
        names: in their order, background left out.
        ids: the class id of each.
        has_background: whether there is a class for what no shape covers; otherwise that is void.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    has_background: bool

    @classmethod
    def of(cls, names: tuple[str, ...]) -> "DrawnClasses":
        """Choose them by the names of all classes.

        Raises:
            LegendError: if two names mean background, or two classes have one name: they could not be told apart.

        >>> DrawnClasses.of(("background", "cat"))
        DrawnClasses(names=('cat',), ids=(1,), has_background=True)
        """
        drawn = [(name, label) for label, name in enumerate(names) if not is_background(name)]
        if len(names) - len(drawn) > 1 or len(Classes(names).shown) < len(names):
            twice = ", ".join(repr(name) for name in names if is_background(name) or names.count(name) > 1)
            raise LegendError("legend", found=f"{twice}, which shapes could not tell apart", remedy="rename them")
        return cls(tuple(name for name, _ in drawn), tuple(label for _, label in drawn), len(drawn) < len(names))

    def regions(self, labels: Labels) -> Iterator[tuple[int, Region]]:
        """Trace the regions of labels: (number of the class from 1, region)."""
        for number, label in enumerate(self.ids, start=1):
            cover = labels == label
            if cover.any():
                for region in trace_regions(cover):
                    yield number, region


def cover_of(region: Region, size: tuple[int, int]) -> Cover:
    """Return the pixels of a region, bool (H, W)."""
    cover = np.zeros(size, np.bool_)
    if patch := fill_centre(region.rings, size):
        height, width = patch.cover.shape
        cover[patch.top : patch.top + height, patch.left : patch.left + width] = patch.cover
    return cover


def run_lengths(flat: npt.NDArray[np.bool_]) -> list[int]:
    """Return the lengths of runs, which alternate, the first not covered.

    >>> run_lengths(np.array([True, True, False]))
    [0, 2, 1]
    """
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    lengths: list[int] = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return lengths


def coco_runs(cover: Cover) -> dict[str, object]:
    """Write covered pixels as COCO's run-length code: by columns, as a text."""
    return {"size": list(cover.shape), "counts": write_run_text(run_lengths(cover.ravel("F")))}


def plain_numbers(ring: Points) -> list[int]:
    """List x and y of corners in turn, which are whole numbers."""
    numbers: list[int] = ring.astype(np.int64).ravel().tolist()
    return numbers
