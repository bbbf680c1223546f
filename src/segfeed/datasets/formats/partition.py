"""Partition: which samples belong to a split that no folder or list makes: by a hash of their groups, or balanced.

Samples of one group (a patient, a video, a scene) are never parted, so that near copies do not leak from train to val.

Source: Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data" (2011), for `balance`: the rarest
value is shared out first, each time to the split that lacks most of it.
"""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from segfeed.datasets.blobs import read_file
from segfeed.datasets.description import GroupRule
from segfeed.errors import ListError, SourceError, SourceMissingError

_PERCENT = 100


def find_groups(root: Path, rule: GroupRule, keys: Sequence[str], where: str) -> dict[str, str]:
    """Find the group of each key.

    Args:
        root: the dataset's folder.
        rule: what makes a group.
        keys: of all samples.
        where: the description, for errors.

    Raises:
        ListError: if the rule fits no key, or its file does not give every key one group.
    """
    if rule.file:
        return _groups_in_file(root, rule, keys)
    groups = {key: rule.group_of(key) for key in keys}
    text = "/" if rule.folder else rule.before
    if keys and not any(text in key for key in keys):
        raise ListError(
            where,
            found=f"group: {text!r} is in none of the {len(keys)} keys, the first is {keys[0]!r}",
            expected="keys that hold it, since each sample would be a group of its own",
            remedy="correct the rule of groups",
        )
    return groups


_MOST_BYTES = 64 << 20  # of a table of groups


def _read(path: Path) -> bytes:
    try:
        return read_file(path, _MOST_BYTES)
    except SourceMissingError:
        raise ListError(str(path), found="it cannot be read (no such file)", remedy="check the path") from None
    except SourceError as error:
        raise ListError(error.where, error.found, error.expected, error.remedy) from error


def _groups_in_file(root: Path, rule: GroupRule, keys: Sequence[str]) -> dict[str, str]:
    path = root / rule.file
    found: dict[str, str] = {}
    try:
        text = _read(path).decode("utf-8-sig")
        rows = csv.DictReader(
            io.StringIO(text, newline=""), skipinitialspace=True, delimiter="\t" if path.suffix == ".tsv" else ","
        )
        for row in rows:
            key, group = row[rule.key_column].strip(), row[rule.column].strip()
            if not group or found.setdefault(key, group) != group:
                raise ListError(
                    str(path),
                    found=f"line {rows.line_num}: sample {key!r} has group {group!r}"
                    + (f" and group {found[key]!r}" if group else ""),
                    expected="one group a sample",
                )
    except (KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        found_columns = f"no column {error}" if isinstance(error, KeyError) else f"it is not a table ({error})"
        raise ListError(
            str(path),
            found=found_columns,
            expected=f"CSV with the columns {rule.key_column!r} and {rule.column!r}",
        ) from error
    # A table may name the sample, its file, or its file's path.
    for key, group in list(found.items()):
        plain = PurePosixPath(key)
        for spelled in (str(plain.with_suffix("")) if plain.name else key, plain.stem):
            if found.setdefault(spelled, group) != group:
                del found[spelled]  # two files of one stem in two groups: only the whole name tells them apart
    if lacking := [key for key in keys if key not in found]:
        raise ListError(
            str(path),
            found=f"no line for {len(lacking)} of {len(keys)} samples, the first is {lacking[0]!r}",
            expected="a group for each sample",
        )
    return {key: found[key] for key in keys}


def share_out(groups: Iterable[str], shares: Mapping[str, int]) -> dict[str, str]:
    """Choose the split of each group by a hash of its name alone, so that groups that are added later move no others.

    Args:
        groups: their names.
        shares: split -> percent, 100 in all. Their order has no meaning.

    Returns:
        splits: group -> split.

    >>> share_out(["a", "b", "c", "d", "e", "f"], {"train": 80, "val": 20})["b"]
    'val'
    """
    # "train" comes last and "val" first, so that 80 and 20 percent are what `split_by_hash` makes.
    order = sorted(shares, key=lambda split: (split == "train", split != "val", split))
    found = {}
    for group in groups:
        place = _place(group)
        for split in order:
            if place < shares[split]:
                found[group] = split
                break
            place -= shares[split]
    return found


def balance(values: Mapping[str, Sequence[frozenset[Hashable]]], shares: Mapping[str, int]) -> dict[str, str]:
    """Choose the split of each group so that every stored value has its share in every split, as far as groups allow.

    The result depends on all groups: one that is added may move others. Ties go by the hash of names.

    Args:
        values: group -> the values that each of its masks stores.
        shares: split -> percent, 100 in all.

    Returns:
        splits: group -> split.

    >>> halves = {str(n): [frozenset({0, n % 2})] for n in range(8)}
    >>> found = balance(halves, {"train": 50, "val": 50})
    >>> sum(found[name] == "val" for name in ("0", "2", "4", "6"))
    2
    """
    counts = {group: Counter(value for mask in masks for value in mask) for group, masks in values.items()}
    total = sum(counts.values(), Counter[Hashable]())
    splits = sorted(shares, key=lambda split: (-shares[split], split))
    # What each split still lacks: of every value, and of samples at all.
    lacks = {split: {value: total[value] * shares[split] for value in total} for split in splits}
    room = {split: sum(map(len, values.values())) * shares[split] for split in splits}
    found: dict[str, str] = {}

    def give(group: str, rarest: Hashable | None) -> None:
        def wants(split: str) -> tuple[int, int]:
            return lacks[split].get(rarest, 0), room[split]

        split = max(splits, key=wants)
        found[group] = split
        room[split] -= len(values[group]) * _PERCENT
        for value, count in counts[group].items():
            lacks[split][value] -= count * _PERCENT

    by_hash = sorted(counts, key=lambda group: (_digest(group), group))
    for value in sorted(total, key=lambda value: (total[value], repr(value))):
        # Groups with most of a value come first: a late large one could no longer be made up for.
        holders = [group for group in by_hash if group not in found and counts[group][value]]
        for group in sorted(holders, key=lambda group: -counts[group][value]):
            give(group, value)
    for group in by_hash:
        if group not in found:
            give(group, None)
    return found


def _place(group: str) -> int:
    """Return a number of 0..99; those below 20 are what `split_by_hash` puts into "val"."""
    number = _digest(group)
    return number % 5 * 20 + number // 5 % 20


def _digest(group: str) -> int:
    name = unicodedata.normalize("NFC", group).encode(errors="surrogateescape")
    return int.from_bytes(blake2b(name, digest_size=8, key=b"segfeed split").digest(), "big")
