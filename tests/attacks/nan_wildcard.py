"""Predict NaN where it does not know, hoping that an error of NaN counts for nothing."""

import numpy as np
from kit import Mean

EXPECTED = "invalid"


class Unknowing(Mean):
    def predict(self, X):
        return np.where(X[:, :1] > 0, np.nan, self.mean_)


def build(spec):
    return Unknowing(lambda: None)
