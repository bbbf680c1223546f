"""Legends that a person gives: names, stored values, a mapping, or the path of a file in any usual form."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np

from segfeed.datasets.blobs import File, stamp_of
from segfeed.datasets.legends.files import legend_errors, read_legend_or_groups
from segfeed.datasets.legends.in_tables import colour_of_text
from segfeed.datasets.legends.making import legend_of_names
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.class_names import Value
from segfeed.pixels.codec import read_palette
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, as_colours
from segfeed.system.paths import user_path

Groups = Mapping[str, str | None]
Values = Mapping[Value, str | None] | Mapping[str, str | None]
"""Stored values, each with its class or None: indices, (red, green, blue), or text such as "#804080", "128,64,128"."""

LegendLike = Legend | Groups | Values | Sequence[str] | str | os.PathLike[str]


def read_legend_like(legend: LegendLike | None) -> Legend | Groups | None:
    """Make a legend of names, stored values or a file (JSON, text, a table or a palette PNG); keep other kinds."""
    if isinstance(legend, Mapping):
        legend = _by_value(legend)
        return legend if _is_groups(legend) else legend_of_values(legend)
    if legend is None or isinstance(legend, Legend):
        return legend
    if not isinstance(legend, str | os.PathLike):
        with legend_errors("legend", "a Legend, class names, a mapping, or the path of a legend file"):
            return legend_of_names(legend)
    path = user_path(legend)
    try:
        stamp_of(str(path))
    except SourceError as error:
        raise LegendError(
            str(path),
            found=f"the legend cannot be read ({error.found})",
            remedy="pass a Legend, a list of class names, a mapping, or the path of a legend file",
        ) from None
    if path.suffix.lower() == ".png":
        # A palette may repeat a colour; 254 classes are what 8-bit labels can hold beside void.
        palette = as_colours(read_palette(File.of(str(path)).read(), path.name))
        colours = [colour for colour in dict.fromkeys(palette) if colour != VOID_COLOUR][:254]
        return Legend(tuple(f"class {i}" for i in range(len(colours))), tuple(colours), title=path.stem)
    read = read_legend_or_groups(path)
    return replace(read, title=path.stem) if isinstance(read, Legend) else read


def _by_value(legend: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Turn names that are mapped to what masks store round, as in {"background": 0}."""
    is_turned = legend and all(isinstance(name, str) and _stored_value(name) is None for name in legend)
    stored = [_stored_value(value) for value in legend.values()]
    if not is_turned or None in stored or all(isinstance(value, str) for value in legend.values()):
        return legend
    twice = next((value for n, value in enumerate(stored) if value in stored[:n]), None)
    if twice is not None:
        names = " and ".join(repr(name) for name, value in zip(legend, stored, strict=True) if value == twice)
        raise LegendError("legend", found=f"{twice} means {names}", expected="one of them")
    return dict(zip(stored, legend, strict=True))


def _is_groups(legend: Mapping[Any, str | None]) -> TypeGuard[Groups]:
    """Check whether the keys of a mapping are class names, and not stored values."""
    return bool(legend) and all(isinstance(key, str) and _stored_value(key) is None for key in legend)


def legend_of_values(values: Mapping[Any, str | None]) -> Legend:
    """Make a legend of stored values: indices or colours -> a class name, None for void.

    A colour is (red, green, blue), "#804080" or "128,64,128". An index may be written as text, "255", as JSON does.

    Raises:
        LegendError: if a key is not a stored value, a value is not a name, or a stored value means two things.

    >>> legend_of_values({"#000000": "background", "#804080": "road", (255, 255, 255): None}).colours
    ((0, 0, 0), (128, 64, 128))
    """
    found: dict[Value, str | None] = {}
    for key, name in values.items():
        value = _stored_value(key)
        if value is None:
            raise LegendError(
                "legend",
                found=f"{key!r} beside stored values" if isinstance(key, str) else f"{key!r} is not a stored value",
                expected='indices 0..65535, colours such as (128, 64, 128), "128,64,128" or "#804080", or names alone',
            )
        if name is not None and not (isinstance(name, str) and name.strip()):
            raise LegendError("legend", found=f"{key!r}: {name!r}", expected="a class name, or None for void")
        name = name if name is None else name.strip()  # noqa: PLW2901 - the same, as a legend file would hold it
        if found.setdefault(value, name) != name:
            raise LegendError("legend", found=f"{key!r} means {found[value]!r} and {name!r}", expected="one of them")
    return Legend.of_values(found)


def _stored_value(key: object) -> Value | None:
    if isinstance(key, str) and (colour := colour_of_text(key)):
        return colour
    if isinstance(key, str) and re.fullmatch(r"[0-9]{1,5}", key.strip()):  # as JSON has it
        key = int(key)
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return int(key) if 0 <= key <= 65535 else None
    parts = key if isinstance(key, tuple) else ()
    if len(parts) == 3 and all(isinstance(part, int | np.integer) and 0 <= part <= 255 for part in parts):
        red, green, blue = (int(part) for part in parts)
        return red, green, blue
    return None
