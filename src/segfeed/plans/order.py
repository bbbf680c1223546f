"""Order: integers drawn by position, keyed by seed and epoch, with no state and no table.

Every draw is a hash of (seed, epoch, purpose, counter). A permutation of n samples is a keyed bijection that is
computed for single positions, so row 10**9 costs as much as row 0. Seed and epoch are mixed as separate words: the
usual `seed + epoch` makes epoch 1 of seed 0 equal to epoch 0 of seed 1.

Sources: splitmix64 (Steele, Lea & Flood 2014); Feistel networks over Z_a x Z_b with cycle walking (Black & Rogaway 2002).
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

ORDER_VERSION: Final = 1
"""Changes whenever the same seed and epoch would draw other integers."""

Words = npt.NDArray[np.uint64]


def _word(number: int) -> Words:
    """Make an array of no dimensions: NumPy applies one to hundreds of words in half the time that a scalar takes."""
    return np.array(number, np.uint64)


_MASK = 0xFFFF_FFFF_FFFF_FFFF
_GAMMA = 0x9E37_79B9_7F4A_7C15
_MULTIPLIERS = (0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB)
_SHIFTS = (30, 27, 31)
_GAMMA_WORD, *_MULTIPLIER_WORDS = map(_word, (_GAMMA, *_MULTIPLIERS))
_SHIFT_WORDS = tuple(map(_word, _SHIFTS))
_ROUNDS = 12
# A network over so few numbers is not random enough; ranking their hashes is exact.
_SMALL = 16


def derive_key(*words: int) -> int:
    """Mix words (each 0 .. 2**64 - 1) into one 64-bit key; the order of the words matters.

    >>> derive_key(0, 1) != derive_key(1, 0)
    True
    """
    key = 0
    for word in words:
        key = _mix_int(((key ^ word) + _GAMMA) & _MASK)
    return key


def draw(key: int, counters: Words) -> Words:
    """Draw 64 bits for each counter.

    Args:
        key: from `derive_key`.
        counters: uint64 (N,).

    Returns:
        bits: uint64 (N,), uniform over 0 .. 2**64 - 1.
    """
    return _draw(_word(key), counters)


def _draw(key: Words, counters: Words) -> Words:
    words = counters * _GAMMA_WORD
    words += key
    _mix(words)
    words ^= key
    return _mix(words)


def permute(key: int, size: int, positions: Words) -> npt.NDArray[np.int64]:
    """Map positions to samples by a keyed permutation of range(size).

    Args:
        key: from `derive_key`.
        size: how many samples there are, 1 .. 2**62.
        positions: uint64 (N,), each below size.

    Returns:
        samples: int64 (N,), each below size; distinct for distinct positions.

    >>> sorted(permute(derive_key(7), 5, np.arange(5, dtype=np.uint64)).tolist())
    [0, 1, 2, 3, 4]
    """
    if size < _SMALL:
        ranked = np.argsort(draw(key, np.arange(size, dtype=np.uint64)), kind="stable")
        return ranked[positions.astype(np.intp)].astype(np.int64)
    rows = _ceil_sqrt(size)
    columns = -(-size // rows)
    found = _feistel(key, rows, columns, positions)
    while (outside := found >= size).any():  # cycle walking: at most rows - 1 of rows * columns numbers lie outside
        found[outside] = _feistel(key, rows, columns, found[outside])
    return found.astype(np.int64)


def _feistel(key: int, rows: int, columns: int, numbers: Words) -> Words:
    a, b = _word(rows), _word(columns)
    left = numbers // b
    right = numbers - left * b
    for step, turn in enumerate(_turns(key)):
        if step % 2 == 0:
            left = _add(left, _draw(turn, right), a)
        else:
            right = _add(right, _draw(turn, left), b)
    return left * b + right


@lru_cache(maxsize=16)
def _turns(key: int) -> tuple[Words, ...]:
    """Derive the keys of a network's rounds: of an epoch, as a rule, which asks for them at every batch."""
    return tuple(_word(derive_key(key, step)) for step in range(_ROUNDS))


def _add(numbers: Words, bits: Words, modulus: Words) -> Words:
    """Add bits to numbers below `modulus`, modulo `modulus`; NumPy divides by one number far faster than it takes remainders."""
    bits -= bits // modulus * modulus
    bits += numbers
    added: Words = np.minimum(bits, bits - modulus)  # below zero wraps around to what is larger
    return added


def _ceil_sqrt(number: int) -> int:
    root = int(number**0.5)
    while root * root < number:
        root += 1
    while (root - 1) * (root - 1) >= number:
        root -= 1
    return root


def _mix(words: Words) -> Words:
    """Mix words in place, and give them back."""
    for shift, multiplier in zip(_SHIFT_WORDS, _MULTIPLIER_WORDS, strict=False):
        words ^= words >> shift
        words *= multiplier
    words ^= words >> _SHIFT_WORDS[2]
    return words


def _mix_int(word: int) -> int:
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        word = ((word ^ (word >> shift)) * multiplier) & _MASK
    return word ^ (word >> _SHIFTS[2])
