"""DALI on the CPU: C++ threads that decode only the window that is wanted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from turns import MEAN, STD, Feed, Job, serve_feed

TITLE = "DALI on the CPU"
AGAINST = ("warm", "cold", "photos")  # it decodes with libjpeg-turbo, too
REQUIREMENTS = [["nvidia-dali-cuda120", "pillow", "numpy"]]
ABOUT = (
    "Two readers of files with the same seed, decoders.image_crop with one random place for photo and mask, "
    "crop_mirror_normalize; exec_dynamic tried. Its decoder turns palettes into colours, so the masks were written as "
    "gray PNG beforehand, not charged. NHWC float32, int32; tensor lists are not converted."
)
VARIANTS = (
    {"dynamic": False, "prefetch": 2},
    {"dynamic": True, "prefetch": 2},
    {"dynamic": False, "prefetch": 4},
)


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["nvidia-dali-cuda120"])


def gray_masks(job: Job) -> list[str]:
    """Write the masks' indices as gray PNG, once; repeated pairs share a file."""
    folder = Path(job.cache_dir) / "gray-masks"
    folder.mkdir(exist_ok=True)
    paths = []
    for key in job.ids:
        gray = folder / f"{key}.png"
        if not gray.exists():
            Image.fromarray(np.array(Image.open(job.mask(key)))).save(gray, compress_level=3)
        paths.append(str(gray))
    return paths


def _open_feed(job: Job, *, dynamic: bool, prefetch: int) -> Feed:
    from nvidia.dali import fn, pipeline_def, types  # noqa: PLC0415

    photos, masks = [job.photo(key) for key in job.ids], gray_masks(job)

    @pipeline_def(
        batch_size=job.batch_size,
        num_threads=job.workers,
        device_id=None,
        prefetch_queue_depth=prefetch,
        exec_dynamic=dynamic,
        seed=1,
    )
    def pipeline() -> Any:
        stored = [
            fn.readers.file(files=files, random_shuffle=True, seed=7, initial_fill=len(files), name=name)[0]
            for name, files in (("photos", photos), ("masks", masks))
        ]
        place = {
            "crop": job.crop_size,
            "crop_pos_x": fn.random.uniform(range=(0.0, 1.0), seed=3),
            "crop_pos_y": fn.random.uniform(range=(0.0, 1.0), seed=4),
        }
        images = fn.decoders.image_crop(stored[0], output_type=types.RGB, **place)
        labels = fn.decoders.image_crop(stored[1], output_type=types.GRAY, **place)
        images = fn.crop_mirror_normalize(
            images,
            dtype=types.FLOAT,
            output_layout="HWC",
            mean=(255 * MEAN).tolist(),
            std=(255 * STD).tolist(),
        )
        return images, fn.cast(labels, dtype=types.INT32)

    built = pipeline()
    built.build()

    def batches() -> Iterator[Any]:
        while True:
            yield built.run()

    def arrays(batch: Any) -> tuple[Any, Any]:
        images, labels = (np.array(part.as_array()) for part in batch)
        return images, labels[..., 0]

    return Feed(batches, arrays)


if __name__ == "__main__":
    main()
