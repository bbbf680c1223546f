"""Albumentations 2.0.8 on decoded arrays in memory, in threads and in DataLoader's processes."""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from peers.loading import open_loader
from peers.warping import (
    AGAINST,
    CHANCE,
    ENVIRONMENT,
    FILL,
    LEVELS,
    REQUIREMENTS,
    VOID,
    colours,
    decoded,
    endless,
)
from turns import MEAN, STD, Feed, Job, serve_feed

__all__ = ["AGAINST", "ENVIRONMENT", "REQUIREMENTS"]

TITLE = "albumentations, decoded in memory"
ABOUT = (
    "Decoded arrays in memory; RandomScale, PadIfNeeded, RandomCrop, HorizontalFlip, RandomBrightnessContrast, "
    "HueSaturationValue, Normalize. Tried: as many threads as cores, each with a Compose of its own, and "
    "DataLoader with as many processes and twice as many. NHWC float32; labels int32 in threads, int64 in processes."
)
VARIANTS = ({"threads": True, "per_core": 1}, {"threads": False, "per_core": 1}, {"threads": False, "per_core": 2})


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["albumentations", "opencv-python-headless"])


def _compose(job: Job, seed: int | None) -> Any:
    import albumentations as A  # noqa: PLC0415, N812 - its users' name
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(0)
    height, width = job.crop_size
    distortion = [
        A.RandomBrightnessContrast(LEVELS / 255, 0.5, brightness_by_max=True, p=CHANCE),
        A.HueSaturationValue(18, 64, 0, p=CHANCE),
    ]
    return A.Compose(
        [
            A.RandomScale((-0.5, 1.0), cv2.INTER_LINEAR, mask_interpolation=cv2.INTER_NEAREST_EXACT, p=1),
            A.PadIfNeeded(height, width, position="top_left", fill=FILL, fill_mask=VOID),
            A.RandomCrop(height, width),
            A.HorizontalFlip(p=0.5),
            *(distortion if colours(job) else []),
            A.Normalize(MEAN.tolist(), STD.tolist()),
        ],
        seed=seed,
    )


def _open_feed(job: Job, *, threads: bool, per_core: int) -> Feed:
    pairs = decoded(job)
    if not threads:
        transform = _compose(job, None)

        def make(n: int) -> tuple[Any, Any]:
            made = transform(image=pairs[n][0], mask=pairs[n][1])
            return made["image"], made["mask"].astype(np.int64)

        return open_loader(job, make, per_core * job.workers)

    count, own = per_core * job.workers, threading.local()
    seeds = iter(range(count))

    def begin() -> None:
        own.transform = _compose(job, next(seeds))  # a Compose keeps what it has drawn: each thread needs its own

    def share(chosen: list[int]) -> list[tuple[Any, Any]]:
        made = [own.transform(image=pairs[n][0], mask=pairs[n][1]) for n in chosen]
        return [(each["image"], each["mask"]) for each in made]

    pool = ThreadPoolExecutor(count, initializer=begin)

    def batches() -> Iterator[Any]:
        order, running = endless(len(pairs), 0), deque[Any]()
        while True:
            chosen = [next(order) for _ in range(job.batch_size)]
            running.append([pool.submit(share, chosen[n::count]) for n in range(count)])
            if len(running) > 2:  # two batches ahead: threads never wait for the end of one
                images, labels = zip(*(pair for part in running.popleft() for pair in part.result()), strict=True)
                yield np.stack(images), np.stack(labels).astype(np.int32)

    return Feed(batches, lambda batch: batch, pool.shutdown)


if __name__ == "__main__":
    main()
