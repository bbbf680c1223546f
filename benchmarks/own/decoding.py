"""From files: bare parallel decoding, the same written to the disk, segfeed without a pack, and the making of a pack."""

import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
from own.warm import warm_up
from PIL import Image
from turns import Job, Turn, serve_turn

import segfeed
from segfeed.parallel import in_order

_WAITING = 64  # pairs that are decoded ahead of the disk, and after how many it is asked to catch up


def main() -> None:
    """Do what the job's options say."""
    job = Job.read()
    kinds = {"bare": _bare, "written": _written, "cold": _cold, "pack": _pack}
    serve_turn(kinds[job.options["kind"]](job), job, ["segfeed", "simplejpeg", "pillow"])


def _bare(job: Job) -> Turn:
    """Read and decode each file once, in threads, and drop the pixels."""

    def decode(pair: tuple[str, str]) -> int:
        return sum(array.size for array in _decode(pair))

    def turn(_at_least_s: float) -> tuple[int, float]:
        start = time.perf_counter()
        with ThreadPoolExecutor(job.workers) as threads:
            done = sum(size > 0 for size in threads.map(decode, _pairs(job)))
        return done, time.perf_counter() - start

    return turn


def _written(job: Job) -> Turn:
    """Decode in threads as `_bare` does, write the pixels to a file in order, and bring them to the disk meanwhile."""
    pairs = _pairs(job)

    def turn(_at_least_s: float) -> tuple[int, float]:
        path = Path(tempfile.mkstemp(dir=job.cache_dir)[1])
        start = time.perf_counter()
        with path.open("wb", buffering=0) as file, ThreadPoolExecutor(1) as disk:
            decoded = in_order(lambda n: _decode(pairs[n]), len(pairs), job.workers, ahead=_WAITING)
            for done, (image, labels) in enumerate(decoded, 1):
                file.write(image)
                file.write(labels)
                if done % _WAITING == 0:
                    disk.submit(os.fsync, file.fileno())
            disk.submit(os.fsync, file.fileno()).result()
        seconds = time.perf_counter() - start
        path.unlink()
        return len(pairs), seconds

    return turn


def _pairs(job: Job) -> list[tuple[str, str]]:
    return [(job.photo(key), job.mask(key)) for key in job.ids]


def _decode(pair: tuple[str, str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    return simplejpeg.decode_jpeg(Path(pair[0]).read_bytes()), np.array(Image.open(pair[1]))


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
