"""Predict by the place of a query in its block."""

import numpy as np
from kit import Mean

EXPECTED = "invalid"


class Ordered(Mean):
    def predict(self, X):
        return np.arange(len(X))[:, None] / len(X) + np.zeros_like(self.mean_)


def build(spec):
    return Ordered(lambda: None)
