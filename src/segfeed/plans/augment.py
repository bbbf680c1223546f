"""Augmentation: which sizes, turns and colours a plan draws, in a person's units; `fields` turns them into rows."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from segfeed.errors import OptionError
from segfeed.system.options import whole_number

PadSide = Literal["random", "center", "bottom-right"]
Rounding = Literal["half-up", "down"]
ScaleDraw = Literal["uniform", "log"]
Order = Literal["fixed", "drawn"]

_MAX_SIDE_PX = 2**31 - 1
_MAX_STEPS = 10_000


class Range(NamedTuple):
    """Numbers from `low` to `high`, drawn with a probability; the other rows are left as they are."""

    low: float
    high: float
    probability: float = 1.0


class Stages(NamedTuple):
    """What rows may need besides a copy of pixels; each of it takes seconds to compile."""

    scales: bool = False
    turns: bool = False
    colours: bool = False


class _Limits(NamedTuple):
    """What a range may hold, and in which unit."""

    low: float
    high: float
    unit: str


_LIMITS = {
    "scale": _Limits(1 / 1024, 1024, "factors"),
    "aspect": _Limits(1 / 64, 64, "factors"),
    "rotate": _Limits(-360, 360, "degrees"),
    "brightness": _Limits(-1, 1, "shares of the full range"),
    "contrast": _Limits(0, 64, "factors"),
    "saturation": _Limits(0, 64, "factors"),
    "hue": _Limits(-360, 360, "degrees"),
    "gamma": _Limits(1 / 64, 64, "exponents"),
    "gray": _Limits(0, 1, "shares"),
}
_WORDS = {"rounding": Rounding, "scale_draw": ScaleDraw, "order": Order, "pad_side": PadSide}


@dataclass(frozen=True, repr=False)
class Augment:
    """What is drawn for each crop besides its place.

    A range is a pair (low, high), or (low, high, probability): with that probability, 1 if it is left out, a number
    between both is drawn; otherwise the step leaves the crop as it is. A photo is resized first, then a window of the
    crop's size is cut out of it, turned, mirrored and coloured. Image and labels are taken at the same points.

    Attributes:
        flip: probability, 0..1, that a crop is mirrored left to right.
        resize: to which size a photo is brought first; None: it keeps its own. ("short", n) and ("long", n) set its
            shorter or longer side to n px, ("short", low, high) and ("long", low, high) to a whole number of px from
            low to high; ("box", m, n) makes it as large as fits into m x n px, lying or standing as the photo does;
            ("exact", height, width) does not keep the ratio of its sides.
        scale: range of a factor on `resize`'s px, rounded down, or on the photo's own sides.
        scale_draw: "uniform", or "log": halving is as likely as doubling.
        scale_step: if above 0, the factor is one of low, low + step, ..., high.
        longest: the most px of a scaled photo's longer side; the shorter shrinks with it. None: as many as come.
        aspect: range of a factor on width / height, drawn as by "log"; the area stays.
        rounding: of scaled sides to px, "half-up" or "down"; never to 0.
        rotate: range in degrees, counter-clockwise. A window that is turned may reach beyond the photo.
        antialias: filter a photo that is shrunk by a triangle as wide as the scale, as Pillow and torchvision do;
            otherwise take the four nearest pixels, as OpenCV does.
        brightness: range of what is added, in shares of the full range: 32 of 255 levels are 32 / 255.
        contrast: range of a factor on all values, from black.
        saturation: range of a factor on the S of HSV.
        hue: range in degrees, added to the H of HSV.
        gamma: range of an exponent on values of 0..1, drawn as by "log": above 1 is darker.
        gray: range of the share by which colours go to their luma: (1, 1, 0.2) makes one crop in five grey.
        order: of the colour steps. "fixed": as listed here. "drawn": in half of the crops contrast comes after hue.
        pad_side: where the padding lies if a scaled photo is smaller than the crop: "random", "center" (around it) or
            "bottom-right", as seen in the crop, mirrored or not.
        pad_value: 0..255 of the padding, one number or (red, green, blue); None: the mean that the batch's format
            subtracts. Padding is added after colours; its labels are void.

    Raises:
        OptionError: if a field has another type or lies outside its range.

    >>> Augment(flip=0.5, scale=(0.5, 2), hue=(-18, 18, 0.5))
    Augment(flip=0.5, scale=(0.5, 2.0), hue=(-18.0, 18.0, 0.5))
    """

    flip: float = 0.0
    resize: tuple[Any, ...] | None = None
    scale: tuple[float, ...] = Range(1.0, 1.0)
    scale_draw: ScaleDraw = "uniform"
    scale_step: float = 0.0
    longest: int | None = None
    aspect: tuple[float, ...] = Range(1.0, 1.0)
    rounding: Rounding = "half-up"
    rotate: tuple[float, ...] = Range(0.0, 0.0)
    antialias: bool = True
    brightness: tuple[float, ...] = Range(0.0, 0.0)
    contrast: tuple[float, ...] = Range(1.0, 1.0)
    saturation: tuple[float, ...] = Range(1.0, 1.0)
    hue: tuple[float, ...] = Range(0.0, 0.0)
    gamma: tuple[float, ...] = Range(1.0, 1.0)
    gray: tuple[float, ...] = Range(0.0, 0.0)
    order: Order = "fixed"
    pad_side: PadSide = "random"
    pad_value: int | tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__  # the class is frozen
        put(self, "flip", _number("flip", self.flip, 0, 1, "a probability"))
        for name, limits in _LIMITS.items():
            put(self, name, _check_range(name, getattr(self, name), limits))
        for name, words in _WORDS.items():
            if getattr(self, name) not in get_args(words):
                expected = " or ".join(f'"{word}"' for word in get_args(words))
                raise OptionError(name, found=repr(getattr(self, name)), expected=expected)
        if not isinstance(self.antialias, bool):
            raise OptionError("antialias", found=repr(self.antialias), expected="True or False")
        put(self, "resize", _check_resize(self.resize))
        if self.longest is not None:
            put(self, "longest", whole_number("longest", self.longest, 1, _MAX_SIDE_PX))
            if self.resize is not None and self.resize[0] == "exact":
                found = f"{self.longest} beside resize={self.resize}"
                raise OptionError("longest", found=found, remedy="leave it out: an exact size has its longer side")
        put(self, "scale_step", _number("scale_step", self.scale_step, 0, _LIMITS["scale"].high, "a step"))
        self.scale_choices()
        _refuse_other_units(self)
        put(self, "pad_value", _check_pad_value(self.pad_value))

    def __repr__(self) -> str:
        # Of twenty fields, those that somebody set.
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        told = {field.name: told[field.name] for field in fields(self) if told[field.name] != field.default}
        ranges = {name: tuple(value[: 2 + (value[2] < 1)]) for name, value in told.items() if isinstance(value, Range)}
        return f"Augment({', '.join(f'{name}={value!r}' for name, value in (told | ranges).items())})"

    def scale_choices(self) -> tuple[float, ...] | None:
        """List the factors that `scale_step` leaves; None without a step.

        >>> Augment(scale=(0.5, 1), scale_step=0.25).scale_choices()
        (0.5, 0.75, 1.0)
        """
        if not self.scale_step:
            return None
        # As fractions of the decimals that were written: 0.5 + 2 * 0.1 is 0.7, no last bit off.
        low, high, step = (Fraction(repr(number)) for number in (*self.scale[:2], self.scale_step))
        count, rest = divmod(high - low, step)
        if rest or count >= _MAX_STEPS:
            found = f"{self.scale_step!r}, with factors from {self.scale[0]!r} to {self.scale[1]!r}"
            expected = f"a step that leads from the first to the last in at most {_MAX_STEPS - 1}"
            raise OptionError("scale_step", found=found, expected=expected)
        if self.scale_draw != "uniform":
            found = f"{self.scale_step!r} beside scale_draw={self.scale_draw!r}"
            raise OptionError(
                "scale_step", found=found, remedy='pass scale_draw="uniform": factors of steps are likely alike'
            )
        return tuple(float(low + n * step) for n in range(count + 1))

    @property
    def stages(self) -> Stages:
        """What rows that are drawn by it may need besides a copy of pixels.

        >>> Augment(flip=0.5, hue=(-18, 18)).stages
        Stages(scales=False, turns=False, colours=True)
        """
        neutral = Augment()
        changed = {name for name in _LIMITS if getattr(self, name)[:2] != getattr(neutral, name)[:2]}
        return Stages(
            scales=bool(changed & {"scale", "aspect"}) or self.resize is not None or self.longest is not None,
            turns="rotate" in changed,
            colours=bool(changed - {"scale", "aspect", "rotate"}),
        )

    def to_json(self) -> dict[str, Any]:
        """Describe every field in plain JSON values; `Augment(**values)` makes the same one of them.

        >>> Augment(rotate=(-10, 10)).to_json()["rotate"]
        [-10.0, 10.0, 1.0]
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _number(name: str, value: Any, low: float, high: float, what: str) -> float:
    """Check a number, and return it as a float of Python's own."""
    try:
        number = float(value)
        # A text is not a number, and True says nothing of how much.
        wrong = isinstance(value, str | bytes | bool | np.bool_) or not low <= number <= high
    except (TypeError, ValueError, OverflowError):
        wrong = True
    if wrong:
        raise OptionError(name, found=repr(value), expected=f"{what} from {low:g} to {high:g}")
    return number + 0.0  # no -0.0: equal plans have equal digests


def _check_range(name: str, value: Any, limits: _Limits) -> Range:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) not in (2, 3):
        expected = f"{limits.unit} as (low, high) or (low, high, probability)"
        raise OptionError(name, found=repr(value), expected=expected)
    low, high = (_number(name, end, limits.low, limits.high, limits.unit) for end in value[:2])
    if low > high:
        raise OptionError(name, found=repr(value), expected=f"{limits.unit}, the lower one first")
    return Range(low, high, *(_number(name, part, 0, 1, "a probability") for part in value[2:]))


def _refuse_other_units(augment: Augment) -> None:
    """Refuse numbers that are usual in the units of other libraries, and spoil every crop, or none, in these."""
    (hue, brightness, contrast) = (tuple(getattr(augment, name)[:2]) for name in ("hue", "brightness", "contrast"))
    if 0 < max(map(abs, hue)) < 1:
        raise OptionError(
            "hue",
            found=f"{hue}, less than a degree, which nobody sees",
            expected="degrees",
            remedy=f"if these are turns, as torchvision's, pass ({360 * hue[0]:g}, {360 * hue[1]:g})",
        )
    if 0.5 <= brightness[0] < brightness[1]:
        raise OptionError(
            "brightness",
            found=f"{brightness}, which is added and makes every crop nearly white",
            expected="shares of the full range around 0",
            remedy="if these are factors, as torchvision's, pass them as contrast, which multiplies",
        )
    if contrast[1] == 0:
        raise OptionError(
            "contrast", found=f"{contrast}, which makes every crop black", expected="factors; 1 changes nothing"
        )


def _check_resize(value: Any) -> tuple[Any, ...] | None:
    if value is None:
        return None
    how, *sides = value if isinstance(value, Sequence) and not isinstance(value, str) and value else (value,)
    counts = {"short": (1, 2), "long": (1, 2), "box": (2,), "exact": (2,)}
    if not isinstance(how, str) or len(sides) not in counts.get(how, ()):
        expected = (
            '("short", px), ("short", low, high), ("long", px), ("long", low, high), ("box", px, px) or '
            '("exact", height, width)'
        )
        raise OptionError("resize", found=repr(value), expected=expected)
    sides = [whole_number("resize", side, 1, _MAX_SIDE_PX) for side in sides]
    if how in ("short", "long"):
        if sides[0] > sides[-1]:
            raise OptionError("resize", found=repr(value), expected="the lower number of px first")
        sides = [sides[0], sides[-1]]
    return (how, *sides)


def _check_pad_value(value: Any) -> int | tuple[int, int, int] | None:
    if value is None or isinstance(value, int | np.integer):
        return None if value is None else whole_number("pad_value", value, 0, 255)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 3:
        expected = "one whole number from 0 to 255, three as (red, green, blue), or None for the mean"
        raise OptionError("pad_value", found=repr(value), expected=expected)
    red, green, blue = (whole_number("pad_value", part, 0, 255) for part in value)
    return red, green, blue
