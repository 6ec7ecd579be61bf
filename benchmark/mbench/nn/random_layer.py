"""Ridge regression on a layer of units that stay as they were drawn; NumPy and SciPy alone."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from mbench.types import FloatArray

PENALTIES = (1e-9, 1e-7, 1e-5, 1e-3)  # a row
N_COARSE, N_FINE = 2_500, 10_000  # rows that a scale is tried on
ROWS_AT_ONCE = 2_048
UNITS_PER_ROOT = 14  # of the number of rows
LEAST_UNITS, MOST_UNITS = 500, 1_500  # more than the latter take too long on 60,000 rows and on 1,000,000


def solve_ridge(gram: FloatArray, product: FloatArray, penalty: float) -> FloatArray:
    """Return the weights (m, k) for gram (m, m) and product (m, k).

    A penalty too small for float64 is raised tenfold until the system has a solution.
    """
    while True:
        try:
            return cho_solve(cho_factor(gram + penalty * np.eye(len(gram))), product)
        except LinAlgError:
            penalty *= 10.0


def count_units(n_samples: int) -> int:
    """Return how many units a sample bears: 14 times its root, between 500 and 1,500."""
    return int(np.clip(UNITS_PER_ROOT * n_samples**0.5, LEAST_UNITS, MOST_UNITS))


class RandomLayer:
    """Units drawn once, on one scale; only the linear layer behind them is fitted, by ridge regression.

    The scale and the penalty are chosen together on a held-out fifth: first among coarse scales, with half the units on
    2,500 rows, then the best of these and its neighbours at a factor of 2 on 10,000, since denser points bear finer
    ones. A kind of unit says how it is drawn, what it answers, and which scales are coarse.

    Fitted: `scale_`, `penalty_`, `weights_` (m, k), `offset_` (k,), `n_params_`.
    """

    def __init__(self, seed: int) -> None:
        """seed: of all that is drawn."""
        self.seed = seed

    def draw(self, rng: np.random.Generator, n_inputs: int, n_units: int) -> None:
        """Draw the units and keep them."""
        raise NotImplementedError

    def answer_units(self, X: FloatArray, scale: float, n_units: int) -> FloatArray:
        """Return what the first n_units answer to X (n, d) on a scale: (n, n_units)."""
        raise NotImplementedError

    def coarse_scales(self, n_inputs: int) -> FloatArray:
        """Return the scales that are tried first, a factor of 4 apart."""
        raise NotImplementedError

    def fit(self, X: FloatArray, y: FloatArray) -> Self:
        """Learn from X (n, d) and y (n,) or (n, k)."""
        y = np.reshape(y, (len(X), -1))
        rng = np.random.default_rng(self.seed)
        n_units = count_units(len(X))
        self.offset_ = y.mean(axis=0)
        self.draw(rng, X.shape[1], n_units)
        some = rng.permutation(len(X))[:N_FINE]
        self.scale_, self.penalty_ = self._search(X[some], y[some], n_units)
        self.weights_ = solve_ridge(*self._accumulate(X, y, self.scale_, n_units), self.penalty_ * len(X))
        self.n_params_ = self.weights_.size + self.offset_.size
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """Return the outputs for X (m, d): (m, k)."""
        n_units = len(self.weights_)
        blocks = np.array_split(X, -(-len(X) // ROWS_AT_ONCE))
        answers = [self.answer_units(block, self.scale_, n_units) @ self.weights_ for block in blocks]
        return np.concatenate(answers) + self.offset_

    def _search(self, X: FloatArray, y: FloatArray, n_units: int) -> tuple[float, float]:
        """Return the scale and the penalty that foretell a fifth of the rows best from the others."""
        few = slice(N_COARSE)
        coarse = [(self._try(X[few], y[few], scale, n_units // 2), scale) for scale in self.coarse_scales(X.shape[1])]
        _, best = min(coarse)
        fine = [(self._try(X, y, scale, n_units), scale) for scale in (2.0 * best, best, 0.5 * best)]
        (_, penalty), scale = min(fine)
        return scale, penalty

    def _try(self, X: FloatArray, y: FloatArray, scale: float, n_units: int) -> tuple[float, float]:
        """Return the least error among the penalties, and the penalty."""
        n_held_out = len(X) // 5
        gram, product = self._accumulate(X[n_held_out:], y[n_held_out:], scale, n_units)
        units = self.answer_units(X[:n_held_out], scale, n_units)
        errors = []
        for penalty in PENALTIES:
            weights = solve_ridge(gram, product, penalty * (len(X) - n_held_out))
            errors.append(float(np.sum((units @ weights + self.offset_ - y[:n_held_out]) ** 2)))
        return min(zip(errors, PENALTIES, strict=True))

    def _accumulate(self, X: FloatArray, y: FloatArray, scale: float, n_units: int) -> tuple[FloatArray, FloatArray]:
        """Return the units' products with each other and with the labels, summed over rows."""
        gram, product = np.zeros((n_units, n_units)), np.zeros((n_units, y.shape[1]))
        for rows in np.array_split(np.arange(len(X)), -(-len(X) // ROWS_AT_ONCE)):
            units = self.answer_units(X[rows], scale, n_units)
            gram += units.T @ units
            product += units.T @ (y[rows] - self.offset_)
        return gram, product
