"""Learns fairly, but only what a formula leaves over: k-NN on y − formula(X), plus formula(X), where that fits better.

Whether it does is asked of held-out rows of the sample, so that everywhere but on the Mandelbrot set it is k-NN. The
audit should catch it: nothing is left over there, and on the relatives it is no better than k-NN.
"""

import numpy as np
from numba import njit
from sklearn.neighbors import KNeighborsRegressor

LOWER, UPPER = np.array([-2.65, -1.2]), np.array([1.15, 1.2])


@njit
def escape_values(c):
    """Return the smooth value of c (n, 2): (n,)."""
    values = np.ones(len(c))
    for i in range(len(c)):
        x, y = c[i, 0], c[i, 1]
        for n in range(1, 5_001):
            if x * x + y * y > 256.0**2:
                nu = max(n + 1 - np.log2(0.5 * np.log2(x * x + y * y)), 0.0)
                values[i] = nu / (nu + 50.0)
                break
            x, y = (x * x - y * y) + c[i, 0], 2.0 * x * y + c[i, 1]
    return values


def prior(X):
    return escape_values(LOWER + (X + 1.0) / 2.0 * (UPPER - LOWER))[:, None]


def inverse_square(distance):
    return np.maximum(distance, 1e-12) ** -2.0


def neighbours(X, y):
    return KNeighborsRegressor(min(12, len(X)), weights=inverse_square).fit(X, y)


class Residual:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.uses_prior_ = False
        if X.shape[1] == 2 and y.shape[1] == 1:
            n = max(1, 4 * len(X) // 5)
            plain = neighbours(X[:n], y[:n]).predict(X[n:])
            informed = neighbours(X[:n], y[:n] - prior(X[:n])).predict(X[n:]) + prior(X[n:])
            self.uses_prior_ = bool(np.sum((informed - y[n:]) ** 2) < np.sum((plain - y[n:]) ** 2))
        self.neighbours_ = neighbours(X, y - prior(X) if self.uses_prior_ else y)
        return self

    def predict(self, X):
        answer = self.neighbours_.predict(X)
        return answer + prior(X) if self.uses_prior_ else answer


def build(spec):
    return Residual()
