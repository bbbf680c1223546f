"""labelme's own JSON: one file a photo, beside it.

2011_000003.json     shapes, imagePath, imageData (base64 or null), imageHeight, imageWidth
2011_000003.jpg      if imageData is null
labels.txt           optional, here or in the folder above: one label a line

Classes are those of labels.txt, else all labels in the order of the alphabet; `__ignore__` is void and `_background_`
is background. Later shapes cover earlier ones, and Pillow decides which pixels a shape covers, its outline included, as
labelme2voc.py draws it: lines are 10 px wide, points have a radius of 5 px.

Source: labelme/utils/shape.py and labelme/_label_file.py of github.com/wkentaro/labelme.
"""

import base64
import binascii
import os
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.drawn.drawn_format import Annotations, DrawnFormat, Listing, by_folder
from segfeed.datasets.drawn.files import Drawn, cover_of_png, files_of_photos, known_size
from segfeed.datasets.drawn.json_reading import as_object, has_words, read_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask, HeldPhoto
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.datasets.matching.lists import read_lines
from segfeed.errors import MaskError, PhotoError, SourceError
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points
from segfeed.pixels.shapes.runs import shape_of_cover

_STYLE = Style("pillow", boxes="fill")
_WORDS = (b'"shapes"', b'"imagePath"')
_VOID = ("__ignore__",)
_LINE_PX, _POINT_PX = 10.0, 5.0
_LEAST = {"polygon": 3, "oriented_rectangle": 3, "rotation": 3, "rectangle": 2, "circle": 2, "line": 2, "mask": 2}
_MOST = {"rectangle": 4, "circle": 2, "line": 2, "point": 1}


def _files(root: Path) -> Iterator[Path]:
    return (one for one in files_of_photos(root) if has_words(one, _WORDS))


def _list(annotations: Annotations) -> Listing:
    """List a split's photos: those that have a JSON."""
    root, every = annotations.root, annotations.every
    classes = _read_classes(root, tuple(every))
    places = PhotoPlaces.near(root, root)
    drawn = [_drawn(file, classes, places, annotations.split) for file in annotations.files]
    extra = sum(map(len, places.by_name.values())) - len(every) if annotations.is_hashed else 0
    why = f"{extra:,} photos without a JSON are left out" if extra > 0 and not os.path.isfile(root) else ""
    return Listing(drawn, places, classes, why)


FORMAT = DrawnFormat.of_files(_files, "labelme's shapes and imagePath", by_folder, _list)


@lru_cache(maxsize=4)
def _read_classes(root: Path, files: tuple[File, ...]) -> Classes:
    folder = root if os.path.isdir(root) else root.parent
    for place in (folder, folder.parent):
        if os.path.isfile(place / "labels.txt"):
            names = tuple(line for _, line in read_lines(place / "labels.txt"))
            return Classes(tuple(name for name in names if name not in _VOID), _VOID)
    labels = {_label_of(shape, file.path) for file in files for shape in _shapes(_read(file), file.path)}
    return Classes(tuple(sorted(labels - set(_VOID))), _VOID)


def _label_of(shape: dict[str, Any], where: str) -> str:
    label = shape.get("label")
    if not isinstance(label, str | int) or isinstance(label, bool) or not str(label).strip():
        kind = shape.get("shape_type") or "polygon"
        raise SourceError(where, found=f"a {kind} of label {label!r}", expected="a name", remedy="label or remove it")
    return str(label)


def _read(file: File) -> dict[str, Any]:
    return as_object(read_json(file), file.path, "labelme's shapes and imagePath")


def _shapes(found: dict[str, Any], where: str) -> list[dict[str, Any]]:
    shapes = found.get("shapes")
    if not isinstance(shapes, list) or not all(isinstance(one, dict) for one in shapes):
        raise SourceError(where, found="no list of shapes", expected="labelme's shapes")
    return shapes


def _drawn(file: File, classes: Classes, places: PhotoPlaces, split: str) -> Drawn:
    """Find the photo of a JSON: by imagePath, then inside it, then by the JSON's own name."""
    found = _read(file)
    named = str(found.get("imagePath") or "").replace("\\", "/")
    stem = Path(file.path).stem
    photo: Blob | None = None
    beside = os.path.normpath(os.path.join(os.path.dirname(file.path), named))
    if named.lower().endswith(PHOTO_SUFFIXES):
        photo = File.of(beside) if os.path.isfile(beside) else None
    if photo is None and found.get("imageData"):
        photo = HeldPhoto(file, f"imageData of {file.name}", partial(_take_photo, file))
    if photo is None and named.lower().endswith(PHOTO_SUFFIXES):
        photo = places.find(named, split)
    if photo is None:
        own = (f"{stem}{suffix}" for suffix in PHOTO_SUFFIXES)
        photo = next((one for name in own if (one := places.find(name, split))), None)
    size = found.get("imageHeight"), found.get("imageWidth")
    known = (int(size[0]), int(size[1])) if size[0] and size[1] else photo
    mask = DrawnMask(file, "", file.name, partial(_sketch, file, known, classes), _STYLE, "pillow")
    return Drawn(str(Path(file.path).relative_to(places.folder)), mask, photo)


def _take_photo(file: File) -> bytes:
    try:
        return base64.b64decode(_read(file)["imageData"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        found = "imageData that is not base64"
        raise PhotoError(file.name, found=found, remedy="save it again in labelme", is_damage=True) from None


def _sketch(file: File, size: tuple[int, int] | Blob | None, classes: Classes) -> Drawing:
    size = known_size(size, file.name, "imageHeight and imageWidth nor a photo")
    shapes: list[Shape] = []
    names: dict[int, str] = {}
    groups: dict[object, int] = {}
    for number, entry in enumerate(_shapes(_read(file), file.path), start=1):
        label, group = _label_of(entry, file.path), entry.get("group_id")
        if label not in classes:
            raise MaskError(
                file.name,
                found=f"label {label!r}",
                expected="one of labels.txt",
                remedy="add it there, or remove labels.txt",
            )
        value = classes.value_of(label)
        key = number if group is None else (label, str(group))
        shapes.append(_shape(entry, value, groups.setdefault(key, len(groups) + 1), file.name))
        if value is not None:
            names[value] = label
    return Drawing(size, tuple(shapes), names)


def _shape(entry: dict[str, Any], value: int | None, number: int, name: str) -> Shape:
    kind = str(entry.get("shape_type") or "polygon")
    what = f"{kind} {entry.get('label')!r}"
    points = as_points(entry.get("points") or [], name, what)
    if len(points) < _LEAST.get(kind, 1):
        found = f"{what} of {len(points)} points"
        raise MaskError(name, found=found, expected=f"at least {_LEAST.get(kind, 1)}", remedy="remove or mend it")
    if len(points) > _MOST.get(kind, len(points)) or (kind == "rectangle" and len(points) == 3):
        found, expected = f"{what} of {len(points)} points", "2, or 4 corners" if kind == "rectangle" else "fewer"
        raise MaskError(name, found=found, expected=expected, remedy="remove or mend it")
    match kind:
        case "polygon" | "oriented_rectangle" | "rotation":  # the last is X-AnyLabeling's turned rectangle
            return Shape("rings", value, (points,), number)
        case "rectangle":  # X-AnyLabeling writes all four corners
            return Shape("box" if len(points) == 2 else "rings", value, (points,), number)
        case "circle":
            radius = float(((points[1] - points[0]) ** 2).sum() ** 0.5)
            return Shape("ellipse", value, (as_points([points[0], [radius, radius], [0, 0]], name),), number)
        case "line" | "linestrip":
            return Shape("line", value, (points,), number, width=_LINE_PX)
        case "point":
            return Shape("point", value, (points[:1],), number, width=_POINT_PX)
        case "mask":
            left, top = points[0].astype(int).tolist()
            cover = _decode_mask(entry.get("mask"), name)
            right, bottom = points[1].astype(int).tolist()
            if cover.shape != (bottom - top + 1, right - left + 1):
                raise MaskError(
                    name,
                    found=f"a mask of {cover.shape[1]} x {cover.shape[0]} px",
                    expected=f"that of its box, {right - left + 1} x {bottom - top + 1}",
                    remedy="save it again in labelme",
                )
            return shape_of_cover(cover, value, top, left, number)
    raise MaskError(name, found=f"a shape of type {kind!r}", expected=f"one of {', '.join(_LEAST)}, linestrip, point")


def _decode_mask(text: Any, name: str) -> Any:
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise MaskError(name, found="a mask that is not base64", expected="a PNG", is_damage=True) from None
    return cover_of_png(data, name)
