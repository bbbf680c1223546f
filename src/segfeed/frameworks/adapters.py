"""The three ways into a framework, by name; each imports its framework when it is called, and not before."""

from typing import TYPE_CHECKING, Any

from segfeed.batches.loader import Loader

if TYPE_CHECKING:
    import jax
    import tensorflow as tf
    import torch

    from segfeed.frameworks.framework_loader import FrameworkLoader
    from segfeed.frameworks.jax import JaxBatch
    from segfeed.frameworks.torch import TorchBatch


def to_torch(
    loader: Loader, device: "torch.device | str | int | None" = None, **options: Any
) -> "FrameworkLoader[TorchBatch]":
    """Iterate over a loader's batches as PyTorch tensors: images (N, 3, H, W), labels int64, void -100.

    On the processor tensors share the slot's memory; to a CUDA device batches cross as bytes, one ahead, and are
    normalised there. What the loader's format says explicitly holds. If `torch.distributed` is initialised, rank and
    world follow it.

    Args:
        loader: its position is taken over.
        device: where tensors shall be; the processor if None.
        **options: channels_last=True, tv_tensors=True; see `segfeed.frameworks.torch.to_torch`.

    Raises:
        NotInstalledError: if PyTorch is not installed.
        OptionError: if an option contradicts the loader's format or `torch.distributed`.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=8, crop_size=(64, 96))
    >>> images, labels = next(iter(segfeed.to_torch(train)))
    >>> images.shape, labels.dtype
    (torch.Size([8, 3, 64, 96]), torch.int64)
    """
    from segfeed.frameworks.torch import to_torch as adapt  # noqa: PLC0415 - seconds to import, and it may be absent

    return adapt(loader, device, **options)


def to_tf(loader: Loader) -> "tf.data.Dataset":
    """Wrap a loader's batches as a `tf.data.Dataset`: images (N, H, W, 3), labels int32, void 255, of static shapes.

    Each pass over it is the loader's next epoch. Transformations on top may read ahead, so a training loop that used
    `step` batches of `epoch` saves `loader.state_dict(epoch, step)`.

    Raises:
        NotInstalledError: if TensorFlow is not installed.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=32, crop_size=(64, 96))
    >>> segfeed.to_tf(train).element_spec[1].shape
    TensorShape([32, 64, 96])
    """
    from segfeed.frameworks.tensorflow import to_tf as adapt  # noqa: PLC0415 - the same

    return adapt(loader)


def to_jax(loader: Loader, sharding: "jax.sharding.Sharding | None" = None) -> "FrameworkLoader[JaxBatch]":
    """Iterate over a loader's batches as JAX arrays: images (N, H, W, 3), labels int32, void 255.

    With a sharding, arrays are whole batches; each process reads and contributes its own rows.

    Args:
        loader: its position is taken over.
        sharding: how arrays lie on devices; the default device if None.

    Raises:
        NotInstalledError: if JAX is not installed.
        OptionError: if the sharding does not fit the batch.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=8, crop_size=(64, 96))
    >>> images, labels = next(iter(segfeed.to_jax(train)))
    >>> images.shape
    (8, 64, 96, 3)
    """
    from segfeed.frameworks.jax import to_jax as adapt  # noqa: PLC0415 - the same

    return adapt(loader, sharding)
