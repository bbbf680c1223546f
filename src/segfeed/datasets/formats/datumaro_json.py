"""Datumaro's own JSON: one file a split.

annotations/train.json            categories.label.labels, items: image with path and size, annotations
images/train/0001.jpg

Shapes of a higher z_order cover those of a lower one, and of one z_order later ones cover earlier ones. pycocotools
decides which pixels a polygon covers; run lengths are COCO's text. A box of the group of a polygon or mask is only
that object's frame.

Source: datumaro/plugins/data_formats/datumaro of github.com/open-edge-platform/datumaro.
"""

from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.drawn.drawn_format import Annotations, BySplit, DrawnFormat, Listing
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, files_below, known_size
from segfeed.datasets.drawn.json_reading import as_object, has_words, parse_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points
from segfeed.pixels.shapes.runs import runs_of

_STYLE = Style("coco")
_WORDS = (b'"items"', b'"categories"', b'"annotations"')
_SHAPES = (
    "polygon", "mask", "ellipse", "bbox", "rotated_bbox", "polyline", "points", "cuboid", "cuboid_2d", "cuboid_3d",
    "skeleton",
)  # fmt: skip
_OTHERS = (
    "label", "caption", "super_resolution_annotation", "depth_annotation", "hash_key", "feature_vector", "tabular",
)  # fmt: skip


def _files(path: Path) -> list[Path]:
    return [one for one in files_below(path, (".json",), _WORDS) if not has_words(one, (b'"image_id"',))]


def _sort(files: Iterable[Path], _root: Path) -> BySplit:
    found: BySplit = {}
    for one in files:
        found.setdefault(one.stem, [one])
    return found


def _list(annotations: Annotations) -> Listing:
    """List the items of a split that have a photo; one without shapes is all background."""
    [file] = annotations.files
    path = Path(file.path)
    found = _read(file)
    try:
        classes = Classes(tuple(str(one["name"]) for one in found["categories"]["label"]["labels"]))
        items = [(place, one, one.get("image") or one.get("media") or {}) for place, one in enumerate(found["items"])]
        named = [(place, one, image) for place, one, image in items if image.get("path")]
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(str(path), found=f"no {error}", expected="categories.label.labels and items") from None
    places = PhotoPlaces.near(path, annotations.root)
    drawn = []
    for place, item, image in named:
        where = f"{path.name}: item {item.get('id')}"
        size = (int(image["size"][0]), int(image["size"][1])) if image.get("size") else None
        photo = places.find(str(image["path"]), annotations.split)
        sketch = partial(_sketch, file, place, size or photo, where, classes)
        drawn.append(Drawn(str(image["path"]), DrawnMask(file, str(place), where, sketch, _STYLE), photo))
    bare = len(items) - len(named)
    why = f"{bare:,} items without a photo are left out" if bare else ""
    return Listing(drawn, places, classes, why, file)


FORMAT = DrawnFormat.of_files(_files, "Datumaro's items and categories", _sort, _list)


@lru_cache(maxsize=4)
def _read(file: File) -> dict[str, Any]:
    return as_object(parse_json(file.read(), file.path), file.path, "Datumaro's items and categories")


def _sketch(file: File, place: int, size: tuple[int, int] | Blob | None, where: str, classes: Classes) -> Drawing:
    size = known_size(size, where, "a size nor a photo")
    entries = [one for one in _read(file)["items"][place].get("annotations") or [] if one.get("type") not in _OTHERS]
    if odd := [one.get("type") for one in entries if one.get("type") not in _SHAPES]:
        raise MaskError(where, found=f"an annotation of type {odd[0]!r:.40}", expected=f"one of {', '.join(_SHAPES)}")
    entries.sort(key=lambda one: one.get("z_order") or 0)
    framed = {one.get("group") for one in entries if one["type"] in ("polygon", "mask") and one.get("group")}
    seen = ClassesSeen(classes, where, {})
    shapes = []
    for number, entry in enumerate(entries, start=1):
        if entry["type"] == "bbox" and entry.get("group") in framed:
            continue
        index = entry.get("label_id")
        known = isinstance(index, int) and 0 <= index < len(classes.names)
        label = classes.names[index] if known else index
        value = seen.value_of(label, f"{entry['type']} {entry.get('id')}")
        shapes.append(_shape(entry, value, -entry["group"] if entry.get("group") else number, size, where))
    return Drawing(size, tuple(shapes), seen.names)


def _shape(entry: dict[str, Any], value: int | None, number: int, size: tuple[int, int], where: str) -> Shape:
    kind, what = entry["type"], f"{entry['type']} {entry.get('id')}"
    crowd = bool((entry.get("attributes") or {}).get("is_crowd"))
    if kind == "mask":
        runs = runs_of(entry.get("rle") or {}, size, where, what)
        return Shape("runs", value, (runs,), number, crowd, frame=(0, 0, *size, 1))
    if kind == "bbox":
        x, y, width, height = as_points(entry.get("bbox") or [0, 0, 0, 0], where, what).ravel().tolist()
        return Shape("box", value, (as_points([x, y, x + width, y + height], where, what),), number, crowd)
    points = as_points(entry.get("points") or [0, 0], where, what)
    if kind == "ellipse" and len(points) == 2:
        numbers = [points.mean(axis=0), (points[1] - points[0]) / 2, [0, 0]]
        return Shape("ellipse", value, (as_points(numbers, where, what),), number, crowd)
    if kind == "polygon":
        return Shape("parts", value, (points,), number, crowd)
    return Shape("line" if kind == "polyline" else "point", value, (points,), number, crowd)
