"""Doubts about annotations, in a module of its own as drawings say what no stored value does: a box is not a label."""

from collections.abc import Iterator, Sequence

from segfeed.datasets.doubts.evidence import LOOKED_AT_IN_DOUBT, spread
from segfeed.datasets.doubts.ways_out import Doubt
from segfeed.datasets.drawn.masks import DrawnMask
from segfeed.datasets.source import Sample
from segfeed.errors import SegfeedError
from segfeed.pixels.shapes.drawing import Shape, decode_drawing
from segfeed.pixels.shapes.painting import outlines_nothing, tell_kinds
from segfeed.system.showing import counted


def doubt_boxes(samples: Sequence[Sample]) -> Iterator[Doubt]:
    """Look at the shapes of some samples, and say if they are boxes only, or boxes besides outlines.

    Nothing is said of boxes that are left out or filled because a person asked for it.
    """
    masks = [one.mask for one in samples if isinstance(one.mask, DrawnMask) and one.mask.style.boxes == "error"]
    chosen = [masks[number] for number in spread(len(masks), LOOKED_AT_IN_DOUBT)]
    shapes = [shape for mask in chosen for shape in _shapes_of(mask)]
    bare = [shape for shape in shapes if outlines_nothing(shape)]
    if not bare:
        return
    of = f"in {counted(len(chosen), 'annotation')} looked at"
    if len(bare) == len(shapes):
        found = f"boxes only: {tell_kinds(bare)} {of}, and no outline"
        remedy = 'draw outlines, or pass boxes="fill" if a box is all that a label shall be'
    else:
        found = f"{tell_kinds(bare)} besides {counted(len(shapes) - len(bare), 'outline')} {of}"
        remedy = 'pass boxes="leave" to leave them out, or boxes="fill" to fill them as they are'
    yield Doubt("error", "shapes-boxes", found, "polygons or masks", remedy)


def _shapes_of(mask: DrawnMask) -> tuple[Shape, ...]:
    """Return the shapes of a sample; none if it cannot be read, which is said when it is needed."""
    try:
        return decode_drawing(mask.read(), mask.name).shapes
    except SegfeedError:
        return ()
