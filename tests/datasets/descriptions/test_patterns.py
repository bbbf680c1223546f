"""Patterns: what fits, what is not searched, and what is not a pattern."""

import os
from pathlib import Path

import pytest

from segfeed.datasets.descriptions.patterns import Pattern, parse_patterns
from segfeed.errors import SourceError

FILES = (
    "images/train/a.jpg",
    "images/train/deep/b.JPG",
    "images/val/c.jpeg",
    "images/train/.hidden.jpg",
    "one/images/one.png",
    "one/images/two.png",
    "train/1_sat.jpg",
    "train/1_mask.png",
)


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def found(root, text):
    return [tuple(match) for match in Pattern(text).find(root)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "images/{split}/{key}.jpg",
            [("train", "a", "images/train/a.jpg"), ("train", "deep/b", "images/train/deep/b.JPG")],
        ),
        ("images/val/{key}.*", [("", "c", "images/val/c.jpeg")]),
        ("{key}/images/{key}.png", [("", "one", "one/images/one.png")]),
        ("{split}/{key}_sat.jpg", [("train", "1", "train/1_sat.jpg")]),
        ("{folder}/{name}_mask.png", [("", "train/1", "train/1_mask.png")]),
        ("images/{folder}/{name}.jpeg", [("", "val/c", "images/val/c.jpeg")]),
        ("images/*/{key}.jpeg", [("", "c", "images/val/c.jpeg")]),
        ("images/{split}/{name}.jpg", [("train", "a", "images/train/a.jpg")]),
        ("{name}/images/{name}.png", [("", "one", "one/images/one.png")]),
        ("{split}/images/{name}.*", [("one", "one", "one/images/one.png"), ("one", "two", "one/images/two.png")]),
        ("nothing/{key}.jpg", []),
        ("images/train/a.jpg/{key}.jpg", []),
    ],
)
def test_files_that_fit_are_found_with_their_split_and_key(root, text, wanted):
    assert found(root, text) == wanted
    assert Pattern(text).is_there(root) == bool(wanted)


def test_a_link_that_leads_back_up_ends_the_search(root):
    os.symlink(root / "images", root / "images" / "train" / "again")
    assert ("train", "a", "images/train/a.jpg") in found(root, "images/{split}/{key}.jpg")
    assert len(found(root, "images/{split}/{key}.jpg")) == 2


def test_a_link_to_another_folder_is_followed(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "d.jpg").touch()
    os.symlink(other, root / "images" / "test")
    assert ("test", "d", "images/test/d.jpg") in found(root, "images/{split}/{key}.jpg")


def test_folders_that_cannot_fit_are_not_searched(root, monkeypatch):
    seen = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(os.path.relpath(path, root)) or scandir(path))
    list(Pattern("one/images/{key}.png").find(root))
    assert seen == ["one/images"]
    seen.clear()
    list(Pattern("{split}/images/{name}.png").find(root))
    assert seen == [".", "one/images"]  # what else lies in images/ and train/ may be many files


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/a/{key}",
        "~/{key}",
        "a/../{key}",
        "./{key}",
        "a//{key}",
        "a/{id}.png",
        "a/{split}.png",
        "a\\{key}",
        "{key",
        "**/{key}",
        "{key}/{name}.png",
    ],
)
def test_what_is_no_pattern_is_refused_by_its_text(text):
    with pytest.raises(SourceError) as caught:
        Pattern(text)
    assert repr(text) in caught.value.where
    assert caught.value.expected


def test_one_pattern_and_a_list_of_alternatives():
    assert [each.text for each in parse_patterns(["a/{key}.jpg", "a/{key}.png"])] == ["a/{key}.jpg", "a/{key}.png"]
    assert [each.text for each in parse_patterns("a/{key}.jpg")] == ["a/{key}.jpg"]
    assert [each.text for each in parse_patterns(Path("a") / "{key}.jpg")] == ["a/{key}.jpg"]


@pytest.mark.parametrize("wanted", [3, ["a/{key}.jpg", 3], {"photos": 3}.values()])
def test_what_is_no_text_is_refused(wanted):
    with pytest.raises(SourceError, match="3; expected a text, or a list of texts"):
        parse_patterns(wanted)
