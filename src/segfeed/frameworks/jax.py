"""JAX: batches as arrays, whole on one device or split over many, one transfer ahead of the consumer."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Self

import numpy as np
import numpy.typing as npt

from segfeed.batches.loader import Batch, Loader
from segfeed.batches.readers import conversion_for
from segfeed.errors import OptionError
from segfeed.frameworks.framework_loader import FrameworkLoader, require
from segfeed.plans.plan import Shard
from segfeed.plans.rows import ROW, Rows

require("jax", "jax")

import jax  # noqa: E402 - only after the line that says how to install it
from jax.sharding import Sharding  # noqa: E402

Shapes = tuple[tuple[int, ...], tuple[int, ...]]

_NO_CROPS, _NO_SIZES = np.zeros(0, ROW), np.zeros((0, 2), np.int32)


class JaxBatch(tuple[jax.Array, jax.Array]):  # noqa: SLOT001 - Python allows a tuple no slots of its own
    """Hold images and labels; a pair, and a pytree of two leaves, that knows where its pixels came from.

    Attributes:
        crops: (N,) of dtype `crop.ROW`, the rows that this process contributed; sample -1 marks a row of padding.
        all_keys: the keys of the whole split.
        sizes: int32 (N, 2), (height, width) in px of each row's stored photo; (0, 0) for a row of padding.

    >>> batch = JaxBatch((jax.numpy.zeros((1, 4, 5, 3)), jax.numpy.zeros((1, 4, 5))), np.zeros(1, ROW), ("cat",))
    >>> images, labels = batch
    >>> batch.images is images, batch.keys
    (True, ('cat',))
    """

    crops: Rows
    all_keys: tuple[str, ...]
    sizes: npt.NDArray[np.int32]

    def __new__(
        cls,
        pair: Iterable[jax.Array],
        crops: Rows = _NO_CROPS,
        all_keys: tuple[str, ...] = (),
        sizes: npt.NDArray[np.int32] = _NO_SIZES,
    ) -> Self:
        """Take a pair alone, too: what a transformation returns came from nowhere."""
        batch = super().__new__(cls, pair)
        batch.crops, batch.all_keys, batch.sizes = crops, all_keys, sizes
        return batch

    @property
    def images(self) -> jax.Array:
        """Give (N, H, W, 3) or (N, 3, H, W) of the format's dtype."""
        return self[0]

    @property
    def labels(self) -> jax.Array:
        """Give (N, H, W) of the format's label dtype, class ids and the format's void."""
        return self[1]

    @property
    def keys(self) -> tuple[str, ...]:
        """List the key of each row of `crops`; "" for a row of padding."""
        return tuple(self.all_keys[i] if i >= 0 else "" for i in self.crops["sample"].tolist())


def _flatten(batch: JaxBatch) -> tuple[tuple[jax.Array, jax.Array], None]:
    return (batch.images, batch.labels), None


def _unflatten(_: None, pair: Iterable[jax.Array]) -> JaxBatch:
    return JaxBatch(pair)


# Crops and keys stay out of the tree: they differ from batch to batch, and `jit` would compile anew for each.
jax.tree_util.register_pytree_node(JaxBatch, _flatten, _unflatten)


def to_jax(loader: Loader, sharding: Sharding | None = None) -> FrameworkLoader[JaxBatch]:
    """Iterate over a loader's batches as JAX arrays, the next one on its way to the device while one is used.

    What the loader's format leaves open is JAX's choice, which is NumPy's: images (N, H, W, 3), labels int32, void 255 (65535
    above 254 classes). On the processor arrays may share the slot's memory; every batch may be kept. With a sharding, arrays
    are whole batches, of which each process reads and contributes its own rows: rank and world follow from the sharding.

    Args:
        loader: its position is taken over; it can still be iterated by itself.
        sharding: how both arrays lie on devices; the default device where it is None.

    Raises:
        OptionError: a sharding that does not fit the batch or contradicts the loader's shard, or int64 labels where JAX
            has no 64-bit integers.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=8, crop_size=(64, 96))
    >>> mesh = jax.make_mesh((jax.device_count(),), ("batch",))
    >>> rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    >>> for images, labels in to_jax(train, rows):
    ...     print(images.shape, images.dtype, labels.shape, labels.dtype)
    ...     break
    (8, 64, 96, 3) float32 (8, 64, 96) int32
    """
    if loader.format.label_dtype == "int64" and jax.dtypes.canonicalize_dtype(np.int64) != np.int64:
        raise OptionError(
            'label_dtype="int64", of which JAX makes int32 here; leave it out, or call '
            'jax.config.update("jax_enable_x64", True) first.'
        )
    shapes = _whole_shapes(loader)
    plan = loader.plan
    if sharding is not None:
        plan = plan.with_shard(_follow(plan.shard, sharding, shapes))

    def put(batch: Batch) -> JaxBatch:
        pair = (
            jax.device_put(array)
            if sharding is None
            else jax.make_array_from_process_local_data(sharding, array, whole)  # type: ignore[no-untyped-call]  # the same
            for array, whole in zip(batch, shapes, strict=True)
        )
        return JaxBatch(pair, batch.crops, batch.all_keys, batch.sizes)

    return FrameworkLoader(loader.derive(plan=plan), partial(_one_ahead, put))


def _whole_shapes(loader: Loader) -> Shapes:
    """Give the shapes of a batch's images and labels over all ranks."""
    height, width = loader.plan.canvas
    conversion = conversion_for(loader.format, loader.reader.legend, width)
    return (loader.batch_size, *conversion.image_shape(height, width)), (loader.batch_size, height, width)


def _follow(given: Shard, sharding: Sharding, shapes: Shapes) -> Shard:
    """Find the slice of every batch that this process's devices hold; processes that hold copies share a rank."""
    try:
        for shape in shapes:
            # Each checks what the other does not: the number of axes, and that they can be divided.
            jax.ShapeDtypeStruct(shape, np.uint8, sharding=sharding)  # type: ignore[no-untyped-call]  # JAX gives it no types
            places = sharding.addressable_devices_indices_map(shape)
    except ValueError as error:
        raise OptionError(
            f"images {shapes[0]} and labels {shapes[1]} cannot both lie as {sharding} says; split the first axis over "
            "devices whose number divides the batch size."
        ) from error
    batch_size = shapes[0][0]
    spans = sorted({place[0].indices(batch_size)[:2] for place in places.values() if place})
    count, first = sum(last - first for first, last in spans), spans[0][0]
    if spans[-1][1] - first != count or first % count or batch_size % count:
        raise OptionError(
            f"by its sharding this process holds the rows {spans} (first, last + 1) of {batch_size}, which are no slice of equal "
            "ones; order the mesh's devices by process, as jax.make_mesh does."
        )
    here = Shard(first // count, batch_size // count)
    if given not in (here, Shard(0, 1)):
        raise OptionError(
            f"shard={tuple(given)} (rank, world), but by its sharding this process is {tuple(here)}; leave the shard out, and it follows."
        )
    return here


def _one_ahead(put: Callable[[Batch], JaxBatch], batches: Iterator[Batch]) -> Iterator[JaxBatch]:
    """Hand over a batch when the next one is on its way: transfers are asynchronous."""
    sent: deque[JaxBatch] = deque()
    for batch in batches:
        sent.append(put(batch))
        if len(sent) == 2:
            yield sent.popleft()
    yield from sent
