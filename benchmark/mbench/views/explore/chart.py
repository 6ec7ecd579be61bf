"""Where tiles lie: a quadtree over a square of the task's plane, down to where float64 still tells pixels apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mbench.errors import UsageError
from mbench.suite.tasks import Task
from mbench.suite.tasks.looks import Pixels, Plane
from mbench.types import FloatArray

# 0.1 s of the 12 nearest neighbours: a tile under way is soon done, and what a request costs is small beside it.
TILE_PX = 128
FIRST_LEVELS = (0, 2, 3)
# The deepest pixels lie 2^-48 apart, eight of float64's numbers near 2. In a world of sides and corners like those
# below, every pixel centre is then a float64 exactly.
_FINEST_BIT = 48
_FINEST_BIT_OF_A_PICTURE = 6  # 64 samples across one of its pixels
_CORNER_BIT = 6


@dataclass(frozen=True, slots=True)
class Chart:
    """The square that can be visited, in the task's coordinates.

    left, top: its corner, in multiples of 2⁻⁶.  side: a power of two.  down: the sign by which the second coordinate
    grows down the screen, -1 in the plane, 1 for rows of pixels.  lower, upper: the task's window, which the sample
    fills; all around it a submission extrapolates.  max_level: of the smallest tiles.
    """

    kind: Literal["fractal", "image"]
    left: float
    top: float
    side: float
    down: int
    lower: tuple[float, float]
    upper: tuple[float, float]
    max_level: int

    @property
    def max_magnification(self) -> float:
        """How deep the smallest tiles go: the window's width over the width of eight of them, about a panel's."""
        return (self.upper[0] - self.lower[0]) / (8.0 * math.ldexp(self.side, -self.max_level))


@dataclass(frozen=True, slots=True)
class Tile:
    """One square of the quadtree: column and row at a level, of 2^level by 2^level. It has TILE_PX² pixels."""

    level: int
    column: int
    row: int


def make_chart(task: Task) -> Chart:
    """Return the chart of a task on the plane. Raises UsageError for a task that has no map to fly over."""
    match task.look:
        case Plane() as plane:
            lower, upper, finest = np.asarray(plane.lower), np.asarray(plane.upper), _FINEST_BIT
        case Pixels() as pixels:
            lower, finest = np.array([-0.5, -0.5]), _FINEST_BIT_OF_A_PICTURE
            upper = lower + np.array([pixels.width, pixels.height])
        case _:
            raise UsageError(f"{task.name}: has no map to fly over. Choose a fractal or a picture (see `mbench tasks`)")
    exponent = math.ceil(math.log2(1.5 * float(np.max(upper - lower))))
    side = math.ldexp(1.0, exponent)
    margin = (side - (upper - lower)) / 2.0
    window = (float(lower[0]), float(lower[1])), (float(upper[0]), float(upper[1]))
    max_level = exponent + finest - int(math.log2(TILE_PX))
    if isinstance(task.look, Pixels):
        left, top = lower - np.floor(margin)  # no tile's edge cuts a pixel
        return Chart("image", float(left), float(top), side, 1, *window, max_level)
    # A corner without low bits leaves them to the pixels.
    left, bottom = np.floor(np.ldexp(lower - margin, _CORNER_BIT)) / 2.0**_CORNER_BIT
    return Chart("fractal", float(left), float(bottom) + side, side, -1, *window, max_level)


def check_tile(chart: Chart, level: int, column: int, row: int) -> Tile:
    """Return a tile that was asked for. Raises ValueError where there is none."""
    if not 0 <= level <= chart.max_level or not (0 <= column < 1 << level and 0 <= row < 1 << level):
        raise ValueError(f"no tile {level}/{column}/{row}: there are levels 0 to {chart.max_level}")
    return Tile(level, column, row)


def first_tiles(chart: Chart) -> list[Tile]:
    """Return the tiles that a page opens with, as far as one can tell without its size, in the order it asks for them.

    A panel some 500 pixels wide shows the window in tiles of the third level, after coarser ones.
    """
    centre = 0.5 * (np.array(chart.lower) + np.array(chart.upper))
    across, down = abs(centre - (chart.left, chart.top)) / chart.side
    tiles = []
    for level in FIRST_LEVELS:
        n = 1 << level
        places = [(column, row) for column in range(n) for row in range(n)]
        places.sort(key=lambda place: math.hypot(place[0] + 0.5 - n * across, place[1] + 0.5 - n * down))
        tiles += [Tile(level, *place) for place in places]
    return tiles


def tile_side(chart: Chart, level: int) -> float:
    """Return how wide a tile of this level is, in the task's coordinates."""
    return math.ldexp(chart.side, -level)


def tile_corner(chart: Chart, tile: Tile) -> tuple[float, float]:
    """Return the task's coordinates of a tile's corner at the left and top of the screen."""
    side = tile_side(chart, tile.level)
    return chart.left + tile.column * side, chart.top + chart.down * tile.row * side


def tile_points(chart: Chart, tile: Tile) -> FloatArray:
    """Return the centres of a tile's pixels, row by row from the top left: (TILE_PX², 2) float64."""
    left, top = tile_corner(chart, tile)
    offset = (np.arange(TILE_PX) + 0.5) * (tile_side(chart, tile.level) / TILE_PX)
    x, y = left + offset, top + chart.down * offset
    return np.stack([np.tile(x, TILE_PX), np.repeat(y, TILE_PX)], axis=1)


def tile_truth(chart: Chart, task: Task, points: FloatArray) -> FloatArray:
    """Return the truth at points (m, 2): (m, k) float32; of a picture the nearest pixel's, and NaN outside it."""
    if chart.kind == "fractal":
        return task.truth(points)
    inside = np.all((points >= chart.lower) & (points < chart.upper), axis=1)
    truth = np.full((len(points), task.n_outputs), np.nan, dtype=np.float32)
    truth[inside] = task.truth(np.floor(points[inside] + 0.5))
    return truth
