"""Little VOC folders without a fault, and ways to add one."""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from segfeed.audit.checking import check
from segfeed.audit.findings import Audit, Finding
from segfeed.pixels.palette import voc_colours

CLASSES = ("background", "cat", "dog")
COLOURS = np.array(voc_colours(256), np.uint8)
SIZE = (48, 64)


def make_voc(root: Path, splits: dict[str, list[str]], *, size: tuple[int, int] = SIZE) -> Path:
    """Write photos that differ, masks that show each class, and lists; an audit finds nothing in it."""
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    legend = "".join(f"{name}:{','.join(map(str, COLOURS[i]))}::\n" for i, name in enumerate(CLASSES))
    (root / "labelmap.txt").write_text(legend)
    for split, keys in splits.items():
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("".join(f"{key}\n" for key in keys))
        for key in keys:
            put_photo(root, key, a_photo(key, size))
            put_mask(root, key, some_labels(size))
    return root


def a_photo(key: str, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Paint soft blots, other ones for each key."""
    draws = np.random.default_rng(zlib.crc32(key.encode()))
    small = Image.fromarray(draws.integers(0, 256, (6, 8, 3), np.uint8))
    return np.array(small.resize(size[::-1], Image.Resampling.BICUBIC))


def some_labels(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Paint a cat and a dog, discs within a border of void, on background."""
    labels = np.zeros(size, np.uint8)
    y, x = np.mgrid[: size[0], : size[1]]
    for number in (1, 2):
        away = np.hypot(y - 0.45 * size[0], x - size[1] * (2 * number - 1) / 4) / (0.4 * size[0])
        labels[away < 1] = 255
        labels[away < 0.88] = number
    return labels


def put_photo(root: Path, key: str, image: np.ndarray, suffix: str = ".png", **how: object) -> Path:
    path = root / "JPEGImages" / f"{key}{suffix}"
    Image.fromarray(image).save(path, **how)
    return path


def put_mask(root: Path, key: str, labels: np.ndarray, palette: np.ndarray | None = COLOURS) -> Path:
    """Write a palette mask of indices; without a palette a gray one of indices or an RGB one of colours."""
    path = root / "SegmentationClass" / f"{key}.png"
    picture = Image.fromarray(labels)
    if palette is not None:
        picture.putpalette(palette.tobytes())
    picture.save(path)
    return path


def audit(root: Path, **how: object) -> Audit:
    return check(root, crop_size=(8, 8), **how)


def only(found: Audit) -> Finding:
    """Return the one finding there is."""
    (finding,) = found
    return finding


def rules(found: Audit) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.rule, finding.key) for finding in found]
