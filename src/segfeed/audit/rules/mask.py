"""What one mask shows, whatever its legend, and whether it fits its photo."""

from collections.abc import Iterator
from dataclasses import replace

from segfeed.audit.facts import Facts, MaskFacts
from segfeed.audit.findings import Finding
from segfeed.audit.rules.subjects import SampleRule
from segfeed.audit.unknowns import Unknowns
from segfeed.errors import SourceError, SourceMissingError

# What to expect if the decoder does not say.
_EXPECTED = {"mask-transparent": "opaque pixels"}


def mask_unreadable(facts: Facts) -> Iterator[Finding]:
    """Report a mask that cannot be decoded exactly, in the decoder's own words."""
    mask = facts.mask
    if mask is None or mask.error is None:
        return
    rule = _rule_of(mask)
    finding = facts.unreadable("mask", rule, mask.error, _EXPECTED.get(rule, "a whole, readable file"))
    if mask.kind == "a JPEG" and mask.unknowns is not None and mask.unknowns.values > mask.unknowns.filling:
        finding = replace(finding, found=_describe_jpeg(mask.unknowns))
    yield finding


def _describe_jpeg(measured: Unknowns) -> str:
    if measured.likely == "photo":
        return f"a JPEG of {measured.values:,} colours: a photo?"
    return (
        f"a JPEG: {measured.values:,} colours where {measured.filling} were expected, "
        f"as its loss changed at least {measured.share:.1%} of the pixels"
    )


def _rule_of(mask: MaskFacts) -> str:
    if isinstance(mask.error, SourceMissingError):
        return "mask-gone"
    if mask.kind == "a JPEG":
        return "mask-jpeg"
    if isinstance(mask.error, SourceError) and mask.error.is_damage:
        return "mask-damaged"
    if mask.bits == 16:
        return "mask-16-bit"
    return "mask-transparent" if mask.kind == "alpha" else "mask-unsupported"


def mask_turned(facts: Facts) -> Iterator[Finding]:
    """Report a mask that an EXIF tag turns on screens while its photo stands upright."""
    mask, photo = facts.mask, facts.photo
    if mask is not None and mask.orientation != 1 and photo is not None and photo.orientation == 1:
        found = f"EXIF orientation {mask.orientation} turns the mask on screens, but not its photo"
        remedy = "remove the tag if the mask fits the stored pixels of its photo"
        yield facts.about("mask", "warning", "exif-orientation", found, "an upright mask", remedy)


def mask_alpha(facts: Facts) -> Iterator[Finding]:
    """Report an alpha channel that hides nothing."""
    mask = facts.mask
    if mask is not None and mask.kind == "alpha" and mask.error is None:
        found, expected = "an alpha channel, opaque everywhere", "colours or indices alone"
        yield facts.about("mask", "note", "mask-alpha", found, expected, "do nothing, it is left out")


def size_mismatch(facts: Facts) -> Iterator[Finding]:
    """Report a mask of another size than its photo's; transposed ones most likely come from an EXIF orientation."""
    photo, mask = facts.photo, facts.mask
    if photo is None or mask is None or photo.size is None or mask.size is None or photo.size == mask.size:
        return
    found = f"a mask of {mask.size[1]} x {mask.size[0]} px (width x height)"
    expected = f"the photo's {photo.size[1]} x {photo.size[0]}"
    rule, remedy = "size-mismatch", "export the mask again at the photo's size"
    if photo.size == mask.size[::-1]:
        tag = photo.orientation if photo.orientation != 1 else mask.orientation
        cause = "most likely by its EXIF orientation" if tag == 1 else f"and the EXIF orientation is {tag}"
        found += f", the photo's transposed, {cause}"
        rule, remedy = "size-transposed", "turn the pixels of one of them and remove the tag"
        if facts.is_turned_apart:
            remedy = f'pass orientation="apply", or {remedy}'
    yield facts.about("mask", "error", rule, found, expected, remedy)


RULES: tuple[SampleRule, ...] = (mask_unreadable, mask_turned, mask_alpha, size_mismatch)
