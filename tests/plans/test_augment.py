"""Augment: what may be asked for, in which units; what is odd is refused with its value."""

import json
import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from segfeed.errors import OptionError
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Draw, Plan
from segfeed.plans.recipes import RECIPES

RANGES = {
    "scale": (0.5, 2), "aspect": (0.75, 1.5), "rotate": (-10, 10), "brightness": (-0.1, 0.2), "contrast": (0.5, 1.5),
    "saturation": (0, 2), "hue": (-18, 18), "gamma": (0.7, 1.5), "gray": (1, 1),
}  # fmt: skip
WHOLE = Augment(
    flip=0.25, resize=("short", 300, 400), scale_draw="log", longest=900, rounding="down", antialias=False,
    order="drawn", pad_side="center", pad_value=(1, 2, 3), **RANGES,
)  # fmt: skip


def refusal(**options):
    with pytest.raises(OptionError) as caught:
        Augment(**options)
    return caught.value


def test_nothing_is_drawn_unless_it_is_asked_for():
    sizes = np.random.default_rng(0).integers(20, 90, (50, 2))
    plain, augmented = (Plan(sizes, 50, Draw((32, 48), augment=augment)) for augment in (None, Augment()))
    assert plain.rows(0, 0).tobytes() == augmented.rows(0, 0).tobytes()
    assert plain.digest == augmented.digest


def test_flip_is_short_for_an_augment():
    sizes = np.random.default_rng(0).integers(20, 90, (50, 2))
    short, long = (Plan(sizes, 50, draw) for draw in (Draw((32, 48), flip=True), Draw((32, 48), augment=Augment(0.5))))
    assert short.rows(0, 0).tobytes() == long.rows(0, 0).tobytes()
    assert short.digest == long.digest


@pytest.mark.parametrize("flip", [0.0, 0.5, 1.0])
def test_flip_beside_an_augment_is_refused(flip):
    with pytest.raises(OptionError) as caught:
        Draw((32, 48), flip=True, augment=Augment(flip=flip))
    assert (caught.value.where, caught.value.found) == ("flip", f"True beside augment with flip={flip}")


@pytest.mark.parametrize("wrong", [{"flip": 0.5}, "mmseg", True, 0.5, Augment])
def test_what_is_no_augment_is_refused(wrong):
    with pytest.raises(OptionError) as caught:
        Draw((32, 48), augment=wrong)
    assert (caught.value.where, caught.value.found) == ("augment", repr(wrong))
    assert ("transform=" in caught.value.remedy) == callable(wrong)


def test_a_pipeline_of_another_library_is_named_in_one_line_with_where_it_belongs():
    class Compose:
        def __call__(self, **_: object) -> None: ...

        def __repr__(self) -> str:
            return f"Compose([\n{'  Flip(p=0.5),' * 40}\n])"

    with pytest.raises(OptionError) as caught:
        Draw((32, 48), augment=Compose())
    assert len(caught.value.found) < 310
    assert "\n" not in caught.value.found
    assert "transform=" in caught.value.remedy


def test_a_share_that_is_passed_as_flip_is_told_where_it_belongs():
    with pytest.raises(OptionError) as caught:
        Draw((32, 48), flip=0.3)
    assert "augment=Augment(flip=" in caught.value.remedy


def test_an_augment_comes_back_from_json():
    assert Augment(**json.loads(json.dumps(WHOLE.to_json()))) == WHOLE
    assert Augment(**json.loads(json.dumps(Augment().to_json()))) == Augment()
    assert hash(Augment(**WHOLE.to_json())) == hash(WHOLE)


def test_an_augment_is_printed_as_it_would_be_written():
    namespace = {"Augment": Augment}
    for augment in (Augment(), WHOLE, *(recipe.augment for recipe in RECIPES.values())):
        assert eval(repr(augment), namespace) == augment  # noqa: S307 - what this very package wrote
    assert repr(Augment(scale=(0.5, 2), hue=(-9, 9, 0.5))) == "Augment(scale=(0.5, 2.0), hue=(-9.0, 9.0, 0.5))"


def test_nothing_that_was_passed_can_change_an_augment_later():
    wanted, resize = [0.5, 2], ["short", 300]
    augment = Augment(scale=wanted, resize=resize)
    wanted[0], resize[1] = 1, 400
    assert (augment.scale, augment.resize) == ((0.5, 2, 1), ("short", 300, 300))
    with pytest.raises(FrozenInstanceError):
        augment.flip = 1.0


def test_a_field_of_another_name_is_a_type_error():
    with pytest.raises(TypeError):
        Augment(rotation=(-10, 10))


def test_numbers_of_numpy_are_numbers():
    other = Augment(
        scale=(np.float64(0.5), np.int8(2), np.float32(0.5)), resize=("short", np.int64(9)), pad_value=np.uint8(3)
    )
    assert other == Augment(scale=(0.5, 2, 0.5), resize=("short", 9), pad_value=3)
    assert json.dumps(other.to_json()) == json.dumps(
        Augment(scale=(0.5, 2, 0.5), resize=["short", 9], pad_value=3).to_json()
    )


def test_a_zero_has_no_sign():
    assert json.dumps(Augment(hue=(-0.0, 0)).to_json()) == json.dumps(Augment().to_json())


@pytest.mark.parametrize("name", RANGES)
def test_a_range_is_kept_with_its_probability(name):
    low, high = RANGES[name]
    assert getattr(Augment(**{name: (low, high)}), name) == (low, high, 1)
    assert getattr(Augment(**{name: [low, high, 0.25]}), name) == (low, high, 0.25)


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("wrong", [0.5, None, "ab", b"ab", (), (1,), (1, 1, 1, 1), {"low": 1, "high": 1}, True, {1, 2}])
@pytest.mark.slow
def test_what_is_no_range_is_refused_with_its_unit(name, wrong):
    error = refusal(**{name: wrong})
    assert (error.where, error.found) == (name, repr(wrong))
    assert error.expected.endswith(" as (low, high) or (low, high, probability)")


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize(
    "wrong", [math.nan, math.inf, -math.inf, "1", None, True, np.True_, 1e4, -1e4, 1j, 10**400, [1]]
)
@pytest.mark.slow
def test_what_is_no_number_of_a_range_is_refused(name, wrong):
    for value in ((wrong, 1), (1, wrong)):
        assert (refusal(**{name: value}).where, refusal(**{name: value}).found) == (name, repr(wrong))
    error = refusal(**{name: (1, 1, wrong)})
    assert (error.where, error.found, error.expected) == (name, repr(wrong), "a probability from 0 to 1")


@pytest.mark.parametrize("name", RANGES)
def test_a_range_from_high_to_low_is_refused(name):
    error = refusal(**{name: (1, 0.5)})
    assert (error.found, error.expected.endswith(", the lower one first")) == ("(1, 0.5)", True)


@pytest.mark.parametrize("name", ["scale", "aspect", "gamma"])
def test_factors_of_nothing_are_refused(name):
    assert refusal(**{name: (0, 1)}).found == "0"


@pytest.mark.parametrize("wrong", [True, False, -0.1, 1.1, "0.5", None, math.nan, (0.5,)])
def test_a_flip_that_is_no_probability_is_refused(wrong):
    error = refusal(flip=wrong)
    assert (error.where, error.found, error.expected) == ("flip", repr(wrong), "a probability from 0 to 1")


@pytest.mark.parametrize("name", ["rounding", "scale_draw", "order", "pad_side"])
@pytest.mark.parametrize("wrong", ["", "Fixed", None, True, 1])
def test_another_word_is_refused_with_the_words_that_are_known(name, wrong):
    error = refusal(**{name: wrong})
    assert (error.where, error.found) == (name, repr(wrong))
    assert error.expected.count('"') >= 4


@pytest.mark.parametrize(
    "wrong",
    [
        *("short", 512, True, (), ("short",), ("short", 1, 2, 3), ("box", 512), ("exact", 1), ("side", 2), (512, 512)),
        *({"short": 512}, ("short", 0), ("short", 512.0), ("short", True), ("box", 512, "512"), ("exact", 1, 2**31)),
        *(("short", 3, 2), ("long", 1040, 260), (None, 3)),
    ],
)  # fmt: skip
def test_a_resize_of_another_kind_is_refused(wrong):
    assert refusal(resize=wrong).where == "resize"


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "900", 2**31])
def test_a_longest_side_that_is_no_number_of_pixels_is_refused(wrong):
    assert (refusal(longest=wrong).where, refusal(longest=wrong).found) == ("longest", repr(wrong))


@pytest.mark.parametrize(
    "wrong", [-1, 256, 1.5, True, "black", (), (1, 2), (1, 2, 3, 4), (1, 2, 256), (1, 2, None), "abc"]
)
def test_a_pad_value_that_is_no_colour_is_refused(wrong):
    assert refusal(pad_value=wrong).where == "pad_value"


@pytest.mark.parametrize("wrong", ["mean", "reflect", np.array([1, 2, 3]), 0.5, (1, 2)])
def test_how_the_mean_is_asked_for_is_told_with_what_a_pad_value_may_be(wrong):
    assert refusal(pad_value=wrong).expected.endswith("three as (red, green, blue), or None for the mean")


@pytest.mark.parametrize(
    ("turns", "degrees"), [((-0.1, 0.1), "(-36, 36)"), ((0, 0.5, 0.3), "(0, 180)"), ((-0.5, 0), "(-180, 0)")]
)
def test_a_hue_in_turns_as_torchvision_has_it_is_refused_with_its_degrees(turns, degrees):
    error = refusal(hue=turns)
    assert (error.where, error.expected) == ("hue", "degrees")
    assert degrees in error.remedy


@pytest.mark.parametrize("factors", [(0.5, 1), (0.8, 1, 0.1)])
def test_brightness_as_a_factor_is_refused(factors):
    error = refusal(brightness=factors)
    assert "nearly white" in error.found
    assert "contrast" in error.remedy


def test_contrast_that_leaves_nothing_is_refused():
    assert "black" in refusal(contrast=(0, 0)).found


@pytest.mark.parametrize(
    "options",
    [
        {"hue": (-1, 1)}, {"hue": (-0.5, 20)}, {"hue": (0, 0)}, {"brightness": (-1, 1)}, {"brightness": (0.4, 0.6)},
        {"brightness": (1, 1)},
        {"contrast": (0, 0.1)}, {"saturation": (0, 0)},
    ],
)  # fmt: skip
def test_ranges_that_change_crops_and_leave_something_of_them_are_taken(options):
    ((name, wanted),) = options.items()
    assert getattr(Augment(**options), name)[:2] == wanted


@pytest.mark.parametrize("wrong", [0, 1, None, "yes", np.True_])
def test_antialias_is_true_or_false(wrong):
    assert (refusal(antialias=wrong).where, refusal(antialias=wrong).expected) == ("antialias", "True or False")


def test_steps_lead_from_the_first_factor_to_the_last_without_an_error_in_the_last_bit():
    assert Augment(scale=(0.5, 2), scale_step=0.25).scale_choices() == (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
    assert Augment(scale=(0.5, 2), scale_step=0.1).scale_choices() == tuple(n / 10 for n in range(5, 21))
    assert Augment(scale=(1, 1), scale_step=0.3).scale_choices() == (1.0,)
    assert Augment(scale=(0.5, 2)).scale_choices() is None


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"scale": (0.5, 2), "scale_step": 0.4}, "scale_step"),
        ({"scale": (0.5, 2), "scale_step": 3}, "scale_step"),
        ({"scale": (0.5, 2), "scale_step": 1e-5}, "scale_step"),
        ({"scale": (0.5, 2), "scale_step": -0.5}, "scale_step"),
        ({"scale": (0.5, 2), "scale_step": math.nan}, "scale_step"),
        ({"scale": (0.5, 2), "scale_step": 0.5, "scale_draw": "log"}, "scale_step"),
    ],
)
def test_steps_that_miss_the_last_factor_are_refused(options, where):
    assert refusal(**options).where == where
