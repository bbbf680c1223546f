"""Joining: exports side by side under one legend file are one dataset; without it nothing is mixed."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from little_voc import a_photo, make_voc, put_photo
from segfeed.audit.checking import check
from segfeed.datasets.descriptions.described import DescribedFormat
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.datasets.export import export_splits
from segfeed.datasets.joining import JoinedFormat, Part
from segfeed.datasets.overview import describe
from segfeed.datasets.splits import SplitTerm
from segfeed.errors import LegendError, SourceError

NAMES = ["site0", "site1", "site2"]


@pytest.fixture
def sites(tmp_path) -> Path:
    """Three VOC exports with a key in common, under one labelmap.txt."""
    root = tmp_path / "sites"
    for name in NAMES:
        (root / name).mkdir(parents=True)
        make_voc(root / name, {"train": [f"{name}a", "same"], "val": [f"{name}b"]})
        put_photo(root / name, "same", a_photo(f"same {name}"))
        (root / name / "labelmap.txt").rename(root / "labelmap.txt")
    return root


@pytest.mark.slow
def test_they_are_one_dataset_with_their_folders_in_front_of_keys(sites):
    source = segfeed.scan(sites)
    assert source.keys == tuple(f"{name}/{key}" for name in NAMES for key in (f"{name}a", "same"))
    assert (source.format, source.root, source.legend.names) == ("voc", sites, ("background", "cat", "dog"))
    assert "3 datasets in it (site0, site1, site2) are read as one" in source.why
    assert source.read(3).labels.max() == 255
    assert [(split.name, split.samples) for split in describe(sites).splits] == [("train", 6), ("val", 3)]
    assert (check(sites).count()["error"], check(sites).pairs) == (0, 9)
    train, val = segfeed.load(sites, batch_size=2, crop_size=(8, 8), pack=False)
    assert (len(train.reader), len(val.reader)) == (6, 3)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("training_data", "testing_data"), "{split}_data/"),
        (("trainset", "valset"), "{split}set/"),
        (("my train", "validation"), "{split}/"),
        (("fold1", "fold2"), "{split}/"),
    ],
)
def test_folders_called_like_splits_are_not_mixed_by_a_hash(tmp_path, names, pattern):
    for number, name in enumerate(names):
        make_voc(tmp_path / name, {"default": [f"{number}{letter}" for letter in "abcdef"]})
        (tmp_path / name / "labelmap.txt").rename(tmp_path / "labelmap.txt")
    for ask in (segfeed.scan, segfeed.load, check):
        with pytest.raises(SourceError) as caught:
            ask(tmp_path)
        assert all(name in caught.value.found for name in names)
        assert f'photos = "{pattern}' in caught.value.remedy


def test_folders_called_like_one_split_and_splits_of_their_own_are_joined(sites, tmp_path):
    for number in range(3):
        make_voc(tmp_path / f"part/test site {number}", {"default": [f"{number}{letter}" for letter in "abcdef"]})
        (tmp_path / f"part/test site {number}/labelmap.txt").rename(tmp_path / "part/labelmap.txt")
        (sites / f"site{number}").rename(sites / ("train", "val", "test")[number])
    assert len(segfeed.scan(tmp_path / "part", "all")) == 18
    assert len(segfeed.scan(sites, "train")) == 6


@pytest.mark.slow
def test_what_is_exported_is_read_back(sites, tmp_path):
    folder = export_splits([segfeed.scan(sites, split) for split in ("train", "val")], tmp_path / "out", "voc")
    assert segfeed.scan(folder, "val").keys == ("site0_site0b", "site1_site1b", "site2_site2b")


@pytest.mark.slow
def test_a_split_that_some_lack_is_told_and_a_missing_file_is_named_by_its_folder(sites):
    (sites / "site1/ImageSets/Segmentation/val.txt").unlink()
    source = segfeed.scan(sites, "val")
    assert source.keys == ("site0/site0b", "site2/site2b")
    assert "split 'val' is not in site1" in source.why
    (sites / "site2/JPEGImages/same.png").unlink()
    assert [(one.split, one.key) for one in check(sites) if one.severity == "error"] == [("train", "site2/same")]


@pytest.mark.slow
def test_objects_are_joined_too_and_other_formats(sites, tmp_path):
    for name in NAMES:
        (sites / name / "SegmentationClass").rename(sites / name / "SegmentationObject")
    assert len(segfeed.scan(sites, task="instance")) == 6
    root = tmp_path / "months"
    for name in ("may", "june"):
        shutil.copytree(sites / "site0/JPEGImages", root / name / "images")
        shutil.copytree(sites / "site0/SegmentationObject", root / name / "masks")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    assert "may" in str(caught.value)
    shutil.copy(sites / "labelmap.txt", root)
    assert segfeed.scan(root, "all").keys == tuple(
        f"{month}/{key}" for month in ("june", "may") for key in ("same", "site0a", "site0b")
    )


@pytest.mark.slow
def test_folds_are_balanced_in_each_part_that_says_so_and_go_by_hash_in_the_others(tmp_path):
    root = tmp_path / "sites"
    for name in ("a", "b", "c"):
        for number in range(12):
            for folder, pixels in (("img", a_photo(f"{name}{number}", (8, 8))), ("gt", np.full((8, 8), number % 3))):
                path = root / name / folder / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    parts = []
    for name in ("a", "b", "c"):
        text = 'photos = "img/{key}.png"\nmasks = "gt/{key}.png"\n'
        text += "[splits]\nstratify = true\n" if name != "c" else ""
        module = DescribedFormat(parse_description(text, name))
        parts.append(Part(root / name, module.recognised(root / name), "shipped by somebody", module))
    joined = JoinedFormat(root, segfeed.Legend(("ground", "cat", "dog")), tuple(parts))
    keys = [sample.key for sample in joined.list_split(root, "all").samples]
    told = joined.find_folds(root, "all", keys, 4)
    folds = [[keys[n] for n in SplitTerm("all", fold=(fold, 4)).choose(keys, folds=told)] for fold in range(4)]
    assert sorted(key for fold in folds for key in fold) == sorted(keys)
    for fold in folds:
        shown = Counter((key[0], int(key[2:]) % 3) for key in fold if key[0] != "c")
        assert shown == {(site, value): 1 for site in "ab" for value in range(3)}
    assert len({tuple(key for key in fold if key[0] == "c") for fold in folds}) == 4


@pytest.mark.slow
def test_without_a_legend_file_beside_them_nothing_is_mixed_and_the_way_is_told(sites):
    for name in NAMES[1:]:
        shutil.copy(sites / "labelmap.txt", sites / name)
    (sites / "labelmap.txt").rename(sites / "site0/labelmap.txt")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(sites)
    assert "several VOC datasets (site0, site1, site2)" in caught.value.found
    assert f"such as labelmap.txt, into {sites} to read them as one" in caught.value.remedy
    shutil.copy(sites / "site0/labelmap.txt", sites)
    assert len(segfeed.scan(sites)) == 6


@pytest.mark.slow
def test_a_part_that_says_something_else_is_refused(sites):
    (sites / "site1/labelmap.txt").write_text("background:0,0,0::\ndog:128,0,0::\ncat:0,128,0::\n")
    with pytest.raises(LegendError) as caught:
        segfeed.scan(sites)
    assert caught.value.where == str(sites / "site1")
    assert len(segfeed.scan(sites, legend=sites / "labelmap.txt")) == 6


@pytest.mark.slow
def test_one_of_them_alone_is_not_read_by_another_legend(sites):
    with pytest.raises(LegendError) as caught:
        segfeed.scan(sites / "site1")
    assert f"pass the path {sites}" in caught.value.remedy
    source = segfeed.scan(sites / "site1", legend=sites / "labelmap.txt")
    assert source.legend.names == ("background", "cat", "dog")
    shutil.copy(sites / "labelmap.txt", sites / "site1")
    assert segfeed.scan(sites / "site1").legend.names == ("background", "cat", "dog")


def test_a_legend_file_above_the_one_dataset_of_a_folder_is_not_passed_over(sites):
    for name in NAMES[1:]:
        shutil.rmtree(sites / name)
    with pytest.raises(LegendError) as caught:
        segfeed.scan(sites)
    assert caught.value.where == str(sites / "labelmap.txt")


def test_folders_of_two_formats_are_not_joined(sites):
    for folder, place in (("JPEGImages", "images"), ("SegmentationClass", "masks")):
        (sites / "site2" / folder).rename(sites / "site2" / place)
    shutil.rmtree(sites / "site2/ImageSets")
    with pytest.raises(SourceError):
        segfeed.scan(sites)
