"""PyTorch's DataLoader around one function that makes a pair: how most peers reach several processes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from turns import Feed, Job


class _Pairs:
    """The pairs of a job, made by a function from their number."""

    def __init__(self, count: int, make: Callable[[int], tuple[Any, Any]]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, n: int) -> tuple[Any, Any]:
        return self._make(n)


def open_loader(job: Job, make: Callable[[int], tuple[Any, Any]], workers: int) -> Feed:
    """Open a DataLoader in `workers` processes, endless; `make` returns an image (3, H, W) or (H, W, 3), and labels."""
    import torch  # noqa: PLC0415
    from torch.utils.data import DataLoader, RandomSampler  # noqa: PLC0415

    torch.set_num_threads(1 if workers else job.workers)
    dataset = _Pairs(len(job.ids), make)
    loader = DataLoader(
        dataset,  # type: ignore[arg-type]  # torch is not installed where this is checked
        job.batch_size,
        sampler=RandomSampler(dataset, num_samples=10**7),
        num_workers=workers,
        persistent_workers=workers > 0,
        drop_last=True,
        worker_init_fn=_one_thread,
    )

    def batches() -> Iterator[Any]:
        return iter(loader)

    return Feed(batches, arrays)


def _one_thread(_worker: int) -> None:
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(0)


def arrays(batch: Any) -> tuple[Any, Any]:
    """Turn a batch of tensors into NumPy's (N, H, W, 3) and (N, H, W)."""
    images, labels = (part.numpy() for part in batch)
    return images if images.shape[-1] == 3 else np.moveaxis(images, 1, 3), labels
