"""Doubts: what the masks hold against their legend. Each names what was found and the ways out; none is guessed away.

A rule is a function of counts alone: evidence, legend and what unknown values become. An error stops `scan` and `load`
and is one of `check`; a warning is said.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segfeed.datasets.evidence import LOOKED_AT, LOOKED_AT_IN_DOUBT, Counted, Evidence, StoredValue, look
from segfeed.datasets.source import Source
from segfeed.errors import MaskError, sentence
from segfeed.pixels.class_names import Value
from segfeed.pixels.legend import Legend
from segfeed.pixels.public_legends import PUBLIC_LEGENDS

GOOD_PART = 0.25
"""From this share on, pixels that are void only because nobody said what they mean are a class rather than borders:
void fills 5 % of VOC, 8 % of ADE20K, 12 % of Cityscapes."""

MOST = 0.5
"""From this share of void on, masks are hardly those of a well-known dataset whose layout they lie in; coarse masks of
Cityscapes have a third."""

FEW = 4
"""Fewer masks than this say nothing about a class that never occurs."""

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Doubt:
    """A sign that stored values mean something else than the legend says.

    Attributes:
        severity: "error" if training on it would be wrong or empty, "warning" if it may be.
        rule: its name as a finding.
        found: what the masks hold, a clause.
        expected: what the legend expects, a clause.
        remedy: the ways out, a clause.
    """

    severity: Literal["error", "warning"]
    rule: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return sentence("", self.found, self.expected, self.remedy)

    def error(self, where: str) -> MaskError:
        """Make an error of it about a dataset."""
        return MaskError(where, found=self.found, expected=self.expected, remedy=self.remedy)

    def to_json(self) -> dict[str, str]:
        """Describe it in plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


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
    if not isinstance(source.legend, Legend):
        return Evidence(), ()
    counted = {} if counted is None else counted
    for most in (LOOKED_AT, LOOKED_AT_IN_DOUBT, None):
        evidence = look(source.samples, source.legend, most, counted)
        found = tuple(list_doubts(evidence, source.legend, source.split, source.unknown))
        is_urgent = any(doubt.severity == "error" for doubt in found)
        if not found or (most == LOOKED_AT_IN_DOUBT and not is_urgent):
            break
    if any(is_void_doubted(doubt) for doubt in found):
        for other in others():
            if uses_void(look(other.samples, source.legend, LOOKED_AT_IN_DOUBT, counted), source.legend):
                return evidence, tuple(doubt for doubt in found if not is_void_doubted(doubt))
    return evidence, found


def is_void_doubted(doubt: Doubt) -> bool:
    """Check whether a doubt is that 0 and 255 may be two classes, which other splits may dispel."""
    return doubt.rule == "void-assumed" and doubt.severity == "error"


def uses_void(evidence: Evidence, legend: Legend) -> bool:
    """Check whether masks use void beside a class that is not the first: then 255 is not that class in disguise."""
    labels = {value.label for value in evidence.values if value.key not in (0, (0, 0, 0))}
    return bool(labels - {None, legend.void}) and any(_is_assumed(value, legend) for value in evidence.values)


def list_doubts(evidence: Evidence, legend: Legend, split: str, unknown: str = "error") -> Iterator[Doubt]:
    """Ask every rule.

    >>> counts = (StoredValue(0, None, 0, 90), StoredValue(255, None, 255, 10))
    >>> [doubt.rule for doubt in list_doubts(Evidence(counts, 8, 8), Legend(("background", "vessel")), "train")]
    ['void-assumed']
    """
    if evidence.pixels:
        yield from ids_as_colours(evidence, legend, split)
        yield from void_throughout(evidence, legend, split, unknown)
        yield from void_mostly(evidence, legend, split)
        yield from void_assumed(evidence, legend, split, unknown)
        yield from legend_shifted(evidence, legend, split, unknown)


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
    names = _names_by_index(legend)
    said: dict[Value, str | None] = {(gray,) * 3: names[gray] for gray in grays}
    said = dict(sorted(said.items(), key=lambda entry: _place(legend, entry[1])))
    if len(legend) == 2 and set(grays) == {0, 255}:
        said = {(0,) * 3: legend.names[0], (255,) * 3: legend.names[1]}
    yield Doubt(
        "error",
        "mask-ids-as-colours",
        f"{_masks(evidence, split)} {_list(evidence)}, colours whose red, green and blue are equal; legend "
        f"{legend.title!r} knows the numbers, but not these colours",
        "the legend's colours, or its numbers in one channel",
        f"save one channel of each mask as an 8-bit gray PNG, or say that these colours count: {_in_python(said)}; "
        f"on the command line --legend legend.json with {_colours_in_json(said)}",
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
        f"{_masks(evidence, split)} {_list(evidence)}, and legend {legend.title!r} has a class for none of them: every "
        "pixel is void",
        f"pixels of its classes, such as {_class(legend, 0)}",
        f"pass the legend that belongs to these masks, with names in place of the dots: {_in_python(said)}; on the "
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
        f"{_masks(evidence, split)} {_list(evidence)}; by legend {legend.title!r}, {share:.0%} of the pixels are void, "
        f"and {_quoted(absent)} never occur{'s' if len(absent) == 1 else ''}",
        f"masks of {legend.title!r}, most pixels of which show a class",
        'if the masks have other classes, pass the legend that belongs to them: legend={0: "...", ...}, on the command '
        "line --legend FILE; if they have these, do nothing",
    )


def void_assumed(evidence: Evidence, legend: Legend, split: str, unknown: str) -> Iterator[Doubt]:
    """Doubt a value that is void only because nobody said what it means, while a class never occurs.

    Masks of 0 and 255 are an error: 255 is the class. Among several classes it is one only by its share.
    """
    wished = legend.unknown_label(unknown)
    void = [value for value in evidence.values if value.label == legend.void and _is_assumed(value, legend)]
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
    never = f"; {_quoted(absent)} never occur{'s' if len(absent) == 1 else ''}" if absent else ""
    yield Doubt(
        "error" if is_binary else "warning",
        "void-assumed",
        f"{_masks(evidence, split)} {_list(evidence)}; {void[0].spelled} is void by default, as nothing says what it "
        f"means{never}",
        "a class that is stored so, or a legend that says it is void",
        _two_ways(legend, number, absent),
    )


def _two_ways(legend: Legend, number: int, absent: Sequence[str]) -> str:
    """Write how to say that a number is a class, and how to say that it is void."""
    known: dict[Value, str | None] = dict(zip(legend.indices, legend.names, strict=True))
    as_class: dict[Value, str | None]
    if absent:
        name = absent[0] if len(legend) > 1 else legend.names[0]
        as_class = {number if old == name else index: old for index, old in known.items()}
    else:
        as_class = {**dict.fromkeys(known, "background"), number: legend.names[0]}
    as_void: dict[Value, str | None] = {**known, number: None}
    return (
        f"say which: {_in_python(as_class)} if it is {as_class[number]!r}, {_in_python(as_void)} if it is void; on the "
        f"command line --legend legend.json with {_in_json(as_class)} or {_in_json(as_void)}"
    )


def legend_shifted(evidence: Evidence, legend: Legend, split: str, unknown: str) -> Iterator[Doubt]:
    """Doubt bare numbers that run from 1, or one too far: the legend may be off by one."""
    bare = [value for value in evidence.values if value.index is not None and value.is_bare]
    classes = {*legend.indices, *(index for _, _, index in legend.merged if index is not None)}
    known = {value.index for value in bare if value.label not in (None, legend.void)}
    strange = {value.index for value in bare if value.label is None}
    if len(bare) < len(evidence.values) or 0 not in classes or not known:
        return
    last, never = max(classes), f"0, which is {_names_by_index(legend)[0]!r}, never occurs"
    stored = f"{_masks(evidence, split)} indices {_numbers(known | strange)}"
    seen = {index for index in known | strange if index is not None}
    is_shifted = all(index - 1 in classes for index in seen) and 1 in seen
    if strange and 0 not in known and is_shifted and (evidence.masks >= FEW or len(seen) == len(classes)):
        yield Doubt(
            "error" if unknown == "error" else "warning",
            "legend-off-by-one",
            f"{stored}, and {never}",
            f"0 to {last}, as the legend has {len(legend)} classes",
            f"if the first class is stored as 1, say so: {_from_1(legend)}, or each class becomes its neighbour; else "
            f"add what is stored as {', '.join(map(str, sorted(filter(None, strange))[:3]))} to the legend",
        )
    elif strange == {last + 1} and 0 in known and unknown == "error" and classes == set(range(last + 1)):
        yield Doubt(
            "error",
            "legend-off-by-one",
            f"{stored}, one more than the legend's {len(legend)} classes",
            f"0 to {last}",
            f"add the missing class, or, if 0 means unlabelled, say so: {_from_1(legend, 0)}",
        )
    elif not strange and 0 not in known and len(known) > 1 and evidence.masks >= FEW and legend.reading != "index":
        yield Doubt(
            "warning",
            "legend-off-by-one",
            f"{stored}, and {never}",
            f"numbers from 0 on, as the legend has {len(legend)} classes",
            f"if the first class is stored as 1, say so: {_from_1(legend)}; else do nothing, no photo shows it",
        )


def _is_assumed(value: StoredValue, legend: Legend) -> bool:
    return value.index is not None and value.index in legend.assumed_void


def _names_by_index(legend: Legend) -> dict[int | None, str | None]:
    names: dict[int | None, str | None] = dict.fromkeys(legend.void_indices)
    names |= {index: legend.names[label] for label, _, index in legend.merged}
    return names | dict(zip(legend.indices, legend.names, strict=True))


def _place(legend: Legend, name: str | None) -> int:
    return len(legend) if name is None else legend.names.index(name)


def _class(legend: Legend, label: int) -> str:
    """Write a class with what masks store for it."""
    index = f"{legend.indices[label]} or " if legend.reading != "colour" or legend.indices[label] < 256 else ""
    return f"{index}{legend.colours[label]} for {legend.names[label]!r}"


def _masks(evidence: Evidence, split: str) -> str:
    """Write "all 8 masks of split 'train' (a.png, ...) hold"."""
    of_split = f" of split {split!r}" if split else ""
    if evidence.first:
        of_split += f" ({evidence.first}{', ...' if evidence.masks > 1 else ''})"
    if evidence.masks < evidence.of:
        return f"{evidence.masks:,} of {evidence.of:,} masks{of_split}, spread over it, hold"
    return f"all {evidence.masks:,} masks{of_split} hold" if evidence.masks > 1 else f"1 mask{of_split} holds"


def _list(evidence: Evidence) -> str:
    """List values with their shares, the most frequent first."""
    largest = sorted(evidence.values, key=lambda value: -value.pixels)
    shown = ", ".join(f"{value.spelled} ({evidence.share([value]):.1%})" for value in largest[:_SHOWN])
    return shown + (f" and {len(largest) - _SHOWN} more" if len(largest) > _SHOWN else "")


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _numbers(numbers: Iterable[int | None]) -> str:
    known = sorted(number for number in numbers if number is not None)
    return f"{known[0]} to {known[-1]}"


def _from_1(legend: Legend, *void: int) -> str:
    """Write how to say that every class is stored one higher, in Python and in a legend file."""
    said: dict[Value, str | None] = {index + 1: name for index, name in zip(legend.indices, legend.names, strict=True)}
    said |= dict.fromkeys(void)
    in_json = _in_json(said)
    if len(said) <= _SHOWN:
        return f"{_in_python(said)}, on the command line --legend legend.json with {in_json}"
    indices = "tuple(index + 1 for index in legend.indices)"
    return f"legend=segfeed.Legend(legend.names, indices={indices}, void_indices={void or (255,)}) of today's legend"


def _in_python(said: Mapping[Value, str | None]) -> str:
    entries = [f"{value}: {name!r}" for value, name in said.items()]  # their order numbers the classes
    return f"legend={{{', '.join(entries[:_SHOWN])}{', ...' if len(entries) > _SHOWN else ''}}}"


def _in_json(said: Mapping[Value, str | None]) -> str:
    """Write a legend file, as `Legend.to_json` does, whose classes are stored as numbers."""
    names = [name for name in said.values() if name is not None]
    if len(names) > _SHOWN:
        return '"names", "indices" and "void_indices"'
    indices = [value for value, name in said.items() if name is not None]
    void = [value for value, name in said.items() if name is None]
    return json.dumps({"names": names, "indices": indices, "void_indices": void})


def _colours_in_json(said: Mapping[Value, str | None]) -> str:
    names = [name for name in said.values() if name is not None]
    if len(names) > _SHOWN or len(set(names)) < len(names):
        return '"names", "colours" and "void_colours"'
    colours = [colour for colour, name in said.items() if name is not None]
    void = [colour for colour, name in said.items() if name is None]
    return json.dumps({"names": names, "colours": colours, "void_colours": void})
