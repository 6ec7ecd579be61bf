"""Smooth invertible maps of a window onto itself, drawn under a secret."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mbench.suite.sampler import uniform_rows
from mbench.types import FloatArray, IntArray

N_MODES = 3  # waves along each side
CONTRACTION = 0.75  # of the displacement, by its bound; below 1 the warp is invertible
_INVERSE_STEPS = 128  # 0.75^128 = 1e-16


@dataclass(frozen=True, slots=True)
class Warp:
    """φ(p) = p + size · u((p - lower) / size), u_k(s) = Σ_ij a_kij sin(iπ s_x) sin(jπ s_y): onto the window and back.

    amplitude: (2, N_MODES, N_MODES), a_kij.  lower, upper: (2,), the window's corners.

    u vanishes on the window's edge, so φ maps it onto itself. Its slope is at most π Σ_ij |a_ij| max(i, j), which is
    `CONTRACTION`; that being below 1, φ is one to one, and p ↦ q - size · u(p) contracts to φ⁻¹(q).
    """

    amplitude: FloatArray
    lower: FloatArray
    upper: FloatArray

    def __post_init__(self) -> None:
        """Check that the warp can be undone."""
        if not self.lipschitz < 1.0:
            raise ValueError(f"the displacement's slope is bounded by {self.lipschitz:.3g}, expected less than 1")

    @property
    def lipschitz(self) -> float:
        """The bound on the displacement's slope, in the window's own units."""
        wave = np.arange(1, self.amplitude.shape[1] + 1)
        return float(np.pi * (np.hypot(*self.amplitude) * np.maximum.outer(wave, wave)).sum())

    def __call__(self, points: FloatArray) -> FloatArray:
        """Return φ of points (n, 2)."""
        size = self.upper - self.lower
        return points + size * self._displace((points - self.lower) / size)

    def invert(self, points: FloatArray) -> FloatArray:
        """Return φ⁻¹ of points (n, 2) of the window."""
        size = self.upper - self.lower
        goal = (points - self.lower) / size
        s = goal
        for _ in range(_INVERSE_STEPS):
            s = goal - self._displace(s)
        return self.lower + size * s

    def _displace(self, s: FloatArray) -> FloatArray:
        wave = np.pi * np.arange(1, self.amplitude.shape[1] + 1)
        along_x, along_y = np.sin(s[:, :1] * wave), np.sin(s[:, 1:] * wave)
        return np.einsum("ni,kij,nj->nk", along_x, self.amplitude, along_y)


def draw_warp(key: IntArray, lower: FloatArray, upper: FloatArray, *, mirrored: bool) -> Warp:
    """Return a warp drawn from a stream (`sampler.stream_key`).

    mirrored: does it commute with the reflection of the window about its horizontal axis? What has mirror symmetry
    then keeps it.
    """
    amplitude = uniform_rows(key, 0, 2 * N_MODES, N_MODES).reshape(2, N_MODES, N_MODES) - 0.5
    if mirrored:  # sin(jπ(1 - s)) = -(-1)^j sin(jπ s): odd waves are even functions about the axis
        amplitude[0, :, 1::2] = 0.0
        amplitude[1, :, 0::2] = 0.0
    scale = CONTRACTION / Warp(amplitude * 1e-3, lower, upper).lipschitz * 1e-3
    return Warp(amplitude * scale, lower, upper)
