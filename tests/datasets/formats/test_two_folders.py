"""Two plain folders: which layouts count, how they are split, and what is said where nothing names the classes."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.formats import two_folders
from segfeed.datasets.opening import Opening, open_dataset
from segfeed.datasets.overview import describe
from segfeed.errors import LegendError, ListError, MaskError, SourceError, SourceMissingError
from segfeed.pixels.objects import Objects
from segfeed.pixels.palette import voc_colours

KEYS = tuple(f"{number:04d}" for number in range(12))


def save(path: Path, pixels: list | np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(pixels, np.uint8)).save(path)


def write_pairs(photos: Path, masks: Path | None, keys: tuple[str, ...] = KEYS, mask: str = "{}.png") -> None:
    for number, key in enumerate(keys):
        save(photos / f"{key}.jpg", np.full((2, 3, 3), number))
        if masks is not None:
            save(masks / mask.format(key), np.full((2, 3), number % 2))


def write_classes(root: Path) -> Path:
    (root / "class_names.txt").write_text("ground\ncrack\n")
    return root


@pytest.fixture
def root(tmp_path):
    write_pairs(tmp_path / "cracks" / "images", tmp_path / "cracks" / "masks")
    return write_classes(tmp_path / "cracks")


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        ("images", "masks"),
        ("Images", "Labels"),
        ("imgs", "mask"),
        ("img", "label"),
        ("photos", "GT"),
        ("image", "annotations"),
        ("img_dir", "ann_dir"),
        ("RGB", "SemSeg"),
        ("RGBLeft", "GTLeft"),
        ("701_StillsRaw_full", "LabeledApproved_full"),
    ],
)
@pytest.mark.slow
def test_usual_names_of_folders_are_recognised(tmp_path, photos, masks):
    write_pairs(tmp_path / "set" / photos, tmp_path / "set" / masks)
    write_classes(tmp_path / "set")
    for path in (tmp_path, tmp_path / "set"):
        source = segfeed.scan(path, "all")
        assert source.format == "folders"
        assert source.root == tmp_path / "set"
        assert source.keys == KEYS
        assert f"masks in {masks}" in source.why


def test_labels_and_photos_belong_together(root):
    source = segfeed.scan(root, "all")
    for number in range(len(KEYS)):
        image, labels = source.read(number)
        assert (labels == number % 2).all()
        assert abs(int(image.mean()) - number) <= 1  # JPEG


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        ("images/{}", "masks/{}"),
        ("{}/images", "{}/masks"),
        ("{}", "{}_labels"),
        ("{}", "{}_mask"),
    ],
)
@pytest.mark.slow
def test_folders_of_splits_are_the_splits(tmp_path, photos, masks):
    for split, keys in (("train", KEYS[:5]), ("valid", KEYS[5:8])):
        write_pairs(tmp_path / photos.format(split), tmp_path / masks.format(split), keys)
    write_pairs(tmp_path / photos.format("test"), None, KEYS[8:])
    write_classes(tmp_path)
    assert segfeed.scan(tmp_path).keys == KEYS[:5]
    assert two_folders.split_names(tmp_path) == ["train", "valid", "test"]
    source = segfeed.scan(tmp_path, "val")
    assert (source.split, source.keys) == ("valid", KEYS[5:8])
    assert source.why.endswith("; split 'val' is 'valid'")
    test = segfeed.scan(tmp_path, "test")
    assert test.keys == KEYS[8:]
    assert not test.has_masks
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(tmp_path, "all")
    assert "no split 'all'" in caught.value.found
    assert caught.value.expected == "one of train, valid, test"


@pytest.mark.slow
def test_stems_that_splits_repeat_make_longer_keys(tmp_path):
    for split, keys in (("train", KEYS[:3]), ("val", KEYS[2:5])):
        write_pairs(tmp_path / split / "images", tmp_path / split / "masks", keys)
    write_classes(tmp_path)
    train, val = (segfeed.scan(tmp_path, split) for split in ("train", "val"))
    assert train.keys == ("train_0000", "train_0001", "train_0002")
    assert val.keys == ("val_0002", "val_0003", "val_0004")
    assert "stems" in val.why
    assert val.samples[0].mask.path == str(tmp_path / "val" / "masks" / "0002.png")
    assert segfeed.load(tmp_path, 1, (2, 3), pack=False).val is not None  # which refuses ids in both splits


@pytest.mark.parametrize("mask", ["{}_mask.png", "{}_gt.png", "{}_L.png", "gt_{}.png"])
@pytest.mark.slow
def test_masks_may_be_named_alike(tmp_path, mask):
    write_pairs(tmp_path / "images", tmp_path / "masks", mask=mask)
    source = segfeed.scan(write_classes(tmp_path), "all")
    assert source.keys == KEYS
    assert [sample.mask.name for sample in source.samples] == [mask.format(key) for key in KEYS]


@pytest.mark.slow
def test_without_lists_train_and_val_come_of_a_hash(root):
    train, val = (segfeed.scan(root, split) for split in ("train", "val"))
    assert sorted(train.keys + val.keys) == list(KEYS)
    assert val.keys == ("0010",)
    assert "hash" in val.why
    write_pairs(root / "images", root / "masks", tuple(f"new {number}" for number in range(20)))
    assert set(segfeed.scan(root, "val").keys) & set(KEYS) == {"0010"}


@pytest.mark.slow
def test_lists_beside_the_folders_are_the_splits(root):
    (root / "train.txt").write_text("0003\n0001\n")
    (root / "val.txt").write_text("0002.jpg\r\n0004.JPG\r\n")
    (root / "notes.txt").write_text("no list")
    assert two_folders.split_names(root) == ["train", "val"]
    assert segfeed.scan(root).keys == ("0003", "0001")
    assert segfeed.scan(root, "val").keys == ("0002", "0004")
    assert "val.txt" in segfeed.scan(root, "val").why


def test_what_the_only_list_leaves_is_train(root):
    (root / "valid.txt").write_text("0002.png\n0004.png\n")
    assert segfeed.scan(root, "valid").keys == ("0002", "0004")
    assert segfeed.scan(root).keys == tuple(key for key in KEYS if key not in ("0002", "0004"))
    (root / "valid.txt").write_text("\n".join(KEYS))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert "valid list every sample, so that none is left for 'train'" in caught.value.found


def test_what_lists_of_train_and_val_together_leave_is_in_no_split(root):
    (root / "trainval.txt").write_text("\n".join(KEYS[:8]))
    (root / "test.txt").write_text("\n".join(KEYS[8:11]))
    assert [split.name for split in describe(root).splits] == ["test", "trainval"]
    with pytest.raises(SourceMissingError, match="no split 'train'"):
        segfeed.scan(root)


def test_what_parts_columns_may_end_a_line(root):
    (root / "train.txt").write_text("0001,\nimages/0002.jpg;\nimages/0003.jpg,masks/0003.png,\n")
    assert segfeed.scan(root).keys == ("0001", "0002", "0003")


def test_a_number_before_a_photo_is_not_taken_for_a_photo_with_its_mask(tmp_path):
    for number in range(6):
        for folder, pixels in (("images", np.full((2, 3, 3), number)), ("masks", np.full((2, 3), number % 2))):
            save(tmp_path / folder / f"{number}.png", pixels)
    write_classes(tmp_path)
    (tmp_path / "train.txt").write_text("0 3.png\n1 4.png\n")
    with pytest.raises(ListError) as caught:
        segfeed.scan(tmp_path)
    assert "line 1: '0 3.png' may be photo 0 and its mask 3.png, or a number and photo 3.png" in caught.value.found
    (tmp_path / "train.txt").write_text("0.png 3.png\n4 4.png\n")  # plain ways to say the pair
    assert [sample.mask.name for sample in segfeed.scan(tmp_path).samples] == ["3.png", "4.png"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0001\n0001.jpg\n", "id '0001' is listed 2 times"),
        ("images/0001.jpg elsewhere/0001.png\n", "line 1: mask .* does not lie in masks"),
        ("../0001\n", "line 1: .* is a path"),
        ("", "the list is empty"),
    ],
)
@pytest.mark.slow
def test_malformed_list_is_refused(root, text, found):
    (root / "val.txt").write_text(text)
    with pytest.raises(ListError) as caught:
        segfeed.scan(root, "val")
    assert caught.value.where == str(root / "val.txt")
    assert re.match(found, caught.value.found)


def test_listed_sample_that_is_not_there_is_named(root):
    (root / "val.txt").write_text("0001\n9999\n")
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "val")
    assert "listed samples have no photo: 9999" in caught.value.found


@pytest.mark.parametrize(("name", "what"), [("images/0005.jpg", "photo"), ("masks/0005.png", "mask")])
def test_file_without_its_partner_is_named_and_never_dropped(root, name, what):
    (root / name).unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "all")
    assert caught.value.found == f"1 of 12 samples have no {what}: 0005"


def test_two_photos_of_one_stem_are_refused(root):
    save(root / "images" / "0005.png", np.zeros((2, 3, 3)))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    assert "sample 0005 has 2 photos (0005.jpg, 0005.png)" in caught.value.found


def test_two_mask_folders_that_both_hold_pictures_are_refused(root):
    save(root / "labels" / "0001.png", np.zeros((2, 3)))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    pairs = "photos in images and masks in labels, photos in images and masks in masks"
    assert caught.value.found == f"several pairs of folders ({pairs})"
    assert 'photos="images/{key}.*", masks="labels/{key}.*"' in caught.value.remedy


def test_masks_beside_those_of_splits_may_not_be_the_masks_as_well(tmp_path):
    for split in ("train", "val"):
        write_pairs(tmp_path / "images" / split, tmp_path / "labels" / split, (f"{split}1", f"{split}2"))
        write_pairs(tmp_path / "labels_colour" / split, tmp_path / "labels_ids" / split, (f"{split}1", f"{split}2"))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(write_classes(tmp_path))
    assert "in labels/train, such as train1.png, or those in labels_ids/train" in caught.value.found


@pytest.mark.parametrize("beside", ["predictions", "pred_masks", "results", "output", "checkpoints"])
def test_what_a_model_wrote_beside_the_masks_is_not_taken_for_them(root, beside):
    write_pairs(root / "spare", root / beside)
    why = segfeed.scan(root, "all").why
    assert beside in why.partition("not used: pictures in ")[2]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("train.txt", "images/train/train1.jpg\n", "train.txt names 1 photos only, but images/train holds 2"),
        ("train.txt", "train1\ntrain2\nval1\n", "train.txt names 3 photos, 1 of them of other splits"),
        ("Training.csv", "image,mask\nval1.jpg,val1.png\n", "Training.csv names 1 photos, 1 of them"),
        ("all.csv", "image,split\ntrain1.jpg,train\ntrain2.jpg,val\n", "all.csv names 1 photos only"),
        ("train.txt", "train2 train2\ntrain1 train1\n", ""),
        ("train.txt", "notes: 12 epochs\n", ""),
        ("train.txt", "", ""),
        ("val.txt", "val1.jpg\nval2.jpg\n", ""),
        ("test.txt", "val1.jpg\n", ""),
    ],
)
def test_a_list_beside_folders_of_splits_may_not_name_other_photos(tmp_path, name, text, found):
    for split in ("train", "val"):
        write_pairs(tmp_path / "images" / split, tmp_path / "masks" / split, (f"{split}1", f"{split}2"))
    (write_classes(tmp_path) / name).write_text(text)
    if not found:
        assert len(segfeed.scan(tmp_path)) == 2
        return
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert found in caught.value.found


def test_a_folder_beside_those_of_splits_is_told_with_the_patterns_that_read_all_three(tmp_path):
    for split in ("train", "val", "extra"):
        write_pairs(tmp_path / "images" / split, tmp_path / "masks" / split, (f"{split}1", f"{split}2"))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(write_classes(tmp_path))
    photos, masks = re.findall('"([^"]*)"', caught.value.remedy)
    source = segfeed.scan(tmp_path, "extra", photos=photos, masks=masks, legend=["ground", "crack"])
    assert source.keys == ("extra1", "extra2")


def test_folder_of_boxes_in_text_files_is_no_mask_folder(root):
    (root / "labels").mkdir()
    (root / "labels" / "0001.txt").write_text("0 0.5 0.5 1 1")
    assert segfeed.scan(root, "all").keys == KEYS
    (root / "masks").rename(root / "elsewhere")
    assert two_folders.recognise(root) is None


def test_several_datasets_in_one_folder_are_refused(tmp_path):
    for name in ("b", "a"):
        write_pairs(tmp_path / name / "images", tmp_path / name / "masks")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert "several photos-and-masks datasets (a, b)" in caught.value.found
    assert "pass the path of one" in caught.value.remedy


def test_object_masks_need_no_legend(root):
    (root / "class_names.txt").unlink()
    source = segfeed.scan(root, "all", task="instance")
    assert isinstance(source.legend, Objects)
    assert source.read(1).labels.tolist() == [[1] * 3] * 2


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (np.array([[0, 1, 7]] * 2), r"0000\.png holds indices 0, 1, 7$"),
        (np.array([[0, 255, 0]] * 2),
         r'indices 0, 255 \(if both are classes: legend=\{0: "background", 255: "..."\}\)'),
        (np.array([[(1, 2, 3), (0, 0, 0), (0, 0, 0)]] * 2), r"colours \(0, 0, 0\), \(1, 2, 3\)$"),
        (np.arange(40).reshape(2, 20), r"indices 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 28 more$"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_without_a_legend_the_error_says_what_the_masks_hold(root, pixels, found):
    (root / "class_names.txt").unlink()
    save(root / "masks" / "0000.png", pixels)
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root, "all")
    assert caught.value.where == str(root)
    assert re.search(found, caught.value.found)
    assert caught.value.expected.startswith("a legend file, such as labelmap.txt")
    assert "pass legend=" in caught.value.remedy


def test_without_a_legend_the_palette_of_a_mask_is_shown(root):
    (root / "class_names.txt").unlink()
    mask = Image.fromarray(np.array([[0, 2]], np.uint8))
    mask.putpalette([9, 9, 9, 8, 8, 8, 7, 7, 7])
    mask.save(root / "masks" / "0000.png")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root, "all")
    assert "palette colours (9, 9, 9), (7, 7, 7)" in caught.value.found


def test_the_legend_that_the_error_proposes_reads_masks_of_0_and_255(root):
    (root / "class_names.txt").unlink()
    save(root / "masks" / "0000.png", [[0, 255, 0]] * 2)
    legend = {0: "ground", 255: "crack"}
    assert segfeed.scan(root, "all", legend=legend).read(0).labels.tolist() == [[0, 1, 0]] * 2


def test_masks_saved_as_jpeg_are_refused_as_such_with_a_legend_and_without(root):
    for number, path in enumerate(sorted((root / "masks").iterdir())):
        path.unlink()
        save(path.with_suffix(".jpg"), np.full((2, 3, 3), number))
    with pytest.raises(MaskError, match=r"0000\.jpg: a JPEG of .* colours.*expected a PNG"):
        segfeed.scan(root, "all").read(0)
    (root / "class_names.txt").unlink()
    with pytest.raises(MaskError, match=r"0000\.jpg: a JPEG of .* colours.*expected a PNG"):
        segfeed.scan(root, "all")


def test_camvid_in_colours_as_on_kaggle(tmp_path):
    for split in ("train", "val", "test"):
        for key in KEYS[:2]:
            save(tmp_path / split / f"{split}{key}.png", np.zeros((1, 3, 3)))
            save(tmp_path / f"{split}_labels" / f"{split}{key}_L.png", [[(64, 128, 64), (0, 0, 0), (128, 64, 128)]])
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nAnimal,64,128,64\nRoad,128,64,128\nVoid,0,0,0\n")
    source = segfeed.scan(tmp_path, "val")
    assert source.keys == ("val0000", "val0001")
    assert source.legend.names == ("Animal", "Road")
    assert source.read(0).labels.tolist() == [[0, 255, 1]]


def test_camvid_in_colours_as_its_authors_published_it(tmp_path):
    for key in KEYS:
        save(tmp_path / "701_StillsRaw_full" / f"{key}.png", np.zeros((1, 3, 3)))
        save(tmp_path / "LabeledApproved_full" / f"{key}_L.png", [[(64, 128, 64), (0, 0, 0), (128, 64, 128)]])
    (tmp_path / "label_colors.txt").write_text("64 128 64\tAnimal\r\n128 64 128\tRoad\r\n0 0 0\t\tVoid\r\n")
    assert segfeed.scan(tmp_path, "all").read(0).labels.tolist() == [[0, 255, 1]]


def test_camvid_as_fastai_has_it(tmp_path):
    palette = np.array(voc_colours(256), np.uint8)
    for key in KEYS[:4]:
        save(tmp_path / "images" / f"{key}.png", np.zeros((1, 3, 3)))
        save(tmp_path / "labels" / f"{key}_P.png", [[0, 1, 2]])
    (tmp_path / "codes.txt").write_text("Animal\nVoid\nRoad\n")
    (tmp_path / "valid.txt").write_text("0001.png\n")
    source = segfeed.scan(tmp_path)
    assert source.keys == ("0000", "0002", "0003")
    assert source.read(0).labels.tolist() == [[0, 255, 1]]
    assert segfeed.scan(tmp_path, "val").keys == ("0001",)
    assert source.legend.colours[1] == tuple(palette[2].tolist())


ASSETS = "exports/datumaro-assets/tests/assets"


def meant_colours(root: Path) -> dict[tuple[int, ...], str]:
    """Read the format's own legend file, independently of segfeed."""
    if (root / "dataset_meta.json").is_file():
        described = json.loads((root / "dataset_meta.json").read_text())
        names = described["label_map"].values()
        return dict(zip(map(tuple, described["segmentation_colors"]), names, strict=True))
    if (root / "label_colors.txt").is_file():
        rows = [line.split(" ", 3) for line in (root / "label_colors.txt").read_text().splitlines()]
        return {tuple(map(int, row[:3])): row[3] for row in rows}
    with open(root / "labelmap.csv", newline="") as file:
        return {tuple(int(row[part]) for part in "rgb"): row["name"] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("common_semantic_segmentation_dataset/dataset", ("0001", "0002")),
        ("common_semantic_segmentation_dataset/non_standard_dataset", ("0001", "0002")),
        ("synthia_dataset/rand_custom_labelmap", ("000000", "000001")),
        ("synthia_dataset/rand_meta_file", ("000000", "000001")),
    ],
)
@pytest.mark.slow
def test_datumaros_sets_with_a_legend_file_have_exact_labels(shared_data, path, keys):
    source = segfeed.scan(shared_data / ASSETS / path, "all")
    assert source.keys == keys
    meant = meant_colours(source.root)
    for index, sample in enumerate(source.samples):
        with Image.open(sample.mask.path) as mask:
            stored = np.array(mask).reshape(-1, 3).tolist()
        names = [source.legend.names[label] for label in source.read(index).labels.ravel()]
        assert names == [meant[tuple(colour)] for colour in stored]
        assert sample.mask.name.endswith(sample.key + ".png")
        assert sample.photo.name.endswith(sample.key + ".png")


@pytest.mark.parametrize(
    ("path", "error", "found"),
    [
        ("synthia_dataset/al", LegendError, r"000000\.png holds colours \(64, 64, 0\), \(128, 128, 128\)"),
        ("synthia_dataset/rand", LegendError, r"000000\.png holds colours \(128, 0, 0\), \(128, 64, 128\)"),
        ("synthia_dataset/sf", LegendError, r"000000\.png holds colours \(128, 64, 128\), \(152, 251, 152\)"),
        ("kaggle_dataset/image_mask", LegendError, r"001\.png holds indices 0, 1;"),
        ("kaggle_dataset", SourceError, r"several .* \(image_mask, image_mask_with_labelmap\)"),
        ("common_semantic_segmentation_dataset", SourceError, r"several .* \(dataset, non_standard_dataset\)"),
        ("kaggle_dataset/image_csv", SourceError, "no known dataset layout"),
        ("kaggle_dataset/relaxed_voc1", SourceError, "no known dataset layout"),
        ("labelme_dataset", SourceError, "a mask for each object"),
        ("cvat_dataset/for_images", SourceError, "several XML files of CVAT"),
    ],
)
@pytest.mark.slow
def test_datumaros_other_sets_are_refused_with_the_reason(shared_data, path, error, found):
    assert (shared_data / ASSETS / path).is_dir()
    with pytest.raises(error, match=found):
        segfeed.scan(shared_data / ASSETS / path, "all")


def test_synthias_colours_are_read_by_a_legend_that_is_passed(shared_data):
    colours = ((128, 64, 128), (152, 251, 152), (70, 70, 70), (70, 130, 180), (220, 220, 0))
    legend = segfeed.Legend(("road", "terrain", "building", "sky", "sign"), colours)
    source = segfeed.scan(shared_data / ASSETS / "synthia_dataset/sf", "all", legend=legend)
    for index, sample in enumerate(source.samples):
        with Image.open(sample.mask.path) as mask:
            np.testing.assert_array_equal(legend.paint(source.read(index).labels), np.array(mask))


def test_kaggles_16_bit_masks_are_read_as_no_value_needs_16_bits(shared_data):
    source = segfeed.scan(shared_data / ASSETS / "kaggle_dataset/image_mask_with_labelmap", "all")
    assert source.legend.names == tuple(meant_colours(source.root).values())
    for index, sample in enumerate(source.samples):
        with Image.open(sample.mask.path) as mask:
            np.testing.assert_array_equal(source.read(index).labels, np.array(mask))


@pytest.mark.slow
def test_real_jpeg_masks_are_found_and_refused_as_jpegs(shared_data):
    path = shared_data / "exports" / "jpeg-masks"
    with pytest.raises(MaskError, match=r"0\.jpg: a JPEG of 90 colours, which JPEG's loss has blurred; expected a PNG"):
        segfeed.scan(path, "all")
    with pytest.raises(
        MaskError, match=r"no mask of split 'all' can be read, the first is 0\.jpg: a JPEG of 90 colours"
    ):
        segfeed.scan(path, "all", legend=["skin", "lesion"])
    source = open_dataset(path, Opening(legend=["skin", "lesion"])).scan("all")
    assert source.keys == ("0", "1", "10")
    for index in range(3):
        with pytest.raises(MaskError, match="a JPEG of"):
            source.read(index)


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        ("{}/images", "{}/masks"),
        ("images/{}", "annotations/{}"),
        ("{}_images", "{}_masks"),
        ("images_{}", "masks_{}"),
        ("images-{}", "labels-{}"),
        ("images_small_{}", "masks_small_{}"),
    ],
)
@pytest.mark.parametrize(
    ("train", "val"), [("Train", "Val"), ("training", "validation"), ("TRAIN", "VALID"), ("train", "dev")]
)
@pytest.mark.slow
def test_splits_are_found_in_any_case_and_by_their_usual_words(tmp_path, photos, masks, train, val):
    for split, keys in ((train, KEYS[:5]), (val, KEYS[5:8])):
        write_pairs(tmp_path / photos.format(split), tmp_path / masks.format(split), keys)
    write_classes(tmp_path)
    assert segfeed.scan(tmp_path).keys == KEYS[:5]
    assert segfeed.scan(tmp_path, "val").keys == KEYS[5:8]
    assert segfeed.load(tmp_path, 2, (2, 3), pack=False).val is not None


def test_photos_and_masks_may_call_a_split_differently(tmp_path):
    write_pairs(tmp_path / "images" / "train", tmp_path / "masks" / "Training", KEYS[:4])
    write_pairs(tmp_path / "images" / "val", tmp_path / "masks" / "validation", KEYS[4:6])
    assert segfeed.scan(write_classes(tmp_path), "val").keys == KEYS[4:6]
    assert segfeed.scan(tmp_path).keys == KEYS[:4]


def test_folders_in_folders_are_part_of_the_key(tmp_path):
    for scene in ("s1", "s2"):
        write_pairs(tmp_path / "images" / scene, tmp_path / "masks" / scene, KEYS[:3], mask="{}_road.png")
    source = segfeed.scan(write_classes(tmp_path), "all")
    assert source.keys == tuple(f"{scene}/{key}" for scene in ("s1", "s2") for key in KEYS[:3])
    assert source.samples[4].mask.path == str(tmp_path / "masks" / "s2" / "0001_road.png")


def test_loop_of_folders_ends(tmp_path):
    write_pairs(tmp_path / "images" / "s1", tmp_path / "masks" / "s1", KEYS[:3])
    (tmp_path / "images" / "s1" / "back").symlink_to(tmp_path / "images")
    assert len(segfeed.scan(write_classes(tmp_path), "all")) == 3


def test_lists_may_pair_paths_whose_names_do_not_fit(root):
    for number, key in enumerate(KEYS):
        (root / "masks" / f"{key}.png").rename(root / "masks" / f"task-{number}-x.png")
    lines = [f"images/{key}.jpg masks/task-{number}-x.png" for number, key in enumerate(KEYS)]
    (root / "train.txt").write_text("\n".join(lines[:9]))
    (root / "Val_list.txt").write_text("\n".join(lines[9:]))
    source = segfeed.scan(root, "val")
    assert source.keys == KEYS[9:]
    assert [sample.mask.name for sample in source.samples] == ["task-9-x.png", "task-10-x.png", "task-11-x.png"]
    assert "lists pair photos and masks" in source.why
    assert segfeed.scan(root).keys == KEYS[:9]


def test_two_lists_of_one_split_are_refused(root):
    for name in ("train.txt", "train_list.txt"):
        (root / name).write_text("0001\n")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert caught.value.found == "train.txt and train_list.txt both list 'train'"


def test_voc_without_lists_is_two_folders(tmp_path):
    write_pairs(tmp_path / "JPEGImages", tmp_path / "SegmentationClass")
    write_pairs(tmp_path / "JPEGImages", tmp_path / "SegmentationObject")
    (tmp_path / "codes.txt").write_text("ground\ncrack\n")
    source = segfeed.scan(tmp_path, "all")
    assert (source.format, source.keys) == ("folders", KEYS)


@pytest.mark.parametrize("rival", ["1st_manual", "vessels", "truth"])
@pytest.mark.slow
def test_another_folder_that_may_be_the_masks_is_refused_by_name(root, rival):
    for key in KEYS:
        save(root / rival / f"{key}_m.png", np.eye(3))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    assert f"those in masks, such as 0000.png, or those in {rival}, such as 0000_m.png" in caught.value.found
    assert f'photos="images/{{key}}.jpg", masks="{rival}/{{key}}_m.png"' in caught.value.remedy


@pytest.mark.slow
def test_folder_of_previews_depth_or_other_photos_is_no_rival_but_is_told(root):
    for key in KEYS:
        save(root / "overlays" / f"{key}.png", np.eye(3))
        save(root / "night" / f"{key}.png", np.random.default_rng(0).integers(0, 255, (30, 30, 3)))
        save(root / "other" / f"{key[::-1]}x{key[0]}.png", np.eye(3))
    source = segfeed.scan(root, "all")
    assert "not used: pictures in night, other, overlays" in source.why
    findings = [finding for finding in segfeed.check(root) if finding.rule == "folder-unused"]
    assert [(finding.severity, finding.file) for finding in findings] == [
        ("warning", "night"),
        ("warning", "other"),
        ("warning", "overlays"),
    ]


def test_one_mask_an_object_in_a_folder_a_photo_is_named(tmp_path):
    for number in range(3):
        write_pairs(tmp_path / f"p{number}" / "images", None, (f"p{number}",))
        for part in range(2):
            save(tmp_path / f"p{number}" / "masks" / f"{number}{part}x.png", np.eye(3))
    for path in (tmp_path, tmp_path / "p0"):
        with pytest.raises(SourceError) as caught:
            segfeed.scan(path)
        assert "one mask an object, such as 00x.png" in caught.value.found


def test_check_fails_if_nothing_can_be_read(root):
    for number, key in enumerate(KEYS):
        (root / "masks" / f"{key}.png").rename(root / "masks" / f"task {number} of {number + 1}.png")
    audit = segfeed.check(root)
    assert audit.pairs == 0
    assert audit.count()["error"] > 0
