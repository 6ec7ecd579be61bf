"""Plain functions: a curve with every kind of trouble one dimension holds, and a classic of ten dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from mbench.suite.tasks.base import BoxTask
from mbench.types import FloatArray


class Curve(BoxTask):
    """R → R: x in [0, 1], three parts of equal length that meet at 1/2, in [0, 1].

    smooth  x < 1/3:        1/2 + (3/10) sin(36π x²), a chirp of two periods
    kink    1/3 ≤ x < 2/3:  1/10 + (12/5)|x - 1/2|, with a corner at 1/2
    jump    x ≥ 2/3:        1/2 + (27/10)(x - 2/3) up to x = 5/6, 1/20 from there on
    Source: made for mbench. A smooth part, a corner and a step are what tells bases apart (Donoho & Johnstone 1994 used
    Doppler, HeaviSine and Blocks signals to the same end).
    """

    name = "curve"
    golden_points = "5077eda91b65a65066af13eb22aa826703f7d69a4a257afb6ca09b4b23d38c16"
    family = "functions"
    n_inputs = 1
    n_outputs = 1
    n_test = 20_000
    lower = np.zeros(1)
    upper = np.ones(1)

    def definition(self) -> dict[str, Any]:
        """Return the name and version of the formula."""
        return {"name": self.name, "formula": 1, "n_test": self.n_test}

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the curve at x (m, 1): (m, 1) float32."""
        smooth = 0.5 + 0.3 * np.sin(36.0 * np.pi * points**2)
        kink = 0.1 + 2.4 * np.abs(points - 0.5)
        jump = np.where(points < 5.0 / 6.0, 0.5 + 2.7 * (points - 2.0 / 3.0), 0.05)
        return np.where(points < 1.0 / 3.0, smooth, np.where(points < 2.0 / 3.0, kink, jump)).astype(np.float32)


class Friedman(BoxTask):
    """R¹⁰ → R: (10 sin(π x₁x₂) + 20 (x₃ - ½)² + 10 x₄ + 5 x₅) / 30 on [0, 1]¹⁰, without noise; five inputs do nothing.

    Source: Friedman, "Multivariate adaptive regression splines" (1991), problem 1. Its range is exactly [0, 30].
    """

    name = "friedman"
    has_picture = False
    golden_points = "0cca94ca9d50b17caf0fc7d0cd5081a2b3cfe3552cddd299bdf93b860be916ef"
    family = "functions"
    n_inputs = 10
    n_outputs = 1
    n_test = 20_000
    lower = np.zeros(10)
    upper = np.ones(10)

    def definition(self) -> dict[str, Any]:
        """Return the name and version of the formula."""
        return {"name": self.name, "formula": 1, "n_test": self.n_test}

    def truth(self, points: FloatArray) -> FloatArray:
        """Return Friedman's function at x (m, 10): (m, 1) float32."""
        x = points.T
        value = 10.0 * np.sin(np.pi * x[0] * x[1]) + 20.0 * (x[2] - 0.5) ** 2 + 10.0 * x[3] + 5.0 * x[4]
        return (value / 30.0).astype(np.float32)[:, None]
