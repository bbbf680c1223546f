"""Legend files: the texts in which tools write down a dataset's class names, their colours and their stored values.

labelmap.txt        name:r,g,b:parts:actions         CVAT, Datumaro
class_names.txt     name                             labelme
codes.txt           name                             fastai
label_colors.txt    r g b name                       CamVid, Datumaro
class_dict.csv      header name,r,g,b                CamVid and others on Kaggle; labelmap.csv is alike
_classes.csv        header Pixel Value, Class        Roboflow
dataset_meta.json   label_map, segmentation_colors   Datumaro
classes.txt, labels.txt, id2label.json, ...          people, in any of the forms that `in_lines`, `in_tables`
                                                     and `in_json` read

A class is stored in masks as the value or the colour that the file gives it; if it gives neither, as its position,
counted from 0. A class whose name says so (`means_void`) is void.
"""

import csv
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import read_file, without_separator
from segfeed.datasets.legends.in_json import is_grouping, is_legend, load_json, rows_of_json
from segfeed.datasets.legends.in_lines import rows_of_text
from segfeed.datasets.legends.in_tables import Row
from segfeed.datasets.legends.making import agreed_rows, legend_of_rows
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.class_names import letters_of, means_void
from segfeed.pixels.files.kinds import KIND_OF_SUFFIX, kind_of
from segfeed.pixels.legend import Legend
from segfeed.system.showing import some

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

ONE_OF_THEM = "a legend file, such as labelmap.txt or classes.txt"
"""What is expected of a folder, for errors; docs/formats.md lists all."""

MAX_LEGEND_BYTES = 1 << 20

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
_OF_A_PICTURE = "pass a palette PNG for its colours, or a text, a table or JSON"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def find_legend(root: Path, names: Sequence[str] = LEGEND_FILES) -> Legend | None:
    """Read the legend file in a folder, whatever the case of its name; None if there is none.

    Raises:
        LegendError: if it is malformed or cannot be read, or if there are several that say different things.
    """
    found: dict[str, list[Row] | Legend] = {}
    for path in list_named(root, names):
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


def explain_unread(root: Path) -> str:
    """Return why files that may name a folder's classes are not read as its legend, as a clause; "" for none."""
    unsure = (path for path in list_named(root, LEGEND_FILES) if path.name.lower() in _UNCERTAIN)
    return "; ".join(f"{path.name} {why}" for path in unsure if (why := _read_certain(path)[1]))


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


def legend_of_json(described: bytes, where: str, title: str) -> Legend:
    """Make a legend of JSON, as a legend file would hold it.

    Raises:
        LegendError: if it is of no known form, with `where` as its place.
    """
    with legend_errors(where, "stored values and class names"):
        return _as_legend(_said_in_json(load_json(described.decode("utf-8-sig"))), title)


def refuse_ignored_legend(root: Path, legend: Legend, called: str) -> None:
    """Refuse a legend file in a dataset's folder whose classes are not those of the legend that the format takes.

    A file that has all of the legend's classes agrees with it, whatever else it lists: tools write one beside
    Cityscapes with all its 35 labels.

    Raises:
        LegendError: if there is one.
    """
    names = set(map(letters_of, legend.names)) - {"background"}  # which some lists leave out
    for path in list_named(root, LEGEND_FILES):
        try:
            other = read_legend(path)
        except LegendError:
            continue  # whatever it is: it is said if the file is asked for
        if not names <= set(map(letters_of, other.names)):
            raise LegendError(
                str(path),
                found=f"the file has {some(other.names, 4)}, but format {called!r} reads masks by legend "
                f"{legend.title!r}, of {some(legend.names, 4)}",
                expected="one that says what the masks mean",
                remedy=f"pass legend={str(path)!r} (on the command line --legend {path}) if the file is "
                "right, or move it elsewhere if the format is",
            )


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


def list_named(root: Path, names: Sequence[str]) -> list[Path]:
    """List what has one of some names in a folder, in the names' order; whatever its case, and whatever it is.

    Raises:
        LegendError: if the folder cannot be read.
    """
    try:
        there = sorted(os.listdir(root))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        found = f"the folder cannot be read ({error.strerror})"
        raise LegendError(str(root), found=found, remedy="check its permissions") from error
    return [root / entry for name in names for entry in there if entry.lower() == name.lower()]


def _check_file(path: Path) -> None:
    """Raise LegendError if a path is not a file: a pipe would never end, and a link to nothing says nothing."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        found = "a link to nothing" if path.is_symlink() else "no such file"
        raise LegendError(str(path), found=f"the file cannot be read ({found})", expected="a legend file") from None
    except OSError as error:
        found = f"the file cannot be read ({error.strerror})"
        raise LegendError(str(path), found=found, expected="a legend file") from error
    if not stat.S_ISREG(mode):
        found = "a folder" if stat.S_ISDIR(mode) else "neither a file nor a folder"
        raise LegendError(str(path), found=f"the file cannot be read ({found})", expected="a legend file")


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
        return _said_in_json(load_json(text))
    return rows_of_text(text, is_table=suffix in (".csv", ".tsv"))


def _said_in_json(described: Any) -> list[Row] | Legend:
    return Legend.from_json(described) if is_legend(described) else rows_of_json(described)


def _is_json(text: str) -> bool:
    try:
        load_json(text)
    except (ValueError, RecursionError):
        return False
    return True


def _text(path: Path) -> str:
    try:
        content = read_file(path, MAX_LEGEND_BYTES)
    except SourceError as error:
        expected = ", ".join(filter(None, (_EXPECTED, error.expected)))
        raise LegendError(str(path), found=error.found, expected=expected, remedy=error.remedy) from error
    try:
        text, at = without_separator(content.decode("utf-8-sig")), content.find(b"\0")
    except UnicodeDecodeError as error:
        text, at = "", error.start
    if at < 0:
        return text
    if (kind := kind_of(content)) in KIND_OF_SUFFIX.values():
        raise LegendError(str(path), found=f"{kind}, not a text", expected=_EXPECTED, remedy=_OF_A_PICTURE)
    found = f"byte {at} is not UTF-8"
    if content.startswith(_UTF16) or b"\0" in content:
        at = 0 if content.startswith(_UTF16) else content.index(b"\0")
        found = f"byte {at} is not UTF-8 text (this looks like UTF-16)"
    raise LegendError(str(path), found=found, expected=_EXPECTED, remedy="save it as UTF-8")


def _as_legend(said: list[Row] | Legend, title: str) -> Legend:
    return said if isinstance(said, Legend) else legend_of_rows(said, title)


def _agree(one: list[Row] | Legend, other: list[Row] | Legend) -> list[Row] | Legend | None:
    """Return what two files say together; None if they contradict each other."""
    if isinstance(one, Legend) or isinstance(other, Legend):
        return one if _as_legend(one, "").digest == _as_legend(other, "").digest else None
    return agreed_rows(one, other)
