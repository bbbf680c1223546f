"""Summaries: run an epoch of each split and say what came out."""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from segfeed.batches.loader import Loader
from segfeed.feed import Splits
from segfeed.system.work import show_progress

_WARM_S, _MOST_EPOCHS = 1.0, 20  # the first epochs of a process also take their memory from the system


@dataclass(frozen=True)
class SplitSummary:
    """What one epoch of a split delivered.

    Attributes:
        split: the split's name.
        pairs: samples in the split.
        delivered: pairs that the epoch delivered on this rank, padding rows not counted.
        steps: batches.
        images: "(64, 320, 480, 3) float32", the batches' images.
        labels: the same for labels.
        window: (height, width) in px of every crop.
        small: samples smaller than the crop (train only).
        policy: what happened to them: "pad", "drop" or "error"; "exact" if every image comes whole.
        void_share: share of void among the delivered pixels, padding around images included, 0..1.
        seconds: how long the first epoch took, in which files are read and kernels compiled.
        warm_seconds: how long one of the next took, the median; None if only one was run.
    """

    split: str
    pairs: int
    delivered: int
    steps: int
    images: str
    labels: str
    window: tuple[int, int]
    small: int
    policy: str
    void_share: float
    seconds: float
    warm_seconds: float | None = None

    @property
    def pairs_per_second(self) -> float:
        """Delivered pairs per second of the first epoch."""
        return self.delivered / self.seconds

    @property
    def warm_pairs_per_second(self) -> float | None:
        """The same of the next ones; None if only one was run."""
        return None if self.warm_seconds is None else self.delivered / self.warm_seconds


@dataclass(frozen=True)
class Summary:
    """The summaries of all splits, the classes, and the loader's notes."""

    name: str
    task: str
    classes: tuple[str, ...]
    splits: tuple[SplitSummary, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Describe the summary in plain JSON values."""
        described = {
            split.split: {
                **split.__dict__,
                "window": list(split.window),
                "pairs_per_second": split.pairs_per_second,
                "warm_pairs_per_second": split.warm_pairs_per_second,
            }
            for split in self.splits
        }
        return {
            "name": self.name,
            "task": self.task,
            "classes": list(self.classes),
            "splits": described,
            "notes": list(self.notes),
        }

    def table(self) -> tuple[tuple[str, ...], ...]:
        """Lay the summary out in rows, the first cell naming each: a column a split."""
        warm = [split.warm_pairs_per_second for split in self.splits]
        second = ("pairs per second, later epochs (warm)", *("-" if one is None else f"{one:,.0f}" for one in warm))
        return (
            ("", *(split.split for split in self.splits)),
            ("pairs", *(f"{split.pairs:,}" for split in self.splits)),
            ("crop or canvas", *(f"{split.window[0]} x {split.window[1]} px" for split in self.splits)),
            ("taken as", *(_WORDS[split.policy] for split in self.splits)),
            (
                "smaller than the crop",
                *("-" if split.policy == "exact" else f"{split.small:,}" for split in self.splits),
            ),
            ("images", *(split.images for split in self.splits)),
            ("labels", *(split.labels for split in self.splits)),
            ("batches an epoch", *(f"{split.steps:,}" for split in self.splits)),
            ("pairs delivered", *(f"{split.delivered:,}" for split in self.splits)),
            ("void, padding included", *(f"{split.void_share:.1%}" for split in self.splits)),
            ("pairs per second, first epoch", *(f"{split.pairs_per_second:,.0f}" for split in self.splits)),
            *((second,) if any(one is not None for one in warm) else ()),
        )


_WORDS = {
    "pad": "random crops, padded",
    "drop": "random crops",
    "error": "random crops",
    "exact": "whole, on one canvas",
}


def summarise(splits: Splits, *, warm: bool = False) -> Summary:
    """Run one epoch of each split and sum it up; with `warm`, time some more."""
    loaders = [loader for loader in splits if loader is not None]
    reader = loaders[0].reader
    return Summary(
        reader.name,
        reader.task,
        reader.legend.names,
        tuple(_run(loader, warm=warm) for loader in loaders),
        splits.notes,
    )


def _run(loader: Loader, *, warm: bool) -> SplitSummary:
    plan, reader = loader.plan, loader.reader
    void_value = loader.format.void if loader.format.void is not None else reader.legend.void
    void = pixels = delivered = 0
    shapes = "", ""
    loader.warm_up()
    start = time.perf_counter()
    with show_progress(f"reading {reader.split}", len(loader)) as advance:
        for batch in loader:
            images, labels = batch
            shapes = f"{images.shape} {images.dtype}", f"{labels.shape} {labels.dtype}"
            real = int((batch.crops["sample"] >= 0).sum())  # rows of padding come last
            delivered += real
            void += int(np.count_nonzero(labels[:real] == void_value))
            pixels += labels[:real].size
            advance(1)
            del batch, images, labels  # their memory is taken for the next epochs
    seconds = time.perf_counter() - start
    return SplitSummary(
        split=reader.split,
        pairs=len(plan.sizes),
        delivered=delivered,
        steps=len(loader),
        images=shapes[0],
        labels=shapes[1],
        window=plan.canvas,
        small=plan.small,
        policy=plan.draw.small if plan.draw else "exact",
        void_share=void / max(pixels, 1),
        seconds=seconds,
        warm_seconds=_time_epoch(loader) if warm else None,
    )


def _time_epoch(loader: Loader) -> float:
    """Run epochs for a while and do nothing with their batches; return the median of the seconds that one took."""
    taken: list[float] = []
    while len(taken) < _MOST_EPOCHS and sum(taken) < _WARM_S:
        start = time.perf_counter()
        for _ in loader:
            pass
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
