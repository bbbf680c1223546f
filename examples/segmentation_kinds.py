"""Semantic, instance and plain image segmentation of one photo, side by side.

pip install segfeed scikit-image
python segmentation_kinds.py kinds.png
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from skimage.color import label2rgb
from skimage.segmentation import mark_boundaries, slic

import segfeed

KEY = "2026_000016"


def paint(path: str) -> None:
    """Paint the four panels."""
    semantic = segfeed.scan("sample", "train")
    instance = segfeed.scan("sample", "train", task="instance")
    index = semantic.keys.index(KEY)
    image, labels = semantic.read(index)
    _, objects = instance.read(index)
    regions = slic(image, n_segments=60, compactness=12, start_label=1)

    panels = {
        "photo": image,
        "semantic: which class is each pixel?": semantic.legend.paint(labels),
        "instance: which object is each pixel part of?": instance.legend.paint(objects),
        "image segmentation: which pixels look alike?": mark_boundaries(
            label2rgb(regions, image, kind="avg"), regions, color=(1, 1, 1)
        ),
    }
    figure = Figure(figsize=(12, 9.6), dpi=100, facecolor="#f7f6f2")
    for axis, (title, panel) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        axis.imshow(np.asarray(panel))
        axis.set_title(title, fontsize=13, color="#20242a", loc="left")
        axis.set_axis_off()
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.95, wspace=0.03, hspace=0.1)
    figure.savefig(path)


if __name__ == "__main__":
    paint(sys.argv[1] if len(sys.argv) > 1 else "kinds.png")
