"""Letters that matplotlib's own font lacks: drawn by a font of the machine's where it has one, else said."""

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from mbench.results.kept import listening
from mbench.views.render import fonts
from mbench.views.render.page import Page, plain_style, shorten
from mbench.views.render.stamp import Stamp

NAME = "深い"  # neither of which DejaVu Sans has


@pytest.fixture
def machine(monkeypatch):
    """A machine with no font but matplotlib's own."""
    own = [font for font in font_manager.fontManager.ttflist if font.name.startswith("DejaVu")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    return font_manager.fontManager


@pytest.fixture
def chinese(machine, tmp_path):
    """A machine with a font whose letters are solid squares, as wide as they are high."""
    builder = FontBuilder(1000, isTTF=True)
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 1000), (1000, 1000), (1000, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(letter): "square" for letter in NAME})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": fonts._OF_MACHINES[0], "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    builder.save(tmp_path / "chinese.ttf")
    machine.addfont(tmp_path / "chinese.ttf")


def on_page(words):
    with plain_style():
        page = Page(200, 60)
        page.text(10, 50, words, 40, color="#ffffff")
        return page.pixels()


def stamped(words):
    stamp = Stamp(np.zeros((60, 200, 3), dtype=np.uint8))
    stamp.words((10, 50), words, 40, color="#ffffff", bold=True)
    return stamp.pixels()


def lit(picture):
    """How many pixels are as bright as letters are."""
    return int((picture.min(axis=-1) > 200).sum())


@pytest.mark.parametrize("draw", [on_page, stamped])
def test_a_chinese_name_is_drawn_by_a_font_that_has_it(chinese, draw):
    with listening() as heard:
        drawn = draw(NAME)
    assert heard == []
    assert lit(drawn[15:45, 15:85]) == 30 * 70  # two squares of forty pixels, side by side
    assert lit(drawn[:, 95:]) == 0


@pytest.mark.parametrize("draw", [on_page, stamped])
def test_a_letter_that_no_font_has_is_a_box_and_is_said(machine, draw):
    with listening() as heard:
        drawn = draw(NAME)
    assert (drawn == draw("□□")).all()
    assert set(heard) == {fonts.tell_missing(NAME)}
    assert all(letter in heard[0] for letter in NAME)
    assert "fonts-noto-cjk" in heard[0]


def test_our_own_letters_are_drawn_by_our_own_font_whatever_the_machine_has(chinese, monkeypatch):
    with_chinese = on_page("knn é"), stamped("knn é")
    monkeypatch.setattr(fonts, "_OF_MACHINES", ())
    assert all(
        (one == other).all() for one, other in zip(with_chinese, (on_page("knn é"), stamped("knn é")), strict=True)
    )


def test_words_are_as_long_as_they_are_drawn_and_end_where_they_should(chinese):
    stamp = Stamp(np.zeros((60, 200, 3), dtype=np.uint8))
    assert stamp.length(f"a{NAME}a", 40) == pytest.approx(80 + 2 * stamp.length("a", 40), abs=2)
    stamp.words((190, 50), NAME, 40, color="#ffffff", anchor="rs")
    assert lit(stamp.pixels()[15:45, 115:185]) == 30 * 70


def test_wide_letters_are_cut_off_sooner(chinese):
    assert shorten("a" * 20, 20) == "a" * 20
    cut = shorten("深" * 20, 20)
    assert cut.endswith("…")
    assert 8 <= len(cut) <= 13
