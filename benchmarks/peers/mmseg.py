"""mmsegmentation's own transforms, through mmcv-lite, in DataLoader's processes."""

import sys
from types import ModuleType
from typing import Any

import numpy as np
from peers.loading import open_loader
from peers.warping import AGAINST, ENVIRONMENT, FACTORS, REQUIREMENTS, VOID, colours, decoded
from turns import MEAN, STD, Feed, Job, serve_feed

__all__ = ["AGAINST", "ENVIRONMENT", "REQUIREMENTS"]

TITLE = "mmsegmentation's transforms, decoded in memory"
ABOUT = (
    "Decoded arrays in memory; RandomResize, RandomCrop (without cat_max_ratio), RandomFlip, PhotoMetricDistortion of "
    "mmcv-lite and mmsegmentation, mmcv.imnormalize and padding as their preprocessor pads; DataLoader, the number of "
    "processes tried. NHWC float32, int64."
)
VARIANTS = ({"per_core": 1}, {"per_core": 2})


def main() -> None:
    """Take turns."""
    serve_feed(_open_feed, VARIANTS, ["mmcv-lite", "mmsegmentation", "opencv-python-headless"])


def _declare_operators() -> None:
    """Stand in for mmcv's compiled operators, which mmcv-lite lacks and mmsegmentation's networks import."""

    class Operators(ModuleType):
        def __getattr__(self, name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return object

    sys.modules["mmcv.ops"] = Operators("mmcv.ops")


def _open_feed(job: Job, per_core: int) -> Feed:
    _declare_operators()
    import mmcv  # noqa: PLC0415
    from mmcv.transforms import RandomFlip, RandomResize  # noqa: PLC0415
    from mmseg.datasets.transforms.transforms import PhotoMetricDistortion, RandomCrop  # noqa: PLC0415

    pairs = decoded(job)
    steps = [
        RandomResize((500, 375), ratio_range=FACTORS, keep_ratio=True),
        RandomCrop(job.crop_size),
        RandomFlip(0.5),
        *([PhotoMetricDistortion()] if colours(job) else []),
    ]

    def make(n: int) -> tuple[Any, Any]:
        results = {"img": pairs[n][0], "gt_seg_map": pairs[n][1], "seg_fields": ["gt_seg_map"]}
        results |= {"img_shape": pairs[n][1].shape, "ori_shape": pairs[n][1].shape}
        for step in steps:
            results = step(results)
        image = mmcv.imnormalize(results["img"], 255 * MEAN, 255 * STD, to_rgb=False)
        image = mmcv.impad(image, shape=job.crop_size, pad_val=0)
        labels = mmcv.impad(results["gt_seg_map"], shape=job.crop_size, pad_val=VOID)
        return image, labels.astype(np.int64)

    return open_loader(job, make, per_core * job.workers)


if __name__ == "__main__":
    main()
