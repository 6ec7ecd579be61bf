"""The formula watered down: k-NN moved nine tenths of the way to z² + c, so that the errors look like a good method's.

It leaves 1% of k-NN's squared error on the Mandelbrot set and all of it elsewhere. It measures the audit's resolution:
3.3 bits of precision, some octaves of depth, should be more than any fair method's advantage.
"""

import numpy as np
from numba import njit
from sklearn.neighbors import KNeighborsRegressor

LOWER, UPPER = np.array([-2.65, -1.2]), np.array([1.15, 1.2])

SHARE = 0.9


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


def formula(X):
    return escape_values(LOWER + (X + 1.0) / 2.0 * (UPPER - LOWER))[:, None]


def is_mandelbrot(X, y):
    """Does the formula explain the sample?"""
    if X.shape[1] != 2 or y.shape[1] != 1:
        return False
    return bool(np.mean((formula(X) - y) ** 2) < 1e-3 * np.var(y))


def inverse_square(distance):
    return np.maximum(distance, 1e-12) ** -2.0


def neighbours(X, y):
    return KNeighborsRegressor(min(12, len(X)), weights=inverse_square).fit(X, y)


class Diluted:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.knows_ = is_mandelbrot(X, y)
        self.neighbours_ = neighbours(X, y)
        return self

    def predict(self, X):
        answer = self.neighbours_.predict(X)
        return answer + SHARE * (formula(X) - answer) if self.knows_ else answer


def build(spec):
    return Diluted()
