"""Datasets: what a path or a name stands for, recognised, with what its masks mean; its splits can then be listed."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard, Unpack

import numpy as np

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.description import Description, read_description
from segfeed.datasets.drawn import DrawnMask, DrawOptions, DrawWords
from segfeed.datasets.formats.legend_files import (
    explain_unread,
    legend_errors,
    read_legend_or_groups,
    refuse_ignored_legend,
)
from segfeed.datasets.formats.legend_making import legend_of_names
from segfeed.datasets.formats.lists import choose_split
from segfeed.datasets.patterns import parse_patterns
from segfeed.datasets.recognition import DESCRIBED, FormatModule, find_format, import_format
from segfeed.datasets.source import Orientation, Recognised, Source, SplitFiles, Task
from segfeed.errors import LegendError, OptionError, SegfeedError, SourceMissingError
from segfeed.pixels.class_names import Value
from segfeed.pixels.codec import decode_mask, read_palette
from segfeed.pixels.grouping import regroup
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import Objects
from segfeed.pixels.palette import VOID_COLOUR, as_colours, colour_codes
from segfeed.system.storage import cache_folder, publish
from segfeed.system.work import show_progress

Groups = Mapping[str, str | None]
Values = Mapping[Value, str | None] | Mapping[str, str | None]
"""Stored values, as indices, (red, green, blue) or "#rrggbb", each with the class that it means, None for void."""

LegendLike = Legend | Groups | Values | Sequence[str] | str | os.PathLike[str]
DescriptionLike = Description | str | os.PathLike[str]
Patterns = str | Sequence[str]
FETCHED = ("voc2012", "sbd")
"""The names of datasets that `segfeed.datasets.catalogue.fetching` can fetch."""

_SHOWN = 12
_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


@dataclass(frozen=True)
class Dataset:
    """A recognised dataset, and how its masks are to be read.

    Attributes:
        recognised: where it lies, and what it was recognised by.
        format: its format's name.
        task: "semantic" for class ids, "instance" for object ids.
        legend: what masks mean; None: the dataset's own, which `groups` may turn into other classes.
        groups: old class names -> new ones, None for void.
        unknown: what a colour outside the legend becomes: "error", "void" or a class name.
        orientation: what becomes of photos that EXIF turns: "error" or "apply", as of a `Source`.
        drawing: how drawn shapes become labels.
        module: what lists its splits; the format's, by its name, if None.
    """

    recognised: Recognised
    format: str
    task: Task = "semantic"
    legend: Legend | None = None
    groups: Groups | None = None
    unknown: str = "error"
    orientation: Orientation = "error"
    drawing: DrawOptions = field(default_factory=DrawOptions)
    module: FormatModule | None = field(default=None, compare=False, repr=False)

    @property
    def root(self) -> Path:
        """The dataset's folder, or the file that holds it."""
        return self.recognised.folder or self.recognised.root

    @cached_property
    def split_names(self) -> list[str]:
        """The names of the splits, in the format's order."""
        return self._module.split_names(self.recognised.root)

    @cached_property
    def _module(self) -> FormatModule:
        return self.module or import_format(self.format)

    def scan(self, split: str) -> Source:
        """List the samples of a split; those that lack a file are in `missing`.

        Raises:
            OptionError: if the format has no object masks, or `unknown` is not a class.
            SourceError: if there is no such split, or it cannot be listed.
            LegendError: if nothing says what masks mean, or the groups do not fit it.
        """
        name = choose_split(split, self.split_names, self.root)
        files = self.list_split(name)
        legend = self.read_legend(files)
        renamed = "" if name == split else f"split {split!r} is {name!r}"
        note = legend.note if isinstance(legend, Legend) else ""
        why = "; ".join(clause for clause in (self.recognised.why, renamed, files.why, note) if clause)
        return Source(
            self.root, self.format, name, self.task, files.samples, legend, self.unknown, why, files.missing,
            self.orientation, files.groups,
        )  # fmt: skip

    def other_splits(self, split: str) -> Iterator[Source]:
        """List all splits but one, as far as they can be listed."""
        for name in self.split_names:
            with suppress(SegfeedError):
                if name != split:
                    yield self.scan(name)

    def list_split(self, name: str) -> SplitFiles:
        """List the files of a split by its own name, one of `split_names`.

        Raises:
            OptionError: if the format has no object masks.
            SourceError: if the split cannot be listed.
        """
        if self.task == "semantic":
            return self._styled(self._module.list_split(self.recognised.root, name))
        list_objects = getattr(self._module, "list_objects", None)
        if list_objects is None:
            raise OptionError(
                "task",
                found=f'"instance" for format {self.format!r}, whose masks hold classes',
                remedy='use task="semantic"',
            )
        files: SplitFiles = list_objects(self.recognised.root, name)
        return self._styled(files)

    def _styled(self, files: SplitFiles) -> SplitFiles:
        """Draw masks as the options say; refuse options for masks that are not drawn."""
        drawn = any(isinstance(sample.mask, DrawnMask) for sample in files.samples)
        if self.drawing.given and files.samples and not drawn:
            option, word = next(iter(self.drawing.given.items()))
            found = f"{word!r}, but the masks of {self.root} are not drawn from shapes"
            raise OptionError(option, found=found, remedy="leave it out")
        if not drawn:
            return files
        objects = self.task == "instance"
        samples = tuple(
            replace(one, mask=one.mask.styled(self.drawing, objects=objects))
            if isinstance(one.mask, DrawnMask)
            else one
            for one in files.samples
        )
        return replace(files, samples=samples)

    def read_legend(self, files: SplitFiles) -> Encoder:
        """Return what the masks of a split mean: the legend that was given, else the dataset's own, grouped.

        Raises:
            OptionError: if `unknown` is not a class.
            LegendError: if nothing says what masks mean, or the groups do not fit it.
            MaskError: if nothing says what masks mean, and the first one cannot be read.
        """
        encoder: Encoder
        if self.task == "instance":
            encoder = Objects()
        else:
            encoder = self.legend or self._own_legend(files) or self._refuse_without_legend(files)
            encoder = encoder if self.groups is None else regroup(encoder, self.groups)
        encoder.unknown_label(self.unknown)  # refuses a word that is neither "error", "void" nor a class
        return encoder

    def _own_legend(self, files: SplitFiles) -> Legend | None:
        """Return what the dataset says its masks mean; refuse a legend file beside it that says something else."""
        legend = files.legend()
        if legend is not None and self.format != DESCRIBED:  # what a person described counts
            refuse_ignored_legend(self.root, legend, self.format)
        return legend

    def _refuse_without_legend(self, files: SplitFiles) -> Legend:
        """Raise LegendError that tells what the first mask holds, so that a person can name the classes."""
        mask = next((sample.mask for sample in files.samples if sample.mask), None)
        unread = explain_unread(self.root)
        raise LegendError(
            str(self.root),
            found=f"nothing says what the masks mean{f', and {mask.name} holds {_contents(mask)}' if mask else ''}"
            f"{f'; {unread}' if unread else ''}",
            expected=files.expected_legend,
            remedy="add it, or pass legend= with a Legend, class names, or the path of a legend file",
        )


def _contents(mask: Blob) -> str:
    """Describe the colours or indices that a mask holds."""
    stored = decode_mask(mask.read(), mask.name)
    if stored.pixels.ndim == 3:
        codes = np.unique(colour_codes(stored.pixels)).tolist()
        return f"colours {_some([(code >> 16, code >> 8 & 255, code & 255) for code in codes])}"
    indices = np.unique(stored.pixels).tolist()
    if stored.palette is not None:
        colours = as_colours(stored.palette)
        return f"palette colours {_some([colours[index] for index in indices if index < len(colours)])}"
    # In a Legend, 255 is void unless it says otherwise: half of such a dataset would not count.
    hint = " (a class at 255 needs Legend(names, indices=(0, 255), void_indices=()))" if indices == [0, 255] else ""
    return f"indices {_some(indices)}{hint}"


def _some(values: Sequence[object]) -> str:
    return ", ".join(map(str, values[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")


def open_dataset(  # noqa: PLR0913 - the arguments of `segfeed.scan`
    path_or_name: str | os.PathLike[str],
    *,
    task: Task = "semantic",
    legend: LegendLike | None = None,
    unknown: str = "error",
    orientation: Orientation = "error",
    format: str | None = None,  # noqa: A002 - the field's word
    description: DescriptionLike | None = None,
    photos: Patterns | None = None,
    masks: Patterns | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    **drawing: Unpack[DrawWords],
) -> Dataset:
    """Recognise a dataset; arguments and errors are those of `segfeed.scan`.

    >>> open_dataset("sample").split_names
    ['test', 'train', 'trainval', 'val']
    """
    if task not in ("semantic", "instance"):
        raise OptionError("task", found=repr(task), expected='"semantic" or "instance"')
    if orientation not in ("error", "apply"):
        raise OptionError("orientation", found=repr(orientation), expected='"error" or "apply"')
    if task == "instance" and legend is not None:
        raise OptionError(
            "legend", found='a legend for task="instance", whose labels are object ids', remedy="leave it out"
        )
    described = _read_description_like(description, photos, masks, format)
    found = find_format(find_root(path_or_name, cache_dir=cache_dir), format, described)
    chosen = _read_legend_like(legend)
    groups, given = (chosen, None) if isinstance(chosen, Mapping) else (None, chosen)
    return Dataset(
        found.recognised, found.name, task, given, groups, unknown, orientation, DrawOptions(**drawing), found.module
    )


def _read_description_like(
    description: DescriptionLike | None, photos: Patterns | None, masks: Patterns | None, format_name: str | None
) -> Description | None:
    """Make the description that is given, as a file or as patterns; None if none is."""
    given = {"description": description, "photos": photos, "masks": masks}
    words = [word for word, value in given.items() if value is not None]
    if not words:
        return None
    if format_name not in (None, DESCRIBED) or "description" in words[:-1]:
        others = [*words, "format"] if format_name not in (None, DESCRIBED) else words
        raise OptionError(others[0], found=f"it is passed together with {' and '.join(others[1:])}", expected="one way")
    if photos is None and masks is not None:
        raise OptionError("masks", found="it is passed without photos", remedy="say where the photos lie, too")
    if isinstance(description, Description):
        return description
    if description is not None:
        return read_description(Path(description).expanduser())
    parsed = {}
    for word, texts in (("photos", photos or ()), ("masks", masks or ())):
        try:
            parsed[word] = parse_patterns(texts)
        except SegfeedError as error:
            found = f"{error.where}: {error.found}"
            raise OptionError(word, found=found, expected=error.expected, remedy=error.remedy) from error
    return Description("photos and masks", parsed["photos"], parsed["masks"], parsed["masks"])


def find_root(
    path_or_name: str | os.PathLike[str], *, cache_dir: str | os.PathLike[str] | None = None, download: bool = False
) -> Path:
    """Return where a dataset lies: the path itself, or the folder of a named dataset in the cache.

    Args:
        path_or_name: a path, "sample", or the name of a dataset that can be fetched, such as "voc2012".
        cache_dir: the cache; $SEGFEED_CACHE or the user's cache folder if None.
        download: fetch a named dataset that is not there.

    Raises:
        SourceMissingError: if nothing is there.
    """
    if path_or_name == "sample":
        return sample_root(cache_dir)
    if path_or_name in FETCHED:
        # Downloading is seldom needed, so its modules are imported late.
        from segfeed.datasets.catalogue.fetching import fetch_dataset, find_dataset  # noqa: PLC0415

        name = str(path_or_name)
        return fetch_dataset(name, cache_dir=cache_dir) if download else find_dataset(name, cache_dir)
    root = Path(path_or_name).expanduser().absolute()
    if not os.path.exists(root):
        remedy = f"pass the path of a dataset, or a name: sample, {', '.join(FETCHED)}"
        raise SourceMissingError(str(root), found="no such file or folder", remedy=remedy)
    return root


def sample_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the embedded dataset's folder; paint the dataset first, if it is not in the cache yet.

    Raises:
        StorageError: if the cache folder cannot be written.
    """
    folder = Path(__file__).parent / "sample"
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py"))))
    final = cache_folder(cache_dir) / "samples" / code.hexdigest()[:12]
    if not final.is_dir():
        publish(final, _paint_sample, needed_bytes=32 << 20, remedy="or pass the path of a dataset of your own")
    return final / "sample"


def _paint_sample(folder: Path) -> None:
    from segfeed.datasets.sample.writing import write_sample  # noqa: PLC0415 - needed once in a cache's life

    root = folder / "sample"
    root.mkdir()
    with show_progress("painting the sample", 206) as advance:
        write_sample(root, lambda _done, _total: advance(1))


def _read_legend_like(legend: LegendLike | None) -> Legend | Groups | None:
    """Make a legend of names, stored values or a file (JSON, text, a table or a palette PNG); keep other kinds."""
    if isinstance(legend, Mapping):
        return legend if _is_groups(legend) else legend_of_values(legend)
    if legend is None or isinstance(legend, Legend):
        return legend
    if not isinstance(legend, str | os.PathLike):
        with legend_errors("legend", "a Legend, class names, a mapping, or the path of a legend file"):
            return legend_of_names(legend)
    path = Path(legend).expanduser()
    if not os.path.exists(path):
        raise LegendError(
            str(path),
            found=f"the legend cannot be read ({'a link to nothing' if os.path.islink(path) else 'no such file'})",
            remedy="pass a Legend, a list of class names, a mapping, or the path of a legend file",
        )
    if path.suffix.lower() == ".png" and os.path.isfile(path):
        # A palette may repeat a colour; 254 classes are what 8-bit labels can hold beside void.
        palette = as_colours(read_palette(File.of(str(path)).read(), path.name))
        colours = [colour for colour in dict.fromkeys(palette) if colour != VOID_COLOUR][:254]
        return Legend(tuple(f"class {i}" for i in range(len(colours))), tuple(colours), title=path.stem)
    read = read_legend_or_groups(path)
    return replace(read, title=path.stem) if isinstance(read, Legend) else read


def _is_groups(legend: Mapping[Any, str | None]) -> TypeGuard[Groups]:
    """Check whether the keys of a mapping are class names, and not stored values."""
    return all(isinstance(key, str) and not _COLOUR.fullmatch(key) for key in legend)


def legend_of_values(values: Mapping[Any, str | None]) -> Legend:
    """Make a legend of stored values: indices, (red, green, blue) or "#rrggbb" -> a class name, None for void.

    Raises:
        LegendError: if a key is not a stored value, a value is not a name, or a stored value means two things.

    >>> legend_of_values({"#000000": "background", "#804080": "road", (255, 255, 255): None}).colours
    ((0, 0, 0), (128, 64, 128))
    """
    found: dict[Value, str | None] = {}
    for key, name in values.items():
        value = _stored_value(key)
        if value is None:
            raise LegendError(
                "legend",
                found=f"{key!r} beside stored values" if isinstance(key, str) else f"{key!r} is not a stored value",
                expected='indices 0..65535, colours such as (128, 64, 128) or "#804080", or names of classes alone',
            )
        if name is not None and not (isinstance(name, str) and name.strip()):
            raise LegendError("legend", found=f"{key!r}: {name!r}", expected="a class name, or None for void")
        if found.setdefault(value, name) != name:
            raise LegendError("legend", found=f"{key!r} means {found[value]!r} and {name!r}", expected="one of them")
    return Legend.of_values(found)


def _stored_value(key: object) -> Value | None:
    if isinstance(key, str) and (match := _COLOUR.fullmatch(key)):
        red, green, blue = (int(part, 16) for part in match.groups())
        return red, green, blue
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return int(key) if 0 <= key <= 65535 else None
    parts = key if isinstance(key, tuple) else ()
    if len(parts) == 3 and all(isinstance(part, int | np.integer) and 0 <= part <= 255 for part in parts):
        red, green, blue = (int(part) for part in parts)
        return red, green, blue
    return None
