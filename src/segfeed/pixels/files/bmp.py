"""BMP masks: the indices or colours that are stored; Pillow would drop a palette of grays, and so what it means.

Source: Microsoft, "Bitmap Storage" and BITMAPINFOHEADER.
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segfeed.errors import MaskError
from segfeed.pixels.files.samples import unpack_bits
from segfeed.pixels.files.through_pillow import check_size, damage_of, damaged

_RAW, _BIT_FIELDS = 0, (3, 6)
_BGR = (0xFF0000, 0xFF00, 0xFF)  # where red, green and blue lie in a number that is stored with its lowest byte first
_COMPRESSED = {1: "run lengths", 2: "run lengths", 4: "an embedded JPEG", 5: "an embedded PNG"}


@dataclass(frozen=True, slots=True, eq=False)
class _Bmp:
    """The header of a BMP: size (px), bits a pixel, palette uint8 (N, 3) or None, and where its lines lie."""

    height: int
    width: int
    bits: int
    palette: npt.NDArray[np.uint8] | None
    start: int
    is_top_down: bool

    @property
    def line_bytes(self) -> int:
        return (self.width * self.bits + 31) // 32 * 4


def decode_bmp_mask(data: bytes, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """Decode a BMP of 1, 4, 8, 24 or 32 bits a pixel.

    Returns:
        pixels: uint8 (H, W) indices, or (H, W, 3) colours. palette: uint8 (N, 3), or None for colours.

    Raises:
        MaskError: if it is damaged, compressed, of 16 bits a pixel, or if its fourth channel is in use.
    """
    with damage_of(MaskError, data, name, "BMP"):
        bmp = _read_header(data, name)
    size = bmp.height * bmp.line_bytes
    if bmp.start + size > len(data):
        reason = f"cut off after {len(data)} bytes of {bmp.start + size}"
        raise damaged(MaskError, name, "damaged BMP", reason)
    lines = np.frombuffer(data, np.uint8, size, bmp.start).reshape(bmp.height, bmp.line_bytes)
    if not bmp.is_top_down:
        lines = lines[::-1]
    if bmp.bits <= 8:
        return unpack_bits(lines, bmp.bits, bmp.width), bmp.palette
    pixels = lines[:, : bmp.width * bmp.bits // 8].reshape(bmp.height, bmp.width, bmp.bits // 8)
    if bmp.bits == 32 and not any((pixels[..., 3] == unused).all() for unused in (0, 255)):
        found = "a BMP whose fourth channel is in use"
        raise MaskError(name, found=found, expected="opaque pixels", remedy="save it without an alpha channel")
    return np.ascontiguousarray(pixels[..., 2::-1]), None


def _read_header(data: bytes, name: str) -> _Bmp:
    start, size = struct.unpack_from("<II", data, 10)
    if size == 12:  # of OS/2 and Windows 2
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression, used, entry = _RAW, 0, 3
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        (used,) = struct.unpack_from("<I", data, 46)
        entry = 4
    check_size(abs(height), width, name, MaskError)
    if compression in _BIT_FIELDS and bits == 32 and struct.unpack_from("<III", data, 54) == _BGR:
        compression = _RAW
    if compression != _RAW or bits not in (1, 4, 8, 24, 32):
        how = _COMPRESSED.get(compression, f"{bits} bits a pixel")
        raise MaskError(name, found=f"a BMP with {how}", expected="a plain one", remedy="save it as PNG")
    palette = None
    if bits <= 8:
        count = min(used or 1 << bits, 1 << bits)
        colours = np.frombuffer(data[14 + size : 14 + size + count * entry], np.uint8)
        if len(colours) != count * entry:
            raise damaged(MaskError, name, "damaged BMP", "a palette picture without a whole palette")
        palette = colours.reshape(count, entry)[:, 2::-1].copy()
    return _Bmp(abs(height), width, bits, palette, start, is_top_down=height < 0)
