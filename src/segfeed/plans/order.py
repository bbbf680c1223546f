"""Order: integers drawn by position, keyed by seed and epoch, with no state and no table.

Every draw is a hash of (seed, epoch, purpose, counter). A permutation of n samples is a keyed bijection that is
computed for single positions, so row 10**9 costs as much as row 0. Seed and epoch are mixed as separate words: the
usual `seed + epoch` makes epoch 1 of seed 0 equal to epoch 0 of seed 1.

Sources: splitmix64 (Steele, Lea & Flood 2014); Feistel networks over Z_a x Z_b with cycle walking (Black & Rogaway
2002).
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

ORDER_VERSION: Final = 2
"""Changes whenever the same seed and epoch would draw other integers."""

Words = npt.NDArray[np.uint64]


def _word(number: int) -> Words:
    """Make an array of no dimensions: NumPy applies one to hundreds of words in half the time that a scalar takes."""
    return np.array(number, np.uint64)


# splitmix64's constants, once as Python's integers (for keys) and once as NumPy's words (for draws).
_MASK = 0xFFFF_FFFF_FFFF_FFFF
_GAMMA = 0x9E37_79B9_7F4A_7C15
_MULTIPLIERS = (0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB)
_SHIFTS = (30, 27, 31)
_GAMMA_WORD, *_MULTIPLIER_WORDS = map(_word, (_GAMMA, *_MULTIPLIERS))
_SHIFT_WORDS = tuple(map(_word, _SHIFTS))
_ROUNDS = 12
_SMALL = 16  # a network over fewer numbers is not random enough; ranking their hashes is exact


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
    # splitmix64's output number `counter` from the state `key`, mixed with the key once more: if mixed once only, two
    # keys that differ by a multiple of gamma would share a stream, shifted.
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
    # The network permutes 0 .. rows * columns - 1, at most 2 * rows - 1 numbers too many. A result beyond the samples
    # goes through it again until it is one ("cycle walking"): along a cycle of a permutation, no two positions meet.
    rows = _ceil_sqrt(size)
    columns = -(-size // rows)
    # A round shifts lines in circles. A circle of odd length is shifted by an even number of swaps, so if both sides
    # were odd, only even permutations could come: half of all orders.
    columns += rows & columns & 1
    found = _feistel(key, rows, columns, positions)
    while (outside := found >= size).any():
        found[outside] = _feistel(key, rows, columns, found[outside])
    return found.astype(np.int64)


def _feistel(key: int, rows: int, columns: int, numbers: Words) -> Words:
    """Permute numbers 0 .. rows * columns - 1: each is a pair (left, right), of which every round changes one half.

    A round adds a hash of one half to the other, modulo the other's size. Whatever the hash is, subtracting it undoes
    the round; so all rounds together are a bijection.
    """
    a, b = _word(rows), _word(columns)
    left = numbers // b
    right = numbers - left * b
    for step, round_key in enumerate(_round_keys(key)):
        if step % 2 == 0:
            left = _add(left, _draw(round_key, right), a)
        else:
            right = _add(right, _draw(round_key, left), b)
    return left * b + right


@lru_cache(maxsize=16)
def _round_keys(key: int) -> tuple[Words, ...]:
    """Derive the keys of a network's rounds; kept, since every batch of an epoch asks for the same."""
    return tuple(_word(derive_key(key, step)) for step in range(_ROUNDS))


def _add(numbers: Words, bits: Words, modulus: Words) -> Words:
    """Add bits to numbers below `modulus`, modulo `modulus`."""
    # Two remainders without `%`: NumPy divides by one number far faster than it takes remainders, and a sum below twice
    # the modulus needs no division: below the modulus, `bits - modulus` wraps around to what is larger than `bits`.
    bits -= bits // modulus * modulus
    bits += numbers
    added: Words = np.minimum(bits, bits - modulus)
    return added


def _ceil_sqrt(number: int) -> int:
    root = int(number**0.5)  # as a float, it may be off if `number` is above 2**52
    while root * root < number:
        root += 1
    while (root - 1) * (root - 1) >= number:
        root -= 1
    return root


def _mix(words: Words) -> Words:
    """Mix words in place by splitmix64's finaliser, a bijection, and return them."""
    for shift, multiplier in zip(_SHIFT_WORDS, _MULTIPLIER_WORDS, strict=False):
        words ^= words >> shift
        words *= multiplier
    words ^= words >> _SHIFT_WORDS[2]
    return words


def _mix_int(word: int) -> int:
    """Do what `_mix` does to one Python integer."""
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        word = ((word ^ (word >> shift)) * multiplier) & _MASK
    return word ^ (word >> _SHIFTS[2])
