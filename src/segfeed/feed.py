"""The feed: one call from a dataset's path to train and val loaders."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.loader import Loader
from segfeed.datasets.opening import Dataset, LegendLike, find_root, open_dataset
from segfeed.datasets.source import Source, Task
from segfeed.datasets.splits import SplitTerm, join, parse_split
from segfeed.errors import OptionError, SourceError
from segfeed.packs.pack import Pack, find_pack, make_pack
from segfeed.plans.plan import Draw, Plan, Shard, Small, check_shard
from segfeed.system.options import whole_number

MAX_SLOT_BYTES = 512 << 20
_log = logging.getLogger("segfeed")


@dataclass(frozen=True)
class Splits:
    """Hold the loaders that `load` made; unpacks as `train, val = ...`.

    Attributes:
        train: random crops, or None where no train split was asked for.
        val: every image once, whole, or None.
        notes: what was padded, dropped or lowered, a sentence each.
    """

    train: Loader | None
    val: Loader | None
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Any]:
        yield self.train
        yield self.val


def scan(
    path_or_name: str | os.PathLike[str],
    split: str = "train",
    *,
    task: Task = "semantic",
    legend: LegendLike | None = None,
    unknown: str = "error",
    format: str | None = None,  # noqa: A002 - the field's word
    cache_dir: str | os.PathLike[str] | None = None,
) -> Source:
    """Recognise a dataset on disk and list the samples of one of its splits.

    Args:
        path_or_name: a dataset's folder, tar or table (docs/formats.md), or a name: "sample" for the embedded dataset,
            "voc2012" or "sbd" where it was fetched.
        split: the name of a split, or a split string: "train[:10%]", "train[100:200]", "train+val", "train[fold=0/5]"; see
            `segfeed.datasets.splits`.
        task: "semantic" for class ids, "instance" for object ids.
        legend: a Legend, class names, or the path of a legend file (text, JSON, or a palette PNG); the format's own where
            it is None. Or a mapping that groups the format's own classes, such as {"cat": "animal", "dog": "animal",
            "*": None}, where None is void.
        unknown: what a colour outside the legend becomes: "error", "void" or a class name.
        format: the format's name, where it shall not be recognised.
        cache_dir: where the embedded dataset is made; the user's cache folder where it is None.

    Raises:
        SourceMissingError: no such folder, list, photo or mask.
        SourceError: no known format, or several.

    >>> len(scan("sample", "val"))
    40
    """
    dataset = open_dataset(path_or_name, task=task, legend=legend, unknown=unknown, format=format, cache_dir=cache_dir)
    return _scan(dataset, split)


def _scan(dataset: Dataset, split: str) -> Source:
    if split in dataset.split_names:
        return dataset.scan(split).whole()
    parts = parse_split(split)
    sources = [dataset.scan(part.name).whole() for part in parts]
    return sources[0] if parts == (SplitTerm(split),) else join(list(zip(parts, sources, strict=True)), split)


def load(  # noqa: PLR0913 - the one call that a user makes; every option stands alone
    data: str | os.PathLike[str],
    batch_size: int = 64,
    crop_size: tuple[int, int] = (320, 480),
    *,
    splits: tuple[str | None, str | None] = ("train", "val"),
    task: Task = "semantic",
    legend: LegendLike | None = None,
    unknown: str = "error",
    format: str | None = None,  # noqa: A002 - the field's word
    flip: bool = False,
    small: Small = "pad",
    seed: int = 0,
    shard: Shard = Shard(0, 1),  # noqa: B008 - immutable
    val_batch_size: int | None = None,
    threads: int | None = None,
    pack: bool = True,
    cache_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
    **format_fields: Any,
) -> Splits:
    """Turn a dataset on disk into train and val batches.

    Train batches are random crops, shuffled anew each epoch; val batches hold every image once, whole. Void stays void, an
    unknown colour is an error, and the same seed gives the same bytes, with any number of threads or ranks.

    Args:
        data: a dataset's folder, tar or table (docs/formats.md), or a name: "sample", "voc2012", "sbd".
        batch_size: train pairs in a batch, over all ranks.
        crop_size: (height, width) of a train crop in px.
        splits: names of the train and the val list; None leaves one out.
        task: "semantic" for class ids, "instance" for object ids.
        legend: as in `scan`.
        unknown: as in `scan`.
        format: as in `scan`: the name of the dataset's format. What a batch looks like is said by the fields of `BatchFormat`.
        flip: mirror half of the train crops.
        small: train images smaller than the crop: "pad", "drop" or "error".
        seed: 0 .. 2**63 - 1.
        shard: (rank, world) of this process.
        val_batch_size: val pairs in a batch, over all ranks; batch_size where it is None. Lowered, with a note, until a
            batch is at most 512 MB.
        threads: how many fill batches; all cores where it is None.
        pack: decode once into a pack in the cache folder; False decodes on the fly and writes nothing.
        cache_dir: where packs lie; $SEGFEED_CACHE or the user's cache folder where it is None.
        download: fetch a dataset given by its name where it is not in the cache yet.
        **format_fields: what a batch looks like, by the fields of `BatchFormat`: layout, dtype, label_dtype, normalize, void.

    Returns:
        splits: unpacks as `train, val`; each a `Loader` of images float32 (N, H, W, 3) and labels int32 (N, H, W).

    Raises:
        OptionError: an argument out of range. SourceError: the dataset is damaged. StorageError: no room for a pack.

    >>> train, val = load("sample", batch_size=8, crop_size=(64, 96))
    >>> images, labels = next(iter(train))
    >>> images.shape, images.dtype, labels.shape, labels.dtype
    ((8, 64, 96, 3), dtype('float32'), (8, 64, 96), dtype('int32'))
    """
    draw, wanted, shard = (
        Draw(crop_size, small, flip),
        _format(format_fields),
        check_shard(shard, whole_number("batch_size", batch_size, 1, 2**31 - 1)),
    )
    if format is not None and not isinstance(format, str):
        raise OptionError(
            f'format={format!r} is no name; expected that of a dataset\'s format, such as "voc"; give what a batch looks like '
            f"by name: {_fields_of_format()}."
        )
    asked = whole_number("val_batch_size", batch_size if val_batch_size is None else val_batch_size, 1, 2**31 - 1)
    data = find_root(data, cache_dir=cache_dir, download=download)
    dataset = open_dataset(data, task=task, legend=legend, unknown=unknown, format=format, cache_dir=cache_dir)
    train, val = _read_splits(dataset, splits)
    loaders: list[Loader | None] = [None, None]
    notes: list[str] = []
    # Both loaders are made before anything is packed: a wrong option is refused first.
    if train is not None:
        reader = _ready(train, pack, cache_dir)
        plan = Plan(reader.sizes, batch_size, draw, seed=seed, shard=shard)
        loaders[0] = Loader(reader, plan, format=wanted, threads=threads)
        notes += _train_notes(plan, train.split)
    if val is not None:
        reader = _ready(val, pack, cache_dir)
        plan = Plan.exact(reader.sizes, _fitting_batch(reader.sizes, asked, wanted, shard.world), shard=shard)
        loaders[1] = Loader(reader, plan, format=wanted, threads=threads)
        notes += _val_notes(plan, val, asked)
    if pack:
        loaders = [None if loader is None else _packed(loader, cache_dir) for loader in loaders]
    for note in notes:
        _log.info(note)
    return Splits(loaders[0], loaders[1], tuple(notes))


def _format(fields: dict[str, Any]) -> BatchFormat:
    unknown = [name for name in fields if name not in BatchFormat.__dataclass_fields__]
    if unknown:
        raise OptionError(
            f"load has no option {unknown[0]!r}; besides its own it takes the fields of BatchFormat, which say what a batch looks "
            f"like: {_fields_of_format()}."
        )
    return BatchFormat(**fields)


def _fields_of_format() -> str:
    return ", ".join(BatchFormat.__dataclass_fields__)


def _read_splits(dataset: Dataset, splits: tuple[str | None, str | None]) -> list[Source | None]:
    """Scan both splits; refuse a train split without masks, and ids that are in both."""
    if not isinstance(splits, tuple | list) or len(splits) != 2 or tuple(splits) == (None, None):
        raise OptionError(f"splits={splits!r} is not a pair; give (train, val), with None for one that is not wanted.")
    train, val = (None if split is None else _scan(dataset, split) for split in splits)
    if train is not None and not train.has_masks:
        raise OptionError(
            f"split {train.split!r} has no masks, so there is nothing to train on; to predict it, pass splits=(None, {train.split!r})."
        )
    if train is not None and val is not None and train.split != val.split:
        both = set(train.keys) & set(val.keys)
        if both:
            raise SourceError(
                f"{train.root}: {len(both)} samples are in both {train.split!r} and {val.split!r}, the first is {min(both)}; "
                "a score on seen photos means nothing; take them off one list."
            )
    return [train, val]


def _ready(source: Source, pack: bool, cache_dir: str | os.PathLike[str] | None) -> Source | Pack:  # noqa: FBT001 - load's option
    """Give the pack of a source where it is known already, else the source."""
    return (find_pack(source, cache_dir=cache_dir) if pack else None) or source


def _packed(loader: Loader, cache_dir: str | os.PathLike[str] | None) -> Loader:
    """Make the same loader over the pack of its source."""
    if not isinstance(loader.reader, Source):
        return loader
    reader = make_pack(loader.reader, cache_dir=cache_dir, threads=loader.threads)
    return Loader(reader, loader.plan, format=loader.format, threads=loader.threads)


def _fitting_batch(sizes: npt.NDArray[Any], asked: int, wanted: BatchFormat, world: int) -> int:
    """Lower a batch size until one rank's slice of a batch of whole images is at most 512 MB."""
    resolved = wanted.resolve("NHWC", "int32", 255)
    height, width = sizes.max(axis=0).tolist()
    row_bytes = height * width * (3 * np.dtype(resolved.dtype).itemsize + np.dtype(str(resolved.label_dtype)).itemsize)
    return min(asked, max(MAX_SLOT_BYTES // int(row_bytes), 1) * world)


def _train_notes(plan: Plan, split: str) -> list[str]:
    notes = []
    height, width = plan.canvas
    if plan.small:
        what = "left out" if plan.draw and plan.draw.small == "drop" else "padded with void"
        notes.append(
            f"{split}: {plan.small} of {len(plan.sizes)} images are smaller than the crop of {height} x {width} and are {what}."
        )
    if plan.tail:
        notes.append(
            f"{split}: each epoch leaves out {plan.tail} of {len(plan)} images, other ones each time, which fill no batch of {plan.batch_size}."
        )
    return notes


def _val_notes(plan: Plan, reader: Source | Pack, asked: int) -> list[str]:
    notes = []
    if plan.batch_size < asked:
        height, width = plan.canvas
        notes.append(
            f"{reader.split}: batches of {plan.batch_size} instead of {asked}, so that one of whole images ({height} x {width}) is at most 512 MB."
        )
    if not reader.has_masks:
        notes.append(f"{reader.split}: no masks; all labels are void, for prediction.")
    return notes
