"""Drafts: what was recognised, written as a description, reads back as the same samples and labels."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.descriptions.description import FILE_NAME
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.datasets.drafting import draft_description
from segfeed.datasets.export import export_splits
from segfeed.datasets.opening import Opening, open_dataset
from segfeed.errors import SourceError
from segfeed.pixels.palette import voc_colours


def photo(path: Path, number: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (number % 256, 7, 9)).save(path)


def gray(path: Path, values=(0, 1)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, np.uint8), (4, 6))).save(path)


def colours(path: Path, values) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, np.uint8), (4, 6, 3))).save(path)


def pairs(root: Path, photos: str, masks: str, keys, values=(0, 1)) -> Path:
    for number, key in enumerate(keys):
        photo(root / photos.format(key), number)
        gray(root / masks.format(key), values)
    return root


def write(root: Path, **options) -> str:
    text = draft_description(open_dataset(root, Opening.of(**options)))
    (root / FILE_NAME).write_text(text)
    return text


def check(root: Path, **options) -> str:
    """Write a description and compare what it gives with what was recognised; return it."""
    before = open_dataset(root, Opening.of(**options))
    assert before.format != "described"
    splits = {}
    for split in before.split_names:
        try:
            splits[split] = before.scan(split)
        except SourceError:  # a split by hash of few samples
            continue
    text = write(root, **options)
    after = open_dataset(root)
    assert after.format == "described"
    for split, source in splits.items():
        found = after.scan(split)
        assert found.samples == source.samples
        assert found.legend.names == source.legend.names
        for number in range(len(source)):
            np.testing.assert_array_equal(found.read(number).labels, source.read(number).labels)
    return text


def test_voc_with_its_lists_colours_and_objects(tmp_path, write_voc):
    text = check(write_voc(tmp_path / "VOC2012", {"train": [(5, 8)] * 3, "val": [(4, 4)]}))
    assert 'photos = "JPEGImages/{key}.png"' in text
    assert 'objects = "SegmentationObject/{key}.png"' in text
    assert 'lists = "ImageSets/Segmentation/{split}.txt"' in text
    assert '"#800000" = "aeroplane"' in text
    assert 'void = ["#e0e0c0"]' in text
    source = segfeed.scan(tmp_path / "VOC2012", task="instance")
    assert source.format == "described"


@pytest.mark.slow
def test_folders_split_by_hash(tmp_path):
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}_mask.png", [f"k{n}" for n in range(20)], (0, 1, 255))
    (root / "class_names.txt").write_text("ground\nroad\n")
    text = check(root)
    assert 'masks = "masks/{key}_mask.png"' in text
    assert "[splits]" not in text
    assert '0 = "ground"\n1 = "road"\nvoid = [255]' in text


@pytest.mark.slow
def test_folders_of_splits(tmp_path):
    root = tmp_path / "set"
    for split in ("train", "val"):
        pairs(root, f"{split}/images/{{}}.jpg", f"{split}/masks/{{}}.png", [f"{split}{n}" for n in range(3)])
    photo(root / "test/images/x.jpg")
    (root / "class_names.txt").write_text("ground\nroad\n")
    assert 'photos = "{split}/images/{key}.jpg"' in check(root)


def test_folders_with_lists(tmp_path):
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}.png", "abcd")
    (root / "class_names.txt").write_text("ground\nroad\n")
    (root / "train.txt").write_text("c\na\n")
    (root / "val.txt").write_text("b\nd\n")
    assert 'lists = { train = "train.txt", val = "val.txt" }' in check(root)  # class_names.txt is not a list


@pytest.mark.slow
def test_keys_that_occur_twice_in_a_name(tmp_path):
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}_mask.png", ["a", "s", "m", "mask", "x", "y"])
    (root / "class_names.txt").write_text("ground\nroad\n")
    assert 'masks = "masks/{key}_mask.png"' in check(root)


@pytest.mark.slow
def test_photos_of_two_suffixes(tmp_path):
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}.png", "abcdefgh")
    pairs(root, "images/{}.png", "masks/{}.png", "xyz")
    (root / "class_names.txt").write_text("ground\nroad\n")
    assert 'photos = ["images/{key}.jpg", "images/{key}.png"]' in check(root)


def test_camvid_in_gray_with_lists_and_folders(tmp_path):
    root = tmp_path / "CamVid"
    for split in ("train", "val"):
        names = [f"0001TP_00{len(split)}{n}90" for n in range(3)]
        pairs(root, f"{split}/{{}}.png", f"{split}annot/{{}}.png", names, (0, 3, 11))
        lines = "".join(
            f"/SegNet/CamVid/{split}/{n}.png /SegNet/CamVid/{split}annot/{n}.png\n" for n in reversed(names)
        )
        (root / f"{split}.txt").write_text(lines)
    text = check(root)
    assert 'photos = "{split}/{key}.png"' in text
    assert 'lists = "{split}.txt"' in text  # they say the order
    assert "void = [11]" in text


def test_camvid_in_colours(tmp_path):
    root = tmp_path / "CamVid"
    photo(root / "train/a.png")
    colours(root / "trainannot/a.png", [(128, 128, 128), (0, 0, 0)])
    (root / "train.txt").write_text("train/a.png trainannot/a.png\n")
    text = check(root)
    assert '"#808080" = "Sky"' in text
    assert 'void = ["#000000"]' in text


@pytest.mark.slow
def test_cityscapes_with_a_folder_for_each_city(tmp_path):
    root = tmp_path / "cityscapes"
    for split, cities in (("train", ("aachen", "bochum")), ("val", ("ulm",))):
        for city in cities:
            name = f"{city}_000000_000019"
            photo(root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png")
            gray(root / "gtFine" / split / city / f"{name}_gtFine_labelIds.png", (7, 8, 0))
    text = check(root)
    assert 'masks = "gtFine/{split}/*/{key}_gtFine_labelIds.png"' in text
    assert '7 = "road"' in text


def test_roboflow_with_splits_as_folders(tmp_path):
    root = tmp_path / "export"
    for split in ("train", "valid"):
        pairs(root, f"{split}/{{}}.jpg", f"{split}/{{}}_mask.png", [f"{split}.rf.1", f"{split}.rf.2"], (0, 7))
        (root / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n7, dog\n")
    text = check(root)
    assert 'masks = "{split}/{key}_mask.png"' in text
    assert '0 = "background"\n7 = "dog"' in text


@pytest.mark.slow
def test_cvat_whose_only_list_holds_all(tmp_path):
    root = tmp_path / "cvat"
    for number in range(8):
        photo(root / f"JPEGImages/f{number}.png", number)
        colours(root / f"SegmentationClass/f{number}.png", [(0, 0, 0), (9, 200, 0)])
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/default.txt").write_text("".join(f"f{n}\n" for n in range(8)))
    (root / "labelmap.txt").write_text("background:0,0,0::\nweed:9,200,0::\n")
    before = {split: segfeed.scan(root, split).samples for split in ("train", "val", "all")}
    text = write(root)
    assert "# The split default is called all." in text
    assert {split: segfeed.scan(root, split).samples for split in before} == before


@pytest.mark.slow
def test_labelme_export_of_real_pairs(shared_data, tmp_path):
    root = shutil.copytree(shared_data / "exports" / "labelme", tmp_path / "labelme", copy_function=shutil.copyfile)
    inner = open_dataset(root).root
    inner.chmod(0o755)  # the original may be read-only
    text = draft_description(open_dataset(root))
    wanted = segfeed.scan(root, "all")
    (inner / FILE_NAME).write_text(text)
    found = segfeed.scan(root, "all")
    assert [sample.mask for sample in found.samples] == [sample.mask for sample in wanted.samples]
    np.testing.assert_array_equal(found.read(0).labels, wanted.read(0).labels)


def test_stems_that_splits_repeat_are_told_since_keys_change(tmp_path):
    root = tmp_path / "set"
    for split in ("train", "val"):
        pairs(root, f"images/{split}/{{}}.jpg", f"masks/{split}/{{}}.png", "ab")
    (root / "class_names.txt").write_text("ground\nroad\n")
    before = segfeed.scan(root).samples
    text = write(root)
    assert "# Keys are the names of photos here" in text
    assert [sample.mask for sample in segfeed.scan(root).samples] == [sample.mask for sample in before]


def test_without_a_legend_the_stored_values_are_there_to_be_filled_in(tmp_path):
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}.png", "ab", (0, 255))
    text = write(root)
    filled = text.replace("# [classes]", "[classes]").replace('# 0 = "class 0"', '0 = "ground"')
    filled = filled.replace('# 255 = "class 255"', '255 = "road"')
    assert parse_description(filled, "x").classes == {0: "ground", 255: "road"}
    (root / FILE_NAME).write_text(filled)
    assert np.unique(segfeed.scan(root, "all").read(0).labels).tolist() == [0, 1]


def test_colours_are_there_to_be_filled_in_too(tmp_path):
    root = tmp_path / "set"
    photo(root / "images/a.jpg")
    colours(root / "masks/a.png", [(0, 0, 0), (128, 64, 128)])
    assert '# "#804080" = "class #804080"' in write(root)


def test_palette_masks_by_index_stay_so(tmp_path):
    root = tmp_path / "set"
    photo(root / "images/a.jpg")
    (root / "masks").mkdir()
    picture = Image.fromarray(np.resize(np.array([0, 1, 2], np.uint8), (4, 6)))
    picture.putpalette(np.array(voc_colours(256), np.uint8).tobytes())
    picture.save(root / "masks/a.png")
    legend = {0: "ground", 1: "road", 2: None}
    wanted = segfeed.scan(root, "all", legend=legend).read(0).labels
    text = write(root, legend=legend)
    assert '1 = "road"\nvoid = [2]' in text
    np.testing.assert_array_equal(segfeed.scan(root, "all").read(0).labels, wanted)


def test_classes_that_were_merged_are_several_values_of_one(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(5, 8)]})
    groups = {"cat": "animal", "dog": "animal", "*": None}
    wanted = segfeed.scan(root, legend=groups).read(0).labels
    text = write(root, legend=groups)
    assert text.count('"animal"') == 2
    found = segfeed.scan(root)
    assert found.legend.names == ("animal",)
    np.testing.assert_array_equal(found.read(0).labels, wanted)


def test_photos_to_be_predicted_have_no_masks_to_describe(tmp_path):
    for name in "abc":
        photo(tmp_path / "set" / "pics" / f"{name}.jpg")
    text = draft_description(open_dataset(tmp_path / "set", Opening(photos="pics/{key}.jpg")))
    assert 'photos = "pics/{key}.jpg"' in text
    assert "# There are no masks" in text


def test_patterns_that_were_passed_are_written_down(tmp_path):
    root = pairs(tmp_path / "set", "pics/{}.jpg", "truth/{}_L.png", "abcdef", (0, 255))
    options = {"photos": "pics/{key}.jpg", "masks": "truth/{key}_L.png", "legend": {0: "ground", 255: "road"}}
    wanted = segfeed.scan(root, "all", **options)
    text = write(root, **options)
    assert 'masks = "truth/{key}_L.png"' in text
    assert segfeed.scan(root, "all").samples == wanted.samples
    assert segfeed.scan(root, "all").legend == wanted.legend


@pytest.mark.parametrize("kind", ["parquet"])
def test_what_no_description_can_say_is_refused(tmp_path, voc_folder, kind):
    folder = export_splits([segfeed.scan(voc_folder)], tmp_path / "out", kind)
    with pytest.raises(SourceError) as caught:
        draft_description(open_dataset(folder))
    assert caught.value.found.startswith("a description cannot say what format 'columns' does:")


def test_a_path_with_braces_is_refused(tmp_path):
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}.png", ["a{b}"])
    (root / "class_names.txt").write_text("ground\nroad\n")
    with pytest.raises(SourceError) as caught:
        draft_description(open_dataset(root))
    assert "holds what patterns use" in caught.value.found


@pytest.mark.parametrize("task", ["semantic", "instance"])
def test_passed_masks_are_object_masks_only_if_the_task_says_so(tmp_path, task):
    for name in "abcdef":
        (tmp_path / "set/pics").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / f"set/pics/{name}.png")
        Image.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / f"set/pics/{name}_L.png")
    opening = Opening(photos="pics/{key}.png", masks="pics/{key}_L.png", task=task)
    text = draft_description(open_dataset(tmp_path / "set", opening))
    assert ("objects =" in text) == (task == "instance")


def test_classes_are_proposed_by_colour_if_each_mask_numbers_its_colours_anew(tmp_path):
    root = pairs(tmp_path / "set", "pics/{}.jpg", "seg/{}.png", "abcd")
    for number, key in enumerate("abcd"):
        picture = Image.fromarray(np.eye(6, dtype=np.uint8)[:4])
        picture.putpalette([0, 0, 0, 255, 0, 0] if number % 2 else [255, 0, 0, 0, 0, 0])
        picture.save(root / f"seg/{key}.png")
    said = {"photos": "pics/{key}.jpg", "masks": "seg/{key}.png"}
    assert '# "#000000" = "class #000000"\n# "#ff0000" = "class #ff0000"\n' in write(root, **said)
    for key in "abcd":
        picture.save(root / f"seg/{key}.png")
    (root / FILE_NAME).unlink()
    assert '# 0 = "class 0"\n# 1 = "class 1"\n' in write(root, **said)
