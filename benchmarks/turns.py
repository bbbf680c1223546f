"""Turns: what runs in a contender's own process, and how it is timed. Needs NumPy alone.

A contender gets a job (JSON) as its only argument, warms up, and says that it is ready. Each line on its standard input
is then a turn, and says how long at least: it runs, and answers with pairs and seconds. What frameworks print goes to
standard error.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

SHOWN = 8  # rows of a batch that are compared with the files
_SKIPPED, _SKIPPED_S = 4, 0.5  # before the clock starts: prefetched batches, and the first use of fresh memory
_BURST = 4  # batches are counted in fours, because workers that each make whole batches deliver them in bursts

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


@dataclass(frozen=True)
class Job:
    """What every contender has to do.

    Attributes:
        root: a VOC dataset's folder (JPEGImages, SegmentationClass, ImageSets/Segmentation/train.txt).
        batch_size: pairs in a batch.
        crop_size: (height, width) of a crop in px.
        workers: threads or processes, as many as there are cores.
        seconds: how long a turn lasts at least.
        cache_dir: where packs and other prepared files lie.
        shown: the file that takes some rows of the first batch, for comparison with the files.
        options: what one contender alone needs.
    """

    root: str
    batch_size: int
    crop_size: tuple[int, int]
    workers: int
    seconds: float
    cache_dir: str
    shown: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Job":
        """Read the job from the command line."""
        return cls.parse(sys.argv[1])

    @classmethod
    def parse(cls, text: str) -> "Job":
        """Read a job that `to_json` wrote down."""
        fields = json.loads(text)
        return cls(**{**fields, "crop_size": tuple(fields["crop_size"])})

    def to_json(self) -> str:
        """Write the job down."""
        return json.dumps(asdict(self))

    @property
    def ids(self) -> list[str]:
        """List the samples' ids."""
        return (Path(self.root) / "ImageSets/Segmentation/train.txt").read_text().split()

    def photo(self, key: str) -> str:
        """Return a photo's path."""
        return f"{self.root}/JPEGImages/{key}.jpg"

    def mask(self, key: str) -> str:
        """Return a mask's path."""
        return f"{self.root}/SegmentationClass/{key}.png"


@dataclass(frozen=True)
class Feed:
    """A peer's pipeline.

    Attributes:
        batches: begins to iterate; ends with an epoch, or never.
        arrays: turns a batch into NumPy's (images, labels), for the comparison only, never inside a turn.
        close: lets go of workers.
    """

    batches: Callable[[], Iterator[Any]]
    arrays: Callable[[Any], tuple[Any, Any]]
    close: Callable[[], None] = lambda: None


Turn = Callable[[float], tuple[int, float]]
OpenFeed = Callable[..., Feed]


class _Answers:
    """Keep standard output for answers: frameworks that print reach standard error instead."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)

    def say(self, answer: dict[str, Any]) -> None:
        """Send one answer."""
        self._file.write(json.dumps(answer) + "\n")


def serve_feed(open_feed: OpenFeed, variants: Sequence[dict[str, Any]] = ({},), packages: Sequence[str] = ()) -> None:
    """Try a peer's variants, keep the fastest, show a batch of it, and take turns.

    Args:
        open_feed: called with the job and a variant's keywords.
        variants: the settings to choose from.
        packages: whose versions are reported.
    """
    answers, job = _Answers(), Job.read()
    tried: list[dict[str, Any]] = []
    for variant in variants if len(variants) > 1 else ():
        feed = open_feed(job, **variant)
        steady(feed, job.batch_size, 0)  # the first use of files and memory is slower than all others
        pairs, seconds = steady(feed, job.batch_size, job.seconds / 2)
        feed.close()
        tried.append({"settings": variant, "pairs_per_s": round(pairs / seconds, 1)})
    best = max(tried, key=lambda each: each["pairs_per_s"])["settings"] if tried else variants[0]
    if chart := job.options.get("chart"):  # what is compared is a batch of pictures whose pixels say where they lie
        plain = replace(job, root=chart, options={**job.options, "colours": False})
        feed = open_feed(plain, **best)
        show(job, *feed.arrays(next(iter(feed.batches()))))
        feed.close()
    feed = open_feed(job, **best)
    if not chart:
        show(job, *feed.arrays(next(iter(feed.batches()))))
    answers.say({"settings": best, "tried": tried, "versions": {name: metadata.version(name) for name in packages}})
    _take(answers, lambda seconds: steady(feed, job.batch_size, seconds))
    feed.close()


def serve_turn(turn: Turn, job: Job, packages: Sequence[str] = ()) -> None:
    """Take turns with a function that times itself and gives (pairs, seconds)."""
    answers = _Answers()
    answers.say({"settings": job.options, "tried": [], "versions": {name: metadata.version(name) for name in packages}})
    _take(answers, turn)


def _take(answers: _Answers, turn: Turn) -> None:
    for line in sys.stdin:
        pairs, seconds = turn(float(line))
        answers.say({"pairs": pairs, "seconds": seconds})


def steady(feed: Feed, batch_size: int, at_least_s: float) -> tuple[int, float]:
    """Time a pipeline that runs already: begin of epochs and first batches are not charged.

    Returns:
        pairs, seconds: of at least 8 batches and `at_least_s` seconds.
    """
    batches = _endless(feed)
    skipped, begun = 0, time.perf_counter()
    while skipped < _SKIPPED or time.perf_counter() - begun < _SKIPPED_S:
        next(batches)
        skipped += 1
    count, start = 0, time.perf_counter()
    for _batch in batches:
        count += 1
        if count % _BURST == 0 and count >= 2 * _BURST and time.perf_counter() - start >= at_least_s:
            break
    seconds = time.perf_counter() - start
    batches.close()
    return count * batch_size, seconds


def _endless(feed: Feed) -> Any:
    while True:
        yield from feed.batches()


def show(job: Job, images: Any, labels: Any) -> None:
    """Save some rows of a batch, with the whole batch's shapes and dtypes, for the comparison with the files."""
    facts = {
        "image_shape": images.shape,
        "image_dtype": str(images.dtype),
        "label_shape": labels.shape,
        "label_dtype": str(labels.dtype),
        "mean": float(np.mean(images, dtype=np.float64)),
        "std": float(np.std(images, dtype=np.float64)),
    }
    np.savez(job.shown, images=images[:SHOWN], labels=labels[:SHOWN], facts=json.dumps(facts))
