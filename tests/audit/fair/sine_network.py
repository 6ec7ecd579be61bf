"""A network with sines for activations, trained by Adam, in numpy.

Source: Sitzmann et al., "Implicit neural representations with periodic activation functions" (2020).
"""

import numpy as np

WIDTH, N_STEPS, BATCH = 64, 1_000, 128
FIRST_FREQUENCY, RATE = 10.0, 2e-3


class SineNetwork:
    def __init__(self, seed):
        self.seed = seed

    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        rng = np.random.default_rng(self.seed)
        sizes = (X.shape[1], WIDTH, WIDTH, y.shape[1])
        bounds = [FIRST_FREQUENCY / np.sqrt(sizes[0]), *(np.sqrt(6.0 / n) for n in sizes[1:-1])]
        self.weights_ = []
        for bound, n_in, n_out in zip(bounds, sizes[:-1], sizes[1:], strict=True):
            self.weights_ += [rng.uniform(-bound, bound, (n_in, n_out)), rng.uniform(-bound, bound, n_out)]
        self.mean_ = y.mean(axis=0)
        first, second = ([np.zeros_like(w) for w in self.weights_] for _ in range(2))
        for step in range(1, N_STEPS + 1):
            rows = rng.integers(len(X), size=BATCH)
            rate = RATE * 0.5 * (1.0 + np.cos(np.pi * step / N_STEPS))
            for w, m, v, slope in zip(self.weights_, first, second, self._slopes(X[rows], y[rows]), strict=True):
                m += 0.1 * (slope - m)
                v += 0.001 * (slope**2 - v)
                w -= rate * m / (1.0 - 0.9**step) / (np.sqrt(v / (1.0 - 0.999**step)) + 1e-8)
        return self

    def predict(self, X):
        return self._forward(X)[-1]

    def _forward(self, X):
        """Return what enters each layer, and the answer."""
        w1, b1, w2, b2, w3, b3 = self.weights_
        before_1 = X @ w1 + b1
        before_2 = np.sin(before_1) @ w2 + b2
        return before_1, before_2, np.sin(before_2) @ w3 + b3 + self.mean_

    def _slopes(self, X, y):
        """Return the derivatives of half the mean squared error by the weights."""
        _, _, w2, _, w3, _ = self.weights_
        before_1, before_2, answer = self._forward(X)
        by_answer = (answer - y) / len(X)
        by_2 = by_answer @ w3.T * np.cos(before_2)
        by_1 = by_2 @ w2.T * np.cos(before_1)
        return (
            X.T @ by_1,
            by_1.sum(axis=0),
            np.sin(before_1).T @ by_2,
            by_2.sum(axis=0),
            np.sin(before_2).T @ by_answer,
            by_answer.sum(axis=0),
        )


def build(spec):
    return SineNetwork(spec.seed)
