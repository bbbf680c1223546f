"""Headers: what PNG and JPEG files declare about themselves, read without decoding, every PNG checksum verified.

Sources: PNG specification, third edition (W3C); JPEG, ITU-T T.81 annex B; EXIF 2.3, tag 0x0112.
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng  # unpacks a mask in a quarter of the time of Python's own zlib

from segfeed.errors import SourceError

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_MAGICS = (
    (JPEG_MAGIC, "a JPEG"),
    (PNG_MAGIC, "a PNG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<", "an HTML or XML page"),
)
_PNG_KINDS = {0: "gray", 2: "colour", 3: "palette", 4: "gray with alpha", 6: "colour with alpha"}
_PALETTE = 3
_CHANNELS = {"gray": 1, "colour": 3, "palette": 1, "gray with alpha": 2, "colour with alpha": 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WANTED_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ANCILLARY = 0x20  # the bit that makes the first letter of a chunk's name a small one: readers may pass over it
_SOF_NAMES = {3: "lossless coding", 5: "hierarchical coding", 6: "hierarchical coding", 7: "hierarchical coding"}
_CHUNK = struct.Struct(">I4s")  # a chunk's length and kind
_NO_SOF = (0xC4, 0xC8, 0xCC)  # tables that share the SOF markers' range
_PROGRESSIVE = 0xC2


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """Hold what a JPEG declares: stored size (px), channels, coding, EXIF orientation (1 = upright)."""

    height: int
    width: int
    components: int
    progressive: bool
    unsupported: str
    orientation: int


@dataclass(frozen=True, slots=True, eq=False)
class Png:
    """Hold what a PNG declares: size (px), bits a channel, kind of pixels, order of lines, palette uint8 (N, 3) or None, its chunks."""

    height: int
    width: int
    bits: int
    kind: str
    interlaced: bool
    palette: npt.NDArray[np.uint8] | None
    chunks: list[tuple[bytes, int, int]]

    def pixels_only(self, data: bytes) -> bytes:
        """Drop every chunk that pixels do not need: text, profiles, EXIF (a few bytes of text can unpack to gigabytes)."""
        if all(name in _WANTED_CHUNKS for name, _, _ in self.chunks):
            return data
        return PNG_MAGIC + b"".join(data[start:end] for name, start, end in self.chunks if name in _WANTED_CHUNKS)


def kind_of(data: bytes) -> str:
    """Say what a file's first bytes are: "a JPEG", "empty", "not a picture"."""
    if not data:
        return "empty (0 bytes)"
    if data[8:12] == b"WEBP":
        return "a WebP"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypavif", b"ftypmif1"):
        return "a HEIF or AVIF"
    return next((kind for magic, kind in _MAGICS if data.startswith(magic)), "not a picture")


def read_png(data: bytes, name: str, error_type: type[SourceError]) -> Png:
    """Walk a PNG's chunks and verify every checksum.

    Raises:
        error_type: a checksum differs, a chunk is cut off or missing, or the PNG is animated.
    """
    try:
        png = _describe(data, _walk(data))
    except _DamageError as damage:
        raise error_type(f"{name}: damaged PNG ({damage}); restore the file from its origin.", is_damage=True) from None
    if any(kind == b"acTL" for kind, _, _ in png.chunks):
        raise error_type(f"{name}: an animated PNG; expected one picture; save the frame you mean.")
    return png


class _DamageError(Exception):
    """Say what is wrong with a PNG; `read_png` adds the file's name."""


def _describe(data: bytes, chunks: list[tuple[bytes, int, int]]) -> Png:
    _check_order([kind for kind, _, _ in chunks])
    bodies = {kind: data[start + 8 : end - 4] for kind, start, end in chunks if kind != b"IDAT"}
    header = bodies[b"IHDR"]
    if len(header) != 13:
        raise _DamageError("no header or no pixels")
    width, height, bits, colour, *methods, interlace = struct.unpack(">II5B", header)
    if colour not in _PNG_KINDS or bits not in (1, 2, 4, 8, 16):
        raise _DamageError(f"colour type {colour} with {bits} bits does not exist")
    if any(methods) or interlace > 1:
        raise _DamageError(f"methods {(*methods, interlace)} do not exist")
    palette = bodies.get(b"PLTE", b"") if colour == _PALETTE else None
    if palette is not None and (len(palette) % 3 or not 0 < len(palette) <= 768):
        raise _DamageError("a palette picture without a whole palette")
    colours = None if palette is None else np.frombuffer(palette, np.uint8).reshape(-1, 3)
    return Png(height, width, bits, _PNG_KINDS[colour], interlace == 1, colours, chunks)


def _check_order(kinds: list[bytes]) -> None:
    """Refuse what one reader takes and another does not, or otherwise: two palettes, pixels in two places."""
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds:
        raise _DamageError("no header or no pixels")
    first, count = kinds.index(b"IDAT"), kinds.count(b"IDAT")
    if kinds[first : first + count] != [b"IDAT"] * count:
        raise _DamageError("pixels in several places")
    if b"PLTE" in kinds[first:]:
        raise _DamageError("a palette behind the pixels")
    for kind in dict.fromkeys(kinds):
        if kind in _WANTED_CHUNKS and kind != b"IDAT" and kinds.count(kind) > 1:
            raise _DamageError(f"chunk {_printable(kind)} occurs {kinds.count(kind)} times")
        if kind not in _WANTED_CHUNKS and not kind[0] & _ANCILLARY:
            raise _DamageError(f"chunk {_printable(kind)} is none that a reader may pass over")


def read_png_header(data: bytes, name: str, error_type: type[SourceError]) -> tuple[int, int, int]:
    """Read (height, width, EXIF orientation) from a PNG's first bytes, up to its pixels.

    Raises:
        error_type: the header is cut off.
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise error_type(
            f"{name}: damaged PNG (no header in {len(data)} bytes); restore the file from its origin.", is_damage=True
        )
    width, height = struct.unpack_from(">II", data, 16)
    position, orientation = len(PNG_MAGIC), 1
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IDAT":
            break
        if kind == b"eXIf":
            orientation = _orientation(data[position + 8 : position + 8 + length])
        position += 12 + length
    return height, width, orientation


def inflate_indices(png: Png, data: bytes) -> npt.NDArray[np.uint8] | None:
    """Unpack the usual kind of mask, 8-bit indices in unfiltered lines, which needs no picture library.

    Returns:
        indices: uint8 (H, W), or None where the PNG is of another kind, or damaged.
    """
    if png.bits != 8 or png.interlaced or png.kind not in ("palette", "gray"):
        return None
    unpack = zlib_ng.decompressobj()
    try:
        lines = unpack.decompress(
            b"".join(data[a + 8 : b - 4] for kind, a, b in png.chunks if kind == b"IDAT"), _limit(png)
        )
    except zlib_ng.error:  # type: ignore[misc]  # its types do not say that it is an exception
        return None
    # The end of the stream holds its checksum, which must have been reached; Pillow does not look at it.
    if not unpack.eof or len(lines) != png.height * (png.width + 1):
        return None
    rows = np.frombuffer(lines, np.uint8).reshape(png.height, png.width + 1)
    return None if rows[:, 0].any() else rows[:, 1:]


def check_stream(png: Png, data: bytes, name: str, error_type: type[SourceError]) -> None:
    """Verify that a PNG's pixel data unpacks to exactly as many bytes as its size needs, and its checksum.

    Pillow fills what is missing with zeros, and does not look at the checksum.

    Raises:
        error_type: bytes are missing or too many, or damaged.
    """
    expected, found = _stream_length(png), 0
    unpack = zlib_ng.decompressobj()
    packed = b"".join(data[start + 8 : end - 4] for kind, start, end in png.chunks if kind == b"IDAT")
    try:
        while not unpack.eof and found <= expected:
            part = unpack.decompress(packed, 1 << 20)
            found, packed = found + len(part), unpack.unconsumed_tail
            if not part and not packed:
                break
    except zlib_ng.error as error:  # type: ignore[misc]  # the same
        raise error_type(f"{name}: damaged PNG ({error}); restore the file from its origin.", is_damage=True) from None
    if not unpack.eof or found != expected:
        raise error_type(
            f"{name}: damaged PNG (pixel data of {found} bytes where {expected} are needed); restore the file from its origin.",
            is_damage=True,
        )


def _stream_length(png: Png) -> int:
    """Count the bytes of the unpacked lines: one for the filter, then the pixels' bits; a line of no pixels is left out."""
    passes = _ADAM7 if png.interlaced else ((0, 0, 1, 1),)
    length = 0
    for left, top, right, down in passes:
        width, height = -(-(png.width - left) // right), -(-(png.height - top) // down)
        if width > 0 and height > 0:
            length += height * (1 + -(-width * png.bits * _CHANNELS[png.kind] // 8))
    return length


def _limit(png: Png) -> int:
    return png.height * (png.width + 1) + 1  # a few bytes can unpack to gigabytes: stop after one too many


def _walk(data: bytes) -> list[tuple[bytes, int, int]]:
    """List (kind, start, end) of each chunk up to the end mark, its checksum verified."""
    chunks: list[tuple[bytes, int, int]] = []
    view, kind, end = memoryview(data), b"", len(PNG_MAGIC)
    while kind != b"IEND":
        start = end
        if start + 12 > len(data):
            raise _DamageError(f"cut off after {len(data)} bytes, before its end mark")
        length, kind = _CHUNK.unpack_from(data, start)
        end = start + 12 + length
        if end > len(data):
            raise _DamageError(f"cut off after {len(data)} bytes, inside chunk {_printable(kind)}")
        if zlib_ng.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise _DamageError(f"checksum of chunk {_printable(kind)} at byte {start} differs")
        chunks.append((kind, start, end))
    return chunks


def read_jpeg_header(data: bytes) -> JpegHeader | None:
    """Walk a JPEG's segments up to its frame header; None where it ends before, or is damaged."""
    position, orientation = 2, 1
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # no payload
            position += 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if len(body) != length - 2 or marker in (0xD9, 0xDA):
            return None
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _orientation(body[6:])
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SOF:
            return _frame(marker, body, orientation)
        position += 2 + length
    return None


def _frame(marker: int, body: bytes, orientation: int) -> JpegHeader | None:
    if len(body) < 6:
        return None
    bits, height, width, components = struct.unpack_from(">BHHB", body)
    kind = marker - 0xC0
    unsupported = "arithmetic coding" if kind > 8 else _SOF_NAMES.get(kind, "")
    if bits != 8:
        unsupported = f"{bits} bits a channel"
    return JpegHeader(height, width, components, marker == _PROGRESSIVE, unsupported, orientation)


def _orientation(tiff: bytes) -> int:
    """Find tag 0x0112 in the first directory of an EXIF block; 1 where it is absent or malformed."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    for at in range(start + 2, min(start + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at)
        if tag == 0x0112 and kind == 3:
            return value if 1 <= value <= 8 else 1
    return 1


def _printable(kind: bytes) -> str:
    return kind.decode("ascii", "replace") if kind.isalpha() else repr(kind)
