"""Misfits: the nearest pattern; `test_described` has the errors of whole datasets."""

import pytest

from segfeed.datasets.descriptions.description import Description
from segfeed.datasets.descriptions.misfits import explain_misfit, explain_unpaired, suggest_pattern
from segfeed.datasets.descriptions.patterns import Pattern, parse_patterns

SUFFIXES = (".jpg", ".png")


@pytest.mark.parametrize(
    ("paths", "folder", "has_split", "keys", "wanted"),
    [
        (["i/a.jpg", "i/b.jpg"], "i", False, None, ("i/{key}.jpg", 2)),
        (["i/a.jpg", "i/b.png", "i/c.png"], "i", False, None, ("i/{key}.png", 2)),
        (["i/t/a.jpg", "i/v/b.jpg"], "i", True, None, ("i/{split}/{key}.jpg", 2)),
        (["i/a.jpg"], "i", True, None, ("i/{key}.jpg", 1)),
        (["g/gt_1.png", "g/gt_2.png"], "g", False, {"1", "2"}, ("g/gt_{key}.png", 2)),
        (["g/1_L.png", "g/12_L.png"], "g", False, {"1", "12"}, ("g/{key}_L.png", 2)),
        (["a.png"], "", False, None, ("{key}.png", 1)),
        ([], "g", False, None, None),
    ],
)
def test_the_nearest_pattern(paths, folder, has_split, keys, wanted):
    assert suggest_pattern(paths, folder, has_split=has_split, keys=keys) == wanted


def test_an_empty_folder_and_one_beside_it(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "imgs").mkdir()
    (tmp_path / "imgs" / "a.png").touch()
    said = Description("d.toml", parse_patterns("images/{key}.jpg"), ())
    error = explain_misfit(tmp_path, said, SUFFIXES)
    assert error.where == "d.toml"
    assert "images holds 0 pictures (no folders)" in error.found
    assert error.remedy == "write photos = 'imgs/{key}.png', which fits 1 pictures"


def test_a_file_in_place_of_a_folder(tmp_path):
    path = tmp_path / "a.zip"
    path.touch()
    error = explain_misfit(path, Description("d.toml", parse_patterns("images/{key}.jpg"), ()), SUFFIXES)
    assert "has no folder images, nor any other" in error.found


def test_what_a_shipped_description_needs_is_named(tmp_path):
    (tmp_path / "a.jpg").touch()
    said = Description("d.toml", parse_patterns("{key}.jpg"), (), needs=("classes.csv",))
    assert explain_misfit(tmp_path, said, SUFFIXES).expected == "classes.csv"


def test_a_pattern_that_would_pair_few_by_chance_is_not_proposed():
    keys, masks = [str(7 * n + 3) for n in range(12)], [f"task_{n:02}" for n in range(12)]
    error = explain_unpaired("d", Pattern("ann/{key}.png"), "all", keys, masks)
    assert "task_0{key}" not in error.remedy
    assert "[splits]" in error.remedy
    error = explain_unpaired("d", Pattern("ann/{key}.png"), "all", [f"{n:02}" for n in range(12)], masks)
    assert "'ann/task_{key}.png', which pairs 12" in error.remedy
