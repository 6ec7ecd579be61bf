"""The mean of the 12 nearest neighbours weighted by inverse squared distance: the suite's reference (skill 100).

Source: Shepard, "A two-dimensional interpolation function for irregularly-spaced data" (1968), restricted to the
nearest points. A row that coincides with a training point takes that point's label.
"""

import numpy as np
from sklearn.neighbors import KNeighborsRegressor


def inverse_square(distance):
    exact = distance == 0.0
    with np.errstate(divide="ignore"):
        weight = distance**-2.0
    rows = exact.any(axis=1)
    weight[rows] = exact[rows]
    return weight


def build(spec):
    return KNeighborsRegressor(n_neighbors=min(12, spec.n_samples), weights=inverse_square, n_jobs=spec.threads)
