"""The shape of a probe, and what readers want that take no bytes: a file, a dataset."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from segfeed.datasets.source import Source
from segfeed.feed import scan
from segfeed.pixels.public_legends import VOC

Mutate = Callable[[bytes], bytes]


def _change_bytes(data: bytes, seed: int, mutate: Mutate) -> bytes:
    return mutate(data)


@dataclass(frozen=True)
class Probe:
    """Try one reader.

    Attributes:
        name: what it reads.
        seeds: makes valid inputs, and invalid ones of interest.
        read: takes bytes; returns whether they were taken (True) or refused by an error of segfeed's own (False). If it
            raises, that is a bug.
        mutate: changes an input so that it gets past the first checks: (input, seed, what changes bytes) -> input.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], bool]
    mutate: Callable[[bytes, int, Mutate], bytes] = _change_bytes


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="segfeed-fuzz-")


def folder() -> Path:
    """Return a folder that goes with the process."""
    return Path(_folder().name)


def file_of(data: bytes, name: str) -> Path:
    """Write bytes to a file of this name."""
    path = folder() / name
    path.write_bytes(data)
    return path


@cache
def tiny_source() -> Source:
    """Return a VOC dataset of five pairs, 4 x 5 px."""
    root = folder() / "VOC2012"
    for place in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / place).mkdir(parents=True)
    for number in range(5):
        Image.fromarray(np.full((4, 5, 3), number, np.uint8)).save(root / f"JPEGImages/{number}.png")
        Image.fromarray(np.full((4, 5), number, np.uint8)).save(root / f"SegmentationClass/{number}.png")
    (root / "ImageSets/Segmentation/train.txt").write_text("0\n1\n2\n3\n4\n")
    return scan(root, "train", legend=VOC, format="voc")
