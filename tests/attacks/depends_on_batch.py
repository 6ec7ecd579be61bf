"""Predict by the other queries of a block."""

import numpy as np
from kit import Mean

EXPECTED = "invalid"


class Batched(Mean):
    def predict(self, X):
        return np.full((len(X), len(self.mean_)), X.sum())


def build(spec):
    return Batched(lambda: None)
