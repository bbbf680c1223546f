"""OpenCV by hand: decoded pairs in memory, threads, the window alone resized, NumPy normalises into reused batches."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from peers.warping import (
    CHANCE,
    CONTRAST,
    DEGREES,
    ENVIRONMENT,
    FACTORS,
    FILL,
    LEVELS,
    REQUIREMENTS,
    SATURATION,
    VOID,
    Slots,
    colours,
    decoded,
    endless,
    normaliser,
)
from turns import Feed, Job, serve_feed

__all__ = ["ENVIRONMENT", "REQUIREMENTS"]

TITLE = "OpenCV by hand, decoded in memory: scale + flip"
AGAINST = ("aug-scale",)
OPTIONS = {"colours": False}
ABOUT = (
    "Decoded arrays in memory; the window is cut out of the photo and cv2.resize'd (INTER_LINEAR, labels "
    "INTER_NEAREST_EXACT), cv2.flip, NumPy normalises whole lines into batches that are used again; a pool of threads. "
    "Tried: as many threads as cores and twice as many, each pair or a share of the batch a task. NHWC float32, int32."
)
VARIANTS = (
    {"per_core": 1, "task": "pair"},
    {"per_core": 2, "task": "pair"},
    {"per_core": 1, "task": "share"},
)


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["opencv-python-headless", "numpy"])


def warp(image: Any, labels: Any, size: tuple[int, int], random: Any, *, colour: bool) -> tuple[Any, Any]:
    """Scale, crop, pad below and to the right, mirror and, if wanted, change colours: uint8 (H, W, 3) and (H, W)."""
    import cv2  # noqa: PLC0415

    (height, width), factor = labels.shape, random.uniform(*FACTORS)
    (top, bottom), (left, right) = (
        _window(side, factor, wanted, random) for side, wanted in ((height, size[0]), (width, size[1]))
    )
    shown = tuple(
        min(wanted, round((last - first) * factor))
        for (first, last), wanted in zip(((top, bottom), (left, right)), size, strict=True)
    )
    image = cv2.resize(image[top:bottom, left:right], shown[::-1], interpolation=cv2.INTER_LINEAR)
    labels = cv2.resize(labels[top:bottom, left:right], shown[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    if random.random() < CHANCE:
        image, labels = cv2.flip(image, 1), cv2.flip(labels, 1)
    if colour:
        image = distort(image, random)
    if shown != size:
        edges = 0, size[0] - shown[0], 0, size[1] - shown[1]
        image = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=FILL)
        labels = cv2.copyMakeBorder(labels, *edges, cv2.BORDER_CONSTANT, value=VOID)
    return image, labels


def _window(side: int, factor: float, wanted: int, random: Any) -> tuple[int, int]:
    """Draw which px of a side of the photo make `wanted` px of the scaled one."""
    length = min(side, round(wanted / factor))
    first = int(random.integers(side - length + 1))
    return first, first + length


def distort(image: Any, random: Any) -> Any:
    """Change colours as mmsegmentation's PhotoMetricDistortion does, with tables for what needs no HSV."""
    import cv2  # noqa: PLC0415

    table = np.arange(256, dtype=np.float32)
    contrast = random.uniform(*CONTRAST) if random.random() < CHANCE else 1.0
    first = random.random() < CHANCE
    if random.random() < CHANCE:
        table = np.clip(table + random.uniform(-LEVELS, LEVELS), 0, 255)
    if first:
        table = table * contrast
    image = cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8))
    saturation = random.uniform(*SATURATION) if random.random() < CHANCE else 1.0
    hue = random.uniform(*DEGREES) / 2 if random.random() < CHANCE else 0.0
    if saturation != 1 or hue:
        levels = np.arange(256, dtype=np.float32)
        tables = (levels + hue) % 180, np.clip(levels * saturation, 0, 255), levels
        hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), np.stack(tables, -1).astype(np.uint8)[None])
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if not first and contrast != 1:
        image = cv2.LUT(image, np.clip(np.arange(256) * contrast, 0, 255).astype(np.uint8))
    return image


def _open_feed(job: Job, per_core: int, task: str) -> Feed:
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(0)  # the pool's threads are enough: one batch's crops are independent
    pairs, slots, normalise, colour = decoded(job), Slots(job, 4), normaliser(job), colours(job)
    threads = per_core * job.workers
    pool = ThreadPoolExecutor(threads)

    def fill(images: Any, labels: Any, chosen: list[int], seed: int) -> None:
        random = np.random.default_rng(seed)
        for place, n in enumerate(chosen):
            pixels, labels[place] = warp(*pairs[n], job.crop_size, random, colour=colour)
            normalise(pixels, images[place])

    def batches() -> Iterator[Any]:
        order, count = endless(len(pairs), 0), job.batch_size if task == "pair" else threads
        bounds = np.linspace(0, job.batch_size, count + 1).astype(int).tolist()
        running = deque[Any]()
        for seed in range(0, 10**9, count):
            images, labels = slots.take()
            chosen = [next(order) for _ in range(job.batch_size)]
            parts = [
                pool.submit(fill, images[a:b], labels[a:b], chosen[a:b], seed + part)
                for part, (a, b) in enumerate(pairwise(bounds))
            ]
            running.append(((images, labels), parts))
            if len(running) > 2:  # two batches ahead: threads never wait for the end of one
                batch, parts = running.popleft()
                for part in parts:
                    part.result()
                yield batch

    return Feed(batches, lambda batch: batch, pool.shutdown)


if __name__ == "__main__":
    main()
