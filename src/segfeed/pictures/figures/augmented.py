"""One photo as a plan draws it again and again: crops over their labels, and below each what its row says."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure

from segfeed.audit.class_counts import count_classes
from segfeed.datasets.source import Source
from segfeed.packs.pack import Pack
from segfeed.pictures.figures.canvas import HEADER_PX, PALE_INK, check_path
from segfeed.pictures.figures.crops import choose_sample, cut_shown, padding_of
from segfeed.pictures.figures.panels import GAP_PX, Grid, PathLike, columns_for, show_thumb, with_legend
from segfeed.pictures.paint import Thumb, fit, paint_labels
from segfeed.plans.augment import Augment
from segfeed.plans.plan import Plan
from segfeed.plans.recipes import choose_draw
from segfeed.plans.wording import describe
from segfeed.system.options import whole_number
from segfeed.system.showing import counted

_SLIT_PX, _LINE_PX, _TEXT_PX = 6, 19, 13
_CHARACTER_PX = 6.9  # the mean width of one in such a line


def show_augmented(
    reader: Source | Pack,
    augment: Augment | str,
    *,
    sample: int | None = None,
    count: int = 12,
    crop_size: tuple[int, int] | None = None,
    seed: int = 0,
    path: PathLike | None = None,
) -> Figure:
    """Show one photo as it is drawn again and again: crops above their labels, with their rows in words below.

    Args:
        reader: a source or a pack.
        augment: what is drawn, or a recipe's name.
        sample: which one; None for a large one that shows several classes.
        count: how often it is drawn.
        crop_size: (height, width) of a crop in px; None for the recipe's, or (320, 480).
        seed: of the plan.
        path: a .png file to write, too.

    Returns:
        figure: two axes a crop, "crop N" and "labels N".

    Raises:
        OptionError: an argument is out of range, or no recipe has this name.
        StorageError: the file cannot be written.

    >>> import segfeed
    >>> figure = show_augmented(segfeed.scan("sample", "val"), "torchvision", sample=0, count=1)
    >>> [axes.get_label() for axes in figure.axes]
    ['page', 'crop 1', 'labels 1']
    """
    check_path(path)
    count, draw = whole_number("count", count, 1, 40), choose_draw(crop_size, augment=augment)
    title = f"the recipe {augment}" if isinstance(augment, str) else "its augmentation"
    sample = choose_sample(reader, (1, 1)) if sample is None else whole_number("sample", sample, 0, len(reader) - 1)
    pair, key = reader.read(sample), reader.keys[sample]
    size = pair.labels.shape
    rows = Plan(np.repeat([size], count, axis=0), count, draw, shuffle=False, seed=seed).rows(epoch=0, step=0)
    grid = Grid(columns_for(count))
    cell = fit(*draw.crop_size, grid.width_px, grid.width_px)
    crops = [cut_shown(pair, row, cell, reader.legend.void, padding_of(draw)) for row in rows]
    told = [_lines(describe(row, *size), int(grid.width_px / _CHARACTER_PX)) for row in rows]
    pitch = 2 * cell[0] + _SLIT_PX + 8 + max(map(len, told)) * _LINE_PX + GAP_PX
    thumbs = [Thumb(key, *draw.crop_size, *small) for _, small in crops]
    counts = [count_classes(small.labels, reader.legend) for _, small in crops]
    shown = with_legend(thumbs, counts, reader.legend, f"the {count} crops shown" if count > 1 else "the crop shown")
    (height, width), (tall, wide) = draw.crop_size, size
    canvas = shown.canvas(
        HEADER_PX + -(-count // grid.columns) * pitch,
        f"{key}, drawn {counted(count, 'time')} by {title}",
        f"photo {tall} × {wide} px, crops {height} × {width} px (height × width), seed {seed}; top and left "
        "in px of the scaled photo; stripes are padding",
    )
    for n, ((image, small), thumb, lines) in enumerate(zip(crops, thumbs, told, strict=True)):
        strip, column = divmod(n, grid.columns)
        x, y = grid.x(column), HEADER_PX + strip * pitch
        box = grid.width_px, cell[0]
        below = y + cell[0] + _SLIT_PX
        show_thumb(canvas, (x, y), box, image, f"crop {n + 1}", thumb)
        show_thumb(canvas, (x, below), box, paint_labels(small.labels, reader.legend), f"labels {n + 1}", thumb)
        for line, text in enumerate(lines):
            place = below + cell[0] + 8 + line * _LINE_PX
            canvas.write(x, place, text, _TEXT_PX, colour=PALE_INK, width_px=grid.width_px)
    return canvas.done(path)


def _lines(words: Mapping[str, str], characters: int) -> list[str]:
    """Set words in lines: sizes first, then place and turn, then colours."""
    place = ("window", "turn", "mirror")
    groups = (
        [words[name] for name in words if name == "scale"],
        [words[name] for name in words if name in place],
        [words[name] for name in words if name not in ("scale", *place)],
    )
    return [line for group in groups for line in _wrap(group, characters)]


def _wrap(parts: Iterable[str], characters: int) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= characters:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines
