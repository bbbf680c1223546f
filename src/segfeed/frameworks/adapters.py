"""The three ways into a framework, by name; each imports its framework when it is called, and not before."""

from typing import TYPE_CHECKING

from segfeed.batches.loader import Loader

if TYPE_CHECKING:
    import jax
    import tensorflow as tf
    import torch

    from segfeed.frameworks.framework_loader import FrameworkLoader
    from segfeed.frameworks.jax import JaxBatch
    from segfeed.frameworks.torch import TorchBatch


def to_torch(
    loader: Loader,
    device: "torch.device | str | int | None" = None,
    *,
    channels_last: bool = False,
    tv_tensors: bool = False,
    per_rank: bool = False,
) -> "FrameworkLoader[TorchBatch]":
    """Iterate over a loader's batches as PyTorch tensors.

    What the loader's format leaves open is PyTorch's choice: images (N, 3, H, W), labels int64, void -100, which
    `cross_entropy` ignores. On the processor, tensors share the slot's memory, and every batch may be kept. To a CUDA
    device batches cross as bytes, one ahead, and are normalised there, to the same bits. Under `torch.distributed` each
    rank gets its slice of every batch; it may be initialised later.

    Args:
        loader: its position is taken over; it can still be iterated by itself.
        device: where tensors shall be; the processor if None.
        channels_last: images (N, 3, H, W) keep the memory order (N, H, W, 3), PyTorch's `channels_last`.
        tv_tensors: make `tv_tensors.Image` and `tv_tensors.Mask`, for torchvision's transforms.
        per_rank: under `torch.distributed`, the loader's `batch_size` counts the pairs of each rank, as in a script
            with a `DistributedSampler`: batches over all ranks grow with the world, and what a run trains on depends on
            it. Otherwise it counts those of all ranks.

    Raises:
        NotInstalledError: if PyTorch is not installed.
        OptionError: if the device is unknown or missing, an option contradicts the format's layout, torchvision is not
            installed, the shard contradicts `torch.distributed`, or `per_rank` is passed beside a shard.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=8, crop_size=(64, 96))
    >>> for images, labels in segfeed.to_torch(train):
    ...     print(images.shape, images.dtype, labels.shape, labels.dtype)
    ...     break
    torch.Size([8, 3, 64, 96]) torch.float32 torch.Size([8, 64, 96]) torch.int64
    """
    from segfeed.frameworks.torch import to_torch as adapt  # noqa: PLC0415 - seconds to import, and it may be absent

    return adapt(loader, device, channels_last=channels_last, tv_tensors=tv_tensors, per_rank=per_rank)


def to_tf(loader: Loader) -> "tf.data.Dataset":
    """Wrap a loader's batches as a `tf.data.Dataset` of (images, labels), for Keras or a loop of your own.

    What the loader's format leaves open is TensorFlow's choice, which is NumPy's: images (N, H, W, 3), labels int32,
    void 255 (65535 above 254 classes), which `SparseCategoricalCrossentropy(ignore_class=255)` ignores. Shapes are
    static, the length is known, tensors share the slot's memory, and every one may be kept.

    Each pass over the dataset is the loader's next epoch; the loader's `set_epoch` and `load_state_dict` hold for the
    next pass, and one that resumes within an epoch is as much shorter. Transformations on top may read ahead, so only
    the training loop knows how far it is: after `step` batches of `epoch`, save `loader.state_dict(epoch, step)`.

    Keras: `model.fit(dataset, epochs=20, shuffle=False)`, since the plan has shuffled. The loader reads ahead by
    itself, and `.prefetch` adds nothing to that; a program that ends within a pass can then hang, because TensorFlow's
    reading thread waits for an interpreter that is gone.

    Args:
        loader: read by the dataset itself, so it should not be iterated beside it.

    Raises:
        NotInstalledError: if TensorFlow is not installed.

    >>> import segfeed
    >>> train, _ = segfeed.load("sample", batch_size=32, crop_size=(64, 96))
    >>> dataset = segfeed.to_tf(train)
    >>> len(dataset), dataset.element_spec[0].shape
    (5, TensorShape([32, 64, 96, 3]))
    >>> for step, (images, labels) in enumerate(dataset, start=1):
    ...     state = train.state_dict(epoch=0, step=step)
    >>> state["epoch"], state["position"]      # a finished epoch is the start of the next
    (1, 0)
    """
    from segfeed.frameworks.tensorflow import to_tf as adapt  # noqa: PLC0415 - the same

    return adapt(loader)


def to_jax(loader: Loader, sharding: "jax.sharding.Sharding | None" = None) -> "FrameworkLoader[JaxBatch]":
    """Iterate over a loader's batches as JAX arrays, the next one on its way to the device while one is used.

    What the loader's format leaves open is JAX's choice, which is NumPy's: images (N, H, W, 3), labels int32, void 255
    (65535 above 254 classes). On the processor arrays may share the slot's memory; every batch may be kept. With a
    sharding, arrays are whole batches; each process reads and contributes its own rows: rank and world follow from the
    sharding.

    Args:
        loader: its position is taken over; it can still be iterated by itself.
        sharding: how both arrays lie on devices; the default device if None.

    Raises:
        NotInstalledError: if JAX is not installed.
        OptionError: if the sharding does not fit the batch or contradicts the loader's shard, or labels are int64 but
            JAX has no 64-bit integers.

    >>> import jax, segfeed
    >>> train, _ = segfeed.load("sample", batch_size=8, crop_size=(64, 96))
    >>> mesh = jax.make_mesh((jax.device_count(),), ("batch",))
    >>> rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    >>> for images, labels in segfeed.to_jax(train, rows):
    ...     print(images.shape, images.dtype, labels.shape, labels.dtype)
    ...     break
    (8, 64, 96, 3) float32 (8, 64, 96) int32
    """
    from segfeed.frameworks.jax import to_jax as adapt  # noqa: PLC0415 - the same

    return adapt(loader, sharding)
