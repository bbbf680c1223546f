"""Ultralytics' semantic segmentation: a YAML file with masks_dir, and a mask of class indices a photo.

data.yaml                         names, train, val, test, masks_dir: masks
images/train/0001.jpg
masks/train/0001.png              masks_dir stands for the folder images

255 is void. label_mapping says which stored value is which class; one that it maps to 255 or below 0 is void, and one
that it lacks is an error.

Source: docs.ultralytics.com, "Semantic Segmentation Datasets Overview".
"""

from functools import partial
from pathlib import Path
from typing import Any

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.drawn.yolo_yaml import beside, find_yaml, name_below, names_of, photos_of, read_yaml, splits_of
from segfeed.datasets.matching.folders import list_names
from segfeed.datasets.source import Missing, Recognised, Sample, SplitFiles
from segfeed.errors import LegendError, SourceError
from segfeed.pixels.class_names import Value
from segfeed.pixels.codec import MASK_SUFFIXES
from segfeed.pixels.legend import Legend

_VOID = 255


def recognise(path: Path) -> Recognised | None:
    """Find a YAML file with masks_dir at a path or in a folder; the root is that file.

    Raises:
        SourceError: if there are several.
    """
    file = find_yaml(path, has_masks=True)
    return None if file is None else Recognised(file, f"{file.name} has names and masks_dir", folder=file.parent)


def split_names(root: Path) -> list[str]:
    """List the splits that the YAML file names."""
    return splits_of(read_yaml(root))


def list_split(root: Path, split: str) -> SplitFiles:
    """List a split's photos and masks.

    Raises:
        SourceMissingError: if a folder or list is not there.
        SourceError: if the YAML file is malformed.
    """
    described = read_yaml(root)
    folder = described.get("masks_dir")
    if not isinstance(folder, str) or not folder.strip():
        raise SourceError(str(root), found=f"masks_dir: {folder!r:.40}", expected="the name of the folder of masks")
    samples, missing = [], []
    for photo in photos_of(described, split, root):
        key = str(Path(name_below(photo, root)).with_suffix("").as_posix())
        mask = _mask_of(beside(photo, folder))
        if mask is None:
            missing.append(Missing(key, "mask", str(beside(photo, folder).parent)))
        elif not photo.is_file():
            missing.append(Missing(key, "photo", str(photo.parent)))
        else:
            samples.append(Sample(key, File.of(str(photo)), mask))
    return SplitFiles(tuple(samples), tuple(missing), partial(_legend, described, root))


def _mask_of(wanted: Path) -> Blob | None:
    names = set(list_names(wanted.parent)) if wanted.parent.is_dir() else set()
    fits = (f"{wanted.stem}{suffix}" for suffix in (*MASK_SUFFIXES, ".PNG"))
    return next((File.of(str(wanted.parent / name)) for name in fits if name in names), None)


def _legend(described: dict[str, Any], root: Path) -> Legend:
    names, mapping = names_of(described, root), described.get("label_mapping")
    if mapping is None:
        return Legend(names, indices=tuple(range(len(names))), void_indices=(_VOID,), title=root.stem, reading="index")
    try:
        pairs = {int(stored): int(label) for stored, label in mapping.items()}
        values: dict[Value, str | None] = {
            stored: None if label == _VOID or label < 0 else names[label]
            for stored, label in pairs.items()
            if stored >= 0
        }
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        found = f"label_mapping: {type(error).__name__}: {error}"
        raise LegendError(str(root), found=found, expected="stored values and numbers of names, or 255") from None
    return Legend.of_values(values | {_VOID: None})
