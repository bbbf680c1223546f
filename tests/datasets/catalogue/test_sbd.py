"""SBD: `trainaug` as everybody trains on it, without a photo of val, and masks that are SBD's own or VOC's."""

import io

import numpy as np
import pytest
import scipy.io
from PIL import Image

from segfeed.datasets.archives.archive import list_archive
from segfeed.datasets.catalogue.sbd import Numbers, check_sbd_folder, merge_lists, prepare_sbd
from segfeed.errors import (
    ArchiveError,
    ListError,
    MaskError,
    PhotoError,
    SizeMismatchError,
    SourceError,
    SourceMissingError,
)
from stand_ins import PALETTE, ROOT, SBD_ROOT, mask, mat, sbd_members, small_voc, tar, voc_members

VOC = small_voc()  # 0, 1, 2 for training, 3, 4 for validation
ADDED = ["2008_000001", "2009_000002"]
SBD = {"train": [VOC["train"][1], VOC["val"][0], ADDED[0]], "val": [VOC["val"][1], ADDED[1]]}
TRAINAUG = sorted([*VOC["train"], *ADDED])
NUMBERS = Numbers({"train": 3, "val": 2, "trainval": 5}, {"train": 3, "val": 2}, trainaug=5)
MEMBERS = sbd_members(SBD)


@pytest.fixture
def voc_root(tmp_path):
    for name, content in voc_members(VOC).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path / ROOT


@pytest.fixture
def unpacked(tmp_path, voc_root):
    """Pack members, and write what SBD makes of them."""

    def done(members: dict[str, bytes], numbers: Numbers = NUMBERS):
        (tmp_path / "sbd.tar").write_bytes(tar(members))
        with open(tmp_path / "sbd.tar", "rb") as file:
            unpacking = prepare_sbd(list_archive(file, "sbd.tar"), voc_root, numbers)
            (tmp_path / "out").mkdir()
            unpacking.write(tmp_path / "out")
        return tmp_path / "out"

    return done


def without(members: dict[str, bytes], *names: str) -> dict[str, bytes]:
    return {name: content for name, content in members.items() if name not in names}


def test_trainaug_is_everything_but_val(unpacked):
    root = unpacked(MEMBERS)
    assert (root / "ImageSets" / "Segmentation" / "trainaug.txt").read_text().split() == TRAINAUG
    assert check_sbd_folder(root, NUMBERS)["trainaug"] == tuple(TRAINAUG)
    for place in ("JPEGImages", "SegmentationClassAug"):
        assert sorted(path.stem for path in (root / place).iterdir()) == sorted([*TRAINAUG, *VOC["val"]])


def test_masks_of_sbd_become_palette_pngs(unpacked):
    root = unpacked(MEMBERS)
    for key in ADDED:
        labels = scipy.io.loadmat(io.BytesIO(MEMBERS[f"{SBD_ROOT}cls/{key}.mat"]))["GTcls"]["Segmentation"][0, 0]
        with Image.open(root / "SegmentationClassAug" / f"{key}.png") as picture:
            assert picture.mode == "P"
            assert bytes(picture.getpalette()) == PALETTE
            np.testing.assert_array_equal(np.array(picture), labels)
        assert (root / "JPEGImages" / f"{key}.jpg").read_bytes() == MEMBERS[f"{SBD_ROOT}img/{key}.jpg"]


def test_vocs_own_files_are_kept_and_taken_where_both_have_one(unpacked, voc_root):
    root = unpacked(MEMBERS)
    for path in voc_root.rglob("*.*"):
        name = path.relative_to(voc_root)
        if name.parts[0] != "Annotations" and name.parts[:2] != ("ImageSets", "Main"):
            assert (root / name).read_bytes() == path.read_bytes()
    for key in VOC["trainval"]:
        assert (root / "SegmentationClassAug" / f"{key}.png").read_bytes() == (
            voc_root / "SegmentationClass" / f"{key}.png"
        ).read_bytes()


def test_order_of_the_members_does_not_matter(unpacked):
    root = unpacked(dict(reversed(MEMBERS.items())))
    assert check_sbd_folder(root, NUMBERS)["trainaug"] == tuple(TRAINAUG)


def test_trainaug_of_another_length_is_an_error():
    with pytest.raises(SourceError) as caught:
        merge_lists(
            {split: tuple(ids) for split, ids in SBD.items()}, {split: tuple(ids) for split, ids in VOC.items()}, 10_582
        )
    assert caught.value.where == "trainaug"
    assert caught.value.found == "5 ids outside of VOC's val list"
    assert caught.value.expected == "10,582"


@pytest.mark.parametrize(
    ("members", "error", "found"),
    [
        (without(MEMBERS, f"{SBD_ROOT}train.txt"), ArchiveError, "sbd.tar: 0 times dataset/train.txt"),
        (MEMBERS | {f"b/{SBD_ROOT}train.txt": b""}, ArchiveError, "sbd.tar: 2 times dataset/train.txt"),
        (without(MEMBERS, f"{SBD_ROOT}val.txt"), SourceError, r"\(val 0\)"),
        (MEMBERS | {f"{SBD_ROOT}val.txt": b"a\nb\n"}, ListError, "the id 'a'"),
        (
            without(MEMBERS, f"{SBD_ROOT}img/{ADDED[0]}.jpg"),
            ArchiveError,
            f"1 of 4 files are missing .*img/{ADDED[0]}.jpg",
        ),
        (
            without(MEMBERS, f"{SBD_ROOT}cls/{ADDED[1]}.mat"),
            ArchiveError,
            f"1 of 4 files are missing .*cls/{ADDED[1]}.mat",
        ),
        (MEMBERS | {f"{SBD_ROOT}cls/{ADDED[0]}.mat": mat(2)[:-9]}, MaskError, f"{ADDED[0]}.mat: "),
        (MEMBERS | {f"{SBD_ROOT}cls/{ADDED[0]}.mat": mat(21)}, MaskError, f"{ADDED[0]}.mat: class id 21; .* 0 to 20"),
        (MEMBERS | {f"{SBD_ROOT}img/{ADDED[0]}.jpg": b"x"}, PhotoError, f"{ADDED[0]}.jpg"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_whatever_is_not_as_it_must_be_is_an_error(unpacked, members, error, found):
    with pytest.raises(error, match=found):
        unpacked(members)


def test_mask_of_another_size_than_its_photo_is_an_error(unpacked):
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 6, 3), np.uint8)).save(file, "JPEG")
    with pytest.raises(SizeMismatchError, match=f"sample {ADDED[1]}: the photo is 8 x 6 px but its mask 6 x 8"):
        unpacked(MEMBERS | {f"{SBD_ROOT}img/{ADDED[1]}.jpg": file.getvalue()})


def test_voc_that_is_not_whole_is_an_error(unpacked, voc_root):
    (voc_root / "SegmentationObject" / f"{VOC['val'][0]}.png").unlink()
    with pytest.raises(SourceMissingError, match="1 of 18 files are missing"):
        unpacked(MEMBERS)


def test_leak_of_val_into_trainaug_is_found_in_a_folder(unpacked):
    root = unpacked(MEMBERS)
    path = root / "ImageSets" / "Segmentation" / "trainaug.txt"
    path.write_text("".join(f"{key}\n" for key in [*TRAINAUG[1:], VOC["val"][0]]))
    with pytest.raises(SourceError) as caught:
        check_sbd_folder(root, NUMBERS)
    assert caught.value.where == str(root)
    assert caught.value.found == f"1 ids of val are in trainaug, the first is {VOC['val'][0]}"


def test_folder_without_a_mask_of_trainaug_is_not_whole(unpacked):
    root = unpacked(MEMBERS)
    (root / "SegmentationClassAug" / f"{ADDED[0]}.png").write_bytes(mask(3))
    check_sbd_folder(root, NUMBERS)
    (root / "SegmentationClassAug" / f"{ADDED[0]}.png").unlink()
    with pytest.raises(SourceMissingError, match=f"SegmentationClassAug/{ADDED[0]}.png"):
        check_sbd_folder(root, NUMBERS)
    (root / "ImageSets" / "Segmentation" / "trainaug.txt").unlink()
    with pytest.raises(SourceError) as caught:
        check_sbd_folder(root, NUMBERS)
    assert caught.value.found.endswith("(trainaug 0)")
    assert caught.value.expected == "trainaug 5"
