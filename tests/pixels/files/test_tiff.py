"""TIFF: the numbers that a file stores, exactly, in every layout that tools write; what has two meanings is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from segfeed.errors import MaskError, PhotoError, UnknownColourError
from segfeed.pixels.codec import decode_mask, decode_photo, read_labels, read_palette, read_photo_header
from segfeed.pixels.legend import Legend
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

tifffile = pytest.importorskip("tifffile")

RNG = np.random.default_rng(0)
IDS = (np.arange(37 * 53).reshape(37, 53) // 7 % 21).astype(np.uint8)
NOISE = RNG.integers(0, 256, (37, 53, 3), np.uint8)
PALETTE = np.array(voc_colours(256), np.uint8)


def written(pixels, **options):
    """Write a TIFF by tifffile, which shares no code with Pillow and libtiff."""
    out = io.BytesIO()
    options.setdefault("photometric", "rgb" if pixels.ndim == 3 else "minisblack")
    tifffile.imwrite(out, pixels, metadata=None, **options)
    return out.getvalue()


def saved(picture, **options):
    """Write a TIFF by Pillow and libtiff."""
    out = io.BytesIO()
    picture.save(out, "TIFF", **options)
    return out.getvalue()


def by_hand(width, height, blocks, *, order="<", **changes):
    """Write a TIFF by hand: strips of bytes, and a directory at the end, whose tags `changes` replaces or drops."""
    out = bytearray({"<": b"II*\0", ">": b"MM\0*"}[order] + bytes(4))
    starts = []
    for block in blocks:
        starts.append(len(out))
        out += block
    tags = {
        "t256": ("I", [width]), "t257": ("I", [height]), "t258": ("H", [8]), "t259": ("H", [1]), "t262": ("H", [1]),
        "t273": ("I", starts), "t277": ("H", [1]), "t278": ("I", [-(-height // len(blocks))]),
        "t279": ("I", [len(block) for block in blocks]),
    } | changes  # fmt: skip
    entries = []
    for tag, field in sorted(tags.items()):
        if field is None:
            continue
        code, values = field
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) > 4:
            out += bytes(len(out) % 2)
            packed, place = struct.pack(order + "I", len(out)), packed
            out += place
        kind = {"B": 7, "H": 3, "I": 4}[code]
        entries.append(struct.pack(order + "HHI", int(tag[1:]), kind, len(values)) + packed.ljust(4, b"\0"))
    out += bytes(len(out) % 2)
    struct.pack_into(order + "I", out, 4, len(out))
    return bytes(out) + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)


def lzw(data):
    """Pack bytes as LZW without any compression: a clear code before the codes could grow beyond 9 bits."""
    codes = [code for at in range(0, len(data), 200) for code in (256, *data[at : at + 200])] + [257]
    bits = "".join(f"{code:09b}" for code in codes)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def packbits(data):
    return b"".join(bytes([len(data[at : at + 100]) - 1]) + data[at : at + 100] for at in range(0, len(data), 100))


def refusal(data, decode=decode_mask, error_type=MaskError):
    with pytest.raises(error_type) as caught:
        decode(data, "a.tif")
    assert caught.value.where == "a.tif"
    assert caught.value.remedy
    return caught.value


# Masks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 5},
        {"tile": (16, 32)},
        {"bigtiff": True},
        {"compression": "zlib"},
        {"compression": "zlib", "rowsperstrip": 3, "predictor": True},
        {"compression": "zlib", "tile": (32, 16), "predictor": True},
    ],
    ids=str,
)
@pytest.mark.slow
def test_class_ids_are_those_that_were_written(dtype, order, options):
    ids = IDS.astype(dtype)
    data = written(ids, byteorder=order, **options)
    mask = decode_mask(data, "a.tif")
    np.testing.assert_array_equal(mask.pixels, ids)
    np.testing.assert_array_equal(mask.pixels, tifffile.imread(io.BytesIO(data)))
    assert mask.palette is None
    assert mask.pixels.dtype == (np.uint8 if ids.itemsize == 1 else np.uint16)
    np.testing.assert_array_equal(read_labels(mask, VOC), IDS)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["L", "P", "I;16", "I", "RGB"])
def test_what_pillow_writes_is_read(compression, mode):
    ids = {"I;16": IDS.astype(np.uint16) * 900, "I": IDS.astype(np.int32) * 3000, "RGB": NOISE}.get(mode, IDS)
    picture = Image.fromarray(ids)
    if mode == "P":
        picture.putpalette(PALETTE.tobytes())
    mask = decode_mask(saved(picture, compression=compression), "a.tif")
    np.testing.assert_array_equal(mask.pixels, ids)
    if mode == "P":
        np.testing.assert_array_equal(mask.palette, PALETTE)
        np.testing.assert_array_equal(read_labels(mask, VOC), IDS)


@pytest.mark.parametrize(
    ("compression", "pack"), [(1, bytes), (5, lzw), (8, zlib.compress), (32946, zlib.compress), (32773, packbits)]
)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("rows", [1, 8, 37])
def test_strips_packed_by_hand_are_read(compression, pack, order, rows):
    blocks = [pack(IDS[at : at + rows].tobytes()) for at in range(0, 37, rows)]
    data = by_hand(53, 37, blocks, order=order, t259=("H", [compression]), t278=("I", [rows]))
    np.testing.assert_array_equal(decode_mask(data, "a.tif").pixels, IDS)


@pytest.mark.parametrize(
    "options",
    [{}, {"planarconfig": "separate"}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True}],
    ids=str,
)
def test_colours_are_those_that_were_written(options):
    if "planarconfig" in options:
        data = written(np.moveaxis(NOISE, 2, 0), rowsperstrip=5, **options)
    else:
        data = written(NOISE, **options)
    np.testing.assert_array_equal(decode_mask(data, "a.tif").pixels, NOISE)
    np.testing.assert_array_equal(decode_photo(data, "a.tif"), NOISE)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_any_bits_give_their_indices(bits):
    ids = (IDS.astype(int) % (1 << bits)).astype(np.uint8)
    spread = (ids[..., None] >> np.arange(bits)[::-1]) & 1
    lines = np.packbits(spread.reshape(37, -1), axis=1)
    colours = (PALETTE[: 1 << bits].astype(np.uint16) * 257).T.ravel().tolist()
    data = by_hand(53, 37, [lines.tobytes()], t258=("H", [bits]), t262=("H", [3]), t320=("H", colours))
    mask = decode_mask(data, "a.tif")
    np.testing.assert_array_equal(mask.pixels, ids)
    np.testing.assert_array_equal(mask.palette, PALETTE[: 1 << bits])
    np.testing.assert_array_equal(read_palette(data), PALETTE[: 1 << bits])
    np.testing.assert_array_equal(decode_photo(data), PALETTE[ids])


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_a_palette_of_bytes_is_told_from_one_of_16_bits(scale):
    """Some writers store 0..255 where 0..65535 belongs; every colour would be black."""
    colours = (PALETTE.astype(np.uint16) * scale).T.ravel().tolist()
    data = by_hand(53, 37, [IDS.tobytes()], t262=("H", [3]), t320=("H", colours))
    np.testing.assert_array_equal(decode_mask(data).palette, PALETTE)


@pytest.mark.parametrize("bits", [2, 4])
def test_gray_of_few_bits_gives_its_exact_values(bits):
    ids = IDS % (1 << bits)
    lines = np.packbits(((ids[..., None] >> np.arange(bits)[::-1]) & 1).reshape(37, -1), axis=1)
    data = by_hand(53, 37, [lines.tobytes()], t258=("H", [bits]))
    np.testing.assert_array_equal(decode_mask(data).pixels, ids)
    np.testing.assert_array_equal(decode_photo(data)[..., 0], ids * (255 // ((1 << bits) - 1)))


def test_an_opaque_alpha_channel_is_dropped_and_a_transparent_one_refused():
    for alpha, extra in ((255, "unassalpha"), (255, "assocalpha"), (255, "unspecified"), (254, "unassalpha")):
        data = written(np.dstack([NOISE, np.full((37, 53), alpha, np.uint8)]), extrasamples=[extra])
        if alpha == 255:
            np.testing.assert_array_equal(decode_mask(data).pixels, NOISE)
        else:
            assert refusal(data).found.startswith("100.0% of the mask is transparent")


def test_16_bit_values_serve_few_classes_if_they_fit():
    mask = decode_mask(written(IDS.astype(np.uint16)))
    assert read_labels(mask, VOC).dtype == np.uint8
    large = decode_mask(written(IDS.astype(np.uint16) * 257))
    with pytest.raises(UnknownColourError):
        read_labels(large, VOC, name="a.tif")
    many = Legend(tuple(f"c{n}" for n in range(6000)))
    np.testing.assert_array_equal(read_labels(large, many), IDS.astype(np.uint16) * 257)


def test_smaller_copies_of_the_picture_are_not_pages():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(IDS, photometric="minisblack", metadata=None)
        writer.write(IDS[::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    np.testing.assert_array_equal(decode_mask(out.getvalue()).pixels, IDS)


def test_several_pages_are_refused():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for _ in range(3):
            writer.write(IDS, photometric="minisblack", metadata=None)
    for error in (refusal(out.getvalue()), refusal(out.getvalue(), decode_photo, PhotoError)):
        assert (error.found, error.expected) == ("a TIFF of 3 pages", "one picture")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (lambda: saved(Image.fromarray(NOISE), compression="jpeg"), "a TIFF with JPEG compression"),
        (lambda: written(IDS.astype(np.float32)), "a mask of 32-bit floats"),
        (lambda: written(IDS.astype(np.float64)), "a mask of 64-bit floats"),
        (lambda: written(IDS.astype(np.int32) - 1), "values from -1 to 19"),
        (lambda: written(IDS.astype(np.int8) - 1), "values from -1 to 19"),
        (lambda: written(IDS.astype(np.int32) * 65536), "values from 0 to 1,310,720"),
        (lambda: written(IDS.astype(np.uint64)), "a TIFF with samples of 64 bits"),
        (lambda: written(NOISE.astype(np.uint16)), "a 16-bit colour mask"),
        (lambda: written(IDS, photometric="miniswhite"), "a TIFF in which 0 is white"),
        (lambda: written(IDS % 2 > 0, photometric="miniswhite"), "a TIFF in which 0 is white"),
        (lambda: by_hand(53, 37, [IDS.tobytes()], t259=("H", [4])), "a TIFF with CCITT compression, which is not read"),
        (lambda: by_hand(53, 37, [IDS.tobytes()], t274=("H", [6])), "a TIFF whose orientation 6 turns it"),
        (lambda: by_hand(53, 37, [IDS.tobytes()], t266=("H", [2])), "a TIFF with bits in reverse order"),
        (lambda: by_hand(53, 37, [IDS.tobytes()], t262=None), "a TIFF of 1 band with photometric interpretation -1"),
        (lambda: by_hand(53, 37, [IDS.tobytes()], t262=("H", [3])), "a palette TIFF without a whole palette"),
        (lambda: by_hand(53, 37, [IDS.tobytes()], t259=("H", [34887])), "a TIFF with LERC compression"),
        (lambda: by_hand(53, 37, [IDS.tobytes()], t259=("H", [4711])), "a TIFF with compression 4711"),
        (lambda: written(np.dstack([NOISE, NOISE]), photometric=1, planarconfig=1), "a TIFF of 6 bands"),
    ],
    ids=range(18),
)  # fmt: skip
def test_what_is_lossy_or_has_two_meanings_is_refused(data, found):
    error = refusal(data())
    assert error.found.startswith(found)
    assert not error.is_damage


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"bigtiff": True}], ids=str)
@pytest.mark.parametrize("bands", [1, 3])
def test_a_tiff_truncated_anywhere_is_refused(options, bands):
    data = written(IDS if bands == 1 else NOISE, **options)
    size = len(data)
    for length in [*range(0, size - 1, 97), size - 1]:
        if not options and length > size - 10:
            continue
        refusal(data[:length])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_pixels_that_are_cut_off_behind_a_whole_directory_are_refused(compression):
    packed = {"raw": bytes, "tiff_lzw": lzw, "packbits": packbits, "tiff_adobe_deflate": zlib.compress}[compression]
    code = {"raw": 1, "tiff_lzw": 5, "packbits": 32773, "tiff_adobe_deflate": 8}[compression]
    whole = packed(IDS.tobytes())
    for kept in (0, len(whole) // 2, len(whole) - 4):
        error = refusal(by_hand(53, 37, [whole[:kept]], t259=("H", [code])))
        assert error.is_damage


def test_any_flipped_bit_of_deflated_pixels_is_an_error_or_changes_nothing():
    block = bytearray(zlib.compress(IDS.tobytes()))
    refused = 0
    for bit in range(8 * len(block)):
        block[bit // 8] ^= 1 << bit % 8
        data = by_hand(53, 37, [bytes(block)], t259=("H", [8]))
        block[bit // 8] ^= 1 << bit % 8
        try:
            np.testing.assert_array_equal(decode_mask(data).pixels, IDS)
        except MaskError as error:
            assert error.is_damage  # noqa: PT017 - either way is right
            refused += 1
    assert refused > 0.95 * 8 * len(block)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"t256": ("I", [60000]), "t257": ("I", [60000])}, "declares 60000 x 60000 pixels"),
        ({"t256": None}, "damaged TIFF (no width"),
        ({"t273": ("I", [10**9])}, "damaged TIFF (cut off"),
        ({"t273": None}, "damaged TIFF"),
        ({"t278": ("I", [0])}, "damaged TIFF (blocks without pixels"),
        ({"t278": ("I", [5])}, "damaged TIFF (1 blocks of pixels, but its size needs 8"),
        ({"t279": ("I", [100])}, "damaged TIFF (a block of 100 bytes"),
    ],
    ids=range(7),
)
def test_a_directory_that_does_not_fit_its_pixels_is_refused(changes, found):
    assert refusal(by_hand(53, 37, [IDS.tobytes()], **changes)).found.startswith(found)


def test_pages_in_a_circle_are_an_error():
    data = bytearray(by_hand(53, 37, [IDS.tobytes()]))
    data[-4:] = data[4:8]
    assert "circle" in refusal(bytes(data)).found


# Photos ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "P", "1"])
def test_photos_equal_pillow_exactly(compression, mode):
    data = saved(Image.fromarray(NOISE).convert(mode), compression=compression)
    np.testing.assert_array_equal(decode_photo(data, "a.tif"), np.array(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("quality", [60, 95])
def test_a_photo_of_jpeg_in_tiff_is_read(quality):
    smooth = np.array(Image.fromarray(NOISE[:5, :6]).resize((53, 37), Image.Resampling.BICUBIC))
    data = saved(Image.fromarray(smooth), compression="jpeg", quality=quality)
    found = decode_photo(data, "a.tif")
    assert np.abs(found.astype(int) - smooth).max() < 60
    np.testing.assert_allclose(found, np.array(Image.open(io.BytesIO(data)).convert("RGB")), atol=1)
    at = data.index(b"\xff\xda") + 40
    damaged = data[:at] + b"\xff\xd9" + data[at + 2 :]
    assert refusal(damaged, decode_photo, PhotoError).is_damage


def test_a_photo_in_which_0_is_white_is_inverted():
    data = written(NOISE[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(decode_photo(data, "a.tif"), np.repeat(255 - NOISE[..., :1], 3, 2))


def test_a_fourth_band_must_be_opaque():
    opaque = np.dstack([NOISE, np.full((37, 53), 255, np.uint8)])
    infrared = np.dstack([NOISE, NOISE[..., 0]])
    for extra in ("unspecified", "unassalpha", "assocalpha"):
        np.testing.assert_array_equal(decode_photo(written(opaque, extrasamples=[extra])), NOISE)
        error = refusal(written(infrared, extrasamples=[extra]), decode_photo, PhotoError)
        assert error.found == "a TIFF whose band 4 is neither colour nor opaque alpha (0 to 255)"
        assert error.remedy.startswith("choose the three bands")


@pytest.mark.parametrize(
    ("pixels", "options", "found"),
    [
        (NOISE.astype(np.uint16), {}, "a 16-bit photo"),
        (NOISE[..., 0].astype(np.uint16), {}, "a 16-bit photo"),
        (NOISE.astype(np.float32), {}, "a photo of 32-bit floats"),
        (np.dstack([NOISE, NOISE])[..., :5], {"photometric": 1, "planarconfig": 1}, "a TIFF of 5 bands"),
        (NOISE, {"photometric": "minisblack", "planarconfig": "contig"}, "a TIFF of 3 bands"),
        (NOISE[..., 0].astype(np.int8), {}, "a photo of signed numbers"),
    ],
    ids=range(6),
)  # fmt: skip
def test_photos_that_no_three_bytes_hold_are_refused(pixels, options, found):
    error = refusal(written(pixels, **options), decode_photo, PhotoError)
    assert error.found.startswith(found)
    assert error.remedy


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_an_orientation_is_read_but_not_applied(turn):
    data = by_hand(53, 37, [IDS.tobytes()], t274=("H", [turn]))
    header = read_photo_header(data, "a.tif")
    assert (header.height, header.width, header.orientation) == (37, 53, turn)
    np.testing.assert_array_equal(decode_photo(data, "a.tif")[..., 0], IDS)


def test_a_photo_is_decoded_into_the_memory_it_is_given():
    out = np.zeros((37, 53, 3), np.uint8)
    assert decode_photo(written(NOISE), "a.tif", out=out) is out
    np.testing.assert_array_equal(out, NOISE)


@pytest.mark.slow
def test_real_tiffs_equal_tifffile(shared_data):
    paths = [path for path in sorted(shared_data.rglob("*.tif*")) if path.is_file()]
    read = 0
    for path in paths:
        try:
            mask = decode_mask(path.read_bytes(), path.name)
        except MaskError as error:
            assert error.remedy, path  # noqa: PT017 - the same
            continue
        try:
            seen = tifffile.imread(path)
        except ValueError:  # it needs another package for LZW
            with Image.open(path) as picture:
                seen = np.array(picture)
        np.testing.assert_array_equal(mask.pixels, seen, str(path))
        read += 1
    assert read > 0


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_gray_masks_of_1_bit_give_0_and_1_shown_as_black_and_white(options):
    mask = decode_mask(written(IDS % 2 > 0, **options), "m.tif")
    assert np.array_equal(mask.pixels, IDS % 2)
    assert mask.palette.tolist() == [[0, 0, 0], [255, 255, 255]]
