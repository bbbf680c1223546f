"""The feed: what one call to load gives, and what it refuses."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfeed import IMAGENET, Augment, BatchFormat, Pack, Shard, Source, feed, load, recipes, scan
from segfeed.datasets import splits as split_strings
from segfeed.datasets.catalogue.fetching import DATASETS
from segfeed.datasets.export import export_splits
from segfeed.datasets.places import FETCHED
from segfeed.errors import (
    OptionError,
    SizeMismatchError,
    SourceError,
    SourceMissingError,
    StateError,
    UnknownColourError,
)

CROP = (32, 48)
# void of padding is round(255 * mean), normalised like any pixel
PADDING = (np.round(255 * np.array(IMAGENET.mean)) / 255 - IMAGENET.mean) / IMAGENET.std


@pytest.fixture
def lists(tmp_path, voc_folder):
    """Copy the tiny dataset, for tests that change it."""
    shutil.copytree(voc_folder, tmp_path / "VOC2012")
    return tmp_path / "VOC2012" / "ImageSets" / "Segmentation"


def first(loader):
    return next(iter(loader))


def epoch(loader):
    return [(batch.images.copy(), batch.labels.copy(), batch.keys) for batch in loader]


def test_defaults_are_those_of_the_documentation(voc_folder):
    train, val = load(voc_folder, 2, CROP)
    images, labels = first(train)
    assert (images.shape, images.dtype) == ((2, 32, 48, 3), np.float32)
    assert (labels.shape, labels.dtype) == ((2, 32, 48), np.int32)
    images, labels = first(val)
    assert (images.shape, images.dtype) == ((2, 40, 60, 3), np.float32)
    assert (labels.shape, labels.dtype) == ((2, 40, 60), np.int32)
    assert (len(train), len(val)) == (2, 2)
    assert (train.reader.split, val.reader.split) == ("train", "val")
    assert isinstance(train.reader, Pack)


@pytest.mark.slow
def test_default_crop_and_batch_are_those_of_the_documentation(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(321, 481)] * 64, "val": [(4, 4)]})
    train, _ = load(root, pack=False)
    assert train.batch_size == 64
    assert train.plan.canvas == (320, 480)


def test_every_pixel_comes_from_where_the_batch_says(voc_folder):
    train, _ = load(voc_folder, 2, CROP, dtype="uint8", flip=True)
    for batch in train:
        for image, label, crop in zip(batch.images, batch.labels, batch.crops, strict=True):
            pair = train.reader.read(int(crop["sample"]))
            expected = cut_by_hand(pair, crop)
            np.testing.assert_array_equal(image, expected[0])
            np.testing.assert_array_equal(label, expected[1])


def cut_by_hand(pair, crop):
    """Cut by hand: a canvas of padding with the image pasted into it."""
    height, width = pair.labels.shape
    top, left = int(crop["top"]), int(crop["left"])
    image = np.empty((CROP[0] + 2 * 100, CROP[1] + 2 * 100, 3), np.uint8)
    image[:] = np.round(255 * np.array(IMAGENET.mean))
    labels = np.full(image.shape[:2], 255, np.int32)
    image[100 : 100 + height, 100 : 100 + width] = pair.image
    labels[100 : 100 + height, 100 : 100 + width] = pair.labels
    window = slice(100 + top, 100 + top + CROP[0]), slice(100 + left, 100 + left + CROP[1])
    turn = slice(None, None, -1) if crop["flip"] else slice(None)
    return image[window][:, turn], labels[window][:, turn]


def test_val_gives_every_image_once_whole_with_void_around(voc_folder):
    _, val = load(voc_folder, 2, CROP, dtype="uint8")
    keys = []
    for batch in val:
        for image, label, key, crop in zip(batch.images, batch.labels, batch.keys, batch.crops, strict=True):
            if not key:
                assert (label == 255).all()
                continue
            keys.append(key)
            pair = val.reader.read(int(crop["sample"]))
            height, width = pair.labels.shape
            np.testing.assert_array_equal(image[:height, :width], pair.image)
            np.testing.assert_array_equal(label[:height, :width], pair.labels)
            assert (label[height:] == 255).all()
            assert (label[:, width:] == 255).all()
    assert keys == ["val_0", "val_1", "val_2"]


@pytest.mark.parametrize(("layout", "shape"), [("NHWC", (2, 32, 48, 3)), ("NCHW", (2, 3, 32, 48))])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.slow
def test_layout_and_dtype_change_the_form_and_not_the_pixels(voc_folder, layout, shape, dtype):
    plain = first(load(voc_folder, 2, CROP, dtype="uint8").train)
    batch = first(load(voc_folder, 2, CROP, layout=layout, dtype=dtype).train)
    assert batch.images.shape == shape
    assert batch.images.dtype == dtype
    images = batch.images if layout == "NHWC" else batch.images.transpose(0, 2, 3, 1)
    expected = plain.images if dtype == "uint8" else (plain.images / 255 - IMAGENET.mean) / IMAGENET.std
    np.testing.assert_allclose(images, expected, atol=2e-3 if dtype == "float16" else 1e-6)
    np.testing.assert_array_equal(batch.labels, plain.labels)


@pytest.mark.parametrize("label_dtype", ["int32", "int64", "uint8"])
@pytest.mark.slow
def test_labels_come_in_any_dtype_with_void_255(voc_folder, label_dtype):
    plain = first(load(voc_folder, 2, CROP).train)
    batch = first(load(voc_folder, 2, CROP, label_dtype=label_dtype).train)
    assert batch.labels.dtype == label_dtype
    np.testing.assert_array_equal(batch.labels, plain.labels)


@pytest.mark.slow
def test_without_normalisation_pixels_are_scaled_to_one_and_padding_is_black(voc_folder):
    plain = first(load(voc_folder, 4, CROP, dtype="uint8", normalize=None).train)
    images, labels = first(load(voc_folder, 4, CROP, normalize=None).train)
    np.testing.assert_allclose(images, plain.images / 255, atol=1e-6)
    assert images.min() >= 0
    assert images.max() <= 1
    _, val = load(voc_folder, 4, CROP, normalize=None)
    images, labels = first(val)
    assert (images[1, 33:] == 0).all()
    assert (labels[1, 33:] == 255).all()


def test_padding_is_the_mean_and_void(voc_folder):
    images, labels = first(load(voc_folder, 4, CROP).val)
    np.testing.assert_allclose(images[1, 33:], np.broadcast_to(PADDING, (7, 60, 3)), atol=1e-6)
    assert (labels[1, 33:] == 255).all()


@pytest.mark.slow
def test_own_mean_and_std_are_used(voc_folder):
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    plain = first(load(voc_folder, 2, CROP, dtype="uint8").train)
    batch = first(load(voc_folder, 2, CROP, normalize=(mean, std)).train)
    inside = plain.crops["top"] >= 0
    np.testing.assert_allclose(batch.images[inside], ((plain.images / 255 - mean) / std)[inside], atol=1e-6)


@pytest.mark.slow
def test_void_may_be_another_value(voc_folder):
    plain = first(load(voc_folder, 2, CROP).train)
    batch = first(load(voc_folder, 2, CROP, void=-100, label_dtype="int64").train)
    assert (batch.labels == -100).any()
    np.testing.assert_array_equal(batch.labels, np.where(plain.labels == 255, -100, plain.labels))


@pytest.mark.slow
def test_format_decides_where_several_answer(lists):
    root = lists.parents[1]
    for folder in ("train", "trainannot"):
        (root / folder).mkdir()
    (root / "train.txt").touch()
    with pytest.raises(SourceError) as caught:
        load(root, 2, CROP)
    assert all(word in str(caught.value) for word in ("several formats", "voc", "camvid", "format="))
    train, val = load(root, 2, CROP, format="voc", layout="NCHW")
    assert first(train).images.shape == (2, 3, 32, 48)
    assert val.reader.keys == load(root, 2, CROP, format="voc", pack=False).val.reader.keys
    with pytest.raises(SourceError) as caught:
        load(root, 2, CROP, format="roboflow")
    assert "roboflow" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"void": -100, "label_dtype": "uint8"}, ("void", "-100", "uint8")),
        ({"void": 3}, ("void", "3", "class")),
        ({"void": True}, ("void", "True")),
        ({"layout": "HWC"}, ("layout", "'HWC'", "'NHWC'", "'NCHW'")),
        ({"dtype": "float64"}, ("dtype", "'float64'")),
        ({"label_dtype": "int16"}, ("label_dtype", "'int16'")),
        ({"normalize": (0.5, 0.5)}, ("normalize",)),
        ({"normalise": None}, ("normalise", "no option of load", "pass normalize=")),
        ({"num_workers": 4}, ("num_workers", "no option of load", "threads=")),
        ({"scale": (0.5, 2)}, ("scale", "no option of load", "pass augment=Augment(scale=...)")),
        ({"resize": (512, 512)}, ("resize", "pass augment=Augment(resize=...)")),
        ({"rotation": 10}, ("rotation", "pass augment=Augment(rotate=...)")),
        ({"hflip": True}, ("hflip", "pass flip=")),
        ({"val_transform": None}, ("val_transform", "val batches are never augmented")),
        ({"format": BatchFormat("NCHW")}, ("format: BatchFormat(layout='NCHW'", '"voc"', "layout, dtype,")),
        ({"format": "NCHW"}, ("format", "'NCHW'", "voc, tar,")),
        ({"small": "skip"}, ("small", "'skip'")),
        ({"flip": 1}, ("flip", "1")),
        ({"seed": -1}, ("seed", "-1")),
        ({"seed": 1.5}, ("seed", "1.5")),
        ({"shard": (2, 2)}, ("rank", "2")),
        ({"shard": (0, 0)}, ("world", "0")),
        ({"shard": (0, 3)}, ("batch_size", "2", "3 ranks")),
        ({"val_batch_size": 0}, ("val_batch_size", "0")),
        ({"threads": -1}, ("threads", "-1")),
        ({"threads": 1.5}, ("threads", "1.5")),
        ({"task": "panoptic"}, ("task", "'panoptic'")),
        ({"unknown": "dragon"}, ("unknown", "'dragon'")),
        ({"splits": "train"}, ("splits: 'train'", "a pair (train, val)")),
        ({"splits": (None, None)}, ("splits: (None, None)", "a pair (train, val)")),
        ({"splits": ("train", "val", "test")}, ("splits: ('train', 'val', 'test')", "a pair (train, val)")),
    ],
    ids=str,
)
@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.slow
def test_option_that_has_no_meaning_is_refused(voc_folder, cache, fields, words, pack):
    with pytest.raises(OptionError) as caught:
        load(voc_folder, 2, CROP, pack=pack, **fields)
    assert isinstance(caught.value, ValueError)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("batch_size", [0, -1, 1.0, True, "2", None])
def test_batch_size_that_is_no_whole_number_is_refused(voc_folder, batch_size):
    with pytest.raises(OptionError) as caught:
        load(voc_folder, batch_size, CROP)
    assert caught.value.where.startswith("batch_size")


@pytest.mark.parametrize("crop_size", [(0, 4), (-1, 5), (1.5, 2), 32, "32x48", (1, 2, 3), (True, 4), (2**31, 4)])
def test_crop_size_that_is_none_is_refused(voc_folder, crop_size):
    with pytest.raises(OptionError) as caught:
        load(voc_folder, 2, crop_size)
    assert "crop" in caught.value.where


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"seed": -1}, {"shard": (0, 3)}, {"val_batch_size": 0}, {"void": 3}, {"small": "error"}],
    ids=str,
)
def test_bad_options_are_refused_before_anything_is_packed(voc_folder, cache, options):
    with pytest.raises(OptionError):
        load(voc_folder, **{"batch_size": 2, "crop_size": CROP} | options)
    assert not list(cache.glob("packs/*"))


def test_splits_are_indexed_as_the_pair_that_they_unpack_to(voc_folder):
    splits = load(voc_folder, 2, CROP, splits=("train", None))
    train, val = splits
    assert len(splits) == 2
    assert splits[0] is splits[-2] is train is splits.train
    assert splits[1] is splits[-1] is val is None
    assert splits[:] == (train, None)
    assert splits[1:] == (None,)
    for index in (2, -3):
        with pytest.raises(IndexError):
            splits[index]
    with pytest.raises(TypeError):
        splits["train"]


def test_small_images_are_padded_by_default_and_counted(voc_folder):
    splits = load(voc_folder, 5, CROP)
    assert splits.notes[0] == "train: 1 of 5 images are smaller than the crop of 32 x 48 and are padded with void."
    batch = first(splits.train)
    (row,) = np.flatnonzero(batch.crops["sample"] == 4)
    assert (batch.labels[row] == 255).sum() >= 12 * 48


@pytest.mark.parametrize(("small", "what"), [("pad", "padded with void then"), ("drop", "left out")])
def test_images_that_are_scaled_below_the_crop_are_told_from_small_ones(voc_folder, small, what):
    splits = load(voc_folder, 1, (33, 32), small=small, augment=Augment(scale=(0.9, 2)))
    assert splits.notes[0].endswith(f" of 5 images can be scaled to less than the crop of 33 x 32 and are {what}.")


def test_small_images_are_dropped_on_request_and_counted(voc_folder):
    splits = load(voc_folder, 2, CROP, small="drop")
    assert splits.notes[0] == "train: 1 of 5 images are smaller than the crop of 32 x 48 and are left out."
    assert len(splits.train.plan) == 4
    assert sorted(key for _, _, keys in epoch(splits.train) for key in keys) == [f"train_{n}" for n in range(4)]


def test_small_images_are_an_error_on_request(voc_folder):
    with pytest.raises(OptionError) as caught:
        load(voc_folder, 2, CROP, small="error")
    assert all(word in str(caught.value) for word in ("1 of 5 images", "sample 4", "20 x 60"))
    assert len(load(voc_folder, 2, (20, 48), small="error").train) == 2


@pytest.mark.parametrize(
    "options", [{"augment": "torchvision"}, {"flip": True}, {"transform": lambda image, labels, _: (image, labels)}]
)
def test_that_whole_images_are_never_augmented_is_said_if_no_train_split_is_loaded(voc_folder, options):
    (note,) = load(voc_folder, 2, CROP, splits=(None, "val"), pack=False, **options).notes
    assert "never augmented" in note
    assert not any("never augmented" in line for line in load(voc_folder, 2, CROP, pack=False, **options).notes)


def test_tail_is_counted(voc_folder):
    note = "train: each epoch leaves out 1 of 5 images, other ones each time, which fill no batch of 2."
    assert note in load(voc_folder, 2, CROP).notes
    assert not any("leaves out" in line for line in load(voc_folder, 5, CROP).notes)


def test_notes_are_logged(voc_folder, caplog):
    with caplog.at_level(logging.INFO, logger="segfeed"):
        splits = load(voc_folder, 2, CROP, pack=False)  # packing logs another line
    assert splits.notes
    assert tuple(record.message for record in caplog.records if record.name == "segfeed") == splits.notes


@pytest.mark.slow
def test_flip_mirrors_half_of_the_crops(voc_folder):
    flips = [
        bool(flip)
        for train in [load(voc_folder, 5, CROP, flip=True).train]
        for number in range(40)
        for flip in train.plan.rows(number, 0)["flip"]
    ]
    assert 60 < sum(flips) < 140
    assert not load(voc_folder, 5, CROP).train.plan.rows(0, 0)["flip"].any()


def test_val_is_never_flipped_or_cropped(voc_folder):
    val = load(voc_folder, 5, CROP, flip=True).val
    rows = val.plan.rows(0, 0)
    assert not rows["flip"].any()
    assert val.plan.is_exact


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes_and_other_seeds_others(voc_folder):
    once, again, other = (epoch(load(voc_folder, 2, CROP, seed=seed).train) for seed in (7, 7, 8))
    for one, two in zip(once, again, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
        assert one[2] == two[2]
    assert any(not np.array_equal(one[0], two[0]) for one, two in zip(once, other, strict=True))


def test_epochs_differ(voc_folder):
    train = load(voc_folder, 5, CROP).train
    one, two = epoch(train)[0], epoch(train)[0]
    assert not np.array_equal(one[0], two[0])


@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.slow
def test_ranks_together_see_the_epoch_of_one_process(voc_folder, world):
    whole = load(voc_folder, 4, CROP)
    parts = [load(voc_folder, 4, CROP, shard=Shard(rank, world)) for rank in range(world)]
    for loaders in zip(whole, *parts, strict=True):
        expected, *slices = (epoch(loader) for loader in loaders)
        assert all(len(part) == len(expected) for part in slices)
        for step, (images, labels, keys) in enumerate(expected):
            np.testing.assert_array_equal(np.concatenate([part[step][0] for part in slices]), images)
            np.testing.assert_array_equal(np.concatenate([part[step][1] for part in slices]), labels)
            assert sum((part[step][2] for part in slices), ()) == keys


@pytest.mark.parametrize("threads", [None, 0, 1, 3])
@pytest.mark.slow
def test_threads_do_not_change_what_comes_out(voc_folder, threads):
    expected, found = (epoch(load(voc_folder, 2, CROP, threads=n).train) for n in (0, threads))
    for one, two in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_val_batch_size_is_the_train_batch_size_unless_given(voc_folder):
    assert load(voc_folder, 2, CROP).val.batch_size == 2
    assert load(voc_folder, 2, CROP, val_batch_size=1).val.batch_size == 1


@pytest.mark.parametrize(("rows", "world", "expected"), [(2.5, 1, 2), (0.5, 1, 1), (1.5, 2, 2), (3, 1, 3)])
@pytest.mark.slow
def test_val_batch_size_is_lowered_until_a_slot_fits_and_says_so(voc_folder, monkeypatch, rows, world, expected):
    row_bytes = 40 * 60 * (3 * 4 + 4)
    monkeypatch.setattr(feed, "MAX_SLOT_BYTES", int(rows * row_bytes))
    splits = load(voc_folder, 4, CROP, shard=Shard(0, world))
    assert splits.val.batch_size == expected
    assert splits.train.batch_size == 4
    note = f"val: batches of {expected} instead of 4, so that one of whole images (40 x 60) is at most 512 MB."
    assert note in splits.notes
    assert sorted(key for shard in range(world) for key in keys_of(voc_folder, shard, world)) == [
        f"val_{n}" for n in range(3)
    ]


def keys_of(root, rank, world):
    val = load(root, 4, CROP, shard=Shard(rank, world)).val
    return [key for batch in val for key in batch.keys if key]


def test_val_batch_size_stays_where_it_fits(voc_folder):
    assert not any("instead of" in note for note in load(voc_folder, 4, CROP).notes)


@pytest.mark.slow
def test_without_a_pack_nothing_is_written_and_the_batches_are_the_same(voc_folder, cache):
    plain = load(voc_folder, 2, CROP, pack=False)
    assert isinstance(plain.train.reader, Source)
    found = [epoch(loader) for loader in plain]
    assert not cache.exists()
    for loader, batches in zip(load(voc_folder, 2, CROP), found, strict=True):
        for one, two in zip(epoch(loader), batches, strict=True):
            np.testing.assert_array_equal(one[0], two[0])
            np.testing.assert_array_equal(one[1], two[1])
            assert one[2] == two[2]


def test_cache_dir_is_where_packs_lie(voc_folder, cache, tmp_path):
    train, _ = load(voc_folder, 2, CROP, cache_dir=tmp_path / "mine")
    assert train.reader.folder.parent == tmp_path / "mine" / "packs"
    assert not cache.exists()


def test_one_split_may_be_left_out(voc_folder):
    train, val = load(voc_folder, 2, CROP, splits=("train", None))
    assert len(train) == 2
    assert val is None
    train, val = load(voc_folder, 2, CROP, splits=(None, "val"))
    assert train is None
    assert len(val) == 2


def test_split_that_is_not_wanted_need_not_exist(lists):
    (lists / "val.txt").unlink()
    assert len(load(lists.parents[1], 2, CROP, splits=("train", None)).train) == 2
    with pytest.raises(SourceMissingError) as caught:
        load(lists.parents[1], 2, CROP)
    assert "'val'" in str(caught.value)


def test_ids_in_both_splits_are_refused_with_their_count(lists, cache):
    (lists / "val.txt").write_text("val_0\ntrain_3\ntrain_1\n")
    with pytest.raises(SourceError) as caught:
        load(lists.parents[1], 2, CROP)
    assert caught.value.where == str(lists.parents[1])
    assert caught.value.found == "2 samples are in both 'train' and 'val', the first is train_1"
    assert not cache.exists()


def test_train_split_smaller_than_one_batch_is_refused(voc_folder):
    with pytest.raises(OptionError) as caught:
        load(voc_folder, 6, CROP)
    assert all(word in str(caught.value) for word in ("batch_size", "6", "5 samples", "at most 5"))
    with pytest.raises(OptionError) as caught:
        load(voc_folder, 5, CROP, small="drop")
    assert all(word in str(caught.value) for word in ("batch_size", "5", "4 of 5 samples", "at most 4"))


def test_val_split_smaller_than_one_batch_is_filled_with_void(voc_folder):
    batch = first(load(voc_folder, 5, CROP).val)
    assert batch.images.shape[0] == 5
    assert batch.keys == ("val_0", "val_1", "val_2", "", "")
    assert batch.crops["sample"].tolist() == [0, 1, 2, -1, -1]
    assert (batch.labels[3:] == 255).all()
    np.testing.assert_allclose(batch.images[3:], np.broadcast_to(PADDING, (2, 40, 60, 3)), atol=1e-6)


def add_test_split(lists: Path) -> Path:
    root = lists.parents[1]
    (lists / "test.txt").write_text("new_0\nnew_1\n")
    for number, size in enumerate([(60, 40), (50, 30)]):
        Image.new("RGB", size, (number, 2, 3)).save(root / "JPEGImages" / f"new_{number}.png")
    return root


def test_train_split_without_masks_is_refused(lists, cache):
    with pytest.raises(OptionError) as caught:
        load(add_test_split(lists), 2, CROP, splits=("test", "val"))
    assert (caught.value.where, caught.value.found.partition(",")[0]) == ("splits", "split 'test' has no masks")
    assert "splits=(None, 'test')" in caught.value.remedy
    assert not cache.exists()


@pytest.mark.parametrize("pack", [True, False])
def test_split_without_masks_serves_as_val_with_labels_all_void(lists, pack):
    splits = load(add_test_split(lists), 2, CROP, splits=("train", "test"), pack=pack)
    assert "test: no masks; all labels are void, for prediction." in splits.notes
    batch = first(splits.val)
    assert batch.keys == ("new_0", "new_1")
    assert (batch.labels == 255).all()
    np.testing.assert_allclose(
        batch.images[0, 0, 0], (np.array([0, 2, 3]) / 255 - IMAGENET.mean) / IMAGENET.std, atol=1e-6
    )


def test_task_instance_gives_object_ids(voc_folder):
    train, _ = load(voc_folder, 2, CROP, task="instance")
    assert train.reader.task == "instance"
    assert set(np.unique(first(train).labels)) <= {*range(254), 255}


@pytest.mark.slow
def test_own_legend_and_unknown_reach_the_labels(voc_folder):
    names = ["sky", "road", "car"]
    with pytest.raises(UnknownColourError) as caught:
        load(voc_folder, 2, CROP, legend=names)
    assert caught.value.where.startswith("train_0.png")
    labels = first(load(voc_folder, 2, CROP, legend=names, unknown="car").train).labels
    assert set(np.unique(labels)) == {0, 1, 2, 255}


def test_relative_and_textual_paths_are_paths(voc_folder, monkeypatch):
    monkeypatch.chdir(voc_folder.parent)
    assert len(load("VOC2012", 2, CROP).train) == 2


def test_missing_dataset_writes_nothing(tmp_path, cache):
    with pytest.raises(SourceMissingError) as caught:
        load(tmp_path / "nowhere")
    assert caught.value.where.startswith(str(tmp_path / "nowhere"))
    assert not cache.exists()


@pytest.mark.slow
def test_real_voc_loads_at_the_books_settings(voc2012_part):
    train, val = load(voc2012_part, 64, (320, 480))
    images, labels = first(train)
    assert (images.shape, labels.shape) == ((64, 320, 480, 3), (64, 320, 480))
    assert set(np.unique(labels)) <= {*range(21), 255}
    assert len(train) == 1
    assert sum(len([key for key in batch.keys if key]) for batch in val) == 60


def test_names_that_can_be_fetched_are_those_of_the_catalogue():
    assert set(FETCHED) == set(DATASETS)


def test_a_dataset_that_was_not_fetched_says_how_to_fetch_it(cache):
    with pytest.raises(SourceMissingError) as caught:
        load("voc2012")
    assert all(word in str(caught.value) for word in ("`segfeed fetch voc2012`", "download=True"))


def put_folders(
    root: Path, names: dict[str, dict[str, int]], classes: str = "background\nleft arm\nright arm\n"
) -> Path:
    """Write photos beside masks, for each split a folder of its own: {split: {name: seed}}."""
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 20:40], labels[:, 40:] = 1, 2
    for split, seeds in names.items():
        for folder in ("images", "masks"):
            (root / folder / split).mkdir(parents=True)
        for name, seed in seeds.items():
            noise = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
            Image.fromarray(noise).save(root / "images" / split / f"{name}.png")
            Image.fromarray(labels).save(root / "masks" / split / f"{name}.png")
    (root / "class_names.txt").write_text(classes)
    return root


def put_tables(root: Path, names: dict[str, dict[str, int]]) -> Path:
    """Write the same as Parquet, whose keys are the photos' names."""
    sources = [scan(put_folders(root / "files" / split, {split: seeds}), split) for split, seeds in names.items()]
    sources = [
        replace(source, samples=tuple(replace(one, key=key) for one, key in zip(source.samples, seeds, strict=True)))
        for source, seeds in zip(sources, names.values(), strict=True)
    ]
    return export_splits(sources, root / "tables", "parquet")


@pytest.mark.slow
def test_equal_names_of_different_photos_are_no_leak(tmp_path):
    tables = put_tables(tmp_path, {"train": {"0": 1, "1": 2}, "val": {"0": 3, "1": 4}})
    train, val = load(tables, 2, CROP, pack=False)
    assert train.reader.keys == val.reader.keys == ("0", "1")


@pytest.mark.slow
def test_equal_names_of_equal_photos_are_a_leak_wherever_they_lie(tmp_path):
    tables = put_tables(tmp_path, {"train": {"0": 1, "1": 2}, "val": {"0": 3, "1": 2}})
    with pytest.raises(SourceError) as caught:
        load(tables, 2, CROP, pack=False)
    assert caught.value.found == "1 samples are in both 'train' and 'val', the first is 1"


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_links_to_one_photo_are_a_leak_whatever_they_are_called(tmp_path, link):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    photo = root / "images/val/c.png"
    photo.unlink()
    getattr(photo, link)(root / "images/train/b.png")
    with pytest.raises(SourceError) as caught:
        load(root, 2, CROP, pack=False)
    assert caught.value.found.startswith("1 samples are in both")


def test_no_photo_is_read_to_find_leaks_if_nothing_is_alike(tmp_path, monkeypatch):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    monkeypatch.setattr(split_strings, "hold_same", lambda *_: pytest.fail("two photos were compared"))
    load(root, 2, CROP, pack=False)


def mirrored_labels(train) -> set[int]:
    """Collect the label in the first column of whole mirrored rows, where right arms were."""
    return {
        int(labels[0, 0])
        for _ in range(6)
        for batch in train
        for row, labels in zip(batch.crops, batch.labels, strict=True)
        if row["flip"]
    }


@pytest.mark.parametrize(
    ("swap", "first", "noted"),
    [(None, 1, True), ({}, 2, False), ({"background": "right arm"}, 0, True), ({"right arm": "left arm"}, 1, True)],
)
@pytest.mark.slow
def test_sides_change_places_in_mirrored_crops(tmp_path, swap, first, noted):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    splits = load(root, 2, (40, 60), flip=True, swap=swap, pack=False)
    assert mirrored_labels(splits.train) == {first}
    assert any("change places in mirrored crops" in note for note in splits.notes) == noted
    if swap is None:
        assert any("'left arm' and 'right arm'" in note for note in splits.notes)


def test_a_side_without_its_other_side_is_noted_unless_the_person_decided(tmp_path):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    names = ["background", "left_arm", "right arm"]
    noted = [
        any(
            "'left_arm', 'right arm' may name sides" in note
            for note in load(root, 2, CROP, legend=names, pack=False, **how).notes
        )
        for how in ({"flip": True}, {}, {"flip": True, "swap": {}})
    ]
    assert noted == [True, False, False]


def test_sides_stay_without_flip_and_in_val(tmp_path):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    splits = load(root, 2, (40, 60), pack=False)
    assert splits.notes == ()
    assert splits.train.plan.draw.swap == ()


def test_a_swap_of_no_class_is_refused_before_anything_is_packed(tmp_path, cache):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    with pytest.raises(OptionError) as caught:
        load(root, 2, CROP, flip=True, swap={"left arm": "left leg"})
    assert caught.value.where == "swap"
    assert not cache.exists()


def test_a_state_of_other_sides_does_not_fit(tmp_path):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    one, other = (load(root, 2, CROP, flip=True, swap=swap, pack=False).train for swap in (None, {}))
    with pytest.raises(StateError):
        other.load_state_dict(one.state_dict())


@pytest.mark.slow
def test_turned_photos_are_fed_upright_from_files_and_from_packs(tmp_path, cache):
    root = put_folders(tmp_path / "d", {"train": {"a": 1, "b": 2}, "val": {"c": 3}})
    path = root / "images/train/a.png"
    upright = np.array(Image.open(path))
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(np.rot90(upright, -1)).save(path, exif=exif)
    with pytest.raises(SizeMismatchError) as caught:
        load(root, 2, (40, 60))
    assert 'orientation="apply"' in caught.value.remedy
    for pack in (False, True):
        train, _ = load(root, 2, (40, 60), orientation="apply", dtype="uint8", pack=pack)
        assert train.plan.sizes.tolist() == [[40, 60], [40, 60]]
        batch = first(train)
        np.testing.assert_array_equal(batch.images[batch.crops["sample"].tolist().index(0)], upright)


def test_another_word_for_the_orientation_is_refused(voc_folder):
    with pytest.raises(OptionError) as caught:
        load(voc_folder, 2, CROP, orientation="turn")
    assert (caught.value.where, caught.value.found) == ("orientation", "'turn'")


# Augmentation ---------------------------------------------------------------------------------------------------------


def test_a_recipes_name_sets_what_is_drawn_and_the_crop_size_unless_it_is_passed(voc_folder):
    recipe = recipes.named("torchvision")
    named, val = load(voc_folder, 2, augment="torchvision", pack=False)
    assert named.plan.draw.augment == recipe.augment
    assert named.plan.canvas == recipe.crop_size
    assert val.plan.draw is None
    smaller, _ = load(voc_folder, 2, CROP, augment="torchvision", pack=False)
    assert (smaller.plan.draw.augment, smaller.plan.canvas) == (recipe.augment, CROP)


def test_a_recipe_may_be_named_by_its_start_if_no_other_starts_so(voc_folder):
    train, _ = load(voc_folder, 2, CROP, augment="segformer", pack=False)
    assert train.plan.draw.augment == recipes.named("segformer-ade20k").augment
    for wrong in ("mmseg", "MMSeg-ade20k", "mm", ""):
        with pytest.raises(OptionError) as caught:
            load(voc_folder, 2, CROP, augment=wrong, pack=False)
        assert (caught.value.where, caught.value.found) == ("augment", repr(wrong))
        assert ("mmseg-ade20k, mmseg-cityscapes" in caught.value.expected) is True


@pytest.mark.parametrize(
    "words",
    [{"flip": True, "augment": Augment()}, {"flip": True, "augment": "torchvision"}, {"augment": {"flip": 0.5}},
     {"augment": Augment, "flip": False}, {"augment": 0.5}],
    ids=str,
)  # fmt: skip
def test_flip_beside_augment_and_what_is_no_augment_are_refused(voc_folder, words):
    with pytest.raises(OptionError) as caught:
        load(voc_folder, 2, CROP, pack=False, **words)
    assert caught.value.where in ("flip", "augment")


@pytest.mark.slow
def test_flip_is_short_for_an_augment(voc_folder):
    one, other = (load(voc_folder, 2, CROP, pack=False, **words).train for words in
                  ({"flip": True}, {"augment": Augment(flip=0.5)}))  # fmt: skip
    assert one.state_dict() == other.state_dict()
    assert all(np.array_equal(a.images, b.images) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("pad_value", [None, 0, (1, 2, 250)])
@pytest.mark.slow
def test_what_lies_outside_a_scaled_photo_is_the_mean_or_the_pad_value_and_void(voc_folder, dtype, pad_value):
    augment = Augment(scale=(0.25, 0.25), brightness=(1, 1), pad_side="bottom-right", pad_value=pad_value)
    train, _ = load(voc_folder, 2, CROP, augment=augment, pack=False, dtype=dtype, normalize=IMAGENET)
    levels = np.round(255 * np.array(IMAGENET.mean)) if pad_value is None else np.full(3, pad_value)
    wanted = levels.astype(np.uint8)
    if dtype == "float32":
        scale, bias = (1 / (255 * np.array(IMAGENET.std)), -np.array(IMAGENET.mean) / np.array(IMAGENET.std))
        wanted = wanted.astype(np.float32) * scale.astype(np.float32) + bias.astype(np.float32)
    images, labels = next(iter(train))
    assert (images[:, -1, -1] == wanted).all()
    assert (labels[:, -1, -1] == 255).all()
    assert (images[:, 0, 0] != wanted).any()


@pytest.mark.slow
def test_sides_are_swapped_in_mirrored_rows_of_an_augment(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(40, 60)] * 3})
    swap, words = {"cat": "dog"}, {"splits": ("train", None), "pack": False, "seed": 3}
    flipped = load(root, 3, (40, 60), augment=Augment(flip=1), swap=swap, **words).train
    as_is = load(root, 3, (40, 60), augment=Augment(flip=1), swap={}, **words).train
    cat, dog = (flipped.reader.legend.names.index(name) for name in ("cat", "dog"))
    (_, one), (_, other) = next(iter(flipped)), next(iter(as_is))
    assert np.array_equal(one == cat, other == dog)
    assert np.array_equal(one == dog, other == cat)
