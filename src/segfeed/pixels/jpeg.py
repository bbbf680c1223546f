"""What a JPEG declares about itself, read without decoding: size, coding, and its EXIF orientation.

Sources: JPEG, ITU-T T.81 annex B; EXIF 2.3, tag 0x0112.
"""

import struct
from dataclasses import dataclass

JPEG_MAGIC = b"\xff\xd8\xff"

_SOF_NAMES = {3: "lossless coding", 5: "hierarchical coding", 6: "hierarchical coding", 7: "hierarchical coding"}
_NO_SOF = (0xC4, 0xC8, 0xCC)  # tables that share the SOF markers' range
_PROGRESSIVE = 0xC2


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """The header of a JPEG: stored size (px), channels, coding, EXIF orientation (1 = upright).

    `unsupported` says which coding it has that no decoder here reads; "" if it has none.
    """

    height: int
    width: int
    components: int
    progressive: bool
    unsupported: str
    orientation: int


def read_jpeg_header(data: bytes) -> JpegHeader | None:
    """Read a JPEG's segments up to its frame header; None if it ends before, or is damaged."""
    position, orientation = 2, 1
    while position + 4 <= len(data):
        position = data.find(b"\xff", position)  # decoders pass over stray bytes between segments, but say so
        if not 0 <= position <= len(data) - 4:
            return None
        marker = data[position + 1]
        if marker == 0:
            position += 2
            continue
        if marker == 0xFF:  # a fill byte, of which any number may stand before a marker
            position += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers that stand alone, without a length
            position += 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")  # of the length itself and of the body
        body = data[position + 4 : position + 2 + length]
        if len(body) != length - 2 or marker in (0xD9, 0xDA):  # cut off; or pixels, or the end, before any frame header
            return None
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = exif_orientation(body[6:])
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SOF:
            return _read_frame(marker, body, orientation)
        position += 2 + length
    return None


def _read_frame(marker: int, body: bytes, orientation: int) -> JpegHeader | None:
    if len(body) < 6:
        return None
    bits, height, width, components = struct.unpack_from(">BHHB", body)
    kind = marker - 0xC0
    unsupported = "arithmetic coding" if kind > 8 else _SOF_NAMES.get(kind, "")
    if bits != 8:
        unsupported = f"{bits} bits a channel"
    return JpegHeader(height, width, components, marker == _PROGRESSIVE, unsupported, orientation)


def exif_orientation(tiff: bytes) -> int:
    """Find tag 0x0112 in the first directory of an EXIF block: 1 .. 8; 1 if it is absent or malformed."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    # An entry has 12 bytes: tag, type (3: uint16), count, and its value, which stands first in a field of 4 bytes.
    for at in range(start + 2, min(start + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at)
        if tag == 0x0112 and kind == 3:
            return value if 1 <= value <= 8 else 1
    return 1


def drop_padding(data: bytes) -> bytes | None:
    """Cut the zeros out that stand between a JPEG's pixels and its end mark; None if there are none.

    Some cameras pad their files so. What is left holds every pixel if it decodes without a warning.
    """
    end = data.rfind(b"\xff\xd9")
    pixels = data[: max(end, 0)].rstrip(b"\0")
    return pixels + b"\xff\xd9" if len(pixels) < end else None
