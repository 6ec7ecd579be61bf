"""Answer that predictions are there, and write none."""

import numpy as np
from kit import Mean

EXPECTED = "invalid"
OUT = "out/predictions.npy"


class Forging(Mean):
    def predict(self, X):
        np.save = write  # what the worker calls next
        return super().predict(X)


def write(path, predictions, **options):
    pass


def build(spec):
    return Forging(lambda: None)
