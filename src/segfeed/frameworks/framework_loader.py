"""What the adapters to PyTorch, TensorFlow and JAX share: a loader and a batch of a framework's own arrays.

An adapter translates batches and nothing else: plan, format and kernels decide what they hold. The adapters' modules
import their framework at the top, after `require` has said how to install it; `import segfeed` imports none of them.
"""

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NoReturn, Self, TypeVar

import numpy as np
import numpy.typing as npt

from segfeed.batches.batch import Batch
from segfeed.batches.loader import Loader
from segfeed.batches.mistaken import lack, refuse_array, refuse_index
from segfeed.batches.readers import Reader
from segfeed.batches.state import Position
from segfeed.errors import NotInstalledError, OptionError
from segfeed.plans.rows import ROW, Rows

Translated = TypeVar("Translated")
Array = TypeVar("Array")

_NO_CROPS, _NO_SIZES = np.zeros(0, ROW), np.zeros((0, 2), np.int32)


def require_loader(loader: object) -> None:
    """Check that what an adapter got is one loader of segfeed's own.

    Raises:
        OptionError: if it is not; what was probably meant is named.

    >>> require_loader("train")
    Traceback (most recent call last):
    ...
    segfeed.errors.OptionError: loader: a str; expected a segfeed Loader, such as `load(...).train`.
    """
    if isinstance(loader, Loader):
        return
    remedy, found = "", f"a {type(loader).__name__}"
    if isinstance(loader, FrameworkLoader):
        found, remedy = "a framework's batches already", "iterate over them, or hand over the loader they were made of"
    elif hasattr(loader, "train") and hasattr(loader, "val"):
        found, remedy = "both loaders that `load` returned", "call this once for each: train, val = load(...)"
    elif hasattr(loader, "samples"):
        found, remedy = "a dataset's split", "make batches of it with `load` or `Loader(source, plan)`"
    raise OptionError("loader", found=found, expected="a segfeed Loader, such as `load(...).train`", remedy=remedy)


def require(module: str, extra: str) -> None:
    """Check that a framework is installed, without importing it.

    Args:
        module: what is imported, such as "torch".
        extra: the extra of segfeed that installs it.

    Raises:
        NotInstalledError: if it is not, with the line that installs it.

    >>> require("numpy", "torch")
    """
    if importlib.util.find_spec(module) is None:
        raise NotInstalledError(
            module, found="not installed", remedy=f"install it with: pip install 'segfeed[{extra}]'"
        )


class FrameworkBatch(tuple[Array, Array]):  # noqa: SLOT001 - Python allows a tuple no slots of its own
    """Images and labels, a pair, as trainers expect, that knows where its pixels came from.

    Attributes:
        crops: (N,) of dtype `ROW`, the rows that this process contributed; sample -1 marks a row of padding.
        all_keys: the keys of the whole split.
        sizes: int32 (N, 2), (height, width) in px of each row's stored photo; (0, 0) for a row of padding.
    """

    crops: Rows
    all_keys: tuple[str, ...]
    sizes: npt.NDArray[np.int32]

    def __new__(
        cls,
        pair: Iterable[Array],
        crops: Rows = _NO_CROPS,
        all_keys: tuple[str, ...] = (),
        sizes: npt.NDArray[np.int32] = _NO_SIZES,
    ) -> Self:
        """Take a pair alone, too: so trainers rebuild a tuple, and what a transformation returns came from nowhere."""
        batch = super().__new__(cls, pair)
        batch.crops, batch.all_keys, batch.sizes = crops, all_keys, sizes
        return batch

    @property
    def images(self) -> Array:
        """(N, 3, H, W) or (N, H, W, 3) of the format's dtype."""
        return self[0]

    @property
    def labels(self) -> Array:
        """(N, H, W) of the format's label dtype, class ids and the format's void."""
        return self[1]

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of each row of `crops`; "" for a row of padding."""
        return tuple(self.all_keys[i] if i >= 0 else "" for i in self.crops["sample"].tolist())

    def __repr__(self) -> str:
        arrays = ", ".join(f"{getattr(array, 'dtype', '')} {tuple(getattr(array, 'shape', ()))}" for array in self)
        return f"{type(self).__name__}({arrays})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001, ARG002 - IPython's signature
        """Show the line in IPython, too, which would print every number of a tuple."""
        printer.text(repr(self))


class FrameworkLoader(Generic[Translated]):
    """A loader's batches as a framework's own, one epoch for each iteration; all else is the loader's.

    Args:
        loader: in the format that the translation takes.
        translate: turns the batches of an epoch into the framework's, one for one, in order; it may read ahead.
        prepare: returns the loader to use, asked anew: a framework may learn of ranks after the loader was made.
        ranks: how many ranks' slices one of the framework's arrays spans.

    >>> import segfeed
    >>> _, val = segfeed.load("sample", splits=(None, "val"), val_batch_size=8)
    >>> shapes = FrameworkLoader(val, lambda batches: (batch.images.shape[0] for batch in batches))
    >>> list(shapes), shapes.state_dict()["epoch"]
    ([8, 8, 8, 8, 8], 1)
    """

    def __init__(
        self,
        loader: Loader,
        translate: Callable[[Iterator[Batch]], Iterator[Translated]],
        prepare: Callable[[Loader], Loader] = lambda loader: loader,
        ranks: int = 1,
    ) -> None:
        self.loader = loader
        self._translate, self._prepare, self._ranks = translate, prepare, ranks
        self._last: Position | None = None

    def __len__(self) -> int:
        """Count the batches of an epoch, the same on every rank."""
        return len(self._follow())

    def _follow(self) -> Loader:
        """Return the loader as it is to be now."""
        self.loader = self._prepare(self.loader)
        return self.loader

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.loader!r})"

    def _repr_html_(self) -> str:
        return self.loader._repr_html_()

    def show_batch(self, count: int = 12, **where: Any) -> Any:
        """Show a batch as the network sees it; see `Loader.show_batch`."""
        return self.loader.show_batch(count, **where)

    @property
    def batch_size(self) -> int:
        """How many pairs `images` of one batch has, as `DataLoader.batch_size` counts: those of this rank."""
        return self._follow().plan.rows_per_step * self._ranks

    @property
    def batch_sampler(self) -> "Epochs":
        """What Lightning tells which epoch begins, as it tells the sampler of a `DataLoader`."""
        return Epochs(self)

    @property
    def reader(self) -> Reader:
        """The source or pack."""
        return self.loader.reader

    @property
    def dataset(self) -> Reader:
        """The reader, under the name that PyTorch's users look for."""
        return self.reader

    __array__, __getattr__ = refuse_array, lack

    def __getitem__(self, index: object) -> NoReturn:
        refuse_index(index)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the epochs that run, and their threads; batches can be iterated over again."""
        self.loader.close()

    def __iter__(self) -> Iterator[Translated]:
        # A generator: an epoch begins with its first batch, for trainers call iter() merely to see whether they can.
        batches = iter(self._follow())
        start = self.loader.state_dict()
        # Counted here: a translation that reads ahead takes batches that nobody has seen yet.
        position = self._last = Position(start["epoch"], start["position"] // self.loader.batch_size)
        for translated in self._translate(batches):
            position.step += 1
            yield translated

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the one that is iterated over next, from its first batch."""
        self.loader.set_epoch(epoch)
        self._last = None

    def state_dict(self, epoch: int | None = None, step: int | None = None) -> dict[str, Any]:
        """Describe in JSON values what was delivered, never what was read ahead; see `Loader.state_dict`."""
        if epoch is None and step is None and self._last is not None:
            return self.loader.state_dict(self._last.epoch, self._last.step)
        return self.loader.state_dict(epoch, step)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken: what comes next is the batch after the last one delivered.

        Raises:
            StateError: if the state does not fit, or an epoch is under way; as in `Loader.load_state_dict`.
        """
        self._follow().load_state_dict(state)
        self._last = None


class Epochs:
    """What a trainer tells which epoch begins: a loader that was made anew may be behind it.

    Lightning restores a loader's state within an epoch only. From a checkpoint of an epoch's end it would train on the
    first epochs' crops again, but it tells samplers the epoch. Only a later one counts: a trainer that begins anew, or
    that iterates more often than it counts, goes on with the epoch that is next.
    """

    def __init__(self, batches: FrameworkLoader[Any]) -> None:
        self._batches, self.batch_size = batches, batches.batch_size

    @property
    def sampler(self) -> Self:
        """Itself: trainers look for the sampler of a batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Go on to `epoch`, if it is later than the one that the loader stands in."""
        if epoch > self._batches.state_dict()["epoch"]:
            self._batches.set_epoch(epoch)
