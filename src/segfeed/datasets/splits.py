"""Split strings: a slice of a split, several splits together, or a fold.

    train                the split's list
    train+val            one after the other
    train[:10%]          the first tenth, in the list's order
    train[100:200]       samples 100 to 199
    train[-50:]          the last 50
    train[fold=0/5]      one of 5 folds, by a hash of each id: new samples never move old ones to another fold
    train[fold!=0/5]     the other four

Folds keep together what the dataset's description says must stay together: a group goes into one fold. If it says that
splits are balanced (`stratify`), folds are, too: by all samples of the split instead of a hash of each.

Source: https://www.tensorflow.org/datasets/splits (slices, percents rounded to the closest sample); folds are
segfeed's own.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Literal, NamedTuple

from segfeed.datasets.blobs import Blob, File
from segfeed.datasets.source import Sample, Source, hold_same
from segfeed.errors import LegendError, OptionError, SourceError
from segfeed.pixels.lookup import Encoder
from segfeed.system.showing import some

Role = Literal["train", "trainval", "val", "test", ""]

GROUP_RULE = "group-in-two-splits"
"""The name of the finding that a group stands in two splits."""

CLASSES_RULE = "classes-differ"
"""The name of the finding that splits have other classes."""

_SHOWN = 8

_TERM = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<inside>[^\[\]]*)\])?")
# Python refuses to read a number of thousands of digits.
_SLICE = re.compile(r"(?P<start>-?\d{1,18}%?)?:(?P<stop>-?\d{1,18}%?)?")
_FOLD = re.compile(r"fold(?P<sign>!?=)(?P<number>\d{1,18})/(?P<folds>\d{1,18})")


@dataclass(frozen=True, slots=True)
class SplitTerm:
    """One term of a split string.

    Attributes:
        name: of the split whose list is read.
        start: of a slice, such as "100" or "-10%"; None for the first sample.
        stop: of a slice; None for the last sample.
        fold: (number, folds); None for no fold.
        others: whether the other folds are meant.
    """

    name: str
    start: str | None = None
    stop: str | None = None
    fold: tuple[int, int] | None = None
    others: bool = False

    def choose(
        self, keys: Sequence[str], groups: Mapping[str, str] | None = None, folds: Mapping[str, int] | None = None
    ) -> list[int]:
        """List the positions of the keys that this term chooses, in order.

        Args:
            keys: of a split.
            groups: key -> its group, whose name takes the key's place in folds.
            folds: key -> the fold that it is in; the hash says it of the others.

        >>> SplitTerm("train", "25%", "-1").choose(list("abcdefgh"))
        [2, 3, 4, 5, 6]
        """
        if self.fold is not None:
            number, count = self.fold
            names = [groups.get(key, key) for key in keys] if groups else keys
            told = folds or {}
            found = [told[key] if key in told else _fold_of(name, count) for key, name in zip(keys, names, strict=True)]
            return [n for n, fold in enumerate(found) if (fold == number) != self.others]
        bounds = slice(_bound(self.start, len(keys)), _bound(self.stop, len(keys)))
        return list(range(len(keys))[bounds])


def parse_split(text: str) -> tuple[SplitTerm, ...]:
    """Read a split string.

    Raises:
        OptionError: if it is malformed.

    >>> parse_split("train[:10%]+val")
    (SplitTerm(name='train', start=None, stop='10%', ...), SplitTerm(name='val', start=None, stop=None, ...))
    """
    return tuple(_parse_term(term.strip(), text) for term in text.split("+"))


FindFolds = Callable[[Source, int], Mapping[str, int] | None]
"""(source, number of folds) -> the fold of each key; None if a hash says it."""


def join(
    terms: Sequence[tuple[SplitTerm, Source]], split: str, find_folds: FindFolds = lambda _source, _folds: None
) -> Source:
    """Create one source of the chosen samples of several, one after the other.

    Args:
        terms: what is chosen, each with the source that it is chosen from.
        split: the whole split string.
        find_folds: of a dataset whose folds are balanced; it is asked only if a term chooses a fold.

    Raises:
        SourceError: if it holds no sample, a sample twice, or samples with and without masks, or if what the masks
            mean differs.
    """
    first = terms[0][1]
    for _, source in terms:
        if _meaning(source) != _meaning(first):  # one legend reads all masks of a source
            found = f"split {split!r} joins {first.split!r} and {source.split!r}, whose masks are read in other ways"
            raise _unusable(first, found, "read each by itself, or pass legend=, unknown= and orientation= for both")
    samples = []
    for term, source in terms:
        folds = find_folds(source, term.fold[1]) if term.fold else None
        samples += [source.samples[n] for n in term.choose(source.keys, source.groups, folds)]
    if not samples:
        raise _unusable(first, f"split {split!r} holds no sample", "choose a larger part")
    keys = [sample.key for sample in samples]
    if len(set(keys)) < len(keys):
        twice = Counter(keys).most_common(1)[0][0]
        raise _unusable(first, f"split {split!r} holds sample {twice} twice", "choose parts that do not overlap")
    if len({sample.mask is None for sample in samples}) > 1:
        found = f"split {split!r} mixes samples with and without masks"
        raise _unusable(first, found, "leave those to be predicted out")
    groups = {key: group for _, source in terms for key, group in source.groups.items()}
    return replace(first, samples=tuple(samples), split=split, groups=groups)


def _meaning(source: Source) -> tuple[str, ...]:
    return source.task, source.legend.digest, source.unknown, source.orientation


def refuse_unfit(train: Source, val: Source) -> None:
    """Raise if val says nothing of a network that learns from train: other classes, or the same photos or groups.

    Raises:
        LegendError: if a class id means different classes.
        SourceError: if photos are in both, or if a group, such as a video or a patient, has samples in both.
    """
    if error := find_other_classes(train.root, {one.split: one.legend for one in (train, val)}):
        raise error
    if both := find_shared(train, val):
        raise SourceError(
            str(train.root),
            found=f"{len(both)} samples are in both {train.split!r} and {val.split!r}, the first is {min(both)}",
            expected="none, since a score on seen photos means nothing",
            remedy="take them off one list",
        )
    if shared := _shared(Grouped.of(train), Grouped.of(val), "error"):
        raise SourceError(str(train.root), found=shared.found, expected=shared.expected, remedy=shared.remedy)


def find_shared(train: Source, val: Source) -> list[str]:
    """List the keys of val's samples whose photos are in train, too; equal keys of different photos do not count.

    Photos are compared only if their keys, or what the system says of their files, are equal: most are never read.
    """
    by_key = {sample.key: sample.photo for sample in train.samples}
    by_file = {_file_of(sample.photo): sample.photo for sample in train.samples}
    both = []
    for sample in val.samples:
        alike = (by_key.get(sample.key), by_file.get(_file_of(sample.photo)))
        if any(photo is not None and hold_same(photo, sample.photo) for photo in alike):
            both.append(sample.key)
    return both


def _file_of(photo: Blob) -> object:
    """Return what two names of one file share: the stamp, which links follow; inside of a larger file, the address."""
    return photo.stamp if isinstance(photo, File) else photo.address


class Grouped(NamedTuple):
    """The samples of a split, and what must stay together: key -> group."""

    name: str
    samples: Sequence[Sample]
    groups: Mapping[str, str]

    @classmethod
    def of(cls, source: Source) -> "Grouped":
        """Take them from a source."""
        return cls(source.split, source.samples, source.groups)


class SharedGroups(NamedTuple):
    """Groups that have samples in two splits: their names, and the finding that they are."""

    names: tuple[str, ...]
    severity: Literal["error", "warning"]
    found: str
    expected: str = "none, since the dataset's description says that the samples of a group belong together"
    remedy: str = "split by folds or by hash, which keep groups whole, or put each group into one list or folder"


def find_shared_groups(one: Grouped, two: Grouped) -> SharedGroups | None:
    """Find groups, such as patients or videos, that have samples in both of two splits, which must part.

    None are found in splits of one kind, such as train and trainaug, nor, if names don't say what splits are for, in
    those that share samples: one holds a part of the other.

    >>> a1, a2 = (Sample(key, None, None) for key in ("a1", "a2"))
    >>> find_shared_groups(Grouped("train", [a1], {"a1": "a"}), Grouped("val", [a2], {"a2": "a"})).names
    ('a',)
    """
    must = must_part(one.name, two.name)
    if must is False or (
        must is None and {sample.key for sample in one.samples} & {sample.key for sample in two.samples}
    ):
        return None
    return _shared(one, two, "error" if must else "warning")


def _shared(one: Grouped, two: Grouped, severity: Literal["error", "warning"]) -> SharedGroups | None:
    held = [{split.groups[one.key] for one in split.samples if one.key in split.groups} for split in (one, two)]
    names = tuple(sorted(held[0] & held[1]))
    have = "1 group has" if len(names) == 1 else f"{len(names):,} groups have"
    found = f"{have} samples in both {one.name!r} and {two.name!r}, the first is {names[0]!r}" if names else ""
    return SharedGroups(names, severity, found) if names else None


def find_other_classes(root: Path, legends: Mapping[str, Encoder]) -> LegendError | None:
    """Find two splits in which a class id means different classes: each may bring its own legend, as packs do.

    Args:
        root: of the dataset.
        legends: split -> what its masks mean.

    Returns:
        error: that names both; None if all have the same classes in the same order.
    """
    first, own = next(iter(legends.items()), ("", None))
    for split, legend in legends.items():
        if own is not None and legend.names != own.names:
            classes, theirs = (some(one.names, _SHOWN) or "objects" for one in (own, legend))
            return LegendError(
                str(root),
                found=f"{first!r} has the classes {classes}, but {split!r} {theirs}",
                expected="the same classes in the same order",
                remedy="read each split by itself, or make all by one legend",
            )
    return None


def role_of(split: str) -> Role:
    """Return what a split is for, by its name.

    >>> role_of("trainaug"), role_of("val"), role_of("trainval"), role_of("fold 1")
    ('train', 'val', 'trainval', '')
    """
    name = split.casefold()
    if name.startswith("train"):
        return "trainval" if "val" in name else "train"
    return "val" if name.startswith(("val", "dev")) else "test" if name.startswith("test") else ""


def reading_order(split: str) -> int:
    """Return the rank of a split in what lists several: those to train on first, those to test on last.

    >>> sorted(["test", "train", "val"], key=reading_order)
    ['train', 'val', 'test']
    """
    return ("train", "trainval", "", "val", "test").index(role_of(split))


def must_part(one: str, two: str) -> bool | None:
    """Decide by the names of two splits whether they must share no sample; return None if the names do not say.

    >>> must_part("train", "val"), must_part("train", "trainaug"), must_part("fold 1", "fold 2")
    (True, False, None)
    """
    roles = {role_of(one), role_of(two)}
    if "" in roles:
        return None
    return len(roles) > 1 and roles not in ({"train", "trainval"}, {"val", "trainval"})


def _unusable(source: Source, found: str, remedy: str) -> SourceError:
    return SourceError(str(source.root), found=found, remedy=remedy)


def _parse_term(term: str, text: str) -> SplitTerm:
    found = _TERM.fullmatch(term)
    if not found:
        raise _malformed(text)
    name, inside = found["name"], found["inside"]
    if inside is None:
        return SplitTerm(name)
    if cut := _SLICE.fullmatch(inside.replace(" ", "")):
        return SplitTerm(name, cut["start"], cut["stop"])
    if fold := _FOLD.fullmatch(inside.replace(" ", "")):
        number, folds = int(fold["number"]), int(fold["folds"])
        if number >= folds:
            missing = f"fold {number} of {folds} does not exist"
            raise OptionError(f"split {text!r}", found=missing, expected=f"a fold of 0..{folds - 1}")
        return SplitTerm(name, fold=(number, folds), others=fold["sign"] == "!=")
    raise _malformed(text)


def _malformed(text: str) -> OptionError:
    return OptionError(
        f"split {text!r}",
        found="a malformed split string",
        expected="names joined by '+', each with a part if wanted, such as 'train[:10%]', 'train[100:200]' or "
        "'train[fold=0/5]'",
    )


def _bound(bound: str | None, count: int) -> int | None:
    if bound is None:
        return None
    if not bound.endswith("%"):
        return int(bound)
    percent = int(bound[:-1])
    if abs(percent) > 100:
        raise OptionError("split", found=f"{bound} of a split does not exist", expected="-100% to 100%")
    # Whole numbers, half upwards: the same on every machine.
    magnitude = (2 * abs(percent) * count + 100) // 200
    return magnitude if percent >= 0 else count - magnitude


def _fold_of(key: str, folds: int) -> int:
    return (
        int.from_bytes(
            blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=b"segfeed fold").digest(), "big"
        )
        % folds
    )
