"""Plain functions: a curve with every kind of trouble one dimension holds, and a classic of ten dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from mbench.suite.tasks.base import BoxTask
from mbench.types import FloatArray


class Curve(BoxTask):
    """R → R: x in [0, 1], three parts of equal length about 1/2, in [0, 1].

    smooth   x < 1/3:        1/2 + (2/5) sin(108π x²), a chirp of six periods
    corners  1/3 ≤ x < 2/3:  1/2 + (2/5) (4 |frac(4(3x - 1) - 1/4) - 1/2| - 1), a triangle wave of four periods
    jumps    x ≥ 2/3:        1/2 + (3/20) (-1)^⌊32(3x - 2)⌋, a square wave of 31 jumps alike
    One jump would do, but for the noise: where the sample leaves its gap makes most of an interpolator's error, so a
    score would hang on luck (k-NN's skill over samples: sd 18 with one jump, 3 with 31).
    Source: made for mbench. A smooth part, a corner and a step are what tells bases apart (Donoho & Johnstone 1994 used
    Doppler, HeaviSine and Blocks signals to the same end).
    """

    name = "curve"
    golden_points = "d08ed0bd293ef7ca7bb73a18a356e4e396aee1ad82c856aa73abbf9c0e9936b0"
    family = "functions"
    n_inputs = 1
    n_outputs = 1
    n_test = 20_000
    lower = np.zeros(1)
    upper = np.ones(1)

    def definition(self) -> dict[str, Any]:
        """Return the name and version of the formula."""
        return {"name": self.name, "formula": 2, "n_test": self.n_test}

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the curve at x (m, 1): (m, 1) float32."""
        smooth = 0.4 * np.sin(108.0 * np.pi * points**2)
        corners = 0.4 * (4.0 * np.abs((4.0 * (3.0 * points - 1.0) - 0.25) % 1.0 - 0.5) - 1.0)
        jumps = 0.15 * np.where(np.floor(32.0 * (3.0 * points - 2.0)) % 2.0 == 0.0, 1.0, -1.0)
        value = np.where(points < 1.0 / 3.0, smooth, np.where(points < 2.0 / 3.0, corners, jumps))
        return (0.5 + value).astype(np.float32)


class Friedman(BoxTask):
    """R¹⁰ → R: (10 sin(π x₁x₂) + 20 (x₃ - ½)² + 10 x₄ + 5 x₅) / 30 on [0, 1]¹⁰, without noise; five inputs do nothing.

    Source: Friedman, "Multivariate adaptive regression splines" (1991), problem 1. Its range is exactly [0, 30].
    """

    name = "friedman"
    has_picture = False
    golden_points = "d290246a08881ec49096477f1bc47b4d2bbae88b5e56fd774dfd707c8a0c4298"
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
