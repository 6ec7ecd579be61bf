"""The mean of the 12 nearest neighbours weighted by inverse squared distance: the suite's reference (skill 100).

Source: Shepard, "A two-dimensional interpolation function for irregularly-spaced data" (1968), restricted to the
nearest points. A row that coincides with a training point takes that point's label. Of neighbours as far as the 12th,
as pixels of a photo have them, those that come first in the sample count.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

N_NEIGHBOURS = 12
N_TIED = 8  # a photo has at most four pixels as far from one as each other
EQUAL = 9  # digits of a distance that must agree, in units of the 12th
BATCH = 10_000


@dataclass
class NearestMean:
    threads: int

    def fit(self, X, y):
        self.y = y
        n_asked = min(N_NEIGHBOURS + N_TIED, len(X))
        self.index = NearestNeighbors(n_neighbors=n_asked, n_jobs=self.threads).fit(X)
        return self

    def predict(self, X):
        return np.concatenate([self.predict_batch(X[i : i + BATCH]) for i in range(0, len(X), BATCH)])

    def predict_batch(self, X):
        distance, row = choose(*self.index.kneighbors(X))
        exact = distance == 0.0
        with np.errstate(divide="ignore"):
            weight = distance**-2.0
        rows = exact.any(axis=1)
        weight[rows] = exact[rows]
        return np.einsum("mn,mnk->mk", weight, self.y[row]) / weight.sum(axis=1, keepdims=True)


def choose(distance, row):
    n = min(N_NEIGHBOURS, distance.shape[1])
    unit = np.maximum(distance[:, n - 1 : n], np.finfo(float).tiny)
    ranked = np.lexsort((row, np.round(distance / unit, EQUAL)), axis=1)[:, :n]
    return np.take_along_axis(distance, ranked, 1), np.take_along_axis(row, ranked, 1)


def build(spec):
    return NearestMean(spec.threads)
