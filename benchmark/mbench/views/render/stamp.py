"""Words and pictures put onto pixels: what changes from frame to frame, where drawing a whole page would be slow."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mbench.types import IntArray
from mbench.views.render.colours import BACKGROUND, TEXT
from mbench.views.render.fonts import printable, split_by_font
from mbench.views.render.page import Box


class Stamp:
    """A copy of a page's pixels to put things on; (0, 0) is the top left."""

    def __init__(self, page: IntArray) -> None:
        """page: (height, width, 3) uint8, left as it is."""
        self._picture = Image.fromarray(page)
        self._draw = ImageDraw.Draw(self._picture)

    def words(
        self, at: tuple[float, float], words: str, size: int, color: str = TEXT, anchor: str = "ls", bold: bool = False
    ) -> None:
        """Write words at (x, y), their baseline at y.

        anchor: "ls", "ms" or "rs", for x at their left end, middle or right end.  size: of the letters, in pixels.
        """
        x, y = at
        x -= {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * self.length(words, size, bold)
        for run, path in split_by_font(words, bold):
            self._draw.text((x, y), run, color, _font(path, size), f"l{anchor[1]}")
            x += self._draw.textlength(run, _font(path, size))

    def cut(self, words: str, size: int, room: float, bold: bool = False) -> str:
        """Return as much of words as has room, in pixels, with an ellipsis where some are left out."""
        for kept in range(len(words) - 1, 0, -1):
            if self.length(words, size, bold) <= room:
                break
            words = f"{words[:kept]}…"
        return words

    def wrap(self, words: str, size: int, room: float, *, most: int, bold: bool = False) -> list[str]:
        """Return words as lines that have room, broken at spaces: `most` of them, the last one cut if it must be."""
        lines = [""]
        for word in printable(words).split():
            longer = f"{lines[-1]} {word}".strip()
            if not lines[-1] or len(lines) == most or self.length(longer, size, bold) <= room:
                lines[-1] = longer
            else:
                lines.append(word)
        return [self.cut(line, size, room, bold) for line in lines]

    def fit(self, words: str, size: int, room: float, bold: bool = False) -> int:
        """Return the size at which words have room: the one given, or smaller, down to three fifths of it."""
        least = max(6, round(0.6 * size))
        while size > least and self.length(words, size, bold) > room:
            size -= 1
        return size

    def length(self, words: str, size: int, bold: bool = False) -> float:
        """Return how long words are in pixels."""
        return sum(self._draw.textlength(run, _font(path, size)) for run, path in split_by_font(words, bold))

    def raster(self, box: Box, rgb: IntArray) -> None:
        """Place rgb (rows, columns, 3) uint8 in the middle of a box, whose rest is the background."""
        left, top, width, height = box
        self._draw.rectangle((left, top, left + width - 1, top + height - 1), BACKGROUND)
        corner = left + (width - rgb.shape[1]) // 2, top + (height - rgb.shape[0]) // 2
        self._picture.paste(Image.fromarray(rgb), corner)

    def bar(self, box: Box, color: str) -> None:
        """Fill a box."""
        left, top, width, height = box
        self._draw.rectangle((left, top, left + width - 1, top + height - 1), color)

    def pixels(self) -> IntArray:
        """Return what it is now: (height, width, 3) uint8."""
        return np.asarray(self._picture)


def reveal(empty: IntArray, full: IntArray, chart: Box, along: int) -> IntArray:
    """Return a page with its chart drawn up to here.

    empty, full: the page without and with the chart's curves.  along: in pixels from the page's left.
    """
    left, top, _, height = chart
    page = empty.copy()
    page[top : top + height, left:along] = full[top : top + height, left:along]
    return page


@cache
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
