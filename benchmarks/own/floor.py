"""The floor: threads that only write, stream or copy as many bytes as a batch has. No barrier, no queue, no reading."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit
from turns import Job, serve_turn

from segfeed.batches.kernels.streaming import order_stores, pointer_to, store_line
from segfeed.system.slots import Pool

Batch = Callable[[], None]


def main() -> None:
    """Fill, stream or copy, as the job's options say."""
    job = Job.read()
    height, width = job.crop_size
    pixels = job.batch_size * height * width
    if job.options["kind"] == "fill":
        writers = [_filler(pixels) for _ in range(job.workers)]
    elif job.options["kind"] == "stream":
        writers = [_streamer(pixels) for _ in range(job.workers)]
    else:
        source = _pack_like(job.options["pack_bytes"])
        parts = np.array_split(source, job.workers)
        writers = [_copier(part, 4 * pixels) for part in parts]
    for write in writers:  # touch every page once
        write()
    with ThreadPoolExecutor(job.workers) as threads:
        serve_turn(lambda seconds: repeat_each(threads, writers, job.batch_size, seconds), job, ["numpy", "numba"])


def repeat_each(
    threads: ThreadPoolExecutor, writers: list[Batch], batch_size: int, at_least_s: float
) -> tuple[int, float]:
    """Let every thread write batches of its own; speeds add up."""
    begun = time.perf_counter()

    def repeat(write: Batch) -> tuple[int, float]:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - begun < at_least_s:
            write()
            count += 1
        return count, time.perf_counter() - start

    results = list(threads.map(repeat, writers))
    speed = sum(count / seconds for count, seconds in results)
    seconds = max(seconds for _, seconds in results)
    return round(speed * seconds * batch_size), seconds


def _filler(pixels: int) -> Batch:
    images, labels = np.empty(3 * pixels, np.float32), np.empty(pixels, np.int32)

    def write() -> None:
        images.fill(0.5)
        labels.fill(7)

    return write


def _streamer(pixels: int) -> Batch:
    """Stream the same cached line past the caches, into memory of large pages as segfeed's slots are."""
    line = np.full(5760, 7, np.uint8)
    size = (3 + 1) * 4 * pixels // len(line) * len(line)  # float32 in three channels and int32
    target = Pool(size, keep=1).lease()
    return lambda: _stream(line, target)


@njit(nogil=True)
def _stream(line: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> None:
    for place in range(0, len(target), len(line)):
        store_line((pointer_to(target, place),), 0, pointer_to(line, 0), len(line), None)
    order_stores()


def _copier(source: npt.NDArray[np.uint8], size: int) -> Batch:
    target, position = np.empty(size, np.uint8), 0

    def write() -> None:
        nonlocal position
        if position + size > len(source):
            position = 0
        np.copyto(target, source[position : position + size])
        position += size

    return write


def _pack_like(size: int) -> npt.NDArray[np.uint8]:
    """Make uint8 (size,) with a page of its own for every 4 KiB, as a pack in memory has."""
    source = np.empty(size, np.uint8)
    source.fill(3)
    return source


if __name__ == "__main__":
    main()
