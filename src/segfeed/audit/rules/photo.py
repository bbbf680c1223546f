"""What one photo shows."""

from collections.abc import Iterator

from segfeed.audit.facts import Facts
from segfeed.audit.findings import Finding
from segfeed.audit.rules.subjects import SampleRule, words_of
from segfeed.errors import SourceError, SourceMissingError

_TINY_PX = 16


def photo_unreadable(facts: Facts) -> Iterator[Finding]:
    """Report a photo that cannot be decoded exactly, in the decoder's own words."""
    photo = facts.photo
    if photo is None or photo.error is None:
        return
    words = words_of(str(photo.error), photo.name)
    if isinstance(photo.error, SourceMissingError):
        rule = "photo-gone"
    else:
        damaged = isinstance(photo.error, SourceError) and photo.error.is_damage
        rule = "photo-damaged" if damaged else "photo-unsupported"
    yield facts.about("photo", "error", rule, *words)


def photo_turned(facts: Facts) -> Iterator[Finding]:
    """Report a photo that an EXIF tag turns on screens; what turns only the photo parts it from its mask."""
    photo, mask = facts.photo, facts.mask
    if photo is None or photo.orientation == 1:
        return
    found = f"EXIF orientation {photo.orientation} turns the photo on screens"
    if mask is None:
        yield facts.about(
            "photo",
            "note",
            "exif-orientation",
            found,
            "an upright photo",
            "predictions will fit the stored pixels, not what screens show",
        )
        return
    if mask.size and photo.size and mask.size == photo.size[::-1] != photo.size:
        return  # the sizes say it already
    alike = " as it does its mask" if mask.orientation == photo.orientation else ", but not its mask"
    yield facts.about(
        "photo",
        "error",
        "exif-orientation",
        found + alike,
        "an upright photo",
        "remove the tag if the mask fits the stored pixels, else turn the photo's pixels and remove the tag then",
    )


def photo_converted(facts: Facts) -> Iterator[Finding]:
    """Report a photo whose channels are not red, green and blue, and what becomes of them."""
    photo = facts.photo
    if photo is None or photo.error is not None:
        return
    words = {
        "gray": ("note", "photo-gray", "a gray photo", "three colours", "do nothing if that is meant, its channel is taken three times"),
        "alpha": ("note", "photo-alpha", "a photo with an alpha channel", "red, green and blue", "do nothing if nothing is transparent, alpha is dropped"),
        "CMYK": ("warning", "photo-cmyk", "a CMYK photo", "red, green and blue", "save it as RGB with its colour profile, without which the conversion only comes close"),
    }.get(photo.kind)  # fmt: skip
    if words is not None:
        yield facts.about("photo", *words)  # type: ignore[arg-type]  # the first word is a severity


def photo_tiny(facts: Facts) -> Iterator[Finding]:
    """Report a photo too small to show anything."""
    photo = facts.photo
    if photo is not None and photo.size is not None and min(photo.size) < _TINY_PX:
        height, width = photo.size
        yield facts.about(
            "photo",
            "warning",
            "photo-tiny",
            f"a photo of {width} x {height} px (width x height)",
            f"at least {_TINY_PX} px a side",
            "check whether it is a thumbnail or a leftover",
        )


RULES: tuple[SampleRule, ...] = (photo_unreadable, photo_turned, photo_converted, photo_tiny)
