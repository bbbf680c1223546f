"""torchvision's VOCSegmentation with transforms v2 in PyTorch's DataLoader."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turns import MEAN, STD, Feed, Job, serve_feed

TITLE = "torchvision + DataLoader"
# The CPU build of PyTorch has no torchvision of its own: its Python part serves, which is all that is used here.
REQUIREMENTS = [["torch==2.13.0", "numpy", "pillow"], ["--no-deps", "torchvision==0.28.*"]]
ABOUT = (
    "VOCSegmentation, wrap_dataset_for_transforms_v2, v2.RandomCrop (first, on the decoded picture), ToImage, ToDtype, "
    "Normalize; DataLoader with persistent workers, their number tried, an endless random sampler. Left as its users "
    "have it: NCHW float32 and int64; a permutation for the comparison is not charged."
)
VARIANTS = tuple({"workers": count} for count in (1, 2, 4))


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["torch", "torchvision", "pillow"])


_KEPT: list[Any] = []


def declare_operators() -> None:
    """Declare the two detection operators that torchvision's import looks for and its missing C part would bring."""
    import torch  # noqa: PLC0415

    if _KEPT or torch.version.cuda is not None:
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)


def open_loader(job: Job, workers: int, **options: Any) -> Any:
    """Open a DataLoader of normalised float32 images and int64 labels (N, 1, H, W), endless; `options` are its own."""
    declare_operators()
    import torch  # noqa: PLC0415
    from torchvision import tv_tensors  # noqa: PLC0415
    from torchvision.transforms import v2  # noqa: PLC0415

    transform = v2.Compose([
        v2.RandomCrop(job.crop_size),
        v2.ToImage(),
        v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}, scale=True),
        v2.Normalize(MEAN.tolist(), STD.tolist()),
    ])  # fmt: skip
    return open_dataset_loader(job, transform, workers, **options)


def open_dataset_loader(job: Job, transform: Any, workers: int, **options: Any) -> Any:
    """Open a DataLoader of VOCSegmentation under a transform of v2, endless."""
    from torch.utils.data import DataLoader, RandomSampler  # noqa: PLC0415
    from torchvision.datasets import VOCSegmentation, wrap_dataset_for_transforms_v2  # noqa: PLC0415

    parent = Path(job.root).parents[1]  # that of VOCdevkit/VOC2012
    dataset = wrap_dataset_for_transforms_v2(VOCSegmentation(parent, "2012", "train", transforms=transform))
    return DataLoader(
        dataset,
        job.batch_size,
        sampler=RandomSampler(dataset, num_samples=10**7),
        num_workers=workers,
        persistent_workers=True,
        drop_last=True,
        **options,
    )


def _open_feed(job: Job, workers: int) -> Feed:
    loader = open_loader(job, workers)

    def batches() -> Iterator[Any]:
        return iter(loader)

    return Feed(batches, lambda batch: (batch[0].permute(0, 2, 3, 1).numpy(), batch[1].squeeze(1).numpy()))


if __name__ == "__main__":
    main()
