"""Write NaN as a wildcard past the check of the worker, which is in its own process."""

import sys

import numpy as np
from kit import Mean

EXPECTED = "invalid"


class Forging(Mean):
    def predict(self, X):
        sys.modules["mbench.child.worker"].save_array = write  # what the worker calls next
        return super().predict(X)


def write(path, predictions, **options):
    with open(path, "wb") as file:
        np.lib.format.write_array(file, np.full_like(predictions, np.nan))


def build(spec):
    return Forging(lambda: None)
