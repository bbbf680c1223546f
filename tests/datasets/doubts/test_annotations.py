"""What scan says of annotations that are boxes, before a batch is asked for."""

import json

import pytest
from PIL import Image

import segfeed
from segfeed.datasets.opening import Opening
from segfeed.datasets.overview import describe

BOX = {"bbox": [1, 1, 3, 3]}
POLYGON = {"segmentation": [[2, 2, 6, 2, 6, 6]]}


def put_coco(folder, *notes):
    Image.new("RGB", (10, 8)).save(folder / "a.png")
    listed = [{"id": number, "image_id": 1, "category_id": 1, **note} for number, note in enumerate(notes)]
    image = {"id": 1, "file_name": "a.png", "width": 10, "height": 8}
    described = {"images": [image], "annotations": listed, "categories": [{"id": 1, "name": "cat"}]}
    (folder / "instances_val.json").write_text(json.dumps(described))
    return folder / "instances_val.json"


@pytest.mark.parametrize(
    ("notes", "found"),
    [
        ((BOX, BOX), "boxes only: 2 boxes in 1 annotation looked at, and no outline"),
        ((BOX, POLYGON, POLYGON), "1 box besides 2 outlines in 1 annotation looked at"),
    ],
)
@pytest.mark.slow
def test_boxes_are_said_by_scan_which_lists_them_still(tmp_path, notes, found, caplog):
    path = put_coco(tmp_path, *notes)
    (split,) = describe(path).splits
    (doubt,) = split.doubts
    assert (doubt.severity, doubt.rule, doubt.found) == ("error", "shapes-boxes", found)
    assert len(segfeed.scan(path, "val")) == 1
    assert found in caplog.text


@pytest.mark.parametrize("boxes", ["leave", "fill"])
@pytest.mark.slow
def test_nothing_is_said_if_a_person_asked_for_it_or_there_is_none(tmp_path, boxes, caplog):
    path = put_coco(tmp_path, BOX, POLYGON)
    assert describe(path, Opening(boxes=boxes)).splits[0].doubts == ()
    assert describe(put_coco(tmp_path, POLYGON)).splits[0].doubts == ()
    segfeed.scan(path, "val", boxes=boxes)
    assert caplog.text == ""
