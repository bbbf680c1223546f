"""The benchmark: how fast one's own dataset feeds on one's own machine, what limits it, and what to change.

Cold and warm feeds are ordinary loaders, whose threads are timed from outside: a source that times its reading and its
decoding, and a loader that times its filling. What filling takes beyond the two is cutting.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from itertools import chain, repeat
from typing import Any

from segfeed.batches.batch import Batch
from segfeed.batches.kernels.filling import load_compiled
from segfeed.batches.loader import Loader
from segfeed.batches.readers import Reader
from segfeed.cli.bench.machine import Machine, Stopwatch, measure_machine, private_mib
from segfeed.datasets.source import Source
from segfeed.errors import OptionError
from segfeed.packs.cache import find_packs
from segfeed.packs.making import make_pack
from segfeed.packs.pack import Pack
from segfeed.pixels.pair import Pair
from segfeed.plans.plan import Draw, Plan
from segfeed.system.portable import disk_faults
from segfeed.system.work import show_progress

_LONGEST_S, _LONGEST_STEP_MS = 3600, 60_000
_NEAR = 0.8  # of what threads can write: as fast as memory, since two measurements differ by that on a busy machine
_GAIN = 1.5  # a pack that delivers so many times as many is worth its room
_FROM_DISK = 0.5  # faults a pair: a stored pair of VOC is half a dozen stretches of 128 KiB, each of which is one fault
_IDLE = 0.3  # of thread time

_READING, _DECODING, _FILLING = "reading", "decoding", "filling"


@dataclass(frozen=True)
class Feed:
    """What one feed delivered, and what its threads did meanwhile.

    Attributes:
        pairs_per_s: pairs per second.
        reading: share of thread time in which files were read or waited for, 0..1.
        decoding: share of thread time for decoding, 0..1.
        cutting: share of thread time for filling batches, 0..1; with the disk, if a mapped pack is not in memory.
        waiting: share of thread time in which threads had nothing to do, 0..1.
        consumer_waited: share of the wall time in which the consumer waited for a batch, 0..1.
        feed_waited: share of thread time in which threads had nothing to do because the consumer was busy, 0..1.
        disk_faults_per_pair: page faults that waited for the disk.
        private_mib: the process's private memory at the end, in MiB; None if the system does not tell.
    """

    pairs_per_s: float
    reading: float
    decoding: float
    cutting: float
    waiting: float
    consumer_waited: float
    feed_waited: float
    disk_faults_per_pair: float
    private_mib: float | None


@dataclass(frozen=True)
class BenchResult:
    """All that was measured.

    Attributes:
        name: the dataset's name.
        split: the split's name.
        batch_size: pairs in a batch.
        crop_size: (height, width) in px.
        steps: batches of an epoch.
        step_ms: how long a training step takes in ms; 0 for none.
        compiled: whether compiled kernels filled the batches.
        pack: the pack's folder.
        pack_made_s: how long making the pack took, in seconds; None if it was there.
        machine: what memory allows.
        cold: the feed without a pack.
        warm: the feed from the pack.
        training: the feed from the pack, with a step after each batch; None if `step_ms` is 0.
    """

    name: str
    split: str
    batch_size: int
    crop_size: tuple[int, int]
    steps: int
    step_ms: float
    compiled: bool
    pack: str
    pack_made_s: float | None
    machine: Machine
    cold: Feed
    warm: Feed
    training: Feed | None

    @property
    def step_pairs_per_s(self) -> float:
        """Pairs per second that the training step takes; infinite without a step."""
        return 1000 * self.batch_size / self.step_ms if self.step_ms else math.inf

    def to_json(self) -> dict[str, Any]:
        """Describe the result in plain JSON values, the verdict included."""
        limit, sentence = judge(self)
        return {**asdict(self), "crop_size": list(self.crop_size), "limit": limit, "verdict": sentence}

    def table(self) -> tuple[tuple[str, ...], ...]:
        """Lay the result out in rows, the first cell naming each: a column for everything that was measured."""
        feeds = [feed for feed in (self.cold, self.warm, self.training) if feed is not None]
        speeds = (self.machine.write_pairs_per_s, self.machine.copy_pairs_per_s, *(feed.pairs_per_s for feed in feeds))
        heads = ("", "write only", "copy only", "cold: files", "warm: pack", f"warm, {self.step_ms:g} ms a step")

        def row(title: str, cell: Callable[[Feed], str]) -> tuple[str, ...]:
            return (title, "-", "-", *(cell(feed) for feed in feeds))

        return (
            heads[: len(feeds) + 3],
            ("pairs per second", *(_number(speed) for speed in speeds)),
            row("threads: reading files", lambda feed: _percent(feed.reading)),
            row("threads: decoding", lambda feed: _percent(feed.decoding)),
            row("threads: cutting", lambda feed: _percent(feed.cutting)),
            row("threads: waiting", lambda feed: _percent(feed.waiting)),
            row("of it for the consumer", lambda feed: _percent(feed.feed_waited)),
            row("consumer waited", lambda feed: _percent(feed.consumer_waited)),
            row("disk faults a pair", lambda feed: f"{feed.disk_faults_per_pair:.1f}"),
            row("private memory", lambda feed: _mebibytes(feed.private_mib)),
        )


def measure(
    source: Source,
    batch_size: int = 64,
    draw: Draw = Draw(),
    *,
    threads: int | None = None,
    seconds: float = 3.0,
    step_ms: float = 0.0,
    cache_dir: str | os.PathLike[str] | None = None,
) -> BenchResult:
    """Measure memory, the cold feed, and the warm feed; make the pack first if it is missing.

    Args:
        source: what `segfeed.scan` found.
        batch_size: pairs in a batch.
        draw: how crops are drawn.
        threads: how many fill batches; all cores if None, the consumer's own thread if 0.
        seconds: about how long each measurement takes.
        step_ms: measure also with a training step of so many ms after each batch.
        cache_dir: where packs lie; $SEGFEED_CACHE or the user's cache folder if None.

    Raises:
        OptionError: if an argument is out of range, or a batch has too few pairs.
        SourceError: if the dataset is damaged.
        StorageError: if the disk has too little room for the pack.
    """
    _check("seconds", seconds, 0.001, _LONGEST_S)
    _check("step_ms", step_ms, 0, _LONGEST_STEP_MS)
    plan = Plan(source.sizes, batch_size, draw)
    loader = _TimedLoader(_timed(source), plan, threads=threads)
    compiled = loader.compiled
    machine = measure_machine(batch_size, math.prod(plan.canvas), max(loader.threads, 1), seconds)
    cold = _run("cold feed", loader, seconds)
    del loader  # and its slots: each feed has its own
    pack, made_s = _packed(source, cache_dir, threads)
    warm = _run("warm feed", _TimedLoader(pack, plan, threads=threads), seconds)
    training = None
    if step_ms:
        training = _run("warm feed with steps", _TimedLoader(pack, plan, threads=threads), seconds, step_ms / 1000)
    sized = batch_size, plan.canvas, plan.steps, float(step_ms)
    return BenchResult(
        source.name, source.split, *sized, compiled, str(pack.folder), made_s, machine, cold, warm, training
    )  # fmt: skip


def judge(result: BenchResult) -> tuple[str, str]:
    """Decide from the measurements what limits the feed.

    Returns:
        limit: "step", "decoding", "reading", "disk", "memory", "kernels", "waiting" or "cutting".
        sentence: the verdict, with what to change.
    """
    cold, warm, step = result.cold.pairs_per_s, result.warm.pairs_per_s, result.step_pairs_per_s
    # If the pack was there already, the advice to use one would gain nothing.
    if result.pack_made_s is not None and cold < step and warm >= _GAIN * cold:
        return _judge_cold(result.cold, warm / max(cold, 1e-9))
    if step <= warm:
        return "step", (
            f"The training step limits: it takes {_number(step)} pairs/s and the feed can deliver {_number(warm)}; "
            "nothing to change here."
        )
    return _judge_warm(result)


def _judge_cold(cold: Feed, times: float) -> tuple[str, str]:
    limit, what, share = max(
        ("decoding", "Decoding", cold.decoding), ("reading", "Reading files", cold.reading), key=lambda each: each[2]
    )
    return limit, (
        f"{what} limits the cold feed ({_percent(share)} of thread time); use a pack: "
        f"it delivers {times:.{0 if times >= 10 else 1}f} times as many."
    )


def _judge_warm(result: BenchResult) -> tuple[str, str]:
    warm, machine = result.warm, result.machine
    threads = f"{machine.threads} thread{'s' if machine.threads > 1 else ''}"
    rate, write = _number(warm.pairs_per_s), _number(machine.write_pairs_per_s)
    demand = f", while your training step could take {_number(result.step_pairs_per_s)}" if result.step_ms else ""
    writes = f"{threads} {'write' if machine.threads > 1 else 'writes'} {write} pairs/s"
    if warm.pairs_per_s >= _NEAR * machine.write_pairs_per_s:
        rest = (
            '; only batches of fewer bytes (dtype="uint8") are faster.'
            if demand
            else "; nothing to change here (--step-ms compares it with your training step)."
        )
        return "memory", f"The feed is as fast as memory: {writes} and the feed delivers {rate}{demand}{rest}"
    if warm.disk_faults_per_pair >= _FROM_DISK:
        return "disk", (
            f"The disk limits the warm feed to {rate} pairs/s{demand}: the pack came from disk rather than memory; "
            "run this again, and if it stays so, add memory or put the cache folder on a faster disk (--cache-dir)."
        )
    if not result.compiled:
        return "kernels", (
            f"The plain NumPy path limits the warm feed to {rate} pairs/s{demand}, where {writes}; "
            "install numba, whose kernels cut faster."
        )
    if warm.waiting >= _IDLE:
        return "waiting", (
            f"Idle threads limit the warm feed to {rate} pairs/s{demand}: they wait {_percent(warm.waiting)} of their "
            f"time, with {result.steps:,} batch{'es' if result.steps > 1 else ''} an epoch; use smaller batches or "
            "fewer threads."
        )
    return "cutting", (
        f"Cutting limits the warm feed ({_percent(warm.cutting)} of thread time): it delivers {rate} pairs/s{demand}, "
        f"where {writes}; use more threads if there are cores left, or smaller crops."
    )


@dataclass(frozen=True)
class _TimedSource(Source):
    """A source that times reading and decoding, each by itself."""

    watch: Stopwatch = field(default_factory=Stopwatch, compare=False, repr=False)

    def read(self, index: int, out: Pair | None = None) -> Pair:
        sample = self.samples[index]
        with self.watch.span(_READING):
            mask = None if sample.mask is None else sample.mask.read()
            photo = sample.photo.read()
        with self.watch.span(_DECODING):
            return self.decode(index, photo, mask, out)


def _timed(source: Source) -> _TimedSource:
    timed = _TimedSource(**{each.name: getattr(source, each.name) for each in fields(Source)})
    vars(timed).update(vars(source))  # sizes that were read already
    return timed


class _TimedLoader(Loader):
    """A loader that times filling, by compiled kernels from the first row on; it shares a timed source's watch."""

    def __init__(self, reader: Reader, plan: Plan, *, threads: int | None) -> None:
        super().__init__(reader, plan, threads=threads)
        self.watch = reader.watch if isinstance(reader, _TimedSource) else Stopwatch()
        self.warm_up()
        self.compiled = load_compiled(self._conversion)  # loaded already: says whether numba is installed

    def _fill(self, batch: Batch, first: int, last: int) -> None:
        # Decoding goes pair by pair anyway, and is slow: counted by batches, a short run would be off by some of them.
        stride = max(last - first, 1) if isinstance(self.reader, Pack) else 1
        for start in range(first, last, stride):
            with self.watch.span(_FILLING, stride):
                super()._fill(batch, start, start + stride)


def _packed(source: Source, cache_dir: str | os.PathLike[str] | None, threads: int | None) -> tuple[Pack, float | None]:
    """Open the pack; return also how long making it took, in seconds, or None if it was there."""
    known, start = find_packs(cache_dir), time.perf_counter()
    pack = make_pack(source, cache_dir=cache_dir, threads=threads)
    return pack, None if pack.folder in known else time.perf_counter() - start


@dataclass
class _Tally:
    """What a consumer saw: pairs, seconds in all, seconds it waited, and what its threads did meanwhile."""

    delivered: int = 0
    filled: int = 0
    spent_s: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    waited_s: float = 0.0
    idle_s: float = 0.0


def _run(label: str, loader: _TimedLoader, seconds: float, step_s: float = 0.0) -> Feed:
    """Consume a feed for some seconds, and find out where its threads' time went."""
    before = disk_faults(all_threads=True)
    with loader, show_progress(f"measuring the {label} (ms)", round(1000 * seconds)) as advance:
        tally = _consume(loader, seconds, step_s, advance)
        faults, private = disk_faults(all_threads=True) - before, private_mib()
    thread_s = tally.wall_s * max(loader.threads, 1)
    reading, decoding, filling = (
        min(tally.spent_s.get(what, 0.0) / thread_s, 1.0) for what in (_READING, _DECODING, _FILLING)
    )
    # A busy consumer finds batches that were filled before the clock ran; a free one leaves some half filled.
    pairs = tally.delivered if step_s else tally.filled
    return Feed(
        pairs_per_s=pairs / tally.wall_s,
        reading=reading,
        decoding=decoding,
        cutting=max(filling - reading - decoding, 0.0),
        waiting=1 - filling,
        consumer_waited=tally.waited_s / tally.wall_s,
        feed_waited=min(max(tally.idle_s / thread_s, 0.0), 1 - filling),
        disk_faults_per_pair=faults / max(tally.filled, 1),
        private_mib=private,
    )


def _consume(loader: _TimedLoader, seconds: float, step_s: float, advance: Callable[[int], None]) -> _Tally:
    """Take batches, epoch after epoch, each followed by a training step that only sleeps."""
    tally, watch = _Tally(), loader.watch
    start = asked = time.perf_counter()
    for batch in chain.from_iterable(repeat(loader)):
        got = time.perf_counter()
        if step_s:
            busy_s = watch.spent_s().get(_FILLING, 0.0)
            time.sleep(step_s)
            busy_s = watch.spent_s().get(_FILLING, 0.0) - busy_s
            tally.idle_s += max(loader.threads, 1) * (time.perf_counter() - got) - busy_s
        tally.delivered += len(batch.crops)
        tally.waited_s += got - asked
        advance(round(1000 * (time.perf_counter() - asked)))
        asked = time.perf_counter()
        if asked - start >= seconds:
            break
    # The clock is read last: what threads do after it would count as if they had done it sooner.
    tally.filled, tally.spent_s = watch.count(_FILLING), watch.spent_s()
    tally.wall_s = time.perf_counter() - start
    return tally


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN is refused, too
        raise OptionError(name, found=repr(value), expected=f"a number from {low:g} to {high:g}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _mebibytes(value: float | None) -> str:
    return "not measured on this system" if value is None else f"{value:,.0f} MiB"
