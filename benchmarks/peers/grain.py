"""Grain: a MapDataset read by threads; simplejpeg and Pillow decode."""

from collections.abc import Iterator
from typing import Any

from peers.reading import PairReader
from turns import Feed, Job, serve_feed

TITLE = "Grain threads"
REQUIREMENTS = [["grain", "simplejpeg", "pillow", "numpy"]]
ABOUT = (
    "MapDataset.source(ids).shuffle().repeat().map(read + decode (simplejpeg, Pillow) + crop + normalise), read by "
    "threads (ReadOptions). Tried: as many threads as cores and twice as many, batches made in the threads or after "
    "them. NHWC float32, int32."
)
VARIANTS = (
    {"per_core": 1, "batch": "threads"},
    {"per_core": 2, "batch": "threads"},
    {"per_core": 1, "batch": "after"},
    {"per_core": 2, "batch": "after"},
)


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["grain", "simplejpeg", "pillow"])


def _open_feed(job: Job, per_core: int, batch: str) -> Feed:
    import grain  # noqa: PLC0415

    threads = per_core * job.workers
    pairs = grain.MapDataset.source(job.ids).seed(0).shuffle().repeat().map(PairReader(job).read)

    def batches() -> Iterator[Any]:
        if batch == "threads":
            options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
            return iter(pairs.batch(job.batch_size).to_iter_dataset(options))
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * job.batch_size)
        return iter(pairs.to_iter_dataset(options).batch(job.batch_size))

    return Feed(batches, lambda each: each)


if __name__ == "__main__":
    main()
