"""Supervisely's own JSON: a project of datasets, one file a photo.

meta.json                  classes: title, color
DATASET/img/0001.jpg
DATASET/ann/0001.jpg.json  size, objects: polygon with exterior and interior, bitmap, rectangle, line, point, ...

Later objects cover earlier ones, interiors are holes. Bitmaps are taken as they are; of polygons the pixels count whose
centre lies inside, and rule="tool" fills as pycocotools does. Datasets that bear the names of splits are splits.

Source: docs.supervisely.com, "Supervisely JSON format".
"""

import base64
import binascii
import os
import zlib
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy.typing as npt

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.drawn_format import Annotations, BySplit, DrawnFormat, Listing, by_folder
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, cover_of_png, files_of_photos
from segfeed.datasets.drawn.json_reading import has_words, read_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.datasets.source import Recognised
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points
from segfeed.pixels.shapes.runs import shape_of_cover

_STYLE = Style("centre")
_KINDS = ("polygon", "rectangle", "line", "point", "cuboid", "cuboid_2d", "graph")
_META = "meta.json"
_MOST_BYTES = 1 << 28


def _files(root: Path) -> list[Path]:
    return [one for one in files_of_photos(root) if one.parent.name == "ann"]


def _recognise(path: Path) -> Recognised | None:
    """Find meta.json above folders called ann; the root is the project's folder."""
    root = path.parent if path.name == _META else path
    if not has_words(root / _META, (b'"classes"', b'"title"')) or not _files(root):
        return None
    return Recognised(root, f"{_META} and folders called ann lie in {root}")


def _sort(root: Path) -> BySplit:
    return by_folder(_files(root), root)


def _list(annotations: Annotations) -> Listing:
    """List the photos of a split that have an annotation."""
    root = annotations.root
    classes = _read_classes(File.of(str(root / _META)))
    drawn = []
    for file in annotations.files:
        path, named = Path(file.path), file.name.removesuffix(".json")
        beside = path.parent.parent / "img" / named
        photo = File.of(str(beside)) if os.path.isfile(beside) else None
        below = str(path.parent.parent.relative_to(root) / named)
        mask = DrawnMask(file, "", file.name, partial(_sketch, file, classes), _STYLE)
        drawn.append(Drawn(below, mask, photo))
    return Listing(drawn, PhotoPlaces.near(root, root), classes)


FORMAT = DrawnFormat(_recognise, _sort, _list)


@lru_cache(maxsize=4)
def _read_classes(meta: File) -> Classes:
    try:
        return Classes(tuple(str(one["title"]) for one in read_json(meta)["classes"]))
    except (KeyError, TypeError):
        raise SourceError(meta.path, found="no classes with titles", expected="Supervisely's meta.json") from None


def _sketch(file: File, classes: Classes) -> Drawing:
    found, where = read_json(file), file.name
    seen = ClassesSeen(classes, where, {})
    try:
        size = int(found["size"]["height"]), int(found["size"]["width"])
        shapes = [
            _shape(entry, seen.value_of(entry.get("classTitle"), f"object {number}"), number, where)
            for number, entry in enumerate(found["objects"], start=1)
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, MaskError):
            raise
        raise MaskError(
            where, found=f"{type(error).__name__}: {error}", expected="Supervisely's size and objects"
        ) from None
    return Drawing(size, tuple(shapes), seen.names)


def _shape(entry: dict[str, Any], value: int | None, number: int, where: str) -> Shape:
    kind = entry.get("geometryType")
    what = f"{kind} {number}"
    if kind == "bitmap":
        left, top = (int(one) for one in entry["bitmap"]["origin"])
        return shape_of_cover(_decode_bitmap(entry["bitmap"]["data"], where), value, top, left, number)
    if kind not in _KINDS:
        expected = f"bitmap, {', '.join(_KINDS)}"
        raise MaskError(where, found=f"object {number} of geometryType {kind!r}", expected=expected)
    points = entry.get("points") or {}
    exterior = points.get("exterior") or [] if isinstance(points, dict) else []
    outline = as_points(exterior, where, what)
    if kind == "polygon":
        if len(outline) < 3:
            raise MaskError(where, found=f"{what} of {len(outline)} points", expected="at least 3")
        holes = tuple(as_points(hole, where, what) for hole in points.get("interior") or [])
        return Shape("rings", value, (outline, *holes), number)
    if kind == "rectangle":
        return Shape("box", value, (outline,), number)
    if kind == "line":
        return Shape("line", value, (outline,), number)
    return Shape("point", value, (outline[:1],), number)  # points, cuboids, graphs: they outline nothing


def _decode_bitmap(text: str, where: str) -> npt.NDArray[Any]:
    try:
        packed = zlib.decompressobj()
        data = packed.decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    except (TypeError, ValueError, binascii.Error, zlib.error):
        found = "a bitmap that is not base64 of a packed PNG"
        raise MaskError(where, found=found, remedy="export it again", is_damage=True) from None
    return cover_of_png(data, where)
