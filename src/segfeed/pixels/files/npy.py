"""NumPy's own files as masks: integers (H, W) or colours (H, W, 3), never a pickled object.

A module of its own, as every kind of picture has one.

Source: NumPy, numpy.lib.format.
"""

import io
import math
import tokenize
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError
from segfeed.pixels.files.samples import narrow_indices
from segfeed.pixels.files.through_pillow import check_size, damaged

_EXPECTED = "whole numbers (H, W) or (H, W, 1), or uint8 colours (H, W, 3)"


def decode_npy_mask(data: bytes, name: str) -> npt.NDArray[Any]:
    """Read the array of a .npy file: uint8 (H, W, 3) colours, or uint8 or uint16 (H, W) indices.

    Raises:
        MaskError: if it is damaged, holds objects or floats, has another shape, or values beyond 16 bits.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_column_major, dtype = read_header(file)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError) as error:
        raise damaged(MaskError, name, "damaged NumPy array", error) from None
    is_colours = len(shape) == 3 and shape[2] == 3 and dtype == np.uint8
    is_indices = len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)
    if dtype.kind not in "iub" or not (is_indices or is_colours):
        remedy = "save the class ids alone, as np.save(path, mask.astype(np.uint8))"
        raise MaskError(name, found=f"an array of {dtype} {shape}", expected=_EXPECTED, remedy=remedy)
    check_size(shape[0], shape[1], name, MaskError)
    size, stored = math.prod(shape) * dtype.itemsize, len(data) - file.tell()
    if size != stored:
        raise damaged(MaskError, name, "damaged NumPy array", f"{stored} bytes of pixels, but its shape needs {size}")
    pixels = np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if is_column_major else "C")
    return narrow_indices(pixels if is_colours else pixels.reshape(shape[:2]), name)
