"""Names of classes, and what a legend may say: names are texts that differ, and some of them mean void.

A name means the same in a list, a file and a mapping: what `means_void` says is void. Only a `Legend` that is made
field by field keeps such a name as a class.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import index
from typing import Any, TypeVar

import numpy as np

from segfeed.errors import LegendError
from segfeed.pixels.palette import Colour

VOID_NAMES = (
    "void", "ignore", "ignored", "ignore region", "ignored region", "ignore label", "ignore class", "void label",
    "void class", "don't care",
)  # fmt: skip
"""Names that mean "do not count these pixels". "unlabelled" is not one: some tools mean background."""

MAX_NAME = 200
"""Characters of a name; a longer one is hardly a name, and fits no message or picture."""

Item = TypeVar("Item")

Value = int | Colour
"""A stored value: an index, or a colour."""

ClassCode = tuple[int, Colour | None, int | None]
"""A class id, and the colour and the index that masks store for it; None if masks never store it so."""


def letters_of(name: str) -> str:
    """Reduce a name to its letters and digits: pottedplant and "potted plant" are one class."""
    return re.sub(r"[\W_]+", "", name.casefold())


_VOID = frozenset(map(letters_of, VOID_NAMES))


def means_void(name: str) -> bool:
    """Check whether a name is one of `VOID_NAMES`; case, blanks, hyphens and underscores do not count.

    >>> means_void("Ignore_Region"), means_void("avoid")
    (True, False)
    """
    return letters_of(name) in _VOID


def describe_void(names: Iterable[str]) -> str:
    """Write which of some names mean void, as a clause; "" if none does.

    >>> describe_void(["void", "road"])
    "'void' is void by its name"
    """
    void = list(dict.fromkeys(repr(name) for name in names if means_void(name)))
    return (
        f"{' and '.join(void)} {'is' if len(void) == 1 else 'are'} void by {'its name' if len(void) == 1 else 'name'}"
        if void
        else ""
    )


def as_names(names: Any) -> tuple[str, ...]:
    """Return class names as a tuple.

    Raises:
        LegendError: if they are not texts in an order.
    """
    expected = "a sequence of class names"
    if isinstance(names, str | bytes):
        raise LegendError("names", found=f"one text, {names!r:.60}", expected=expected)
    if isinstance(names, Mapping):
        found = f"a mapping, {names!r:.60}"
        raise LegendError("names", found=found, expected=expected, remedy="for stored values, use Legend.of_values")
    if isinstance(names, AbstractSet) and not hasattr(names, "mapping"):  # the keys of a dict have an order
        found = f"a set, {names!r:.60}, which has no order, but the order numbers the classes"
        raise LegendError("names", found=found, expected=expected, remedy="pass a list")
    if not isinstance(names, Iterable):
        raise LegendError("names", found=f"{names!r:.60}", expected=expected)
    listed = tuple(names)
    for label, name in enumerate(listed):
        if not isinstance(name, str):
            raise LegendError(
                "names",
                found=f"class {label} is called {name!r:.60}, which is not a text",
                expected="a text for each class",
                remedy="put it in quotes, or pass a mapping from stored values to names, such as "
                '{0: "background", 255: None} (None is void)',
            )
    return tuple(str(name) for name in listed)


def as_ordered(field: str, values: Any, convert: Callable[[Any], Item]) -> tuple[Item, ...]:
    """Convert the values of a legend's field one by one.

    Raises:
        LegendError: if they have no order, such as a set, or one of them cannot be converted.
    """
    if isinstance(values, AbstractSet):
        found = f"a set, {values!r:.60}, which has no order"
        raise LegendError(field, found=found, expected="one value for each class", remedy="pass a list")
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | Mapping):
        raise LegendError(field, found=f"{values!r:.60}", expected="a sequence")
    found_values = []
    for value in values:
        try:
            found_values.append(convert(value))
        except (TypeError, ValueError):
            raise LegendError(field, found=f"{value!r:.60}", expected=_EXPECTED[field]) from None
    return tuple(found_values)


_EXPECTED = dict.fromkeys(("colours", "void_colours"), "three whole numbers 0..255: (red, green, blue)")
_EXPECTED |= dict.fromkeys(("indices", "void_indices"), "a whole number 0..65535")
_EXPECTED["merged"] = "(class id, colour or None, stored value or None), in whole numbers"


def as_index(stored: Any) -> int:
    """Return a whole number as a plain integer; True and 1.0 do not count as one.

    Raises:
        TypeError: if it is not a whole number.

    >>> as_index(3)
    3
    """
    if isinstance(stored, bool | np.bool_):
        raise TypeError("a truth value")
    return index(stored)


def as_colour(stored: Any) -> Colour:
    """Return three whole numbers, in their order, as a tuple.

    Raises:
        TypeError, ValueError: if it is something else.

    >>> as_colour([128, 0, 0])
    (128, 0, 0)
    """
    if isinstance(stored, AbstractSet | str | bytes):
        raise TypeError("no order, or a text")
    red, green, blue = map(as_index, stored)
    return red, green, blue


def as_value(stored: Any) -> Value:
    """Return a stored value as a plain integer or a tuple of three.

    Raises:
        LegendError: if it is neither an index nor a colour.
    """
    try:
        return as_colour(stored) if isinstance(stored, Iterable) else as_index(stored)
    except (TypeError, ValueError):
        expected = "an index 0..65535, or a colour (red, green, blue)"
        raise LegendError("legend", found=f"stored value {stored!r:.60}", expected=expected) from None


def find_twins(names: Sequence[str]) -> tuple[str, str] | None:
    """Find two names that differ in case or surrounding blanks only, or not at all; None if there are none.

    >>> find_twins(["Bone", "bone"])
    ('Bone', 'bone')
    """
    seen: dict[str, str] = {}
    for name in names:
        folded = name.strip().casefold()
        if folded in seen:
            return seen[folded], name
        seen[folded] = name
    return None


def as_class_code(code: Any) -> ClassCode:
    """Return a class code of plain integers.

    Raises:
        TypeError, ValueError: if it is not a whole number.
    """
    label, colour, stored = code
    return as_index(label), None if colour is None else as_colour(colour), None if stored is None else as_index(stored)


_DIFFER = "classes and void that differ in name, colour and index"


def check_legend(
    where: str,
    names: Sequence[str],
    classes: Mapping[str, Sequence[Any]],
    void: Mapping[str, Sequence[Any]],
    merged: Sequence[ClassCode],
) -> None:
    """Check that the parts of a legend do not contradict each other.

    Args:
        where: the legend, for the error.
        names: of the classes.
        classes: "colours" and "indices" of the classes.
        void: "colours" and "indices" that mean void.
        merged: further codes of the classes.

    Raises:
        LegendError: if they do.
    """

    def refuse(found: str, expected: str) -> None:
        raise LegendError(where, found=found, expected=expected)

    if not 1 <= len(names) <= 65534:
        refuse(f"{len(names)} classes", "1 to 65534")
    for kind, values in classes.items():
        if len(values) != len(names):
            refuse(f"{len(values)} {kind} for {len(names)} classes", "one a class, in the same order")
    _check_names(where, names)
    colours = [*classes["colours"], *void["colours"], *(colour for _, colour, _ in merged if colour is not None)]
    indices = [*classes["indices"], *void["indices"], *(index for _, _, index in merged if index is not None)]
    for kind, items in (("colour", colours), ("index", indices)):
        item, times = max(Counter[Any](items).items(), key=lambda counted: counted[1])
        if times > 1:
            refuse(f"{kind} {item!r} occurs twice", _DIFFER)
    limits: tuple[tuple[str, list[int], int], ...] = (
        ("a colour", [part for colour in colours for part in colour], 255),
        ("an index", indices, 65535),
        ("the id of a merged class", [label for label, _, _ in merged], len(names) - 1),
    )
    for what, numbers, largest in limits:
        if not all(0 <= number <= largest for number in numbers):
            refuse(f"{what} lies outside 0..{largest}", "integers within")


def _check_names(where: str, names: Sequence[str]) -> None:
    empty = next((label for label, name in enumerate(names) if not name.strip()), None)
    if empty is not None:
        raise LegendError(where, found=f"class {empty} has an empty name", expected="a name for every class")
    long = next((label for label, name in enumerate(names) if len(name) > MAX_NAME), None)
    if long is not None:
        found = f"class {long} has a name of {len(names[long])} characters, {names[long]!r:.40}..."
        raise LegendError(where, found=found, expected=f"at most {MAX_NAME}", remedy="shorten it")
    if twins := find_twins(names):
        one, other = twins
        how = "occurs twice" if one == other else f"and name {other!r} differ in case or blanks only"
        raise LegendError(where, found=f"name {one!r} {how}", expected=_DIFFER, remedy="rename one of them")


def free_indices(count: int, void: tuple[int, ...]) -> tuple[int, ...]:
    """Number classes 0, 1, 2, ... past the stored values that mean void.

    >>> free_indices(3, (1, 255))
    (0, 2, 3)
    """
    return tuple(i for i in range(count + len(void)) if i not in void)[:count]
