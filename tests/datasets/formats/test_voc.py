"""PASCAL VOC layouts: where the root may lie, which files must be there, what masks and legends mean."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.formats import voc
from segfeed.datasets.opening import open_dataset
from segfeed.errors import LegendError, ListError, MaskError, OptionError, SourceError, SourceMissingError
from segfeed.pixels.objects import Objects
from segfeed.pixels.palette import voc_colours

SIZES = {"train": [(6, 8), (5, 9), (7, 4)], "val": [(6, 8)]}
LISTS = Path("ImageSets") / "Segmentation"

_opened: list[str] | None = None


def _record(event: str, arguments: tuple) -> None:
    if _opened is not None and event == "open":
        _opened.append(str(arguments[0]))


sys.addaudithook(_record)  # cannot be taken out again, so it listens only while `opened` is in use


@pytest.fixture
def opened():
    global _opened  # noqa: PLW0603 - the hook outlives every test
    _opened = []
    yield _opened
    _opened = None


@pytest.fixture
def root(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2012", SIZES)


def stored(path: Path | str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def write_list(root: Path, split: str, text: str) -> Path:
    path = root / LISTS / f"{split}.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize("year", range(2007, 2013))
@pytest.mark.parametrize("above", ["", "VOCdevkit", "TrainVal/VOCdevkit"])
@pytest.mark.slow
def test_root_is_found_below_its_parents(tmp_path, write_voc, year, above):
    root = write_voc(tmp_path / above / f"VOC{year}", {"train": [(2, 3)]})
    for path in {root, root.parent, tmp_path}:
        source = segfeed.scan(path)
        assert source.root == root
        assert source.name == f"VOC{year}"
        assert source.format == "voc"


def test_root_of_any_name_is_a_root(tmp_path, write_voc):
    root = write_voc(tmp_path / "my photos", {"train": [(2, 3)]})
    assert segfeed.scan(str(root)).root == root


def test_several_roots_are_refused_and_all_are_named(tmp_path, write_voc):
    for year in (2007, 2012):
        write_voc(tmp_path / "VOCdevkit" / f"VOC{year}", {"train": [(2, 3)]})
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert "several VOC datasets" in caught.value.found
    assert "VOCdevkit/VOC2007, VOCdevkit/VOC2012" in str(caught.value)
    assert segfeed.scan(tmp_path / "VOCdevkit" / "VOC2007").name == "VOC2007"


def test_folder_without_a_dataset_is_not_recognised(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    assert voc.recognise(tmp_path) is None


def test_folder_with_lists_but_without_photos_is_recognised_and_says_what_is_missing(root):
    shutil.rmtree(root / "JPEGImages")  # CVAT exports without them unless it is asked to
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert (caught.value.where, caught.value.found) == (str(root / "JPEGImages"), "no such folder")
    assert "the photos of 3 listed samples" in caught.value.expected


def test_why_names_the_legend_file(root):
    assert "labelmap" not in voc.recognise(root).why
    (root / "labelmap.txt").write_text("sky:1,2,3::\n")
    assert voc.recognise(root).why == f"ImageSets/Segmentation lies in {root}, classes in labelmap.txt"


@pytest.mark.parametrize("split", ["train", "val", "trainval", "my fold 3", "default"])
@pytest.mark.slow
def test_any_list_is_a_split(root, split):
    write_list(root, split, "train_1\nval_0\n")
    source = segfeed.scan(root, split)
    assert source.split == split
    assert source.keys == ("train_1", "val_0")


def test_order_of_the_list_is_kept(root):
    write_list(root, "train", "train_2\ntrain_0\ntrain_1\n")
    source = segfeed.scan(root)
    assert source.keys == ("train_2", "train_0", "train_1")
    assert source.sizes.tolist() == [[7, 4], [6, 8], [5, 9]]


def test_unknown_split_is_refused_with_those_that_exist(root):
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "trainaug")
    assert (caught.value.where, caught.value.found) == (str(root), "no split 'trainaug'")
    assert caught.value.expected == "one of train, val"


def test_valid_means_val_as_in_every_format(root):
    source = segfeed.scan(root, "valid")
    assert source.split == "val"
    assert "split 'valid' is 'val'" in source.why


@pytest.mark.parametrize("split", ["../../../secret", "/etc/passwd", "", ".", "train.txt", "sub/train"])
@pytest.mark.slow
def test_split_name_cannot_leave_the_lists(root, tmp_path, opened, split):
    (tmp_path / "secret.txt").write_text("train_0\n")
    dataset = open_dataset(root)
    opened.clear()
    with pytest.raises(SourceMissingError) as caught:
        dataset.scan(split)
    assert caught.value.found == f"no split {split!r}"
    assert opened == []


def test_folder_without_any_list_is_said_to_have_none(root):
    shutil.rmtree(root / LISTS)
    (root / LISTS).mkdir()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "there is no split at all" in caught.value.remedy


def test_missing_mask_folder_is_named(root):
    shutil.rmtree(root / "SegmentationClass")
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert caught.value.where.endswith("SegmentationClass")
    assert "no such folder" in caught.value.found
    assert "the masks of 3" in caught.value.expected


@pytest.mark.parametrize(("folder", "what"), [("JPEGImages", "photo"), ("SegmentationClass", "mask")])
def test_missing_files_are_counted_and_the_first_ten_named(tmp_path, write_voc, folder, what):
    root = write_voc(tmp_path / "VOC2012", {"train": [(2, 2)] * 15})
    for number in range(2, 14):
        (root / folder / f"train_{number}.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert caught.value.where == str(root / folder)
    assert caught.value.found.startswith(f"12 of 15 listed samples have no {what}: train_2, train_3,")
    assert caught.value.found.endswith("train_11, ...")


def test_few_missing_files_are_all_named(root):
    (root / "SegmentationClass" / "train_1.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "1 of 3 listed samples have no mask: train_1" in caught.value.found


def test_hostile_id_is_refused_before_anything_but_the_list_is_opened(root, tmp_path, opened):
    for folder in ("JPEGImages", "SegmentationClass"):
        shutil.copy(root / folder / "train_0.png", root / "outside.png")
    path = write_list(root, "train", "train_0\n../outside\n")
    opened.clear()
    with pytest.raises(ListError) as caught:
        voc.list_split(root, "train")
    assert "line 2" in caught.value.found
    assert opened == [str(path)]


def test_two_photos_of_one_sample_are_refused(root):
    photo = root / "JPEGImages" / "train_1.png"
    Image.fromarray(stored(photo)).save(photo.with_suffix(".jpg"))
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root)
    assert "sample train_1 has 2 photos (train_1.jpg, train_1.png)" in caught.value.found


def test_photos_that_no_list_names_do_not_matter(root):
    photo = root / "JPEGImages" / "spare.png"
    shutil.copy(root / "JPEGImages" / "train_0.png", photo)
    Image.fromarray(stored(photo)).save(photo.with_suffix(".jpg"))
    (root / "JPEGImages" / "notes.txt").write_text("no photo")
    assert len(segfeed.scan(root)) == 3


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".bmp", ".webp", ".JPG", ".Jpeg"])
@pytest.mark.slow
def test_photo_may_have_any_usual_suffix(tmp_path, write_voc, suffix):
    root = write_voc(tmp_path / "VOC2012", {"train": [(6, 8)]}, suffix=suffix)
    source = segfeed.scan(root)
    assert source.samples[0].photo.name == f"train_0{suffix}"
    assert source.read(0).image.shape == (6, 8, 3)


def test_photo_and_mask_are_paired_by_id_alone(root):
    source = segfeed.scan(root)
    for sample in source.samples:
        assert sample.photo.name == sample.mask.name == f"{sample.key}.png"
    image, labels = source.read(2)
    y, x = np.mgrid[:7, :4]
    np.testing.assert_array_equal(image, np.stack([y, x, np.full_like(y, 2)], axis=-1))
    np.testing.assert_array_equal(labels[1:], ((y + 2 * x + 2) % 21)[1:])
    assert (labels[0] == 255).all()


def test_rgb_and_palette_masks_of_one_layout_give_equal_labels(root):
    before = segfeed.scan(root).read(0).labels.copy()
    path = root / "SegmentationClass" / "train_0.png"
    colours = np.array(voc_colours(256), np.uint8)[stored(path)]
    Image.fromarray(colours).save(path)
    assert stored(path).shape == (6, 8, 3)
    np.testing.assert_array_equal(segfeed.scan(root).read(0).labels, before)


def test_a_files_own_palette_decides_what_its_indices_mean(root):
    before = segfeed.scan(root).read(0).labels.copy()
    path = root / "SegmentationClass" / "train_0.png"
    turned = np.array(voc_colours(256), np.uint8)[::-1]
    mask = Image.fromarray(255 - before)
    mask.putpalette(turned.tobytes())
    mask.save(path)
    np.testing.assert_array_equal(segfeed.scan(root).read(0).labels, before)


def test_labelmap_is_the_datasets_own_legend(root):
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nsky:1,2,3::\nroad:9,8,7:lane:\n")
    colours = np.zeros((6, 8, 3), np.uint8)
    colours[:, :4], colours[:, 4:] = (1, 2, 3), (9, 8, 7)
    for path in (root / "SegmentationClass").iterdir():
        Image.fromarray(colours).save(path)
    source = segfeed.scan(root)
    assert source.legend.names == ("sky", "road")
    assert source.legend.colours == ((1, 2, 3), (9, 8, 7))
    assert source.read(0).labels.tolist() == [[0] * 4 + [1] * 4] * 6


def test_legend_that_is_passed_wins_over_the_labelmap(root):
    (root / "labelmap.txt").write_text("sky:1,2,3::\n")
    assert segfeed.scan(root, legend=["a", "b"]).legend.names == ("a", "b")


@pytest.mark.parametrize("data", [b"sky:1,2,3::\nroad:9,8::\n", b"sky:1,2,3::\nsky:9,8,7::\n", b"", b"\xff\xfe\x00s"])
@pytest.mark.slow
def test_malformed_labelmap_is_a_legend_error(root, data):
    (root / "labelmap.txt").write_bytes(data)
    with pytest.raises(LegendError):
        segfeed.scan(root)


def test_ignored_pixels_of_a_labelmap_are_void(root):
    (root / "labelmap.txt").write_text("background:0,0,0::\nroad:9,8,7::\nignore_region:5,5,5::\n")
    colours = np.zeros((6, 8, 3), np.uint8)
    colours[:2], colours[2:4] = (9, 8, 7), (5, 5, 5)
    for path in (root / "SegmentationClass").iterdir():
        Image.fromarray(colours).save(path)
    source = segfeed.scan(root)
    assert source.legend.names == ("background", "road")
    assert source.read(0).labels[:, 0].tolist() == [1, 1, 255, 255, 0, 0]


@pytest.mark.slow
def test_vocs_own_classes_as_a_labelmap_with_ignored_change_nothing(root):
    before = [segfeed.scan(root).read(index).labels for index in range(3)]
    rows = zip((*(f"class {n}" for n in range(21)), "ignored"), (*voc_colours(21), (224, 224, 192)), strict=True)
    (root / "labelmap.txt").write_text("".join(f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in rows))
    for index, labels in enumerate(before):
        np.testing.assert_array_equal(segfeed.scan(root).read(index).labels, labels)


def only_default(root: Path) -> None:
    shutil.rmtree(root / LISTS)
    (root / LISTS).mkdir()
    keys = [f"train_{number}" for number in range(3)] + ["val_0", "val_1"]
    write_list(root, "default", "".join(f"{key}\n" for key in keys))
    for folder in ("JPEGImages", "SegmentationClass"):
        shutil.copy(root / folder / "val_0.png", root / folder / "val_1.png")


def test_only_list_of_cvat_is_a_split_and_is_split_by_hash(root):
    only_default(root)
    assert voc.split_names(root) == ["default", "train", "val", "all"]
    whole, train, everything = (segfeed.scan(root, split) for split in ("default", "train", "all"))
    assert whole.keys == everything.keys == ("train_0", "train_1", "train_2", "val_0", "val_1")
    assert train.keys == whole.keys[:4]
    assert segfeed.scan(root, "val").keys == whole.keys[4:]
    assert "hash" not in whole.why
    assert train.why.endswith("; default.txt split by a hash of the ids")


def test_lists_beside_default_leave_nothing_to_a_hash(root):
    only_default(root)
    write_list(root, "mine", "val_0\n")
    assert voc.split_names(root) == ["default", "mine"]
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert (caught.value.found, caught.value.expected) == ("no split 'train'", "one of default, mine")


def test_masks_saved_as_jpeg_are_refused_as_such_and_not_called_missing(root):
    for mask in sorted((root / "SegmentationClass").iterdir()):
        Image.fromarray(np.array(voc_colours(256), np.uint8)[stored(mask)]).save(mask.with_suffix(".jpg"))
        mask.unlink()
    with pytest.raises(MaskError, match=r"train_0\.jpg: a JPEG of .* colours"):
        segfeed.scan(root).read(0)


def augment(root: Path, *keys: str) -> None:
    """Write masks as they are made from SBD: gray, without void, here all of class 9."""
    (root / "SegmentationClassAug").mkdir(exist_ok=True)
    for key in keys:
        size = stored(root / "JPEGImages" / f"{key}.png").shape[:2]
        Image.fromarray(np.full(size, 9, np.uint8)).save(root / "SegmentationClassAug" / f"{key}.png")


@pytest.mark.parametrize("split", ["trainaug", "train_aug", "aug"])
@pytest.mark.slow
def test_augmented_split_reads_augmented_masks_and_says_so(root, split):
    augment(root, "train_0", "train_1", "train_2")
    write_list(root, split, "train_0\ntrain_2\n")
    source = segfeed.scan(root, split)
    assert [np.unique(source.read(index).labels).tolist() for index in range(2)] == [[9], [9]]
    assert voc.list_split(root, source.split).why == "masks from SegmentationClassAug (2)"
    assert np.unique(segfeed.scan(root, "train").read(0).labels).size > 1


def test_masks_of_both_folders_are_counted_where_an_augmented_split_needs_them(root):
    augment(root, "train_1")
    write_list(root, "trainaug", "train_0\ntrain_1\ntrain_2\n")
    source = segfeed.scan(root, "trainaug")
    assert voc.list_split(root, source.split).why == "masks from SegmentationClassAug (1) and SegmentationClass (2)"
    assert [np.unique(source.read(index).labels).size > 1 for index in range(3)] == [True, False, True]
    (root / "SegmentationClass" / "train_2.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "trainaug")
    assert "1 of 3 listed samples have no mask: train_2" in caught.value.found


def test_augmented_masks_serve_a_split_that_has_no_others_and_never_fill_gaps(root):
    augment(root, "train_0", "train_1", "train_2")
    (root / "SegmentationClass" / "train_1.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "train")
    assert caught.value.where.endswith("SegmentationClass")
    assert "1 of 3 listed samples have no mask: train_1" in caught.value.found
    shutil.rmtree(root / "SegmentationClass")
    source = segfeed.scan(root, "train")
    assert "SegmentationClassAug, since SegmentationClass has none" in source.why
    assert np.unique(source.read(1).labels).tolist() == [9]


def test_augmented_split_without_augmented_masks_is_read_as_any_other(root):
    write_list(root, "trainaug", "train_0\n")
    assert voc.list_split(root, "trainaug").why == ""
    (root / "SegmentationClass" / "train_0.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "trainaug")
    assert caught.value.where.endswith("SegmentationClass")
    assert "1 of 1 listed samples have no mask: train_0" in caught.value.found


@pytest.mark.parametrize("split", ["default", "all"])
@pytest.mark.slow
def test_export_of_cvat_is_read_by_its_own_labelmap(shared_data, split):
    source = segfeed.scan(shared_data / "exports" / "cvat-tools", split)
    assert source.format == "voc"
    assert source.keys == ("SSI1", "SSI10")
    lines = (source.root / "labelmap.txt").read_text().splitlines()[1:]
    meant = {tuple(map(int, line.split(":")[1].split(","))): line.split(":")[0] for line in lines}
    assert source.legend.names == tuple(meant.values())
    for index, key in enumerate(source.keys):
        image, labels = source.read(index)
        colours = stored(source.root / "SegmentationClass" / f"{key}.png")[..., :3]
        for colour, name in meant.items():
            expected = (colours == colour).all(axis=-1)
            np.testing.assert_array_equal(labels == source.legend.names.index(name), expected)
        np.testing.assert_array_equal(image, stored(source.root / "JPEGImages" / f"{key}.png"))


@pytest.mark.slow
def test_objects_of_cvat_are_read(shared_data):
    source = segfeed.scan(shared_data / "exports" / "cvat-tools", "default", task="instance")
    colours = stored(source.root / "SegmentationObject" / "SSI1.png")
    np.testing.assert_array_equal(source.read(0).labels, (colours == (128, 0, 0)).all(axis=-1))


def test_datumaros_voc_has_exact_labels_and_a_test_split_to_predict(shared_data):
    root = shared_data / "exports/datumaro-assets/tests/assets/voc_dataset/voc_dataset1"
    train, test = segfeed.scan(root), segfeed.scan(root, "test")
    assert train.keys == ("2007_000001",)
    assert (stored(train.samples[0].mask.path) == (0, 128, 0)).all()
    assert (train.read(0).labels == train.legend.names.index("bicycle")).all()
    assert test.keys == ("2007_000002",)
    assert not test.has_masks


@pytest.mark.parametrize(
    ("name", "split", "error", "found"),
    [
        ("voc_dataset2", "trainval", ListError, "the list is empty"),
        ("voc_dataset3", "train", SourceError, "no known dataset layout"),
    ],
)
def test_datumaros_detection_sets_are_refused_with_the_reason(shared_data, name, split, error, found):
    with pytest.raises(error, match=found):
        segfeed.scan(shared_data / "exports/datumaro-assets/tests/assets/voc_dataset" / name, split)


@pytest.mark.slow
def test_real_voc_is_read_as_pillow_sees_it(voc2012_part):
    source = segfeed.scan(voc2012_part.parents[1], "val")
    assert len(source) == 60
    for index in (0, 29, 59):
        image, labels = source.read(index)
        sample = source.samples[index]
        np.testing.assert_array_equal(image, stored(sample.photo.path))
        np.testing.assert_array_equal(labels, stored(sample.mask.path))


def test_task_instance_reads_object_masks_into_objects(root):
    objects = np.array([[0, 1, 2, 255], [3, 3, 0, 253]], np.uint8)
    mask = Image.fromarray(objects)
    mask.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
    mask.save(root / "SegmentationObject" / "train_0.png")
    Image.fromarray(np.zeros((2, 4, 3), np.uint8)).save(root / "JPEGImages" / "train_0.png")
    source = segfeed.scan(root, task="instance")
    assert source.task == "instance"
    assert isinstance(source.legend, Objects)
    np.testing.assert_array_equal(source.read(0).labels, objects)


def test_task_instance_needs_object_masks_not_class_masks(root):
    shutil.rmtree(root / "SegmentationObject")
    assert len(segfeed.scan(root)) == 3
    with pytest.raises(SourceMissingError, match="SegmentationObject: no such folder") as caught:
        segfeed.scan(root, task="instance")
    assert "the task" in caught.value.remedy


def test_task_instance_has_no_class_that_the_unknown_could_become(root):
    with pytest.raises(OptionError, match="no classes"):
        segfeed.scan(root, task="instance", unknown="background")


@pytest.mark.parametrize("split", ["test", "test2012"])
@pytest.mark.parametrize("folder", ["kept", "gone"])
@pytest.mark.slow
def test_test_split_without_masks_gives_labels_that_are_all_void(root, split, folder):
    write_list(root, split, "train_0\ntrain_1\n")
    for mask in (root / "SegmentationClass").iterdir():
        mask.unlink()
    if folder == "gone":
        (root / "SegmentationClass").rmdir()
    source = segfeed.scan(root, split)
    assert not source.has_masks
    assert [sample.mask for sample in source.samples] == [None, None]
    image, labels = source.read(1)
    assert image.shape == (5, 9, 3)
    assert labels.shape == (5, 9)
    assert labels.dtype == np.uint8
    assert (labels == 255).all()


@pytest.mark.parametrize("split", ["train", "val", "trainval", "latest"])
def test_any_other_split_without_masks_is_refused(root, split):
    write_list(root, split, "train_0\ntrain_1\n")
    for mask in (root / "SegmentationClass").iterdir():
        mask.unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, split)
    assert "2 of 2 listed samples have no mask" in caught.value.found


def test_test_split_with_some_masks_missing_is_refused(root):
    write_list(root, "test", "train_0\ntrain_1\n")
    (root / "SegmentationClass" / "train_1.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "test")
    assert "1 of 2 listed samples have no mask: train_1" in caught.value.found


def test_test_split_with_masks_is_read_like_any_other(root):
    write_list(root, "test", "train_0\n")
    source = segfeed.scan(root, "test")
    assert source.has_masks
    assert set(np.unique(source.read(0).labels)) > {255}


def test_a_dataset_that_cannot_be_written_is_read_all_the_same(root):
    files = sorted(root.rglob("*"))
    before = [(path, path.stat().st_mtime_ns) for path in files]
    source = segfeed.scan(root)
    source.read(0)
    assert [(path, path.stat().st_mtime_ns) for path in sorted(root.rglob("*"))] == before


def test_frames_in_folders_are_listed_with_them(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(2, 3)] * 4})
    lists = root / "ImageSets" / "Segmentation"
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject"):
        (root / folder / "s1").mkdir()
        for number in range(4):
            (root / folder / f"train_{number}.png").rename(root / folder / "s1" / f"f {number}.png")
    lists.joinpath("train.txt").write_text("".join(f"s1/f {number}\n" for number in range(4)))
    for task in ("semantic", "instance"):
        source = segfeed.scan(root, task=task)
        assert source.keys == tuple(f"s1/f {number}" for number in range(4))
        assert source.read(0).labels.shape == (2, 3)


@pytest.mark.slow
def test_list_of_two_paths_chooses_the_masks(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(2, 3)] * 2})
    (root / "SegmentationClass").rename(root / "SegmentationClassAug")
    lines = [f"/JPEGImages/train_{n}.png /SegmentationClassAug/train_{n}.png\n" for n in range(2)]
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("".join(lines))
    source = segfeed.scan(root)
    assert source.keys == ("train_0", "train_1")
    assert "masks from SegmentationClassAug, as listed" in source.why


def test_capital_lists_are_the_splits_that_load_asks_for(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"Train": [(2, 3)] * 2, "Validation": [(2, 3)]})
    splits = segfeed.load(root, 1, (2, 3), pack=False)
    assert (splits.train.reader.split, splits.val.reader.split) == ("Train", "Validation")


@pytest.mark.slow
def test_folder_of_any_name_that_holds_the_lists_is_found_from_above(tmp_path, write_voc):
    root = write_voc(tmp_path / "mine", {"train": [(2, 3)]})
    assert (segfeed.scan(tmp_path).root, segfeed.scan(tmp_path).format) == (root, "voc")
    write_voc(tmp_path / "other", {"train": [(2, 3)]})
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert caught.value.found == "several VOC datasets (mine, other)"
