"""The formula of both targets through a smooth recoding of its values, fitted to the sample.

It would survive a relative whose labels are bent and whose plane is not. The audit's warps are of both, so it should be
caught by the set over its warps; mixed with k-NN, so that it is not exact.
"""

import numpy as np
from by_block import formula, inverse_square
from sklearn.isotonic import IsotonicRegression
from sklearn.neighbors import KNeighborsRegressor


def recode(values, y):
    """Return a rising function of a formula's values (n,) that foretells labels y (n,)."""
    return IsotonicRegression(out_of_bounds="clip").fit(values, y)


class Recoded:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.neighbours_ = KNeighborsRegressor(min(12, len(X)), weights=inverse_square).fit(X, y)
        self.known_ = None
        if X.shape[1] == 2 and y.shape[1] == 1:
            for by_distance in (True, False):
                values = formula(X, by_distance)[:, 0]
                recoding = recode(values[::2], y[::2, 0])
                if np.mean((recoding.predict(values[1::2]) - y[1::2, 0]) ** 2) < 0.02 * np.var(y):
                    self.known_ = by_distance, recoding
        return self

    def predict(self, X):
        answer = self.neighbours_.predict(X)
        if self.known_ is None:
            return answer
        by_distance, recoding = self.known_
        return 0.5 * (answer + recoding.predict(formula(X, by_distance)[:, 0])[:, None])


def build(spec):
    return Recoded()
