"""What a file is by its first bytes, and what to do if it is not a picture."""

import gzip
import io
import struct

import numpy as np
import pytest
from PIL import Image

from segfeed.errors import MaskError, PhotoError
from segfeed.pixels.codec import (
    MASK_SUFFIXES,
    PHOTO_SUFFIXES,
    decode_mask,
    decode_photo,
    is_lfs_pointer,
    kind_of,
    read_photo_header,
)
from segfeed.pixels.files.png import PNG_MAGIC

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 12345\n"
ANNEX_POINTER = b"/annex/objects/SHA256E-s12345--4d7a.jpg\n"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty (0 bytes)"),
        (b"\xff\xd8\xff\xe0", "a JPEG"),
        (PNG_MAGIC, "a PNG"),
        (b"GIF89a", "a GIF"),
        (b"BM12", "a BMP"),
        (b"RIFF1234WEBPVP8 ", "a WebP"),
        (b"\0\0\0\x18ftypheic", "a HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC"),
        (b"\0\0\0\x18ftypavif", "an AVIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", "an AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "a film (MP4)"),
        (b"<!DOCTYPE html>", "an HTML or XML page"),
        (b"\n\n  <html>", "an HTML or XML page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "an HTML or XML page"),
        (b"<svg", "an HTML or XML page"),
        (b'{"message": "Not Found"}', "a JSON text"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive"),
        (gzip.compress(b"a", mtime=0), "a gzip file"),
        (b"II*\0", "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"II+\0\x08\0", "a TIFF"),
        (b"\x93NUMPY\1\0", "a NumPy array"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (bytes(128) + b"DICM", "a DICOM"),
        (struct.pack("<i", 348) + bytes(340) + b"n+1\0", "a NIfTI"),
        (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
        (b"PAR1", "a Parquet table"),
        (b"P5\n4 4\n255\n", "a Netpbm picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000"),
        (b"\xff\x0a\x01", "a JPEG XL"),
        (b"8BPS", "a Photoshop file"),
        (b"\0\x05\x16\x07\0\2", "macOS's notes on a file (AppleDouble), not the file itself"),
        (struct.pack("<QI", 6, 99) + b"\n\4abcd" + bytes(4), "a TFRecord"),
        (bytes(5000), "nothing but zeros (5,000 bytes)"),
        (LFS_POINTER, "a Git LFS pointer, not the picture itself"),
        (ANNEX_POINTER, "a git-annex pointer, not the picture itself"),
        (b"hello", "not a picture"),
        (b"\x89PN", "not a picture"),
    ],
)
def test_the_first_bytes_tell_the_kind(data, kind):
    assert kind == kind_of(data)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif"), ("TIFF", ".tif"), ("BMP", ".bmp")],
)
def test_every_suffix_that_is_listed_is_read(kind, suffix):
    assert suffix in PHOTO_SUFFIXES
    picture, out = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)), io.BytesIO()
    picture.save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert decode_photo(out.getvalue(), "a" + suffix).shape == (3, 4, 3)
    assert decode_photo(out.getvalue(), "A" + suffix.upper()).shape == (3, 4, 3)
    assert read_photo_header(out.getvalue(), "a" + suffix).width == 4
    if suffix in MASK_SUFFIXES:
        assert decode_mask(out.getvalue(), "a" + suffix).pixels.shape[:2] == (3, 4)


def test_suffixes_are_in_lower_case_and_each_stands_once():
    for suffixes in (PHOTO_SUFFIXES, MASK_SUFFIXES):
        assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
        assert len(set(suffixes)) == len(suffixes)
    assert {".jpg", ".heic", ".avif", ".tif"} <= set(PHOTO_SUFFIXES)
    assert {".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".npy"} == set(MASK_SUFFIXES)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a"])
@pytest.mark.parametrize(
    ("data", "found", "remedy"),
    [
        (LFS_POINTER, "a Git LFS pointer", "git lfs pull"),
        (ANNEX_POINTER, "a git-annex pointer", "git annex get"),
        (b"", "empty", "restore the file"),
        (bytes(700), "nothing but zeros", "restore the file"),
    ],
    ids=range(4),
)
def test_what_stands_in_a_pictures_place_is_named_with_its_remedy(data, found, remedy, name):
    for decode, error_type in ((decode_photo, PhotoError), (decode_mask, MaskError), (read_photo_header, PhotoError)):
        with pytest.raises(error_type) as caught:
            decode(data, name)
        assert found in caught.value.found
        assert remedy in caught.value.remedy
        assert caught.value.is_damage


def test_a_pointer_is_told_from_other_texts():
    assert is_lfs_pointer(LFS_POINTER)
    assert not is_lfs_pointer(b"version 2")
    assert not is_lfs_pointer(b"")
