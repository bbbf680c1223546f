"""What frameworks ask of a loader that is taken for a dataset or an array: errors that name what was meant.

A module of its own: the loader, a framework's batches and what `load` returns all refuse the same.
"""

from typing import NoReturn

from segfeed.errors import OptionError


def refuse_index(index: object) -> NoReturn:
    """Say what was meant by asking a loader for one of its items, as `torch.utils.data.DataLoader` does.

    Raises:
        OptionError: always.
    """
    raise OptionError(
        "loader",
        found=f"item {index!r} of it was asked for, but it is not a dataset: it makes batches already",
        expected="iteration: for images, labels in loader",
        remedy="leave DataLoader(...) out: to_torch(loader), to_tf(loader) or to_jax(loader) is what a framework takes",
    )


def refuse_array(_loader: object, *_: object, **__: object) -> NoReturn:
    """Say what was meant by asking a loader for an array, as NumPy's `asarray` and Keras's `fit` do.

    Raises:
        OptionError: always.
    """
    raise OptionError(
        "loader",
        found="an array of all of it was asked for, but it makes batches",
        expected="iteration: for images, labels in loader",
        remedy="pass Keras to_tf(loader), whichever its backend: model.fit(to_tf(train), validation_data=to_tf(val))",
    )


def refuse_device(_batch: object, *_: object, **__: object) -> NoReturn:
    """Say what was meant by moving a batch of NumPy arrays to a device, as Lightning and Accelerate do.

    Raises:
        OptionError: always.
    """
    raise OptionError(
        "batch",
        found="NumPy arrays, which cannot be moved to a device",
        expected="a framework's batches",
        remedy="iterate over to_torch(loader) in place of the loader",
    )


def lack(owner: object, name: str) -> NoReturn:
    """Say that an attribute is not there and, of those that frameworks ask for, what was meant.

    Raises:
        AttributeError: always, so that `hasattr` is False.
    """
    if name in ("sampler", "batch_sampler"):  # as accelerate.skip_first_batches does
        raise AttributeError(
            f"segfeed's batches have no {name}: a plan orders them. To skip the first ones, call "
            "load_state_dict(state_dict(epoch, step)) in place of skip_first_batches."
        )
    if name == "shape":  # as Keras does, of what has an __array__
        raise AttributeError(
            "segfeed's batches have no shape, for they are made one by one. Keras takes to_tf(loader), whichever its "
            "backend: model.fit(to_tf(train), validation_data=to_tf(val))."
        )
    raise AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r}")
