"""Signs: what must be there, what must not, and lists that pair files."""

import os

import pytest

from segfeed.datasets.description_reader import parse_description
from segfeed.datasets.signs import has_signs

FILES = ("gt/austin1.tif", "images/a.jpg", "labels/a.png", "named like a folder")


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("said", "is_meant"),
    [
        ("", True),
        ('needs = "gt"', True),
        ('needs = ["gt", "images/a.jpg"]', True),
        ('needs = ["gt", "other"]', False),
        ('needs = "gt/austin{name}.tif"', True),
        ('needs = "gt/vienna{name}.tif"', False),
        ('unless = "other"', True),
        ('unless = ["other", "labels"]', False),
        ('unless = "labels/{name}.png"', False),
    ],
)
def test_what_must_and_must_not_be_there(root, said, is_meant):
    description = parse_description(f'photos = "images/{{name}}.jpg"\n[recognise]\n{said}\n', "x")
    assert has_signs(root, description) == is_meant


@pytest.mark.parametrize(
    ("lines", "is_meant"),
    [
        (b"images/a.jpg labels/a.png\nwhatever", True),
        (b"\xef\xbb\xbfimages/a.jpg\tlabels/a.png", True),
        (b"/images/a.jpg,labels/a.png\r\n", True),
        (b"images/a.jpg\n", False),
        (b"images/a.jpg labels/b.png\n", False),
        (b"images/a.jpg labels\n", False),
        (b"\x00\xff\x00 \xff", False),
        (b"images/a.jpg " + b"x" * 10_000_000, False),
        (b"", False),
    ],
)
def test_one_list_must_begin_with_a_pair(root, lines, is_meant):
    description = parse_description('photos = "{name}.jpg"\n[recognise]\npairs = ["other.txt", "train.txt"]\n', "x")
    assert not has_signs(root, description)
    (root / "train.txt").write_bytes(lines)
    assert has_signs(root, description) == is_meant


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_folder_in_a_list_s_place_is_not_waited_for(root):
    description = parse_description('photos = "{name}.jpg"\n[recognise]\npairs = ["pipe", "gt"]\n', "x")
    os.mkfifo(root / "pipe")
    assert not has_signs(root, description)
