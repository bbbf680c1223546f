"""kornia on CPU tensors: whole batches of decoded photos under one warp, flip and colours."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from peers.loading import arrays
from peers.warping import (
    AGAINST,
    CHANCE,
    CONTRAST,
    DEGREES,
    ENVIRONMENT,
    FACTORS,
    FILL,
    LEVELS,
    REQUIREMENTS,
    SATURATION,
    VOID,
    colours,
    decoded,
    endless,
)
from turns import MEAN, STD, Feed, Job, serve_feed

__all__ = ["AGAINST", "ENVIRONMENT", "REQUIREMENTS"]

TITLE = "kornia on CPU tensors, decoded in memory"
ABOUT = (
    "Decoded photos as uint8 tensors in memory, padded to one size; a batch becomes float, then RandomAffine (scale "
    "and shift), CenterCrop, RandomHorizontalFlip, RandomBrightness, RandomContrast, RandomSaturation, RandomHue "
    "(p = 0.5), Normalize in an AugmentationSequential; labels + 1 as a float mask, because corners are filled "
    "with 0. Tried: one thread of torch's, or as many as cores. NCHW float32, int64."
)
VARIANTS = ({"per_core": 1}, {"per_core": 0})


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["kornia", "torch"])


def _open_feed(job: Job, per_core: int) -> Feed:
    import kornia.augmentation as K  # noqa: PLC0415, N812 - its users' name
    import torch  # noqa: PLC0415

    torch.set_num_threads(max(per_core * job.workers, 1))
    pairs = decoded(job)
    height, width = np.max([labels.shape for _, labels in pairs], axis=0).tolist()
    images = torch.full((len(pairs), 3, height, width), 0, dtype=torch.uint8)
    images[:] = torch.tensor(FILL)[:, None, None]
    labels = torch.full((len(pairs), 1, height, width), VOID, dtype=torch.uint8)
    for n, (image, known) in enumerate(pairs):
        tall, wide = known.shape
        images[n, :, :tall, :wide] = torch.from_numpy(image).permute(2, 0, 1)
        labels[n, 0, :tall, :wide] = torch.from_numpy(known)
    shift = (width - job.crop_size[1]) / 2 / width, (height - job.crop_size[0]) / 2 / height
    distort = [
        K.RandomBrightness((1 - LEVELS / 255, 1 + LEVELS / 255), p=CHANCE),
        K.RandomContrast(CONTRAST, p=CHANCE),
        K.RandomSaturation(SATURATION, p=CHANCE),
        K.RandomHue(tuple(each / 360 for each in DEGREES), p=CHANCE),
    ]
    warp = K.AugmentationSequential(
        K.RandomAffine(0.0, translate=shift, scale=FACTORS, p=1.0),
        K.CenterCrop(job.crop_size, cropping_mode="slice"),
        K.RandomHorizontalFlip(p=0.5),
        *(distort if colours(job) else []),
        K.Normalize(torch.from_numpy(MEAN), torch.from_numpy(STD)),
        data_keys=["image", "mask"],
        extra_args={},
    )

    def batches() -> Iterator[Any]:
        order = endless(len(pairs), 0)
        while True:
            chosen = torch.tensor([next(order) for _ in range(job.batch_size)])
            known = (labels[chosen].float() + 1) % (VOID + 1)  # void becomes 0, as what lies outside
            made, mask = warp(images[chosen].float() / 255, known)
            mask = mask.long()[:, 0] - 1
            yield made, mask.masked_fill_(mask < 0, VOID)

    return Feed(batches, arrays)


if __name__ == "__main__":
    main()
