"""What a PNG declares about itself, every checksum verified; 8-bit masks are unpacked here, too.

Source: PNG specification, third edition (W3C).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng  # unpacks a mask in a quarter of the time of Python's own zlib

from segfeed.errors import SourceError
from segfeed.pixels.files.exif import png_orientation

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
RESTORE = "restore the file from its origin"
"""What to do with a damaged file."""

_KINDS = {0: "gray", 2: "colour", 3: "palette", 4: "gray with alpha", 6: "colour with alpha"}
_PALETTE = 3
_CHANNELS = {"gray": 1, "colour": 3, "palette": 1, "gray with alpha": 2, "colour with alpha": 4}
# (first column, first row, step to the right, step down) of each pass of an interlaced picture
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WANTED_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ANCILLARY = 0x20  # the bit that makes the first letter of a chunk's name a small one: readers may pass over it
_CHUNK = struct.Struct(">I4s")  # the length of a chunk's body, and its kind; then come the body and a checksum
_PIECE_BYTES = 1 << 17  # of packed pixels that are unpacked at once

Chunk = tuple[bytes, int, int]
"""A chunk's kind, and where it starts and ends in the file, its length and its checksum included."""


@dataclass(frozen=True, slots=True, eq=False)
class Png:
    """The header of a PNG: size (px), bits a channel, kind of pixels, palette uint8 (N, 3) or None, and its chunks."""

    height: int
    width: int
    bits: int
    kind: str
    interlaced: bool
    palette: npt.NDArray[np.uint8] | None
    chunks: list[Chunk]

    def pixels_only(self, data: bytes) -> bytes:
        """Drop the chunks that pixels do not need: a few bytes of text or of a profile can unpack to gigabytes."""
        if all(kind in _WANTED_CHUNKS for kind, _, _ in self.chunks):
            return data
        return PNG_MAGIC + b"".join(data[start:end] for kind, start, end in self.chunks if kind in _WANTED_CHUNKS)

    def packed_pixels(self, data: bytes) -> bytes:
        """Join the bodies of the chunks that hold pixels: one zlib stream."""
        return b"".join(data[start + 8 : end - 4] for kind, start, end in self.chunks if kind == b"IDAT")


def read_png(data: bytes, name: str, error_type: type[SourceError]) -> Png:
    """Read a PNG's chunks and verify every checksum.

    Raises:
        error_type: if a checksum differs, a chunk is cut off or missing, or the PNG is animated.
    """
    try:
        png = _describe(data, _read_chunks(data))
    except _DamageError as damage:
        raise damaged_png(error_type, name, str(damage)) from None
    if any(kind == b"acTL" for kind, _, _ in png.chunks):
        raise error_type(name, found="an animated PNG", expected="one picture", remedy="save the frame you mean")
    return png


def read_png_header(data: bytes, name: str, error_type: type[SourceError]) -> tuple[int, int, int]:
    """Read (height, width, EXIF orientation) from a PNG's bytes; of its first bytes alone, from what stands there.

    Raises:
        error_type: if the header is cut off.
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise damaged_png(error_type, name, f"no header in {len(data)} bytes")
    width, height = struct.unpack_from(">II", data, 16)
    return height, width, png_orientation(_bodies(data))


def _bodies(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and body of each chunk that holds no pixels, also of those behind the pixels."""
    position = len(PNG_MAGIC)
    while position + 8 <= len(data):
        length, kind = _CHUNK.unpack_from(data, position)
        if kind != b"IDAT":
            yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def colour_key(png: Png, data: bytes) -> tuple[int, ...]:
    """Return the stored value, or the colour, that a PNG without an alpha channel declares transparent; () for none."""
    if png.kind not in ("gray", "colour") or b"tRNS" not in data:
        return ()
    body = next((body for kind, body in _bodies(data) if kind == b"tRNS"), b"")
    return struct.unpack_from(f">{_CHANNELS[png.kind]}H", body) if len(body) >= 2 * _CHANNELS[png.kind] else ()


def inflate_indices(png: Png, data: bytes) -> npt.NDArray[np.uint8] | None:
    """Unpack the usual kind of mask, 8-bit indices in unfiltered lines, which needs no picture library.

    Returns:
        indices: uint8 (H, W), or None if the PNG is of another kind, or damaged.
    """
    if png.bits != 8 or png.interlaced or png.kind not in ("palette", "gray"):
        return None
    wanted = png.height * (png.width + 1)  # each line begins with the byte that names its filter
    unpack = zlib_ng.decompressobj()
    try:
        # A few bytes can unpack to gigabytes: stop after one too many.
        lines = unpack.decompress(png.packed_pixels(data), wanted + 1)
    except zlib_ng.error:  # type: ignore[misc]  # its types do not say that it is an exception
        return None
    # The end of the stream holds its checksum, which must have been reached; Pillow does not look at it.
    if not unpack.eof or len(lines) != wanted:
        return None
    rows = np.frombuffer(lines, np.uint8).reshape(png.height, png.width + 1)
    return None if rows[:, 0].any() else rows[:, 1:]


def check_stream(png: Png, data: bytes, name: str, error_type: type[SourceError]) -> None:
    """Check that a PNG's pixel data unpacks to exactly as many bytes as its size needs, and its checksum.

    Pillow fills what is missing with zeros, and does not look at the checksum.

    Raises:
        error_type: if bytes are missing, too many or damaged.
    """
    expected, found, start = _stream_length(png), 0, 0
    unpack, packed = zlib_ng.decompressobj(), memoryview(png.packed_pixels(data))
    try:
        while not unpack.eof and found <= expected:  # a megabyte at a time: a few bytes can unpack to gigabytes
            # Piece by piece, because each call copies what is left of the bytes that it was handed.
            piece: bytes | memoryview = unpack.unconsumed_tail
            if not piece:
                piece = packed[start : start + _PIECE_BYTES]
                start += _PIECE_BYTES
            part = unpack.decompress(piece, 1 << 20)
            found += len(part)
            if not part and not unpack.unconsumed_tail and start >= len(packed):
                break
    except zlib_ng.error as error:  # type: ignore[misc]  # the same
        raise damaged_png(error_type, name, str(error)) from None
    if not unpack.eof or found != expected:
        raise damaged_png(error_type, name, f"pixel data of {found} bytes, but its size needs {expected}")


def damaged_png(error_type: type[SourceError], name: str, damage: str) -> SourceError:
    """Make the error that names a damaged PNG and what is wrong with it."""
    return error_type(name, found=f"damaged PNG ({damage})", remedy=RESTORE, is_damage=True)


class _DamageError(Exception):
    """What is wrong with a PNG; `read_png` adds the file's name."""


def _read_chunks(data: bytes) -> list[Chunk]:
    """List the chunks up to the end mark, and verify their checksums."""
    chunks: list[Chunk] = []
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


def _describe(data: bytes, chunks: list[Chunk]) -> Png:
    _check_order([kind for kind, _, _ in chunks])
    bodies = {kind: data[start + 8 : end - 4] for kind, start, end in chunks if kind != b"IDAT"}
    header = bodies[b"IHDR"]
    if len(header) != 13:
        raise _DamageError("no header or no pixels")
    width, height, bits, colour, *methods, interlace = struct.unpack(">II5B", header)
    if colour not in _KINDS or bits not in (1, 2, 4, 8, 16):
        raise _DamageError(f"colour type {colour} with {bits} bits does not exist")
    if any(methods) or interlace > 1:
        raise _DamageError(f"methods {(*methods, interlace)} do not exist")
    palette = bodies.get(b"PLTE", b"") if colour == _PALETTE else None
    if palette is not None and (len(palette) % 3 or not 0 < len(palette) <= 768):
        raise _DamageError("a palette picture without a whole palette")
    colours = None if palette is None else np.frombuffer(palette, np.uint8).reshape(-1, 3)
    return Png(height, width, bits, _KINDS[colour], interlace == 1, colours, chunks)


def _check_order(kinds: list[bytes]) -> None:
    """Refuse what one reader takes and another does not, or takes differently: two palettes, pixels in two places."""
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
            raise _DamageError(f"chunk {_printable(kind)} is unknown, and no reader may pass over it")


def _stream_length(png: Png) -> int:
    """Count the bytes of the unpacked lines: one for the filter, then the pixels' bits; no line for no pixels."""
    passes = _ADAM7 if png.interlaced else ((0, 0, 1, 1),)
    length = 0
    for left, top, right, down in passes:
        width, height = -(-(png.width - left) // right), -(-(png.height - top) // down)
        if width > 0 and height > 0:
            length += height * (1 + -(-width * png.bits * _CHANNELS[png.kind] // 8))
    return length


def _printable(kind: bytes) -> str:
    return kind.decode("ascii", "replace") if kind.isalpha() else repr(kind)
