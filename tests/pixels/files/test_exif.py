"""EXIF: wherever an orientation stands, segfeed and Pillow agree about whether a photo is turned."""

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from segfeed.pixels.codec import read_photo_header
from segfeed.pixels.files.exif import exif_orientation
from segfeed.pixels.files.png import PNG_MAGIC

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}  # of TIFF


def block(turn=6, kind=3, order="<", count=1):
    """Write an EXIF block with the tag in one of TIFF's types."""
    value = struct.pack(order + TYPES[kind] * count, *[turn] * count)
    entry = struct.pack(order + "HHI", 0x0112, kind, count)
    entry += value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", 26)
    rest = value if len(value) > 4 else b""
    return {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HIH", 42, 8, 1) + entry + b"\0\0\0\0" + rest


def saved(kind, **options):
    out = io.BytesIO()
    NOISE.save(out, kind, **options)
    return out.getvalue()


def segment(body):
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def jpeg(*bodies, behind=(), padding=0):
    """Write a JPEG with APP1 segments at its start, and with others between its frame header and its pixels."""
    data = saved("JPEG")
    pixels = data.index(b"\xff\xda")
    filler = b"".join(b"\xff\xfe\xff\xff" + bytes(65533) for _ in range(padding))
    front = b"".join(map(segment, bodies))
    return data[:2] + filler + front + data[2:pixels] + b"".join(map(segment, behind)) + data[pixels:]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks, behind=()):
    data = saved("PNG")
    first = b"".join(chunk(*one) for one in chunks)
    return data[:33] + first + data[33:-12] + b"".join(chunk(*one) for one in behind) + data[-12:]


def text_profile(data):
    digits = data.hex()
    return f"\nexif\n{len(data):8}\n{digits}\n".encode()


EXIF, XAP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
RAW = b"Raw profile type exif\0"
PHOTOS = {
    **{f"jpeg, type {kind}, {order}": jpeg(EXIF + block(6, kind, order)) for kind in TYPES for order in "<>"},
    **{f"jpeg, {n} of type {kind}": jpeg(EXIF + block(8, kind, ">", n)) for kind in (1, 3, 4) for n in (2, 3)},
    "jpeg, no such turn": jpeg(EXIF + block(9)),
    "jpeg, zero": jpeg(EXIF + block(0)),
    "jpeg, two blocks": jpeg(EXIF + block(6), EXIF + block(3)),
    "jpeg, first block empty": jpeg(EXIF, EXIF + block(6)),
    "jpeg, first block split": jpeg(EXIF + block(6)[:20], EXIF + block(6)[20:]),
    "jpeg, behind the frame": jpeg(behind=[EXIF + block(6)]),
    "jpeg, behind 200 kB": jpeg(EXIF + block(6), padding=3),
    "jpeg, XMP alone": jpeg(XAP + XMP),
    "jpeg, XMP as an element": jpeg(XAP + b"<tiff:Orientation>8</tiff:Orientation>"),
    "jpeg, XMP behind the frame": jpeg(behind=[XAP + XMP]),
    "jpeg, EXIF against XMP": jpeg(EXIF + block(1), XAP + XMP),
    "jpeg, doubled mark": jpeg(EXIF + EXIF + block(6)),
    "png, before the pixels": png((b"eXIf", block(6))),
    "png, behind the pixels": png(behind=[(b"eXIf", block(6))]),
    "png, 70 kB into the file": png((b"tEXt", b"Comment\0" + bytes(70_000)), (b"eXIf", block(6, order=">"))),
    "png, a text profile": png((b"tEXt", RAW + text_profile(EXIF + block(6)))),
    "png, a packed profile": png((b"zTXt", RAW + b"\0" + zlib.compress(text_profile(EXIF + block(6))))),
    "png, a profile of no digits": png((b"tEXt", RAW + b"\nexif\n 8\nnot hexadecimal")),
    "png, XMP": png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
    "png, packed XMP": png((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))),
    "png, XMP behind the pixels": png(behind=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)]),
    "webp": saved("WEBP", exif=EXIF + block(6)),
    "webp, XMP alone": saved("WEBP", xmp=XMP),
    "webp, both": saved("WEBP", exif=EXIF + block(3), xmp=XMP),
    "webp, lossless": saved("WEBP", exif=block(5, 4), lossless=True),
}  # fmt: skip


def pillow_says(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            turn = Image.open(io.BytesIO(data)).getexif().get(0x0112, 1)
        except (SyntaxError, ValueError):  # where Pillow fails, nothing is turned
            turn = 1
    return turn if turn in range(1, 9) else 1


def pillow_reads(data):
    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exif.load(data)
            turn = exif.get(0x0112)
        except Exception:  # noqa: BLE001 - any failure of Pillow's reader means upright
            turn = 1
    return next((one for one in range(1, 9) if one == turn), 1)


@pytest.mark.parametrize("name", PHOTOS)
def test_segfeed_and_pillow_agree(name):
    assert read_photo_header(PHOTOS[name], "a photo").orientation == pillow_says(PHOTOS[name])


def test_most_of_these_photos_are_turned():
    assert sum(pillow_says(data) != 1 for data in PHOTOS.values()) > 30


@pytest.mark.parametrize("name", [name for name in PHOTOS if name.startswith("jpeg")])
def test_a_part_of_a_photo_gives_its_orientation_or_none(name):
    from segfeed.pixels.files.jpeg import read_jpeg_header  # noqa: PLC0415 - of this test alone

    data = PHOTOS[name]
    whole = read_jpeg_header(data)
    for length in range(0, data.index(b"\xff\xda") + 4, 97):
        assert read_jpeg_header(data[:length]) in (None, whole)


@pytest.mark.parametrize("cut", range(0, 20, 3))
def test_a_cut_block_means_upright(cut):
    assert exif_orientation(block()[:cut]) == 1


@pytest.mark.slow
def test_any_damaged_block_is_read_as_pillow_reads_it():
    rng = np.random.default_rng(0)
    for _ in range(3000):
        kind, order = rng.choice(list(TYPES)), rng.choice(["<", ">"])
        damaged = bytearray(block(int(rng.integers(1, 9)), int(kind), str(order), int(rng.integers(1, 4))))
        for at in rng.integers(0, len(damaged), rng.integers(0, 4)):
            damaged[at] = rng.choice([0, 1, 5, 8, 10, 43, 255])
        damaged = bytes(damaged[: rng.integers(8, len(damaged) + 1)])
        if damaged[2:4] not in (b"+\0", b"\0+"):  # Pillow reads BigTIFF too, which EXIF does not allow
            assert exif_orientation(damaged) == pillow_reads(damaged), damaged


@pytest.mark.slow
def test_many_threads_leave_the_warning_filters_as_they_are():
    cut = block(6, 4, count=9)[:30]
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(exif_orientation, [cut] * 20_000)) == {1}
    assert warnings.filters == before


@pytest.mark.slow
def test_little_packed_text_that_unpacks_to_much_is_not_unpacked():
    info = PngInfo()
    info.add_text("Raw profile type exif", "\n" * 50_000_000, zip=True)
    out = io.BytesIO()
    Image.new("L", (4, 4)).save(out, "PNG", pnginfo=info)
    assert len(out.getvalue()) < 1 << 18
    assert out.getvalue().startswith(PNG_MAGIC)
    assert read_photo_header(out.getvalue(), "a photo").orientation == 1
