"""Make the picture of docs/recipes.md: what each recipe draws for one photo, and where on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from segfeed.packs.pack import Pack
from segfeed.pictures.figures.canvas import HEADER_PX, Canvas
from segfeed.pictures.figures.crops import (
    WINDOW_COLOURS,
    choose_sample,
    cut_shown,
    padding_of,
    show_windows,
    window_around,
)
from segfeed.pictures.figures.panels import CAPTION_PX, GAP_PX, Grid, caption
from segfeed.pictures.paint import fit
from segfeed.plans.plan import Draw, Plan
from segfeed.plans.recipes import RECIPES, Recipe

COLUMNS, SEED, FRAME_PX = 7, 1, 3


def paint_recipes(reader: Pack, path: Path) -> None:
    """Paint a line for each recipe: the photo with the windows that are drawn, then the crops."""
    sample, grid = choose_sample(reader, (1, 1)), Grid(COLUMNS)
    pair, count = reader.read(sample), COLUMNS - 1
    height, width = pair.labels.shape
    of_recipe: dict[Recipe, list[str]] = {}
    for name, recipe in RECIPES.items():
        of_recipe.setdefault(replace(recipe, source=""), []).append(name)
    crops = [fit(*recipe.crop_size, grid.width_px, grid.width_px) for recipe in of_recipe]
    # A photo that lies is lower than a square crop, but higher than one of Cityscapes.
    lines = [max(crop[0], fit(height, width, grid.width_px, grid.width_px)[0]) for crop in crops]
    canvas = Canvas(HEADER_PX + sum(lines) + len(lines) * (CAPTION_PX + 2 * GAP_PX))
    canvas.head(
        "recipes on one photo",
        f"photo {height} × {width} px (height × width), and the windows of the {count} crops beside it; "
        "stripes are padding",
    )
    top = HEADER_PX
    for (recipe, names), crop, high in zip(of_recipe.items(), crops, lines, strict=True):
        draw = Draw(recipe.crop_size, augment=recipe.augment)
        rows = Plan(np.repeat([[height, width]], count, axis=0), count, draw, shuffle=False, seed=SEED).rows(0, 0)
        told = f"crops {recipe.crop_size[0]} × {recipe.crop_size[1]} px"
        caption(canvas, grid.x(0), top, 5 * grid.width_px, f"{' and '.join(names)}: {told}")
        top += CAPTION_PX
        whole = window_around(rows, pair)
        size = fit(int(whole["height"]), int(whole["width"]), high, grid.width_px)
        corner = grid.x(0) + (grid.width_px - size[1]) // 2, top + (high - size[0]) // 2
        show_windows(canvas, corner, size, pair, rows, whole, names[0])
        for n, row in enumerate(rows):
            x, y = grid.x(n + 1) + (grid.width_px - crop[1]) // 2, top + (high - crop[0]) // 2
            image, _ = cut_shown(pair, row, crop, reader.legend.void, padding_of(draw))
            frame = x - FRAME_PX, y - FRAME_PX, crop[1] + 2 * FRAME_PX, crop[0] + 2 * FRAME_PX
            canvas.box(*frame, facecolor=WINDOW_COLOURS[n])
            canvas.panel(x, y, image, f"{names[0]} {n + 1}")
        top += high + 2 * GAP_PX
    canvas.done(path)
