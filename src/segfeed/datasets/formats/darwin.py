"""V7 Darwin 2: one JSON a photo.

releases/latest/annotations/0001.json     item with slots, annotations: polygon.paths, raster_layer, bounding_box, ...
images/0001.png

Classes are all names in the order of the alphabet. Later annotations cover earlier ones, and upolygon decides which
pixels a polygon covers, its outline included; several paths cut holes into each other.

Source: docs.v7labs.com, "Darwin JSON 2.0"; darwin/exporter/formats/mask.py of github.com/v7labs/darwin-py.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.drawn_format import Annotations, DrawnFormat, Listing, by_folder
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, files_of_photos
from segfeed.datasets.drawn.json_reading import has_words, read_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points
from segfeed.pixels.shapes.runs import shape_of_cover

_STYLE = Style("upolygon")
_WORDS = (b'"item"', b'"slots"', b'"annotations"')
_LAYER = "__raster_layer__"
_OTHERS = ("bounding_box", "line", "keypoint", "skeleton", "cuboid")


def _files(root: Path) -> Iterator[Path]:
    return (one for one in files_of_photos(root) if has_words(one, _WORDS))


def _list(annotations: Annotations) -> Listing:
    """List the photos of a split: those that have a JSON."""
    names = {str(one.get("name")) for file in annotations.every for one in _read(file)["annotations"]}
    classes = Classes(tuple(sorted(names - {_LAYER})))
    drawn = []
    for file in annotations.files:
        item = _read(file)["item"]
        named = f"{item.get('path') or '/'}/{item.get('name')}".lstrip("/")
        drawn.append(Drawn(named, DrawnMask(file, "", file.name, partial(_sketch, file, classes), _STYLE, "upolygon")))
    return Listing(drawn, PhotoPlaces.near(annotations.root, annotations.root), classes)


FORMAT = DrawnFormat.of_files(_files, "Darwin's item and slots", by_folder, _list)


@lru_cache(maxsize=64)
def _read(file: File) -> dict[str, Any]:
    found = read_json(file)
    whole = isinstance(found, dict) and isinstance(found.get("item"), dict) and found["item"].get("slots")
    if not whole or not isinstance(found.get("annotations"), list):
        raise SourceError(file.path, found="no item with slots", expected="Darwin JSON 2.0")
    return dict(found)


def _sketch(file: File, classes: Classes) -> Drawing:
    found, where = _read(file), file.name
    seen = ClassesSeen(classes, where, {})
    slots = found["item"]["slots"]
    if slots[0].get("type") == "video":
        remedy = "export its frames as images in V7"
        raise MaskError(where, found="a video, whose annotations lie in frames", expected="one picture", remedy=remedy)
    if len(slots) != 1 or not slots[0].get("height"):
        raise MaskError(where, found=f"{len(slots)} slots", expected="one picture with width and height")
    size = int(slots[0]["height"]), int(slots[0]["width"])
    shapes: list[Shape] = []
    owners = {entry.get("id"): entry for entry in found["annotations"]}
    for number, entry in enumerate(found["annotations"], start=1):
        if "raster_layer" in entry:
            shapes += _layer(entry["raster_layer"], owners, size, seen)
        elif "mask" not in entry and "tag" not in entry:  # a mask has its pixels in a raster layer
            shapes.append(_shape(entry, seen.value_of(entry.get("name"), f"annotation {number}"), number, where))
    return Drawing(size, tuple(shapes), seen.names)


def _shape(entry: dict[str, Any], value: int | None, number: int, where: str) -> Shape:
    what = f"annotation {number}"
    try:
        if "polygon" in entry:
            paths = entry["polygon"].get("paths") or [entry["polygon"]["path"]]
            rings = tuple(as_points([[one["x"], one["y"]] for one in path], where, what) for path in paths)
            return Shape("rings", value, rings, number)
        if "ellipse" in entry:
            centre, radius = entry["ellipse"]["center"], entry["ellipse"]["radius"]
            turn = float(np.degrees(entry["ellipse"].get("angle") or 0))
            numbers = [centre["x"], centre["y"], radius["x"], radius["y"], turn, 0]
            return Shape("ellipse", value, (as_points(numbers, where, what),), number)
        if set(entry) & {"line", "keypoint", "skeleton", "cuboid"}:
            return Shape("point", value, (as_points([0, 0], where, what),), number)
        if "bounding_box" not in entry:
            found, expected = f"{what} of {', '.join(entry)}", f"polygon, raster_layer or one of {', '.join(_OTHERS)}"
            raise MaskError(where, found=found, expected=expected)
        box = entry["bounding_box"]
        corners = [box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]]
        return Shape("box", value, (as_points(corners, where, what),), number)
    except (KeyError, TypeError) as error:
        found = f"{what} without {error}"
        raise MaskError(where, found=found, expected=f"polygon, raster_layer or one of {', '.join(_OTHERS)}") from None


def _layer(layer: dict[str, Any], owners: dict[Any, Any], size: tuple[int, int], seen: ClassesSeen) -> list[Shape]:
    """Read a raster layer: pairs of a value and a count in reading order, and whose each value is."""
    try:
        pairs = np.asarray(layer["dense_rle"], np.int64).reshape(-1, 2)
        mapping = {int(value): owners[key]["name"] for key, value in layer["mask_annotation_ids_mapping"].items()}
    except (KeyError, TypeError, ValueError) as error:
        found = f"a raster layer without {error}"
        raise MaskError(seen.where, found=found, expected="dense_rle and mask_annotation_ids_mapping") from None
    if (pairs[:, 1] < 0).any() or pairs[:, 1].sum() != size[0] * size[1]:
        found = f"a raster layer of {int(pairs[:, 1].sum()):,} px"
        raise MaskError(seen.where, found=found, expected=f"{size[1]} x {size[0]}", remedy="export it again")
    pixels = np.repeat(pairs[:, 0], pairs[:, 1]).reshape(size)
    values = [int(one) for one in np.unique(pixels) if one]
    return [
        shape_of_cover(pixels == one, seen.value_of(mapping.get(one), f"value {one} of the raster layer"), number=-one)
        for one in values
    ]
