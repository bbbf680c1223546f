"""States: what fits a loader stands where it says; whatever does not is refused by name."""

import json

import pytest

from segfeed.batches.state import STATE_VERSION, Position, read_state
from segfeed.errors import StateError

BATCH_SIZE, STEPS = 4, 5
OWN = {
    "version": STATE_VERSION,
    "samples": "a" * 64,
    "plan": "b" * 64,
    "plan_options": {"seed": 0, "shuffle": True},
    "epoch": 0,
    "position": 0,
}


def read(**changed: object) -> Position:
    return read_state(json.loads(json.dumps(OWN | changed)), OWN, BATCH_SIZE, STEPS)


@pytest.mark.parametrize("step", range(STEPS))
def test_every_step_of_any_epoch_comes_back(step):
    assert read(epoch=2**62, position=step * BATCH_SIZE) == Position(2**62, step)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"samples": "c"}, rf"samples \(saved c, here {'a' * 64}\)"),
        ({"plan": "c", "plan_options": {"seed": 1, "shuffle": True}}, r"run: seed \(saved 1, here 0\); resume"),
        ({"plan_options": [1]}, r"seed \(saved None, here 0\); shuffle \(saved None, here True\)"),
        ({"plan": "c"}, r"plan \(its digest does not fit its own options: the state is damaged\)"),
        ({"version": 2}, r"version \(saved 2, here 1\)"),
        ({"samples": "c" * 300}, r"samples \(saved c{12}, here"),
        ({"position": 20}, "position 20 is not the start of one of 5 batches of 4"),
        ({"position": 3}, "position 3 is not the start"),
        *(({"position": wrong}, "position is .*; expected a whole number") for wrong in (-4, 4.0, True, None, "4")),
        *(({"epoch": wrong}, "epoch is .*; expected a whole number") for wrong in (-1, 1.0, False, None, 2**62 + 1)),
    ],
)
def test_what_differs_is_named(changed, said):
    with pytest.raises(StateError, match=said):
        read(**changed)


@pytest.mark.parametrize("name", OWN)
def test_what_is_lacking_is_named(name):
    with pytest.raises(StateError, match=f"lacks {name};"):
        read_state({field: value for field, value in OWN.items() if field != name}, OWN, BATCH_SIZE, STEPS)


@pytest.mark.parametrize("state", [None, [], "state", 3], ids=repr)
def test_what_is_no_state_is_refused(state):
    with pytest.raises(StateError, match="is no state"):
        read_state(state, OWN, BATCH_SIZE, STEPS)
