"""segfeed from an existing pack: whole epochs, begin and end included, in the format that the job's options give."""

import time

from turns import Job, serve_turn, show

import segfeed


def main() -> None:
    """Load, warm up, take turns."""
    job = Job.read()
    train = open_train(job)
    warm_up(train)
    for batch in train:
        show(job, batch.images, batch.labels)
        break

    def turn(at_least_s: float) -> tuple[int, float]:
        epochs, start = 0, time.perf_counter()
        while time.perf_counter() - start < at_least_s:
            for images, labels in train:  # noqa: B007 - a consumer that does nothing else
                pass
            epochs += 1
        return epochs * len(train) * job.batch_size, time.perf_counter() - start

    serve_turn(turn, job, ["segfeed", "numpy", "numba"])


def open_train(job: Job) -> segfeed.Loader:
    """Open the pack that the benchmark made of the job's files."""
    train, _ = segfeed.load(
        job.root,
        job.batch_size,
        job.crop_size,
        splits=("train", None),
        small="error",
        threads=job.workers,
        cache_dir=job.cache_dir,
        **job.options,
    )
    assert train is not None
    return train


def warm_up(train: segfeed.Loader, epochs: int = 3) -> None:
    """Load the compiled kernel for this format, then run some epochs: slots, page cache and mapping get warm."""
    train.warm_up()
    for _ in range(epochs):
        for _batch in train:
            pass


if __name__ == "__main__":
    main()
