"""Frames of studies' films: charts that grow, pictures with their names, side by side under a title."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mbench.types import IntArray
from mbench.views.film_file import encode_film
from mbench.views.film_frames import draw_frames, plan_showing
from mbench.views.render.colours import BACKGROUND, DIM, TEXT
from mbench.views.render.page import plain_style
from mbench.views.render.stamp import Stamp
from mbench.views.study import style_axes

FPS = 12
N_HELD = 12  # frames that the last one is shown for: a second
CAPTION_HEIGHT = 40
_NAME_HEIGHT, _GAP, _MARGIN = 26, 8, 10  # pixels
_LETTERS, _NAME_LETTERS = 18, 14
_DPI = 100


class Chart:
    """Axes that are laid out once, and whose lines a film changes from frame to frame."""

    def __init__(self, rows: int, columns: int, size: tuple[int, int]) -> None:
        """size: (width, height) of the whole, in pixels."""
        with plain_style():
            inches = size[0] / _DPI, size[1] / _DPI
            self._figure = Figure(figsize=inches, dpi=_DPI, facecolor=BACKGROUND, layout="constrained")
            self._canvas = FigureCanvasAgg(self._figure)
            self.axes: list[Axes] = [
                style_axes(self._figure.add_subplot(rows, columns, place + 1)) for place in range(rows * columns)
            ]
        self._is_laid_out = False

    def picture(self) -> IntArray:
        """Return what it looks like now: (height, width, 3) uint8."""
        with plain_style():
            self._canvas.draw()
        if not self._is_laid_out:  # once: it takes longer than to draw, and axes that move from frame to frame flicker
            self._figure.set_layout_engine("none")
            self._is_laid_out = True
        return np.array(self._canvas.buffer_rgba(), dtype=np.uint8)[..., :3]


def enlarge(rgb: IntArray, times: int) -> IntArray:
    """Return a picture whose every pixel is a square of `times` pixels."""
    return rgb.repeat(times, axis=0).repeat(times, axis=1)


def name_picture(rgb: IntArray, words: str, colour: str = TEXT) -> IntArray:
    """Return a picture below its name, which is cut where it has no room."""
    page = _blank(_NAME_HEIGHT + rgb.shape[0], rgb.shape[1])
    page[_NAME_HEIGHT:] = rgb
    stamp = Stamp(page)
    baseline = _NAME_HEIGHT - 8
    stamp.words((2, baseline), stamp.cut(words, _NAME_LETTERS, rgb.shape[1] - 4), _NAME_LETTERS, colour)
    return stamp.pixels()


def lay_out(pictures: Sequence[IntArray], columns: int) -> IntArray:
    """Return pictures of any sizes in rows of `columns`, each at the top left of its place."""
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    widths = [max(row[k].shape[1] for row in rows if k < len(row)) for k in range(min(columns, len(pictures)))]
    page = _blank(sum(heights) + _GAP * (len(rows) + 1), sum(widths) + _GAP * (len(widths) + 1))
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for picture, width in zip(row, widths, strict=False):
            page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += width + _GAP
        top += height + _GAP
    return page


def write_study_film(path: Path, shots: Iterable[tuple[int | str, IntArray]], title: str) -> int:
    """Write frames as a film under a title, and return how many they were.

    shots: what is read beside the title, a step or words, and the picture. The last one stays for a second.
    """
    frames = [(number, _caption(rgb, title, reading)) for number, (reading, rgb) in enumerate(shots)]
    frames += frames[-1:] * N_HELD
    return encode_film(path, draw_frames(frames, plan_showing(None, None, None)), FPS)


def _caption(rgb: IntArray, title: str, reading: int | str) -> IntArray:
    page = _blank(CAPTION_HEIGHT + rgb.shape[0], rgb.shape[1])
    page[CAPTION_HEIGHT:] = rgb
    stamp = Stamp(page)
    words = reading if isinstance(reading, str) else f"step {reading:,}"
    right, baseline = rgb.shape[1] - _MARGIN, CAPTION_HEIGHT - 13
    room = right - stamp.length(words, _LETTERS) - 2 * _MARGIN
    stamp.words((_MARGIN, baseline), stamp.cut(title, _LETTERS, room, bold=True), _LETTERS, bold=True)
    stamp.words((right, baseline), words, _LETTERS, DIM, "rs")
    return stamp.pixels()


def _blank(rows: int, columns: int) -> IntArray:
    page = np.empty((rows, columns, 3), dtype=np.uint8)
    page[:] = np.round(255 * np.array(to_rgb(BACKGROUND)))
    return page
