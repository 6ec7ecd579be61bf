"""Piecewise linear on the sample's Delaunay triangulation; outside its hull the nearest label.

Source: Delaunay, "Sur la sphère vide" (1934); of all triangulations its linear interpolant is the smoothest (Rippa,
1990). Qhull: Barber, Dobkin & Huhdanpaa (1996).
Settings: none up to 3 inputs. Beyond, a triangulation grows without measure (ten inputs: millions of simplices for
1,000 points), and the rule is that of baselines/knn.py.
"""

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from sklearn.neighbors import KNeighborsRegressor

MOST_INPUTS = 3


class Line:
    """The same for one input: straight between neighbours, constant beyond the last ones."""

    def fit(self, X, y):
        order = np.argsort(X[:, 0])
        self.x_, self.y_ = X[order, 0], np.reshape(y, (len(X), -1))[order]
        return self

    def predict(self, X):
        return np.column_stack([np.interp(X[:, 0], self.x_, column) for column in self.y_.T])


class Triangulation:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.linear_ = LinearNDInterpolator(X, y)
        self.nearest_ = NearestNDInterpolator(X, y)
        return self

    def predict(self, X):
        answer = self.linear_(X)
        outside = np.isnan(answer).any(axis=1)  # and, on a grid, within a simplex without volume
        answer[outside] = self.nearest_(X[outside])
        return answer


def inverse_square(distance):
    exact = distance == 0.0
    with np.errstate(divide="ignore"):
        weight = distance**-2.0
    rows = exact.any(axis=1)
    weight[rows] = exact[rows]
    return weight


def build(spec):
    if spec.n_inputs == 1:
        return Line()
    if spec.n_inputs <= MOST_INPUTS and spec.n_samples > spec.n_inputs + 1:
        return Triangulation()
    return KNeighborsRegressor(min(12, spec.n_samples), weights=inverse_square, n_jobs=spec.threads)
