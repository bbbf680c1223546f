"""SPDL: a pipeline of threads; simplejpeg and Pillow decode."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from peers.reading import PairReader
from turns import Feed, Job, serve_feed

TITLE = "SPDL threads"
REQUIREMENTS = [["spdl-core", "spdl-io", "simplejpeg", "pillow", "numpy"]]
ABOUT = (
    "PipelineBuilder: endless shuffled ids, read + decode (simplejpeg, Pillow) + crop in threads, aggregate, stack. "
    "Tried: as many threads as cores and twice as many, normalising pair by pair in the threads, or batch by batch "
    "in the stage that stacks. NHWC float32, int32."
)
VARIANTS = (
    {"per_core": 1, "normalize": "pair"},
    {"per_core": 2, "normalize": "pair"},
    {"per_core": 1, "normalize": "batch"},
    {"per_core": 2, "normalize": "batch"},
)


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["spdl-core", "simplejpeg", "pillow"])


def _open_feed(job: Job, per_core: int, normalize: str) -> Feed:
    from spdl.pipeline import PipelineBuilder  # noqa: PLC0415

    reader = PairReader(job, normalize=normalize == "pair")
    ids = job.ids

    def endless() -> Iterator[str]:
        while True:
            yield from random.sample(ids, len(ids))

    def stack(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
        images, labels = (np.stack(part) for part in zip(*pairs, strict=True))
        return (images, labels) if normalize == "pair" else (reader.normalized(images), labels.astype(np.int32))

    threads = per_core * job.workers

    def batches() -> Iterator[Any]:
        pipeline = (
            PipelineBuilder()
            .add_source(endless())
            .pipe(reader.read, concurrency=threads)
            .aggregate(job.batch_size)
            .pipe(stack, concurrency=job.workers)
            .add_sink(3)
            .build(num_threads=threads)
        )
        with pipeline.auto_stop():
            yield from pipeline.get_iterator()

    return Feed(batches, lambda batch: batch)


if __name__ == "__main__":
    main()
