"""Devkit: all that segmentation needs of a VOC archive, in any folder and any order, or an error."""

import contextlib
import io
import zipfile

import pytest

from segfeed.datasets.archives.archive import list_archive
from segfeed.datasets.catalogue.devkit import check_folder, parse_ids, prepare_devkit
from segfeed.errors import ArchiveError, ListError, SourceError, SourceMissingError
from stand_ins import ROOT, small_voc, tar, voc_members

LISTS = small_voc()
COUNTS = {split: len(ids) for split, ids in LISTS.items()}
MEMBERS = voc_members(LISTS, ["2010_000001", "2010_000002"])
WANTED = {
    name.removeprefix(ROOT): content
    for name, content in MEMBERS.items()
    if "2010_" not in name and "Annotations" not in name and "Main" not in name
}


@pytest.fixture
def prepare(tmp_path):
    """Pack members and find the devkit in them."""
    with contextlib.ExitStack() as opened:

        def prepared(members: dict[str, bytes] | bytes, counts: dict[str, int] = COUNTS):
            (tmp_path / "voc.tar").write_bytes(members if isinstance(members, bytes) else tar(members))
            file = opened.enter_context(open(tmp_path / "voc.tar", "rb"))
            return prepare_devkit(list_archive(file, "voc.tar"), counts)

        yield prepared


def tree(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_what_segmentation_needs_is_unpacked(prepare, tmp_path):
    unpacking = prepare(MEMBERS)
    (tmp_path / "out").mkdir()
    unpacking.write(tmp_path / "out")
    assert tree(tmp_path / "out") == WANTED
    assert len(WANTED) == 3 * 5 + 3
    assert unpacking.needed_bytes == sum(map(len, WANTED.values()))


@pytest.mark.parametrize("order", [lambda names: names[::-1], lambda names: sorted(names, key=lambda name: name[::-1])])
def test_order_of_the_members_does_not_matter(prepare, tmp_path, order):
    (tmp_path / "out").mkdir()
    prepare({name: MEMBERS[name] for name in order(list(MEMBERS))}).write(tmp_path / "out")
    assert tree(tmp_path / "out") == WANTED


@pytest.mark.parametrize("root", ["", "VOC2012/", "TrainVal/VOCdevkit/VOC2011/", "archive/a b/VOCdevkit/VOC2012/"])
def test_dataset_is_found_wherever_it_lies(prepare, tmp_path, root):
    (tmp_path / "out").mkdir()
    prepare({root + name.removeprefix(ROOT): content for name, content in MEMBERS.items()}).write(tmp_path / "out")
    assert tree(tmp_path / "out") == WANTED


def test_zip_of_it_serves_as_well(prepare, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    (tmp_path / "out").mkdir()
    prepare(file.getvalue()).write(tmp_path / "out")
    assert tree(tmp_path / "out") == WANTED


def test_archive_without_a_dataset_or_with_several_is_an_error(prepare):
    with pytest.raises(ArchiveError) as caught:
        prepare({"a/b.jpg": b"x"})
    assert (caught.value.where, caught.value.found) == ("voc.tar", "no ImageSets/Segmentation/trainval.txt")
    assert caught.value.expected == "one VOC dataset with its lists"
    twice = MEMBERS | {name.replace("VOC2012", "VOC2007"): content for name, content in MEMBERS.items()}
    with pytest.raises(ArchiveError, match=r"several VOC datasets \(VOCdevkit/VOC2012/, VOCdevkit/VOC2007/\)"):
        prepare(twice)


def test_lists_of_another_year_are_an_error_with_both_numbers(prepare):
    with pytest.raises(SourceError) as caught:
        prepare(MEMBERS, {"train": 1464, "val": 2, "trainval": 2913})
    assert caught.value.where == "voc.tar"
    assert caught.value.found == "lists with other numbers of ids (train 3, trainval 5)"
    assert caught.value.expected == "train 1,464, trainval 2,913"


def test_missing_list_is_an_error(prepare):
    with pytest.raises(SourceError) as caught:
        prepare({name: content for name, content in MEMBERS.items() if not name.endswith("/val.txt")})
    assert caught.value.found.endswith("(val 0)")
    assert caught.value.expected == "val 2"


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        (
            {"train": ["2007_000000", "2007_000001", "2007_000003"]},
            "1 ids are in train and in val, the first is 2007_000003",
        ),
        ({"train": ["2007_000000", "2007_000001", "2007_000009"]}, "trainval is not train and val"),
        ({"trainval": [f"2007_{n:06d}" for n in range(1, 6)]}, "trainval is not train and val"),
    ],
)
def test_lists_that_contradict_each_other_are_an_error(prepare, lists, found):
    files = {
        f"{ROOT}ImageSets/Segmentation/{split}.txt": "".join(f"{key}\n" for key in ids).encode()
        for split, ids in lists.items()
    }
    with pytest.raises(SourceError, match=found):
        prepare(MEMBERS | files)


@pytest.mark.parametrize(
    "place", ["JPEGImages/2007_000003.jpg", "SegmentationClass/2007_000000.png", "SegmentationObject/2007_000004.png"]
)
def test_missing_photo_or_mask_is_an_error_before_anything_is_written(prepare, place):
    with pytest.raises(ArchiveError) as caught:
        prepare({name: content for name, content in MEMBERS.items() if name != ROOT + place})
    assert caught.value.where == "voc.tar"
    assert caught.value.found == f"1 of 18 files are missing ({ROOT}{place})"
    assert caught.value.expected == "all"


def test_many_missing_files_are_counted_and_ten_named(prepare):
    with pytest.raises(ArchiveError, match=r"15 of 18 files are missing \((\S+, ){10}\.\.\.\)"):
        prepare({name: content for name, content in MEMBERS.items() if "ImageSets" in name})


def test_ids_are_read_strictly():
    assert parse_ids("x", b"2007_000032\r\n\n2011_003276") == ("2007_000032", "2011_003276")
    for text in (b"../../etc/passwd", b"2007_000032 -1", b"\xff\xfe2", b"2007_32"):
        with pytest.raises(ListError) as caught:
            parse_ids("train.txt", text)
        assert caught.value.where == "train.txt"
        assert caught.value.found.startswith("the id ")
        assert caught.value.expected == "ids of VOC, such as 2007_000032"
    with pytest.raises(ListError) as caught:
        parse_ids("train.txt", b"2007_000032\n2007_000033\n2007_000032\n")
    assert (caught.value.where, caught.value.found) == ("train.txt", "1 ids that are there twice")


def test_folder_is_whole_or_what_is_missing_is_named(prepare, tmp_path):
    root = tmp_path / "out"
    root.mkdir()
    prepare(MEMBERS).write(root)
    assert {split: list(ids) for split, ids in check_folder(root, COUNTS).items()} == LISTS
    (root / "JPEGImages" / "2007_000001.jpg").unlink()
    with pytest.raises(SourceMissingError) as caught:
        check_folder(root, COUNTS)
    assert caught.value.where == str(root)
    assert caught.value.found == "1 of 18 files are missing (JPEGImages/2007_000001.jpg)"
    (root / "ImageSets" / "Segmentation" / "val.txt").unlink()
    with pytest.raises(SourceError) as caught:
        check_folder(root, COUNTS)
    assert caught.value.where == str(root)
    assert caught.value.found == "lists with other numbers of ids (val 0)"
