"""GIF: the indices that one frame stores, and whose palette they are of."""

import io
import struct

import numpy as np
import pytest
from PIL import GifImagePlugin, Image

from segfeed.errors import MaskError, PhotoError
from segfeed.pixels.codec import decode_mask, decode_photo, read_labels, read_palette, read_photo_header
from segfeed.pixels.palette import voc_colours
from segfeed.pixels.public_legends import VOC

IDS = (np.arange(37 * 53).reshape(37, 53) // 5 % 21).astype(np.uint8)
PALETTE = np.array(voc_colours(256), np.uint8)


def as_gif(ids, palette=PALETTE, **options):
    picture = Image.fromarray(ids)
    picture.putpalette(palette.tobytes())
    out = io.BytesIO()
    picture.save(out, "GIF", optimize=False, **options)
    return out.getvalue()


def frame(width, height, codes, *, at=(0, 0), palette=b""):
    """Write a frame by hand: 3-bit codes of pixels 0 .. 3; 4 clears the table, 5 is the end."""
    number = sum(code << 3 * n for n, code in enumerate(codes))
    packed = number.to_bytes(-(-3 * len(codes) // 8), "little")
    flags = 0x81 if palette else 0
    return (
        b"," + struct.pack("<4HB", *at, width, height, flags) + palette + b"\2" + bytes([len(packed)]) + packed + b"\0"
    )


def gif(width, height, *blocks, palette=bytes(range(12))):
    flags = 0x81 if palette else 0
    return b"GIF89a" + struct.pack("<2H3B", width, height, flags, 0, 0) + palette + b"".join(blocks) + b";"


def unpack_lzw(packed, bits):
    """Unpack a GIF's codes in the plainest way: a reader of our own, which owes Pillow nothing."""
    stream, at, width, found, last = int.from_bytes(packed, "little"), 0, bits + 1, [], None
    clear, table = 1 << bits, []
    while (code := stream >> at & (1 << width) - 1) != clear + 1:
        at += width
        if code == clear:
            table, width, last = [bytes([n]) for n in range(clear)] + [b"", b""], bits + 1, None
            continue
        word = table[code] if code < len(table) else last + last[:1]
        found.append(word)
        if last is not None and len(table) < 4096:
            table.append(last + word[:1])
        width = min(max(width, len(table).bit_length()), 12)
        last = word
    return b"".join(found)


def indices_of(data):
    """Read the indices of a GIF of one frame without extensions, a palette of 256 colours and no interlacing."""
    at = data.index(b",", 13 + 768) + 10
    blocks, at, bits = [], at + 1, data[at]
    while data[at]:
        blocks.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return np.frombuffer(unpack_lzw(b"".join(blocks), bits), np.uint8)


def refusal(data):
    with pytest.raises(MaskError) as caught:
        decode_mask(data, "a.gif")
    with pytest.raises(PhotoError) as same:
        decode_photo(data, "a.gif")
    assert same.value.found == caught.value.found
    assert caught.value.where == "a.gif"
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("interlace", [0, 1])
def test_indices_and_palette_are_those_that_were_written(interlace):
    data = as_gif(IDS, interlace=interlace)
    mask = decode_mask(data, "a.gif")
    np.testing.assert_array_equal(mask.pixels, IDS)
    np.testing.assert_array_equal(mask.palette, PALETTE)
    np.testing.assert_array_equal(read_palette(data), PALETTE)
    np.testing.assert_array_equal(read_labels(mask, VOC), IDS)
    np.testing.assert_array_equal(decode_photo(data, "a.gif"), PALETTE[IDS])


def test_indices_equal_those_of_another_reader():
    for pixels in (IDS, np.random.default_rng(0).integers(0, 256, (90, 110), np.uint8)):
        data = as_gif(pixels, interlace=0)
        np.testing.assert_array_equal(decode_mask(data).pixels.ravel(), indices_of(data))


def test_a_palette_of_grays_is_kept():
    """Pillow drops it and calls the picture gray; the colours decide all the same."""
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    mask = decode_mask(as_gif(IDS, grays))
    np.testing.assert_array_equal(mask.pixels, IDS)
    np.testing.assert_array_equal(mask.palette, grays)


def test_black_and_white_of_two_indices():
    data = as_gif(IDS % 2, np.array([[0, 0, 0], [255, 255, 255]], np.uint8))
    mask = decode_mask(data)
    np.testing.assert_array_equal(mask.pixels, IDS % 2)
    assert mask.palette[:2].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_transparency_changes_no_index():
    np.testing.assert_array_equal(decode_mask(as_gif(IDS, transparency=3)).pixels, IDS)


def test_a_frame_written_by_hand():
    mask = decode_mask(gif(2, 1, frame(2, 1, [4, 1, 3, 5])))
    assert (mask.pixels.tolist(), mask.palette.tolist()) == ([[1, 3]], np.arange(12).reshape(4, 3).tolist())
    own = decode_mask(gif(2, 1, frame(2, 1, [4, 1, 3, 5], palette=bytes(12))))
    assert own.palette.tolist() == [[0, 0, 0]] * 4
    bare = decode_mask(gif(2, 1, frame(2, 1, [4, 1, 3, 5]), palette=b""))
    assert (bare.pixels.tolist(), bare.palette) == ([[1, 3]], None)
    comment = b"!\xfe\3abc\0"
    assert decode_mask(gif(2, 1, comment, frame(2, 1, [4, 1, 3, 5]), b"\0", comment)).pixels.tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("data", "found", "is_damage"),
    [
        (gif(2, 1, frame(2, 1, [4, 1, 3, 5]), frame(2, 1, [4, 1, 1, 5])), "an animation of 2 frames", False),
        (gif(2, 1), "a GIF without a frame", False),
        (gif(3, 1, frame(2, 1, [4, 1, 3, 5])), "a GIF whose frame of 2 x 1 px at (0, 0) does not fill 3 x 1 px", False),
        (gif(2, 1, frame(2, 1, [4, 1, 3, 5], at=(1, 0))), "a GIF whose frame of 2 x 1 px at (1, 0)", False),
        (gif(4, 1, frame(4, 1, [4, 1, 3, 5])), "damaged GIF (", True),
        (gif(2, 1, b"?"), "damaged GIF (block 0x3f at byte 25 does not exist)", True),
        (gif(0, 1, frame(0, 1, [4, 5])), "declares 0 x 1 pixels", False),
        (gif(60000, 60000, frame(60000, 60000, [4, 5])), "declares 60000 x 60000 pixels", False),
    ],
    ids=range(8),
)
def test_what_is_not_one_whole_frame_is_refused(data, found, is_damage):
    error = refusal(data)
    assert error.found.startswith(found)
    assert error.is_damage == is_damage


@pytest.mark.slow
def test_a_gif_truncated_anywhere_is_refused():
    data = as_gif(IDS)
    for length in range(4, len(data)):
        assert refusal(data[:length]).is_damage


def test_the_size_is_read_from_the_first_bytes():
    data = as_gif(IDS)
    header = read_photo_header(data[:64], "a.gif")
    assert (header.height, header.width, header.orientation) == (37, 53, 1)


def test_a_loading_strategy_that_changes_indices_is_noticed(monkeypatch):
    monkeypatch.setattr(GifImagePlugin, "LOADING_STRATEGY", GifImagePlugin.LoadingStrategy.RGB_ALWAYS)
    assert "LOADING_STRATEGY was changed" in refusal(as_gif(IDS)).found


def test_a_real_mask_is_read(shared_data):
    paths = sorted(shared_data.rglob("*.gif"))
    assert paths
    for path in paths:
        mask = decode_mask(path.read_bytes(), path.name)
        with Image.open(path) as picture:
            np.testing.assert_array_equal(mask.palette[mask.pixels], np.array(picture.convert("RGB")))
