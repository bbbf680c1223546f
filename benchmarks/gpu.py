"""Train on a GPU beside torchvision's DataLoader on the same files: images per second, and the GPU's waits for data.

    .venv/bin/python benchmarks/gpu.py [--data PATH] [--rounds 3] [--seconds 10] [--device cuda]

A fully convolutional network over a ResNet-50 learns in bfloat16 from three feeds that take turns: one batch that never
leaves the device, which is as fast as the network can learn; segfeed; torchvision and DataLoader, with the best number
of workers and pinned memory. The GPU waits from the end of a step to the beginning of the next one, as its own events
tell. The bus is measured without a network: bytes per second of segfeed's batches, beside copies of one pinned batch.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import layouts
import table
import torch
from peers.torchvision import open_loader
from rich.console import Console
from torch import Tensor, nn
from turns import Job

import segfeed
from segfeed.frameworks.torch_cuda import pin

Batches = Iterator[tuple[Tensor, Tensor]]
_say = Console(stderr=True).print
_SKIPPED = 5  # batches before the clock starts: kernels are chosen, and prefetched batches come at once


class Turn(NamedTuple):
    """What a turn of training gave: images per second, and the share of time in which the device waited."""

    images_per_s: float
    waiting: float


def main() -> None:
    """Measure everything; write gpu.json and print it."""
    options = _options()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit(f"PyTorch {torch.__version__} finds no CUDA device here; the figures of this benchmark need one.")
    with tempfile.TemporaryDirectory(prefix="segfeed-gpu-") as work:
        job, classes = _lay_out(options, Path(work))
        train, _ = segfeed.load(
            job.root, job.batch_size, job.crop_size, splits=("train", None), flip=True, cache_dir=job.cache_dir
        )
        feed = segfeed.to_torch(train, device, channels_last=True)
        learn = _learner(FCN(classes, options.width), device)
        here = [batch.to(device) for batch in next(iter(feed))]
        feeds: dict[str, Callable[[], Batches]] = {
            "a batch that stays on the device": lambda: iter(lambda: tuple(here), None),
            "segfeed": lambda: _endless(feed),
        }
        workers = _best_workers(job, learn, device)
        feeds[f"torchvision + DataLoader, {workers} workers"] = lambda: _torchvision(job, workers, device)
        turns: dict[str, list[Turn]] = {name: [] for name in feeds}
        for n in range(options.rounds):
            for name, opened in feeds.items():
                turns[name].append(_train(learn, opened(), job, device))
                _say(f"round {n + 1} of {options.rounds}: {name}: {turns[name][-1].images_per_s:,.0f} images/s")
        results = _collect(turns) | {"bus": _bus(feed, job, device), "job": vars(options), "machine": _machine(device)}
    Path(options.out).mkdir(parents=True, exist_ok=True)
    (Path(options.out) / "gpu.json").write_text(json.dumps(results, indent=1) + "\n")
    Console().print_json(data=results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", default="sample", help="a VOC dataset with a train list; the embedded sample by default"
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long a turn lasts at least")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--crop", type=int, nargs=2, default=(320, 480), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--pairs", type=int, default=1000, help="the list is repeated until it has at least so many")
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage; 64 is a ResNet-50's")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results"))
    return parser.parse_args()


def _lay_out(options: argparse.Namespace, work: Path) -> tuple[Job, int]:
    """Repeat the usable pairs, and say how many classes they have."""
    source = segfeed.scan(options.data, "train", cache_dir=work / "cache")
    crop = tuple(options.crop)
    root = layouts.repeat(source, layouts.usable(source, crop), options.pairs, work / "turns")
    cores = len(os.sched_getaffinity(0))
    return Job(str(root), options.batch_size, crop, cores, options.seconds, str(work / "cache")), len(source.legend)


class Bottleneck(nn.Module):
    """Narrow, look around, widen, add: He et al. 2016, figure 5, with the stride in the 3 x 3 convolution."""

    def __init__(self, before: int, inner: int, stride: int) -> None:
        super().__init__()
        after = 4 * inner
        self.path = nn.Sequential(
            *_normed(before, inner, 1, 1), nn.ReLU(inplace=True),
            *_normed(inner, inner, 3, stride), nn.ReLU(inplace=True), *_normed(inner, after, 1, 1),
        )  # fmt: skip
        self.shortcut = (
            nn.Sequential(*_normed(before, after, 1, stride)) if (before, stride) != (after, 1) else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Apply it to (N, C, H, W)."""
        return torch.relu(self.path(features) + self.shortcut(features))


class FCN(nn.Module):
    """Logits (N, classes, H, W) of images (N, 3, H, W): a ResNet-50, a 1 x 1 convolution, bilinear enlargement."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        blocks, before = [], width
        for stage, depth in enumerate((3, 4, 6, 3)):
            for number in range(depth):
                blocks.append(Bottleneck(before, width << stage, 2 if stage and not number else 1))
                before = 4 * (width << stage)
        stem = [*_normed(3, width, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
        self.encoder, self.score = nn.Sequential(*stem, *blocks), nn.Conv2d(before, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Score every pixel."""
        return nn.functional.interpolate(self.score(self.encoder(images)), images.shape[2:], mode="bilinear")


def _normed(before: int, after: int, size: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)]


def _learner(model: nn.Module, device: torch.device) -> Callable[[Tensor, Tensor], None]:
    """Return a function that learns from one batch on the device, in bfloat16."""
    model = model.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def learn(images: Tensor, labels: Tensor) -> None:
        with torch.autocast(device.type, torch.bfloat16):
            loss = nn.functional.cross_entropy(model(images).float(), labels, ignore_index=-100)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return learn


def _endless(feed: Any) -> Batches:
    while True:
        yield from feed


def _torchvision(job: Job, workers: int, device: torch.device) -> Batches:
    """Yield batches as a careful user would: pinned, copied beside the computation, channels last, the loss's void."""
    for images, labels in open_loader(job, workers, pin_memory=device.type == "cuda"):
        there = images.to(device, non_blocking=True, memory_format=torch.channels_last)
        ids = labels.squeeze(1).to(device, non_blocking=True)
        yield there, ids.masked_fill(ids == 255, -100)


def _best_workers(job: Job, learn: Callable[..., None], device: torch.device) -> int:
    """Try several numbers of workers, and give the one that trains fastest."""
    tried = {}
    for workers in sorted({1, 2, job.workers // 2, job.workers, 2 * job.workers} - {0}):
        tried[workers] = _train(learn, _torchvision(job, workers, device), job, device).images_per_s
        _say(f"torchvision + DataLoader: {workers} workers: {tried[workers]:,.0f} images/s")
    return max(tried, key=lambda workers: tried[workers])


def _train(learn: Callable[..., None], batches: Batches, job: Job, device: torch.device) -> Turn:
    """Learn for a while, and tell from marks in the device's own queue how long it waited between steps."""
    for images, labels in islice(batches, _SKIPPED):
        learn(images, labels)
    _wait(device)
    marks, begun = [_mark(device)], time.perf_counter()
    for images, labels in batches:
        marks.append(_mark(device))
        learn(images, labels)
        marks.append(_mark(device))
        if time.perf_counter() - begun >= job.seconds:
            break
    _wait(device)
    seconds = time.perf_counter() - begun
    waited = sum(_between(end, start) for end, start in zip(marks[::2], marks[1::2], strict=False))
    steps = len(marks) // 2
    return Turn(steps * job.batch_size / seconds, waited / _between(marks[0], marks[-1]))


def _mark(device: torch.device) -> Any:
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _between(first: Any, second: Any) -> float:
    """Return the seconds between two marks."""
    return float(second - first) if isinstance(first, float) else float(first.elapsed_time(second)) / 1e3


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _bus(feed: Any, job: Job, device: torch.device) -> dict[str, float]:
    """Measure the bus without a network, in GB/s: segfeed's batches to the end, and copies of one pinned batch."""
    crossing = job.batch_size * job.crop_size[0] * job.crop_size[1] * 4  # images and labels, a byte each value
    pinned = torch.from_numpy(pin(crossing)) if device.type == "cuda" else torch.empty(crossing, dtype=torch.uint8)

    def copy() -> None:
        pinned.to(device, non_blocking=True, copy=True)

    def rate(step: Callable[[], Any]) -> float:
        for _ in range(_SKIPPED):
            step()
        _wait(device)
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < job.seconds:
            step()
            count += 1
        _wait(device)
        return round(count * crossing / (time.perf_counter() - begun) / 1e9, 2)

    batches = _endless(feed)
    fed, plain = rate(lambda: next(batches)), rate(copy)
    return {"segfeed_gb_per_s": fed, "plain_pinned_copy_gb_per_s": plain, "ratio": round(fed / plain, 2)}


def _collect(turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """Return medians over the rounds, and ratios to the batch that stays on the device, each within its round."""
    ceiling = next(iter(turns.values()))
    rows = {
        name: {
            "images_per_s": round(statistics.median(turn.images_per_s for turn in each), 1),
            "of_the_ceiling": round(
                statistics.median(
                    turn.images_per_s / top.images_per_s for turn, top in zip(each, ceiling, strict=True)
                ),
                3,
            ),
            "waiting": round(statistics.median(turn.waiting for turn in each), 4),
        }
        for name, each in turns.items()
    }
    return {"training": rows}


def _machine(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor: no figures, only a trial"
    return table.machine() | {
        "device": name,
        "torch": torch.__version__,
        "command": " ".join(["benchmarks/gpu.py", *sys.argv[1:]]),
    }


if __name__ == "__main__":
    main()
