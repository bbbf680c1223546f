"""States: where a loader stands, in JSON values, and whether a saved one fits.

A state says what was delivered and of which data and plan, each by a digest of its own, so that whatever differs can be
named. It never speaks of threads, ranks or packs: those may change from run to run.
"""

from dataclasses import dataclass
from typing import Any

from segfeed.errors import StateError

STATE_VERSION = 1


@dataclass(slots=True)
class Position:
    """Hold where a loader stands: how many batches of which epoch were delivered."""

    epoch: int
    step: int


def read_state(state: dict[str, Any], own: dict[str, Any], batch_size: int, steps: int) -> Position:
    """Read where a saved state stands, if it fits a loader.

    Args:
        state: what a loader's `state_dict` gave, perhaps from a file.
        own: the state of the loader that shall go on.
        batch_size: pairs in a batch over all ranks.
        steps: batches in an epoch.

    Raises:
        StateError: it is malformed, or of other data or options; all fields that differ are listed.

    >>> read_state({"version": 1, "plan": "a", "plan_options": {}, "epoch": 2, "position": 8},
    ...            {"version": 1, "plan": "a", "plan_options": {}, "epoch": 0, "position": 0}, 4, 5)
    Position(epoch=2, step=2)
    """
    if not isinstance(state, dict):
        raise StateError(f"{state!r:.80} is no state; expected what state_dict() of this version returns.")
    missing = [name for name in own if name not in state]
    if missing:
        raise StateError(f"the state lacks {', '.join(missing)}; expected what state_dict() of this version returns.")
    saved, here = (_compared(described) for described in (state, own))
    wrong = [
        f"{name} (saved {_brief(saved.get(name))}, here {_brief(here[name])})"
        for name in here
        if saved.get(name) != here[name]
    ]
    if not wrong and state["plan"] != own["plan"]:
        wrong = ["plan (its digest does not fit its own options: the state is damaged)"]
    if wrong:
        raise StateError(
            f"the state was taken from another run: {'; '.join(wrong)}; resume with the same data and options."
        )
    epoch, position = (state[name] for name in ("epoch", "position"))
    for name, value in (("epoch", epoch), ("position", position)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**62:
            raise StateError(f"the state's {name} is {value!r}; expected a whole number from 0 to 2**62.")
    if position % batch_size or position >= steps * batch_size:
        raise StateError(
            f"the state's position {position} is not the start of one of {steps} batches of {batch_size}; is it damaged?"
        )
    return Position(epoch, position // batch_size)


def _compared(state: dict[str, Any]) -> dict[str, Any]:
    """List what must be equal, each option of the plan by itself; the plan's digest only sums them up."""
    fields = {name: value for name, value in state.items() if name not in ("epoch", "position", "plan", "plan_options")}
    options = state["plan_options"]
    return fields | (options if isinstance(options, dict) else {"plan_options": options})


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:12]
