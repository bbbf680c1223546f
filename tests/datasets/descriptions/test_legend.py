"""The legend of a described dataset: which of those that a description names counts, and void beside a legend file."""

import pytest

from segfeed.datasets.descriptions.legend import legend_of
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.errors import DescriptionError, LegendError
from segfeed.pixels.public_legends import CITYSCAPES

HEAD = 'photos = "img/{key}.jpg"\nmasks = "gt/{key}.png"\n'


def legend(root, text, *, is_own=False):
    return legend_of(parse_description(HEAD + text, "roads.toml"), root, is_own=is_own)


def test_of_several_files_the_first_that_is_there_counts_else_the_public_legend(tmp_path):
    text = 'legend = ["one.txt", "two.txt", "cityscapes"]'
    assert legend(tmp_path, text) == CITYSCAPES
    (tmp_path / "two.txt").write_text("1 road\n2 tree\n")
    assert legend(tmp_path, text).names == ("road", "tree")
    (tmp_path / "one.txt").write_text("1 sea\n2 sky\n")
    assert legend(tmp_path, text).names == ("sea", "sky")


def test_a_file_that_says_what_a_public_legend_says_is_that_legend(tmp_path):
    lines = [f"{i},{name};a synonym" for i, name in zip(CITYSCAPES.indices, CITYSCAPES.names, strict=True)]
    (tmp_path / "one.csv").write_text("\n".join(["id,name", *lines]))
    assert legend(tmp_path, 'legend = ["one.csv", "cityscapes"]') == CITYSCAPES
    (tmp_path / "one.csv").write_text("\n".join(["id,name", *lines[:-1], "33,unicycle"]))
    assert legend(tmp_path, 'legend = ["one.csv", "cityscapes"]').names[-1] == "unicycle"


def test_void_beside_a_legend_file_takes_the_place_of_what_is_assumed(tmp_path):
    (tmp_path / "one.txt").write_text("1 road\n2 tree\n")
    found = legend(tmp_path, 'legend = "one.txt"\n[classes]\nvoid = [0, 9]')
    assert (found.void_indices, found.assumed_void) == ((0, 9), ())
    (tmp_path / "one.txt").write_text("0 road\n2 tree\n")
    with pytest.raises(LegendError) as caught:
        legend(tmp_path, 'legend = "one.txt"\n[classes]\nvoid = [0]')
    assert "0 is a class, and void in this dataset" in caught.value.found
    with pytest.raises(DescriptionError, match=r"both legend and \[classes\]"):
        legend(tmp_path, 'legend = "one.txt"\n[classes]\n0 = "road"')


def test_none_of_the_files_is_an_error_that_names_them(tmp_path):
    with pytest.raises(LegendError) as caught:
        legend(tmp_path, 'legend = ["one.txt", "two.txt"]')
    assert "'one.txt', which is not a file" in caught.value.found


def test_a_file_in_the_folder_outranks_classes_that_ship_but_not_ones_own(tmp_path):
    (tmp_path / "labelmap.txt").write_text("sea:0,0,0::\nsky:1,1,1::\n")
    text = '[classes]\n0 = "road"\n1 = "tree"'
    assert legend(tmp_path, text).names == ("sea", "sky")
    assert legend(tmp_path, text, is_own=True).names == ("road", "tree")
    assert legend(tmp_path, 'legend = "cityscapes"') == CITYSCAPES  # a file that disagrees is refused elsewhere
