"""Described: what a segfeed.toml says decides; if nothing lies where it says, the error says what does."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.audit.checking import check
from segfeed.datasets.opening import Opening
from segfeed.datasets.overview import describe
from segfeed.errors import (
    DescriptionError,
    EmptySplitError,
    LegendError,
    ListError,
    OptionError,
    SegfeedError,
    SourceError,
    SourceMissingError,
)

BINARY = '\n[classes]\n0 = "background"\n255 = "road"\n'


def photo(path: Path, number: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (number, 2 * number % 256, 9)).save(path)
    return path


def mask(path: Path, values=(0, 255)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, np.uint8), (4, 6))).save(path)
    return path


def pairs(root: Path, photos: str, masks: str, keys) -> Path:
    for number, key in enumerate(keys):
        photo(root / photos.format(key), number)
        mask(root / masks.format(key))
    return root


def say(root: Path, text: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "segfeed.toml").write_text(text)
    return root


@pytest.fixture
def root(tmp_path) -> Path:
    pairs(tmp_path / "set", "pics/{}.jpg", "truth/{}_L.png", [f"k{n}" for n in range(10)])
    return say(tmp_path / "set", 'photos = "pics/{key}.jpg"\nmasks = "truth/{key}_L.png"\n' + BINARY)


def keys(root: Path, split: str = "train", **options) -> list[str]:
    return list(segfeed.scan(root, split, **options).keys)


@pytest.mark.parametrize("where", [".", "..", "segfeed.toml"])
def test_it_is_found_in_the_folder_above_it_and_by_its_own_path(root, where):
    source = segfeed.scan(root / where, "all")
    assert (source.format, source.root.resolve(), len(source)) == ("described", root, 10)
    assert source.why.startswith(f"{source.root / 'segfeed.toml'} says: photos in pics/{{key}}.jpg and masks in truth/")


def test_stored_values_mean_what_it_says(root):
    source = segfeed.scan(root, "all")
    assert source.legend.names == ("background", "road")
    assert np.unique(source.read(0).labels).tolist() == [0, 1]


@pytest.mark.slow
def test_every_call_reads_it(root, tmp_path):
    assert check(root).count()["error"] == 0
    assert describe(root).format == "described"
    train, val = segfeed.load(root, batch_size=2, crop_size=(4, 6), splits=("train", "val"), pack=False)
    assert len(train.reader) + len(val.reader) == 10
    assert segfeed.write_report(root, tmp_path / "r.html").is_file()


def test_it_decides_whatever_else_the_folder_looks_like(root, write_voc):
    write_voc(root / "VOC", {"train": [(4, 6)]})
    for name in ("JPEGImages", "SegmentationClass", "ImageSets"):
        (root / "VOC" / name).rename(root / name)
    assert segfeed.scan(root, "all").format == "described"
    assert segfeed.scan(root, format="voc").format == "voc"
    assert segfeed.scan(root, "all", format="described").format == "described"


def test_a_broken_one_is_an_error_with_its_line_and_is_never_passed_over(root, write_voc, tmp_path):
    say(root, 'photos = "pics/{key}.jpg"\nmaks = "truth/{key}_L.png"\n')
    for call in (segfeed.scan, segfeed.load, check, describe):
        with pytest.raises(DescriptionError) as caught:
            call(root)
        assert caught.value.where == str(root / "segfeed.toml")
        assert caught.value.found.startswith("line 2: the key 'maks'")
    voc = say(write_voc(tmp_path / "VOC2012", {"train": [(4, 6)]}), "photos = 3")
    with pytest.raises(DescriptionError):
        segfeed.scan(voc)


def test_a_link_to_nothing_is_no_missing_description(root):
    (root / "segfeed.toml").unlink()
    (root / "segfeed.toml").symlink_to(root / "gone.toml")
    with pytest.raises(DescriptionError):
        segfeed.scan(root)


def test_two_folders_with_one_each_are_refused_by_name(root):
    say(root.parent / "other", (root / "segfeed.toml").read_text())
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root.parent)
    assert "other, set" in caught.value.found


def test_one_from_elsewhere_is_passed_by_its_path(root, tmp_path):
    path = (root / "segfeed.toml").rename(tmp_path / "mine.toml")
    assert len(segfeed.scan(root, "all", description=path)) == 10
    assert len(segfeed.scan(root.parent, "all", description=str(path))) == 10
    assert describe(root, Opening(description=path)).format == "described"
    assert check(root, description=path).pairs == 10
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, description=path, photos="{key}.jpg")
    assert "photos" in caught.value.found
    with pytest.raises(OptionError):
        segfeed.scan(root, description=path, format="voc")


def test_patterns_may_be_passed_for_once(root):
    (root / "segfeed.toml").unlink()
    source = segfeed.scan(
        root, "all", photos="pics/{key}.jpg", masks="truth/{key}_L.png", legend={0: "background", 255: "road"}
    )
    assert (source.format, len(source), source.legend.names) == ("described", 10, ("background", "road"))
    assert segfeed.scan(root, "all", photos=["pics/{key}.png", "pics/{key}.jpg"], legend=["a"]).has_masks is False
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, masks="truth/{key}_L.png")
    assert caught.value.where == "masks"
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, photos="pics/{id}.jpg")
    assert (caught.value.where, "{id}" in caught.value.found) == ("photos", True)


def test_patterns_that_are_passed_go_before_the_file(root):
    pairs(root, "b/{}.jpg", "c/{}.png", ["x"])
    assert keys(root, "all", photos="b/{key}.jpg", masks="c/{key}.png", legend={0: "a", 255: None}) == ["x"]


def test_object_masks_lie_where_it_says(root):
    with pytest.raises(OptionError) as caught:
        segfeed.scan(root, "all", task="instance")
    assert caught.value.where == "task"
    for number in range(10):
        mask(root / f"things/k{number}.png", (0, 1, 2))
    say(root, 'objects = "things/{key}.png"\n' + (root / "segfeed.toml").read_text())
    assert np.unique(segfeed.scan(root, "all", task="instance").read(0).labels).tolist() == [0, 1, 2]
    source = segfeed.scan(root, "all", photos="pics/{key}.jpg", masks="things/{key}.png", task="instance")
    assert len(source) == 10


@pytest.mark.parametrize(
    ("photos", "found", "remedy"),
    [
        ("pic/{key}.jpg", "has no folder pic; it has pics, truth", "photos = 'pics/{key}.jpg', which fits 10"),
        ("pics/{key}.png", "holds 10 pictures (10 .jpg; no folders), such as k0.jpg", "photos = 'pics/{key}.jpg'"),
        ("pics/{split}/{key}.jpg", "holds 10 pictures", "photos = 'pics/{key}.jpg'"),
        ("Pics/deep/{key}.jpg", "has no folder Pics/deep", "photos = 'pics/{key}.jpg'"),
    ],
)
def test_photos_that_are_not_there_are_told_with_what_would_fit(root, photos, found, remedy):
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, photos=photos, masks="truth/{key}_L.png")
    assert repr(photos) in caught.value.found
    assert found in caught.value.found
    assert remedy in caught.value.remedy


def test_masks_that_are_not_there_are_told_with_what_would_fit(root):
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, photos="pics/{key}.jpg", masks="truth/{key}_mask.png")
    assert "truth holds 10 pictures (10 .png; no folders), such as k0_L.png" in caught.value.found
    assert caught.value.remedy == "write masks = 'truth/{key}_L.png', which fits 10 pictures"


def test_depth_is_told(root):
    pairs(root, "deep/a/b/{}.jpg", "truth/{}_L.png", ["x", "y"])
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, photos="deep/{key}.webp")
    assert "holds 2 pictures (2 .jpg; looked 2 folders deep), such as a/b/x.jpg" in caught.value.found


def test_names_that_share_no_key_are_told_with_the_pattern_that_pairs_them(root):
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all", photos="pics/{key}.jpg", masks="truth/{key}.png")
    assert "'k0' is the first of 10 photos, 'k0_L' of 10 masks" in caught.value.found
    assert caught.value.remedy == "write masks = 'truth/{key}_L.png', which pairs 10"


def test_without_classes_the_error_says_how_they_are_written(root):
    say(root, 'photos = "pics/{key}.jpg"\nmasks = "truth/{key}_L.png"\n')
    with pytest.raises(LegendError) as caught:
        segfeed.scan(root)
    assert '[classes] in a segfeed.toml, such as 0 = "background"' in caught.value.expected


def test_folders_are_splits_under_the_names_that_it_gives(tmp_path):
    for folder, names in (("training", "ab"), ("validation", "c")):
        pairs(tmp_path / "set", f"img/{folder}/{{}}.jpg", f"gt/{folder}/{{}}.png", names)
    photo(tmp_path / "set" / "img/test/d.jpg")
    text = 'photos = "img/{split}/{key}.jpg"\nmasks = "gt/{split}/{key}.png"\n[splits]\n'
    root = say(tmp_path / "set", text + 'folders = { train = "training", val = "validation" }' + BINARY)
    assert [(split.name, split.samples) for split in describe(root).splits] == [("train", 2), ("val", 1), ("test", 1)]
    assert keys(root) == ["a", "b"]
    assert segfeed.scan(root, "test").has_masks is False


def test_a_folder_that_it_names_and_that_is_not_there_is_an_error(tmp_path):
    pairs(tmp_path / "set", "img/train/{}.jpg", "gt/train/{}.png", "ab")
    text = 'photos = "img/{split}/{key}.jpg"\nmasks = "gt/{split}/{key}.png"\n[splits]\nfolders = { val = "dev" }'
    root = say(tmp_path / "set", text + BINARY)
    assert keys(root) == ["a", "b"]
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "val")
    assert caught.value.expected == "photos in img/dev/{key}.jpg"
    assert not check(root).splits[-1].readable


def test_only_masks_may_be_split_by_folder(tmp_path):
    for split, names in (("train", "ab"), ("val", "c")):
        pairs(tmp_path / "set", "img/{}.jpg", f"gt/{split}/{{}}.png", names)
    root = say(tmp_path / "set", 'photos = "img/{key}.jpg"\nmasks = "gt/{split}/{key}.png"\n' + BINARY)
    assert (keys(root), keys(root, "val")) == (["a", "b"], ["c"])


def test_only_photos_may_be_split_by_folder(tmp_path):
    for split, names in (("train", "ab"), ("val", "c")):
        pairs(tmp_path / "set", f"img/{split}/{{}}.jpg", "gt/{}.png", names)
    root = say(tmp_path / "set", 'photos = "img/{split}/{key}.jpg"\nmasks = "gt/{key}.png"\n' + BINARY)
    assert (keys(root), keys(root, "val")) == (["a", "b"], ["c"])


def test_photo_and_mask_may_lie_in_one_folder(tmp_path):
    root = pairs(tmp_path / "set", "all/{}.png", "all/{}_mask.png", ["a", "b_mask_2"])
    say(root, 'photos = "all/{key}.png"\nmasks = "all/{key}_mask.png"\n' + BINARY)
    assert keys(root, "all") == ["a", "b_mask_2"]
    say(root, 'photos = "all/{key}.png"\nmasks = "all/{key}.png"\n' + BINARY)
    with pytest.raises(DescriptionError) as caught:
        segfeed.scan(root, "all")
    assert "photos and of masks" in caught.value.found


def test_a_folder_for_each_sample(tmp_path):
    root = pairs(tmp_path / "set", "{0}/images/{0}.png", "{0}/truth/{0}.png", ["a1", "a2"])
    say(root, 'photos = "{key}/images/{key}.png"\nmasks = "{key}/truth/{key}.png"\n' + BINARY)
    assert keys(root, "all") == ["a1", "a2"]


@pytest.mark.slow
def test_keys_span_folders_and_become_files_in_folders(tmp_path):
    root = pairs(tmp_path / "set", "img/{}.jpg", "gt/{}.png", ["v1/f1", "v1/f2", "v2/f1"])
    say(root, 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n' + BINARY)
    source = segfeed.scan(root, "all")
    assert source.keys == ("v1/f1", "v1/f2", "v2/f1")
    from segfeed.datasets.export.exporting import export_splits  # noqa: PLC0415
    from segfeed.scoring.predictions import score_folder, write_predictions  # noqa: PLC0415

    crops = segfeed.Plan.exact(source.sizes, 3).rows(0, 0)
    paths = write_predictions(tmp_path / "out", np.zeros((3, 4, 6), int), crops, source)
    assert paths[2] == tmp_path / "out" / "v2" / "f1.png"
    assert score_folder(tmp_path / "out", source).pixels == 72
    photo(tmp_path / "out" / "v2" / "f9.png")
    with pytest.raises(SourceError) as caught:
        score_folder(tmp_path / "out", source)
    assert "v2/f9.png" in caught.value.found
    tables = export_splits([source], tmp_path / "tables", "parquet")
    assert segfeed.scan(tables, "all").keys == source.keys
    export_splits([source], tmp_path / "shards", "webdataset")


@pytest.mark.parametrize("name", ["a:b", "a\nb", " a", "why?"])
def test_names_that_could_be_no_file_elsewhere_are_refused(tmp_path, name):
    root = pairs(tmp_path / "set", "img/{}.jpg", "gt/{}.png", [name])
    say(root, 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n' + BINARY)
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    assert caught.value.found.startswith(f"key {name!r}")


def test_accents_are_one_name_composed_or_not(tmp_path):
    root = tmp_path / "set"
    photo(root / "img" / (unicodedata.normalize("NFD", "café") + ".jpg"))
    mask(root / "gt" / (unicodedata.normalize("NFC", "café") + ".png"))
    say(root, 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n' + BINARY)
    assert keys(root, "all") == ["café"]


def test_two_masks_of_one_key_are_refused(root):
    mask(root / "other/k1.png")
    say(root, 'photos = "pics/{key}.jpg"\nmasks = ["truth/{key}_L.png", "other/{key}.png"]\n' + BINARY)
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    assert "sample k1 has 2 masks" in caught.value.found


def test_a_photo_without_its_mask_is_named_and_never_dropped(root):
    os.remove(root / "truth" / "k3_L.png")
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "all")
    assert "1 of 10 samples have no mask: k3" in caught.value.found
    assert 'samples = "masks"' in caught.value.remedy
    (finding,) = (one for one in check(root, ["all"]) if one.rule == "mask-missing")
    assert "list" not in finding.remedy  # there is none
    say(root, 'samples = "masks"\n' + (root / "segfeed.toml").read_text())
    assert len(segfeed.scan(root, "all")) == 9


def test_a_listed_photo_without_its_mask_is_told_to_be_taken_off_the_list(root):
    os.remove(root / "truth" / "k3_L.png")
    (root / "some.txt").write_text("k3\nk4\n")
    say(root, (root / "segfeed.toml").read_text() + '\n[splits]\nlists = { some = "some.txt" }\n')
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "some")
    assert "1 of 2 listed samples have no mask: k3" in caught.value.found
    assert "off the list" in caught.value.remedy


def apart(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def test_accents_may_be_apart_on_disk_and_composed_in_the_description(tmp_path):
    for split, places in {"Prüfung": 2, "Übung": 3}.items():
        photo_at, mask_at = apart(f"Süd/{split}/Bild {{}}ä.jpg"), apart(f"Süd/{split}/Bild {{}}ä_Wände.png")
        pairs(tmp_path / "set", photo_at, mask_at, range(places))
    text = 'photos = "Süd/{split}/Bild {key}.jpg"\nmasks = "Süd/{split}/Bild {key}_Wände.png"\n'
    root = say(tmp_path / "set", f'{text}[splits]\nfolders = {{ train = "Übung", val = "Prüfung" }}\n{BINARY}')
    assert keys(root, "train") == ["0ä", "1ä", "2ä"]
    assert keys(root, "val") == ["0ä", "1ä"]
    (root / apart("Prüfliste.txt")).write_text(apart("Süd/Übung/Bild 2ä.jpg Süd/Prüfung/Bild 0ä_Wände.png\n"))
    text = 'photos = "Süd/*/Bild {key}.jpg"\nmasks = "Süd/*/Bild {key}_Wände.png"\n'
    say(root, f'{text}[splits]\nlists = {{ val = "Prüfliste.txt" }}\n{BINARY}')
    source = segfeed.scan(root, "val")
    assert source.keys == ("2ä",)
    assert unicodedata.normalize("NFC", source.samples[0].mask.name) == "Bild 0ä_Wände.png"


def test_a_folder_that_is_called_otherwise_on_disk_is_told_with_the_name_that_fits(tmp_path):
    root = pairs(tmp_path / "set", apart("Süd/{}.jpg"), apart("Süd/{}_g.png"), "ab")
    say(root, 'photos = "Süd/{key}.jpg"\nmasks = "Süd/{key}_h.png"\n' + BINARY)
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "all")
    assert "holds 4 pictures" in caught.value.found


def test_splits_that_are_called_otherwise_are_told_with_the_line_that_says_so(root):
    pairs(root, "Prüfung/p/{}.jpg", "Prüfung/t/{}.png", "ab")
    pairs(root, "Training/p/{}.jpg", "Training/t/{}.png", "cd")
    text = 'photos = "{split}/p/{key}.jpg"\nmasks = "{split}/t/{key}.png"\n'
    say(root, text + BINARY)
    assert keys(root, "train") == ["c", "d"]
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root, "val")
    line = 'folders = { val = "Prüfung" }'
    assert line in caught.value.remedy
    say(root, f"{text}[splits]\n{line}\n{BINARY}")
    assert keys(root, "val") == ["a", "b"]


def test_a_list_of_all_is_told_to_be_split(root):
    (root / "a.txt").write_text("k1\nk2\n")
    say(root, (root / "segfeed.toml").read_text() + '\n[splits]\nlists = { all = "a.txt" }\n')
    with pytest.raises(SourceMissingError) as caught:
        segfeed.load(root)
    assert caught.value.remedy == 'pass parts of it, such as splits=("all[fold!=0/5]", "all[fold=0/5]")'


@pytest.mark.parametrize(
    "line",
    [
        "{key}", "{key}.jpg", "pics/{key}.jpg", "./pics/{key}.jpg", "/home/me/set/pics/{key}.jpg",
        "pics\\{key}.jpg", "C:\\set\\pics\\{key}.jpg",
        "pics/{key}.jpg truth/{key}_L.png", "pics/{key}.jpg\ttruth/{key}_L.png", "pics/{key}.jpg,truth/{key}_L.png",
        "pics/{key}.jpg;truth/{key}_L.png", "/data/set/pics/{key}.jpg /data/set/truth/{key}_L.png",
        "{key} truth/{key}_L.png",
    ],
)  # fmt: skip
@pytest.mark.slow
def test_lists_may_name_samples_in_many_ways(root, line):
    (root / "train.txt").write_text("".join(line.replace("{key}", key) + "\n" for key in ("k4", "k1")))
    (root / "val.txt").write_text(line.replace("{key}", "k2"))
    say(root, (root / "segfeed.toml").read_text() + '[splits]\nlists = "{split}.txt"\n')
    assert (keys(root), keys(root, "val")) == (["k4", "k1"], ["k2"])
    assert segfeed.scan(root).samples[0].mask.name == "k4_L.png"


def test_names_in_lists_may_hold_blanks(tmp_path):
    root = pairs(tmp_path / "set", "img/{}.jpg", "gt/{}.png", ["a b", "a"])
    (root / "one.txt").write_text("img/a b.jpg gt/a b.png\nimg/a.jpg gt/a.png\n")
    say(root, 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n[splits]\nlists = { train = "one.txt" }\n' + BINARY)
    source = segfeed.scan(root)
    assert [sample.mask.name for sample in source.samples] == ["a b.png", "a.png"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("k1\nk1", "id 'k1' is listed 2 times, the second time in line 2"),
        ("k1\npics/k1.jpg", "id 'k1' is listed 2 times, the second time in line 2"),
        ("k1 -1", "line 1: 'k1 -1' has two columns"),
        ("../../etc/passwd", "line 1: '../../etc/passwd' is a path"),
        ("pics/k1.jpg ../../etc/passwd", "line 1: "),
    ],
)
def test_a_line_that_is_wrong_is_named(root, line, found):
    (root / "train.txt").write_text(line)
    say(root, (root / "segfeed.toml").read_text() + '[splits]\nlists = "{split}.txt"\n')
    with pytest.raises(ListError) as caught:
        segfeed.scan(root)
    assert found in caught.value.found


@pytest.mark.parametrize("line", ["k99", "val/k1.jpg", "pics/k1.jpg truth/gone.png"])
def test_what_a_list_names_and_is_not_there_is_missing(root, line):
    (root / "train.txt").write_text(f"k2\n{line}\n")
    say(root, (root / "segfeed.toml").read_text() + '[splits]\nlists = "{split}.txt"\n')
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "1 of 2 listed samples" in caught.value.found


def test_a_list_that_is_not_there_is_named(root):
    say(root, (root / "segfeed.toml").read_text() + '[splits]\nlists = { train = "lists/train.txt" }\n')
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert caught.value.where == str(root / "lists/train.txt")


FRAMES = [f"v{video}_{frame:02d}" for video in range(12) for frame in range(4)]


@pytest.fixture
def videos(tmp_path) -> Path:
    return pairs(tmp_path / "set", "img/{}.png", "gt/{}.png", FRAMES)


def groups(source) -> set[str]:
    return {key.partition("_")[0] for key in source.keys}


@pytest.mark.slow
def test_groups_are_never_parted_by_hash_or_by_folds(videos):
    text = 'photos = "img/{key}.png"\nmasks = "gt/{key}.png"\n[splits]\ngroup = "{key:before _}"\n'
    for more in ("", "hash = { train = 60, val = 20, test = 20 }\n"):
        say(videos, text + more + BINARY)
        parts = [segfeed.scan(videos, split) for split in ("train", "val")]
        assert not groups(parts[0]) & groups(parts[1])
        assert all(len(part) == 4 * len(groups(part)) for part in parts)
        folds = [segfeed.scan(videos, f"all[fold={n}/3]") for n in range(3)]
        assert sorted(key for fold in folds for key in fold.keys) == sorted(FRAMES)
        assert sum(len(groups(fold)) for fold in folds) == 12
        rest = segfeed.scan(videos, "all[fold!=0/3]")
        assert not groups(rest) & groups(folds[0])


def test_a_group_in_both_splits_of_a_run_is_refused(videos):
    text = 'photos = "img/{key}.png"\nmasks = "gt/{key}.png"\n[splits]\ngroup = "{key:before _}"\n'
    say(videos, text + BINARY)
    load = {"batch_size": 2, "crop_size": (4, 6), "pack": False}
    segfeed.load(videos, splits=("all[fold!=0/3]", "all[fold=0/3]"), **load)
    with pytest.raises(SourceError) as caught:
        segfeed.load(videos, splits=("all[:30]", "all[30:]"), **load)
    assert "1 group has samples in both" in caught.value.found
    (videos / "train.txt").write_text("\n".join(FRAMES[:30]))
    (videos / "val.txt").write_text("\n".join(FRAMES[30:]))
    say(videos, text + 'lists = "{split}.txt"' + BINARY)
    with pytest.raises(SourceError) as caught:
        segfeed.load(videos, **load)
    assert "'v7'" in caught.value.found


@pytest.mark.parametrize("way", ["lists", "folders"])
@pytest.mark.slow
def test_scan_check_and_load_all_name_a_group_in_two_splits(tmp_path, way):
    root = tmp_path / "set"
    parts = {"train": FRAMES[:30], "val": FRAMES[30:41], "test": FRAMES[41:]}
    for split, names in parts.items():
        for number, key in enumerate(names):
            photo(root / f"img/{split}/{key}.png", 50 * len(names) + number)
            mask(root / f"gt/{split}/{key}.png")
        (root / f"{split}.txt").write_text("".join(f"{split}/{key}\n" for key in names))
    where = "{split}/{key}" if way == "folders" else "{key}"
    text = f'photos = "img/{where}.png"\nmasks = "gt/{where}.png"\n[splits]\n'
    text += 'group = "{key:before _}"\n' if way == "folders" else 'group = "{key:after /}"\nlists = "{split}.txt"\n'
    if way == "lists":
        rows = "".join(f"{split}/{key},{key[:3]}\n" for split, names in parts.items() for key in names)
        (root / "videos.csv").write_text(f"frame,video\n{rows}")
        text = text.replace('"{key:after /}"', '{ file = "videos.csv", key = "frame", column = "video" }')
    say(root, text + BINARY)
    doubts = {split.name: split.doubts for split in describe(root).splits}
    (doubt,) = doubts.pop("train")
    assert (doubt.severity, doubt.rule, any(doubts.values())) == ("error", "group-in-two-splits", False)
    found = [finding for finding in check(root) if finding.rule == "group-in-two-splits"]
    assert [(one.severity, one.split, len(one.also)) for one in found] == [("error", "train", 2), ("error", "val", 1)]
    with pytest.raises(SourceError) as caught:
        segfeed.load(root, batch_size=2, crop_size=(4, 6), pack=False)
    assert caught.value.found in doubt.found
    assert [one.found for one in found] == doubt.found.split("; ")


@pytest.mark.slow
def test_a_split_that_holds_others_shares_their_groups_and_one_of_no_clear_use_is_a_warning(videos):
    lists = {"train": FRAMES[:24], "val": FRAMES[24:], "trainval": FRAMES, "every": FRAMES, "extra": FRAMES[2:3]}
    (videos / "lists").mkdir()
    for split, names in lists.items():
        (videos / f"lists/{split}.txt").write_text("\n".join(names))
    text = 'photos = "img/{key}.png"\nmasks = "gt/{key}.png"\n[splits]\nlists = "lists/{split}.txt"\n'
    say(videos, text + 'group = "{key:before _}"\n' + BINARY)
    assert not any(split.doubts for split in describe(videos).splits)
    (videos / "lists/train.txt").write_text("\n".join(FRAMES[3:24]))
    (doubt,) = (doubt for split in describe(videos).splits for doubt in split.doubts)
    assert (doubt.severity, "'train' and 'extra'" in doubt.found) == ("warning", True)
    assert ("warning", "train") in {(one.severity, one.split) for one in check(videos) if one.rule == doubt.rule}


def test_groups_may_stand_in_a_table(videos):
    rows = "".join(f"{key}.png,{'p' + str(n // 8)}\n" for n, key in enumerate(FRAMES))
    (videos / "patients.csv").write_text(f"image,patient\n{rows}")
    text = 'photos = "img/{key}.png"\nmasks = "gt/{key}.png"\n[splits]\n'
    say(videos, text + 'group = { file = "patients.csv", key = "image", column = "patient" }\n' + BINARY)
    assert segfeed.scan(videos, "all").groups["v0_00"] == "p0"
    assert len(segfeed.scan(videos, "train")) % 8 == 0
    (videos / "patients.csv").write_text(f"image,person\n{rows}")
    with pytest.raises(ListError) as caught:
        segfeed.scan(videos, "train")
    assert "'patient'" in caught.value.expected
    (videos / "patients.csv").write_text("image,patient\nv0_00,p1\nv0_00,p2\n")
    with pytest.raises(ListError) as caught:
        segfeed.scan(videos, "train")
    assert caught.value.found.startswith("line 3: sample 'v0_00' has group 'p2'")
    (videos / "patients.csv").write_text("image,patient\nv0_00,p1\n")
    with pytest.raises(ListError) as caught:
        segfeed.scan(videos, "train")
    assert "no line for 47 of 48 samples" in caught.value.found


def test_a_rule_of_groups_that_fits_no_key_is_refused(videos):
    text = 'photos = "img/{key}.png"\nmasks = "gt/{key}.png"\n[splits]\ngroup = "{key:before -}"\n'
    say(videos, text + BINARY)
    with pytest.raises(ListError) as caught:
        segfeed.scan(videos, "train")
    assert "'-' is in none of the 48 keys" in caught.value.found


def test_groups_by_folder(tmp_path):
    root = pairs(tmp_path / "set", "img/{}.jpg", "gt/{}.png", [f"v{n % 6}/f{n}" for n in range(24)])
    text = 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n[splits]\ngroup = "{folder}"\n'
    say(root, text + BINARY)
    parts = [{key.partition("/")[0] for key in keys(root, f"all[fold={n}/2]")} for n in range(2)]
    assert sum(map(len, parts)) == 6


def test_without_a_rule_splits_are_those_of_any_folders_without_lists(tmp_path):
    names = [f"n{n}" for n in range(40)]
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}.png", names)
    plain = keys(root, "val", legend={0: "a", 255: "b"})
    say(root, 'photos = "images/{key}.jpg"\nmasks = "masks/{key}.png"\n' + BINARY)
    assert keys(root, "val") == plain
    for shares in ("{ train = 80, val = 20 }", "{ val = 20, train = 80 }"):
        text = f'photos = "images/{{key}}.jpg"\nmasks = "masks/{{key}}.png"\n[splits]\nhash = {shares}\n'
        say(root, text + BINARY)
        assert keys(root, "val") == plain


@pytest.mark.slow
def test_stratified_splits_share_out_rare_values_and_read_masks_once(tmp_path, monkeypatch):
    root = tmp_path / "set"
    for number in range(60):
        photo(root / f"img/{number:02d}.jpg", number)
        mask(root / f"gt/{number:02d}.png", (0, 255, 9) if number % 10 == 3 else (0, 255))
    text = 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n[splits]\nhash = { train = 50, val = 50 }\n'
    classes = BINARY + '9 = "rare"\n'
    say(root, f"{text}stratify = true\n{classes}")
    read = []
    from segfeed.datasets.descriptions import strata  # noqa: PLC0415

    real = strata.decode_mask
    monkeypatch.setattr(strata, "decode_mask", lambda content, name: read.append(name) or real(content, name))
    from segfeed.datasets.opening import open_dataset  # noqa: PLC0415

    dataset = open_dataset(root)
    parts = {split: dataset.scan(split).keys for split in ("train", "val")}
    assert len(read) == 60
    assert sorted([*parts["train"], *parts["val"]]) == [f"{n:02d}" for n in range(60)]
    assert len(parts["train"]) == len(parts["val"]) == 30
    assert {split: sum(int(key) % 10 == 3 for key in part) for split, part in parts.items()} == {"train": 3, "val": 3}
    assert tuple(keys(root, "val")) == parts["val"]
    assert len(keys(root, "all")) == 60


STRATIFIED = 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n[splits]\n'
KINDS = '[classes]\n0 = "ground"\n1 = "crop"\n2 = "weed"\n'


@pytest.fixture
def plots(tmp_path) -> Path:
    """60 pairs, 20 plots of 3; 4 plots hold weed, and so says a table."""
    rows = []
    for number in range(60):
        key, has_weed = f"p{number // 3:02d}_{number % 3}", number // 3 % 5 == 2
        photo(tmp_path / f"set/img/{key}.jpg", number)
        mask(tmp_path / f"set/gt/{key}.png", (0, 1, 2) if has_weed else (0, 1))
        rows.append(f"{key}.jpg;{'weedy' if has_weed else 'clean'}\n")
    (tmp_path / "set/plots.csv").write_text(f"image;kind\n{''.join(rows)}")
    return tmp_path / "set"


def weedy(names) -> set[str]:
    return {plot for plot in (key.partition("_")[0] for key in names) if int(plot[1:]) % 5 == 2}


@pytest.mark.parametrize("said", ["true", '{ file = "plots.csv", key = "image", column = "kind" }'])
@pytest.mark.parametrize("group", ["", 'group = "{key:before _}"\n'])
@pytest.mark.slow
def test_splits_and_folds_share_out_classes_and_part_no_group(plots, said, group):
    say(plots, f"{STRATIFIED}stratify = {said}\n{group}{KINDS}")
    val = keys(plots, "val")
    assert (len(val), len(keys(plots))) == (12, 48)
    assert sum(int(key[1:3]) % 5 == 2 for key in val) in ((2, 3) if not group else (3,))
    folds = [keys(plots, f"all[fold={n}/4]") for n in range(4)]
    assert sorted(key for fold in folds for key in fold) == keys(plots, "all")
    assert [len(fold) for fold in folds] == [15] * 4
    assert [sum(int(key[1:3]) % 5 == 2 for key in fold) for fold in folds] == [3] * 4
    if group:
        assert [len(weedy(fold)) for fold in folds] == [1] * 4
        assert sum(len({key.partition("_")[0] for key in fold}) for fold in folds) == 20
    for n, fold in enumerate(folds):
        assert set(keys(plots, f"all[fold!={n}/4]")) == set(keys(plots, "all")) - set(fold)
        assert keys(plots, f"all[fold={n}/4]") == fold


@pytest.mark.slow
def test_folds_of_lists_are_balanced_too_and_without_the_rule_they_are_not(plots):
    every = sorted(path.stem for path in (plots / "img").iterdir())
    (plots / "train.txt").write_text("\n".join(every[:30]))
    (plots / "val.txt").write_text("\n".join(every[30:]))
    say(plots, f'{STRATIFIED}lists = "{{split}}.txt"\nstratify = true\n{KINDS}')
    folds = [keys(plots, f"train[fold={n}/3]") for n in range(3)]
    assert [sum(int(key[1:3]) % 5 == 2 for key in fold) for fold in folds] == [2] * 3
    assert keys(plots) == every[:30]
    train, val = segfeed.load(
        plots, batch_size=2, crop_size=(4, 6), splits=("train[fold!=0/3]", "train[fold=0/3]"), pack=False
    )
    assert (len(train.reader), len(val.reader)) == (20, 10)
    say(plots, f'{STRATIFIED}lists = "{{split}}.txt"\n{KINDS}')
    assert [keys(plots, f"train[fold={n}/3]") for n in range(3)] != folds


@pytest.mark.slow
def test_objects_are_split_like_classes(plots):
    for path in (plots / "gt").iterdir():
        mask(plots / "things" / path.name, (0, 7))
    say(plots, f'objects = "things/{{key}}.png"\n{STRATIFIED}stratify = true\n{KINDS}')
    for split in ("val", "all[fold=1/4]"):
        assert keys(plots, split, task="instance") == keys(plots, split)


@pytest.mark.slow
def test_a_mask_that_cannot_be_read_is_named_by_what_needs_it_and_found_by_check(plots):
    say(plots, f"{STRATIFIED}stratify = true\n{KINDS}")
    (plots / "gt/p03_1.png").write_bytes(b"nothing")
    with pytest.raises(ListError) as caught:
        segfeed.scan(plots, "val")
    assert (caught.value.where, "shared out by what masks store" in caught.value.found) == (
        str(plots / "gt/p03_1.png"),
        True,
    )
    found = {(one.split, one.key) for one in check(plots) if one.severity == "error"}
    assert {("all", "p03_1"), ("train", ""), ("val", "")} <= found


@pytest.mark.slow
def test_a_split_that_gets_nothing_is_told_with_what_it_would_take(tmp_path):
    root = pairs(tmp_path / "set", "img/{}.jpg", "gt/{}.png", ["a_1", "a_2", "c_1"])
    for hashed in ("", "hash = { train = 99, val = 1 }\n"):
        say(root, f'{STRATIFIED}{hashed}group = "{{key:before _}}"\n{BINARY}')
        with pytest.raises(EmptySplitError) as caught:
            segfeed.scan(root, "val")
        assert f"'val' of {1 if hashed else 20} percent gets none of the 2 groups of 3" in caught.value.found
        with pytest.raises(EmptySplitError):
            segfeed.load(root, batch_size=1, crop_size=(4, 6), pack=False)
        assert check(root).count()["error"] == 0


def test_what_no_list_names_is_in_no_split_unless_it_is_said_so(root):
    (root / "val.txt").write_text("k3\nk1\n")
    text = (root / "segfeed.toml").read_text().partition("[classes]")[0]
    say(root, f'{text}[splits]\nlists = {{ val = "val.txt" }}\n{BINARY}')
    with pytest.raises(SourceMissingError) as caught:
        segfeed.load(root, batch_size=1, crop_size=(4, 6), pack=False)
    assert (caught.value.found, caught.value.expected) == ("no split 'train'", "one of val")
    line = 'lists = { val = "val.txt", train = "*" }'
    assert line in caught.value.remedy
    say(root, f"{text}[splits]\n{line}\n{BINARY}")
    assert (keys(root), keys(root, "val")) == ([f"k{n}" for n in (0, 2, 4, 5, 6, 7, 8, 9)], ["k3", "k1"])
    assert "all that val do not list" in segfeed.scan(root).why
    assert [(split.name, split.samples) for split in describe(root).splits] == [("train", 8), ("val", 2)]
    say(root, f'{text}[splits]\nlists = {{ val = "*", train = "*" }}\n{BINARY}')
    with pytest.raises(DescriptionError) as caught:
        segfeed.scan(root)
    assert caught.value.found == "line 5: '*' for 2 splits"


@pytest.mark.parametrize(
    ("photos", "masks"), [("*/img/{key}.jpg", "*/gt/{key}.png"), ("{folder}/img/{key}.jpg", "*/gt/{key}.png")]
)
def test_equal_names_in_folders_that_the_key_leaves_out_are_told_with_the_way_to_tell_them_apart(
    tmp_path, photos, masks
):
    for site in ("a", "b"):
        pairs(tmp_path / "set" / site, "img/{}.jpg", "gt/{}.png", ["1", "2"])
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path / "set", "all", photos=photos, masks=masks, legend={0: "a", 255: "b"})
    if photos.startswith("*"):
        assert "sample 1 has 2 photos (a/img/1.jpg, b/img/1.jpg) by photos = '*/img/{key}.jpg'" in caught.value.found
        assert "{folder} in place of '*' in both patterns" in caught.value.remedy
    both = {"photos": "{folder}/img/{key}.jpg", "masks": "{folder}/gt/{key}.png"}
    assert keys(tmp_path / "set", "all", **both, legend={0: "a", 255: "b"}) == ["a/1", "a/2", "b/1", "b/2"]


def test_train_and_all_share_no_sample_that_is_worth_a_word_if_val_is_empty(tmp_path):
    root = pairs(tmp_path / "set", "img/{}.jpg", "gt/{}.png", ["a", "c"])
    say(root, 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n' + BINARY)
    assert "id-in-two-splits" not in {finding.rule for finding in check(root)}
    assert check(root).pairs == 2


def test_folders_that_photos_and_masks_share_are_part_of_the_key(tmp_path):
    for month in ("2024-05", "2024-06"):
        pairs(tmp_path, f"{month}/{{}}.jpg", f"{month}/mask-of-{{}}.png", ["x", "y"])
    patterns = {"photos": "{folder}/{name}.jpg", "masks": "{folder}/mask-of-{name}.png"}
    wanted = ["2024-05/x", "2024-05/y", "2024-06/x", "2024-06/y"]
    assert keys(tmp_path, "all", **patterns, legend={0: "a", 255: "b"}) == wanted
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path)
    assert '--photos "{folder}/{key}.jpg" --masks "{folder}/mask-of-{key}.png"' in caught.value.remedy


def test_a_description_that_fits_several_folders_below_is_explained_and_not_called_several_datasets(tmp_path):
    for month in ("2024-05", "2024-06"):
        pairs(tmp_path, f"{month}/{{}}.jpg", f"{month}/mask-of-{{}}.png", ["x"])
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path, photos="{key}.jpg", masks="mask-of-{key}.png")
    assert "several" not in caught.value.found


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dangling", "loop"])
@pytest.mark.parametrize("name", ["segfeed.toml", "groups.csv", "classes.csv", "train.txt", "legend.txt"])
@pytest.mark.slow
def test_what_is_no_file_is_named_and_not_waited_for(root, name, kind):
    for split in ("train", "val"):
        (root / f"{split}.txt").write_text("k1\nk2\n" if split == "train" else "k3\n")
    for table in ("groups.csv", "classes.csv"):
        (root / table).write_text("k,g\n" + "".join(f"k{n},{n}\n" for n in range(10)))
    (root / "legend.txt").write_text("background 0\nroad 255\n")
    text = 'legend = "legend.txt"\n' + (root / "segfeed.toml").read_text().partition("[classes]")[0]
    column = 'key = "k", column = "g" }\n'
    text += f'[splits]\nlists = "{{split}}.txt"\ngroup = {{ file = "groups.csv", {column}'
    say(root, f'{text}stratify = {{ file = "classes.csv", {column}')
    assert len(segfeed.scan(root, "train[fold=0/2]")) == 1
    (root / name).unlink()
    if kind == "pipe":
        os.mkfifo(root / name)
    elif kind == "folder":
        (root / name).mkdir()
    else:
        (root / name).symlink_to({"device": "/dev/zero", "dangling": "gone", "loop": root / name}[kind])
    for split in ("train[fold=0/2]",) if name == "classes.csv" else ("train", "train[fold=0/2]"):
        with pytest.raises(SegfeedError) as caught:
            segfeed.scan(root, split)
        assert name in str(caught.value)
    if name == "segfeed.toml":
        with pytest.raises(DescriptionError):
            check(root)
    elif name != "classes.csv":
        assert check(root).count()["error"] > 0
        assert any(split.problem for split in describe(root).splits)


@pytest.mark.parametrize("name", ["groups.csv", "train.txt", "segfeed.toml"])
def test_a_file_too_large_to_be_one_is_not_read(root, name):
    (root / "val.txt").write_text("k3\n")
    (root / "train.txt").write_text("k1\n")
    text = (root / "segfeed.toml").read_text().partition("[classes]")[0]
    group = 'group = { file = "groups.csv", key = "k", column = "g" }\n'
    say(root, f'{text}[splits]\nlists = "{{split}}.txt"\n{group}{BINARY}')
    with open(root / name, "ab") as file:
        file.truncate(1 << 30)
    with pytest.raises(SourceError) as caught:
        segfeed.scan(root, "train")
    assert caught.value.found == "1,073,741,824 bytes"


def test_what_systems_leave_beside_pictures_is_no_sample(root):
    for name in ("pics/._k1.jpg", "truth/._k1_L.png", "pics/Thumbs.db", "pics/.ipynb_checkpoints/k1-checkpoint.jpg"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"\0\5\26\7")
    (root / "__MACOSX/pics").mkdir(parents=True)
    (root / "__MACOSX/pics/._k1.jpg").write_bytes(b"")
    assert keys(root, "all") == [f"k{n}" for n in range(10)]
    assert check(root).count()["error"] == 0


def test_names_that_hold_the_words_of_splits_choose_none(tmp_path):
    names = ["photo of a train", "photo of test tubes", "val.1.2"]
    root = pairs(tmp_path / "set", "images/{}.jpg", "masks/{}.png", names)
    assert keys(root, "all", legend={0: "a", 255: "b"}) == names


def test_a_list_that_names_a_file_of_two_folders_by_its_name_alone_is_not_guessed(tmp_path):
    root = pairs(tmp_path / "set", "img/{}.jpg", "gt/{}.png", ["a/1", "b/1", "c/2"])
    (root / "train.txt").write_text("1\n2\n")
    say(root, f'{STRATIFIED}lists = {{ train = "train.txt" }}\n{BINARY}')
    with pytest.raises(SourceMissingError) as caught:
        segfeed.scan(root)
    assert "1 of 2 listed samples have no photo: 1;" in str(caught.value)
