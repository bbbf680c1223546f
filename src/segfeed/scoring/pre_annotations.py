"""Pre-annotations: predictions as the annotations of a tool, in which a person corrects them instead of drawing.

    predictions_coco.json           COCO instances: polygons, run lengths if a region has holes
    predictions_cvat.xml            CVAT for images 1.1: polygons, masks if a region has holes
    predictions_label_studio.json   tasks with predictions: polygons in percent, brushes if a region has holes
    label_config.xml                the labels that Label Studio needs for them

A file grows with each call: photos that it holds already get their new shapes, others stay as they are. What is in a
file is therefore read each time, but only parted into lines, of which each photo has its own: to parse all shapes for
each batch would take hours for a few thousand photos. Two processes must not write one file.

Source: cocodataset.org, "Data format"; docs.cvat.ai, "CVAT for image"; labelstud.io, "Import pre-annotated data".
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from segfeed.datasets.drawn.regions import DrawnClasses, cover_of, run_lengths
from segfeed.datasets.export.outlines import draw_coco
from segfeed.datasets.formats.label_studio import pack_brush
from segfeed.datasets.source import Source
from segfeed.errors import OptionError
from segfeed.packs.pack import Pack
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Labels
from segfeed.pixels.shapes.tracing import Region
from segfeed.system.storage import save
from segfeed.system.work import in_order

Tool = Literal["coco", "cvat", "label-studio"]

_NAMES: dict[Tool, str] = {
    "coco": "predictions_coco.json",
    "cvat": "predictions_cvat.xml",
    "label-studio": "predictions_label_studio.json",
}
_CONFIG = "label_config.xml"
_BETWEEN, _COCO_END = '\n],\n"annotations": [\n', "\n]}\n"
_PHOTO, _OF_PHOTO = re.compile(r'{"id": (\d+), "file_name": '), re.compile(r'{"id": \d+, "image_id": (\d+), ')
_ANNOTATIONS = 10**8  # numbers of annotations that a photo may use: more than the pixels that it may have
_TASK = re.compile(r'{"id": (\d+), "data": {"image": ("[^"]*")}, "predictions": ')
_IMAGE = re.compile(r"""  <image id="(\d+)" name=("[^"]*"|'[^']*') """)
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2


@dataclass(frozen=True, slots=True)
class _Photo:
    """A photo of which something was predicted: its number in the reader, its name, (height, width) in px."""

    number: int
    name: str
    size: tuple[int, int]


@dataclass(frozen=True)
class _Writer:
    """How one tool's file is made: of the text of each photo, by its number, in which the photo is named."""

    draw: Callable[[_Photo, Labels, Legend], str]
    join: Callable[[Mapping[int, str], DrawnClasses], str]
    part: Callable[[str, DrawnClasses], dict[int, str]]
    name_in: Callable[[str], str]
    write_name: Callable[[str], str]


def write_pre_annotations(
    folder: Path, images: Sequence[tuple[int, Labels]], reader: Source | Pack, tool: Tool
) -> tuple[Path, ...]:
    """Write what was predicted as annotations of a tool, beside what its file in the folder holds already.

    Args:
        folder: made if it is missing.
        images: sample's number, class ids (H, W) of a whole photo.
        reader: that knows names of photos and classes. A photo is named by its file, or by its key if that is not
            enough to tell photos apart.
        tool: "coco", "cvat" or "label-studio".

    Raises:
        OptionError: if the file holds something else, such as predictions of other classes or of another split; or if
            XML cannot hold a name.
        LegendError: if two classes would be background.
        StorageError: if a file cannot be written.
    """
    legend = cast(Legend, reader.legend)
    classes, writer, path = DrawnClasses.of(legend.names), _WRITERS[tool], folder / _NAMES[tool]
    names = _names_of_photos(reader)
    photos = [_Photo(number, names[number], labels.shape) for number, labels in images]
    if tool != "coco":
        _refuse_unwritable([*classes.names, *(photo.name for photo in photos)])
    texts = _read(path, writer, classes, names)

    def draw(place: int) -> str:
        return writer.draw(photos[place], images[place][1], legend)

    for photo, text in zip(photos, in_order(draw, len(photos)), strict=True):
        texts[photo.number] = text
    config = _label_config(classes)
    if tool == "label-studio":
        if texts and os.path.exists(folder / _CONFIG) and (folder / _CONFIG).read_text("utf-8") != config:
            raise _holds_other(folder / _CONFIG, "classes")
        save(folder / _CONFIG, config.encode(), "the labels")
    save(path, writer.join(dict(sorted(texts.items())), classes).encode(), "the predictions")
    return (path,)


def _refuse_unwritable(names: Iterable[str]) -> None:
    if odd := next((name for name in names if _NOT_IN_XML.search(name)), None):
        expected = "names without control characters, which XML cannot hold"
        raise OptionError("kind", found=f"the name {odd!r}", expected=expected, remedy='rename it, or pass kind="coco"')


def _read(path: Path, writer: _Writer, classes: DrawnClasses, names: Sequence[str]) -> dict[int, str]:
    """Part what a file holds into the texts of its photos: those of another split have other names by their numbers."""
    if not os.path.exists(path):
        return {}
    try:
        texts = writer.part(path.read_text("utf-8"), classes)
        named = {number: writer.name_in(text) for number, text in texts.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _holds_other(path, "classes") from None
    known = {number: writer.write_name(name) for number, name in enumerate(names)}
    if not named.items() <= known.items():
        raise _holds_other(path, "photos")
    return texts


def _holds_other(path: Path, what: str) -> OptionError:
    found = f"it holds something else than predictions of these {what}"
    return OptionError(str(path), found=found, remedy="choose another folder")


def _names_of_photos(reader: Source | Pack) -> list[str]:
    if isinstance(reader, Source):
        names = [sample.photo.name for sample in reader.samples]
    else:
        names = [str(name) for name in reader.table.strings("photo_name")]
    if len(set(names)) == len(names):
        return names
    return [key + PurePosixPath(name).suffix for key, name in zip(reader.keys, names, strict=True)]


# ---- COCO: a line for a photo, and one for its annotations if it has any


def _draw_coco(photo: _Photo, labels: Labels, legend: Legend) -> str:
    (height, width), number = photo.size, photo.number + 1
    image = json.dumps({"id": number, "file_name": photo.name, "width": width, "height": height})
    lines = draw_coco(labels, legend).decode().splitlines()
    first = number * _ANNOTATIONS
    notes = [f'{{"id": {first + place}, "image_id": {number}, {line}' for place, line in enumerate(lines)]
    return "\n".join([image, ", ".join(notes)])


def _join_coco(texts: Mapping[int, str], classes: DrawnClasses) -> str:
    parts = [text.partition("\n") for text in texts.values()]
    images, notes = _lines(image for image, _, _ in parts), _lines(line for _, _, line in parts if line)
    return f"{_coco_head(classes)}{images}{_BETWEEN}{notes}{_COCO_END}"


def _part_coco(text: str, classes: DrawnClasses) -> dict[int, str]:
    head = _coco_head(classes)
    if not text.startswith(head) or not text.endswith(_COCO_END):
        raise ValueError
    images, _, notes = text[len(head) : -len(_COCO_END)].partition(_BETWEEN)
    shapes = {_number_in(_OF_PHOTO, line): line for line in notes.split(",\n") if line}
    photos = {_number_in(_PHOTO, line): line for line in images.split(",\n") if line}
    return {number: "\n".join([line, shapes.get(number, "")]) for number, line in photos.items()}


def _name_in_coco(text: str) -> str:
    return str(json.loads(text.partition("\n")[0])["file_name"])


def _coco_head(classes: DrawnClasses) -> str:
    categories = [{"id": number, "name": name} for number, name in enumerate(classes.names, start=1)]
    return f'{{"categories": {json.dumps(categories)},\n"images": [\n'


def _number_in(pattern: "re.Pattern[str]", line: str) -> int:
    """Read the number of the photo that a line is of."""
    match = pattern.match(line)
    if match is None:
        raise ValueError
    return int(match[1]) - 1


# ---- CVAT: an image element a line


def _draw_cvat(photo: _Photo, labels: Labels, legend: Legend) -> str:
    classes, (height, width) = DrawnClasses.of(legend.names), photo.size
    head = f'  <image id="{photo.number}" name={quoteattr(photo.name)} width="{width}" height="{height}">'
    shapes = [_cvat_shape(classes.names[number - 1], region, photo.size) for number, region in classes.regions(labels)]
    return f"{head}{''.join(shapes)}</image>"


def _cvat_shape(name: str, region: Region, size: tuple[int, int]) -> str:
    common = f'label={quoteattr(name)} source="auto" occluded="0" z_order="0"'
    if len(region.rings) == 1:
        points = ";".join(f"{x:.0f},{y:.0f}" for x, y in region.rings[0].tolist())
        return f'<polygon {common} points="{points}"></polygon>'
    left, top, width, height = region.box
    cover = cover_of(region, size)[top : top + height, left : left + width]
    runs = ", ".join(map(str, run_lengths(cover.ravel())))
    return f'<mask {common} rle="{runs}" left="{left}" top="{top}" width="{width}" height="{height}"></mask>'


def _join_cvat(texts: Mapping[int, str], classes: DrawnClasses) -> str:
    return "\n".join([*_cvat_head(classes), *texts.values(), "</annotations>\n"])


def _part_cvat(text: str, classes: DrawnClasses) -> dict[int, str]:
    lines, head = text.split("\n")[:-1], _cvat_head(classes)  # a name may hold what else parts lines
    images = lines[len(head) : -1]
    matches = [_IMAGE.match(line) for line in images]
    if lines[: len(head)] != head or None in matches:
        raise ValueError
    return {int(match[1]): line for match, line in zip(matches, images, strict=True) if match}


def _name_in_cvat(text: str) -> str:
    match = _IMAGE.match(text)
    return match[2] if match else ""


def _cvat_head(classes: DrawnClasses) -> list[str]:
    labels = "".join(f"<label><name>{_escape(name)}</name></label>" for name in classes.names)
    head = f"  <meta><task><labels>{labels}</labels></task></meta>"
    return ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>", head]


def _escape(text: str) -> str:
    return quoteattr(text, {'"': "&quot;"})[1:-1]


# ---- Label Studio: a task a photo


def _draw_label_studio(photo: _Photo, labels: Labels, legend: Legend) -> str:
    classes = DrawnClasses.of(legend.names)
    result = [
        _region(f"{photo.number}-{place}", classes.names[number - 1], region, photo.size)
        for place, (number, region) in enumerate(classes.regions(labels))
    ]
    predictions = [{"model_version": "segfeed", "result": result}]
    task = {"id": photo.number + 1, "data": {"image": _url_of(photo.name)}, "predictions": predictions}
    return json.dumps(task)


def _url_of(name: str) -> str:
    return f"/data/local-files/?d={quote(name)}"


def _region(number: str, name: str, region: Region, size: tuple[int, int]) -> dict[str, Any]:
    height, width = size
    if len(region.rings) == 1:
        tool, kind = "polygon", "polygonlabels"
        points = (region.rings[0] / (width, height) * 100).tolist()
        value: dict[str, Any] = {"points": points, "closed": True, kind: [name]}
    else:
        tool, kind = "brush", "brushlabels"
        alpha = np.repeat(cover_of(region, size).ravel(), 4).astype(np.uint8) * np.uint8(255)
        value = {"format": "rle", "rle": pack_brush(alpha), kind: [name]}
    shown = {"original_width": width, "original_height": height, "image_rotation": 0}
    return {"id": number, "type": kind, "from_name": tool, "to_name": "image", **shown, "value": value}


def _join_label_studio(texts: Mapping[int, str], _classes: DrawnClasses) -> str:
    return f"[{_lines(texts.values())}]\n"


def _part_label_studio(text: str, _classes: DrawnClasses) -> dict[int, str]:
    if (text[:1], text[-2:]) != ("[", "]\n"):
        raise ValueError
    return {_number_in(_TASK, line): line for line in text[1:-2].split(",\n") if line}


def _name_in_label_studio(text: str) -> str:
    match = _TASK.match(text)
    return str(json.loads(match[2])) if match else ""


def _label_config(classes: DrawnClasses) -> str:
    labels = "".join(f"<Label value={quoteattr(name)}/>" for name in classes.names)
    tools = "".join(
        f'<{tag} name="{tool}" toName="image">{labels}</{tag}>'
        for tag, tool in (("PolygonLabels", "polygon"), ("BrushLabels", "brush"))
    )
    return f'<View><Image name="image" value="$image"/>{tools}</View>\n'


def _lines(texts: Iterable[str]) -> str:
    return ",\n".join(texts)


_WRITERS: dict[Tool, _Writer] = {
    "coco": _Writer(_draw_coco, _join_coco, _part_coco, _name_in_coco, str),
    "cvat": _Writer(_draw_cvat, _join_cvat, _part_cvat, _name_in_cvat, quoteattr),
    "label-studio": _Writer(_draw_label_studio, _join_label_studio, _part_label_studio, _name_in_label_studio, _url_of),
}
