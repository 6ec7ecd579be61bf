"""The cards that a film begins and ends with, and the heading over all that lies between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb

from mbench.types import IntArray
from mbench.views.render.colours import BACKGROUND, DIM, RULE, TEXT
from mbench.views.render.sheet import Sheet
from mbench.views.render.stamp import Stamp

_TITLE, _SENTENCE, _ROW, _FOOT = 88, 44, 40, 30
_HEAD_TITLE, _HEAD_SENTENCE = 44, 28
_PITCH = 1.55  # of a row, by its letters
_SHRINKS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a card. words: on the left.  value: on the right.  colour: of the words."""

    words: str
    value: str = ""
    colour: str = TEXT


@dataclass(frozen=True, slots=True)
class Card:
    """A still of words.

    title: what it is.  sentence: for somebody who knows nothing of it.  rows: what is seen, or what came of it.
    foot: lines at the bottom.
    """

    title: str
    sentence: str
    rows: tuple[Row, ...] = ()
    foot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Layout:
    """Sizes of a card's letters, the gap between its parts, the lines they make, and how high all of it is."""

    title: int
    sentence: int
    row: int
    gap: int
    titles: list[str]
    sentences: list[str]
    height: int


def _arrange(stamp: Stamp, sheet: Sheet, card: Card, room: float, shrink: float) -> _Layout:
    title, sentence, row = (round(shrink * sheet.size(each)) for each in (_TITLE, _SENTENCE, _ROW))
    gap = round(shrink * sheet.px(44))
    titles = stamp.wrap(card.title, title, room, most=3, bold=True)
    sentences = stamp.wrap(card.sentence, sentence, room, most=6)
    height = round(1.15 * title) * len(titles) + gap + round(1.4 * sentence) * len(sentences)
    height += (gap + sheet.px(20) + round(_PITCH * row) * len(card.rows)) if card.rows else 0
    return _Layout(title, sentence, row, gap, titles, sentences, height)


def draw_card(sheet: Sheet, card: Card) -> IntArray:
    """Return a card: (height, width, 3) uint8.

    Letters are smaller where there is much to say; what has no room even so is cut, with an ellipsis.
    """
    stamp = Stamp(blank(sheet))
    left, room = sheet.margin + sheet.px(24), sheet.room - sheet.px(48)
    foot = sheet.size(_FOOT)
    feet = [line for words in card.foot for line in stamp.wrap(words, foot, room, most=2)]
    below = sheet.height - 2 * sheet.margin - round(1.5 * foot) * len(feet)
    layouts = [_arrange(stamp, sheet, card, room, shrink) for shrink in _SHRINKS]
    chosen = next((layout for layout in layouts if layout.height <= below), layouts[-1])
    title, sentence, size, gap = chosen.title, chosen.sentence, chosen.row, chosen.gap
    y = sheet.margin + max(0, (below - chosen.height) // 2)
    for line in chosen.titles:
        y += round(1.15 * title)
        stamp.words((left, y - round(0.2 * title)), line, title, bold=True)
    y += gap // 2
    for line in chosen.sentences:
        y += round(1.4 * sentence)
        stamp.words((left, y), line, sentence, DIM)
    if card.rows:
        y += gap
        stamp.bar((left, y, room, max(1, sheet.px(2))), RULE)
        y += sheet.px(20)
    for row in card.rows:
        y += round(_PITCH * size)
        reserved = stamp.length(row.value, size) + sheet.px(30) if row.value else 0
        words = stamp.cut(row.words, size, room - reserved, bold=bool(row.value))
        stamp.words((left, y), words, size, row.colour, bold=bool(row.value))
        stamp.words((left + room, y), row.value, size, TEXT, "rs")
    y = sheet.height - sheet.margin - round(1.5 * foot) * (len(feet) - 1)
    for line in feet:
        stamp.words((left, y), line, foot, DIM)
        y += round(1.5 * foot)
    return stamp.pixels()


def draw_heading(stamp: Stamp, sheet: Sheet, title: str, sentence: str) -> int:
    """Write a film's title and its sentence at the top, and return the line below them."""
    size, small = sheet.size(_HEAD_TITLE), sheet.size(_HEAD_SENTENCE)
    if not sheet.is_tall:  # on one line: smaller letters come before an ellipsis
        size = stamp.fit(title, size, sheet.room, bold=True)
    y = sheet.margin + round(0.8 * size)
    for number, line in enumerate(stamp.wrap(title, size, sheet.room, most=2 if sheet.is_tall else 1, bold=True)):
        y += round(1.15 * size) if number else 0
        stamp.words((sheet.margin, y), line, size, bold=True)
    y += sheet.px(8)
    for line in stamp.wrap(sentence, small, sheet.room, most=4 if sheet.is_tall else 3):
        y += round(1.35 * small)
        stamp.words((sheet.margin, y), line, small, DIM)
    return y + sheet.px(24)


def blank(sheet: Sheet) -> IntArray:
    """Return an empty frame: (height, width, 3) uint8."""
    page = np.empty((sheet.height, sheet.width, 3), dtype=np.uint8)
    page[:] = np.round(255 * np.array(to_rgb(BACKGROUND)))
    return page
