"""What peers of the augmented rows have in common: one environment, decoded pairs in memory, the recipe's numbers."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from turns import MEAN, STD, Job

ENVIRONMENT = "warping"
REQUIREMENTS = [
    ["torch==2.13.0", "numpy", "pillow", "simplejpeg", "opencv-python-headless", "grain", "kornia"],
    ["albumentations==2.0.8"],
    # The CPU build of PyTorch has no torchvision of its own: its Python part serves, which is all that is used here.
    ["--no-deps", "torchvision==0.28.*"],
    ["mmcv-lite<2.2", "mmengine", "scipy", "ftfy", "regex", "prettytable"],
    ["--no-deps", "mmsegmentation"],
]
AGAINST = ("aug-recipe",)

FACTORS = 0.5, 2.0
LEVELS, CONTRAST, SATURATION, DEGREES, CHANCE = 32, (0.5, 1.5), (0.5, 1.5), (-36, 34), 0.5
VOID = 255
FILL = tuple(round(255 * float(mean)) for mean in MEAN)


def colours(job: Job) -> bool:
    """Return whether colours are changed; geometry is checked without."""
    return bool(job.options.get("colours", True))


@cache
def _decode(photo: str, mask: str) -> tuple[Any, Any]:
    import simplejpeg  # noqa: PLC0415 - of the peer's environment
    from PIL import Image  # noqa: PLC0415

    with open(photo, "rb") as file, Image.open(mask) as picture:
        return simplejpeg.decode_jpeg(file.read()), np.array(picture)


def read_pair(job: Job, key: str) -> tuple[Any, Any]:
    """Decode a pair: uint8 (H, W, 3) and (H, W)."""
    return _decode.__wrapped__(job.photo(key), job.mask(key))


def decoded(job: Job) -> list[tuple[Any, Any]]:
    """Decode all pairs into memory, before the clock starts; those that are repeated, once."""
    first = {key: key.rpartition("_r")[0] or key for key in job.ids}
    return [_decode(job.photo(f"{stem}_r000"), job.mask(f"{stem}_r000")) for stem in first.values()]


def endless(count: int, seed: int) -> Iterator[int]:
    """Shuffle again and again."""
    random = np.random.default_rng(seed)
    while True:
        yield from random.permutation(count).tolist()


class Slots:
    """Batches of float32 (N, H, W, 3) and int32 (N, H, W) that are used again, as a careful person would."""

    def __init__(self, job: Job, keep: int) -> None:
        shape = job.batch_size, *job.crop_size
        self._slots = [(np.empty((*shape, 3), np.float32), np.empty(shape, np.int32)) for _ in range(keep)]

    def take(self) -> tuple[Any, Any]:
        """Return the batch that was used longest ago."""
        self._slots.append(self._slots.pop(0))
        return self._slots[-1]


def normaliser(job: Job) -> Callable[[Any, Any], None]:
    """Return a function that writes uint8 (H, W, 3) normalised into float32, whole lines at a time."""
    width = job.crop_size[1]
    scale, bias = (np.tile(part, width).astype(np.float32) for part in (1 / (255 * STD), -MEAN / STD))

    def normalise(pixels: Any, out: Any) -> None:
        lines = out.reshape(len(out), -1)
        np.multiply(pixels.reshape(len(pixels), -1), scale, out=lines, dtype=np.float32)
        np.add(lines, bias, out=lines)

    return normalise
