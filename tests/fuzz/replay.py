"""What fuzzing found, and a little fuzzing, equal at each run: `python -m fuzz.replay PROBE`, without atheris."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from fuzz.probe import Probe
from fuzz.probes import PROBES

CRASHES = Path(__file__).parent / "crashes"
_CHANGES = 500


def inputs_of(probe: Probe) -> Iterator[bytes]:
    """Yield a probe's seeds, all it ever broke at, and changes of them."""
    known = [*probe.seeds(), *(path.read_bytes() for path in sorted(CRASHES.glob(f"{probe.name}/*")))]
    yield from known
    draws = random.Random(probe.name)  # noqa: S311 - the same bytes at each run, not secrets
    for number in range(_CHANGES):
        yield probe.mutate(known[number % len(known)], draws.getrandbits(32), lambda part: _change(part, draws))


def _change(data: bytes, draws: random.Random) -> bytes:
    """Flip a bit, overwrite a few bytes, cut a piece out, repeat one, or cut the end off."""
    first, last = sorted(draws.randrange(len(data) + 1) for _ in range(2))
    match draws.randrange(5):
        case 0 if data:
            changed = bytearray(data)
            changed[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
            return bytes(changed)
        case 1:
            return data[:first] + draws.choice((b"\0", b"\xff", b"\x7f\xff\xff\xff")) * 2 + data[first + 2 :]
        case 2:
            return data[:first] + data[last:]
        case 3:
            return data[:last] + data[first:]
        case _:
            return data[:first]


def replay(probe: Probe) -> tuple[int, int]:
    """Read all inputs of a probe; count those taken and those refused. A bug comes out as it is."""
    taken = [probe.read(data) for data in inputs_of(probe)]
    return sum(taken), len(taken) - sum(taken)


if __name__ == "__main__":
    sys.stdout.write("{} {}\n".format(*replay(PROBES[sys.argv[1]])))
