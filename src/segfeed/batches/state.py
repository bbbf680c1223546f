"""The state of a loader: where it stands, in JSON values, and whether a saved one fits.

A state says what was delivered, and of which data and plan. Each has a digest of its own, so that every difference can
be named. Threads, ranks and packs are not part of a state: they may change from run to run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from segfeed.errors import StateError

STATE_VERSION = 1
_ABSENT = object()
_EXPECTED = "what state_dict() of this version returns"


@dataclass(slots=True)
class Position:
    """Where a loader stands: how many batches of which epoch were delivered."""

    epoch: int
    step: int


def read_state(state: dict[str, Any], own: dict[str, Any], batch_size: int, steps: int) -> Position:
    """Read where a saved state stands, if it fits a loader.

    Args:
        state: what a loader's `state_dict` returned, perhaps read from a file.
        own: the state of the loader that is to go on.
        batch_size: pairs in a batch over all ranks.
        steps: batches in an epoch.

    Raises:
        StateError: if it is malformed, or of other data or options; all fields that differ are listed.

    >>> read_state({"version": 1, "plan": "a", "plan_options": {}, "epoch": 2, "position": 8},
    ...            {"version": 1, "plan": "a", "plan_options": {}, "epoch": 0, "position": 0}, 4, 5)
    Position(epoch=2, step=2)
    """
    if not isinstance(state, dict):
        raise StateError("state", found=f"{state!r:.80}", expected=_EXPECTED)
    missing = [name for name in own if name not in state]
    if missing:
        raise StateError("state", found=f"no {', '.join(missing)}", expected=_EXPECTED)
    wrong = list(_differences(_compared(state, own), _compared(own, own)))
    if not wrong and state["plan"] != own["plan"]:
        wrong = ["plan (its digest does not fit its own options: the state is damaged)"]
    if wrong:
        raise StateError(
            "state", found=f"taken from another run: {'; '.join(wrong)}", remedy="resume with the same data and options"
        )
    epoch, position = (state[name] for name in ("epoch", "position"))
    for name, value in (("epoch", epoch), ("position", position)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**62:
            raise StateError("state", found=f"{name} {value!r}", expected="a whole number from 0 to 2**62")
    if position % batch_size or position >= steps * batch_size:
        raise StateError(
            "state",
            found=f"position {position}",
            expected=f"the start of one of {steps} batches of {batch_size}",
            remedy="check whether the state is damaged",
        )
    return Position(epoch, position // batch_size)


def _compared(state: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that must be equal; the plan's digest only sums up its options, which are compared by name."""
    return {name: state[name] for name in own if name not in ("epoch", "position", "plan")}


def _differences(saved: dict[str, Any], here: dict[str, Any], before: str = "") -> Iterator[str]:
    """Name each field that differs, or that only one has, with both values; options of an option are looked into."""
    for name in {**here, **saved}:
        own, other = here.get(name, _ABSENT), saved.get(name, _ABSENT)
        if isinstance(own, dict) and isinstance(other, dict):
            yield from _differences(other, own, "" if name == "plan_options" else f"{before}{name}.")
        elif other != own:
            yield f"{before}{name} (saved {_brief(other)}, here {_brief(own)})"


def _brief(value: Any) -> str:
    text = "absent" if value is _ABSENT else str(value)
    return text if len(text) <= 200 else text[:12]
