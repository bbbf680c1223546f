"""Lookalikes: photos that show nearly the same, found by a difference hash and confirmed on thumbnails.

The hash says of a photo, shrunk to 9 x 8 pixels, whether each pixel is darker than the next to its right: 64 bits.

Source: N. Krawetz, "Kind of Like That", 2013 (dHash); the bits are those of the library ImageHash.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_ROWS = 48  # about how many rows of a photo are hashed
_SIDE = 32
_BITS = 64
MAX_BITS = 10
"""How many of the 64 bits of two hashes may differ."""
MAX_DIFFERENCE = 12.0
"""How far two thumbnails may lie apart, in steps of 0..255, on average over all pixels."""

_SET_BITS = np.array([byte.bit_count() for byte in range(256)], np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """What a photo looks like: a perceptual hash of 64 bits, and a gray thumbnail uint8 (16, 16)."""

    bits: int
    thumb: npt.NDArray[np.uint8]


def measure_appearance(image: npt.NDArray[np.uint8]) -> Appearance:
    """Hash and shrink a photo, uint8 (H, W, 3)."""
    # Green comes close to brightness, and some of its rows to all of them: to average every pixel would take half as
    # long as decoding.
    rows = np.ascontiguousarray(image[:: max(image.shape[0] // _ROWS, 1), :, 1])
    small = Image.fromarray(rows).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    shrunk = np.asarray(small.resize((9, 8), Image.Resampling.LANCZOS))
    bits = np.packbits(shrunk[:, 1:] > shrunk[:, :-1])
    return Appearance(int.from_bytes(bits.tobytes(), "big"), np.array(small.reduce(2)))


def group_lookalikes(appearances: list[Appearance]) -> list[list[int]]:
    """Group photos that show nearly the same; in a group each photo is like at least one other.

    Two hashes that differ in at most 10 bits agree entirely in at least one of 11 bands of bits, so only photos that
    share a band are compared, all of a band's neighbours at once.

    Returns:
        groups: of two or more indices into `appearances`, each sorted.
    """
    if len(appearances) < 2:
        return []
    bits = np.array([one.bits for one in appearances], np.uint64)
    thumbs = np.stack([one.thumb for one in appearances])
    found = np.arange(len(appearances))  # the first member of each photo's group, as far as it is known
    # Compare equal hashes first, each photo with the one nearest in brightness: thousands of equal frames become one.
    order = np.lexsort((thumbs.mean(axis=(1, 2)), bits))
    equal = bits[order[:-1]] == bits[order[1:]]
    _join(found, *_alike(bits, thumbs, order[:-1][equal], order[1:][equal]))
    asked = np.flatnonzero(found == np.arange(len(appearances)))
    for shift, mask in _bands():
        keys = bits >> shift & mask
        order = asked[np.argsort(keys[asked], kind="stable")]
        for step in range(1, len(asked)):  # neighbours in the band, then next but one, until none share its bits
            one, two = order[:-step], order[step:]
            near = keys[one] == keys[two]
            if not near.any():
                break
            near &= found[one] != found[two]
            _join(found, *_alike(bits, thumbs, one[near], two[near]))
    groups: dict[int, list[int]] = {}
    for index, first in enumerate(found.tolist()):
        groups.setdefault(first, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _bands() -> list[tuple[np.uint64, np.uint64]]:
    edges = [_BITS * band // (MAX_BITS + 1) for band in range(MAX_BITS + 2)]
    return [(np.uint64(low), np.uint64((1 << high - low) - 1)) for low, high in itertools.pairwise(edges)]


def _alike(
    bits: npt.NDArray[np.uint64], thumbs: npt.NDArray[np.uint8], one: npt.NDArray[Any], two: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Keep the pairs of indices whose hashes and thumbnails are alike."""
    differing = np.ascontiguousarray(bits[one] ^ bits[two]).view(np.uint8).reshape(-1, 8)
    near = _SET_BITS[differing].sum(axis=1) <= MAX_BITS
    one, two = one[near], two[near]
    apart = np.abs(thumbs[one].astype(np.int16) - thumbs[two]).mean(axis=(1, 2))
    return one[apart <= MAX_DIFFERENCE], two[apart <= MAX_DIFFERENCE]


def _join(found: npt.NDArray[np.int64], one: npt.NDArray[Any], two: npt.NDArray[Any]) -> None:
    for first, second in zip(one.tolist(), two.tolist(), strict=True):
        low, high = sorted((int(found[first]), int(found[second])))
        if low != high:
            found[found == high] = low
