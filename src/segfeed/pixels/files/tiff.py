"""TIFF: what a file declares, and the numbers that it stores, whatever a decoder would make of them.

The directory is read here. Pillow unpacks the bytes, by a directory that is written anew for it: one that calls them
plain bytes, so that nothing is inverted, turned, scaled, premultiplied or cut to 8 bits on the way.

Sources: TIFF, revision 6.0; Adobe Photoshop TIFF Technical Notes (deflate); the BigTIFF file format.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
from zlib_ng import zlib_ng

from segfeed.errors import SourceError
from segfeed.pixels.files.samples import unpack_bits
from segfeed.pixels.files.through_pillow import check_size, damage_of, open_picture, read_pixels

Values = tuple[int, ...]

LOSSLESS = {1: "", 5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate", 34925: "LZMA", 50000: "Zstandard"}
JPEG_IN_TIFF = 7
_HEADER_BYTES = 8
MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
UNSIGNED, SIGNED, FLOAT = 1, 2, 3

_COMPRESSIONS = {
    **LOSSLESS,
    **dict.fromkeys((2, 3, 4), "CCITT"),
    **dict.fromkeys((33003, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
    6: "old JPEG",
    JPEG_IN_TIFF: "JPEG",
    34887: "LERC",
    34892: "lossy JPEG",
    50001: "WebP",
}
_DEFLATE = (8, 32946)
_ORDERS = {b"II": "<", b"MM": ">"}
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_DOUBLE = {12: "d"}
_PAGE, _OLD_PAGE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_BYTES = 266, 273, 274, 277, 278, 279
_PLANAR, _PREDICTOR, _COLOURS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 284, 317, 320, 322, 323, 324, 325
_EXTRA, _FORMAT, _JPEG_TABLES = 338, 339, 347
_WANTED = {
    *(_PAGE, _OLD_PAGE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _ORIENTATION),
    *(_SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR, _COLOURS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES),
    *(_EXTRA, _FORMAT, _JPEG_TABLES),
}
_REDUCED, _OLD_REDUCED, _MASK = 1, 2, 4  # pages that show the same picture again: smaller, or where it is valid
_MAX_PAGES = 10_000
_JPEG_START = b"\xff\xd8"
_NOT_YCBCR = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"  # without it, decoders take three bands for YCbCr
_UNASSOCIATED = 2  # an alpha channel that colours were not multiplied with


@dataclass(frozen=True, slots=True, eq=False)
class Tiff:
    """The directory of a TIFF's first page.

    Attributes:
        order: "<" or ">", the byte order.
        tags: the values of each tag that pixels depend on.
        pages: how many pages it has; smaller copies of the first, and masks of what is valid, do not count.
        has_valid_mask: whether a page says which pixels are valid.
    """

    order: str
    tags: dict[int, Values]
    pages: int
    has_valid_mask: bool

    def value(self, tag: int, default: int) -> int:
        """Return the only value of a tag."""
        return self.tags.get(tag, (default,))[0]

    @property
    def height(self) -> int:
        """Stored rows (px)."""
        return self.value(_HEIGHT, 0)

    @property
    def width(self) -> int:
        """Stored columns (px)."""
        return self.value(_WIDTH, 0)

    @property
    def bands(self) -> int:
        """Samples a pixel."""
        return self.value(_SAMPLES, 1)

    @property
    def bits(self) -> int:
        """Bits of a sample; 0 if they differ."""
        bits = self.tags.get(_BITS, (1,))
        return bits[0] if len(set(bits)) == 1 else 0

    @property
    def sample_format(self) -> int:
        """`UNSIGNED`, `SIGNED`, `FLOAT` or another; 0 if they differ."""
        formats = self.tags.get(_FORMAT, (UNSIGNED,))
        return formats[0] if len(set(formats)) == 1 else 0

    @property
    def photometric(self) -> int:
        """What samples mean: `RGB`, `PALETTE`, ...; -1 if the file does not say it."""
        return self.value(_PHOTOMETRIC, -1)

    @property
    def compression(self) -> int:
        """How samples are packed."""
        return self.value(_COMPRESSION, 1)

    @property
    def compression_name(self) -> str:
        """The same in a word."""
        return _COMPRESSIONS.get(self.compression, f"compression {self.compression}")

    @property
    def orientation(self) -> int:
        """The EXIF orientation; 1 = upright."""
        turn = self.value(_ORIENTATION, 1)
        return turn if 1 <= turn <= 8 else 1

    @property
    def palette(self) -> npt.NDArray[np.uint8] | None:
        """The colours of the indices, uint8 (2**bits, 3); None if they are not whole."""
        values = np.array(self.tags.get(_COLOURS, ()), np.int64)
        if len(values) != 3 << self.bits:
            return None
        # Colours have 16 bits; but some writers store bytes, and every reader tells those by their being small.
        return (values >> (8 if values.max() > 255 else 0)).astype(np.uint8).reshape(3, -1).T.copy()


def read_tiff(data: bytes, name: str, error_type: type[SourceError]) -> Tiff:
    """Read the directory of a TIFF's first page, and count the others.

    Raises:
        error_type: if a directory is cut off or malformed.
    """
    with damage_of(error_type, data, name, "TIFF"):
        return _read_directories(data)


def read_tiff_tags(
    data: bytes, name: str, error_type: type[SourceError], wanted: set[int]
) -> Mapping[int, tuple[float, ...]]:
    """Read the values of some tags of a TIFF's first page, those of type DOUBLE, too.

    Raises:
        error_type: if it is not a TIFF, or the directory is cut off or malformed.
    """
    with damage_of(error_type, data, name, "TIFF"):
        if data[:2] not in _ORDERS:
            raise error_type(name, found="not a TIFF, by its first bytes", expected="a TIFF")
        order, at, is_big = _read_start(data)
        return _read_directory(data, at, order, is_big=is_big, wanted=wanted, types=_TYPES | _DOUBLE)[0]


def read_tiff_values(tiff: Tiff, data: bytes, name: str, error_type: type[SourceError]) -> npt.NDArray[Any]:
    """Unpack the samples of a page: (H, W, bands) integers, as wide as they are stored.

    Raises:
        error_type: if they are damaged, or packed in a way that is not read here.
    """
    check_size(tiff.height, tiff.width, name, error_type)
    predictor, is_jpeg = tiff.value(_PREDICTOR, 1), tiff.compression == JPEG_IN_TIFF
    is_wide = tiff.bits in (8, 16, 32)
    reasons = {
        f"{tiff.compression_name} compression": tiff.compression not in LOSSLESS and not is_jpeg,
        f"samples of {tiff.bits or 'several'} bits": not (is_wide or (tiff.bits in (1, 2, 4) and tiff.bands == 1)),
        "numbers that are not whole": tiff.sample_format not in (UNSIGNED, SIGNED),
        f"predictor {predictor}": predictor not in ((1, 2) if is_wide and not is_jpeg else (1,)),
        "bits in reverse order": tiff.value(_FILL_ORDER, 1) != 1,
        f"{tiff.bands} bands": not 1 <= tiff.bands <= 4,
        f"JPEG compression of {tiff.bands} bands": is_jpeg and (tiff.bits != 8 or tiff.bands not in (1, 3)),
        f"tiles of {tiff.bits}-bit samples": not is_wide and _TILE_WIDTH in tiff.tags,
    }
    for reason, holds in reasons.items():
        if holds:
            remedy = "save it again as PNG, or as a TIFF of 8 bits with LZW or without compression"
            raise error_type(name, found=f"a TIFF with {reason}", expected="1 to 4 bands of 8 bits", remedy=remedy)
    with damage_of(error_type, data, name, "TIFF"):
        return _unpack(tiff, data, name, error_type)


def _read_directories(data: bytes) -> Tiff:
    order, at, is_big = _read_start(data)
    tags, after = _read_directory(data, at, order, is_big=is_big)
    seen, pages, has_valid_mask = {at}, 1, False
    while after:
        if after in seen or len(seen) > _MAX_PAGES:
            raise ValueError("its pages run in a circle")
        seen.add(after)
        others, after = _read_directory(data, after, order, is_big=is_big)
        kind, old = others.get(_PAGE, (0,))[0], others.get(_OLD_PAGE, (0,))[0]
        has_valid_mask |= bool(kind & _MASK)
        pages += not (kind & (_REDUCED | _MASK) or old == _OLD_REDUCED)
    if any(not tags.get(tag) for tag in (_WIDTH, _HEIGHT)) or any(not values for values in tags.values()):
        raise ValueError("no width, no height or an empty tag")
    return Tiff(order, tags, pages, has_valid_mask)


def _read_start(data: bytes) -> tuple[str, int, bool]:
    """Read the byte order, the place of the first directory, and whether places have 64 bits."""
    order = _ORDERS[data[:2]]
    is_big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (at,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    return order, at, is_big


def _read_directory(
    data: bytes, at: int, order: str, *, is_big: bool, wanted: set[int] = _WANTED, types: dict[int, str] = _TYPES
) -> tuple[dict[int, Values], int]:
    """Read the wanted tags of the directory at a byte, and where the next one starts; 0 if there is none."""
    head, entry, word, inline = (8, 20, "Q", 8) if is_big else (2, 12, "I", 4)
    (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, at)
    (after,) = struct.unpack_from(order + word, data, at + head + count * entry)
    tags: dict[int, Values] = {}
    for place in range(at + head, at + head + count * entry, entry):
        tag, kind, number = struct.unpack_from(f"{order}HH{word}", data, place)
        if tag not in wanted or kind not in types:
            continue
        if tag in tags:
            raise ValueError(f"tag {tag} occurs twice")
        start = place + entry - inline
        if number * struct.calcsize(types[kind]) > inline:
            (start,) = struct.unpack_from(order + word, data, start)
        if start + number > len(data):
            raise IndexError
        tags[tag] = struct.unpack_from(f"{order}{number}{types[kind]}", data, start)
    return tags, after


def _unpack(tiff: Tiff, data: bytes, name: str, error_type: type[SourceError]) -> npt.NDArray[Any]:
    is_tiled = _TILE_WIDTH in tiff.tags
    starts = tiff.tags.get(_TILES if is_tiled else _STRIPS, ())
    sizes = tiff.tags.get(_TILE_BYTES if is_tiled else _STRIP_BYTES, ())
    wide, tall = (tiff.value(_TILE_WIDTH, 0), tiff.value(_TILE_HEIGHT, 0)) if is_tiled else (tiff.width, tiff.height)
    tall = tall if is_tiled else min(tiff.value(_ROWS, tall), tall)
    planes = tiff.bands if tiff.value(_PLANAR, 1) == 2 else 1
    if not (wide > 0 < tall):
        raise ValueError("blocks without pixels")
    blocks = -(-tiff.height // tall) * -(-tiff.width // wide)
    if not len(starts) == len(sizes) == blocks * planes:
        raise ValueError(f"{len(starts)} blocks of pixels, but its size needs {blocks * planes}")
    if any(start < _HEADER_BYTES for start in starts):
        raise ValueError("pixels that begin in the header")
    if any(start + size > len(data) for start, size in zip(starts, sizes, strict=True)):
        raise IndexError
    if tiff.compression == JPEG_IN_TIFF:
        return _unpack_jpeg(
            tiff, [data[start : start + size] for start, size in zip(starts, sizes, strict=True)], tall, wide
        )
    bands = tiff.bands // planes
    line_bytes = -(-wide * tiff.bits * bands // 8)
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        rows = tall if is_tiled else min(tall, tiff.height - number % blocks * tall)
        _check_block(tiff, data[start : start + size] if tiff.compression in _DEFLATE else b"", size, rows * line_bytes)
    parts = []
    for plane in range(planes):
        own = slice(plane * blocks, (plane + 1) * blocks)
        packed = _rewrite(tiff, data, starts[own], sizes[own], (tall, wide) if is_tiled else (tall, 0), bands)
        with open_picture(packed, name, "TIFF", error_type) as picture:
            values = _widen(read_pixels(picture, name, error_type), tiff, bands)
        if tiff.value(_PREDICTOR, 1) == 2:
            for left in range(0, tiff.width, wide):  # each row of a block holds differences to the pixel on the left
                block = values[:, left : left + wide]
                np.cumsum(block, axis=1, dtype=values.dtype, out=block)
        parts.append(values)
    joined = parts[0] if planes == 1 else np.concatenate(parts, axis=2)
    return joined.view(joined.dtype.str.replace("u", "i")) if tiff.sample_format == SIGNED else joined


def _unpack_jpeg(tiff: Tiff, blocks: list[bytes], tall: int, wide: int) -> npt.NDArray[np.uint8]:
    """Decode blocks of JPEG, each strictly: (H, W, bands)."""
    tables = bytes(tiff.tags.get(_JPEG_TABLES, ()))[:-2] or _JPEG_START
    if tiff.photometric == RGB:
        tables += _NOT_YCBCR
    across = -(-tiff.width // wide)
    out = np.empty((tiff.height, tiff.width, tiff.bands), np.uint8)
    for number, block in enumerate(blocks):
        row, column = divmod(number, across)
        part = out[row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]
        colours = "RGB" if tiff.bands == 3 else "GRAY"
        pixels = simplejpeg.decode_jpeg(tables + block[2:], colours, strict=True)
        if pixels.shape[0] < part.shape[0] or pixels.shape[1] < part.shape[1]:
            raise ValueError(f"a block of {pixels.shape[:2]} px, but its size needs {part.shape[:2]}")
        part[...] = pixels[: part.shape[0], : part.shape[1]]
    return out


def _check_block(tiff: Tiff, packed: bytes, size: int, wanted: int) -> None:
    """Check what Pillow does not: that nothing is missing, and the checksum of what has one."""
    if tiff.compression == 1 and size < wanted:
        raise ValueError(f"a block of {size} bytes, but its size needs {wanted}")
    if tiff.compression not in _DEFLATE:
        return
    unpack = zlib_ng.decompressobj()
    try:
        found = len(unpack.decompress(packed, wanted + 1))
    except zlib_ng.error as error:  # type: ignore[misc]  # its types do not say that it is an exception
        raise ValueError(str(error)) from None
    if not unpack.eof or found < wanted:
        raise ValueError(f"a block of {found} bytes, but its size needs {wanted}")


def _widen(stored: npt.NDArray[np.uint8], tiff: Tiff, bands: int) -> npt.NDArray[Any]:
    """Turn bytes (H, bytes) or (H, W, bytes a pixel) into the numbers that they hold: (H, W, bands)."""
    if tiff.bits < 8:
        return unpack_bits(stored, tiff.bits, tiff.width)[..., None]
    numbers = np.ascontiguousarray(stored).view(f"{tiff.order}u{tiff.bits // 8}")
    native = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    return native.reshape(tiff.height, tiff.width, bands)


def _rewrite(tiff: Tiff, data: bytes, starts: Values, sizes: Values, block: tuple[int, int], bands: int) -> bytes:
    """Append a directory to a TIFF that calls its pixels plain bytes: gray, RGB, or these with a plain fourth band."""
    tall, wide = block
    samples = bands * max(tiff.bits, 8) // 8  # bytes a pixel
    if samples not in (1, 2, 3, 4):
        raise ValueError(f"{samples} bytes a pixel")
    width = tiff.width if tiff.bits >= 8 else -(-tiff.width * tiff.bits // 8)
    tags: dict[int, tuple[str, Values]] = {
        _WIDTH: ("I", (width,)),
        _HEIGHT: ("I", (tiff.height,)),
        _BITS: ("H", (8,) * samples),
        _COMPRESSION: ("H", (tiff.compression,)),
        _PHOTOMETRIC: ("H", (MIN_IS_BLACK if samples < 3 else RGB,)),
        _SAMPLES: ("H", (samples,)),
        **({_TILE_WIDTH: ("I", (wide,)), _TILE_HEIGHT: ("I", (tall,))} if wide else {_ROWS: ("I", (tall,))}),
        (_TILES if wide else _STRIPS): ("I", starts),
        (_TILE_BYTES if wide else _STRIP_BYTES): ("I", sizes),
        **({_EXTRA: ("H", (_UNASSOCIATED,))} if samples in (2, 4) else {}),
    }
    kinds = {"H": 3, "I": 4}
    out = bytearray(data)
    entries = b""
    for tag, (code, values) in sorted(tags.items()):
        packed = struct.pack(f"{tiff.order}{len(values)}{code}", *values)
        if len(packed) > 4:
            out += bytes(len(out) % 2)
            packed, place = struct.pack(tiff.order + "I", len(out)), packed
            out += place
        entries += struct.pack(tiff.order + "HHI", tag, kinds[code], len(values)) + packed.ljust(4, b"\0")
    out += bytes(len(out) % 2)
    out[2:8] = struct.pack(tiff.order + "HI", 42, len(out))
    out += struct.pack(tiff.order + "H", len(tags)) + entries + bytes(4)
    return bytes(out)
