"""Refusals: datasets that people come with and that have no mask for each photo, told by the names of their files.

Where no format recognises a path, the reason is worth more than a list of what would have been recognised.
"""

import os
import re
from collections import deque
from pathlib import Path

_MAX_NAMES = 5_000  # a path may be a whole disk
_MAKE_MASKS = (
    'export masks instead, such as CVAT\'s "Segmentation mask 1.1" or Roboflow\'s "Semantic Segmentation Masks", or draw them '
    "from the shapes, as labelme2voc.py does"
)
_KNOWN = (
    (
        r"_seg\.png$",
        "this is the full ADE20K: 3,000 classes mixed with object numbers, named in a pickle, which segfeed does not open",
        "take the scene parsing release (ADEChallengeData2016), the same photos with 150 classes",
    ),
    (
        r"(^|/)training/instance/[^/]+\.png$",
        "this is KITTI without class masks: training/instance holds 16-bit objects",
        "add training/semantic of data_semantics.zip",
    ),
    (r"(coco|createml)\.json$|(^|/)instances_[^/]+\.json$", "its annotations are JSON shapes, not masks", _MAKE_MASKS),
    (r"(^|/)data\.ya?ml$", "this is a YOLO dataset, whose annotations are boxes or polygons, not masks", _MAKE_MASKS),
    (r"\.xml$", "its annotations are XML boxes or polygons, not masks", _MAKE_MASKS),
    (r"\.tfrecord$", "this is a TFRecord dataset, which segfeed does not read", "write Parquet, or folders of files"),
    (
        r"(^|[-_/])\d{5,6}\.tar$",
        "these are WebDataset shards, which segfeed writes but does not read",
        "pass the dataset that they were made from, or export that as a VOC folder or as Parquet",
    ),
    (r"\.json$", "it has JSON files, but no masks that segfeed could find", _MAKE_MASKS),
)


def explain_refusal(path: Path) -> str | None:
    """Say why a dataset of a known kind cannot be used, and what to do; None where the kind is unknown.

    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "data.yaml").write_text("names: [cat]")
    >>> explain_refusal(folder).partition(";")[0]
    'this is a YOLO dataset, whose annotations are boxes or polygons, not masks'
    """
    names = _first_names(path)
    return next(
        (f"{reason}; {remedy}" for pattern, reason, remedy in _KNOWN if any(map(re.compile(pattern).search, names))),
        None,
    )


def _first_names(path: Path) -> list[str]:
    """List the first files at and below a path, the nearest first, relative to it."""
    if not path.is_dir():
        return [path.name]
    found: list[str] = []
    folders, seen = deque([""]), 0
    while folders and seen < _MAX_NAMES:
        folder = folders.popleft()
        try:
            entries = sorted(os.scandir(path / folder), key=lambda entry: entry.name)[: _MAX_NAMES - seen]
        except OSError:
            continue
        seen += len(entries)
        found += [f"{folder}{entry.name}" for entry in entries if not entry.is_dir(follow_symlinks=False)]
        folders += [f"{folder}{entry.name}/" for entry in entries if entry.is_dir(follow_symlinks=False)]
    return found
