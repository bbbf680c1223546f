"""Split shares: a split far from its share is named, ordinary noise is not."""

import pytest

from segfeed.datasets.descriptions.partition import share_out
from segfeed.datasets.doubts.split_shares import RULE, Share, doubt_shares, is_off

KEYS = [f"p{patient}/{slide}" for patient in range(5) for slide in range(3)]
GROUPS = {key: key[:2] for key in KEYS}


def doubt(*held: tuple[str, int, list[str]], groups=GROUPS, is_balanced=False):
    shares = [Share(name, part, 100, keys) for name, part, keys in held]
    return next(doubt_shares(shares, KEYS, groups, is_balanced=is_balanced), None)


@pytest.mark.parametrize(
    ("count", "of", "percent"),
    [(6, 15, 20), (1, 15, 20), (0, 6, 10), (2, 1000, 5), (30, 1000, 1), (25, 100, 50), (2, 3, 20)],
)
def test_what_is_far_from_what_was_asked_for_is_off(count, of, percent):
    assert is_off(count, of, percent, 100)


@pytest.mark.parametrize(
    ("count", "of", "percent"),
    [(3, 15, 20), (4, 15, 20), (2, 15, 20), (1, 5, 10), (230, 1000, 20), (3, 100, 5), (5, 1000, 1), (0, 0, 20)],
)
def test_what_is_near_or_cannot_be_nearer_is_not(count, of, percent):
    assert not is_off(count, of, percent, 100)


@pytest.mark.parametrize("shares", [{"train": 80, "val": 20}, {"train": 70, "val": 20, "test": 10}, {"a": 98, "b": 2}])
def test_a_hash_of_many_samples_raises_no_doubt(shares):
    for count in (400, 3000):
        for start in range(40):
            found = list(share_out([f"{start} {n}" for n in range(count)], shares).values())
            assert not any(is_off(found.count(split), count, part, 100) for split, part in shares.items())


def test_what_was_found_and_asked_for_is_said_with_the_groups():
    said = doubt(("train", 80, KEYS[6:]), ("val", 20, KEYS[:6]))
    assert (said.severity, said.rule) == ("warning", RULE)
    assert said.found == "'val' holds 6 of 15 samples and 2 of 5 groups (40 %)"
    assert said.expected == "the 20 % asked for"
    assert "stratify = true under [splits]" in said.remedy
    assert doubt(("train", 80, KEYS[3:]), ("val", 20, KEYS[:3])) is None


def test_several_splits_are_said_each_with_its_share():
    said = doubt(("train", 60, KEYS[6:]), ("val", 30, KEYS[:6]), ("test", 10, []), groups={})
    assert said.found == "'test' holds 0 of 15 samples (0 %)"
    said = doubt(("train", 60, KEYS[9:]), ("val", 30, []), ("test", 10, KEYS[:9]), groups={})
    assert said.found == (
        "'val' holds 0 of 15 samples (0 %) where 30 % are asked for; "
        "'test' holds 9 of 15 samples (60 %) where 10 % are asked for"
    )


@pytest.mark.parametrize(
    ("groups", "in_val", "remedy"),
    [
        (
            GROUPS,
            6,
            "stratify comes no nearer with groups of these sizes: ask for these shares, hash = { train = 60, val",
        ),
        ({}, 6, "stratify comes no nearer with so few samples: ask for these shares, hash = { train = 60, val = 40 }"),
        (GROUPS, 0, "stratify comes no nearer with groups of these sizes: ask for other shares, or make the splits by"),
    ],
)
def test_of_splits_that_are_balanced_shares_are_proposed_that_groups_allow(groups, in_val, remedy):
    said = doubt(("train", 80, KEYS[in_val:]), ("val", 20, KEYS[:in_val]), groups=groups, is_balanced=True)
    assert said.remedy.startswith(remedy)
