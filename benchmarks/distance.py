"""The distance of two cores: how long a message from one to the other takes, beside what memory takes meanwhile.

Cores of one chiplet share its way to memory, which is narrower than both of their own. A hypervisor moves virtual
cores about, from one chiplet to two and back within seconds, and tells nobody; but messages between them then take
several times as long. Short turns are sorted by that, so that what is compared met the same machine.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.core import types
from numba.extending import intrinsic

ROWS = ("stream", "kernel", "warm", "ffcv")
TURN_S = 0.4
NEAR_NS = 100  # cores that share a cache of the last level: 20 to 60 ns; others: 100 ns on one die's mesh up to 500 ns
_TRIPS, _TRIES = 10_000, 5
_LEAST_TURNS = 3  # fewer are not shown


@dataclass(frozen=True)
class ShortTurn:
    """One short turn: whose, its pairs per second, and the cores' distance in ns before and after it."""

    key: str
    pairs_per_s: float
    before_ns: float
    after_ns: float

    @property
    def where(self) -> str:
        """Where the cores were: "near", "far", or "moved" if the distance changed meanwhile."""
        near = [ns < NEAR_NS for ns in (self.before_ns, self.after_ns)]
        return "near" if all(near) else "moved" if any(near) else "far"


def take_turns(turns: dict[str, Callable[[float], float]], rounds: int) -> list[ShortTurn]:
    """Let rows take short turns, one after another, and measure the cores' distance between any two."""
    cores = sorted(os.sched_getaffinity(0))
    taken: list[tuple[str, float]] = []
    distances = [_distance_ns(cores)]
    for _ in range(rounds):
        for key, turn in turns.items():
            taken.append((key, turn(TURN_S)))
            distances.append(_distance_ns(cores))
    return [ShortTurn(*row, *ns) for row, ns in zip(taken, pairwise(distances), strict=True)]


def can_measure() -> bool:
    """Return whether a distance means anything here: threads can be bound to cores, and there are just two of them."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) == 2


def summarise(turns: Sequence[ShortTurn]) -> list[dict[str, Any]]:
    """Return, for near and far cores: the range of distances, and each row's number of turns and median."""
    found = []
    for where in ("near", "far"):
        these = [turn for turn in turns if turn.where == where]
        distances = [ns for turn in these for ns in (turn.before_ns, turn.after_ns)]
        speeds = {
            key: [turn.pairs_per_s for turn in these if turn.key == key]
            for key in dict.fromkeys(turn.key for turn in turns)
        }
        if speeds and all(len(each) >= _LEAST_TURNS for each in speeds.values()):
            found.append(
                {
                    "where": where,
                    "ns": [round(min(distances)), round(max(distances))],
                    "turns": {key: len(each) for key, each in speeds.items()},
                    "pairs_per_s": {key: round(statistics.median(each), 1) for key, each in speeds.items()},
                }
            )
    return found


def _distance_ns(cores: Sequence[int]) -> float:
    """Time a message from one core to another, one way: the best of a few times thousands of round trips."""
    ball = np.zeros(1, np.int64)

    def play(player: int) -> float:
        os.sched_setaffinity(0, {cores[player]})  # of this thread alone
        start = time.perf_counter()
        _play(ball, player, _TRIPS)
        return (time.perf_counter() - start) / (2 * _TRIPS) * 1e9

    with ThreadPoolExecutor(2) as players:
        return min(min(players.map(play, (0, 1))) for _ in range(_TRIES))  # who came second has not waited for a start


@njit(nogil=True)
def _play(ball: npt.NDArray[np.int64], player: int, trips: int) -> None:
    for _ in range(trips):
        while _see(ball) != player:
            pass
        _throw(ball, 1 - player)


@intrinsic
def _see(_: Any, ball: Any) -> tuple[Any, Callable[..., Any]]:
    """Read ball[0] as the other core left it; a plain read would be kept in a register."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(data, "acquire", 8)

    return types.int64(ball), emit


@intrinsic
def _throw(_: Any, ball: Any, value: Any) -> tuple[Any, Callable[..., Any]]:
    """Write ball[0] for the other core."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        builder.store_atomic(args[1], data, "release", 8)  # an int64, as 1 - player is
        return context.get_dummy_value()

    return types.void(ball, value), emit
