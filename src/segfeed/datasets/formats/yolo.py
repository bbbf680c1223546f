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

from segfeed.datasets.blobs import File, read_file
from segfeed.datasets.drawn import Classes, DrawnMask
from segfeed.datasets.formats.drawn_files import Drawn, list_drawn, size_of_photo
from segfeed.datasets.formats.lists import read_lines
from segfeed.datasets.formats.photo_places import PhotoPlaces
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import MaskError, SourceError, SourceMissingError
from segfeed.pixels.codec import PHOTO_SUFFIXES
from segfeed.pixels.shapes import Drawing, Shape, Style, as_points

_STYLE = Style("centre", overlap="smallest")
_SUFFIXES = (".yaml", ".yml")
_SPLITS = ("train", "val", "test")
_MAX_BYTES = 16 << 20
_SLACK = 0.01  # how far outside a value may lie, by rounding


def recognise(path: Path) -> Recognised | None:
    """Find the YAML file at a path or in a folder; the root is that file.

    Raises:
        SourceError: if there are several.
    """
    files = [path] if os.path.isfile(path) else sorted(one for suffix in _SUFFIXES for one in path.glob(f"*{suffix}"))
    found = [one for one in files if one.suffix.lower() in _SUFFIXES and _is_data(one)]
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise SourceError(str(path), found=f"several YAML files ({names})", remedy="pass the path of one")
    if not found:
        return None
    return Recognised(found[0], f"{found[0].name} has names and folders of photos", folder=found[0].parent)


def split_names(root: Path) -> list[str]:
    """List the splits that the YAML file names."""
    return [split for split in _SPLITS if _read_yaml(root).get(split)]


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's photos and the texts of their objects.

    Raises:
        SourceMissingError: if a folder or list is not there.
        SourceError: if the YAML file is malformed.
    """
    described = _read_yaml(root)
    classes = Classes(_names(described, root))
    entries = described[split]
    photos = [
        photo
        for entry in (entries if isinstance(entries, list) else [entries])
        for photo in _photos(str(entry), described, root)
    ]
    drawn, bare = [], 0
    for photo in dict.fromkeys(photos):
        text = _text_of(photo)
        bare += text is None
        drawn.append(_drawn(photo, text, classes, root))
    if photos and bare == len(drawn):
        raise SourceMissingError(
            str(root),
            found=f"no text for any photo of {split}, such as {_wanted_text(photos[0])}",
            expected="labels beside images",
            remedy="move the folder labels beside images",
        )
    why = f"{bare:,} photos without a text are all background" if bare else ""
    return list_drawn(drawn, PhotoPlaces(root.parent, {}), split, classes, root, why)


list_objects = list_split


def _is_data(path: Path) -> bool:
    try:
        data = read_file(path, _MAX_BYTES)
    except SourceError:
        return False
    return (
        b"names" in data
        and any(f"{split}:".encode() in data for split in ("train", "val"))
        and b"masks_dir" not in data
    )


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - needed for this format alone

    try:
        found = yaml.safe_load(read_file(path, _MAX_BYTES).decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            str(path), found=f"no valid YAML ({' '.join(str(error).split())})", expected="names and train, val"
        ) from None
    if not isinstance(found, dict):
        raise SourceError(str(path), found="no keys", expected="names and train, val")
    return found


def _names(described: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Read names, a list or a map of all numbers from 0."""
    names = described.get("names")
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[number] for number in range(len(names))]
    count = described.get("nc")
    if not isinstance(names, list) or not names or not all(isinstance(one, str | int) for one in names):
        found = f"names that are {names!r:.80}"
        raise SourceError(str(path), found=found, expected="a list of names, or a map from 0, 1, 2, ...")
    if count is not None and count != len(names):
        raise SourceError(str(path), found=f"nc: {count} and {len(names)} names", expected="as many", remedy="mend it")
    return tuple(map(str, names))


def _photos(entry: str, described: dict[str, Any], root: Path) -> list[Path]:
    """List the photos of a folder or of a list; the folder may have moved with the YAML file."""
    base = root.parent
    moved = Path(str(described.get("path") or "."))
    tried = [place / entry for place in (base / moved, base)]
    if entry.startswith("../"):  # Roboflow writes ../train/images for train/images
        tried.append(base / entry.removeprefix("../"))
    place = next((one for one in tried if os.path.exists(one)), None)
    if place is None:
        raise SourceMissingError(
            str(tried[0]), found=f"no such folder or list, which {root.name} names", remedy="correct path: or train:"
        )
    if os.path.isdir(place):
        return sorted(one for one in place.rglob("*") if one.suffix.lower() in PHOTO_SUFFIXES and one.name[0] != ".")
    listed = [Path(line) for _, line in read_lines(place)]
    return [one if one.is_absolute() else place.parent / one for one in listed]


def _wanted_text(photo: Path) -> Path:
    before, images, after = str(photo).rpartition(f"{os.sep}images{os.sep}")
    return Path(f"{before}{os.sep}labels{os.sep}{after}" if images else photo).with_suffix(".txt")


def _text_of(photo: Path) -> Path | None:
    wanted = _wanted_text(photo)
    return next((one for one in (wanted, photo.with_suffix(".txt")) if os.path.isfile(one)), None)


def _drawn(photo: Path, text: Path | None, classes: Classes, root: Path) -> Drawn:
    named = os.path.relpath(photo, root.parent).replace(os.sep, "/")
    while named.startswith("../"):
        named = named.removeprefix("../")
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
        raise MaskError(where, found=f"{len(values)} numbers after the class", expected="x and y of 3 points or more")
    return Shape("rings", value, (values.reshape(-1, 2) * sides,), number)
