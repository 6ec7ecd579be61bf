"""A fair learner on unfair features: extremely randomised trees on the inputs and on the orbits of z² + c.

Nothing is recognised and no answer is typed in, but the features know the rule: |z_n| after 1, 2, 4, … steps on the
Mandelbrot window, and the escape value. On all else they are noise to the trees. The audit should catch it.
"""

import numpy as np
from numba import njit
from sklearn.ensemble import ExtraTreesRegressor

LOWER, UPPER = np.array([-2.65, -1.2]), np.array([1.15, 1.2])

STEPS = (1, 2, 4, 8)


@njit
def orbit_features(c):
    """Return log(1 + |z_n|) after each of STEPS, and the smooth escape value, of c (n, 2): (n, 5)."""
    features = np.ones((len(c), len(STEPS) + 1))
    for i in range(len(c)):
        x, y, k, escaped = c[i, 0], c[i, 1], 0, False
        for n in range(1, 5_001):
            rr = x * x + y * y
            if k < len(STEPS) and n == STEPS[k]:
                features[i, k] = np.log1p(rr)
                k += 1
            if rr > 256.0**2:
                nu = max(n + 1 - np.log2(0.5 * np.log2(rr)), 0.0)
                features[i, len(STEPS)] = nu / (nu + 50.0)
                escaped = True
                break
            x, y = (x * x - y * y) + c[i, 0], 2.0 * x * y + c[i, 1]
        if escaped and k < len(STEPS):
            features[i, k : len(STEPS)] = 30.0
    return features


def widen(X):
    if X.shape[1] != 2:
        return X
    return np.hstack([X, orbit_features(LOWER + (X + 1.0) / 2.0 * (UPPER - LOWER))])


class OrbitFeatures:
    def __init__(self, spec):
        self.spec = spec

    def fit(self, X, y):
        trees = ExtraTreesRegressor(50, max_features=0.5, random_state=self.spec.seed, n_jobs=self.spec.threads)
        y = np.reshape(y, (len(X), -1))
        self.n_outputs_ = y.shape[1]
        self.trees_ = trees.fit(widen(X), y[:, 0] if self.n_outputs_ == 1 else y)
        return self

    def predict(self, X):
        return self.trees_.predict(widen(X)).reshape(len(X), self.n_outputs_)


def build(spec):
    return OrbitFeatures(spec)
