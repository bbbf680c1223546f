"""Legends: ordered classes with colours, and what is void; stored masks to class ids and back.

A stored mask holds either colours (an RGB picture, or a palette picture, whose indices mean what the file's own palette
says) or bare indices (a gray picture). A legend maps both to class ids, strictly: a colour or index that it does not
know is an error unless the caller said what it shall become.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import LegendError, OptionError
from segfeed.pixels.lookup import Labels, as_bytes, as_indices, look_up_codes, look_up_indices, poison_of, settle
from segfeed.pixels.palette import VOID_COLOUR, Codes, Colour, as_colours, colour_codes, voc_colours

_MAX_PALETTES = 64  # tables of palettes that are kept; a dataset with a palette of its own in each file keeps no more


@dataclass(frozen=True)
class Legend:
    """Name the classes of a dataset in order, their colours, and what is void.

    Attributes:
        names: one name a class, in the order of the class ids 0, 1, 2, ...
        colours: one (red, green, blue) a class, 0..255; VOC's palette where none are given.
        void_colours: stored colours that mean void.
        indices: the stored value of each class in a gray index mask; where none are given 0, 1, 2, ... without void's.
        void_indices: stored values of a gray index mask that mean void; above 254 classes 65535 instead of 255.
        title: what the legend is called in messages.
        merged: (class id, stored colour, stored index) of further stored classes that mean one of these, as where "cat" and
            "dog" were merged into "animal".

    Raises:
        LegendError: no class, a name or colour twice, a colour that is both a class and void, a value out of range.

    >>> legend = Legend(("background", "cat"))
    >>> legend.encode(np.array([[0, 1, 255]], np.uint8))
    array([[  0,   1, 255]], dtype=uint8)
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...] = ()
    void_colours: tuple[Colour, ...] = (VOID_COLOUR,)
    indices: tuple[int, ...] = ()
    void_indices: tuple[int, ...] = (255,)
    title: str = field(default="custom", compare=False)
    merged: tuple[tuple[int, Colour, int], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.names, str):
            raise LegendError(f"names={self.names!r} is one text; give a sequence of class names.")

        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)  # frozen: set once, here

        put("names", tuple(str(name) for name in self.names))
        if len(self.names) > 254 and not self.indices and self.void_indices == (255,):
            put("void_indices", (65535,))  # 255 is a class there
        put("colours", as_colours(self.colours) or _free_colours(len(self.names), self.void_colours))
        put("void_colours", as_colours(self.void_colours))
        put("indices", tuple(int(i) for i in self.indices) or _free_indices(len(self.names), self.void_indices))
        put("void_indices", tuple(int(i) for i in self.void_indices))
        put("merged", tuple((int(n), as_colours((colour,))[0], int(i)) for n, colour, i in self.merged))
        _check(self)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Give the labels' dtype: uint8 up to 254 classes, uint16 above."""
        return np.dtype(np.uint8 if len(self.names) <= 254 else np.uint16)

    @property
    def void(self) -> int:
        """Give the stored label of void: 255 in uint8, 65535 in uint16."""
        return int(np.iinfo(self.dtype).max)

    def encode(self, stored: npt.NDArray[Any], *, unknown: str = "error", name: str = "mask") -> Labels:
        """Turn a stored mask into labels.

        Args:
            stored: uint8 (H, W, 3) colours, or an integer array (H, W) of bare indices.
            unknown: "error", "void" or a class name: what a colour or index outside the legend becomes.
            name: what the mask is called in an error.

        Returns:
            labels: uint8 (H, W), class ids, 255 = void (uint16 and 65535 above 254 classes).

        Raises:
            UnknownColourError: a colour or index is not in the legend and unknown="error".

        >>> Legend(("background", "cat")).encode(np.array([[(128, 0, 0), (224, 224, 192)]], np.uint8))
        array([[  1, 255]], dtype=uint8)
        """
        if stored.ndim != 2:
            stored = as_bytes(stored)
            codes = colour_codes(stored)
            labels, first = look_up_codes(codes, *self._known_codes)
            if first:
                found = f"colour {_show(stored[first])} is not in {self._called()}"
                return settle(labels, self.unknown_label(unknown), codes, name, found)
            return labels
        indices = as_indices(stored)
        labels, first = look_up_indices(indices, self._known_indices)
        if first:
            found = f"index {indices[first]} is not in {self._called()}"
            return settle(labels, self.unknown_label(unknown), indices, name, found)
        return labels

    def encode_palette(
        self,
        indices: npt.NDArray[np.uint8],
        palette: npt.NDArray[np.uint8],
        *,
        unknown: str = "error",
        name: str = "mask",
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
            UnknownColourError: a colour in use is not in the legend, or an index lies beyond the palette.

        >>> palette = np.array([(0, 0, 0), (224, 224, 192), (128, 0, 0)], np.uint8)
        >>> Legend(("background", "cat")).encode_palette(np.array([[0, 1, 2]], np.uint8), palette)
        array([[  0, 255,   1]], dtype=uint8)
        """
        labels, first = look_up_indices(indices, self._palette_table(palette.tobytes()))
        if first:
            index = int(indices[first])
            if index < len(palette):
                found = f"colour {_show(palette[index])} (palette index {index}) is not in {self._called()}"
            else:
                found = f"index {index} lies beyond the file's palette of {len(palette)} colours"
            return settle(labels, self.unknown_label(unknown), indices, name, found)
        return labels

    def paint(self, labels: Labels) -> npt.NDArray[np.uint8]:
        """Turn labels back into colours.

        Args:
            labels: integer (H, W), class ids and void.

        Returns:
            colours: uint8 (H, W, 3).

        Raises:
            OptionError: an id is neither a class nor void.

        >>> Legend(("background", "cat")).paint(np.array([[1, 255]], np.uint8))[0].tolist()
        [[128, 0, 0], [224, 224, 192]]
        """
        self.check_labels(labels)
        table = np.zeros((self.void + 1, 3), np.uint8)
        table[: len(self)] = self.colours
        table[self.void] = self.void_colours[0] if self.void_colours else VOID_COLOUR
        return table[labels.astype(np.int64)]

    def check_labels(self, labels: Labels) -> None:
        """Refuse labels (H, W) that are not of this legend.

        Raises:
            OptionError: an id is neither a class nor void.
        """
        ids = labels.astype(np.int64)
        wrong = (ids < 0) | ((ids >= len(self)) & (ids != self.void))
        if wrong.any():
            raise OptionError(
                f"labels hold {int(ids[wrong][0])}, which is neither one of the {len(self)} classes (0..{len(self) - 1}) "
                f"nor void ({self.void}); paint labels with the legend that encoded them."
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
            "merged": [[n, list(colour), index] for n, colour, index in self.merged],
        }

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> "Legend":
        """Read what `to_json` wrote.

        Raises:
            LegendError: a field is missing or malformed.
        """
        try:
            return cls(**described)
        except (TypeError, ValueError) as error:
            raise LegendError(f"this is no legend: {error}; expected names and, if wanted, colours.") from error

    @classmethod
    def from_palette(cls, palette: npt.NDArray[np.uint8], names: Sequence[str]) -> "Legend":
        """Take the first colours of a file's palette, one for each name, in order.

        Raises:
            LegendError: the palette has fewer colours than there are names.

        >>> Legend.from_palette(np.array([(0, 0, 0), (9, 9, 9)], np.uint8), ["sky", "road"]).colours
        ((0, 0, 0), (9, 9, 9))
        """
        if len(palette) < len(names):
            raise LegendError(
                f"a palette of {len(palette)} colours cannot colour {len(names)} classes; give fewer names."
            )
        return cls(tuple(names), tuple(as_colours(palette[: len(names)])), title="palette")

    @classmethod
    def from_text(cls, text: str, title: str = "custom") -> "Legend":
        r"""Read one class a line: `name`, `name,r,g,b` or CVAT's `name:r,g,b:parts:actions`; `#` starts a comment.

        Lines without colours get VOC's palette; either all lines have colours or none has.

        Raises:
            LegendError: a line is malformed.

        >>> Legend.from_text("sky\nroad").names
        ('sky', 'road')
        """
        rows = [
            _parse_line(line) for raw in text.lstrip("\ufeff").splitlines() if (line := raw.strip()) and line[0] != "#"
        ]
        colours = [colour for _, colour in rows if colour is not None]
        if colours and len(colours) != len(rows):
            plain = next(name for name, colour in rows if colour is None)
            raise LegendError(
                f"class {plain!r} has no colour but others have; give a colour to every class or to none."
            )
        return cls(tuple(name for name, _ in rows), tuple(colours), title=title)

    @cached_property
    def digest(self) -> str:
        """Give the SHA-256 of everything that decides what a stored mask means."""
        described = {key: value for key, value in self.to_json().items() if key != "title"}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def unknown_label(self, unknown: str) -> int | None:
        """Resolve the option `unknown`: None for "error", else the label that an unknown colour becomes.

        Raises:
            OptionError: it is neither "error", "void" nor a class name.
        """
        if unknown == "error":
            return None
        if unknown == "void":
            return self.void
        if unknown in self.names:
            return self.names.index(unknown)
        raise OptionError(f'unknown={unknown!r} is not allowed; use "error", "void" or one of the class names.')

    @cached_property
    def _known_codes(self) -> tuple[Codes, Labels]:
        """Sort the codes of all known colours, with the label of each."""
        merged = tuple(colour for _, colour, _ in self.merged)
        codes = colour_codes(np.array(self.colours + self.void_colours + merged, np.uint8).reshape(-1, 3))
        ids = [*range(len(self)), *[self.void] * len(self.void_colours), *(n for n, _, _ in self.merged)]
        labels = np.array(ids, self.dtype)
        order = np.argsort(codes)
        return codes[order], labels[order]

    @cached_property
    def _known_indices(self) -> Labels:
        """List the label of every 16-bit index."""
        table = np.full(65536, poison_of(self.dtype), self.dtype)
        table[list(self.indices)] = np.arange(len(self))
        table[list(self.void_indices)] = self.void
        for label, _, index in self.merged:
            table[index] = label
        return table

    def _palette_table(self, palette: bytes) -> Labels:
        """List the label of every index of a palette; nearly all masks of a dataset share one."""
        table = self._palette_tables.get(palette)
        if table is None:
            table = np.full(256, poison_of(self.dtype), self.dtype)
            colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)[:256]
            table[: len(colours)], _ = look_up_codes(colour_codes(colours)[None], *self._known_codes)
            if len(self._palette_tables) < _MAX_PALETTES:
                self._palette_tables[palette] = table
        return table

    @cached_property
    def _palette_tables(self) -> dict[bytes, Labels]:
        return {}

    def _called(self) -> str:
        return f"legend {self.title!r} ({len(self)} classes)"


def _show(colour: npt.NDArray[Any]) -> str:
    return f"({int(colour[0])}, {int(colour[1])}, {int(colour[2])})"


def _free_colours(count: int, void: tuple[Colour, ...]) -> tuple[Colour, ...]:
    """Take VOC's palette without the colours that mean void (its 256th is VOC's own void)."""
    reserved = set(as_colours(void))
    return tuple(c for c in voc_colours(count + len(reserved)) if c not in reserved)[:count]


def _free_indices(count: int, void: tuple[int, ...]) -> tuple[int, ...]:
    """Number the classes 0, 1, 2, ... past the values that mean void."""
    return tuple(i for i in range(count + len(void)) if i not in void)[:count]


def _parse_line(line: str) -> tuple[str, Colour | None]:
    name, separator, rest = line.partition(":" if ":" in line else ",")
    colour = rest.split(":")[0].strip()
    if not separator or not colour:
        return name.strip(), None
    try:
        red, green, blue = (int(part) for part in colour.split(","))
    except ValueError:
        raise LegendError(
            f"legend line {line!r} is malformed; expected 'name', 'name,r,g,b' or 'name:r,g,b::'."
        ) from None
    return name.strip(), (red, green, blue)


def _check(legend: Legend) -> None:
    """Raise LegendError where the legend contradicts itself."""

    def refuse(found: str, remedy: str) -> None:
        raise LegendError(f"legend {legend.title!r}: {found}; {remedy}.")

    if not 1 <= len(legend.names) <= 65534:
        refuse(f"{len(legend.names)} classes", "a legend has 1 to 65534")
    for kind, values, wanted in (
        ("colours", legend.colours, "one a class"),
        ("indices", legend.indices, "one a class"),
    ):
        if len(values) != len(legend.names):
            refuse(f"{len(values)} {kind} for {len(legend.names)} classes", f"give {wanted}, in the same order")
    folded = [name.strip().casefold() for name in legend.names]
    if "" in folded:
        refuse(f"class {folded.index('')} has an empty name", "name every class")
    groups: dict[str, Sequence[Any]] = {
        "name": folded,
        "colour": legend.colours + legend.void_colours + tuple(colour for _, colour, _ in legend.merged),
        "index": legend.indices + legend.void_indices + tuple(index for _, _, index in legend.merged),
    }
    for kind, items in groups.items():
        item, times = Counter(items).most_common(1)[0]
        if times > 1:
            refuse(f"{kind} {item!r} occurs twice", "classes and void must differ in name, colour and index")
    limits: tuple[tuple[str, list[int], int], ...] = (
        ("a colour", [part for colour in groups["colour"] for part in colour], 255),
        ("an index", list(groups["index"]), 65535),
        ("the id of a merged class", [label for label, _, _ in legend.merged], len(legend.names) - 1),
    )
    for what, numbers, largest in limits:
        if not all(0 <= value <= largest for value in numbers):
            refuse(f"{what} lies outside 0..{largest}", "give integers within")


VOC = Legend(
    (
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "diningtable", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv/monitor",
    ),
    title="voc2012",
)  # fmt: skip
"""The 21 classes of PASCAL VOC with their palette; colour (224, 224, 192), index 255, is void."""
