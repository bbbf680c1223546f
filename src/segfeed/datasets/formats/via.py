"""VGG Image Annotator, versions 1 and 2: one JSON a folder of photos.

train/via_region_data.json     photo -> filename, regions (a map in version 1, a list in 2); a project holds the same
train/0001.jpg                 in `_via_img_metadata`

The class is an attribute of each region: the only one, or the one that is called class, label, type or the like; if
regions have none, they are all of the class "object". VIA itself fills nothing, so the pixels count whose centre a
shape covers, later regions cover earlier ones, and rule="tool" fills as pycocotools does.

Source: gitlab.com/vgg/via, via-2.x.y (`import_annotations_from_json`).
"""

import os
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.drawn.drawn_format import Annotations, DrawnFormat, Listing, by_name
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, files_below, size_of_photo
from segfeed.datasets.drawn.json_reading import read_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points

_STYLE = Style("centre")
_WORDS = (b'"shape_attributes"', b'"region_attributes"')
_CLASS_WORDS = ("class", "label", "class_name", "category", "class_id", "type", "name", "object")
_UNNAMED = "object"


def _list(annotations: Annotations) -> Listing:
    """List the photos of a split; one without regions is all background.

    Raises:
        SourceError: if a JSON is malformed, or nothing says which attribute is the class.
    """
    root, split = annotations.root, annotations.split
    regions = [region for file in annotations.every for entry in _read(file) for region in _regions(entry)]
    word = _class_word(regions, root)
    classes = Classes(tuple(sorted({_label(region, word, str(root)) for region in regions})))
    [file] = annotations.files
    places = PhotoPlaces.near(Path(file.path), root)
    drawn = []
    for place, entry in enumerate(_read(file)):
        photo = places.find(str(entry.get("filename")), split)
        label = f"{os.path.basename(file.path)}: {entry.get('filename')}"
        sketch = partial(_sketch, file, place, photo, label, classes, word)
        turned = partial(sketch, upright=True)
        mask = DrawnMask(file, str(place), label, sketch, _STYLE, sketch_upright=turned)
        drawn.append(Drawn(str(entry.get("filename")), mask, photo))
    return Listing(drawn, places, classes)


_find = partial(files_below, suffixes=(".json",), words=_WORDS)
FORMAT = DrawnFormat.of_files(_find, "VIA's regions", by_name, _list)


@lru_cache(maxsize=8)
def _read(file: File) -> list[dict[str, Any]]:
    found = read_json(file)
    if isinstance(found, dict):
        found = found.get("_via_img_metadata", found)
    entries = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise SourceError(file.path, found="no map of photos", expected="VIA's regions")
    return entries


def _regions(entry: dict[str, Any]) -> list[dict[str, Any]]:
    regions = entry.get("regions") or []
    return list(regions.values()) if isinstance(regions, dict) else regions


def _class_word(regions: list[dict[str, Any]], root: Path) -> str:
    """Return the attribute that is the class; "" if no region has any."""
    words: list[str] = list(dict.fromkeys(word for region in regions for word in region.get("region_attributes") or {}))
    known = [word for word in words if word.casefold() in _CLASS_WORDS]
    if len(words) < 2:
        return words[0] if words else ""
    if len(known) != 1:
        raise SourceError(
            str(root),
            found=f"regions have attributes {', '.join(words[:8])}, of which any may be the class",
            expected=f"one that is called {', '.join(_CLASS_WORDS)}",
            remedy="rename it in the JSON",
        )
    return known[0]


def _label(region: dict[str, Any], word: str, where: str) -> str:
    """Return the class of a region: the value of an attribute, or the only one that is chosen of a map."""
    found = (region.get("region_attributes") or {}).get(word) if word else _UNNAMED
    if isinstance(found, dict):
        chosen = [str(name) for name, value in found.items() if value]
        if len(chosen) > 1:
            raise SourceError(where, found=f"a region of {word} {', '.join(chosen)}", expected="one of them")
        found = "".join(chosen)
    if found is None or not str(found).strip():
        raise SourceError(where, found=f"a region without {word}", expected="its class", remedy="add or remove it")
    return str(found).strip()


def _sketch(
    file: File, place: int, photo: Blob | None, where: str, classes: Classes, word: str, *, upright: bool = False
) -> Drawing:
    if photo is None:
        raise MaskError(where, found="no photo, which alone says the size", expected="one")
    seen = ClassesSeen(classes, where, {})
    shapes = []
    for number, region in enumerate(_regions(_read(file)[place]), start=1):
        value = seen.value_of(_label(region, word, where), f"region {number}")
        shapes.append(_shape(region.get("shape_attributes") or {}, value, number, where))
    return Drawing(size_of_photo(photo, upright=upright), tuple(shapes), seen.names)


def _shape(region: dict[str, Any], value: int | None, number: int, where: str) -> Shape:
    kind = str(region.get("name"))
    what = f"{kind} {number}"
    try:
        match kind:
            case "polygon" | "polyline":
                x, y = region["all_points_x"], region["all_points_y"]
                if len(x) != len(y):
                    found = f"{what} of {len(x)} all_points_x and {len(y)} all_points_y"
                    raise MaskError(where, found=found, expected="as many of both")
                points = as_points(np.array([x, y]).T, where, what)
                return Shape("rings" if kind == "polygon" else "line", value, (points,), number)
            case "circle" | "ellipse":
                radii = [region["r"]] * 2 if kind == "circle" else [region["rx"], region["ry"]]
                turn = float(np.degrees(float(region.get("theta") or 0)))
                numbers = as_points([region["cx"], region["cy"], *radii, turn, 0], where, what)
                return Shape("ellipse", value, (numbers,), number)
            case "rect":
                left, top, width, height = (float(region[word]) for word in ("x", "y", "width", "height"))
                corners = as_points([left, top, left + width, top + height], where, what)
                return Shape("box", value, (corners,), number)
            case "point":
                return Shape("point", value, (as_points([region["cx"], region["cy"]], where, what),), number)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, MaskError):
            raise
        raise MaskError(where, found=f"{what} without {error}", expected="VIA's fields") from None
    raise MaskError(where, found=f"region {number} of shape {kind!r}", expected="one of VIA's")
