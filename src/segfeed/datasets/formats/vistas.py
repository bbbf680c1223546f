"""Mapillary Vistas: street scenes of the world, with classes that a file of the dataset names.

config_v1.2.json, config_v2.0.json, or config.json      classes: name, colour, and whether they count in scores
{training,validation,testing}/images/ID.jpg              or train, val, test
{training,validation}/{v1.2,v2.0}/labels/ID.png          palette or gray: places in that file; before v1.2: labels/ID.png

Both sets of classes come with the same photos; where both are there, the path of one of the files says which is meant.

Source: README.md of the Mapillary Vistas Dataset, research edition.
"""

import json
from pathlib import Path

from segfeed.datasets.formats.folders import (
    MASK_SUFFIXES,
    PHOTO_SUFFIXES,
    find_files,
    masks_of_split,
    pair_files,
    refuse_objects,
)
from segfeed.datasets.formats.lists import choose_split, ids_of_files
from segfeed.datasets.source import Recognised, Source, Task
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.legend import Legend

_FOLDERS = {"train": ("training", "train"), "val": ("validation", "val"), "test": ("testing", "test")}


def recognise(path: Path) -> Recognised | None:
    """Find config*.json beside a split with images and labels; the root is that file.

    Raises:
        SourceError: there are several such files, each with labels of its own.
    """
    files = [path] if path.is_file() else sorted(path.glob("config*.json"))
    roots = [file for file in files if file.match("config*.json") and _has_labels(file)]
    if len(roots) > 1:
        raise SourceError(
            f"{path}: several sets of classes ({', '.join(root.name for root in roots)}); pass the path of one of these files."
        )
    return Recognised(roots[0], f"{roots[0].name} lies beside images and {_labels_of(roots[0])}") if roots else None


def scan(
    root: Path, split: str, *, task: Task = "semantic", legend: Legend | None = None, unknown: str = "error"
) -> Source:
    """List the samples of "train", "val" or "test": the files in its folder, by name; the root is config*.json."""
    refuse_objects(task, "vistas")
    split = choose_split(split, split_names(root), root.parent)
    folder = _find_split(root, split)
    photos, masks = folder / "images", folder / _labels_of(root)
    photo_files, mask_files = find_files(photos, PHOTO_SUFFIXES), find_files(masks, MASK_SUFFIXES)
    keys = ids_of_files((*photo_files, *mask_files), photos)
    samples, missing = pair_files(keys, (photos, photo_files), masks_of_split(split, keys, (masks, mask_files)))
    legend = legend or _read_classes(root)
    legend.unknown_label(unknown)
    return Source(root.parent, "vistas", split, task, samples, legend, unknown, missing=missing)


def split_names(root: Path) -> list[str]:
    """List the splits that have photos."""
    return [split for split in _FOLDERS if (_find_split(root, split) / "images").is_dir()]


def _has_labels(config: Path) -> bool:
    return any((_find_split(config, split) / _labels_of(config)).is_dir() for split in _FOLDERS)


def _find_split(config: Path, split: str) -> Path:
    folders = [config.parent / name for name in _FOLDERS[split]]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def _labels_of(config: Path) -> str:
    version = config.stem.removeprefix("config").removeprefix("_")
    return f"{version}/labels" if version else "labels"


def _read_classes(config: Path) -> Legend:
    try:
        rows = [
            (index, str(row["name"]), tuple(row["color"]), bool(row["evaluate"]))
            for index, row in enumerate(json.loads(config.read_bytes())["labels"])
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
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LegendError(
            f"{config}: malformed ({error}); expected `labels`, a list of name, color and evaluate."
        ) from None
