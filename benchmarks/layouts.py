"""Layouts: a VOC dataset in which the pairs that every contender can use are repeated."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import segfeed

_BYTES_PER_PIXEL = 4  # a pack's: three of the photo, one of the labels


def usable(source: segfeed.Source, crop_size: tuple[int, int]) -> list[int]:
    """List the samples whose photo is a JPEG at least as large as the crop."""
    fits = (source.sizes >= crop_size).all(axis=1)
    return [int(n) for n in np.flatnonzero(fits) if source.samples[n].photo.path.lower().endswith((".jpg", ".jpeg"))]


def pack_bytes(source: segfeed.Source, chosen: Sequence[int], at_least: int) -> int:
    """Estimate the size of the pack of a repeated layout."""
    pixels = source.sizes[list(chosen)].astype(np.int64).prod(axis=1)
    return int(pixels.mean() * at_least * _BYTES_PER_PIXEL)


def repeat(source: segfeed.Source, chosen: Sequence[int], at_least: int, parent: Path) -> Path:
    """Lay out the chosen samples again and again, as ID_r000, ID_r001, ..., until there are enough.

    Each file is copied once, and linked again and again: plain files, as a dataset has, of which few fill the page
    cache.

    Args:
        source: where the files lie.
        chosen: which samples.
        at_least: how many pairs there shall be.
        parent: where VOCdevkit/VOC2012 is made; left as it is if it exists.

    Returns:
        root: the VOC2012 folder.
    """
    root = parent / "VOCdevkit" / "VOC2012"
    lists = root / "ImageSets" / "Segmentation"
    if (lists / "train.txt").exists():
        return root
    for folder in (root / "JPEGImages", root / "SegmentationClass", lists):
        folder.mkdir(parents=True, exist_ok=True)
    _copy_legend(source, root)
    keys = []
    for again in range(-(-at_least // len(chosen))):
        for n in chosen:
            sample = source.samples[n]
            assert sample.mask is not None
            keys.append(f"{sample.key}_r{again:03d}")
            for folder, path in (("JPEGImages", sample.photo.path), ("SegmentationClass", sample.mask.path)):
                suffix = ".jpg" if folder == "JPEGImages" else ".png"
                place, first = (root / folder / f"{sample.key}_r{turn:03d}{suffix}" for turn in (again, 0))
                if again:
                    place.hardlink_to(first)
                else:
                    shutil.copyfile(path, place)
    (lists / "train.txt").write_text("".join(f"{key}\n" for key in keys))
    return root


def shrink(source: segfeed.Source, chosen: Sequence[int], factor: int, parent: Path) -> segfeed.Source:
    """Write smaller pictures of the chosen samples, for a disk with too little space for full ones."""
    root = parent / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _copy_legend(source, root)
    keys = [source.samples[n].key for n in chosen]
    for n, key in zip(chosen, keys, strict=True):
        sample = source.samples[n]
        assert sample.mask is not None
        for path, target, how in (
            (sample.photo.path, root / "JPEGImages" / f"{key}.jpg", Image.Resampling.BILINEAR),
            (sample.mask.path, root / "SegmentationClass" / f"{key}.png", Image.Resampling.NEAREST),
        ):
            with Image.open(path) as picture:
                picture.resize((picture.width // factor, picture.height // factor), how).save(target)
    (root / "ImageSets/Segmentation/train.txt").write_text("".join(f"{key}\n" for key in keys))
    return segfeed.scan(root, "train")


def _copy_legend(source: segfeed.Source, root: Path) -> None:
    own = source.root / "labelmap.txt"
    if own.exists():
        (root / "labelmap.txt").write_bytes(own.read_bytes())
