"""What a JPEG declares about itself, read without decoding: size, coding, and its EXIF orientation.

Sources: JPEG, ITU-T T.81 annex B; EXIF 2.3, 4.7; XMP specification, part 3, 1.1.3.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from segfeed.pixels.files.exif import exif_orientation

JPEG_MAGIC = b"\xff\xd8\xff"

_SOF_NAMES = {3: "lossless coding", 5: "hierarchical coding", 6: "hierarchical coding", 7: "hierarchical coding"}
_NO_SOF = (0xC4, 0xC8, 0xCC)  # tables that share the SOF markers' range
_PROGRESSIVE = 0xC2
_END, _PIXELS, _NOTES = 0xD9, 0xDA, 0xE1
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


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
    """Read a JPEG's segments up to its pixels; None if it ends before, is damaged, or has no frame header."""
    frame, exif, xmp = b"", b"", b""
    for marker, body in _segments(data):
        if marker == _PIXELS:
            return _read_frame(frame, exif_orientation(exif, xmp))
        if marker == _NOTES and body.startswith(_EXIF):
            exif += body.removeprefix(_EXIF)  # a second block continues the first
        elif marker == _NOTES and body.startswith(_XMP):
            xmp = body
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_SOF:
            frame = bytes((marker,)) + body
    return None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and the body of each segment, as long as they are whole."""
    position = 2
    while position + 4 <= len(data):
        position = data.find(b"\xff", position)  # decoders pass over stray bytes between segments, but say so
        if not 0 <= position <= len(data) - 4:
            return
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte, of which any number may stand before a marker
            position += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # no marker, or one that stands alone, without a length
            position += 2
        else:
            length = int.from_bytes(data[position + 2 : position + 4], "big")  # of the length itself and of the body
            body = data[position + 4 : position + 2 + length]
            if len(body) != length - 2 or marker == _END:
                return
            yield marker, body
            position += 2 + length


def _read_frame(frame: bytes, orientation: int) -> JpegHeader | None:
    """Read a frame header, its marker and its body; None if it is cut off, or there was none."""
    if len(frame) < 7:
        return None
    marker, bits, height, width, components = struct.unpack_from(">BBHHB", frame)
    kind = marker - 0xC0
    unsupported = "arithmetic coding" if kind > 8 else _SOF_NAMES.get(kind, "")
    if bits != 8:
        unsupported = f"{bits} bits a channel"
    return JpegHeader(height, width, components, marker == _PROGRESSIVE, unsupported, orientation)


def drop_padding(data: bytes) -> bytes | None:
    """Cut the zeros out that stand between a JPEG's pixels and its end mark; None if there are none.

    Some cameras pad their files so. What is left holds every pixel if it decodes without a warning.
    """
    end = data.rfind(b"\xff\xd9")
    pixels = data[: max(end, 0)].rstrip(b"\0")
    return pixels + b"\xff\xd9" if len(pixels) < end else None
