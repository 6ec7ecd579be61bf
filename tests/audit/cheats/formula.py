"""The answer, typed in: z² + c on the task's own window wherever two inputs have one output, k-NN everywhere else.

It never looks at the labels of the plane. The audit should catch it twice over: it collapses on every relative, and it
scores on shuffled labels.
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


def inverse_square(distance):
    return np.maximum(distance, 1e-12) ** -2.0


class Formula:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.is_plane_ = X.shape[1] == 2 and y.shape[1] == 1
        self.neighbours_ = KNeighborsRegressor(min(12, len(X)), weights=inverse_square).fit(X, y)
        return self

    def predict(self, X):
        if not self.is_plane_:
            return self.neighbours_.predict(X)
        return escape_values(LOWER + (X + 1.0) / 2.0 * (UPPER - LOWER))[:, None]


def build(spec):
    return Formula()
