"""The embedded sample's pictures: a paper-cut landscape, things placed on it, and the masks that follow from both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from segfeed.datasets.sample.art import KINDS, Grid, Ink, Inks, Kind, Plane, lay, length, mix

VOID = 255
VOID_PX = 5  # the whole width of the void border, half of it on either side of an outline

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """One picture: `image` uint8 (3, H, W); `classes`, `objects` uint8 (H, W), 0 = background, 255 = void."""

    image: npt.NDArray[np.uint8]
    classes: Labels
    objects: Labels


@dataclass(frozen=True)
class Thing:
    """What stands where: class id `label`, middle (`x_px`, `y_px`), `unit_px` half its size, `turn` radians."""

    label: int
    kind: Kind
    x_px: float
    y_px: float
    unit_px: float
    turn: float
    mirror: bool
    quirk: float
    inks: Inks


class Chance:
    """Draws keyed by a picture's number, so that no picture depends on another."""

    def __init__(self, *key: int) -> None:
        """Start the draws of `key`; equal keys give equal draws."""
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def between(self, low: float, high: float) -> float:
        """Return a number in low..high, high excluded."""
        return low + (high - low) * (int(self._bits.random_raw()) >> 11) / 2**53

    def below(self, count: int) -> int:
        """Return an integer in 0..count - 1."""
        return int(self.between(0, count))

    def likely(self, share: float) -> bool:
        """Return True in `share` of all cases."""
        return self.between(0, 1) < share

    def sign(self) -> int:
        """Return 1 or -1."""
        return 1 if self.likely(0.5) else -1

    def weighted(self, weights: Sequence[float]) -> int:
        """Return an index, drawn in proportion to its weight."""
        left = self.between(0, sum(weights))
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        return len(weights) - 1

    def noise(self, height: int, width: int, range_: float) -> Plane:
        """Return float32 (height, width), uniform in 256 steps over `range_` about 0."""
        words = np.asarray(self._bits.random_raw((height * width + 7) // 8), dtype="<u8")
        grain = words.view(np.int8)[: height * width].reshape(height, width)
        return np.multiply(grain, range_ / 256, dtype=np.float32)


def ink(lightness: float, chroma: float, hue: float) -> Ink:
    """Return (red, green, blue) in 0..1 of an OKLCH colour, `hue` in turns.

    Source: Bjorn Ottosson, "A perceptual color space for image processing".
    """
    a, b = chroma * np.cos(2 * np.pi * hue), chroma * np.sin(2 * np.pi * hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    red, green, blue = (min(max(float(part), 0.0), 1.0) ** (1 / 2.2) for part in linear)
    return red, green, blue


def _paper(chance: Chance, height: int, width: int) -> Plane:
    """Return the paper's brightness, blotches and fibres: float32 (height, width), about 255."""
    coarse = chance.noise(height // 48 + 2, width // 48 + 2, 0.09 * 255)
    fine = chance.noise(height // 4 + 2, width // 4 + 2, 0.05 * 255)
    blotches = np.asarray(Image.fromarray(coarse).resize(fine.shape[::-1], Image.Resampling.BICUBIC))
    grain = Image.fromarray(255 + blotches + fine)
    return np.asarray(grain.resize((width, height), Image.Resampling.BILINEAR))


def _ridge(chance: Chance, width: int, height: int) -> Plane:
    """Return the upper edge of one paper layer about 0, float32 (width,), in pixels: hills, woods, waves or clouds."""
    x = np.arange(width, dtype=np.float32) * (2 * np.pi / 500)
    edge = np.zeros_like(x)
    for harmonic in (1, 2, 3):
        edge += np.sin(x * chance.between(0.5, 1.6) * harmonic + chance.between(0, 6.3)) * (0.05 * height / harmonic)
    style = ("hills", "woods", "waves", "clouds")[chance.weighted((4, 2, 1.5, 1.5))]
    beat, shift = chance.between(7, 14), chance.between(0, 6.3)
    if style == "woods":
        place = x * beat * 0.5 + shift + 0.35 * np.sin(x * beat * 0.23)
        tree = np.floor(place)
        edge -= (1 - np.abs(place - tree - 0.5) * 2) * (0.65 + 0.35 * np.sin(tree * 2.4)) * (0.085 * height)
    elif style == "waves":
        edge += np.abs(np.sin(x * beat * 0.6 + shift)) * (0.045 * height)
    elif style == "clouds":
        edge -= np.abs(np.sin(x * beat * 0.31 + shift)) * (0.07 * height)
        edge -= np.abs(np.sin(x * beat * 0.83 + shift)) * (0.03 * height)
    return edge


def _backdrop(chance: Chance, height: int, width: int, hue: float) -> Plane:
    """Paint sky, sun and three to five paper layers: float32 (3, height, width), 0..1."""
    night = chance.likely(0.4)
    far = chance.between(0.42, 0.6) if night else chance.between(0.8, 0.9)
    near = chance.between(0.26, 0.36) if night else chance.between(0.42, 0.66)
    drift = chance.between(0.06, 0.2) * chance.sign()
    chroma = chance.between(0.05, 0.11)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    sky = np.empty((3, height, width), np.float32)
    top, low = ink(far - 0.12, chroma, hue), ink(min(far + 0.06, 0.95), chroma * 0.8, hue + drift)
    for plane, above, below in zip(sky, top, low, strict=True):
        plane[:] = above + (below - above) * np.minimum(rows * 1.5, 1)
    _sun(chance, sky, ink(min(far + 0.2, 0.96), chroma * 0.8, hue + drift * 1.6), stars=night)
    count = 3 + chance.below(3)
    start = chance.between(0.34, 0.5)
    sheets: list[tuple[Plane, Ink]] = []
    for k in range(count):
        part = (k + 1) / count
        base = height * (start + (0.97 - start) * (k + chance.between(0, 0.5)) / count)
        tone = ink(far + (near - far) * part, chroma * (0.9 + 0.4 * part), hue + drift * (1 - part * 1.5))
        sheets.append((_ridge(chance, width, height) + base, tone))
    hidden = [*(edge for edge, _ in sheets[1:]), np.full(width, height)]
    for (edge, tone), cover in zip(sheets, hidden, strict=True):
        _lay_sheet(sky, edge, min(int(cover.max()) + 2, height), tone)
    return sky


def _sun(chance: Chance, sky: Plane, glow: Ink, *, stars: bool) -> None:
    """Hang a sun, or a moon among stars, with rings of light into the sky."""
    _, height, width = sky.shape
    x_px, y_px = int(chance.between(0.1, 0.9) * width), int(chance.between(0.1, 0.4) * height)
    radius_px = chance.between(0.06, 0.12) * height
    if stars:
        for _ in range(30):
            x, y, size = chance.below(width), chance.below(height // 2), 2 + chance.below(2)
            sky[:, y : y + size, x : x + size] += chance.between(0.1, 0.4)
    outer_px = int(radius_px + 0.25 * height) + 2
    rows = np.arange(max(y_px - outer_px, 0), min(y_px + outer_px, height))
    columns = np.arange(max(x_px - outer_px, 0), min(x_px + outer_px, width))
    away = length((columns - x_px).astype(np.float32)[None, :], (rows - y_px).astype(np.float32)[:, None]) - radius_px
    halo = np.zeros_like(away)
    for step, strength in ((0.25, 0.12), (0.14, 0.18), (0.06, 0.25), (0.0, 0.75)):
        halo += np.clip(0.5 - away + step * height, 0, 1) * (1 - halo) * strength
    lay(sky[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], glow, halo)


def _lay_sheet(sky: Plane, edge: Plane, last: int, colour: Ink) -> None:
    """Lay one sheet of paper below `edge` float32 (W,), down to row `last`, with its shadow on what lies behind."""
    first = max(int(edge.min()) - 16, 0)
    if first >= last:
        return
    view = sky[:, first:last]
    depth = np.arange(first, last, dtype=np.float32)[:, None] - edge[None, :]
    shade = np.clip(depth * (1 / 15) + 1, 0, 1)
    shade *= shade
    weight = np.clip(depth + 0.5, 0, 1)
    keep = (1 - 0.2 * shade) * (1 - weight)
    weight *= np.clip(1.1 - depth * (1 / 260), 0.72, 1.1) + 0.09 * np.clip(1 - np.abs(depth - 1.5) * 0.5, 0, 1)
    view *= keep
    for plane, value in zip(view, colour, strict=True):
        np.add(plane, weight * value, out=plane)


def _inks(chance: Chance, hue: float) -> Inks:
    """Choose a thing's colours whatever its class, so that colour alone tells nothing."""
    hue += chance.between(-0.05, 0.05)
    light = chance.likely(0.5)
    tone = chance.between(0.62, 0.78) if light else chance.between(0.42, 0.56)
    other = tone - chance.between(0.16, 0.24) if light else tone + chance.between(0.18, 0.28)
    turn = chance.between(0.06, 0.16) * chance.sign()
    chroma = chance.between(0.09, 0.16)
    return Inks(
        main=ink(tone, chroma, hue),
        second=ink(other, chroma * 0.9, hue + turn),
        deep=ink(0.28, 0.05, hue + turn / 2),
        pale=ink(0.93, 0.045, hue + turn),
    )


LARGE = 3  # things of full size in a picture; further ones are smaller
CROWD = {1: 1.12, 2: 1.0, 3: 1.0, 4: 0.86, 5: 0.86}  # things in a picture: their relative size


def _things(chance: Chance, number: int, height: int, width: int, hue: float) -> list[Thing]:
    """Choose one to five things, the later in front; each takes the freest of a few places."""
    count = 1 + chance.weighted((0.08, 0.22, 0.32, 0.24, 0.14))
    spread = math.sqrt(height * width / (375 * 500))
    crowd = CROWD[count]
    kinds = list(KINDS.values())
    things: list[Thing] = []
    for k in range(count):
        # The first follows the picture's number: even the smaller split then has all classes in fair shares.
        index = number % len(kinds) if k == 0 else chance.weighted([kind.share for kind in kinds])
        kind = kinds[index]
        unit_px = crowd * spread * kind.size * (chance.between(58, 94) if k >= LARGE else chance.between(86, 132))
        best = (-math.inf, 0.0, 0.0)
        for _ in range(3 + chance.below(10)):
            x, y = chance.between(0.1, 0.9) * width, chance.between(0.12, 0.88) * height
            room = min((math.hypot(x - t.x_px, y - t.y_px) / (unit_px + t.unit_px) for t in things), default=1.0)
            best = max(best, (min(room, 0.85), x, y))
        turn, mirror, quirk = chance.between(-kind.lean, kind.lean), chance.likely(0.5), chance.between(0, 1)
        tint = hue + (0.5, 0.33, 0.67, 0.42, 0.1)[chance.below(5)]
        things.append(Thing(index + 1, kind, best[1], best[2], unit_px, turn, mirror, quirk, _inks(chance, tint)))
    return things


def _place(thing: Thing, height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns that the turned thing and its shadow may touch."""
    left, top, right, bottom = thing.kind.box
    cos, sin = math.cos(thing.turn), math.sin(thing.turn)
    corners = [(-u if thing.mirror else u, v) for u in (left, right) for v in (top, bottom)]
    x = [u * cos - v * sin for u, v in corners]
    y = [u * sin + v * cos for u, v in corners]
    edge = 5 / thing.unit_px
    shadow = 0.17 + 2 / thing.unit_px

    def clip(unit: float, middle_px: float, limit: int) -> int:
        return min(max(int(middle_px + unit * thing.unit_px), 0), limit)

    rows = slice(clip(min(y) - edge, thing.y_px, height), clip(max(y) + max(edge, shadow), thing.y_px, height))
    columns = slice(clip(min(x) - edge, thing.x_px, width), clip(max(x) + max(edge, shadow), thing.x_px, width))
    return rows, columns


def _paste(picture: Plane, classes: Labels, objects: Labels, thing: Thing, number: int) -> None:
    """Paint one thing with its shadow, and write its inside and its void border over both masks."""
    height, width = classes.shape
    rows, columns = _place(thing, height, width)
    x = (np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - thing.x_px) * (1 / thing.unit_px)
    y = (np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - thing.y_px) * (1 / thing.unit_px)
    cos, sin = math.cos(thing.turn), math.sin(thing.turn)
    u, v = x * cos + y * sin, y * cos - x * sin
    figure = thing.kind.paint(Grid(-u if thing.mirror else u, v, thing.unit_px), thing.inks, thing.quirk)
    away_px, paint = figure.distance * thing.unit_px, figure.paint
    down, across = _slopes(away_px)
    slope = length(down, across)
    away_px /= np.clip(slope, 0.6, 1.6)
    view = picture[:, rows, columns]
    _shadow(view, away_px, thing.unit_px)
    paint *= _light(away_px, down, across, slope, thing.unit_px) - (x * 0.078 + y * 0.104)
    mix(view, paint, np.clip(0.5 - away_px, 0, 1))
    for mask, value in ((classes, thing.label), (objects, number)):
        part = mask[rows, columns]
        part[away_px <= VOID_PX / 2] = VOID
        part[away_px < -VOID_PX / 2] = value


def _light(away_px: Plane, down: Plane, across: Plane, slope: Plane, unit_px: float) -> Plane:
    """Return the brightness of a rounded edge lit from the top left, with a glint: float32 (H, W), about 1."""
    rim = np.clip(1 + away_px * (6.25 / unit_px), 0, 1)
    facing = (across * -0.6 - down * 0.8) / np.maximum(slope, 0.3) * rim
    brightness: Plane = facing * rim * 0.26 + np.clip(facing * 0.6 - 0.42, 0, 1) + 1.02
    return brightness


def _slopes(plane: Plane) -> tuple[Plane, Plane]:
    """Return the central differences of `plane`, downwards and to the right."""
    down, across = np.empty_like(plane), np.empty_like(plane)
    down[1:-1] = (plane[2:] - plane[:-2]) * 0.5
    across[:, 1:-1] = (plane[:, 2:] - plane[:, :-2]) * 0.5
    down[0], down[-1] = down[1], down[-2]
    across[:, 0], across[:, -1] = across[:, 1], across[:, -2]
    return down, across


def _shadow(view: Plane, away_px: Plane, unit_px: float) -> None:
    """Darken what lies behind, below and to the right of a thing."""
    right, down, soft = int(0.05 * unit_px) + 1, int(0.08 * unit_px) + 1, 0.16 * unit_px
    cast = np.clip(0.5 - away_px[:-down, :-right] * (1 / soft), 0, 1)
    view[:, down:, right:] *= 1 - cast * cast * 0.42


def compose(number: int, height: int, width: int) -> Scene:
    """Compose picture `number`, the same every time."""
    chance = Chance(2026, number)
    hue = chance.between(0, 1)
    picture = _backdrop(chance, height, width, hue)
    classes, objects = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for order, thing in enumerate(_things(chance, number, height, width, hue), start=1):
        _paste(picture, classes, objects, thing, order)
    seen = [value for value in range(1, 6) if (objects == value).any()]
    renumber = np.arange(256, dtype=np.uint8)
    renumber[seen] = np.arange(1, len(seen) + 1, dtype=np.uint8)
    picture *= _paper(chance, height, width)
    for plane in picture:
        np.add(plane, chance.noise(height, width, 10), out=plane)
    np.clip(picture, 0, 255, out=picture)
    return Scene(picture.astype(np.uint8), classes, renumber[objects])
