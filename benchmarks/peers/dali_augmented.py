"""DALI on the CPU: decoded, scaled, cropped, mirrored and coloured by its C++ threads."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from peers.dali import REQUIREMENTS, gray_masks
from peers.warping import AGAINST, CHANCE, CONTRAST, DEGREES, FACTORS, FILL, LEVELS, SATURATION, VOID, colours
from turns import MEAN, STD, Feed, Job, serve_feed

__all__ = ["AGAINST", "REQUIREMENTS"]

ENVIRONMENT = "dali"
TITLE = "DALI on the CPU, from files"
ABOUT = (
    "Two readers of files with the same seed, decoders.image, resize (linear; labels nearest), hsv, "
    "brightness_contrast, crop with padding, crop_mirror_normalize. Masks as gray PNG, written before, not charged. "
    "Tried: prefetch of 2 and 4 batches. NHWC float32, int32; tensor lists are not converted."
)
VARIANTS = ({"prefetch": 2}, {"prefetch": 4})


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["nvidia-dali-cuda120"])


def _distort(fn: Any, images: Any) -> Any:
    """Change brightness, saturation, hue and contrast, each in half of the images."""

    def sometimes(low: float, high: float) -> Any:
        return fn.random.coin_flip(probability=CHANCE) * fn.random.uniform(range=(low, high))

    saturation, contrast = (1 + sometimes(low - 1, high - 1) for low, high in (SATURATION, CONTRAST))
    images = fn.hsv(images, hue=sometimes(*DEGREES), saturation=saturation)
    shift = sometimes(-LEVELS / 255, LEVELS / 255)
    return fn.brightness_contrast(images, brightness_shift=shift, contrast=contrast, contrast_center=0)


def _open_feed(job: Job, *, prefetch: int) -> Feed:
    from nvidia.dali import fn, pipeline_def, types  # noqa: PLC0415

    photos, masks = [job.photo(key) for key in job.ids], gray_masks(job)

    @pipeline_def(
        batch_size=job.batch_size, num_threads=job.workers, device_id=None, prefetch_queue_depth=prefetch, seed=1
    )
    def pipeline() -> Any:
        stored = [
            fn.readers.file(files=files, random_shuffle=True, seed=7, initial_fill=len(files), name=name)[0]
            for name, files in (("photos", photos), ("masks", masks))
        ]
        factor, mirror = fn.random.uniform(range=FACTORS), fn.random.coin_flip()
        place = {"crop_pos_x": fn.random.uniform(range=(0.0, 1.0)), "crop_pos_y": fn.random.uniform(range=(0.0, 1.0))}
        place |= {"crop": job.crop_size, "out_of_bounds_policy": "pad"}
        images = fn.decoders.image(stored[0], output_type=types.RGB)
        labels = fn.decoders.image(stored[1], output_type=types.GRAY)
        shape = fn.peek_image_shape(stored[0])
        size = fn.stack(shape[0] * factor, shape[1] * factor)
        images, labels = (
            fn.resize(part, size=size, interp_type=how, antialias=False)
            for part, how in ((images, types.INTERP_LINEAR), (labels, types.INTERP_NN))
        )
        images = fn.crop(images, fill_values=list(FILL), **place)
        labels = fn.crop(labels, fill_values=[VOID], **place)
        if colours(job):
            images = _distort(fn, images)
        images = fn.crop_mirror_normalize(
            images, dtype=types.FLOAT, output_layout="HWC", mirror=mirror,
            mean=(255 * MEAN).tolist(), std=(255 * STD).tolist(),
        )  # fmt: skip
        return images, fn.cast(fn.flip(labels, horizontal=mirror), dtype=types.INT32)

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
