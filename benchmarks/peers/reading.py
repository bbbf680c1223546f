"""Reading for peers that bring threads and batches but no decoder: simplejpeg and Pillow, as segfeed has them."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image
from turns import MEAN, STD, Job


class PairReader:
    """Read, cut and normalise single pairs.

    Args:
        job: what to do.
        normalize: False leaves pixels uint8 and labels as stored, to be converted a batch at a time.
    """

    def __init__(self, job: Job, *, normalize: bool = True) -> None:
        self._job, self._normalize = job, normalize
        height, width = job.crop_size
        # Whole lines: NumPy's inner loop over 3 channels would be ten times as slow.
        self._scale, self._bias = (np.tile(part, width).reshape(width, 3) for part in (1 / (255 * STD), -MEAN / STD))
        self._size = height, width

    def read(self, key: str) -> tuple[Any, Any]:
        """Return a random crop: float32 (H, W, 3) and int32 (H, W), or both uint8."""
        image = simplejpeg.decode_jpeg(Path(self._job.photo(key)).read_bytes())
        labels = np.array(Image.open(self._job.mask(key)))
        (height, width), (tall, wide) = self._size, labels.shape
        top, left = (int(random.random() * (slack + 1)) for slack in (tall - height, wide - width))  # noqa: S311
        window = slice(top, top + height), slice(left, left + width)
        image, labels = image[window], labels[window]
        return (self.normalized(image), labels.astype(np.int32)) if self._normalize else (image, labels)

    def normalized(self, pixels: Any) -> Any:
        """Normalise uint8 (..., H, W, 3) to float32."""
        lines = (*pixels.shape[:-2], 3 * pixels.shape[-2])
        out = np.multiply(pixels.reshape(lines), self._scale.reshape(-1), dtype=np.float32)
        out += self._bias.reshape(-1)
        return out.reshape(pixels.shape)
