"""WebP: what a file declares, and whether it is lossless (VP8L) or lossy (VP8).

Source: WebP Container Specification; WebP Lossless Bitstream Specification; RFC 6386, section 9.1.
"""

import struct
from dataclasses import dataclass

from segfeed.errors import SourceError
from segfeed.pixels.jpeg import exif_orientation
from segfeed.pixels.through_pillow import damage_of

_HAS_EXIF, _IS_ANIMATED = 0x08, 0x02


@dataclass(frozen=True, slots=True)
class WebpHeader:
    """The header of a WebP: size (px), coding, EXIF orientation (1 = upright)."""

    height: int
    width: int
    is_lossless: bool
    is_animated: bool
    orientation: int


def read_webp_header(data: bytes, name: str, error_type: type[SourceError]) -> WebpHeader:
    """Read a WebP's chunks up to its pixels, or up to its EXIF block if it says that it has one.

    Raises:
        error_type: if they are cut off or malformed.
    """
    with damage_of(error_type, data, name, "WebP"):
        return _read_chunks(data)


def _read_chunks(data: bytes) -> WebpHeader:
    at, flags, coded = 12, 0, None
    size: tuple[int, int] | None = None
    while True:
        kind, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if kind == b"VP8X":
            flags = data[body]
            wide, tall = (int.from_bytes(data[body + n : body + n + 3], "little") + 1 for n in (4, 7))
            size = tall, wide
        elif kind in (b"VP8 ", b"VP8L"):
            coded, size = kind, size or _read_size(data, body, kind)
        elif kind == b"EXIF" and size and coded:
            block = data[body : body + length]
            if len(block) < length:
                raise IndexError
            turn = exif_orientation(block.removeprefix(b"Exif\0\0"))
            return WebpHeader(*size, coded == b"VP8L", is_animated=False, orientation=turn)
        if size and flags & _IS_ANIMATED:
            return WebpHeader(*size, is_lossless=False, is_animated=True, orientation=1)
        if size and coded and not flags & _HAS_EXIF:
            return WebpHeader(*size, coded == b"VP8L", is_animated=False, orientation=1)
        at = body + length + length % 2


def _read_size(data: bytes, at: int, kind: bytes) -> tuple[int, int]:
    """Read (height, width) from the first bytes of a bitstream."""
    if kind == b"VP8L":
        signature, packed = struct.unpack_from("<BI", data, at)
        if signature != 0x2F:
            raise ValueError("no lossless bitstream in chunk VP8L")
        return (packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1
    start, wide, tall = struct.unpack_from("<3sHH", data, at + 3)
    if start != b"\x9d\x01\x2a":
        raise ValueError("no key frame in chunk VP8")
    return tall & 0x3FFF, wide & 0x3FFF
