"""Segments.ai: a release, which is one JSON, and the bitmaps of segment ids that its SDK fetches.

coco-part-v0.1.json                             dataset: task_attributes.categories, samples with labels
images/0001.jpg                                 anywhere below the folder
labels/0001_label_ground-truth.png              id = red + 256 green + 65,536 blue, or a gray PNG of 16 bits

Segments do not overlap. Classes are the categories in the order of their ids; what is 0 is background, and a sample
whose label is null is left out, which the listing says. Of several label sets, the first of ground truth that the
release names counts. A release has no splits, so the hash of the keys makes train, val and all.

Source: docs.segments.ai, "Release file" and "Label formats"; github.com/segments-ai/segments-ai, utils.py.
"""

import os
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.drawn_format import Annotations, DrawnFormat, Listing, by_hash, recognise_only
from segfeed.datasets.drawn.files import ClassesSeen, Drawn, files_below
from segfeed.datasets.drawn.json_reading import parse_json
from segfeed.datasets.drawn.masks import Classes, DrawnMask
from segfeed.datasets.drawn.photo_places import PhotoPlaces
from segfeed.datasets.source import Recognised
from segfeed.errors import MaskError, SourceError
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.palette import colour_codes
from segfeed.pixels.shapes.drawing import Drawing, Style
from segfeed.pixels.shapes.runs import shape_of_cover

_STYLE = Style("coco")
_WORDS = (b'"task_type"', b'"task_attributes"', b'"samples"')


def _recognise(path: Path) -> Recognised | None:
    """Find the release at a path or in a folder; the root is that file."""
    return recognise_only(path, files_below(path, (".json",), _WORDS), "Segments.ai's samples", "releases")


def _list(annotations: Annotations) -> Listing:
    """List the photos and their bitmaps.

    Raises:
        SourceError: if the release is malformed, or not of bitmaps.
    """
    [file] = annotations.files
    release = _read(file)
    try:
        kind = str(release["task_type"])
        categories = {int(one["id"]): str(one["name"]) for one in release["task_attributes"]["categories"]}
        labels = [one["name"] for one in release.get("labelsets") or () if one.get("is_groundtruth") is not False]
        samples = [(str(one["name"]), one.get("labels") or {}) for one in release["samples"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise SourceError(file.path, found=found, expected="a release of Segments.ai") from None
    if "bitmap" not in kind:
        found, remedy = f"task_type {kind!r}", "export it for COCO, and pass that"
        raise SourceError(file.path, found=found, expected="segmentation-bitmap", remedy=remedy)
    classes = Classes(tuple(name for _, name in sorted(categories.items())))
    places = PhotoPlaces.near(annotations.root, annotations.root)
    chosen = [(name, *_chosen(found, labels)) for name, found in samples]
    of = (places, classes, categories, file)
    drawn = [_drawn(name, title, said, of) for name, title, said in chosen if said is not None]
    bare = len(chosen) - len(drawn)
    why = f"{bare:,} samples without a label are left out" if bare else ""
    return Listing(drawn, places, classes, why)


FORMAT = DrawnFormat(_recognise, by_hash, _list)


@lru_cache(maxsize=4)
def _read(file: File) -> dict[str, Any]:
    found = parse_json(file.read(), file.path)
    dataset = found.get("dataset") if isinstance(found, dict) else None
    if not isinstance(dataset, dict):
        raise SourceError(file.path, found="no dataset in it", expected="a release of Segments.ai")
    return dataset


def _chosen(labels: dict[str, Any], order: list[str]) -> tuple[str, Any]:
    """Return the name of the label that counts, and what it says; None if the sample is not annotated."""
    for name in [one for one in order if one in labels] or list(labels):
        if labels[name] is not None:
            return name, labels[name]
    return "", None


def _drawn(name: str, title: str, said: Any, of: tuple[PhotoPlaces, Classes, dict[int, str], File]) -> Drawn:
    places, classes, categories, release = of
    mask = places.find(f"{PurePosixPath(name).with_suffix('')}_label_{title}.png")
    if mask is None:
        return Drawn(name, None)
    try:
        segments = {int(one["id"]): int(one["category_id"]) for one in said["attributes"]["annotations"]}
    except (KeyError, TypeError, ValueError) as error:
        found = f"the label of {name}: {type(error).__name__}: {error}"
        raise SourceError(release.path, found=found, expected="annotations with id and category_id") from None
    sketch = partial(_sketch, mask, segments, classes, categories)
    part = f"{os.path.basename(release.path)} {release.stamp}"
    return Drawn(name, DrawnMask(mask, part, mask.name, sketch, _STYLE))


def _sketch(file: File, segments: dict[int, int], classes: Classes, categories: dict[int, str]) -> Drawing:
    ids = _read_ids(file)
    seen = ClassesSeen(classes, file.name, {})
    present = np.unique(ids).tolist()
    if lost := [one for one in present if one and one not in segments]:
        found = f"segment {lost[0]}, which the release lacks"
        raise MaskError(file.name, found=found, expected="only segments of the release", remedy="fetch it again")
    shapes = [
        shape_of_cover(ids == one, seen.value_of(categories.get(category), f"segment {one}"), number=number)
        for number, (one, category) in enumerate(segments.items(), start=1)
    ]
    height, width = ids.shape
    return Drawing((height, width), tuple(shapes), seen.names)


def _read_ids(file: File) -> npt.NDArray[np.int64]:
    pixels = decode_mask(file.read(), file.name).pixels
    if pixels.ndim == 2:
        return pixels.astype(np.int64)
    return colour_codes(pixels[..., ::-1]).astype(np.int64)  # red is the lowest byte of an id
