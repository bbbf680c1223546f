"""PyTorch: batches as tensors, on the processor in the slot's own memory, on a CUDA device one batch ahead."""

import importlib
import logging
import mmap
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch import Batch
from segfeed.batches.batch_format import BatchFormat
from segfeed.batches.kernels.filling import Conversion
from segfeed.batches.loader import Loader
from segfeed.batches.readers import conversion_for, fill_rows
from segfeed.errors import OptionError
from segfeed.frameworks.framework_loader import FrameworkBatch, FrameworkLoader, require, require_loader
from segfeed.packs.pack import Pack
from segfeed.plans.plan import Shard
from segfeed.system.options import whole_number

require("torch", "torch")

import torch  # noqa: E402 - only after the line that says how to install it
from torch import distributed  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from segfeed.frameworks.torch_cuda import Bus, Finish, Tensors, bus_format, one_ahead, pin  # noqa: E402

_log = logging.getLogger("segfeed")

Wrap = Callable[[torch.Tensor, torch.Tensor], Tensors]
Follow = Callable[[Loader], Loader]


class TorchBatch(FrameworkBatch[torch.Tensor]):
    """Images and labels as tensors.

    >>> from segfeed.plans.rows import ROW
    >>> batch = TorchBatch((torch.zeros(1, 3, 4, 5), torch.zeros(1, 4, 5)), np.zeros(1, ROW), ("cat",))
    >>> images, labels = batch
    >>> batch.images is images, batch.keys
    (True, ('cat',))
    """

    def to(self, device: torch.device | str | int, *, non_blocking: bool = False) -> "TorchBatch":
        """Move both to a device."""
        pair = (tensor.to(device, non_blocking=non_blocking) for tensor in self)
        return TorchBatch(pair, self.crops, self.all_keys, self.sizes)


def to_torch(
    loader: Loader,
    device: torch.device | str | int | None = None,
    *,
    channels_last: bool = False,
    tv_tensors: bool = False,
    per_rank: bool = False,
) -> FrameworkLoader[TorchBatch]:
    """Iterate over a loader's batches as tensors; see `segfeed.to_torch`."""
    require_loader(loader)
    target, wanted = _device(device), _resolve(loader)
    if wanted.layout == "NHWC" and (channels_last or tv_tensors):
        raise OptionError(
            "layout",
            found=f"'NHWC', but {'channels_last' if channels_last else 'tv_tensors'}=True wants images (N, 3, H, W)",
            remedy="leave the layout out",
        )
    if per_rank and loader.plan.shard != Shard(0, 1):
        found = f"True beside shard={tuple(loader.plan.shard)}, with which batch_size counts the pairs of all ranks"
        raise OptionError("per_rank", found=found, remedy="leave the shard out: it follows torch.distributed")
    follow: Follow = partial(_follow_ranks, per_rank=per_rank)
    feed = _cross if target.type == "cuda" else _share
    memory = torch.channels_last if channels_last else torch.contiguous_format
    return feed(loader, follow, wanted, target, memory, _tv_tensors() if tv_tensors else _plain)


class TorchCrops(Dataset[Tensors]):
    """The crops of an epoch one by one, for a `torch.utils.data.DataLoader` of your own.

    `crops[i]` is row i of the epoch, the same image and labels as in the loader's batches, on any number of worker
    processes and however they are started. Batches of `loader.plan.rows_per_step` in order are the loader's own.

    Of whole images, every one is there once: the rows of void that fill a loader's last batch are left out, unless a
    shard is given, since all ranks need equally many.

    A sampler chooses among rows, not among samples: row i is the i-th crop of a shuffled epoch. Weights of samples
    become those of rows by `weights[crops.samples]`, anew in each epoch:
    `WeightedRandomSampler(weights[crops.samples], len(crops))`.

    Args:
        loader: its reader, plan, format and transform are used; the epoch is 0 until `set_epoch`.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=8, crop_size=(64, 96))
    >>> crops = TorchCrops(train)
    >>> image, labels = crops[0]
    >>> len(crops), image.shape, labels.shape
    (160, torch.Size([3, 64, 96]), torch.Size([64, 96]))
    """

    def __init__(self, loader: Loader) -> None:
        self.reader, self.plan, self.format = loader.reader, loader.plan, _resolve(loader)
        self.transform = loader.transform
        self._conversion = conversion_for(self.format, self.reader.legend, self.plan)
        self._epoch = _shared_number()

    def __len__(self) -> int:
        """Count the rows of an epoch on this rank."""
        rows = self.plan.steps * self.plan.rows_per_step
        return len(self.plan.sizes) if self.plan.is_exact and self.plan.shard == Shard(0, 1) else rows

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose crops are read, in all workers; call this before the DataLoader's `iter()`."""
        self._epoch.fill_(whole_number("epoch", epoch, 0, 2**62))

    @property
    def samples(self) -> npt.NDArray[np.int64]:
        """int64 (len(self),), the number of the sample that each crop of this epoch is cut from."""
        rows = [self.plan.rows(int(self._epoch), step)["sample"] for step in range(self.plan.steps)]
        return np.concatenate(rows)[: len(self)]

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of the sample that each crop of this epoch is cut from; "" for a row of padding."""
        return tuple(self.reader.keys[sample] if sample >= 0 else "" for sample in self.samples.tolist())

    def __getitem__(self, index: int) -> Tensors:
        step, number = divmod(range(len(self))[index], self.plan.rows_per_step)
        row = self.plan.rows(int(self._epoch), step)[number : number + 1]
        height, width = self.plan.canvas
        image = np.empty((1, *self._conversion.image_shape(height, width)), self._conversion.dtype)
        labels = np.empty((1, height, width), self._conversion.label_dtype)
        fill_rows(self.reader, self._conversion, row, image, labels, self.transform)
        return torch.from_numpy(image[0]), torch.from_numpy(labels[0])

    def __getstate__(self) -> dict[str, Any]:
        # A mapped file cannot be sent to another process; its folder can.
        return vars(self) | ({"reader": self.reader.folder} if isinstance(self.reader, Pack) else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        reader = state["reader"]
        vars(self).update(state, reader=Pack(reader) if isinstance(reader, Path) else reader)


def _shared_number() -> torch.Tensor:
    """Return an int64 tensor () of 0 in shared memory: workers that outlive an epoch learn of the next one."""
    try:
        return torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call,no-any-return]  # torch has no types for it
    except (RuntimeError, OSError):  # /dev/shm is full, read-only or not there: a map of no file is shared by forks
        return torch.frombuffer(mmap.mmap(-1, 8), dtype=torch.int64)[0]


def _device(device: torch.device | str | int | None) -> torch.device:
    try:
        target = torch.device("cpu" if device is None else device)
        if target.type not in ("cpu", "cuda"):  # such as "mps": its name alone does not say whether there is one
            torch.empty(0, device=target)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(
            "device", found=f"{device!r}, of which PyTorch says: {reason}", expected="a device that it finds here"
        ) from error
    if target.type == "cuda" and not torch.cuda.is_available():
        raise OptionError(
            "device",
            found=f"{device!r}, but PyTorch {torch.__version__} finds no CUDA device here",
            remedy="leave it out",
        )
    return target


def _resolve(loader: Loader) -> BatchFormat:
    """Fill what the loader's format leaves open with PyTorch's choices; bytes cannot hold -100, so they keep 255."""
    wanted = loader.format
    return wanted.resolve("NCHW", "int64", loader.reader.legend.void if wanted.label_dtype == "uint8" else -100)


def _follow_ranks(loader: Loader, *, per_rank: bool) -> Loader:
    """Return the loader of this process's rank, if `torch.distributed` knows of ranks.

    With `per_rank`, each rank gets as many pairs as the batch of one process had, so that batches of all grow.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return loader
    given, here = loader.plan.shard, Shard(distributed.get_rank(), distributed.get_world_size())
    if given == here:
        return loader
    if given != Shard(0, 1):
        raise OptionError(
            "shard",
            found=f"{tuple(given)} (rank, world), but torch.distributed says {tuple(here)}",
            remedy="leave the shard out, and it follows",
        )
    if not per_rank:
        _say_what_batch_size_counts(loader.batch_size, here.world)
        return loader.derive(plan=loader.plan.with_shard(here))
    if loader.state_dict()["position"]:
        found = "True for a loader that stands within an epoch, whose batches were smaller"
        raise OptionError("per_rank", found=found, remedy="call load_state_dict on what to_torch returns")
    return loader.derive(plan=loader.plan.with_shard(here, loader.batch_size * here.world))


@cache
def _say_what_batch_size_counts(batch_size: int, world: int) -> None:
    """Say once, on the first rank, what scripts that count pairs on each rank would get wrong."""
    if distributed.get_rank() == 0:
        _log.warning(
            "batch_size=%d counts the pairs of all %d ranks: each gets %d. If your script counts them on each rank, "
            "call to_torch(..., per_rank=True): each then gets %d.",
            *(batch_size, world, batch_size // world, batch_size),
        )


def _share(
    loader: Loader, follow: Follow, wanted: BatchFormat, device: torch.device, memory: torch.memory_format, wrap: Wrap
) -> FrameworkLoader[TorchBatch]:
    """Wrap the slots' own memory; copy it only if the device has a memory of its own."""
    channels_last = memory == torch.channels_last
    loader = loader.with_format(replace(wanted, layout="NHWC") if channels_last else wanted)
    # Partial functions, not inner ones, can be pickled: notebooks and Lightning spawn processes with a loader in hand.
    share = partial(_shared, device=device, channels_last=channels_last, wrap=wrap)
    return FrameworkLoader(follow(loader), partial(map, share), follow)


def _shared(batch: Batch, device: torch.device, wrap: Wrap, *, channels_last: bool) -> TorchBatch:
    images, labels = torch.from_numpy(batch.images), torch.from_numpy(batch.labels)
    images = images.permute(0, 3, 1, 2) if channels_last else images
    return TorchBatch(wrap(images.to(device), labels.to(device)), batch.crops, batch.all_keys, batch.sizes)


def _cross(
    loader: Loader, follow: Follow, wanted: BatchFormat, device: torch.device, memory: torch.memory_format, wrap: Wrap
) -> FrameworkLoader[TorchBatch]:
    """Send bytes ahead, and finish them on the device."""
    conversion = conversion_for(wanted, loader.reader.legend, loader.plan)

    cross = partial(_crossing, device=device, conversion=conversion, memory=memory, wrap=wrap)
    loader = loader.derive(format=bus_format(wanted, conversion.stored_void), allocate=pin)
    return FrameworkLoader(follow(loader), cross, follow)


def _crossing(
    batches: Iterator[Batch], device: torch.device, conversion: Conversion, memory: torch.memory_format, wrap: Wrap
) -> Iterator[TorchBatch]:
    for sent in one_ahead(batches, Bus(device, Finish(conversion, device, memory))):
        yield TorchBatch(wrap(sent.images, sent.labels), sent.crops, sent.all_keys, sent.sizes)


def _plain(images: torch.Tensor, labels: torch.Tensor) -> Tensors:
    return images, labels


def _tv_tensors() -> Wrap:
    try:
        importlib.import_module("torchvision.tv_tensors")
    except ModuleNotFoundError as error:
        raise OptionError(
            "tv_tensors",
            found="True, but torchvision is not installed",
            remedy="install it with: pip install torchvision",
        ) from error
    return _as_tv_tensors


def _as_tv_tensors(images: torch.Tensor, labels: torch.Tensor) -> Tensors:
    kinds = importlib.import_module("torchvision.tv_tensors")
    return kinds.Image(images), kinds.Mask(labels)
