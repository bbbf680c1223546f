"""Options that commands share, and how their words are read."""

import functools
import inspect
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from segfeed.cli.wording import worded_by
from segfeed.datasets.archives.members import MAX_NAME_BYTES
from segfeed.datasets.blobs import stamp_of
from segfeed.datasets.opening import Opening
from segfeed.datasets.source import Source
from segfeed.errors import OptionError, SourceError
from segfeed.feed import scan
from segfeed.plans.plan import Shard
from segfeed.plans.recipes import RECIPES
from segfeed.system.paths import near_path, user_path

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text, for an error, too.")]
CacheDir = Annotated[Path | None, typer.Option(help="Where packs lie. (default: $SEGFEED_CACHE or the user's cache)")]
Split = Annotated[str, typer.Option(help="The name of a split list.")]
Splits = Annotated[str, typer.Option(help="Names of the split lists, with commas.")]
Coded = Annotated[
    bool, typer.Option("--coded", help="Keep files as they are in a pack: a sixth of the size, decoded in each epoch.")
]
Threads = Annotated[int | None, typer.Option(help="Threads that read. (default: all cores)")]
Crop = Annotated[str, typer.Option(metavar="HxW", help="Crop height x width in pixels.")]
CropOrRecipes = Annotated[
    str | None,
    typer.Option(
        metavar="HxW", help="Crop height x width in pixels. (default: that of --augment's recipe, else 320x480)"
    ),
]
AugmentName = Annotated[
    str | None,
    typer.Option(
        metavar="RECIPE",
        help=f"Draw sizes, flips and colours as a recipe does: {', '.join(RECIPES)}. (default: none)",
    ),
]
Swap = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LEFT=RIGHT",
        help="Classes that change places in mirrored crops; may be repeated; 'none' for none. (default: found by name)",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


_option = functools.partial(typer.Option, rich_help_panel="How the dataset is read")  # its heading in --help


@dataclass(frozen=True)
class DatasetOptions:
    """The options by which a dataset is found."""

    data: Annotated[
        str,
        typer.Argument(
            metavar="PATH", help="A dataset's folder, tar, table or config file; or a name: 'sample', 'voc2012', 'sbd'."
        ),
    ]
    format: Annotated[str | None, _option(help="The name of the dataset's format. (default: recognised)")] = None
    description: Annotated[
        Path | None, _option(metavar="FILE", help="The dataset's description. (default: its segfeed.toml)")
    ] = None
    photos: Annotated[
        list[str] | None,
        _option(metavar="PATTERN", help="Where photos lie, such as 'img/{split}/{key}.jpg'; may be repeated."),
    ] = None
    masks: Annotated[
        list[str] | None,
        _option(metavar="PATTERN", help="Where masks lie, such as 'gt/{split}/{key}_L.png'; may be repeated."),
    ] = None
    cache_dir: CacheDir = None

    @property
    def words(self) -> dict[str, Any]:
        """All of them but the path, as keyword arguments of `load`, `scan`, `check` and `write_report`.

        Raises:
            OptionError: if a file that is passed is not there, or is not a file.
        """
        for name in ("description", "legend"):
            if (path := getattr(self, name, None)) is not None:
                _require_file(path, name)
        # typer makes an empty list of an option that may be repeated.
        return {name: None if value == [] else value for name, value in vars(self).items() if name != "data"}


@dataclass(frozen=True)
class SourceOptions(DatasetOptions):
    """The options by which a dataset is found and its masks are understood: those of `segfeed.scan`."""

    task: Annotated[str, _option(help="'semantic' (class ids) or 'instance' (object ids).")] = "semantic"
    legend: Annotated[Path | None, _option(help="A legend: text with one class a line, JSON, or a palette PNG.")] = None
    unknown: Annotated[str, _option(help="What an unknown colour becomes: 'error', 'void' or a class name.")] = "error"
    orientation: Annotated[
        str,
        _option(help="What becomes of a photo that EXIF turns: 'error', or 'apply' to turn it if its mask fits then."),
    ] = "error"

    rule: Annotated[
        str | None,
        _option(
            help="Which pixels a drawn shape covers: 'tool' (as its own tool) or 'centre'. (default: the format's)"
        ),
    ] = None
    overlap: Annotated[
        str | None,
        _option(help="Which of two drawn classes gets a pixel: 'order', 'largest', 'smallest', 'void' or 'error'."),
    ] = None
    crowd: Annotated[str | None, _option(help="What drawn crowds become: 'class', 'void' or 'leave'.")] = None
    unpainted: Annotated[str | None, _option(help="What no drawn shape covers: 'background' or 'void'.")] = None
    boxes: Annotated[str | None, _option(help="What drawn boxes and points become: 'error', 'leave' or 'fill'.")] = None
    class_property: Annotated[
        str | None,
        _option(
            metavar="NAME",
            help="The property of GeoJSON that says a feature's class. (default: the only one that fits)",
        ),
    ] = None

    @property
    def opening(self) -> Opening:
        """All of them but the path."""
        return Opening.of(**self.words)

    def scan(self, split: str) -> Source:
        """List the samples of a split."""
        return scan(self.data, split, **self.words)

    def scan_all(self, splits: str) -> list[Source]:
        """List the samples of several splits, whose names stand between commas."""
        return [self.scan(split) for split in splits.split(",")]


@dataclass(frozen=True)
class AnySourceOptions(SourceOptions):
    """The same for a command that can do without a dataset."""

    data: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            show_default=False,
            help="A dataset's folder, tar, table or config file, or a name: 'sample', 'voc2012', 'sbd': its files are "
            "compared, too. (default: every pack in the cache, without the files)",
        ),
    ] = ""


def as_command(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function for typer, which knows no dataclasses: each field of one becomes an option of its own.

    `def show(source: SourceOptions, split: Split = "train")` gets the signature `show(*, data, format, ..., split)`.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type, list[str]]] = {}
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            fields = inspect.signature(kind, eval_str=True).parameters
            groups[name] = kind, list(fields)
            parameters += fields.values()
        else:
            parameters.append(parameter)

    options = {one.name: _spelled(one) for one in parameters}

    @functools.wraps(function)
    def command(**words: Any) -> None:
        for name, word in words.items():
            if isinstance(word, Path) or (name == "fix_list" and word):
                _refuse_long_name(Path(word), name)
        for name, (kind, fields) in groups.items():
            words[name] = kind(**{field: words.pop(field) for field in fields})
        with worded_by(options):
            function(**words)

    # By keyword alone, since options without a default may follow those with one. typer reads signature and hints.
    flat = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    command.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return command


def _spelled(parameter: inspect.Parameter) -> str:
    """Return the word of an option on the command line: the one that it declares, or its name; "" for a path."""
    for said in getattr(parameter.annotation, "__metadata__", ()):
        if isinstance(said, typer.models.ArgumentInfo):
            return ""
        if named := getattr(said, "param_decls", None):
            return str(named[0])
    return f"--{parameter.name.replace('_', '-')}"


def _refuse_long_name(path: Path, option: str) -> None:
    """Refuse a path that no file system holds, before anything asks the system about it."""
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if longest > MAX_NAME_BYTES:
        raise OptionError(
            option.replace("_", "-"), found=f"a name of {longest} bytes", expected=f"at most {MAX_NAME_BYTES}"
        )


def _require_file(path: Path, option: str) -> None:
    try:
        stamp_of(str(user_path(path)))
    except SourceError as error:
        near = near_path(user_path(path))
        remedy = f"did you mean {near}? Else check the path" if near else ""
        raise OptionError(
            option, found=f"{path}: {error.found}", expected="the path of a file", remedy=remedy
        ) from None


def crop_size(text: str) -> tuple[int, int]:
    """Read `HEIGHTxWIDTH` in px."""
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) != 2 or not all(map(_is_number, sides)):
        raise OptionError("crop", found=f"{text!r:.60}", expected="HEIGHTxWIDTH in whole pixels, such as 320x480")
    return int(sides[0]), int(sides[1])


def two_splits(text: str) -> tuple[str | None, str | None]:
    """Read `TRAIN,VAL`; "-" leaves one out."""
    names = [None if name == "-" else name for name in text.split(",")]
    if len(names) != 2:
        raise OptionError(
            "splits", found=repr(text), expected="TRAIN,VAL", remedy="pass '-' for one that you do not want"
        )
    return names[0], names[1]


def swap_pairs(texts: Sequence[str] | None, *, flip: bool) -> dict[str, str] | None:
    """Read `LEFT=RIGHT` texts as `load` takes them: None if there are none, {} for "none"."""
    if not texts:
        return None
    if not flip:
        raise OptionError(
            "swap", found="it is passed without --flip or --augment, so that nothing is mirrored", remedy="pass --flip"
        )
    if list(texts) == ["none"]:
        return {}
    pairs: dict[str, str] = {}
    for text in texts:
        left, mark, right = (part.strip() for part in text.partition("="))
        if not (left and mark and right) or "=" in right:
            expected = "LEFT=RIGHT, such as 'left arm=right arm', or 'none' alone"
            raise OptionError("swap", found=repr(text), expected=expected)
        if pairs.setdefault(left, right) != right:
            raise OptionError("swap", found=f"{left!r} with {pairs[left]!r} and with {right!r}", expected="one of them")
    return pairs


def one_shard(text: str) -> Shard:
    """Read `RANK/WORLD`."""
    sides = text.split("/")
    if len(sides) != 2 or not all(map(_is_number, sides)):
        raise OptionError("shard", found=f"{text!r:.60}", expected="RANK/WORLD, such as 0/4")
    return Shard(int(sides[0]), int(sides[1]))


def _is_number(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,9}", text))  # Python itself refuses to read thousands of digits
