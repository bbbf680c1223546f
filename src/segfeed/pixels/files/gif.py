"""GIF: one frame's palette indices, exactly as stored. GIF loses nothing once the colours are chosen.

Source: Graphics Interchange Format, version 89a.
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from segfeed.errors import SourceError
from segfeed.pixels.files.through_pillow import check_size, damage_of, damaged, open_picture, read_pixels

Palette = npt.NDArray[np.uint8] | None

_END, _EXTENSION, _FRAME = b";!,"
_HAS_PALETTE = 0x80


def read_gif_size(data: bytes, name: str, error_type: type[SourceError]) -> tuple[int, int]:
    """Read (height, width) of the canvas.

    Raises:
        error_type: if the header is cut off.
    """
    if len(data) < 13:
        raise damaged(error_type, name, "damaged GIF", f"cut off after {len(data)} bytes")
    width, height = struct.unpack_from("<HH", data, 6)
    return height, width


def decode_gif(data: bytes, name: str, error_type: type[SourceError]) -> tuple[npt.NDArray[Any], Palette]:
    """Decode the one frame of a GIF.

    Returns:
        indices: uint8 (H, W). palette: uint8 (N, 3), the frame's own or else the file's; None if it has neither.

    Raises:
        error_type: if it is damaged, has several frames, or one that does not fill the canvas.
    """
    height, width = read_gif_size(data, name, error_type)
    check_size(height, width, name, error_type)
    with damage_of(error_type, data, name, "GIF"):
        frames = _list_frames(data)
    if len(frames) != 1:
        found = f"an animation of {len(frames)} frames" if frames else "a GIF without a frame"
        raise error_type(name, found=found, expected="one picture", remedy="save the frame you mean")
    ((box, palette),) = frames
    if box != (0, 0, width, height):
        left, top, wide, tall = box
        found = f"a GIF whose frame of {wide} x {tall} px at ({left}, {top}) does not fill {width} x {height} px"
        raise error_type(name, found=found, expected="a frame that fills it", remedy="save it again as PNG")
    with open_picture(data, name, "GIF", error_type) as picture:
        if picture.mode not in ("P", "L"):
            found = "PIL.GifImagePlugin.LOADING_STRATEGY was changed, so a GIF's indices cannot be read"
            raise error_type(name, found=found, remedy="set it back to RGB_AFTER_FIRST")
        return read_pixels(picture, name, error_type), palette


def _list_frames(data: bytes) -> list[tuple[tuple[int, ...], Palette]]:
    """List every frame's (left, top, width, height) and palette, up to the end mark."""
    frames = []
    shared, at = _read_palette(data, 13, data[10])
    while (mark := data[at]) != _END:
        if mark == _EXTENSION:
            at = _skip_blocks(data, at + 2)
        elif mark == _FRAME:
            *box, flags = struct.unpack_from("<4HB", data, at + 1)
            own, at = _read_palette(data, at + 10, flags)
            frames.append((tuple(box), shared if own is None else own))
            at = _skip_blocks(data, at + 1)
        elif mark == 0:  # one end of blocks too many, as some writers leave behind
            at += 1
        else:
            raise ValueError(f"block {mark:#x} at byte {at} does not exist")
    return frames


def _read_palette(data: bytes, at: int, flags: int) -> tuple[Palette, int]:
    """Read the palette that starts at a byte, if the flags say that there is one; return where it ends, too."""
    if not flags & _HAS_PALETTE:
        return None, at
    size = 3 << (flags & 7) + 1
    return np.frombuffer(data[at : at + size], np.uint8).reshape(-1, 3), at + size


def _skip_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1
