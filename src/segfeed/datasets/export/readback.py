"""Reading back: whether what an export wrote is what its sources hold, before anybody sees it.

Names are compared first, before photos are read, since they are what a format may not be able to hold. In the end every
split, key, class, photo and mask is read again, as a stranger would read it.
"""

import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import xxhash

from segfeed.datasets.drawn.masks import is_background
from segfeed.datasets.legends.files import read_legend
from segfeed.datasets.matching.pair_lists import read_list
from segfeed.datasets.opening import open_dataset
from segfeed.datasets.source import Source
from segfeed.datasets.tables.cells import close_tables
from segfeed.errors import LegendError, OptionError, SegfeedError, SourceError
from segfeed.pixels.codec import decode_mask, read_labels
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Labels
from segfeed.pixels.palette import Colour
from segfeed.system.work import in_order, show_progress

_REMEDY = "nothing was left behind; export to another kind, and report this"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of a sample.

    Attributes:
        key: as written.
        photo: a hash of the photo's bytes.
        labels: a hash of the labels and their size; None without a mask.
    """

    key: str
    photo: bytes
    labels: bytes | None

    @classmethod
    def of(cls, key: str, photo: bytes, labels: Labels | None) -> Self:
        """Hash what is written of a sample."""
        return cls(key, xxhash.xxh3_128_digest(photo), None if labels is None else _hash_labels(labels))


def _hash_labels(labels: Labels) -> bytes:
    digest = xxhash.xxh3_128(np.array(labels.shape, "<i4").tobytes())
    digest.update(np.ascontiguousarray(labels).data)
    return digest.digest()


def labelmap(names: Sequence[str], colours: Sequence[Colour]) -> str:
    """Write classes and their colours as a labelmap.txt."""
    classes = zip(names, colours, strict=True)
    return "# label:color_rgb:parts:actions\n" + "".join(f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in classes)


def check_texts(folder: Path, legend: Legend, keys: Mapping[str, Sequence[str]]) -> None:
    """Read back the labelmap and the lists of a VOC folder.

    Raises:
        LegendError: if the labelmap does not say what the legend says; the first class that it cannot hold is named.
        OptionError: if a list does not hold its keys.
    """
    if not _says(folder / "labelmap.txt", legend.names, legend.colours):
        unheld = _first_unheld(folder, legend)
        found = "the names of the classes" if unheld is None else f"the name {unheld!r} as that of a class"
        found = f"labelmap.txt cannot hold {found}"
        raise LegendError(f"legend {legend.title!r}", found=found, remedy="rename it, or export to parquet")
    for split, wanted in keys.items():
        if read_list(folder / f"ImageSets/Segmentation/{split}.txt").ids != tuple(wanted):
            found = "a split list cannot hold its keys"
            raise OptionError(f"split {split!r}", found=found, remedy="rename the samples, or export to parquet")


def _says(path: Path, names: Sequence[str], colours: Sequence[Colour]) -> bool:
    try:
        back = read_legend(path)
    except LegendError:
        return False
    return (back.names, back.colours) == (tuple(names), tuple(colours))


def _first_unheld(folder: Path, legend: Legend) -> str | None:
    """Find the first class whose name alone is read back as something else."""
    path = folder / "labelmap-of-one.txt"
    try:
        for name, colour in zip(legend.names, legend.colours, strict=True):
            path.write_text(labelmap([name], [colour]), "utf-8", "surrogatepass")
            if not _says(path, [name], [colour]):
                return name
    finally:
        path.unlink(missing_ok=True)
    return None


def compare_dataset(
    folder: Path, legend: Legend, written: Mapping[str, Sequence[Written]], threads: int | None
) -> None:
    """Open what was written as any dataset is opened, and compare all of it.

    Raises:
        SourceError: if it cannot be read, or differs; the first difference is named.
    """
    try:
        with _as_difference(folder):
            dataset = open_dataset(folder)
            names = dataset.split_names
        for split, samples in written.items():
            if split not in names:
                raise _differs(f"split {split!r}", f"not among the splits {', '.join(names)}")
            with _as_difference(folder):
                source = dataset.scan(split).whole()
            _compare_names(source, legend, samples)
            _compare_contents(source, samples, threads)
    finally:
        close_tables()  # Windows renames and removes no folder with an open file in it


@contextmanager
def _as_difference(folder: Path) -> Iterator[None]:
    """Turn an error of reading what was written, whose folder has no name yet, into a difference."""
    try:
        yield
    except SegfeedError as error:
        raise _differs(error.where.removeprefix(f"{folder}{os.sep}").removeprefix(f"{folder}/"), error.found) from error


def _differs(where: str, found: str) -> SourceError:
    return SourceError(where, f"what was written does not read back: {found}", "what the source holds", _REMEDY)


def _compare_names(source: Source, legend: Legend, samples: Sequence[Written]) -> None:
    where = f"split {source.split!r}"
    _compare_keys(source, where, samples)
    if source.legend.names != legend.names:
        raise _differs(where, f"classes {', '.join(source.legend.names)} for {', '.join(legend.names)}")
    if getattr(source.legend, "colours", None) != legend.colours:
        raise _differs(where, "classes of other colours")


def _compare_keys(source: Source, where: str, samples: Sequence[Written]) -> None:
    wanted = tuple(sample.key for sample in samples)
    if source.keys != wanted:
        one, other = next(
            ((one, other) for one, other in zip(source.keys, wanted, strict=False) if one != other), ("nothing", "more")
        )
        raise _differs(
            where, f"{len(source.keys)} keys for {len(wanted)}, the first that differs is {one!r} for {other!r}"
        )


def _compare_contents(source: Source, samples: Sequence[Written], threads: int | None) -> None:
    def read(index: int) -> Written:
        sample, labels = source.samples[index], None
        with _as_difference(source.root):
            if sample.mask is not None:
                stored = decode_mask(sample.mask.read(), sample.mask.name)
                labels = read_labels(stored, source.legend, name=sample.mask.name)
            return Written.of(sample.key, sample.photo.read(), labels)

    with show_progress(f"comparing {source.split}", len(source)) as advance:
        for wanted, back in zip(samples, in_order(read, len(source), threads), strict=True):
            _compare_sample(source.split, wanted, back)
            advance(1)


def _compare_sample(split: str, wanted: Written, back: Written) -> None:
    if back.key != wanted.key:
        raise _differs(f"split {split!r}", f"sample {back.key!r} for {wanted.key!r}")
    if back.photo != wanted.photo:
        raise _differs(f"sample {wanted.key}", f"another photo in {split!r}")
    if back.labels != wanted.labels:
        raise _differs(f"sample {wanted.key}", f"other labels in {split!r}")


def compare_drawn(
    folder: Path,
    legend: Legend,
    written: Mapping[str, Sequence[Written]],
    sources: Sequence[Source],
    threads: int | None,
) -> list[tuple[str, str, int]]:
    """Open outlines as any dataset is opened, rasterise them, and compare all of it.

    Returns:
        lost: (split, key, pixels) of samples in which pixels are void in the source, and background in what was
            written. Nothing else may differ.

    Raises:
        SourceError: if it cannot be read, or differs otherwise; the first difference is named.
    """
    with _as_difference(folder):
        dataset = open_dataset(folder)
    lost: list[tuple[str, str, int]] = []
    for source in sources:
        samples, where = written[source.split], f"split {source.split!r}"
        with _as_difference(folder):
            back = dataset.scan(source.split).whole()
        _compare_keys(back, where, samples)
        names, wanted = ([name for name in one.names if not is_background(name)] for one in (back.legend, legend))
        if sorted(names) != sorted(wanted):
            raise _differs(where, f"classes {', '.join(names)} for {', '.join(wanted)}")
        lost += _compare_outlines(back, source, legend, samples, threads)
    return lost


def _compare_outlines(
    back: Source, source: Source, legend: Legend, samples: Sequence[Written], threads: int | None
) -> Iterator[tuple[str, str, int]]:
    """Compare the samples of a split; yield those that lost void."""
    unpainted = next((label for label, name in enumerate(legend.names) if is_background(name)), legend.void)
    ids = np.full(back.legend.void + 1, legend.void, legend.dtype)
    for label, name in enumerate(back.legend.names):
        ids[label] = unpainted if is_background(name) else legend.names.index(name)

    def read(index: int) -> tuple[Written, int]:
        sample, wanted = back.samples[index], samples[index]
        with _as_difference(back.root):
            labels = ids[back.read(index).labels]
            found = Written.of(sample.key, sample.photo.read(), labels)
        if found.labels == wanted.labels:
            return found, 0
        original = source.read(index).labels
        is_lost = (original == legend.void) & (labels == unpainted)
        if differing := int(((original != labels) & ~is_lost).sum()):
            raise _differs(f"sample {sample.key}", f"{differing:,} px of other labels in {source.split!r}")
        return replace(found, labels=wanted.labels), int(is_lost.sum())

    with show_progress(f"comparing {source.split}", len(back)) as advance:
        for wanted, (found, pixels) in zip(samples, in_order(read, len(back), threads), strict=True):
            _compare_sample(source.split, wanted, found)
            if pixels:
                yield source.split, found.key, pixels
            advance(1)


def compare_shards(
    folder: Path,
    legend: Legend,
    written: Mapping[str, Sequence[Written]],
    threads: int | None,  # noqa: ARG001 - the signature of `compare_dataset`
) -> None:
    """Read WebDataset shards from end to end and compare all that they hold.

    Raises:
        SourceError: if they differ; the first difference is named.
    """
    if Legend.from_json(json.loads((folder / "legend.json").read_bytes())) != legend:
        raise _differs("legend.json", "other classes")
    for split, samples in written.items():
        count = 0
        for path in sorted(folder.glob(f"{_escaped(split)}-[0-9][0-9][0-9][0-9][0-9][0-9].tar")):
            for back in _read_shard(path):
                if count == len(samples):
                    raise _differs(f"split {split!r}", f"more than {count} samples")
                _compare_sample(split, samples[count], back)
                count += 1
        if count != len(samples):
            raise _differs(f"split {split!r}", f"{count} samples for {len(samples)}")


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "[]*?" else letter for letter in name)


def _read_shard(path: Path) -> list[Written]:
    """Read a shard as WebDataset does: members of one key, up to the first dot, follow each other."""
    found: dict[str, dict[str, Any]] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member)
            key, _, suffix = member.name.partition(".")
            data = b"" if file is None else file.read()
            fields = found.setdefault(key, {})
            if suffix == "seg.png":
                fields["labels"] = _hash_labels(decode_mask(data, member.name).pixels)
            else:
                fields["photo"] = xxhash.xxh3_128_digest(data)
    return [Written(key, fields.get("photo", b""), fields.get("labels")) for key, fields in found.items()]
