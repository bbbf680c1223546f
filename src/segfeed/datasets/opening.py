"""Datasets: what a path or a name stands for, recognised, with what its masks mean; its splits can then be listed."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from segfeed.datasets.blobs import File
from segfeed.datasets.formats.legend_files import LEGEND_FILES, read_legend
from segfeed.datasets.recognition import FormatModule, find_format, name_of
from segfeed.datasets.source import Recognised, Source, Task
from segfeed.errors import LegendError, OptionError, SourceMissingError
from segfeed.pixels.codec import read_palette
from segfeed.pixels.grouping import regroup
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import VOID_COLOUR, as_colours
from segfeed.system.storage import cache_folder, publish
from segfeed.system.work import show_progress

LegendLike = Legend | Mapping[str, str | None] | Sequence[str] | str | os.PathLike[str]
FETCHED = ("voc2012", "sbd")
"""The names of datasets that `segfeed.datasets.catalogue.fetching` can fetch."""


Groups = Mapping[str, str | None]


@dataclass(frozen=True)
class Dataset:
    """Hold a recognised dataset, and how its masks are to be read.

    Attributes:
        layout: where it lies, and what it was recognised by.
        module: of its format.
        task: "semantic" for class ids, "instance" for object ids.
        legend: what masks mean; None: the format's own, which `groups` may turn into other classes.
        groups: old class names -> new ones, None for void.
        unknown: what a colour outside the legend becomes: "error", "void" or a class name.
    """

    layout: Recognised
    module: FormatModule
    task: Task = "semantic"
    legend: Legend | None = None
    groups: Groups | None = None
    unknown: str = "error"

    @property
    def format(self) -> str:
        """Give the format's name."""
        return name_of(self.module)

    @cached_property
    def split_names(self) -> list[str]:
        """List the splits."""
        return self.module.split_names(self.layout.root)

    def scan(self, split: str) -> Source:
        """List the samples of a split; those that lack a file are in `missing`.

        Raises:
            SourceError: no such split, or it cannot be listed.
            LegendError: nothing says what masks mean, or the groups do not fit it.
        """
        # An unknown colour may become a class that only the groups name.
        unknown = "error" if self.groups else self.unknown
        source = self.module.scan(self.layout.root, split, task=self.task, legend=self.legend, unknown=unknown)
        if self.groups is not None:
            assert isinstance(source.legend, Legend)  # object ids are refused with groups
            source = replace(source, legend=regroup(source.legend, self.groups), unknown=self.unknown)
            source.legend.unknown_label(self.unknown)
        return replace(source, why="; ".join(clause for clause in (self.layout.why, source.why) if clause))


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
        raise OptionError(f'task={task!r} is not allowed; use "semantic" or "instance".')
    if task == "instance" and legend is not None:
        raise OptionError('legend has no meaning for task="instance", whose labels are object ids; leave it out.')
    layout, module = find_format(find_root(path_or_name, cache_dir=cache_dir), format)
    chosen = _read_legend(legend)
    groups, given = (chosen, None) if isinstance(chosen, Mapping) else (None, chosen)
    return Dataset(layout, module, task, given, groups, unknown)


def find_root(
    path_or_name: str | os.PathLike[str],
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> Path:
    """Give the place of a dataset: of a path itself, of a name where it lies in the cache.

    Args:
        path_or_name: a path, "sample", or the name of a dataset that can be fetched, such as "voc2012".
        cache_dir: the cache; $SEGFEED_CACHE or the user's cache folder where it is None.
        download: fetch a named dataset that is not there.

    Raises:
        SourceMissingError: nothing is there.
    """
    if path_or_name == "sample":
        return sample_root(cache_dir)
    if path_or_name in FETCHED:
        from segfeed.datasets.catalogue.fetching import fetch_dataset, find_dataset  # noqa: PLC0415 - what downloads is seldom needed

        name = str(path_or_name)
        return fetch_dataset(name, cache_dir=cache_dir) if download else find_dataset(name, cache_dir)
    root = Path(path_or_name).expanduser().absolute()
    if not root.exists():
        raise SourceMissingError(
            f"{root}: no such file or folder; pass the path of a dataset, or a name: sample, {', '.join(FETCHED)}."
        )
    return root


def sample_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Give the embedded dataset's folder, drawing the dataset first where it is not in the cache yet.

    Raises:
        StorageError: the cache folder cannot be written.
    """
    folder = Path(__file__).parent / "sample"
    drawn_by = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py"))))
    final = cache_folder(cache_dir) / "samples" / drawn_by.hexdigest()[:12]
    if not final.is_dir():
        publish(final, _draw_sample, needed_bytes=32 << 20, remedy="or pass the path of a dataset of your own")
    return final / "sample"


def _draw_sample(folder: Path) -> None:
    root = folder / "sample"
    root.mkdir()
    from segfeed.datasets.sample.writing import write_sample  # noqa: PLC0415 - needed once in a cache's life

    with show_progress("drawing the sample", 206) as advance:
        write_sample(root, lambda _done, _total: advance(1))


def _read_legend(legend: LegendLike | None) -> Legend | Groups | None:
    """Take a legend as it is, from names, or from a file: JSON (a legend or a mapping), a palette PNG, or text."""
    if legend is None or isinstance(legend, Legend | Mapping):
        return legend
    if not isinstance(legend, str | os.PathLike):
        return Legend(tuple(legend))
    path = Path(legend).expanduser()
    if not path.is_file():
        raise LegendError(
            f"{path}: the legend cannot be read (no such file); pass a Legend, class names, a mapping, or a legend file."
        )
    if path.suffix.lower() == ".png":
        # A palette may repeat a colour; 254 classes are what 8-bit labels can hold beside void.
        palette = as_colours(read_palette(File.of(str(path)).read(), path.name))
        colours = [colour for colour in dict.fromkeys(palette) if colour != VOID_COLOUR][:254]
        return Legend(tuple(f"class {i}" for i in range(len(colours))), tuple(colours), title=path.stem)
    if path.suffix.lower() == ".json" and path.name not in LEGEND_FILES:
        try:
            described = json.loads(path.read_bytes())
            groups = isinstance(described, dict) and all(isinstance(new, str | None) for new in described.values())
            return described if groups else Legend.from_json(described)
        except (OSError, ValueError) as error:
            raise LegendError(f"{path}: {error}") from error
    return replace(read_legend(path), title=path.stem)
