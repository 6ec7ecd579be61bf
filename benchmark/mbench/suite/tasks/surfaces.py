"""Parametric surfaces: (u, v) to a point in space, centred, the bounding box's diagonal of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np

from mbench.suite.tasks.base import BoxTask
from mbench.suite.tasks.looks import Look, Surface
from mbench.types import FloatArray

# Extent of the shell before scaling: least and greatest x, y and z, refined by scipy.optimize.minimize from the
# extremes of a 2001 x 2001 grid; tests/test_tasks.py searches again.
SHELL_LOWER = (-3.43656366, -3.01357979, -8.10733793)
SHELL_UPPER = (2.61337067, 2.24524866, 0.0)


class Sphere(BoxTask):
    """R² → R³: longitude u in [0, 2π], colatitude v in [0, π]; x = r sin v cos u, y = r sin v sin u, z = r cos v."""

    name = "sphere"
    golden_points = "c584874a259f5ada075c71fbe8abc4df92929eccb11efeb8b34f7197121aedd9"
    family = "surfaces"
    n_inputs = 2
    n_outputs = 3
    n_test = 50_000
    lower = np.zeros(2)
    upper = np.array([2.0 * np.pi, np.pi])
    radius = 0.5 / np.sqrt(3.0)  # a cube of side 2r has a diagonal of 2r√3

    @property
    def look(self) -> Look:
        """A surface, seen from a little above."""
        return Surface((0.0, 0.0), (2.0 * np.pi, np.pi), azimuth=30.0, elevation=25.0, line_step=15.0)

    def definition(self) -> dict[str, Any]:
        """Return the name and version of the formula."""
        return {"name": self.name, "formula": 1, "n_test": self.n_test}

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the sphere's points at (u, v) (m, 2): (m, 3) float32."""
        u, v = points.T
        xyz = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], axis=1)
        return (self.radius * xyz).astype(np.float32)


class Shell(BoxTask):
    """R² → R³: a spiral sea shell, u in [0, 6π] along the spiral, v in [0, 2π] around the tube.

    x = 2(1 - e^{u/6π}) cos u cos²(v/2),  y = 2(e^{u/6π} - 1) sin u cos²(v/2),
    z = 1 - e^{u/3π} - sin v + e^{u/6π} sin v.
    Source: von Seggern, CRC Standard Curves and Surfaces (1993), as given in MathWorld's "Seashell".
    """

    name = "shell"
    golden_points = "b3519fac27e40c3acc292974c977b2dee8815f4975a7818f048f6c086137fe6f"
    family = "surfaces"
    n_inputs = 2
    n_outputs = 3
    n_test = 50_000
    lower = np.zeros(2)
    upper = np.array([6.0 * np.pi, 2.0 * np.pi])

    @property
    def look(self) -> Look:
        """A surface, seen into its opening."""
        return Surface((0.0, 0.0), (6.0 * np.pi, 2.0 * np.pi), azimuth=120.0, elevation=15.0, line_step=20.0)

    def definition(self) -> dict[str, Any]:
        """Return the name, the version of the formula and the extent it is scaled by."""
        return {"name": self.name, "formula": 1, "extent": [SHELL_LOWER, SHELL_UPPER], "n_test": self.n_test}

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the shell's points at (u, v) (m, 2): (m, 3) float32."""
        low, high = np.array(SHELL_LOWER), np.array(SHELL_UPPER)
        return ((shell_xyz(points) - (low + high) / 2) / np.linalg.norm(high - low)).astype(np.float32)


def shell_xyz(points: FloatArray) -> FloatArray:
    """Return the shell's formula, unscaled, at (u, v) (m, 2): (m, 3) float64."""
    u, v = points.T
    growth = np.exp(u / (6.0 * np.pi))
    tube = np.cos(v / 2.0) ** 2
    x = 2.0 * (1.0 - growth) * np.cos(u) * tube
    y = 2.0 * (growth - 1.0) * np.sin(u) * tube
    z = 1.0 - growth**2 - np.sin(v) + growth * np.sin(v)
    return np.stack([x, y, z], axis=1)
