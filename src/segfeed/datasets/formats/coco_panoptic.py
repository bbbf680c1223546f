"""COCO panoptic: PNGs of segment ids, and a JSON that says of which category each is.

annotations/panoptic_val2017.json               images, annotations with segments_info, categories
annotations/panoptic_val2017/000000000139.png   id = red + 256 green + 65,536 blue; 0 is unlabelled
val2017/000000000139.jpg

Segments do not overlap. Classes are the categories in the order of their ids; what is unlabelled is background.

Source: cocodataset.org, "Data format", "Panoptic segmentation"; github.com/cocodataset/panopticapi.
"""

import os
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.drawn_format import Annotations, DrawnFormat, Listing, by_name
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, files_below
from segfeed.datasets.drawn.json_reading import as_object, parse_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.palette import colour_codes
from segfeed.pixels.shapes.drawing import Drawing, Style
from segfeed.pixels.shapes.runs import shape_of_cover

_STYLE = Style("coco")
_WORDS = (b'"segments_info"', b'"categories"')


def _list(annotations: Annotations) -> Listing:
    """List the photos of a split and the PNGs of their segments."""
    [file] = annotations.files
    path, where = Path(file.path), file.path
    found = _read(file)
    try:
        categories = {int(one["id"]): str(one["name"]) for one in found["categories"]}
        images = {one["id"]: one for one in found["images"]}
        notes = [(str(one["file_name"]), images[one["image_id"]], one["segments_info"]) for one in found["annotations"]]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(where, found=f"{type(error).__name__}: {error}", expected="COCO's panoptic fields") from None
    classes = Classes(tuple(name for _, name in sorted(categories.items())))
    places = PhotoPlaces.near(path, annotations.root)
    folder, part = os.path.splitext(where)[0], f"{path.name} {file.stamp}"
    drawn = []
    for name, image, segments in notes:
        beside = os.path.join(folder, name)
        mask = File.of(beside) if os.path.isfile(beside) else places.find(f"{path.stem}/{name}")
        size = (int(image["height"]), int(image["width"])) if image.get("height") else None
        sketch = partial(_sketch, mask, segments, size, classes, categories) if mask else None
        drawn.append(
            Drawn(str(image["file_name"]), DrawnMask(mask, part, name, sketch, _STYLE) if mask and sketch else None)
        )
    return Listing(drawn, places, classes, file=file)


_find = partial(files_below, suffixes=(".json",), words=_WORDS)
FORMAT = DrawnFormat.of_files(_find, "COCO's segments_info", by_name, _list)


@lru_cache(maxsize=4)
def _read(file: File) -> dict[str, Any]:
    return as_object(parse_json(file.read(), file.path), file.path, "COCO's panoptic fields")


def _sketch(
    file: File,
    segments: list[dict[str, Any]],
    size: tuple[int, int] | None,
    classes: Classes,
    categories: dict[int, str],
) -> Drawing:
    where = file.name
    pixels = decode_mask(file.read(), where).pixels
    if pixels.ndim != 3:
        found = "a PNG of indices, not of segment ids"
        raise MaskError(
            where, found=found, expected="red, green and blue", remedy="pass the folder of the panoptic PNGs"
        )
    height, width = pixels.shape[:2]
    if size and size != (height, width):
        found = f"a PNG of {width} x {height} px"
        raise MaskError(
            where, found=found, expected=f"{size[1]} x {size[0]}, as the JSON says", remedy="export it again"
        )
    ids = colour_codes(pixels[..., ::-1])  # red is the lowest byte of an id
    seen = ClassesSeen(classes, where, {})
    shapes = []
    for number, segment in enumerate(segments, start=1):
        what = f"segment {segment.get('id')}"
        value = seen.value_of(categories.get(segment.get("category_id", -1)), what)
        shape = shape_of_cover(ids == segment.get("id", -1), value, number=number)
        shapes.append(shape if not segment.get("iscrowd") else replace(shape, crowd=True))
    known = {0, *(segment.get("id") for segment in segments)}
    if lost := [int(one) for one in np.unique(ids) if int(one) not in known]:
        found = f"segment {lost[0]}, which segments_info lacks"
        raise MaskError(where, found=found, expected="only segments of the JSON", remedy="export it again")
    return Drawing((height, width), tuple(shapes), seen.names)
