"""Recognition: which format a dataset has, of those here and those that other installed packages add.

Each format is asked. None and several are errors, never a guess; the error says what the files look like, if they are
of a known kind that has no masks.

A package adds a format by an entry point in the group `segfeed.formats`, whose name is the format's and whose value is
a module that offers what `FormatModule` says:

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

from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import OptionError, PluginError, SourceError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_OWN = (
    "voc", "tar", "ade20k", "cityscapes", "kitti", "vistas", "coco_stuff", "columns", "labelme", "roboflow", "camvid",
)  # fmt: skip
_ANY_FOLDERS = "folders"  # recognised by little: asked if no other format answers
FORMATS: dict[str, str] = {
    **{name: f"segfeed.datasets.formats.{name}" for name in _OWN},
    _ANY_FOLDERS: "segfeed.datasets.formats.two_folders",
}
"""The formats of this package: name -> module, which is a `FormatModule`."""

GROUP = "segfeed.formats"
_FUNCTIONS = ("recognise", "split_names", "list_split")

_MAX_NAMES = 5_000  # a path may be a whole disk
_MAKE_MASKS = (
    'export masks instead, such as CVAT\'s "Segmentation mask 1.1" or Roboflow\'s "Semantic Segmentation Masks", or '
    "draw them from the shapes, as labelme2voc.py does"
)
_REFUSED = (  # a pattern of file names, what such a dataset is, what to do
    (
        r"_seg\.png$",
        "this is the full ADE20K: 3,000 classes mixed with objects, named in a pickle, which segfeed does not open",
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


class FormatModule(Protocol):
    """The functions that the module of a format offers.

    If its datasets have object masks, it also offers `list_objects(root, split) -> SplitFiles`, for task="instance".

    Attributes:
        recognise: (path) -> the dataset of this format at a path or somewhat below it; None if there is none.
        split_names: (root) -> the names of its splits.
        list_split: (root, split) -> the files of one of these splits.
    """

    recognise: Callable[[Path], Recognised | None]
    split_names: Callable[[Path], list[str]]
    list_split: Callable[[Path, str], SplitFiles]


def find_format(path: Path, wanted: str | None = None) -> tuple[Recognised, str]:
    """Ask each format whether it recognises a dataset.

    Args:
        path: of the dataset; exists.
        wanted: the only format to ask; all if None.

    Returns:
        recognised: the dataset's root, and what it was recognised by. name: of its format.

    Raises:
        OptionError: if there is no format `wanted`.
        SourceError: if no format recognises it, or several do; the candidates are named.
        PluginError: if a package's format cannot be used.
    """
    names = [wanted] if wanted else format_names()
    found = _ask(path, [name for name in names if wanted or name != _ANY_FOLDERS])
    if not found and not wanted:
        found = _ask(path, [_ANY_FOLDERS])
    if len(found) > 1:
        candidates = ", ".join(f"{name} ({recognised.why})" for name, recognised in found.items())
        raise SourceError(
            str(path), found=f"it looks like several formats: {candidates}", remedy="pass format= with the one it is"
        )
    for name, recognised in found.items():
        return recognised, name
    nothing = f"no {wanted or 'known'} dataset layout"
    if refusal := explain_refusal(path):
        raise SourceError(str(path), found=f"{nothing}: {refusal[0]}", remedy=refusal[1])
    raise SourceError(
        str(path),
        found=nothing,
        expected=f"one of {', '.join(names)}, such as PASCAL VOC's (JPEGImages, SegmentationClass and "
        "ImageSets/Segmentation in this folder or in VOCdevkit/VOC20xx below it)",
        remedy="see docs/formats.md, which shows them all",
    )


def format_names() -> list[str]:
    """List the names of all formats, those of other packages last.

    Raises:
        PluginError: if two packages add a format of one name, or one takes the name of a format here.

    >>> "voc" in format_names()
    True
    """
    return [*FORMATS, *_plugins()]


def import_format(name: str) -> FormatModule:
    """Import a format's module.

    Raises:
        OptionError: if there is no such format.
        PluginError: if a package's module cannot be imported, or lacks a function.

    >>> import_format("voc").split_names.__name__
    'split_names'
    """
    if name in FORMATS:
        return cast(FormatModule, importlib.import_module(FORMATS[name]))
    plugins = _plugins()
    if name not in plugins:
        raise OptionError("format", found=repr(name), expected=f"one of {', '.join([*FORMATS, *plugins])}")
    point = plugins[name]
    where = f"format {name!r} of package {_package(point)}"
    remedy = "repair or uninstall the package, or pass format= with the format you mean"
    try:
        module: Any = point.load()
    except Exception as error:
        found = f"{point.value} cannot be imported ({type(error).__name__}: {error})"
        raise PluginError(where, found=found, remedy=remedy) from error
    lacking = [function for function in _FUNCTIONS if not callable(getattr(module, function, None))]
    if lacking:
        found = f"{point.value} has no function {', '.join(lacking)}"
        raise PluginError(where, found=found, expected=", ".join(_FUNCTIONS), remedy=remedy)
    return cast(FormatModule, module)


def _ask(path: Path, names: list[str]) -> dict[str, Recognised]:
    modules = {name: import_format(name) for name in names}  # all before the first is asked: a broken one is told
    return {name: recognised for name, module in modules.items() if (recognised := module.recognise(path)) is not None}


def _plugins() -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points  # noqa: PLC0415 - a tenth of the time that `import segfeed` may take

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        # An editable installation may be listed twice.
        if point.name in FORMATS or found.get(point.name, point).value != point.value:
            other = "segfeed itself" if point.name in FORMATS else f"package {_package(found[point.name])}"
            raise PluginError(
                f"format {point.name!r}",
                found=f"it is added by package {_package(point)}, but there is one of {other}",
                expected="a name of its own",
                remedy="uninstall one of them, or have the format renamed",
            )
        found[point.name] = point
    return found


def _package(point: "EntryPoint") -> str:
    return repr(point.dist.name) if point.dist else "unknown"


def explain_refusal(path: Path) -> tuple[str, str] | None:
    """Return why a dataset of a known kind cannot be used, and what to do; None if the kind is unknown.

    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "data.yaml").write_text("names: [cat]")
    >>> explain_refusal(folder)[0]
    'this is a YOLO dataset, whose annotations are boxes or polygons, not masks'
    """
    names = _first_names(path)
    return next(
        ((reason, remedy) for pattern, reason, remedy in _REFUSED if any(map(re.compile(pattern).search, names))), None
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
