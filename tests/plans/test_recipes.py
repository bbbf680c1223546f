"""Recipes: what they draw is what the tools that define them can draw, and what docs/recipes.md says."""

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import segfeed
from segfeed.errors import OptionError
from segfeed.plans.augment import Augment
from segfeed.plans.fields import UNIT
from segfeed.plans.plan import Draw, Plan
from segfeed.plans.recipes import RECIPES, choose_draw, named

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
SIZES = [(375, 500), (500, 375), (683, 512), (1024, 2048), (256, 256), (17, 3000), (1, 1)]
COUNT = 20_000


def rows_of(name, size, count=COUNT):
    recipe = RECIPES[name]
    sizes = np.broadcast_to(np.array(size), (count, 2))
    return Plan(sizes, count, Draw(recipe.crop_size, augment=recipe.augment), seed=3).rows(0, 0)


# Every size that a tool can scale a photo to, by its own formulas -----------------------------------------------------


def mmseg_sizes(size, long, short):
    """A ratio r of [0.5, 2) makes a box of int(long * r) x int(short * r); `short` divides `long`."""
    found = set()
    for new_long in range(long // 2, 2 * long):
        factor = min(new_long / max(size), (new_long // (long // short)) / min(size))
        found.add(tuple(max(int(side * float(factor) + 0.5), 1) for side in size))
    return found


def torchvision_sizes(size):
    found = set()
    for short in range(260, 1041):
        new = short, int(short * max(size) / min(size))
        found.add(new if size[0] <= size[1] else new[::-1])
    return found


def deeplab_sizes(size):
    return {tuple(max(int(np.float32(side) * np.float32(n / 4)), 1) for side in size) for n in range(2, 9)}


def mask2former_sizes(size):
    found = set()
    for tenths in range(5, 21):
        short = int(0.1 * tenths * 512)
        scale = short * 1.0 / min(size)
        new = (short, scale * size[1]) if size[0] < size[1] else (scale * size[0], short)
        if max(new) > 2048:
            scale = 2048 * 1.0 / max(new)
            new = new[0] * scale, new[1] * scale
        found.add((max(int(new[0] + 0.5), 1), max(int(new[1] + 0.5), 1)))
    return found


POSSIBLE = {
    "mmseg-ade20k": lambda size: mmseg_sizes(size, 2048, 512),
    "mmseg-cityscapes": lambda size: mmseg_sizes(size, 2048, 1024),
    "segformer-ade20k": lambda size: mmseg_sizes(size, 2048, 512),
    "torchvision": torchvision_sizes,
    "deeplabv3plus": deeplab_sizes,
    "mask2former-ade20k": mask2former_sizes,
}


def test_every_recipe_has_its_tool_s_formulas():
    assert POSSIBLE.keys() == RECIPES.keys()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", POSSIBLE)
@pytest.mark.slow
def test_a_recipe_scales_to_the_sizes_of_its_tool_and_to_all_of_them(name, size):
    rows = rows_of(name, size)
    counts = Counter(zip(rows["scaled_height"].tolist(), rows["scaled_width"].tolist(), strict=True))
    possible = POSSIBLE[name](size)
    assert set(counts) <= possible
    # Of n sizes that are equally likely, COUNT draws miss few; a size at an end of the range may be less likely.
    assert len(counts) >= len(possible) * (1 - 3 * math.exp(-COUNT / len(possible) / 2)) - 2


# Colours, mirrors, padding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.slow
def test_half_of_the_crops_are_mirrored(name):
    assert abs(rows_of(name, (375, 500))["flip"].mean() - 0.5) < 0.02


@pytest.mark.parametrize(
    ("name", "hue"), [("mmseg-ade20k", (-18, 17)), ("segformer-ade20k", (-18, 17)), ("mask2former-ade20k", (-18, 18))]
)
def test_colours_are_those_of_the_photometric_distortion(name, hue):
    """Brightness by at most 32 levels, factors of 0.5 to 1.5, hue in steps of 2 degrees; each in half of the rows."""
    rows = rows_of(name, (375, 500))
    for field, low, high in (
        ("brightness", -32 / 255, 32 / 255), ("contrast", -0.5, 0.5), ("saturation", -0.5, 0.5),
        ("hue", hue[0] / 180, hue[1] / 180),
    ):  # fmt: skip
        drawn = rows[field] / UNIT
        assert abs((drawn != 0).mean() - 0.5) < 0.02
        assert low - 1 / UNIT < drawn.min() < low * 0.99
        assert high * 0.99 < drawn.max() < high + 1 / UNIT
    assert abs(rows["colour_order"].mean() - 0.5) < 0.02
    assert not rows["gamma"].any()
    assert not rows["gray"].any()
    assert not rows["angle"].any()


@pytest.mark.parametrize("name", ["torchvision", "deeplabv3plus"])
def test_recipes_without_colours_draw_none(name):
    rows = rows_of(name, (375, 500))
    assert not any(rows[field].any() for field in ("brightness", "contrast", "saturation", "hue", "gamma", "gray"))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.slow
def test_what_lacks_lies_below_and_to_the_right(name):
    rows = rows_of(name, (200, 200))
    seen = np.where(rows["flip"], rows["left"] + rows["width"] - rows["scaled_width"], -rows["left"])
    lacking = rows["scaled_width"] < rows["width"]
    assert lacking.any()
    assert set(seen[lacking].tolist()) == {0}
    assert set(rows["top"][rows["scaled_height"] < rows["height"]].tolist()) <= {0}


def test_crops_and_padding():
    found = {
        name: (recipe.crop_size, recipe.augment.pad_value, recipe.augment.antialias) for name, recipe in RECIPES.items()
    }
    assert found == {
        "mmseg-ade20k": ((512, 512), None, False),
        "mmseg-cityscapes": ((512, 1024), None, False),
        "segformer-ade20k": ((512, 512), None, False),
        "torchvision": ((480, 480), 0, True),
        "deeplabv3plus": ((513, 513), None, False),
        "mask2former-ade20k": ((512, 512), 128, True),
    }


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["mask", "", "Torchvision", None, 3, ["torchvision"], Augment()])
def test_another_name_is_refused_with_the_names_that_there_are(wrong):
    with pytest.raises(OptionError) as caught:
        named(wrong)
    assert (caught.value.where, caught.value.found) == ("augment", repr(wrong))
    assert all(name in caught.value.expected for name in RECIPES)


def test_a_recipe_draws_what_its_name_does():
    assert choose_draw(augment=named("torchvision")) == choose_draw(augment="torchvision")
    assert choose_draw((8, 9), augment=named("torchvision")).crop_size == (8, 9)


def test_recipes_are_public_data_that_nobody_can_change():
    assert segfeed.recipes.RECIPES is RECIPES
    with pytest.raises(TypeError):
        RECIPES["own"] = RECIPES["torchvision"]
    mine = replace(named("torchvision").augment, hue=(-18, 18))
    assert mine != named("torchvision").augment
    assert all(Augment(**recipe.augment.to_json()) == recipe.augment for recipe in RECIPES.values())


# The page -------------------------------------------------------------------------------------------------------------


def cells_of(name):
    """Say what a recipe draws, as the page's table does."""
    recipe = RECIPES[name]
    augment = recipe.augment
    how, *sides = augment.resize or ("",)
    low, high, _ = augment.scale
    size = {"": "own", "box": f"box {sides}"[:-1].replace("[", "").replace(", ", " x "), "short": "short side"}[how]
    if how == "short":
        size += f" {sides[0]}" if sides[0] == sides[1] else f" {sides[0]}..{sides[1]}"
    factor = "" if (low, high) == (1, 1) else f"{low:g}..{high:g}"
    factor += f", steps of {augment.scale_step:g}" if augment.scale_step else ""
    longest = f", long side up to {augment.longest}" if augment.longest else ""
    padding = "mean" if augment.pad_value is None else str(augment.pad_value)
    colours = f"hue {augment.hue[0]:g}..{augment.hue[1]:g}" if augment.hue[2] < 1 else "none"
    kind = "triangle" if augment.antialias else "four pixels"
    height, width = recipe.crop_size
    return [
        f"`{name}`",
        size + longest,
        factor or "none",
        augment.rounding,
        kind,
        f"{height} x {width}",
        colours,
        padding,
    ]


def test_the_page_s_table_is_what_the_recipes_are():
    text = PAGE.read_text(encoding="utf-8").partition("## What each draws")[2].partition("## Where")[0]
    lines = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in text.splitlines()]
    table = [cells for cells in lines if re.fullmatch(r"`[a-z0-9-]+`", cells[0])]
    assert table == [cells_of(name) for name in RECIPES]
    assert all(recipe.source for recipe in RECIPES.values())
