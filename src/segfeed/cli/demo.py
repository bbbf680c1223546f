"""The demo: the embedded sample from nothing to batches and pictures, in one go."""

import os
from dataclasses import dataclass
from pathlib import Path

from segfeed.cli.summary import Summary, summarise
from segfeed.errors import OptionError
from segfeed.feed import load
from segfeed.packs.pack import Pack
from segfeed.pictures.figures.sheets import show_batch, show_crops, show_pairs

PICTURES = ("pairs.png", "crops.png", "batch.png")


@dataclass(frozen=True)
class Demo:
    """Hold what a demo delivered: the summary of an epoch, and the pictures it wrote."""

    summary: Summary
    pictures: tuple[Path, ...]


def run_demo(to: Path, *, cache_dir: str | os.PathLike[str] | None = None, force: bool = False) -> Demo:
    """Draw and pack the sample, run an epoch of train and val, and write three pictures.

    Args:
        to: the folder for the pictures; made where it is missing.
        cache_dir: where the sample and its packs lie.
        force: overwrite pictures that exist.

    Raises:
        OptionError: a picture exists already and force is off.
    """
    pictures = tuple(to / name for name in PICTURES)
    taken = [path for path in pictures if path.exists()]
    if taken and not force:
        raise OptionError(f"{taken[0]} exists; pass --force to overwrite it, or --to for another folder.")
    if to.exists() and not to.is_dir():
        raise OptionError(f"{to} is a file; pass --to with the name of a folder.")
    to.mkdir(parents=True, exist_ok=True)
    splits = load("sample", batch_size=64, crop_size=(320, 480), cache_dir=cache_dir)
    summary = summarise(splits)
    train = splits.train
    assert train is not None
    reader = train.reader
    assert isinstance(reader, Pack)
    show_pairs(reader, path=pictures[0])
    show_crops(reader, crop_size=(200, 300), path=pictures[1])  # the chapter's crop: five full-size ones look alike
    batch = next(iter(train))
    show_batch(batch, reader.legend, format=train.format, path=pictures[2])
    return Demo(summary, pictures)
