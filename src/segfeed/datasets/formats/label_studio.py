"""Label Studio's JSON export: a list of tasks.

export.json        tasks: data.image, annotations with result: polygonlabels, brushlabels, rectanglelabels, ...
images/0001.jpg    or wherever the photos lie below the folder

Points are percents of width and height. Classes are all labels in the order of the alphabet, later regions cover
earlier ones, and the pixels count whose centre a polygon covers; rule="tool" fills as pycocotools does. Brushes are
packed RGBA pictures, of which alpha counts. Predictions and cancelled annotations are left out.

Source: labelstud.io, "Export annotations"; label_studio_sdk/converter/brush.py; github.com/thi-ng/umbrella, rle-pack.
"""

import os
import re
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.drawn.drawn_format import Annotations, DrawnFormat, Listing, by_hash, recognise_only
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, files_below, known_size
from segfeed.datasets.drawn.json_reading import parse_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.datasets.source import Recognised
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points, turned
from segfeed.pixels.shapes.runs import shape_of_cover

_STYLE = Style("centre")
_WORDS = (b'"annotations"', b'"result"', b'"data"')
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
_MOST_VALUES = 4 * 89_478_485
_LEAST_PERCENT, _MOST_PERCENT = -100, 200  # nobody draws farther outside: such numbers are px
_RUN_BITS = (3, 4, 8, 16)  # of the lengths of runs that are packed here, as Label Studio packs them


def _recognise(path: Path) -> Recognised | None:
    """Find an export of Label Studio at a path or in a folder; the root is that file."""
    return recognise_only(
        path, files_below(path, (".json",), _WORDS), "Label Studio's tasks", "exports of Label Studio"
    )


def _list(annotations: Annotations) -> Listing:
    """List the tasks that a person annotated.

    Raises:
        SourceError: if the JSON is malformed, or a task has several annotations.
    """
    [file] = annotations.files
    tasks = _read(file)
    results = {place: found for place, task in enumerate(tasks) if (found := _result(task, file)) is not None}
    if not results:
        raise SourceError(file.path, found=f"{len(tasks):,} tasks, none of which is annotated", expected="annotations")
    labels = {label for found in results.values() for one in found for label in _labels(one)}
    classes = Classes(tuple(sorted(labels)))
    places = PhotoPlaces.near(annotations.root, annotations.root)
    drawn = []
    for place in results:
        names = _photo_names(tasks[place])
        photo = next((one for name in names if (one := places.find(name))), None)
        where = f"{annotations.root.name}: task {tasks[place].get('id')}"
        sketch = partial(_sketch, file, place, photo, where, classes)
        named = names[0] if names else where
        drawn.append(Drawn(named, DrawnMask(file, str(place), where, sketch, _STYLE), photo))
    bare = len(tasks) - len(results)
    return Listing(drawn, places, classes, f"{bare:,} tasks are not annotated" if bare else "")


FORMAT = DrawnFormat(_recognise, by_hash, _list)


@lru_cache(maxsize=4)
def _read(file: File) -> list[dict[str, Any]]:
    found = parse_json(file.read(), file.path)
    tasks = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) and isinstance(one.get("data"), dict) for one in tasks):
        raise SourceError(file.path, found="entries without data", expected="a list of tasks")
    return tasks


def _result(task: dict[str, Any], file: File) -> list[dict[str, Any]] | None:
    """Return the regions of a task's only annotation; None if it has none."""
    kept = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
    kept = [one for one in kept if one.get("ground_truth")] or kept
    if len(kept) > 1:
        raise SourceError(
            file.path,
            found=f"task {task.get('id')} has {len(kept)} annotations",
            expected="one",
            remedy="mark one as ground truth in Label Studio, or export one",
        )
    return (kept[0].get("result") or []) if kept else None


def _labels(region: dict[str, Any]) -> list[str]:
    """Return the labels of a region, which stand under the name of its type."""
    value, kind = region.get("value") or {}, str(region.get("type"))
    found = (
        (value.get(kind) if kind.endswith("labels") else None) or value.get("labels") or []
    )  # a choice is not a class
    return [str(one) for one in found] if isinstance(found, list) else []


def _photo_names(task: dict[str, Any]) -> list[str]:
    """List what the photo may be called: the path in a URL or in its query, with and without the upload's prefix."""
    urls = [one for value in task["data"].values() for one in (value if isinstance(value, list) else [value])]
    found = []
    if isinstance(uploaded := task.get("file_upload"), str):
        found += [uploaded, _UPLOADED.sub("", uploaded)]
    for url in (one for one in urls if isinstance(one, str)):
        parts = urlsplit(url)
        for text in (*parse_qs(parts.query).get("d", []), unquote(parts.path)):
            if text.lower().endswith(PHOTO_SUFFIXES):
                folder, name = os.path.split(text.lstrip("/"))
                found += [os.path.join(folder, name), _UPLOADED.sub("", name)]
    return found


def _sketch(file: File, place: int, photo: Blob | None, where: str, classes: Classes) -> Drawing:
    task = _read(file)[place]
    seen = ClassesSeen(classes, where, {})
    result = _result(task, file) or []
    regions = [one for one in result if _labels(one)]
    if turned := [one["image_rotation"] for one in regions if one.get("image_rotation")]:
        found = f"regions on the photo turned by {turned[0]} degrees"
        remedy = "turn it back in Label Studio, which turns its regions, too"
        raise MaskError(where, found=found, expected="the photo as it is", remedy=remedy)
    _refuse_unlabelled(result, {one.get("id") for one in regions}, where)
    if len(pictures := sorted({str(one.get("to_name")) for one in regions})) > 1:
        found = f"regions of several pictures ({', '.join(pictures)})"
        raise MaskError(where, found=found, expected="one picture a task", remedy="make a task of each picture")
    sizes = {(one["original_height"], one["original_width"]) for one in regions if one.get("original_width")}
    if len(sizes) > 1:
        raise MaskError(where, found=f"regions of {len(sizes)} sizes", expected="one photo", remedy="export it again")
    said = [(int(height), int(width)) for height, width in sizes]
    size = known_size(said[0] if said else photo, where, "original_width nor a photo")
    shapes = []
    for number, region in enumerate(regions, start=1):
        what = f"region {region.get('id') or number}"
        labels = _labels(region)
        if len(labels) > 1:
            raise MaskError(where, found=f"{what} of labels {', '.join(labels)}", expected="one label")
        shapes.append(_shape(region["value"], seen.value_of(labels[0], what), number, size, f"{where}, {what}"))
    return Drawing(size, tuple(shapes), seen.names)


def _shape(value: dict[str, Any], label: int | None, number: int, size: tuple[int, int], where: str) -> Shape:
    share = np.array([size[1], size[0]]) / 100
    try:
        if "rle" in value:
            return shape_of_cover(_alpha(value["rle"], size, where), label, number=number)
        if "points" in value:
            points = as_points(value["points"], where)
            if points.size and not _LEAST_PERCENT <= points.min() <= points.max() <= _MOST_PERCENT:
                found = f"points from {points.min():g} to {points.max():g}"
                expected = "0 to 100, percents of width and height"
                raise MaskError(where, found=found, expected=expected, remedy="divide px by original_width and _height")
            return Shape("rings", label, (points * share,), number)
        if "radiusX" in value:
            centre, radii = np.array([[value["x"], value["y"]], [value["radiusX"], value["radiusY"]]], float) * share
            turn = float(value.get("rotation") or 0)
            return Shape("ellipse", label, (as_points([centre, radii, [turn, 0]], where),), number)
        corner = as_points([value["x"], value["y"]], where)[0]
        sides = as_points([value.get("width", 0), value.get("height", 0)], where)[0]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, MaskError):
            raise
        raise MaskError(where, found=f"no {error}", expected="points, rle, or x and y") from None
    if "height" not in value:
        return Shape("point", label, (corner[None] * share,), number)
    if angle := float(value.get("rotation") or 0):  # about its upper left corner, clockwise, in px
        offsets = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (sides * share)
        return Shape("box", label, (turned(offsets, angle, corner * share),), number)
    return Shape("box", label, (np.array([corner, corner + sides]) * share,), number)


def _refuse_unlabelled(result: list[dict[str, Any]], labelled: set[object], where: str) -> None:
    """Refuse a region that is drawn, and has a label neither itself nor in another entry of its id."""
    for region in result:
        value = region.get("value")
        is_drawn = isinstance(value, dict) and bool({"points", "rle", "x"} & value.keys())
        if is_drawn and region.get("id") not in labelled:
            found = f"region {region.get('id')} without a label"
            raise MaskError(where, found=found, expected="one label", remedy="label or remove it in Label Studio")


def _alpha(packed: list[int], size: tuple[int, int], where: str) -> npt.NDArray[np.bool_]:
    """Unpack a brush: RGBA values in reading order, of which the last of each four counts."""
    values = unpack_brush(packed, where)
    if values.size != size[0] * size[1] * 4:
        found = f"a brush of {values.size // 4:,} px"
        raise MaskError(where, found=found, expected=f"{size[1]} x {size[0]}", remedy="export it again")
    return values.reshape(*size, 4)[..., 3] > 0


def unpack_brush(packed: list[int], where: str) -> npt.NDArray[np.uint8]:
    """Unpack rle-pack's runs of bytes: uint8 (N,).

    Raises:
        MaskError: if they end too early, or would be more than a picture may have.
    """
    try:
        bits = np.unpackbits(np.array(packed, np.uint8)).astype(np.uint8)
        text = (bits + 48).tobytes().decode()
        count, word = int(text[:32], 2), int(text[32:37], 2) + 1
        sizes = [int(text[at : at + 4], 2) + 1 for at in (37, 41, 45, 49)]
        if count > _MOST_VALUES:
            raise MaskError(where, found=f"a brush of {count:,} values", expected=f"at most {_MOST_VALUES:,}")
        at, done, parts, lengths = 53, 0, [], []
        while done < count:
            is_run, length_bits = text[at] == "1", sizes[int(text[at + 1 : at + 3], 2)]
            length = int(text[at + 3 : at + 3 + length_bits], 2) + 1
            at += 3 + length_bits
            steps = 1 if is_run else length
            parts += [int(text[at + step * word : at + (step + 1) * word], 2) for step in range(steps)]
            lengths += [length] if is_run else [1] * length
            at, done = at + steps * word, done + length
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        if isinstance(error, MaskError):
            raise
        raise MaskError(
            where, found="a brush that ends too early", expected="rle-pack's runs", is_damage=True
        ) from None
    return np.repeat(np.array(parts, np.uint8), lengths)[:count]


def pack_brush(values: npt.NDArray[np.uint8]) -> list[int]:
    """Pack bytes as rle-pack does, in runs alone: the bytes that `unpack_brush` unpacks.

    >>> unpack_brush(pack_brush(np.array([0, 0, 255], np.uint8)), "a.json")
    array([  0,   0, 255], dtype=uint8)
    """
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])[: values.size]
    bits = [f"{values.size:032b}{7:05b}", *(f"{size - 1:04b}" for size in _RUN_BITS)]
    for start, length in zip(starts.tolist(), np.diff(starts, append=values.size).tolist(), strict=True):
        left = length
        while left:
            run = min(left, 1 << _RUN_BITS[-1])
            place = next(place for place, size in enumerate(_RUN_BITS) if run <= 1 << size)
            bits.append(f"1{place:02b}{run - 1:0{_RUN_BITS[place]}b}{values[start]:08b}")
            left -= run
    text = "".join(bits)
    return np.packbits(np.frombuffer(text.encode(), np.uint8) - 48).tolist()
