"""Measure how many labels OpenCV's INTER_NEAREST takes from another pixel than the one that contains the point.

    .venv/bin/python -m pip install opencv-python-headless
    .venv/bin/python benchmarks/label_shift.py [PATH]

Masks of a train split, each scaled by `SCALES` factors from 0.5 to 2: by OpenCV, and by the rule in whole numbers that
image and labels share in segfeed. A dataset's IoU of a class takes the rule's labels for the truth.
"""

import sys

import cv2
import numpy as np

import segfeed
from segfeed.plans.sampling import locate

SCALES = 10


def main() -> None:
    """Print the share of labels that differ, and the mean and least IoU of a class in a mask."""
    source = segfeed.scan(sys.argv[1] if len(sys.argv) > 1 else "sample", "train")
    random, shares, ious = np.random.default_rng(0), [], []
    for n in range(len(source)):
        labels = source.read(n).labels
        height, width = labels.shape
        for factor in random.uniform(0.5, 2, SCALES):
            tall, wide = (max(1, int(side * factor + 0.5)) for side in (height, width))
            theirs = cv2.resize(labels, (wide, tall), interpolation=cv2.INTER_NEAREST)
            ours = labels[locate(height, tall, 0, tall, 1)[:, None], locate(width, wide, 0, wide, 1)]
            shares.append((ours != theirs).mean())
            ious += [
                (both := (ours == label) & (theirs == label)).sum() / (both | (ours == label) | (theirs == label)).sum()
                for label in np.setdiff1d(ours, source.legend.void)
            ]
    print(  # noqa: T201
        f"{source.name}: {len(source)} masks at {SCALES} scales from 0.5 to 2, OpenCV {cv2.__version__}: "
        f"{np.mean(shares):.2%} of the labels differ, {np.max(shares):.2%} in the worst mask; "
        f"IoU of a class in a mask {np.mean(ious):.3f} on average, {np.min(ious):.2f} at worst"
    )


if __name__ == "__main__":
    main()
