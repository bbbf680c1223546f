"""Roboflow's semantic masks: photo and mask in one folder, dotted stems, stored values in _classes.csv."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.formats import roboflow
from segfeed.errors import LegendError, MaskError, OptionError, SourceError, SourceMissingError

STEMS = ("a-jpg_jpeg.rf.00ff", "b_JPG.rf.11ee", "face_mask_jpg.rf.22dd")


def write_split(folder: Path, *, classes: str = "Pixel Value, Class\n0, background\n1, cat\n7, dog") -> Path:
    folder.mkdir(parents=True)
    (folder / "_classes.csv").write_text(classes)
    for number, stem in enumerate(STEMS):
        Image.new("RGB", (3, 2), (number, 0, 0)).save(folder / f"{stem}.jpg")
        Image.fromarray(np.array([[0, 1, 7]] * 2, np.uint8) * (number > 0)).save(folder / f"{stem}_mask.png")
    return folder


@pytest.fixture
def root(tmp_path):
    for split in ("train", "valid", "test"):
        write_split(tmp_path / "export" / split)
    (tmp_path / "export" / "README.roboflow.txt").write_text("exported")
    return tmp_path / "export"


@pytest.mark.parametrize("where", [".", "..", "train"])
def test_export_is_recognised_at_its_folder_above_it_and_at_a_split(root, where):
    source = segfeed.scan((root / where).resolve())
    assert source.format == "roboflow"
    assert source.root == root
    assert "_classes.csv" in source.why


def test_stored_values_become_class_ids(root):
    source = segfeed.scan(root)
    assert source.keys == STEMS
    assert source.legend.names == ("background", "cat", "dog")
    assert [np.unique(source.read(number).labels).tolist() for number in range(3)] == [[0], [0, 1, 2], [0, 1, 2]]
    assert [sample.photo.name for sample in source.samples] == [f"{stem}.jpg" for stem in STEMS]
    assert [sample.mask.name for sample in source.samples] == [f"{stem}_mask.png" for stem in STEMS]


def test_splits_bear_the_names_of_their_folders_and_val_means_valid(root):
    assert roboflow.split_names(root) == ["test", "train", "valid"]
    assert segfeed.scan(root, "valid").split == "valid"
    source = segfeed.scan(root, "val")
    assert source.split == "valid"
    assert source.why.endswith("; split 'val' is 'valid'")
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "holdout")
    assert "no split 'holdout'" in caught.value.found
    assert caught.value.expected == "one of test, train, valid"


def test_photos_may_be_pngs_as_masks_are(root):
    for stem in STEMS:
        (root / "train" / f"{stem}.jpg").unlink()
        Image.new("RGB", (3, 2)).save(root / "train" / f"{stem}.png")
    assert [sample.photo.name for sample in segfeed.scan(root).samples] == [f"{stem}.png" for stem in STEMS]


def test_jpeg_whose_name_ends_like_a_masks_is_a_photo(root):
    Image.new("RGB", (3, 2)).save(root / "train" / "gas_mask.jpg")
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "have no mask: gas_mask" in caught.value.found


@pytest.mark.parametrize(("name", "what"), [(f"{STEMS[1]}.jpg", "photo"), (f"{STEMS[1]}_mask.png", "mask")])
def test_sample_that_lacks_a_file_is_named_and_never_dropped(root, name, what):
    (root / "train" / name).unlink()
    with pytest.raises(SourceMissingError, match=rf"train: 1 of 3 listed samples have no {what}: {STEMS[1]};"):
        segfeed.scan(root)


def test_test_split_without_masks_is_for_prediction(root):
    for mask in (root / "test").glob("*_mask.png"):
        mask.unlink()
    source = segfeed.scan(root, "test")
    assert not source.has_masks
    assert (source.read(0).labels == 255).all()


def test_value_outside_the_legend_is_an_error(root):
    Image.fromarray(np.full((2, 3), 2, np.uint8)).save(root / "train" / f"{STEMS[0]}_mask.png")
    with pytest.raises(SourceError, match=r"index 2.* legend"):
        segfeed.scan(root).read(0)


def test_splits_whose_legends_differ_are_refused(root):
    (root / "valid" / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, dog\n7, cat")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root)
    assert "test/_classes.csv and valid/_classes.csv differ" in caught.value.found
    assert segfeed.scan(root, legend=["x", "y"]).legend.names == ("x", "y")


def test_object_masks_are_not_there(root):
    with pytest.raises(OptionError, match="format 'roboflow'") as caught:
        segfeed.scan(root, task="instance")
    assert caught.value.where == "task"


@pytest.mark.parametrize("classes", ["filename, dog, cat\na.jpg, 1, 0\n", ""])
def test_multi_label_classification_is_not_recognised(tmp_path, classes):
    write_split(tmp_path / "train", classes=classes)
    assert roboflow.recognise(tmp_path) is None


def test_byte_order_mark_and_capitals_do_not_matter(tmp_path):
    write_split(tmp_path / "train", classes="\ufeffPIXEL VALUE,CLASS\r\n0,background\r\n1,cat\r\n7,dog\r\n")
    assert segfeed.scan(tmp_path).legend.names == ("background", "cat", "dog")


def test_two_exports_in_one_folder_are_refused(tmp_path):
    for name in ("v1", "v2"):
        write_split(tmp_path / name / "train")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert "several Roboflow datasets (v1, v2)" in caught.value.found


@pytest.mark.slow
def test_real_export_is_read_as_pillow_and_its_own_table_say(shared_data):
    source = segfeed.scan(shared_data / "exports" / "roboflow")
    with open(source.root / "train" / "_classes.csv", newline="") as file:
        table = {int(value): name.strip() for value, name in list(csv.reader(file))[1:]}
    assert len(source) == 9
    assert len(table) == 18
    for index, key in enumerate(source.keys):
        with (
            Image.open(source.root / "train" / f"{key}_mask.png") as mask,
            Image.open(source.root / "train" / f"{key}.jpg") as photo,
        ):
            stored, image = np.array(mask), np.array(photo)
        image_found, labels = source.read(index)
        np.testing.assert_array_equal(image_found, image)
        for value, name in table.items():
            np.testing.assert_array_equal(labels == source.legend.names.index(name), stored == value)


@pytest.mark.parametrize("kind", ["createml", "multiclass", "tfrecord", "voc"])
def test_roboflows_other_exports_are_refused_as_no_segmentation_masks(shared_data, kind):
    path = shared_data / "exports/datumaro-assets/tests/assets/roboflow_dataset" / kind
    assert path.is_dir()
    with pytest.raises(SourceError) as caught:
        segfeed.scan(path)
    assert "no known dataset layout" in caught.value.found


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_roboflows_boxes_are_no_labels_unless_asked_for(shared_data, kind):
    path = shared_data / "exports/datumaro-assets/tests/assets/roboflow_dataset" / kind
    with pytest.raises(MaskError) as caught:
        segfeed.scan(path).read(0)
    assert "which outline" in caught.value.found
    assert 'boxes="fill"' in caught.value.remedy
    assert segfeed.scan(path, boxes="fill").read(0).labels.any()


def test_turned_boxes_without_their_texts_are_refused(shared_data):
    with pytest.raises(SourceError, match="no text for any photo"):
        segfeed.scan(shared_data / "exports/datumaro-assets/tests/assets/roboflow_dataset/yolo_obb")
