"""Split shares: splits and folds that hold far more or fewer samples than were asked for, as a hash of few groups does.

Of five patients, a hash may well put two into the fifth that was asked for validation, or none.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from segfeed.datasets.doubts.ways_out import Doubt
from segfeed.system.showing import counted

RULE = "split-share-off"

_MOST_POINTS = 10  # of percent
_DEVIATIONS = 4
_STRATIFY = (
    "add stratify = true under [splits] in the segfeed.toml, which shares out samples by number and class as far as "
    "groups allow, or make the splits by lists or folders"
)


class Share(NamedTuple):
    """What was asked for, and what was found.

    Attributes:
        name: of a split, or such as "all[fold=0/5]".
        part: of `whole` that was asked for: 20 of 100, 1 of 5.
        whole: the sum of all parts.
        keys: of the samples that it holds.
    """

    name: str
    part: int
    whole: int
    keys: Collection[str]


def is_off(count: int, of: int, part: int, whole: int) -> bool:
    """Check whether a number of samples is far from the part that was asked for.

    That is more than 10 points of percent off; or, as small parts never are, more than half of the part off, and
    further than a hash of single samples goes once in 16,000 times. The first tells what a person gets: 40 percent for
    20, whatever chance explains. Single samples keep within it from 200 on (of 50 percent, from 400 on).

    >>> is_off(6, 15, 20, 100), is_off(4, 15, 20, 100), is_off(2, 1000, 5, 100), is_off(3, 100, 5, 100)
    (True, False, True, False)
    """
    off = abs(whole * count - part * of)
    is_beyond_chance = off * off > _DEVIATIONS**2 * part * (whole - part) * of
    return (count == 0 < of) or 100 * off > _MOST_POINTS * whole * of or (2 * off > part * of and is_beyond_chance)


def doubt_shares(
    shares: Sequence[Share], keys: Collection[str], groups: Mapping[str, str], *, is_balanced: bool
) -> Iterator[Doubt]:
    """Doubt splits or folds that hold far more or fewer samples than were asked for.

    Args:
        shares: splits that one hash makes of some samples, or one fold of them.
        keys: of all these samples.
        groups: key -> group; empty if each sample stands for itself.
        is_balanced: whether they are stratified, and not made by a hash alone.
    """
    off = [share for share in shares if is_off(len(share.keys), len(keys), share.part, share.whole)]
    # What the largest split has too much, the others lack: they say it.
    largest = max((share.part for share in shares), default=0)
    off = [share for share in off if share.part < largest] or off
    if not off:
        return
    told = [_tell(share, keys, groups, asks=len(off) > 1) for share in off]
    yield Doubt(
        "warning",
        RULE,
        "; ".join(told),
        "" if len(off) > 1 else f"the {_percent(off[0].part, off[0].whole)} asked for",
        _tell_allowed(shares, len(keys), "groups of these sizes" if groups else "so few samples")
        if is_balanced
        else _STRATIFY,
    )


def _tell(share: Share, keys: Collection[str], groups: Mapping[str, str], *, asks: bool) -> str:
    found = f"{share.name!r} holds {len(share.keys):,} of {counted(len(keys), 'sample')}"
    if groups:
        held = {groups[key] for key in share.keys if key in groups}
        found += f" and {len(held):,} of {counted(len({*groups.values()}), 'group')}"
    asked = f" where {_percent(share.part, share.whole)} are asked for" if asks else ""
    return f"{found} ({_percent(len(share.keys), len(keys))}){asked}"


def _tell_allowed(shares: Sequence[Share], of: int, what: str) -> str:
    """Write the way out if splits are balanced already: shares that groups allow."""
    lists = "or make the splits by lists or folders"
    no_nearer = f"stratify comes no nearer with {what}"
    if len(shares) == 1:
        return f"{no_nearer}: take another number of folds, {lists}"
    percents = {share.name: round(100 * len(share.keys) / of) for share in shares}
    first, *others = sorted(percents, key=lambda name: -percents[name])
    percents[first] = 100 - sum(percents[name] for name in others)
    if not all(percents.values()):
        return f"{no_nearer}: ask for other shares, {lists}"
    spelled = ", ".join(f"{name} = {percent}" for name, percent in percents.items())
    return f"{no_nearer}: ask for these shares, hash = {{ {spelled} }}, {lists}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %"
