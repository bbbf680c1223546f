"""Order: keyed draws and permutations, computed for single positions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.plans.order import derive_key, draw, permute

WORD = 2**64 - 1


def permuted(key, size):
    return permute(key, size, np.arange(size, dtype=np.uint64))


@pytest.mark.slow
def test_a_permutation_is_a_bijection_for_every_size_up_to_2000():
    key = derive_key(3, 1, 4)
    for size in range(1, 2001):
        found = np.zeros(size, bool)
        found[permuted(key, size)] = True
        assert found.all(), size


@pytest.mark.parametrize("size", [2**16, 2**16 + 1, 99_991, 300 * 301, 316**2 + 1])
def test_a_permutation_is_a_bijection_for_large_sizes(size):
    assert np.array_equal(np.arange(size), np.sort(permuted(derive_key(0), size)))


@pytest.mark.parametrize("size", [10**9, 2**31 + 11, 10**12, 2**62])
@pytest.mark.slow
def test_distinct_positions_of_huge_sizes_give_distinct_samples(size):
    near = np.arange(20_000, dtype=np.uint64)
    positions = np.unique(np.r_[near, near * np.uint64(size // 20_000), np.uint64(size - 1) - near])
    found = permute(derive_key(1, 2), size, positions)
    assert len(positions) == len(np.unique(found))
    assert 0 <= found.min() <= found.max() < size
    assert (np.uint64(size // 10) < found.astype(np.uint64)).any()


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 1000, 10**9])
def test_a_position_means_the_same_however_it_is_asked_for(size):
    positions = np.arange(min(size, 50), dtype=np.uint64)
    together = permute(derive_key(5), size, positions)
    alone = [int(permute(derive_key(5), size, positions[i : i + 1])[0]) for i in range(len(positions))]
    assert alone == together.tolist()
    assert np.array_equal(together[::-1], permute(derive_key(5), size, positions[::-1].copy()))


def test_the_positions_are_only_read():
    positions = np.arange(40, dtype=np.uint64)
    permute(derive_key(0), 40, positions)
    assert np.array_equal(np.arange(40), positions)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3, 5, 15, 16, 17, 30])
def test_every_sample_comes_to_the_first_place_about_equally_often(size):
    keys = 100 * size
    firsts = [int(permute(derive_key(key), size, np.zeros(1, np.uint64))[0]) for key in range(keys)]
    counts = np.bincount(firsts, minlength=size)
    deviations = (counts - 100) / np.sqrt(100 * (1 - 1 / size))
    assert np.abs(deviations).max() < 5


def is_odd(order):
    """Say whether a permutation swaps an odd number of pairs: of each cycle, one fewer than its length."""
    left, cycles = set(range(len(order))), 0
    while left:
        cycles, place = cycles + 1, left.pop()
        while (place := order[place]) in left:
            left.remove(place)
    return (len(order) - cycles) % 2


def test_parity_is_what_a_determinant_says():
    for key in range(40):
        order = permuted(derive_key(key), 5 + key)
        assert [1, -1][is_odd(order.tolist())] == round(np.linalg.det(np.eye(len(order))[order]))


@pytest.mark.parametrize("size", [2, 15, 16, 23, 24, 25, 48, 49, 120, 121])
@pytest.mark.slow
def test_odd_and_even_orders_are_equally_likely(size):
    """Of a grid with both sides odd, every round moves an even number of pairs: half of all orders could not come."""
    odd = sum(is_odd(permuted(derive_key(key, 1), size).tolist()) for key in range(400))
    assert abs(odd - 200) < 5 * 10


@pytest.mark.slow
def test_no_size_up_to_200_prefers_odd_or_even_orders():
    for size in range(2, 201):
        odd = sum(is_odd(permuted(derive_key(key, 2), size).tolist()) for key in range(40))
        assert abs(odd - 20) < 5 * np.sqrt(10), size


@pytest.mark.parametrize("size", [16, 100])
@pytest.mark.slow
def test_neighbours_follow_one_another_no_more_often_than_by_chance(size):
    orders = np.array([permuted(derive_key(key), size) for key in range(1000)])
    follows = ((orders[:, 1:] - orders[:, :-1]) % size == 1).mean()
    assert abs(follows - 1 / (size - 1)) < 5 * np.sqrt(1 / (size - 1) / (1000 * (size - 1)))


@pytest.mark.slow
def test_other_keys_give_other_orders():
    orders = {tuple(permuted(derive_key(seed, epoch), 50).tolist()) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400


def test_seed_and_epoch_are_words_of_their_own():
    keys = {derive_key(seed, epoch, purpose) for seed in range(40) for epoch in range(40) for purpose in range(1, 5)}
    assert len(keys) == 40 * 40 * 4


@given(st.lists(st.integers(0, WORD), min_size=1, max_size=4), st.integers(0, 3), st.integers(0, 63))
@pytest.mark.slow
def test_any_flipped_bit_of_any_word_gives_another_key(words, place, bit):
    changed = list(words)
    changed[place % len(words)] ^= 1 << bit
    assert derive_key(*words) != derive_key(*changed)
    assert 0 <= derive_key(*words) <= WORD


def test_the_number_of_words_matters():
    assert len({derive_key(*[0] * count) for count in range(5)}) == 5


def test_draws_depend_on_key_and_counter_alone():
    counters = np.arange(1000, dtype=np.uint64)
    bits = draw(derive_key(1), counters)
    assert np.array_equal(bits[::-1], draw(derive_key(1), counters[::-1].copy()))
    assert len(np.unique(bits)) == 1000
    assert not np.intersect1d(bits, draw(derive_key(2), counters)).size


def test_every_bit_of_a_draw_is_set_half_of_the_time():
    bits = draw(derive_key(0), np.arange(20_000, dtype=np.uint64))
    for place in range(64):
        share = ((bits >> np.uint64(place)) & np.uint64(1)).mean()
        assert abs(share - 0.5) < 0.02, place


def test_draws_are_pinned():
    assert [derive_key(0), derive_key(0, 0), derive_key(1, 2)] == [
        16294208416658607535,
        12035550249420947055,
        13608149317741381227,
    ]
    assert draw(derive_key(7), np.arange(3, dtype=np.uint64)).tolist() == [
        10736914379035352161,
        12394399238734259650,
        7176506217446426357,
    ]


def test_permutations_are_pinned():
    positions = np.arange(8, dtype=np.uint64)
    assert permute(derive_key(0), 1000, positions).tolist() == [908, 149, 669, 384, 777, 154, 115, 989]
    assert permute(derive_key(0), 10**9, positions[:4]).tolist() == [117711415, 731612891, 133895994, 42395418]
    assert permuted(derive_key(0), 25)[:8].tolist() == [20, 4, 21, 16, 24, 23, 18, 14]
    assert permuted(derive_key(0), 8).tolist() == [7, 2, 0, 3, 5, 1, 4, 6]
