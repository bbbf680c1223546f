"""SegNet's CamVid: lists of another machine's paths, gray masks with 11 as void, or the 32 colours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.formats import camvid
from segfeed.errors import ListError, MaskError, OptionError, SourceError, SourceMissingError

KEYS = {"train": ("0001TP_006690", "0001TP_006720", "0016E5_1"), "val": ("0016E5_2",), "test": ("Seq05VD_f00000",)}
FOREIGN = "/SegNet/CamVid/{split}/{key}.png /SegNet/CamVid/{split}annot/{key}.png"


def write_list(root: Path, split: str, text: str) -> None:
    (root / f"{split}.txt").write_text(text)


def save(path: Path, pixels: list | np.ndarray) -> None:
    Image.fromarray(np.array(pixels, np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "CamVid"
    for split, keys in KEYS.items():
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True)
        for number, key in enumerate(keys):
            save(folder / split / f"{key}.png", np.full((2, 6, 3), number))
            save(folder / f"{split}annot" / f"{key}.png", np.arange(12).reshape(2, 6))
        write_list(folder, split, "".join(FOREIGN.format(split=split, key=key) + "\n" for key in keys))
    return folder


@pytest.mark.parametrize("where", [".", ".."])
def test_camvid_is_recognised_at_its_folder_and_above(root, where):
    source = segfeed.scan((root / where).resolve())
    assert source.format == "camvid"
    assert source.root == root
    assert "trainannot" in source.why


def test_keys_follow_the_list_and_files_come_from_the_folders_here(root):
    write_list(root, "train", "".join(FOREIGN.format(split="train", key=key) + "\r\n" for key in KEYS["train"][::-1]))
    source = segfeed.scan(root)
    assert source.keys == KEYS["train"][::-1]
    for sample in source.samples:
        assert sample.photo.path == str(root / "train" / f"{sample.key}.png")
        assert sample.mask.path == str(root / "trainannot" / f"{sample.key}.png")


def test_gray_masks_hold_11_classes_and_11_is_void(root):
    source = segfeed.scan(root, "val")
    assert source.legend.names[0] == "sky"
    assert source.legend.names[10] == "bicyclist"
    assert source.read(0).labels.ravel().tolist() == [*range(11), 255]


@pytest.mark.parametrize("index", [12, 31, 255])
def test_other_index_is_an_error(root, index):
    save(root / "valannot" / "0016E5_2.png", np.full((2, 6), index))
    with pytest.raises(SourceError, match=f"index {index}.* legend 'camvid, 11 classes'"):
        segfeed.scan(root, "val").read(0)


def test_coloured_masks_hold_camvids_own_classes_and_black_is_void(root):
    save(root / "valannot" / "0016E5_2.png", [[(0, 0, 0), (64, 128, 64), (64, 192, 0)] * 2] * 2)
    source = segfeed.scan(root, "val")
    names = source.legend.names
    assert len(names) == 31
    assert source.read(0).labels[0, :3].tolist() == [255, names.index("Animal"), names.index("Wall")]


def test_gray_mask_among_coloured_ones_is_an_error_and_no_other_class(root):
    save(root / "trainannot" / "0001TP_006690.png", np.full((2, 6, 3), 128))
    source = segfeed.scan(root)
    assert np.unique(source.read(0).labels).tolist() == [source.legend.names.index("Sky")]
    with pytest.raises(SourceError, match=r"index 0.* legend 'camvid, 31 classes'"):
        source.read(1)


def test_legend_file_and_legend_that_is_passed_win(root):
    (root / "label_colors.txt").write_text("".join(f"{n} 0 0 class {n}\n" for n in range(12)))
    assert segfeed.scan(root).legend.names[11] == "class 11"
    assert segfeed.scan(root, legend=["a"]).legend.names == ("a",)


def test_damaged_first_mask_is_found_when_it_is_read(root):
    (root / "valannot" / "0016E5_2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(MaskError, match=r"0016E5_2\.png"):
        segfeed.scan(root, "val").read(0)


@pytest.mark.parametrize(
    "line",
    [
        "/val/0016E5_2.png /valannot/0016E5_2.png",
        "val/0016E5_2.png valannot/0016E5_2.png",
        "C:\\data\\CamVid\\val\\0016E5_2.png C:\\data\\CamVid\\valannot\\0016E5_2.png",
        "\t/a/b/c/val/0016E5_2.png\t \t./valannot/0016E5_2.png  ",
    ],
)
def test_any_path_to_folder_and_name_will_do(root, line):
    write_list(root, "val", f"\ufeff{line}\n\n")
    assert segfeed.scan(root, "val").keys == ("0016E5_2",)


def test_list_in_a_single_line_with_folder_names_in_its_stems_is_read(root):
    for split in ("test", "testannot"):
        for number in range(2):
            save(root / split / f"{split}_{number}.png", np.zeros((2, 6, 3) if split == "test" else (2, 6)))
    write_list(root, "test", " ".join(f"/x/test/test_{n}.png /x/testannot/testannot_{n}.png" for n in range(2)))
    source = segfeed.scan(root, "test", legend=["ground"])
    assert source.keys == ("test_0", "test_1")
    assert [sample.mask.name for sample in source.samples] == ["testannot_0.png", "testannot_1.png"]


def test_list_may_take_files_of_several_splits(root):
    write_list(root, "trainval", "".join((root / f"{split}.txt").read_text() for split in ("train", "val")))
    assert segfeed.scan(root, "trainval").keys == (*KEYS["train"], *KEYS["val"])
    assert camvid.split_names(root) == ["train", "val", "test", "trainval"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/SegNet/CamVid/val/0016E5_2.png", "is not a photo and a mask"),
        ("0016E5_2 0016E5_2", "'0016E5_2' is not the path of a file in a folder"),
        ("/val/../../../../etc/passwd /valannot/0016E5_2.png", "is not the path of a file in a folder"),
        ("/val/0016E5_2.png ../secret/0016E5_2.png", "is not the path of a file in a folder"),
        ("./0016E5_2.png /valannot/0016E5_2.png", "is not the path of a file in a folder"),
        ("/val/ /valannot/0016E5_2.png", "is not the path of a file in a folder"),
        ("/val/a\x1b[2J.png /valannot/0016E5_2.png", "is not the path of a file in a folder"),
        ("/elsewhere/0016E5_2.png /valannot/0016E5_2.png", "names folder 'elsewhere', which is not in"),
        ("/val/0016E5_2.png /valannot/0016E5_3.png", "it pairs photo val/0016E5_2.png with mask valannot/0016E5_3.png"),
    ],
)
def test_bad_line_is_refused_with_its_number(root, line, found):
    write_list(root, "val", f"{FOREIGN.format(split='val', key='0016E5_2')}\n{line}\n")
    with pytest.raises(ListError) as caught:
        segfeed.scan(root, "val")
    assert caught.value.where == str(root / "val.txt")
    assert caught.value.found.startswith("line 2: ")
    assert found in caught.value.found
    assert str(caught.value).isprintable()


def test_sample_listed_twice_is_refused(root):
    write_list(root, "val", f"{FOREIGN.format(split='val', key='0016E5_2')}\n" * 2)
    with pytest.raises(ListError) as caught:
        segfeed.scan(root, "val")
    assert "id '0016E5_2' is listed 2 times" in caught.value.found


@pytest.mark.parametrize(("folder", "what"), [("train", "photo"), ("trainannot", "mask")])
def test_file_that_is_not_there_is_named_and_never_dropped(root, folder, what):
    (root / folder / "0001TP_006720.png").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert caught.value.found == f"1 of 3 listed samples have no {what}: 0001TP_006720"


def test_split_without_a_list_is_refused(root):
    (root / "val.txt").unlink()
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "val")
    assert "no split 'val'" in caught.value.found
    assert caught.value.expected == "one of train, test"


def test_object_masks_are_not_there(root):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, task="instance")
    assert "format 'camvid'" in caught.value.found


@pytest.mark.parametrize("gone", ["train.txt", "trainannot", "train"])
def test_folder_of_one_split_that_lacks_a_part_is_not_recognised(root, gone):
    for split in ("val", "test"):
        (root / f"{split}.txt").unlink()
    (root / gone).rename(root / "elsewhere")
    assert camvid.recognise(root) is None


@pytest.mark.parametrize(("split", "count"), [("train", 12), ("val", 6), ("test", 6)])
@pytest.mark.slow
def test_real_camvid_is_read_as_pillow_sees_it(shared_data, split, count):
    source = segfeed.scan(shared_data / "exports" / "camvid", split)
    assert len(source) == count
    lines = (source.root / f"{split}.txt").read_text().splitlines()
    for index, line in enumerate(lines):
        photo, mask = (source.root / "/".join(path.split("/")[-2:]) for path in line.split())
        with Image.open(photo) as opened, Image.open(mask) as labelled:
            image, stored = np.array(opened), np.array(labelled)
        found, labels = source.read(index)
        np.testing.assert_array_equal(found, image)
        np.testing.assert_array_equal(labels, np.where(stored == 11, 255, stored))


@pytest.mark.parametrize(("split", "count"), [("train", 1), ("val", 1), ("test", 2)])
def test_datumaros_coloured_camvid_has_exact_labels(shared_data, split, count):
    source = segfeed.scan(shared_data / "exports/datumaro-assets/tests/assets/camvid_dataset", split)
    meant = {
        (128, 64, 128): "Road", (0, 128, 192): "Bicyclist", (64, 128, 64): "Animal", (192, 128, 64): "Child",
        (128, 128, 128): "Sky", (0, 128, 64): "Bridge", (128, 128, 0): "Tree", (192, 0, 128): "Archway",
    }  # fmt: skip
    assert len(source) == count
    for index, key in enumerate(source.keys):
        with Image.open(source.root / f"{split}annot" / f"{key}.png") as mask:
            stored = np.array(mask).reshape(-1, 3).tolist()
        names = [source.legend.names[label] for label in source.read(index).labels.ravel()]
        assert names == [meant[tuple(colour)] for colour in stored]
