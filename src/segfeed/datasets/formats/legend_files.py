"""Legend files: the texts in which tools write down a dataset's class names, their colours and their stored values.

labelmap.txt        name:r,g,b:parts:actions         CVAT, Datumaro
class_names.txt     name                             labelme
codes.txt           name                             fastai
label_colors.txt    r g b name                       CamVid, Datumaro
class_dict.csv      header name,r,g,b                CamVid and others on Kaggle; labelmap.csv is alike
_classes.csv        header Pixel Value, Class        Roboflow
dataset_meta.json   label_map, segmentation_colors   Datumaro
classes.txt, labels.txt, id2label.json, ...          people, in any of the forms that `legend_lines`, `legend_tables`
                                                     and `legend_json` read

A class is stored in masks as the value or the colour that the file gives it; if it gives neither, as its position,
counted from 0. A class whose name says so (`means_void`) is void.
"""

import csv
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from segfeed.datasets.formats.legend_json import is_grouping, is_legend, load_json, rows_of_json
from segfeed.datasets.formats.legend_lines import rows_of_text
from segfeed.datasets.formats.legend_tables import Row
from segfeed.errors import LegendError
from segfeed.pixels.class_names import Value, as_names, describe_void, find_twins, means_void
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, Colour, voc_colours

_COUNTED = (
    "labelmap.txt",
    "class_names.txt",
    "codes.txt",
    "label_colors.txt",
    "class_dict.csv",
    "labelmap.csv",
    "_classes.csv",
    "dataset_meta.json",
)
"""Files of tools that count from 0, so that a list of bare names is certain."""

_UNCERTAIN = (
    "classes.txt",
    "labels.txt",
    "label_map.txt",
    "label_names.txt",
    "classes.csv",
    "labels.csv",
    "class_mapping.csv",
    "classes.json",
    "labels.json",
    "id2label.json",
    "label2id.json",
)
"""Names that people choose, and detectors for lists without background: read if they say what masks store."""

LEGEND_FILES = (*_COUNTED, *_UNCERTAIN)

MAX_LEGEND_BYTES = 1 << 20

_UNNUMBERED = "__ignore__"  # labelme's name for -1: it has no position of its own, and is void in the masks
_BACKGROUNDS = ("background", "bg", "unlabelled", "unlabeled")
_EXPECTED = "a text that names the classes"
_NOT_READ = (
    ".yaml",
    ".yml",
    ".xml",
    ".pbtxt",
    ".toml",
    ".xlsx",
    ".xls",
    ".py",
    ".pkl",
    ".npy",
    ".mat",
    ".docx",
    ".pdf",
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def find_legend(root: Path, names: Sequence[str] = LEGEND_FILES) -> Legend | None:
    """Read the legend file in a folder, whatever the case of its name; None if there is none.

    Raises:
        LegendError: if it is malformed or cannot be read, or if there are several that say different things.
    """
    found: dict[str, list[Row] | Legend] = {}
    for path in _listed(root, names):
        with legend_errors(path, _EXPECTED):
            _check_file(path)
        said, _ = _read_certain(path)
        if said is not None:
            found[path.name] = said
    if not found:
        return None
    agreed, *others = found.values()
    for other in others:
        both = _agree(agreed, other)
        if both is None:
            raise LegendError(
                str(root),
                found=f"{' and '.join(found)} say different things about the classes",
                remedy="pass legend= with the path of one",
            )
        agreed = both
    with legend_errors(root / next(iter(found)), _EXPECTED):
        return _as_legend(agreed, root.name)


def explain_unread(root: Path, names: Sequence[str] = LEGEND_FILES) -> str:
    """Return why files that may name a folder's classes are not read as its legend, as a clause; "" for none."""
    told = [(path.name, _read_certain(path)[1]) for path in _listed(root, names) if path.name.lower() in _UNCERTAIN]
    return "; ".join(f"{name} {why}" for name, why in told if why)


def read_legend(path: Path) -> Legend:
    """Read a legend file of any of the kinds above.

    Raises:
        LegendError: if the file cannot be read, a line is malformed, or there are two readings.
    """
    with legend_errors(path, _EXPECTED):
        return _as_legend(_read(path), path.parent.name)


def read_legend_or_groups(path: Path) -> Legend | Mapping[str, str | None]:
    """Read a legend file as `read_legend` does, or JSON that maps class names to those that they become.

    Raises:
        LegendError: if it is neither.
    """
    with legend_errors(path, _EXPECTED):
        _check_file(path)
        if path.suffix.lower() == ".json" and is_grouping(described := load_json(_text(path))):
            groups: Mapping[str, str | None] = described
            return groups
        return read_legend(path)


def legend_of_names(names: Sequence[str]) -> Legend:
    """Make a legend of bare names, as a legend file of one name a line would: a name that says void is void.

    Raises:
        LegendError: if they are not texts in an order, or not alike in kind.

    >>> legend = legend_of_names(["void", "road", "tree"])
    >>> legend.names, legend.indices, legend.void_indices
    (('road', 'tree'), (1, 2), (0, 255))
    """
    return legend_of_rows([Row(name.strip()) for name in as_names(names)], "custom")


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


def _listed(root: Path, names: Sequence[str]) -> list[Path]:
    """List the files of a folder that have one of some names, in the names' order."""
    try:
        there = sorted(os.listdir(root))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        found = f"the folder cannot be read ({error.strerror})"
        raise LegendError(str(root), found=found, remedy="check its permissions") from error
    return [root / entry for name in names for entry in there if entry.lower() == name]


def _check_file(path: Path) -> None:
    """Raise LegendError if a path is not a file: a pipe would never end, and a link to nothing says nothing."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        found = "a link to nothing" if path.is_symlink() else "no such file"
        raise LegendError(str(path), found=found, expected="a legend file") from None
    except OSError as error:
        found = f"the file cannot be read ({error.strerror})"
        raise LegendError(str(path), found=found, expected="a legend file") from error
    if not stat.S_ISREG(mode):
        found = "a folder" if stat.S_ISDIR(mode) else "neither a file nor a folder"
        raise LegendError(str(path), found=found, expected="a legend file")


def _read_certain(path: Path) -> tuple[list[Row] | Legend | None, str]:
    """Read a file that was found by its name; None, and why, if it is not certain that it says what masks store."""
    try:
        with legend_errors(path, _EXPECTED):
            said = _read(path)
    except LegendError as error:
        if path.name.lower() in _COUNTED:
            raise
        return None, f"is not a legend file ({error.found})"
    if path.name.lower() in _COUNTED or isinstance(said, Legend) or not said or _is_certain(said):
        return said, ""
    return None, "lists bare names, and does not say whether the first is stored as 0 or as 1"


def _is_certain(rows: Sequence[Row]) -> bool:
    first = rows[0]
    starts_at_0 = first.name.strip("_ ").casefold() in _BACKGROUNDS or means_void(first.name)
    return first.stored is not None or first.colour is not None or starts_at_0


def _read(path: Path) -> list[Row] | Legend:
    _check_file(path)
    suffix = path.suffix.lower()
    if suffix in _NOT_READ:
        raise LegendError(
            str(path), found=f"a {suffix} file, which is not read as a legend", expected="text, CSV or JSON"
        )
    text = _text(path)
    if suffix == ".json" or (text.lstrip()[:1] in ("[", "{") and _is_json(text)):
        described = load_json(text)
        return Legend.from_json(described) if is_legend(described) else rows_of_json(described)
    return rows_of_text(text, is_table=suffix in (".csv", ".tsv"))


def _is_json(text: str) -> bool:
    try:
        load_json(text)
    except (ValueError, RecursionError):
        return False
    return True


def _text(path: Path) -> str:
    if (size := path.stat().st_size) > MAX_LEGEND_BYTES:
        expected = f"{_EXPECTED}, of at most {MAX_LEGEND_BYTES:,} bytes"
        raise LegendError(str(path), found=f"{size:,} bytes", expected=expected)
    content = path.read_bytes()
    if content.startswith(_UTF16) or b"\0" in content:
        raise LegendError(str(path), found="this is UTF-16 or not text", expected=_EXPECTED, remedy="save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise LegendError(str(path), found=found, expected=_EXPECTED, remedy="save it as UTF-8") from None


def _as_legend(said: list[Row] | Legend, title: str) -> Legend:
    return said if isinstance(said, Legend) else legend_of_rows(said, title)


def _agree(one: list[Row] | Legend, other: list[Row] | Legend) -> list[Row] | Legend | None:
    """Return what two files say together; None if they contradict each other."""
    if isinstance(one, Legend) or isinstance(other, Legend):
        return one if _as_legend(one, "").digest == _as_legend(other, "").digest else None
    one, other = _distinct(one), _distinct(other)
    if len(one) != len(other):
        return None
    stored = [_positions(rows) for rows in (one, other)]
    agreed = []
    for a, b, value_a, value_b in zip(one, other, *stored, strict=True):
        pairs = ((a.name, b.name), (value_a, value_b), (a.colour, b.colour))
        if any(x != y for x, y in pairs if x is not None and y is not None):
            return None
        agreed.append(a._replace(stored=b.stored if a.stored is None else a.stored, colour=a.colour or b.colour))
    return agreed


def _positions(rows: Sequence[Row]) -> Sequence[int | None]:
    is_bare = all(row.stored is None and row.colour is None for row in rows)
    return range(len(rows)) if is_bare else [row.stored for row in rows]


def legend_of_rows(rows: Sequence[Row], title: str) -> Legend:
    """Make a legend of what a file says of each class.

    Classes are numbered by their stored values if the file gives them, else by their order. Several rows of one name
    are one class. What VOC's masks use for void (255, its colour) is void here, too, unless the file says otherwise.

    Raises:
        LegendError: if rows contradict each other.
    """
    rows = _distinct(rows)
    _check_rows(rows)
    note = describe_void(row.name for row in rows)
    has_values, has_colours = (any(row[n] is not None for row in rows) for n in (1, 2))
    spare = 255 if len({row.name for row in rows if not means_void(row.name)}) <= 254 else 65535
    if has_values and not has_colours:
        values: dict[Value, str | None] = {row.stored: row.name for row in rows if row.stored is not None}
        return replace(
            Legend.of_values({**values, **({} if spare in values else {spare: None})}, title=title), note=note
        )
    numbers = {name: number for number, name in enumerate(dict.fromkeys(row.name for row in rows))}
    palette = [colour for colour in voc_colours(len(rows) + 1) if colour != VOID_COLOUR]  # of bare names
    codes: dict[str, list[tuple[Colour | None, int | None]]] = {}
    void: list[tuple[Colour | None, int | None]] = []
    for row in rows:
        is_further = not has_values and row.name in codes  # its name is stored as a position once
        stored = row.stored if has_values else None if is_further else numbers[row.name]
        colour = row.colour if has_colours else palette[numbers[row.name]]
        (void if means_void(row.name) else codes.setdefault(row.name, [])).append((colour, stored))
    firsts = [found[0] for found in codes.values()]
    known = [code for found in (*codes.values(), void) for code in found]
    void += [(VOID_COLOUR, None)] * (VOID_COLOUR not in [colour for colour, _ in known])
    void += [(None, spare)] * (spare not in [stored for _, stored in known])
    return Legend(
        tuple(codes),
        tuple(colour for colour, _ in firsts if colour is not None),
        tuple(dict.fromkeys(colour for colour, _ in void if colour is not None)),
        tuple(stored for _, stored in firsts if stored is not None),
        tuple(dict.fromkeys(stored for _, stored in void if stored is not None)),
        title=title,
        merged=tuple((n, *code) for n, found in enumerate(codes.values()) for code in found[1:]),
        reading="colour" if has_colours and not has_values else "either",
        note=note,
    )


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in the order of the classes, without labelme's first line and lines that are repeated."""
    if rows and rows[0][:3] == (_UNNUMBERED, None, None):
        rows = rows[1:]
    if any(row.stored is None and row.colour is None for row in rows):
        return list(rows)  # each has a position
    rows = list({row[:3]: row for row in reversed(rows)}.values())[::-1]
    return sorted(rows, key=lambda row: row.stored or 0)


def _check_rows(rows: Sequence[Row]) -> None:
    plain = [row for row in rows if row.colour is None and not (means_void(row.name) and row.stored is not None)]
    if plain and any(row.colour is not None for row in rows):
        found = f"{plain[0].where}class {plain[0].name!r} has no colour but others have"
        raise LegendError("", found=found, remedy="give a colour to every class or to none")
    seen: dict[object, Row] = {}
    for row in rows:
        if not row.name.isprintable():
            found = f"{row.where}class name {row.name!r} holds control characters"
            raise LegendError("", found=found, expected="plain text")
        if row.stored is not None and not 0 <= row.stored <= 65535:
            found = f"{row.where}class {row.name!r} is stored as {row.stored}"
            raise LegendError("", found=found, expected="0..65535")
        if row.colour is not None and not all(0 <= part <= 255 for part in row.colour):
            found = f"{row.where}class {row.name!r} has the colour {row.colour}, a part of which lies outside 0..255"
            raise LegendError("", found=found, expected="three whole numbers 0..255")
        for code in (row.stored, row.colour):
            first = seen.setdefault(code, row)
            if code is not None and first.name != row.name and not (means_void(first.name) and means_void(row.name)):
                found = f"{row.where}{code} stands for {first.name!r} and for {row.name!r}"
                remedy = "remove the colours if masks hold the stored values" if None not in row[1:3] else ""
                raise LegendError("", found=found, expected="one class", remedy=remedy)
    _check_names(rows)


def _check_names(rows: Sequence[Row]) -> None:
    is_bare = all(row.stored is None and row.colour is None for row in rows)
    names = [row.name for row in rows]
    twins = find_twins([name for name in (names if is_bare else dict.fromkeys(names)) if not means_void(name)])
    if twins is None:
        return
    one, other = twins
    last = rows[len(names) - 1 - names[::-1].index(other)]
    if one == other:
        found = f"{last.where}name {other!r} occurs twice, and nothing tells which values mean it"
        raise LegendError("", found=found, remedy="remove the line, or say what is stored for each")
    first = rows[names.index(one)]
    values = [row.stored if row.colour is None else row.colour for row in (first, last)]
    ways = "" if is_bare else f", or pass legend={{{values[0]}: {one!r}, {values[1]}: None, ...}} with every class"
    cvat = " (CVAT adds 'background' to a task that has a label of that name already)"
    raise LegendError(
        "",
        found=f"{last.where}names {one!r} and {other!r} differ in case only"
        f"{cvat if one.casefold() == 'background' and not is_bare else ''}",
        expected="names that differ in more",
        remedy=f"rename one in the file, or remove its line if no mask holds it{ways} (None is void)"
        if ways
        else "rename one",
    )
