"""WebP: what a file declares, and whether it is lossless (VP8L) or lossy (VP8).

Source: WebP Container Specification; WebP Lossless Bitstream Specification; RFC 6386, section 9.1.
"""

import struct
from dataclasses import dataclass

from segfeed.errors import SourceError
from segfeed.pixels.files.exif import exif_orientation
from segfeed.pixels.files.through_pillow import damage_of

_IS_ANIMATED = 0x02
_NOTES = ((0x08, b"EXIF"), (0x04, b"XMP "))  # by the flags that announce them


@dataclass(frozen=True, slots=True)
class WebpHeader:
    """The header of a WebP: size (px), coding, EXIF orientation (1 = upright)."""

    height: int
    width: int
    is_lossless: bool
    is_animated: bool
    orientation: int


def read_webp_header(data: bytes, name: str, error_type: type[SourceError]) -> WebpHeader:
    """Read a WebP's chunks up to its pixels, or up to its EXIF block and XMP if it says that it has some.

    Raises:
        error_type: if they are cut off or malformed.
    """
    with damage_of(error_type, data, name, "WebP"):
        return _read_chunks(data)


def _read_chunks(data: bytes) -> WebpHeader:
    at, flags, coded = 12, 0, None
    size: tuple[int, int] | None = None
    notes: dict[bytes, bytes] = {}
    end = 8 + int.from_bytes(data[4:8], "little")
    while True:
        if size and flags & _IS_ANIMATED:
            return WebpHeader(*size, is_lossless=False, is_animated=True, orientation=1)
        # Notes stand behind the pixels. A file may announce some that it lacks: then its end decides.
        awaited = [kind for flag, kind in _NOTES if flags & flag and kind not in notes]
        if size and coded and (not awaited or at >= end):
            exif = notes.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
            return WebpHeader(*size, coded == b"VP8L", False, exif_orientation(exif, notes.get(b"XMP ", b"")))
        kind, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if kind == b"VP8X":
            flags = data[body]
            wide, tall = (int.from_bytes(data[body + n : body + n + 3], "little") + 1 for n in (4, 7))
            size = tall, wide
        elif kind in (b"VP8 ", b"VP8L"):
            coded, size = kind, size or _read_size(data, body, kind)
        elif kind in awaited:
            notes[kind] = data[body : body + length]
            if len(notes[kind]) < length:
                raise IndexError
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
