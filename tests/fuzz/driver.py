"""One probe under atheris, in a process of its own: `python -m fuzz.driver PROBE TALLY [options of libFuzzer] CORPUS`.

What the process dies of (an exception, a signal, too much time or memory) libFuzzer writes to its artifact_prefix.
"""

import mmap
import struct
import sys

TALLY = struct.Struct("<2Q")
"""Inputs that were taken, and all that were tried; kept in a mapped file, which outlives any death."""


def main() -> None:
    """Run until libFuzzer's options say stop."""
    import atheris  # noqa: PLC0415 - for Linux only, and for nothing but this

    name, tally = sys.argv[1:3]
    with atheris.instrument_imports(include=["segfeed"]):
        from fuzz.probes import PROBES  # noqa: PLC0415 - instrumented while it is imported
    probe = PROBES[name]
    with open(tally, "r+b") as file:
        counts = mmap.mmap(file.fileno(), TALLY.size)

    def read(data: bytes) -> None:
        taken, tried = TALLY.unpack(counts[:])
        counts[:] = TALLY.pack(taken, tried + 1)
        if probe.read(data):
            counts[:] = TALLY.pack(taken + 1, tried + 1)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        changed = probe.mutate(data, seed, lambda part: atheris.Mutate(part, max(max_size, len(part) + 64)))
        return changed[:max_size]

    atheris.Setup([sys.argv[0], *sys.argv[3:]], read, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
