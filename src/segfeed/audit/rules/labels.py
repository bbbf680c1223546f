"""What the legend makes of one mask."""

from collections.abc import Iterator

from segfeed.audit.facts import Facts
from segfeed.audit.findings import Finding, Severity
from segfeed.audit.rules.subjects import SampleRule, shown_pixels
from segfeed.audit.unknowns import Unknowns
from segfeed.pixels.objects import class_legend

_TINY_SHARE = 1e-4


def mask_unknown(facts: Facts) -> Iterator[Finding]:
    """Report colours or indices that the legend does not know, with what they look like."""
    mask = facts.mask
    if mask is None or mask.unknowns is None or mask.error is not None:
        return
    found, unknown = mask.unknowns, facts.source.unknown
    severity: Severity = "error" if unknown == "error" else "warning"
    legend = class_legend(facts.source.legend)
    expected = "VOC's colours of objects" if legend is None else f"only values of legend {legend.title!r}"
    rule, words, remedy = _diagnose(found)
    if unknown != "error":
        remedy += f"; as asked, they become {unknown}"
    yield facts.about("mask", severity, rule, words, expected, remedy, found.box)


def _diagnose(found: Unknowns) -> tuple[str, str, str]:
    """Return the rule, what was found, and the remedy."""
    where = f"first at row {found.first[0]}, column {found.first[1]}"
    values = f"{found.values:,} colours"
    values += f" where {found.filling} were expected" if found.filling < found.values else ""
    if found.likely == "lossy":
        words = f"{values}, {found.share:.1%} of the pixels unknown, {where}: saved as JPEG?"
        return "mask-lossy", words, "export the masks again as PNG from their origin"
    if found.likely == "blended":
        words = f"{found.share:.1%} blended colours along borders, {where}: resized with interpolation?"
        return "mask-blended", words, "resize masks by nearest neighbour only, from their origin"
    if found.likely == "photo":
        words = f"{found.values:,} colours, few of which fill much of it: a photo, or a mask with soft borders?"
        return "mask-photo", words, "put the mask there instead"
    words = (
        f"{found.example} is not in the legend, {found.example_pixels:,} px, {where}, the nearest is {found.nearest}"
    )
    if found.unknown > 1:
        words += f", {found.unknown - 1:,} more unknown, {found.pixels:,} px in all"
    return "mask-unknown", f"{words}, {found.share:.1%} of the mask", 'add it to the legend, or pass unknown="void"'


def mask_empty(facts: Facts) -> Iterator[Finding]:
    """Report a mask that is all void or all background, or shows next to nothing."""
    mask, legend, shown = facts.mask, facts.source.legend, shown_pixels(facts)
    if mask is None or shown is None:
        return
    if (mask.labels == legend.void).all():
        remedy = "label it, or take it off the list, since nothing is learnt from it"
        yield facts.about("mask", "warning", "mask-all-void", "all void", "at least one class", remedy)
    elif shown == 0:
        remedy = "do nothing if the photo shows none"
        yield facts.about("mask", "note", "mask-all-background", "all background", "another class, too", remedy)
    elif shown < _TINY_SHARE * mask.pixels:
        found = f"{shown} of {mask.pixels:,} pixels are neither background nor void"
        yield facts.about("mask", "note", "mask-tiny", found, "an object", "check whether a stray stroke was labelled")


RULES: tuple[SampleRule, ...] = (mask_unknown, mask_empty)
