"""torchvision's transforms v2 in PyTorch's DataLoader, from files: scale, crop, flip, photometric distortion."""

from peers.loading import arrays
from peers.torchvision import declare_operators, open_dataset_loader
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
)
from turns import MEAN, STD, Feed, Job, serve_feed

__all__ = ["AGAINST", "ENVIRONMENT", "REQUIREMENTS"]

TITLE = "torchvision v2 + DataLoader, from files"
ABOUT = (
    "VOCSegmentation, wrap_dataset_for_transforms_v2, v2.ToImage, ScaleJitter, RandomCrop "
    "(pad_if_needed), RandomHorizontalFlip, RandomPhotometricDistort, ToDtype, Normalize; DataLoader with persistent "
    "workers, their number tried. NCHW float32 and int64; a permutation for the comparison is not charged."
)
VARIANTS = tuple({"workers": count} for count in (2, 4))


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["torch", "torchvision"])


def _open_feed(job: Job, workers: int) -> Feed:
    declare_operators()
    import torch  # noqa: PLC0415
    from torchvision import tv_tensors  # noqa: PLC0415
    from torchvision.transforms import v2  # noqa: PLC0415

    distort = v2.RandomPhotometricDistort(
        (1 - LEVELS / 128, 1 + LEVELS / 128), CONTRAST, SATURATION, tuple(each / 360 for each in DEGREES), p=CHANCE
    )
    transform = v2.Compose([
        v2.ToImage(),
        v2.ScaleJitter((375, 500), FACTORS),
        v2.RandomCrop(job.crop_size, pad_if_needed=True, fill={tv_tensors.Image: FILL, tv_tensors.Mask: VOID}),
        v2.RandomHorizontalFlip(),
        *([distort] if colours(job) else []),
        v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}, scale=True),
        v2.Normalize(MEAN.tolist(), STD.tolist()),
    ])  # fmt: skip
    loader = open_dataset_loader(job, transform, workers)
    return Feed(lambda: iter(loader), lambda batch: arrays((batch[0], batch[1].squeeze(1))))


if __name__ == "__main__":
    main()
