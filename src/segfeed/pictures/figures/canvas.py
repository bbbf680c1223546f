"""Canvas: one picture, laid out in whole pixels from the top left, so that panels are shown pixel for pixel."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from segfeed.errors import OptionError
from segfeed.pictures.figures.fonts import FURTHER, families_for, printable
from segfeed.pictures.paint import Pixels, Swatch, hatch
from segfeed.system.paths import user_path
from segfeed.system.storage import save

WIDTH_PX = 1600
MARGIN_PX = 40
HEADER_PX = 112
INNER_PX = WIDTH_PX - 2 * MARGIN_PX
_DPI = 128  # a power of two: pixels / dpi * dpi is exact
_EPSILON_PX = 1e-6  # keeps a panel's sides from being rounded up to one pixel more

PAPER, INK, PALE_INK, HAIRLINE, TRACK, BAR = "#f7f6f3", "#1f2328", "#626973", "#cfccc4", "#e6e3dc", "#5b7083"

NUMBER_PX = 82
"""What the widest number of `percent` takes, and some air before it."""

_HEADING_PX, _LINE_PX = 44, 30
_SWATCH_PX, _SWATCH_EDGE = (24, 16), "#8b8a85"


class Canvas(Figure):
    """A figure of fixed width that is laid out in pixels and shows itself in a notebook."""

    def __init__(self, height_px: int) -> None:
        super().__init__((WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI, facecolor=PAPER, edgecolor=PAPER, frameon=True)
        self.set_layout_engine("none")
        FigureCanvasAgg(self)
        self.height_px = height_px
        self._ground = self.add_axes((0, 0, 1, 1), label="page", zorder=-1)
        self._ground.set_axis_off()
        self._ground.set_xlim(0, WIDTH_PX)
        self._ground.set_ylim(height_px, 0)

    def _repr_png_(self) -> bytes:
        """Return the picture as PNG, for a notebook that has not set up matplotlib."""
        canvas = _renderer(self)
        canvas.draw()
        # Without the alpha channel, which is opaque everywhere, the file is smaller and quicker to write.
        pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG", compress_level=6, dpi=(_DPI, _DPI))
        return stream.getvalue()

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size_px: float = 15,
        *,
        colour: str = INK,
        width_px: float | None = None,
        axes: Axes | None = None,
        **how: Any,
    ) -> Text:
        """Write a line with its top left at (x, y) px; a line wider than `width_px` loses its middle."""
        how = dict[str, Any](ha="left", va="top", antialiased=True) | how
        families = families_for(text)
        weight = how.pop("weight", "normal")
        if any(family in FURTHER for family in families):
            weight = "normal"  # few of these fonts have another, and matplotlib would log each
        font = FontProperties(family=families, style="normal", weight=weight, size=size_px * 72 / _DPI)
        line = (axes or self._ground).text(
            x, y, printable(text, families), fontproperties=font, color=colour, parse_math=False, usetex=False, **how
        )
        if width_px is not None:
            _elide(line, width_px)
        return line

    def head(self, title: str, subtitle: str) -> None:
        """Write what the picture shows above everything else."""
        self.write(MARGIN_PX, 30, title, 28, weight="bold", width_px=INNER_PX)
        self.write(MARGIN_PX, 69, subtitle, 16, colour=PALE_INK, width_px=INNER_PX)

    def box(self, x: float, y: float, width: float, height: float, **how: Any) -> None:
        """Add a rectangle with its top left at (x, y) px."""
        how = dict[str, Any](linewidth=0, edgecolor="none", antialiased=False, fill=True) | how
        self._ground.add_patch(Rectangle((x, y), width, height, **how))

    def panel(
        self, x: int, y: int, pixels: Pixels, label: str, window: tuple[float, float, float, float] | None = None
    ) -> Axes:
        """Show pixels uint8 (H, W, 3) as they are, top left at (x, y) px, in a thin frame.

        The axes' coordinates are `window`, (left, right, bottom, top), such as the photo's own pixels.
        """
        height, width = pixels.shape[:2]
        self.box(x - 1, y - 1, width + 2, height + 2, facecolor=HAIRLINE)
        axes = self.add_axes(
            (
                (x + _EPSILON_PX / 2) / WIDTH_PX,
                1 - (y + height - _EPSILON_PX / 2) / self.height_px,
                (width - _EPSILON_PX) / WIDTH_PX,
                (height - _EPSILON_PX) / self.height_px,
            ),
            label=label,
        )
        axes.set_axis_off()
        axes.imshow(pixels, interpolation="nearest", origin="upper", aspect="auto", extent=window)
        return axes

    def legend_at(self, y: int, swatches: Sequence[Swatch], heading: str, footing: str) -> None:
        """Add swatches, names and, if they were counted, shares of pixels; in columns from the top."""
        columns, lines = _legend_grid(swatches)
        self.box(MARGIN_PX, y, INNER_PX, 1, facecolor=HAIRLINE)
        self.write(MARGIN_PX, y + 14, heading, 16, colour=PALE_INK, width_px=INNER_PX)
        pitch = (INNER_PX + 36) // columns
        largest = max((s.share or 0 for s in swatches if not s.summed), default=0)
        for number, swatch in enumerate(swatches):
            x = MARGIN_PX + number // lines * pitch
            top = y + _HEADING_PX + number % lines * _LINE_PX
            self._swatch(x, top, pitch - 36, swatch, largest)
        self.write(MARGIN_PX, y + _HEADING_PX + lines * _LINE_PX + 10, footing, 15, colour=PALE_INK, width_px=INNER_PX)

    def _swatch(self, x: int, y: int, width: int, swatch: Swatch, largest: float) -> None:
        wide, high = _SWATCH_PX
        middle = y + _LINE_PX / 2
        if swatch.colour is None:
            self.box(x, middle - high / 2, wide, high, facecolor=_SWATCH_EDGE)
            extent = (x + 1, x + wide - 1, middle + high / 2 - 1, middle - high / 2 + 1)
            void = hatch(high - 2, wide - 2)
            self._ground.imshow(void, extent=extent, interpolation="nearest", origin="upper", aspect="auto", zorder=2)
            self._ground.set(xlim=(0, WIDTH_PX), ylim=(self.height_px, 0))  # which imshow has changed
        elif not swatch.summed:
            self.box(x, middle - high / 2, wide, high, facecolor=_SWATCH_EDGE)
            colour = tuple(channel / 255 for channel in swatch.colour)
            self.box(x + 1, middle - high / 2 + 1, wide - 2, high - 2, facecolor=colour)
        counted = swatch.share is not None
        name_px = 132 if counted else width - wide - 12
        self.write(x + wide + 12, middle, swatch.name, va="center_baseline", width_px=name_px)
        if swatch.share is not None:
            left, length = x + wide + 12 + name_px + 10, width - wide - name_px - 22 - NUMBER_PX
            if not swatch.summed:
                self.box(left, middle - 5, length, 10, facecolor=TRACK)
            if swatch.share and not swatch.summed:
                self.box(left, middle - 5, max(round(length * swatch.share / largest), 1), 10, facecolor=BAR)
            self.write(x + width, middle, percent(swatch.share), colour=PALE_INK, va="center_baseline", ha="right")

    def done(self, path: str | os.PathLike[str] | None) -> Self:
        """Write the picture as a PNG file if there is a path, and return it.

        Raises:
            StorageError: the file cannot be written.
        """
        if path is not None:
            save(user_path(path), self._repr_png_(), "the picture")
        return self


def _renderer(figure: Figure) -> Any:
    """Return matplotlib's canvas with pixels of a figure; matplotlib leaves its calls untyped."""
    canvas = figure.canvas
    return canvas if isinstance(canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)


def _elide(line: Text, width_px: float) -> None:
    """Take characters out of a line's middle until it is narrow enough."""
    figure = line.get_figure(root=True)
    assert figure is not None
    renderer = _renderer(figure).get_renderer()
    text = line.get_text()
    found_px = line.get_window_extent(renderer).width
    # Begin with what would fit if all characters were equally wide.
    kept = len(text) if found_px <= width_px else min(int(len(text) * width_px / found_px) + 2, len(text) - 1)
    while kept > 1 and found_px > width_px:
        line.set_text(text[: -(-kept // 2)].rstrip() + "…" + text[len(text) - kept // 2 :].lstrip())
        found_px = line.get_window_extent(renderer).width
        kept -= 1


def percent(share: float) -> str:
    """Write a share of 0..1 so that what is rare is not called absent.

    >>> percent(0.7312), percent(0.0123), percent(0.00001), percent(0)
    ('73.1 %', '1.23 %', '< 0.01 %', '0 %')
    """
    if share in (0, 1):
        return f"{share:.0%}"[:-1] + " %"
    if share < 0.0001:
        return "< 0.01 %"
    return f"{share:.1%}"[:-1] + " %" if share >= 0.09995 else f"{share:.2%}"[:-1] + " %"


def _legend_grid(swatches: Sequence[Swatch]) -> tuple[int, int]:
    columns = 4 if any(s.share is not None for s in swatches) else 8
    return columns, -(-len(swatches) // columns)


def legend_height(swatches: Sequence[Swatch], footing: str) -> int:
    """Return the height in px that `Canvas.legend_at` takes."""
    return _HEADING_PX + _legend_grid(swatches)[1] * _LINE_PX + (_LINE_PX + 4 if footing else 0)


def check_path(path: str | os.PathLike[str] | None) -> None:
    """Check, before anything is read or painted, that a path is None or names a PNG.

    Raises:
        OptionError: the path does not end in .png.
    """
    if path is None:
        return
    if not isinstance(path, str | os.PathLike):
        raise OptionError("path", found=repr(path), expected="the name of a .png file, or None")
    if Path(path).suffix.lower() != ".png":
        raise OptionError("path", found=repr(os.fspath(path)), expected="a name that ends in .png")
