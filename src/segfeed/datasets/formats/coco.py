"""COCO instances: one JSON a split, with polygons or run lengths in pixels.

annotations/instances_train2017.json     images, annotations, categories
train2017/000000000009.jpg               or wherever the photos lie below the folder

Classes are the categories in the order of their ids. Integer coordinates are pixel edges, objects lie in the file's
order, and pycocotools decides which pixels a polygon covers: its parts are joined, so it has no holes.

LVIS names photos by coco_url alone, LIVECell lists annotations in an object, by their ids, and some tools write one id
as a number here and as a text there.

Source: cocodataset.org, "Data format"; pycocotools.
"""

import os
import re
from array import array
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import Blob, File, read_spans
from segfeed.datasets.drawn.drawn_format import Annotations, BySplit, DrawnFormat, Listing, by_name
from segfeed.datasets.drawn.files import Drawn, files_below, known_size, split_of_file
from segfeed.datasets.drawn.json_reading import parse_json, walk_json, words_in
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.shapes.drawing import Drawing, Shape, Style, as_points
from segfeed.pixels.shapes.runs import runs_of

_STYLE = Style("coco")
_OWNER_KEY = '"image_id"'
_OWNER = re.compile(rf'(?<!\\){_OWNER_KEY}\s*:\s*(?:"([ !#-\[\]-~]*)"|(-?\d{{1,18}}))\s*[,}}]')
_NUMBER = re.compile(r"0|-?[1-9]\d{0,17}")
_LISTS = ("images", "annotations", "categories")
_WORDS = (b'"images"', b'"categories"')
_NAMES = ("file_name", "coco_url")  # LVIS has the second alone
_Image = tuple[str, tuple[int, int] | None]


@dataclass(frozen=True)
class _Index:
    """Where the annotations of each photo lie in a JSON file.

    Attributes:
        images: id -> (file name, (height, width) in px or None), in the file's order.
        spans: int64 (N, 2), first byte and length of each annotation: photo by photo, and each photo's in turn.
        bounds: those of photo n are spans[bounds[n] : bounds[n + 1]].
        categories: id -> name.
    """

    images: dict[Hashable, _Image]
    spans: npt.NDArray[np.int64]
    bounds: list[int]
    categories: dict[int, str]


def _files(path: Path) -> list[Path]:
    files = [one for one in files_below(path, (".json",), _WORDS) if _has_annotations(one)]
    if os.path.isdir(path):
        return files
    # The other splits lie beside a file that names its own.
    beside = path.parent.glob(f"*{path.suffix}") if files and split_of_file(path) else ()
    own = split_of_file(path) or ""
    return files + [
        one
        for one in sorted(beside)
        if (other := split_of_file(one)) not in (None, own) and one.stem.replace(str(other), own) == path.stem
    ]


def _has_annotations(path: Path) -> bool:
    names, annotations = {f'"{name}"'.encode() for name in _NAMES}, {b'"annotations"', b'"image_id"'}
    seen = words_in(path, (*names, *annotations, b'"segments_info"'))
    return bool(seen & names and seen & annotations) and b'"segments_info"' not in seen


def _sort(files: Iterable[Path], root: Path) -> BySplit:
    """Sort files by their names; captions and keypoints of the same photos may lie beside them."""
    every = list(files)
    return by_name([one for one in every if one.name.startswith("instances")] or every, root)


def _list(annotations: Annotations) -> Listing:
    """List the photos of a split; one without annotations is all background."""
    [file] = annotations.files
    index = _read_index(file)
    categories = _join_categories(annotations.every)
    classes = Classes(tuple(name for _, name in sorted(categories.items())))
    places = PhotoPlaces.near(Path(file.path), annotations.root)
    bare = sum(first == end for first, end in pairwise(index.bounds))
    notes = [f"{bare:,} photos without annotations are all background"] if bare else []
    notes += [
        f"{count} categories are called {name!r} and are one class"
        for name, count in Counter(categories.values()).items()
        if count > 1
    ]
    drawn = _draw(file, index, classes, categories, places, annotations.split)
    return Listing(drawn, places, classes, "; ".join(notes), file)


FORMAT = DrawnFormat.of_files(_files, "COCO's images, annotations and categories", _sort, _list)


@lru_cache(maxsize=4)
def _read_index(file: File) -> _Index:
    images: dict[Hashable, _Image] = {}
    categories: dict[int, str] = {}
    owners: list[Hashable] = []
    spans = array("q")
    for key, (value, place) in walk_json(file, _LISTS, ("annotations",)):
        if key == "annotations":
            owners.append(_read_owner(value, place, file))
            spans.extend(place)
            continue
        try:
            if key == "categories":
                _add_category(categories, value)
            elif key == "images":
                _add_image(images, value)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            found = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
            raise _malformed(file, place, key, found) from None
    place_of = {one: place for place, one in enumerate(images)}
    try:
        photos = np.fromiter(map(place_of.__getitem__, owners), np.int64, len(owners))
    except KeyError as error:
        found = f"an annotation of image_id {error.args[0]!r}"
        raise SourceError(file.path, found=found, expected="the id of one of its images") from None
    by_photo = np.array(spans, np.int64).reshape(-1, 2)[np.argsort(photos, kind="stable")]
    bounds = np.bincount(photos, minlength=len(images)).cumsum().tolist()
    return _Index(images, by_photo, [0, *bounds], categories)


def _add_category(categories: dict[int, str], value: Any) -> None:
    number, name = _whole(value["id"]), str(value["name"])
    if (other := categories.setdefault(number, name)) != name:
        raise ValueError(f"id {number} is {other!r} and {name!r}")


def _add_image(images: dict[Hashable, _Image], value: Any) -> None:
    number = _as_id(value["id"])
    name = value[next((word for word in _NAMES if word in value), _NAMES[0])]
    if number in images:
        raise ValueError(f"id {number} occurs twice")
    if not isinstance(name, str):
        raise ValueError(f"file_name {name!r:.40}")  # noqa: TRY004 - what a file says is wrong, not a call
    images[number] = name, _size(value)


def _as_id(value: Any) -> Hashable:
    """Return an id; a number that is written as a text is that number, since tools write both in one file."""
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _whole(value: Any) -> int:
    """Read a whole number, which may be written as a text or with a point; raise ValueError if it is not."""
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(f"{value} is not a whole number")
    return number


def _read_owner(text: Any, place: tuple[int, int], file: File) -> Hashable:
    """Read of an annotation whose it is, by its text; the whole of it is parsed only if that is in doubt."""
    if not isinstance(text, str):
        raise _malformed(file, place, "annotations", f"{text!r:.40} in place of a list")
    at = text.rfind(_OWNER_KEY)  # of a key that occurs twice, the last counts
    found = _OWNER.match(text, at) if at >= 0 else None
    if found and (text.rfind("{") == 0 or text.find(_OWNER_KEY, 0, at) < 0):  # or it may be of an object inside
        return int(found[2]) if found[2] else _as_id(found[1])
    entry = parse_json(text.encode("latin-1"), file.path)
    owner: Hashable = entry.get("image_id") if isinstance(entry, dict) else None
    if not isinstance(owner, int | float | str):
        raise _malformed(file, place, "annotations", f"image_id {owner!r:.40}")
    return _as_id(owner)


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    height, width = entry.get("height"), entry.get("width")
    return (int(height), int(width)) if height and width else None


def _malformed(file: File, place: tuple[int, int], key: str, found: str) -> SourceError:
    return SourceError(
        file.path,
        found=f"an entry of {key} at byte {place[0]:,}: {found}",
        expected="COCO's fields",
        remedy="export it again",
    )


def _join_categories(files: list[File]) -> dict[int, str]:
    """Join the categories of all splits; refuse files that give one id two names."""
    joined: dict[int, str] = {}
    for file in files:
        for number, name in _read_index(file).categories.items():
            if joined.setdefault(number, name) != name:
                raise SourceError(
                    file.path,
                    found=f"category {number} is {name!r}, and in another split {joined[number]!r}",
                    expected="the same categories in all splits",
                    remedy="pass the path of one file at a time, or correct the ids",
                )
    return joined


def _draw(
    file: File, index: _Index, classes: Classes, categories: dict[int, str], places: PhotoPlaces, split: str
) -> Iterator[Drawn]:
    """Say of each photo what is drawn on it."""
    title = file.name
    for (one, (name, size)), (first, end) in zip(index.images.items(), pairwise(index.bounds), strict=True):
        label = f"{title}: {name}"
        photo = places.find(name, split) if size is None else None
        sketch = partial(_sketch, file, index.spans[first:end], size or photo, label, classes, categories)
        yield Drawn(name, DrawnMask(file, str(one), label, sketch, _STYLE))


def _sketch(
    file: File,
    spans: npt.NDArray[np.int64],
    size: tuple[int, int] | Blob | None,
    name: str,
    classes: Classes,
    categories: dict[int, str],
) -> Drawing:
    size = known_size(size, name, "height and width nor the photo")
    shapes = []
    names = {}
    places = [(first, length) for first, length in spans.tolist()]
    parts = read_spans(file.path, name, places, file.stamp) if places else []
    entries = parse_json(b"[%b]" % b",".join(parts), name)
    for number, entry in enumerate(entries, start=1):
        try:
            category = categories[_whole(entry["category_id"])]
        except (KeyError, TypeError, ValueError):
            found = f"annotation {entry.get('id')} of category_id {entry.get('category_id')!r}"
            raise MaskError(name, found=found, expected="the id of a category", remedy="add the category") from None
        value = classes.value_of(category)
        if value is not None:
            names[value] = category
        shapes += _shape(entry, value, number, size, name)
    return Drawing(size, tuple(shapes), names)


def _shape(entry: dict[str, Any], value: int | None, number: int, size: tuple[int, int], name: str) -> list[Shape]:
    """Read the shape of an annotation; an empty segmentation leaves the box, if there is one."""
    what, crowd = f"annotation {entry.get('id')}", _is_crowd(entry, name)
    found = entry.get("segmentation")
    if isinstance(found, dict):
        return [Shape("runs", value, (runs_of(found, size, name, what),), number, crowd, frame=(0, 0, *size, 1))]
    if found is not None and not isinstance(found, list):
        raise MaskError(name, found=f"a segmentation of {what} that is {type(found).__name__}", expected="polygons")
    listed = found if found and isinstance(found[0], list) else [found]
    parts = [as_points(part, name, what) for part in listed if part]
    if not parts:
        return _box(entry, value, number, name, crowd=crowd)
    whole = tuple(part for part in parts if len(part) > 2)
    if not whole:
        found_points = f"{what} of polygons of {max(map(len, parts))} points"
        expected = "[x1, y1, x2, y2, x3, y3, ...] in a list"
        raise MaskError(name, found=found_points, expected=expected, remedy="remove or mend it")
    # Stray points beside an outline, which some tools leave behind, are counted as a shape without pixels.
    stray = tuple(part for part in parts if len(part) < 3)
    shapes = [Shape("parts", value, whole, number, crowd)]
    return [*shapes, Shape("parts", value, stray, number, crowd)] if stray else shapes


def _box(entry: dict[str, Any], value: int | None, number: int, name: str, *, crowd: bool) -> list[Shape]:
    box = entry.get("bbox")
    if not box:
        return [Shape("parts", value, (), number, crowd)]
    what = f"annotation {entry.get('id')}"
    if not isinstance(box, list) or len(box) != 4:
        raise MaskError(name, found=f"bbox {box!r:.60} of {what}", expected="[x, y, width, height] in px")
    corner, sides = as_points(box, name, what)
    return [Shape("box", value, (as_points([corner, corner + sides], name, what),), number, crowd)]


def _is_crowd(entry: dict[str, Any], name: str) -> bool:
    said = entry.get("iscrowd")
    if said not in (None, 0, 1, "0", "1"):
        found = f"iscrowd {said!r:.40} of annotation {entry.get('id')}"
        raise MaskError(name, found=found, expected="0 or 1", remedy="correct it")
    return said in (1, "1")
