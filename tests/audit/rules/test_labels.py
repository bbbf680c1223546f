"""Rules of what the legend makes of one mask."""

import numpy as np
import pytest
from PIL import Image

from little_voc import COLOURS, SIZE, audit, make_voc, only, put_mask, rules, some_labels


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": ["a", "b", "c"]})


def test_an_unknown_colour_is_named_with_count_place_and_nearest_class(root):
    labels = some_labels()
    labels[40:43, 5:9] = 100
    palette = COLOURS.copy()
    palette[100] = (120, 10, 0)
    put_mask(root, "a", labels, palette)
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.key) == ("error", "mask-unknown", "a")
    assert "colour (120, 10, 0) (palette index 100) is not in the legend, 12 px" in finding.found
    assert "first at row 40, column 5" in finding.found
    assert "the nearest is cat (128, 0, 0)" in finding.found
    assert finding.found.endswith(f"{12 / (48 * 64):.1%} of the mask")
    assert finding.expected == "only values of legend 'VOC'"
    assert finding.box == (40, 5, 3, 4)


def test_an_unknown_index_is_named(root):
    for key in "abc":
        put_mask(root, key, some_labels(), None)
    labels = some_labels()
    labels[0, 0], labels[0, 1] = 7, 9
    put_mask(root, "b", labels, None)
    finding = only(audit(root))
    assert "index 7 is not in the legend, 1 px" in finding.found
    assert "1 more unknown, 2 px in all" in finding.found


@pytest.mark.slow
def test_noise_of_jpeg_in_a_png_is_told(tmp_path):
    size = (240, 320)
    root = make_voc(tmp_path / "VOC", {"train": ["a"]}, size=size)
    path = root / "SegmentationClass" / "a.png"
    Image.fromarray(COLOURS[some_labels(size)]).save(path, "JPEG", quality=95)
    with Image.open(path) as picture:
        pixels = np.array(picture)
    put_mask(root, "a", pixels, None)
    finding = next(iter(audit(root)))
    assert (finding.severity, finding.rule) == ("error", "mask-lossy")
    colours = len(np.unique(pixels.reshape(-1, 3), axis=0))
    assert finding.found.startswith(f"{colours:,} colours where ")
    assert finding.found.endswith("saved as JPEG?")


def test_blends_along_borders_are_told(root):
    half = Image.fromarray(COLOURS[some_labels((24, 32))])
    put_mask(root, "a", np.array(half.resize(SIZE[::-1], Image.Resampling.BILINEAR)), None)
    found = audit(root)
    assert rules(found)[0] == ("error", "mask-blended", "a")
    assert "blended colours along borders" in found.findings[0].found
    assert found.findings[0].found.endswith("resized with interpolation?")


def test_a_photo_in_place_of_a_mask_is_told(root):
    path = root / "SegmentationClass" / "a.png"
    path.write_bytes((root / "JPEGImages" / "a.png").read_bytes())
    found = audit(root)
    assert rules(found)[0] == ("error", "mask-photo", "a")


def test_unknown_colours_that_become_something_are_a_warning(root):
    labels = some_labels()
    labels[0, 0] = 100
    put_mask(root, "a", labels)
    finding = only(audit(root, unknown="void"))
    assert (finding.severity, finding.rule) == ("warning", "mask-unknown")
    assert finding.remedy.endswith("as asked, they become void")


def test_masks_that_show_nothing_are_told(root):
    put_mask(root, "a", np.full(SIZE, 255, np.uint8))
    put_mask(root, "b", np.zeros(SIZE, np.uint8))
    assert rules(audit(root)) == [("warning", "mask-all-void", "a"), ("note", "mask-all-background", "b")]


@pytest.mark.slow
def test_a_stray_stroke_is_told(tmp_path):
    size = (200, 300)
    root = make_voc(tmp_path / "VOC", {"train": ["a", "b"]}, size=size)
    labels = np.zeros(size, np.uint8)
    labels[100, 100:104] = 1
    put_mask(root, "a", labels)
    finding = only(audit(root))
    assert (finding.severity, finding.rule) == ("note", "mask-tiny")
    assert finding.found == "4 of 60,000 pixels are neither background nor void"


def test_a_mask_of_one_class_is_not_empty_where_none_is_background(root):
    legend = (root / "labelmap.txt").read_text().replace("background", "sky")
    (root / "labelmap.txt").write_text(legend)
    put_mask(root, "b", np.zeros(SIZE, np.uint8))
    assert list(audit(root)) == []


def test_object_masks_are_checked_by_their_own_colours(root):
    (root / "SegmentationClass").rename(root / "SegmentationObject")
    (root / "SegmentationClass").mkdir()
    labels = some_labels()
    labels[labels == 2] = 200
    put_mask(root, "a", labels).rename(root / "SegmentationObject" / "a.png")
    assert list(audit(root, task="instance")) == []
    labels[0, 0] = 254
    put_mask(root, "a", labels).rename(root / "SegmentationObject" / "a.png")
    finding = only(audit(root, task="instance"))
    assert (finding.rule, finding.expected) == ("mask-unknown", "VOC's colours of objects")
