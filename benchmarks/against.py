"""Compare the kernel of this checkout with that of another one, by short turns that alternate.

    python benchmarks/against.py ../other-checkout [rounds]

Each checkout runs in a process of its own, which fills batches of noise on one thread and is timed by that thread's own
clock. In each round both take two turns, in the order A B B A, so that both meet the same machine; the ratio of a round
is of its two means. Where memory lies matters, too: a second run, in new processes, may differ by a few percent.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

_SHOT_S = 0.15
_CANVAS, _STORED, _ROWS = (320, 480), (375, 500), 16
_CASES = [
    (*kind, *where)
    for kind in product(("NHWC", "NCHW"), ("float32", "float16", "uint8"))
    for where in ((0, 0), (1, 0), (1, 1))
]


def main() -> None:
    """Print each case's times in ms a pair, and new / old: the median, and the range over the rounds."""
    here = Path(__file__).parents[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with tempfile.TemporaryDirectory() as kept:
        checkouts = [Path(sys.argv[1]).resolve(), here]
        sides = [_start(checkout / "src", Path(kept) / str(n)) for n, checkout in enumerate(checkouts)]
        for case in _CASES:
            for side in sides:
                _ask(side, case)
            shots = [[_ask(sides[n], _SHOT_S) for n in (0, 1, 1, 0)] for _ in range(rounds)]
            old, new = ([(shot[i] + shot[j]) / 2 for shot in shots] for i, j in ((0, 3), (1, 2)))
            ratios = [after / before for before, after in zip(old, new, strict=True)]
            layout, dtype, flip, beyond = case
            print(  # noqa: T201
                f"{layout} {dtype}{' flipped' if flip else ''}{' half padding' if beyond else ''}: "
                f"old {statistics.median(old):.4f}, new {statistics.median(new):.4f} ms, new / old "
                f"{statistics.median(ratios):.3f} [{min(ratios):.3f}..{max(ratios):.3f}]",
                flush=True,
            )
        for side in sides:
            side.communicate()


def _start(src: Path, kept: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(src), "NUMBA_CACHE_DIR": str(kept)}
    command = [sys.executable, __file__]
    return subprocess.Popen(  # noqa: S603 - this file
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def _ask(side: "subprocess.Popen[str]", question: Any) -> Any:
    assert side.stdin is not None
    assert side.stdout is not None
    print(json.dumps(question), file=side.stdin, flush=True)
    return json.loads(side.stdout.readline())


def _answer() -> None:
    """Take a case, or a turn of so many seconds, from each line of standard input."""
    fill: Callable[[], None] | None = None
    for line in sys.stdin:
        question = json.loads(line)
        if isinstance(question, list):
            fill = _filler(*question)
            answer = 0.0
        else:
            assert fill is not None
            times, begun = [], time.perf_counter()
            while time.perf_counter() - begun < question:
                start = time.thread_time()
                fill()
                times.append(time.thread_time() - start)
            answer = statistics.median(times) / _ROWS * 1e3
        print(answer, flush=True)  # noqa: T201


def _filler(layout: str, dtype: str, flip: int, beyond: int) -> Callable[[], None]:
    """Return a function that fills the next of three batches from the next of three parts of a pack, as threads do."""
    from segfeed.batches.batch_format import BatchFormat  # noqa: PLC0415 - of the checkout that PYTHONPATH names
    from segfeed.batches.kernels import filling  # noqa: PLC0415
    from segfeed.pixels.pair import StoredPairs  # noqa: PLC0415
    from segfeed.plans.rows import ROW  # noqa: PLC0415
    from segfeed.system.slots import Pool  # noqa: PLC0415

    random, pixels = np.random.default_rng(0), _STORED[0] * _STORED[1]
    conversion = filling.make_conversion(BatchFormat(layout, dtype, "int32", void=255), _CANVAS[1], 21, 255)  # type: ignore[arg-type]  # from the command line
    if not filling.load_compiled(conversion):
        raise SystemExit("the compiled kernel is not there, or not trusted")
    images = random.integers(0, 256, 3 * _ROWS * pixels * 3, np.uint8)
    labels = random.integers(0, 21, 3 * _ROWS * pixels).astype(np.uint8)
    shapes = ((_ROWS, *conversion.image_shape(*_CANVAS)), np.dtype(dtype)), ((_ROWS, *_CANVAS), np.dtype(np.int32))
    batches = []
    for part in range(3):
        samples, rows = np.arange(part * _ROWS, (part + 1) * _ROWS), np.zeros(_ROWS, ROW)
        rows["sample"], rows["height"], rows["width"], rows["flip"] = samples, *_CANVAS, flip
        rows["top"], rows["left"] = random.integers(0, 55, _ROWS) - 100 * beyond, random.integers(0, 20, _ROWS)
        rows["left"] -= 200 * beyond
        sizes = np.tile(np.array([_STORED], np.int32), (_ROWS, 1))
        stored = StoredPairs(images, samples * pixels * 3, labels, samples * pixels, sizes)
        slots = (
            Pool(int(np.prod(shape)) * kind.itemsize, keep=1).lease().view(kind).reshape(shape)
            for shape, kind in shapes
        )
        batches.append((conversion, stored, rows, *slots))

    def fill() -> None:
        batches.append(batches.pop(0))
        filling.fill(*batches[0])

    for _ in range(6):  # touch every page
        fill()
    return fill


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main()
    else:
        _answer()
