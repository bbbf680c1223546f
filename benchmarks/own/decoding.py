"""From files: bare parallel decoding, also written to the disk, photos alone, segfeed without a pack, packing."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
from own.warm import open_train, warm_up
from PIL import Image
from turns import Job, Turn, serve_turn

import segfeed
from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import fill, load_compiled, make_conversion
from segfeed.pixels.pair import Pair, StoredPairs
from segfeed.plans.rows import make_row

Pixels = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
_BETWEEN_SYNCS = 64  # pairs after which the disk is asked to catch up


def main() -> None:
    """Do what the job's options say."""
    job = Job.read()
    kinds = {"bare": _bare, "written": _written, "disk": _disk, "photos": _photos, "cold": _cold, "pack": _pack}
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
    """Decode in threads as `_bare` does, and write the pixels."""
    return _writer(job, _decode)


def _disk(job: Job) -> Turn:
    """Write the first pair's pixels as often as there are pairs: what the disk takes while nobody decodes."""
    first = _decode(_pairs(job)[0])
    return _writer(job, lambda _: first)


def _writer(job: Job, decode: Callable[[tuple[str, str]], Pixels]) -> Turn:
    """Write pixels in threads, each pair to its place in one file, and bring them to the disk meanwhile."""
    pairs, path = _pairs(job), Path(job.cache_dir) / "pixels"
    places = np.cumsum([0, *(sum(map(np.size, decode(pair))) for pair in pairs)]).tolist()

    def write_all() -> tuple[int, float]:
        os.sync()  # what was written and removed before is not charged
        start = time.perf_counter()
        with path.open("xb", buffering=0) as file, ThreadPoolExecutor(1) as disk:

            def write(number: int) -> None:
                image, labels = decode(pairs[number])
                os.pwrite(file.fileno(), image, places[number])
                os.pwrite(file.fileno(), labels, places[number] + image.size)
                if number % _BETWEEN_SYNCS == 0:
                    disk.submit(os.fsync, file.fileno())

            with ThreadPoolExecutor(job.workers) as threads:
                list(threads.map(write, range(len(pairs))))
            disk.submit(os.fsync, file.fileno()).result()
        seconds = time.perf_counter() - start
        path.unlink()
        return len(pairs), seconds

    return _second_of(write_all)


def _second_of(work: Callable[[], tuple[int, float]]) -> Turn:
    """Do the work twice and count the second time, which finds memory for the page cache where the first one left it.

    A virtual machine hands unused memory back to its host, and taking it again can cost more than all the writing: what
    wrote last before a turn would decide the turn.
    """

    def turn(_at_least_s: float) -> tuple[int, float]:
        work()
        return work()

    return turn


def _pairs(job: Job) -> list[tuple[str, str]]:
    return [(job.photo(key), job.mask(key)) for key in job.ids]


def _decode(pair: tuple[str, str]) -> Pixels:
    return simplejpeg.decode_jpeg(Path(pair[0]).read_bytes()), np.array(Image.open(pair[1]))


def _photos(job: Job) -> Turn:
    """Decode the photos into memory that is used again, and fill crops of them: without masks, plan, queue or slots."""
    height, width = job.crop_size
    photos = [Path(job.photo(key)) for key in job.ids]
    sizes = np.array([simplejpeg.decode_jpeg_header(path.read_bytes())[:2] for path in photos])
    places = np.random.default_rng(0).integers(0, sizes - job.crop_size + 1)
    conversion = make_conversion(BatchFormat(layout="NHWC", label_dtype="int32", void=255), width, 21, 255)
    load_compiled(conversion)

    def part(mine: npt.NDArray[np.int64]) -> Callable[[], None]:
        memory = np.zeros(4 * int(sizes.prod(axis=1).max()), np.uint8)
        images = np.zeros((job.batch_size, height, width, 3), np.float32)
        labels = np.zeros((job.batch_size, height, width), np.int32)

        def work() -> None:
            for n, photo in enumerate(mine.tolist()):
                size = sizes[photo]
                image, unlabelled = np.split(memory[: 4 * size.prod()], [3 * size.prod()])
                pair = Pair(image.reshape(*size, 3), unlabelled.reshape(size))
                simplejpeg.decode_jpeg(photos[photo].read_bytes(), "RGB", strict=True, buffer=pair.image)
                top, left = places[photo]
                row = make_row(sample=photo, top=top, left=left, height=height, width=width)[None]
                place = slice(n % job.batch_size, n % job.batch_size + 1)
                fill(conversion, StoredPairs.of(pair), row, images[place], labels[place])

        return work

    parts = [part(mine) for mine in np.array_split(np.arange(len(photos)), job.workers)]
    for work in parts:  # touch every page once
        work()

    def turn(_at_least_s: float) -> tuple[int, float]:
        start = time.perf_counter()
        with ThreadPoolExecutor(job.workers) as threads:
            list(threads.map(lambda work: work(), parts))
        return len(photos), time.perf_counter() - start

    return turn


def _cold(job: Job) -> Turn:
    options = {name: value for name, value in job.options.items() if name != "kind"}
    train = open_train(replace(job, options=options), pack=False)
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

    def pack() -> tuple[int, float]:
        fresh = tempfile.mkdtemp(dir=job.cache_dir)
        os.sync()  # as in `_writer`
        start = time.perf_counter()
        segfeed.make_pack(source, cache_dir=fresh, threads=job.workers).close()
        seconds = time.perf_counter() - start
        shutil.rmtree(fresh)
        return len(source), seconds

    return _second_of(pack)


if __name__ == "__main__":
    main()
