"""FFCV: decoded pairs in one file, mapped; crop and normalisation as one compiled operation of its own kind."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from turns import MEAN, STD, Feed, Job, serve_feed

TITLE = "FFCV, packed"
AGAINST = ("warm", "cold", "stream")
REQUIREMENTS = [
    ["torch==2.13.0", "numpy<2", "numba", "setuptools", "wheel", "pillow"],
    ["opencv-python-headless", "tqdm", "terminaltables", "fastargs", "pandas", "psutil", "assertpy", "imgcat"],
    ["--no-deps", "--no-build-isolation", "ffcv"],
]
NEEDS = "it is built from source and needs a C++ compiler, pkg-config and the headers of OpenCV and libturbojpeg"
ABOUT = (
    "Photo and labels decoded into one .beton beforehand, not charged; os_cache; random order. FFCV has no crop for "
    "pairs, so two compiled parallel operations were written for it: one that crops and normalises while reading the "
    "mapped file (cut=reading), one that follows FFCV's own decoder (cut=decoded). Operations share no draw: a "
    "window's place depends on the sample alone and is the same in every epoch. NHWC float32, int32, left as NumPy "
    "arrays; batch memory is overwritten while the consumer may hold it."
)
_HEAD_BYTES = 4  # height and width, big-endian
VARIANTS = ({"cut": "reading"}, {"cut": "decoded"})


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["ffcv", "numba", "numpy"])


class _Pairs:
    """Return record n: height, width, image bytes, label bytes, and zeros up to the largest pair's size."""

    def __init__(self, job: Job) -> None:
        self._job, self._ids = job, job.ids
        pixels = max(width * height for width, height in (Image.open(job.mask(key)).size for key in self._ids))
        self.size = _HEAD_BYTES + 4 * pixels

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, n: int) -> tuple[Any]:
        key = self._ids[n]
        image, labels = (np.asarray(Image.open(path)) for path in (self._job.photo(key), self._job.mask(key)))
        record = np.zeros(self.size, np.uint8)
        parts = (np.array(labels.shape, ">u2").view(np.uint8), image.ravel(), labels.ravel())
        record[: sum(map(len, parts))] = np.concatenate(parts)
        return (record,)


def _write(job: Job) -> Path:
    from ffcv.fields import NDArrayField  # noqa: PLC0415 - the list of peers is read without them
    from ffcv.writer import DatasetWriter  # noqa: PLC0415

    path = Path(job.cache_dir) / "pairs.beton"
    if not path.exists():
        pairs, unfinished = _Pairs(job), path.with_suffix(".unfinished")
        fields = {"pair": NDArrayField(np.dtype(np.uint8), (pairs.size,))}
        DatasetWriter(str(unfinished), fields, num_workers=job.workers).from_indexed_dataset(pairs)
        unfinished.rename(path)
    return path


def _image_cut(size: tuple[int, int]) -> Callable[..., Any]:
    """Write the code that cuts and normalises one image; FFCV's compiler takes it from there."""
    height, width = size
    scale, bias = (np.tile(part, width).astype(np.float32) for part in (1 / (255 * STD), -MEAN / STD))

    def cut(record: Any, sample: Any, out: Any) -> None:
        tall, wide = record[0] * 256 + record[1], record[2] * 256 + record[3]
        place = sample * 2654435761
        top, left = place % (tall - height + 1), (place // 65536) % (wide - width + 1)
        for y in range(height):
            start = 4 + ((top + y) * wide + left) * 3
            for x in range(3 * width):
                out[y, x] = np.float32(record[start + x]) * scale[x] + bias[x]

    return cut


def _label_cut(size: tuple[int, int]) -> Callable[..., Any]:
    """Write the code that cuts one photo's labels, at the same place."""
    height, width = size

    def cut(record: Any, sample: Any, out: Any) -> None:
        tall, wide = record[0] * 256 + record[1], record[2] * 256 + record[3]
        place = sample * 2654435761
        top, left = place % (tall - height + 1), (place // 65536) % (wide - width + 1)
        for y in range(height):
            start = 4 + 3 * tall * wide + (top + y) * wide + left
            for x in range(width):
                out[y, x] = record[start + x]

    return cut


def _operations(cut: Any, shape: tuple[int, int], dtype: Any) -> tuple[Any, Any]:
    """Make two operations of a cut: a decoder that reads the mapped file, and one that follows FFCV's own decoder."""
    from ffcv.fields.decoders import NDArrayDecoder  # noqa: PLC0415
    from ffcv.pipeline.allocation_query import AllocationQuery  # noqa: PLC0415
    from ffcv.pipeline.compiler import Compiler  # noqa: PLC0415
    from ffcv.pipeline.operation import Operation  # noqa: PLC0415

    def declare(_self: Any, previous_state: Any) -> Any:
        state = replace(previous_state, jit_mode=True, shape=shape, dtype=np.dtype(dtype))
        return state, AllocationQuery(shape, np.dtype(dtype))

    def reading_code(self: Any) -> Any:
        each, read, one = Compiler.get_iterator(), self.memory_read, Compiler.compile(cut)

        def code(indices: Any, out: Any, metadata: Any, storage: Any) -> Any:
            for n in each(indices.shape[0]):
                one(read(metadata[indices[n]], storage), indices[n], out[n])
            return out

        code.is_parallel = True  # type: ignore[attr-defined]
        return code

    def following_code(_self: Any) -> Any:
        each, one = Compiler.get_iterator(), Compiler.compile(cut)

        def code(records: Any, out: Any, indices: Any) -> Any:
            for n in each(indices.shape[0]):
                one(records[n], indices[n], out[n])
            return out

        code.is_parallel = code.with_indices = True  # type: ignore[attr-defined]
        return code

    reading = type("Read", (NDArrayDecoder,), {"declare_state_and_memory": declare, "generate_code": reading_code})
    following = type("Follow", (Operation,), {"declare_state_and_memory": declare, "generate_code": following_code})
    return reading(), following()


def _pipelines(job: Job, cut: str) -> dict[str, Any]:
    from ffcv.fields.decoders import NDArrayDecoder  # noqa: PLC0415
    from ffcv.pipeline.pipeline_spec import PipelineSpec  # noqa: PLC0415

    height, width = job.crop_size
    images = _operations(_image_cut(job.crop_size), (height, 3 * width), np.float32)
    labels = _operations(_label_cut(job.crop_size), (height, width), np.int32)
    if cut == "reading":
        return {"images": PipelineSpec("pair", images[0]), "labels": PipelineSpec("pair", labels[0])}
    decoder = NDArrayDecoder()  # decodes once, for both
    return {
        "images": PipelineSpec("pair", decoder, [images[1]]),
        "labels": PipelineSpec(decoder, None, [labels[1]]),
    }


def _open_feed(job: Job, cut: str) -> Feed:
    from ffcv.loader import Loader, OrderOption  # noqa: PLC0415

    height, width = job.crop_size
    loader = Loader(
        str(_write(job)),
        batch_size=job.batch_size,
        num_workers=job.workers,
        order=OrderOption.RANDOM,
        os_cache=True,
        indices=np.tile(np.arange(len(job.ids), dtype=np.uint64), 200),  # a long epoch: its begin is not charged
        pipelines={"pair": None} | _pipelines(job, cut),
    )

    def batches() -> Iterator[Any]:
        return iter(loader)

    def arrays(batch: Any) -> tuple[Any, Any]:
        return np.array(batch[0]).reshape(-1, height, width, 3), np.array(batch[1])

    return Feed(batches, arrays)


if __name__ == "__main__":
    main()
