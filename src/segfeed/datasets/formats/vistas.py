"""Mapillary Vistas: street scenes of the world, with classes that a file of the dataset names.

config_v1.2.json, config_v2.0.json, or config.json    classes: name, colour, and whether they count in scores
{training,validation,testing}/images/ID.jpg            or train, val, test
{training,validation}/{v1.2,v2.0}/labels/ID.png        palette or gray: indices of that file; before v1.2: labels/ID.png

Both sets of classes come with the same photos; if both are there, the path of one of the files says which is meant.

Source: README.md of the Mapillary Vistas Dataset, research edition.
"""

import json
import os
from pathlib import Path

from segfeed.datasets.blobs import read_file
from segfeed.datasets.formats.folders import find_files, pair_split
from segfeed.datasets.formats.legend_files import MAX_LEGEND_BYTES, legend_errors
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import SourceError
from segfeed.pixels.codec import MASK_SUFFIXES, PHOTO_SUFFIXES
from segfeed.pixels.legend import Legend

_FOLDERS = {"train": ("training", "train"), "val": ("validation", "val"), "test": ("testing", "test")}


def recognise(path: Path) -> Recognised | None:
    """Find config*.json beside a split with images and labels; the root is that file.

    Raises:
        SourceError: if there are several such files, each with labels of its own.
    """
    files = [path] if os.path.isfile(path) else sorted(path.glob("config*.json"))
    roots = [file for file in files if file.match("config*.json") and _has_labels(file)]
    if len(roots) > 1:
        found = f"several sets of classes ({', '.join(root.name for root in roots)})"
        raise SourceError(str(path), found=found, remedy="pass the path of one of these files")
    if not roots:
        return None
    root = roots[0]
    return Recognised(root, f"{root.name} lies beside images and {_labels_of(root)}", folder=root.parent)


def split_names(root: Path) -> list[str]:
    """List the splits that have photos."""
    return [split for split in _FOLDERS if os.path.isdir(_find_split(root, split) / "images")]


def list_split(root: Path, split: str) -> SplitFiles:
    """List the files of "train", "val" or "test": those in its folder, by name."""
    folder = _find_split(root, split)
    photos, masks = folder / "images", folder / _labels_of(root)
    photo_files, mask_files = find_files(photos, PHOTO_SUFFIXES), find_files(masks, MASK_SUFFIXES)
    return pair_split(split, (photos, photo_files), (masks, mask_files), lambda: _read_classes(root))


def _has_labels(config: Path) -> bool:
    return any(os.path.isdir(_find_split(config, split) / _labels_of(config)) for split in _FOLDERS)


def _find_split(config: Path, split: str) -> Path:
    folders = [config.parent / name for name in _FOLDERS[split]]
    return next((folder for folder in folders if os.path.isdir(folder)), folders[0])


def _labels_of(config: Path) -> str:
    version = config.stem.removeprefix("config").removeprefix("_")
    return f"{version}/labels" if version else "labels"


def _read_classes(config: Path) -> Legend:
    described = read_file(config, MAX_LEGEND_BYTES)
    with legend_errors(config, "`labels`, a list of name, color and evaluate"):
        rows = [
            (index, str(row["name"]), tuple(row["color"]), bool(row["evaluate"]))
            for index, row in enumerate(json.loads(described)["labels"])
        ]
        classes, void = ([row for row in rows if row[3] is counts] for counts in (True, False))
        return Legend(
            tuple(name for _, name, _, _ in classes),
            tuple(colour for _, _, colour, _ in classes),
            void_colours=tuple(dict.fromkeys(colour for _, _, colour, _ in void)),
            indices=tuple(index for index, *_ in classes),
            void_indices=tuple(index for index, *_ in void),
            title=f"vistas {config.stem}",
        )
