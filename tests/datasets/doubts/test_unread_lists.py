"""Unread lists: a hash never splits samples in silence while files that name their splits lie in the dataset."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.audit.checking import check
from segfeed.datasets.made_splits import doubt_splits
from segfeed.datasets.opening import open_dataset
from segfeed.datasets.overview import describe

KEYS = tuple(f"p{number}" for number in range(8))
TRAIN, VAL = "".join(f"{key}\n" for key in KEYS[:5]), "".join(f"{key}\n" for key in KEYS[5:])
PAIRED = {"training": [{"image": f"./images/{key}.png", "label": f"./masks/{key}.png"} for key in KEYS]}
DESCRIBED = 'photos = "images/{key}.png"\nmasks = "masks/{key}.png"\nlegend = "class_names.txt"\n'


def rows(*lines: str) -> str:
    return "".join(
        line.format(key=key, number=n, word="learn" if n < 5 else "keep")
        for n, key in enumerate(KEYS)
        for line in lines
    )


@pytest.fixture
def root(tmp_path) -> Path:
    root = tmp_path / "set"
    for number, key in enumerate(KEYS):
        for folder, pixels in (("images", np.full((4, 6, 3), 30 * number)), ("masks", np.full((4, 6), number % 2))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(root / folder / f"{key}.png")
    (root / "class_names.txt").write_text("ground\ncrack\n")
    return root


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


CASES = {
    "in a folder": ({"splits/train.txt": TRAIN, "splits/val.txt": VAL}, 'lists = "splits/{split}.txt"'),
    "two folders deep": ({"meta/ImageSets/train.txt": TRAIN}, 'lists = "meta/ImageSets/{split}.txt"'),
    "another suffix": ({"train.lst": rows("images/{key}.png masks/{key}.png\n")}, 'lists = "{split}.lst"'),
    "another ending": ({"train_files.txt": TRAIN, "val_files.txt": VAL}, 'lists = "{split}_files.txt"'),
    "JSON of splits": ({"splits.json": json.dumps({"train": KEYS[:5], "val": KEYS[5:]})}, "file cannot be read"),
    "JSON of pairs": ({"dataset.json": json.dumps(PAIRED)}, "file cannot be read"),
    "a column of folds": ({"a.csv": "image,fold\n" + rows("{key}.png,{number}\n")}, 'key = "image", split = "fold"'),
    "a column of truth": ({"a.csv": "image,is_val\n" + rows("{key}.png,{word}\n")}, 'key = "image", split = "is_val"'),
    "among annotations": ({"train.lst": TRAIN} | {f"{n}.json": "{}" for n in range(250)}, 'lists = "{split}.lst"'),
    "German names": ({"Lernliste.txt": TRAIN, "Prüfliste.txt": VAL}, 'train = "Lernliste.txt", val = "Prüfliste.txt"'),
    "Chinese names": ({"训练集.txt": TRAIN, "验证集.txt": VAL}, 'train = "训练集.txt", val = "验证集.txt"'),
    "one list alone": ({"训练集.txt": TRAIN}, 'lists = { train = "训练集.txt", val = "*" }'),
    "names of no kind": ({"Feld A.txt": TRAIN, "Feld B.txt": VAL}, 'train = "Feld A.txt", val = "Feld B.txt"'),
    "values of splits": (
        {"a.csv": "Datei;Teil\n" + rows("{key}.png;{word}\n").replace("learn", "lernen").replace("keep", "prüfen")},
        'table = { file = "a.csv", key = "Datei", split = "Teil"',
    ),
    "folds": ({f"fold{n}.txt": "\n".join(KEYS[n::3]) for n in range(3)}, 'lists = "fold{split}.txt"'),
    "foreign words": ({"a.csv": "image,split\n" + rows("{key}.png,{word}\n")}, 'key = "image", split = "split"'),
}  # fmt: skip


@pytest.mark.parametrize(("files", "line"), CASES.values(), ids=CASES)
def test_files_that_name_splits_and_are_not_read_are_named_with_the_line_that_reads_them(root, caplog, files, line):
    put(root, files)
    first = next(iter(files))
    with caplog.at_level(logging.WARNING, "segfeed"):
        segfeed.scan(root)
    (finding,) = (one for one in check(root) if one.rule == "lists-unread")
    (doubt,) = (doubt for split in describe(root).splits for doubt in split.doubts)
    for said in (finding, doubt):
        assert (said.severity, doubt.rule) == ("warning", "lists-unread")
        assert first in said.found
        assert line in said.remedy
    assert first in caplog.text


@pytest.mark.parametrize(
    "named", [("splits/train.txt", "splits/val.txt"), ("训练集.txt", "验证集.txt"), ("f0.txt", "f1.txt")]
)
def test_what_the_remedy_says_ends_the_doubt(root, named):
    put(root, dict(zip(named, (TRAIN, VAL), strict=True)))
    (finding,) = (one for one in check(root) if one.rule == "lists-unread")
    for line in re.findall(r"lists = \"[^\"]*\"|(?:lists|hash) = \{[^}]*\}", finding.remedy):
        (root / "segfeed.toml").write_text(f"{DESCRIBED}[splits]\n{line}\n")
        assert "lists-unread" not in {one.rule for one in check(root)}
    lists, _ = re.findall(r"lists = (?:\"[^\"]*\"|\{[^}]*\})|hash", finding.remedy)[:2]
    (root / "segfeed.toml").write_text(f"{DESCRIBED}[splits]\n{lists}\n")
    assert segfeed.scan(root, "1" if "f0.txt" in named else "val").keys == KEYS[5:]


@pytest.mark.parametrize("beside", [DESCRIBED, ""])
def test_they_are_named_beside_a_description_without_splits_and_beside_formats_that_read_no_lists(root, beside):
    put(root, {"train.txt": TRAIN, "val.txt": VAL} | ({"segfeed.toml": beside} if beside else {}))
    if not beside:  # labelme's export
        (root / "images").rename(root / "JPEGImages")
        (root / "masks").rename(root / "SegmentationClass")
    assert "lists-unread" in {one.rule for one in check(root)}


@pytest.mark.parametrize(
    "files",
    [
        {"train.txt": TRAIN, "val.txt": VAL},
        {"splits/train.txt": "q1\nq2\nq3\n"},
        {"measured.csv": "image,width\n" + rows("{key}.png,6\n")},
        {"test_notes.txt": "p1 is dark\n"},
        {"dark.txt": "p1\np2\n", "bright.txt": "p3\np4\n"},
        {"day.txt": "\n".join(KEYS[:5]), "all.txt": "\n".join(KEYS)},
        {"训练.txt": "two epochs\n"},
        {".cache/train.txt": TRAIN},
        {"test_results.csv": "image,iou\n" + rows("{key}.png,0.5\n")},
        {"train_log.txt": rows("{key}\n")},
        {"runs/1/train.txt": rows("{key}\n")},
        {"dev.txt": "look again at p1 and p2\nand then\nat those that\nare dark\n"},
        {"history.csv": "id,train_loss,val_loss\n" + rows("{key},{number},1\n")},
        {"quality.csv": "image,test\n" + rows("{key}.png,1\n")},
        {"setup.json": json.dumps({"train": 1, "shown": KEYS})},
        {"coco.json": json.dumps({"info": {"split": "train"}, "images": [f"{key}.png" for key in KEYS]})},
        {f"records/{number}.json": json.dumps({"fold": [1, 2], "of": KEYS}) for number in range(250)},
    ],
    ids=lambda files: next(iter(files)),
)
def test_lists_that_are_read_and_files_that_name_no_samples_raise_no_doubt(root, files):
    put(root, files)
    assert "lists-unread" not in {one.rule for one in check(root)}


def test_numbers_are_not_taken_for_photos_that_are_called_by_numbers(root):
    for folder in ("images", "masks"):
        for number, key in enumerate(KEYS):
            (root / folder / f"{key}.png").rename(root / folder / f"{number}.png")
    put(root, {"eval.json": json.dumps({"mean": [0.5, 1.25, 2.125, 3.5]})})
    assert "lists-unread" not in {one.rule for one in check(root)}


def test_load_says_once_that_lists_are_not_read(root, tmp_path):
    put(root, {"splits/train.txt": TRAIN, "splits/val.txt": VAL})
    splits = segfeed.load(root, batch_size=1, crop_size=(2, 2), cache_dir=tmp_path / "cache")
    assert len([note for note in splits.notes if "splits/train.txt" in note]) == 1


def test_annotations_that_are_read_are_no_lists_whatever_their_names(shared_data):
    dataset = open_dataset(shared_data / "vector/darwin/test2_polygons")
    assert dataset.split_names == ["train", "val", "all"]
    assert doubt_splits(dataset, dataset.split_names) == []


def test_lists_of_scenes_are_named_and_their_line_reads_them(root):
    for folder in ("images", "masks"):
        for number, key in enumerate(KEYS):
            place = root / f"scene{number // 2}" / folder
            place.mkdir(parents=True, exist_ok=True)
            (root / folder / f"{key}.png").rename(place / f"{number % 2}.png")
        (root / folder).rmdir()
    put(root, {"train.txt": "scene0\nscene1\nscene2\n", "val.txt": "scene3\n"})
    (finding,) = (one for one in check(root) if one.rule == "lists-unread")
    line = 'lists = { train = "train.txt", val = "val.txt" }'  # {split}.txt would take class_names.txt for a split
    assert line in finding.remedy
    places = 'photos = "{folder}/images/{key}.png"\nmasks = "{folder}/masks/{key}.png"\nlegend = "class_names.txt"\n'
    (root / "segfeed.toml").write_text(f"{places}[splits]\n{line}\n")
    assert segfeed.scan(root, "val").keys == ("scene3/0", "scene3/1")
    assert len(segfeed.scan(root, "train")) == 6
