"""Plug-ins: the formats of this package, and those that other installed packages add.

A package adds a format by an entry point in the group `segfeed.formats`, whose name is the format's and whose value is a
module with the functions that `segfeed.datasets.source.FORMATS` lists:

    [project.entry-points."segfeed.formats"]
    tiles = "my_package.tiles"

Source: packaging.python.org, "Entry points specification".
"""

import importlib
import os
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from segfeed.datasets.source import FORMATS, Recognised, Source
from segfeed.errors import OptionError, PluginError, SourceError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "segfeed.formats"
_ANY_FOLDERS = "folders"  # told by little: asked where no other format answers
_FUNCTIONS = ("recognise", "split_names", "scan")


class FormatModule(Protocol):
    """Offer what every format's module offers; see `segfeed.datasets.source.FORMATS`."""

    recognise: Callable[..., Recognised | None]
    split_names: Callable[..., list[str]]
    scan: Callable[..., Source]


def format_names() -> list[str]:
    """List the names of all formats, those of other packages last.

    Raises:
        PluginError: two packages add a format of one name, or one takes the name of a format here.

    >>> "voc" in format_names()
    True
    """
    return [*FORMATS, *_plugins()]


def import_format(name: str) -> FormatModule:
    """Import a format's module.

    Raises:
        OptionError: there is no such format.
        PluginError: a package's module cannot be imported, or lacks a function.

    >>> import_format("voc").split_names.__name__
    'split_names'
    """
    if name in FORMATS:
        return cast(FormatModule, importlib.import_module(FORMATS[name]))
    plugins = _plugins()
    if name not in plugins:
        raise OptionError(f"format={name!r} is not known; use one of {', '.join([*FORMATS, *plugins])}.")
    point = plugins[name]
    try:
        module: Any = point.load()
    except Exception as error:
        raise PluginError(
            f"format {name!r} of package {_package(point)}: {point.value} cannot be imported ({type(error).__name__}: {error}); "
            "repair or uninstall the package, or pass format= with the format you mean."
        ) from error
    lacking = [function for function in _FUNCTIONS if not callable(getattr(module, function, None))]
    if lacking:
        raise PluginError(
            f"format {name!r} of package {_package(point)}: {point.value} has no function {', '.join(lacking)}; expected "
            f"{', '.join(_FUNCTIONS)}; repair or uninstall the package, or pass format= with the format you mean."
        )
    return cast(FormatModule, module)


def name_of(module: FormatModule) -> str:
    """Give the name of a format's module.

    >>> name_of(import_format("voc"))
    'voc'
    """
    return next(name for name in format_names() if import_format(name) is module)


def find_format(path: Path, wanted: str | None = None) -> tuple[Recognised, FormatModule]:
    """Ask each format whether it knows a dataset; none and several are errors, never a guess.

    Args:
        path: of the dataset; exists.
        wanted: the only format to ask; all where it is None.

    Returns:
        layout: the dataset's root, and what it was recognised by. module: that reads it.

    Raises:
        OptionError: there is no format `wanted`.
        SourceError: no format knows it, or several do; the candidates are named.
        PluginError: a package's format cannot be used.
    """
    names = [wanted] if wanted else format_names()
    found = _ask(path, [name for name in names if wanted or name != _ANY_FOLDERS])
    if not found and not wanted:
        found = _ask(path, [_ANY_FOLDERS])
    if len(found) > 1:
        candidates = "; ".join(f"{name} ({layout.why})" for name, (layout, _) in found.items())
        raise SourceError(f"{path}: it looks like several formats: {candidates}; pass format= with the one it is.")
    for layout, module in found.values():
        return layout, module
    if reason := explain_refusal(path):
        raise SourceError(f"{path}: no {wanted or 'known'} dataset layout: {reason}.")
    raise SourceError(
        f"{path}: no {wanted or 'known'} dataset layout; expected one of {', '.join(names)}, such as PASCAL VOC's (JPEGImages, "
        "SegmentationClass and ImageSets/Segmentation in this folder or in VOCdevkit/VOC20xx below it); docs/formats.md shows them all."
    )


def _ask(path: Path, names: list[str]) -> dict[str, tuple[Recognised, FormatModule]]:
    modules = {name: import_format(name) for name in names}
    return {
        name: (layout, module) for name, module in modules.items() if (layout := module.recognise(path)) is not None
    }


def _plugins() -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points  # noqa: PLC0415 - a tenth of the time that `import segfeed` may take

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        # An editable installation may be listed twice.
        if point.name in FORMATS or found.get(point.name, point).value != point.value:
            other = "segfeed itself" if point.name in FORMATS else _package(found[point.name])
            raise PluginError(
                f"format {point.name!r} is added by package {_package(point)}, but there is one of {other}; expected a name of its "
                "own; uninstall one of them, or have the format renamed."
            )
        found[point.name] = point
    return found


def _package(point: "EntryPoint") -> str:
    return repr(point.dist.name) if point.dist else "unknown"


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
