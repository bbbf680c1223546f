"""Fonts: which of them writes a line; names of classes and files come in any script."""

import logging
import unicodedata
from functools import lru_cache

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

_log = logging.getLogger("segfeed")

# What systems bring, or people install, for the scripts that DejaVu lacks; the first that has a character writes it.
FURTHER = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC", "Noto Sans SC", "Noto Sans JP",
    "Noto Sans KR", "Source Han Sans SC", "Source Han Sans", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Droid Sans Fallback", "IPAexGothic", "IPAGothic", "TakaoGothic", "NanumGothic", "UnDotum",  # Linux
    "PingFang SC", "PingFang HK", "Hiragino Sans GB", "Hiragino Sans", "Heiti TC", "STHeiti", "Songti SC",
    "Apple SD Gothic Neo", "AppleGothic", "Arial Unicode MS",  # macOS
    "Microsoft YaHei", "SimHei", "Microsoft JhengHei", "Yu Gothic", "Meiryo", "MS Gothic", "Malgun Gothic",
    "Nirmala UI", "Leelawadee UI", "Segoe UI", "Segoe UI Symbol",  # Windows
    "Noto Sans Thai", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Symbols 2",
    "FreeSans", "Unifont",  # many scripts
)  # fmt: skip


def families_for(text: str) -> tuple[str, ...]:
    """List the font families for a text: DejaVu Sans, the user's own and, only if they lack a character, others.

    DejaVu comes with matplotlib, so that pictures agree everywhere.
    """
    families = ("DejaVu Sans", *mpl.rcParams["font.family"])
    lacking = set() if text.isascii() else {ord(character) for character in text} - _characters(families)
    return families + (_having(frozenset(lacking), len(fontManager.ttflist)) if lacking else ())


def printable(text: str, families: tuple[str, ...]) -> str:
    """Drop line breaks, and replace each character that no font has, of which matplotlib would warn, by a box.

    What is to be installed for such characters is logged, once for each script.
    """
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    known = _characters(families)
    lacking = [character for character in dict.fromkeys(text) if ord(character) not in known]
    for script in dict.fromkeys(unicodedata.name(one, "private").split()[0] for one in lacking if one.isprintable()):
        _say_lacking(script)
    return text.translate({ord(character): "□" for character in lacking})


@lru_cache(maxsize=64)
def _having(lacking: frozenset[int], installed: int) -> tuple[str, ...]:  # noqa: ARG001 - a new font asks again
    """List the installed ones of the further families that have some of these characters, until all are there."""
    names = {font.name for font in fontManager.ttflist}
    found: list[str] = []
    for name in FURTHER:
        if lacking and name in names and (had := lacking & _characters((name,))):
            found.append(name)
            lacking -= had
    return tuple(found)


@lru_cache(maxsize=32)
def _characters(families: tuple[str, ...]) -> frozenset[int]:
    return frozenset().union(*(get_font(findfont(FontProperties(family=[name]))).get_charmap() for name in families))


@lru_cache(maxsize=256)
def _say_lacking(script: str) -> None:
    _log.warning(
        "no installed font has %s characters, so figures show boxes in their place; install a font that has them, such "
        "as Noto Sans CJK (apt-get install fonts-noto-cjk; in Colab with ! before it), and restart Python",
        script,
    )
