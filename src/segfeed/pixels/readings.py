"""Readings: what the indices of a palette mask mean, by their number or by the colours that the palette gives them.

Colours count if the dataset says what they mean, indices if it says that. If only names are known, both readings are
tried: the one that the legend knows counts, and two that differ are an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segfeed.errors import MaskError
from segfeed.pixels.lookup import Indices, Labels, Palette, poison_of
from segfeed.pixels.palette import colour_codes

Reading = Literal["colour", "index", "either"]
"""What counts in a palette mask."""


@dataclass(frozen=True, eq=False)
class PaletteTable:
    """The labels of the indices of one palette.

    Attributes:
        palette: uint8 (N, 3), the file's own colours.
        by_colour: (256,), the label of each index by its colour; poison if the legend does not know it.
        by_index: (256,), the label of each index by its number.
        reading: which of the two counts.
    """

    palette: Palette
    by_colour: Labels
    by_index: Labels
    reading: Reading

    @property
    def is_plain(self) -> bool:
        """Whether the same table counts for every mask of this palette, whatever indices the mask uses."""
        if self.reading == "index":
            return True
        codes = colour_codes(self.palette)
        is_plain = len(np.unique(codes)) == len(codes)
        if self.reading == "either":
            is_plain &= bool((self.by_colour == self.by_index)[: len(codes)].all())
        return is_plain

    def choose(self, indices: Indices, name: str, call: Callable[[int], str]) -> Labels:
        """Choose the table, (256,), for a mask by the indices that it uses.

        Args:
            indices: uint8 (H, W).
            name: what the mask is called in an error.
            call: returns what a label is called in an error.

        Raises:
            MaskError: if two indices in use have one colour, or both readings are known and differ.
        """
        if self.reading == "index":
            return self.by_index
        used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256))
        used = used[used < len(self.palette)]
        by_colour, by_index = self.by_colour[used], self.by_index[used]
        if self.reading == "either" and (by_colour != by_index).any():
            poison = poison_of(self.by_index.dtype)
            differ = (by_colour != by_index) & (by_colour != poison) & (by_index != poison)
            # Small numbers are known in nearly any palette, so they count against colours only if all of them are.
            if differ.any() and not (by_index == poison).any():
                raise self._two_readings(int(used[differ][0]), name, call)
            if (by_colour == poison).any():
                return self.by_index
        colours = [tuple(colour) for colour in self.palette[used].tolist()]
        twice = next((colour for colour in colours if colours.count(colour) > 1), None)
        if twice is not None and len({int(label) for label in self.by_index[used]}) > 1:
            same = [str(index) for index, colour in zip(used.tolist(), colours, strict=True) if colour == twice]
            raise MaskError(
                name,
                found=f"indices {' and '.join(same)} are both used, and the palette gives them one colour, {twice}",
                expected="a colour of its own for each index in use",
                remedy='say what indices mean, as in legend={0: "background", 255: None} with every class (None is '
                "void), or mend the palette",
            )
        return self.by_colour

    def _two_readings(self, index: int, name: str, call: Callable[[int], str]) -> MaskError:
        colour = tuple(self.palette[index].tolist())
        by_index, by_colour = call(int(self.by_index[index])), call(int(self.by_colour[index]))
        return MaskError(
            name,
            found=f"index {index} means {by_index} by its number and {by_colour} by its colour in the file's palette, "
            f"{colour}",
            expected="one meaning",
            remedy=f"say which counts, with every class: legend={{{index}: {by_index}, ...}} by index, or "
            f"legend={{{colour}: {by_colour}, ...}} by colour",
        )
