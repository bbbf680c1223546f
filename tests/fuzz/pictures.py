"""Probes of pictures: masks, photos, the header of a JPEG."""

import contextlib
import io
import struct
import warnings
import zlib

import numpy as np
import simplejpeg
from PIL import Image

from fuzz.probe import Mutate, Probe
from segfeed.errors import MaskError, SegfeedError
from segfeed.pixels.codec import StoredMask, decode_mask, decode_photo, read_photo_header
from segfeed.pixels.files.jpeg import read_jpeg_header
from segfeed.pixels.files.png import PNG_MAGIC, read_png, read_png_header

_LABELS = (np.arange(63).reshape(7, 9) * 5 % 21).astype(np.uint8)
_NOISE = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(bits: int, colour: int, lines: bytes, *extra: tuple[bytes, bytes], interlaced: int = 0) -> bytes:
    """Write a PNG of 3 x 2 px by hand."""
    header = struct.pack(">IIBBBBB", 3, 2, bits, colour, 0, 0, interlaced)
    return _joined([(b"IHDR", header), *extra, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")])


def _joined(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return PNG_MAGIC + b"".join(_chunk(*parts) for parts in chunks)


def _masks() -> list[bytes]:
    palette = Image.fromarray(_LABELS)
    palette.putpalette(bytes(range(63)))
    opaque = np.dstack([_NOISE, np.full((7, 9), 255, np.uint8)])
    six = b"\0\1\2\3" * 2
    return [
        _saved(palette, "PNG"),
        _saved(palette, "PNG", bits=8, transparency=3),
        _saved(Image.fromarray(_LABELS), "PNG"),
        _saved(Image.fromarray(_LABELS.astype(np.uint16)), "PNG"),
        _saved(Image.fromarray(_NOISE), "PNG"),
        _saved(Image.fromarray(opaque), "PNG"),
        _saved(Image.fromarray(opaque[..., 2:]), "PNG"),
        _saved(palette, "PNG", save_all=True, append_images=[Image.new("P", (9, 7))]),
        _png(8, 0, six),
        _png(8, 3, six, (b"PLTE", bytes(range(12))), (b"tEXt", b"a\0b")),
        _png(4, 3, b"\0\x12\x30\1\x12\x30", (b"PLTE", bytes(range(12)))),
        _png(2, 0, b"\0\x1b\2\x1b"),
        _png(1, 3, b"\0\xa0\4\xa0", (b"PLTE", bytes(6))),
        _png(8, 3, b"\0\0\0\1\0\2\0\3\3\3", (b"PLTE", bytes(range(12))), interlaced=1),
        _png(8, 0, six, (b"IDAT", b"")),
        _png(8, 3, six, (b"PLTE", bytes(range(12))), (b"PLTE", bytes(12))),
    ]


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Cut a PNG into (kind, body), whatever its checksums say; a length that is too large ends with the file."""
    found, at = [], 8
    while at + 12 <= len(data):
        length = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _mutate_png(data: bytes, seed: int, mutate: Mutate) -> bytes:
    """Change bytes of the file, or a chunk, the chunks' order or the unpacked pixels, with checksums that fit."""
    chunks = _chunks(data) if data.startswith(PNG_MAGIC) else []
    how, chosen = seed % 5, seed // 5 % (len(chunks) or 1)
    if how == 0 or not chunks:
        return mutate(data)
    if how == 1:
        chunks = _chunks(PNG_MAGIC + mutate(data[8:]))
    elif how == 2:
        chunks[chosen] = (chunks[chosen][0], mutate(chunks[chosen][1]))
    elif how == 3:
        moved = chunks[chosen] if seed // 35 % 2 else chunks.pop(chosen)
        chunks.insert(seed // 70 % (len(chunks) + 1), moved)
    else:
        stream = b""
        with contextlib.suppress(zlib.error):
            stream = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
        changed = mutate(stream)
        if seed // 5 % 2:  # as many bytes as before, which is what its size needs
            changed = changed[: len(stream)].ljust(len(stream), b"\0")
        place = next((n for n, (kind, _) in enumerate(chunks) if kind == b"IDAT"), len(chunks))
        chunks = [
            *chunks[:place],
            (b"IDAT", zlib.compress(changed)),
            *(part for part in chunks[place:] if part[0] != b"IDAT"),
        ]
    return _joined(chunks)


def as_pillow_reads(data: bytes) -> Image.Image | None:
    """Read a picture with Pillow alone; None if it refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(io.BytesIO(data))
            picture.load()
        except Exception:  # noqa: BLE001 - whatever Pillow raises is its refusal
            return None
        return picture


def _read_mask(data: bytes) -> bool:
    try:
        mask = decode_mask(data, "m.png")
    except SegfeedError:
        return False
    if not data.startswith(PNG_MAGIC):
        return _is_mask(mask)
    png = read_png(data, "m.png", MaskError)
    assert read_png_header(data, "m.png", MaskError)[:2] == mask.pixels.shape[:2] == (png.height, png.width)
    picture = as_pillow_reads(data)
    if picture is None:
        return True
    seen = np.array(picture.convert("L") if picture.mode == "1" else picture)
    if picture.mode in ("LA", "RGBA"):
        seen = seen[..., 0] if picture.mode == "LA" else seen[..., :3]
    if png.kind == "gray" and png.bits < 8:
        seen = seen // (255 // ((1 << png.bits) - 1))
    np.testing.assert_array_equal(mask.pixels, seen)
    if mask.palette is not None:
        used = min(int(seen.max()) + 1, len(mask.palette))  # Pillow drops colours behind those that a depth can name
        colours = [0] * 3 + [255] * 3 if picture.mode == "1" else picture.getpalette("RGB")
        np.testing.assert_array_equal(mask.palette[:used].ravel(), colours[: 3 * used])
    return True


def _other_masks() -> list[bytes]:
    palette = Image.fromarray(_LABELS)
    palette.putpalette(bytes(range(63)))
    gray, colour, wide = (Image.fromarray(pixels) for pixels in (_LABELS, _NOISE, _LABELS.astype(np.uint16)))
    arrays = [io.BytesIO() for _ in range(2)]
    np.save(arrays[0], _LABELS.astype(np.int64))
    np.save(arrays[1], _NOISE)
    return [
        *(_saved(picture, "GIF") for picture in (palette, gray)),
        *(_saved(picture, "BMP") for picture in (palette, gray, colour)),
        _saved(colour, "WEBP", lossless=True),
        *(_saved(colour, "TIFF", compression=how) for how in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg")),
        *(_saved(picture, "TIFF") for picture in (palette, gray, wide)),
        *(array.getvalue() for array in arrays),
    ]


def _read_other_mask(data: bytes) -> bool:
    """Read a mask that is not a PNG."""
    try:
        mask = decode_mask(data, "m")
    except SegfeedError:
        return False
    return _is_mask(mask)


def _is_mask(mask: StoredMask) -> bool:
    height, width, *bands = mask.pixels.shape
    assert height > 0 < width
    assert bands in ([], [3])
    assert mask.pixels.dtype == np.uint8 or (mask.pixels.dtype == np.uint16 and not bands)
    assert mask.palette is None or (mask.palette.dtype == np.uint8 and mask.palette.shape[1:] == (3,) and not bands)
    return True


def _photos() -> list[bytes]:
    photo = Image.fromarray(_NOISE)
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        _saved(photo, "JPEG"),
        _saved(photo, "JPEG", progressive=True, exif=exif),
        _saved(photo, "JPEG", subsampling=2, restart_marker_blocks=1),
        _saved(photo.convert("L"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0"),
        _saved(photo.convert("CMYK"), "JPEG"),
        _saved(photo, "BMP"),
        _saved(photo.convert("P"), "BMP"),
        _saved(photo, "WEBP", lossless=True),
        _saved(photo, "WEBP", exif=exif),
        _saved(photo, "PNG", exif=exif),
        _saved(photo, "GIF"),
        _saved(photo, "TIFF"),
        _saved(photo, "TIFF", compression="jpeg"),
        _saved(photo.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        b"<!DOCTYPE html>",
    ]


def _read_photo(data: bytes) -> bool:
    try:
        header = read_photo_header(data, "p")
        image = decode_photo(data, "p")
    except SegfeedError:
        return False
    assert image.dtype == np.uint8
    assert image.shape == (header.height, header.width, 3)
    assert 1 <= header.orientation <= 8
    out = np.empty_like(image)
    assert decode_photo(data, "p", out=out) is out
    np.testing.assert_array_equal(out, image)
    picture = as_pillow_reads(data)
    assert picture is None or picture.size == (header.width, header.height)
    return True


def _read_jpeg(data: bytes) -> bool:
    """Read a header alone; libjpeg-turbo, which walks the same segments, must see the same size."""
    header = read_jpeg_header(data)
    if header is None:
        return False
    try:
        seen = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return True
    assert seen[:2] == (header.height, header.width)
    return True


PROBES = (
    Probe("mask", _masks, _read_mask, _mutate_png),
    Probe("other_mask", _other_masks, _read_other_mask),
    Probe("photo", _photos, _read_photo, _mutate_png),
    Probe("jpeg_header", lambda: _photos()[:5], _read_jpeg),
)
