"""What scan says of annotations that are boxes, before a batch is asked for."""

import json

import pytest
from PIL import Image

import segfeed
from segfeed.datasets.opening import Opening
from segfeed.datasets.overview import describe
from segfeed.errors import MaskError

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


SHARES = [[0.2, 0.2, 0.8, 0.2, 0.8, 0.8]]


def test_points_that_are_shares_of_width_and_height_are_refused(tmp_path):
    path = put_coco(tmp_path, {"segmentation": SHARES}, {"segmentation": SHARES})
    (doubt,) = describe(path).splits[0].doubts
    found = "points from 0.2 to 0.8 of 2 shapes in 1 annotation looked at"
    assert (doubt.severity, doubt.rule, doubt.found) == ("error", "shapes-shares", found)
    for load in (segfeed.scan, lambda path, split: segfeed.load(path, batch_size=1, splits=(None, split))):
        with pytest.raises(MaskError, match="seem to be shares"):
            load(path, "val")
    assert ("error", "shapes-shares") in {(one.severity, one.rule) for one in segfeed.check(path, ["val"])}


@pytest.mark.parametrize("note", [POLYGON, {"segmentation": {"size": [8, 10], "counts": [0, 1, 79]}}])
def test_a_shape_in_the_first_pixel_is_one_among_others(tmp_path, note):
    path = put_coco(tmp_path, {"segmentation": SHARES}, note)
    assert describe(path).splits[0].doubts == ()


def test_shapes_that_all_lie_outside_the_photos_are_said(tmp_path, caplog):
    away = {"segmentation": [[50, 2, 60, 2, 60, 6]]}
    path = put_coco(tmp_path, away, away)
    (doubt,) = describe(path).splits[0].doubts
    assert (doubt.rule, doubt.found) == ("shapes-away", "no point inside a photo of 2 shapes in 1 annotation looked at")
    segfeed.scan(path, "val")
    assert "no point inside a photo" in caplog.text
    assert describe(put_coco(tmp_path, away, POLYGON)).splits[0].doubts == ()


@pytest.mark.parametrize("notes", [({"keypoints": [1, 2, 2]}, {"segmentation": []}), ()])
def test_annotations_without_an_outline_are_said(tmp_path, caplog, notes):
    path = put_coco(tmp_path, *notes)
    (doubt,) = describe(path).splits[0].doubts
    found = "no outline in 1 annotation looked at, so all pixels are background"
    assert (doubt.severity, doubt.found) == ("warning", found)
    assert segfeed.scan(path, "val").read(0).labels.any() == 0
    assert "no outline" in caplog.text
    assert ("warning", "shapes-none") in {(one.severity, one.rule) for one in segfeed.check(path, ["val"])}


@pytest.mark.parametrize("boxes", ["leave", "fill"])
@pytest.mark.slow
def test_nothing_is_said_if_a_person_asked_for_it_or_there_is_none(tmp_path, boxes, caplog):
    path = put_coco(tmp_path, BOX, POLYGON)
    assert describe(path, Opening.of(boxes=boxes)).splits[0].doubts == ()
    assert describe(put_coco(tmp_path, POLYGON)).splits[0].doubts == ()
    segfeed.scan(path, "val", boxes=boxes)
    assert caplog.text == ""


@pytest.mark.parametrize(("annotated", "rules"), [((170,), []), ((), ["shapes-none"])])
def test_photos_that_rarely_show_a_class_are_no_failed_export(tmp_path, annotated, rules):
    Image.new("RGB", (10, 8)).save(tmp_path / "0.png")
    images = [{"id": number, "file_name": f"{number}.png", "width": 10, "height": 8} for number in range(200)]
    for number in range(1, 200):
        (tmp_path / f"{number}.png").hardlink_to(tmp_path / "0.png")
    notes = [{"id": number, "image_id": number, "category_id": 1, **POLYGON} for number in annotated]
    described = {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "instances_val.json").write_text(json.dumps(described))
    assert [doubt.rule for doubt in describe(tmp_path).splits[0].doubts] == rules
