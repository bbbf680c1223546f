"""Readings: what the indices of a palette mask mean, by their number or by the colours that the palette gives them.

Colours count if the dataset says what they mean, indices if it says that. If only names are known, both readings are
tried: the one that the legend knows counts, and two that differ are an error.

A palette of grays has a third: GIF writers and optimisers number the grays of a picture anew in each file, so that 255
may be stored as index 1 in one mask and as 0 in the next; the gray is then the value that was meant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError
from segfeed.pixels.lookup import Indices, Labels, Palette, poison_of
from segfeed.pixels.palette import colour_codes

Reading = Literal["colour", "index", "value", "either"]
"""What counts in a palette mask: "value" is the index, or the gray of a palette that has nothing but grays."""


@dataclass(frozen=True, eq=False)
class PaletteTable:
    """The labels of the indices of one palette.

    Attributes:
        palette: uint8 (N, 3), the file's own colours.
        by_colour: (256,), the label of each index by its colour; poison if the legend does not know it.
        by_index: (256,), the label of each index by its number.
        by_gray: (256,), the label of each index by the number that its gray is; all poison if there is another colour.
        reading: which of them counts.
    """

    palette: Palette
    by_colour: Labels
    by_index: Labels
    by_gray: Labels
    reading: Reading

    @property
    def is_plain(self) -> bool:
        """Whether the same table counts for every mask of this palette, whatever indices the mask uses."""
        if self.reading == "index":
            return True
        if self.reading == "value":
            return bool(((self.by_gray == self.by_index) | (self.by_gray == poison_of(self.by_gray.dtype))).all())
        codes = colour_codes(self.palette)
        is_plain = len(np.unique(codes)) == len(codes)
        if self.reading == "either":
            is_plain &= bool((self.by_colour == self.by_index)[: len(codes)].all())
        return is_plain

    @property
    def plain_table(self) -> Labels:
        """The table of a palette that is plain."""
        return self.by_index if self.reading in ("index", "value") else self.by_colour

    def choose(self, indices: Indices, name: str, call: Callable[[int], str]) -> Labels:
        """Choose the table, (256,), for a mask by the indices that it uses.

        Args:
            indices: uint8 (H, W).
            name: what the mask is called in an error.
            call: returns what a label is called in an error.

        Raises:
            MaskError: if two indices in use have one colour, or two readings are known and differ.
        """
        if self.reading == "index":
            return self.by_index
        used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256))
        if self.reading == "value":
            return self._choose_value(used, name, call)
        used = used[used < len(self.palette)]
        by_colour, by_index = self.by_colour[used], self.by_index[used]
        if self.reading == "either" and (by_colour != by_index).any():
            poison = poison_of(self.by_index.dtype)
            differ = (by_colour != by_index) & (by_colour != poison) & (by_index != poison)
            # Small numbers are known in nearly any palette, so they count against colours only if all of them are.
            if differ.any() and not (by_index == poison).any():
                raise self._two_readings(int(used[differ][0]), name, call)
            if (by_colour == poison).any():
                return self._choose_value(used, name, call)
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

    def _choose_value(self, used: npt.NDArray[np.intp], name: str, call: Callable[[int], str]) -> Labels:
        """Choose between the numbers of indices and the grays that the palette gives them."""
        by_gray, by_index, poison = self.by_gray[used], self.by_index[used], poison_of(self.by_index.dtype)
        is_padding = used.max(initial=0) >= len(np.unique(self.palette[:, 0]))  # numbered anew, grays come without gaps
        if is_padding or (by_gray == poison).any() or (by_gray == by_index).all():
            return self.by_index
        if (by_index == poison).any() or (self.by_index[1 : len(self.palette)] == poison).all():
            return self.by_gray  # also if nothing but 0 could be stored by its number in this palette
        void = np.iinfo(self.by_index.dtype).max
        differ = (by_gray != by_index) & (by_gray != void)  # white as a class's colour is usual, as void it is not
        if not differ.any():
            return self.by_index
        index = int(used[differ][0])
        gray, colour = int(self.palette[index][0]), tuple(self.palette[index].tolist())
        as_index, as_gray = call(int(self.by_index[index])), call(int(self.by_gray[index]))
        raise MaskError(
            name,
            found=f"index {index} means {as_index} by its number and {as_gray} by the gray that the file's palette "
            f"gives it, {gray}",
            expected="one meaning",
            remedy=f"say which counts, with every class: legend={{{colour}: {as_gray}, ...}} by colour, or "
            'segfeed.Legend(names, indices=..., reading="index") by index',
        )

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
