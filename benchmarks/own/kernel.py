"""segfeed's kernel alone: threads that fill batches of their own from a pack, without plan, sharing or hand-over."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import numpy as np
from own.floor import Batch, repeat_each
from own.warm import open_train
from turns import Job, serve_turn

import segfeed
from segfeed.batches.readers import conversion_for, fill_rows
from segfeed.plans.rows import Rows
from segfeed.system.slots import Pool

_SLOTS = 3  # of each thread: as many as the loader's threads have between them


def main() -> None:
    """Share the batches of an epoch among threads, which fill them again and again."""
    job = Job.read()
    train = open_train(job)
    train.warm_up()
    steps = [train.plan.rows(0, step) for step in range(len(train))]
    fillers = [_filler(train, steps[thread :: job.workers]) for thread in range(job.workers)]
    for fill in fillers:  # touch every page once
        for _ in range(max(_SLOTS, len(steps))):
            fill()
    with ThreadPoolExecutor(job.workers) as threads:
        serve_turn(lambda seconds: repeat_each(threads, fillers, job.batch_size, seconds), job, ["segfeed", "numba"])


def _filler(train: segfeed.Loader, steps: Sequence[Rows]) -> Batch:
    height, width = train.plan.canvas
    pixels = train.batch_size * height * width
    slots = cycle(
        (
            Pool(12 * pixels, keep=1).lease().view(np.float32).reshape(-1, height, width, 3),
            Pool(4 * pixels, keep=1).lease().view(np.int32).reshape(-1, height, width),
        )
        for _ in range(_SLOTS)
    )
    conversion, batches = conversion_for(train.format, train.reader.legend, train.plan), cycle(steps)
    return lambda: fill_rows(train.reader, conversion, next(batches), *next(slots))


if __name__ == "__main__":
    main()
