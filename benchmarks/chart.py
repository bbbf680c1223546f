"""The chart: pairs per second as horizontal bars, on a background of its own for light and dark viewers."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

_INK, _GROUND, _FAINT = "#1f2328", "#ffffff", "#d0d7de"
_COLOURS = {"floor": "#8c959f", "segfeed": "#d1492e", "files": "#e8a08f", "peer": "#4a6fa5"}
_BASELINES = ("fill", "stream", "copy", "kernel", "decode", "disk", "written", "photos")
_SHOWN_AS = {"augmented": "segfeed", "augmented peer": "peer"}
_LEFT_OUT = ("copy", "warm-uint8")  # a fourth of the bytes: another job, and off the scale
_WORDS = {
    "floor": "baseline: bytes, kernel or decoding alone",
    "segfeed": "segfeed, from a pack",
    "files": "segfeed, from files",
    "peer": "peers",
}


def charts(results: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """List the charts by the names of their files, each with its rows: plain crops, and augmented ones."""
    lines = [line for line in results["rows"] if line["rounds"] and line["key"] not in _LEFT_OUT]
    plain = [line for line in lines if line["group"] not in _SHOWN_AS]
    augmented = [line for line in lines if line["group"] in _SHOWN_AS]
    found = [("augmented.png", augmented)] if augmented else []
    return [("results.png", plain), *found] if len(plain) > 2 else found


def draw(results: dict[str, Any], out: Path) -> None:
    """Draw the rows that were measured, the fastest of each group first."""
    for name, lines in charts(results):
        groups = ["files" if line["key"] == "aug-cold" else line["group"] for line in lines]
        shown = [line | {"group": _SHOWN_AS.get(group, group)} for line, group in zip(lines, groups, strict=True)]
        _draw(shown, out / name)


def _draw(lines: list[dict[str, Any]], path: Path) -> None:
    order = {group: n for n, group in enumerate(_COLOURS)}
    lines.sort(key=lambda line: (order[line["group"]], -line["median_pairs_per_s"]))
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "text.color": _INK}):
        figure = Figure(figsize=(9, 1.3 + 0.36 * len(lines)), facecolor=_GROUND, layout="constrained")
        axes = figure.add_subplot(facecolor=_GROUND)
        kinds = ["floor" if line["key"] in _BASELINES else line["group"] for line in lines]
        speeds = [line["median_pairs_per_s"] for line in lines]
        places = range(len(lines))
        bars = axes.barh(
            places,
            speeds,
            color=[_COLOURS[kind] for kind in kinds],
            hatch=["//" if kind == "floor" else "" for kind in kinds],
            edgecolor=_GROUND,
            linewidth=0,
        )
        axes.bar_label(bars, [f" {speed:,.0f}" for speed in speeds], color=_INK, padding=2)
        axes.set_yticks(places, [line["title"] for line in lines])
        for label, kind in zip(axes.get_yticklabels(), kinds, strict=True):
            label.set_fontweight("bold" if kind == "segfeed" else "normal")
        axes.invert_yaxis()
        _dress(axes, max(speeds))
        seen = [kind for kind in _COLOURS if kind in kinds]
        patches = [mpl.patches.Patch(facecolor=_COLOURS[kind], label=_WORDS[kind]) for kind in seen]
        figure.legend(handles=patches, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
        figure.savefig(path, dpi=150)


def _dress(axes: Any, highest: float) -> None:
    axes.set_xlim(0, 1.12 * highest)
    axes.set_xlabel("pairs per second (median of the rounds; more is better)", color=_INK)
    axes.tick_params(colors=_INK, length=0)
    axes.grid(axis="x", color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for name, side in axes.spines.items():
        side.set_visible(name == "left")
        side.set_color(_FAINT)
