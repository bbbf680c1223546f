"""Annotations that are damaged, contradict themselves, or lie where the world leaves them: named, or read right."""

import json

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.datasets.blobs import File
from segfeed.datasets.drawn.json_reading import parse_json, walk_json
from segfeed.datasets.drawn.xml_reading import walk_xml
from segfeed.errors import MaskError, OptionError, PhotoError, SizeMismatchError, SourceError, SourceMissingError

SQUARE = [2, 2, 6, 2, 6, 6, 2, 6]
CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]


def photo(path, size=(10, 8), **words):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 9, 9)).save(path, **words)


def coco(folder, *annotations, images=None, categories=CATEGORIES, name="annotations.json"):
    photo(folder / "images/a.jpg")
    images = images or [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 8}]
    notes = [{"id": n, "image_id": 1, "category_id": 3, **one} for n, one in enumerate(annotations, start=1)]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": notes, "categories": categories}))
    return path


def labels_of(path, split="all", index=0, **options):
    return segfeed.scan(path, split, **options).read(index).labels


def test_values_follow_category_ids_and_what_no_shape_covers_is_background(tmp_path):
    path = coco(tmp_path, {"segmentation": [SQUARE]}, {"segmentation": [SQUARE[:6]], "category_id": 7})
    source = segfeed.scan(path, "all")
    assert source.legend.names == ("background", "cat", "dog")
    assert np.unique(source.read(0).labels).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("note", "found"),
    [
        ({"segmentation": [SQUARE], "category_id": 99}, "category_id 99"),
        ({"segmentation": {"counts": [0, 80], "size": [10, 8]}}, r"for \[10, 8\]"),
        ({"segmentation": {"counts": [0, 70], "size": [8, 10]}}, "70 px"),
        ({"segmentation": {"counts": "P!", "size": [8, 10]}}, "run-length"),
        ({"segmentation": {"counts": None, "size": [8, 10]}}, "run lengths|neither"),
        ({"segmentation": [[1, 2, 3]]}, "3 coordinates"),
        ({"segmentation": [["x", 2, 3, 4, 5, 6]]}, "not numbers"),
        ({"segmentation": [[1e300, 2, 3, 4, 5, 6]]}, "point"),
        ({"segmentation": "polygon"}, "is str"),
        ({"segmentation": [], "bbox": [1, 1, 3, 3]}, "1 box"),
    ],
)
@pytest.mark.slow
def test_coco_annotations_that_cannot_be_drawn_are_named(tmp_path, note, found):
    with pytest.raises(MaskError, match=found):
        labels_of(coco(tmp_path, note))
    (finding,) = [one for one in segfeed.check(tmp_path / "annotations.json", ["all"]) if one.severity == "error"]
    assert finding.file == "annotations.json"


def test_a_flat_polygon_an_empty_one_and_none_at_all(tmp_path):
    flat = coco(tmp_path, {"segmentation": SQUARE}, {"segmentation": []}, {"segmentation": None}, {})
    assert int(labels_of(flat).sum()) == 16
    rules = {finding.rule for finding in segfeed.check(flat, ["all"])}
    assert "shapes-empty" in rules


def test_two_images_of_one_id_or_one_name_and_an_annotation_of_no_image(tmp_path):
    image = {"id": 1, "file_name": "a.jpg", "width": 10, "height": 8}
    with pytest.raises(SourceError, match="id 1 occurs twice"):
        segfeed.scan(coco(tmp_path / "1", images=[image, image]), "all")
    with pytest.raises(SourceError, match=r"a\.jpg is annotated 2 times"):
        segfeed.scan(coco(tmp_path / "2", images=[image, {**image, "id": 2}]), "all")
    for lost in (5, 0):
        with pytest.raises(SourceError, match=f"image_id {lost}"):
            segfeed.scan(coco(tmp_path / f"3{lost}", {"image_id": lost}), "all")


def test_photos_that_moved_and_windows_paths_are_found_and_masks_of_their_name_are_not(tmp_path):
    image = {"id": 1, "file_name": "C:\\old\\place\\a.jpg", "width": 10, "height": 8}
    photo(tmp_path / "masks/a.jpg")
    assert int(labels_of(coco(tmp_path, {"segmentation": [SQUARE]}, images=[image])).sum()) == 16
    photo(tmp_path / "img/a.jpg")
    with pytest.raises(SourceError, match="may be"):
        labels_of(tmp_path / "annotations.json")


def test_a_photo_that_is_gone_is_named(tmp_path):
    image = {"id": 1, "file_name": "b.jpg", "width": 10, "height": 8}
    with pytest.raises(SourceMissingError, match="no photo: b"):
        segfeed.scan(coco(tmp_path, images=[image]), "all")


def test_photos_of_a_neighbouring_dataset_are_not_taken(tmp_path):
    photo(tmp_path / "neighbour/a.jpg")
    path = coco(tmp_path / "mine", {"segmentation": [SQUARE]})
    (tmp_path / "mine/images/a.jpg").unlink()
    for opened in (tmp_path / "mine", path):
        with pytest.raises(SourceMissingError, match="no photo: a"):
            segfeed.scan(opened, "all")


def test_photos_beside_a_folder_of_annotations_of_any_name_are_those_of_the_dataset(tmp_path):
    coco(tmp_path, {"segmentation": [SQUARE]}, name="gt/annotations.json")
    assert int(labels_of(tmp_path).sum()) == 16


def test_annotations_of_another_size_than_the_photo(tmp_path):
    image = {"id": 1, "file_name": "a.jpg", "width": 20, "height": 16}
    with pytest.raises(SizeMismatchError, match="10 x 8 px"):
        labels_of(coco(tmp_path, {"segmentation": [SQUARE]}, images=[image]))


def test_polygons_drawn_on_the_turned_photo(tmp_path):
    path = coco(
        tmp_path, {"segmentation": [SQUARE]}, images=[{"id": 1, "file_name": "a.jpg", "width": 8, "height": 10}]
    )
    exif = Image.Exif()
    exif[274] = 6
    photo(tmp_path / "images/a.jpg", exif=exif)
    with pytest.raises((SizeMismatchError, PhotoError), match="orientation"):
        labels_of(path)
    pair = segfeed.scan(path, "all", orientation="apply").read(0)
    assert pair.image.shape[:2] == pair.labels.shape == (10, 8)


@pytest.mark.parametrize("kind", ["yolo", "via"])
def test_annotations_without_a_size_are_of_the_turned_photo_only_if_asked(tmp_path, kind):
    exif = Image.Exif()
    exif[274] = 6
    photo(tmp_path / "images/train/a.jpg", exif=exif)  # stored 10 x 8 px, 8 x 10 on screens
    if kind == "yolo":
        path = tmp_path / "data.yaml"
        path.write_text("names: [cat]\ntrain: images/train\nval: images/train\n")
        (tmp_path / "labels/train").mkdir(parents=True)
        (tmp_path / "labels/train/a.txt").write_text("0 0.25 0.2 0.75 0.2 0.75 0.8 0.25 0.8\n")
        split = "train"
    else:
        path, split = tmp_path / "via_region_data.json", "all"
        shape = {"name": "polygon", "all_points_x": [2, 6, 6, 2], "all_points_y": [2, 2, 8, 8]}
        region = {"shape_attributes": shape, "region_attributes": {"class": "cat"}}
        path.write_text(json.dumps({"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": [region]}}))
    with pytest.raises(PhotoError, match="EXIF orientation 6"):
        segfeed.scan(path, split).read(0)
    pair = segfeed.scan(path, split, orientation="apply").read(0)
    assert pair.image.shape[:2] == pair.labels.shape == (10, 8)
    assert pair.labels[2:8, 2:6].all()
    assert int((pair.labels > 0).sum()) == 24


def test_splits_whose_categories_contradict_each_other(tmp_path):
    coco(tmp_path, name="annotations/instances_train.json")
    val = coco(tmp_path, name="annotations/instances_val.json", categories=[{"id": 3, "name": "bird"}])
    with pytest.raises(SourceError, match=r"category 3 is '(bird|cat)', and in another split"):
        segfeed.scan(val, "val")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"images": [], "annotations": [{]}', "no valid JSON"),
        ('{"images": [], "x": NaN}', "NaN"),
        ('{"images": [' + "[" * 200_000, "nested too deep|no valid JSON"),
        ('{"images": []', "end of the file"),
        ("[]", "one of {"),
        ("", "an empty file"),
        ('{"a": ' + "9" * 5000 + "}", "no valid JSON"),
    ],
)
def test_broken_json_is_named(tmp_path, text, found):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=found):
        list(walk_json(File.of(str(path)), ("images", "annotations")))
    with pytest.raises(SourceError):
        parse_json(text.encode() if text != "[]" else b"[", "a.json")


def test_entries_are_found_where_they_lie_across_pieces_and_byte_order_marks(tmp_path, monkeypatch):
    monkeypatch.setattr("segfeed.datasets.drawn.json_reading._CHUNK", 7)
    path = tmp_path / "a.json"
    entries = [{"name": "Straße \U0001f6a6", "n": [number, 12345]} for number in range(30)]
    described = json.dumps({"other": 123, "images": entries}, ensure_ascii=False).replace("ra\u00dfe", "ra\\u00dfe", 1)
    path.write_bytes(b"\xef\xbb\xbf" + described.encode())
    data = path.read_bytes()
    for texts in ((), ("images",)):  # as values, or as text by their brackets
        found = [piece for key, piece in walk_json(File.of(str(path)), ("images",), texts) if key == "images"]
        assert [json.loads(data[first : first + length]) for _, (first, length) in found] == entries
        if not texts:
            assert [value for value, _ in found] == entries
        else:
            assert [json.loads(text.encode("latin-1")) for text, _ in found] == entries


@pytest.mark.parametrize("chunk", [1, 13, 1 << 20])
def test_annotations_are_told_apart_whatever_their_texts_hold(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr("segfeed.datasets.drawn.json_reading._CHUNK", chunk)
    path = tmp_path / "a.json"
    odd = [
        {"a": '}{][",\\" "image_id": 3'},
        {"b": {"c": {"d": [{}, []]}}},
        {},
        {"e": {"size": [1, 2], "counts": "}]["}},
        {"f": "}, {"},
        {"g": '}, {"x'},
        {"h": 1},
        {"i": [{"j": 1}, {"k": 2}]},
        {"l": 2},
    ]
    for spread in ({}, {"indent": 1}, {"separators": (",", ":")}):
        for listed in (odd, {str(number): note for number, note in enumerate(odd)}):
            path.write_text(json.dumps({"annotations": listed, "x": 1}, **spread))
            found = walk_json(File.of(str(path)), ("annotations",), ("annotations",))
            assert [json.loads(text) for key, (text, _) in found if key != "x"] == odd


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><annotations>&d;</annotations>', "document type"),
        ("<annotations><image>", "no valid XML"),
        ("", "empty file"),
        ("<a>" * 100, "nested too deep"),
    ],
)
def test_bombs_and_broken_xml_are_named(tmp_path, text, found):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(SourceError, match=found):
        list(walk_xml(File.of(str(path))))


def yolo(folder, text, yaml="names: [cat, dog]\ntrain: images\nval: images\n"):
    photo(folder / "images/a.jpg")
    photo(folder / "images/b.jpg")
    (folder / "labels").mkdir(exist_ok=True)
    (folder / "labels/a.txt").write_text(text)
    (folder / "data.yaml").write_text(yaml)
    return folder / "data.yaml"


def test_yolo_names_as_map_photos_without_text_and_a_moved_folder(tmp_path):
    ring = " ".join(str(value / side) for value, side in zip(SQUARE, [10, 8] * 4, strict=True))
    yaml = "path: /gone/away\nnames:\n  0: cat\n  1: dog\nnc: 2\ntrain:\n  - ../images\nval: images\n"
    source = segfeed.scan(yolo(tmp_path, f"\n1 {ring}\n\n", yaml), "train")
    assert source.legend.names == ("background", "cat", "dog")
    assert [int(source.read(index).labels.sum()) for index in (0, 1)] == [32, 0]
    assert "1 photos without a text are all background" in source.why


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2 .1 .1 .5 .1 .5 .5", "class 2"),
        ("0 10 10 50 10 50 50", "values from 10 to 50"),
        ("0 .1 .1 .5 .1 .5", "5 numbers"),
        ("0 .5 .5 .2 .2", "1 box"),
        ("cat .1 .1 .5 .1 .5 .5", "line 1: cat"),
        ("0 nan .1 .5 .1 .5 .5", "line 1"),
        ("-1 .1 .1 .5 .1 .5 .5", "class -1"),
    ],
)
@pytest.mark.slow
def test_yolo_lines_that_cannot_be_drawn_are_named(tmp_path, text, found):
    with pytest.raises(MaskError, match=found):
        labels_of(yolo(tmp_path, text), "train")


@pytest.mark.parametrize(
    ("yaml", "found"),
    [
        ("names: [cat\ntrain: images", "no valid YAML"),
        ("names: {0: cat, 2: dog}\ntrain: images", "names that are"),
        ("names: [cat]\nnc: 3\ntrain: images", "nc: 3"),
        ("names: [cat]\ntrain: lost", "no such folder"),
    ],
)
def test_yolo_yaml_that_is_wrong_is_named(tmp_path, yaml, found):
    with pytest.raises(SourceError, match=found):
        segfeed.scan(yolo(tmp_path, "", yaml), "train")


def labelme(folder, *shapes, **words):
    photo(folder / "a.jpg")
    note = {"imagePath": "a.jpg", "imageData": None, "imageHeight": 8, "imageWidth": 10, **words}
    note["shapes"] = [{"label": "cat", "points": np.reshape(SQUARE, (-1, 2)).tolist(), **one} for one in shapes]
    (folder / "a.json").write_text(json.dumps(note))
    return folder / "a.json"


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ({"points": [[1, 1], [2, 2]]}, "polygon 'cat' of 2 points"),
        ({"shape_type": "mask", "mask": "%%%"}, "not base64"),
        ({"shape_type": "mask", "mask": "aGVsbG8="}, "PNG"),
        ({"shape_type": "star"}, "type 'star'"),
    ],
)
def test_labelme_shapes_that_cannot_be_drawn_are_named(tmp_path, shape, found):
    with pytest.raises(MaskError, match=found):
        labels_of(labelme(tmp_path, shape))


def test_labelme_ignore_is_void_and_broken_image_data_is_named(tmp_path):
    labels = labels_of(labelme(tmp_path, {}, {"label": "__ignore__", "shape_type": "point", "points": [[9, 7]]}))
    assert np.unique(labels).tolist() == [1, 255] or np.unique(labels).tolist() == [0, 1, 255]
    path = labelme(tmp_path, {}, imagePath="gone.jpg", imageData="%%")
    with pytest.raises(PhotoError, match="not base64"):
        segfeed.scan(path, "all").read(0)


@pytest.mark.slow
def test_options_are_refused_if_they_mean_nothing(tmp_path):
    with pytest.raises(OptionError, match="overlap: 'top'; expected one of"):
        segfeed.scan(coco(tmp_path), "all", overlap="top")
    with pytest.raises(OptionError, match="not drawn from shapes"):
        segfeed.scan("sample", "val", boxes="fill")


@pytest.mark.slow
def test_packs_follow_annotation_and_options(tmp_path, cache):
    path = coco(tmp_path, {"segmentation": [SQUARE]}, {"segmentation": [[4, 4, 8, 4, 8, 8, 4, 8]], "category_id": 7})

    def sums(**options):
        _, val = segfeed.load(path, batch_size=1, splits=(None, "all"), **options)
        return int(next(iter(val)).labels.sum())

    first, void = sums(), sums(overlap="void")
    assert void - first == 4 * (255 - 2)
    coco(tmp_path, {"segmentation": [SQUARE]})
    assert (sums(), first) == (16, 16 * 2 + 12)


@pytest.mark.parametrize("escaped", [True, False])
def test_names_of_any_letters_are_read_escaped_or_not(tmp_path, escaped):
    photo(tmp_path / "images/Straße 日本.jpg")
    image = {"id": 1, "file_name": "Straße 日本.jpg", "width": 10, "height": 8}
    path = coco(tmp_path, {"segmentation": [SQUARE]}, images=[image], categories=[{"id": 3, "name": "Mädchen 猫"}])
    path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=escaped), "utf-8")
    source = segfeed.scan(path, "all")
    assert source.legend.names == ("background", "Mädchen 猫")
    assert source.keys == ("Straße 日本",)
    assert int(source.read(0).labels.sum()) == 16


def test_annotations_in_one_folder_and_deeper_in_another_are_not_read_as_if_they_were_all(tmp_path):
    coco(tmp_path / "one", {"segmentation": [SQUARE]})
    assert len(segfeed.scan(tmp_path, "all")) == 1
    coco(tmp_path / "two", {"segmentation": [SQUARE]}, name="annotations/instances_train.json")
    with pytest.raises(SourceError) as caught:
        segfeed.scan(tmp_path, "all")
    names = "one/annotations.json and two/annotations/instances_train.json"
    assert caught.value.found == f"annotations in several folders ({names})"
    assert caught.value.remedy == "pass the path of one dataset"
    assert len(segfeed.scan(tmp_path / "one", "all")) == len(segfeed.scan(tmp_path / "two", "train")) == 1
