"""Slots: reusable batch memory that goes back to its pool only when nobody can reach it any more.

A batch of float32 crops is a hundred megabytes; fresh memory of that size costs a page fault every 4 KiB. So memory is
leased, and returns when the last array, view or tensor that shares it is gone. Each lease wraps the memory in an
object of its own, which every NumPy view, PyTorch, TensorFlow or JAX array keeps alive; a weak reference to that object
returns the memory to the pool. A consumer that keeps every batch gets fresh memory each time, never changed data.
"""

import ctypes
import mmap
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.system.portable import advise, map_memory

Memory = Any
"""An object with writable bytes in the buffer protocol, such as an mmap or an array; dropping it frees them."""


class Pool:
    """Memory of one size that is leased, and reused after it was returned.

    Args:
        size_bytes: the size of each lease.
        keep: how many leases are reused; if more are held at once, the latest ones. The memory of all others returns to
            the system when nobody holds it any more.
        allocate: returns new memory of a size in bytes, such as memory that a device can read.

    >>> pool = Pool(16, keep=2)
    >>> first = pool.lease(); first[:] = 7
    >>> del first              # nobody holds it: the next lease reuses the memory
    >>> int(pool.lease()[0])
    7
    """

    def __init__(self, size_bytes: int, keep: int, allocate: Callable[[int], Memory] | None = None) -> None:
        self._size = max(size_bytes, 1)
        self._allocate = allocate or _map_pages
        self._free: deque[_Lease] = deque()
        self._held: deque[_Lease] = deque(maxlen=keep)

    def lease(self) -> npt.NDArray[np.uint8]:
        """Return uint8 (size_bytes,), aligned to a page; its contents are arbitrary. Never waits."""
        try:
            memory = self._free.popleft().memory
        except (IndexError, AttributeError):  # none is free; or Ctrl-C came before a lease was told of its memory
            memory = self._allocate(self._size)
        owner = (ctypes.c_ubyte * self._size).from_buffer(memory)
        # The callback, which runs when nobody holds the memory any more, is compiled code (deque.append): an exception
        # that Ctrl-C raised in Python code there would be lost. It runs only as long as the pool holds the lease, so
        # dropping the loader frees everything.
        lease = _Lease(owner, self._free.append)
        lease.memory = memory
        self._held = deque((held for held in (*self._held, lease) if held() is not None), self._held.maxlen)
        return np.frombuffer(memoryview(owner), np.uint8)


class _Lease(weakref.ref):  # type: ignore[type-arg]  # of a ctypes array, whose type depends on its length
    """A weak reference to the owner of leased memory, which keeps the memory itself for the next lease."""

    __slots__ = ("memory",)
    memory: Memory


def _map_pages(size_bytes: int) -> mmap.mmap:
    memory = map_memory(size_bytes)
    advise(memory, "HUGEPAGE")  # Linux only: 2 MiB pages cut the page faults of the first use by 512
    return memory
