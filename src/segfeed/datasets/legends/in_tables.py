"""Tables of classes: header, columns and rows, as CSV files and JSON objects hold them.

What a column means is said by its header, and by its cells if the header's word is used for names and numbers alike.
"""

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from segfeed.errors import LegendError
from segfeed.pixels.class_names import means_void
from segfeed.pixels.palette import Colour

NUMBER = r"[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
BREAKS = r"\s,;:=|"
"""What sets a number apart from a name, as part of a pattern."""
IS_NUMBER = re.compile(NUMBER)
TOKENS = re.compile(rf"([{BREAKS}]+)")
GROUP = re.compile(rf"(?:\brgb)?[\[({{]\s*({NUMBER}(?:[\s,;]+{NUMBER})+)\s*[\])}}]")
"""Several numbers in brackets."""
HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})(?![0-9a-zA-Z])")

_SINGLE = re.compile(rf"[\[({{]\s*({NUMBER})\s*[\])}}]")

# Words of headers, in lower case, with blanks for "_" and "-".
_NAMES = (
    "name", "class name", "label name", "category name", "classname", "labelname", "title", "names", "class names",
    "label names", "category names", "classnames", "labelnames",
)  # fmt: skip
_EITHER = ("class", "label", "classes", "labels", "code", "class label")  # names or stored values: the column decides
_LESSER_NAMES = ("category", "categories", "description")  # names if no other column is
_VALUES = (
    "id", "idx", "index", "value", "pixel value", "pixelvalue", "pixel", "class id", "classid", "label id", "labelid",
    "category id", "class index", "class value", "label value", "gray", "grey", "gray value", "grey value", "number",
    "train id", "trainid", "class idx", "label idx", "mask value", "pixel id", "color index", "colour index",
)  # fmt: skip
_COLOURS = (
    "color", "colour", "rgb", "hex", "color rgb", "rgb color", "class color", "label color", "color hex", "hex color",
    "color code", "html color",
)  # fmt: skip
# Words of headings, and those that stand beside them.
_HEADS = frozenset((
    "name", "names", "class", "classes", "label", "labels", "category", "categories", "index", "indices", "id", "ids",
    "idx", "value", "values", "legend", "code", "codes", "classname", "classnames", "labelname", "labelnames",
    "categoryname", "categorynames", "classid", "classids", "labelid", "labelids", "title", "titles", "labelmap",
    "classmap", "colormap", "colourmap", "classlist", "labellist", "taxonomy", "clase", "clases", "classe", "klasse",
    "klassen", "kategorie", "kategorien", "categorie", "categorias", "etiquetas",
))  # fmt: skip
_BESIDE = frozenset((
    "list", "of", "the", "all", "object", "objects", "semantic", "segmentation", "set", "map", "mask", "masks",
    "pixel", "semseg", "train", "training", "dataset", "data", "and", "or", "color", "colors", "colour", "colours",
    "rgb", "description", "number", "r", "g", "b", "begin", "start", "here", "are", "our", "my", "rem",
))  # fmt: skip
_CHANNELS = (
    ("r", "g", "b"),
    ("red", "green", "blue"),
    ("color r", "color g", "color b"),
    ("color red", "color green", "color blue"),
)
_TOTALS = ("total", "sum")
_NOTHING = ("", "-", "none", "n/a", "nan", "null")


class Row(NamedTuple):
    """What one line says of a class.

    Attributes:
        name: of the class, or one that means void.
        stored: the value that masks store; None if it does not say.
        colour: (red, green, blue); None if it does not say.
        where: the line, for errors, such as "line 3: "; "" if there is none.
    """

    name: str
    stored: int | None = None
    colour: Colour | None = None
    where: str = ""


def is_heading(line: str) -> bool:
    """Check whether a line of text holds nothing but words that head a list of classes, whatever marks are about them.

    >>> [is_heading(line) for line in ("[classes]", "--- Class names ---", "class A", '"label"', "road")]
    [True, True, False, False, False]
    """
    words = re.findall(r"[^\W_]+", line.casefold())
    is_quoted = line.strip()[:1] in ("'", '"')
    return not is_quoted and any(word in _HEADS for word in words) and all(word in _HEADS | _BESIDE for word in words)


def split_header(line: str, *, is_table: bool) -> tuple[list[str], str] | None:
    """Return the cells of a header and its delimiter, "" for blanks; None if the line is not a header."""
    delimiter = next((char for char in "\t;,|:" if char in line), "")
    cells = split_line(line, delimiter) if delimiter else line.split()
    words = [plain_word(cell) for cell in cells]
    names, others = (*_NAMES, *_EITHER, *_LESSER_NAMES), (*_VALUES, *_COLOURS, *(word for c in _CHANNELS for word in c))
    known = [word for word in words if word in names or word in others]
    has_number = any(numbers_of(cell) for cell in cells if cell)
    if is_table and not has_number and (len(cells) > 1 or known) and (delimiter or known):
        return cells, delimiter or ","
    if has_number or len(known) < 2 or not any(word in names for word in words):
        return None
    return (cells, delimiter) if delimiter or len(known) == len(words) else None


def plain_word(cell: str) -> str:
    """Return a header's word in lower case, with blanks for underscores and hyphens."""
    return " ".join(re.split(r"[\s_-]+", cell.strip().casefold()))


def split_line(line: str, delimiter: str) -> list[str]:
    """Split a line at a delimiter, but not within double quotes; cells lose their quotes and surrounding blanks."""
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]


def split_words(line: str, header: Sequence[str]) -> list[str]:
    """Split a line at blanks; the name takes the words that are left over."""
    words = line.split()
    at = next(n for n, cell in enumerate(header) if plain_word(cell) in (*_NAMES, *_EITHER, *_LESSER_NAMES))
    spare = len(words) - len(header)
    return [*words[:at], " ".join(words[at : at + spare + 1]), *words[at + spare + 1 :]] if spare > 0 else words


def rows_of_table(
    header: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], *, strict: bool = True
) -> list[Row]:
    """Read a table of classes.

    Args:
        header: what the columns are called.
        rows: the place of each, for errors, such as "line 3: ", and its cells.
        strict: whether columns without a known meaning are refused if there is nothing but names beside them.

    Raises:
        LegendError: if no column or two may hold the names, or the stored values, or a cell does not fit its column.
    """
    words = [plain_word(cell) for cell in header]
    for place, row in rows:
        if any(row[len(header) :]):
            found = f"{place}{','.join(row)!r:.80} does not fit the header"
            raise LegendError("", found=found, expected=f"values of {','.join(header)!r}")
    numbers = {n for n, word in enumerate(words) if word in (*_VALUES, *_COLOURS, *(w for c in _CHANNELS for w in c))}
    rows = [(place, [_whole(cell) if n in numbers else cell for n, cell in enumerate(row)]) for place, row in rows]
    columns = [[row[n] if n < len(row) else "" for _, row in rows] for n in range(len(words))]
    is_number = [any(column) and all(len(numbers_of(cell) or ()) == 1 for cell in column if cell) for column in columns]
    names = [n for n, word in enumerate(words) if word in _NAMES or (word in _EITHER and not is_number[n])]
    names = names or [n for n, word in enumerate(words) if word in _LESSER_NAMES]
    values = [n for n, word in enumerate(words) if word in _VALUES or (word in (*_EITHER, *_COLOURS) and is_number[n])]
    channels = next(([words.index(part) for part in parts] for parts in _CHANNELS if {*parts} <= {*words}), [])
    colours = channels or [n for n, word in enumerate(words) if word in _COLOURS and n not in values][:1]
    values = [n for k, n in enumerate(values) if columns[n] not in [columns[other] for other in values[:k]]]
    told = ",".join(header)
    for kind, possible in (("class names", names), ("stored values", values)):
        if len(possible) > 1:
            both = " and ".join(header[n] for n in possible)
            raise LegendError(
                "",
                found=f"header {told!r:.80} is not understood: {both} may both be the {kind}",
                expected="one such column",
                remedy="remove or rename the other",
            )
    if not names or (strict and len(words) > 1 and not values and not colours):
        raise LegendError(
            "",
            found=f"header {told!r:.80} is not understood",
            expected="'name,r,g,b', 'id,name', 'Pixel Value, Class' or the like",
            remedy="call the columns so in English",
        )
    return without_total([_row_of_cells(place, row, header, names[0], values, colours) for place, row in rows])


def _row_of_cells(
    place: str, row: Sequence[str], header: Sequence[str], name: int, values: Sequence[int], colours: Sequence[int]
) -> Row:
    def refuse() -> LegendError:
        found = f"{place}{','.join(row)!r:.80} does not fit the header"
        return LegendError("", found=found, expected=f"values of {','.join(header)!r}")

    called = row[name] if name < len(row) else ""
    if not called or max([name, *values, *colours]) >= len(row):
        raise refuse()
    stored = None
    if values:
        token = row[values[0]].strip("[](){}")
        if re.fullmatch(r"-\d+", token):
            raise LegendError("", found=f"{place}class {called!r} is stored as {token}", expected="0..65535")
        if not re.fullmatch(r"\d+", token):
            raise refuse()
        stored = int(token[:9])
    if not colours:
        return Row(called, stored, None, place)
    cells = [row[n].strip() for n in colours]
    if means_void(called) and stored is not None and all(cell.casefold() in _NOTHING for cell in cells):
        return Row(called, stored, None, place)  # void is often given no colour
    parts = [part for cell in cells for part in numbers_of(cell) or ("",)]
    if len(parts) != 3 or not all(re.fullmatch(r"\d{1,9}", part) for part in parts):
        raise refuse()
    return Row(called, stored, (int(parts[0]), int(parts[1]), int(parts[2])), place)


def _whole(cell: str) -> str:
    """Write 128.0 as 128: tables that a program has written again may have become floats."""
    return re.sub(r"^(\d+)\.0+$", r"\1", cell)


def numbers_of(cell: str) -> tuple[str, ...] | None:
    """Return the numbers that make up a cell; None if it holds anything else."""
    tokens = [token for token in TOKENS.split(plain_colours(cell)) if token.strip(" ,;")]
    return tuple(tokens) if all(IS_NUMBER.fullmatch(token) for token in tokens) else None


def plain_colours(text: str) -> str:
    """Write colours such as #804080, (128, 64, 128) and [7] as bare numbers."""
    text = HEX.sub(lambda match: f" {','.join(str(int(part, 16)) for part in match.groups())} ", text)
    return _SINGLE.sub(r" \1 ", GROUP.sub(r" \1 ", text))


def colour_of_text(text: str) -> Colour | None:
    """Read a text that is one colour, and nothing else: "#c81e1e", "200,30,30", "(200, 30, 30)"; else None.

    One number alone is an index, never a colour.

    >>> colour_of_text("200,30,30"), colour_of_text("#c81e1e"), colour_of_text("200"), colour_of_text("200,30,300")
    ((200, 30, 30), (200, 30, 30), None, None)
    """
    numbers = numbers_of(text.strip()) or ()
    if len(numbers) != 3 or not all(number.isdecimal() and int(number) <= 255 for number in numbers):
        return None
    red, green, blue = map(int, numbers)
    return red, green, blue


def without_total(rows: list[Row]) -> list[Row]:
    """Raise LegendError if the last line may be a sum."""
    if len(rows) > 1 and rows[-1].stored is not None and plain_word(rows[-1].name) in _TOTALS:
        found = f"{rows[-1].where}{rows[-1].name!r} may be a class, or the sum of the lines above it"
        raise LegendError("", found=found, remedy="remove the line, or give the class another name")
    return rows
