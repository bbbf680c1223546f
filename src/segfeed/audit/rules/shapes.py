"""What drawing the shapes of a split showed: pixels of two classes, objects of no pixel, points outside, crowds."""

from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter

from segfeed.audit.facts import DrawnFacts, Facts
from segfeed.audit.findings import Finding, Severity
from segfeed.audit.rules.subjects import AuditedSplit, SplitRule
from segfeed.datasets.doubts.annotations import doubt_outlines, look_at_shapes
from segfeed.system.showing import some

_SHOWN = 5
_COUNTED: tuple[tuple[Callable[[DrawnFacts], int], Severity, str, str, str, str], ...] = (
    (
        attrgetter("empty"),
        "note",
        "shapes-empty",
        "shapes cover no pixel",
        "an area",
        "remove them, or do nothing: they change no label",
    ),
    (
        attrgetter("outside"),
        "warning",
        "shapes-outside",
        "shapes have points outside the picture, by more than a pixel; they are cut off there",
        "points inside",
        "check that the photos have the size that they were annotated in",
    ),
    (
        attrgetter("crowds"),
        "note",
        "shapes-crowd",
        "shapes are marked as crowds",
        "single objects",
        'do nothing if they are painted masks, which CVAT marks so, or pass crowd="void" or "leave"',
    ),
    (
        attrgetter("left_out"),
        "note",
        "shapes-left-out",
        "boxes, points, lines or crowds are left out, as asked",
        "",
        "do nothing if that is meant",
    ),
)


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
    keys = _keys(split, attrgetter("overlaps"))
    yield split.about("warning", "shapes-overlap", found, expected, remedy, keys=keys)


def shapes_counted(split: AuditedSplit) -> Iterator[Finding]:
    """Report shapes that cover no pixel, have points outside the picture, mark crowds, or were left out as asked."""
    for count, severity, rule, found, expected, remedy in _COUNTED:
        if total := sum(map(count, _drawn(split))):
            yield split.about(severity, rule, f"{total:,} {found}", expected, remedy, keys=_keys(split, count))


def shapes_doubted(split: AuditedSplit) -> Iterator[Finding]:
    """Report annotations without an outline, all of them outside the photos, or of shares of width and height."""
    for doubt in doubt_outlines(look_at_shapes(split.source.samples)):
        yield split.about(doubt.severity, doubt.rule, doubt.found, doubt.expected, doubt.remedy)


def _keys(split: AuditedSplit, held: Callable[[DrawnFacts], object]) -> tuple[str, ...]:
    return split.keys_where(lambda facts: (drawn := _of(facts)) is not None and bool(held(drawn)))


def _of(facts: Facts) -> DrawnFacts | None:
    return facts.mask.drawn if facts.mask is not None else None


def _drawn(split: AuditedSplit) -> Iterator[DrawnFacts]:
    return (drawn for facts in split.facts if (drawn := _of(facts)) is not None)


RULES: tuple[SplitRule, ...] = (shapes_overlap, shapes_counted, shapes_doubted)
