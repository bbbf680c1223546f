"""Samples as a file stores them -> what a mask or a photo needs: bits unpacked, alpha dropped, integers narrowed."""

from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError


def unpack_bits(lines: npt.NDArray[np.uint8], bits: int, width: int) -> npt.NDArray[np.uint8]:
    """Unpack lines of 1-, 2-, 4- or 8-bit values, the first in the highest bits: uint8 (H, bytes) -> (H, width).

    >>> unpack_bits(np.array([[0b01_10_11_00]], np.uint8), 2, 3)
    array([[1, 2, 3]], dtype=uint8)
    """
    if bits < 8:
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        lines = (lines[..., None] >> shifts & np.uint8((1 << bits) - 1)).reshape(len(lines), -1)
    return np.ascontiguousarray(lines[:, :width])


def drop_alpha(pixels: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Drop a mask's alpha channel: (H, W, 4) -> (H, W, 3), (H, W, 2) -> (H, W); other shapes stay as they are.

    Raises:
        MaskError: if the channel is not opaque everywhere.
    """
    if pixels.ndim == 2 or pixels.shape[2] not in (2, 4):
        return pixels
    refuse_mask_in_alpha(pixels, name)
    refuse_transparent(pixels[..., -1] != np.iinfo(pixels.dtype).max, name)
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3])


def refuse_mask_in_alpha(pixels: npt.NDArray[Any], name: str) -> None:
    """Raise MaskError if all colours are one and only the alpha channel, the last one, shows something."""
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    if (colours == colours[0, 0]).all() and (alpha != alpha[0, 0]).any():
        shown = sorted(set(alpha.ravel().tolist()))
        values = ", ".join(map(str, shown[:4])) + (", ..." if len(shown) > 4 else "")
        raise MaskError(
            name,
            found=f"one colour everywhere; only its alpha channel shows something ({values})",
            expected="colours or indices, and opaque pixels",
            remedy='save the alpha channel alone, as gray PNG: mask.getchannel("A") in Pillow',
        )


def refuse_transparent(transparent: npt.NDArray[np.bool_] | np.bool_, name: str) -> None:
    """Raise MaskError if a pixel is transparent: what is seen there is not what is stored."""
    if transparent.any():
        found = f"{float(transparent.mean()):.1%} of the mask is transparent, so its colours are not what is seen"
        raise MaskError(name, found=found, expected="opaque pixels", remedy="save it without an alpha channel")


def narrow_indices(pixels: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Bring integers of any width to uint8 if they are stored in 8 bits, else to uint16.

    Raises:
        MaskError: if a value does not fit.
    """
    limit = 0xFF if pixels.dtype.itemsize == 1 else 0xFFFF
    least, most = int(pixels.min()), int(pixels.max())
    if least < 0 or most > limit:
        remedy = "write void as 255, or as an id of its own" if least < 0 else "number the classes from 0"
        expected = f"0 to {limit:,}"
        raise MaskError(name, found=f"values from {least:,} to {most:,}", expected=expected, remedy=remedy)
    return np.ascontiguousarray(pixels, np.uint8 if limit == 0xFF else np.uint16)


def show_indices(indices: npt.NDArray[Any], palette: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8]:
    """Return the colours of indices, uint8 (H, W) -> (H, W, 3): grays without a palette, black beyond it."""
    if palette is None:
        return np.repeat(indices[..., None], 3, axis=2)
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    image: npt.NDArray[np.uint8] = table[indices]
    return image
