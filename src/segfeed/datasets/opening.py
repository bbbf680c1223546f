"""Datasets: what a path or a name stands for, recognised, with what its masks mean; its splits can then be listed."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.formats.legend_files import LEGEND_FILES, legend_errors, read_legend
from segfeed.datasets.formats.lists import choose_split
from segfeed.datasets.recognition import FormatModule, find_format, import_format
from segfeed.datasets.source import Recognised, Source, SplitFiles, Task
from segfeed.errors import LegendError, OptionError, SourceMissingError
from segfeed.pixels.codec import decode_mask, read_palette
from segfeed.pixels.grouping import regroup
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import Objects
from segfeed.pixels.palette import VOID_COLOUR, as_colours, colour_codes
from segfeed.system.storage import cache_folder, publish
from segfeed.system.work import show_progress

Groups = Mapping[str, str | None]
LegendLike = Legend | Groups | Sequence[str] | str | os.PathLike[str]
FETCHED = ("voc2012", "sbd")
"""The names of datasets that `segfeed.datasets.catalogue.fetching` can fetch."""

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
    """

    recognised: Recognised
    format: str
    task: Task = "semantic"
    legend: Legend | None = None
    groups: Groups | None = None
    unknown: str = "error"

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
        return import_format(self.format)

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
        why = "; ".join(clause for clause in (self.recognised.why, renamed, files.why) if clause)
        return Source(self.root, self.format, name, self.task, files.samples, legend, self.unknown, why, files.missing)

    def list_split(self, name: str) -> SplitFiles:
        """List the files of a split by its own name, one of `split_names`.

        Raises:
            OptionError: if the format has no object masks.
            SourceError: if the split cannot be listed.
        """
        if self.task == "semantic":
            return self._module.list_split(self.recognised.root, name)
        list_objects = getattr(self._module, "list_objects", None)
        if list_objects is None:
            raise OptionError(
                "task",
                found=f'"instance" for format {self.format!r}, whose masks hold classes',
                remedy='use task="semantic"',
            )
        files: SplitFiles = list_objects(self.recognised.root, name)
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
            encoder = self.legend or files.legend() or self._refuse_without_legend(files)
            encoder = encoder if self.groups is None else regroup(encoder, self.groups)
        encoder.unknown_label(self.unknown)  # refuses a word that is neither "error", "void" nor a class
        return encoder

    def _refuse_without_legend(self, files: SplitFiles) -> Legend:
        """Raise LegendError that tells what the first mask holds, so that a person can name the classes."""
        mask = next((sample.mask for sample in files.samples if sample.mask), None)
        raise LegendError(
            str(self.root),
            found=f"nothing says what the masks mean{f', and {mask.name} holds {_contents(mask)}' if mask else ''}",
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


def open_dataset(
    path_or_name: str | os.PathLike[str],
    *,
    task: Task = "semantic",
    legend: LegendLike | None = None,
    unknown: str = "error",
    format: str | None = None,  # noqa: A002 - the field's word
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Recognise a dataset; arguments and errors are those of `segfeed.scan`.

    >>> open_dataset("sample").split_names
    ['test', 'train', 'trainval', 'val']
    """
    if task not in ("semantic", "instance"):
        raise OptionError("task", found=repr(task), expected='"semantic" or "instance"')
    if task == "instance" and legend is not None:
        raise OptionError(
            "legend", found='a legend for task="instance", whose labels are object ids', remedy="leave it out"
        )
    recognised, name = find_format(find_root(path_or_name, cache_dir=cache_dir), format)
    chosen = _read_legend_like(legend)
    groups, given = (chosen, None) if isinstance(chosen, Mapping) else (None, chosen)
    return Dataset(recognised, name, task, given, groups, unknown)


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
    """Make a legend of names, or of a file: JSON (a legend or a mapping), a palette PNG, or text; keep other kinds."""
    if legend is None or isinstance(legend, Legend | Mapping):
        return legend
    if not isinstance(legend, str | os.PathLike):
        return Legend(tuple(legend))
    path = Path(legend).expanduser()
    if not path.is_file():
        raise LegendError(
            str(path),
            found="the legend cannot be read (no such file)",
            remedy="pass a Legend, class names, a mapping, or a legend file",
        )
    if path.suffix.lower() == ".png":
        # A palette may repeat a colour; 254 classes are what 8-bit labels can hold beside void.
        palette = as_colours(read_palette(File.of(str(path)).read(), path.name))
        colours = [colour for colour in dict.fromkeys(palette) if colour != VOID_COLOUR][:254]
        return Legend(tuple(f"class {i}" for i in range(len(colours))), tuple(colours), title=path.stem)
    if path.suffix.lower() == ".json" and path.name not in LEGEND_FILES:
        return _read_json(path)
    return replace(read_legend(path), title=path.stem)


def _read_json(path: Path) -> Legend | Groups:
    with legend_errors(path, "a legend, or a mapping of class names, in JSON"):
        described = json.loads(path.read_bytes())
        is_groups = isinstance(described, dict) and all(isinstance(new, str | None) for new in described.values())
        return described if is_groups else Legend.from_json(described)
