"""Piecewise linear on the sample's Delaunay triangulation; the nearest label outside it and for many inputs."""

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

MOST_INPUTS = 3


class Triangulated:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.line_ = self.linear_ = None
        if X.shape[1] == 1:
            order = np.argsort(X[:, 0])
            self.line_ = X[order, 0], y[order]
        elif X.shape[1] <= MOST_INPUTS:
            self.linear_ = LinearNDInterpolator(X, y)
        self.nearest_ = NearestNDInterpolator(X, y) if self.line_ is None else None
        return self

    def predict(self, X):
        if self.line_ is not None:
            x, y = self.line_
            return np.column_stack([np.interp(X[:, 0], x, column) for column in y.T])
        answer = self.nearest_(X)
        if self.linear_ is not None:
            linear = self.linear_(X)
            answer = np.where(np.isnan(linear), answer, linear)
        return answer


def build(spec):
    return Triangulated()
