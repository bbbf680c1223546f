"""The options of drawn shapes in segfeed.toml: read strictly, used at every path of the dataset, passed ones first."""

import json

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.descriptions.reader import parse_description
from segfeed.datasets.descriptions.text import write_description
from segfeed.datasets.drafting import draft_description
from segfeed.datasets.opening import Opening, open_dataset
from segfeed.errors import DescriptionError, OptionError, SourceError


@pytest.fixture
def crowded(tmp_path):
    """A photo of 10 x 8 px with a cat in its left half, marked as a crowd."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (10, 8)).save(tmp_path / "images/a.png")
    note = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": [[0, 0, 5, 0, 5, 8, 0, 8]]}
    image = {"id": 1, "file_name": "a.png", "width": 10, "height": 8}
    path = tmp_path / "annotations/instances_val.json"
    path.parent.mkdir()
    described = {"images": [image], "annotations": [note], "categories": [{"id": 1, "name": "cat"}]}
    path.write_text(json.dumps(described))
    return tmp_path


def classes_in(path, **options):
    return np.unique(segfeed.scan(path, "val", **options).read(0).labels).tolist()


@pytest.mark.slow
def test_what_the_file_says_counts_by_folder_by_json_and_by_itself_unless_an_option_is_passed(crowded):
    assert classes_in(crowded) == [0, 1]
    file = crowded / "segfeed.toml"
    file.write_text('title = "cats"\n\n[shapes]\ncrowd = "void"\n')
    for path in (crowded, crowded / "annotations/instances_val.json", file):
        assert classes_in(path) == [0, 255]
        assert classes_in(path, format="coco") == [0, 255]
    assert classes_in(crowded, crowd="leave") == [0]
    assert classes_in(crowded, crowd="class", unpainted="void") == [0, 255]  # without background, cat is the first
    other = crowded.parent / "other.toml"
    other.write_text('[shapes]\ncrowd = "leave"\n')
    assert classes_in(crowded, description=other) == [0]


@pytest.mark.parametrize(
    ("text", "line", "found", "expected"),
    [
        ('\n[shapes]\nrule = "center"', 3, "rule = 'center'", "centre"),
        ('[shapes]\ncrowds = "void"', 2, "'crowds' has no meaning in [shapes]", "crowd"),
        ("[shapes]\n\nboxes = true", 3, "boxes = True", "text"),
        ("[shapes]", 1, "says nothing", "crowd"),
        ('photos = "{key}.jpg"\n[shapes]\ncrowd = "void"', 1, "photos beside [shapes]", "or [shapes]"),
        ('[shapes]\ncrowd = "void"\n[classes]\n0 = "a"', 3, "classes beside [shapes]", "or [shapes]"),
        ('[shapes]\n\ncrowd.x = "void"', 3, "crowd = {'x': 'void'}", "text"),
        ('\nshapes.crowd.x = "void"', 2, "crowd = {'x': 'void'}", "text"),
        ('[shapes]\nrule = "centre"\n["shapes" . crowd]\nx = 1', 3, "crowd = {'x': 1}", "text"),
        ('shapes = "void"', 1, "shapes = 'void'", "a table"),
    ],
)
@pytest.mark.slow
def test_what_no_such_file_may_say_is_an_error_with_its_line(crowded, text, line, found, expected):
    (crowded / "segfeed.toml").write_text(text)
    for path in (crowded, crowded / "annotations/instances_val.json"):
        with pytest.raises(DescriptionError) as caught:
            segfeed.scan(path, "val")
        assert caught.value.found.startswith(f"line {line}: ")
        assert found in caught.value.found
        assert expected in caught.value.expected


def test_masks_that_are_pictures_are_not_drawn_whatever_the_file_says(tmp_path, write_voc):
    root = write_voc(tmp_path / "VOC2012", {"train": [(4, 4)]})
    (root / "segfeed.toml").write_text('[shapes]\ncrowd = "void"')
    with pytest.raises(OptionError, match="not drawn from shapes"):
        segfeed.scan(root)


def test_the_options_of_a_look_are_written_down_and_give_the_same_labels(crowded):
    with pytest.raises(SourceError, match="no option says how they are drawn"):
        draft_description(open_dataset(crowded))
    text = draft_description(open_dataset(crowded, Opening.of(crowd="class", unpainted="void")))
    assert write_description(parse_description(text, "a")) == text
    (crowded / "segfeed.toml").write_text(text)
    assert classes_in(crowded) == [0, 255]
