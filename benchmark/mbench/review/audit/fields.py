"""Fractal fields without any rule: random at every scale, so that there is nothing to find but the sample itself.

Every octave of a field is a noise of its own, its values hashes of a secret: rough to 2⁻²⁰ of the window, and its own
mirror image, as the Mandelbrot set is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from mbench.types import FloatArray

KINDS = (
    "midpoint",  # a sum of noises, as midpoint displacement makes
    "cascade",  # each octave's noise is larger where the coarser ones are
    "ridges",  # a sum of noises with creases: random curves at every scale
    "coast",  # a disc whose points are displaced at every scale
)
N_OCTAVES = 20
_FLATTEN = 0.35  # how fast a field falls away from the window's middle


def height(points: FloatArray, kind: str, roughness: float, key: int) -> FloatArray:
    """Return a field's height at points (n, 2) of a window about 0 that is 3.8 wide: (n,).

    roughness: by how many octaves each octave is smaller than the one before (the Hurst exponent).  key: of its hashes.
    """
    heights = np.empty(len(points))
    _kernel()(np.ascontiguousarray(points), KINDS.index(kind), float(roughness), np.uint64(key), heights)
    return heights


@cache
def _kernel() -> Callable[..., None]:
    compile_ = njit(nogil=True, inline="always")

    def hashed(column, row, octave, key):  # type: ignore[no-untyped-def]
        """A number in [-1, 1): the finaliser of SplitMix64 (Steele, Lea & Flood, 2014)."""
        z = np.uint64(column) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(row) * np.uint64(0xC2B2AE3D27D4EB4F)
        z = z ^ np.uint64(octave) * np.uint64(0x165667B19E3779F9) ^ key
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-52 - 1.0

    hash_ = compile_(hashed)

    def noise(x, y, octave, key):  # type: ignore[no-untyped-def]
        """Values at whole numbers, and between them a fade whose slope and curvature vanish at its ends."""
        column, row = np.int64(math.floor(x)), np.int64(math.floor(y))
        s, t = x - column, y - row
        s, t = s * s * s * (s * (6.0 * s - 15.0) + 10.0), t * t * t * (t * (6.0 * t - 15.0) + 10.0)
        low, low_right = hash_(column, row, octave, key), hash_(column + 1, row, octave, key)
        high, high_right = hash_(column, row + 1, octave, key), hash_(column + 1, row + 1, octave, key)
        return (low + (low_right - low) * s) * (1.0 - t) + (high + (high_right - high) * s) * t

    noise_ = compile_(noise)

    def half(x, y, kind, roughness, key):  # type: ignore[no-untyped-def]
        total, across = 0.0, 0.0
        for octave in range(N_OCTAVES):
            # Turned by an angle of its own, so that no two octaves' lattices agree.
            scale, c, s = 1.37 * 2.0**octave, math.cos(1.0 + 2.4 * octave), math.sin(1.0 + 2.4 * octave)
            u, v = scale * (c * x - s * y) + 17.3 * octave, scale * (s * x + c * y) + 5.1 * octave
            size = 2.0 ** (-roughness * octave)
            value = noise_(u, v, octave, key)
            if kind == 1:
                value *= 0.4 + 1.2 * abs(total)
            elif kind == 2:
                value = 1.0 - 2.0 * abs(value)
            elif kind == 3:
                across += size * noise_(u, v, octave + N_OCTAVES, key)
            total += size * value
        if kind == 3:
            return -math.hypot(x + 0.5 * total, y + 0.5 * across)
        return total

    half_ = njit(nogil=True)(half)

    def kernel(points, kind, roughness, key, heights):  # type: ignore[no-untyped-def]
        for i in range(len(points)):
            x, y = points[i, 0], points[i, 1]
            both = 0.5 * (half_(x, y, kind, roughness, key) + half_(x, -y, kind, roughness, key))
            heights[i] = both if kind == 3 else both - _FLATTEN * (x * x + y * y)

    return _compile(kernel)


def _compile(kernel: Callable[..., None]) -> Any:
    try:
        return njit(nogil=True, cache=True)(kernel)
    except RuntimeError:  # no directory that numba may cache in: compile once per process instead
        return njit(nogil=True)(kernel)
