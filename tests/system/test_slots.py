"""Slots: memory is reused when nothing refers to it any more, and only then."""

import ctypes
import gc
import inspect
import mmap
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from segfeed.system.slots import Pool

SIZE = 64
WAYS = {
    "the lease": lambda a: a,
    "a slice": lambda a: a[3:5],
    "one pixel": lambda a: a[:1],
    "a mirrored view": lambda a: a[::-1],
    "a reshape": lambda a: a.reshape(8, 8),
    "a transposed reshape": lambda a: a.reshape(4, 4, 4).transpose(2, 0, 1),
    "another dtype": lambda a: a.view(np.float32),
    "a view of a view of a view": lambda a: a[1:][1:].reshape(2, -1)[0],
    "asarray": np.asarray,
    "asarray of a slice": lambda a: np.asarray(a[2:]),
    "ascontiguousarray": np.ascontiguousarray,
    "a subclass": lambda a: a.view(np.ma.MaskedArray),
    "memoryview": memoryview,
    "a cast memoryview": lambda a: memoryview(a).cast("B")[4:],
    "frombuffer of a memoryview": lambda a: np.frombuffer(memoryview(a), np.uint8),
    "frombuffer of a view's memoryview": lambda a: np.frombuffer(memoryview(a[8:16]), np.uint16),
    "asarray of a memoryview": lambda a: np.asarray(memoryview(a)),
    "dlpack": np.from_dlpack,
    "as_strided": lambda a: np.lib.stride_tricks.as_strided(a, (4, 4), (8, 1)),
    "ctypes": (ctypes.c_ubyte * 4).from_buffer,
    "the array interface": lambda a: np.asarray(
        type("Held", (), {"__array_interface__": a.__array_interface__, "a": a})()
    ),
    "a broadcast": lambda a: np.broadcast_to(a[:1], (5, 5)),
    "an iterator": lambda a: a.flat,
    "a list of rows": lambda a: list(a.reshape(8, 8)),
}


def bytes_of(shared):
    parts = shared if isinstance(shared, list) else [shared]
    return b"".join(np.asarray(part).tobytes() for part in parts)


def came_back(pool, among=10):
    """Check whether memory of sevens is among the next leases; fresh memory holds zeros."""
    gc.collect()
    leases = [pool.lease() for _ in range(among)]
    return any(int(lease[-1]) == 7 for lease in leases)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_memory_is_reused_only_when_nothing_shares_it(way):
    pool = Pool(SIZE, keep=100)
    lease = pool.lease()
    lease[:] = 7
    shared = way(lease)
    del lease
    gc.collect()
    others = [pool.lease() for _ in range(3)]
    assert {0} == {int(other.max()) for other in others}
    for other in others:
        other[:] = 9
    assert {7} == set(bytes_of(shared))
    del others, other
    assert not came_back(pool)
    del shared
    assert came_back(pool, among=20)


def test_memory_comes_back_from_a_thread_that_held_it():
    pool, ready, go = Pool(SIZE, keep=2), threading.Event(), threading.Event()
    seen = []

    def hold(array):
        ready.set()
        assert go.wait(10)
        seen.append(int(array[5]))

    lease = pool.lease()
    lease[:] = 7
    thread = threading.Thread(target=hold, args=(lease[:10],))
    thread.start()
    assert ready.wait(10)
    del lease
    other = pool.lease()
    other[:] = 9
    go.set()
    thread.join()
    del thread
    assert seen == [7]
    assert came_back(pool)


def test_many_threads_never_share_a_lease():
    pool, wrong = Pool(4096, keep=4), []

    def work(number):
        for _ in range(200):
            lease = pool.lease()
            lease[:] = number
            view = lease[10:20]
            del lease
            if set(view.tolist()) != {number}:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_no_more_than_the_limit_is_kept(keep):
    pool = Pool(SIZE, keep)
    leases = [pool.lease() for _ in range(6)]
    for lease in leases:
        lease[:] = 7
    del leases, lease
    gc.collect()
    again = [pool.lease() for _ in range(6)]
    assert keep == sum(int(lease[0]) == 7 for lease in again)


def test_a_lease_that_is_held_for_long_comes_back_like_any_other():
    pool = Pool(SIZE, keep=2)
    held = pool.lease()
    held[:] = 7
    for _ in range(20):
        pool.lease()[:] = 8
    del held
    assert sorted(int(lease[0]) for lease in [pool.lease(), pool.lease()]) == [7, 8]


def test_leases_are_never_waited_for():
    pool = Pool(SIZE, keep=1)
    leases = [pool.lease() for _ in range(100)]
    assert len({lease.ctypes.data for lease in leases}) == 100


def test_a_lease_survives_its_pool():
    pool = Pool(SIZE, keep=2)
    lease = pool.lease()
    lease[:] = 7
    gone = weakref.ref(pool)
    del pool
    gc.collect()
    assert gone() is None
    assert set(lease.tolist()) == {7}
    lease[:] = 8
    assert set(lease.tolist()) == {8}


def test_a_lease_is_writable_bytes_on_a_page_of_its_own():
    lease = Pool(5000, keep=2).lease()
    assert ((5000,), np.uint8, True) == (lease.shape, lease.dtype, lease.flags.writeable)
    assert lease.ctypes.data % mmap.PAGESIZE == 0


def test_memory_goes_round_without_growing():
    pool, addresses = Pool(SIZE, keep=2), set()
    for _ in range(50):
        lease = pool.lease()
        addresses.add(lease.ctypes.data)
        del lease
    assert len(addresses) == 1


def test_memory_comes_back_without_running_python_in_which_ctrl_c_could_strike_and_be_lost():
    pool, ran = Pool(SIZE, keep=2), []
    held = [pool.lease() for _ in range(4)]
    addresses = {lease.ctypes.data for lease in held[2:]}
    sys.setprofile(lambda frame, event, _: ran.append(frame.f_code.co_name) if event == "call" else None)
    try:
        del held[:]
    finally:
        sys.setprofile(None)
    assert ran == []
    assert {lease.ctypes.data for lease in (pool.lease(), pool.lease())} == addresses


def test_an_interrupt_on_any_line_of_a_lease_leaves_the_pool_in_order():
    lines = Path(inspect.getfile(Pool)).read_text().splitlines()
    pool = Pool(SIZE, keep=2)

    def interrupt_at(number):
        def trace(frame, event, _):
            if frame.f_code.co_name == "lease" and event == "line" and frame.f_lineno == number:
                raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            pool.lease()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    interrupted = [number for number in range(len(lines)) if interrupt_at(number)]
    assert len(interrupted) > 5
    for _ in range(4):
        lease = pool.lease()
        lease[:] = 7
        assert len(lease) == SIZE
