"""The colours of every picture: what a value looks like, what an error looks like, and the page about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap

from mbench.types import FloatArray, IntArray

BACKGROUND = "#15151c"
RAISED = "#1d1d26"
TEXT = "#eceaf2"
DIM = "#a3a1b3"
RULE = "#3a3a48"
FAINT = "#6f6d80"
SERIES = ("#f7a072", "#5ec8c0", "#c792ea", "#f4d35e", "#7aa6f9", "#ef6f8f", "#9bd770", "#d0d0d8")

N_HIGHLIGHTED = 7  # as many hues as are told apart at a glance

VALUE_COLOURS = colormaps["magma"]
VALUE_POWER = 0.75  # of what is shown: most of the outside lies below 0.1, most of a deep window above 0.4
VALUE_TICKS = [(v**VALUE_POWER, f"{v:g}") for v in (0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)]
# seaborn's mako, by eight of its colours: its lightness rises evenly, and nobody takes it for magma.
ERROR_COLOURS = LinearSegmentedColormap.from_list(
    "error", ["#0b0405", "#2e1e3b", "#413d7b", "#37659e", "#348fa7", "#40b7ad", "#8bdab2", "#def5e5"]
)


@dataclass(frozen=True, slots=True)
class Look:
    """How the line of one method is drawn. width: in points.  order: higher lies above."""

    colour: str
    dashes: str
    width: float
    order: int

    @property
    def words(self) -> str:
        """The colour of the method's name."""
        return DIM if self.colour == FAINT else self.colour


def tell_apart(names: Sequence[str], yardstick: str = "") -> dict[str, Look]:
    """Return the look of each method. names: best first; the first ones have a hue, the rest are grey.

    yardstick: the one that others are held against, dashed in white wherever it stands.
    """
    others = [name for name in names if name != yardstick]
    looks = {yardstick: Look(TEXT, "--", 3.0, 60)}
    for place, name in enumerate(others):
        is_high = place < N_HIGHLIGHTED
        looks[name] = Look(SERIES[place], "-", 2.8, 50 - place) if is_high else Look(FAINT, "-", 1.3, 10)
    return {name: looks[name] for name in names}


@dataclass(frozen=True, slots=True)
class ErrorScale:
    """Errors from 0 to `limit` and beyond; their square root is what is shown, so that small ones can be seen."""

    limit: float
    marks: tuple[float, ...]

    def paint(self, error: FloatArray) -> IntArray:
        """Return the colours of errors (...): (..., 3) uint8."""
        return paint(np.sqrt(error / self.limit), ERROR_COLOURS)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where the marks lie on the colour bar, and their names."""
        return [(float(np.sqrt(e / self.limit)), f"{e:g}") for e in self.marks] + [(1.0, f"≥ {self.limit:g}")]


# The same for every submission, so that two pictures can be held side by side.
VALUE_ERRORS = ErrorScale(0.5, (0.0, 0.01, 0.05, 0.1, 0.2))
DISTANCE_ERRORS = ErrorScale(0.1, (0.0, 0.002, 0.01, 0.02, 0.05))  # the bounding box's diagonal is 1


def paint(values: FloatArray, cmap: Colormap) -> IntArray:
    """Return the colours of values, clipped to [0, 1]: (..., 3) uint8."""
    return cmap(np.clip(values, 0.0, 1.0), bytes=True)[..., :3]


def paint_values(values: FloatArray) -> IntArray:
    """Return the colours of escape values (...), clipped to [0, 1]: (..., 3) uint8."""
    return paint(np.clip(values, 0.0, 1.0) ** VALUE_POWER, VALUE_COLOURS)


def paint_photo(values: FloatArray) -> IntArray:
    """Return colours (..., 3), clipped to [0, 1], as uint8."""
    return np.round(255.0 * np.clip(values, 0.0, 1.0)).astype(np.uint8)
