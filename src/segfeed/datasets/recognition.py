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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from segfeed.datasets.refusals import explain_refusal
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
    seen, remedy = explain_refusal(path, lambda folder: _name_of_format(folder, names))
    raise SourceError(str(path), found=f"no {wanted or 'known'} dataset layout: {seen}", remedy=remedy)


def _name_of_format(path: Path, names: list[str]) -> str | None:
    try:
        return next(iter(_ask(path, names)), None)
    except SourceError:
        return None


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
    found = {}
    for name, module in modules.items():
        try:
            recognised = module.recognise(path)
        except OSError as error:
            if isinstance(error, SourceError):
                raise
            continue  # a folder that cannot be read, which the refusal names if nothing else is found
        if recognised is not None:
            found[name] = recognised
    return found


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
