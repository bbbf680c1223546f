"""What a batch looks like: layout, dtypes, normalisation, the value of void."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from segfeed.errors import OptionError

Layout = Literal["NHWC", "NCHW"]
ImageType = Literal["float32", "float16", "uint8"]
LabelType = Literal["int32", "int64", "uint8"]


class Normalization(NamedTuple):
    """A mean and a standard deviation for red, green and blue, of pixels scaled to 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's photos, which nearly every pretrained encoder expects."""


@dataclass(frozen=True)
class BatchFormat:
    """What a batch looks like; `None` leaves a choice to its consumer, such as NumPy or PyTorch.

    Attributes:
        layout: "NHWC" or "NCHW". NumPy, TensorFlow and JAX: NHWC; PyTorch: NCHW.
        dtype: "float32", "float16" or "uint8" images. With "uint8" nothing is normalised.
        label_dtype: "int32", "int64" or "uint8" labels. NumPy, TensorFlow and JAX: int32; PyTorch: int64.
        normalize: (mean, std) of pixels scaled to 0..1, or None: float images are then pixels scaled to 0..1. With
            "uint8" it only sets the padding, which is round(255 * mean) per channel (0 without a mean).
        void: the value of void in labels. NumPy, TensorFlow and JAX: 255 (65535 above 254 classes); PyTorch: -100.

    Raises:
        OptionError: if a value is not one of those above, or void does not fit label_dtype.

    >>> BatchFormat(layout="NCHW", dtype="uint8").layout
    'NCHW'
    """

    layout: Layout | None = None
    dtype: ImageType = "float32"
    label_dtype: LabelType | None = None
    normalize: Normalization | None = IMAGENET
    void: int | None = None

    def __post_init__(self) -> None:
        _one_of("layout", self.layout, (None, *get_args(Layout)))
        _one_of("dtype", self.dtype, get_args(ImageType))
        _one_of("label_dtype", self.label_dtype, (None, *get_args(LabelType)))
        if self.normalize is not None:
            object.__setattr__(self, "normalize", _normalization(self.normalize, self.dtype))
        if self.void is not None and (isinstance(self.void, bool) or not isinstance(self.void, int | np.integer)):
            raise OptionError(
                "void", found=repr(self.void), expected="an integer", remedy="pass the value that your loss ignores"
            )
        if self.label_dtype is not None and self.void is not None:
            limits = np.iinfo(self.label_dtype)
            if not limits.min <= self.void <= limits.max:
                raise OptionError(
                    "void",
                    found=str(self.void),
                    expected=f"a value in {limits.min}..{limits.max}, the range of {self.label_dtype} labels",
                )

    def resolve(self, layout: Layout, label_dtype: LabelType, void: int) -> "BatchFormat":
        """Fill what was left open with a consumer's own choices; what was given explicitly holds.

        >>> BatchFormat(void=7).resolve("NCHW", "int64", -100)
        BatchFormat(layout='NCHW', dtype='float32', label_dtype='int64', normalize=..., void=7)
        """
        return replace(
            self,
            layout=self.layout or layout,
            label_dtype=self.label_dtype or label_dtype,
            void=void if self.void is None else self.void,
        )


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise OptionError(name, found=repr(value), expected=f"one of {', '.join(map(repr, allowed))}")


def _normalization(given: Any, dtype: ImageType) -> Normalization:
    try:
        mean, std = (tuple(float(value) for value in part) for part in given)
    except (TypeError, ValueError):
        mean = std = ()
    # Divided by a smaller one, pixels would be infinite. Values in 0..1 deviate by 1/2 at most; 1 changes nothing.
    smallest = 0 if dtype == "uint8" else 1 / float(np.finfo(dtype).max)
    if (
        len(mean) != 3
        or len(std) != 3
        or not all(np.isfinite(mean + std))
        or not smallest < min(std) <= max(std) <= 1
        or not 0 <= min(mean) <= max(mean) <= 1
    ):
        raise OptionError(
            "normalize",
            found=repr(given),
            expected="((mean r, g, b), (std r, g, b)) with means in 0..1, std above 0 and up to 1",
            remedy="pass both for pixels scaled to 0..1 (those of 0..255 divided by 255), or None",
        )
    return Normalization((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
