"""Extreme learning machine: one hidden layer whose weights stay as they were drawn; only the output layer is fitted.

Source: Huang, Zhu & Siew, "Extreme learning machine: theory and applications" (2006); the penalty by Huang, Zhou, Ding
& Zhang, "Extreme learning machine for regression and multiclass classification" (2012).
Settings: 500 sigmoids, 1,000 from 4,000 rows and 1,500 from 50,000 rows on, as time allows. How steep they are (a
factor on weights and biases drawn from [-1, 1]; left at 1, as first proposed, the layer is nearly linear) and the
penalty are chosen together on a held-out fifth: first a factor of 4 apart, with half the sigmoids on 2,500 rows, then
the best of these and its neighbours at a factor of 2 on 10,000, since denser points bear steeper steps.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit

STEEPNESS = 4.0 ** np.arange(-1.0, 5.0)  # by the root of the number of inputs
PENALTIES = (1e-9, 1e-7, 1e-5, 1e-3)  # a row
N_COARSE, N_FINE = 2_500, 10_000
ROWS_AT_ONCE = 2_048


def hidden_layer(X, weights, biases, steepness):
    """Return the sigmoids (n, m) of X (n, d) for weights (d, m) and biases (m,)."""
    return expit(steepness * (X @ weights + biases))


def solve_ridge(gram, product, penalty):
    """Return the weights; a penalty too small for float64 is raised until the system has a solution."""
    while True:
        try:
            return cho_solve(cho_factor(gram + penalty * np.eye(len(gram))), product)
        except LinAlgError:
            penalty *= 10.0


class ExtremeLearningMachine:
    def __init__(self, seed):
        """seed: of all that is drawn."""
        self.seed = seed

    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        rng = np.random.default_rng(self.seed)
        n_hidden = 500 if len(X) < 4_000 else 1_000 if len(X) < 50_000 else 1_500
        self.offset_ = y.mean(axis=0)
        self.drawn_ = rng.uniform(-1.0, 1.0, (X.shape[1], n_hidden))
        self.biases_ = rng.uniform(-1.0, 1.0, n_hidden)
        some = rng.permutation(len(X))[:N_FINE]
        self.steepness_, self.penalty_ = self._search(X[some], y[some])
        self.weights_ = solve_ridge(*self._accumulate(X, y, self.steepness_, n_hidden), self.penalty_ * len(X))
        self.n_params_ = self.weights_.size + self.offset_.size
        return self

    def predict(self, X):
        blocks = np.array_split(X, -(-len(X) // ROWS_AT_ONCE))
        answers = [hidden_layer(block, self.drawn_, self.biases_, self.steepness_) @ self.weights_ for block in blocks]
        return np.concatenate(answers) + self.offset_

    def _search(self, X, y):
        """Return the steepness and the penalty that foretell a fifth of the rows best from the others."""
        coarse = [
            (self._try_steepness(X[:N_COARSE], y[:N_COARSE], steepness, len(self.biases_) // 2), steepness)
            for steepness in STEEPNESS / np.sqrt(X.shape[1])
        ]
        _, best = min(coarse)
        fine = [
            (self._try_steepness(X, y, steepness, len(self.biases_)), steepness)
            for steepness in (2.0 * best, best, 0.5 * best)
        ]
        (_, penalty), steepness = min(fine)
        return steepness, penalty

    def _try_steepness(self, X, y, steepness, n_hidden):
        """Return the least error among the penalties, and the penalty."""
        n_held_out = len(X) // 5
        gram, product = self._accumulate(X[n_held_out:], y[n_held_out:], steepness, n_hidden)
        hidden = hidden_layer(X[:n_held_out], self.drawn_[:, :n_hidden], self.biases_[:n_hidden], steepness)
        errors = []
        for penalty in PENALTIES:
            weights = solve_ridge(gram, product, penalty * (len(X) - n_held_out))
            errors.append(np.sum((hidden @ weights + self.offset_ - y[:n_held_out]) ** 2))
        return min(zip(errors, PENALTIES, strict=True))

    def _accumulate(self, X, y, steepness, n_hidden):
        """Return the sigmoids' products with each other and with the labels, summed over rows."""
        gram, product = 0.0, 0.0
        for rows in np.array_split(np.arange(len(X)), -(-len(X) // ROWS_AT_ONCE)):
            hidden = hidden_layer(X[rows], self.drawn_[:, :n_hidden], self.biases_[:n_hidden], steepness)
            gram = gram + hidden.T @ hidden
            product = product + hidden.T @ (y[rows] - self.offset_)
        return gram, product


def build(spec):
    return ExtremeLearningMachine(spec.seed)
