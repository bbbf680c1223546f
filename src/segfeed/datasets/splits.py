"""Split strings: a part of a split, several splits together, or a fold.

    train                the split's list
    train+val            one after the other
    train[:10%]          the first tenth, in the list's order
    train[100:200]       samples 100 to 199
    train[-50:]          the last 50
    train[fold=0/5]      one of 5 folds, by a hash of each id: new samples never move old ones to another fold
    train[fold!=0/5]     the other four

Source: https://www.tensorflow.org/datasets/splits (slices, percents rounded to the closest sample); folds are segfeed's own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from segfeed.datasets.source import Source
from segfeed.errors import OptionError, SourceError

_PART = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<inside>[^\[\]]*)\])?")
# Python refuses to read a number of thousands of digits.
_SLICE = re.compile(r"(?P<start>-?\d{1,18}%?)?:(?P<stop>-?\d{1,18}%?)?")
_FOLD = re.compile(r"fold(?P<sign>!?=)(?P<number>\d{1,18})/(?P<folds>\d{1,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """Hold one term of a split string.

    Attributes:
        name: of the split whose list is read.
        start: where a slice starts, such as "100" or "-10%"; None for the first sample.
        stop: where it ends; None for the last sample.
        fold: (number, folds); None for no fold.
        others: whether the other folds are meant.
    """

    name: str
    start: str | None = None
    stop: str | None = None
    fold: tuple[int, int] | None = None
    others: bool = False

    def choose(self, keys: Sequence[str]) -> list[int]:
        """List the positions that belong to this part, in order.

        >>> Part("train", "25%", "-1").choose(list("abcdefgh"))
        [2, 3, 4, 5, 6]
        """
        if self.fold is not None:
            number, folds = self.fold
            return [n for n, key in enumerate(keys) if (_fold_of(key, folds) == number) != self.others]
        bounds = slice(_bound(self.start, len(keys)), _bound(self.stop, len(keys)))
        return list(range(len(keys))[bounds])


def parse_split(text: str) -> tuple[Part, ...]:
    """Read a split string.

    Raises:
        OptionError: it is none.

    >>> parse_split("train[:10%]+val")
    (Part(name='train', start=None, stop='10%', ...), Part(name='val', start=None, stop=None, ...))
    """
    return tuple(_parse_part(term.strip(), text) for term in text.split("+"))


def join(parts: Sequence[tuple[Part, Source]], split: str) -> Source:
    """Make one source of the chosen samples of several, one after the other.

    Raises:
        SourceError: no sample, a sample twice, or samples with and without masks.
    """
    samples = [source.samples[n] for part, source in parts for n in part.choose(source.keys)]
    if not samples:
        raise SourceError(f"{parts[0][1].root}: split {split!r} holds no sample; choose a larger part.")
    keys = [sample.key for sample in samples]
    if len(set(keys)) < len(keys):
        twice = next(key for n, key in enumerate(keys) if key in keys[:n])
        raise SourceError(
            f"{parts[0][1].root}: split {split!r} holds sample {twice} twice; choose parts that do not overlap."
        )
    if len({sample.mask is None for sample in samples}) > 1:
        raise SourceError(
            f"{parts[0][1].root}: split {split!r} mixes samples with and without masks; leave those to be predicted out."
        )
    return replace(parts[0][1], samples=tuple(samples), split=split)


def _parse_part(term: str, text: str) -> Part:
    found = _PART.fullmatch(term)
    if not found:
        raise _refused(text)
    name, inside = found["name"], found["inside"]
    if inside is None:
        return Part(name)
    if cut := _SLICE.fullmatch(inside.replace(" ", "")):
        return Part(name, cut["start"], cut["stop"])
    if fold := _FOLD.fullmatch(inside.replace(" ", "")):
        number, folds = int(fold["number"]), int(fold["folds"])
        if number >= folds:
            raise OptionError(f"split {text!r}: fold {number} of {folds} does not exist; folds are 0..{folds - 1}.")
        return Part(name, fold=(number, folds), others=fold["sign"] == "!=")
    raise _refused(text)


def _refused(text: str) -> OptionError:
    return OptionError(
        f"split {text!r} is malformed; expected names joined by '+', each with a part if wanted, such as 'train[:10%]', "
        "'train[100:200]' or 'train[fold=0/5]'."
    )


def _bound(bound: str | None, count: int) -> int | None:
    if bound is None:
        return None
    if not bound.endswith("%"):
        return int(bound)
    percent = int(bound[:-1])
    if abs(percent) > 100:
        raise OptionError(f"{bound} of a split does not exist; give -100% to 100%.")
    # Whole numbers, half upwards: the same on every machine.
    magnitude = (2 * abs(percent) * count + 100) // 200
    return magnitude if percent >= 0 else count - magnitude


def _fold_of(key: str, folds: int) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8, key=b"segfeed fold").digest(), "big") % folds
