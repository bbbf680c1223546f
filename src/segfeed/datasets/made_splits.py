"""Made splits: what is doubtful in splits and folds that neither lists nor folders make."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from segfeed.datasets.doubts.split_shares import Share, doubt_shares
from segfeed.datasets.doubts.unread_lists import doubt_lists
from segfeed.datasets.doubts.ways_out import Doubt
from segfeed.datasets.matching.lists import AUTOMATIC
from segfeed.datasets.matching.split_rule import AUTOMATIC_SHARES
from segfeed.datasets.opening import Dataset
from segfeed.datasets.source import SplitFiles
from segfeed.datasets.splits import SplitTerm, parse_split
from segfeed.errors import EmptySplitError, SegfeedError

_ALL = AUTOMATIC[-1]


def doubt_splits(dataset: Dataset, splits: Iterable[str]) -> list[Doubt]:
    """Doubt how the samples of a dataset were split: past files that name splits, or far from the shares asked for.

    What cannot be listed is said elsewhere.

    Args:
        dataset: whose splits they are.
        splits: those that are read: names, or split strings, which say the folds.
    """
    names = dataset.split_names
    terms = [term for split in splits for term in ((SplitTerm(split),) if split in names else parse_split(split))]
    found: list[Doubt] = []
    with suppress(SegfeedError):
        found += _doubt_lists(dataset)
    with suppress(SegfeedError):
        if any(term.name in _asked(dataset) for term in terms if term.fold is None):
            found += _doubt_hash(dataset)
    for name, fold in dict.fromkeys((term.name, term.fold) for term in terms):
        with suppress(SegfeedError):
            if fold is not None:
                found += _doubt_fold(dataset, name, fold)
    return found


def _doubt_lists(dataset: Dataset) -> Iterator[Doubt]:
    is_chosen = dataset.description is not None and dataset.description.splits.shares
    if tuple(dataset.split_names[-len(AUTOMATIC) :]) == AUTOMATIC and not is_chosen:
        asked = dataset.asked
        above = asked if asked is not None and asked in dataset.root.parents else dataset.root
        yield from doubt_lists(above, lambda: dataset.list_split(_ALL).samples)


def _asked(dataset: Dataset) -> Mapping[str, int]:
    """Return what a description asks of the splits that it makes: split -> percent; empty if it asks nothing."""
    said = dataset.description
    if said is None or said.splits.is_listed or any(one.has_split for one in (*said.photos, *said.masks)):
        return {}
    rule = said.splits
    return rule.shares or (AUTOMATIC_SHARES if rule.group or rule.stratify else {})


def _doubt_hash(dataset: Dataset) -> Iterator[Doubt]:
    every = dataset.list_split(_ALL)
    held: dict[str, tuple[str, ...]] = {}
    for split in _asked(dataset):
        held[split] = ()
        with suppress(EmptySplitError):
            held[split] = _keys(dataset.list_split(split))
    shares = [Share(split, part, 100, held[split]) for split, part in _asked(dataset).items()]
    is_balanced = dataset.description is not None and bool(dataset.description.splits.stratify)
    return doubt_shares(shares, _keys(every), every.groups, is_balanced=is_balanced)


def _doubt_fold(dataset: Dataset, name: str, fold: tuple[int, int]) -> Iterator[Doubt]:
    source = dataset.scan(name)
    folds = dataset.find_folds(source, fold[1])
    chosen = SplitTerm(name, fold=fold).choose(source.keys, source.groups, folds)
    share = Share(f"{name}[fold={fold[0]}/{fold[1]}]", 1, fold[1], [source.keys[n] for n in chosen])
    return doubt_shares([share], source.keys, source.groups, is_balanced=folds is not None)


def _keys(files: SplitFiles) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(sample.key for sample in files.samples), *(lack.key for lack in files.missing)]))
