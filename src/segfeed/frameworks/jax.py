"""JAX: batches as arrays, whole on one device or split over many, one transfer ahead of the consumer."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from segfeed.batches.batch import Batch
from segfeed.batches.loader import Loader
from segfeed.batches.readers import conversion_for
from segfeed.errors import OptionError
from segfeed.frameworks.framework_loader import FrameworkBatch, FrameworkLoader, require, require_loader
from segfeed.plans.plan import Shard

require("jax", "jax")

import jax  # noqa: E402 - only after the line that says how to install it
from jax.sharding import Sharding  # noqa: E402

Shapes = tuple[tuple[int, ...], tuple[int, ...]]


class JaxBatch(FrameworkBatch[jax.Array]):
    """Images and labels, also a pytree of two leaves; a transformation returns it without crops and keys.

    >>> from segfeed.plans.rows import ROW
    >>> batch = JaxBatch((jax.numpy.zeros((1, 4, 5, 3)), jax.numpy.zeros((1, 4, 5))), np.zeros(1, ROW), ("cat",))
    >>> images, labels = batch
    >>> batch.images is images, batch.keys
    (True, ('cat',))
    """


def _flatten(batch: JaxBatch) -> tuple[tuple[jax.Array, jax.Array], None]:
    return (batch.images, batch.labels), None


def _unflatten(_: None, pair: Iterable[jax.Array]) -> JaxBatch:
    return JaxBatch(pair)


# Crops and keys stay out of the tree: they differ from batch to batch, and `jit` would compile anew for each.
jax.tree_util.register_pytree_node(JaxBatch, _flatten, _unflatten)


def to_jax(loader: Loader, sharding: Sharding | None = None) -> FrameworkLoader[JaxBatch]:
    """Iterate over a loader's batches as JAX arrays; see `segfeed.to_jax`."""
    require_loader(loader)
    if loader.format.label_dtype == "int64" and jax.dtypes.canonicalize_dtype(np.int64) != np.int64:
        raise OptionError(
            "label_dtype",
            found="'int64', which JAX makes int32 here",
            remedy='leave it out, or call jax.config.update("jax_enable_x64", True) first',
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

    ranks = 1 if sharding is None else plan.shard.world
    return FrameworkLoader(loader.derive(plan=plan), partial(_one_ahead, put), ranks=ranks)


def _whole_shapes(loader: Loader) -> Shapes:
    """Return the shapes of a batch's images and labels over all ranks."""
    height, width = loader.plan.canvas
    conversion = conversion_for(loader.format, loader.reader.legend, loader.plan)
    return (loader.batch_size, *conversion.image_shape(height, width)), (loader.batch_size, height, width)


def _follow(given: Shard, sharding: Sharding, shapes: Shapes) -> Shard:
    """Find the slice of every batch that this process's devices hold; processes that hold copies share a rank."""
    try:
        for shape in shapes:
            # Each checks what the other does not: the number of axes, and that they can be divided.
            jax.ShapeDtypeStruct(shape, np.uint8, sharding=sharding)  # type: ignore[no-untyped-call]  # JAX has no types for it
            slices = sharding.addressable_devices_indices_map(shape)
    except ValueError as error:
        raise OptionError(
            "sharding",
            found=f"images {shapes[0]} and labels {shapes[1]} cannot both be laid out as {sharding}",
            remedy="split the first axis over devices whose number divides the batch size",
        ) from error
    batch_size = shapes[0][0]
    spans = sorted({axes[0].indices(batch_size)[:2] for axes in slices.values() if axes})
    count, first = sum(last - first for first, last in spans), spans[0][0]
    if spans[-1][1] - first != count or first % count or batch_size % count:
        raise OptionError(
            "sharding",
            found=f"gives this process the rows {spans} (first, last + 1) of {batch_size}",
            expected="one of several equal slices",
            remedy="order the mesh's devices by process, as jax.make_mesh does",
        )
    here = Shard(first // count, batch_size // count)
    if given not in (here, Shard(0, 1)):
        raise OptionError(
            "shard",
            found=f"{tuple(given)} (rank, world), but by its sharding this process is {tuple(here)}",
            remedy="leave the shard out, and it follows",
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
