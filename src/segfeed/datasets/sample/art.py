"""The embedded sample's things: each class as a signed distance and a painting, on a grid of its own coordinates."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.floating[Any]]  # float32 throughout; numpy's stubs can't see that a Python float keeps it so
Ink = tuple[float, float, float]


@dataclass(frozen=True)
class Inks:
    """The colours of one thing, each (red, green, blue) in 0..1."""

    main: Ink
    second: Ink
    deep: Ink
    pale: Ink


@dataclass(frozen=True)
class Grid:
    """Where to paint: `u`, `v` float32 (H, W), right and down, a thing fits -1..1; `unit_px` pixels a unit."""

    u: Plane
    v: Plane
    unit_px: float

    def cover(self, distance: Plane) -> Plane:
        """Return how much of each pixel lies inside: float32 (H, W), 0..1, anti-aliased over one pixel."""
        covered: Plane = np.clip(0.5 - distance * self.unit_px, 0, 1)
        return covered

    def line(self, distance: Plane, width: float) -> Plane:
        """Return the coverage of a stroke of `width` units along the zero line of `distance`."""
        return self.cover(np.abs(distance) - width / 2)


@dataclass(frozen=True)
class Figure:
    """A painted thing: `distance` float32 (H, W), units, below 0 inside; `paint` float32 (3, H, W), 0..1."""

    distance: Plane
    paint: Plane


Painter = Callable[[Grid, Inks, float], Figure]


def lay(paint: Plane, ink: Ink, weight: Plane) -> None:
    """Lay `ink` over `paint` float32 (3, H, W) in place, `weight` float32 (H, W), 0..1."""
    for plane, value in zip(paint, ink, strict=True):
        change = value - plane
        change *= weight
        np.add(plane, change, out=plane)


def mix(paint: Plane, other: Plane, weight: Plane) -> None:
    """Lay the painting `other` over `paint` in place, both float32 (3, H, W); spoils `other`."""
    other -= paint
    other *= weight
    paint += other


def length(x: Plane, y: Plane) -> Plane:
    """Return the length of (x, y); NumPy's `hypot` guards against overflow and is several times slower."""
    squared: Plane = x * x + y * y
    return np.sqrt(squared, out=squared)


def _fill(grid: Grid, ink: Ink) -> Plane:
    return np.broadcast_to(np.array(ink, np.float32)[:, None, None], (3, *grid.u.shape)).copy()


def _disc(grid: Grid, x: float, y: float, radius: float) -> Plane:
    return length(grid.u - x, grid.v - y) - radius


def _ellipse(u: Plane, v: Plane, half_width: float, half_height: float) -> Plane:
    """Return the distance of an ellipse, to the first order: good near the outline, where the border is measured."""
    x, y = u * (1 / half_width), v * (1 / half_height)
    near = length(x, y)
    slope = length(x * (1 / half_width), y * (1 / half_height))
    return near * (near - 1) / np.maximum(slope, 1e-3)


def _turned(grid: Grid, x: float, y: float, angle: float, half: tuple[float, float]) -> Plane:
    """Return the distance of an ellipse about (x, y) whose long axis is turned by `angle` radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    u, v = grid.u - x, grid.v - y
    return _ellipse(u * cos + v * sin, v * cos - u * sin, *half)


def _stick(grid: Grid, start: tuple[float, float], end: tuple[float, float], radius: float) -> Plane:
    """Return the distance of a line from `start` to `end` with round ends."""
    u, v = grid.u - start[0], grid.v - start[1]
    x, y = end[0] - start[0], end[1] - start[1]
    along = np.clip((u * x + v * y) * (1 / (x * x + y * y)), 0, 1)
    return length(u - along * x, v - along * y) - radius


def _convex(u: Plane, v: Plane, corners: Sequence[tuple[float, float]], *, closed: bool = True) -> Plane:
    """Return the distance of a convex polygon, `corners` clockwise as seen; outside a corner it stays sharp.

    Left open it has no edge from the last corner to the first: so is half of a mirrored shape given.
    """
    ends = [*corners[1:], corners[0]] if closed else corners[1:]
    distance = np.full_like(u, -math.inf)
    for (x0, y0), (x1, y1) in zip(corners, ends, strict=False):
        size = math.hypot(x1 - x0, y1 - y0)
        across, down = (y1 - y0) / size, (x0 - x1) / size
        np.maximum(distance, u * across + v * down - (x0 * across + y0 * down), out=distance)
    return distance


def _join(first: Plane, second: Plane, soft: float) -> Plane:
    """Return the union of two shapes, its inner corner rounded over `soft` units."""
    blend = np.maximum(soft - np.abs(first - second), 0) * (1 / soft)
    return np.minimum(first, second) - blend * blend * (soft / 4)


def _stripes(phase: Plane, crisp: float = 4.0) -> Plane:
    """Return stripes, 0..1, of period 2 pi in `phase`."""
    return np.clip(0.5 + np.sin(phase) * crisp, 0, 1)


def _eye(paint: Plane, grid: Grid, inks: Inks, radius: float) -> None:
    x, y = -0.6, -0.1
    lay(paint, inks.pale, grid.cover(_disc(grid, x, y, radius)))
    lay(paint, inks.deep, grid.cover(_disc(grid, x - radius * 0.12, y + radius * 0.05, radius * 0.62)))
    lay(paint, (1.0, 1.0, 1.0), grid.cover(_disc(grid, x - radius * 0.3, y - radius * 0.25, radius * 0.22)))


def balloon(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a hot-air balloon: a drop of upright gores over a basket."""
    top, foot, height = 0.64, 0.16, 0.74
    lean = (top - foot) / height
    side = math.sqrt(1 - lean * lean)
    x, y = np.abs(grid.u), grid.v + 0.32
    along = y * side - x * lean
    cone = x * side + y * lean - top
    drop = np.where(along < 0, length(x, y) - top, cone)
    drop = np.where(along > side * height, length(x, y - height) - foot, drop)
    basket = np.maximum(x - 0.17, np.abs(grid.v - 0.86) - 0.12)
    ropes = np.minimum(_stick(grid, (-0.15, 0.5), (-0.14, 0.8), 0.018), _stick(grid, (0.15, 0.5), (0.14, 0.8), 0.018))
    round_part = np.sqrt(np.maximum(top * top - y * y, 1e-4))
    half = np.where(y > lean * top, (top - y * lean) * (1 / side), round_part)
    turn = np.arcsin(np.clip(grid.u / np.maximum(half, 0.02), -1, 1))
    gores = 5 + 2 * int(quirk * 2)
    paint = _fill(grid, inks.main)
    lay(paint, inks.second, _stripes(turn * gores, 5))
    lay(paint, inks.deep, np.clip(np.abs(np.sin(turn * (gores / 2) + math.pi / 4)) * -9 + 1, 0, 1) * 0.25)
    belt = np.abs(grid.v + 0.22 - 0.05 * np.cos(turn)) - 0.075
    lay(paint, inks.pale, grid.cover(belt) * grid.cover(drop))
    lay(paint, inks.deep, grid.cover(drop) * grid.cover(0.42 - grid.v))
    wicker = 0.35 * _stripes(grid.v * 60) + 0.25 * _stripes(grid.u * 50)
    woven = grid.cover(0.6 - grid.v)
    lay(paint, inks.deep, woven)
    lay(paint, inks.second, woven * wicker)
    return Figure(np.minimum(np.minimum(drop, basket), ropes), paint)


def butterfly(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a butterfly: four wings with ringed eyes and a dotted margin."""
    half = Grid(np.abs(grid.u), grid.v, grid.unit_px)
    upper = _turned(half, 0.48, -0.36, -0.62, (0.58, 0.35))
    lower = _turned(half, 0.36, 0.38, 0.75, (0.44, 0.33))
    wings = _join(upper, lower, 0.06)
    body = _stick(half, (0, -0.4), (0, 0.5), 0.075)
    feeler = _stick(half, (0.02, -0.42), (0.24, -0.86), 0.02)
    paint = _fill(grid, inks.main)
    reach = length(half.u, half.v)
    lay(paint, inks.second, np.clip(reach * 1.6 - 0.55, 0, 1))
    rays = np.arctan2(half.v, half.u + 0.05)
    lay(paint, inks.deep, np.clip(np.abs(np.sin(rays * 5)) * reach * -14 + 1, 0, 1) * 0.55)
    large, small = 0.21 + 0.04 * quirk, 0.17
    spot = np.minimum(_disc(half, 0.56, -0.42, large), _disc(half, 0.4, 0.42, small) * (large / small))
    for inset, ink in ((0.0, inks.deep), (0.22, inks.pale), (0.48, inks.main), (0.74, inks.deep)):
        lay(paint, ink, grid.cover(spot + inset * large))
    lay(paint, inks.deep, grid.cover(-0.085 - wings))
    around = np.where(upper < lower, np.arctan2(half.v + 0.36, half.u - 0.48), np.arctan2(half.v - 0.38, half.u - 0.36))
    beads = np.maximum(np.abs(wings + 0.043) - 0.022, 0.35 - np.cos(around * 13))
    lay(paint, inks.pale, grid.cover(beads))
    lay(paint, inks.deep, grid.cover(np.minimum(body, feeler)))
    lay(paint, inks.main, grid.cover(body + 0.03) * _stripes(grid.v * 34) * 0.6)
    return Figure(np.minimum(_join(wings, body, 0.12), feeler), paint)


def _scales(u: Plane, v: Plane, size: float) -> Plane:
    """Return 0 at the middle of each overlapping scale to 1 at its rim; scales open to the right."""
    x, y = u * (1 / size), v * (1 / size)
    column = np.ceil(x * 2 - 1)
    away: list[Plane] = []
    for step in (0, 1):
        odd = (column + step) * 0.5
        row = y + (odd - np.floor(odd))
        away.append(length(x - (column + step) * 0.5, row - np.round(row)) * 2)
    return np.where(away[0] < 1, away[0], np.minimum(away[1], 1))


def fish(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a fish: a coat of scales, rayed fins, facing left."""
    body = _ellipse(grid.u + 0.14, grid.v, 0.76, 0.46)
    tail = _convex(grid.u, -np.abs(grid.v), [(0.42, 0.0), (0.93, -0.44), (0.8, 0.0)], closed=False)
    back = _convex(grid.u, grid.v, [(-0.38, -0.38), (0.02, -0.7), (0.34, -0.56), (0.34, -0.2)])
    keel = _convex(grid.u, grid.v, [(-0.08, 0.36), (0.3, 0.2), (0.34, 0.52), (0.08, 0.68)])
    fins = np.minimum(np.minimum(tail, back), keel) - 0.03
    paint = _fill(grid, inks.second)
    # The tail's rays spread from its root, those of the other fins lean backwards.
    rays = np.where(tail < keel, np.arctan2(grid.v, grid.u - 0.2) * 26, grid.u * 40 - np.abs(grid.v) * 15)
    lay(paint, inks.deep, _stripes(rays, 1) * 0.4)
    coat = _fill(grid, inks.main)
    scale = _scales(grid.u, grid.v, 0.24 + 0.05 * quirk)
    lay(coat, inks.second, np.clip(1 - scale * 1.5, 0, 1) * 0.9)
    lay(coat, inks.deep, np.clip(scale * 5 - 3.9, 0, 1) * 0.75)
    lay(coat, inks.pale, np.clip(grid.v * 2.2 - 0.35, 0, 0.6))
    gill = length(grid.u + 0.88, grid.v) - 0.46
    face = grid.cover(gill)
    lay(coat, inks.main, face * 0.85)
    lay(coat, inks.deep, grid.line(gill, 0.045))
    mix(paint, coat, grid.cover(body))
    lay(paint, inks.deep, grid.line(body, 0.03) * 0.7)
    _eye(paint, grid, inks, 0.115)
    lay(paint, inks.deep, grid.line(_disc(grid, -0.92, 0.02, 0.16), 0.035) * grid.cover(0.06 - grid.v) * face)
    return Figure(_join(body, fins, 0.08), paint)


def kite(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a kite: a chequered diamond with bows on its tail."""
    cloth = _convex(np.abs(grid.u), grid.v, [(0.0, -0.96), (0.62, -0.3), (0.0, 0.56)], closed=False)
    sway = 0.07 * np.sin((grid.v - 0.56) * 13)
    cord = np.maximum(np.abs(grid.u - sway) - 0.022, np.abs(grid.v - 0.76) - 0.22)
    shape = np.minimum(cloth, cord)
    paint = _fill(grid, inks.main)
    beat = 12.5 + 3 * quirk
    checks = np.sin(grid.u * beat) * np.sin((grid.v + 0.3) * beat)
    lay(paint, inks.second, np.clip(0.5 + checks * 7, 0, 1))
    lay(paint, inks.pale, grid.cover(np.minimum(np.abs(grid.u), np.abs(grid.v + 0.3)) - 0.022))
    lay(paint, inks.deep, grid.cover(-0.05 - cloth))
    lay(paint, inks.second, grid.cover(0.03 - cloth))
    for y, ink in ((0.71, inks.main), (0.92, inks.second)):
        x = 0.07 * math.sin((y - 0.56) * 13)
        u, v = np.abs(grid.u - x), np.abs(grid.v - y)
        bow = np.maximum(v - u * 0.5 - 0.025, u - 0.17)
        lay(paint, ink, grid.cover(bow))
        lay(paint, inks.deep, grid.cover(length(u, v) - 0.04))
        shape = np.minimum(shape, bow)
    return Figure(shape, paint)


def leaf(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a leaf: pointed, broad below, with a herringbone of veins."""
    radius, inset, tip = 1.12, 0.66, 0.905
    width = np.abs(grid.u) / (1 + 0.32 * grid.v)
    x, y = width, np.abs(grid.v + 0.08)
    beyond = (y - tip) * inset > x * tip
    blade = np.where(beyond, length(x, y - tip), length(x + inset, y) - radius)
    stalk = _stick(grid, (0.0, 0.7), (0.06, 1.0), 0.045)
    slant = (grid.v + np.abs(grid.u) * (0.75 + 0.3 * quirk)) * 20
    paint = _fill(grid, inks.main)
    lay(paint, inks.second, np.clip(0.5 + np.sin(slant) * 0.9, 0, 1))
    vein = np.clip(np.abs(np.sin(slant / 2 + math.pi / 4)) * -4.5 + 1, 0, 1)
    lay(paint, inks.pale, vein * 0.9)
    rib = grid.cover(np.abs(grid.u) - (0.035 + 0.015 * grid.v))
    lay(paint, inks.pale, rib)
    lay(paint, inks.deep, grid.cover(-0.035 - blade) * 0.6)
    lay(paint, inks.deep, grid.cover(stalk) * 0.7)
    return Figure(np.minimum(blade, stalk), paint)


def mushroom(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a mushroom: a dotted cap, gills below it, a plain stem."""
    dome = _ellipse(grid.u, grid.v - 0.1, 0.93, 0.92)
    rim = grid.v - (0.1 + 0.1 * np.sqrt(np.maximum(1 - grid.u * grid.u, 0)))
    cap = np.maximum(dome, rim)
    stem = np.maximum(np.abs(grid.u) - (0.2 + 0.22 * (grid.v - 0.42) ** 2), np.abs(grid.v - 0.5) - 0.44)
    brim = _ellipse(grid.u, grid.v - 0.13, 0.88, 0.13)
    paint = _fill(grid, inks.pale)
    lay(paint, inks.second, np.clip(np.abs(grid.u) * 2 + grid.v * 0.5 - 0.3, 0, 0.7))
    lay(paint, inks.deep, np.clip(0.75 - (grid.v - 0.18) * 3.4, 0, 0.6))
    skirt = _fill(grid, inks.second)
    gills = np.arctan2(grid.v + 0.9, grid.u) * 46
    lay(skirt, inks.deep, _stripes(gills, 1.2) * 0.55)
    mix(paint, skirt, grid.cover(np.maximum(brim, 0.12 - grid.v)))
    hood = _fill(grid, inks.main)
    lay(hood, inks.deep, np.clip((grid.v + 0.05) * 2.2, 0, 0.45))
    spots = ((-0.42, -0.28, 0.17), (0.08, -0.52, 0.15), (0.46, -0.2, 0.16), (0.02, -0.08, 0.14), (-0.72, 0.02, 0.1))
    dots = np.full_like(grid.u, 1)
    for x, y, size in (*spots, (0.78, 0.02, 0.09), (-0.2, -0.7, 0.09), (0.38, -0.64, 0.08), (-0.36, 0.06, 0.08)):
        np.minimum(dots, length(grid.u - (x + 0.08 * (quirk - 0.5)), (grid.v - y) * 1.15) - size, out=dots)
    lay(hood, inks.deep, grid.cover(dots - 0.03) * 0.35)
    lay(hood, inks.pale, grid.cover(dots))
    mix(paint, hood, grid.cover(cap))
    return Figure(_join(_join(cap, brim, 0.12), stem, 0.05), paint)


def snail(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a snail: a spiral shell on a low foot, facing left."""
    shell = _disc(grid, 0.16, -0.16, 0.66)
    foot = np.maximum(_ellipse(grid.u - 0.06, grid.v - 0.62, 0.92, 0.3), grid.v - 0.68)
    neck = _stick(grid, (-0.6, 0.5), (-0.76, 0.06), 0.15)
    left, right = _stick(grid, (-0.8, 0.0), (-0.92, -0.34), 0.028), _stick(grid, (-0.7, 0.0), (-0.66, -0.38), 0.028)
    horns, tips = np.minimum(left, right), np.minimum(_disc(grid, -0.92, -0.36, 0.06), _disc(grid, -0.66, -0.4, 0.06))
    paint = _fill(grid, inks.pale)
    lay(paint, inks.second, np.clip(grid.v * 1.4 - 0.1, 0, 0.75))
    lay(paint, inks.deep, _stripes((grid.u - grid.v * 0.4) * 36, 0.8) * np.clip(grid.v * 3 - 1.2, 0, 0.25))
    lay(paint, inks.deep, grid.cover(tips))
    lay(paint, inks.deep, grid.line(_disc(grid, -0.86, 0.1, 0.1), 0.03) * grid.cover(0.12 - grid.v))
    x, y = grid.u - 0.16, grid.v + 0.16
    around = np.arctan2(y, x) * (0.5 / math.pi)
    reach = length(x, y)
    whorl = reach * (1 / 0.205) - around + quirk
    whorl -= np.floor(whorl)
    coil = _fill(grid, inks.main)
    lay(coil, inks.second, np.clip(whorl * 2.6 - 0.9, 0, 1))
    ribs = _stripes(around * (2 * math.pi * 22), 1) * np.clip(reach * 2 - 0.35, 0, 1)
    lay(coil, inks.deep, ribs * 0.22)
    lay(coil, inks.pale, np.clip(1 - np.abs(whorl - 0.62) * 5, 0, 1) * 0.75)
    lay(coil, inks.deep, np.clip(1.25 - np.minimum(whorl, 1 - whorl) * 8, 0, 1) * 0.85)
    mix(paint, coil, grid.cover(shell))
    lay(paint, inks.deep, grid.line(shell, 0.035) * 0.8)
    slug = np.minimum(np.minimum(_join(foot, neck, 0.2), horns), tips)
    return Figure(_join(shell, slug, 0.08), paint)


def star(grid: Grid, inks: Inks, quirk: float) -> Figure:
    """Paint a star: five folded arms, light and dark, with bands along the outline."""
    # One half of one arm stands for all ten, so the plane is folded onto it.
    around = np.arctan2(grid.u, -grid.v)
    arm = np.abs(around - np.round(around * (2.5 / math.pi)) * (0.4 * math.pi))
    reach, inner = length(grid.u, grid.v), 0.42 + 0.06 * quirk
    notch = (inner * math.sin(math.pi / 5), inner * math.cos(math.pi / 5))
    x, y = reach * np.sin(arm), reach * np.cos(arm)
    edge = _stick(Grid(x, y, grid.unit_px), (0.0, 0.88), notch, 0.0)
    shape = np.copysign(edge, x * (0.88 - notch[1]) + (y - 0.88) * notch[0]) - 0.07
    fold = np.clip(0.5 + np.sin(around * 5) * reach * 14, 0, 1)
    paint = _fill(grid, inks.main)
    lay(paint, inks.second, fold)
    band = np.clip(np.sin(shape * 46) * 2.5 - 0.6, 0, 1)
    lay(paint, inks.pale, band * (0.25 + 0.4 * fold))
    lay(paint, inks.deep, (1 - fold) * 0.22)
    lay(paint, inks.pale, grid.cover(_disc(grid, 0, 0, 0.1)))
    return Figure(shape, paint)


@dataclass(frozen=True)
class Kind:
    """A class: how it is painted, its `box` (left, top, right, bottom) in units, and how it is placed.

    `lean` radians it may tilt either way, `size` relative to the others, `share` how often it is drawn.
    """

    paint: Painter
    box: tuple[float, float, float, float]
    lean: float
    size: float
    share: float


KINDS: dict[str, Kind] = {
    "balloon": Kind(balloon, (-0.66, -0.98, 0.66, 1.0), 0.3, 1.04, 1.0),
    "butterfly": Kind(butterfly, (-1.02, -0.9, 1.02, 0.8), math.pi, 0.94, 0.9),
    "fish": Kind(fish, (-0.93, -0.75, 0.98, 0.73), 0.6, 1.0, 1.0),
    "kite": Kind(kite, (-0.65, -0.98, 0.65, 1.02), math.pi, 1.12, 1.0),
    "leaf": Kind(leaf, (-0.48, -1.0, 0.48, 1.06), math.pi, 1.1, 1.1),
    "mushroom": Kind(mushroom, (-0.97, -0.85, 0.97, 0.98), 0.35, 1.0, 0.9),
    "snail": Kind(snail, (-1.0, -0.84, 1.02, 0.72), 0.3, 1.04, 0.9),
    "star": Kind(star, (-0.93, -0.97, 0.93, 0.81), math.pi, 1.04, 0.9),
}
