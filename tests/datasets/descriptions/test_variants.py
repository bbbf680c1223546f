"""Variants: one dataset with several kinds of masks: which one counts, and none is taken in silence for another."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.datasets.opening import open_dataset
from segfeed.errors import DescriptionError, OptionError, SourceError, SourceMissingError

COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "blue": (0, 0, 255), "red": (255, 0, 0)}


def save(path: Path, pixels, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(pixels, np.uint8), mode).save(path)


def photos(root: Path, pattern: str, count: int = 2) -> Path:
    for number in range(count):
        save(root / pattern.format(number), np.full((1, 4, 3), number))
    return root


def masks(root: Path, pattern: str, stored, count: int = 2) -> Path:
    for number in range(count):
        save(root / pattern.format(number), [stored])
    return root


def labels(source) -> list[int]:
    return source.read(0).labels[0].tolist()


@pytest.mark.parametrize("kind", ["labelTrainIds", "trainIds"])
@pytest.mark.parametrize("city", ["aachen/", ""])
def test_cityscapes_with_train_ids_alone_in_cities_or_without(tmp_path, kind, city):
    root = photos(tmp_path / "d", f"leftImg8bit/train/{city}aachen_{{}}_leftImg8bit.png")
    masks(root, f"gtFine/train/{city}aachen_{{}}_gtFine_{kind}.png", [0, 1, 18, 255])
    source = segfeed.scan(root)
    assert (source.format, source.legend.title) == ("cityscapes", "cityscapes trainIds")
    assert labels(source) == [0, 1, 18, 255]
    assert f"masks such as aachen_0_gtFine_{kind}.png count" in source.why


def test_coarse_masks_are_not_taken_for_fine_ones_that_are_half_unpacked(tmp_path):
    root = photos(tmp_path / "d", "leftImg8bit/train/a/a_{}_leftImg8bit.png")
    masks(root, "gtFine/train/a/a_{}_gtFine_instanceIds.png", [7, 8, 26, 0])
    masks(root, "gtCoarse/train/a/a_{}_gtCoarse_labelIds.png", [7, 8, 26, 0])
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert caught.value.where.endswith("gtFine/train")
    assert "though there are masks in gtCoarse/{split}" in caught.value.found
    for path in (root / "gtFine/train").rglob("*.png"):
        path.unlink()
    (root / "gtFine/train/a").rmdir()
    (root / "gtFine/train").rmdir()
    assert labels(segfeed.scan(root)) == [0, 1, 13, 255]


def test_cityscapes_with_colours_alone_says_what_makes_the_masks(tmp_path):
    root = photos(tmp_path / "d", "leftImg8bit/train/a/a_{}_leftImg8bit.png")
    masks(root, "gtFine/train/a/a_{}_gtFine_color.png", [(128, 64, 128)] * 4)
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert caught.value.found.startswith("no mask named *_gtFine_labelIds or *_gtFine_labelTrainIds")
    assert "cityscapesscripts makes labelIds" in caught.value.remedy


@pytest.mark.parametrize("names", ["{:012}", "COCO_train2014_{:012}"])
def test_coco_stuff_that_was_converted_has_train_ids(tmp_path, names):
    root = photos(tmp_path / "d", f"images/train2014/{names}.jpg")
    masks(root, f"annotations/train2014/{names}_labelTrainIds.png", [0, 11, 170, 255])
    source = segfeed.scan(root)
    assert (source.format, source.legend.title) == ("coco_stuff", "coco-stuff trainIds")
    assert source.legend.names[170] == "wood"
    assert labels(source) == [0, 11, 170, 255]


def test_coco_stuff_10k_as_it_is_released_is_refused_for_its_matlab_files(tmp_path):
    root = photos(tmp_path / "d", "images/COCO_train2014_{:012}.jpg")
    (root / "annotations").mkdir()
    (root / "annotations" / "COCO_train2014_000000000000.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(SourceError, match=r"MATLAB files.*write the numbers"):
        segfeed.scan(root)


def test_bdd100k_with_colours_alone(tmp_path):
    root = photos(tmp_path / "d", "images/10k/train/{}.jpg")
    masks(root, "labels/sem_seg/colormaps/train/{}.png", [(128, 64, 128), (0, 0, 0), (0, 0, 142), (70, 70, 70)])
    assert labels(segfeed.scan(root)) == [0, 255, 13, 2]
    masks(root, "labels/sem_seg/masks/train/{}.png", [18, 255, 0, 1])
    assert labels(segfeed.scan(root)) == [18, 255, 0, 1]


def test_potsdam_without_boundaries_has_void_where_they_are(tmp_path):
    root = photos(tmp_path / "d", "2_Ortho_RGB/top_potsdam_2_{}_RGB.tif", 6)
    masks(
        root, "5_Labels_all_noBoundary/top_potsdam_2_{}_label_noBoundary.tif",
        [COLOURS[name] for name in ("white", "black", "blue", "red")], 6,
    )  # fmt: skip
    source = segfeed.scan(root)
    assert (source.format, labels(source)) == ("potsdam", [0, 255, 1, 5])
    masks(
        root, "5_Labels_all/top_potsdam_2_{}_label.tif",
        [COLOURS[name] for name in ("white", "white", "blue", "red")], 6,
    )  # fmt: skip
    assert labels(segfeed.scan(root)) == [0, 0, 1, 5]


def test_potsdam_with_infrared_leaves_that_out(tmp_path):
    root = tmp_path / "d"
    pixels = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 4), np.uint8)
    for number in range(6):
        save(root / f"4_Ortho_RGBIR/top_potsdam_2_{number}_RGBIR.tif", pixels[number], "RGBA")
    masks(root, "5_Labels_all/top_potsdam_2_{}_label.tif", [COLOURS["white"]] * 3 + [COLOURS["red"]], 6)
    source = segfeed.scan(root, "all")
    assert "photos in 4_Ortho_RGBIR" in source.why
    for index in range(6):
        np.testing.assert_array_equal(source.read(index).image, pixels[index, ..., :3])
    assert labels(source) == [0, 0, 0, 5]


def test_vaihingen_that_is_eroded_has_void_where_boundaries_are(tmp_path):
    root = photos(tmp_path / "d", "top/top_mosaic_09cm_area{}.tif", 7)
    masks(
        root, "gts_eroded_for_participants/top_mosaic_09cm_area{}_noBoundary.tif",
        [COLOURS[name] for name in ("white", "black", "blue", "red")], 6,
    )  # fmt: skip
    source = segfeed.scan(root, "all")
    assert (source.format, len(source), labels(source)) == ("vaihingen", 6, [0, 255, 1, 5])


def test_pascal_context_of_60_classes_is_the_same_with_a_legend(tmp_path):
    root = photos(tmp_path / "d", "JPEGImages/2008_{}.jpg")
    masks(root, "SegmentationClassContext/2008_{}.png", [0, 1, 59, 2])
    (root / "ImageSets/SegmentationContext").mkdir(parents=True)
    (root / "ImageSets/SegmentationContext/train.txt").write_text("2008_0\n2008_1\n")
    assert labels(segfeed.scan(root)) == [255, 0, 58, 1]
    names = ["background", *segfeed.scan(root).legend.names]
    assert labels(segfeed.scan(root, legend=names)) == [0, 1, 59, 2]


def test_ade20k_with_jpegs_as_masks_is_refused_for_what_they_are(tmp_path):
    root = photos(tmp_path / "d", "images/training/ADE_train_{}.jpg")
    masks(root, "annotations/training/ADE_train_{}.jpg", [0, 1, 150, 2])
    with pytest.raises(SourceError, match=r"a JPEG of .* colours"):
        segfeed.scan(root).read(0)


def test_ade20k_in_folders_of_other_words_and_of_two_words_at_once(tmp_path):
    root = photos(tmp_path / "d", "images/train/ADE_train_{}.jpg")
    masks(root, "annotations/train/ADE_train_{}.png", [0, 1, 150, 2])
    assert labels(segfeed.scan(root)) == [255, 0, 149, 1]
    photos(root, "images/training/ADE_train_{}.jpg", 1)
    masks(root, "annotations/training/ADE_train_{}.png", [0, 1, 150, 3], 1)
    assert labels(segfeed.scan(root)) == [255, 0, 149, 2]  # "training" goes first; check names the other folder


OWN = """photos = "img/{name}.png"

[[variants]]
masks = "fine/{name}.png"
[variants.classes]
0 = "sky"
1 = "sea"

[[variants]]
masks = "rough/{name}.png"
objects = "objects/{name}.png"
[variants.classes]
0 = "sky"
9 = "sea"
"""


def test_a_description_of_ones_own_may_have_variants(tmp_path):
    root = photos(tmp_path / "d", "img/{}.png", 4)
    masks(root, "rough/{}.png", [0, 9, 9, 0], 4)
    masks(root, "objects/{}.png", [0, 1, 2, 0], 4)
    (root / "segfeed.toml").write_text(OWN)
    assert labels(segfeed.scan(root, "all")) == [0, 1, 1, 0]
    assert labels(segfeed.scan(root, "all", task="instance")) == [0, 1, 2, 0]
    masks(root, "fine/{}.png", [1, 0, 0, 1], 4)
    assert labels(segfeed.scan(root, "all")) == [1, 0, 0, 1]
    (root / "segfeed.toml").write_text(OWN.replace('objects = "objects/{name}.png"\n', ""))
    with pytest.raises(OptionError, match="describes no object masks"):
        segfeed.scan(root, "all", task="instance")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('masks = "rough/{name}.png"\n', "", "line 9: a variant without masks"),
        ('"objects/{name}.png"', '"objects/{nmae}.png"', "line 11: pattern 'objects/{nmae}.png'"),
        ('9 = "sea"', 'nine = "sea"', "line 14: 'nine' is not a stored value"),
        ("objects =", "object =", "line 11: the key 'object' has no meaning in [variants]"),
        ('photos = "img/{name}.png"', "", "it does not say where photos lie"),
        ("[[variants]]", "[variants]", "this is not TOML"),
    ],
)
def test_what_is_wrong_in_a_variant_is_named_by_its_own_line(old, new, found):
    with pytest.raises(DescriptionError) as caught:
        parse_description(OWN.replace(old, new), "segfeed.toml")
    assert found in caught.value.found


@pytest.mark.slow
def test_folds_are_balanced_by_the_masks_of_the_variant_that_counts(tmp_path):
    root = photos(tmp_path / "d", "img/{:02d}.png", 24)
    for number in range(24):
        save(root / f"new/{number:02d}.png", [[0, 0, 1, 2 if number < 8 else 1]])
    text = '[splits]\nstratify = true\n[classes]\n0 = "a"\n1 = "b"\n2 = "rare"\n'
    variants = "".join(f'[[variants]]\nmasks = "{folder}/{{name}}.png"\n' for folder in ("old", "new"))
    (root / "segfeed.toml").write_text(f'note = "Drawn twice."\nphotos = "img/{{name}}.png"\n{text}{variants}')
    folds = [segfeed.scan(root, f"all[fold={number}/4]").keys for number in range(4)]
    assert sorted(key for fold in folds for key in fold) == [f"{number:02d}" for number in range(24)]
    assert [sum(int(key) < 8 for key in fold) for fold in folds] == [2] * 4
    assert open_dataset(root).note == "Drawn twice."
    (root / "segfeed.toml").write_text(f'photos = "img/{{name}}.png"\n{text}{variants}'.replace("true", "false"))
    assert [segfeed.scan(root, f"all[fold={number}/4]").keys for number in range(4)] != folds
