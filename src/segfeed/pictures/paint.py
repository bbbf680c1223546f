"""Paint: pairs as they are shown. Labels are only ever resized by taking the nearest, so no colour is invented."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.pixels.lookup import Encoder, Labels
from segfeed.pixels.pair import Pair
from segfeed.pixels.palette import Colour
from segfeed.plans.sampling import sample

Pixels = npt.NDArray[np.uint8]

VOID_GROUND: Colour = (240, 238, 230)
VOID_STRIPE: Colour = (178, 174, 162)
_PADDING_STRIPE: Colour = (176, 168, 160)
_PERIOD_PX, _STRIPE_PX = 9, 2
_MAX_TALL = 1.5  # a thumbnail is at most this much taller than its box is wide

MAX_SWATCHES = 20
"""How many classes a legend lists; the rest is summed up."""


class Swatch(NamedTuple):
    """One line of the legend below a picture.

    Attributes:
        name: of a class, of an object, of void, or of what is summed up.
        colour: red, green, blue; None for void.
        share: of all pixels, 0..1; None if nothing was counted.
        summed: whether the line stands for several classes, which have no colour and no bar of their own.
    """

    name: str
    colour: Colour | None
    share: float | None
    summed: bool = False


@dataclass(frozen=True, eq=False)
class Thumb:
    """A pair at the size at which it is shown.

    Attributes:
        key: the sample's key.
        height: of the whole pair, in px.
        width: of the whole pair, in px.
        image: uint8 (h, w, 3), 0..255.
        labels: class ids (h, w) and void.
    """

    key: str
    height: int
    width: int
    image: Pixels
    labels: Labels

    @classmethod
    def of(cls, pair: Pair, key: str, box_px: int) -> "Thumb":
        """Shrink a pair to a width of `box_px`; what is much taller than wide is limited in height."""
        height, width = pair.labels.shape
        return cls(key, height, width, *shrink(pair, *fit(height, width, round(box_px * _MAX_TALL), box_px)))

    def fitted(self, height: int, width: int) -> Pair:
        """Shrink the thumbnail further, or enlarge it, to fit a cell of this height and width (px)."""
        return shrink(Pair(self.image, self.labels), *fit(self.height, self.width, height, width))


def fit(height: int, width: int, box_height: int, box_width: int) -> tuple[int, int]:
    """Return the (height, width) in px that fill a box and keep the proportions.

    >>> fit(375, 500, 300, 240)
    (180, 240)
    """
    scale = min(box_height / height, box_width / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink(pair: Pair, height: int, width: int) -> Pair:
    """Resize a pair for display: the image smoothly, the labels by taking the nearest.

    >>> shrink(Pair(np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=np.uint8)), 2, 2).labels.tolist()
    [[1, 0], [0, 1]]
    """
    if pair.labels.shape == (height, width):
        return pair
    few = height > 3 * len(pair.labels)  # show so few pixels as squares
    picture = Image.fromarray(np.ascontiguousarray(pair.image))
    resized = picture.resize((width, height), Image.Resampling.NEAREST if few else Image.Resampling.HAMMING)
    return Pair(np.asarray(resized), nearest(pair.labels, height, width))


def nearest(pixels: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """Resize pixels (H, W) or (H, W, 3) by taking the nearest, so that no label and no colour is invented."""
    rows = (2 * np.arange(height) + 1) * pixels.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * pixels.shape[1] // (2 * width)
    return np.asarray(pixels[rows[:, None], columns])


def evenly(total: int, count: int) -> list[int]:
    """Choose at most `count` of the indices 0 .. total - 1, spread evenly.

    >>> evenly(9, 3)
    [0, 4, 8]
    """
    indices: list[int] = np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()
    return indices


def _striped(height: int, width: int) -> npt.NDArray[np.bool_]:
    return (np.arange(height)[:, None] + np.arange(width)) % _PERIOD_PX < _STRIPE_PX


def hatch(height: int, width: int) -> Pixels:
    """Paint what void looks like: pale, with diagonal stripes; uint8 (height, width, 3)."""
    return np.where(
        _striped(height, width)[..., None], np.array(VOID_STRIPE, np.uint8), np.array(VOID_GROUND, np.uint8)
    )


def paint_labels(labels: Labels, legend: Encoder) -> Pixels:
    """Paint labels (H, W) in the legend's colours, uint8 (H, W, 3); void is hatched, whatever its stored colour.

    >>> from segfeed.pixels.legend import Legend
    >>> paint_labels(np.array([[1]], np.uint8), Legend(("background", "cat")))[0, 0].tolist()
    [128, 0, 0]
    """
    colours = legend.paint(labels)
    void = labels == legend.void
    colours[void] = hatch(*labels.shape)[void]
    return colours


def overlay(pair: Pair, legend: Encoder) -> Pixels:
    """Lay translucent labels over their image, with a light line where classes meet; uint8 (H, W, 3).

    Black, which is the background's colour in most legends, only dims. If all is void, the image stays as it is.
    """
    image, labels = pair
    void = labels == legend.void
    if void.all():
        return np.array(image)
    colours = paint_labels(labels, legend)
    # How much of the label's colour: void hides most, black (background) only dims.
    weight = np.where(void, 0.7, np.where(colours.any(axis=-1), 0.55, 0.3))[..., None]
    mixed = image * (1 - weight) + colours * weight
    line = _borders(labels, void)
    mixed[line] = mixed[line] * 0.15 + 255 * 0.85
    painted: Pixels = np.round(mixed).astype(np.uint8)
    return painted


def _borders(labels: Labels, void: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Mark the pixels right above or left of another class; void needs no line."""
    line = np.zeros(labels.shape, np.bool_)
    for here, there in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        line[here] |= (labels[here] != labels[there]) & ~void[here] & ~void[there]
    return line


def outside(row: Any, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Mark what of a row's window lies beyond an image of this height and width (px), as the crop shows it."""
    mask = np.ones((int(row["height"]), int(row["width"])), np.bool_)
    if height and width:  # nothing lies on the photo of a row of padding
        photo = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)
        image, labels = (np.broadcast_to(part, (height, width, *part.shape[2:])) for part in photo)
        mask[sample(image, labels, row).inside] = False
    return mask


def mark_padding(image: Pixels, mask: npt.NDArray[np.bool_]) -> Pixels:
    """Paint thin stripes over the padding of an image uint8 (H, W, 3); all other pixels stay as they are."""
    striped = mask & _striped(*mask.shape)
    return np.where(striped[..., None], np.array(_PADDING_STRIPE, np.uint8), image)


def swatches(legend: Encoder, counts: npt.NDArray[np.int64], seen: set[int]) -> list[Swatch]:
    """List the lines of a legend: the most frequent classes first, further ones in one line, void last.

    Args:
        legend: the classes, or objects.
        counts: int64 (classes + 1,), pixels of each class, then of void.
        seen: the ids that are shown, for objects.
    """
    rest: float | None = None
    void: float | None = None
    if legend.names:
        shares = counts / max(int(counts.sum()), 1)
        ids = [i for i in np.argsort(-shares[:-1], kind="stable").tolist() if counts[i]]
        rest, void = float(shares[ids[MAX_SWATCHES:]].sum()), float(shares[-1])
    else:
        ids = sorted(seen - {legend.void})
    shown = ids[:MAX_SWATCHES]
    listed = []
    for i, (red, green, blue) in zip(shown, legend.paint(np.array([shown], legend.dtype))[0].tolist(), strict=True):
        if legend.names:
            listed.append(Swatch(legend.names[i], (red, green, blue), float(shares[i])))
        else:
            listed.append(Swatch(f"object {i}" if i else "background", (red, green, blue), None))
    if len(ids) > MAX_SWATCHES:
        listed.append(Swatch(f"+ {len(ids) - MAX_SWATCHES} more", (255, 255, 255), rest, summed=True))
    return [*listed, Swatch("void", None, void)]


def absent(legend: Encoder, counts: npt.NDArray[np.int64], limit: int = 140) -> str:
    """List the classes without a pixel, in about `limit` characters; return "" if there are none.

    >>> from segfeed.pixels.legend import Legend
    >>> absent(Legend(("background", "cat", "dog")), np.array([7, 0, 0, 0]))
    'absent: cat, dog'
    """
    names = [name for name, count in zip(legend.names, counts, strict=False) if not count]
    told: list[str] = []
    for name in names:
        if sum(map(len, told)) + 2 * len(told) + len(name) > limit:
            break
        told.append(name)
    rest = f" and {len(names) - len(told)} more" if len(told) < len(names) else ""
    return f"absent: {', '.join(told)}{rest}" if names else ""
