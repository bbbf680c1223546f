"""What one photo and its mask show together."""

from collections.abc import Iterator

from segfeed.audit.facts import Facts
from segfeed.audit.findings import Finding
from segfeed.audit.rules.subjects import SampleRule


def size_mismatch(facts: Facts) -> Iterator[Finding]:
    """Report a mask of another size than its photo's; transposed ones most likely come from an EXIF orientation."""
    photo, mask = facts.photo, facts.mask
    if photo is None or mask is None or photo.size is None or mask.size is None or photo.size == mask.size:
        return
    found = f"a mask of {mask.size[1]} x {mask.size[0]} px (width x height)"
    expected = f"the photo's {photo.size[1]} x {photo.size[0]}"
    if photo.size != mask.size[::-1]:
        yield facts.about(
            "mask", "error", "size-mismatch", found, expected, "export the mask again at the photo's size"
        )
        return
    tagged = photo.orientation != 1 or mask.orientation != 1
    cause = "most likely by its EXIF orientation" if not tagged else f"and the EXIF orientation is {_tag(facts)}"
    yield facts.about(
        "mask", "error", "size-transposed", f"{found}, the photo's transposed, {cause}", expected,
        "turn the pixels of one of them and remove the tag",
    )  # fmt: skip


def _tag(facts: Facts) -> int:
    assert facts.photo is not None
    assert facts.mask is not None
    return facts.photo.orientation if facts.photo.orientation != 1 else facts.mask.orientation


RULES: tuple[SampleRule, ...] = (size_mismatch,)
