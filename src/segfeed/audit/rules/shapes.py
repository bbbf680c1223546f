"""What drawing the shapes of a split showed: pixels of two classes, objects of no pixel, points outside, crowds."""

from collections import Counter
from collections.abc import Callable, Iterator

from segfeed.audit.facts import DrawnFacts, Facts
from segfeed.audit.findings import Finding, Severity
from segfeed.audit.rules.subjects import AuditedSplit, SplitRule
from segfeed.datasets.doubts.annotations import doubt_outlines, look_at_shapes
from segfeed.system.showing import some

_SHOWN = 5


def shapes_overlap(split: AuditedSplit) -> Iterator[Finding]:
    """Report the pixels that shapes of two classes cover, by pairs of classes, the most frequent first."""
    pairs: Counter[tuple[str, str]] = Counter()
    for drawn in _drawn(split):
        pairs.update(drawn.overlaps)
    if not pairs:
        return
    shown = (f"{pixels:,} of {above!r} over {below!r}" for (below, above), pixels in pairs.most_common())
    found = f"{pairs.total():,} px are covered by two classes: {some(shown, _SHOWN)}"
    expected = "one class for each pixel"
    remedy = 'check that the upper one is meant, or pass overlap="smallest", "largest", "void" or "error"'
    keys = split.keys_where(lambda facts: bool(_of(facts) and _of(facts).overlaps))  # type: ignore[union-attr]
    yield split.about("warning", "shapes-overlap", found, expected, remedy, keys=keys)


def _counted(
    split: AuditedSplit, count: Callable[[DrawnFacts], int], severity: Severity, rule: str, words: tuple[str, str, str]
) -> Iterator[Finding]:
    total = sum(map(count, _drawn(split)))
    if total:
        found, expected, remedy = words
        keys = split.keys_where(lambda facts: (drawn := _of(facts)) is not None and count(drawn) > 0)
        yield split.about(severity, rule, f"{total:,} {found}", expected, remedy, keys=keys)


def shapes_empty(split: AuditedSplit) -> Iterator[Finding]:
    """Report shapes that cover no pixel."""
    words = "shapes cover no pixel", "an area", "remove them, or do nothing: they change no label"
    yield from _counted(split, lambda drawn: drawn.empty, "note", "shapes-empty", words)


def shapes_outside(split: AuditedSplit) -> Iterator[Finding]:
    """Report shapes with points outside the picture."""
    words = (
        "shapes have points outside the picture, by more than a pixel; they are cut off there",
        "points inside",
        "check that the photos have the size that they were annotated in",
    )
    yield from _counted(split, lambda drawn: drawn.outside, "warning", "shapes-outside", words)


def shapes_crowd(split: AuditedSplit) -> Iterator[Finding]:
    """Report shapes that mark crowds."""
    words = (
        "shapes are marked as crowds",
        "single objects",
        'do nothing if they are painted masks, which CVAT marks so, or pass crowd="void" or "leave"',
    )
    yield from _counted(split, lambda drawn: drawn.crowds, "note", "shapes-crowd", words)


def shapes_left_out(split: AuditedSplit) -> Iterator[Finding]:
    """Report shapes that were left out as asked."""
    words = "boxes, points, lines or crowds are left out, as asked", "", "do nothing if that is meant"
    yield from _counted(split, lambda drawn: drawn.left_out, "note", "shapes-left-out", words)


def shapes_doubted(split: AuditedSplit) -> Iterator[Finding]:
    """Report annotations without an outline, all of them outside the photos, or of shares of width and height."""
    for doubt in doubt_outlines(look_at_shapes(split.source.samples)):
        yield split.about(doubt.severity, doubt.rule, doubt.found, doubt.expected, doubt.remedy)


def _of(facts: Facts) -> DrawnFacts | None:
    return facts.mask.drawn if facts.mask is not None else None


def _drawn(split: AuditedSplit) -> Iterator[DrawnFacts]:
    return (drawn for facts in split.facts if (drawn := _of(facts)) is not None)


RULES: tuple[SplitRule, ...] = (
    shapes_overlap, shapes_empty, shapes_outside, shapes_crowd, shapes_left_out, shapes_doubted,
)  # fmt: skip
