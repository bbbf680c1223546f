"""Time from `segfeed.load` on an existing pack to the first batch, in a fresh process, after `import segfeed`."""

import json
import time

from turns import Job

import segfeed


def main() -> None:
    """Load, take one batch, print the seconds."""
    job = Job.read()
    start = time.perf_counter()
    train, _ = segfeed.load(
        job.root, job.batch_size, job.crop_size, splits=("train", None), threads=job.workers, cache_dir=job.cache_dir
    )
    epoch = iter(train)  # kept: dropping it would wait for the batches under way
    images, _labels = next(epoch)
    seconds = time.perf_counter() - start
    assert len(images) == job.batch_size
    print(json.dumps({"seconds": seconds, "pairs": len(train.reader.keys)}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
