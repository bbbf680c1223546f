"""Annotations as people report them of other tools: read as they are meant, or refused by name, never silently bent."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.drawn.files import keys_of
from segfeed.errors import MaskError, SourceError

SQUARE = [2, 2, 6, 2, 6, 6, 2, 6]
CORNERS = [[2, 2], [6, 2], [6, 6], [2, 6]]


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (10, 8)).save(path)


def labels_of(path, split="all", **options):
    return segfeed.scan(path, split, **options).read(0).labels


def is_square(labels):
    return bool((labels[2:6, 2:6] == 1).all()) and int((labels != 0).sum()) == 16


# ---- COCO

CATS = [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]


def coco(folder, *notes, name="a.jpg", photo_name="a.jpg", image_id=1, categories=CATS, **lists):
    photo(folder / "images" / photo_name)
    images = [{"id": image_id, "file_name": name, "width": 10, "height": 8}]
    listed = [
        {"id": 1, "image_id": image_id, "category_id": 3, "segmentation": [SQUARE], **one} for one in notes or [{}]
    ]
    described = {"images": images, "annotations": listed, "categories": categories, **lists}
    (folder / "a.json").write_text(json.dumps(described))
    return folder / "a.json"


def test_an_empty_polygon_in_a_list_leaves_the_box(tmp_path):
    path = coco(tmp_path, {"segmentation": [[]], "bbox": [1, 1, 3, 3]})
    with pytest.raises(MaskError, match="1 box,"):
        labels_of(path)
    assert int(labels_of(path, boxes="fill").sum()) == 9


@pytest.mark.parametrize("segmentation", [[[5.0, 4.0]], [[0, 2, 9, 6]], CORNERS])
def test_points_boxes_and_pairs_in_place_of_a_polygon_are_named(tmp_path, segmentation):
    with pytest.raises(MaskError, match=r"annotation 1 of polygons of [12] points"):
        labels_of(coco(tmp_path, {"segmentation": segmentation}))


def test_a_stray_point_beside_an_outline_is_counted(tmp_path):
    path = coco(tmp_path, {"segmentation": [SQUARE, [5.0, 4.0]]})
    assert is_square(labels_of(path))
    assert "shapes-empty" in {finding.rule for finding in segfeed.check(path, ["all"])}


@pytest.mark.parametrize("image_id", [1.0, "1541715161404", "a-b", "", 'a"}, ', "a\\", "\u00fc"])
def test_ids_of_images_are_numbers_or_texts(tmp_path, image_id):
    assert is_square(labels_of(coco(tmp_path, image_id=image_id)))


@pytest.mark.parametrize(("image_id", "of_annotation"), [(1, "1"), ("1", 1), (0, "0"), ("0", "0")])
def test_ids_that_are_texts_in_one_list_and_numbers_in_another_are_the_same(tmp_path, image_id, of_annotation):
    assert is_square(labels_of(coco(tmp_path, {"image_id": of_annotation}, image_id=image_id)))


def test_ids_with_zeros_before_them_are_texts(tmp_path):
    with pytest.raises(SourceError, match="image_id '01'"):
        labels_of(coco(tmp_path, {"image_id": "01"}))


@pytest.mark.parametrize(
    "note",
    [
        {"attributes": {"image_id": 9}},
        {'\\"image_id': 9},
        {"kind": "image_id"},
        {"ids": ["image_id", {"image_id": "x"}]},
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_only_an_annotations_own_image_id_counts(tmp_path, note, is_first):
    path = coco(tmp_path)
    described = json.loads(path.read_text())
    own = described["annotations"][0]
    described["annotations"] = [{**note, **own} if is_first else {**own, **note}]
    path.write_text(json.dumps(described))
    assert is_square(labels_of(path))


def test_of_an_image_id_that_stands_twice_the_last_counts(tmp_path):
    path = coco(tmp_path)
    path.write_text(path.read_text().replace('"image_id": 1', '"image_id": 9, "image_id": 1'))
    assert is_square(labels_of(path))


def two_photos(folder, names):
    images = [{"id": n, "file_name": name, "width": 10, "height": 8} for n, name in enumerate(names, 1)]
    return coco(folder, images=images)


@pytest.mark.parametrize("other", ["./a.jpg", "/a.jpg", ".\\a.jpg"])
def test_one_photo_by_two_paths_is_annotated_twice(tmp_path, other):
    with pytest.raises(SourceError, match=r"a\.jpg is annotated 2 times"):
        segfeed.scan(two_photos(tmp_path, ["a.jpg", other]), "all")


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (["x/a.b.jpg", ".b", "c."], ("a.b", ".b", "c.")),
        (["x/a.jpg", "y//./a.jpg"], ("x/a", "y/a")),
        (["x.y/a", "/z/a.png"], ("x.y/a", "z/a")),
        (["x/a.jpg", "x/a.png"], ("x/a.jpg", "x/a.png")),
    ],
)
def test_keys_are_names_without_suffix_or_as_much_more_as_tells_them_apart(names, keys):
    assert tuple(keys_of(names, Path("a.json"))) == keys


@pytest.mark.parametrize("name", ["", ".", "/", "x/.."])
def test_photos_without_a_name_are_refused(name):
    with pytest.raises(SourceError, match="no key may"):
        keys_of([name, "b.jpg"], Path("a.json"))


@pytest.mark.parametrize("folder", ["https://host/", "gs://bucket/", "C:\\data\\", "/data/"])
def test_photos_of_one_name_in_folders_of_another_place(tmp_path, folder):
    photo(tmp_path / "images/x/a.jpg")
    photo(tmp_path / "images/y/a.jpg")
    query = "?v=1.2" if "//" in folder else ""
    path = two_photos(tmp_path, [f"{folder}x/a.jpg{query}", f"{folder}y/a.jpg{query}"])
    (tmp_path / "images/a.jpg").unlink()
    keys = segfeed.scan(path, "all").keys
    assert [key.split("/")[-2:] for key in keys] == [["x", "a"], ["y", "a"]]


def test_annotations_by_their_ids_in_place_of_a_list(tmp_path):  # as LIVECell has them
    path = coco(tmp_path)
    described = json.loads(path.read_text())
    described["annotations"] = {str(note["id"]): note for note in described["annotations"]}
    path.write_text(json.dumps(described))
    assert is_square(labels_of(path))
    path.write_text(path.read_text().replace('"1": {', '"1" {'))
    with pytest.raises(SourceError, match="expected one of :"):
        labels_of(path)


def test_photos_that_are_named_by_their_address_alone(tmp_path):  # as LVIS has them
    path = coco(tmp_path)
    address = '"coco_url": "http://images.cocodataset.org/val2017/a.jpg"'
    path.write_text(path.read_text().replace('"file_name": "a.jpg"', address))
    assert is_square(labels_of(path))


def test_annotations_of_one_id_are_all_drawn(tmp_path):
    labels = labels_of(coco(tmp_path, {}, {"segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "category_id": 7}))
    assert np.bincount(labels.ravel()).tolist() == [60, 16, 4]


@pytest.mark.parametrize(("said", "is_void"), [("0", False), (None, False), (False, False), ("1", True), (1, True)])
@pytest.mark.slow
def test_iscrowd_as_a_text_says_what_it_says(tmp_path, said, is_void):
    assert (255 in labels_of(coco(tmp_path, {"iscrowd": said}, {}), crowd="void")) is False
    labels = labels_of(coco(tmp_path, {"iscrowd": said}, {"segmentation": []}), crowd="void")
    assert int((labels == 255).sum()) == 16 * is_void


def test_iscrowd_that_is_neither_is_named(tmp_path):
    with pytest.raises(MaskError, match="iscrowd 2 of annotation 1"):
        labels_of(coco(tmp_path, {"iscrowd": 2}))


@pytest.mark.parametrize("box", [[5, 4, 3, 2, 30], {"x": 1}, "1 1 2 2"])
def test_a_bbox_of_another_form_is_named(tmp_path, box):
    with pytest.raises(MaskError, match="bbox"):
        labels_of(coco(tmp_path, {"segmentation": [], "bbox": box}), boxes="fill")


def test_a_category_that_has_two_names_and_an_id_between_numbers_are_named(tmp_path):
    with pytest.raises(SourceError, match="id 3 is 'cat' and 'dog'"):
        labels_of(coco(tmp_path, categories=[CATS[0], {"id": 3, "name": "dog"}]))
    with pytest.raises(MaskError, match=r"category_id 3\.7"):
        labels_of(coco(tmp_path, {"category_id": 3.7}))
    assert is_square(labels_of(coco(tmp_path, {"category_id": "3"}, categories=[{"id": "3", "name": "cat"}])))


def test_two_categories_of_one_name_are_one_class_and_that_is_said(tmp_path):
    path = coco(tmp_path, {}, {"category_id": 7}, categories=[CATS[0], {"id": 7, "name": "cat"}])
    source = segfeed.scan(path, "all")
    assert source.legend.names == ("background", "cat")
    assert "2 categories are called 'cat' and are one class" in source.why


@pytest.mark.parametrize("counts", [[0, 20, 60], [0.0, 20.0, 60.0]])
def test_runs_may_be_lists_and_floats_without_a_crowd(tmp_path, counts):
    path = coco(tmp_path, {"segmentation": {"size": [8.0, 10.0], "counts": counts}, "iscrowd": 0})
    assert int(labels_of(path).sum()) == 20


@pytest.mark.parametrize("lists", [{"annotations": None}, {"annotations": [[1, 2]]}, {"annotations": "none"}])
def test_lists_that_hold_no_annotations_are_named(tmp_path, lists):
    with pytest.raises(SourceError, match=r"an entry of annotations|no valid JSON"):
        labels_of(coco(tmp_path, x='"image_id"', **lists))


def test_a_file_name_that_is_none_is_named(tmp_path):
    with pytest.raises(SourceError, match="file_name None"):
        labels_of(coco(tmp_path, name=None))


@pytest.mark.parametrize(
    ("name", "photo_name"),
    [
        ("my%20photo.jpg", "my photo.jpg"),
        ("caf\u00e9.jpg", unicodedata.normalize("NFD", "caf\u00e9.jpg")),
        (unicodedata.normalize("NFD", "caf\u00e9.jpg"), "caf\u00e9.jpg"),
        ("IMG_1.JPG", "img_1.jpg"),
        ("..\\images\\a.jpg", "a.jpg"),
        ("https://example.org/i/a.jpg?token=1", "a.jpg"),
    ],
)
@pytest.mark.slow
def test_photos_are_found_however_their_name_is_spelled(tmp_path, name, photo_name):
    assert is_square(labels_of(coco(tmp_path, name=name, photo_name=photo_name)))


def test_names_that_differ_in_case_alone_are_two_photos(tmp_path):
    photo(tmp_path / "images/A.jpg")
    if len(list((tmp_path / "images").iterdir())) == 1 and (tmp_path / "images/a.jpg").exists():
        pytest.skip("this file system knows no case")
    assert segfeed.scan(coco(tmp_path), "all").samples[0].photo.name == "a.jpg"


# ---- YOLO

RING = "0 .2 .25 .6 .25 .6 .75 .2 .75"


def yolo(folder, text=RING, yaml="names: [cat, dog]\ntrain: images\nval: images\n", listed=None):
    photo(folder / "images/a.jpg")
    (folder / "labels").mkdir()
    (folder / "labels/a.txt").write_text(text)
    (folder / "data.yaml").write_text(yaml)
    if listed is not None:
        (folder / "lists").mkdir()
        (folder / "lists/train.txt").write_text(listed)
    return folder / "data.yaml"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("[yes, no]", "since YAML takes yes, no, on and off"),
        ("{0: on, 1: cat}", "since YAML takes"),
        ("[cat, cat]", "'cat' as the name of 2 classes"),
        ("[]", "names that are"),
        ("", "names that are None"),
    ],
)
def test_names_that_are_no_names_are_named(tmp_path, names, found):
    with pytest.raises(SourceError, match=found):
        labels_of(yolo(tmp_path, yaml=f"names: {names}\ntrain: images\nval: images\n"), "train")


def test_numbers_of_names_may_be_texts(tmp_path):
    path = yolo(tmp_path, yaml="names: {'1': dog, '0': cat}\ntrain: images\nval: images\n")
    assert segfeed.scan(path, "train").legend.names == ("background", "cat", "dog")


@pytest.mark.parametrize(
    "line", [".\\images\\a.jpg", "C:\\data\\set\\images\\a.jpg", "/home/old/images/a.jpg", "images/a.jpg"]
)
def test_lists_that_name_photos_of_another_place_find_them_below_the_yaml(tmp_path, line):
    path = yolo(tmp_path, yaml="names: [cat]\ntrain: lists/train.txt\nval: images\n", listed=f"{line}\r\n")
    assert is_square(labels_of(path, "train"))


@pytest.mark.parametrize("entry", [".\\images", "C:\\data\\set\\images", "/home/old/images"])
def test_folders_of_another_place_are_found_below_the_yaml(tmp_path, entry):
    assert is_square(labels_of(yolo(tmp_path, yaml=f"names: [cat]\ntrain: {entry}\nval: images\n"), "train"))


def test_listed_photos_that_are_gone_are_what_is_missing(tmp_path):
    path = yolo(tmp_path, yaml="names: [cat]\ntrain: lists/train.txt\nval: images\n", listed="images/b.jpg\n")
    with pytest.raises(SourceError, match="have no photo: b"):
        segfeed.scan(path, "train")


def test_a_confidence_at_the_end_is_named(tmp_path):
    with pytest.raises(MaskError, match="confidence"):
        labels_of(yolo(tmp_path, f"{RING} 0.93"), "train")


def test_boxes_between_polygons_are_left_out_if_asked(tmp_path):
    path = yolo(tmp_path, f"{RING}\n1 .5 .5 .9 .9\n")
    with pytest.raises(MaskError, match="1 box,"):
        labels_of(path, "train")
    assert is_square(labels_of(path, "train", boxes="leave"))


# ---- labelme


def labelme(folder, encoding="utf-8", **shape):
    photo(folder / "a.jpg")
    shapes = [{"label": "cat", "points": CORNERS, "shape_type": "polygon", "flags": {}, "group_id": None, **shape}]
    note = {"imagePath": "a.jpg", "imageData": None, "imageHeight": 8, "imageWidth": 10, "shapes": shapes}
    (folder / "a.json").write_text(json.dumps(note, ensure_ascii=False), encoding)
    return folder / "a.json"


def test_a_rectangle_of_four_corners_is_all_of_it(tmp_path):
    four = labels_of(labelme(tmp_path / "4", shape_type="rectangle"))
    two = labels_of(labelme(tmp_path / "2", shape_type="rectangle", points=[[2, 2], [6, 6]]))
    np.testing.assert_array_equal(four, two)
    for points in (CORNERS[:3], [*CORNERS, [1, 1]]):
        with pytest.raises(MaskError, match="rectangle 'cat' of"):
            labels_of(labelme(tmp_path / str(len(points)), shape_type="rectangle", points=points))


@pytest.mark.parametrize("label", [None, "", "  ", ["cat"], True])
def test_a_shape_without_a_label_is_named(tmp_path, label):
    with pytest.raises(SourceError, match="a polygon of label"):
        labels_of(labelme(tmp_path, label=label))


def test_a_file_in_the_encoding_of_chinese_windows_is_named(tmp_path):
    with pytest.raises(SourceError, match="not UTF-8") as caught:
        labels_of(labelme(tmp_path, "gb18030", label="\u72d7\u732b"))
    assert "gb18030" in caught.value.remedy


def test_photos_on_windows_paths_are_found(tmp_path):
    path = labelme(tmp_path)
    path.write_text(path.read_text().replace('"a.jpg"', '"..\\\\imgs\\\\a.jpg"'))
    assert labels_of(path).any()


# ---- Label Studio

POLYGON = {
    "type": "polygonlabels",
    "value": {"points": [[20, 25], [60, 25], [60, 75], [20, 75]], "polygonlabels": ["cat"]},
}


def label_studio(folder, *regions):
    photo(folder / "images/a.jpg")
    sized = {"original_width": 10, "original_height": 8}
    result = [{"id": f"r{number}", **sized, **region} for number, region in enumerate(regions)]
    task = {"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"}, "annotations": [{"result": result}]}
    (folder / "export.json").write_text(json.dumps([task]))
    return folder / "export.json"


def box(angle):
    value = {"x": 80, "y": 0, "width": 40, "height": 25, "rotation": angle, "rectanglelabels": ["cat"]}
    return {"type": "rectanglelabels", "value": value}


def test_a_turned_box_is_turned_about_its_corner_in_pixels(tmp_path):
    labels = labels_of(label_studio(tmp_path / "1", box(90)), boxes="fill")  # 4 x 2 px at (8, 0), to below
    assert labels[0:4, 6:8].all()
    assert int(labels.sum()) == 8
    assert is_square(labels_of(label_studio(tmp_path / "2", POLYGON, box(30)), boxes="leave"))


@pytest.mark.parametrize(
    "other",
    [
        {"type": "choices", "value": {"choices": ["blurred"]}},
        {"id": "r0", "type": "choices", "value": {"points": [[0, 0], [9, 0], [9, 9]], "choices": ["blurred"]}},
        {"type": "taxonomy", "value": {"taxonomy": [["a", "b"]]}},
        {"type": "rating", "value": {"rating": 3}},
        {"type": "relation", "from_id": "r0", "to_id": "r0"},
    ],
)
@pytest.mark.slow
def test_what_is_said_of_photos_and_regions_is_no_class(tmp_path, other):
    source = segfeed.scan(label_studio(tmp_path, POLYGON, other), "all")
    assert source.legend.names == ("background", "cat")
    assert is_square(source.read(0).labels)


def test_a_region_without_a_label_is_named(tmp_path):
    bare = {"type": "polygonlabels", "value": {**POLYGON["value"], "polygonlabels": []}}
    with pytest.raises(MaskError, match="region r1 without a label"):
        labels_of(label_studio(tmp_path, POLYGON, bare))


def test_regions_drawn_on_a_turned_picture_are_named(tmp_path):
    with pytest.raises(MaskError, match="turned by 90 degrees"):
        labels_of(label_studio(tmp_path, {**POLYGON, "image_rotation": 90}))
    assert is_square(labels_of(label_studio(tmp_path, {**POLYGON, "image_rotation": 0})))


def test_tasks_that_nobody_annotated_are_named(tmp_path):
    path = label_studio(tmp_path)
    path.write_text(path.read_text().replace('[{"result": []}]', '[{"was_cancelled": true, "result": []}]'))
    with pytest.raises(SourceError, match="none of which is annotated"):
        segfeed.scan(path, "all")


# ---- CVAT


def cvat(folder, shape):
    photo(folder / "images/a.jpg")
    labels = "<meta><task><labels><label><name>cat</name></label></labels></task></meta>"
    image = f'<image id="0" name="a.jpg" width="10" height="8">{shape}</image>'
    (folder / "annotations.xml").write_text(f"<annotations>{labels}{image}</annotations>")
    return folder / "annotations.xml"


@pytest.mark.parametrize("word", ['group_id="abc"', 'z_order="1.5"'])
def test_numbers_that_are_none_are_named(tmp_path, word):
    with pytest.raises(MaskError, match="not a whole number"):
        labels_of(cvat(tmp_path, f'<polygon label="cat" points="2,2;6,2;6,6;2,6" {word}/>'))


@pytest.mark.parametrize("rle", ["", "a, b"])
def test_runs_that_are_none_are_named(tmp_path, rle):
    with pytest.raises(MaskError, match="a mask with values that are not numbers"):
        labels_of(cvat(tmp_path, f'<mask label="cat" rle="{rle}" left="1" top="1" width="3" height="3"/>'))


@pytest.mark.parametrize("place", ["annotations.xml", ""])
def test_tracks_of_videos_are_said_to_be_that(tmp_path, place):
    track = '<track id="0" label="cat"><polygon frame="0" points="1,1;2,2;3,1"/></track>'
    (tmp_path / "annotations.xml").write_text(f"<annotations><version>1.1</version>{track}</annotations>")
    with pytest.raises(SourceError, match=r"annotations\.xml is CVAT for video"):
        segfeed.scan(tmp_path / place, "all")


# ---- VIA, Supervisely


def via(folder, attributes):
    photo(folder / "images/a.jpg")
    shape = {"name": "polygon", "all_points_x": [2, 6, 6, 2], "all_points_y": [2, 2, 6, 6]}
    region = {"shape_attributes": shape, "region_attributes": attributes}
    (folder / "via.json").write_text(json.dumps({"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": [region]}}))
    return folder / "via.json"


@pytest.mark.parametrize(
    ("said", "found"),
    [({"cat": True, "dog": True}, "a region of class cat, dog"), ("", "without class"), ({}, "without class")],
)
def test_a_region_of_two_classes_or_none_is_named(tmp_path, said, found):
    with pytest.raises(SourceError, match=found):
        labels_of(via(tmp_path, {"class": said}))


def supervisely(folder, **entry):
    photo(folder / "ds/img/a.jpg")
    (folder / "ds/ann").mkdir()
    (folder / "meta.json").write_text(json.dumps({"classes": [{"title": "cat", "shape": "any", "color": "#00FF00"}]}))
    described = {"size": {"height": 8, "width": 10}, "objects": [{"classTitle": "cat", **entry}]}
    (folder / "ds/ann/a.jpg.json").write_text(json.dumps(described))
    return folder


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"geometryType": "alpha_mask", "bitmap": {"data": "", "origin": [0, 0]}}, "geometryType 'alpha_mask'"),
        ({"points": {"exterior": CORNERS, "interior": []}}, "geometryType None"),
        ({"geometryType": "polygon", "points": None}, "polygon 1 of 0 points"),
    ],
)
def test_objects_of_a_kind_that_is_not_drawn_are_no_points(tmp_path, entry, found):
    with pytest.raises(MaskError, match=found):
        labels_of(supervisely(tmp_path, **entry), boxes="leave")


# ---- Several


def label_studio_task(folder, *regions):
    photo(folder / "images/a.jpg")
    shown = {"type": "polygonlabels", "to_name": "image", "original_width": 10, "original_height": 8}
    corners = {"points": [[20, 25], [60, 25], [60, 75], [20, 75]], "polygonlabels": ["cat"]}
    result = [{"id": f"r{n}", **shown, "value": corners, **one} for n, one in enumerate(regions or [{}])]
    task = {"id": 1, "data": {"image": "/x/a.jpg"}, "annotations": [{"result": result}]}
    (folder / "export.json").write_text(json.dumps([task]))
    return folder / "export.json"


@pytest.mark.parametrize(
    ("region", "found"),
    [
        ({"value": {"points": [[2, 2], [260, 2], [260, 9]], "polygonlabels": ["cat"]}}, "points from 2 to 260"),
        ({"to_name": "other"}, "regions of several pictures"),
    ],
)
def test_pixels_in_place_of_percents_and_regions_of_two_pictures_are_named(tmp_path, region, found):
    with pytest.raises(MaskError, match=found):
        labels_of(label_studio_task(tmp_path, {}, region))
    assert is_square(labels_of(label_studio_task(tmp_path)))


def test_parts_of_a_skeleton_are_no_classes(tmp_path):
    path = cvat(tmp_path, '<polygon label="cat" points="2,2;6,2;6,6;2,6"/>')
    person, nose = "<label><name>person</name></label>", "<label><name>nose</name><parent>person</parent></label>"
    path.write_text(path.read_text().replace("</labels>", f"{person}{nose}<label><name>dog</name></label></labels>"))
    assert segfeed.scan(path, "all").legend.names == ("background", "cat", "person", "dog")


def test_a_turned_rectangle_of_x_anylabeling_is_its_outline(tmp_path):
    photo(tmp_path / "a.jpg")
    shapes = [{"label": "cat", "points": CORNERS, "shape_type": kind} for kind in ("polygon", "rotation")]
    note = {"imagePath": "a.jpg", "imageData": None, "imageHeight": 8, "imageWidth": 10}
    found = []
    for shape in shapes:
        (tmp_path / "a.json").write_text(json.dumps({**note, "shapes": [shape]}))
        found.append(labels_of(tmp_path))
    np.testing.assert_array_equal(*found)
    assert found[0].sum() == 25


def test_as_many_x_as_y(tmp_path):
    path = via(tmp_path, {"class": "cat"})
    path.write_text(path.read_text().replace("[2, 2, 6, 6]", "[2, 2, 6]"))
    with pytest.raises(MaskError, match="polygon 1 of 4 all_points_x and 3 all_points_y"):
        labels_of(path)


def darwin(folder, name="a.json", entry=None, path="/", **slot):
    where = path.strip("/")
    photo(folder / "images" / where / "a.jpg")
    corners = [{"x": x, "y": y} for x, y in CORNERS]
    item = {"name": "a.jpg", "path": path, "slots": [{"width": 10, "height": 8, **slot}]}
    notes = [{"id": "1", "name": "cat", **(entry or {"polygon": {"paths": [corners]}})}]
    (folder / name).write_text(json.dumps({"version": "2.0", "item": item, "annotations": notes}))
    return folder


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"entry": {"frames": {"0": {}}}, "type": "video"}, "a video, whose annotations lie in frames"),
        ({"entry": {"text": {"text": "x"}}}, "annotation 1 of id, name, text"),
    ],
)
def test_what_darwin_does_not_draw_is_named(tmp_path, words, found):
    with pytest.raises(MaskError, match=found):
        labels_of(darwin(tmp_path, **words))


def test_photos_of_one_name_in_several_folders_of_v7(tmp_path):
    for number, path in enumerate(("/x", "/y")):
        darwin(tmp_path, f"{number}.json", path=path)
    assert segfeed.scan(tmp_path, "all").keys == ("x/a", "y/a")


@pytest.mark.parametrize(("kind", "found"), [("rotated_bbox", "1 point, which"), ("star", "of type 'star'")])
def test_annotations_of_datumaro_that_are_no_outline_are_not_passed_over(tmp_path, kind, found):
    photo(tmp_path / "images/all/a.jpg")
    annotations = [{"type": kind, "label_id": 0, "rbbox": [4, 4, 2, 2, 30]}, {"type": "caption", "caption": "x"}]
    items = [{"id": "a", "annotations": annotations, "image": {"path": "a.jpg", "size": [8, 10]}}]
    described = {"categories": {"label": {"labels": [{"name": "cat"}]}}, "items": items}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/all.json").write_text(json.dumps(described))
    with pytest.raises(MaskError, match=found):
        labels_of(tmp_path)


def test_keypoints_of_yolo_are_no_outlines(tmp_path):
    photo(tmp_path / "images/a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 .5 .5 .4 .4 .3 .4 .3 .5\n")
    (tmp_path / "data.yaml").write_text("names: [cat]\nkpt_shape: [2, 2]\ntrain: images\nval: images\n")
    with pytest.raises(SourceError, match=r"kpt_shape: \[2, 2\]"):
        labels_of(tmp_path, "train")


# ---- What may be there a hundred thousand times


@pytest.mark.parametrize("options", [{}, {"rule": "centre", "unpainted": "void"}])
def test_all_masks_of_a_split_share_one_style(tmp_path, options):
    names = ["a.jpg", "b.jpg", "c.jpg"]
    images = [{"id": n, "file_name": name, "width": 10, "height": 8} for n, name in enumerate(names, 1)]
    path = coco(tmp_path, images=images)
    for name in names:
        photo(tmp_path / "images" / name)
    assert len({id(sample.mask.style) for sample in segfeed.scan(path, "all", **options).samples}) == 1
