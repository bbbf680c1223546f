"""Datasets: what a path or a name stands for, recognised, with what its masks mean; its splits can then be listed."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from segfeed.datasets.blobs import Blob
from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.patterns import parse_patterns
from segfeed.datasets.descriptions.reader import read_description
from segfeed.datasets.drawn.masks import DRAW_WORDS, DrawnMask, DrawOptions, LegendOf
from segfeed.datasets.joining import refuse_legend_above
from segfeed.datasets.legends.files import explain_unread, refuse_ignored_legend
from segfeed.datasets.legends.given import Groups, LegendLike, read_legend_like
from segfeed.datasets.legends.hints import find_legend_texts
from segfeed.datasets.matching.lists import AUTOMATIC, choose_split
from segfeed.datasets.matching.split_rule import REST
from segfeed.datasets.places import find_root
from segfeed.datasets.recognition import DESCRIBED, FormatModule, Found, find_format, import_format
from segfeed.datasets.source import Orientation, Recognised, Sample, Source, SplitFiles, Task
from segfeed.datasets.splits import role_of
from segfeed.errors import LegendError, OptionError, SegfeedError, SourceMissingError
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.grouping import regroup
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import Objects, as_legend
from segfeed.pixels.palette import as_colours, colour_of
from segfeed.system.paths import user_path
from segfeed.system.showing import some

DescriptionLike = Description | str | os.PathLike[str]
Patterns = str | Sequence[str]

_SHOWN = 12


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
        asked: the path by which it was found, which may lie above its root; its root if None.
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
    asked: Path | None = field(default=None, compare=False, repr=False)

    @property
    def root(self) -> Path:
        """The dataset's folder, or the file that holds it."""
        return self.recognised.folder or self.recognised.root

    @cached_property
    def split_names(self) -> list[str]:
        """The names of the splits, in the format's order."""
        return self._module.split_names(self.recognised.root)

    @property
    def description(self) -> Description | None:
        """What describes it; None if a format does that has none."""
        said = getattr(self._module, "description", None)
        return said if isinstance(said, Description) else None

    def _rest(self, split: str) -> str:
        """Say how folders, or the samples that no list names, become a split; "" if no description has such."""
        said = self.description
        if said is None:
            return ""
        if foreign := [name for name in self.split_names if said.photos[0].has_split and not role_of(name)]:
            words = AUTOMATIC if len(foreign) > 1 else (split,)
            named = ", ".join(f'{word} = "{name}"' for word, name in zip(words, foreign[:2], strict=False))
            return f"pass these names, or say under [splits] in a segfeed.toml which is which: folders = {{ {named} }}"
        lists = said.splits.lists
        if AUTOMATIC[-1] in lists:
            parts = (f"{AUTOMATIC[-1]}[fold!=0/5]", f"{AUTOMATIC[-1]}[fold=0/5]")
            return f"pass parts of it, such as splits={parts}".replace("'", '"')
        if not lists or "" in lists or REST in lists.values():
            return ""
        named = ", ".join(f'{name} = "{file}"' for name, file in lists.items())
        return f'what no list names is in no split; lists = {{ {named}, {split} = "{REST}" }} makes it one'

    @property
    def note(self) -> str:
        """What its description says is odd about it; "" if nothing is, or it has none."""
        return self.description.note if self.description else ""

    @cached_property
    def _module(self) -> FormatModule:
        return self.module or import_format(self.format)

    def scan(self, split: str) -> Source:
        """List the samples of a split; those that lack a file are in `missing`.

        Raises:
            OptionError: if the format has no object masks, or `unknown` is not a class.
            SourceError: if the split does not exist, or it cannot be listed.
            LegendError: if nothing says what masks mean, or the groups do not fit it.
        """
        try:
            name = choose_split(split, self.split_names, self.root)
        except SourceMissingError as error:
            raise SourceMissingError(
                error.where, error.found, error.expected, self._rest(split) or error.remedy
            ) from None
        files = self.list_split(name)
        legend = self.read_legend(files)
        renamed = "" if name == split else f"split {split!r} is {name!r}"
        clauses = self.recognised.why, renamed, files.why, as_legend(legend).note
        why = "; ".join(filter(None, clauses))
        source = Source(
            self.root, self.format, name, self.task, files.samples, legend, self.unknown, why, files.missing,
            self.orientation, files.groups, files.is_listed,
        )  # fmt: skip
        said = {word: value for word, value in files.settings.items() if getattr(self, word) == "error"}
        return replace(source, **said) if said else source

    def other_splits(self, split: str) -> Iterator[Source]:
        """List all splits but one, as far as they can be listed."""
        for name in self.split_names:
            with suppress(SegfeedError):
                if name != split:
                    yield self.scan(name)

    def find_folds(self, source: Source, folds: int) -> Mapping[str, int] | None:
        """Choose the fold of each sample of a split, if the dataset says by what folds are balanced; else None.

        Raises:
            SourceError: if a mask cannot be read, or a table says nothing of a sample.
        """
        find: Callable[[Path, str, Sequence[str], int], Mapping[str, int] | None] | None
        find = getattr(self._module, "find_folds", None)
        return None if find is None else find(self.recognised.root, source.split, source.keys, folds)

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
        how = {"objects": self.task == "instance", "upright": self.orientation == "apply"}

        def style(one: Sample) -> Sample:
            mask = one.mask.styled(self.drawing, **how) if isinstance(one.mask, DrawnMask) else one.mask
            return one if mask is one.mask else replace(one, mask=mask)

        files = replace(files, samples=tuple(map(style, files.samples)))
        if isinstance(files.legend, LegendOf) and self.drawing.unpainted:
            files = replace(files, legend=replace(files.legend, unpainted=self.drawing.unpainted))
        return files

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
        """Return what the dataset says its masks mean; refuse a legend file in or above it that says something else."""
        legend = files.legend()
        if legend is not None and self.format != DESCRIBED:  # what a person described counts
            for folder in dict.fromkeys((self.root, self.asked or self.root)):
                refuse_ignored_legend(folder, legend, self.format)
            refuse_legend_above(self.root, legend, self._is_like)
        return legend

    def _is_like(self, folder: Path) -> bool:
        """Check whether a folder is another dataset of this format."""
        with suppress(SegfeedError, OSError):
            return self._module.recognise(folder) is not None
        return False

    def _refuse_without_legend(self, files: SplitFiles) -> Legend:
        """Raise LegendError that tells what the first mask holds, so that a person can name the classes."""
        mask = next((sample.mask for sample in files.samples if sample.mask), None)
        unread = explain_unread(self.root) or self._texts_clause()
        raise LegendError(
            str(self.root),
            found=f"nothing says what the masks mean{f', and {mask.name} holds {_contents(mask)}' if mask else ''}"
            f"{self._groups_clause()}"
            f"{f'; {unread}' if unread else ''}",
            expected=files.expected_legend,
            remedy="add it, or pass legend= with a Legend, class names, or the path of a legend file",
        )

    def _texts_clause(self) -> str:
        """Name the texts in the dataset's folder that may say it, for a person to read; "" if there are none."""
        if not os.path.isdir(self.root):
            return ""
        texts = find_legend_texts(self.root, sorted(entry.name for entry in os.scandir(self.root)))
        return f"{some(texts, 3)} may say so, but no text of such a name is read by itself" if texts else ""

    def _groups_clause(self) -> str:
        """Say that the legend which was passed only says what classes become; "" if none was."""
        if not self.groups:
            return ""
        old, new = next(iter(self.groups.items()))
        return f"; legend={{{old!r:.40}: {new!r:.40}, ...}} says what a class becomes, not what masks store"


def _contents(mask: Blob) -> str:
    """Describe the colours or indices that a mask holds."""
    stored = decode_mask(mask.read(), mask.name)
    indices = np.unique(stored.codes).tolist()
    if stored.pixels.ndim == 3:
        return f"colours {some(map(colour_of, indices), _SHOWN)}"
    if stored.palette is not None:
        colours = as_colours(stored.palette)
        return f"palette colours {some((colours[index] for index in indices if index < len(colours)), _SHOWN)}"
    # In a list of names, 255 is void: half of such a dataset would not count.
    hint = ' (if both are classes: legend={0: "background", 255: "..."})' if indices == [0, 255] else ""
    return f"indices {some(indices, _SHOWN)}{hint}"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How a dataset is opened: the options that `segfeed.scan` and `segfeed.load` have in common, which document them.

    Raises:
        OptionError: if task or orientation is another, or objects are to have a legend.
    """

    task: Task = "semantic"
    legend: LegendLike | None = None
    unknown: str = "error"
    orientation: Orientation = "error"
    format: str | None = None
    description: DescriptionLike | None = None
    photos: Patterns | None = None
    masks: Patterns | None = None
    cache_dir: str | os.PathLike[str] | None = None
    drawing: DrawOptions = field(default_factory=DrawOptions)

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Make it of the options of `segfeed.scan`, of which those of `DrawOptions` stand among the others."""
        drawing = {word: options.pop(word) for word in DRAW_WORDS if word in options}
        return cls(**options, drawing=DrawOptions(**drawing))

    def __post_init__(self) -> None:
        if self.task not in ("semantic", "instance"):
            raise OptionError("task", found=repr(self.task), expected='"semantic" or "instance"')
        if self.orientation not in ("error", "apply"):
            raise OptionError("orientation", found=repr(self.orientation), expected='"error" or "apply"')
        if self.task == "instance" and self.legend is not None:
            raise OptionError(
                "legend", found='a legend for task="instance", whose labels are object ids', remedy="leave it out"
            )

    def read_description(self) -> Description | None:
        """Make the description that is given, as a file or as patterns; None if none is.

        Raises:
            OptionError: if it is given in two ways, or a pattern is malformed.
            DescriptionError: if the file cannot be read.
        """
        given = {"description": self.description, "photos": self.photos, "masks": self.masks}
        words = [word for word, value in given.items() if value is not None]
        if not words:
            return None
        if self.format not in (None, DESCRIBED):
            words.append("format")
        if len(words) > 1 and words != ["photos", "masks"]:
            raise OptionError(
                words[0], found=f"it is passed together with {' and '.join(words[1:])}", expected="one way"
            )
        if words == ["masks"]:
            raise OptionError("masks", found="it is passed without photos", remedy="say where the photos lie, too")
        if isinstance(self.description, Description):
            return self.description
        if self.description is not None:
            return read_description(user_path(self.description))
        parsed = {}
        for word, texts in (("photos", self.photos or ()), ("masks", self.masks or ())):
            try:
                parsed[word] = parse_patterns(texts)
            except SegfeedError as error:
                found = f"{error.where}: {error.found}"
                raise OptionError(word, found=found, expected=error.expected, remedy=error.remedy) from error
        return Description("photos and masks", parsed["photos"], parsed["masks"], parsed["masks"])


def open_dataset(path_or_name: str | os.PathLike[str], opening: Opening = Opening()) -> Dataset:
    """Recognise a dataset; options and errors are those of `segfeed.scan`.

    >>> open_dataset("sample").split_names
    ['test', 'train', 'trainval', 'val']
    """
    described = opening.read_description()
    root = find_root(path_or_name, cache_dir=opening.cache_dir)
    found = find_format(root, opening.format, described)
    chosen = read_legend_like(opening.legend)
    groups, given = (chosen, None) if isinstance(chosen, Mapping) else (None, chosen)
    drawing = DrawOptions(**{**found.shapes, **opening.drawing.given})
    return Dataset(
        found.recognised,
        found.name,
        opening.task,
        given,
        groups,
        opening.unknown,
        opening.orientation,
        drawing,
        _by_property(found, drawing.class_property),
        root,
    )


def _by_property(found: Found, name: str | None) -> FormatModule:
    """Return what lists the splits of a dataset whose classes a property says, if one is named."""
    by_property: Callable[[str], FormatModule] | None = getattr(found.module, "by_property", None)
    if name is None:
        return found.module
    if by_property is None:
        said = f"{name!r}, but format {found.name!r} has no properties to choose the class by"
        raise OptionError("class_property", found=said, remedy="leave it out")
    return by_property(name)
