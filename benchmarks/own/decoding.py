"""From files: bare parallel decoding, segfeed without a pack, and the making of a pack."""

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import simplejpeg
from own.warm import warm_up
from PIL import Image
from turns import Job, Turn, serve_turn

import segfeed


def main() -> None:
    """Do what the job's options say."""
    job = Job.read()
    kinds = {"bare": _bare, "cold": _cold, "pack": _pack}
    serve_turn(kinds[job.options["kind"]](job), job, ["segfeed", "simplejpeg", "pillow"])


def _bare(job: Job) -> Turn:
    """Read and decode each file once, in threads, and drop the pixels."""
    pairs = [(job.photo(key), job.mask(key)) for key in job.ids]

    def decode(pair: tuple[str, str]) -> int:
        image = simplejpeg.decode_jpeg(Path(pair[0]).read_bytes())
        return int(image.size + np.array(Image.open(pair[1])).size)

    def turn(_at_least_s: float) -> tuple[int, float]:
        start = time.perf_counter()
        with ThreadPoolExecutor(job.workers) as threads:
            done = sum(size > 0 for size in threads.map(decode, pairs))
        return done, time.perf_counter() - start

    return turn


def _cold(job: Job) -> Turn:
    train, _ = segfeed.load(
        job.root, job.batch_size, job.crop_size, splits=("train", None), small="error", threads=job.workers, pack=False
    )
    assert train is not None
    warm_up(train, epochs=1)

    def turn(_at_least_s: float) -> tuple[int, float]:
        start = time.perf_counter()
        for images, labels in train:  # noqa: B007 - a consumer that does nothing else
            pass
        return len(train) * job.batch_size, time.perf_counter() - start

    return turn


def _pack(job: Job) -> Turn:
    """Make a pack from nothing, as a first run does: hash, decode, check, write, fsync; then remove it, untimed."""
    source = segfeed.scan(job.root, "train")

    def turn(_at_least_s: float) -> tuple[int, float]:
        fresh = tempfile.mkdtemp(dir=job.cache_dir)
        start = time.perf_counter()
        segfeed.make_pack(source, cache_dir=fresh, threads=job.workers).close()
        seconds = time.perf_counter() - start
        shutil.rmtree(fresh)
        return len(source), seconds

    return turn


if __name__ == "__main__":
    main()
