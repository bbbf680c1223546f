"""Sets that others annotated, against masks that the annotation tools themselves drew."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfeed
from segfeed.errors import MaskError


@pytest.fixture(scope="module")
def vector(shared_data):
    return shared_data / "vector"


def differing(source, truth: Path, ids: dict[str, int]) -> dict[str, int]:
    """Count the pixels in which labels differ from truth, whose values `ids` names."""
    found = {}
    for index, key in enumerate(source.keys):
        stored = np.array(Image.open(truth / f"{Path(key).name}.png"))
        wanted = np.where(stored == 255, 255, 0)
        for name, value in ids.items():
            if name in source.legend.names:
                wanted[stored == value] = source.legend.names.index(name)
        if count := int((source.read(index).labels != wanted).sum()):
            found[key] = count
    return found


def lines(path: Path) -> dict[str, int]:
    """Read names of ids: one a line, or each after its number."""
    names = path.read_text().split("\n")
    if names[0][:2] == "0 ":
        return {name.partition(" ")[2]: int(name.partition(" ")[0]) for name in names if name}
    return {name: number for number, name in enumerate(names)}


COCO = (
    ("labelme_voc/annotations.json", "all"),
    ("superannotate/annotations/instances_test.json", "test"),
    ("panopticapi_rle/annotations/panoptic_coco_detection_format.json", "all"),
    ("datumaro_min/annotations/instances_val.json", "val"),
    ("datumaro_min/annotations/instances_train.json", "train"),
)


@pytest.mark.parametrize(("name", "split"), COCO)
@pytest.mark.parametrize(
    ("truth", "options"),
    [("later_wins", {}), ("small_on_top", {"overlap": "smallest"}), ("crowd_void", {"crowd": "void"})],
)
@pytest.mark.slow
def test_coco_is_what_pycocotools_draws(vector, name, split, truth, options):
    path = vector / "coco" / name
    ids = {one["name"]: one["id"] for one in json.loads(path.read_bytes())["categories"]}
    source = segfeed.scan(path, split, boxes="leave", **options)
    drawn = vector / "coco" / name.partition("/")[0] / "truth_made" / truth
    assert source.format == "coco"
    assert differing(source, drawn, ids) == {}


@pytest.mark.slow
def test_coco_splits_lie_side_by_side(vector):
    folder = vector / "coco/datumaro_min"
    assert len(segfeed.scan(folder, "val")) == 1
    with pytest.raises(MaskError, match='boxes="leave"'):
        segfeed.scan(folder / "annotations/instances_val.json", "train").read(0)


@pytest.mark.slow
def test_labelme_is_what_labelme_draws_but_for_what_its_own_versions_differ_in(vector):
    semantic = vector / "labelme/voc_semantic"
    source = segfeed.scan(semantic, "all")
    ids = lines(semantic / "truth/class_names.txt")
    # Today's labelme differs from the export of its own repository in this pixel, too.
    assert differing(source, semantic / "truth/SegmentationClass", ids) == {"2011_000006": 1}
    primitives = vector / "labelme/primitives"
    source = segfeed.scan(primitives / "primitives.json", "all")
    assert differing(source, primitives / "truth_made", lines(primitives / "truth_made/class_names.txt")) == {}


def test_labelme_photo_inside_a_json_that_names_itself(vector):
    folder = vector / "labelme/apc2016"
    pair = segfeed.scan(folder / "apc2016_obj3.json", "all").read(0)
    assert np.array_equal(pair.image, segfeed.pixels.codec.decode_photo((folder / "apc2016_obj3.jpg").read_bytes()))
    drawn = np.array(Image.open(folder / "truth/label.png"))
    ids = lines(folder / "truth/label_names.txt")
    legend = segfeed.scan(folder / "apc2016_obj3.json", "all").legend
    wanted = np.zeros_like(drawn)
    for name, value in ids.items():
        if name in legend.names:
            wanted[drawn == value] = legend.names.index(name)
    assert int((wanted != pair.labels).sum()) == 8  # as many as labelme 6.3.1 itself


@pytest.mark.slow
def test_yolo_is_what_pycocotools_draws_by_the_tools_rule_and_differs_by_centres_along_outlines(vector):
    path = vector / "yolo_seg/donut/donut.yaml"
    truth = vector / "yolo_seg/donut/truth_made"
    assert differing(segfeed.scan(path, "train", rule="tool"), truth, {"donut": 1}) == {}
    counts = differing(segfeed.scan(path.parent, "val"), truth, {"donut": 1})
    pixels = {key: np.array(Image.open(truth / f"{key}.png")).size for key in counts}
    assert 0 < max(counts[key] / pixels[key] for key in counts) < 2e-3


def test_yolo_objects_of_two_classes_the_smaller_on_top(vector):
    labels = segfeed.scan(vector / "yolo_seg/datumaro_min", "train").read(0).labels
    assert labels[4].tolist() == [0, 0, 0, 0, 5, 3, *[0] * 9]


def test_cvat_polygon_and_mask_are_what_its_truth_shows(vector):
    folder = vector / "cvat/docs_example"
    source = segfeed.scan(folder / "annotations.xml", "all", boxes="leave")
    names = lines(folder / "truth_made/class_names.txt")
    drawn = np.array(Image.open(folder / "truth_made/polygon_and_mask.png"))
    labels = source.read(0).labels
    for name, value in names.items():
        if name in source.legend.names[1:]:
            assert np.array_equal(labels == source.legend.names.index(name), drawn == value), name
    assert int((labels > 0).sum()) == int((drawn > 0).sum()) > 149


@pytest.mark.slow
def test_cvat_projects_have_a_split_a_subset_and_boxes_are_refused(vector):
    folder = vector / "cvat/datumaro_export_project"
    assert [len(segfeed.scan(folder, split, boxes="leave")) for split in ("train", "val", "test")] == [2, 2, 2]
    with pytest.raises(MaskError, match="1 point, which outlines no object"):
        segfeed.scan(folder, "train").read(1)
    for name in ("datumaro_export_task", "datumaro_skeleton"):
        with pytest.raises(MaskError, match="label ''"):
            segfeed.scan(vector / "cvat" / name, "train", boxes="fill").read(1)


@pytest.mark.slow
def test_panoptic_segments_are_their_categories(vector):
    for name, split in (("superannotate/annotations/panoptic_test.json", "test"), ("panopticapi", "all")):
        path = vector / "coco_panoptic" / name
        file = path if path.suffix else path / "panoptic_examples.json"
        ids = {one["name"]: one["id"] for one in json.loads(file.read_bytes())["categories"]}
        folder = vector / "coco_panoptic" / name.partition("/")[0]
        assert differing(segfeed.scan(path, split), folder / "truth_made/category_id", ids) == {}
    with pytest.raises(MaskError, match="a PNG of 5 x 5 px"):
        segfeed.scan(vector / "coco_panoptic/datumaro_wrong_size", "train").read(0)


@pytest.mark.slow
def test_segments_of_segments_ai_are_their_categories(vector):
    for name, release in (("made_from_coco_panoptic", "coco-part"), ("made_small_ids_cached", "coco-small")):
        path = vector / "segments_ai" / name / f"{release}-v0.1.json"
        found = json.loads(path.read_bytes())["dataset"]["task_attributes"]["categories"]
        ids = {one["name"]: one["id"] for one in found}
        source = segfeed.scan(path, "all")
        assert differing(source, path.parent / "truth_made", ids) == {}
        assert [one.key for one in source.samples] == ["000000356387", "000000366141"]


@pytest.mark.slow
def test_via_regions_are_what_pycocotools_draws_by_the_tools_rule(vector):
    folder = vector / "via/rice_leaf_v1"
    ids = lines(folder / "truth_made/class_names.txt")
    assert differing(segfeed.scan(folder, "val", rule="tool"), folder / "truth_made", ids) == {}
    assert segfeed.scan(folder, "val").legend.names == ("background", "bacteria", "brown_spot", "leaf_smut")


@pytest.mark.slow
def test_via_2_has_circles_ellipses_and_one_attribute_that_is_the_class(vector):
    source = segfeed.scan(vector / "via/superannotate_v2", "test", boxes="leave")
    assert source.legend.names == ("background", "cat", "dog", "test_shape")
    circle = source.read(source.keys.index("cat1")).labels == 3
    assert abs(int(circle.sum()) / (np.pi * 160**2) - 1) < 0.001


@pytest.mark.slow
def test_supervisely_bitmaps_are_their_alpha(vector):
    folder = vector / "supervisely/instance"
    ids = lines(folder / "truth_made/class_names.txt")
    assert differing(segfeed.scan(folder, "all"), folder / "truth_made", ids) == {}
    vectors = segfeed.scan(vector / "supervisely/vector/meta.json", "all", boxes="leave")
    assert [int((vectors.read(index).labels > 0).sum()) for index in (2, 4)] == [91285, 191840]


@pytest.mark.parametrize("name", ["instance_mask", "semantic_mask", "test2_polygons", "release_complex_polygons"])
@pytest.mark.slow
def test_darwin_is_what_darwin_draws(vector, name):
    folder = vector / "darwin" / name
    rows = (folder / "truth_made/class_mapping.csv").read_text().split("\n")[1:]
    ids = {row.rpartition(",")[0]: int(row.rpartition(",")[2]) for row in rows if row}
    source = segfeed.scan(folder, "all", format="darwin", boxes="leave")
    assert differing(source, folder / "truth_made", ids) == {}


@pytest.mark.slow
def test_darwin_polygons_that_end_on_the_border_differ_from_darwin_by_a_pixel_along_these_lines(vector):
    folder = vector / "darwin/release_coco"
    source = segfeed.scan(folder, "all", format="darwin", boxes="leave")
    counts = differing(source, folder / "truth_made", {"baa": 1, "foo": 2})
    notes = folder / "releases/latest/annotations"
    for key in source.keys:
        if "50" not in (notes / f"{key}.json").read_text().replace('"width": 50', "").replace('"height": 50', ""):
            assert key not in counts
    assert sum(counts.values()) == 312  # of 50,000 px


@pytest.mark.slow
def test_datumaro_json_is_what_pycocotools_draws(vector):
    folder = vector / "datumaro_json/made_from_coco"
    source = segfeed.scan(folder / "annotations/test.json", "test")
    assert differing(source, folder / "truth_made", lines(folder / "truth_made/class_names.txt")) == {}
    with pytest.raises(MaskError, match="class None"):
        segfeed.scan(vector / "datumaro_json/diverse/annotations/train.json", "train", boxes="leave").read(0)


@pytest.mark.slow
def test_label_studio_brushes_and_percents(vector):
    folder = vector / "label_studio/ml_backend"
    source = segfeed.scan(folder / "export.json", "all")
    brush = np.array(Image.open(folder / "truth_made/brush_person.png"))
    assert np.array_equal(source.read(0).labels, brush)
    assert int((source.read(1).labels == 1).sum()) == 28759
    assert len(segfeed.scan(vector / "label_studio/sdk_polygons/data_polygons.json", "all")) == 1
