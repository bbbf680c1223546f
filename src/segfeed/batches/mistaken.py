"""What people and frameworks ask of a loader that they take for another tool's: errors that name what was meant."""

from dataclasses import fields
from typing import NoReturn

from segfeed.errors import OptionError
from segfeed.plans.augment import Augment

OPTIONS_OF_OTHERS = {
    **dict.fromkeys(("crop", "size", "image_size"), "crop_size"),
    **dict.fromkeys(("classes", "class_names", "num_classes"), "legend"),
    **dict.fromkeys(("ignore_index", "ignore_label"), "void"),
    **dict.fromkeys(("mean", "std"), "normalize"),
    **dict.fromkeys(("num_workers", "workers"), "threads"),
    **{field.name: f"pass augment=Augment({field.name}=...)" for field in fields(Augment) if field.name != "flip"},
    **dict.fromkeys(("rotation", "degrees"), "pass augment=Augment(rotate=...)"),
    **dict.fromkeys(("color_jitter", "colour_jitter"), "pass augment=Augment(contrast=..., saturation=..., hue=...)"),
    **dict.fromkeys(("horizontal_flip", "hflip"), "flip"),
    **dict.fromkeys(("scale_range", "ratio_range"), "pass augment=Augment(scale=...)"),
    **dict.fromkeys(("val_augment", "val_transform"), "leave it out: val batches are never augmented"),
    **dict.fromkeys(
        ("collate_fn", "persistent_workers", "pin_memory", "prefetch_factor", "worker_init_fn"),
        "leave it out: threads fill whole batches in this process, some ahead",
    ),
    "batch": "batch_size",
    "root": "data",
    "shuffle": "leave it out: train is shuffled by its plan, val is not",
    "drop_last": "leave it out: train batches are full, and val has every image",
    "sampler": "leave it out: a plan orders the pairs",
    "device": "leave it out: to_torch(loader, device) takes it",
    "per_rank": "leave it out: to_torch(loader, per_rank=True) makes batch_size count each rank's pairs",
}
"""What other tools call an option of `load` -> its name here, or what to do instead."""


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
