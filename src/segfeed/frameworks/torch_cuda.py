"""CUDA: batches cross the bus as bytes, out of pinned slots, on a stream of their own, one batch ahead of the consumer.

Bytes are a quarter of float32 and an eighth of int64, so images are normalised and labels widened on the device, by the
conversion that the kernels follow on the CPU and to the same bits.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch import Batch
from segfeed.batches.batch_format import BatchFormat, LabelType
from segfeed.batches.kernels.filling import Conversion
from segfeed.frameworks.framework_loader import require
from segfeed.plans.rows import Rows
from segfeed.system.slots import Memory

require("torch", "torch")

import torch  # noqa: E402 - only after the line that says how to install it

Tensors = tuple[torch.Tensor, torch.Tensor]


def bus_format(wanted: BatchFormat, stored_void: int) -> BatchFormat:
    """Return the format in which batches of a resolved format cross the bus: bytes as they are stored."""
    # More than 254 classes need 16 bits, which no format has.
    labels: LabelType = "uint8" if stored_void == 255 else "int32"
    return replace(wanted, layout="NHWC", dtype="uint8", label_dtype=labels, void=stored_void)


def pin(size_bytes: int) -> Memory:
    """Allocate memory that the device copies from while the processor goes on."""
    return torch.empty(size_bytes, dtype=torch.uint8, pin_memory=True).numpy()


class Finish:
    """The last step, on the device: bytes that crossed the bus become the wanted format, to the kernels' bits.

    Args:
        conversion: of the wanted format.
        device: of the tensors.
        memory: the order of NCHW images in memory.

    >>> from segfeed.batches.kernels.filling import make_conversion
    >>> conversion = make_conversion(BatchFormat("NCHW", label_dtype="int64", void=-100), 5, 21, 255)
    >>> finish = Finish(conversion, torch.device("cpu"))
    >>> images, labels = finish(torch.zeros(2, 4, 5, 3, dtype=torch.uint8), torch.full((2, 4, 5), 255))
    >>> images.shape, images.dtype, labels.unique()
    (torch.Size([2, 3, 4, 5]), torch.float32, tensor([-100]))
    """

    def __init__(
        self, conversion: Conversion, device: torch.device, memory: torch.memory_format = torch.contiguous_format
    ) -> None:
        self._conversion, self._memory = conversion, memory
        self._dtype, self._label_dtype = (
            torch.from_numpy(np.zeros(0, dtype)).dtype for dtype in (conversion.dtype, conversion.label_dtype)
        )
        shape = (3, 1, 1) if conversion.channels_first else (3,)
        self._scale, self._bias = torch.tensor(conversion.affine[:, :3]).to(device).reshape(2, *shape)

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> Tensors:
        """Finish images uint8 (N, H, W, 3) and labels (N, H, W) as stored."""
        if self._conversion.channels_first:
            images = images.permute(0, 3, 1, 2)
        if self._conversion.dtype == np.uint8:
            images = images.contiguous(memory_format=self._memory)
        else:
            # Two operations, each rounded to float32, as in the kernels; one fused would round once.
            images = images.to(torch.float32, memory_format=self._memory).mul_(self._scale).add_(self._bias)
        is_void = labels == self._conversion.stored_void
        labels = labels.to(self._label_dtype).masked_fill_(is_void, self._conversion.void)
        return images.to(self._dtype), labels


class Event(Protocol):
    """A point in a stream's work, as `torch.cuda.Event` marks it."""

    def query(self) -> bool:
        """Return whether the stream has passed it."""

    def synchronize(self) -> None:
        """Wait until the stream has passed it."""


class Sent(NamedTuple):
    """A batch on its way: its tensors may be used after `ready`, its slot may be filled anew after `read`."""

    images: torch.Tensor
    labels: torch.Tensor
    crops: Rows
    all_keys: tuple[str, ...]
    sizes: npt.NDArray[np.int32]
    read: Event
    ready: Event


class Bus:
    """The way to a device: batches are copied and finished there, on a stream beside the consumer's.

    Args:
        device: a CUDA device.
        finish: turns the copied images and labels into the wanted ones.
        streams: the module that offers streams.
    """

    def __init__(self, device: torch.device, finish: Callable[..., Tensors], streams: Any = torch.cuda) -> None:
        self._device, self._finish, self._streams = device, finish, streams
        self._stream = streams.Stream(device)

    def send(self, batch: Batch) -> Sent:
        """Start a copy; its slot must not change before `read`."""
        with self._streams.stream(self._stream):
            images, labels = (torch.from_numpy(array).to(self._device, non_blocking=True) for array in batch)
            read = self._stream.record_event()
            images, labels = self._finish(images, labels)
            return Sent(images, labels, batch.crops, batch.all_keys, batch.sizes, read, self._stream.record_event())

    def receive(self, sent: Sent) -> Sent:
        """Make the consumer's stream wait for a batch; the processor does not."""
        consumer = self._streams.current_stream(self._device)
        consumer.wait_event(sent.ready)
        for tensor in (sent.images, sent.labels):
            tensor.record_stream(consumer)  # its memory is the side stream's: not to be reused while the consumer works
        return sent


def one_ahead(batches: Iterator[Batch], bus: Bus) -> Iterator[Sent]:
    """Deliver each batch when the next one is already on its way; hold every slot until its copy is over."""
    leaving: deque[tuple[Event, Batch]] = deque()
    before: Sent | None = None
    try:
        for batch in batches:
            sent = bus.send(batch)
            leaving.append((sent.read, batch))
            if before is not None:
                yield bus.receive(before)
            before = sent
            while leaving and leaving[0][0].query():
                leaving.popleft()
        if before is not None:
            yield bus.receive(before)
    finally:
        for read, _ in leaving:
            read.synchronize()
