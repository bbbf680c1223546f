"""Recognition: which format a dataset has, of those here and those that other installed packages add.

Each format is asked. None and several are errors, never a guess; the error says what the files look like, if they are
of a known kind that has no masks.

A package adds a format by an entry point in the group `segfeed.formats`, whose name is the format's and whose value is
a module that offers what `FormatModule` says:

    [project.entry-points."segfeed.formats"]
    tiles = "my_package.tiles"

A description (`segfeed.toml`) in the dataset decides before any format is asked; descriptions that are shipped
(`datasets.shipped`) are asked like formats.

Source: packaging.python.org, "Entry points specification".
"""

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from segfeed.datasets.descriptions import shipped
from segfeed.datasets.descriptions.description import FILE_NAME, Description
from segfeed.datasets.descriptions.reader import read_description
from segfeed.datasets.matching.folders import or_join
from segfeed.datasets.refusals.explaining import explain_refusal, tell_line_for_all
from segfeed.datasets.source import Recognised, SplitFiles
from segfeed.errors import OptionError, PluginError, SourceError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_OWN = (
    "voc", "tar", "columns", "labelme", "roboflow", "camvid", "pack", "yolo_masks",
)  # fmt: skip
# Shapes instead of masks: asked if no layout of masks answers.
_DRAWN = (
    "coco", "coco_panoptic", "labelme_json", "yolo", "cvat", "via", "supervisely_json", "darwin", "datumaro_json",
    "label_studio", "segments_ai", "geojson",
)  # fmt: skip
_ANY_FOLDERS = "folders"  # recognised by little: asked if no other format answers
FORMATS: dict[str, str] = {
    **{name: f"segfeed.datasets.formats.{name}" for name in (*_OWN, *_DRAWN)},
    _ANY_FOLDERS: "segfeed.datasets.formats.two_folders",
}
"""The formats of this package: name -> module, which is a `FormatModule` or has one called FORMAT."""

DESCRIBED = "described"
"""The name of the format of a dataset with a description of its own."""

GROUP = "segfeed.formats"
_FUNCTIONS = ("recognise", "split_names", "list_split")


class FormatModule(Protocol):
    """The functions that the module of a format offers.

    If its datasets have object masks, it also offers `list_objects(root, split) -> SplitFiles`, for task="instance". If
    their folds are balanced, it offers `find_folds(root, split, keys, folds) -> Mapping[str, int] | None`. If
    a property that is named says what a shape's class is, it offers `by_property(name) -> FormatModule`.

    Attributes:
        recognise: (path) -> the dataset of this format at a path or somewhat below it; None if there is none.
        split_names: (root) -> the names of its splits.
        list_split: (root, split) -> the files of one of these splits.
    """

    recognise: Callable[[Path], Recognised | None]
    split_names: Callable[[Path], list[str]]
    list_split: Callable[[Path, str], SplitFiles]


@dataclass(frozen=True)
class Found:
    """A dataset that a format recognises.

    Attributes:
        recognised: its root, and what it was recognised by.
        name: the format's.
        module: what lists its splits.
        shapes: how its drawn shapes become labels, as a description says; empty if none does.
    """

    recognised: Recognised
    name: str
    module: FormatModule
    shapes: Mapping[str, str] = field(default_factory=dict)


def find_format(path: Path, wanted: str | None = None, description: Description | None = None) -> Found:
    """Find the format of a dataset.

    A description that is given decides, else the dataset's own, a `segfeed.toml`; nothing else is asked then. Otherwise
    each format is asked whether it recognises the dataset. So it is if the description says only how shapes are drawn.

    Args:
        path: of the dataset; exists.
        wanted: the only format to ask; all if None.
        description: of the dataset.

    Raises:
        OptionError: if `wanted` is not a format.
        DescriptionError: if the dataset's own description is malformed.
        SourceError: if no format recognises it, or several do (the candidates are named), or if nothing lies where the
            description says.
        PluginError: if a package's format cannot be used.
    """
    if wanted in (None, DESCRIBED) and (found := _find_described(path, description)):
        return found
    found = _find_undescribed(path.parent if path.name == FILE_NAME else path, wanted)
    return replace(found, shapes=_shapes_said(found, description))


def _find_undescribed(path: Path, wanted: str | None) -> Found:
    if wanted == DESCRIBED:
        raise SourceError(
            str(path), found=f"no {FILE_NAME} in it", remedy="write one (docs/formats.md), or pass description="
        )
    formats = _Formats.installed()
    if wanted in formats.descriptions:
        module: Any = formats.module(wanted)  # a `DescribedFormat`: it explains itself if it doesn't fit
        return Found(module.require(path), wanted, module)
    names = [wanted] if wanted else formats.names
    try:
        answers = _ask_in_turn(formats, path, names)
    except SourceError as error:  # such as several datasets in it
        if joined := _join(formats, path, names):
            return joined
        if error.remedy.endswith(or_join(path)):
            error.remedy += tell_line_for_all(path)
        raise
    if not answers and (joined := _join(formats, path, names)):
        return joined
    if len(answers) > 1:
        candidates = ", ".join(f"{found.name} ({found.recognised.why})" for found in answers)
        roots = {found.recognised.folder or found.recognised.root for found in answers}
        remedy = "pass format= with the one it is" if len(roots) == 1 else f"pass the path of one, such as {min(roots)}"
        raise SourceError(str(path), found=f"it looks like several formats: {candidates}", remedy=remedy)
    for found in answers:
        return found
    seen, remedy = explain_refusal(
        path,
        lambda folder: _name_of_format(folder, formats, names),
        # Formats of shapes take files from anywhere below a folder: it need not be a dataset.
        lambda folder: _name_of_format(folder, formats, [n for n in names if n not in _DRAWN], is_root=True),
    )
    raise SourceError(str(path), found=f"no {wanted or 'known'} dataset layout: {seen}", remedy=remedy)


def _shapes_said(found: Found, description: Description | None) -> Mapping[str, str]:
    """Return how shapes are drawn: what is given says it, else a `segfeed.toml` of the dataset."""
    if description is None:
        file = (found.recognised.folder or found.recognised.root) / FILE_NAME
        description = read_description(file) if os.path.isfile(file) else None
    return {} if description is None else description.shapes


def _ask_in_turn(formats: "_Formats", path: Path, names: list[str]) -> "list[Found]":
    """Ask the formats of masks whether they recognise a dataset, and those of shapes and any folders if none does."""
    first = [name for name in names if name not in (*_DRAWN, _ANY_FOLDERS)]
    return formats.ask(path, first) or formats.ask(path, [name for name in names if name not in first])


def _join(formats: "_Formats", path: Path, names: list[str]) -> "Found | None":
    """Find several datasets in the folders of a path, if a legend file there counts for all."""
    joining = importlib.import_module("segfeed.datasets.joining")

    def ask(folder: Path) -> list[Found]:
        try:
            return [] if os.path.lexists(folder / FILE_NAME) else _ask_in_turn(formats, folder, names)
        except SourceError:
            return []

    joined = joining.find_joined(path, ask) if os.path.isdir(path) else None
    return None if joined is None else Found(joined.recognise(path), joined.parts[0].format, joined)


def _name_of_format(path: Path, formats: "_Formats", names: list[str], *, is_root: bool = False) -> str | None:
    """Return the name of the format of a dataset at a path, or, unless it must be the dataset's root, below it."""
    try:
        found = formats.ask(path, names)
        roots = (one.recognised.folder or one.recognised.root for one in found)
        return next((one.name for one, root in zip(found, roots, strict=True) if not is_root or root == path), None)
    except SourceError:
        return None


def _find_described(path: Path, description: Description | None) -> Found | None:
    """Find the dataset that a description tells: the one that is given, else the dataset's own."""
    if description is None and not os.path.isdir(path) and path.suffix != ".toml":
        return None
    variants = importlib.import_module("segfeed.datasets.descriptions.variants")
    root = path
    if description is None:
        file = importlib.import_module("segfeed.datasets.descriptions.fitting").find_own(path)
        if file is None:
            return None
        description, root = read_description(file), file.parent
    if description.shapes:
        return None
    module = variants.make_format(description, is_own=True)
    return Found(module.require(root), DESCRIBED, module)


def format_names() -> list[str]:
    """List the names of all formats: those here, the shipped descriptions, and last those of other packages.

    Raises:
        PluginError: if two packages add a format of one name, or one takes the name of a format here.

    >>> "voc" in format_names()
    True
    """
    return _Formats.installed().names


def import_format(name: str) -> FormatModule:
    """Import a format's module, or read its description.

    Raises:
        OptionError: if the format is unknown.
        PluginError: if a package's module cannot be imported, or lacks a function.

    >>> import_format("voc").split_names.__name__
    'split_names'
    """
    if name in FORMATS:
        module = importlib.import_module(FORMATS[name])
        return cast(FormatModule, getattr(module, "FORMAT", module))  # drawn formats are a `DrawnFormat`
    return _Formats.installed().module(name)


@dataclass(frozen=True)
class _Formats:
    """What is installed: shipped descriptions, name -> (file, package or ""), and modules of other packages."""

    descriptions: "dict[str, tuple[Path, str]]"
    plugins: "dict[str, EntryPoint]"

    @classmethod
    def installed(cls) -> "_Formats":
        """Find them; what other packages add is looked up once, since reading what is installed takes a while."""
        from importlib.metadata import entry_points  # noqa: PLC0415 - a tenth of the time `import segfeed` may take

        points = entry_points()
        own = shipped.list_own()
        descriptions = {name: (path, "") for name, path in own.items()}
        plugins = _unlike(points.select(group=GROUP), {*FORMATS, *own, DESCRIBED})
        taken = {**dict.fromkeys((*FORMATS, *own, DESCRIBED), "segfeed itself")}
        taken |= {name: f"package {_package(point)}" for name, point in plugins.items()}
        for point in _unlike(points.select(group=shipped.GROUP), set()).values():
            package = _package(point)
            for name, path in shipped.list_added(point, package).items():
                if name in taken:
                    raise _taken(name, package, taken[name])
                taken[name] = f"package {package}"
                descriptions[name] = path, package
        return cls(descriptions, plugins)

    @property
    def names(self) -> list[str]:
        """The names of all formats."""
        own = [name for name, (_, package) in self.descriptions.items() if not package]
        added = [name for name, (_, package) in self.descriptions.items() if package]
        return [*FORMATS, *own, *added, *self.plugins]

    def module(self, name: str) -> FormatModule:
        """Return what lists a format's splits; errors as those of `import_format`."""
        if name in FORMATS:
            return import_format(name)
        if name in self.descriptions:
            variants = importlib.import_module("segfeed.datasets.descriptions.variants")
            return cast(FormatModule, variants.make_format(self.read(name)))
        if name not in self.plugins:
            raise OptionError("format", found=repr(name), expected=f"one of {', '.join(self.names)}")
        return _load(self.plugins[name])

    def read(self, name: str) -> Description:
        """Read a shipped description."""
        return shipped.read_shipped(*self.descriptions[name])

    def ask(self, path: Path, names: list[str]) -> list[Found]:
        """Ask some formats whether they recognise a dataset; all are loaded before the first is asked."""
        described = {name: self.descriptions[name] for name in names if name in self.descriptions}
        modules = {name: self.module(name) for name in names if name not in described}
        answers = {name: (answer, modules[name]) for name in modules if (answer := _ask(modules[name], path))}
        if described:
            answers |= importlib.import_module("segfeed.datasets.descriptions.fitting").find_shipped(path, described)
        return [Found(answers[name][0], name, answers[name][1]) for name in names if name in answers]


def _ask(module: FormatModule, path: Path) -> Recognised | None:
    try:
        return module.recognise(path)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        return None  # a folder that cannot be read, which the refusal names if nothing else is found


def _load(point: "EntryPoint") -> FormatModule:
    where = f"format {point.name!r} of package {_package(point)}"
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


def _unlike(points: "Iterable[EntryPoint]", taken: set[str]) -> "dict[str, EntryPoint]":
    """List entry points by name; refuse a name that is taken, by this package or by another entry point."""
    found: dict[str, EntryPoint] = {}
    for point in points:
        # An editable installation may be listed twice.
        if point.name in taken or found.get(point.name, point).value != point.value:
            other = "segfeed itself" if point.name in taken else f"package {_package(found[point.name])}"
            raise _taken(point.name, _package(point), other)
        found[point.name] = point
    return found


def _taken(name: str, package: str, other: str) -> PluginError:
    return PluginError(
        f"format {name!r}",
        found=f"it is added by package {package}, but there is one of {other}",
        expected="a name of its own",
        remedy="uninstall one of them, or have the format renamed",
    )


def _package(point: "EntryPoint") -> str:
    return repr(point.dist.name) if point.dist else "unknown"
