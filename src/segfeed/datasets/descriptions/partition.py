"""Partition: which samples belong to a split that no folder or list makes: by a hash of their groups, or balanced.

Samples of one group (a patient, a video, a scene) are never parted, so that near copies do not leak from train to val.

Source: Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data" (2011), for `balance`: the rarest
value is shared out first, each time to the split that lacks most of it. That a full split gets no more is ours: a value
of one group alone, such as a patient's own, would go to the largest split every time, and leave the others empty.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from segfeed.datasets.matching.split_rule import KeyRule
from segfeed.datasets.tables.rows import read_rows
from segfeed.errors import ListError


def find_words(root: Path, rule: KeyRule, keys: Sequence[str], where: str, what: str) -> dict[str, str]:
    """Find what a rule says of each key: its group, or its class.

    Args:
        root: the dataset's folder.
        rule: says it.
        keys: of all samples.
        where: the description, for errors.
        what: "group" or "class", for errors.

    Raises:
        ListError: if the rule fits no key, or its file does not say one thing of every key.
    """
    if rule.file:
        return _words_in_file(root / rule.file, rule, keys, what)
    text = "/" if rule.folder else rule.before
    if keys and not any(text in key for key in keys):
        raise ListError(
            where,
            found=f"{what}: {text!r} is in none of the {len(keys)} keys, the first is {keys[0]!r}",
            expected=f"keys that hold it, since each sample would be a {what} of its own",
            remedy=f"correct the rule of {what}s",
        )
    return {key: rule.word_of(key) for key in keys}


def _words_in_file(path: Path, rule: KeyRule, keys: Sequence[str], what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line, cells in read_rows(path, rule.columns):
        key, word = (unicodedata.normalize("NFC", cell) for cell in cells)
        if not word or found.setdefault(key, word) != word:
            raise ListError(
                str(path),
                found=f"line {line}: sample {key!r} has "
                + (f"{what} {word!r} and {what} {found[key]!r}" if word else f"no {what}"),
                expected=f"one {what} a sample",
            )
    # A table may name the sample, its file, or its file's path.
    for key, word in list(found.items()):
        plain = PurePosixPath(key.replace("\\", "/"))
        for spelled in (str(plain), str(plain.with_suffix("")) if plain.name else key, plain.stem):
            if found.setdefault(spelled, word) != word:
                del found[spelled]  # two files of one stem say two things: only the whole name tells them apart
    if lacking := [key for key in keys if key not in found]:
        raise ListError(
            str(path),
            found=f"no line for {len(lacking)} of {len(keys)} samples, the first is {lacking[0]!r}",
            expected=f"a {what} for each sample",
            remedy=f"it has {short!r}: save that column as text, since spreadsheets drop zeros in front"
            if (short := lacking[0].lstrip("0")) != lacking[0] and short in found
            else "",
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

    A split in which more than half of a group would be too many gets it only if all others are as full. The result
    depends on all groups: one that is added may move others. Ties go by the hash of names.

    Args:
        values: group -> the values that each of its masks stores.
        shares: split -> its part of the whole, such as percent, or 1 for each of several folds.

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
    whole = sum(shares.values())
    # What each split still lacks: of every value, and of samples at all.
    lacks = {split: {value: total[value] * shares[split] for value in total} for split in splits}
    room = {split: sum(map(len, values.values())) * shares[split] for split in splits}
    found: dict[str, str] = {}

    def give(group: str, rarest: Hashable | None) -> None:
        def wants(split: str) -> tuple[bool, int, int]:
            return 2 * room[split] >= len(values[group]) * whole, lacks[split].get(rarest, 0), room[split]

        split = max(splits, key=wants)
        found[group] = split
        room[split] -= len(values[group]) * whole
        for value, count in counts[group].items():
            lacks[split][value] -= count * whole

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
