"""Export: a dataset as others take it: a VOC folder, Parquet for Hugging Face `datasets`, WebDataset, COCO, YOLO.

Photos go over byte for byte, except those that are turned upright (`orientation="apply"`), which become PNG. Masks are
written anew, as palette PNG of class ids in the legend's colours, 255 is void, or as outlines for COCO and YOLO
(`outlines`): so whatever the source held (colours, other indices, merged classes), what is read back are exactly
the labels. Before a folder appears under its name, all of it is read back and compared (`readback`). segfeed itself
reads all of these but the shards.
"""

import io
import json
import logging
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from segfeed.datasets.export.names import (
    RENAMED,
    Keys,
    check_names,
    describe_renamed,
    name_keys,
    name_splits,
    read_renamed,
)
from segfeed.datasets.export.outlines import (
    DRAWN_KINDS,
    LOST,
    describe_lost,
    draw_coco,
    draw_yolo,
    read_lost,
    refuse_undrawable,
    write_coco,
    write_described,
    write_yolo,
)
from segfeed.datasets.export.readback import (
    Written,
    check_texts,
    compare_dataset,
    compare_drawn,
    compare_shards,
    labelmap,
)
from segfeed.datasets.export.rows import Row, make_rows, noted
from segfeed.datasets.source import Source
from segfeed.errors import LegendError, OptionError
from segfeed.pixels.codec import encode_mask
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Labels
from segfeed.pixels.objects import class_legend
from segfeed.system.paths import user_path
from segfeed.system.storage import WholeFile, publish, write_whole
from segfeed.system.work import show_progress

Kind = Literal["voc", "parquet", "webdataset", "coco", "yolo"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_log = logging.getLogger("segfeed")

_SHARD_BYTES = 512 << 20  # of a Parquet file or a tar
_GROUP_ROWS = 100  # of a Parquet row group: what a reader decodes at once
_FEATURES = {"key": {"dtype": "string", "_type": "Value"}, "image": {"_type": "Image"}, "mask": {"_type": "Image"}}


def export_splits(
    sources: Sequence[Source], folder: str | os.PathLike[str], kind: Kind, *, threads: int | None = None
) -> Path:
    """Write splits of one dataset to a new folder, which appears whole and compared, or not at all.

    A split keeps its name if files can be called so; "train[:50%]" is written as "train_50". A VOC folder holds the
    photos of all splits side by side. If two splits give one key to different samples, these get their split's name in
    front, "train_img_0"; a key in subfolders, "scene/0001", becomes "scene_0001". The file `RENAMED` in the new folder
    lists them all. What is written by another name is logged as a warning, and so is void in YOLO, which has none: if
    the dataset has a class "background", void becomes it, and the file `LOST` says in how many pixels of which samples.

    Args:
        sources: the splits, with equal legends.
        folder: must not exist.
        kind: "voc", "parquet", "webdataset", "coco" or "yolo".
        threads: how many samples are read and encoded at once; all cores if None.

    Returns:
        folder: as an absolute path.

    Raises:
        OptionError: if the folder exists, or the kind is unknown, or the splits have object ids or unlike classes, or
            the format cannot hold their names or keys.
        LegendError: if the format cannot hold the names of the classes.
        SourceError: if a sample is damaged, or if what was written does not read back as what the sources hold.
        StorageError: if there is too little space.

    >>> import segfeed
    >>> tables = export_splits([segfeed.scan("sample", "val")], getfixture("tmp_path") / "tables", "parquet")
    >>> len(segfeed.scan(tables, "val"))
    40
    """
    if kind not in KINDS:
        raise OptionError("kind", found=repr(kind), expected=f"one of {', '.join(KINDS)}")
    final = user_path(folder)
    if os.path.lexists(final):
        raise OptionError(str(final), found="it exists", remedy="choose a folder that does not")
    if any(final.is_relative_to(source.root) for source in sources):  # it would be found in place of the dataset
        raise OptionError(str(final), found="it lies in the dataset itself", remedy="choose a folder elsewhere")
    legend = plain_legend(sources)
    names = name_splits(kind, sources)
    check_names(kind, sources)
    sources = [replace(source, split=names[source.split]) for source in sources]
    keys = _name_keys(kind, sources)
    _refuse_unheld(kind, sources, legend)
    needed = sum(
        blob.stamp[0] for source in sources for sample in source.samples for blob in (sample.photo, sample.mask) if blob
    )
    published = publish(final, _Export(kind, sources, legend, keys, threads).write_to, needed_bytes=needed)
    _warn_of_changes(published, names)
    return published


def _warn_of_changes(published: Path, names: Mapping[str, str]) -> None:
    """Say what was written by another name, and what was lost."""
    for split, name in names.items():
        if name != split:
            _log.warning("%s: split %r is written as %r.", published, split, name)
    if renamed := read_renamed(published):
        _log.warning("%s: %d keys were changed, as %s lists.", published, len(renamed), RENAMED)
    if lost := read_lost(published):
        pixels = sum(count for _, _, count in lost)
        what = "px of %d samples are void, which YOLO does not know, and background there, as %s lists."
        _log.warning(f"%s: %d {what}", published, pixels, len(lost), LOST)


@dataclass(frozen=True, eq=False)
class _Export:
    """What one export writes, and how."""

    kind: Kind
    sources: Sequence[Source]
    legend: Legend
    keys: Keys
    threads: int | None

    def write_to(self, folder: Path) -> None:
        """Write all splits, and read them back."""
        if self.kind == "voc":
            _write_texts(folder, self.legend, self.keys)
            check_texts(folder, self.legend, self.keys)  # before any photo is read: names are what may not fit
        written: dict[str, list[Written]] = {}
        for source in self.sources:
            with show_progress(f"exporting {source.name} {source.split}", len(source)) as advance:
                rows = make_rows(source, self.keys[source.split], self._encode, self.threads, advance)
                of_split = written[source.split] = []
                _WRITERS[self.kind](folder, source.split, self.legend, noted(rows, of_split))
        if renamed := describe_renamed(self.sources, self.keys):
            write_whole(folder / RENAMED, renamed.encode())
        if self.kind in DRAWN_KINDS:
            write_described(folder, self.kind, tuple(written), self.legend)
            lost = compare_drawn(folder, self.legend, written, self.sources, self.threads)
            if lost:
                write_whole(folder / LOST, describe_lost(lost).encode())
            return
        compare = compare_shards if self.kind == "webdataset" else compare_dataset
        compare(folder, self.legend, written, self.threads)

    def _encode(self, labels: Labels) -> bytes:
        """Make what is written of a sample's labels."""
        if self.kind == "coco":
            return draw_coco(labels, self.legend)
        return draw_yolo(labels, self.legend) if self.kind == "yolo" else encode_mask(labels, self.legend)


def _name_keys(kind: Kind, sources: Sequence[Source]) -> Keys:
    """Choose the keys as they are written: in a VOC folder all splits share one, for COCO and YOLO each has its own."""
    if kind == "voc":
        return name_keys(sources)
    if kind in DRAWN_KINDS:
        return {source.split: name_keys([source])[source.split] for source in sources}
    return {source.split: source.keys for source in sources}


def plain_legend(sources: Sequence[Source]) -> Legend:
    """Return the legend of labels as they are written: the classes in order, stored as 0, 1, 2, ..., void as 255.

    Raises:
        OptionError: if none is passed, if they have object ids, or if their classes differ.
    """
    legends = {source.legend.digest: source.legend for source in sources}
    if len(legends) != 1:
        found = f"{len(legends)} legends in {len(sources)} splits"
        raise OptionError("sources", found=found, expected="one", remedy="export splits of one dataset together")
    (encoder,) = legends.values()
    if (legend := class_legend(encoder)) is None:
        raise OptionError("task", found='"instance" has object ids, no classes', remedy='export task="semantic"')
    try:
        return Legend(legend.names, legend.colours, title=legend.title)
    except LegendError:  # a class has VOC's colour of void
        return Legend(legend.names, title=legend.title)


def _write_texts(folder: Path, legend: Legend, keys: Keys) -> None:
    """Write the lists and the labelmap of a VOC folder."""
    lists = folder / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for split, of_split in keys.items():
        write_whole(lists / f"{split}.txt", "".join(f"{key}\n" for key in of_split).encode())
    write_whole(folder / "labelmap.txt", labelmap(legend.names, legend.colours).encode())


def _write_voc(folder: Path, _split: str, _legend: Legend, rows: Iterator[Row]) -> None:
    photos, masks = folder / "JPEGImages", folder / "SegmentationClass"
    for subfolder in (photos, masks):
        subfolder.mkdir(exist_ok=True)
    for row in rows:
        photo = photos / f"{row.key}{row.suffix}"
        for path in (photo, masks / row.key):
            path.parent.mkdir(parents=True, exist_ok=True)  # keys may span folders
        if not photo.exists():  # two splits may share a sample
            write_whole(photo, row.photo)
        if row.mask is not None and not (mask := masks / f"{row.key}.png").exists():
            write_whole(mask, row.mask)


def _refuse_unheld(kind: Kind, sources: Sequence[Source], legend: Legend) -> None:
    """Refuse what a kind of export cannot hold, before anything is read."""
    if kind != "parquet":
        _refuse_astray(sources)
    if kind == "voc":
        _refuse_unlisted(sources)
    if kind in DRAWN_KINDS:
        refuse_undrawable(sources, legend)


def _refuse_astray(sources: Sequence[Source]) -> None:
    """Refuse keys that would lead out of the folder in which they become the names of files.

    Raises:
        OptionError: if there is one.
    """
    for source in sources:
        for key in source.keys:
            if any(part in ("", ".", "..") or set(part) & {"\0", "\\"} for part in key.split("/")):
                raise OptionError(
                    "sources",
                    found=f"key {key!r} of split {source.split!r} is not the name of a file",
                    expected="names without '..', joined by slashes",
                    remedy="rename the sample, or export to parquet",
                )


def _refuse_unlisted(sources: Sequence[Source]) -> None:
    for source in sources:
        if not source.has_masks and not source.split.startswith("test"):
            raise OptionError(
                f"split {source.split!r}",
                found="no masks",
                expected="a name that begins with 'test', as a VOC folder needs for such a split",
            )


def _write_parquet(folder: Path, split: str, legend: Legend, rows: Iterator[Row]) -> None:
    (folder / "data").mkdir(exist_ok=True)
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    described = {"huggingface": json.dumps({"info": {"features": _FEATURES}}), "legend": json.dumps(legend.to_json())}
    schema = pa.schema({"key": pa.string(), "image": picture, "mask": picture}, described)
    written: list[Path] = []
    for shard in _shards(rows):
        written.append(folder / "data" / f"{split}-{len(written):05d}")
        with closing(WholeFile(written[-1])) as file, pq.ParquetWriter(pa.PythonFile(file, "w"), schema) as writer:
            while group := list(islice(shard, _GROUP_ROWS)):
                writer.write_table(pa.Table.from_pylist([_columns_of(row) for row in group], schema))
    for path in written:
        path.rename(f"{path}-of-{len(written):05d}.parquet")


def _columns_of(row: Row) -> dict[str, object]:
    mask = None if row.mask is None else {"bytes": row.mask, "path": f"{row.key}.png"}
    return {"key": row.key, "image": {"bytes": row.photo, "path": f"{row.key}{row.suffix}"}, "mask": mask}


def _write_webdataset(folder: Path, split: str, legend: Legend, rows: Iterator[Row]) -> None:
    for number, shard in enumerate(_shards(rows)):
        path = folder / f"{split}-{number:06d}.tar"
        with closing(WholeFile(path)) as file, tarfile.open(fileobj=pa.PythonFile(file, "w"), mode="w|") as tar:
            for row in shard:
                _add(tar, row.key + row.suffix, row.photo)
                if row.mask is not None:
                    _add(tar, f"{row.key}.seg.png", row.mask)
    if not (described := folder / "legend.json").exists():
        write_whole(described, json.dumps(legend.to_json(), indent=1).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # times and owners of zero: equal samples give equal bytes
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _shards(rows: Iterator[Row]) -> Iterator[Iterator[Row]]:
    """Cut rows into runs of about 512 MiB; each run must be used up before the next is asked for."""
    ahead = next(rows, None)

    def run() -> Iterator[Row]:
        nonlocal ahead
        size = 0
        while ahead is not None and (size == 0 or size + len(ahead.photo) <= _SHARD_BYTES):
            row, size = ahead, size + len(ahead.photo) + len(ahead.mask or b"")
            yield row
            ahead = next(rows, None)

    while ahead is not None:
        yield run()


_WRITERS: dict[Kind, Callable[[Path, str, Legend, Iterator[Row]], None]] = {
    "voc": _write_voc,
    "parquet": _write_parquet,
    "webdataset": _write_webdataset,
    "coco": write_coco,
    "yolo": write_yolo,
}
