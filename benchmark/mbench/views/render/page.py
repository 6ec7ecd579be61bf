"""A page to draw on: pixel coordinates from the top left, one look, and PNG files that are the same every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mbench.disk import Draft
from mbench.types import IntArray
from mbench.views.render.colours import BACKGROUND, DIM, RAISED, RULE, TEXT, paint
from mbench.views.render.fonts import font_families, letters_wide, printable

_FIT = "mbench-fit"
_DPI = 100
_STYLE = RLock()  # matplotlib's settings belong to the whole process

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands over a picture, and what it is of.

    title: the method.  subtitle: task, sample size and scores.  fit: `Record.fit_id` of the cell that was asked, kept
    in the file.
    """

    title: str
    subtitle: str = ""
    fit: str = ""


class Page:
    """A picture of width x height pixels under construction. A box is (left, top, width, height) in pixels."""

    def __init__(self, width: int, height: int) -> None:
        """width, height: in pixels."""
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=BACKGROUND)
        self._canvas = FigureCanvasAgg(self._figure)

    def text(
        self, x: float, y: float, words: str, size: float = 24, color: str = TEXT, backed: bool = False, **style: Any
    ) -> None:
        """Write words with their baseline's left end at (x, y).

        size: of the letters, in pixels.  backed: on a dark ground, to be read on a picture.  style: as for matplotlib's
        `Text` (ha, va, rotation, weight).
        """
        ground = {"facecolor": "#000000a0", "edgecolor": "none", "pad": 3} if backed else None
        style = {"va": "baseline", "parse_math": False, "bbox": ground, **style}
        self._figure.text(
            x / self.width, 1 - y / self.height, printable(words), fontsize=to_points(size), color=color, **style
        )

    def heading(self, left: float, title: str, subtitle: str) -> None:
        """Write at the top what the page shows, each on one line, cut off where it would run out of the page."""
        room = self.width - 2 * left
        self.text(left, 70, shorten(title, room / (0.75 * 46)), 46, weight="bold")
        self.text(left, 114, shorten(subtitle, room / (0.6 * 25)), 25, DIM)

    def raster(self, box: Box, rgb: IntArray) -> None:
        """Place rgb (rows, columns, 3) uint8 in a box: as it is where it fits, else scaled by nearest pixel."""
        left, top, width, height = box
        if rgb.shape[:2] != (height, width):
            rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.NEAREST))
        self._figure.figimage(rgb, xo=left, yo=self.height - top - height, origin="upper")

    def frame(self, box: tuple[float, float, float, float], color: str, width: float = 1.5) -> None:
        """Outline a box; width: of the line, in pixels."""
        left, top, w, h = box
        corner = (left, self.height - top - h)
        outline = Rectangle(corner, w, h, fill=False, edgecolor=color, linewidth=to_points(width), transform=None)
        self._figure.add_artist(outline)

    def colour_bar(self, box: Box, cmap: Colormap, ticks: Sequence[tuple[float, str]], label: str) -> None:
        """Draw a horizontal colour bar, its label to the left; ticks: (place along the bar in [0, 1], words)."""
        left, top, width, height = box
        ramp = paint(np.linspace(0, 1, width), cmap)
        self.raster(box, np.repeat(ramp[None], height, axis=0))
        self.frame(box, RULE, 1)
        self.text(left - 16, top + height - 4, label, 22, DIM, ha="right")
        for place, words in ticks:
            self.text(left + place * width, top + height + 25, words, 20, DIM, ha="center")

    def axes(self, box: Box, xlabel: str = "", ylabel: str = "") -> Axes:
        """Return axes that fill a box, in the page's look."""
        left, top, width, height = box
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self._figure.add_axes(place, facecolor=RAISED)
        axes.tick_params(colors=DIM, labelsize=to_points(22), length=0, pad=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
        axes.grid(color=RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel(xlabel, color=DIM, fontsize=to_points(23), labelpad=8)
        axes.set_ylabel(ylabel, color=DIM, fontsize=to_points(23), labelpad=10)
        return axes

    def pixels(self) -> IntArray:
        """Return the page as it is now: (height, width, 3) uint8."""
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def save(self, path: Path | str, fit: str = "") -> Path:
        """Write the page as a PNG, in one step, and return its path. The same page gives the same bytes.

        fit: `Record.fit_id` of what is drawn, kept in the file for `read_fit`.
        """
        path = Path(path)
        picture = Image.fromarray(self.pixels())
        notes = PngInfo()  # Pillow writes neither a date nor its own name
        if fit:
            notes.add_text(_FIT, fit)
        with Draft(path) as draft:
            picture.save(draft.file, format="PNG", compress_level=6, pnginfo=notes)
            draft.publish()  # not settled: what a loss of power damages is drawn again
        return path


def read_fit(path: Path) -> str:
    """Return the `Record.fit_id` that a picture was drawn from; "" for one that is missing, damaged or nobody's."""
    try:
        with Image.open(path) as picture:
            return str(picture.info.get(_FIT, ""))
    except OSError:
        return ""


def to_points(size: float) -> float:
    """Return a length in pixels in matplotlib's unit."""
    return size * 72 / _DPI


def shorten(words: str, letters: float) -> str:
    """Return words, cut off past the room of so many letters."""
    if letters_wide(words) <= letters:
        return words
    kept = max(1, int(letters) - 1)
    while kept > 1 and letters_wide(words[:kept]) > letters - 1:
        kept -= 1
    return words[:kept] + "…"


@contextmanager
def plain_style() -> Iterator[None]:
    """Hold a person's matplotlibrc and notebook styles off, so that a page looks the same for everybody.

    One page is drawn at a time, whatever the number of threads.
    """
    plain: dict[Any, Any] = {
        k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(("backend", "interactive"))
    }
    plain["font.family"] = font_families()
    with _STYLE, matplotlib.rc_context(plain):
        yield
