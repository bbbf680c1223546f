"""Sides: classes whose names differ in left and right alone, which change places if a picture is mirrored.

A mirrored left arm is a right arm. Pairs are found by names, by few and strict rules; others can be given.
"""

import re
from collections.abc import Mapping, Sequence

from segfeed.errors import OptionError

Swap = tuple[tuple[int, int], ...]
"""Pairs of class ids that change places, the lower one first, in order."""

_ELSEWHERE = (  # what other languages write as words of their own
    "links rechts", "linke rechte", "linker rechter", "linkes rechtes", "gauche droite", "gauche droit",
    "izquierda derecha", "izquierdo derecho", "sinistra destra", "sinistro destro", "esquerda direita",
    "esquerdo direito", "vänster höger", "lewy prawy", "lewa prawa", "левый правый", "левая правая", "левое правое",
    "왼쪽 오른쪽",
)  # fmt: skip
_BESIDE = {one: other for pair in _ELSEWHERE for one, other in (pair.split(), pair.split()[::-1])}
_OPPOSITE = {"left": "right", "right": "left", "l": "r", "r": "l", "左": "右", "右": "左", **_BESIDE}
_MIDDLE = ("c", "m")  # beside l and r: centre, middle, median
# A word: letters of one case, or an initial capital and small ones ("leftArm" has two); digits part words, too.
_SIDE = re.compile(rf"((?:left|right|左|右|[lr](?=$))|(?:{'|'.join(_BESIDE)})(?=$))(.*)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])|[A-Z]")


def find_sides(names: Sequence[str]) -> Swap:
    """Find the classes that pair left and right by their names.

    Two names are a pair if exchanging "left" and "right" makes one of the other: as words, or as words' beginnings. "l"
    and "r" count beside other words, unless a digit follows or another letter stands in their place, as among sizes.

    >>> find_sides(["background", "left arm", "right arm", "bright", "blight"])
    ((1, 2),)
    >>> find_sides(["arm_l", "arm_r", "letter l", "letter r", "letter a"])
    ((0, 1),)
    """
    places = {name: label for label, name in enumerate(names)}
    letters = {_stem_of_letter(name) for name in names} - {None}
    found = set()
    for label, name in enumerate(names):
        other = places.get(_mirrored(name, letters), label)
        if label != other:
            found.add((min(label, other), max(label, other)))
    return tuple(sorted(found))


def find_lone_sides(names: Sequence[str], swap: Swap) -> tuple[str, ...]:
    """List the names that say a side in a word, but are in no pair: a mirrored crop would keep them.

    >>> find_lone_sides(["left arm", "right  arm", "leftover", "size L"], ())
    ('left arm', 'right  arm')
    """
    paired = {label for pair in swap for label in pair}
    return tuple(name for label, name in enumerate(names) if label not in paired and _says_side(name))


def _says_side(name: str) -> bool:
    """Check whether a word of a name is a side; one that only begins so, as leftover does, is another word."""
    sides = filter(None, map(_SIDE.fullmatch, _WORD.findall(name)))
    return any(not _is_letter(side[0]) and (not side[2] or side[1] in "左右") for side in sides)


def _mirrored(name: str, letters: set[tuple[str, str] | None]) -> str:
    """Exchange left and right in a name; returns it as it is if it has no side."""
    words = list(_WORD.finditer(name))
    parts, last = [], 0
    for match in words:
        before, after = name[: match.start()], name[match.end() :]
        # "L" alone is a letter, not a side; so it is among others in its place, and with a number.
        is_letter = _is_letter(match[0]) and (
            len(words) == 1 or (before, after) in letters or before[-1:].isdigit() or after[:1].isdigit()
        )
        parts += [name[last : match.start()], match[0] if is_letter else _opposite(match[0])]
        last = match.end()
    return "".join(parts) + name[last:]


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii()  # others may be whole words


def _opposite(word: str) -> str:
    side = _SIDE.fullmatch(word)
    if side is None:
        return word
    other = _OPPOSITE[side[1].casefold()]
    other = other.upper() if side[1].isupper() else other.capitalize() if side[1][0].isupper() else other
    return other + side[2]


def _stem_of_letter(name: str) -> tuple[str, str] | None:
    """Return what stands before and after a single letter that is not a side, nor a middle; None if there is none."""
    for match in _WORD.finditer(name):
        if _is_letter(match[0]) and match[0].casefold() not in ("l", "r", *_MIDDLE):
            return name[: match.start()], name[match.end() :]
    return None


def read_swap(swap: Mapping[str, str], names: Sequence[str]) -> Swap:
    """Turn pairs of class names into pairs of class ids.

    Args:
        swap: a class -> the one it changes places with; either way round, or both.
        names: the classes' names by id.

    Raises:
        OptionError: if it is not a mapping of class names, or a class is in two pairs, or paired with itself.

    >>> read_swap({"right arm": "left arm"}, ["left arm", "right arm"])
    ((0, 1),)
    """
    if not isinstance(swap, Mapping):
        raise OptionError("swap", found=repr(swap), expected='a mapping such as {"left arm": "right arm"}, or None')
    labels = {name: label for label, name in enumerate(names)}
    pairs = set()
    for pair in swap.items():
        if unknown := [name for name in pair if name not in labels]:
            known = ", ".join(names) or "none, as labels are object ids"
            raise OptionError("swap", found=f"{unknown[0]!r}, which is not a class", expected=f"one of {known}")
        low, high = sorted(labels[name] for name in pair)
        if low == high:
            raise OptionError("swap", found=f"{pair[0]!r} paired with itself", expected="two classes")
        pairs.add((low, high))
    held = [label for pair in pairs for label in pair]
    twice = next((label for label in held if held.count(label) > 1), None)
    if twice is not None:
        raise OptionError("swap", found=f"{names[twice]!r} in several pairs", expected="each class in one pair")
    return tuple(sorted(pairs))
