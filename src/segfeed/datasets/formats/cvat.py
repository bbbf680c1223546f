"""CVAT's XML for images 1.1, of tasks and of projects.

annotations.xml                     meta with labels; image: polygon, mask, ellipse, box, polyline, points, skeleton
images/0001.jpg                     of a project images/SUBSET/0001.jpg

Shapes of a higher z_order cover those of a lower one, and of one z_order later ones cover earlier ones. pycocotools
decides which pixels a polygon covers, as in CVAT's own exports; integer coordinates are pixel edges. Polygons of a
label that is called background cut holes. A mask's run lengths follow the rows of its own box.

Source: docs.cvat.ai, "CVAT for image"; cvat/apps/dataset_manager/formats of github.com/cvat-ai/cvat.
"""

import os
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.drawn_format import Annotations, BySplit, DrawnFormat, Listing, by_name, recognise_only
from segfeed.datasets.drawn.files import Drawn, files_below
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.datasets.drawn.xml_reading import walk_xml
from segfeed.datasets.source import Recognised
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.shapes.drawing import Drawing, Points, Shape, Style, as_points, turned

_STYLE = Style("coco")
_WORDS = (b"<annotations", b"<image ")
_DRAWN = ("polygon", "mask", "ellipse", "box", "polyline", "points", "skeleton", "cuboid")
_Drawn = tuple[str, dict[str, str]]


@dataclass(frozen=True)
class _Image:
    """An image element: its attributes, and the tags and attributes of its shapes in their order."""

    attributes: dict[str, str]
    shapes: tuple[_Drawn, ...]


@dataclass(frozen=True)
class _Index:
    images: list[_Image] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def _recognise(path: Path) -> Recognised | None:
    """Find CVAT's XML at a path or in a folder; the root is that file."""
    return recognise_only(path, files_below(path, (".xml",), _WORDS), "CVAT's images", "XML files of CVAT")


def _sort(root: Path) -> BySplit:
    """Sort a project by its subsets; a task is the split that the file's name means, if it means one."""
    index = _read_index(File.of(str(root)))
    subsets = [one.attributes["subset"] for one in index.images if one.attributes.get("subset")]
    return {subset: [root] for subset in subsets} or by_name([root], root)


def _list(annotations: Annotations) -> Listing:
    """List the photos of a split; one without shapes is all background."""
    [file] = annotations.files
    index = _read_index(file)
    labels = index.labels or sorted({shape.get("label", "").strip() for one in index.images for _, shape in one.shapes})
    classes = Classes(tuple(dict.fromkeys(labels)))
    subsets = any(one.attributes.get("subset") for one in index.images)
    images = [one for one in index.images if not subsets or one.attributes.get("subset") == annotations.split]
    drawn = [_drawn(file, one, classes) for one in images]
    return Listing(drawn, PhotoPlaces.near(annotations.root, annotations.root), classes)


FORMAT = DrawnFormat(_recognise, _sort, _list)


@lru_cache(maxsize=4)
def _read_index(file: File) -> _Index:
    index = _Index()
    shapes: list[_Drawn] = []
    for element in walk_xml(file):
        path = element.path
        if path[0] != "annotations":
            raise SourceError(file.path, found=f"a root called {path[0]}", expected="annotations")
        if path[1:2] == ("image",):
            if len(path) == 3 and path[2] in _DRAWN:
                shapes.append((path[2], element.attributes))
            elif len(path) == 2:
                index.images.append(_Image(element.attributes, tuple(shapes)))
                shapes.clear()
        elif path[-3:] == ("labels", "label", "name"):
            index.labels.append(element.text.strip())
        elif path[-3:] == ("labels", "label", "parent") and element.text.strip():
            index.labels.pop()  # a part of a skeleton, whose name comes first
    return index


def _drawn(file: File, image: _Image, classes: Classes) -> Drawn:
    named = image.attributes.get("name", "")
    label = f"{os.path.basename(file.path)}: {named}"
    part = f"{image.attributes.get('subset', '')}/{image.attributes.get('id', '')}/{named}"
    return Drawn(named, DrawnMask(file, part, label, partial(_sketch, image, label, classes), _STYLE))


def _sketch(image: _Image, name: str, classes: Classes) -> Drawing:
    try:
        size = int(image.attributes["height"]), int(image.attributes["width"])
        order = [int(shape.get("z_order") or 0) for _, shape in image.shapes]
        groups = [int(shape.get("group_id") or 0) for _, shape in image.shapes]
    except (KeyError, ValueError):
        found = "width, height, a z_order or a group_id that is missing, or not a whole number"
        raise MaskError(name, found=found, expected="whole numbers") from None
    shapes: list[Shape] = []
    names: dict[int, str] = {}
    for place in sorted(range(len(order)), key=lambda at: order[at]):
        tag, shape = image.shapes[place]
        label = shape.get("label", "").strip()
        if label not in classes or not label:
            found = f"a {tag} of label {label!r}"
            raise MaskError(name, found=found, expected="one of the labels in meta", remedy="correct it in CVAT")
        value = classes.value_of(label)
        names |= {} if value is None else {value: label}
        group = groups[place]
        shapes.append(_shape(tag, shape, value, -group if group else place + 1, name))
    return Drawing(size, tuple(shapes), names)


def _shape(tag: str, shape: dict[str, str], value: int | None, number: int, name: str) -> Shape:
    try:
        match tag:
            case "polygon":
                return Shape("rings", value, (_points(shape["points"], name, tag),), number)
            case "polyline":
                return Shape("line", value, (_points(shape["points"], name, tag),), number)
            case "box":
                corners = as_points([float(shape[word]) for word in ("xtl", "ytl", "xbr", "ybr")], name, tag)
                angle = float(shape.get("rotation") or 0)
                return _turned(corners, angle, value, number)
            case "ellipse":
                numbers = [float(shape[word]) for word in ("cx", "cy", "rx", "ry")]
                angle = float(shape.get("rotation") or 0)
                return Shape("ellipse", value, (as_points([*numbers, angle, 0], name, tag),), number)
            case "mask":
                counts = np.array(shape["rle"].replace(" ", "").split(","), np.float64)[:, None]
                left, top, width, height = (int(float(shape[word])) for word in ("left", "top", "width", "height"))
                return Shape("runs", value, (counts,), number, frame=(top, left, height, width, 0))
    except (KeyError, ValueError) as error:
        if isinstance(error, MaskError):
            raise
        found = (
            f"a {tag} that lacks {error}"
            if isinstance(error, KeyError)
            else f"a {tag} with values that are not numbers"
        )
        raise MaskError(name, found=found, expected="CVAT's attributes") from None
    points = _points(shape.get("points", ""), name, tag)  # points, skeletons, cuboids: they outline nothing
    return Shape("point", value, (points[:1],), number)


def _turned(corners: Points, angle: float, value: int | None, number: int) -> Shape:
    """Make a box; one that is turned about its centre, in degrees, stays a box by its four corners."""
    if not angle:
        return Shape("box", value, (corners,), number)
    (x1, y1), (x2, y2) = corners
    centre = corners.mean(axis=0)
    offsets = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) - centre
    return Shape("box", value, (turned(offsets, angle, centre),), number)


def _points(text: str, name: str, tag: str) -> Points:
    pairs = [pair.split(",") for pair in text.split(";") if pair.strip()]
    return as_points([[float(side) for side in pair] for pair in pairs], name, f"a {tag}")
