"""segfeed from an existing pack: whole epochs, begin and end included, in the format that the job's options give."""

import time
from dataclasses import replace
from typing import Any

from turns import Job, serve_turn, show

import segfeed


def main() -> None:
    """Load, warm up, take turns."""
    job = Job.read()
    chart = job.options.get("chart")
    for batch in open_train(replace(job, root=chart, options=geometry(job.options)) if chart else job):
        show(job, batch.images, batch.labels)
        break
    train = open_train(job)
    warm_up(train)

    def turn(at_least_s: float) -> tuple[int, float]:
        epochs, start = 0, time.perf_counter()
        while time.perf_counter() - start < at_least_s:
            for images, labels in train:  # noqa: B007 - a consumer that does nothing else
                pass
            epochs += 1
        return epochs * len(train) * job.batch_size, time.perf_counter() - start

    serve_turn(turn, job, ["segfeed", "numpy", "numba"])


def open_train(job: Job, **options: Any) -> segfeed.Loader:
    """Open the pack that the benchmark made of the job's files; `augment` among the job's options is an `Augment`."""
    wanted = {"small": "error", "cache_dir": job.cache_dir} | job.options | options
    wanted.pop("chart", None)
    if "augment" in wanted:
        wanted |= {"augment": segfeed.Augment(**wanted["augment"]), "small": "pad"}
    train, _ = segfeed.load(
        job.root, job.batch_size, job.crop_size, splits=("train", None), threads=job.workers, **wanted
    )
    assert train is not None
    return train


def geometry(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out colours, which a comparison of places could not see through."""
    coloured = "brightness", "contrast", "saturation", "hue", "chart"
    augment = {name: value for name, value in options["augment"].items() if name not in coloured}
    return {name: value for name, value in options.items() if name != "chart"} | {"augment": augment}


def warm_up(train: segfeed.Loader, epochs: int = 3) -> None:
    """Load the compiled kernel for this format, then run some epochs: slots, page cache and mapping get warm."""
    train.warm_up()
    for _ in range(epochs):
        for _batch in train:
            pass


if __name__ == "__main__":
    main()
