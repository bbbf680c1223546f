"""The EXIF orientation of a photo, as Pillow understands it: what turns a photo on screens must be seen here, too.

The tag may be of any whole-number type, stand in a second block, in text that holds a block as hexadecimal digits, or
in XMP alone. Pillow's own reader decides, so that `ImageOps.exif_transpose` and segfeed never disagree.
"""

import re
import struct
import warnings
import zlib
from collections.abc import Iterable

from PIL import Image

_ORIENTATION = 0x0112
_TAGS = (_ORIENTATION.to_bytes(2, "little"), _ORIENTATION.to_bytes(2, "big"))
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_BLOCK_AS_TEXT, _XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"
_MOST_TEXT_BYTES = 1 << 22  # a few bytes of packed text can unpack to gigabytes


def exif_orientation(block: bytes | None, xmp: bytes = b"") -> int:
    """Find tag 0x0112 in an EXIF block, else in XMP: 1 .. 8; 1 if it is absent or malformed.

    >>> exif_orientation(None, b'<rdf:Description tiff:Orientation="6"/>')
    6
    """
    found: object = _in_block(block) if block and any(tag in block for tag in _TAGS) else None
    if found is None and (match := _IN_XMP.search(xmp)):
        found = int(match[1])
    return next((turn for turn in range(1, 9) if turn == found), 1)


def _in_block(block: bytes) -> object:
    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a block that is cut off
        try:
            exif.load(block)
            return exif.get(_ORIENTATION)
        except (SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OSError, struct.error):
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
