"""Legend files: the texts in which tools write down a dataset's class names, their colours and their stored values.

labelmap.txt        name:r,g,b:parts:actions         CVAT, Datumaro
class_names.txt     name                             labelme
codes.txt           name                             fastai
label_colors.txt    r g b name                       CamVid, Datumaro
class_dict.csv      header name,r,g,b                CamVid and others on Kaggle; labelmap.csv is alike
_classes.csv        header Pixel Value, Class        Roboflow
dataset_meta.json   label_map, segmentation_colors   Datumaro

A class is stored in gray masks as the value that the file gives it, else as its position, counted from 0. A class whose
name says so (`VOID_NAMES`) is void.
"""

import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from segfeed.errors import LegendError
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, Colour, as_colours, voc_colours

LEGEND_FILES = (
    "labelmap.txt",
    "class_names.txt",
    "codes.txt",
    "label_colors.txt",
    "class_dict.csv",
    "labelmap.csv",
    "_classes.csv",
    "dataset_meta.json",
)

VOID_NAMES = frozenset({"void", "ignore", "ignored", "ignore_region"})
"""Names that mean "do not count these pixels", in lower case. "unlabelled" is not one: some tools mean background."""

MAX_LEGEND_BYTES = 1 << 20

_UNNUMBERED = "__ignore__"  # labelme's name for -1: it has no position of its own, and is void in the masks
_EXPECTED = "a text that names the classes"
_NAME_HEADERS = ("name", "class", "class_name", "class name", "label", "label_name")
_VALUE_HEADERS = ("pixel value", "index", "id", "value")
_COLOUR_HEADERS = (("r", "g", "b"), ("red", "green", "blue"))
_COLOUR_FIRST = re.compile(r"(\d+)[ \t,]+(\d+)[ \t,]+(\d+)[ \t,]+(\D.*)")
_NAME_FIRST = re.compile(r"([^:,]+?)\s*[:,]\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(?::.*)?")
_NAME_ONLY = re.compile(r"([^:,]+?)\s*:*")


class _Row(NamedTuple):
    name: str
    colour: Colour | None
    stored: int | None


def find_legend(root: Path, names: Sequence[str] = LEGEND_FILES) -> Legend | None:
    """Read the legend file in a folder; None if there is none.

    Raises:
        LegendError: if it is malformed, or if there are several that say different things.
    """
    found = {name: read_legend(root / name) for name in names if os.path.isfile(root / name)}
    if len({legend.digest for legend in found.values()}) > 1:
        raise LegendError(
            str(root),
            found=f"{' and '.join(found)} say different things about the classes",
            remedy="pass legend= with the path of one",
        )
    return next(iter(found.values()), None)


def read_legend(path: Path) -> Legend:
    """Read a legend file of any of the kinds above; the suffix tells JSON and CSV from lines of text.

    Raises:
        LegendError: if the file cannot be read, or a line is malformed.
    """
    with legend_errors(path, _EXPECTED):
        text = _text(path)
        match path.suffix.lower():
            case ".json":
                rows = _rows_of_json(json.loads(text))
            case ".csv":
                rows = _rows_of_csv(text)
            case _:
                rows = _rows_of_lines(text)
        return _legend(rows, path.parent.name)


@contextmanager
def legend_errors(where: Path | str, expected: str) -> Iterator[None]:
    """Turn whatever is wrong with the description of a legend into a LegendError that names its file.

    Args:
        where: the file, or what else holds the description.
        expected: what it should hold, for errors that do not say it themselves.
    """
    try:
        yield
    except LegendError as error:
        raise LegendError(str(where), found=error.found, expected=error.expected, remedy=error.remedy) from None
    except OSError as error:
        found = f"the file cannot be read ({error.strerror})"
        raise LegendError(str(where), found=found, remedy="check its permissions") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise LegendError(str(where), found=f"malformed ({error})", expected=expected) from None


def _text(path: Path) -> str:
    if (size := path.stat().st_size) > MAX_LEGEND_BYTES:
        expected = f"{_EXPECTED}, of at most {MAX_LEGEND_BYTES:,} bytes"
        raise LegendError(str(path), found=f"{size:,} bytes", expected=expected)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise LegendError(str(path), found=found, expected=_EXPECTED, remedy="save it as UTF-8") from None


def _rows_of_lines(text: str) -> list[_Row]:
    rows = []
    for number, line in enumerate((raw.strip() for raw in re.split(r"\r\n|\n|\r", text)), 1):
        if not line or line[0] == "#":
            continue
        if match := _COLOUR_FIRST.fullmatch(line):
            red, green, blue, name = match.groups()
            rows.append(_Row(name, (int(red), int(green), int(blue)), None))
        elif match := _NAME_FIRST.fullmatch(line):
            name, red, green, blue = match.groups()
            rows.append(_Row(name, (int(red), int(green), int(blue)), None))
        elif match := _NAME_ONLY.fullmatch(line):
            rows.append(_Row(match[1], None, None))
        else:
            expected = "'name', 'name:r,g,b::', 'name,r,g,b' or 'r g b name'"
            raise LegendError("", found=f"line {number}: {line!r} is malformed", expected=expected)
    return rows


def _rows_of_csv(text: str) -> list[_Row]:
    lines = [line for line in csv.reader(text.splitlines(), skipinitialspace=True) if line]
    header = [cell.strip().casefold() for cell in lines[0]] if lines else []
    names, values = (
        [column for column, cell in enumerate(header) if cell in words] for words in (_NAME_HEADERS, _VALUE_HEADERS)
    )
    channels = next(([header.index(part) for part in words] for words in _COLOUR_HEADERS if {*words} <= {*header}), [])
    if len(names) != 1 or len(values) > 1:
        found = f"header {','.join(header)!r} is not understood"
        raise LegendError("", found=found, expected="'name,r,g,b' or 'Pixel Value, Class'")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        try:
            colour = as_colours([[int(line[column]) for column in channels]])[0] if channels else None
            rows.append(_Row(line[names[0]].strip(), colour, int(line[values[0]]) if values else None))
        except (ValueError, IndexError):
            found = f"row {number}: {','.join(line)!r} does not fit the header"
            raise LegendError("", found=found, expected=f"values of {','.join(header)!r}") from None
    return rows


def _rows_of_json(described: Any) -> list[_Row]:
    try:
        names = described["label_map"].items()
        colours = as_colours(described.get("segmentation_colors") or ())
        rows = [_Row(str(name), None, int(index)) for index, name in names]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        expected = "label_map and, if wanted, segmentation_colors"
        raise LegendError("", found=f"malformed ({error!r})", expected=expected) from None
    if colours and len(colours) != len(rows):
        raise LegendError("", found=f"{len(colours)} segmentation_colors for {len(rows)} classes", expected="one each")
    return [row._replace(colour=colour) for row, colour in zip(rows, colours, strict=True)] if colours else rows


def _legend(rows: list[_Row], title: str) -> Legend:
    rows = [row for row in rows if row.name != _UNNUMBERED]
    _check_rows(rows)
    stored = [position if row.stored is None else row.stored for position, row in enumerate(rows)]
    palette = voc_colours(max(stored, default=0) + 1)  # of the masks whose legend names no colours
    colours = [palette[value] if row.colour is None else row.colour for row, value in zip(rows, stored, strict=True)]
    void = [n for n, row in enumerate(rows) if row.name.casefold() in VOID_NAMES]
    classes = [n for n in range(len(rows)) if n not in void]
    spare = 255 if len(classes) <= 254 else 65535
    # What VOC's masks use for void is void here, too, unless the file says otherwise.
    void_colours = [colours[n] for n in void] + [VOID_COLOUR] * (VOID_COLOUR not in colours)
    void_indices = [stored[n] for n in void] + [spare] * (spare not in stored)
    return Legend(
        tuple(rows[n].name for n in classes),
        tuple(colours[n] for n in classes),
        tuple(void_colours),
        tuple(stored[n] for n in classes),
        tuple(void_indices),
        title=title,
    )


def _check_rows(rows: Sequence[_Row]) -> None:
    plain = [row.name for row in rows if row.colour is None]
    if 0 < len(plain) < len(rows):
        found = f"class {plain[0]!r} has no colour but others have"
        raise LegendError("", found=found, remedy="give a colour to every class or to none")
    seen: dict[int, str] = {}
    for row in rows:
        if not row.name.isprintable():
            raise LegendError("", found=f"class name {row.name!r} holds control characters", expected="plain text")
        if row.stored is not None and not 0 <= row.stored <= 65535:
            raise LegendError("", found=f"class {row.name!r} is stored as {row.stored}", expected="0..65535")
        if row.stored is not None and seen.setdefault(row.stored, row.name) != row.name:
            found = f"{row.stored} stands for {seen[row.stored]!r} and for {row.name!r}"
            raise LegendError("", found=found, expected="one class")
