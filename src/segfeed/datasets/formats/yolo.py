"""YOLO segmentation, as Ultralytics and Roboflow write it: a YAML file, and one text a photo.

data.yaml                         names (a list or a map), train, val, test: a folder, a list of paths, or several
images/train/0001.jpg
labels/train/0001.txt             a line an object: class x1 y1 x2 y2 ..., 0..1 of width and height

A photo without a text, or with an empty one, is all background. Holes are cut by seams: a ring that goes in, round the
hole and back. No tool defines which pixels such a ring covers, so those count whose centre lies in it, and smaller
objects cover larger ones, as Ultralytics draws them; rule="tool" fills as pycocotools does.

Source: docs.ultralytics.com, "Instance Segmentation Datasets Overview"; ultralytics/data/utils.py.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.drawn_format import Annotations, BySplit, DrawnFormat, Listing
from segfeed.datasets.drawn.files import Drawn, size_of_photo
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.datasets.drawn.yolo_yaml import beside, find_yaml, name_below, names_of, photos_of, read_yaml, splits_of
from segfeed.datasets.source import Recognised
from segfeed.errors import MaskError, SourceError, SourceMissingError
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points

_STYLE = Style("centre", overlap="smallest")
_SLACK = 0.01  # how far outside a value may lie, by rounding


def _recognise(path: Path) -> Recognised | None:
    """Find the YAML file at a path or in a folder; the root is that file.

    Raises:
        SourceError: if there are several.
    """
    file = find_yaml(path, has_masks=False)
    why = f"{file and file.name} has names and folders of photos"
    return None if file is None else Recognised(file, why, folder=file.parent)


def _sort(root: Path) -> BySplit:
    return {split: [root] for split in splits_of(read_yaml(root))}


def _list(annotations: Annotations) -> Listing:
    """List a split's photos and the texts of their objects.

    Raises:
        SourceMissingError: if a folder or list is not there.
        SourceError: if the YAML file is malformed.
    """
    root, split = annotations.root, annotations.split
    described = read_yaml(root)
    classes = Classes(names_of(described, root))
    if described.get("kpt_shape"):
        found = f"kpt_shape: {described['kpt_shape']}, so lines that hold a box and keypoints"
        raise SourceError(str(root), found=found, expected="outlines", remedy="export it for segmentation")
    photos = photos_of(described, split, root)
    drawn, bare = [], 0
    for photo in dict.fromkeys(photos):
        text = _text_of(photo)
        bare += text is None and os.path.isfile(photo)
        drawn.append(_drawn(photo, text, classes, root))
    if photos and bare == len(drawn):
        raise SourceMissingError(
            str(root),
            found=f"no text for any photo of {split}, such as {_wanted_text(photos[0])}",
            expected="labels beside images",
            remedy="move the folder labels beside images",
        )
    why = f"{bare:,} photos without a text are all background" if bare else ""
    return Listing(drawn, PhotoPlaces(root.parent, {}), classes, why)


FORMAT = DrawnFormat(_recognise, _sort, _list)


def _wanted_text(photo: Path) -> Path:
    return beside(photo, "labels").with_suffix(".txt")


def _text_of(photo: Path) -> Path | None:
    wanted = _wanted_text(photo)
    return next((one for one in (wanted, photo.with_suffix(".txt")) if os.path.isfile(one)), None)


def _drawn(photo: Path, text: Path | None, classes: Classes, root: Path) -> Drawn:
    named = name_below(photo, root)
    if not os.path.isfile(photo):
        return Drawn(named, None)
    picture = File.of(str(photo))
    file = picture if text is None else File.of(str(text))
    sketch = partial(_sketch, picture, None if text is None else file, classes)
    part = "" if text else "background"
    mask = DrawnMask(file, part, file.name, sketch, _STYLE, sketch_upright=partial(sketch, upright=True))
    return Drawn(named, mask, picture)


def _sketch(photo: File, text: File | None, classes: Classes, *, upright: bool = False) -> Drawing:
    height, width = size_of_photo(photo, upright=upright)
    by_number = {float(number): name for number, name in enumerate(classes.names)}
    shapes: list[Shape] = []
    names: dict[int, str] = {}
    content = b"" if text is None else text.read()
    where = photo.name if text is None else text.name
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            words = line.split()
            values = np.array(words[1:], np.float64)
            name = by_number[float(words[0])]
        except ValueError:
            raise MaskError(where, found=f"{place}: {line:.60}", expected="class x1 y1 x2 y2 ...") from None
        except KeyError:
            found, expected = f"{place}: class {words[0]}", f"0 to {len(classes.names) - 1}"
            raise MaskError(where, found=found, expected=expected, remedy="add its name") from None
        if not ((values >= -_SLACK) & (values <= 1 + _SLACK)).all():
            found = f"{place}: values from {values.min():g} to {values.max():g}"
            raise MaskError(where, found=found, expected="0 to 1, a share of width and height", remedy="normalise them")
        value = classes.value_of(name)
        names |= {} if value is None else {value: name}
        shapes.append(_shape(values, value, number, (width, height), f"{where}, {place}"))
    return Drawing((height, width), tuple(shapes), names)


def _shape(values: Any, value: int | None, number: int, sides: tuple[int, int], where: str) -> Shape:
    """Make a ring of points, or a box of its centre and sides."""
    if len(values) == 4:
        centre, half = values[:2] * sides, values[2:] * sides / 2
        return Shape("box", value, (as_points([centre - half, centre + half], where),), number)
    if len(values) < 6 or len(values) % 2:
        found, expected = f"{len(values)} numbers after the class", "x and y of 3 points or more"
        remedy = "leave out a confidence at the end" if len(values) % 2 else ""
        raise MaskError(where, found=found, expected=expected, remedy=remedy)
    return Shape("rings", value, (values.reshape(-1, 2) * sides,), number)
