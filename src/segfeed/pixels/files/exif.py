"""The EXIF orientation of a photo, as Pillow understands it: what turns a photo on screens must be seen here, too.

The tag may be of any type of number, stand in a second block, in text that holds a block as hexadecimal digits, or in
XMP alone. The tests compare with `ImageOps.exif_transpose`. Pillow's own reader isn't called: it warns about broken
blocks, and to silence a warning in a reading thread would change the filters of the whole process.
"""

import re
import struct
import zlib
from collections.abc import Iterable

_ORIENTATION = 0x0112
_MARK = b"Exif\0\0"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">", b"II\0*": "<", b"MM*\0": ">"}  # the last two, too, are in the wild
_NUMBERS = {3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I", 16: "Q"}  # TIFF types
_BYTES = (1, 2, 7)  # bytes and text, in which Pillow sees no number
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_BLOCK_AS_TEXT, _XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"
_MOST_TEXT_BYTES = 1 << 22  # a few bytes of packed text can unpack to gigabytes


def exif_orientation(block: bytes | None, xmp: bytes = b"") -> int:
    """Find tag 0x0112 in an EXIF block, else in XMP: 1 .. 8; 1 if it is absent or malformed.

    >>> exif_orientation(None, b'<rdf:Description tiff:Orientation="6"/>')
    6
    """
    found = _in_block(block) if block else None
    if found is None and (match := _IN_XMP.search(xmp)):
        found = int(match[1])
    return next((turn for turn in range(1, 9) if turn == found), 1)


def _in_block(block: bytes) -> float | None:
    """Return the first value of the tag's first whole entry; 0 if it isn't a number, None if there is none.

    Source: TIFF 6.0, section 2; EXIF 2.32, 4.5.2.
    """
    for _ in range(2):  # some programs write the mark twice
        block = block.removeprefix(_MARK)
    order = _ORDERS.get(block[:4])
    if order is None or len(block) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", block, 4)
    entries = block[start + 2 :]
    number = int.from_bytes(block[start : start + 2], "little" if order == "<" else "big")
    for at in range(0, min(12 * number, len(entries) - 11), 12):
        tag, kind, count = struct.unpack_from(order + "HHI", entries, at)
        if tag != _ORIENTATION or not count or kind not in (*_NUMBERS, *_BYTES):
            continue
        form = order + _NUMBERS.get(kind, "B")
        size = struct.calcsize(form)
        place = struct.unpack_from(order + "I", entries, at + 8)[0] if count * size > 4 else start + 10 + at
        if place + count * size <= len(block):
            value, *divisor = struct.unpack_from(form, block, place)
            return 0 if kind in _BYTES or divisor == [0] else value / (divisor or [1])[0]
    return None


def png_orientation(chunks: Iterable[tuple[bytes, bytes]]) -> int:
    """Find the orientation among a PNG's chunks, each its kind and its body, wherever they stand.

    Source: PNG specification, third edition, 11.3; for blocks as text: ImageMagick's profiles.
    """
    block, profile, xmp = None, None, b""
    for kind, body in chunks:
        if kind == b"eXIf":
            block = body
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            key, _, rest = body.partition(b"\0")
            if key == _BLOCK_AS_TEXT:
                profile = _text_of(kind, rest)
            elif key == _XMP:
                xmp = _text_of(kind, rest)
    if block is None and profile is not None:
        try:  # a name, a length, then the digits
            block = bytes.fromhex(b"".join(profile.split(b"\n")[3:]).decode("ascii"))
        except ValueError:
            block = None
    return exif_orientation(block, xmp)


def _text_of(kind: bytes, rest: bytes) -> bytes:
    """Return what follows the key of a PNG's text chunk, unpacked."""
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]  # how it is packed: there is one way
    elif kind == b"iTXt":  # whether it is packed, how, and two names of a language
        packed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not packed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, _MOST_TEXT_BYTES)
    except zlib.error:
        return b""
