"""VOC straight from its tar: the same samples, bytes and labels as from the folder, and no file unpacked."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.archives import archive as archives
from segfeed.datasets.formats import tar
from segfeed.errors import LegendError, ListError, OptionError, SourceError, SourceMissingError
from segfeed.pixels.objects import Objects

LISTS = "ImageSets/Segmentation"


def pack(folder: Path, path: Path, place: str = "VOCdevkit/VOC2012", extra: dict[str, bytes] | None = None) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as made:
        made.add(folder, place)
        for name, data in (extra or {}).items():
            member = tarfile.TarInfo(f"{place}/{name}" if place != "." else name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def path(tmp_path, voc_folder):
    return pack(voc_folder, tmp_path / "VOCtrainval_11-May-2012.tar")


def with_list(voc_folder, tmp_path, text: bytes | str) -> Path:
    data = text if isinstance(text, bytes) else text.encode()
    return pack(voc_folder, tmp_path / "listed.tar", extra={f"{LISTS}/mine.txt": data})


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2012", "TrainVal/VOCdevkit/VOC2011", "VOC2007", "."])
@pytest.mark.slow
def test_tar_holds_what_the_folder_holds(tmp_path, voc_folder, place):
    path = pack(voc_folder, tmp_path / "voc.tar", place)
    for split in ("train", "val"):
        found, wanted = segfeed.scan(path, split), segfeed.scan(voc_folder, split)
        assert (found.format, found.split, found.keys) == ("tar", split, wanted.keys)
        assert found.legend == wanted.legend
        np.testing.assert_array_equal(found.sizes, wanted.sizes)
        for index in range(len(found)):
            np.testing.assert_array_equal(found.read(index).image, wanted.read(index).image)
            np.testing.assert_array_equal(found.read(index).labels, wanted.read(index).labels)


@pytest.mark.slow
def test_real_pairs_are_read_exactly(tmp_path, voc2012_part):
    found = segfeed.scan(pack(voc2012_part, tmp_path / "part.tar"), "val")
    for index in range(0, len(found), 7):
        mask = voc2012_part / "SegmentationClass" / f"{found.keys[index]}.png"
        with Image.open(mask) as picture:
            np.testing.assert_array_equal(found.read(index).labels, np.array(picture))


def test_pack_from_the_tar_is_the_pack_from_the_folder(path, voc_folder, cache):
    made = segfeed.make_pack(segfeed.scan(path), cache_dir=cache)
    assert segfeed.make_pack(segfeed.scan(voc_folder), cache_dir=cache).folder == made.folder
    assert [child.name for child in path.parent.iterdir() if child.name != "cache"] == [path.name]


def test_loads(path):
    train, val = segfeed.load(path, batch_size=2, crop_size=(32, 48), pack=False)
    assert (len(train), len(val)) == (2, 2)


def test_tar_is_listed_once(path, monkeypatch):
    counted = []
    index_tar = archives.index_tar
    monkeypatch.setattr(archives, "index_tar", lambda path: counted.append(path) or index_tar(path))
    segfeed.scan(path)
    segfeed.scan(path, "val")
    assert counted == [path]


def test_tar_that_changes_is_listed_again(path, voc_folder):
    source = segfeed.scan(path)
    pack(voc_folder, path, extra={f"{LISTS}/mine.txt": b"train_0\n"})
    assert not source.samples[0].photo.is_unchanged()
    assert segfeed.scan(path, "mine").keys == ("train_0",)


def test_objects_are_read(path, voc_folder):
    found = segfeed.scan(path, task="instance")
    assert isinstance(found.legend, Objects)
    np.testing.assert_array_equal(found.read(0).labels, segfeed.scan(voc_folder, task="instance").read(0).labels)


@pytest.mark.parametrize("text", ["train_0\r\nval_1\r\n", "\ufefftrain_0\nval_1", " train_0\t\n\n\nval_1  \n\n"])
def test_lists_are_read_by_the_rules_of_lists(voc_folder, tmp_path, text):
    assert segfeed.scan(with_list(voc_folder, tmp_path, text), "mine").keys == ("train_0", "val_1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "the list is empty"),
        ("train_0\ntrain_0\n", "'train_0' is listed 2 times"),
        ("train_0  1\n", "has two columns"),
        ("../train_0\n", "is a path or holds"),
        ("/elsewhere/train_0.png\n", "is a path or holds"),
        (b"\xff\xff", "byte 0 is not UTF-8"),
    ],
)
def test_malformed_list_is_refused_and_named(voc_folder, tmp_path, text, found):
    with pytest.raises(ListError) as caught:
        segfeed.scan(with_list(voc_folder, tmp_path, text), "mine")
    assert caught.value.where.endswith(f"listed.tar, VOCdevkit/VOC2012/{LISTS}/mine.txt")
    assert found in caught.value.found


def test_listed_sample_that_is_not_in_the_tar_is_missing(voc_folder, tmp_path):
    path = with_list(voc_folder, tmp_path, "train_0\nnobody\n")
    with pytest.raises(SourceMissingError, match="have no photo: nobody") as caught:
        segfeed.scan(path, "mine")
    assert caught.value.where.endswith("VOCdevkit/VOC2012/JPEGImages")


def test_test_split_without_masks_is_to_be_predicted(voc_folder, tmp_path):
    extra = {f"{LISTS}/test.txt": b"new\n", "JPEGImages/new.png": (voc_folder / "JPEGImages/val_0.png").read_bytes()}
    source = segfeed.scan(pack(voc_folder, tmp_path / "test.tar", extra=extra), "test")
    assert (source.keys, source.has_masks) == (("new",), False)


def test_two_photos_of_one_name_are_refused(voc_folder, tmp_path):
    path = pack(voc_folder, tmp_path / "two.tar", extra={"JPEGImages/train_0.jpg": b"x"})
    with pytest.raises(SourceError) as caught:
        segfeed.scan(path)
    assert "train_0.png and train_0.jpg are one sample" in caught.value.found


def test_classes_of_its_own_are_not_taken_for_vocs(voc_folder, tmp_path):
    path = pack(voc_folder, tmp_path / "own.tar", extra={"labelmap.txt": b"cat:1,2,3::\n"})
    with pytest.raises(LegendError) as caught:
        segfeed.scan(path)
    assert "VOC2012/labelmap.txt says that these are not VOC's classes" in caught.value.found
    assert segfeed.scan(path, legend=segfeed.scan(voc_folder).legend).keys[0] == "train_0"


def test_unknown_split_is_refused_with_those_there_are(path):
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(path, "trainaug")
    assert "no split 'trainaug'" in caught.value.found
    assert caught.value.expected == "one of train, val"


def test_several_datasets_in_one_tar_are_refused(voc_folder, tmp_path):
    with tarfile.open(tmp_path / "both.tar", "w", format=tarfile.USTAR_FORMAT) as made:
        made.add(voc_folder, "VOCdevkit/VOC2007")
        made.add(voc_folder, "VOCdevkit/VOC2012")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path / "both.tar")
    assert "several VOC datasets (VOCdevkit/VOC2007/, VOCdevkit/VOC2012/)" in caught.value.found


def test_other_tar_is_no_dataset(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    path = pack(tmp_path / "photos", tmp_path / "other.tar", "photos")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(path)
    assert "no known dataset layout" in caught.value.found
    with pytest.raises(SourceError) as caught:
        tar.list_split(path, "train")
    assert "no VOC layout in this tar" in caught.value.found


def test_compressed_archive_is_refused_with_the_remedy(path):
    packed = path.with_suffix(".tar.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(SourceError, match="a compressed archive") as caught:
        segfeed.scan(packed)
    assert caught.value.remedy == "unpack it and pass the folder"


@pytest.mark.slow
def test_truncated_and_damaged_tars_are_refused(path):
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2 // 512 * 512], whole[:-1024].rstrip(b"\0"), b"<html>" + whole[6:]):
        path.write_bytes(damaged)
        with pytest.raises(SourceError, match=r"VOCtrainval_11-May-2012\.tar"):
            segfeed.scan(path)


def test_tar_that_was_cut_after_scanning_is_refused(path):
    source = segfeed.scan(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SourceError) as caught:
        source.read(len(source) - 1)
    assert "the file was cut after the source was scanned" in caught.value.found


def test_options_without_meaning_are_refused(path):
    with pytest.raises(OptionError):
        segfeed.scan(path, unknown="nobody")


def test_what_macos_puts_beside_files_is_passed_over(voc_folder, tmp_path):
    hidden = {f"{LISTS}/._train.txt": b"\0\5\x16\7", "JPEGImages/._train_0.png": b"\0\5\x16\7"}
    plain, path = pack(voc_folder, tmp_path / "plain.tar"), pack(voc_folder, tmp_path / "mac.tar", extra=hidden)
    assert tar.split_names(path) == tar.split_names(plain)
    assert segfeed.scan(path).keys == segfeed.scan(plain).keys
