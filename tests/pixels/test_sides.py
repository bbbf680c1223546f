"""Sides: which names pair left and right, and which only look so."""

import pytest

from segfeed.errors import OptionError
from segfeed.pixels.sides import find_lone_sides, find_sides, read_swap


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left arm", "right arm"),
        ("Left-shoe", "Right-shoe"),
        ("LEFT_LEG", "RIGHT_LEG"),
        ("arm_left", "arm_right"),
        ("upper left leg", "upper right leg"),
        ("leftArm", "rightArm"),
        ("LeftArm", "RightArm"),
        ("armLeft", "armRight"),
        ("lefteye", "righteye"),
        ("Leftarm", "Rightarm"),
        ("left", "right"),
        ("l_eye", "r_eye"),
        ("L eye", "R eye"),
        ("arm_l", "arm_r"),
        ("Arm.L", "Arm.R"),
        ("lung (L)", "lung (R)"),
        ("eyeL", "eyeR"),
        ("Größe_l", "Größe_r"),
        ("left hand of right man", "right hand of left man"),
        ("linker Arm", "rechter Arm"),
        ("Auge links", "Auge rechts"),
        ("main gauche", "main droite"),
        ("bras gauche", "bras droit"),
        ("brazo izquierdo", "brazo derecho"),
        ("左手", "右手"),
        ("左 腕", "右 腕"),
        ("левая рука", "правая рука"),
    ],
)
def test_names_that_differ_in_left_and_right_alone_are_a_pair(left, right):
    assert find_sides(["background", left, "other", right]) == ((1, 3),)
    assert find_sides([right, left]) == ((0, 1),)


@pytest.mark.parametrize(
    "names",
    [
        ["bright", "blight"],
        ["light", "right"],
        ["lead", "read"],
        ["lamp", "ramp"],
        ["loom", "room"],
        ["copyleft", "copyright"],
        ["l", "r"],
        ["L", "R"],
        ["letter_l", "letter_r", "letter_b"],
        ["size L", "size R", "size S"],
        ["L1", "R1"],
        ["model l2", "model r2"],
        ["2 l", "2 r"],
        ["left arm", "right leg"],
        ["left arm", "Right arm"],
        ["left arm", "right  arm"],
        ["left arm", "arm right"],
        ["left arm", "r arm"],
        ["left arm", "arm"],
        ["left hand of right man", "right hand of right man"],
        ["upper arm", "lower arm"],
        ["ear_r", "l_ear"],
        ["link", "recht"],
        ["Linksverkehr", "Rechtsverkehr"],
    ],
)
def test_other_names_are_none(names):
    assert find_sides(names) == ()


def test_a_middle_does_not_part_a_pair():
    assert find_sides(["nose_l", "nose_r", "nose_c", "nose_m"]) == ((0, 1),)


def test_faces_of_a_public_dataset_are_paired():
    # CelebAMask-HQ, whose ear_r is an ear ring and eye_g are glasses.
    names = [
        "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose", "mouth",
        "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
    ]  # fmt: skip
    assert find_sides(names) == ((2, 3), (4, 5), (7, 8))


def test_body_parts_of_a_public_dataset_are_paired():
    # LIP
    names = [
        "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat", "socks", "pants",
        "jumpsuits", "scarf", "skirt", "face", "left-arm", "right-arm", "left-leg", "right-leg", "left-shoe",
        "right-shoe",
    ]  # fmt: skip
    assert find_sides(names) == ((14, 15), (16, 17), (18, 19))


def test_pairs_are_given_either_way_round():
    names = ["gauche", "droite", "nez"]
    for swap in ({"gauche": "droite"}, {"droite": "gauche"}, {"gauche": "droite", "droite": "gauche"}):
        assert read_swap(swap, names) == ((0, 1),)
    assert read_swap({}, names) == ()


@pytest.mark.parametrize(
    ("swap", "found"),
    [
        ({"a": "x"}, "'x', which is not a class"),
        ({"a": "a"}, "'a' paired with itself"),
        ({"a": "b", "c": "a"}, "'a' in several pairs"),
        ({"b": "c", "a": "c"}, "'c' in several pairs"),
        (True, "True"),
        ([("a", "b")], "[('a', 'b')]"),
    ],
)
def test_what_is_not_a_pair_of_classes_is_refused(swap, found):
    with pytest.raises(OptionError) as caught:
        read_swap(swap, ["a", "b", "c"])
    assert (caught.value.where, caught.value.found) == ("swap", found)


def test_objects_have_no_sides():
    assert find_sides(()) == ()
    with pytest.raises(OptionError) as caught:
        read_swap({"a": "b"}, ())
    assert "object ids" in caught.value.expected


@pytest.mark.parametrize(
    ("names", "lone"),
    [
        (["left arm", "right arm", "left leg"], ("left leg",)),
        (["left_lung", "right lung"], ("left_lung", "right lung")),
        (["Arm links", "Bein rechts"], ("Arm links", "Bein rechts")),
        (["左手"], ("左手",)),
        (["bright", "copyright", "l", "R", "size L", "arm_l", "road", "leftover food", "rights"], ()),
    ],
)
def test_names_of_sides_without_a_pair_are_listed(names, lone):
    assert find_lone_sides(names, find_sides(names)) == lone
