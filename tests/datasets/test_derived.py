"""Photos of chosen bands and masks merged from many: exact in scan, load, check and export, or refused by name."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.blobs import File
from segfeed.datasets.derived import ChosenBands, MergedMask
from segfeed.datasets.export import export_splits
from segfeed.errors import DescriptionError, MaskError, OptionError, PhotoError, SegfeedError, SizeMismatchError
from segfeed.pixels.codec import decode_mask, read_photo_header

HEIGHT, WIDTH = 6, 8
PIECES = {"a": (0, 3), "b": (3, 5), "c": (6, 8)}  # mask -> the columns in which it shows a nucleus
MERGED = [0, 0, 0, 0, 0, 1, 0, 0]


def piece(path: Path, left: int, right: int, value: int | tuple[int, int, int] = 255, size=(HEIGHT, WIDTH)) -> Path:
    pixels = np.zeros(size if isinstance(value, int) else (*size, 3), np.uint8)
    pixels[:2, left:right] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def expected(*, numbered: bool) -> np.ndarray:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, (left, right) in enumerate(PIECES.values(), 1):
        labels[:2, left:right] = number if numbered else 1
    return labels


@pytest.fixture
def root(tmp_path) -> Path:
    """Return two photos in the layout of Data Science Bowl 2018, RGBA as there."""
    root = tmp_path / "dsb"
    for number, key in enumerate(("00ae65", "0121d6", "01d44a")):
        folder = root / "stage1_train" / key
        for name, columns in PIECES.items():
            piece(folder / "masks" / f"{key}{name}.png", *columns)
        (folder / "images").mkdir()
        Image.new("RGBA", (WIDTH, HEIGHT), (number, 1, 2, 255)).save(folder / "images" / f"{key}.png")
    return root


def test_masks_of_nuclei_become_one_label_map(root):
    source = segfeed.scan(root)
    assert (source.format, source.split, source.legend.names) == ("dsb2018", "train", ("background", "nucleus"))
    assert source.keys == ("00ae65", "0121d6", "01d44a")
    np.testing.assert_array_equal(source.read(1).labels, expected(numbered=False))
    found = segfeed.check(root)
    assert found.count()["error"] == 0
    assert "file-unlisted" not in {finding.rule for finding in found.findings}


def test_nuclei_get_their_numbers_as_objects(root):
    source = segfeed.scan(root, task="instance")
    np.testing.assert_array_equal(source.read(0).labels, expected(numbered=True))


@pytest.mark.slow
def test_what_a_mask_merges_ends_in_packs_and_a_changed_piece_is_seen(root, tmp_path):
    options = {
        "splits": ("train", None),
        "batch_size": 3,
        "crop_size": (HEIGHT, WIDTH),
        "cache_dir": tmp_path / "cache",
    }
    feed, _ = segfeed.load(root, **options)
    assert {int(value) for batch in feed for value in np.unique(batch.labels)} == {0, 1}
    before = segfeed.scan(root).samples[0].mask
    piece(root / "stage1_train/00ae65/masks/00ae65b.png", 0, 1)
    assert not before.is_unchanged()
    assert segfeed.scan(root).samples[0].mask.stamp != before.stamp


def test_an_export_holds_the_merged_masks(root, tmp_path):
    export_splits([segfeed.scan(root)], tmp_path / "voc", "voc")
    labels = segfeed.scan(tmp_path / "voc").read(0).labels
    np.testing.assert_array_equal(labels, expected(numbered=False))


def test_nuclei_that_overlap_are_one_class_but_not_two_objects(root):
    piece(root / "stage1_train/0121d6/masks/0121d6b.png", 2, 5)
    np.testing.assert_array_equal(segfeed.scan(root).read(1).labels, expected(numbered=False))
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root, task="instance").read(1)
    assert caught.value.where == "0121d6b.png"
    assert "shares 2 pixels with 0121d6a.png" in caught.value.found


def test_a_photo_whose_masks_are_gone_is_missing_them(root):
    for path in (root / "stage1_train/0121d6/masks").iterdir():
        path.unlink()
    with pytest.raises(SegfeedError) as caught:
        segfeed.scan(root)
    assert "have no mask: 0121d6" in caught.value.found


@pytest.mark.parametrize(
    ("value", "size", "error", "found"),
    [
        (255, (HEIGHT, WIDTH + 1), SizeMismatchError, "9 x 6 and 8 x 6 px"),
        ((9, 9, 9), (HEIGHT, WIDTH), None, ""),
        (7, (HEIGHT, WIDTH), None, ""),
    ],
)
@pytest.mark.slow
def test_pieces_may_be_of_any_value_or_colour_but_of_one_size(root, value, size, error, found):
    piece(root / "stage1_train/00ae65/masks/00ae65b.png", *PIECES["b"], value, size)
    if error is None:
        np.testing.assert_array_equal(segfeed.scan(root).read(0).labels, expected(numbered=False))
        return
    with pytest.raises(error) as caught:
        segfeed.scan(root).read(0)
    assert found in caught.value.found


def test_a_piece_of_several_values_is_not_one_object(root):
    Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)).save(
        root / "stage1_train/00ae65/masks/00ae65b.png"
    )
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root).read(0)
    assert "47 values beside 0" in caught.value.found


@pytest.mark.slow
def test_more_objects_than_ids_are_refused(tmp_path):
    files = tuple(File.of(str(piece(tmp_path / f"{n:03}.png", 0, 1, size=(1, 300)))) for n in range(254))
    with pytest.raises(MaskError, match="254 objects"):
        MergedMask(files, is_numbered=True).read()
    assert decode_mask(MergedMask(files, is_numbered=False).read()).pixels.sum() == 1


def test_a_folder_a_photo_of_ones_own_is_refused_with_the_lines_that_read_it(tmp_path):
    top = tmp_path / "cells"
    for key in ("x1", "x2"):
        piece(top / key / "masks" / "n1.png", 0, 2)
        piece(top / key / "masks" / "n2.png", 4, 6)
        (top / key / "images").mkdir()
        Image.new("RGB", (WIDTH, HEIGHT), (len(key), 2, 3)).save(top / key / "images" / f"{key}.png")
    with pytest.raises(SegfeedError) as caught:
        segfeed.scan(top)
    assert "merge = true" in caught.value.remedy
    said = dict(part.split(" = ") for part in caught.value.remedy.split("write ")[1].split(" and [")[0].split(", "))
    text = "".join(f"{key} = {value}\n" for key, value in said.items()) + '[classes]\n0 = "no cell"\n1 = "cell"\n'
    (top / "segfeed.toml").write_text(text)
    assert segfeed.scan(top, "all").read(0).labels.sum() == 8


def test_numbered_masks_beside_each_other_are_refused_with_the_lines_that_read_them(tmp_path):
    top = tmp_path / "cells"
    (top / "images").mkdir(parents=True)
    for key in ("x1", "x2", "x3"):
        for number in range(3):
            piece(top / "masks" / f"{key}_mask_{number}.png", 2 * number, 2 * number + 1)
        Image.new("RGB", (WIDTH, HEIGHT), (int(key[1]), 2, 3)).save(top / "images" / f"{key}.png")
    with pytest.raises(SegfeedError) as caught:
        segfeed.scan(top)
    assert 'merge = true and masks = "masks/{name}_mask_*.png"' in caught.value.remedy
    text = (
        'photos = "images/{name}.png"\nmasks = "masks/{name}_mask_*.png"\nmerge = true\n[classes]\n0 = "a"\n1 = "b"\n'
    )
    (top / "segfeed.toml").write_text(text)
    assert segfeed.scan(top, "all").read(0).labels.sum() == 6


# Bands


def save_four(path: Path) -> np.ndarray:
    pixels = np.random.default_rng(int(path.stem)).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels, "RGBA").save(path)  # a fourth band, whatever the file calls it
    return pixels


def say(root: Path, bands: str, suffix: str = "tif") -> Path:
    text = f'photos = "img/{{name}}.{suffix}"\nmasks = "gt/{{name}}.png"\nbands = {bands}\n'
    (root / "segfeed.toml").write_text(text + '[classes]\n0 = "a"\n1 = "b"\n')
    (root / "gt").mkdir(exist_ok=True)
    for path in (root / "img").iterdir():
        Image.fromarray(np.eye(HEIGHT, WIDTH, dtype=np.uint8)).save(root / "gt" / f"{path.stem}.png")
    return root


@pytest.mark.parametrize("bands", [(1, 2, 3), (4, 1, 2), (2, 2, 2)])
@pytest.mark.slow
def test_three_of_four_bands_are_the_photo(tmp_path, bands):
    pixels = [save_four(tmp_path / f"img/{n}.tif") for n in range(3)]
    source = segfeed.scan(say(tmp_path, str(list(bands))), "all")
    assert source.read(0).image.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(source.read(0).image, pixels[0][..., [band - 1 for band in bands]])
    assert segfeed.check(tmp_path).count()["error"] == 0
    assert "file-unlisted" not in {finding.rule for finding in segfeed.check(tmp_path).findings}


def test_a_fourth_band_without_bands_stays_refused(tmp_path):
    save_four(tmp_path / "img/0.tif")
    root = say(tmp_path, "[1, 2, 3]")
    (root / "segfeed.toml").write_text((root / "segfeed.toml").read_text().replace("bands = [1, 2, 3]\n", ""))
    with pytest.raises(PhotoError, match="neither colour nor opaque alpha"):
        segfeed.scan(root, "all").read(0)


@pytest.mark.slow
def test_other_bands_are_another_pack(tmp_path):
    for number in range(3):
        save_four(tmp_path / f"img/{number}.tif")
    options = {"splits": ("all", None), "batch_size": 3, "crop_size": (HEIGHT, WIDTH), "cache_dir": tmp_path / "cache"}
    sums = []
    for bands in ("[1, 2, 3]", "[4, 4, 4]"):
        feed, _ = segfeed.load(say(tmp_path, bands), **options)
        sums.append(sum(int(batch.images.astype(np.int64).sum()) for batch in feed))
    assert sums[0] != sums[1]


def test_the_head_of_a_photo_says_its_size_without_decoding_it(tmp_path):
    save_four(tmp_path / "img/0.tif")
    photo = ChosenBands(File.of(str(tmp_path / "img/0.tif")), (4, 1, 2))
    for data in (photo.read(1 << 16), photo.read()):
        header = read_photo_header(data, photo.name)
        assert (header.height, header.width) == (HEIGHT, WIDTH)
    assert photo.address.endswith("0.tif:bands 4,1,2")


def test_colours_of_a_png_can_be_put_in_another_order(tmp_path):
    (tmp_path / "img").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "img/0.png")
    source = segfeed.scan(say(tmp_path, "[3, 2, 1]", "png"), "all")
    np.testing.assert_array_equal(source.read(0).image, pixels[..., ::-1])


@pytest.mark.parametrize(
    ("bands", "suffix", "found"),
    [("[5, 1, 2]", "tif", "bands 5, 1, 2 are asked for"), ("[4, 1, 2]", "png", "bands 4, 1, 2 are asked for"),
     ("[1, 2, 3]", "jpg", "a JPEG")],
)  # fmt: skip
def test_bands_that_are_not_there_are_refused(tmp_path, bands, suffix, found):
    if suffix == "tif":
        save_four(tmp_path / "img/0.tif")
    else:
        (tmp_path / "img").mkdir()
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / f"img/0.{suffix}")
    with pytest.raises(PhotoError) as caught:
        segfeed.scan(say(tmp_path, bands, suffix), "all").read(0)
    assert found in caught.value.found


@pytest.mark.parametrize("bands", ["[1, 2]", "[0, 1, 2]", '["r", "g", "b"]', "[true, 1, 2]", "3"])
def test_bands_are_three_numbers(tmp_path, bands):
    (tmp_path / "img").mkdir()
    with pytest.raises(DescriptionError) as caught:
        segfeed.scan(say(tmp_path, bands))
    assert caught.value.found.startswith("line 3: bands = ")


def test_an_orientation_of_a_photo_with_bands_is_kept(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    out = io.BytesIO()
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 4), np.uint8), "RGBA").save(out, "TIFF", exif=exif)
    (tmp_path / "0.tif").write_bytes(out.getvalue())
    photo = ChosenBands(File.of(str(tmp_path / "0.tif")), (4, 1, 2))
    assert read_photo_header(photo.read(), photo.name).orientation == 6


def test_merge_without_several_masks_is_refused_with_its_line(root):
    (root / "segfeed.toml").write_text('photos = "i/{key}.png"\nmasks = "m/{key}.png"\nmerge = true\n')
    with pytest.raises(DescriptionError, match="line 3: merge, but the pattern of masks fits one file a key"):
        segfeed.scan(root)


def test_task_instance_needs_objects(root):
    text = 'photos = "stage1_train/{name}/images/{name}.png"\nmasks = "stage1_train/{name}/masks/*.png"\nmerge = true\n'
    (root / "segfeed.toml").write_text(text)
    with pytest.raises(OptionError, match="describes no object masks"):
        segfeed.scan(root, "all", task="instance")


@pytest.mark.slow
def test_splits_are_balanced_by_all_masks_that_are_merged(tmp_path):
    root = tmp_path / "set"
    for number in range(20):
        key, is_shown = f"{number:02d}", number % 2 == 1
        (root / "img").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (number, 0, 0)).save(root / f"img/{key}.png")
        piece(root / "first" / f"{key}.png", 0, 0)  # shows nothing: only all masks together say what is there
        piece(root / "second" / f"{key}.png", 0, 3 * is_shown)
    (root / "segfeed.toml").write_text(
        'photos = "img/{name}.png"\nmasks = "*/{name}.png"\nmerge = true\n'
        '[splits]\nhash = { train = 50, val = 50 }\nstratify = true\n[classes]\n0 = "background"\n1 = "thing"\n'
    )
    for split in ("train", "val", "all[fold=0/2]"):
        source = segfeed.scan(root, split)
        assert sum(int(key) % 2 for key in source.keys) == 5, split
        shown = source.keys.index(next(key for key in source.keys if int(key) % 2))
        assert source.read(shown).labels[:2, :3].tolist() == [[1] * 3] * 2
