"""Pair lists: a line is understood by what lies on disk; `test_described` has lists of whole datasets."""

import pytest

from segfeed.datasets.matching.pair_lists import list_files, read_pairs

PHOTOS = {"a": ["img/a.jpg"], "b c": ["img/b c.jpg"], "v/1": ["img/v/1.jpg"], "w/1": ["img/w/1.jpg"]}
MASKS = {key: [names[0].replace("img", "gt").replace("jpg", "png")] for key, names in PHOTOS.items()}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("a", "a"),
        ("a.jpg", "a"),
        ("b c", "b c"),
        ("b c.jpg", "b c"),
        ("v/1", "v/1"),
        ("v/1.jpg", "v/1"),
        ("img\\w\\1.jpg", "w/1"),
        ("1.jpg", "1"),  # two photos are called so: none is meant
        ("x/1.jpg", "x/1"),
        ("/a.jpg", "a"),
    ],
)
def test_a_photo_is_found_by_what_the_list_calls_it(tmp_path, line, key):
    (tmp_path / "l.txt").write_text(line)
    keys, masks = read_pairs(tmp_path / "l.txt", tmp_path, PHOTOS, MASKS)
    assert keys == [key]
    assert masks == {key: MASKS.get(key, [])}


def test_a_mask_that_the_list_names_goes_before_the_one_of_its_key(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.png").touch()
    (tmp_path / "l.txt").write_text("img/a.jpg other/x.png\nb c.jpg  gt/nothing.png\n")
    _, masks = read_pairs(tmp_path / "l.txt", tmp_path, PHOTOS, MASKS)
    assert masks == {"a": ["other/x.png"], "b c": []}


def test_lists_are_found_by_a_pattern_or_by_name(tmp_path):
    (tmp_path / "lists").mkdir()
    for name in ("train.txt", "val.txt", "readme.md"):
        (tmp_path / "lists" / name).touch()
    assert list(list_files(tmp_path, {"": "lists/{split}.txt"})) == ["train", "val"]
    assert list_files(tmp_path, {"dev": "lists/val.txt"}) == {"dev": tmp_path / "lists" / "val.txt"}
