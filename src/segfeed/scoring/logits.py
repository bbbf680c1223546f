"""Logits: class scores of any framework to class ids, on their device or a few lines at a time, never copied whole.

Frameworks are told apart by what their arrays can do; none is imported.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import OptionError
from segfeed.system.options import whole_number

Ids = npt.NDArray[np.integer[Any]]

_BLOCK_PX = 1 << 13  # few enough that the scores of a block stay in the cache


def host_array(array: Any) -> npt.NDArray[Any]:
    """Bring an array of any framework into the host's memory; without a copy if it is there already.

    Args:
        array: of NumPy, PyTorch (any device), TensorFlow or JAX, or nested lists.

    Returns:
        array: of the same dtype and shape; PyTorch's bfloat16, which NumPy does not know, becomes float32.

    >>> host_array([[0, 1]]).shape
    (1, 2)
    """
    if _is_torch(array):
        array = array.detach().cpu()
        if str(array.dtype) == "torch.bfloat16":
            array = array.float()
    return np.asarray(array)


def _inside(predictions: Any) -> str:
    """Return how the logits are reached in what torchvision's and Hugging Face's models return; "" for other types."""
    if isinstance(predictions, Mapping):
        names = [name for name in ("out", "logits") if name in predictions] or list(predictions)
        return f"[{names[0]!r}]" if names else ""
    if isinstance(predictions, list | tuple) and predictions and len(getattr(predictions[0], "shape", ())) > 3:
        return "[0]"  # batches of logits: one for each head of the network
    return ".logits" if hasattr(predictions, "logits") else ""


def class_ids(predictions: Any, shape: tuple[int, ...], classes: int, axis: int | None = None) -> Ids:
    """Turn predictions of any framework, ids or logits, into ids.

    Args:
        predictions: integers of `shape`, taken as ids; or floats with one more axis, of `classes` scores; the largest
            wins (the first of equals).
        shape: (H, W) or (N, H, W) of the ids.
        classes: how many there are.
        axis: which axis holds the scores of a pixel; only needed if N, H, W and the number of classes are so alike that
            both the first axis (after N) and the last would do.

    Returns:
        ids: integer, of `shape`. The caller checks whether they are ids of classes.

    Raises:
        OptionError: if shape or dtype do not fit, the axis is ambiguous, or a score is NaN.

    >>> class_ids(np.array([[[0.1, 0.9]], [[0.7, 0.2]]]), (1, 2), classes=2)
    array([[1, 0]], dtype=uint8)
    """
    if inside := _inside(predictions):
        expected, remedy = "integers (class ids) or floats (logits)", f"pass predictions{inside}"
        raise OptionError("predictions", found=f"a {type(predictions).__name__}", expected=expected, remedy=remedy)
    predictions = predictions if hasattr(predictions, "dtype") else np.asarray(predictions)
    found, name = tuple(predictions.shape), str(getattr(predictions.dtype, "name", predictions.dtype))
    if "float" in name:
        axis = _class_axis(found, shape, classes, axis)
        is_elsewhere = _is_torch(predictions) and predictions.device.type != "cpu"
        return _accelerated(predictions, axis) if is_elsewhere else _streamed(predictions, axis)
    ids = host_array(predictions)
    if ids.dtype.kind not in "iu":
        raise OptionError(
            "predictions", found=name, expected="integers (class ids) or floats (logits)", remedy="convert them first"
        )
    if found != shape:
        raise OptionError(
            "predictions",
            found=f"ids of shape {found}, but labels of shape {shape}",
            expected="one id for each label",
            remedy="bring the predictions to the labels' size, never the labels to theirs",
        )
    return ids


def refuse_strangers(ids: Ids, classes: int, what: str) -> None:
    """Refuse predicted ids that are not a class; void is not, since every pixel must be predicted.

    Raises:
        OptionError: if there is one; it names the first such id, and how many pixels hold it.
    """
    wrong = (ids < 0) | (ids >= classes)
    if wrong.any():
        first = int(ids[wrong][0])
        raise OptionError(
            what,
            found=f"{first} in {int((ids == first).sum()):,} pixels",
            expected=f"one of the {classes} classes (0..{classes - 1})",
            remedy="predict a class for every pixel, also where labels are void",
        )


def _is_torch(array: Any) -> bool:
    return hasattr(array, "detach")


def _class_axis(found: tuple[int, ...], shape: tuple[int, ...], classes: int, axis: int | None) -> int:
    """Find the axis of the scores by the shape, or check the one that was given."""
    first, last = len(shape) - 2, len(shape)
    fitting = {number for number, side in enumerate(found) if side == classes and _without(found, number) == shape}
    if axis is None:
        fitting &= {first, last}
    else:
        fitting &= {whole_number("axis", axis, -len(found), len(found) - 1) % len(found)}
    if not fitting:
        chosen = "" if axis is None else f" with axis={axis}"
        raise OptionError(
            "predictions",
            found=f"logits of shape {found}{chosen}, but {classes} classes and labels of shape {shape}",
            expected=f"{(*shape[:first], classes, *shape[first:])} or {(*shape, classes)}",
            remedy=_remedy(found, shape),
        )
    if len(fitting) > 1:
        raise OptionError(
            "predictions",
            found=f"logits of shape {found}: axis {first} and axis {last} may both be that of the {classes} classes",
            remedy=f"choose one: axis={first} or axis={last}",
        )
    return fitting.pop()


def _remedy(found: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Say what to do with floats of this shape: their size may be right, and their classes missing."""
    channel = len(shape) - 2
    one_output = {(*shape[:channel], 1, *shape[channel:]): "logits[:, 0]", (*shape, 1): "logits[..., 0]"}
    if found == shape:
        return "convert them to integers if they are class ids; of one score a pixel, pass whether it is large enough"
    if found in one_output and channel:
        return f"of a network with one output pass ids: ({one_output[found]} > 0) as integers"
    return "bring logits to the labels' size first"


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _accelerated(logits: Any, axis: int) -> Ids:
    """Find the ids on the device that holds a tensor, so that few bytes travel."""
    highest, ids = logits.detach().max(axis)
    if highest.isnan().any():
        raise _nan_error()
    return host_array(ids.byte() if logits.shape[axis] <= 256 else ids.int())


def _streamed(logits: Any, axis: int) -> Ids:
    """Find the ids block by block."""
    logits = logits if _is_torch(logits) else np.asarray(logits)
    ids = np.empty(_without(tuple(logits.shape), axis), np.min_scalar_type(logits.shape[axis] - 1))
    if ids.ndim == 2:
        _find_ids(logits, axis, ids)
        return ids
    for image, out in zip(logits, ids, strict=True):
        _find_ids(image, axis - 1, out)
    return ids


def _find_ids(logits: Any, axis: int, ids: Ids) -> None:
    scores = np.moveaxis(host_array(logits), axis, 0)
    lines = max(_BLOCK_PX // max(ids.shape[1], 1), 1)
    for top in range(0, len(ids), lines):
        _find_highest(scores[:, top : top + lines], ids[top : top + lines])


def _find_highest(scores: npt.NDArray[Any], ids: Ids) -> None:
    """Write the number of each pixel's highest score, class by class: whole lines at once, which `argmax` cannot."""
    # Widening keeps the order of 16-bit floats, which NumPy compares slowly.
    scores = np.ascontiguousarray(scores, np.float64 if scores.dtype == np.float64 else np.float32)
    highest, better = scores[0].copy(), np.empty(ids.shape, np.bool_)
    ids[:] = 0
    for number, score in enumerate(scores[1:], start=1):
        np.greater(score, highest, out=better)
        np.maximum(ids, better * ids.dtype.type(number), out=ids)  # no id before is as large as this number
        np.maximum(highest, score, out=highest)  # keeps NaN
    if np.isnan(highest).any():
        raise _nan_error()


def _nan_error() -> OptionError:
    return OptionError(
        "predictions",
        found="logits that are NaN",
        expected="numbers",
        remedy="find out why the network has diverged before you score it",
    )
