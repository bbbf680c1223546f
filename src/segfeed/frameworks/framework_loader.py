"""Frameworks: NumPy batches as PyTorch, TensorFlow and JAX want them. This door holds what the adapters share.

An adapter translates batches and nothing else: what they hold was decided by plan, format and kernels. A sibling imports
its framework at its top, after `require` has said how to install it; `import segfeed` imports none of them.
"""

import importlib.util
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from segfeed.batches.loader import Batch, Loader
from segfeed.batches.readers import Reader
from segfeed.batches.state import Position
from segfeed.errors import NotInstalledError

Translated = TypeVar("Translated")


def require(module: str, extra: str) -> None:
    """Check that a framework is installed, without importing it.

    Args:
        module: what is imported, such as "torch".
        extra: the extra of segfeed that installs it.

    Raises:
        NotInstalledError: it is not, with the line that installs it.

    >>> require("numpy", "torch")
    """
    if importlib.util.find_spec(module) is None:
        raise NotInstalledError(f"{module} is not installed; install it with: pip install 'segfeed[{extra}]'")


class FrameworkLoader(Generic[Translated]):
    """Iterate over a loader's batches as a framework's own, one epoch for each iteration; all else is the loader's.

    Args:
        loader: in the format that the translation takes.
        translate: turns the batches of an epoch into the framework's, one for one, in order; it may read ahead.
        prepare: gives the loader to use, asked before each epoch: what a framework knows may come after the loader.

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
    ) -> None:
        self.loader = loader
        self._translate, self._prepare = translate, prepare
        self._last: Position | None = None

    def __len__(self) -> int:
        """Count the batches of an epoch, the same on every rank."""
        return len(self.loader)

    @property
    def batch_size(self) -> int:
        """Count the pairs of a batch over all ranks."""
        return self.loader.batch_size

    @property
    def reader(self) -> Reader:
        """Give the reader: a source or a pack."""
        return self.loader.reader

    @property
    def dataset(self) -> Reader:
        """Give the reader, under the name that PyTorch's users look for."""
        return self.reader

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the epochs that run, and their threads; batches can be iterated over again."""
        self.loader.close()

    def __iter__(self) -> Iterator[Translated]:
        # A generator: an epoch begins with its first batch, for trainers call iter() merely to see whether they can.
        self.loader = self._prepare(self.loader)
        batches = iter(self.loader)
        start = self.loader.state_dict()
        # Counted here: a translation that reads ahead takes batches that nobody has seen yet.
        position = self._last = Position(start["epoch"], start["position"] // self.batch_size)
        for translated in self._translate(batches):
            position.step += 1
            yield translated

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the one that is iterated over next, from its first batch."""
        self.loader.set_epoch(epoch)
        self._last = None

    def state_dict(self, epoch: int | None = None, step: int | None = None) -> dict[str, Any]:
        """Describe, in JSON values, what was delivered, never what was read ahead; arguments as in `Loader.state_dict`."""
        if epoch is None and step is None and self._last is not None:
            return self.loader.state_dict(self._last.epoch, self._last.step)
        return self.loader.state_dict(epoch, step)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken: what comes next is the batch after the last one delivered.

        Raises:
            StateError: the state does not fit, or an epoch is under way; as in `Loader.load_state_dict`.
        """
        self.loader.load_state_dict(state)
        self._last = None
