"""Rules of one split."""

import shutil

import numpy as np
import pytest
from PIL import Image

from little_voc import COLOURS, a_photo, audit, make_voc, only, put_mask, put_photo, rules, some_labels
from segfeed.audit.checking import check

KEYS = list("abcdef")


@pytest.fixture
def root(tmp_path):
    return make_voc(tmp_path / "VOC", {"train": KEYS, "val": ["v"]})


def test_a_missing_partner_is_an_error_and_the_rest_is_checked(root):
    (root / "JPEGImages" / "a.png").unlink()
    (root / "SegmentationClass" / "b.png").unlink()
    (root / "SegmentationClass" / "c.png").write_bytes(b"")
    found = audit(root)
    assert rules(found) == [
        ("error", "mask-damaged", "c"),
        ("error", "mask-missing", "b"),
        ("error", "photo-missing", "a"),
    ]
    train = found.splits[0]
    assert train.keys == ("c", "d", "e", "f")
    assert train.missing == ("a", "b")
    assert train.broken == ("c", "a", "b")


def test_a_file_of_another_kind_where_one_is_missing_is_named_and_read(root):
    masks = root / "SegmentationClass"
    Image.fromarray(COLOURS[some_labels()]).save(masks / "a.jpg", quality=95)
    (masks / "a.png").unlink()
    shutil.move(masks / "b.png", masks / "B.png")
    (root / "JPEGImages" / "c.png").rename(root / "JPEGImages" / "c.tif")
    found = audit(root)
    assert rules(found) == [
        ("error", "mask-jpeg", "a"),
        ("error", "mask-missing", "a"),
        ("error", "mask-missing", "b"),
        ("error", "photo-unsupported", "c"),
    ]
    assert [finding.found for finding in found][1:3] == [
        "no mask, but a.jpg lies there",
        "no mask, but B.png lies there",
    ]
    assert found.findings[1].file == "SegmentationClass"


def test_a_sample_that_lacks_both_files_has_both_named(root):
    for path in (root / "JPEGImages" / "a.png", root / "SegmentationClass" / "a.png"):
        path.unlink()
    found = audit(root)
    assert rules(found) == [("error", "mask-missing", "a"), ("error", "photo-missing", "a")]
    assert {finding.file for finding in found} == {"JPEGImages", "SegmentationClass"}


@pytest.mark.slow
def test_photos_smaller_than_a_crop_are_counted_where_crops_are_drawn(root):
    finding = only(check(root, crop_size=(48, 65)))
    assert (finding.severity, finding.rule, finding.split) == ("note", "photo-smaller-than-crop", "train")
    assert finding.found.startswith("6 of 6 photos are smaller than a crop of 48 x 65 px")
    assert finding.also == tuple(("train", key) for key in KEYS)
    assert list(check(root, crop_size=(48, 64))) == []
    assert "smaller than the default crop of 320 x 480 px" in only(check(root)).found


@pytest.mark.parametrize("size", [(20, 24), (300, 400)])
@pytest.mark.slow
def test_unusual_sizes_are_told(tmp_path, size):
    root = make_voc(tmp_path / "VOC", {"train": KEYS}, size=(96, 128))
    put_photo(root, "b", a_photo("b", size))
    put_mask(root, "b", some_labels(size))
    expected = [] if size == (300, 400) else [("note", "photo-size-unusual", "b")]
    assert rules(audit(root)) == expected


def test_palettes_that_give_an_index_another_colour_are_told(root):
    palette = COLOURS.copy()
    palette[[1, 2]] = palette[[2, 1]]
    put_mask(root, "c", some_labels(), palette)
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.key) == ("warning", "palette-differs", "c")
    assert finding.found == "palette index 1 is colour (0, 128, 0) here"
    assert finding.expected == "(128, 0, 0), as in 5 other masks"


def test_palettes_may_differ_in_colours_that_nobody_uses(root):
    palette = COLOURS.copy()
    palette[7] = 99
    put_mask(root, "c", some_labels(), palette)
    assert list(audit(root)) == []


@pytest.mark.parametrize(("other", "words"), [("gray", "bare indices"), ("colour", "RGB colours")])
@pytest.mark.slow
def test_masks_coded_in_another_way_are_told(root, other, words):
    labels = some_labels()
    put_mask(root, "d", labels if other == "gray" else COLOURS[labels], None)
    finding = only(audit(root))
    assert (finding.severity, finding.rule, finding.split) == ("warning", "mask-encodings-mixed", "train")
    assert finding.found == f"1 of 6 masks hold {words}, the others palette indices: d"
    assert finding.also == (("train", "d"),)


@pytest.mark.slow
def test_masks_without_a_palette_are_fine_where_all_are(root):
    for key in [*KEYS, "v"]:
        put_mask(root, key, np.asarray(some_labels()), None)
    assert list(audit(root)) == []


def test_a_missing_mask_is_looked_for_as_the_others_are_called(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(20):
        Image.fromarray(np.full((8, 8, 3), 10 * number, np.uint8)).save(tmp_path / "images" / f"{number}.jpg")
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "masks" / f"{number}.bmp")
    (tmp_path / "masks" / "1.bmp").unlink()
    options = {"photos": "images/{key}.jpg", "masks": "masks/{key}.bmp", "legend": ["background", "road"]}
    found = [one for one in check(tmp_path, crop_size=(4, 4), **options) if one.rule == "mask-missing"]
    assert {one.expected for one in found} == {"a .bmp file, like the others, of this name"}
