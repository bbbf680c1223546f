"""Cells: what a notebook shows below a cell: tables and small pictures, as HTML that trusts no name.

Colours are the notebook's own, or grey and translucent, so that they fit a light page and a dark one. There is no style
sheet and no script: viewers that clean HTML (GitHub, nbviewer, mail) leave inline styles.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

from segfeed.pictures.paint import Pixels
from segfeed.pixels.palette import Colour
from segfeed.system.showing import brief, counted

THUMB_PX = 168
MAX_ROWS = 48
MAX_BYTES = 110_000
"""Of all pictures as base64: with its tables, a value then shows in less than 200 kB."""

_THUMB_BYTES = 15_000
_QUALITIES = (85, 60, 35)

_LINE = "1px solid rgba(128,128,128,.4)"
_CELL = f"text-align:left;vertical-align:top;padding:2px 12px 2px 0;border:0;border-bottom:{_LINE};background:none"
_TABLE = "border-collapse:collapse;border:0;margin:4px 0;color:inherit;font-size:inherit"
_PALE = "opacity:.7"


class Html(str):
    """Text that is HTML already; every other text is escaped."""

    __slots__ = ()


def text(value: object) -> Html:
    """Escape a value, brief and with everything in it visible."""
    return value if isinstance(value, Html) else Html(escape(brief(str(value), 160)))


def block(title: str, detail: str, *parts: Html) -> Html:
    """Put parts below a title, with a detail beside it."""
    head = f'<div style="margin:4px 0"><b>{text(title)}</b> <span style="{_PALE}">{text(detail)}</span></div>'
    return Html(f'<div style="font-size:13px;line-height:1.5">{head}{"".join(parts)}</div>')


def note(sentence: str) -> Html:
    """Show a sentence."""
    return Html(f'<div style="margin:4px 0;{_PALE}">{text(sentence)}</div>')


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Lay out names and values in two columns."""
    return table([(Html(f'<span style="{_PALE}">{text(name)}</span>'), value) for name, value in pairs])


def table(rows: Sequence[Sequence[object]], heads: Sequence[str] = ()) -> Html:
    """Lay out rows of values, at most `MAX_ROWS`; what is left out is counted."""
    lines = [_line("th", heads)] if heads else []
    lines += [_line("td", row) for row in rows[:MAX_ROWS]]
    shown = f'<table style="{_TABLE}">{"".join(lines)}</table>'
    rest = len(rows) - MAX_ROWS
    return Html(shown + (note(f"and {counted(rest, 'further row')}") if rest > 0 else ""))


def _line(tag: str, values: Iterable[object]) -> str:
    cells = (f'<{tag} style="{_CELL}">{text(value)}</{tag}>' for value in values)
    return f"<tr>{''.join(cells)}</tr>"


def swatch(colour: Colour) -> Html:
    """Show a class's colour; its frame tells black from a dark page."""
    style = f"display:inline-block;width:14px;height:14px;border:{_LINE};background:rgb{tuple(colour)}"
    return Html(f'<span style="{style}"></span>')


def bar(share: float) -> Html:
    """Show a share of 0..1 as the length of a bar; nothing for NaN."""
    if np.isnan(share):
        return Html("")
    track = "display:inline-block;width:90px;height:9px;background:rgba(128,128,128,.25)"
    filled = f"display:block;width:{share:.0%};height:100%;background:rgba(70,130,180,.9)"
    return Html(f'<span style="{track}"><span style="{filled}"></span></span>')


def pictures(shown: Iterable[tuple[str, Pixels | str]], most_bytes: int = MAX_BYTES) -> Html:
    """Show small pictures side by side, each above its name, as many as a notebook takes without growing large.

    Args:
        shown: names, and uint8 (H, W, 3) at the size at which they are shown, or why there is none.
        most_bytes: of all together, as base64; one is always shown.
    """
    frame = f"display:inline-block;vertical-align:top;width:{THUMB_PX}px;margin:0 8px 8px 0"
    parts: list[str] = []
    taken = 0
    for name, picture in shown:
        if isinstance(picture, str):
            inside = note(picture)
        else:
            uri = _encode(picture)
            taken += len(uri)
            if parts and taken > most_bytes:
                break
            alt = escape(brief(name), quote=True)
            inside = Html(f'<img alt="{alt}" src="{uri}" style="max-width:100%;display:block;margin:0">')
        label = f'<div style="{_PALE};overflow-wrap:anywhere;font-size:11px">{text(brief(name, 40))}</div>'
        parts.append(f'<div style="{frame}">{inside}{label}</div>')
    return Html(f'<div style="margin:6px 0">{"".join(parts)}</div>')


def _encode(pixels: Pixels) -> str:
    """Encode a picture as JPEG, the more coarsely the less it compresses: noise still stays small."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    for quality in _QUALITIES:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        if stream.tell() <= _THUMB_BYTES:
            break
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
