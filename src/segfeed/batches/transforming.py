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

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError, TransformError
from segfeed.pixels.pair import Pair
from segfeed.system.showing import brief

Labels = npt.NDArray[Any]
Transform = Callable[[npt.NDArray[np.uint8], Labels, np.random.Generator], tuple[npt.NDArray[np.uint8], Labels]]

_MOST_CHARACTERS = 300  # of what another library says
_WATCHED_CROPS = 256
_log = logging.getLogger("segfeed")


def check_transform(transform: Any) -> Transform | None:
    """Check that a transform, if there is one, can be called with an image, labels and a generator.

    Raises:
        OptionError: if it cannot.
    """
    if transform is None:
        return None
    expected = "a function (image, labels, rng) -> (image, labels), or None"
    if not callable(transform):
        remedy = "what segfeed draws itself is passed as augment="
        raise OptionError("transform", found=brief(repr(transform), _MOST_CHARACTERS), expected=expected, remedy=remedy)
    try:
        takes = inspect.signature(transform)
    except (TypeError, ValueError):  # code of C that does not say what it takes
        return transform  # type: ignore[no-any-return]  # what it returns is seen when it is called
    try:
        takes.bind(None, None, None)
    except TypeError as error:
        found = f"{name_of(transform)}{takes}, called with three: {error}"
        raise OptionError("transform", found=found, expected=expected) from None
    return transform  # type: ignore[no-any-return]


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
        remedy = "mend the function passed as transform=: it is called as f(image, labels, rng)"
        raise TransformError(where, found=f"it raised {_told(error)}", remedy=remedy) from error
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise _no_pair(where, returned)
    image, labels = (_array(where, what, part) for what, part in zip(("image", "labels"), returned, strict=True))
    _check(where, "image", image, (*shape, 3), np.dtype(np.uint8))
    _check(where, "labels", labels, shape, pair.labels.dtype)
    highest = int(np.max(labels, where=labels != void, initial=0))
    if classes and highest >= classes:
        raise TransformError(where, found=f"label {highest}", expected=f"class ids 0..{classes - 1}, or void {void}")
    return Pair(np.ascontiguousarray(image), np.ascontiguousarray(labels))


def _told(error: Exception) -> str:
    """Say in one line what was raised."""
    text = brief(" ".join(str(error).split()).rstrip("."), _MOST_CHARACTERS)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _no_pair(where: str, returned: Any) -> TransformError:
    found, remedy = (
        type(returned).__name__,
        "write a function f(image, labels, rng) around a pipeline of another library",
    )
    if returned is None:
        remedy = "end the function with: return image, labels"
    elif isinstance(returned, Mapping):
        remedy = 'return two of its values, such as changed["image"], changed["mask"]'
    elif isinstance(returned, tuple | list):
        found = f"{found} of {len(returned)}"
    return TransformError(where, found=found, expected="a pair (image, labels)", remedy=remedy)


def _array(where: str, what: str, part: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(part)
    except Exception as error:  # a tensor that has a gradient or lies on another device, lists of unequal lengths
        found = f"{what} of type {type(part).__name__}, of which NumPy says: {_told(error)}"
        raise TransformError(where, found=found, expected="an array of NumPy") from error


def _check(where: str, what: str, array: npt.NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if array.shape == shape and array.dtype == dtype:
        return
    remedy = ""
    if array.dtype != dtype and array.dtype.kind in "biuf":
        remedy = {
            "image": "return pixels 0..255 as uint8; the loader normalises them afterwards",
            "labels": f"return class ids as {dtype}, never blended; the loader widens them afterwards",
        }[what]
    elif array.shape == (3, *shape[:2]):
        remedy = "move its channels behind: image.transpose(1, 2, 0)"
    elif array.ndim == len(shape) and array.shape[:2] != shape[:2]:
        remedy = "keep the crop's size: crop_size= and augment= decide it"
    found, expected = f"{what} {array.dtype} {array.shape}", f"{dtype} {shape}"
    raise TransformError(where, found=found, expected=expected, remedy=remedy)


class Watched:
    """A transform that is watched until it changes a crop; a warning says if it leaves all of the first as they were.

    torchvision's v2, for one, hands arrays of NumPy on without a word.
    """

    def __init__(self, transform: Transform) -> None:
        self._transform, self._unchanged, self._watches = transform, 0, True

    def __call__(self, image: npt.NDArray[np.uint8], labels: Labels, rng: np.random.Generator) -> Any:
        """Call the transform."""
        if not self._watches:
            return self._transform(image, labels, rng)
        before = image.copy(), labels.copy()
        returned = self._transform(image, labels, rng)
        if not _is_as_it_was(returned, (image, labels), before):
            self._watches = False
            return returned
        self._unchanged += 1  # of two threads at once, one may not count; that is near enough
        if self._unchanged >= _WATCHED_CROPS and self._watches:
            self._watches = False
            _log.warning(
                "transform=%s handed all of the first %d crops back unchanged. If it calls torchvision's v2, wrap "
                "image and labels in tv_tensors: v2 leaves arrays of NumPy as they are.",
                *(name_of(self._transform), _WATCHED_CROPS),
            )
        return returned


def _is_as_it_was(returned: Any, handed: tuple[Any, Any], before: tuple[Any, Any]) -> bool:
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        return False
    return all(
        part is same and np.array_equal(part, old) for part, same, old in zip(returned, handed, before, strict=True)
    )
