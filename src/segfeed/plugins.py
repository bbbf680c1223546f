"""Plug-ins: the formats of this package, and those that other installed packages add.

A package adds a format by an entry point in the group `segfeed.formats`, whose name is the format's and whose value is a
module with the functions that `segfeed.sources.FORMATS` lists:

    [project.entry-points."segfeed.formats"]
    tiles = "my_package.tiles"

Source: packaging.python.org, "Entry points specification".
"""

import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from segfeed.errors import OptionError, PluginError, SourceError
from segfeed.refusals import explain_refusal
from segfeed.sources import FORMATS, Layout, Source

GROUP = "segfeed.formats"
_ANY_FOLDERS = "folders"  # told by little: asked where no other format answers
_FUNCTIONS = ("recognise", "split_names", "scan")


class FormatModule(Protocol):
    """Offer what every format's module offers; see `segfeed.sources.FORMATS`."""

    recognise: Callable[..., Layout | None]
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


def find_format(path: Path, wanted: str | None = None) -> tuple[Layout, FormatModule]:
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


def _ask(path: Path, names: list[str]) -> dict[str, tuple[Layout, FormatModule]]:
    modules = {name: import_format(name) for name in names}
    return {
        name: (layout, module) for name, module in modules.items() if (layout := module.recognise(path)) is not None
    }


def _plugins() -> dict[str, EntryPoint]:
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


def _package(point: EntryPoint) -> str:
    return repr(point.dist.name) if point.dist else "unknown"
