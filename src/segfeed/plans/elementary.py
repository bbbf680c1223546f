"""Elementary functions: powers and logarithms of two, sines and cosines, the same bits on every machine.

The functions of a C library differ in their last bits from one version to the next, and rows must not. These are made
of float64 additions, multiplications, divisions and exact shifts of the exponent alone, each rounded as IEEE 754 says.

Source: the Taylor series of exp, artanh, sin and cos, each on an interval around 0 and long enough that what is left
out is below 2**-53 of the result.
"""

from functools import reduce
from math import factorial
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TURN: Final = 2**16
"""The units of angle in a full turn."""

# Written out: a C library's constants would be the same doubles, but these are seen to be.
_LN2 = 0.6931471805599453
_PI = 3.141592653589793
_ROOT_HALF = 0.7071067811865476

_EXP = [1.0 / factorial(n) for n in range(14)]
_ARTANH = [1.0 / (2 * n + 1) for n in range(13)]
_SINE = [(-1.0) ** n / factorial(2 * n + 1) for n in range(10)]
_COSINE = [(-1.0) ** n / factorial(2 * n) for n in range(10)]


def exp2(powers: npt.ArrayLike) -> Floats:
    """Return two to the power of numbers.

    Args:
        powers: float64, of any shape, -1000 .. 1000.

    Returns:
        float64 of the same shape; exact if a power is a whole number, else within 2**-51 of the result.

    >>> exp2([-1, 0.5, 3]).round(6).tolist()
    [0.5, 1.414214, 8.0]
    """
    powers = np.asarray(powers, np.float64)
    whole = np.floor(powers + 0.5)
    return np.ldexp(_polynomial(_EXP, (powers - whole) * _LN2), whole.astype(np.int32))


def log2(numbers: npt.ArrayLike) -> Floats:
    """Return the logarithm to the base of two of positive numbers.

    Args:
        numbers: float64, of any shape, above 0.

    Returns:
        float64 of the same shape; exact if a number is a power of two, else within 2**-50.

    >>> log2([0.5, 8, 10]).round(6).tolist()
    [-1.0, 3.0, 3.321928]
    """
    mantissas, exponents = np.frexp(np.asarray(numbers, np.float64))
    low = mantissas < _ROOT_HALF  # between sqrt(1/2) and sqrt(2) the series is shortest
    mantissas, exponents = np.where(low, mantissas * 2, mantissas), exponents - low
    part = (mantissas - 1) / (mantissas + 1)
    found: Floats = exponents + 2 * part * _polynomial(_ARTANH, part * part) / _LN2
    return found


def sine_cosine(angles: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the sine and the cosine of angles.

    Args:
        angles: integers, of any shape, in units of 2**-16 turns.

    Returns:
        Two float64 of the same shape, -1 .. 1; exact at every quarter of a turn, else within 2**-52.

    >>> [part.tolist() for part in sine_cosine([0, 2**14, 2**15])]
    [[0.0, 1.0, 0.0], [1.0, 0.0, -1.0]]
    """
    # Whole eighths of a turn come off in integers, so nothing is lost however large an angle is.
    angles = np.asarray(angles, np.int64) + TURN // 8
    quarters, rest = (angles // (TURN // 4)) % 4, angles % (TURN // 4) - TURN // 8
    radians = rest * (2 * _PI / TURN)
    square = radians * radians
    sine, cosine = radians * _polynomial(_SINE, square), _polynomial(_COSINE, square)
    odd, sign_of_sine = quarters % 2 == 1, np.where(quarters >= 2, -1.0, 1.0)
    sign_of_cosine = np.where((quarters == 1) | (quarters == 2), -1.0, 1.0)
    return sign_of_sine * np.where(odd, cosine, sine) + 0.0, sign_of_cosine * np.where(odd, sine, cosine) + 0.0


def _polynomial(coefficients: list[float], numbers: Floats) -> Floats:
    """Evaluate a polynomial, the lowest coefficient first, by Horner's rule."""
    return reduce(lambda found, coefficient: found * numbers + coefficient, reversed(coefficients), 0 * numbers)
