"""Which classes occur, and whether the legend fits the stored indices."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from segfeed.audit.class_counts import ClassCounts
from segfeed.audit.facts import Facts
from segfeed.audit.findings import Finding
from segfeed.audit.rules.subjects import AuditedDataset, DatasetRule, shown_pixels
from segfeed.datasets.doubts.evidence import Evidence, gather
from segfeed.datasets.doubts.examining import is_void_doubted, list_doubts, soften, uses_void
from segfeed.datasets.splits import role_of
from segfeed.pixels.lookup import Encoder
from segfeed.pixels.objects import class_legend
from segfeed.system.showing import some

_FEW = 5
_OF_SPLITS = ("split-all-void", "split-mostly-void")  # what is meant of each split by itself


def classes_absent(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report classes that never occur, and classes that only one side of training and scoring has."""
    legend, labelled = dataset.source.legend, [split for split in dataset.splits if split.source.has_masks]
    if not legend.names or not labelled:
        return
    pixels = {split.name: ClassCounts.of_facts(split.facts, legend).pixels for split in labelled}
    total = np.sum(list(pixels.values()), axis=0)
    never = _names(legend, total == 0)
    if never and total.any():
        found = f"{len(never)} of {len(legend.names)} classes never occur: {some(never)}"
        remedy = "check whether the legend fits these masks"
        yield Finding("warning", "class-never-occurs", "", "", "", found, "pixels of every class", remedy)
    trained = [counts for name, counts in pixels.items() if role_of(name) in ("train", "trainval")]
    for name, counts in pixels.items():
        if trained and role_of(name) in ("val", "test"):
            yield from _compare(legend, name, counts, np.sum(trained, axis=0))


def _compare(
    legend: Encoder, split: str, scored: npt.NDArray[np.int64], trained: npt.NDArray[np.int64]
) -> Iterator[Finding]:
    if only := _names(legend, (scored > 0) & (trained == 0)):
        found, expected = f"{some(only)} in {split!r}, but in no split to train on", "only classes that can be learnt"
        remedy = "divide the samples anew, or add some to train on"
        yield Finding("warning", "class-not-trained", split, "", "", found, expected, remedy)
    if only := _names(legend, (scored == 0) & (trained > 0)):
        found = f"no pixel of {some(only)}, which are trained on"
        remedy = "mind that a mean over classes leaves them out"
        yield Finding("note", "class-not-scored", split, "", "", found, "every class", remedy)


def _names(legend: Encoder, chosen: npt.NDArray[np.bool_]) -> list[str]:
    return [legend.names[label] for label in np.flatnonzero(chosen)]


def values_doubted(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report stored values that contradict the legend: in all masks together, else in those of one split."""
    legend, unknown = class_legend(dataset.source.legend), dataset.source.unknown
    if legend is None:
        return
    of_split = {split: _gather(split.facts) for split in dataset.splits}
    doubts = {split: [*list_doubts(found, legend, split.name, unknown)] for split, found in of_split.items()}
    of_all = {doubt.rule: doubt for doubt in list_doubts(_gather(dataset.facts), legend, "", unknown)}
    of_all = {rule: doubt for rule, doubt in of_all.items() if rule not in _OF_SPLITS}
    doubted = [split for split, found in doubts.items() if any(map(is_void_doubted, found))]
    if 0 < len(doubted) < len(doubts):
        of_all.pop("void-assumed", None)  # it is of some splits, which are named
    for doubt in of_all.values():
        yield Finding(doubt.severity, doubt.rule, "", "", "", doubt.found, doubt.expected, doubt.remedy)
    using = [split for split, evidence in of_split.items() if uses_void(evidence, legend, unknown)]
    for split, found in doubts.items():
        other = next((other.name for other in using if other is not split), None)
        for doubt in found:
            # A class that is rare may well be absent from one split, where void is not.
            is_rare = doubt.severity == "warning" and doubt.rule not in _OF_SPLITS
            if doubt.rule not in of_all and not is_rare:
                said = doubt if other is None else soften(doubt, other)
                yield split.about(said.severity, said.rule, said.found, said.expected, said.remedy)


def _gather(facts: Iterable[Facts]) -> Evidence:
    return gather(one.mask.stored_values for one in facts if one.mask is not None and one.mask.error is None)


def masks_mostly_empty(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report splits of which most masks show nothing but void and background."""
    for split in dataset.splits:
        shown = [shown_pixels(facts) for facts in split.facts]
        empty = sum(pixels == 0 for pixels in shown)
        if len(shown) >= _FEW and empty > len(shown) / 2:
            found = f"{empty:,} of {len(shown):,} masks are all void or all background"
            remedy = "check whether the export lost its labels, or the legend fits"
            keys = split.keys_where(lambda facts: shown_pixels(facts) == 0)
            yield split.about("warning", "masks-mostly-empty", found, "labels in most of them", remedy, keys=keys)


RULES: tuple[DatasetRule, ...] = (classes_absent, masks_mostly_empty, values_doubted)
