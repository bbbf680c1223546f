"""A person's own transform: a function of each train crop, after it was cut, scaled, turned and coloured.

It is called as `transform(image, labels, rng)` in the threads that fill batches, before pixels are normalised:

- `image`: uint8 (H, W, 3), 0..255, the pixels from which every dtype and device starts; `labels`: (H, W), class ids,
  void as stored: 255, or 65535 above 254 classes. Both are memory of their own and may be changed in place.
- `rng`: a `numpy.random.Generator` made from the row's `key`, which is a hash of seed, epoch and position. Whatever is
  drawn from it comes again in every run, with any number of threads or ranks, and after resuming. Draws from anywhere
  else, such as the global state of `random`, NumPy or PyTorch, depend on which thread comes first.
- It returns image and labels of the same shapes and dtypes. Corners that it fills need void in the labels, not 0.

A function cannot be compared: a state names that there is a transform, by its name, and not what it does.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError, TransformError
from segfeed.pixels.pair import Pair

Labels = npt.NDArray[Any]
Transform = Callable[[npt.NDArray[np.uint8], Labels, np.random.Generator], tuple[npt.NDArray[np.uint8], Labels]]


def check_transform(transform: Any) -> Transform | None:
    """Check that a transform, if there is one, can be called.

    Raises:
        OptionError: if it cannot.
    """
    if transform is None or callable(transform):
        return transform  # type: ignore[no-any-return]  # what it takes is seen when it is called
    expected = "a function (image, labels, rng) -> (image, labels), or None"
    raise OptionError("transform", found=repr(transform), expected=expected)


def name_of(transform: Transform) -> str:
    """Return the name under which a state mentions a transform; it holds no address.

    >>> name_of(np.flipud)
    'flipud'
    """
    return str(getattr(transform, "__qualname__", None) or type(transform).__qualname__)


def apply(transform: Transform, pair: Pair, row: Any, key: str, void: int, classes: int) -> Pair:
    """Call a transform for one crop, and check what it returns.

    Args:
        transform: the person's own.
        pair: the crop; the transform may change it in place.
        row: one record of dtype `ROW`, whose `key` seeds the generator.
        key: the sample's, for errors.
        void: the stored label of void.
        classes: how many class ids there are; 0 if any id is one.

    Raises:
        TransformError: if it raises, or returns something else than image and labels of the crop's shapes and dtypes.
    """
    where = f"{key} (sample {row['sample']}, key of its row {row['key']:#018x})"
    shape = pair.labels.shape
    try:
        returned = transform(pair.image, pair.labels, np.random.default_rng(int(row["key"])))
    except Exception as error:
        found = f"it raised {type(error).__name__}: {error}"
        remedy = "mend the function passed as transform=: it is called as f(image, labels, rng)"
        raise TransformError(where, found=found, remedy=remedy) from error
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        count = f" of {len(returned)}" if isinstance(returned, tuple | list) else ""
        remedy = "write a function f(image, labels, rng) around a pipeline of another library"
        found = f"{type(returned).__name__}{count}"
        raise TransformError(where, found=found, expected="a pair (image, labels)", remedy=remedy)
    image, labels = (np.asarray(part) for part in returned)
    _check(where, "image", image, (*shape, 3), np.dtype(np.uint8))
    _check(where, "labels", labels, shape, pair.labels.dtype)
    highest = int(np.max(labels, where=labels != void, initial=0))
    if classes and highest >= classes:
        raise TransformError(where, found=f"label {highest}", expected=f"class ids 0..{classes - 1}, or void {void}")
    return Pair(np.ascontiguousarray(image), np.ascontiguousarray(labels))


def _check(where: str, what: str, array: npt.NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if array.shape == shape and array.dtype == dtype:
        return
    remedy = ""
    if array.dtype.kind == "f" and what == "image":
        remedy = "return pixels 0..255 as uint8; the loader normalises them afterwards"
    elif array.shape == (3, *shape[:2]):
        remedy = "move its channels behind: image.transpose(1, 2, 0)"
    elif array.shape[:2] != shape[:2]:
        remedy = "keep the crop's size: crop_size= and augment= decide it"
    found, expected = f"{what} {array.dtype} {array.shape}", f"{dtype} {shape}"
    raise TransformError(where, found=found, expected=expected, remedy=remedy)
