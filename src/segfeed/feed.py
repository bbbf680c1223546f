"""The feed: one call from a dataset's path to train and val loaders."""

import logging
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.loader import Loader
from segfeed.batches.mistaken import OPTIONS_OF_OTHERS, lack, refuse_array
from segfeed.batches.transforming import Transform, check_transform
from segfeed.datasets.doubts.annotations import doubt_boxes, doubt_outlines, look_at_shapes
from segfeed.datasets.doubts.examining import examine
from segfeed.datasets.drawn.masks import DRAW_WORDS, DrawOptions, DrawWords
from segfeed.datasets.legends.given import LegendLike
from segfeed.datasets.made_splits import doubt_splits
from segfeed.datasets.opening import Dataset, DescriptionLike, Opening, Patterns, open_dataset
from segfeed.datasets.places import find_root
from segfeed.datasets.source import Orientation, Source, Task
from segfeed.datasets.splits import SplitTerm, join, parse_split, refuse_unfit
from segfeed.errors import OptionError
from segfeed.packs.cache import tell_owner
from segfeed.packs.making import find_pack, is_packed, make_pack
from segfeed.packs.pack import Pack
from segfeed.pixels.sides import find_lone_sides, find_sides, read_swap
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw, Plan, Shard, Small, check_shard
from segfeed.plans.recipes import Recipe, choose_draw
from segfeed.plans.wording import tell_plan
from segfeed.system.options import suggest_options, whole_number
from segfeed.system.showing import show_html

MAX_SLOT_BYTES = 512 << 20
_log = logging.getLogger("segfeed")


@dataclass(frozen=True)
class Splits:
    """The loaders that `load` made; unpacks and is indexed as the pair (train, val).

    Attributes:
        train: random crops; None if no train split was asked for.
        val: every image once, whole; None if no val split was asked for.
        notes: what was padded, dropped or lowered, a sentence each.

    >>> splits = Splits(None, None)
    >>> train, val = splits
    >>> len(splits), splits[0] is train, splits[-1] is val
    (2, True, True)
    """

    train: Loader | None
    val: Loader | None
    notes: tuple[str, ...] = ()

    _repr_html_, __array__, __getattr__ = show_html, refuse_array, lack

    def __repr__(self) -> str:
        return f"Splits(train={self.train!r}, val={self.val!r})"

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: Any) -> Any:
        """Return a loader, or with a slice a tuple of them, as the pair (train, val) would."""
        return (self.train, self.val)[index]

    def __iter__(self) -> Iterator[Loader]:
        # Editors and type checkers are told that both are there: only who asked for None gets it.
        return iter((self.train, self.val))  # type: ignore[arg-type]


def scan(  # noqa: PLR0913 - the options of one dataset, flat
    path_or_name: str | os.PathLike[str],
    split: str = "train",
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
) -> Source:
    """Recognise a dataset on disk and list the samples of one of its splits.

    Args:
        path_or_name: a dataset's folder, tar or table (docs/formats.md), or a name: "sample" for the embedded dataset,
            "voc2012" or "sbd" if it was fetched.
        split: the name of a split, or a split string: "train[:10%]", "train[100:200]", "train+val", "train[fold=0/5]";
            see `segfeed.datasets.splits`.
        task: "semantic" for class ids, "instance" for object ids.
        legend: a Legend, class names, or the path of a legend file (text, JSON, or a palette PNG); the format's own if
            None. Or a mapping of what masks store, such as {0: "background", 255: "road"} or {"#804080": "road"}. Or a
            mapping that groups the format's own classes, such as {"cat": "animal", "dog": "animal", "*": None}; None
            means void.
        unknown: what a colour outside the legend becomes: "error", "void" or a class name.
        orientation: what becomes of a photo that has a mask and an EXIF orientation: "error", or "apply" to turn it if
            the mask has the size that it has then.
        format: the format's name, if it shall not be recognised.
        description: the path of a description (docs/formats.md), if none lies in the dataset as `segfeed.toml`.
        photos: where photos lie, for a dataset without a description: a pattern such as "img/{split}/{key}.jpg", or a
            list of alternatives.
        masks: the same of masks; without them, photos are to be predicted.
        cache_dir: where the embedded dataset is made; the user's cache folder if None.
        **drawing: how drawn shapes become labels (docs/shapes.md): rule, overlap, crowd, unpainted, boxes,
            class_property.

    A few masks are read, unless they are packed, to hold the legend against what they store (`datasets.doubts`); a
    doubt that stops no training is logged as a warning.

    Raises:
        SourceMissingError: if the folder, a list, a photo or a mask does not exist.
        SourceError: if no format is recognised, or several are.
        MaskError: if what the masks store contradicts the legend.

    >>> len(scan("sample", "val"))
    40
    """
    opening = Opening(
        task=task, legend=legend, unknown=unknown, orientation=orientation, format=format, description=description,
        photos=photos, masks=masks, cache_dir=cache_dir, drawing=DrawOptions(**drawing),
    )  # fmt: skip
    dataset = open_dataset(path_or_name, opening)
    source = _scan(dataset, split)
    if not is_packed(source, cache_dir=cache_dir):  # what is packed was held against its legend before
        for note in (*_doubts(source, dataset), *_doubts_of_splits(dataset, split)):
            _log.warning(note)
    return source


def _doubts(source: Source, dataset: Dataset) -> list[str]:
    """Compare the legend with the masks; return the doubts that stop nothing, a sentence each.

    Raises:
        MaskError: if what the masks store contradicts the legend.
    """
    looked = look_at_shapes(source.samples)
    found = (*examine(source, others=lambda: dataset.other_splits(source.split))[1], *doubt_outlines(looked))
    errors = [doubt.error(str(source.root)) for doubt in found]
    for doubt, error in zip(found, errors, strict=True):
        if doubt.severity == "error":
            raise error
    # Boxes are an error as soon as one is read; what is only listed is not.
    boxes = [doubt.error(str(source.root)) for doubt in doubt_boxes(looked)]
    return [str(error) for error in (*errors, *boxes)]


def _doubts_of_splits(dataset: Dataset, *splits: str) -> list[str]:
    return [str(doubt.error(str(dataset.root))) for doubt in doubt_splits(dataset, splits)]


def _scan(dataset: Dataset, split: str) -> Source:
    if split in dataset.split_names:
        return dataset.scan(split).whole()
    parts = parse_split(split)
    sources = [dataset.scan(part.name).whole() for part in parts]
    if parts == (SplitTerm(split),):
        return sources[0]
    return join(list(zip(parts, sources, strict=True)), split, dataset.find_folds)


@suggest_options(*BatchFormat.__dataclass_fields__, *DRAW_WORDS, **OPTIONS_OF_OTHERS)
def load(  # noqa: PLR0913 - the one call that a user makes; every option stands alone
    data: str | os.PathLike[str],
    batch_size: int = 64,
    crop_size: tuple[int, int] | None = None,
    *,
    splits: tuple[str | None, str | None] = ("train", "val"),
    task: Task = "semantic",
    legend: LegendLike | None = None,
    unknown: str = "error",
    orientation: Orientation = "error",
    format: str | None = None,  # noqa: A002 - the field's word
    description: DescriptionLike | None = None,
    photos: Patterns | None = None,
    masks: Patterns | None = None,
    augment: Augment | Recipe | str | None = None,
    flip: bool = False,
    swap: Mapping[str, str] | None = None,
    transform: Transform | None = None,
    small: Small = "pad",
    seed: int = 0,
    shard: Shard = Shard(0, 1),  # noqa: B008 - immutable
    val_batch_size: int | None = None,
    threads: int | None = None,
    pack: bool = True,
    coded: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
    **format_fields: Any,
) -> Splits:
    """Turn a dataset on disk into train and val batches.

    Train batches are random crops, shuffled anew each epoch; val batches hold every image once, whole. Void stays void,
    an unknown colour is an error, and the same seed gives the same bytes, with any number of threads or ranks.

    Args:
        data: a dataset's folder, tar or table (docs/formats.md), a pack's own folder, or a name: "sample", "voc2012",
            "sbd".
        batch_size: train pairs in a batch, over all ranks.
        crop_size: (height, width) of a train crop in px; if None, that of the recipe in `augment`, or (320, 480).
        splits: names of the train and the val list; None leaves one out.
        task: "semantic" for class ids, "instance" for object ids.
        legend: as in `scan`.
        unknown: as in `scan`.
        orientation: as in `scan`.
        format: as in `scan`: the name of the dataset's format, not what a batch looks like.
        description: as in `scan`.
        photos: as in `scan`.
        masks: as in `scan`.
        augment: what else is drawn for train crops: an `Augment`, or one of `segfeed.recipes` or its name, such as
            "mmseg-ade20k"; None for nothing. Val batches are never augmented.
        flip: mirror half of the train crops: short for `augment=Augment(flip=0.5)`.
        swap: classes that change places in mirrored crops, such as {"left arm": "right arm"}; None for those whose
            names differ in left and right alone, {} for none.
        transform: a function of your own for each train crop, `(image, labels, rng) -> (image, labels)`, called in the
            threads that fill batches, before pixels are normalised; see `segfeed.batches.transforming`.
        small: train images smaller than the crop: "pad", "drop" or "error".
        seed: 0 .. 2**63 - 1.
        shard: (rank, world) of this process.
        val_batch_size: val pairs in a batch, over all ranks; batch_size if None. Lowered, with a note, until a batch is
            at most 512 MB.
        threads: how many fill batches; all cores if None.
        pack: decode once into a pack in the cache folder, whose size is said before it is written; False decodes on the
            fly and writes nothing. A pack's own folder is read as it is.
        coded: keep the files as they are in that pack, about a sixth of the size, and decode them in each epoch.
        cache_dir: where packs lie; $SEGFEED_CACHE or the user's cache folder if None.
        download: fetch a dataset given by its name if it is not in the cache yet.
        **format_fields: what a batch looks like, by the fields of `BatchFormat`: layout, dtype, label_dtype, normalize,
            void; and how drawn shapes become labels, as in `scan`: rule, overlap, crowd, unpainted, boxes,
            class_property.

    Returns:
        splits: unpacks as `train, val`; each a `Loader` of images float32 (N, H, W, 3) and labels int32 (N, H, W).

    Raises:
        OptionError: if an argument is out of range.
        SourceError: if the dataset is damaged.
        LegendError: if the two splits have other classes.
        StorageError: if the disk has too little room for a pack.

    >>> train, val = load("sample", batch_size=8, crop_size=(64, 96))
    >>> images, labels = next(iter(train))
    >>> images.shape, images.dtype, labels.shape, labels.dtype
    ((8, 64, 96, 3), dtype('float32'), (8, 64, 96), dtype('int32'))
    """
    drawing: Any = {name: format_fields.pop(name) for name in DRAW_WORDS if name in format_fields}
    feed = _Feed(
        draw=choose_draw(crop_size, small, flip=flip, augment=augment),
        swap=swap,
        transform=check_transform(transform),
        format=BatchFormat(**format_fields),
        batch_size=whole_number("batch_size", batch_size, 1, 2**31 - 1),
        val_batch_size=whole_number(
            "val_batch_size", batch_size if val_batch_size is None else val_batch_size, 1, 2**31 - 1
        ),
        shard=check_shard(shard, batch_size),
        seed=seed,
        threads=threads,
        pack=pack,
        coded=coded,
        cache_dir=cache_dir,
    )
    if format is not None and not isinstance(format, str):
        raise OptionError(
            "format",
            found=repr(format),
            expected='the name of a dataset\'s format, such as "voc"',
            remedy="say what a batch looks like by the fields of BatchFormat: "
            f"{', '.join(BatchFormat.__dataclass_fields__)}",
        )
    opening = Opening(
        task=task, legend=legend, unknown=unknown, orientation=orientation, format=format, description=description,
        photos=photos, masks=masks, cache_dir=cache_dir, drawing=DrawOptions(**drawing),
    )  # fmt: skip
    dataset = open_dataset(find_root(data, cache_dir=cache_dir, download=download), opening)
    train, val = _read_splits(dataset, splits)
    # Both loaders are made before anything is packed: a wrong option is refused first.
    loaders = (None if train is None else feed.make_train(train), None if val is None else feed.make_val(val))
    notes = [
        note
        for loader in loaders
        if loader is not None
        for note in tell_plan(loader.plan, loader.reader.split, loader.reader.legend.names, feed.val_batch_size)
    ]
    for loader in loaders:  # what is packed was held against its legend before
        if loader is not None and isinstance(loader.reader, Source):
            notes += _doubts(loader.reader, dataset)
    if any(loader is not None and isinstance(loader.reader, Source) for loader in loaders):
        notes += _doubts_of_splits(dataset, *filter(None, splits))  # once, as these are of all splits
    notes += (*feed.tell_lone_sides(loaders[0]), *feed.tell_undrawn(loaders[0]))
    if val is not None and not val.has_masks:
        notes.append(f"{val.split}: no masks; all labels are void, for prediction.")
    train_loader, val_loader = (None if loader is None else feed.packed(loader) for loader in loaders)
    for loader in (train_loader, val_loader):
        if loader is not None and isinstance(loader.reader, Pack) and dataset.format != "pack":
            notes += filter(None, [tell_owner(loader.reader.folder)])
    for note in notes:
        _log.info(note)
    return Splits(train_loader, val_loader, tuple(notes))


@dataclass(frozen=True)
class _Feed:
    """How a source becomes a loader: the options of `load` that do not say which dataset."""

    draw: Draw
    swap: Mapping[str, str] | None
    transform: Transform | None
    format: BatchFormat
    batch_size: int
    val_batch_size: int
    shard: Shard
    seed: int
    threads: int | None
    pack: bool
    coded: bool
    cache_dir: str | os.PathLike[str] | None

    def make_train(self, source: Source) -> Loader:
        """Make a loader of random crops, with the sides of mirrored ones swapped."""
        reader, names = self._known_pack(source), source.legend.names
        swap = find_sides(names) if self.swap is None else read_swap(self.swap, names)
        draw = replace(self.draw, swap=swap if self.draw.drawn.flip else ())
        return self._loader(reader, Plan(reader.sizes, self.batch_size, draw, seed=self.seed, shard=self.shard))

    def tell_lone_sides(self, train: Loader | None) -> list[str]:
        """Say which classes are called like sides and keep their place in mirrored crops, unless `swap` says so."""
        if train is None or self.swap is not None or not self.draw.drawn.flip or train.plan.draw is None:
            return []
        lone = find_lone_sides(train.reader.legend.names, train.plan.draw.swap)
        named = ", ".join(map(repr, lone))
        said = f"{train.reader.split}: {named} may name sides, but have no pair: mirrored crops keep them"
        return [f"{said} (swap={{...}} pairs classes, swap={{}} says that this is meant)."] if lone else []

    def tell_undrawn(self, train: Loader | None) -> list[str]:
        """Say that nothing is augmented, if it was asked for without a train split."""
        if train is not None or (self.draw.drawn == Augment() and self.transform is None):
            return []
        return ["No train split is loaded, and whole images are never augmented."]

    def make_val(self, source: Source) -> Loader:
        """Make a loader of every image once, whole; lower its batches until one rank's slice is at most 512 MB."""
        reader = self._known_pack(source)
        resolved = self.format.resolve("NHWC", "int32", 255)
        pixel_bytes = 3 * np.dtype(resolved.dtype).itemsize + np.dtype(str(resolved.label_dtype)).itemsize
        row_bytes = math.prod(reader.sizes.max(axis=0).tolist()) * pixel_bytes
        batch_size = min(self.val_batch_size, max(MAX_SLOT_BYTES // row_bytes, 1) * self.shard.world)
        return self._loader(reader, Plan.exact(reader.sizes, batch_size, shard=self.shard))

    def packed(self, loader: Loader) -> Loader:
        """Make the same loader over the pack of its source, if packs are wanted."""
        source = loader.reader
        if not self.pack or not isinstance(source, Source) or source.format == "pack":
            return loader
        pack = make_pack(source, coded=self.coded, cache_dir=self.cache_dir, threads=loader.threads)
        return self._loader(pack, loader.plan)

    def _known_pack(self, source: Source) -> Source | Pack:
        """Find the pack of a source if it is made already, and else keep the source."""
        if not self.pack and source.format != "pack":
            return source
        return find_pack(source, coded=self.coded, cache_dir=self.cache_dir) or source

    def _loader(self, reader: Source | Pack, plan: Plan) -> Loader:
        transform = None if plan.is_exact else self.transform
        return Loader(reader, plan, format=self.format, threads=self.threads, transform=transform)


def _read_splits(dataset: Dataset, splits: tuple[str | None, str | None]) -> list[Source | None]:
    """Scan both splits; refuse a train split without masks, other classes in each, and samples that are in both."""
    if not isinstance(splits, tuple | list) or len(splits) != 2 or tuple(splits) == (None, None):
        raise OptionError(
            "splits", found=repr(splits), expected="a pair (train, val), with None for one that you do not want"
        )
    train, val = (None if split is None else _scan(dataset, split) for split in splits)
    if train is not None and not train.has_masks:
        raise OptionError(
            "splits",
            found=f"split {train.split!r} has no masks, so there is nothing to train on",
            remedy=f"to predict it, pass splits=(None, {train.split!r})",
        )
    if train is not None and val is not None and train.split != val.split:
        refuse_unfit(train, val)
    return [train, val]
