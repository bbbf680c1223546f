"""Configurations of mmsegmentation: their datasets as descriptions, their pipelines as augmentation.

What cannot be taken over is listed, never dropped in silence. Both forms are read: that of 1.x (`train_dataloader`,
`data_prefix`, `RandomResize`) and that of 0.x (`data`, `img_dir`, `Resize` with `ratio_range`).

Source: open-mmlab/mmsegmentation, docs/en/advanced_guides (datasets.md), and mmseg/datasets/basesegdataset.py.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.mmseg_config import Unread, Values, read_config
from segfeed.datasets.descriptions.mmseg_pipeline import Pipeline, are_numbers, other_fields
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.errors import DescriptionError
from segfeed.plans.augment import Augment

# A dataset's class, the format that knows it, and where that format reads photos and masks of the train split.
_FORMATS = {
    "ADE20KDataset": ("ade20k", "images/training", "annotations/training"),
    "CityscapesDataset": ("cityscapes", "leftImg8bit/train", "gtFine/train"),
    "PascalVOCDataset": ("voc", "JPEGImages", "SegmentationClass"),
}
_OWN = ("BaseSegDataset", "CustomDataset")
# Fields that are taken over, or change nothing in what is read; any other is named as left out.
_DATASET_FIELDS = {
    *("type", "data_root", "data_prefix", "img_dir", "ann_dir", "ann_file", "split", "img_suffix", "seg_map_suffix"),
    *("metainfo", "classes", "palette", "reduce_zero_label", "pipeline"),
    *("test_mode", "lazy_init", "serialize_data", "backend_args", "file_client_args", "max_refetch"),
}

Normalize = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class MmsegConfig:
    """What a configuration says of data.

    Attributes:
        root: `data_root` as it is written: relative to where mmsegmentation is started.
        format: the name of segfeed's format; None if `description` says where files lie.
        description: where photos and masks lie and what values mean; None if `format` knows it.
        splits: the names of the train and the val split, for `load`.
        crop_size: (height, width) in px; None if nothing is cut.
        augment: what the train pipeline draws.
        swap: classes that change places in mirrored crops, for `load`; None if nothing says so.
        normalize: (mean, std) of pixels scaled to 0..1, red first; None if nothing says it.
        batch_size: pairs of a batch on **one** device, as mmsegmentation counts; None if nothing says it.
        left_out: what was not taken over, a clause each.
    """

    root: str
    format: str | None
    description: Description | None
    splits: tuple[str, str]
    crop_size: tuple[int, int] | None
    augment: Augment
    swap: dict[str, str] | None
    normalize: Normalize | None
    batch_size: int | None
    left_out: tuple[str, ...]


def from_mmseg(config_file: str | os.PathLike[str]) -> MmsegConfig:
    """Read the data part of a configuration of mmsegmentation; nothing in it is executed.

    Args:
        config_file: the .py file. Files named by `_base_`, or imported under `read_base()`, are read too, if they lie
            in the folder above its own or below that.

    Raises:
        DescriptionError: if a file is missing or not Python, no train dataset is described, its paths need the
            configuration to be run, or photos and masks cannot be told by one pattern for both splits.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "own.py")
    >>> _ = path.write_text('''
    ... train_pipeline = [dict(type="RandomCrop", crop_size=(512, 512)), dict(type="RandomFlip", prob=0.5)]
    ... train_dataloader = dict(dataset=dict(type="BaseSegDataset", data_root="data/roads",
    ...     data_prefix=dict(img_path="img/train", seg_map_path="ann/train"), pipeline=train_pipeline))
    ... ''')
    >>> config = from_mmseg(path)
    >>> config.root, config.crop_size, config.augment
    ('data/roads', (512, 512), Augment(flip=0.5, antialias=False, pad_side='bottom-right'))
    """
    path = Path(config_file)
    values, unread = read_config(path)
    train, val = (_dataset_of(values, split, path) for split in ("train", "val"))
    if train is None:
        raise DescriptionError(
            str(path), found="no train dataset", expected="train_dataloader.dataset or data.train with a type"
        )
    drawn = Pipeline()
    drawn.read(_steps(values, train))
    left_out = [*unread, *train.left_out, *drawn.left_out]
    format_, description, splits = _layout(train, val or train, path, left_out)
    swap = _swap(drawn, _class_names(train), left_out)
    return MmsegConfig(
        root=train.text("data_root") or ".",
        format=format_,
        description=description,
        splits=splits,
        crop_size=drawn.crop_size,
        augment=Augment(**drawn.fields),
        swap=swap,
        normalize=_normalize(values, _steps(values, train)),
        batch_size=_batch_size(values),
        left_out=tuple(dict.fromkeys(left_out)),
    )


@dataclass(frozen=True)
class _Dataset:
    """One dataset of a configuration, without what is wrapped around it."""

    said: Values
    where: str
    left_out: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        return str(self.said.get("type", "")).rpartition(".")[2]

    def text(self, name: str, inner: str = "") -> str:
        """Return a text of the dataset's fields, "" if there is none; an error if it can't be read."""
        value = self.said.get(name, "")
        if inner:
            value = value.get(inner, "") if isinstance(value, dict) else value
        if isinstance(value, Unread):
            raise DescriptionError(self.where, found=f"{name} = {value}", expected="a text that is written out")
        return value if isinstance(value, str) else ""

    @property
    def photos(self) -> str:
        return (self.text("data_prefix", "img_path") or self.text("img_dir")).strip("/")

    @property
    def masks(self) -> str:
        return (self.text("data_prefix", "seg_map_path") or self.text("ann_dir")).strip("/")

    @property
    def list(self) -> str:
        return self.text("ann_file") or self.text("split")


def _dataset_of(values: Values, split: str, path: Path) -> _Dataset | None:
    """Find a split's dataset, and look inside of what repeats or joins datasets."""
    loader, data = values.get(f"{split}_dataloader"), values.get("data")
    said = loader.get("dataset") if isinstance(loader, dict) else data.get(split) if isinstance(data, dict) else None
    left_out: list[str] = []
    while isinstance(said, list) or (isinstance(said, dict) and ("dataset" in said or "datasets" in said)):
        said = {"type": "a list", "datasets": said} if isinstance(said, list) else said
        kind, inner = said.get("type", "a wrapper"), said.get("dataset")
        if inner is None:
            parts = said["datasets"] if isinstance(said["datasets"], list) else [None]
            inner = parts[0] if parts else None
            left_out.append(f"{kind}: {len(parts)} datasets are joined, and only the first is read")
        elif kind == "RepeatDataset":
            left_out.append("RepeatDataset: it hides the pause between epochs, and there is none")
        else:
            left_out.append(f"{kind}: only the dataset inside is read")
        said = inner
    if not isinstance(said, dict) or "type" not in said:
        return None
    for name, value in said.items():
        if isinstance(value, list) and name in ("img_dir", "ann_dir", "ann_file", "split"):  # 0.x joins them
            left_out.append(f"{name}: {len(value)} datasets are joined, and only the first is read")
            said = said | {name: value[0] if value else ""}
    return _Dataset(said, f"{path.name}, {split}", (*left_out, *other_fields("dataset", said, _DATASET_FIELDS)))


def _steps(values: Values, train: _Dataset) -> Any:
    return train.said.get("pipeline", values.get("train_pipeline", []))


def _layout(
    train: _Dataset, val: _Dataset, path: Path, left_out: list[str]
) -> tuple[str | None, Description | None, tuple[str, str]]:
    """Return the format or the description, and the names of the splits."""
    lists = [Path(one.list).stem for one in (train, val)]
    if train.type in _FORMATS:
        name, photos, masks = _FORMATS[train.type]
        said = {"photos": train.photos or photos, "masks": train.masks or masks, "classes": _class_names(train) or ""}
        usual = {"photos": photos, "masks": masks, "classes": ""}
        left_out += [
            f"{what}: {value}; the format {name} says them" for what, value in said.items() if value != usual[what]
        ]
        splits = (lists[0] or "train", lists[1] or "val")
        return name, None, splits if train.type == "PascalVOCDataset" else ("train", "val")
    if train.type not in _OWN:
        code = "its code says suffixes, classes and whether 0 is void"
        left_out.append(f"{train.type}: {code}; what the configuration says is taken")
    text, splits = _describe(train, val, left_out)
    return None, parse_description(text, f"{path}, as a description"), splits


def _describe(train: _Dataset, val: _Dataset, left_out: list[str]) -> tuple[str, tuple[str, str]]:
    """Write the description of a dataset of one's own."""
    photos, masks = train.photos, train.masks
    rule, splits = "", ("train", "val")
    if train.list:
        named = {"train": train.list, **({"val": val.list} if val.list else {})}
        rule = "lists = {" + ", ".join(f"{split} = {_quote(name)}" for split, name in named.items()) + "}"
    elif train.photos != val.photos:
        (photos, told), (masks, same) = (_with_split(*pair, train.where) for pair in (
            (train.photos, val.photos), (train.masks, val.masks),
        ))  # fmt: skip
        if told != same:
            raise DescriptionError(
                train.where,
                found=f"photos in {train.photos!r}, {val.photos!r} but masks in {train.masks!r}, {val.masks!r}",
                expected="folders of the same names for both",
                remedy="write a segfeed.toml",
            )
        rule = f"folders = {{train = {_quote(told[0])}, val = {_quote(told[1])}}}"
    else:
        splits = ("all", "all")
        left_out.append("splits: train and val are the same files")
    suffixes = train.text("img_suffix") or ".jpg", train.text("seg_map_suffix") or ".png"
    lines = [
        f"photos = {_quote('/'.join(filter(None, (photos, '{key}' + suffixes[0]))))}",
        f"masks = {_quote('/'.join(filter(None, (masks, '{key}' + suffixes[1]))))}",
        *(["[splits]", rule] if rule else []),
        *_classes(train, left_out),
    ]
    return "\n".join(lines) + "\n", splits


def _with_split(train: str, val: str, where: str) -> tuple[str, tuple[str, str]]:
    """Write two paths that differ in one folder as one pattern; return it, and the two folders.

    >>> _with_split("img/train/rgb", "img/val/rgb", "")
    ('img/{split}/rgb', ('train', 'val'))
    """
    parts = list(zip(train.split("/"), val.split("/"), strict=False))
    differ = [number for number, (one, other) in enumerate(parts) if one != other]
    if len(differ) != 1 or train.count("/") != val.count("/"):
        raise DescriptionError(
            where,
            found=f"{train!r} and {val!r}",
            expected="paths that differ in one folder",
            remedy="write a segfeed.toml",
        )
    (place,) = differ
    pattern = [one if number != place else "{split}" for number, (one, _) in enumerate(parts)]
    return "/".join(pattern), parts[place]


def _classes(train: _Dataset, left_out: list[str]) -> list[str]:
    names = _class_names(train)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        left_out.append(f"classes: the configuration lists none{f', but {names}' if names else ''}; pass legend=")
        return []
    first = 1 if _reduces_zero(train) else 0
    if first:
        left_out.append("reduce_zero_label: 0 is void, and class ids begin at 0 without it")
    lines = [f"{first + number} = {_quote(name)}" for number, name in enumerate(names)]
    return ["[classes]", *lines, f"void = {[0, 255] if first else [255]}"]


def _swap(drawn: Pipeline, names: Any, left_out: list[str]) -> dict[str, str] | None:
    """Name the classes that change places; mirror nothing if they have no names here, for labels would be wrong."""
    if not drawn.swap:
        return None
    try:
        return {dict(enumerate(names))[one]: dict(enumerate(names))[other] for one, other in drawn.swap}
    except (TypeError, ValueError, KeyError):
        left_out.append(f"RandomFlip: swap_seg_labels={drawn.swap} of classes that have no names here: not mirrored")
        drawn.fields.pop("flip")
        return None


def _class_names(train: _Dataset) -> Any:
    meta = train.said.get("metainfo")
    return meta.get("classes") if isinstance(meta, dict) else train.said.get("classes")


def _reduces_zero(train: _Dataset) -> bool:
    steps = train.said.get("pipeline")
    loads = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return train.said.get("reduce_zero_label") is True or any(step.get("reduce_zero_label") is True for step in loads)


def _normalize(values: Values, steps: Any) -> Normalize | None:
    model = values.get("model")
    inner = model.get("data_preprocessor") if isinstance(model, dict) else None
    told = [values.get("data_preprocessor"), inner, values.get("img_norm_cfg")]
    told += [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    for one in told:
        if isinstance(one, dict) and are_numbers(one.get("mean"), 3) and are_numbers(one.get("std"), 3):
            # In 1.x a picture is blue first until bgr_to_rgb; the numbers are those of red, green, blue.
            return tuple(part / 255 for part in one["mean"]), tuple(part / 255 for part in one["std"])
    return None


def _batch_size(values: Values) -> int | None:
    loader, data = values.get("train_dataloader"), values.get("data")
    said = loader.get("batch_size") if isinstance(loader, dict) else None
    said = said or (data.get("samples_per_gpu") if isinstance(data, dict) else None)
    return said if isinstance(said, int) else None


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
