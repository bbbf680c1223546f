"""States: one that fits a loader says where it stands; one that does not is refused, and each difference is named."""

import json

import pytest

from segfeed.batches.state import STATE_VERSION, Position, read_state
from segfeed.errors import StateError

BATCH_SIZE, STEPS = 4, 5
OWN = {
    "version": STATE_VERSION,
    "samples": "a" * 64,
    "plan": "b" * 64,
    "plan_options": {"seed": 0, "shuffle": True, "draw": {"scale": [1, 1], "turn": {"most": 4, "least": 2}}},
    "epoch": 0,
    "position": 0,
}


def read(**changed: object) -> Position:
    return read_state(json.loads(json.dumps(OWN | changed)), OWN, BATCH_SIZE, STEPS)


@pytest.mark.parametrize("step", range(STEPS))
def test_every_step_of_any_epoch_comes_back(step):
    assert read(epoch=2**62, position=step * BATCH_SIZE) == Position(2**62, step)


EXPECTED = "what state_dict() of this version returns"


def refusal(state: object) -> StateError:
    with pytest.raises(StateError) as caught:
        read_state(state, OWN, BATCH_SIZE, STEPS)
    assert caught.value.where == "state"
    return caught.value


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"samples": "c"}, f"samples (saved c, here {'a' * 64})"),
        ({"plan": "c", "plan_options": OWN["plan_options"] | {"seed": 1}}, "seed (saved 1, here 0)"),
        ({"plan_options": [1]}, f"plan_options (saved [1], here {OWN['plan_options']})"),
        ({"plan_options": OWN["plan_options"] | {"flip": 1}}, "flip (saved 1, here absent)"),
        (
            {"plan_options": OWN["plan_options"] | {"draw": {"scale": [1, 1], "turn": {"most": 3}}}},
            "draw.turn.most (saved 3, here 4); draw.turn.least (saved absent, here 2)",
        ),
        (
            {"plan_options": OWN["plan_options"] | {"draw": {"scale": [1, 1], "more": None}}},
            "draw.turn (saved absent, here {'most': 4, 'least': 2}); draw.more (saved None, here absent)",
        ),
        ({"plan": "c"}, "plan (its digest does not fit its own options: the state is damaged)"),
        ({"version": 2}, "version (saved 2, here 1)"),
        ({"samples": "c" * 300}, f"samples (saved {'c' * 12}, here {'a' * 64})"),
    ],
)
def test_what_differs_is_named(changed, found):
    error = refusal(OWN | changed)
    assert (error.found, error.remedy) == (f"taken from another run: {found}", "resume with the same data and options")


@pytest.mark.parametrize("position", [20, 3])
def test_a_position_between_batches_is_refused(position):
    error = refusal(OWN | {"position": position})
    assert (error.found, error.expected) == (f"position {position}", "the start of one of 5 batches of 4")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("position", wrong) for wrong in (-4, 4.0, True, None, "4")),
        *(("epoch", wrong) for wrong in (-1, 1.0, False, None, 2**62 + 1)),
    ],
)
def test_an_epoch_or_position_that_is_not_a_whole_number_is_refused(name, wrong):
    error = refusal(OWN | {name: wrong})
    assert (error.found, error.expected) == (f"{name} {wrong!r}", "a whole number from 0 to 2**62")


@pytest.mark.parametrize("name", OWN)
def test_what_is_lacking_is_named(name):
    error = refusal({field: value for field, value in OWN.items() if field != name})
    assert (error.found, error.expected) == (f"no {name}", EXPECTED)


@pytest.mark.parametrize("state", [None, [], "state", 3], ids=repr)
def test_what_is_not_a_state_is_refused(state):
    error = refusal(state)
    assert (error.found, error.expected) == (repr(state), EXPECTED)
