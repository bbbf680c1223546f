"""Doubts: what the masks hold against their legend. Each names what was found and the ways out; none is guessed away.

A rule is a function of counts alone: evidence, legend and what unknown values become. An error stops `scan` and `load`
and is one of `check`; a warning is said.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from segfeed.datasets.doubts.evidence import LOOKED_AT, LOOKED_AT_IN_DOUBT, Counted, Evidence, Held, look, values_of
from segfeed.datasets.doubts.palettes import palette_renumbers, palettes_differ
from segfeed.datasets.doubts.unknown_values import values_unknown
from segfeed.datasets.doubts.ways_out import (
    Doubt,
    colours_in_json,
    from_1,
    in_json,
    in_python,
    masks_hold,
    names_by_index,
    place_of,
    quote,
    range_of,
    spell_class,
    tell,
)
from segfeed.datasets.drawn.masks import DrawnMask
from segfeed.datasets.source import Source
from segfeed.errors import SegfeedError
from segfeed.pixels.class_names import Value
from segfeed.pixels.codec import decode_mask
from segfeed.pixels.legend import Legend
from segfeed.pixels.objects import class_legend
from segfeed.pixels.public_legends import PUBLIC_LEGENDS

GOOD_PART = 0.25
"""From this share on, pixels that are void only because nobody said what they mean are a class rather than borders:
void fills 5 % of VOC, 8 % of ADE20K, 12 % of Cityscapes."""

MOST = 0.5
"""From this share of void on, masks are hardly those of a well-known dataset whose layout they lie in; coarse masks of
Cityscapes have a third."""

FEW = 4
"""Fewer masks than this say nothing about a class that never occurs."""

STRAY = 0.01
"""A class that has less than this part of void's pixels may be a few stray pixels; a tenth of it is next to nothing."""

_FIRST: tuple[Value, ...] = (0, (0, 0, 0))  # what background is stored as, or whatever else comes first


def examine(
    source: Source, counted: Counted | None = None, others: Callable[[], Iterable[Source]] = lambda: ()
) -> tuple[Evidence, tuple[Doubt, ...]]:
    """Compare a source's legend with its masks: a few of them, and more as long as a doubt remains.

    A doubt can only vanish if more masks are looked at: what would be an error holds for all masks of the split.

    Args:
        source: of class masks; object masks mean nothing that could be doubted.
        counted: what is known of masks already, by their addresses; it is added to.
        others: lists the other splits of the dataset, which are asked if void is in use there.

    Raises:
        MaskError: if the palette of a mask has two readings.
    """
    if (legend := class_legend(source.legend)) is None:
        return Evidence(), ()
    counted = {} if counted is None else counted
    for most in (LOOKED_AT, LOOKED_AT_IN_DOUBT, None):
        evidence = look(source.samples, legend, most, counted)
        found = tuple(list_doubts(evidence, legend, source.split, source.unknown))
        if evidence.of and not evidence.masks:
            found = _none_readable(source, legend)
        is_urgent = any(doubt.severity == "error" for doubt in found)
        if not found or (most == LOOKED_AT_IN_DOUBT and not is_urgent):
            break
    if any(is_void_doubted(doubt) for doubt in found):
        for other in others():
            if uses_void(look(other.samples, legend, LOOKED_AT_IN_DOUBT, counted), legend, source.unknown):
                return evidence, tuple(soften(doubt, other.split) for doubt in found)
    return evidence, found


def _none_readable(source: Source, legend: Legend) -> tuple[Doubt, ...]:
    """Say why the first mask cannot be read, as all that were looked at cannot; of drawings `doubt_boxes` says it."""
    mask = next(sample.mask for sample in source.samples if sample.mask is not None)
    if isinstance(mask, DrawnMask):
        return ()
    try:
        values_of(decode_mask(mask.read(), mask.name), legend, mask.name)
        error = SegfeedError(mask.name, found="it can be read now", remedy="try again")
    except SegfeedError as caught:
        error = caught
    found = f"no mask of split {source.split!r} can be read, the first is {mask.name}: {error.found}"
    return (Doubt("error", "masks-unreadable", found, error.expected, error.remedy),)


def is_void_doubted(doubt: Doubt) -> bool:
    """Check whether a doubt is that 0 and 255 may be two classes, which other splits may soften."""
    return doubt.rule == "void-assumed" and doubt.severity == "error"


def soften(doubt: Doubt, other: str) -> Doubt:
    """Make the doubt that 0 and 255 may be two classes a warning, as another split uses void beside a class."""
    if not is_void_doubted(doubt):
        return doubt
    return replace(doubt, severity="warning", found=f"{doubt.found}; split {other!r} holds it beside other classes")


def uses_void(evidence: Evidence, legend: Legend, unknown: str = "error") -> bool:
    """Check whether masks use void beside a class that is not the first: then 255 is not that class in disguise."""
    return any(
        _has_class(held, legend) and any(_is_assumed(index, legend) for index, _, _ in held)
        for held, _ in evidence.together
    ) and not any(map(is_void_doubted, list_doubts(evidence, legend, "", unknown)))


def _has_class(held: Iterable[Held], legend: Legend) -> bool:
    return any(
        label not in (None, legend.void) and (colour if index is None else index) not in _FIRST
        for index, colour, label in held
    )


def list_doubts(evidence: Evidence, legend: Legend, split: str, unknown: str = "error") -> Iterator[Doubt]:
    """Ask every rule.

    >>> from segfeed.datasets.doubts.evidence import StoredValue
    >>> counts = (StoredValue(0, None, 0, 90), StoredValue(255, None, 255, 10))
    >>> [doubt.rule for doubt in list_doubts(Evidence(counts, 8, 8), Legend(("background", "vessel")), "train")]
    ['void-assumed']
    """
    if evidence.pixels:
        yield from ids_as_colours(evidence, legend, split)
        yield from void_throughout(evidence, legend, split, unknown)
        yield from void_mostly(evidence, legend, split)
        yield from [*void_assumed(evidence, legend, split, unknown)] or void_apart(evidence, legend, split)
        yield from order_assumed(evidence, legend, split)
        yield from legend_reduced(evidence, legend, split)
        yield from palettes_differ(evidence, legend, split)
        yield from palette_renumbers(evidence, legend, split)
        yield from [*legend_shifted(evidence, legend, split, unknown)] or values_unknown(
            evidence, legend, split, unknown
        )


def ids_as_colours(evidence: Evidence, legend: Legend, split: str) -> Iterator[Doubt]:
    """Doubt masks whose three channels are equal everywhere and hold the legend's numbers, not its colours."""
    known = {*legend.indices, *legend.void_indices, *(index for _, _, index in legend.merged)}
    grays = [value.colour[0] for value in evidence.values if value.index is None and value.colour is not None]
    if (
        len(grays) < len(evidence.values)
        or all(value.label is not None for value in evidence.values)
        or any(value.colour != (gray,) * 3 for gray, value in zip(grays, evidence.values, strict=True))
        or not known.issuperset(grays)
    ):
        return
    names = names_by_index(legend)
    said: dict[Value, str | None] = {(gray,) * 3: names[gray] for gray in grays}
    said = dict(sorted(said.items(), key=lambda entry: place_of(legend, entry[1])))
    if len(legend) == 2 and set(grays) == {0, 255}:
        said = {(0,) * 3: legend.names[0], (255,) * 3: legend.names[1]}
    yield Doubt(
        "error",
        "mask-ids-as-colours",
        f"{tell(evidence, split)}, colours whose red, green and blue are equal; legend "
        f"{legend.title!r} knows the numbers, but not these colours",
        "the legend's colours, or its numbers in one channel",
        f"save one channel of each mask as an 8-bit gray PNG, or say that these colours count: {in_python(said)}; "
        f"on the command line --legend legend.json with {colours_in_json(said)}",
    )


def void_throughout(evidence: Evidence, legend: Legend, split: str, unknown: str) -> Iterator[Doubt]:
    """Doubt a split in which no pixel of any class occurs; a test split may be kept secret that way.

    It is only a warning if a person asked for unknown values to be void.
    """
    wished = legend.unknown_label(unknown)
    labels = {wished if value.label is None else value.label for value in evidence.values}
    if labels != {legend.void}:
        return
    is_wished = any(value.label is None for value in evidence.values)
    said: dict[Value, str | None] = {value.key: "..." for value in evidence.values}
    yield Doubt(
        "warning" if split.casefold().startswith("test") or is_wished else "error",
        "split-all-void",
        f"{tell(evidence, split)}, and legend {legend.title!r} has a class for none of them: every pixel is void",
        f"pixels of its classes, such as {spell_class(legend, 0)}",
        f"pass the legend that belongs to these masks, with names in place of the dots: {in_python(said)}; on the "
        "command line --legend FILE; or leave the split out if nothing in it is labelled",
    )


def void_mostly(evidence: Evidence, legend: Legend, split: str) -> Iterator[Doubt]:
    """Doubt a well-known dataset's legend if most pixels are void by it while classes never occur."""
    labels = {value.label for value in evidence.values}
    absent = [name for label, name in enumerate(legend.names) if label not in labels]
    void = [value for value in evidence.values if value.label == legend.void]
    share = evidence.share(void)
    if legend.title not in PUBLIC_LEGENDS or not absent or share < MOST or labels <= {legend.void, None}:
        return
    yield Doubt(
        "warning",
        "split-mostly-void",
        f"{tell(evidence, split)}; by legend {legend.title!r}, {share:.0%} of the pixels are void, "
        f"and {quote(absent)} never occur{'s' if len(absent) == 1 else ''}",
        f"masks of {legend.title!r}, most pixels of which show a class",
        'if the masks have other classes, pass the legend that belongs to them: legend={0: "...", ...}, on the command '
        "line --legend FILE; if they have these, do nothing",
    )


def void_assumed(evidence: Evidence, legend: Legend, split: str, unknown: str) -> Iterator[Doubt]:
    """Doubt a value that is void only because nobody said what it means, while a class never occurs.

    Masks of 0 and 255 are an error: 255 is the class. Among several classes it is one only by its share.
    """
    wished = legend.unknown_label(unknown)
    void = [value for value in evidence.values if value.label == legend.void and _is_assumed(value.index, legend)]
    others = [value for value in evidence.values if value not in void]
    if not void or not others:
        return
    unknown_values = [value for value in others if value.label is None]
    if unknown_values and wished is None:
        return  # an error of its own, which says which
    seen = {value.label for value in others if value.label is not None} | ({wished} if unknown_values else set())
    absent = [name for label, name in enumerate(legend.names) if label not in seen]
    known_keys = [value.key for value in others if value.label is not None]
    is_binary = set(known_keys) in ({0}, {(0, 0, 0)}) and seen <= {value.label for value in others} | {legend.void}
    if not (is_binary and (absent or len(others) == 1)) and not (absent and evidence.share(void) >= GOOD_PART):
        return
    number = void[0].index if void[0].index is not None else 255
    never = f"; {quote(absent)} never occur{'s' if len(absent) == 1 else ''}" if absent else ""
    yield Doubt(
        "error" if is_binary else "warning",
        "void-assumed",
        f"{tell(evidence, split)}; {void[0].spelled} is void by default, as nothing says what it means{never}",
        "a class that is stored so, or a legend that says it is void",
        _two_ways(legend, number, absent),
    )


def void_apart(evidence: Evidence, legend: Legend, split: str) -> Iterator[Doubt]:
    """Doubt a value that is void only because nobody said what it means, if it seems to be a class spelled otherwise.

    Void lies beside classes. So it is doubted if masks hold it or a class, but never both; if few masks that hold it
    show a class; and if the class may be some stray pixels.
    """
    classes = {value.label for value in evidence.values if value.key not in _FIRST} - {None, legend.void}
    void = [value for value in evidence.values if _is_assumed(value.index, legend) and value.label == legend.void]
    if not void or not classes:
        return
    alone = apart = both = 0
    for held, masks in evidence.together:
        has_class = _has_class(held, legend)
        has_void = any(_is_assumed(index, legend) and label == legend.void for index, _, label in held)
        alone += masks * (has_void and not has_class and any(label != legend.void for _, _, label in held))
        apart += masks * (has_class and not has_void)
        both += masks * (has_class and has_void)
    seen = sum(value.pixels for value in evidence.values if value.label in classes)
    part = seen / sum(value.pixels for value in void)
    is_binary = len(legend) <= 2
    names = [legend.names[label] for label in sorted(filter(None, classes))]
    if alone and apart and not both:
        told, is_error = (
            f"{alone:,} hold {void[0].spelled}, {apart:,} hold {quote(names)}, and none holds both",
            is_binary,
        )
    elif part < STRAY:
        told, is_error = f"{quote(names)} fill{'s' if len(names) == 1 else ''} {seen:,} pixels", part < STRAY / 10
        is_error &= is_binary
    elif is_binary and alone >= FEW and alone > 2 * (apart + both):
        told, is_error = f"{alone:,} hold it without {quote(names)}, {apart + both:,} hold {quote(names)}", False
    else:
        return
    number = void[0].index if void[0].index is not None else 255
    yield Doubt(
        "error" if is_error else "warning",
        "void-assumed",
        f"{tell(evidence, split)}; {void[0].spelled} is void by default, as nothing says what it means, but {told}",
        "void that lies beside classes, or a legend that says what it is",
        _two_ways(legend, number, [], names),
    )


def _two_ways(legend: Legend, number: int, absent: Sequence[str], present: Sequence[str] = ()) -> str:
    """Write how to say that a number is a class, and how to say that it is void."""
    known: dict[Value, str | None] = dict(zip(legend.indices, legend.names, strict=True))
    as_class: dict[Value, str | None]
    if absent:
        name = absent[0] if len(legend) > 1 else legend.names[0]
        as_class = {number if old == name else index: old for index, old in known.items()}
    elif present:
        as_class = {**known, number: present[0] if len(present) == 1 else "..."}
    else:
        as_class = {**dict.fromkeys(known, "background"), number: legend.names[0]}
    as_void: dict[Value, str | None] = {**known, number: None}
    return (
        f"say which: {in_python(as_class)} if it is {as_class[number]!r}, {in_python(as_void)} if it is void; on the "
        f"command line --legend legend.json with {in_json(as_class)} or {in_json(as_void)}"
    )


def legend_shifted(evidence: Evidence, legend: Legend, split: str, unknown: str) -> Iterator[Doubt]:
    """Doubt bare numbers that run from 1, or one too far: the legend may be off by one."""
    bare = [value for value in evidence.values if value.index is not None and value.is_bare]
    classes = {*legend.indices, *(index for _, _, index in legend.merged if index is not None)}
    known = {value.index for value in bare if value.label not in (None, legend.void)}
    strange = {value.index for value in bare if value.label is None}
    if len(bare) < len(evidence.values) or 0 not in classes or not known:
        return
    last, never = max(classes), f"0, which is {names_by_index(legend)[0]!r}, never occurs"
    stored = f"{masks_hold(evidence, split)} indices {range_of(known | strange)}"
    seen = {index for index in known | strange if index is not None}
    is_shifted = all(index - 1 in classes for index in seen) and 1 in seen
    if strange and 0 not in known and is_shifted and (evidence.masks >= FEW or len(seen) == len(classes)):
        yield Doubt(
            "error" if unknown == "error" else "warning",
            "legend-off-by-one",
            f"{stored}, and {never}",
            f"0 to {last}, as the legend has {len(legend)} classes",
            f"if the first class is stored as 1, say so: {from_1(legend)}, or each class becomes its neighbour; else "
            f"add what is stored as {', '.join(map(str, sorted(filter(None, strange))[:3]))} to the legend",
        )
    elif strange == {last + 1} and 0 in known and unknown == "error" and classes == set(range(last + 1)):
        yield Doubt(
            "error",
            "legend-off-by-one",
            f"{stored}, one more than the legend's {len(legend)} classes",
            f"0 to {last}",
            f"add the missing class, or, if 0 means unlabelled, say so: {from_1(legend, 0)}",
        )
    elif not strange and 0 not in known and len(known) > 1 and evidence.masks >= FEW and not legend.is_numbered:
        yield Doubt(
            "warning",
            "legend-off-by-one",
            f"{stored}, and {never}",
            f"numbers from 0 on, as the legend has {len(legend)} classes",
            f"if the first class is stored as 1, say so: {from_1(legend)}; else do nothing, no photo shows it",
        )


def legend_reduced(evidence: Evidence, legend: Legend, split: str) -> Iterator[Doubt]:
    """Doubt bare numbers from 0 to just before the last, by a legend of 0 for void and classes from 1 on.

    Tools that leave void out count classes from 0: each would become its neighbour, the first one void.
    """
    numbers = {value.index for value in evidence.values if value.is_bare} - {255}
    last = len(legend)
    if (
        evidence.masks < FEW
        or last < FEW
        or legend.indices != tuple(range(1, last + 1))
        or 0 not in legend.void_indices
        or numbers != set(range(last))
        or not all(value.is_bare for value in evidence.values)
    ):
        return
    yield Doubt(
        "warning",
        "legend-off-by-one",
        f"{masks_hold(evidence, split)} indices 0 to {last - 1}, and {last}, which is {legend.names[-1]!r}, never "
        "occurs",
        f"0 for void and 1 to {last} for the legend's classes",
        f"if the first class is stored as 0, say so: {in_python(dict(enumerate(legend.names)))}; else do nothing, no "
        "photo shows the last one",
    )


def order_assumed(evidence: Evidence, legend: Legend, split: str) -> Iterator[Doubt]:
    """Doubt bare numbers that only the order of a legend's colours explains, if background is not its first class."""
    place = next((n for n, name in enumerate(legend.names) if name.strip("_").casefold() == "background"), None)
    is_bare = all(value.is_bare and value.index is not None for value in evidence.values)
    is_of_order = legend.reading == "colour" and 0 in (*legend.indices, *legend.void_indices)
    if place is None or not is_of_order or not is_bare or legend.indices[place] == 0:
        return
    yield Doubt(
        "warning",
        "legend-order-assumed",
        f"{tell(evidence, split)}, and legend {legend.title!r} says colours alone: by their order 0 is "
        f"{names_by_index(legend).get(0, 'unknown')!r} and {legend.names[place]!r} is {legend.indices[place]}",
        "a legend that says the numbers which masks hold",
        f"say them, in the right order: {in_python(dict(zip(legend.indices, legend.names, strict=True)))}; on the "
        "command line --legend FILE with lines such as '0 background'",
    )


def _is_assumed(index: int | None, legend: Legend) -> bool:
    return index is not None and index in legend.assumed_void
