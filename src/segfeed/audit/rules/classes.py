"""Which classes occur, and whether the legend fits the stored indices."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from segfeed.audit.class_counts import ClassCounts
from segfeed.audit.findings import Finding
from segfeed.audit.rules.subjects import AuditedDataset, DatasetRule, role_of, shown_pixels, some
from segfeed.pixels.legend import Legend
from segfeed.pixels.lookup import Encoder

_FEW = 5


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


def legend_shifted(dataset: AuditedDataset) -> Iterator[Finding]:
    """Report bare indices that run from 1, or one too far: a sign that the legend is off by one."""
    legend = dataset.source.legend
    masks = [facts.mask for facts in dataset.facts if facts.mask is not None and facts.mask.kind == "gray"]
    if not isinstance(legend, Legend) or legend.indices != tuple(range(len(legend))):
        return
    known = {int(value) for mask in masks for value in mask.values} - set(legend.void_indices)
    unknown = {value for mask in masks if mask.unknowns is not None for value in mask.unknowns.indices}
    classes, last = len(legend), len(legend) - 1
    if not known or unknown - {last + 1}:  # nothing to judge by, or more is wrong than one index
        return
    if unknown and 0 not in known:
        found = f"stored indices are {min(known)} to {last + 1}, and 0 never occurs"
        expected = f"0 to {last}, as the legend has {classes} classes"
        remedy = f"give the legend indices 1 to {last + 1}, or each class becomes its neighbour"
    elif unknown:
        found = f"stored indices are 0 to {last + 1}, one more than the legend's {classes} classes"
        expected = f"0 to {last}"
        remedy = f"add the missing class, or, if 0 means unlabelled, give indices 1 to {last + 1} and void_indices 0"
    elif 0 not in known and len(known) > 1:
        names = f"0, which is {legend.names[0]!r}, never occurs"
        found = f"stored indices are {min(known)} to {max(known)}, and {names}"
        expected = f"indices from 0 on, as the legend has {classes} classes"
        remedy = "if the first class is stored as 1, give the legend indices from 1 on"
    else:
        return
    yield Finding("error" if unknown else "warning", "legend-off-by-one", "", "", "", found, expected, remedy)


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


RULES: tuple[DatasetRule, ...] = (classes_absent, masks_mostly_empty, legend_shifted)
