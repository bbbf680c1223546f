"""What a file is by its first bytes: pictures of every kind, and what lies in a picture's place by mistake."""

import os

from segfeed.pixels.files.jpeg import JPEG_MAGIC
from segfeed.pixels.files.png import PNG_MAGIC, RESTORE

LFS_POINTER = "a Git LFS pointer, not the picture itself"

SHAPES_MAGIC = b"\x93segfeed shapes 1\n"
"""How the bytes of a drawing begin, see `shapes.drawing`."""

_LFS_MAGIC = b"version https://git-lfs.github.com/spec/"
KIND_OF_SUFFIX = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "a JPEG"),
    ".png": "a PNG",
    ".bmp": "a BMP",
    ".webp": "a WebP",
    ".gif": "a GIF",
    **dict.fromkeys((".tif", ".tiff"), "a TIFF"),
    **dict.fromkeys((".heic", ".heif"), "a HEIC"),
    ".avif": "an AVIF",
}
_MAGICS = (
    (JPEG_MAGIC, "a JPEG"),
    (PNG_MAGIC, "a PNG"),
    (SHAPES_MAGIC, "drawn shapes"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"II+\0", "a TIFF"),  # BigTIFF, whose offsets have 64 bits
    (b"MM\0+", "a TIFF"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
    (b"8BPS", "a Photoshop file"),
    (b"\x76\x2f\x31\x01", "an OpenEXR"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"MATLAB 5.0", "a MATLAB file"),
    (b"PAR1", "a Parquet table"),
    (b"\0\x05\x16\x07", "macOS's notes on a file (AppleDouble), not the file itself"),
    (_LFS_MAGIC, LFS_POINTER),
    (b"/annex/objects/", "a git-annex pointer, not the picture itself"),
)
_PLACED_MAGICS = ((4, b"ftyp", ""), (8, b"WEBP", "a WebP"), (128, b"DICM", "a DICOM"), (344, b"n+1\0", "a NIfTI"))
_NETPBM = tuple(b"P%d" % number for number in range(1, 7))
_BLANKS = b"\xef\xbb\xbf \t\r\n"  # what may stand before the first sign of a text, its byte order mark among it
_HEAD_BYTES = 512


def is_lfs_pointer(data: bytes) -> bool:
    r"""Check whether a file is the few lines of text that Git LFS keeps in a large file's place.

    Source: the Git LFS specification, "The Pointer".

    >>> is_lfs_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a...")
    True
    """
    return data.startswith(_LFS_MAGIC)


def kind_of(data: bytes) -> str:
    """Recognise a file by its first bytes: "a JPEG", "empty (0 bytes)", "not a picture"."""
    if not data:
        return "empty (0 bytes)"
    for magic, kind in _MAGICS:
        if data.startswith(magic):
            return kind
    for place, magic, kind in _PLACED_MAGICS:
        if data.startswith(magic, place):
            return kind or _kind_of_box(data)
    return _kind_of_text(data[:_HEAD_BYTES]) or _kind_of_rest(data)


def kind_of_suffix(name: str) -> str | None:
    """Return the kind of picture that a file's name promises; None if it promises none."""
    return KIND_OF_SUFFIX.get(os.path.splitext(name)[1].lower())


def remedy_for(data: bytes, otherwise: str) -> str:
    """Return what to do about a file that is not the picture it should be."""
    if is_lfs_pointer(data):
        return "fetch the files with `git lfs pull`"
    if data.startswith(b"/annex/objects/"):
        return "fetch the files with `git annex get`"
    return RESTORE if is_gone(data) else otherwise


def is_gone(data: bytes) -> bool:
    """Check whether a file holds none of its bytes: it is empty, a pointer to them, or zeros that nobody overwrote."""
    return not data or is_lfs_pointer(data) or data.startswith(b"/annex/objects/") or not data.strip(b"\0")


def _kind_of_box(data: bytes) -> str:
    """Distinguish AVIF from HEIC and films, all of which are ISO base media files, by their brands."""
    size = min(int.from_bytes(data[:4], "big"), len(data), _HEAD_BYTES)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "an AVIF"
    return "a HEIC" if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"} else "a film (MP4)"


def _kind_of_text(head: bytes) -> str:
    text = head.lstrip(_BLANKS)
    if text.startswith(b"<"):
        return "an HTML or XML page"
    if text[:1] in (b"{", b"["):
        return "a JSON text"
    return "a Netpbm picture" if text[:2] in _NETPBM and text[2:3].isspace() else ""


def _kind_of_rest(data: bytes) -> str:
    if not data.strip(b"\0"):
        return f"nothing but zeros ({len(data):,} bytes)"
    # A TFRecord begins with a length, its checksum, and then a message whose first field is the features.
    length = int.from_bytes(data[:8], "little")
    if data[12:13] == b"\n" and 0 < length <= len(data) - 16:
        return "a TFRecord"
    return "not a picture"
