"""Data of one's own, as people's bug reports about comparable tools describe it: read right, or refused by name.

Each folder is what such a report shows; the docstring or name says what happened to it.
"""

import io
import os
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import segfeed
from little_voc import a_photo
from segfeed.audit.checking import check
from segfeed.errors import DescriptionError, LegendError, MaskError, SourceError

SIZE = (24, 32)
COLOURS = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)
LABELMAP = "background:0,0,0::\nroad:128,0,0::\ncar:0,128,0::\n"
KEYS = tuple(f"p{number}" for number in range(8))


def stripes(*values, size=SIZE, dtype=np.uint8) -> np.ndarray:
    columns = np.arange(size[1]) * len(values) // size[1]
    return np.repeat(np.array(values, dtype)[columns][None], size[0], axis=0)


def save(path: Path, pixels: np.ndarray, **how) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path, **how)


def write(root: Path, mask, names="background\nroad\ncar\n", *, legend="class_names.txt", suffix=".png") -> Path:
    """Write eight photos and a mask for each: an array, or a function of the number that makes one."""
    for number, key in enumerate(KEYS):
        save(root / "images" / f"{key}.jpg", a_photo(key, SIZE))
        save(root / "masks" / f"{key}{suffix}", mask(number) if callable(mask) else mask)
    (root / legend).write_text(names)
    return root


def refused(root: Path) -> SourceError:
    """Check that scan, load and check refuse a dataset alike, and return scan's error."""
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    with pytest.raises(SourceError) as loaded:
        segfeed.load(root, 1, (16, 16), splits=("all", None))
    assert loaded.value.found == caught.value.found
    assert any(one.severity == "error" and one.rule == rule_of(root, caught.value) for one in check(root))
    return caught.value


def rule_of(root: Path, error: SourceError) -> str:
    """Find the finding that says, of all masks, what the error says of a split."""
    rest = error.found.partition(" hold ")[2]
    return next((one.rule for one in check(root) if rest and rest in one.found), "")


def labels(root: Path, **options) -> set[int]:
    source = segfeed.scan(root, "all", **options)
    assert not [one for one in check(root, crop_size=(8, 8), **options) if one.severity == "error"]
    return {int(label) for number in range(len(source)) for label in np.unique(source.read(number).labels)}


# Values that the legend does not know.


@pytest.mark.slow
def test_masks_that_a_plotting_tool_painted_by_a_colour_map_are_refused_with_their_colours(tmp_path):
    viridis = np.array([[68, 1, 84, 255], [32, 144, 140, 255], [253, 231, 36, 255]], np.uint8)
    root = write(tmp_path / "d", viridis[stripes(0, 1, 2)])
    error = refused(root)
    assert "knows none of them" in error.found
    assert "(68, 1, 84): '...'" in error.remedy
    said = {(68, 1, 84): "background", (32, 144, 140): "road", (253, 231, 36): "car"}
    assert labels(root, legend=said) == {0, 1, 2}


@pytest.mark.slow
def test_labels_as_vectors_of_one_and_zeros_are_refused_with_the_vectors(tmp_path):
    root = write(tmp_path / "d", np.eye(3, dtype=np.uint8)[stripes(0, 1, 2)], suffix=".npy")
    assert "(0, 0, 1): '...'" in refused(root).remedy
    assert labels(root, legend={(1, 0, 0): "background", (0, 1, 0): "road", (0, 0, 1): "car"}) == {0, 1, 2}


@pytest.mark.slow
def test_colours_that_were_written_as_blue_green_red_are_named(tmp_path):
    root = write(tmp_path / "d", COLOURS[:, ::-1][stripes(0, 1, 2)], LABELMAP, legend="labelmap.txt")
    error = refused(root)
    assert "(0, 0, 128), but knows it with red and blue exchanged, as 'road'" in error.found
    assert "(0, 0, 128): 'road', (0, 128, 0): 'car'" in error.remedy
    assert labels(root, legend={(0, 0, 0): "background", (0, 0, 128): "road", (0, 128, 0): "car"}) == {0, 1, 2}


@pytest.mark.parametrize("values", [(0, 127, 255), (0, 128, 255), (0, 100, 200), (0, 85, 170)])
@pytest.mark.slow
def test_numbers_that_were_spread_to_be_seen_are_named_with_the_classes_in_order(tmp_path, values):
    root = write(tmp_path / "d", stripes(*values))
    error = refused(root)
    assert "as many values as legend 'd' has classes" in error.found
    said = dict(zip(values, ("background", "road", "car"), strict=True))
    assert f"legend={said!r}" in error.remedy
    assert labels(root, legend=said) == {0, 1, 2}


def test_a_few_unknown_numbers_among_known_ones_are_still_said_by_the_mask_that_holds_them(tmp_path):
    root = write(tmp_path / "d", stripes(0, 1, 127))
    source = segfeed.scan(root, "all")
    with pytest.raises(MaskError, match="index 127"):
        source.read(0)


@pytest.mark.parametrize("palette_of_photos", [False, True])
@pytest.mark.slow
def test_photos_in_the_folder_of_masks_are_refused_before_anything_is_packed(tmp_path, palette_of_photos):
    def mask(number):
        picture = Image.fromarray(a_photo(f"other {number}", SIZE))
        return np.asarray(picture.convert("L") if palette_of_photos else picture)

    error = refused(write(tmp_path / "d", mask))
    assert "may be photos" in error.remedy
    assert "more;" in error.found


def test_what_unknown_values_become_is_not_doubted_once_it_is_said(tmp_path):
    root = write(tmp_path / "d", stripes(0, 85, 170))
    assert labels(root, unknown="void") == {0, 255}


@pytest.mark.slow
def test_a_mask_that_jpeg_had_blurred_before_it_became_png_is_told_in_true_words(tmp_path):
    def mask(_number):
        kept = io.BytesIO()
        Image.fromarray(COLOURS[stripes(0, 1, 2)]).save(kept, "JPEG", quality=90)
        return np.asarray(Image.open(kept))

    found = {(one.rule, one.found.partition(",")[0]) for one in check(write(tmp_path / "d", mask, LABELMAP))}
    assert ("mask-lossy", "25 colours") in found


# Channels and numbers.


@pytest.mark.parametrize("bands", ["LA", "RGBA"])
def test_a_mask_that_lies_in_the_alpha_channel_is_said_to_lie_there(tmp_path, bands):
    pixels = np.zeros((*SIZE, len(bands)), np.uint8)
    pixels[..., -1] = stripes(0, 255)
    root = write(tmp_path / "d", lambda _: pixels)
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root, "all").read(0)
    assert "p0.png: one colour everywhere; only its alpha channel shows something (0, 255)" in caught.value.found
    assert "save the alpha channel alone" in caught.value.remedy


def test_masks_of_8_and_of_16_bits_may_lie_side_by_side(tmp_path):
    root = write(tmp_path / "d", lambda number: stripes(0, 1, 2, dtype=np.uint16 if number % 2 else np.uint8))
    assert labels(root) == {0, 1, 2}


def test_arrays_with_minus_1_for_void_are_refused_with_the_way_to_write_it(tmp_path):
    root = write(tmp_path / "d", stripes(-1, 0, 1, dtype=np.int64), suffix=".npy")
    with pytest.raises(MaskError) as caught:
        segfeed.scan(root, "all").read(0)
    assert caught.value.found == "no mask of split 'all' can be read, the first is p0.npy: values from -1 to 1"
    assert caught.value.remedy == "write void as 255, or as an id of its own"


def test_a_value_cannot_be_a_class_and_void(tmp_path):
    classes = '[classes]\n0 = "background"\n255 = "road"\nvoid = [255]\n'
    root = write(tmp_path / "d", stripes(0, 255))
    (root / "segfeed.toml").write_text(f'photos = "images/{{key}}.jpg"\nmasks = "masks/{{key}}.png"\n{classes}')
    with pytest.raises(DescriptionError, match="255 is void and 'road'"):
        segfeed.scan(root, "all")


def test_binary_masks_without_a_legend_are_told_how_to_say_what_255_is(tmp_path):
    root = write(tmp_path / "d", stripes(0, 255))
    (root / "class_names.txt").unlink()
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root, "all")
    assert 'legend={0: "background", 255: "..."}' in caught.value.found


# Legend files that programs have written again.


@pytest.mark.parametrize(
    "table",
    [
        "\ufeffname, r, g, b\nbackground, 0, 0, 0\n\nroad , 128, 0,0\n car,0,128,0\n,,,\n",
        "name,r,g,b\nbackground,0.0,0.0,0.0\nroad,128.0,0.0,0.0\ncar,0.0,128.0,0.0\n",
        "name\tr\tg\tb\r\nbackground\t0\t0\t0\r\nroad\t128\t0\t0\r\ncar\t0\t128\t0\r\n",
    ],
    ids=["blanks", "floats", "tabs"],
)
@pytest.mark.slow
def test_a_table_of_colours_may_hold_blanks_and_whole_floats(tmp_path, table):
    root = write(tmp_path / "d", COLOURS[stripes(0, 1, 2)], table, legend="class_dict.csv")
    assert segfeed.scan(root, "all").legend.names == ("background", "road", "car")
    assert labels(root) == {0, 1, 2}


def test_colours_between_0_and_1_are_no_bytes(tmp_path):
    table = "name,r,g,b\nbackground,0.0,0.0,0.0\nroad,0.5,0.0,0.0\n"
    root = write(tmp_path / "d", COLOURS[stripes(0, 1)], table, legend="class_dict.csv")
    with pytest.raises(LegendError, match="line 3"):
        segfeed.scan(root, "all")


# Files.


@pytest.mark.slow
def test_what_systems_leave_beside_pictures_is_no_picture(tmp_path):
    root = write(tmp_path / "d", stripes(0, 1, 2))
    for key in KEYS:
        for folder, suffix in (("images", ".jpg"), ("masks", ".png")):
            (root / folder / f"._{key}{suffix}").write_bytes(b"\0\5\x16\7")
            save(root / folder / ".ipynb_checkpoints" / f"{key}-checkpoint{suffix}", a_photo(key, SIZE))
    for name in (".DS_Store", "images/Thumbs.db", "masks/desktop.ini", "._class_names.txt"):
        (root / name).write_bytes(b"\0\5\x16\7")
    (root / "__MACOSX" / "images").mkdir(parents=True)
    assert labels(root) == {0, 1, 2}
    assert segfeed.scan(root, "all").keys == KEYS


def test_one_photo_as_jpeg_and_as_png_is_two_photos_of_a_sample(tmp_path):
    root = write(tmp_path / "d", stripes(0, 1, 2))
    save(root / "images" / "p3.png", a_photo("p3", SIZE))
    with pytest.raises(SourceError, match=r"sample p3 has 2 photos \(p3\.jpg, p3\.png\)"):
        segfeed.scan(root, "all")


@pytest.mark.parametrize("start", ["/home/anna/roads/", "C:\\data\\roads\\", "../roads/"])
@pytest.mark.slow
def test_lists_may_hold_the_paths_of_another_machine(tmp_path, start):
    root = write(tmp_path / "d", stripes(0, 1, 2))
    sign = "\\" if "\\" in start else "/"
    for split, keys in (("train", KEYS[:6]), ("val", KEYS[6:])):
        lines = (f"{start}images{sign}{key}.jpg,{start}masks{sign}{key}.png\r\n" for key in keys)
        (root / f"{split}.txt").write_text("".join(lines))
    source = segfeed.scan(root, "val")
    assert source.keys == KEYS[6:]
    assert [sample.mask.name for sample in source.samples] == ["p6.png", "p7.png"]


def test_decomposed_names_in_a_list_mean_composed_ones_on_disk(tmp_path):
    root = write(tmp_path / "d", stripes(0, 1, 2))
    names = {key: f"caf\u00e9 {key}" for key in KEYS}
    for key, name in names.items():
        os.rename(root / "images" / f"{key}.jpg", root / "images" / f"{unicodedata.normalize('NFD', name)}.jpg")
        os.rename(root / "masks" / f"{key}.png", root / "masks" / f"{name}.png")
    (root / "train.txt").write_text("".join(f"{unicodedata.normalize('NFD', names[key])}\n" for key in KEYS[:6]))
    (root / "val.txt").write_text("".join(f"{names[key]}\n" for key in KEYS[6:]))
    assert segfeed.scan(root, "train").keys == tuple(names[key] for key in KEYS[:6])


def test_masks_of_one_pixel_more_are_refused_with_both_sizes(tmp_path):
    root = write(tmp_path / "d", lambda number: stripes(0, 1, 2, size=(25, 33) if number == 3 else SIZE))
    (found,) = [one for one in check(root, crop_size=(8, 8)) if one.severity == "error"]
    assert (found.rule, found.key, found.expected) == ("size-mismatch", "p3", "the photo's 32 x 24")


def test_a_gamma_chunk_changes_no_colour_of_a_mask(tmp_path):
    root = write(tmp_path / "d", COLOURS[stripes(0, 1, 2)], LABELMAP, legend="labelmap.txt")
    for key in KEYS:
        path = root / "masks" / f"{key}.png"
        with Image.open(path) as picture:
            kept = picture.copy()
        chunks = PngInfo()
        chunks.add(b"gAMA", (45455).to_bytes(4, "big"))
        kept.save(path, pnginfo=chunks)
        assert b"gAMA" in path.read_bytes()[:100]
    assert labels(root) == {0, 1, 2}


def test_photos_and_masks_in_archives_are_said_to_be_unpacked(tmp_path):
    for name in ("images", "masks"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr(f"{name}/p0.png", b"x")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert "no picture in 1 folder, 0 deep, but files of other kinds: 2 .zip" in caught.value.found
    assert "unpack each archive" in caught.value.remedy


@pytest.mark.parametrize("folders", [("left_masks", "right_masks"), ("masks/car", "masks/road")])
def test_several_folders_of_masks_are_all_named_and_none_is_chosen(tmp_path, folders):
    root = tmp_path / "d"
    for key in KEYS:
        save(root / "images" / f"{key}.jpg", a_photo(key, SIZE))
        for folder in folders:
            save(root / folder / f"{key}.png", stripes(0, 255))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    assert f"fit masks in each of {' and '.join(folders)}" in caught.value.found
    assert all(f'"{folder}/{{key}}.png"' in caught.value.remedy for folder in folders)


NAMES, TABLE = "background\nroad\ncar\n", "name,r,g,b\nbackground,0,0,0\nroad,128,0,0\ncar,0,128,0\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"class_names.txt": NAMES}, "index 1 means 'road' by its number and 'car' by its colour"),
        (
            {"classes.txt": "0 background\n1 road\n2 car\n", "class_dict.csv": TABLE},
            "index 1 means 'road' by its number",
        ),
        ({"class_names.txt": NAMES, "class_dict.csv": TABLE}, ""),
        ({"labelmap.txt": LABELMAP}, ""),
    ],
)
@pytest.mark.slow
def test_one_palette_in_another_order_for_all_masks_is_told_by_the_colours_of_its_legend(tmp_path, files, found):
    root = tmp_path / "d"
    for key in KEYS:
        save(root / "images" / f"{key}.jpg", a_photo(key, SIZE))
        mask = Image.fromarray(stripes(0, 1, 2))
        mask.putpalette([0, 0, 0, 0, 128, 0, 128, 0, 0, *[0] * 759])
        (root / "masks").mkdir(exist_ok=True)
        mask.save(root / "masks" / f"{key}.png")
    for name, text in files.items():
        (root / name).write_text(text)
    if found:
        with pytest.raises(MaskError, match=found):
            segfeed.scan(root, "all")
    else:
        assert segfeed.scan(root, "all").read(0).labels[0, [0, 15, 31]].tolist() == [0, 2, 1]


def test_a_folder_of_a_dataset_is_said_to_be_a_part_of_it(tmp_path):
    root = write(tmp_path / "d", stripes(0, 1, 2))
    for part in ("images", "masks"):
        with pytest.raises(SourceError) as caught:
            segfeed.scan(root / part)
        assert caught.value.found.endswith(f"this is a part of the dataset in {root} (folders)")
        assert caught.value.remedy == f"pass the path of the whole: segfeed scan {root}"


def test_several_datasets_of_several_formats_are_said_to_be_several(tmp_path, write_voc):
    root = write_voc(tmp_path / "all" / "VOC2012", {"train": [(6, 8)], "val": [(6, 8)]})
    (tmp_path / "all" / "cam" / "train").mkdir(parents=True)
    save(tmp_path / "all" / "cam" / "train" / "a.png", a_photo("a", SIZE))
    save(tmp_path / "all" / "cam" / "trainannot" / "a.png", stripes(0, 1))
    (tmp_path / "all" / "cam" / "train.txt").write_text("train/a.png trainannot/a.png\n")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path / "all")
    assert "it looks like several formats" in caught.value.found
    assert caught.value.remedy in {f"pass the path of one, such as {folder}" for folder in (root, root.parent / "cam")}


def test_shapes_on_a_map_are_said_to_be_such(tmp_path):
    save(tmp_path / "d" / "a.png", a_photo("a", SIZE))
    (tmp_path / "d" / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path / "d")
    assert "GeoJSON, but no FeatureCollection" in caught.value.found
    assert "rasterize" in caught.value.remedy


def test_several_sets_of_shapes_are_said_to_be_several(shared_data):
    for name, first in (("supervisely", "instance (supervisely_json)"), ("yolo_seg", "(yolo)")):
        with pytest.raises(SourceError) as caught:
            segfeed.scan(shared_data / "vector" / name)
        assert first in caught.value.found
        assert "pass the path of one" in caught.value.remedy


def test_pictures_beside_datasets_of_shapes_are_no_part_of_them(shared_data):
    with pytest.raises(SourceError) as caught:
        segfeed.scan(shared_data / "odd")
    assert "part of" not in caught.value.found
