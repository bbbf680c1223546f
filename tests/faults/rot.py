"""Rot: every way in which the bytes of a file go bad. Found are errors, equal output, or what is silently different."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from faults import EXHAUSTIVE
from segfeed.errors import SegfeedError

BLOCK_BYTES = 512
Damage = tuple[str, bytes]
"""What was done, and what is left."""


def damages(sound: bytes, flips: int, cuts: int) -> Iterator[Damage]:
    """Yield damaged versions: flipped bits, cuts, zeroed blocks, and what was written behind the end.

    Args:
        sound: the file's bytes.
        flips: how many bits are flipped, one at a time; every one where it shall be exhaustive.
        cuts: at how many lengths it is cut; at every one likewise.
    """
    draws = random.Random(len(sound))  # noqa: S311 - no secret
    bits = range(len(sound) * 8)
    for bit in bits if EXHAUSTIVE or flips >= len(bits) else sorted(draws.sample(bits, flips)):
        broken = bytearray(sound)
        broken[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit % 8} of byte {bit // 8} flipped", bytes(broken)
    lengths = range(len(sound))
    for length in lengths if EXHAUSTIVE or cuts >= len(lengths) else sorted(draws.sample(lengths, cuts)):
        yield f"cut to {length} bytes", sound[:length]
    for start in range(0, len(sound), BLOCK_BYTES):
        size = min(BLOCK_BYTES, len(sound) - start)
        yield f"zeroed from byte {start}", sound[:start] + bytes(size) + sound[start + size :]
    for more in (b"\0", b"\n", b"garbage" * 40, bytes(BLOCK_BYTES), sound):
        yield f"{len(more)} bytes behind the end", sound + more


def try_all(path: Path, tried: Iterator[Damage], serve: Callable[[], Any]) -> dict[str, Any]:
    """Put each damaged version in the place of a file, and see what is served.

    Returns:
        found: "errors", "equal": how many; "silent": what was done where something else was served, and what that was;
            "unnamed": the same where the error is none of segfeed's.
    """
    sound, expected = path.read_bytes(), serve()
    found: Counter[str] = Counter()
    silent, unnamed = [], []
    try:
        for what, broken in tried:
            path.write_bytes(broken)
            try:
                served = serve()
            except SegfeedError:
                found["errors"] += 1
            except Exception as error:  # noqa: BLE001 - which ones come is what is asked here
                unnamed.append([what, repr(error)])
            else:
                if served == expected:
                    found["equal"] += 1
                else:
                    silent.append([what, served])
    finally:
        path.write_bytes(sound)
    assert serve() == expected
    return {"errors": found["errors"], "equal": found["equal"], "silent": silent, "unnamed": unnamed}
