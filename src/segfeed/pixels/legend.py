"""Legends: ordered classes with colours, and what is void; stored masks to class ids and back.

A stored mask holds either colours (an RGB picture, or a palette picture, whose indices mean what the file's own palette
says) or bare indices (a gray picture). A legend maps both to class ids, strictly: a colour or index that it does not
know is an error unless the caller said what it shall become.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from segfeed.errors import LegendError, OptionError
from segfeed.pixels.class_names import (
    ClassCode,
    Value,
    as_class_code,
    as_colour,
    as_index,
    as_names,
    as_ordered,
    as_value,
    check_legend,
    describe_void,
    free_indices,
    means_void,
)
from segfeed.pixels.lookup import (
    Indices,
    Labels,
    Palette,
    as_bytes,
    as_indices,
    describe_stored,
    look_up_codes,
    look_up_indices,
    poison_of,
    resolve_unknown,
)
from segfeed.pixels.palette import VOID_COLOUR, Codes, Colour, colour_codes, free_colours, voc_colours
from segfeed.pixels.readings import PaletteTable, Reading
from segfeed.system.showing import brief, counted, show_html

_MAX_PALETTES = 64  # how many palettes' tables are kept, as a dataset may have a palette of its own in every file


@dataclass(frozen=True)
class Legend:
    """The classes of a dataset in order, their colours, and what is void.

    Attributes:
        names: one name a class, in the order of the class ids 0, 1, 2, ...
        colours: one (red, green, blue) a class, 0..255; VOC's palette if none are given.
        void_colours: stored colours that mean void.
        indices: the stored value of each class in a gray index mask; if none are given, 0, 1, 2, ... without void's.
        void_indices: stored values of a gray index mask that mean void; if not given 255, above 254 classes 65535.
        title: what the legend is called in messages.
        merged: (class id, stored colour, stored index) of further stored classes that mean one of these, for example if
            "cat" and "dog" were merged into "animal"; None for a colour or index that masks never store.
        reading: what counts in a palette mask: "colour", "index" (colours then mean nothing in any mask), "value" (the
            same, but a palette of grays alone may say the values), or "either"; if "", "colour" if colours are given,
            else "either".
        note: what else to know about it, a clause; "" for nothing.
        assumed_void: those of `void_indices` that nobody stated, so that masks may prove them wrong.

    Raises:
        LegendError: if it has no class, names are not texts or alike but for case, a colour occurs twice or is both a
            class and void, or a value is out of range, not a whole number, or in a set, which has no order.

    >>> legend = Legend(("background", "cat"))
    >>> legend.encode(np.array([[0, 1, 255]], np.uint8))
    array([[  0,   1, 255]], dtype=uint8)
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...] = ()
    void_colours: tuple[Colour, ...] = (VOID_COLOUR,)
    indices: tuple[int, ...] = ()
    void_indices: tuple[int, ...] = cast("tuple[int, ...]", None)
    title: str = field(default="custom", compare=False)
    merged: tuple[ClassCode, ...] = ()
    reading: Reading | Literal[""] = ""
    note: str = field(default="", compare=False)
    assumed_void: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)  # frozen: set once, here

        put("names", as_names(self.names))
        if self.void_indices is None:
            put("assumed_void", (65535 if len(self.names) > 254 and not self.indices else 255,))
            put("void_indices", self.assumed_void)
        put("reading", self.reading or ("colour" if self.colours else "either"))
        if len(self.names) > 254 and not self.indices and self.void_indices == (255,):
            put("void_indices", (65535,))  # 255 is a class there
        put("void_colours", as_ordered("void_colours", self.void_colours, as_colour))
        put(
            "colours",
            as_ordered("colours", self.colours, as_colour) or free_colours(len(self.names), self.void_colours),
        )
        put("void_indices", as_ordered("void_indices", self.void_indices, as_index))
        put(
            "indices", as_ordered("indices", self.indices, as_index) or free_indices(len(self.names), self.void_indices)
        )
        put("merged", as_ordered("merged", self.merged, as_class_code))
        check_legend(
            f"legend {self.title!r}",
            self.names,
            {"colours": self.colours, "indices": self.indices},
            {"colours": self.void_colours, "indices": self.void_indices},
            self.merged,
        )

    def __len__(self) -> int:
        return len(self.names)

    _repr_html_ = show_html

    def __repr__(self) -> str:
        return f"Legend({brief(self.title)}: {counted(len(self), 'class', 'classes')}: {brief(', '.join(self.names))})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The labels' dtype: uint8 up to 254 classes, uint16 above."""
        return np.dtype(np.uint8 if len(self.names) <= 254 else np.uint16)

    @property
    def void(self) -> int:
        """The label of void: 255 in uint8, 65535 in uint16."""
        return int(np.iinfo(self.dtype).max)

    @property
    def is_numbered(self) -> bool:
        """Whether numbers alone have a meaning: colours are for painting only."""
        return self.reading in ("index", "value")

    def encode(self, stored: npt.NDArray[Any], *, unknown: str = "error", name: str = "mask") -> Labels:
        """Turn a stored mask into labels.

        Args:
            stored: uint8 (H, W, 3) colours, or an integer array (H, W) of bare indices.
            unknown: "error", "void" or a class name: what a colour or index outside the legend becomes.
            name: what the mask is called in an error.

        Returns:
            labels: uint8 (H, W), class ids, 255 = void (uint16 and 65535 above 254 classes).

        Raises:
            UnknownColourError: if a colour or index is not in the legend and unknown="error".

        >>> Legend(("background", "cat")).encode(np.array([[(128, 0, 0), (224, 224, 192)]], np.uint8))
        array([[  1, 255]], dtype=uint8)
        """
        codes: npt.NDArray[Any]
        if stored.ndim == 2:
            kind, codes = "index", as_indices(stored)
            labels, first = look_up_indices(codes, self._known_indices)
        else:
            stored = as_bytes(stored)
            if self.is_numbered and (stored[..., :1] == stored[..., 1:]).all():
                # No colour means anything here, so three equal channels can only be one, written three times.
                return self.encode(stored[..., 0], unknown=unknown, name=name)
            kind, codes = "colour", colour_codes(stored)
            labels, first = look_up_codes(codes, *self._known_codes)
        if first is None:
            return labels
        found = f"{kind} {describe_stored(stored[first])}"
        remedy = "add it to the legend"
        if kind == "index" and self.is_numbered:  # its values were named one by one
            value = describe_stored(stored[first])
            remedy += (
                f' (the line "{value} void" in a legend file, or {{{value}: None, ...}} in a mapping, makes it void)'
            )
        expected, becomes = self._expect(kind), self.unknown_label(unknown)
        return resolve_unknown(labels, becomes, codes, name=name, found=found, expected=expected, remedy=remedy)

    def encode_palette(
        self, indices: Indices, palette: Palette, *, unknown: str = "error", name: str = "mask"
    ) -> Labels:
        """Turn a palette mask into labels: index to colour by the file's own palette, colour to class by the legend.

        Args:
            indices: uint8 (H, W), indices into `palette`.
            palette: uint8 (N, 3), the file's own colours.
            unknown: as in `encode`.
            name: what the mask is called in an error.

        Returns:
            labels: as in `encode`.

        Raises:
            UnknownColourError: if a value in use is unknown and unknown="error". MaskError: if it has two readings.

        >>> palette = np.array([(0, 0, 0), (224, 224, 192), (128, 0, 0)], np.uint8)
        >>> Legend(("background", "cat")).encode_palette(np.array([[0, 1, 2]], np.uint8), palette)
        array([[  0, 255,   1]], dtype=uint8)
        """
        known, is_plain = self._palette_table(palette.tobytes())
        table = known.plain_table if is_plain else known.choose(indices, name, self._call)
        if table is known.by_index and self.is_numbered:
            return self.encode(indices, unknown=unknown, name=name)
        labels, first = look_up_indices(indices, table)
        if first is None:
            return labels
        index = int(indices[first])
        if index < len(palette):
            found = f"colour {describe_stored(palette[index])} (palette index {index})"
        else:
            found = f"index {index}, beyond the file's palette of {len(palette)} colours"
        expected, becomes = self._expect("colour"), self.unknown_label(unknown)
        return resolve_unknown(labels, becomes, indices, name=name, found=found, expected=expected)

    def paint(self, labels: Labels) -> npt.NDArray[np.uint8]:
        """Turn labels back into colours.

        Args:
            labels: integer (H, W), class ids and void.

        Returns:
            colours: uint8 (H, W, 3).

        Raises:
            OptionError: if an id is neither a class nor void.

        >>> Legend(("background", "cat")).paint(np.array([[1, 255]], np.uint8))[0].tolist()
        [[128, 0, 0], [224, 224, 192]]
        """
        self.check_labels(labels)
        table = np.zeros((self.void + 1, 3), np.uint8)
        table[: len(self)] = self.colours
        table[self.void] = self.void_colours[0] if self.void_colours else VOID_COLOUR
        return table[labels.astype(np.int64)]

    def check_labels(self, labels: Labels) -> None:
        """Check that labels (H, W) are of this legend.

        Raises:
            OptionError: if an id is neither a class nor void.
        """
        ids = labels.astype(np.int64)
        wrong = (ids < 0) | ((ids >= len(self)) & (ids != self.void))
        if wrong.any():
            raise OptionError(
                "labels",
                found=f"id {int(ids[wrong][0])}",
                expected=f"one of {len(self)} classes (0..{len(self) - 1}) or void ({self.void})",
                remedy="paint labels with the legend that encoded them",
            )

    def to_json(self) -> dict[str, Any]:
        """Describe the legend in plain JSON values; `Legend.from_json` reads it back."""
        return {
            "title": self.title,
            "names": list(self.names),
            "colours": [list(c) for c in self.colours],
            "void_colours": [list(c) for c in self.void_colours],
            "indices": list(self.indices),
            "void_indices": list(self.void_indices),
            "merged": [[n, colour and list(colour), index] for n, colour, index in self.merged],
            "reading": self.reading,
        }

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> "Legend":
        """Read what `to_json` wrote.

        Raises:
            LegendError: if a field is missing or malformed.
        """
        try:
            return cls(**described)
        except LegendError:
            raise
        except (TypeError, ValueError) as error:
            found = f"not the description of a legend ({error})"
            raise LegendError("legend", found=found, expected="names and, if wanted, colours") from error

    @classmethod
    def of_values(cls, values: Mapping[Value, str | None], *, title: str = "custom") -> "Legend":
        """Make a legend of stored values, each with what it means.

        Args:
            values: an index 0..65535 or a colour (red, green, blue) -> a class name; None, or a name such as "void" or
                "ignore", for void. Classes are numbered in the order in which the mapping first names them; several
                values may mean one class.
            title: what the legend is called in messages.

        Returns:
            legend: that knows these values and no others. If they are all indices, of palettes grays alone count.

        Raises:
            LegendError: if a value or a name is not valid, or no class is left.

        >>> Legend.of_values({0: "background", 255: "road", 7: None}).encode(np.array([[0, 255, 7]], np.uint8))
        array([[  0,   1, 255]], dtype=uint8)
        """
        as_names([name for name in values.values() if name is not None])
        called = {as_value(value): None if name is None or means_void(name) else name for value, name in values.items()}

        def stored(name: str | None, kind: type) -> list[Any]:
            return [value for value, meant in called.items() if meant == name and isinstance(value, kind)]

        names = tuple(dict.fromkeys(name for name in called.values() if name is not None))
        indices, colours = ([stored(name, kind) for name in names] for kind in (int, tuple))
        # A class that masks store as an index only still needs a colour to be painted in, and the other way round.
        reserved = {*called, VOID_COLOUR}
        spare_colours = (colour for colour in voc_colours(257 + len(called)) if colour not in reserved)
        spare_indices = (index for index in range(65536) if index not in called)
        further = [(n, None, index) for n, found in enumerate(indices) for index in found[1:]]
        return cls(
            names,
            tuple(found[0] if found else next(spare_colours) for found in colours),
            tuple(stored(None, tuple)),
            tuple(found[0] if found else next(spare_indices) for found in indices),
            tuple(stored(None, int)),
            title,
            (*further, *((n, colour, None) for n, found in enumerate(colours) for colour in found[1:])),
            "value" if not any(colours) else "either" if any(indices) else "colour",
            describe_void([name for name in values.values() if name is not None]),
        )

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what a stored mask means."""
        described = {key: value for key, value in self.to_json().items() if key != "title"}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def unknown_label(self, unknown: str) -> int | None:
        """Return the label that an unknown colour becomes by the option `unknown`; None for "error".

        Raises:
            OptionError: if it is neither "error", "void" nor a class name.
        """
        if unknown == "error":
            return None
        if unknown == "void":
            return self.void
        if unknown in self.names:
            return self.names.index(unknown)
        raise OptionError("unknown", found=repr(unknown), expected='"error", "void" or one of the class names')

    @cached_property
    def _known_codes(self) -> tuple[Codes, Labels]:
        """The codes of all known colours, sorted, and the label of each."""
        known = [
            *zip(self.colours, range(len(self)), strict=True),
            *((colour, self.void) for colour in self.void_colours),
            *((colour, label) for label, colour, _ in self.merged if colour is not None),
        ] * (not self.is_numbered)  # whose colours are for painting only
        codes = colour_codes(np.array([colour for colour, _ in known], np.uint8).reshape(-1, 3))
        labels = np.array([label for _, label in known], self.dtype)
        order = np.argsort(codes)
        return codes[order], labels[order]

    @cached_property
    def _known_indices(self) -> Labels:
        """The label of every 16-bit index, (65536,)."""
        table = np.full(65536, poison_of(self.dtype), self.dtype)
        table[list(self.indices)] = np.arange(len(self))
        table[list(self.void_indices)] = self.void
        for label, _, index in self.merged:
            if index is not None:
                table[index] = label
        return table

    def _palette_table(self, palette: bytes) -> tuple[PaletteTable, bool]:
        """Return what a palette's indices mean, and whether that holds for each of its masks; most masks share one."""
        found = self._palette_tables.get(palette)
        if found is None:
            colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)[:256]
            by_colour = np.full(256, poison_of(self.dtype), self.dtype)
            by_colour[: len(colours)], _ = look_up_codes(colour_codes(colours)[None], *self._known_codes)
            stated = self._known_indices.copy()
            stated[list(self.assumed_void)] = poison_of(self.dtype)
            is_gray = (colours[:, :1] == colours).all(axis=1)
            by_gray = np.full(256, poison_of(self.dtype), self.dtype)
            if is_gray.all():
                by_gray[: len(colours)] = stated[colours[:, 0]]
            table = PaletteTable(colours, by_colour, self._known_indices[:256], by_gray, self.reading or "colour")
            found = table, table.is_plain
            if len(self._palette_tables) < _MAX_PALETTES:
                self._palette_tables[palette] = found
        return found

    @cached_property
    def _palette_tables(self) -> dict[bytes, tuple[PaletteTable, bool]]:
        return {}

    def _call(self, label: int) -> str:
        return "None" if label == self.void else repr(self.names[label])

    def _expect(self, kind: str) -> str:
        return f"{'an' if kind == 'index' else 'a'} {kind} of legend {self.title!r} ({len(self)} classes)"
