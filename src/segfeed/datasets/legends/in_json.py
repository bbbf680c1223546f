"""Classes in JSON: lists of names, id2label and label2id, objects with name, id and color, COCO's categories."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from segfeed.datasets.legends.in_tables import HEX, Row, numbers_of, rows_of_table
from segfeed.errors import LegendError
from segfeed.pixels.palette import as_colours, voc_colours

JSON_FORMS = (
    'a list of names, {"0": "background"}, {"background": 0}, a list of {"id": 0, "name": "background", "color": '
    "[0, 0, 0]}, COCO's categories, label_map with segmentation_colors, or a legend as Legend.to_json writes it"
)

_LISTS = ("categories", "classes", "labels", "names", "id2label", "label2id")  # the keys that hold the classes
_COLOURS = ("segmentation_colors", "palette", "colors", "colours")  # lists of one colour a class
_FOREIGN = ("shape", "attributes")  # in Supervisely's and CVAT's objects "id" is that of a database
_LEGEND_FIELDS = ("colours", "void_colours", "indices", "void_indices", "merged", "reading")


def load_json(text: str) -> Any:
    """Parse JSON, strictly: a key that occurs twice is a ValueError, as is what is not JSON."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise ValueError(f"the key {twice!r} occurs twice")
        return found

    return json.loads(text, object_pairs_hook=once)


def is_legend(described: Any) -> bool:
    """Check whether JSON is what `Legend.to_json` writes."""
    return isinstance(described, dict) and "names" in described and any(key in described for key in _LEGEND_FIELDS)


def is_grouping(described: Any) -> bool:
    """Check whether JSON maps class names to other class names, as `legend=` groups do."""
    return (
        isinstance(described, dict)
        and bool(described)
        and all(isinstance(new, str | None) for new in described.values())
        and not any(_value(key) or _is_colour(key) for key in described)
        and not any(new is not None and (_value(new) or _is_colour(new)) for new in described.values())
    )


def rows_of_json(described: Any) -> list[Row]:
    """Read the classes of JSON.

    Raises:
        LegendError: if it is of no known form, or two parts of it say different things.
    """
    if isinstance(described, list):
        return _rows_of_list(described)
    if not isinstance(described, dict):
        _refuse(described)
    if "label_map" in described:
        return _rows_of_dataset_meta(described)
    found = [key for key in _LISTS if isinstance(described.get(key), list | dict)]
    if not found:
        return _rows_of_mapping(described)
    rows = rows_of_json(described[found[0]])
    for key in found[1:]:
        if {row[:3] for row in rows_of_json(described[key])} != {row[:3] for row in rows}:
            raise LegendError("", found=f"{found[0]} and {key} differ", expected="one list of classes")
    colours = next((described[key] for key in _COLOURS if described.get(key)), None)
    return _with_colours(rows, colours) if colours and all(row.colour is None for row in rows) else rows


def _rows_of_list(described: Sequence[Any]) -> list[Row]:
    if all(isinstance(name, str) for name in described):
        return [Row(name.strip(), where=f"entry {n}: ") for n, name in enumerate(described)]
    if all(isinstance(entry, dict) for entry in described):
        return _rows_of_objects(described)
    odd = next(n for n, entry in enumerate(described) if type(entry) is not type(described[0]) or n == 0)
    raise LegendError("", found=f"entry {odd}: {described[odd]!r:.60}", expected=JSON_FORMS)


def _rows_of_objects(entries: Sequence[Mapping[str, Any]]) -> list[Row]:
    columns = list(dict.fromkeys(key for entry in entries for key in entry))
    is_foreign = any(key in _FOREIGN for key in columns)
    columns = [key for key in columns if not (is_foreign and key == "id")]
    is_void = [entry.get("evaluate") is False or entry.get("ignoreInEval") is True for entry in entries]
    rows = [(f"entry {n}: ", [_cell(entry.get(key)) for key in columns]) for n, entry in enumerate(entries)]
    read = rows_of_table(columns, rows, strict=False)
    return [row._replace(name="void") if void else row for row, void in zip(read, is_void, strict=True)]


def _cell(value: Any) -> str:
    if value is None or isinstance(value, bool | dict):
        return ""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).strip()


def _rows_of_mapping(described: Mapping[str, Any]) -> list[Row]:
    if not described:
        _refuse(described)
    if all(isinstance(value, dict) for value in described.values()):  # value or name -> {"name": ..., "color": ...}
        called = "id" if all(map(_value, described)) else "name"
        return _rows_of_objects([{called: key, **entry} for key, entry in described.items()])
    return _rows_by_value(described) or _rows_by_name(described) or _refuse(described)


def _rows_by_value(described: Mapping[str, Any]) -> list[Row]:
    """Read stored values or colours -> names; None is void, as in a mapping that is passed as legend=."""
    if not all(isinstance(name, str | None) for name in described.values()):
        return []
    names = {key: "void" if name is None else name.strip() for key, name in described.items()}
    if all(map(_value, names)):
        return [Row(name, int(key), where=f"{key!r}: ") for key, name in names.items()]
    if all(map(_is_colour, names)):
        return [Row(name, None, _colour(key), f"{key!r}: ") for key, name in names.items()]
    return []


def _rows_by_name(described: Mapping[str, Any]) -> list[Row]:
    """Read names -> stored values or colours."""
    values = list(described.values())
    if any(map(_value, described)):
        return []
    if all(_value(value) if isinstance(value, str) else type(value) is int for value in values):
        return [Row(name.strip(), int(value), where=f"{name!r}: ") for name, value in described.items()]
    if all(isinstance(value, list) or (isinstance(value, str) and _is_colour(value)) for value in values):
        return [Row(name.strip(), None, _colour(value), f"{name!r}: ") for name, value in described.items()]
    return []


def _rows_of_dataset_meta(described: Mapping[str, Any]) -> list[Row]:
    """Read Datumaro's dataset_meta.json; without colours its masks have those of VOC's palette."""
    try:
        rows = [Row(str(name), int(index), where=f"{index!r}: ") for index, name in described["label_map"].items()]
        colours = as_colours(described.get("segmentation_colors") or ())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        expected = "label_map and, if wanted, segmentation_colors"
        raise LegendError("", found=f"malformed ({error!r})", expected=expected) from None
    if colours:
        return _with_colours(rows, colours)
    palette = voc_colours(max((row.stored or 0 for row in rows if (row.stored or 0) < 65536), default=0) + 1)
    return [row._replace(colour=palette[row.stored or 0]) if (row.stored or 0) < 65536 else row for row in rows]


def _with_colours(rows: Sequence[Row], colours: Sequence[Any]) -> list[Row]:
    if len(colours) != len(rows):
        raise LegendError("", found=f"{len(colours)} segmentation_colors for {len(rows)} classes", expected="one each")
    return [row._replace(colour=_colour(colour)) for row, colour in zip(rows, colours, strict=True)]


def _value(key: str) -> bool:
    return bool(re.fullmatch(r"\s*\d{1,5}\s*", key)) and int(key) <= 65535


def _is_colour(text: str) -> bool:
    return bool(HEX.fullmatch(text.strip())) or len(numbers_of(text) or ()) == 3


def _colour(value: Any) -> tuple[int, int, int]:
    parts = numbers_of(value) if isinstance(value, str) else value
    return as_colours([[int(part) for part in parts or ()] if isinstance(value, str) else value])[0]


def _refuse(described: Any) -> NoReturn:
    if is_grouping(described):
        raise LegendError(
            "",
            found="a mapping of class names to class names, which says what classes become, not what masks store",
            expected=JSON_FORMS,
            remedy="pass its path as legend= to a dataset that says what its masks mean",
        )
    raise LegendError("", found=f"malformed ({json.dumps(described):.60})", expected=JSON_FORMS)
