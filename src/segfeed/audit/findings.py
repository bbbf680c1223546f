"""Findings: what an audit says about a dataset, one thing that is wrong each, and how much of it was checked."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from segfeed.errors import SegfeedError, sentence
from segfeed.system.showing import brief, counted, show_html

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the worst on: an error stops training or falsifies its score, a warning may, a note is good to know."""

Box = tuple[int, int, int, int]
SampleId = tuple[str, str]
"""(split, key)"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a dataset.

    Attributes:
        severity: "error", "warning" or "note".
        rule: what was broken, a short name that stays the same over versions, such as "mask-jpeg".
        split: the split, or "" if it concerns the whole dataset.
        key: the sample, or "" if it concerns a whole split or folder.
        file: the file's path below the dataset's root, or "".
        found: what was found, a clause.
        expected: what was expected, a clause; "" if nothing definite was.
        remedy: what to do, a clause; "" if `expected` says it.
        box: (top, left, height, width) in stored px of what can be shown on the picture.
        also: the other samples that it concerns.

    >>> print(Finding("error", "mask-missing", "train", "a", "", "no mask", "one PNG", "add it"))
    train a: no mask; expected one PNG; add it.
    """

    severity: Severity
    rule: str
    split: str
    key: str
    file: str
    found: str
    expected: str
    remedy: str
    box: Box | None = None
    also: tuple[SampleId, ...] = ()

    @classmethod
    def of(
        cls,
        error: SegfeedError,
        severity: Severity,
        rule: str,
        split: str = "",
        key: str = "",
        file: str = "",
        also: tuple[SampleId, ...] = (),
    ) -> "Finding":
        """Make a finding of an error's fields.

        >>> error = SegfeedError("a.png", found="a GIF", expected="a PNG")
        >>> print(Finding.of(error, "error", "mask-unsupported", file="masks/a.png"))
        masks/a.png: a GIF; expected a PNG.
        """
        return cls(severity, rule, split, key, file, error.found, error.expected, error.remedy, also=also)

    def __str__(self) -> str:
        where = " ".join(word for word in (self.split, self.key) if word)
        where += f" ({self.file})" if where and self.file else self.file
        return sentence(where or "dataset", self.found, self.expected, self.remedy)

    def to_json(self) -> dict[str, Any]:
        """Describe the finding in plain JSON values."""
        described = asdict(self)
        described["box"] = None if self.box is None else list(self.box)
        described["also"] = [{"split": split, "key": key} for split, key in self.also]
        return described


@dataclass(frozen=True, slots=True)
class Checked:
    """How much of a split was checked.

    Attributes:
        split: the split's name.
        keys: the samples whose files were read, in the order of the split.
        missing: the listed samples that lack a file.
        broken: the samples, of both kinds, that have an error.
        readable: False if the split could not be listed at all, so nothing of it was checked.
    """

    split: str
    keys: tuple[str, ...]
    missing: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    readable: bool = True

    @property
    def listed(self) -> int:
        """How many samples the split lists."""
        return len(self.keys) + len(self.missing)

    def to_json(self) -> dict[str, Any]:
        """Describe this in plain JSON values."""
        return {
            "split": self.split,
            "readable": self.readable,
            "listed": self.listed,
            "checked": len(self.keys),
            "broken": list(self.broken),
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found; iterates over its findings, the worst first.

    Attributes:
        name: the dataset's name.
        root: its folder.
        format: its format's name.
        findings: errors, warnings, notes, in this order.
        splits: how much of each split was checked.
        pairs: how many different pairs were read; splits may share some.
    """

    name: str
    root: str
    format: str
    findings: tuple[Finding, ...]
    splits: tuple[Checked, ...]
    pairs: int

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    _repr_html_ = show_html

    def __repr__(self) -> str:
        counts = ", ".join(counted(count, severity) for severity, count in self.count().items())
        return f"Audit({brief(self.name)}: {counted(self.pairs, 'pair')}, {counts})"

    def count(self) -> dict[Severity, int]:
        """Count the findings of each severity."""
        counted = Counter(finding.severity for finding in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}

    def to_json(self) -> dict[str, Any]:
        """Describe the audit in plain JSON values."""
        return {
            "name": self.name,
            "root": self.root,
            "format": self.format,
            "pairs": self.pairs,
            "splits": [checked.to_json() for checked in self.splits],
            "counts": self.count(),
            "findings": [finding.to_json() for finding in self.findings],
        }
