"""Places: do image and labels of an augmented crop show the same, and at which scale? Told by pictures of coordinates.

A peer draws its own scales, so its crops cannot be found in photos. Of pictures in which red says how far to the right
a pixel lies, green how far down, and labels say in which block, a crop tells itself how it was scaled, mirrored and
placed, and which label each of its pixels must have.
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from turns import MEAN, STD

_SIZE, _BLOCK_PX, _BLOCKS = (375, 500), 34, 15  # 12 x 15 blocks: 180 labels
_VOID, _PHOTOS = 255, 64
_LOW, _HIGH = 20, 235  # levels of the first and the last pixel: padding and ringing stay apart
# Labels that are shifted by half a pixel, as most tools' are, cost 3 % at the blocks' edges; ramps of 8 bits tell a
# place to a pixel.
_LEAST_EQUAL, _MOST_OFF_PX = 0.94, 1.5


def root(work: Path) -> Path:
    """Return the folder of the pictures, a VOC dataset."""
    return work / "chart" / "VOCdevkit" / "VOC2012"


def lay_out(work: Path) -> None:
    """Write the pictures, unless they are there."""
    lists = root(work) / "ImageSets/Segmentation"
    folders = [root(work) / name for name in ("JPEGImages", "SegmentationClass")]
    if (lists / "train.txt").exists():
        return
    for folder in (lists, *folders):
        folder.mkdir(parents=True, exist_ok=True)
    down, across = np.mgrid[: _SIZE[0], : _SIZE[1]]
    ramps = [
        _LOW + (_HIGH - _LOW) * place / (side - 1) for place, side in zip((across, down), _SIZE[::-1], strict=True)
    ]
    image = np.stack([*ramps, np.full(_SIZE, 128)], -1).round().astype(np.uint8)
    mask = Image.fromarray((down // _BLOCK_PX * _BLOCKS + across // _BLOCK_PX).astype(np.uint8))
    mask.putpalette([level for level in range(256) for _ in range(3)])
    keys = [f"chart_r{n:03d}" for n in range(_PHOTOS)]
    for key in keys:
        Image.fromarray(image).save(folders[0] / f"{key}.jpg", quality=100, subsampling=0)
        mask.save(folders[1] / f"{key}.png")
    names = (f"block{n},{n},{n},{n}" for n in range(12 * _BLOCKS))
    (root(work) / "labelmap.txt").write_text("name,r,g,b\n" + "\n".join(names) + "\nvoid,255,255,255\n")
    (lists / "train.txt").write_text("".join(f"{key}\n" for key in keys))


def check(shown: Path, batch_size: int, crop_size: tuple[int, int]) -> str:
    """Describe how well image and labels of a batch's crops agree.

    Raises:
        ValueError: they don't, or crops are not scaled and mirrored as they should be.
    """
    with np.load(shown) as saved:
        images, labels, facts = saved["images"], saved["labels"], json.loads(str(saved["facts"]))
    if facts["image_shape"] != [batch_size, *crop_size, 3] or facts["image_dtype"] != "float32":
        raise ValueError(f"images are {facts['image_dtype']} {facts['image_shape']}")
    found = np.array([_measure(image, known) for image, known in zip(images, labels, strict=True)])
    factors, equal, off = np.abs(found[:, 0]), found[:, 1], found[:, 2]
    if equal.mean() < _LEAST_EQUAL or off.mean() > _MOST_OFF_PX:
        raise ValueError(f"labels differ in {1 - equal.mean():.1%} of the pixels, {off.mean():.2f} px off")
    if np.ptp(factors) < 0.1 or factors.min() < 0.4 or factors.max() > 2.1:
        raise ValueError(f"scales from {factors.min():.2f} to {factors.max():.2f}; expected 0.5 to 2")
    return (
        f"in {len(found)} crops of pictures of coordinates, scaled by {factors.min():.2f} to {factors.max():.2f}, "
        f"{(found[:, 0] < 0).sum()} of them mirrored, {equal.mean():.2%} of the labels are those of the pixel that "
        f"the image shows; {facts['image_dtype']} and {facts['label_dtype']}"
    )


def _measure(image: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> tuple[float, float, float]:
    """Return the scale (below 0 if mirrored), the share of right labels, and how far pixels are off, px."""
    known = labels != _VOID
    places = np.argwhere(known) + 0.5
    around = np.column_stack([places, np.ones(len(places))])
    levels = (image[known][:, :2] * STD[:2] + MEAN[:2]) * 255
    told = (levels - _LOW) / (_HIGH - _LOW) * (np.array(_SIZE[::-1]) - 1) + 0.5  # x and y in px of the picture
    fitted = np.linalg.lstsq(around, told, rcond=None)[0]
    x, y = (around @ fitted).T
    expected = y // _BLOCK_PX * _BLOCKS + x // _BLOCK_PX
    scale = np.copysign(1 / np.hypot(*fitted[1]), fitted[1, 0])
    off = np.abs(np.column_stack([x, y]) - told).mean()
    return float(scale), float((expected == labels[known]).mean()), float(off)
