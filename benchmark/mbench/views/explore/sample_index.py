"""Where a submission's training points lie: those of a tile, and how far the nearest one is."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from mbench.types import FloatArray
from mbench.views.explore.chart import Chart, Tile, tile_corner, tile_side

MAX_PER_TILE = 1_024


class SampleIndex:
    """The training points of one result, in the task's coordinates."""

    def __init__(self, points: FloatArray) -> None:
        """points: (n, 2) float64, in the order of the sample."""
        self._points = points
        self._by_x = np.argsort(points[:, 0], kind="stable")
        self._x = points[self._by_x, 0]
        self._tree = KDTree(points)

    def within(self, chart: Chart, tile: Tile) -> tuple[FloatArray, int]:
        """Return the tile's first MAX_PER_TILE points (m, 2), and how many there are.

        A sample's beginning is a sample as well, so what is shown of a crowded tile is even.
        """
        side = tile_side(chart, tile.level)
        left, edge = tile_corner(chart, tile)
        bottom = edge if chart.down > 0 else edge - side
        rows = self._by_x[slice(*np.searchsorted(self._x, (left, left + side)))]
        y = self._points[rows, 1]
        rows = np.sort(rows[(bottom <= y) & (y < bottom + side)])
        return self._points[rows[:MAX_PER_TILE]], len(rows)

    def distance(self, x: float, y: float) -> float:
        """Return how far the nearest training point is."""
        return float(self._tree.query((x, y))[0])
