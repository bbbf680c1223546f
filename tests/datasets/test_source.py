"""Sources: recognising layouts, sizes from headers, reading pairs, and what makes a pair unreadable."""

import io
import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import segfeed
from segfeed.datasets.blobs import File
from segfeed.errors import (
    LegendError,
    MaskError,
    OptionError,
    PhotoError,
    SizeMismatchError,
    SourceChangedError,
    SourceError,
    SourceMissingError,
    UnknownColourError,
)
from segfeed.pixels.palette import voc_colours


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", {"train": [(6, 8), (5, 9)]})


def put_photo(root: Path, name: str, picture: Image.Image, **how: object) -> None:
    (root / "JPEGImages" / "train_0.png").unlink(missing_ok=True)
    picture.save(root / "JPEGImages" / name, **how)


def picture_of(path: Path | str, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture.convert(mode))


def put_labels(root: Path, labels: np.ndarray, palette: np.ndarray | None = None) -> None:
    mask = Image.fromarray(labels.astype(np.uint8))
    if palette is not None:
        mask.putpalette(palette.astype(np.uint8).tobytes())
    mask.save(root / "SegmentationClass" / "train_0.png")


def test_missing_folder_is_named_with_the_way_out(tmp_path):
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(tmp_path / "nowhere")
    assert (caught.value.where, caught.value.found) == (str(tmp_path / "nowhere"), "no such file or folder")
    assert caught.value.remedy.startswith("pass the path of a dataset")
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("made", ["empty folder", "some file"])
def test_unknown_layout_says_what_was_expected(tmp_path, made):
    path = tmp_path / "somewhere"
    if made == "empty folder":
        path.mkdir()
    else:
        path.write_text("a file")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(path)
    said = "no picture in 1 folder, 0 deep" if made == "empty folder" else "a file that is neither a tar nor a table"
    assert (caught.value.where, caught.value.found) == (str(path), f"no known dataset layout: {said}")
    assert "docs/formats.md" in caught.value.remedy


def test_format_that_does_not_exist_is_refused_with_those_that_do(root):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, format="cocoa")
    assert (caught.value.where, caught.value.found) == ("format", "'cocoa'")
    assert caught.value.expected.startswith("one of voc")


def test_format_can_be_named(root):
    assert segfeed.scan(root, format="voc") == segfeed.scan(root)


def test_task_that_does_not_exist_is_refused(root):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="panoptic")
    assert (caught.value.where, caught.value.found) == ("task", "'panoptic'")


def test_legend_has_no_meaning_for_objects(root):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance", legend=["a"])
    assert (caught.value.where, caught.value.remedy) == ("legend", "leave it out")


def test_home_folder_may_be_written_as_tilde(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    assert segfeed.scan("~/VOC2012").root == root


def test_source_says_why_its_format_was_recognised(root):
    assert str(root) in segfeed.scan(root).why


def test_sizes_are_those_of_the_decoded_pairs(tmp_path, write_voc):
    for number, suffix in enumerate((".png", ".jpg", ".bmp", ".webp")):
        root = write_voc(tmp_path / f"VOC{number}", {"train": [(6, 8), (8, 6), (1, 1), (33, 17)]}, suffix=suffix)
        source = segfeed.scan(root)
        assert source.sizes.dtype == np.int32
        assert source.sizes.tolist() == [list(source.read(i).labels.shape) for i in range(4)]
        assert source.sizes.tolist() == [list(source.read(i).image.shape[:2]) for i in range(4)]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
@pytest.mark.slow
def test_size_of_a_file_of_any_length_is_found(root, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (401, 403, 3), np.uint8)
    put_photo(root, f"train_0{suffix}", Image.fromarray(noise), **{"lossless": True} if suffix == ".webp" else {})
    assert (root / "JPEGImages" / f"train_0{suffix}").stat().st_size > 1 << 16
    assert segfeed.scan(root).sizes[0].tolist() == [401, 403]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
@pytest.mark.slow
def test_size_of_a_file_that_was_cut_off_is_found_or_refused_by_name(root, suffix):
    path = root / "JPEGImages" / f"train_0{suffix}"
    put_photo(root, path.name, Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 31, 3), np.uint8)))
    data = path.read_bytes()
    for kept in (*range(0, 100, 7), len(data) // 2, len(data) - 1):
        path.write_bytes(data[:kept])
        try:
            assert segfeed.scan(root).sizes[0].tolist() == [30, 31]
        except PhotoError as error:
            assert path.name in str(error)  # noqa: PT017 - what a header needs may lie in what was kept


def test_size_is_found_behind_a_long_header(root):
    exif = Image.Exif()
    exif[0x9286] = b"x" * 60_000
    picture = Image.new("RGB", (8, 6))
    put_photo(root, "train_0.jpg", picture, exif=exif, icc_profile=b"y" * 60_000)
    assert segfeed.scan(root).sizes[0].tolist() == [6, 8]


@pytest.mark.slow
def test_sizes_of_real_photos_are_those_that_pillow_reads(voc2012_part):
    source = segfeed.scan(voc2012_part)
    assert source.sizes.tolist() == [list(picture_of(sample.photo.path).shape[:2]) for sample in source.samples]


def test_photo_and_mask_of_different_sizes_are_refused_with_both_sizes(root):
    put_labels(root, np.zeros((7, 8)))
    with pytest.raises(SizeMismatchError) as caught:
        segfeed.scan(root).read(0)
    assert caught.value.where == "sample train_0"
    assert "photo train_0.png is 8 x 6 px but mask train_0.png is 8 x 7" in caught.value.found
    assert "transposed" not in caught.value.remedy


def test_transposed_sizes_are_called_so(root):
    put_labels(root, np.zeros((8, 6)))
    with pytest.raises(SizeMismatchError, match=r"8 x 6 px but mask.*6 x 8") as caught:
        segfeed.scan(root).read(0)
    assert "transposed, most likely by an EXIF" in caught.value.remedy


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.slow
def test_photo_that_its_exif_tag_turns_is_refused(root, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    put_photo(root, f"train_0{suffix}", Image.new("RGB", (8, 6)), exif=exif)
    with pytest.raises(PhotoError) as caught:
        segfeed.scan(root).read(0)
    assert caught.value.where == f"train_0{suffix}"
    assert caught.value.found.startswith(f"EXIF orientation {orientation} turns the photo")
    assert "remove the tag if it fits the stored pixels, else turn the photo's pixels" in caught.value.remedy


def test_tagged_photo_is_refused_though_its_mask_is_tagged_alike_and_read_where_it_has_none(root):
    exif = Image.Exif()
    exif[0x0112] = 3
    put_photo(root, "train_0.jpg", Image.new("RGB", (8, 6)), exif=exif)
    path = root / "SegmentationClass" / "train_0.png"
    with Image.open(path) as mask:
        mask.save(path, exif=exif)
    with pytest.raises(PhotoError) as caught:
        segfeed.scan(root).read(0)
    assert "EXIF orientation 3" in caught.value.found
    path.unlink()
    (root / "ImageSets/Segmentation/test.txt").write_text("train_0\n")
    assert segfeed.scan(root, "test").read(0).image.shape == (6, 8, 3)


def put_turned(root: Path, orientation: int, upright: np.ndarray, suffix: str = ".png") -> None:
    """Store a photo so that its tag turns it to `upright`."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    for turned in range(1, 9):  # the one whose turn, by Pillow, gives the upright picture
        stored = Image.fromarray(upright)
        stored = stored if turned == 1 else stored.transpose(Image.Transpose(turned - 2))
        tagged = Image.open(io.BytesIO(png_of(stored, exif)))
        shown = np.array(ImageOps.exif_transpose(tagged))
        if shown.shape == upright.shape and (shown == upright).all():
            put_photo(root, f"train_0{suffix}", stored, exif=exif)
            return
    raise AssertionError(orientation)


def png_of(picture: Image.Image, exif: Image.Exif) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", exif=exif)
    return out.getvalue()


UPRIGHT = np.random.default_rng(7).integers(0, 256, (6, 8, 3), np.uint8)


@pytest.mark.parametrize("orientation", range(5, 9))
@pytest.mark.slow
def test_photo_is_turned_to_the_size_of_its_mask_if_that_is_asked_for(root, orientation):
    put_turned(root, orientation, UPRIGHT)
    with pytest.raises(SizeMismatchError) as caught:
        segfeed.scan(root).read(0)
    assert f"orientation is {orientation}" in caught.value.remedy
    assert 'orientation="apply"' in caught.value.remedy
    source = segfeed.scan(root, orientation="apply")
    assert source.sizes.tolist() == [[6, 8], [5, 9]]
    image, labels = source.read(0)
    np.testing.assert_array_equal(image, UPRIGHT)
    np.testing.assert_array_equal(source.read_photo(0), UPRIGHT)
    assert labels.shape == (6, 8)
    out = segfeed.Pair(np.empty((6, 8, 3), np.uint8), np.empty((6, 8), np.uint8))
    assert source.read(0, out) is out
    np.testing.assert_array_equal(out.image, UPRIGHT)
    np.testing.assert_array_equal(out.labels, labels)
    np.testing.assert_array_equal(source.read(1).image, segfeed.scan(root).read(1).image)


def test_turned_jpeg_is_turned_as_pillow_does(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    put_photo(root, "train_0.jpg", Image.fromarray(np.rot90(UPRIGHT)), exif=exif, quality=95)
    with Image.open(root / "JPEGImages/train_0.jpg") as picture:
        expected = np.array(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(segfeed.scan(root, orientation="apply").read(0).image, expected)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.slow
def test_photo_of_its_masks_own_size_is_never_turned(root, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    put_photo(root, "train_0.png", Image.fromarray(UPRIGHT), exif=exif)
    with pytest.raises(PhotoError) as caught:
        segfeed.scan(root, orientation="apply").read(0)
    assert caught.value.found.startswith(f"EXIF orientation {orientation} turns the photo")


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.slow
def test_square_photo_is_never_turned(root, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    put_photo(root, "train_0.png", Image.fromarray(UPRIGHT[:, :6]), exif=exif)
    put_labels(root, np.zeros((6, 6)), np.array(voc_colours(256)))
    with pytest.raises(PhotoError):
        segfeed.scan(root, orientation="apply").read(0)


def test_transposed_photo_without_a_tag_is_never_turned(root):
    put_photo(root, "train_0.png", Image.fromarray(np.rot90(UPRIGHT)))
    source = segfeed.scan(root, orientation="apply")
    assert source.sizes.tolist() == [[8, 6], [5, 9]]
    with pytest.raises(SizeMismatchError):
        source.read(0)


def test_photo_without_a_mask_is_read_as_it_is_stored(root):
    put_turned(root, 6, UPRIGHT)
    (root / "SegmentationClass/train_0.png").rename(root / "ImageSets/kept.png")
    (root / "SegmentationClass/train_1.png").unlink()
    lists = root / "ImageSets/Segmentation"
    (lists / "train.txt").rename(lists / "test.txt")
    source = segfeed.scan(root, "test", orientation="apply")
    assert source.read(0).image.shape == (8, 6, 3)
    assert source.sizes[0].tolist() == [8, 6]


def test_turned_photos_are_packed_apart_from_stored_ones(root, tmp_path):
    put_turned(root, 6, UPRIGHT)
    source = segfeed.scan(root, orientation="apply")
    pack = segfeed.make_pack(source, cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(pack.read(0).image, UPRIGHT)
    assert pack.digests == source.digests
    with pytest.raises(SizeMismatchError):
        segfeed.make_pack(segfeed.scan(root), cache_dir=tmp_path / "cache")
    assert segfeed.make_pack(source, cache_dir=tmp_path / "cache").folder == pack.folder


@pytest.mark.parametrize("orientation", [1, 0, 9])
def test_photo_that_its_exif_tag_leaves_upright_is_read(root, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    put_photo(root, "train_0.jpg", Image.new("RGB", (8, 6), (200, 100, 50)), exif=exif)
    assert segfeed.scan(root).read(0).image.shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.jpg", "CMYK"),
        ("a.jpg", "L"),
        ("a.png", "L"),
        ("a.png", "P"),
        ("a.png", "RGBA"),
        ("a.png", "LA"),
        ("a.png", "1"),
    ],
)
@pytest.mark.slow
def test_photo_of_any_pixel_mode_becomes_rgb_as_pillow_converts_it(root, name, mode):
    rng = np.random.default_rng(3)
    colours = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    name = f"train_0{Path(name).suffix}"
    put_photo(root, name, colours.convert("RGBA").convert(mode) if mode == "LA" else colours.convert(mode))
    image = segfeed.scan(root).read(0).image
    expected = picture_of(root / "JPEGImages" / name)
    assert image.shape == (6, 8, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, expected)


def test_alpha_of_a_photo_is_dropped_and_never_blended(root):
    pixels = np.full((6, 8, 4), 7, np.uint8)
    pixels[..., :3] = (200, 100, 50)
    put_photo(root, "train_0.png", Image.fromarray(pixels))
    assert np.unique(segfeed.scan(root).read(0).image.reshape(-1, 3), axis=0).tolist() == [[200, 100, 50]]


def test_unknown_colour_is_an_error_by_default_and_names_everything(root):
    labels = np.zeros((6, 8))
    labels[2, 3], labels[5, 7] = 40, 40
    put_labels(root, labels, np.array(voc_colours(256)))
    with pytest.raises(UnknownColourError) as caught:
        segfeed.scan(root).read(0)
    red, green, blue = voc_colours(41)[40]
    message = str(caught.value)
    assert message.startswith("train_0.png")
    assert f"row 2, column 3: colour ({red}, {green}, {blue})" in message
    assert "legend 'voc2012' (21 classes)" in message
    assert "2 pixels" in message
    assert 'unknown="void"' in message


@pytest.mark.parametrize(("unknown", "label"), [("void", 255), ("background", 0), ("person", 15)])
@pytest.mark.slow
def test_unknown_colour_becomes_what_was_asked_for(root, unknown, label):
    labels = np.full((6, 8), 3)
    labels[2, 3] = 40
    put_labels(root, labels, np.array(voc_colours(256)))
    found = segfeed.scan(root, unknown=unknown).read(0).labels
    assert found[2, 3] == label
    assert (np.delete(found.ravel(), 2 * 8 + 3) == 3).all()


def test_unknown_that_is_no_class_is_refused_when_scanning(root):
    with pytest.raises(OptionError, match="'dragon'"):
        segfeed.scan(root, unknown="dragon")


def test_void_stays_void_whatever_unknown_says(root):
    labels = segfeed.scan(root, unknown="background").read(0).labels
    assert (labels[0] == 255).all()


def test_legend_may_be_given_as_names(root):
    put_labels(root, np.array([[0, 1, 2] * 2 + [255] * 2] * 6))
    source = segfeed.scan(root, legend=["sky", "road", "car"])
    assert source.legend.names == ("sky", "road", "car")
    assert source.read(0).labels[0].tolist() == [0, 1, 2, 0, 1, 2, 255, 255]


def test_legend_may_be_given_as_a_text_file(root, tmp_path):
    path = tmp_path / "street.txt"
    path.write_text("# classes\nsky,10,20,30\r\nroad,40,50,60\n")
    colours = np.full((6, 8, 3), (40, 50, 60), np.uint8)
    for mask in (root / "SegmentationClass").iterdir():
        Image.fromarray(colours).save(mask)
    source = segfeed.scan(root, legend=path)
    assert source.legend.names == ("sky", "road")
    assert source.legend.title == "street"
    assert (source.read(0).labels == 1).all()


def test_legend_may_be_given_as_a_json_file(root, tmp_path):
    path = tmp_path / "street.json"
    legend = segfeed.Legend(("sky", "road"), ((10, 20, 30), (40, 50, 60)), void_colours=((0, 0, 0),), title="street")
    path.write_text(json.dumps(legend.to_json()))
    source = segfeed.scan(root, legend=str(path))
    assert source.legend == legend
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(root / "SegmentationClass" / "train_0.png")
    assert (segfeed.scan(root, legend=str(path)).read(0).labels == 255).all()


def test_legend_may_be_given_as_a_palette_picture(root, tmp_path):
    path = tmp_path / "palette.png"
    picture = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    picture.putpalette([9, 9, 9, 1, 2, 3, 7, 7, 7])
    picture.save(path)
    source = segfeed.scan(root, legend=path)
    assert source.legend.colours[:3] == ((9, 9, 9), (1, 2, 3), (7, 7, 7))
    Image.fromarray(np.full((6, 8, 3), (7, 7, 7), np.uint8)).save(root / "SegmentationClass" / "train_0.png")
    assert (segfeed.scan(root, legend=path).read(0).labels == 2).all()


def test_a_mask_of_the_dataset_itself_serves_as_a_palette_picture(root):
    source = segfeed.scan(root, legend=root / "SegmentationClass" / "train_1.png")
    assert source.legend.colours[:21] == voc_colours(21)
    np.testing.assert_array_equal(source.read(0).labels, segfeed.scan(root).read(0).labels)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"sky,1,2\n"),
        ("a.txt", b""),
        ("a.txt", b"\xff\xfe\x00\x00"),
        ("a.txt", b"sky,1,2,3\nroad\n"),
        ("a.json", b"{"),
        ("a.json", b"[1, 2]"),
        ("a.json", b'{"nomes": ["sky"]}'),
        ("a.json", b'{"names": ["sky", "Sky"]}'),
    ],
)
def test_legend_file_that_is_none_is_a_legend_error_naming_the_file(root, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(LegendError, match=name):
        segfeed.scan(root, legend=tmp_path / name)


def test_legend_picture_without_a_palette_is_refused(root, tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "rgb.png")
    with pytest.raises(MaskError, match=r"rgb\.png: no palette"):
        segfeed.scan(root, legend=tmp_path / "rgb.png")


def test_legend_file_that_is_missing_is_named(root, tmp_path):
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root, legend=tmp_path / "none.txt")
    assert caught.value.where.endswith("none.txt")
    assert "the legend cannot be read" in caught.value.found


def test_file_that_has_gone_since_the_scan_is_said_to_have_gone(root):
    source = segfeed.scan(root)
    (root / "JPEGImages" / "train_0.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        source.read(0)
    assert caught.value.where.endswith("train_0.png")
    assert "the file has gone since the source was scanned" in caught.value.found


def test_photo_that_is_a_folder_is_refused(root):
    (root / "JPEGImages" / "train_0.png").unlink()
    (root / "JPEGImages" / "train_0.png").mkdir()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root).read(0)
    assert caught.value.where.endswith("JPEGImages")
    assert "train_0.png: a folder" in caught.value.found


@pytest.mark.parametrize("kept", [0, 1, 20, 60, -1])
def test_photo_that_was_cut_off_is_never_decoded(root, kept):
    path = root / "JPEGImages" / "train_0.png"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(PhotoError) as caught:
        segfeed.scan(root).read(0)
    assert "train_0.png" in caught.value.where


@pytest.mark.parametrize("folder", ["JPEGImages", "SegmentationClass"])
@pytest.mark.slow
def test_no_flipped_bit_of_a_png_goes_unseen(root, folder):
    path = root / folder / "train_0.png"
    intact = path.read_bytes()
    source = segfeed.scan(root)
    expected = source.read(0)
    for position in range(0, len(intact), 3):
        broken = bytearray(intact)
        broken[position] ^= 1 << (position % 8)
        path.write_bytes(bytes(broken))
        try:
            pair = source.read(0)
        except SourceError as error:
            assert "train_0.png" in str(error)  # noqa: PT017 - an error or equal pixels: both are right
            continue
        np.testing.assert_array_equal(pair.image, expected.image)
        np.testing.assert_array_equal(pair.labels, expected.labels)


def test_mask_saved_as_jpeg_is_refused(root):
    stream = io.BytesIO()
    colours = np.zeros((6, 8, 3), np.uint8)
    colours[:, 4:] = (128, 0, 0)
    Image.fromarray(colours).save(stream, "JPEG")
    (root / "SegmentationClass" / "train_0.png").write_bytes(stream.getvalue())
    with pytest.raises(MaskError, match=r"train_0\.png: a JPEG of .* colours.*expected a PNG"):
        segfeed.scan(root).read(0)


def test_declared_giant_is_refused_before_memory_is_taken(root):
    path = root / "JPEGImages" / "train_0.png"
    data = bytearray(path.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    with pytest.raises(PhotoError) as caught:
        _ = segfeed.scan(root).sizes
    assert "train_0.png" in caught.value.where


def test_blob_reads_its_bytes_and_knows_its_stamp(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    blob = File.of(str(path))
    status = path.stat()
    assert blob.name == "a.bin"
    assert blob.read() == b"0123456789"
    assert blob.read(4) == b"0123"
    assert blob.stamp == (10, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def test_digests_tell_samples_legend_split_and_task_apart(root):
    first = segfeed.scan(root)
    assert set(first.digests) == {"samples", "legend", "split", "task"}
    shutil.copy(root / "ImageSets/Segmentation/train.txt", root / "ImageSets/Segmentation/other.txt")
    (root / "ImageSets/Segmentation/turned.txt").write_text("train_1\ntrain_0\n")
    others = {
        "samples": segfeed.scan(root, "turned"),
        "legend": segfeed.scan(root, legend=[f"c{n}" for n in range(21)]),
        "split": segfeed.scan(root, "other"),
    }
    for name, other in others.items():
        assert first.digests[name] != other.digests[name], name
    assert first.digests["samples"] == others["split"].digests["samples"]
    assert first.digests["task"] != segfeed.scan(root, task="instance").digests["task"]


def test_digests_do_not_depend_on_where_the_dataset_lies(root, tmp_path):
    shutil.copytree(root, tmp_path / "elsewhere")
    assert segfeed.scan(root).digests == segfeed.scan(tmp_path / "elsewhere").digests


def test_reading_from_another_folder_of_the_process_works_with_relative_paths(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    source = segfeed.scan(Path("VOC2012"))
    assert source.name == "VOC2012"
    assert os.path.basename(source.samples[0].photo.path) == "train_0.png"
    assert source.read(0).image.shape == (6, 8, 3)


def test_current_folder_has_a_name(root, monkeypatch):
    monkeypatch.chdir(root)
    assert segfeed.scan(".").name == "VOC2012"


@pytest.mark.parametrize("grows_by", [-40, -1, 0, 1, 3 << 20])
def test_a_file_that_changed_since_it_was_scanned_is_refused(tmp_path, grows_by):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)))
    blob = File.of(str(path))
    assert blob.read(7) == bytes(range(7))
    path.write_bytes((bytes(range(256)) + bytes(max(grows_by, 0)))[: 256 + grows_by])
    os.utime(path, ns=(blob.stamp[1], blob.stamp[1] + (grows_by == 0)))
    for read in (blob.read, lambda: blob.read(7)):
        with pytest.raises(SourceChangedError) as caught:
            read()
        assert caught.value.where == str(path)
