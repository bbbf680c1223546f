"""Each value of an annotation in turn is replaced by one of another type: it is read, or refused by a named error."""

import copy
import json
import logging

import pytest
from PIL import Image

import segfeed
from segfeed.errors import SegfeedError

RING = [[2, 2], [6, 2], [6, 6]]
FLAT = [2, 2, 6, 2, 6, 6]
OTHERS = (None, "x", -1, 1.5, 10**30, [], {}, [[]], [None], {"a": 1}, True)
NAMED = [{"x": x, "y": y} for x, y in RING]
SIZED = {"original_width": 10, "original_height": 8}
IMAGE = {"id": 1, "file_name": "a.png", "width": 10, "height": 8}
CATEGORIES = [{"id": 3, "name": "cat"}]

DOCUMENTS = {
    "coco": {
        "images": [IMAGE],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "iscrowd": 0, "segmentation": [FLAT]},
            {"id": 2, "image_id": 1, "category_id": 3, "segmentation": {"size": [8, 10], "counts": [0, 8, 72]}},
            {"id": 3, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]},
        ],
        "categories": CATEGORIES,
    },
    "coco_panoptic": {
        "images": [IMAGE],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 1, "category_id": 3}]}],
        "categories": CATEGORIES,
    },
    "labelme_json": {
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": 8,
        "imageWidth": 10,
        "shapes": [
            {"label": "cat", "points": RING, "shape_type": "polygon", "group_id": 1},
            {"label": "dog", "points": [[2, 2], [6, 6]], "shape_type": "circle"},
        ],
    },
    "label_studio": [
        {
            "id": 1,
            "data": {"image": "/x/a.png"},
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {
                            "id": "a",
                            "type": "polygonlabels",
                            **SIZED,
                            "value": {"points": RING, "polygonlabels": ["cat"]},
                        },
                        {"id": "b", "type": "brushlabels", **SIZED, "value": {"rle": [1, 2], "brushlabels": ["cat"]}},
                        {
                            "id": "c",
                            "type": "rectanglelabels",
                            "value": {
                                "x": 5,
                                "y": 5,
                                "width": 3,
                                "height": 3,
                                "rotation": 1,
                                "rectanglelabels": ["cat"],
                            },
                        },
                    ],
                }
            ],
        }
    ],
    "via": {
        "a.png1": {
            "filename": "a.png",
            "regions": [
                {
                    "shape_attributes": {"name": "polygon", "all_points_x": [2, 6, 6], "all_points_y": [2, 2, 6]},
                    "region_attributes": {"class": "cat"},
                },
                {
                    "shape_attributes": {"name": "ellipse", "cx": 4, "cy": 4, "rx": 2, "ry": 1, "theta": 1},
                    "region_attributes": {"class": {"cat": True}},
                },
            ],
        }
    },
    "darwin": {
        "version": "2.0",
        "item": {
            "name": "a.png",
            "path": "/",
            "slots": [{"slot_name": "0", "width": 10, "height": 8, "source_files": [{"file_name": "a.png"}]}],
        },
        "annotations": [
            {"id": "1", "name": "cat", "polygon": {"paths": [NAMED]}},
            {"id": "2", "name": "r", "raster_layer": {"dense_rle": [0, 80], "mask_annotation_ids_mapping": {"3": 1}}},
            {"id": "3", "name": "m", "mask": {}},
        ],
    },
    "datumaro_json": {
        "categories": {"label": {"labels": [{"name": "cat", "parent": ""}]}},
        "items": [
            {
                "id": "a",
                "annotations": [
                    {
                        "id": 0,
                        "type": "polygon",
                        "attributes": {},
                        "group": 0,
                        "label_id": 0,
                        "points": FLAT,
                        "z_order": 0,
                    },
                    {"type": "mask", "group": 1, "label_id": 0, "rle": {"size": [8, 10], "counts": "06"}, "z_order": 1},
                ],
                "image": {"path": "a.png", "size": [8, 10]},
            }
        ],
    },
}


def places(value, path=()):
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from places(inner, (*path, key))


def replaced(document, path, other):
    if not path:
        return other
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = other
    return changed


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.slow
def test_no_value_of_another_type_ends_in_anything_but_a_named_error(tmp_path, caplog, kind):
    caplog.set_level(logging.ERROR, "segfeed")
    folder = "images/all" if kind == "datumaro_json" else "."
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (10, 8), (1, 0, 0)).save(tmp_path / folder / "a.png")
    path = tmp_path / "all.json"
    document = DOCUMENTS[kind]
    path.write_text(json.dumps(document))
    refused = 0
    for number, place in enumerate(places(document)):
        for other in (OTHERS[number % len(OTHERS)], OTHERS[(number * 5 + 3) % len(OTHERS)]):
            path.write_text(json.dumps(replaced(document, place, other)))
            try:
                segfeed.scan(path, "all", boxes="fill", format=kind).read(0)
            except SegfeedError:
                refused += 1
    assert refused
