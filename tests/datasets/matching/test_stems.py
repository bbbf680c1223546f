"""Stems: photos and masks matched by what their names have in common."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfeed.datasets.matching.stems import match_stems
from segfeed.errors import SourceError

MASKS = Path("masks")


def files(*names: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(Path(name).stem, []).append(name)
    return found


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("{}.jpg", "{}.png"),
        ("{}.jpg", "{}_mask.png"),
        ("{}.jpg", "{}_gt.png"),
        ("{}.jpg", "{}_seg.png"),
        ("{}.png", "{}_L.png"),
        ("{}.png", "{}_P.png"),
        ("{}.jpg", "{}-mask.png"),
        ("{}.jpg", "gt_{}.png"),
        ("{}.jpg", "mask_{}.png"),
        ("image_{}.png", "gt_{}.png"),
        ("img_{}.png", "{}.png"),
        ("{}_sat.jpg", "{}_mask.png"),
        ("img_{}.png", "img_{}_mask.png"),
    ],
)
def test_usual_names_are_matched(photo, mask):
    keys = ("0001", "0002", "frame.3")
    photos, masks = files(*map(photo.format, keys)), files(*map(mask.format, keys))
    found_photos, found_masks, _ = match_stems(photos, masks, MASKS)
    assert found_photos.keys() == found_masks.keys()
    for key in found_photos:
        bare = key.removeprefix("img_")
        assert found_photos[key] == [photo.format(bare)]
        assert found_masks[key] == [mask.format(bare)]


def test_equal_stems_stay_as_they_are():
    photos, masks = files("image_1.jpg", "image_2.jpg"), files("image_1.png", "image_2.png")
    assert match_stems(photos, masks, MASKS) == (photos, masks, "")


def test_photo_named_unlike_the_others_is_not_lost():
    photos, masks = files("image_1.jpg", "image_2.jpg", "holiday.jpg"), files("gt_1.png", "gt_2.png")
    found, *_ = match_stems(photos, masks, MASKS)
    assert found == {"1": ["image_1.jpg"], "2": ["image_2.jpg"], "holiday": ["holiday.jpg"]}


def test_two_photos_that_come_to_one_key_are_both_kept_for_the_error():
    found, *_ = match_stems(files("image_1.jpg", "image_2.jpg", "1.jpg"), files("gt_1.png", "gt_2.png"), MASKS)
    assert found["1"] == ["image_1.jpg", "1.jpg"]


def test_previews_beside_masks_are_left_out():
    _, masks, _ = match_stems(
        files("1.jpg", "2.jpg"), files("1_gt.png", "1_color.png", "2_gt.png", "2_color.png"), MASKS
    )
    assert masks == {"1": ["1_gt.png"], "2": ["2_gt.png"]}


def test_mask_without_photo_is_kept_for_the_error():
    _, masks, _ = match_stems(files("1.jpg"), files("1.png", "2.png"), MASKS)
    assert masks == {"1": ["1.png"], "2": ["2.png"]}


def test_two_ways_that_fit_equally_well_are_refused():
    with pytest.raises(SourceError) as caught:
        match_stems(files("1.jpg", "2.jpg"), files("1.png", "2.png", "1_mask.png", "2_mask.png"), MASKS)
    assert caught.value.where == "masks"
    assert caught.value.found == "2 pairs fit as photo ID with mask ID, and as many as photo ID with mask ID_mask"


def test_names_that_do_not_fit_at_all_are_refused_with_one_of_each():
    with pytest.raises(SourceError, match=r"_mask, .* or gt_") as caught:
        match_stems(files("a.jpg", "b.jpg"), files("x.png", "y.png"), MASKS)
    assert caught.value.where == "masks"
    assert caught.value.found == "no mask is named like a photo: x.png beside a.jpg"


def test_photos_without_any_mask_keep_their_stems():
    assert match_stems(files("img_1.jpg"), {}, MASKS) == (files("img_1.jpg"), {}, "")
    assert match_stems({}, files("1.png"), MASKS) == ({}, files("1.png"), "")


@given(st.sets(st.text("ab_1", min_size=1, max_size=4), min_size=1, max_size=6))
@pytest.mark.slow
def test_every_photo_is_still_there_afterwards(stems):
    photos, masks = files(*(f"{stem}.jpg" for stem in stems)), files(*(f"{stem}_mask.png" for stem in stems))
    try:
        found, others, _ = match_stems(photos, masks, MASKS)
    except SourceError:
        return
    assert sorted(name for names in found.values() for name in names) == sorted(f"{stem}.jpg" for stem in stems)
    assert found.keys() == others.keys()


@pytest.mark.parametrize(
    ("photo", "mask", "named"),
    [
        ("{}.jpg", "{}.jpg.png", "photo ID with mask ID.jpg"),
        ("{}.jpg", "{}_segmentation.png", "photo ID with mask ID_segmentation"),
        ("{}_training.tif", "{}_manual1.gif", "photo ID_training with mask ID_manual1"),
        ("{}.jpg", "{}___fuse.png", "photo ID with mask ID___fuse"),
        ("{}.jpg", "truth-{}.png", "photo ID with mask truth-ID"),
        ("shot{}.jpg", "truth{}.png", "photo shotID with mask truthID"),
        ("IMG_{}.JPG", "img_{}.png", "photo IMG_ID with mask img_ID"),
        ("{}_0000.png", "{}.png", "photo ID_0000 with mask ID"),
        ("s1/{}.jpg", "s1/{}_road.png", "photo ID with mask ID_road"),
        ("s1/{}.jpg", "s1/road_{}.png", "photo ID with mask road_ID"),
        ("{}.jpg", "set_{}_semantic.v2.png", "photo ID with mask set_ID_semantic.v2"),
    ],
)
def test_what_all_names_share_is_found_from_the_names(photo, mask, named):
    keys = ("0001", "0002", "0313")
    photos = {photo.format(key).rpartition(".")[0]: [photo.format(key)] for key in keys}
    masks = {mask.format(key).rpartition(".")[0]: [mask.format(key)] for key in keys}
    matched = match_stems(photos, masks, MASKS)
    assert matched.named == named
    assert matched.photos.keys() == matched.masks.keys()
    for key in matched.photos:
        bare = next(one for one in keys if one in key)
        assert (matched.photos[key], matched.masks[key]) == ([photo.format(bare)], [mask.format(bare)])


def test_masks_called_by_whole_names_fit_photos_of_several_kinds():
    photos, masks = files("a.jpg", "b.jpeg", "c.png"), files("a.jpg.png", "b.jpeg.png", "c.png.png")
    found, labelled, _ = match_stems(photos, masks, MASKS)
    assert found == photos
    assert labelled == {"a": ["a.jpg.png"], "b": ["b.jpeg.png"], "c": ["c.png.png"]}


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        (("train_1.jpg", "train_2.jpg"), ("val_1.png", "val_2.png")),  # another split's
        (("a1.jpg", "b1.jpg"), ("a2.png", "b2.png")),  # another frame's
        (("1.jpg", "2.jpg", "3.jpg"), ("11.png", "12.png", "13.png")),  # numbers that only end alike
        (("1.jpg", "2.jpg"), ("1_cat.png", "2_dog.png")),  # no ending that all share
        (("a1.jpg",), ("b1.png",)),  # of one file, anything would be shared
        (("p0.jpg", "p1.jpg"), ("task-1-by-1-tree-0.png", "task-2-by-1-tree-0.png")),
    ],
)
def test_names_that_only_seem_to_fit_are_refused(photos, masks):
    with pytest.raises(SourceError):
        match_stems(files(*photos), files(*masks), MASKS)


def test_masks_of_objects_are_named_as_such():
    with pytest.raises(SourceError) as caught:
        match_stems(files("a.jpg", "b.jpg"), files("a_1.png", "a_2.png", "b_1.png"), MASKS)
    assert caught.value.found == "a mask for each object or class, not for each photo: a.jpg has 2 (a_1.png, a_2.png)"


def test_usual_words_decide_between_ways_that_fit_equally_well():
    _, masks, named = match_stems(files("1.jpg", "2.jpg"), files("1_gt.png", "2_gt.png", "1_x.png", "2_x.png"), MASKS)
    assert named == "photo ID with mask ID_gt"
    assert masks == {"1": ["1_gt.png"], "2": ["2_gt.png"]}


@pytest.mark.parametrize("second", ["{}_mask_1.png", "{}_mask (2).png", "{}_mask-02.png"])
def test_one_more_mask_of_a_photo_is_not_left_out(second):
    keys = ("a", "b (1)", "c_7")
    photos, masks = files(*map("{}.jpg".format, keys)), files(*map("{}_mask.png".format, keys), second.format("b (1)"))
    with pytest.raises(SourceError) as caught:
        match_stems(photos, masks, MASKS)
    assert (
        caught.value.found
        == f"photo b (1).jpg has the mask b (1)_mask.png, and {second.format('b (1)')} may be one more"
    )
    assert 'masks = "masks/{name}_mask*.png"' in caught.value.remedy


@pytest.mark.parametrize("other", ["a_mask_colour.png", "overview_1.png", "a_1_preview.png", "d_mask_1.png"])
def test_other_pictures_beside_masks_are_left_out_still(other):
    photos, masks = files("a.jpg", "b.jpg", "a_1.jpg"), files("a_mask.png", "b_mask.png", "a_1_mask.png", other)
    assert match_stems(photos, masks, MASKS).masks.keys() >= {"a", "b", "a_1"}
