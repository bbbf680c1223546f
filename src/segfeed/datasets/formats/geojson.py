"""GeoJSON over GeoTIFF: polygons in the coordinates of a map, and pictures that say where on it they lie.

area.tif, area.geojson              a pair of one name; or one GeoJSON, and the only TIFF beside it
train/area.tif, train/area.geojson  or in folders of splits

A feature's class is one of its properties: class_property names it, unless only one fits: a text or a whole number in
every feature that several share. Rings after the first are holes, later features cover earlier ones, and the pixels
count whose centre lies inside, as rasterio burns them; rule="tool" fills as pycocotools does. Coordinates must be of
the picture's own coordinate reference system: none is converted.

Source: RFC 7946; the 2008 GeoJSON specification for "crs"; rasterio.features.rasterize.
"""

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.drawn_format import (
    Annotations,
    BySplit,
    DrawnFormat,
    Listing,
    by_folder,
    by_name,
    recognise_first,
)
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, files_below, size_of_photo
from segfeed.datasets.drawn.json_reading import read_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces, dataset_folder
from segfeed.datasets.source import Recognised
from segfeed.errors import MaskError, OptionError, SourceError
from segfeed.pixels.files.geotiff import MapPlace, read_map_place
from segfeed.pixels.shapes.drawing import Drawing, Kind, Points, Shape, Style, as_points
from segfeed.system.showing import some

_STYLE = Style("centre")
_WORDS = (b'"FeatureCollection"', b'"features"')
_TIFFS = (".tif", ".tiff")
_LONGITUDES = 4326  # longitude, latitude: what GeoJSON means if it names nothing
_EPSG = re.compile(r"EPSG(?::(?:[\d.]*:)?|/[\d.]+/)(\d{1,9})$", re.IGNORECASE)  # as a name, an URN, a URL
_SHOWN = 12
_KINDS: dict[str, tuple[Kind, int]] = {"Polygon": ("rings", 0), "LineString": ("line", 1), "Point": ("point", 2)}


def _files(path: Path) -> list[Path]:
    return files_below(path, (".geojson", ".json"), _WORDS)


def _recognise(path: Path) -> Recognised | None:
    """Find GeoJSON at a path, in a folder or in the folders in it, beside a TIFF."""
    files = _files(path)
    beside_tiffs = any(_tiffs_in(one.parent) for one in files)
    return recognise_first(path, files, "GeoJSON's features") if beside_tiffs else None


def _sort(root: Path) -> BySplit:
    """Sort files by folders of a split's name, or a single one by what its own name means."""
    files = _files(root)
    found = by_folder(files, root)
    return by_name(files, root) if "" in found and len(files) == 1 else found


def _list(annotations: Annotations, *, class_property: str | None) -> Listing:
    """List a split's pictures.

    Raises:
        OptionError: if no property, or more than one, may say the class, or one that is named does not.
        SourceError: if a GeoJSON is malformed, or it is not clear which picture it is of.
    """
    every = annotations.every
    name = class_property or _choose_property(every)
    classes = Classes(tuple(sorted({label for file in every for label in _labels(file, name)})))
    drawn = [_drawn(file, classes, name, len(every)) for file in annotations.files]
    places = PhotoPlaces(dataset_folder(annotations.root), {})
    return Listing(drawn, places, classes, f"classes by the property {name!r}")


def _by_property(name: str | None) -> DrawnFormat:
    """Return the format with classes by a property; None chooses the only one that fits."""
    return DrawnFormat(_recognise, _sort, partial(_list, class_property=name), _by_property)


FORMAT = _by_property(None)


def _tiffs_in(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.suffix.lower() in _TIFFS and one.name[0] != ".")


def _picture_of(path: Path, files: int) -> File:
    """Find the TIFF of one name with a GeoJSON; if there is one GeoJSON, the only TIFF beside it."""
    tiffs = _tiffs_in(path.parent)
    named = [one for one in tiffs if one.stem == path.stem] or (tiffs if files == 1 else [])
    if len(named) != 1:
        seen = ", ".join(one.name for one in tiffs[:_SHOWN]) or "no TIFF"
        raise SourceError(
            str(path),
            found=f"{seen} beside it",
            expected=f"{path.stem}.tif, or one TIFF beside one GeoJSON",
            remedy="rename it like its picture, or pass the path of one GeoJSON",
        )
    return File.of(str(named[0]))


@lru_cache(maxsize=8)
def _read(file: File) -> tuple[list[dict[str, Any]], int]:
    """Read features, and the EPSG number of their coordinates; 0 if that is not one."""
    found = read_json(file)
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise SourceError(file.path, found="no list of features", expected="a FeatureCollection")
    said = found.get("crs")
    if said is None:
        return features, _LONGITUDES
    name = str(_properties(said).get("name", "")) if isinstance(said, dict) else ""
    if name.endswith("CRS84"):
        return features, _LONGITUDES
    match = _EPSG.search(name)
    return features, int(match[1]) if match else 0


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    found = feature.get("properties")
    return found if isinstance(found, dict) else {}


def _labels(file: File, name: str) -> Iterator[str]:
    """List the class of each feature."""
    for number, feature in enumerate(_read(file)[0], start=1):
        properties = _properties(feature)
        label = _as_class(properties.get(name))
        if label is None:
            found = f"feature {number} of {os.path.basename(file.path)} has {name} = {properties.get(name)!r:.40}"
            expected = f"a text or a whole number, or another property, such as {some(properties, _SHOWN)}"
            raise OptionError("class_property", found=found, expected=expected)
        yield label


def _as_class(value: object) -> str | None:
    """Return the class that a property says; None if it says none. pandas writes 1.0 for 1 if a column has gaps."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    may_be = isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip() != ""
    return str(value) if may_be else None


def _choose_property(files: Sequence[File]) -> str:
    """Choose the only property that may be a class: one that all features have and several share.

    Raises:
        OptionError: if no property is one, or several are; the error names them.
    """
    every = [_properties(feature) for file in files for feature in _read(file)[0]]
    names = list(dict.fromkeys(name for one in every for name in one))
    fitting = [
        name
        for name in names
        if None not in (found := {_as_class(one.get(name)) for one in every})
        and len(found) < len(every)
        and not any(isinstance(one.get(name), float) for one in every)  # areas are often whole, too
    ]
    if len(fitting) == 1:
        return fitting[0]
    lacking = f"none of {some(names, _SHOWN)} seems to be" if names else "they have no property that may be"
    which = f"{some(fitting, _SHOWN)} may each be" if fitting else lacking
    raise OptionError(
        "class_property",
        found=f"{which} the class of the features of {os.path.basename(files[0].path)}",
        expected="the name of one",
        remedy="pass it" if names else "add a property that says what each feature is",
    )


def _drawn(file: File, classes: Classes, name: str, files: int) -> Drawn:
    picture = _picture_of(Path(file.path), files)
    where = os.path.basename(file.path)
    mask = DrawnMask(file, name, where, partial(_sketch, file, picture, classes, name), _STYLE)
    return Drawn(os.path.relpath(picture.path, os.path.dirname(file.path)), mask, picture)


@lru_cache(maxsize=64)
def _place_of(picture: File) -> MapPlace:
    return read_map_place(picture.read(), picture.name)


def _sketch(file: File, picture: File, classes: Classes, name: str) -> Drawing:
    where, place = os.path.basename(file.path), _place_of(picture)
    features, epsg = _read(file)
    if features and (not epsg or epsg != place.epsg):
        said = "no member crs, so longitude and latitude" if epsg == _LONGITUDES else "its member crs"
        remedy = f"convert it: ogr2ogr -t_srs EPSG:{place.epsg} new.geojson {where}" if place.epsg else ""
        raise MaskError(
            where,
            found=f"coordinates of {_name_of(epsg)} ({said}) over {picture.name} in {_name_of(place.epsg)}",
            expected="one coordinate reference system",
            remedy=remedy or f"write {picture.name} again with the EPSG code of its coordinates",
        )
    seen = ClassesSeen(classes, where, {})
    shapes: list[Shape] = []
    for number, (feature, label) in enumerate(zip(features, _labels(file, name), strict=True), start=1):
        what = f"feature {number}"
        shapes += _shapes(feature.get("geometry"), seen.value_of(label, what), number, place, f"{where}, {what}")
    return Drawing(size_of_photo(picture), tuple(shapes), seen.names)


def _name_of(epsg: int) -> str:
    return f"EPSG:{epsg}" if epsg else "an unknown coordinate reference system"


def _shapes(geometry: Any, value: int | None, number: int, place: MapPlace, where: str) -> Iterator[Shape]:
    """Read a geometry: of several polygons each is a shape of one object; one without any covers no pixel."""
    if geometry is None:
        yield Shape("rings", value, (), number)
        return
    try:
        if geometry["type"] == "GeometryCollection":
            for part in geometry["geometries"]:
                yield from _shapes(part, value, number, place, where)
            return
        one = str(geometry["type"]).removeprefix("Multi")
        if one not in _KINDS:
            raise MaskError(where, found=f"a geometry of type {one:.40}", expected="GeoJSON's, such as Polygon")
        kind, depth = _KINDS[one]
        for part in [geometry["coordinates"]] if geometry["type"] == one else geometry["coordinates"]:
            rings = (part, [part], [[part]])[depth]
            yield Shape(kind, value, _rings(rings, place, where), number)
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise MaskError(where, found="a geometry without type or coordinates", expected="GeoJSON's") from None


def _rings(rings: Any, place: MapPlace, where: str) -> tuple[Points, ...]:
    """Turn rings of map coordinates, which may have heights, into pixels."""
    flat = [[point[:2] for point in ring] for ring in rings]
    if not all(type(number) in (int, float) for ring in flat for point in ring for number in point):
        raise MaskError(where, found="coordinates that are not numbers", expected="x and y of each point")
    return tuple(as_points(place.to_pixels(as_points(ring, where).reshape(-1, 2)), where) for ring in flat)
