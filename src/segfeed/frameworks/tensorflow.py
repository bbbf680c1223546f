"""TensorFlow: an epoch as a `tf.data.Dataset`, whose tensors are the slots' own memory."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy.typing as npt

from segfeed.batches.loader import Loader
from segfeed.batches.readers import conversion_for
from segfeed.frameworks.framework_loader import require

require("tensorflow", "tensorflow")

import tensorflow as tf  # noqa: E402 - only after the line that says how to install it

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def to_tf(loader: Loader) -> tf.data.Dataset:
    """Give a loader's batches as a `tf.data.Dataset` of (images, labels), for Keras or a loop of one's own.

    What the loader's format leaves open is TensorFlow's choice, which is NumPy's: images (N, H, W, 3), labels int32, void 255
    (65535 above 254 classes), which `SparseCategoricalCrossentropy(ignore_class=255)` ignores. Shapes are static, the length
    is known, tensors share the slot's memory, and every one may be kept.

    Each pass over the dataset is the loader's next epoch; the loader's `set_epoch` and `load_state_dict` hold for the next
    pass, and one that resumes within an epoch is as much shorter. Transformations on top may read ahead, so only the training
    loop knows where it stands: save `loader.state_dict(epoch, step)`, where `step` batches of `epoch` were used.

    Keras: `model.fit(dataset, epochs=20, shuffle=False)`, since the plan has shuffled. The loader reads ahead by itself, and
    `.prefetch` adds nothing to that; a program that ends within a pass can then hang, because TensorFlow's reading thread
    waits for an interpreter that is gone.

    Args:
        loader: read by the dataset itself, so it should not be iterated beside it.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=32, crop_size=(64, 96))
    >>> dataset = to_tf(train)
    >>> len(dataset), dataset.element_spec[0].shape
    (5, TensorShape([32, 64, 96, 3]))
    >>> for step, (images, labels) in enumerate(dataset, start=1):
    ...     state = train.state_dict(epoch=0, step=step)
    >>> state["epoch"], state["position"]      # a finished epoch is the start of the next
    (1, 0)
    """
    height, width = loader.plan.canvas
    conversion = conversion_for(loader.format, loader.reader.legend, width)
    rows = loader.plan.rows_per_step
    signature = (
        tf.TensorSpec((rows, *conversion.image_shape(height, width)), conversion.dtype),
        tf.TensorSpec((rows, height, width), conversion.label_dtype),
    )
    passes = tf.data.Dataset.from_generator(_passes(loader), output_signature=signature)
    # Endless and cut to an epoch, a dataset has a known length, and may end early where an epoch was resumed; asserting the
    # length would make that an error.
    dataset = passes.repeat().take(len(loader))
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # the loader reads ahead, and no thread is left in Python
    return dataset.with_options(options)


def _passes(loader: Loader) -> Callable[[], Iterator[Arrays]]:
    """Give a function that gives the next epoch's batches at each call."""
    ended_early = False

    def batches() -> Iterator[Arrays]:
        nonlocal ended_early
        if ended_early:  # the same pass, asked by `repeat` for more: nothing ends it
            ended_early = False
            return
        for batch in loader:
            yield batch.images, batch.labels
        ended_early = True  # not reached in a whole epoch, of which `take` has enough before

    return batches
