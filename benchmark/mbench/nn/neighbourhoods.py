"""The nearest points of a sample about other points, or about its own, each then left out of its own neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from mbench.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """Neighbours of n points, the nearest first: offset (n, m, d), distance (n, m), label (n, m)."""

    offset: FloatArray
    distance: FloatArray
    label: FloatArray

    def __post_init__(self) -> None:
        """Raise ValueError where the shapes do not fit each other."""
        if self.offset.shape[:2] != self.distance.shape or self.distance.shape != self.label.shape:
            raise ValueError(
                f"Neighbourhoods: shapes {self.offset.shape}, {self.distance.shape} and {self.label.shape}, "
                "expected (n, m, d), (n, m) and (n, m)"
            )

    def nearest(self, m: int) -> Neighbourhoods:
        """Return the m nearest neighbours of every point."""
        return Neighbourhoods(self.offset[:, :m], self.distance[:, :m], self.label[:, :m])


def reflect(X: FloatArray, normals: Iterable[FloatArray]) -> FloatArray:
    """Return X (n, d) and below it its images in every mirror through 0 and in those before it: (2^m n, d).

    normals: the m mirrors' unit normals (d,).
    """
    for normal in normals:
        X = np.concatenate([X, X - 2.0 * (X @ normal)[:, None] * normal])
    return np.ascontiguousarray(X)


class Surroundings:
    """A sample with its images in mirrors, to be asked for neighbourhoods; a share of it may be left out."""

    def __init__(
        self, X: FloatArray, y: FloatArray, normals: Iterable[FloatArray] = (), keep: BoolArray | None = None
    ) -> None:
        """X: (n, d).  y: (n,).  keep: (2^m n,), which of the points and their images there are; None for all."""
        points = reflect(X, normals)
        self._n_images = len(points) // len(X)
        self._row = np.tile(np.arange(len(X)), self._n_images)
        if keep is not None:
            points, self._row = points[keep], self._row[keep]
        self._points, self._labels = points, y[self._row]
        self._tree = KDTree(points)

    def about(self, X: FloatArray, m: int, rows: IntArray | None = None) -> Neighbourhoods:
        """Return the m nearest of all points about X (q, d), fewer where there are fewer.

        rows: (q,) of the sample that X is; none is its own neighbour, nor is its image.
        """
        asked = min(m + (0 if rows is None else self._n_images), len(self._points))
        found: Any = self._tree.query(X, asked)  # scipy's types mix distances and places
        distance, index = (each.reshape(len(X), asked) for each in found)
        if rows is not None:
            own = self._row[index] == rows[:, None]
            left = min(m, max(1, asked - self._n_images))
            order = np.argsort(own, axis=1, kind="stable")[:, :left]  # its own and its images' places go last
            index, distance = np.take_along_axis(index, order, axis=1), np.take_along_axis(distance, order, axis=1)
        return Neighbourhoods(self._points[index] - X[:, None], distance, self._labels[index])
