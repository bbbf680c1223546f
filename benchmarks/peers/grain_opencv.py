"""Grain: a MapDataset read by threads; simplejpeg and Pillow decode, OpenCV scales, mirrors and colours."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from peers.opencv import warp
from peers.warping import AGAINST, ENVIRONMENT, REQUIREMENTS, colours, normaliser, read_pair
from turns import Feed, Job, serve_feed

__all__ = ["AGAINST", "ENVIRONMENT", "REQUIREMENTS"]

TITLE = "Grain threads + OpenCV, from files"
ABOUT = (
    "MapDataset.source(ids).shuffle().repeat().random_map(decode (simplejpeg, Pillow) + the warp of the OpenCV row, "
    "with colours + normalise), read by threads (ReadOptions), batches made in them. Tried: as many threads as cores "
    "and twice as many. NHWC float32, int32."
)
VARIANTS = ({"per_core": 1}, {"per_core": 2})


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["grain", "opencv-python-headless", "simplejpeg"])


def _open_feed(job: Job, per_core: int) -> Feed:
    import cv2  # noqa: PLC0415
    import grain  # noqa: PLC0415

    cv2.setNumThreads(0)
    threads, normalise, colour = per_core * job.workers, normaliser(job), colours(job)

    def make(key: str, random: Any) -> tuple[Any, Any]:
        pixels, labels = warp(*read_pair(job, key), job.crop_size, random, colour=colour)
        image = np.empty((*job.crop_size, 3), np.float32)
        normalise(pixels, image)
        return image, labels.astype(np.int32)

    pairs = grain.MapDataset.source(job.ids).seed(0).shuffle().repeat().random_map(make)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)

    def batches() -> Iterator[Any]:
        return iter(pairs.batch(job.batch_size).to_iter_dataset(options))

    return Feed(batches, lambda each: each)


if __name__ == "__main__":
    main()
