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
    return {name: number for number, name in enumerate(path.read_text().split("\n"))}


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
def test_coco_is_what_pycocotools_draws(vector, name, split, truth, options):
    path = vector / "coco" / name
    ids = {one["name"]: one["id"] for one in json.loads(path.read_bytes())["categories"]}
    source = segfeed.scan(path, split, boxes="leave", **options)
    drawn = vector / "coco" / name.partition("/")[0] / "truth_made" / truth
    assert source.format == "coco"
    assert differing(source, drawn, ids) == {}


def test_coco_splits_lie_side_by_side(vector):
    folder = vector / "coco/datumaro_min"
    assert len(segfeed.scan(folder, "val")) == 1
    with pytest.raises(MaskError, match='boxes="leave"'):
        segfeed.scan(folder / "annotations/instances_val.json", "train").read(0)


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


def test_cvat_projects_have_a_split_a_subset_and_boxes_are_refused(vector):
    folder = vector / "cvat/datumaro_export_project"
    assert [len(segfeed.scan(folder, split)) for split in ("train", "val", "test")] == [2, 2, 2]
    with pytest.raises(MaskError, match="which outline no object"):
        segfeed.scan(folder, "train").read(1)
    for name in ("datumaro_export_task", "datumaro_skeleton"):
        with pytest.raises(MaskError, match="label ''"):
            segfeed.scan(vector / "cvat" / name, "train", boxes="fill").read(1)
