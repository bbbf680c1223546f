"""Ways out: how a doubt is said, what the masks hold, and the legends, in Python and in JSON, that would settle it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segfeed.datasets.doubts.evidence import Evidence
from segfeed.errors import MaskError, sentence
from segfeed.pixels.class_names import Value
from segfeed.pixels.legend import Legend
from segfeed.system.showing import some

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


def names_by_index(legend: Legend) -> dict[int | None, str | None]:
    """Return what each index means that the legend knows, None for void."""
    names: dict[int | None, str | None] = dict.fromkeys(legend.void_indices)
    names |= {index: legend.names[label] for label, _, index in legend.merged}
    return names | dict(zip(legend.indices, legend.names, strict=True))


def place_of(legend: Legend, name: str | None) -> int:
    """Return a class's number, for void one more than the last."""
    return len(legend) if name is None else legend.names.index(name)


def spell_class(legend: Legend, label: int) -> str:
    """Write a class with what masks store for it."""
    index = f"{legend.indices[label]} or " if legend.reading != "colour" or legend.indices[label] < 256 else ""
    return f"{index}{legend.colours[label]} for {legend.names[label]!r}"


def masks_hold(evidence: Evidence, split: str) -> str:
    """Write "all 8 masks of split 'train' (a.png, ...) hold"."""
    of_split = f" of split {split!r}" if split else ""
    if evidence.first:
        of_split += f" ({evidence.first}{', ...' if evidence.masks > 1 else ''})"
    if evidence.masks < evidence.of:
        return f"{evidence.masks:,} of {evidence.of:,} masks{of_split}, spread over it, hold"
    return f"all {evidence.masks:,} masks{of_split} hold" if evidence.masks > 1 else f"1 mask{of_split} holds"


def tell(evidence: Evidence, split: str) -> str:
    """Write what masks hold, each value with its share, the most frequent first."""
    largest = sorted(evidence.values, key=lambda value: -value.pixels)
    shares = (f"{value.spelled} ({evidence.share([value]):.1%})" for value in largest)
    return f"{masks_hold(evidence, split)} {some(shares, _SHOWN)}"


def quote(names: Sequence[str]) -> str:
    """List names in quotes, the first few."""
    return some(map(repr, names), _SHOWN)


def range_of(numbers: Iterable[int | None]) -> str:
    """Write "1 to 4"."""
    known = sorted(number for number in numbers if number is not None)
    return f"{known[0]} to {known[-1]}"


def from_1(legend: Legend, *void: int) -> str:
    """Write how to say that every class is stored one higher, in Python and in a legend file."""
    said: dict[Value, str | None] = {index + 1: name for index, name in zip(legend.indices, legend.names, strict=True)}
    said |= dict.fromkeys(void)
    if len(said) <= _SHOWN:
        return f"{in_python(said)}, on the command line --legend legend.json with {in_json(said)}"
    indices = "tuple(index + 1 for index in legend.indices)"
    return f"legend=segfeed.Legend(legend.names, indices={indices}, void_indices={void or (255,)}) of today's legend"


def in_python(said: Mapping[Value, str | None]) -> str:
    """Write the option `legend=` that says what stored values mean, None for void."""
    entries = [f"{value}: {name!r}" for value, name in said.items()]  # their order numbers the classes
    return f"legend={{{', '.join(entries[:_SHOWN])}{', ...' if len(entries) > _SHOWN else ''}}}"


def in_json(said: Mapping[Value, str | None], *, reading: str = "") -> str:
    """Write a legend file, as `Legend.to_json` does, whose classes are stored as numbers; one may have several."""
    names = list(dict.fromkeys(name for name in said.values() if name is not None))
    if len(names) > _SHOWN:
        return '"names", "indices" and "void_indices"' + (f', and "reading": "{reading}"' if reading else "")
    stored = [[value for value, meant in said.items() if meant == name] for name in names]
    void = [value for value, name in said.items() if name is None]
    merged = [[label, None, value] for label, values in enumerate(stored) for value in values[1:]]
    described = {"names": names, "indices": [values[0] for values in stored], "void_indices": void}
    described |= {"merged": merged} if merged else {}
    return json.dumps(described | ({"reading": reading} if reading else {}))


def colours_in_json(said: Mapping[Value, str | None]) -> str:
    """Write a legend file whose classes are stored as colours."""
    names = [name for name in said.values() if name is not None]
    if len(names) > _SHOWN or (len(set(names)) < len(names) and set(names) != {"..."}):
        return '"names", "colours" and "void_colours"'
    colours = [colour for colour, name in said.items() if name is not None]
    void = [colour for colour, name in said.items() if name is None]
    return json.dumps({"names": names, "colours": colours, "void_colours": void})
