"""TensorFlow: an epoch as a `tf.data.Dataset`, whose tensors are the slots' own memory.

A module of its own, as every framework has one: only this one may import TensorFlow.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy.typing as npt

from segfeed.batches.loader import Loader
from segfeed.batches.readers import conversion_for
from segfeed.frameworks.framework_loader import require, require_loader

require("tensorflow", "tensorflow")

import tensorflow as tf  # noqa: E402 - only after the line that says how to install it

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def to_tf(loader: Loader) -> tf.data.Dataset:
    """Wrap a loader's batches as a `tf.data.Dataset`; see `segfeed.to_tf`."""
    require_loader(loader)
    height, width = loader.plan.canvas
    conversion = conversion_for(loader.format, loader.reader.legend, loader.plan)
    rows = loader.plan.rows_per_step
    signature = (
        tf.TensorSpec((rows, *conversion.image_shape(height, width)), conversion.dtype),
        tf.TensorSpec((rows, height, width), conversion.label_dtype),
    )
    passes = tf.data.Dataset.from_generator(_passes(loader), output_signature=signature)
    # Endless and cut to an epoch, a dataset has a known length, and may end early if an epoch was resumed; asserting
    # the length would make that an error.
    dataset = passes.repeat().take(len(loader))
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # the loader reads ahead, and no thread is left in Python
    return dataset.with_options(options)


def _passes(loader: Loader) -> Callable[[], Iterator[Arrays]]:
    """Make a function that iterates over the next epoch's batches at each call."""
    ended_early = False

    def batches() -> Iterator[Arrays]:
        nonlocal ended_early
        if ended_early:  # the same pass, asked by `repeat` for more: nothing ends it
            ended_early = False
            return
        for batch in loader:
            yield batch.images, batch.labels
        ended_early = True  # not reached in a whole epoch: `take` stops before

    return batches
