"""What the samples of one split show together."""

import os
from collections import Counter
from collections.abc import Iterator

import numpy as np

from segfeed.audit.facts import Facts, below
from segfeed.audit.findings import Finding
from segfeed.audit.rules.subjects import AuditedSplit, SplitRule
from segfeed.datasets.splits import role_of
from segfeed.pixels.palette import colour_of
from segfeed.plans.plan import Draw
from segfeed.system.showing import some

_FAR = 16  # how many times the median area, or its fraction
_FEW = 5
_ENCODINGS = {"gray": "bare indices", "palette": "palette indices", "colour": "RGB colours"}


def partner_missing(split: AuditedSplit) -> Iterator[Finding]:
    """Report listed samples that lack a file."""
    for gap in split.source.missing:
        stray, folder = split.strays.get(gap), below(split.source.root, gap.folder)
        found = f"no {gap.what}" + (f", but {stray} lies there" if stray else f": {gap.found}" if gap.found else "")
        expected = f"{_usual_kind(split, gap.what)} of this name"
        remedy = "save it in that form" if stray else split.source.if_missing(gap.what)
        yield Finding("error", f"{gap.what}-missing", split.name, gap.key, folder, found, expected, remedy)


def _usual_kind(split: AuditedSplit, what: str) -> str:
    """Write how the files of the other samples end; what may be there if they say nothing."""
    names = [blob.name for sample in split.source.samples if (blob := getattr(sample, what)) is not None]
    suffixes = {os.path.splitext(name)[1] for name in names}
    if len(suffixes) == 1 and (suffix := suffixes.pop()):
        return f"a {suffix} file, like the others,"
    return "a PNG or another lossless picture" if what == "mask" else "a JPEG, PNG, BMP or WebP"


def photos_small(split: AuditedSplit) -> Iterator[Finding]:
    """Report how many photos of a split to train on are smaller than a crop."""
    height, width = split.crop_size
    small = split.keys_where(lambda facts: _is_smaller(facts, split.crop_size))
    if small and role_of(split.name) not in ("val", "test"):
        called = "the default crop" if split.crop_size == Draw().crop_size else "a crop"
        crop = f"{called} of {height} x {width} px (height x width)"
        found = f"{len(small):,} of {len(split.facts):,} photos are smaller than {crop}"
        remedy = (
            'do nothing if load may pad crops, as small="pad" does by default; else pass the crop_size that you train '
            'with here, too, or small="drop" to load'
        )
        yield split.about("note", "photo-smaller-than-crop", found, "photos that hold a crop", remedy, keys=small)


def _is_smaller(facts: Facts, crop_size: tuple[int, int]) -> bool:
    size = facts.photo.size if facts.photo else None
    return size is not None and (size[0] < crop_size[0] or size[1] < crop_size[1])


def sizes_unusual(split: AuditedSplit) -> Iterator[Finding]:
    """Report photos far smaller or larger than most."""
    areas = [facts.photo.size[0] * facts.photo.size[1] for facts in split.facts if facts.photo and facts.photo.size]
    if len(areas) < _FEW:
        return
    middle = float(np.median(areas))
    for facts in split.facts:
        size = facts.photo.size if facts.photo else None
        if size and not middle / _FAR <= size[0] * size[1] <= middle * _FAR:
            found = f"a photo of {size[1]} x {size[0]} px (width x height), more than {_FAR} times off the median area"
            remedy = "check whether it belongs here"
            yield facts.about("photo", "note", "photo-size-unusual", found, "a size like the others'", remedy)


def palettes_differ(split: AuditedSplit) -> Iterator[Finding]:
    """Report palette masks whose indices mean other colours than in most masks of the split."""
    meanings: dict[int, Counter[int]] = {}
    masks = [(facts, facts.mask) for facts in split.facts if facts.mask is not None and facts.mask.colours.size]
    for _, mask in masks:
        for index, colour in zip(mask.values.tolist(), mask.colours.tolist(), strict=True):
            meanings.setdefault(index, Counter())[colour] += 1
    usual = {index: colours.most_common(1)[0][0] for index, colours in meanings.items()}
    for facts, mask in masks:
        pairs = zip(mask.values.tolist(), mask.colours.tolist(), strict=True)
        other = [(index, colour) for index, colour in pairs if usual[index] != colour]
        if other:
            index, colour = other[0]
            found = f"palette index {index} is colour {colour_of(colour)} here"
            expected = f"{colour_of(usual[index])}, as in {meanings[index][usual[index]]} other masks"
            remedy = "give all masks one palette: segfeed reads each by its own, but other tools may mix up classes"
            yield facts.about("mask", "warning", "palette-differs", found, expected, remedy)


def encodings_mixed(split: AuditedSplit) -> Iterator[Finding]:
    """Report masks that are coded in another way than most of the split."""
    readable = [facts.mask.kind for facts in split.facts if facts.mask is not None and facts.mask.error is None]
    kinds = Counter(kind for kind in readable if kind in _ENCODINGS)
    if len(kinds) < 2:
        return
    usual = kinds.most_common(1)[0][0]
    keys = split.keys_where(lambda facts: _has_other_encoding(facts, usual))
    others = " or ".join(_ENCODINGS[kind] for kind in sorted(kinds) if kind != usual)
    found = f"{len(keys):,} of {kinds.total():,} masks hold {others}, the others {_ENCODINGS[usual]}: {some(keys)}"
    remedy = "check whether all come from the same tool, and mean the same"
    expected = "one encoding for all masks of a split"
    yield split.about("warning", "mask-encodings-mixed", found, expected, remedy, keys=keys)


def _has_other_encoding(facts: Facts, usual: str) -> bool:
    mask = facts.mask
    return mask is not None and mask.error is None and mask.kind in _ENCODINGS and mask.kind != usual


RULES: tuple[SplitRule, ...] = (partner_missing, photos_small, sizes_unusual, palettes_differ, encodings_mixed)
