"""Colour: a row's brightness, contrast, saturation, hue, gamma and gray, in float32.

Saturation and hue work in HSV, as those of mmcv and torchvision do. Levels lie in 0..255 and are cut off there after
each step. They are rounded once, half up, to uint8.

Each step is written once: for arrays of NumPy and, through `at_least`, `at_most`, `pick` and `round_down`, for single
values in compiled code. It consists of + - * / alone, each rounded to float32, so that both give the same bits on every
machine.

Sources: A. R. Smith, Color Gamut Transform Pairs (1978); ITU-R BT.601 for luma.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_0, _1, _2, _4, _8, _HALF = (np.float32(number) for number in (0, 1, 2, 4, 8, 0.5))
_16, _256, _65536 = (np.float32(number) for number in (16, 256, 65536))
_LITTLE, _FULL, _LEVEL = np.float32(2**-100), np.float32(255), np.float32(1 / 255)
_RED, _GREEN, _BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)


def at_least(one: Any, other: Any) -> Any:
    """Return the larger of two values."""
    return np.maximum(one, other)


def at_most(one: Any, other: Any) -> Any:
    """Return the smaller of two values."""
    return np.minimum(one, other)


def pick(condition: Any, one: Any, other: Any) -> Any:
    """Return one value if a condition is true, else the other."""
    return np.where(condition, one, other)


def round_down(number: Any) -> Any:
    """Return the largest whole number that is not above a number."""
    return np.floor(number)


# A row's fields -------------------------------------------------------------------------------------------------------


def changes_colour(row: Any) -> Any:
    """Return whether a row changes any colour."""
    return (
        row["brightness"] != 0
        or row["contrast"] != 0
        or row["saturation"] != 0
        or row["hue"] != 0
        or row["gamma"] != 0
        or row["gray"] != 0
    )


def share(number: Any) -> Any:
    """Return a number of 2^-16 as float32."""
    return np.float32(number / 65536)


def thirds(hue: Any) -> Any:
    """Split a hue of 2^-16 turns into thirds of a turn, 0..2, which move the channels, and -1..1 sixths, float32."""
    shifted = (np.int64(hue) * 6 + 65536) % (6 * 65536)
    return shifted // (2 * 65536), np.float32((shifted % (2 * 65536) - 65536) / 65536)


def power_of_two(number: Any) -> Any:
    """Return 2 ** number, for a number from -64 to 64, by + - * / alone.

    The relative error is below 2^-50; powers of whole numbers are exact. Source: Taylor's series around 0.

    >>> power_of_two(-2.0), power_of_two(0.5)
    (0.25, 1.414213562373095)
    """
    whole = int(np.floor(min(max(number, -64.0), 64.0) + 0.5))
    x = (number - whole) * 0.6931471805599453
    power = 1.0
    for n in range(14, 0, -1):
        power = 1.0 + x * power / n
    for _ in range(abs(whole)):
        power = power * 2.0 if whole > 0 else power * 0.5
    return power


# Steps ----------------------------------------------------------------------------------------------------------------


def brighten(level: Any, amount: Any) -> Any:
    """Add an amount, in levels."""
    return at_most(at_least(level + amount, _0), _FULL)


def stretch(level: Any, factor: Any) -> Any:
    """Multiply by a factor: contrast."""
    return at_most(at_least(level * factor, _0), _FULL)


def limit(red: Any, green: Any, blue: Any, factor: Any) -> Any:
    """Return by what S of HSV is multiplied if it is meant to be by a factor: by less if S would exceed 1."""
    if factor <= _1:
        return factor
    top, low = at_least(at_least(red, green), blue), at_most(at_most(red, green), blue)
    return at_most(factor, top / at_least(top - low, _LITTLE))


def saturate(red: Any, green: Any, blue: Any, scale: Any) -> Any:
    """Multiply S of HSV by a scale that `limit` allows; H and V stay."""
    top = at_least(at_least(red, green), blue)
    return top - (top - red) * scale, top - (top - green) * scale, top - (top - blue) * scale


def shift_hue(red: Any, green: Any, blue: Any, scale: Any, shift: Any) -> Any:
    """Multiply S of HSV by a scale that `limit` allows and add `shift` sixths of a turn, -1..1, to H; V stays."""
    top, low = at_least(at_least(red, green), blue), at_most(at_most(red, green), blue)
    is_red, is_green = top == red, top == green
    chroma = (top - low) * scale
    low = top - chroma
    # How far the new H lies from the hue of the largest channel, -2..2 sixths, times chroma: that spares a division.
    part = pick(is_red, green - blue, pick(is_green, blue - red, red - green)) * scale + shift * chroma
    largest = at_most(top + chroma - abs(part), top)
    after, before = at_most(low + at_least(part, _0), top), at_most(low - at_most(part, _0), top)
    return (
        pick(is_red, largest, pick(is_green, before, after)),
        pick(is_red, after, pick(is_green, largest, before)),
        pick(is_red, before, pick(is_green, after, largest)),
    )


def bend(level: Any, exponent: Any) -> Any:
    """Raise to a power, as a value of 0..1: gamma. The relative error is below 2^-16; 2^-20 and less become 0."""
    value = level * _LEVEL
    mantissa, logarithm = _double(value, _0, _1 / _65536, _65536, _16)
    mantissa, logarithm = _double(mantissa, logarithm, _1 / _256, _256, _8)
    mantissa, logarithm = _double(mantissa, logarithm, _1 / _16, _16, _4)
    mantissa, logarithm = _double(mantissa, logarithm, _1 / _4, _4, _2)
    mantissa, logarithm = _double(mantissa, logarithm, _HALF, _2, _1)
    # 0.5..1: log2(m) = log2(c) + 2 artanh((m - c) / (m + c)) / log(2), around c = sqrt(1 / 2).
    t = (mantissa - np.float32(0.70710678)) / (mantissa + np.float32(0.70710678))
    z = t * t
    series = _1 + z * (np.float32(1 / 3) + z * (np.float32(0.2) + z * np.float32(1 / 7)))
    logarithm = at_least((logarithm - _HALF + t * series * np.float32(2.8853901)) * exponent, np.float32(-31))
    whole = round_down(logarithm + _HALF)
    x = (logarithm - whole) * np.float32(0.6931472)
    power = np.float32(1 / 6) + x * (np.float32(1 / 24) + x * (np.float32(1 / 120) + x * np.float32(1 / 720)))
    power = _1 + x * (_1 + x * (_HALF + x * power))
    power, whole = _halve(power, whole, _1 / _65536, _16)
    power, whole = _halve(power, whole, _1 / _256, _8)
    power, whole = _halve(power, whole, _1 / _16, _4)
    power, whole = _halve(power, whole, _1 / _4, _2)
    power, whole = _halve(power, whole, _HALF, _1)
    return pick(value * _65536 * _16 < _1, _0, at_most(power, _1)) * _FULL


def _double(mantissa: Any, logarithm: Any, limit: Any, factor: Any, doublings: Any) -> Any:
    """Double a mantissa that is below a limit, so many times; value = mantissa * 2 ** logarithm stays."""
    is_small = mantissa < limit
    return pick(is_small, mantissa * factor, mantissa), pick(is_small, logarithm - doublings, logarithm)


def _halve(power: Any, whole: Any, factor: Any, halvings: Any) -> Any:
    """Halve a power so many times if `whole`, at most 0, says so; power * 2 ** whole stays."""
    is_small = whole <= -halvings
    return pick(is_small, power * factor, power), pick(is_small, whole + halvings, whole)


def fade(red: Any, green: Any, blue: Any, amount: Any) -> Any:
    """Blend each channel with luma by an amount, 0..1."""
    luma = red * _RED + green * _GREEN + blue * _BLUE
    return red + (luma - red) * amount, green + (luma - green) * amount, blue + (luma - blue) * amount


def round_level(level: Any) -> Any:
    """Round a level, -0.5..255.5, half up; what is left is to cut off the fraction."""
    return at_most(at_least(level + _HALF, _0), _FULL)


# Whole arrays ---------------------------------------------------------------------------------------------------------


def colour_pixels(pixels: npt.NDArray[Any], row: Any, orders: tuple[tuple[str, ...], ...]) -> npt.NDArray[np.uint8]:
    """Change the colour of pixels as a row says.

    Args:
        pixels: (..., 3), uint8, or float32, 0..255.
        row: one record of dtype `ROW`.
        orders: `COLOUR_ORDERS`.
    """
    if not changes_colour(row):
        return pixels if pixels.dtype == np.uint8 else round_level(pixels).astype(np.uint8)
    values = pixels.astype(np.float32)
    for step in orders[row["colour_order"]]:
        if not row[step] or (step == "saturation" and row["hue"]):
            continue  # nothing to do, or done with the hue
        amount, (red, green, blue) = share(row[step]), np.moveaxis(values, -1, 0)
        if step == "brightness":
            values = brighten(values, amount * _FULL)
        elif step == "contrast":
            values = stretch(values, _1 + amount)
        elif step in ("saturation", "hue"):
            turns, shift = thirds(row["hue"])
            red, green, blue = np.moveaxis(np.roll(values, turns, axis=-1), -1, 0)
            scale = limit(red, green, blue, at_least(_1 + share(row["saturation"]), _0))
            changed = shift_hue(red, green, blue, scale, shift) if row["hue"] else saturate(red, green, blue, scale)
            values = np.stack(changed, -1)
        elif step == "gamma":
            values = bend(values, np.float32(power_of_two(row["gamma"] / 65536)))
        else:
            values = np.stack(fade(red, green, blue, amount), -1)
    coloured: npt.NDArray[np.uint8] = round_level(values).astype(np.uint8)
    return coloured
