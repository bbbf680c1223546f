"""The codec: the bytes of photos and masks to exact pixels, or a named error; never a guess."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from segfeed.errors import MaskError, OptionError, PhotoError, SegfeedError, UnknownColourError
from segfeed.pixels.codec import (
    decode_mask,
    decode_photo,
    decoder_versions,
    encode_mask,
    read_labels,
    read_palette,
    read_photo_header,
)
from segfeed.pixels.files.png import PNG_MAGIC
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

NOISE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)


def save(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pillow_rgb(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(pixels, bits, colour, extra=(), *, size=None):
    """Write a PNG of packed samples by hand: pixels (H, W) or (H, W, channels), big-endian above 8 bits."""
    height, width = size or pixels.shape[:2]
    if bits == 16:
        packed = pixels.astype(">u2").reshape(len(pixels), -1).view(np.uint8)
    else:
        flat = pixels.reshape(len(pixels), int(np.prod(pixels.shape[1:]))).astype(np.uint8)
        spread = (flat[..., None] >> np.arange(bits)[::-1]) & 1
        packed = np.packbits(spread.reshape(len(flat), int(np.prod(spread.shape[1:]))), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return PNG_MAGIC + b"".join(chunk(*parts) for parts in chunks)


def interlaced_png(pixels, colour, palette=b""):
    """Write an 8-bit Adam7 PNG by hand: pixels (H, W) or (H, W, channels)."""
    height, width = pixels.shape[:2]
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    parts = [pixels[top::down, left::right] for top, left, down, right in passes]
    raw = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 1)
    extra = [(b"PLTE", palette)] if palette else []
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return PNG_MAGIC + b"".join(chunk(*parts) for parts in chunks)


def animated_png():
    frames = [Image.new("P", (4, 3), n) for n in (0, 1)]
    return save(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=False)


def palette_bytes(count=256):
    return np.array(voc_colours(count), np.uint8).tobytes()


def small_mask():
    """Return a palette mask PNG of 5 x 7 pixels, all kinds of labels in it."""
    return encode_mask((np.arange(35).reshape(5, 7) * 3 % 21).astype(np.uint8), VOC)


# Photos ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_photos_equal_pillow_exactly(voc2012_part):
    paths = sorted((voc2012_part / "JPEGImages").iterdir())
    assert len(paths) == 140
    for path in paths:
        data = path.read_bytes()
        assert np.array_equal(pillow_rgb(data), decode_photo(data, path.name)), path.name


@pytest.mark.parametrize(
    "name",
    [
        "pillow_pil_sample_cmyk.jpg",
        "pillow_hopper_gray.jpg",
        "pillow_hopper_orientation_6.jpg",
        "pillow_orientation_rectangle.jpg",
        "pillow_app13-multiple.jpg",
        "pillow_hopper_bw_500.png",
        "pillow_l_trns.png",
        "pillow_uncompressed_la.png",
        "fcn_2007_000129_rgbcoded_prediction.png",
        "labelmeweb_img1_mask_5.png",
    ],
)
def test_odd_photos_equal_pillow_exactly(shared_data, name):
    data = (shared_data / "odd" / name).read_bytes()
    assert np.array_equal(pillow_rgb(data), decode_photo(data, name))


@pytest.mark.parametrize(
    "name", ["pillow_truncated_jpeg.jpg", "pillow_truncated_image.png", "pillow_broken.png", "pillow_i_trns.png"]
)
def test_odd_photos_that_no_one_can_read_exactly_are_refused(shared_data, name):
    with pytest.raises(PhotoError) as caught:
        decode_photo((shared_data / "odd" / name).read_bytes(), name)
    assert caught.value.where == name


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}, {"quality": 100}, {"optimize": True}])
def test_jpegs_equal_pillow_exactly(mode, options):
    data = save(Image.fromarray(NOISE).convert(mode), "JPEG", **options)
    image = decode_photo(data, "p.jpg")
    assert np.array_equal(pillow_rgb(data), image)
    assert ((37, 53, 3), np.uint8) == (image.shape, image.dtype)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 33), (16, 15)])
def test_jpegs_of_any_subsampling_equal_pillow_exactly(subsampling, size):
    smooth = Image.fromarray(NOISE).resize(size, Image.Resampling.BICUBIC)
    data = save(smooth, "JPEG", subsampling=subsampling)
    assert np.array_equal(pillow_rgb(data), decode_photo(data, "p.jpeg"))


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "1"])
def test_png_photos_equal_pillow_exactly(mode):
    data = save(Image.fromarray(NOISE).convert(mode), "PNG")
    assert np.array_equal(pillow_rgb(data), decode_photo(data, "p.png"))


def test_png_photos_hold_their_pixels():
    assert np.array_equal(NOISE, decode_photo(save(Image.fromarray(NOISE), "PNG"), "p.png"))


@pytest.mark.parametrize("kind", ["BMP", "WEBP"])
def test_bmp_and_webp_photos_equal_pillow_exactly(kind):
    data = save(Image.fromarray(NOISE), kind)
    assert np.array_equal(pillow_rgb(data), decode_photo(data, f"p.{kind.lower()}"))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_gray_png_photos_of_few_bits_are_stretched_to_255(bits):
    values = np.arange(35).reshape(5, 7) % (1 << bits)
    image = decode_photo(write_png(values, bits, 0), "p.png")
    assert np.array_equal(np.repeat((values * (255 // ((1 << bits) - 1)))[..., None], 3, 2), image)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_png_photos_of_few_bits_show_their_colours(bits):
    values = np.arange(35).reshape(5, 7) % (1 << bits)
    image = decode_photo(write_png(values, bits, 3, [(b"PLTE", palette_bytes(1 << bits))]), "p.png")
    assert np.array_equal(np.array(voc_colours(256), np.uint8)[values], image)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (37, 53)])
def test_interlaced_png_photos_hold_their_pixels(size):
    pixels = np.ascontiguousarray(NOISE[: size[0], : size[1]])
    assert np.array_equal(pixels, decode_photo(interlaced_png(pixels, 2), "p.png"))


@pytest.mark.parametrize("colour", [0, 2])
def test_16_bit_photos_are_refused(colour):
    shape = (3, 4) if colour == 0 else (3, 4, 3)
    with pytest.raises(PhotoError) as caught:
        decode_photo(write_png(np.zeros(shape), 16, colour), "p.png")
    assert (caught.value.where, caught.value.found) == ("p.png", "a 16-bit photo")
    assert caught.value.expected == "8 bits a channel"


def test_animated_photos_are_refused():
    frames = [Image.new("RGB", (8, 8), (n, 0, 0)) for n in (0, 200)]
    webp = save(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(PhotoError) as caught:
        decode_photo(webp, "p.webp")
    assert caught.value.found == "an animation of 2 frames"
    with pytest.raises(PhotoError) as caught:
        decode_photo(animated_png(), "p.png")
    assert caught.value.found == "an animated PNG"


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.slow
def test_a_jpeg_truncated_anywhere_is_refused(options):
    data = save(Image.fromarray(NOISE), "JPEG", **options)
    for length in range(len(data) - 2):
        with pytest.raises(PhotoError) as caught:
            decode_photo(data[:length], "p.jpg")
        assert caught.value.where == "p.jpg"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_jpeg_whose_rest_is_zeros_or_an_end_mark_is_refused(share, options, smooth, mode):
    picture = Image.linear_gradient("L").convert("RGB") if smooth else Image.fromarray(NOISE)
    data = save(picture.convert(mode), "JPEG", **options)
    scan = data.index(b"\xff\xda") + 14
    kept = scan + int((len(data) - scan) * share)
    for damaged in (data[:kept] + b"\xff\xd9", data[:kept] + bytes(len(data) - kept)):
        with pytest.raises(PhotoError) as caught:
            decode_photo(damaged, "p.jpg")
        assert (caught.value.where, caught.value.remedy) == ("p.jpg", "restore the file from its origin")
        assert caught.value.is_damage


@pytest.mark.slow
def test_a_real_jpeg_half_of_which_is_missing_is_refused(voc2012_part):
    for path in sorted((voc2012_part / "JPEGImages").iterdir())[:10]:
        data = path.read_bytes()
        half = len(data) // 2
        for damaged in (data[:half], data[:half] + b"\xff\xd9", data[:half] + bytes(len(data) - half)):
            with pytest.raises(PhotoError) as caught:
                decode_photo(damaged, path.name)
            assert caught.value.where == path.name


@pytest.mark.parametrize(
    ("data", "name", "found", "expected"),
    [
        (save(Image.fromarray(NOISE), "PNG"), "p.jpg", "a PNG", "a JPEG, as the name says"),
        (save(Image.fromarray(NOISE), "JPEG"), "p.PNG", "a JPEG", "a PNG, as the name says"),
        (b"<!DOCTYPE html><html>", "p.jpg", "an HTML or XML page", "a JPEG, as the name says"),
        (b"", "p.jpeg", "empty (0 bytes)", "a JPEG, as the name says"),
        (b"\0\0\0\x18ftypheic", "p.jpg", "a HEIC", "a JPEG, as the name says"),
        (save(Image.new("L", (2, 2)), "GIF"), "p.tif", "a GIF", "a TIFF, as the name says"),
        (save(Image.new("L", (2, 2)), "TIFF"), "p.gif", "a TIFF", "a GIF, as the name says"),
        (b"hello", "photo", "not a picture", "a JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC"),
        (save(Image.new("L", (2, 2)), "PDF"), "photo", "a PDF", "a JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC"),
    ],
    ids=range(9),
)
def test_a_mislabelled_photo_is_named_for_what_it_is(data, name, found, expected):
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, name)
    assert (caught.value.where, caught.value.found, caught.value.expected) == (name, found, expected)
    assert caught.value.is_damage == (data == b"")


JPEG_MODES = pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])


@JPEG_MODES
def test_a_jpeg_coding_that_no_decoder_takes_is_refused(mode):
    data = save(Image.fromarray(NOISE).convert(mode), "JPEG").replace(b"\xff\xc0", b"\xff\xc9", 1)
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, "p.jpg")
    assert caught.value.found == "a JPEG with arithmetic coding"


@JPEG_MODES
def test_a_jpeg_of_thousands_of_scans_is_refused(mode):
    data = save(Image.fromarray(NOISE).convert(mode), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(PhotoError) as caught:
        decode_photo(data[:-2] + scan * 500 + b"\xff\xd9", "p.jpg")
    assert caught.value.found == "a progressive JPEG of more than 500 scans"


def huge(kind):
    if kind == "JPEG":
        data = save(Image.fromarray(NOISE), "JPEG")
        at = data.index(b"\xff\xc0") + 5
        return data[:at] + struct.pack(">HH", 60000, 60000) + data[at + 4 :]
    if kind == "PNG":
        return write_png(np.zeros((1, 1)), 8, 0, size=(60000, 60000))
    data = save(Image.fromarray(NOISE), "BMP")
    return data[:18] + struct.pack("<ii", 60000, 60000) + data[26:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_photo_that_declares_billions_of_pixels_is_refused_before_memory_is_taken(kind):
    with pytest.raises(PhotoError) as caught:
        decode_photo(huge(kind))
    assert caught.value.where == "photo"
    with pytest.raises(PhotoError) as caught:
        read_photo_header(huge(kind), "photo")
    assert caught.value.where == "photo"


def test_the_size_that_is_too_large_is_named():
    for error_type, decode in ((PhotoError, decode_photo), (MaskError, decode_mask)):
        with pytest.raises(error_type) as caught:
            decode(huge("PNG"))
        fields = caught.value.found, caught.value.expected
        assert fields == ("declares 60000 x 60000 pixels", "1 to 89,478,485")


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_a_picture_without_pixels_is_refused(size):
    data = write_png(np.zeros((1, 1)), 8, 0, size=size)
    with pytest.raises(PhotoError) as caught:
        decode_photo(data)
    assert caught.value.where == "photo"
    with pytest.raises(MaskError) as caught:
        decode_mask(data)
    assert caught.value.where == "mask"


@pytest.mark.slow
def test_zip_bombs_in_text_are_skipped():
    bomb = b"comment\0\0" + zlib.compress(bytes(20 << 20), 9)
    long = b"comment\0" + bytes(3 << 20)
    for text in ((b"zTXt", bomb), (b"tEXt", long), (b"iCCP", bomb)):
        photo = write_png(NOISE, 8, 2, [text])
        assert np.array_equal(NOISE, decode_photo(photo, "p.png"))
        mask = write_png(NOISE[..., 0], 8, 0, [text])
        assert np.array_equal(NOISE[..., 0], decode_mask(mask, "m.png").pixels)


@pytest.mark.slow
def test_the_header_of_a_png_with_a_zip_bomb_in_its_text_is_read():
    bomb = b"comment\0\0" + zlib.compress(bytes(20 << 20), 9)
    header = read_photo_header(write_png(NOISE, 8, 2, [(b"zTXt", bomb)]), "p.png")
    assert (header.height, header.width, header.orientation) == (37, 53, 1)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_is_read_but_not_applied(kind, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    data = save(Image.fromarray(NOISE), kind, exif=exif)
    header = read_photo_header(data, "photo")
    assert (37, 53, turn) == (header.height, header.width, header.orientation)
    assert decode_photo(data).shape == (37, 53, 3)


@pytest.mark.parametrize(
    ("name", "expected"), [("pillow_hopper_orientation_6.jpg", 6), ("pillow_orientation_rectangle.jpg", 8)]
)
def test_the_orientation_of_odd_photos_is_read(shared_data, name, expected):
    data = (shared_data / "odd" / name).read_bytes()
    assert expected == read_photo_header(data, name).orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_header_of_what_is_cut_off_is_an_error(kind):
    data = save(Image.fromarray(NOISE), kind)
    with pytest.raises(PhotoError) as caught:
        read_photo_header(data[:14], "p")
    assert caught.value.where == "p"


def test_loading_truncated_pictures_elsewhere_is_noticed(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    png = save(Image.fromarray(NOISE), "PNG")
    with pytest.raises(PhotoError) as caught:
        decode_photo(png, "p.png")
    assert "LOAD_TRUNCATED_IMAGES is switched on" in caught.value.found
    with pytest.raises(MaskError) as caught:
        decode_mask(png, "m.png")
    assert "LOAD_TRUNCATED_IMAGES is switched on" in caught.value.found


@pytest.mark.parametrize("colour", [0, 2, 3])
def test_a_mask_with_rows_missing_is_refused_whatever_pillow_was_told(monkeypatch, colour):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    pixels = np.ones((2, 4, 3) if colour == 2 else (2, 4))
    palette = [(b"PLTE", palette_bytes(4))] if colour == 3 else []
    with pytest.raises(MaskError):
        decode_mask(write_png(pixels, 8, colour, palette, size=(3, 4)), "m.png")


def test_a_truncated_jpeg_is_refused_whatever_pillow_was_told(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for mode in ("RGB", "CMYK"):
        data = save(Image.fromarray(NOISE).convert(mode), "JPEG")
        with pytest.raises(PhotoError):
            decode_photo(data[: len(data) // 2], "p.jpg")


# Masks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_masks_equal_pillow_s_raw_indices_exactly(voc2012_part):
    paths = sorted((voc2012_part / "SegmentationClass").iterdir())
    assert len(paths) == 140
    for path in paths:
        mask = decode_mask(path.read_bytes(), path.name)
        assert np.array_equal(np.array(Image.open(path)), mask.pixels), path.name
        assert np.array_equal(mask.pixels, read_labels(mask, VOC)), path.name


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_masks_of_any_bits_give_their_indices(bits):
    values = np.arange(35).reshape(5, 7) % min(1 << bits, 21)
    mask = decode_mask(write_png(values, bits, 3, [(b"PLTE", palette_bytes(1 << bits))]), "m.png")
    assert np.array_equal(values, mask.pixels)
    assert ((1 << bits, 3), np.uint8) == (mask.palette.shape, mask.pixels.dtype)
    assert np.array_equal(values, read_labels(mask, VOC))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_gray_masks_of_any_bits_give_their_exact_values(bits):
    values = np.arange(7 * 40).reshape(7, 40) % (1 << bits)
    mask = decode_mask(write_png(values, bits, 0), "m.png")
    assert np.array_equal(values, mask.pixels)
    assert (None, np.uint8) == (mask.palette, mask.pixels.dtype)


def test_gray_masks_of_16_bits_give_their_exact_values():
    values = np.array([[0, 1, 255], [256, 40000, 65535]])
    mask = decode_mask(write_png(values, 16, 0), "m.png")
    assert np.array_equal(values, mask.pixels)
    assert np.uint16 == mask.pixels.dtype


def test_a_16_bit_mask_serves_few_classes_if_the_legend_knows_its_values():
    many = Legend(tuple(f"c{i}" for i in range(300)))
    small = decode_mask(write_png(np.array([[0, 20, 255]]), 16, 0), "m.png")
    assert read_labels(small, VOC).tolist() == [[0, 20, 255]]
    assert read_labels(small, VOC).dtype == np.uint8
    data = decode_mask(write_png(np.array([[0, 256]]), 16, 0), "m.png")
    assert read_labels(data, many).tolist() == [[0, 256]]
    with pytest.raises(UnknownColourError) as caught:
        read_labels(data, VOC, name="m.png")
    assert caught.value.where == "m.png"
    assert caught.value.found == "row 0, column 1: index 256; 1 pixels"
    few = Legend.of_values({0: "ground", 256: "road", 65535: None})
    stored = decode_mask(write_png(np.array([[0, 256, 65535]]), 16, 0), "m.png")
    assert read_labels(stored, few).tolist() == [[0, 1, 255]]
    assert read_labels(stored, few).dtype == np.uint8


def test_interlaced_masks_give_their_indices():
    values = (np.arange(35).reshape(5, 7) % 21).astype(np.uint8)
    assert np.array_equal(values, decode_mask(interlaced_png(values, 3, palette_bytes()), "m.png").pixels)
    assert np.array_equal(values, decode_mask(interlaced_png(values, 0), "m.png").pixels)


def test_colour_masks_give_their_colours():
    labels = (np.arange(35).reshape(5, 7) % 21).astype(np.uint8)
    mask = decode_mask(save(Image.fromarray(VOC.paint(labels)), "PNG"), "m.png")
    assert mask.palette is None
    assert np.array_equal(labels, read_labels(mask, VOC))


def test_a_real_colour_mask_is_read(shared_data):
    data = (shared_data / "odd" / "fcn_2007_000129_rgbcoded_prediction.png").read_bytes()
    labels = read_labels(decode_mask(data, "m.png"), VOC)
    assert np.array_equal(pillow_rgb(data), VOC.paint(labels))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_an_opaque_alpha_channel_is_dropped(mode):
    picture = Image.fromarray(NOISE).convert(mode[:-1])
    mask = decode_mask(save(picture.convert(mode), "PNG"), "m.png")
    assert np.array_equal(np.array(picture), mask.pixels)
    assert mask.palette is None


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_transparent_mask_is_refused(mode):
    pixels = np.array(Image.fromarray(NOISE[:4, :5]).convert(mode))
    pixels[1, 2, -1] = 254
    with pytest.raises(MaskError) as caught:
        decode_mask(save(Image.fromarray(pixels), "PNG"), "m.png")
    assert caught.value.where == "m.png"
    assert caught.value.found.startswith("5.0% of the mask is transparent")


def test_real_masks_with_half_transparent_borders_are_refused(shared_data):
    for name in ("labelmeweb_img1_mask_5.png", "pillow_uncompressed_la.png"):
        with pytest.raises(MaskError) as caught:
            decode_mask((shared_data / "odd" / name).read_bytes(), name)
        assert "transparent" in caught.value.found


def saved_as_1_bit(bits) -> bytes:
    out = io.BytesIO()
    Image.fromarray((bits * 255).astype(np.uint8)).convert("1").save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("size", [(4, 4), (5, 13), (1, 1)])
@pytest.mark.parametrize("write", [lambda bits: write_png(bits, 1, 0), saved_as_1_bit])
def test_1_bit_gray_masks_store_0_and_1_and_may_be_named_by_either_reading(size, write):
    bits = np.random.default_rng(5).integers(0, 2, size)
    bits[0, 0] = 1
    mask = decode_mask(write(bits), "m.png")
    assert np.array_equal(mask.pixels, bits)
    assert mask.pixels.dtype == np.uint8
    assert mask.palette.tolist() == [[0, 0, 0], [255, 255, 255]]
    for legend in (
        Legend(("background", "vessel")),
        Legend.of_values({0: "background", 1: "vessel"}),
        Legend.of_values({0: "background", 255: "vessel"}),
        Legend.of_values({0: "background", 1: "vessel", 255: "vessel"}),
        Legend.of_values({(0, 0, 0): "background", (255, 255, 255): "vessel"}),
    ):
        assert np.array_equal(read_labels(mask, legend), bits)
    with pytest.raises(UnknownColourError, match="index 1"):
        read_labels(mask, Legend.of_values({0: "background", 7: "vessel"}))


def test_a_real_1_bit_gray_mask_is_read_as_pillow_reads_it(shared_data):
    data = (shared_data / "odd" / "pillow_hopper_bw_500.png").read_bytes()
    assert np.array_equal(decode_mask(data).pixels, np.asarray(Image.open(io.BytesIO(data))).astype(np.uint8))


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_masks_are_refused(colour, channels):
    with pytest.raises(MaskError) as caught:
        decode_mask(write_png(np.zeros((2, 3, channels)), 16, colour), "m.png")
    assert (caught.value.found, caught.value.expected) == ("a 16-bit colour mask", "8 bits a channel")


def test_animated_masks_are_refused():
    with pytest.raises(MaskError) as caught:
        decode_mask(animated_png(), "m.png")
    assert (caught.value.where, caught.value.found) == ("m.png", "an animated PNG")
    assert caught.value.expected == "one picture"


@pytest.mark.parametrize("name", ["mask", "2007_000032.jpg", "2007_000032.png"])
def test_a_jpeg_mask_is_refused_with_the_number_of_its_colours(name):
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 10:30], labels[15:20, 15:20] = 1, 2
    data = save(Image.fromarray(VOC.paint(labels)), "JPEG")
    count = len(np.unique(pillow_rgb(data).reshape(-1, 3), axis=0))
    assert count > 3
    with pytest.raises(MaskError) as caught:
        decode_mask(data, name)
    assert caught.value.where == name
    assert caught.value.expected.startswith("a PNG or another lossless picture")
    assert caught.value.found.startswith(f"a JPEG of {count} colours")


def test_real_jpeg_masks_are_refused_with_the_number_of_their_colours(shared_data):
    paths = [path for path in sorted((shared_data / "exports" / "jpeg-masks" / "masks").rglob("*")) if path.is_file()]
    assert paths
    for path in paths[:5]:
        with pytest.raises(MaskError) as caught:
            decode_mask(path.read_bytes(), path.name)
        assert re.match(r"a JPEG of \d+ colours", caught.value.found)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty (0 bytes)"),
        (b"<html>", "an HTML or XML page"),
        (b"%PDF", "a PDF"),
        (b"hello", "not a picture"),
    ],
)
def test_what_is_no_picture_is_no_mask(data, found):
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "m.png")
    assert (caught.value.where, caught.value.found) == ("m.png", found)
    assert caught.value.expected.startswith("a PNG or another lossless picture")
    assert caught.value.is_damage == (not data)


def test_a_damaged_jpeg_as_a_mask_is_an_error():
    data = save(Image.fromarray(NOISE), "JPEG")
    with pytest.raises(SegfeedError) as caught:
        decode_mask(data[: len(data) // 2], "m.png")
    assert caught.value.where == "m.png"


def test_a_mask_truncated_anywhere_is_refused():
    data = small_mask()
    for length in range(len(data)):
        with pytest.raises(MaskError) as caught:
            decode_mask(data[:length], "m.png")
        assert caught.value.where == "m.png"


def test_any_flipped_bit_of_a_mask_is_an_error_or_changes_nothing():
    data = write_png(
        np.arange(12).reshape(3, 4) % 4, 2, 3, [(b"PLTE", palette_bytes(4)), (b"tRNS", b"\xff\xff"), (b"tEXt", b"a\0b")]
    )
    expected = decode_mask(data, "m.png")
    refused = 0
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = decode_mask(bytes(damaged), "m.png")
        except SegfeedError:
            refused += 1
        else:
            assert np.array_equal(expected.pixels, found.pixels), bit
            assert np.array_equal(expected.palette, found.palette), bit
    assert refused > 0.9 * 8 * len(data)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_mask_with_rows_missing_behind_good_checksums_is_refused(rows):
    with pytest.raises(MaskError) as caught:
        decode_mask(write_png(np.ones((rows, 4)), 8, 0, size=(3, 4)), "m.png")
    assert caught.value.where == "m.png"
    assert caught.value.found.startswith("damaged PNG (")


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_png_photo_with_rows_missing_behind_good_checksums_is_refused(rows):
    with pytest.raises(PhotoError) as caught:
        decode_photo(write_png(np.ones((rows, 4, 3)), 8, 2, size=(3, 4)), "p.png")
    assert caught.value.where == "p.png"
    assert caught.value.found.startswith("damaged PNG (")


def test_a_mask_with_a_wrong_zlib_trailer_behind_good_checksums_is_refused():
    raw = bytearray(zlib.compress(b"\0\1\2\0\3\4"))
    raw[-1] ^= 1
    header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    data = PNG_MAGIC + chunk(b"IHDR", header) + chunk(b"IDAT", bytes(raw)) + chunk(b"IEND", b"")
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "m.png")
    assert caught.value.where == "m.png"
    assert caught.value.found.startswith("damaged PNG (")


def test_labels_come_from_the_palette_of_each_file():
    values = np.array([[0, 1, 2, 3]])
    for order in ((0, 15, 255, 3), (255, 3, 15, 0)):
        palette = np.array(voc_colours(256), np.uint8)[list(order)].tobytes()
        mask = decode_mask(write_png(values, 8, 3, [(b"PLTE", palette)]), "m.png")
        assert [list(order)] == read_labels(mask, VOC).tolist()


def test_an_index_beyond_the_palette_is_an_error():
    data = write_png(np.array([[0, 5]]), 8, 3, [(b"PLTE", palette_bytes(3))])
    with pytest.raises(UnknownColourError) as caught:
        read_labels(decode_mask(data, "m.png"), VOC, name="m.png")
    assert caught.value.where == "m.png"
    assert caught.value.found.startswith("row 0, column 1: index 5, beyond the file's palette of 3 colours")


def test_the_name_of_the_mask_and_the_rule_for_the_unknown_reach_the_legend():
    data = save(Image.fromarray(np.array([[(1, 2, 3)]], np.uint8)), "PNG")
    with pytest.raises(UnknownColourError) as caught:
        read_labels(decode_mask(data), VOC, name="m.png")
    assert caught.value.where == "m.png"
    assert caught.value.found.startswith("row 0, column 0: colour (1, 2, 3)")
    assert read_labels(decode_mask(data), VOC, unknown="void").tolist() == [[255]]


@pytest.mark.parametrize("classes", [1, 2, 21, 254])
def test_an_encoded_mask_is_read_back(classes):
    legend = Legend(tuple(f"c{i}" for i in range(classes)))
    labels = np.random.default_rng(classes).integers(0, classes, (9, 11)).astype(np.uint8)
    labels[0, :3] = 255
    data = encode_mask(labels, legend)
    assert np.array_equal(labels, read_labels(decode_mask(data), legend))
    assert np.array_equal(labels, np.array(Image.open(io.BytesIO(data))))
    assert np.array_equal(legend.paint(labels), pillow_rgb(data))


def test_what_no_palette_holds_is_not_encoded():
    with pytest.raises(MaskError) as caught:
        encode_mask(np.zeros((1, 1), np.uint8), Legend(tuple(f"c{i}" for i in range(300))))
    assert caught.value.found == "300 classes, which do not fit a palette of 256 colours"
    with pytest.raises(OptionError) as caught:
        encode_mask(np.full((1, 1), 21, np.uint8), VOC)
    assert caught.value.found == "id 21"


def test_the_palette_of_a_file_is_read():
    colours = [tuple(colour) for colour in read_palette(small_mask()).tolist()]
    assert [*voc_colours(21), (224, 224, 192)] == [*colours[:21], colours[255]]


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", save(Image.new("L", (2, 2)), "PNG"), save(Image.new("L", (2, 2)), "JPEG")],
    ids=["empty", "text", "gray", "jpeg"],
)
def test_a_file_without_a_palette_is_refused(data):
    with pytest.raises(MaskError) as caught:
        read_palette(data, "m")
    assert caught.value.where == "m"
    assert (caught.value.found, caught.value.expected) == ("no palette in this file", "a palette PNG")


def test_the_decoders_are_named_with_their_versions():
    assert {"simplejpeg", "pillow"} == set(decoder_versions())
    assert Image.__version__ == decoder_versions()["pillow"]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_photo_is_decoded_into_the_memory_it_is_given(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)).save(path)
    out = np.zeros((6, 8, 3), np.uint8)
    assert decode_photo(path.read_bytes(), path.name, out=out) is out
    np.testing.assert_array_equal(out, decode_photo(path.read_bytes(), path.name))
    with pytest.raises(PhotoError) as caught:
        decode_photo(path.read_bytes(), path.name, out=np.zeros((8, 6, 3), np.uint8))
    assert caught.value.where == path.name
    assert (caught.value.found, caught.value.expected) == ("8 x 6 px (width x height)", "6 x 8 px")


@pytest.mark.parametrize("cut", [1, 4])
def test_a_mask_whose_pixels_lack_their_checksum_is_refused(cut):
    """All lines are there, and every chunk's CRC is right; only the end of the packed stream was lost."""
    lines = zlib.compress(b"".join(b"\0" + bytes([row] * 6) for row in range(5)))
    header = struct.pack(">IIBBBBB", 6, 5, 8, 0, 0, 0, 0)
    data = PNG_MAGIC + chunk(b"IHDR", header) + chunk(b"IDAT", lines[:-cut]) + chunk(b"IEND", b"")
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "a.png")
    assert caught.value.where == "a.png"
    assert caught.value.found.startswith("damaged PNG (")


@pytest.mark.parametrize("kind", ["gray", "gray of 1 bit", "gray of 16 bits", "colour"])
def test_a_colour_that_a_png_declares_transparent_counts_as_transparency(kind):
    stored = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    pictures = {
        "gray": (Image.fromarray(stored), 1, 7), "gray of 1 bit": (Image.fromarray(stored > 0), 1, None),
        "gray of 16 bits": (Image.fromarray(stored.astype(np.uint16)), 1, 7),
        "colour": (Image.fromarray(np.stack([100 * stored] * 3, -1)), (100, 100, 100), (100, 100, 101)),
    }  # fmt: skip
    picture, seen, unseen = pictures[kind]
    for key in (seen, unseen):
        out = io.BytesIO()
        picture.save(out, "PNG", **({} if key is None else {"transparency": key}))
        if key == seen:
            with pytest.raises(MaskError, match="of the mask is transparent"):
                decode_mask(out.getvalue(), "m.png")
        else:
            assert decode_mask(out.getvalue(), "m.png").pixels.shape[:2] == (2, 3)
