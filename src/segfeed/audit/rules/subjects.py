"""What the rules of an audit share: their types. A rule is a function: facts to findings.

A new rule is a function in one of the modules beside this, and one more name in the `RULES` at that module's end:

    photo, mask, labels          rules of one sample, which take `Facts`
    split                        rules of one split, which take `AuditedSplit`
    across, classes, files       rules of the whole dataset, which take `AuditedDataset`

Those of labels and classes need a legend.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from segfeed.audit.facts import Facts
from segfeed.audit.findings import Finding, Severity
from segfeed.datasets.source import Missing, Source

_BACKGROUND = ("background", "_background_", "bg", "unlabelled", "unlabeled")


@dataclass(frozen=True, slots=True, eq=False)
class AuditedSplit:
    """What reading one split showed.

    Attributes:
        source: the split as it was scanned.
        facts: of its samples, in the split's order.
        crop_size: (height, width) in px of the crops that are to be trained on.
        strays: the names of files that lie where one is missing, but are of another kind.
    """

    source: Source
    facts: tuple[Facts, ...]
    crop_size: tuple[int, int]
    strays: dict[Missing, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The split's name."""
        return self.source.split

    def about(
        self, severity: Severity, rule: str, found: str, expected: str, remedy: str, *, keys: tuple[str, ...] = ()
    ) -> Finding:
        """Make a finding about this split, and the samples of it that it concerns."""
        also = tuple((self.name, key) for key in keys)
        return Finding(severity, rule, self.name, "", "", found, expected, remedy, also=also)

    def keys_where(self, test: Callable[[Facts], bool]) -> tuple[str, ...]:
        """List the keys of the samples that pass a test."""
        return tuple(key for key, facts in zip(self.source.keys, self.facts, strict=True) if test(facts))


@dataclass(frozen=True, slots=True, eq=False)
class AuditedDataset:
    """What reading a dataset showed.

    Attributes:
        splits: those that were checked, without those that merely join others, such as trainval.
        facts: of all different pairs.
        is_whole: whether every sample of the dataset was checked.
    """

    splits: tuple[AuditedSplit, ...]
    facts: tuple[Facts, ...]
    is_whole: bool

    @property
    def source(self) -> Source:
        """The first split, for what all splits share: root, legend, task."""
        return self.splits[0].source


SampleRule = Callable[[Facts], Iterator[Finding]]
SplitRule = Callable[[AuditedSplit], Iterator[Finding]]
DatasetRule = Callable[[AuditedDataset], Iterator[Finding]]


def shown_pixels(facts: Facts) -> int | None:
    """Count the pixels of a whole, known mask that are neither void nor background; return None without such a mask."""
    mask, legend = facts.mask, facts.source.legend
    if mask is None or not mask.counts.size or mask.unknowns is not None:
        return None
    # Label 0 of objects is background; of classes it is if its name says so.
    shows_0 = bool(legend.names) and legend.names[0].strip().casefold() not in _BACKGROUND
    return int(mask.counts[(mask.labels != legend.void) & ((mask.labels != 0) | shows_0)].sum())
