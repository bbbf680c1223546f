"""What one photo shows."""

from collections.abc import Iterator

from segfeed.audit.facts import Facts
from segfeed.audit.findings import Finding
from segfeed.audit.rules.subjects import SampleRule
from segfeed.errors import SourceError, SourceMissingError

_TINY_PX = 16


def photo_unreadable(facts: Facts) -> Iterator[Finding]:
    """Report a photo that cannot be decoded exactly, in the decoder's own words."""
    photo = facts.photo
    if photo is None or photo.error is None:
        return
    if isinstance(photo.error, SourceMissingError):
        rule = "photo-gone"
    else:
        damaged = isinstance(photo.error, SourceError) and photo.error.is_damage
        rule = "photo-damaged" if damaged else "photo-unsupported"
    yield facts.unreadable("photo", rule, photo.error, "a whole, readable file")


def photo_turned(facts: Facts) -> Iterator[Finding]:
    """Report a photo that an EXIF tag turns on screens; a tag of the photo alone parts it from its mask."""
    photo, mask = facts.photo, facts.mask
    if photo is None or photo.orientation == 1:
        return
    found = f"EXIF orientation {photo.orientation} turns the photo on screens"
    if mask is None:
        remedy = "predictions will fit the stored pixels, not what screens show"
        yield facts.about("photo", "note", "exif-orientation", found, "an upright photo", remedy)
        return
    if mask.size and photo.size and mask.size == photo.size[::-1] != photo.size:
        return  # the sizes say it already
    alike = " as it does its mask" if mask.orientation == photo.orientation else ", but not its mask"
    remedy = "remove the tag if the mask fits the stored pixels, else turn the photo's pixels and remove the tag then"
    yield facts.about("photo", "error", "exif-orientation", found + alike, "an upright photo", remedy)


def photo_converted(facts: Facts) -> Iterator[Finding]:
    """Report a photo whose channels are not red, green and blue, and what becomes of them."""
    photo = facts.photo
    if photo is None or photo.error is not None:
        return
    expected = "red, green and blue"
    if photo.kind == "gray":
        remedy = "do nothing if that is meant, its channel is taken three times"
        yield facts.about("photo", "note", "photo-gray", "a gray photo", "three colours", remedy)
    elif photo.kind == "alpha":
        remedy = "do nothing if nothing is transparent, alpha is dropped"
        yield facts.about("photo", "note", "photo-alpha", "a photo with an alpha channel", expected, remedy)
    elif photo.kind == "CMYK":
        remedy = "save it as RGB with its colour profile, without which the conversion only comes close"
        yield facts.about("photo", "warning", "photo-cmyk", "a CMYK photo", expected, remedy)


def photo_tiny(facts: Facts) -> Iterator[Finding]:
    """Report a photo too small to show anything."""
    photo = facts.photo
    if photo is not None and photo.size is not None and min(photo.size) < _TINY_PX:
        height, width = photo.size
        found, expected = f"a photo of {width} x {height} px (width x height)", f"at least {_TINY_PX} px a side"
        remedy = "check whether it is a thumbnail or a leftover"
        yield facts.about("photo", "warning", "photo-tiny", found, expected, remedy)


RULES: tuple[SampleRule, ...] = (photo_unreadable, photo_turned, photo_converted, photo_tiny)
