"""The loader: a plan says which crops, a reader has the pixels, threads fill batches; batches come out in order."""

import contextlib
import inspect
import math
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch import Batch
from segfeed.batches.batch_format import BatchFormat, check_memory
from segfeed.batches.kernels.filling import load_compiled
from segfeed.batches.mistaken import lack, refuse_array, refuse_index
from segfeed.batches.readers import Reader, conversion_for, fill_rows
from segfeed.batches.state import STATE_VERSION, Position, read_state
from segfeed.batches.transforming import Transform, Watched, check_transform, name_of
from segfeed.errors import OptionError, StateError
from segfeed.packs.pack import Pack
from segfeed.pixels.lookup import Encoder
from segfeed.plans.plan import Plan
from segfeed.plans.rows import Rows
from segfeed.plans.wording import Crops
from segfeed.system.options import whole_number
from segfeed.system.portable import disk_faults
from segfeed.system.showing import ask, brief, counted, show_html
from segfeed.system.slots import Memory, Pool
from segfeed.system.work import available_cores

_SMALL_SHARES = 4  # for each thread, of a batch that all of them share
_IN_FLIGHT = 4  # batches being filled or waiting, besides the one the consumer holds


class Loader:
    """The batches of a plan, one epoch for each `iter()`.

    The next `iter()` is always the next epoch, also after a `break`. Batch memory is reused when, and only when,
    nothing refers to it any more: every batch may be kept.

    Args:
        reader: a source or a pack.
        plan: made from `reader.sizes`.
        format: what batches look like; by default NHWC float32 images and int32 labels, void 255.
        threads: how many fill batches; all cores if None, the caller's own thread if 0.
        transform: a person's own step for each crop; see `segfeed.batches.transforming`. None for whole images.
        allocate: allocates memory for batches, as for `slots.Pool`; ordinary memory if None.

    Raises:
        OptionError: if the plan was made for other sizes, or the format does not fit the legend.

    >>> import segfeed
    >>> source = segfeed.scan("sample", "val")
    >>> with Loader(source, Plan(source.sizes, batch_size=4, draw=segfeed.Draw((64, 96)))) as loader:
    ...     images, labels = next(iter(loader))
    >>> images.shape, labels.dtype
    ((4, 64, 96, 3), dtype('int32'))
    """

    def __init__(
        self,
        reader: Reader,
        plan: Plan,
        *,
        format: BatchFormat = BatchFormat(),  # noqa: A002, B008 - the field's word; frozen
        threads: int | None = None,
        transform: Transform | None = None,
        allocate: Callable[[int], Memory] | None = None,
    ) -> None:
        if not np.array_equal(plan.sizes, reader.sizes):
            raise OptionError(
                "plan",
                found=f"made for {len(plan.sizes)} samples",
                expected=f"the sizes of the reader's {len(reader.sizes)} samples",
                remedy="make it from reader.sizes",
            )
        if plan.is_exact and transform is not None:
            found = f"{name_of(transform)}, but the plan takes every image whole"
            raise OptionError("transform", found=found, remedy="leave it out: validation takes images as they are")
        self.reader, self.plan, self.format, self.transform = reader, plan, format, check_transform(transform)
        self._watched = None if self.transform is None else Watched(self.transform)
        self.threads = available_cores() if threads is None else whole_number("threads", threads, 0, 1024)
        self._allocate = allocate
        self._resolved = format.resolve("NHWC", "int32", reader.legend.void)
        check_memory((_IN_FLIGHT if self.threads else 1) + 1, (plan.rows_per_step, *plan.canvas), format)
        self._conversion = conversion_for(format, reader.legend, plan)
        rows = plan.rows_per_step
        self._shapes = (rows, *self._conversion.image_shape(*plan.canvas)), (rows, *plan.canvas)
        sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in zip(self._shapes, self._dtypes, strict=True)]
        self._pools = tuple(Pool(size, _IN_FLIGHT + 2, allocate) for size in sizes)
        self._from_disk = False
        self._turn, self._warmed = threading.Lock(), False
        self._next = self._last = Position(0, 0)
        # Weakly: after a `break` nothing but the loop held the epoch, so its threads stop at once.
        # Not a WeakSet: it removes what has ended in Python code, in which a KeyboardInterrupt would be lost.
        self._epochs: list[weakref.ref[Generator[Batch]]] = []

    __array__, __getattr__ = refuse_array, lack

    def __getitem__(self, index: object) -> NoReturn:
        refuse_index(index)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self.plan.steps

    @property
    def batch_size(self) -> int:
        """The number of pairs in a batch, over all ranks."""
        return self.plan.batch_size

    @property
    def next_epoch(self) -> int:
        """The epoch that comes next, or goes on: each loop over the loader is one."""
        return self._next.epoch

    @property
    def legend(self) -> Encoder:
        """What labels mean: the reader's legend."""
        return self.reader.legend

    @property
    def dataset(self) -> Reader:
        """The reader, under the name that PyTorch's users expect."""
        return self.reader

    @property
    def _dtypes(self) -> tuple[np.dtype[Any], np.dtype[Any]]:
        return self._conversion.dtype, self._conversion.label_dtype

    _repr_html_ = show_html

    def __repr__(self) -> str:
        height, width = self.plan.canvas
        what = "images on" if self.plan.is_exact else "crops of"
        batches = f"{counted(len(self), 'batch', 'batches')} of {self.batch_size} {what} {height} x {width} px"
        where = f"{brief(self.reader.name)} {brief(self.reader.split)}"
        return f"Loader({where}: {batches}, {self.format.dtype}; next is epoch {self.next_epoch})"

    def show_batch(
        self, count: int = 12, *, epoch: int = 0, step: int = 0, path: str | os.PathLike[str] | None = None
    ) -> Any:
        """Show a batch as the network sees it; the loader's own place in its epochs stays as it is.

        Args:
            count: how many crops at most, from the batch's first.
            epoch: the batch's epoch.
            step: the batch's number in it.
            path: a .png file to write, too.

        Returns:
            figure: matplotlib's; a notebook shows it.

        Raises:
            OptionError: if a number is out of range, or the path does not end in .png.
            StorageError: if the file cannot be written.

        >>> import segfeed
        >>> train, _ = segfeed.load("sample", batch_size=4, crop_size=(64, 96), splits=("train", None))
        >>> len(train.show_batch(2).axes)
        5
        """
        return ask("batch", self, count=count, epoch=epoch, step=step, path=path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the epochs that run, and their threads; the loader can be iterated again."""
        for epoch in self._running():
            epoch.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the loader was made of, and its position: epochs, threads and batch memory stay here."""
        options = {"format": self.format, "threads": self.threads, "transform": self.transform}
        return _unpickle, (type(self), self.reader, self.plan, options, self._next, self._last)

    def _running(self) -> "list[Generator[Batch]]":
        epochs = [epoch for one in self._epochs if (epoch := one()) is not None]
        return [epoch for epoch in epochs if inspect.getgeneratorstate(epoch) != inspect.GEN_CLOSED]

    def with_format(self, format: BatchFormat) -> "Loader":  # noqa: A002 - the field's word
        """Return a loader of the same batches in another format, at the same position."""
        return self.derive(format=format)

    def derive(
        self,
        plan: Plan | None = None,
        format: BatchFormat | None = None,  # noqa: A002 - the field's word
        allocate: Callable[[int], Memory] | None = None,
    ) -> "Loader":
        """Return a loader that differs in what is passed, such as another rank's plan, at the same position."""
        plan, format, allocate = plan or self.plan, format or self.format, allocate or self._allocate  # noqa: A001
        options: dict[str, Any] = {"threads": self.threads, "transform": self.transform}
        loader = Loader(self.reader, plan, format=format, allocate=allocate, **options)
        loader._next = loader._last = replace(self._next)
        return loader

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the one that the next `iter()` runs, from its first batch."""
        self._next = Position(whole_number("epoch", epoch, 0, 2**62), 0)
        self._last = self._next

    def __iter__(self) -> Iterator[Batch]:
        with self._turn:  # two threads that iterate at once get two epochs
            position, self._next = self._next, Position(self._next.epoch + 1, 0)
            self._last = position
            epoch = self._run(position)
            self._epochs = [*(one for one in self._epochs if one() is not None), weakref.ref(epoch)]
        return epoch

    def _run(self, position: Position) -> "Generator[Batch]":
        """Deliver the rest of an epoch; `position` counts what was handed over, never what was prefetched."""
        process = os.getpid()
        for batch in self._filled(position.epoch, position.step):
            self._warm_up_beside()
            position.step += 1
            if position.step == len(self):
                position.epoch, position.step = position.epoch + 1, 0
            yield batch
            if self.threads and os.getpid() != process:  # the threads that fill stayed there
                raise OptionError(
                    "loader",
                    found="an epoch that began in another process",
                    remedy="iterate the loader anew after a fork",
                )

    def _filled(self, epoch: int, first: int) -> Iterator[Batch]:
        steps = range(first, len(self))
        if self.threads == 0:
            for step in steps:
                batch = self._lease(epoch, step)
                self._fill(batch, 0, len(batch.crops))
                yield batch
            return
        # All threads share the first batch, so that it comes soon, and the last ones, so that none is idle while the
        # epoch ends; in small shares, for one thread may meet pages that are slow to come. The others are shared only
        # if there are more threads than batches in flight.
        shared = {first, *steps[-2:]}
        with ThreadPoolExecutor(self.threads, "segfeed-loader") as workers:
            running: deque[tuple[Batch, list[Future[None]]]] = deque()
            try:
                for step in steps:
                    shares = _SMALL_SHARES * self.threads if step in shared else -(-self.threads // _IN_FLIGHT)
                    running.append(self._submit(workers, self._lease(epoch, step), shares))
                    if len(running) == _IN_FLIGHT:
                        yield _wait(*running.popleft())
                # The plan keeps them: the next epoch begins at once when threads have ended this one.
                self.plan.rows(epoch + 1, 0)
                while running:
                    yield _wait(*running.popleft())
            finally:
                for _, parts in running:
                    for part in parts:
                        part.cancel()

    def _submit(self, workers: ThreadPoolExecutor, batch: Batch, shares: int) -> tuple[Batch, list[Future[None]]]:
        shares = min(shares, len(batch.crops))
        bounds = [len(batch.crops) * share // shares for share in range(shares + 1)]
        return batch, [self._start(workers, batch, *span) for span in pairwise(bounds)]

    def _start(self, workers: ThreadPoolExecutor, batch: Batch, first: int, last: int) -> Future[None]:
        """Fill rows in another thread; or here once the main thread has ended: Python starts no others then."""
        try:
            return workers.submit(self._fill, batch, first, last)
        except RuntimeError as error:
            if "shutdown" not in str(error):  # which the interpreter's end, and nothing else here, brings about
                raise
        self._fill(batch, first, last)
        filled = Future[None]()
        filled.set_result(None)
        return filled

    def _lease(self, epoch: int, step: int) -> Batch:
        images, labels = (
            pool.lease().view(dtype).reshape(shape)
            for pool, shape, dtype in zip(self._pools, self._shapes, self._dtypes, strict=True)
        )
        rows = self.plan.rows(epoch, step)
        if self._from_disk and isinstance(self.reader, Pack):
            self.reader.read_ahead(rows["sample"])  # the plan knows what comes: the disk reads while threads fill
        return self._batch(images, labels, rows)

    def _batch(self, images: npt.NDArray[Any], labels: npt.NDArray[Any], rows: Rows) -> Batch:
        sizes = np.where(rows["sample"][:, None] >= 0, self.reader.sizes[rows["sample"]], np.int32(0))
        return Batch(images, labels, rows.view(Crops), sizes, self.reader.keys, self.reader.legend, self._resolved)

    def peek(self, epoch: int = 0, step: int = 0, count: int | None = None) -> Batch:
        """Fill any batch, or its first `count` rows, apart from the epochs: the loader's place stays as it is."""
        rows = self.plan.rows(epoch, step)[:count]
        images, labels = (
            np.empty((len(rows), *shape[1:]), dtype) for shape, dtype in zip(self._shapes, self._dtypes, strict=True)
        )
        fill_rows(self.reader, self._conversion, rows, images, labels, self.transform)
        return self._batch(images, labels, rows)

    def _fill(self, batch: Batch, first: int, last: int) -> None:
        """Fill rows first .. last - 1 of a batch."""
        rows, images, labels = np.asarray(batch.crops)[first:last], batch.images[first:last], batch.labels[first:last]
        before = disk_faults()
        fill_rows(self.reader, self._conversion, rows, images, labels, self._watched)
        self._from_disk = disk_faults() > before  # in memory, asking ahead would only cost time

    def warm_up(self) -> None:
        """Load the compiled kernel now (a second or two the first time), instead of beside the first batches."""
        self._warmed = True
        self._load_kernels()

    def _warm_up_beside(self) -> None:
        """Load the compiled kernel beside the epoch, after its first batch, which the import would delay."""
        if not self._warmed:
            self._warmed = True
            with contextlib.suppress(RuntimeError):  # no more threads: plain NumPy gives the same bits
                threading.Thread(target=self._load_kernels, name="segfeed-kernels").start()

    def _load_kernels(self) -> None:
        own = self._conversion
        for conversion in (own,) if self.transform is None else (own.before, own.after):
            load_compiled(conversion)

    def state_dict(self, epoch: int | None = None, step: int | None = None) -> dict[str, Any]:
        """Describe where the loader stands, in JSON values: what was delivered, never what was prefetched.

        Args:
            epoch: describe the start of this epoch instead.
            step: with `epoch`: after this many of its batches.

        Returns:
            state: fits any loader of the same samples, legend, split, task and plan, whatever its threads, rank or
                world. What the files held is part of it if a pack knows, and is compared if both loaders have one.
        """
        position = self._last
        if epoch is not None:
            position = Position(whole_number("epoch", epoch, 0, 2**62), whole_number("step", step or 0, 0, len(self)))
            if position.step == len(self):
                position = Position(position.epoch + 1, 0)
        elif step is not None:
            raise OptionError("step", found=f"{step} without an epoch", remedy="pass both")
        return {
            "version": STATE_VERSION,
            **self.reader.digests,
            "content": getattr(self.reader, "content", ""),  # of a pack; a source has not read its files
            "plan": self.plan.digest,
            "plan_options": self.plan.options,
            "transform": None if self.transform is None else name_of(self.transform),
            "epoch": position.epoch,
            "position": position.step * self.batch_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken: the next `iter()` delivers the batch after the last one delivered.

        Raises:
            StateError: if the state is malformed, of another version, or of other samples, legend, split, task or plan
                (all differing fields are listed); or an epoch of this loader is under way.
        """
        if self._running():
            raise StateError(
                "loader",
                found="an epoch that is under way",
                remedy="close() the loader, or load the state before iterating",
            )
        position = read_state(state, self.state_dict(0), self.batch_size, len(self))
        self._next = self._last = position


def _wait(batch: Batch, parts: list[Future[None]]) -> Batch:
    for part in parts:
        part.result()
    return batch


def _unpickle(
    kind: type[Loader], reader: Reader, plan: Plan, options: dict[str, Any], following: Position, last: Position
) -> Loader:
    loader = kind(reader, plan, **options)
    loader._next, loader._last = following, last  # noqa: SLF001 - of the same class
    return loader
