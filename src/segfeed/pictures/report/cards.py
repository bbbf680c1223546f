"""Cards: findings as a page lists them, those that say the same in one card, so that 75 equal ones can be read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from segfeed.audit.findings import Finding
from segfeed.pictures.report.gallery import Crop
from segfeed.pictures.report.pictures import PICTURES_OF_A_CARD, Pictures

CARDS_OF_A_KIND = 12
"""Of one rule in one split; if its findings say more than this many things, they are one card."""

_LINES = 1000  # of a card; with more, a page grows large, and nobody reads them

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class View:
    """A picture as it is shown in one place of the page.

    Attributes:
        number: of the picture.
        key: the sample's.
        extent: (left, top, width, height) in px of what is shown.
        crop: shown over it, or None.
        frame: (left, top, width, height) in px of the box shown on it, or None.
        worst: the severity of the sample's worst finding, or "".
        note: what is said about it, or "".
    """

    number: int
    key: str
    extent: tuple[int, int, int, int]
    crop: Crop | None = None
    frame: tuple[int, int, int, int] | None = None
    worst: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CardLine:
    """One of several findings of a card: its sample, its file, and what it says that the others do not."""

    key: str
    file: str
    words: str


@dataclass(frozen=True, slots=True)
class Card:
    """Findings of one rule in one split that say the same but for numbers and names, and the pictures that show them.

    Attributes:
        findings: one or more.
        views: of them, the first's first.
    """

    findings: tuple[Finding, ...]
    views: tuple[View, ...]

    @property
    def first(self) -> Finding:
        """The finding that stands for all."""
        return self.findings[0]

    @property
    def is_shared(self) -> bool:
        """Whether what was found is the same in all of them, word for word."""
        return all(finding.found == self.first.found for finding in self.findings)

    @property
    def lines(self) -> tuple[CardLine, ...]:
        """A line for each of several findings, up to a limit; none for one alone, which the card says itself."""
        if len(self.findings) == 1:
            return ()
        return tuple(
            CardLine(finding.key, finding.file, _difference(finding, self.first, is_shared=self.is_shared))
            for finding in self.findings[:_LINES]
        )

    @property
    def left_out(self) -> int:
        """How many findings have no line of their own."""
        return max(0, len(self.findings) - _LINES)


def group_findings(findings: Iterable[Finding]) -> list[tuple[Finding, ...]]:
    """Group findings of one severity, rule and split by what they say; every finding is in one group.

    >>> found = [Finding("error", "r", "train", key, "", f"{n} px", "", "") for n, key in enumerate("abc")]
    >>> [len(group) for group in group_findings([*found, Finding("note", "s", "", "", "", "odd", "", "")])]
    [3, 1]
    """
    kinds: dict[tuple[str, str, str], dict[tuple[str, ...], list[Finding]]] = {}
    for finding in findings:
        said = tuple(_pattern(words, finding.key) for words in (finding.found, finding.expected, finding.remedy))
        kind = kinds.setdefault((finding.severity, finding.rule, finding.split), {})
        kind.setdefault(said, []).append(finding)
    groups = []
    for kind in kinds.values():
        alike = list(kind.values())
        groups += alike if len(alike) <= CARDS_OF_A_KIND else [[one for group in alike for one in group]]
    return [tuple(group) for group in groups]


def _difference(finding: Finding, first: Finding, *, is_shared: bool) -> str:
    """Return what a finding says that its card does not: the card says what the first one expects and advises."""
    said = [] if is_shared else [finding.found]
    said += [f"expected {finding.expected}"] if finding.expected not in ("", first.expected) else []
    return "; ".join([*said, *([finding.remedy] if finding.remedy not in ("", first.remedy) else [])])


def _pattern(words: str, key: str) -> str:
    return _NUMBER.sub("#", words.replace(key, "") if key else words)


def make_cards(groups: Iterable[tuple[Finding, ...]], pictures: Pictures) -> tuple[Card, ...]:
    """Put the pictures of each group's findings beside it."""
    return tuple(Card(group, tuple(_views(group, pictures))) for group in groups)


def _views(group: tuple[Finding, ...], pictures: Pictures) -> list[View]:
    views: dict[int, View] = {}
    for finding in group[:PICTURES_OF_A_CARD]:
        for number in pictures.of(finding):
            picture = pictures.pictures[number]
            key, frame = picture.sample.key, picture.frame(finding)
            views.setdefault(number, View(number, key, picture.extent(), None, frame, note=finding.found))
    return list(views.values())[:PICTURES_OF_A_CARD]
