"""Names in scripts that matplotlib's own font lacks: written by a font that has them, or said to need one."""

import logging

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from segfeed.pictures.figures import fonts
from segfeed.pictures.figures.canvas import NUMBER_PX, Canvas, percent
from segfeed.pictures.figures.fonts import families_for, printable

CAT = "\N{CJK UNIFIED IDEOGRAPH-732B}"


def _square():
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 500), (500, 500), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()


@pytest.fixture
def with_font(tmp_path):
    """Install a font of one character, under the name of one that people install for Chinese."""
    family = "Noto Sans CJK SC"
    if any(font.name == family for font in fontManager.ttflist):
        pytest.skip("the font is installed")
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord(CAT): "cat"})
    builder.setupGlyf({".notdef": _square(), "cat": _square()})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "cat": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "font.ttf")
    fontManager.addfont(tmp_path / "font.ttf")
    yield family
    fontManager.ttflist[:] = [font for font in fontManager.ttflist if font.name != family]


@pytest.mark.slow
def test_a_character_that_the_first_fonts_lack_is_written_by_an_installed_one(with_font, caplog):
    canvas = Canvas(100)
    line = canvas.write(10, 10, f"a {CAT}", 28, weight="bold")
    assert line.get_text() == f"a {CAT}"
    assert families_for(CAT)[-1] == with_font
    canvas._repr_png_()  # which warns if no font has a character
    assert caplog.messages == []


def test_other_texts_are_written_as_before(with_font):
    assert with_font not in families_for("a cat, é Ж")


def test_a_font_to_install_is_named_once_for_each_script(caplog):
    fonts._say_lacking.cache_clear()
    unwritten = "\N{CUNEIFORM SIGN A}\N{CUNEIFORM SIGN AB}"
    with caplog.at_level(logging.WARNING, "segfeed"):
        for _ in range(2):
            assert printable(f"x {unwritten}\n\x00", families_for(unwritten)) == "x □□ □"
    assert len(caplog.messages) == 1
    assert "CUNEIFORM" in caplog.messages[0]
    assert "install a font" in caplog.messages[0]


@pytest.mark.parametrize("share", [0.000001, 0.1234, 0.99949, 0.0999, 1.0, 0.0])
@pytest.mark.slow
def test_a_number_has_air_between_it_and_its_bar(share):
    canvas = Canvas(100)
    line = canvas.write(0, 0, percent(share), 15)
    assert line.get_window_extent(canvas.canvas.get_renderer()).width <= NUMBER_PX - 8
