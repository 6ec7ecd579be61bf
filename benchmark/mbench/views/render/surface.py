"""A lit picture of a surface given as a grid of points: what is in front, and which way it faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from mbench.types import FloatArray, IntArray

SUPERSAMPLING = 2
_LIGHT = np.array([-0.45, 0.65, 0.61])  # from the upper left, in front; the viewer looks along -z
_AMBIENT, _DIFFUSE, _GLOSS = 0.22, 0.80, 0.16
_MARGIN = 1.06
_MOST_LAYERS = 30


@dataclass(frozen=True, slots=True)
class View:
    """Where to look from, without perspective.

    axes: (3, 3), its columns the directions rightwards, upwards and towards the viewer.  centre: (3,), along these
    axes, what is in the middle.  radius: from there to the picture's edge.
    """

    axes: FloatArray
    centre: FloatArray
    radius: float

    @classmethod
    def fitting(cls, xyz: FloatArray, azimuth: float, elevation: float) -> View:
        """Return the view from these angles, in degrees, that holds all of xyz (..., 3) and a margin around it."""
        a, e = np.radians([azimuth, elevation])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        towards = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
        axes = np.stack([right, np.cross(towards, right), towards], axis=1)
        seen = (xyz @ axes).reshape(-1, 3)
        low, high = seen.min(axis=0), seen.max(axis=0)
        return cls(axes, (low + high) / 2, float(_MARGIN * (high - low)[:2].max() / 2))

    def project(self, xyz: FloatArray) -> FloatArray:
        """Return points (..., 3) as seen: rightwards, upwards and nearness, the picture's edges at -1 and 1."""
        # A prediction may lie anywhere; past this it is far outside the picture.
        return np.clip((np.clip(xyz, -1e6, 1e6) @ self.axes - self.centre) / self.radius, -4.0, 4.0)


def draw_surface(
    xyz: FloatArray,
    view: View,
    size: int,
    paint: Callable[[FloatArray, FloatArray, FloatArray], FloatArray],
    background: FloatArray,
    values: FloatArray | None = None,
) -> IntArray:
    """Return a square picture of a surface, lit from the upper left, hidden parts removed: (size, size, 3) uint8.

    xyz: (rows, columns, 3).  paint(v, u, values): colours (n, 3) in [0, 1] of n points, v and u being their places in
    the grid, in [0, 1].  values: (rows, columns), anything else that `paint` needs.  background: (3,) in [0, 1].
    """
    rows, columns = xyz.shape[:2]
    seen = view.project(xyz.astype(np.float64))
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    carried = np.zeros((rows, columns)) if values is None else values
    corners = np.dstack([seen, _normals(seen), v, u, carried])
    side = size * SUPERSAMPLING
    corners[..., 0] = (corners[..., 0] + 1.0) * (side / 2)
    corners[..., 1] = (1.0 - corners[..., 1]) * (side / 2)
    corners = _thin(corners, side)

    front = np.zeros((side, side, corners.shape[2] - 2), dtype=np.float32)
    front[..., 0] = -np.inf
    _kernel()(corners, front)
    picture = np.tile(np.asarray(background, dtype=np.float32), (side, side, 1))
    hit = front[..., 0] > -np.inf
    nearest = front[hit]
    picture[hit] = _light(nearest[:, 1:4], paint(*nearest[:, 4:].T))
    smooth = picture.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3).mean(axis=(1, 3))
    return np.round(255.0 * smooth).astype(np.uint8)


def _thin(corners: FloatArray, side: int) -> FloatArray:
    """Return the grid, its rows and columns thinned out where drawing every cell would take minutes.

    A surface covers its picture a few times over; noise covers it once per cell.
    """
    across, down = corners[1:, 1:, :2] - corners[:-1, :-1, :2], corners[1:, :-1, :2] - corners[:-1, 1:, :2]
    area = np.abs(across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]) / 2
    step = int(np.ceil(np.sqrt(np.minimum(area, side**2).sum() / (_MOST_LAYERS * side**2))))
    return np.ascontiguousarray(corners[:: max(1, step), :: max(1, step)])


def _normals(seen: FloatArray) -> FloatArray:
    """Return unit normals (rows, columns, 3); zero where the grid is pinched to a point, as at a sphere's poles."""
    normal = np.cross(np.gradient(seen, axis=0), np.gradient(seen, axis=1))
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return normal / np.where(length > 0.0, length, 1.0)


def _light(normal: FloatArray, colour: FloatArray) -> FloatArray:
    """Return colours (n, 3) under the light, both sides of the surface alike (Blinn & Phong's shading)."""
    light = _LIGHT / np.linalg.norm(_LIGHT)
    halfway = light + np.array([0.0, 0.0, 1.0])
    length = np.sqrt(np.einsum("ij,ij->i", normal, normal))
    towards = np.copysign(1.0, normal[:, 2]) / np.maximum(length, 1e-9)
    # Wrapped around, so that what faces away from the light keeps its shape (Valve's "half Lambert").
    diffuse = ((normal @ light) * towards * 0.5 + 0.5) ** 1.5
    gloss = np.maximum((normal @ (halfway / np.linalg.norm(halfway))) * towards, 0.0) ** 30
    return np.clip(colour * (_AMBIENT + _DIFFUSE * diffuse)[:, None] + _GLOSS * gloss[:, None], 0.0, 1.0)


@cache
def _kernel() -> Any:
    try:
        return njit(cache=True)(_fill)
    except RuntimeError:  # no directory that numba may cache in: compile once per process instead
        return njit(_fill)


def _fill(corners, front):  # type: ignore[no-untyped-def]
    """Draw each cell of the grid as two triangles, row of pixels by row of pixels, keeping what is nearest.

    corners: (rows, columns, 3 + k): x and y in pixels, nearness, and k values to interpolate.
    front: (side, side, 1 + k), updated: nearness and values of the nearest point of each pixel.
    """
    rows, columns, n = corners.shape
    side = front.shape[0]
    for cell in range((rows - 1) * (columns - 1) * 2):
        i, j = divmod(cell // 2, columns - 1)
        a = corners[i, j + 1]
        b = corners[i + 1, j]
        c = corners[i, j] if cell % 2 == 0 else corners[i + 1, j + 1]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-12:
            continue
        top = max(0, int(np.ceil(min(a[1], b[1], c[1]) - 0.5)))
        bottom = min(side - 1, int(np.floor(max(a[1], b[1], c[1]) - 0.5)))
        for y in range(top, bottom + 1):
            py = y + 0.5
            left, right = 0.0, side - 1.0
            # Each weight is a line in x; the pixels of this row lie where none is negative.
            for k in range(3):
                p, q = (b, c) if k == 0 else ((c, a) if k == 1 else (a, b))
                slope = -(q[1] - p[1]) / area
                start = ((q[0] - p[0]) * (py - p[1]) + (q[1] - p[1]) * p[0]) / area + 0.5 * slope
                if slope > 0.0:
                    left = max(left, np.ceil(-start / slope - 1e-9))
                elif slope < 0.0:
                    right = min(right, np.floor(-start / slope + 1e-9))
                elif start < 0.0:
                    right = -1.0
            for x in range(int(left), int(right) + 1):
                px = x + 0.5
                wb = ((px - a[0]) * (c[1] - a[1]) - (py - a[1]) * (c[0] - a[0])) / area
                wc = ((b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])) / area
                near = a[2] + wb * (b[2] - a[2]) + wc * (c[2] - a[2])
                if near > front[y, x, 0]:
                    front[y, x, 0] = near
                    for k in range(3, n):
                        front[y, x, k - 2] = a[k] + wb * (b[k] - a[k]) + wc * (c[k] - a[k])
